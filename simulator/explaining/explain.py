"""``explain``: where the tail of a scenario comes from, who is last, and what would shorten it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Unpack

import numpy as np

from simulator import theory
from simulator.base import errors, formats, room
from simulator.core import stage_view
from simulator.core.plan import F8
from simulator.explaining import bands, changes, lasting
from simulator.explaining.explanation import ARITHMETIC, RUN, Effect, Explanation
from simulator.planner import extents, load
from simulator.planner.plans import Plans
from simulator.planning import grid
from simulator.running import causes, execution, replications
from simulator.running.result import Result
from simulator.running.run import Run
from simulator.scenario import Scenario, given
from simulator.stats import attempts, figures, paired, share
from simulator.stats.means import Interval

#: Of latency, in percent.
PERCENTILES = (50, 99, 99.9)
#: The percentile that is to be shortened: this, or the highest that the sample supports.
USUAL = 99.0
#: Tasks of a replication that are looked at one by one, at most: a second, and a gigabyte.
MOST_TASKS = 2_000_000


@given.takes_scenario
def explain(
    scenario: Scenario,
    *,
    percentiles: Sequence[float] = PERCENTILES,
    blame_only: bool = False,
    **how: Unpack[execution.Here],
) -> Explanation:
    """Say what the latency around some percentiles is made of, who is last more often than by chance, and what helps.

    Every replication is simulated twice, the second time with every task; and once for each change of the scenario that
    its keys can express, on the same luck. A replication of more than two million tasks is shortened, where queries are
    counted, and a note says so. ``run.precision`` is not sought.

    Parameters
    ----------
    scenario
        As loaded; how many replications and queries, and the seed, stand in ``scenario.run``.
    percentiles
        Of latency, in percent; those that the sample does not support are left out.
    blame_only
        Whether runs of changed scenarios, which take most of the time, are left out.
    jobs, engine, say
        As of ``simulate``.
    progress
        Called with (replications done, replications planned, events so far), of all runs together.

    Raises
    ------
    ContradictionError, ScenarioError, ValueError
        As ``simulate``. ScenarioError also if the tasks of one replication are more than memory holds.
    KeyboardInterrupt
        If interrupted before everything was simulated.
    """
    return Inquiry(scenario, percentiles, blame_only, execution.Execution.here(**how)).explained()


class Inquiry:
    """A scenario that is about to be explained. Raises as ``explain`` does."""

    def __init__(
        self, scenario: Scenario, percentiles: Sequence[float], blame_only: bool, work: execution.Execution
    ) -> None:
        self.percentiles = execution.checked_percentiles(percentiles)
        self.work = work
        self.notes: list[str] = []
        self.asked = self._short(scenario if scenario.run.precision is None else scenario.with_run(precision=None))
        if scenario.run.precision is not None:
            self.notes.append("run.precision is not sought: as many replications as are given")
        self.changes = [] if blame_only else list(self._changed())
        if self.asked.run.replications < share.FEWEST_UNITS:
            self.notes.append(f"fewer than {share.FEWEST_UNITS} replications: no effect is told from none")
        self.done = self.events = 0  # replications, and what happened in them
        self.run = self._run(self.asked)

    @property
    def planned(self) -> int:
        """Replications in all."""
        return int(self.asked.run.replications) * (2 + len(self.changes))

    def explained(self) -> Explanation:
        """Simulate everything, once."""
        own = self._result(self.run)
        plans, engine = self.run.plans, self.run.execution.engine
        seen = []
        for number in sorted(own.traces):
            seen.append(replications.replicate(plans, number, engine, bands.seen_in, tasks=True))
            self._tell(1, 0)
        units = seen[:1] if own.summary.pool.layout.repeats > 1 else seen  # all the same count as one
        found = tuple(self._bands(own, units))
        target = max((band.percent for band in found), key=lambda one: (one == USUAL, one), default=None)
        outline = plans.outline()
        suspects, looked_at = lasting.suspects(
            [one.lasting for one in units],
            stage_view.stage_views(outline),
            are_drawn=theory.has_drawn_machines(outline),
        )
        effects = [] if target is None else list(self._effects(seen, target))
        return Explanation(
            scenario=self.run.scenario,
            bands=found,
            target=target,
            target_s=None if target is None else _left_out([one.latency_s for one in seen], target).value,
            suspects=tuple(suspects),
            looked_at=looked_at,
            effects=tuple(sorted(effects, key=Effect.rank)),
            notes=(*self.notes, *own.notes),
            engine=engine,
        )

    def _run(self, scenario: Scenario) -> Run:
        def tell(done: int, planned: int, events: int) -> None:
            self.work.tell(self.done + done, self.planned, self.events + events)

        return Run(scenario, replace(self.work, progress=tell))

    def _result(self, run: Run) -> Result:
        """Of a whole run. Raises KeyboardInterrupt if it was interrupted."""
        result = run.result(self.percentiles)
        if result.interrupted:
            raise KeyboardInterrupt
        self._tell(len(result.traces), sum(trace.events for trace in result.traces.values()))
        return result

    def _tell(self, more: int, events: int) -> None:
        self.done += more
        self.events += events
        self.work.tell(self.done, self.planned, self.events)

    def _short(self, scenario: Scenario) -> Scenario:
        """With as many queries as can be looked at task by task. Raises ScenarioError if memory does not hold those."""
        there = room.room()
        tasks = extents.about_queries(scenario)[0] * Plans.of(scenario).tasks_of_query()
        if tasks > MOST_TASKS and scenario.can_lengthen and scenario.queries is not None:
            fewer = max(1, int(scenario.queries * MOST_TASKS / tasks))
            said = f"{formats.counted(fewer, 'query')} a replication in place of {scenario.queries:,}"
            self.notes.append(f"{said}: every task of theirs is looked at, {MOST_TASKS / 1e6:g} million at most")
            return scenario.with_run(queries=fewer)
        why = None if there is None else there.refusal(causes.TASK * tasks)
        if why is not None:
            message = f"to explain it, {formats.counted(tasks, 'task')} of a replication take {why}"
            raise load.refusal(scenario, "run", f"{message}: ask for fewer queries a replication")
        return scenario

    def _changed(self) -> Iterator[tuple[changes.Change, Scenario]]:
        """The changes that make scenarios; notes say which do not, and why."""
        for change in changes.changes_of(self.asked):
            try:
                yield change, grid.varied(self.asked, dict(change.sets), "change")
            except errors.ScenarioError as error:
                self._note(change, error)

    def _note(self, change: changes.Change, error: errors.ScenarioError) -> None:
        """Say why a change is not tried."""
        of = "" if change.stage is None else f"{change.stage}: "
        self.notes.append(f"{of}{change.name}: {error.problems[0].message}")

    def _bands(self, own: Result, seen: Sequence[bands.Seen]) -> Iterator[bands.Band]:
        """Those that the sample supports; notes say which it does not."""
        for percent in self.percentiles:
            name = figures.key_of(percent)
            quantile = own.summary.latency.percentiles[name]
            if not quantile.supported and not quantile.infinite:
                self.notes.append(f"{name}: the sample does not support it; about {quantile.needed:,} queries would do")
                continue
            found = bands.band_of(percent, seen)
            if found is None:
                self.notes.append(f"{name}: queries around it have no answer: nothing is said of their latency")
            else:
                yield found

    def _effects(self, seen: Sequence[bands.Seen], target: float) -> Iterator[Effect]:
        """What ideals and changes do to the percentile, each paired with the scenario itself."""
        own = _left_out([one.latency_s for one in seen], target)
        for stage, name in seen[0].ideal_s:
            tail = _left_out([one.ideal_s[stage, name] for one in seen], target)
            yield Effect(ARITHMETIC, self.asked.stages[stage].name, name, (), False, *_gap(own, tail))
        for change, scenario in self.changes:
            try:
                result = self._result(self._run(scenario))
            except errors.ScenarioError as error:  # a pilot is too short, or memory
                self._note(change, error)
                continue
            tail = _left_out([latency_s(result, number) for number in sorted(result.traces)], target)
            yield Effect(RUN, change.stage, change.name, change.sets, change.is_remedy, *_gap(own, tail))


def latency_s(result: Result, number: int) -> F8:
    """(queries,) of a replication of a run; infinite without an answer."""
    trace = attempts.as_queries(result.traces[number])
    measured = slice(trace.first_measured, None)
    lasted_s = (trace.completion_ns[measured] - trace.arrival_ns[measured]) * figures.S_PER_NS
    return np.where(trace.is_answered(measured), lasted_s, math.inf)


def _left_out(latencies: Sequence[F8], percent: float) -> paired.LeftOut:
    return paired.quantile_left_out([np.sort(one) for one in latencies], figures.part_of(percent))


def _gap(own: paired.LeftOut, tail: paired.LeftOut) -> tuple[float | None, Interval | None]:
    """A percentile, and how much less or more than another it is, as a part of that; None where it is infinite."""
    if not math.isfinite(tail.value):
        return None, None
    return tail.value, paired.paired(own, tail).relative
