"""Sources of a stage: fleets with documents and a model of their own, dispatched together, with one gather.

A source is a block of neighbouring shards. What is asked for, queued, answered and gathered is the stage's, over all
shards; how many candidates fall on a shard, and how long they take there, is what its source says. A stage that names
none is one source. ``stages`` and ``sources`` are those of a Plan.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.core import plan as plans
from simulator.core.columns import Columns
from simulator.core.jit import formula
from simulator.core.laws import Law
from simulator.core.violations import Rows, Violation, at

#: What is a source's own. The laws of its candidates, times, factors and machines stand in ``laws`` where it says.
SOURCE = np.dtype(
    [
        ("first", np.int64),  # of its shards, within the stage
        ("law", np.int64),  # the row of the first of its laws, by role; of the first source of a stage, of the stage
        ("classes", np.int64),  # of queries, each with candidates of its own here; 0: of all they are the same
        ("by_class", np.int64),  # the row of the law of these for the first class; NONE: as of the others
        ("hashed", np.int64),  # 1: candidates fall on shards by hash; 0: evenly, by share
        ("first_knot", np.int64),
        ("knots", np.int64),
    ]
)


#: Of a source that does not say it.
ABSENT, ONE = Law.none(), Law.constant(1.0)


@dataclass(frozen=True)
class SourceParts:
    """One of several sources of a stage; what it says is as that of ``StageParts``."""

    share: Sequence[float] = (1.0,)  #: of each of its shards, in it; sums to 1
    candidates: Law = ABSENT  #: its own count; absent: what is handed on to the stage
    hashed: bool = False
    knots: Sequence[tuple[float, float, float]] = ((0.0, 0.0, 0.0),)
    time: Law = ABSENT
    task: Law = ONE
    machine: Law = ONE
    by_class: Sequence[Law] = ()  #: candidates of queries of each class; absent: as of the others; none: of all

    @property
    def laws(self) -> tuple[Law, ...]:
        """Its laws, in the order of their roles; it has none of those that are the stage's."""
        own = self.candidates, self.time, self.task, ABSENT, self.machine
        return *own, *[ABSENT] * (plans.ROLES - len(own))


@formula
def source_of(stages: plans.Rows, sources: plans.Rows, stage: int, shard: int) -> int:
    """The source that a shard of a stage belongs to: its row."""
    source = stages[stage]["first_source"]
    end = source + stages[stage]["sources"]
    while source + 1 < end and sources[source + 1]["first"] <= shard:
        source += 1
    return source  # type: ignore[no-any-return]


@formula
def end_of(stages: plans.Rows, sources: plans.Rows, stage: int, source: int) -> int:
    """The first shard behind a source of a stage."""
    is_last = source + 1 == stages[stage]["first_source"] + stages[stage]["sources"]
    return stages[stage]["shards"] if is_last else sources[source + 1]["first"]  # type: ignore[no-any-return]


@formula
def has_sources(stages: plans.Rows, stage: int) -> bool:
    """Whether a stage has several."""
    return stages[stage]["sources"] > 1  # type: ignore[no-any-return]


def sources_of(stages: plans.Rows, stage: int) -> range:
    """The rows of the sources of a stage."""
    first = int(stages[stage]["first_source"])
    return range(first, first + int(stages[stage]["sources"]))


def scores_by_class(stages: plans.Rows, sources: plans.Rows, stage: int) -> bool:
    """Whether queries of some class score other candidates in a stage."""
    return any(sources[source]["classes"] > 0 for source in sources_of(stages, stage))


def score_alike(system: plans.System) -> bool:
    """Whether all queries are given as many candidates by the stages of a system, but what these leave out of them."""
    kinds = [system.laws[law + plans.CANDIDATES]["kind"] for law in system.sources["law"].tolist()]
    are_same = set(kinds) <= {plans.NONE, plans.CONSTANT}
    return are_same and not bool(system.sources["classes"].any())


def is_hashed(stages: plans.Rows, sources: plans.Rows, stage: int) -> bool:
    """Whether candidates of some source of a stage fall on its shards by hash."""
    return any(sources[source]["hashed"] == 1 for source in sources_of(stages, stage))


def stages_kept(stages: plans.Rows) -> plans.I8:
    """(sources of stages that have several,) the stage of each: of these it is kept when they have answered."""
    counts = np.where(stages["sources"] > 1, stages["sources"], 0)
    return np.repeat(np.arange(len(stages)), counts)


def first_kept(stages: plans.Rows) -> plans.I8:
    """(stages,) the first row of each among these; -1: it has none."""
    counts = np.where(stages["sources"] > 1, stages["sources"], 0)
    return np.where(counts > 0, np.cumsum(counts) - counts, -1)


def of_closed(stages: plans.Rows, answer_ns: plans.I8, close_ns: plans.I8) -> plans.I8:
    """What is kept of sources, (sources, queries), where the stage of a query has closed; -1 where not.

    ``close_ns``: (stages, queries).
    """
    of = stages_kept(stages)
    return np.where(close_ns[of] < 0, -1, answer_ns) if len(of) else answer_ns


def source_rows(parts: Any) -> tuple[plans.Rows, list[Law], plans.F8, list[float]]:
    """Of ``StageParts``: rows of their sources; laws behind those of the stages; (knots, 3); and shares in sources."""
    rows: list[tuple[int, ...]] = []
    more: list[Law] = []
    knots: list[tuple[float, float, float]] = []
    share: list[float] = []
    for stage, part in enumerate(parts):
        before = len(share)
        for place, one in enumerate(part.sources or (part,)):
            law = len(parts) * plans.ROLES + len(more) if place else stage * plans.ROLES
            more.extend(one.laws if place else ())
            by_class = len(parts) * plans.ROLES + len(more)
            more.extend(one.by_class)
            costs = one.hashed, len(knots), len(one.knots)
            rows.append((len(share) - before, law, len(one.by_class), by_class, *costs))
            knots.extend(one.knots)
            share.extend(one.share)
    return np.array(rows, dtype=SOURCE), more, np.array(knots, dtype=np.float64), share


def violations_of_sources(plan: plans.Plan, trace: Columns, tasks: Rows | None) -> Iterator[Violation]:
    """Each source has answered when the last of its answers that count is there; that of the closing one closes."""
    first = first_kept(plan.stages)
    for stage in np.flatnonzero(first >= 0).tolist():
        own = sources_of(plan.stages, stage)
        kept = trace.source_answer_ns[int(first[stage]) : int(first[stage]) + len(own)]
        close_ns, shard, where = trace.close_ns[stage], trace.critical_shard[stage], {"query": np.arange(plan.queries)}
        late = kept.max(axis=0)
        yield from at("I83", late > close_ns, {**where, "stage": stage}, answered_ns=late, close_ns=close_ns)
        begins = plan.sources["first"][own.start : own.stop]
        whose = np.searchsorted(begins, shard, side="right") - 1
        closing_ns = kept[whose, np.arange(plan.queries)]
        wrong = (shard >= 0) & (closing_ns != close_ns)
        yield from at("I83", wrong, {**where, "stage": stage}, answered_ns=closing_ns, close_ns=close_ns)
        if tasks is not None:
            yield from _task_by_task(plan, trace, tasks.some(tasks.stage == stage), stage)


def _task_by_task(plan: plans.Plan, trace: Columns, tasks: Rows, stage: int) -> Iterator[Violation]:
    """The same by a table of tasks: of each shard the first answer counts, of these as many as the stage counted."""
    own, first = sources_of(plan.stages, stage), int(first_kept(plan.stages)[stage])
    whose = np.searchsorted(plan.sources["first"][own.start : own.stop], tasks.shard, side="right") - 1
    expected = np.full((len(own), plan.queries), -1)
    answered = np.flatnonzero(tasks.answer_ns >= 0)
    by = tasks.copy, tasks.shard, tasks.answer_ns, tasks.query
    counted: dict[int, set[int]] = {}
    for task in answered[np.lexsort(tuple(column[answered] for column in by))].tolist():
        query, shard = int(tasks.query[task]), int(tasks.shard[task])
        shards = counted.setdefault(query, set())
        most = trace.answers[stage, query] if len(trace.answers) else plan.stages[stage]["shards"]
        if trace.close_ns[stage, query] >= 0 and shard not in shards and len(shards) < most:
            shards.add(shard)
            expected[whose[task], query] = tasks.answer_ns[task]
    for place, source in enumerate(own):
        kept, where = trace.source_answer_ns[first + place], {"query": np.arange(plan.queries), "source": source}
        wrong = kept != expected[place]
        yield from at("I83", wrong, {**where, "stage": stage}, answered_ns=kept, of_its_tasks_ns=expected[place])
