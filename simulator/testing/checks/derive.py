"""Plans made from a plan: with other stages, on whole nanoseconds, without luck, one replica alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from simulator.core import plan as plans
from simulator.core.assemble import ONE, ZERO, StageParts, assemble
from simulator.core.caches import Cache
from simulator.core.failures import Failures
from simulator.core.laws import Law, LawTable
from simulator.core.outages import Outage
from simulator.core.plan import F8, I8, Plan, Rows, frozen
from simulator.core.sources import SourceParts, end_of, sources_of
from simulator.core.stage_view import StageView
from simulator.core.trace import Trace
from simulator.core.window import window_of
from simulator.core.work import cost_ns as task_cost_ns

#: Times on the grid are multiples of so many nanoseconds, factors of a quarter: then no product of the four (time,
#: work, machine, luck) is rounded, nor is any less than 1 ns.
GRID_NS, QUARTER = 64, 0.25
#: The longest time and the greatest factor on the grid.
LONGEST_NS, GREATEST = 2.0**40, 16.0
#: Values of a law on the grid, and steps of a cost.
VALUES, STEPS = 8, 16


#: Columns of a stage that say of its cache, as ``Cache`` takes them.
CACHE = ("cached", "catalogue", "popularity", "hit_ns", "hit_ends", "cold")


def parts_of(plan: Plan) -> list[StageParts]:
    """The stages of a plan as ``assemble`` takes them."""
    table = LawTable(plan.laws, plan.law_parts, plan.law_points)
    parts = []
    for stage, row in enumerate(plan.stages):
        shards, own = _span(row, "first_shard", "shards"), sources_of(plan.stages, stage)
        roles = {
            "response": plans.RESPONSE,
            "after": plans.AFTER,
            "visits": plans.VISITS,
            "key": plans.KEY,
            "up": plans.UP,
            "down": plans.DOWN,
        }
        laws = {name: table.law(stage * plans.ROLES + role) for name, role in roles.items()}
        spells = laws.pop("up"), laws.pop("down")
        given: dict[str, Any] = {**_source(plan, stage, own[0]), "share": plan.share[shards].tolist(), **laws}
        given["sources"] = [SourceParts(**_source(plan, stage, one)) for one in own] if len(own) > 1 else ()
        given["left"] = plan.left[shards].tolist() if row["uneven"] else ()
        given["preferred"] = [int(size) for size in plan.batch_points[_span(row, "first_preferred", "preferred")]]
        given["sizes"] = plan.batch_points[_span(row, "first_size", "sizes")].tolist()
        given["busy"] = plan.busy_factor[_span(row, "first_busy", "busies")].tolist()
        given["slowdowns"] = StageView(plan, stage).slowdowns
        if row["cached"]:
            size, keys, s, hit_ns, ends, is_cold = (row[name].item() for name in CACHE)
            given["cache"] = Cache(size, keys, s, hit_ns, bool(ends), bool(is_cold))
        if row["fails"]:
            given["failures"] = Failures(*spells, *row[["lose", "detect_ns", "fail_scope"]].item())
        given["outages"] = [Outage(*one.item()) for one in plan.outages[_span(row, "first_outage", "outages")]]
        scalars = {field.name for field in fields(StageParts)} & set(plan.stages.dtype.names or ()) - set(given)
        given |= {name: row[name].item() for name in scalars}
        if row["owner"] != stage:
            given["home"] = -1  # it is on the machines of its owner
        if row["wait_for"] == (row["wait_parts"] or row["shards"]):
            given["wait_for"] = None  # all, however many there will be
        parts.append(StageParts(**{**given, "by_query": bool(row["by_query"]), "rule": plan.rules[stage]}))
    return parts


def _source(plan: Plan, stage: int, source: int) -> dict[str, Any]:
    """One of the sources of a stage, as ``SourceParts`` take it."""
    row, table = plan.sources[source], LawTable(plan.laws, plan.law_parts, plan.law_points)
    roles = {"candidates": plans.CANDIDATES, "time": plans.TIME, "task": plans.TASK, "machine": plans.MACHINE}
    laws = {name: table.law(int(row["law"]) + role) for name, role in roles.items()}
    first, knots = int(plan.stages[stage]["first_shard"]), _span(row, "first_knot", "knots")
    here = slice(first + int(row["first"]), first + int(end_of(plan.stages, plan.sources, stage, source)))
    columns = plan.knot_items[knots].tolist(), plan.knot_ns[knots].tolist(), plan.knot_slope[knots].tolist()
    points = list(zip(*columns, strict=True))
    laws_of_classes = [table.law(int(row["by_class"]) + place) for place in range(row["classes"])]
    said = {"share": plan.source_share[here].tolist(), "hashed": bool(row["hashed"]), "by_class": laws_of_classes}
    return {**said, "knots": points, **laws}


def _span(row: Any, first: str, count: str) -> slice:
    return slice(int(row[first]), int(row[first] + row[count]))


def machines_of(plan: Plan) -> list[F8]:
    """Machine factors by stage, (shards, replicas) each."""
    factors = []
    for row in plan.stages:
        first, count = int(row["first_replica"]), int(row["shards"] * row["replicas"])
        factors.append(plan.machine_factor[first : first + count].reshape(int(row["shards"]), int(row["replicas"])))
    return factors


def remade(
    plan: Plan,
    parts: Sequence[StageParts],
    machines: Sequence[F8],
    *,
    arrival_ns: I8 | None = None,
    work: F8 | None = None,
    classes: Rows | None = None,
    drain_ns: int = plans.NEVER_NS,
) -> Plan:
    """The plan with other stages, machines and queries, all of them measured, and not cut unless said.

    Shares need not add up to 1.
    """
    whole = [replace(part, share=[each / math.fsum(part.share) for each in part.share]) for part in parts]
    made = assemble(
        whole,
        plan.arrival_ns if arrival_ns is None else arrival_ns,
        plan.work if work is None else work,
        seed=plan.seed,
        replication=plan.replication,
        drain_ns=drain_ns,
        machine_factor=np.concatenate([each.ravel() for each in machines]),
    )
    share = frozen([share for part in parts for share in part.share], np.float64)
    classes = plan.classes if classes is None else classes
    of_sources = [share for part in parts for one in part.sources or (part,) for share in one.share]
    source_share = frozen(of_sources, np.float64)
    return replace(made, share=share, source_share=source_share, classes=classes, class_of=plan.class_of)


def measured(plan: Plan, first: int = 0, drain_ns: int = plans.NEVER_NS) -> Plan:
    """The plan as it is, measured from another query on, and cut or not."""
    return replace(plan, drain_ns=drain_ns).measured_from(first)


def on_whole_ns(plan: Plan, times: int = 1) -> Plan:
    """The plan with its times on a grid where nothing is rounded, all of them ``times`` times as long."""
    parts = [_part_on_grid(plan, stage, part, times) for stage, part in enumerate(parts_of(plan))]
    begin_ns, end_ns = window_of(plan.arrival_ns, 0)  # its end is rounded, so it is stretched like the rest
    made = remade(
        plan,
        parts,
        [_quarters(factor) for factor in machines_of(plan)],
        arrival_ns=plan.arrival_ns * times,
        work=_quarters(plan.work),
        classes=_later(plan.classes, times),
        drain_ns=plan.drain_ns if plan.drain_ns == plans.NEVER_NS else plan.drain_ns * times,
    )
    return replace(made, window_begin_ns=begin_ns * times, window_end_ns=end_ns * times)


def _later(classes: Rows, times: int) -> Rows:
    """Classes whose deadlines are so many times as late."""
    later = classes.copy()
    ends = classes["deadline_ns"] < plans.NEVER_NS
    later["deadline_ns"][ends] *= times
    return frozen(later)


def _part_on_grid(plan: Plan, stage: int, part: StageParts, times: int) -> StageParts:
    merge_ns = max(part.merge_ns, 1) if part.mergers else part.merge_ns  # a merger takes 1 ns at least
    own = sources_of(plan.stages, stage)
    return replace(
        part,
        cache=None if part.cache is None else replace(part.cache, hit_ns=part.cache.hit_ns * times),
        **_source_on_grid(plan, own[0], part, times),
        sources=[
            replace(one, **_source_on_grid(plan, source, one, times))
            for source, one in zip(own[: len(part.sources)], part.sources, strict=True)
        ],
        response=_values(part.response, lambda ns: float(times * round(min(ns, LONGEST_NS)))),
        after=_values(part.after, lambda ns: float(times * round(min(ns, LONGEST_NS)))),
        busy=[float(round(factor)) for factor in part.busy],
        spread=0.0,
        request_ns=part.request_ns * times,
        send_ns=part.send_ns * times,
        max_wait_ns=part.max_wait_ns * times,
        cancel_ns=part.cancel_ns * times,
        hedge_ns=part.hedge_ns * times if part.hedges else part.hedge_ns,
        merge_ns=merge_ns * times,
        merge_per_response_ns=part.merge_per_response_ns * times,
    )


def _source_on_grid(plan: Plan, source: int, part: StageParts | SourceParts, times: int) -> dict[str, Any]:
    return {
        "knots": [(items, ns * times, 0.0) for items, ns in _steps(plan, source, part)],
        "time": _values(part.time, lambda ns: times * _on_grid(ns)),
        "task": _values(part.task, lambda factor: min(max(QUARTER, round(4 * factor) / 4), GREATEST)),
    }


def _steps(plan: Plan, source: int, part: StageParts | SourceParts) -> list[tuple[float, float]]:
    """The cost as steps: at its knots, and at powers of four items."""
    items = sorted({items for items, _, _ in part.knots} | {0.25 * 4.0**step for step in range(STEPS)})
    columns = plan.knot_items, plan.knot_ns, plan.knot_slope
    costs = [float(task_cost_ns(plan.sources, *columns, source, x)) for x in items]
    return [(x, _on_grid(ns)) for x, ns in zip(items, costs, strict=True)]


def _on_grid(ns: float) -> float:
    return float(max(1, round(min(ns, LONGEST_NS) / GRID_NS)) * GRID_NS)


def _quarters(factors: F8) -> F8:
    return np.clip(np.round(4 * factors) / 4, QUARTER, GREATEST)


def _values(law: Law, rounded: Callable[[float], float]) -> Law:
    """A law of a few values, rounded."""
    if law.kind in (plans.NONE, plans.CONSTANT):
        return Law.none() if law.kind == plans.NONE else Law.constant(rounded(law.a))
    values = law.quantiles((np.arange(VALUES) + 0.5) / VALUES)
    return Law.empirical([rounded(float(value)) for value in values])


def without_luck(plan: Plan) -> tuple[list[StageParts], list[F8]]:
    """Stages in which nothing is drawn by task: one replica a shard, laws at their medians, sent all at once."""
    parts = [
        replace(
            part,
            home=-1,
            replicas=1,
            left=(),
            policy=plans.RANDOM,
            rule=None,
            outages=(),
            balancers=1,
            by_query=False,
            hashed=False,
            send_ns=0,
            time=_median(part.time),
            task=_median(part.task),
            response=_median(part.response),
            after=_median(part.after),
        )
        for part in parts_of(plan)
    ]
    return parts, [machines[:, :1] for machines in machines_of(plan)]


def _median(law: Law) -> Law:
    return law if law.kind == plans.NONE else Law.constant(law.quantile(0.5))


def one_replica(plan: Plan, trace: Trace, stage: int, replica: int) -> tuple[Plan, I8] | None:
    """A plan of one replica alone with the tasks that it was sent, and when they finished; None if there were none.

    What follows answers is not drawn there: its luck goes by the query.
    """
    assert trace.task_table is not None
    table, row = trace.task_table.grid(plan), plan.stages[stage]
    columns = _span(row, "first_shard", "shards")
    mine = (table.replica[:, columns] == replica) & (table.finish_ns[:, columns] >= 0)
    enqueue, start, finish, worker = (
        getattr(table, name)[:, columns][mine] for name in ("enqueue_ns", "start_ns", "finish_ns", "worker")
    )
    if len(enqueue) == 0:
        return None
    order = np.lexsort((worker, start, enqueue))
    after = LawTable(plan.laws, plan.law_parts, plan.law_points).law(stage * plans.ROLES + plans.AFTER)
    part = StageParts(candidates=ONE, knots=[(0.0, 0.0, 1.0)], workers=int(row["workers"]), response=ZERO, after=after)
    work = (finish - start)[order].astype(np.float64)
    return assemble([part], enqueue[order], work), finish[order]
