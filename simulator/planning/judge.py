"""Whether a fleet meets its objectives: cheap looks first, to drop what has certainly failed; then in full."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from simulator.core.admission import bounds_flight, may_shed_itself
from simulator.core.plan import F8, Plan
from simulator.core.retrying import may_retry
from simulator.core.trace import Trace
from simulator.documents import parts
from simulator.planner.plans import Plans
from simulator.planning.grid import Grid, Setting, varied
from simulator.planning.probe import Effort, Prober
from simulator.planning.refinement import CAUTIOUS_GROWTH, FEWEST_QUERIES, FIRST_BAD
from simulator.planning.spare import INCONCLUSIVE, OBJECTIVE, Condition, Why
from simulator.running.execution import Execution
from simulator.scenario import Scenario
from simulator.scenario.slo import Objective
from simulator.stats.extract import Extract, Extracts
from simulator.stats.figures import S_PER_NS
from simulator.stats.quantiles import Series
from simulator.stats.readings import Reading, is_read, read, read_series
from simulator.stats.share import FEWEST_UNITS
from simulator.stats.stability import STABLE
from simulator.stats.verdicts import Verdict

#: A look is sure of itself where an interval so many times as wide as that at 95 % says the same.
SURE = 2.5
#: The percentile that is shown where no objective names one.
USUAL = 0.99
#: A look takes at most this part of what is simulated in full; more, and it would save nothing.
MOST_LOOKED = 0.5


@dataclass(frozen=True)
class Search:
    """What fleets are searched for: those that meet all objectives under some conditions."""

    scenario: Scenario  #: at the load that fleets are chosen for
    grid: Grid
    conditions: tuple[Condition, ...]
    execution: Execution = field(compare=False)  #: with the engine settled; ``jobs``: replications of a fleet at a time

    @property
    def percentile(self) -> float:
        """Of the latency of whole queries, the one that objectives are about."""
        tails = (one.p for one in self.scenario.slos if one.is_of_all and one.p)
        return next(tails, USUAL)

    @property
    def full(self) -> Effort:
        """As much as the scenario says."""
        return Effort(self.scenario.run.replications, self.scenario.queries if self.scenario.can_lengthen else None)

    @property
    def looks(self) -> list[Effort]:
        """Efforts of the cheap looks, the cheapest first: of fewer queries where the load is the same all the time."""
        full = self.full
        if full.queries is None or not self.scenario.is_stationary:
            is_more = MOST_LOOKED * full.replications >= FEWEST_UNITS
            return [Effort(FEWEST_UNITS, full.queries)] if is_more else []
        wanted = FEWEST_QUERIES
        for one in self.scenario.slos:
            wanted = max(wanted, math.ceil(FIRST_BAD / max(one.allowed or 1.0, 1e-6)))
        efforts: list[Effort] = []
        queries = float(math.ceil(wanted / full.replications))
        while queries <= MOST_LOOKED * full.queries:
            efforts.append(Effort(full.replications, math.ceil(queries)))
            queries *= CAUTIOUS_GROWTH
        return efforts

    def fleet(self, values: Mapping[str, Setting]) -> Scenario:
        """The scenario of a fleet."""
        return varied(self.scenario, values, self.grid.option)


@dataclass(frozen=True)
class Tail:
    """A percentile of latency with its interval, in seconds; null where it is not supported."""

    value: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> parts.Interval:
        """``{"value", "low", "high"}``."""
        return {"value": self.value, "low": self.low, "high": self.high}

    @staticmethod
    def of(series: Series, p: float) -> Tail:
        """Of these latencies."""
        figure = series.quantile(p).scaled(S_PER_NS).to_dict()
        if figure is None or figure["value"] is None:
            return Tail(None, None, None)
        return Tail(figure["value"], figure["low"], figure["high"])

    def or_later(self, other: Tail | None) -> Tail:
        """The later one of two, if there are two; not known if one is not."""
        if other is None or self.value is None:
            return self
        return other if other.value is None or other.value > self.value else self


NO_TAIL = Tail(None, None, None)


@dataclass(frozen=True)
class Look:
    """What the cheap looks say of a fleet."""

    why: Why | None  #: it has certainly failed; None: it may be good
    through: int  #: the stages up to this one alone are to blame, so whatever has the same ones fails too
    tail: Tail  #: at the load, as it is
    worst: Tail  #: the latest under the conditions of the last look
    measured: int  #: queries, over all replications, of the last look
    simulated: int  #: queries of all looks, warm-up included


@dataclass(frozen=True)
class Judged:
    """What a run in full says under one condition."""

    condition: Condition
    verdicts: tuple[Verdict, ...]
    stability: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Judgement:
    """What a run in full says of a fleet, condition by condition, up to the first that it fails."""

    judged: tuple[Judged, ...]
    why: Why | None  #: None: it meets everything
    through: int  #: as of a look
    tail: Tail  #: at the load, as it is
    worst: Tail  #: the latest under the conditions
    measured: int  #: queries, over all replications, of each run
    simulated: int  #: queries of all runs, warm-up included


def look(search: Search, values: Mapping[str, Setting]) -> Look:
    """Look at a fleet with ever more queries, until it has certainly failed, or is certainly good, or might be.

    What takes part is a prefix of what is simulated in full; the interval is so wide that luck, and a start without
    queues, which flatters, do not make a good fleet fail.
    """
    scenario, simulated = search.fleet(values), 0
    tail, worst, measured = NO_TAIL, NO_TAIL, 0
    for effort in search.looks:
        is_sure = True
        for number, condition in enumerate(search.conditions):
            prober = Prober(Plans.of(condition.applied(scenario)), effort, search.execution.alone())
            seen, leaves = _simulated(prober)
            simulated += prober.queries
            here = Tail.of(seen.whole, search.percentile)
            worst = here.or_later(worst if number else None)
            if number == 0:
                tail, measured = here, prober.measured
            readings = [(one, read(one, seen)) for one in prober.objectives]
            failed = [(one, reading) for one, reading in readings if is_beyond(reading)]
            if failed:
                least, reading = max(failed, key=lambda pair: pair[1].value)
                through = min(_to_blame(one, seen, leaves) for one, _ in failed)
                why = Why(OBJECTIVE, least.text, condition.name, reading.value, reading.low, reading.high)
                return Look(why, through, tail, worst, measured, simulated)
            is_sure = is_sure and all(is_within(reading) for _, reading in readings)
        if is_sure:
            break
    return Look(None, len(scenario.stages) - 1, tail, worst, measured, simulated)


def _simulated(prober: Prober) -> tuple[Extracts, list[Series]]:
    """All replications; and of each stage but the last, how long after its arrival a query leaves it."""
    kept = prober.kept(0.0, partial(_with_leaves, extract=prober.extract))
    seen = prober.gathered([one for one, _ in kept], 0.0)
    stages = zip(*(leaves for _, leaves in kept), strict=True)
    return seen, [Series(np.concatenate(stage), seen.layout) for stage in stages]


def _with_leaves(plan: Plan, trace: Trace, extract: Callable[[Plan, Trace], Extract]) -> tuple[Extract, list[F8]]:
    """What is kept of a replication, and of each stage but the last when measured queries leave it after arriving.

    Of none, where what is behind a stage matters to it: who is late is sent again, or keeps others out at the door.
    """
    first, leaves = trace.first_measured, []
    if may_retry(plan) or bounds_flight(plan) or may_shed_itself(plan):
        return extract(plan, trace), []
    for stage in range(len(plan.stages) - 1):
        leave_ns = trace.leave_ns[stage, first:]
        after_ns = (leave_ns - trace.arrival_ns[first:]).astype(np.float64)
        leaves.append(np.where(leave_ns < 0, math.inf, after_ns))
    return extract(plan, trace), leaves


def _to_blame(
    slo: Objective, seen: Extracts, leaves: Sequence[Series], fails: Callable[[Reading], bool] | None = None
) -> int:
    """The first stage that with those before it fails an objective; ``fails``: in whose reading, ``is_beyond`` if None.

    What happens up to a stage does not depend on those behind it, query by query on common luck; where it does, all
    stages are to blame.
    """
    fails, last = fails or is_beyond, len(seen.stage_names) - 1
    if len(leaves) < last:
        return last
    if slo.stage is not None:
        return seen.stage_names.index(slo.stage)
    if not is_read(slo):
        return len(leaves)
    of_slo = [seen.of_group(slo.group, series) for series in leaves]
    return next((at for at, one in enumerate(of_slo) if one is None or fails(read_series(slo, one))), len(leaves))


def is_beyond(reading: Reading) -> bool:
    """Whether an objective has certainly failed."""
    if not 0 < reading.low <= reading.value < math.inf:
        return False
    return bool(reading.value * (reading.low / reading.value) ** SURE > 1)


def _is_never_met(reading: Reading) -> bool:
    """Whether a run in full cannot call an objective met, whatever is added to its figure."""
    return reading.value > 1


def is_within(reading: Reading) -> bool:
    """Whether an objective is certainly met."""
    if not 0 < reading.value <= reading.high < math.inf:
        return SURE * reading.high < 1
    return bool(reading.value * (reading.high / reading.value) ** SURE < 1)


def judge(search: Search, values: Mapping[str, Setting]) -> Judgement:
    """Simulate a fleet in full, under one condition after another; each objective gets the verdict that a run gives."""
    scenario, simulated = search.fleet(values), 0
    judged: list[Judged] = []
    tail, worst, measured = NO_TAIL, NO_TAIL, 0
    why: Why | None = None
    through = len(scenario.stages) - 1
    for number, condition in enumerate(search.conditions):
        prober = Prober(Plans.of(condition.applied(scenario)), search.full, search.execution)
        seen, leaves = _simulated(prober)
        simulated += prober.queries
        here = Tail.of(seen.whole, search.percentile)
        worst = here.or_later(worst if number else None)
        if number == 0:
            tail, measured = here, prober.measured
        stable = seen.stability()
        verdicts = tuple(seen.verdicts(scenario.slos, stable.verdict == "saturated"))
        judged.append(Judged(condition, verdicts, stable.verdict, stable.notes))
        against = _against(scenario.slos, judged[-1], seen)
        if against is not None:
            why = against if why is None or against.reason == OBJECTIVE else why
            if against.reason == OBJECTIVE:
                pairs = zip(scenario.slos, verdicts, strict=True)
                missed = [one for one, verdict in pairs if verdict.met is False]
                through = min(_to_blame(one, seen, leaves, _is_never_met) for one in missed)
                break
    return Judgement(tuple(judged), why, through, tail, worst, measured, simulated)


def _against(objectives: Sequence[Objective], judged: Judged, seen: Extracts) -> Why | None:
    """What a run says against a fleet: an objective that failed, else one that is not met for sure."""
    pairs = list(zip(objectives, judged.verdicts, strict=True))
    for reason, met in ((OBJECTIVE, False), (INCONCLUSIVE, None)):
        these = [(_over(one, verdict, seen), one.text, verdict.reason) for one, verdict in pairs if verdict.met is met]
        if these:
            (over, low, high), slo, said = max(these, key=lambda one: (one[0][0] or 0.0, one[1]))
            return Why(reason, slo, judged.condition.name, over, low, high, said if met is None else "")
    if judged.stability != STABLE:
        return Why(INCONCLUSIVE, "the load", judged.condition.name, said="; ".join(judged.notes))
    return None


def _over(slo: Objective, verdict: Verdict, seen: Extracts) -> tuple[float | None, float | None, float | None]:
    """Figure over bound, with its interval; of goodput the bound over the figure."""
    ends: tuple[Any, ...]
    if is_read(slo):
        reading = read(slo, seen)
        ends = (reading.value, reading.low, reading.high)
    else:
        figures = (verdict.value, verdict.low, verdict.high)
        if slo.measure == "goodput":
            value, low, high = figures
            ends = tuple(slo.bound / figure if figure else None for figure in (value, high, low))
        else:
            ends = tuple(None if figure is None else figure / slo.bound for figure in figures)
    value, low, high = (end if end is None or math.isfinite(end) else None for end in ends)
    return value, low, high
