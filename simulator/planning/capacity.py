"""The highest load within all objectives, with its interval (house rule 8): ``capacity``."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulator.engines import AUTO
from simulator.errors import Problem, ScenarioError
from simulator.planning.capacity_result import (
    FOUND,
    INCONCLUSIVE,
    RANGE,
    UNREACHABLE,
    Capacity,
    Point,
    Theory,
)
from simulator.planning.probe import Effort, Prober, Told, prepared
from simulator.planning.search import Crossing, Probes, binding, cross, fails_below, first_look
from simulator.scenario import Scenario
from simulator.scenario.slo import Objective, parse_objective
from simulator.stats.extract import Extracts
from simulator.stats.figures import key_of
from simulator.stats.means import NOTHING, Interval
from simulator.stats.readings import HIGH, LOW, VALUE, is_read
from simulator.stats.share import FEWEST_EXCEEDANCES, FEWEST_UNITS
from simulator.stats.stability import STABLE
from simulator.stats.verdicts import Verdict
from simulator.theory import AGREES, OUTSIDE, RELAXATIONS, estimate, exact_capacity, relaxation, zero_load
from simulator.units import format_duration, format_rate

#: Of the first look: loads, and the parts of the theoretical limit between which they lie.
LOADS, LEAST, MOST = 8, 0.05, 1.2
#: No load is looked at below this part of the limit.
LOWEST = 1e-5
#: Queries of the first look, in all; and bad ones that should be among them at the bound.
FEWEST_QUERIES, FIRST_BAD = 8_000, 40
#: Replications where machines differ between them: only their number counts.
FEWEST_OF_DRAWN, QUERIES_OF_DRAWN = 20, 10_000
#: Looks at the precision, at most; from one to the next the queries grow at most so much, and where the interval
#: rests on few late queries at most four times.
LOOKS, MOST_GROWTH, CAUTIOUS_GROWTH, FEW = 8, 16.0, 4.0, 50.0
LEAST_GROWTH, MARGIN = 1.25, 1.5
#: Looks that are added only since the load may not be carried at the crossing.
MOST_ADDED = 2
#: Measured queries and shard-tasks of a probe, at most.
MOST_QUERIES, MOST_TASKS = 32_000_000, 20_000_000_000
#: Loads between which a crossing is interpolated are at most so far apart, in logarithms; for the answer, about as far
#: as the interval is wide.
COARSE = 0.05


def capacity(
    scenario: Scenario,
    *,
    slos: Sequence[str | Objective] = (),
    tolerance: float = 0.01,
    jobs: int = 1,
    engine: str = AUTO,
    told: Told | None = None,
    say: Callable[[str], None] | None = None,
) -> Capacity:
    """Search for the highest load within all objectives.

    The load moves by ``load.scale``: all rates, or the speed of a trace. Every load sees the same luck, so the share of
    bad queries is a function of the load alone. The capacity is where the pooled share of the strictest objective meets
    its bound; the ends of its interval are where the two ends of the share's do.

    Parameters
    ----------
    scenario
        As loaded. Of ``run``, ``replications``, ``seed``, ``warmup`` and ``drain`` count, and ``duration``.
    slos
        Objectives in place of the scenario's.
    tolerance
        Queries, or replications where a run cannot be lengthened, are added until half the interval is at most this
        part of the capacity.
    jobs, engine, say
        As of ``simulate``; the answer does not depend on ``jobs``.
    told
        Told of each probe.

    Raises
    ------
    ScenarioError
        If there is nothing to search for: no objective, fewer than four replications, nothing that takes time.
    KeyboardInterrupt
        If interrupted before there was an interval.
    ValueError
        If there is no such engine, or it does not cover the scenario.
    """
    began = time.monotonic()
    if slos:
        scenario = scenario.with_slos([parse_objective(slo) for slo in slos])
    _check(scenario)
    search = _Search(scenario, tolerance, prepared(scenario, engine, say), jobs, told)
    found = search.run()
    return replace(found, wall_s=time.monotonic() - began)


def _check(scenario: Scenario) -> None:
    problems = []
    if not any(is_read(asked) for asked in scenario.slos):
        message = "capacity needs an objective that more load can break: slos: [p99 < 200ms], or --slo 'p99 < 200ms'"
        problems.append(Problem(scenario.source, 0, 0, "slos", message))
    if scenario.run.replications < FEWEST_UNITS:
        message = f"capacity needs at least {FEWEST_UNITS} replications to judge by, got {scenario.run.replications}"
        problems.append(Problem(scenario.source, 0, 0, "run.replications", message))
    if problems:
        raise ScenarioError(problems)


@dataclass
class _Level:
    """What was found with one effort."""

    prober: Prober
    probes: Probes
    value: Crossing
    half: float  #: half the interval, relative, as it will be about
    exceedances: float
    low: float = -math.inf
    high: float = math.inf
    extracts: Extracts | None = None  #: at the value

    @property
    def is_at_saturation(self) -> bool:
        """Whether the objectives hold up to where the busiest replica is always busy, in runs as long as these."""
        return math.isinf(self.probes.seen[self.value.beyond][0].value)


class _Search:
    def __init__(self, scenario: Scenario, tolerance: float, engine: str, jobs: int, told: Told | None) -> None:
        self.scenario, self.tolerance, self.engine, self.jobs, self.told = scenario, tolerance, engine, jobs, told
        self.levels: list[_Level] = []
        self.probers: list[Prober] = []
        self.looks: list[Probes] = []
        self.notes: list[str] = []
        self.added = 0

    def run(self) -> Capacity:
        prober, probes = self._begin(self._first_effort())
        if math.isinf(prober.saturation):
            message = "nothing takes time, so there is no load that it does not carry"
            raise ScenarioError([Problem(self.scenario.source, 0, 0, "stages", message)])
        loads = prober.saturation + np.log(np.geomspace(LEAST, MOST, LOADS))
        if not first_look(probes, loads.tolist()):
            return self._unreachable(prober, probes)
        try:
            level = self._level(prober, probes)
            while True:
                effort = self._next_effort(level)
                if effort is None:
                    break
                prober, probes = self._begin(effort)
                probes.steepness = level.probes.slope(VALUE, level.value.at)
                probes.at(min(level.value.at, prober.saturation - 1e-3))
                level = self._level(prober, probes)
        except KeyboardInterrupt:
            if not self.levels:
                raise
            return self._interrupted(self.levels[-1])
        return self._answer(level)

    def _first_effort(self) -> Effort:
        run, wanted = self.scenario.run, FEWEST_QUERIES
        for asked in self.scenario.slos:
            allowed = 1 - asked.p if asked.p else asked.bound if asked.measure == "failed_ratio" else 1.0
            wanted = max(wanted, math.ceil(FIRST_BAD / max(allowed, 1e-6)))
        replications = run.replications
        if self._only_replications_count():
            replications = max(replications, FEWEST_OF_DRAWN)
        if not self.scenario.can_lengthen:
            return Effort(replications, None)
        each = math.ceil(wanted / replications)
        if self._only_replications_count():
            each = max(each, QUERIES_OF_DRAWN)
        if any(asked.measure == "max" for asked in self.scenario.slos):
            assert self.scenario.queries is not None
            each = max(each, self.scenario.queries)
            self.notes.append(f"a largest value depends on the length of the run: at least {each:,} queries each")
        return Effort(replications, each)

    def _only_replications_count(self) -> bool:
        return any(not stage.variability.machine.law.is_constant() for stage in self.scenario.stages)

    def _begin(self, effort: Effort) -> tuple[Prober, Probes]:
        prober = Prober(self.scenario, effort, self.engine, self.jobs, self.told)
        probes = Probes(prober, prober.saturation + math.log(LOWEST), prober.saturation)
        self.probers.append(prober)
        self.looks.append(probes)
        return prober, probes

    def _level(self, prober: Prober, probes: Probes) -> _Level:
        """Find the value; and about how wide the interval is."""
        value = cross(probes, VALUE, COARSE)
        nearest = min(probes.seen, key=lambda load: abs(load - value.at))
        width = probes.worst(nearest, HIGH) - probes.worst(nearest, LOW)
        half = width / 2 / probes.slope(VALUE, value.at)
        if not all(reading.low > 0 for reading in probes.seen[nearest]):
            half = math.inf
        level = _Level(prober, probes, value, half, self._support(probes, value))
        self.levels.append(level)
        return level

    @staticmethod
    def _support(probes: Probes, value: Crossing) -> float:
        """Effective number of bad queries of the strictest objective, at the crossing."""
        seen = probes.seen[value.beyond]
        if math.isinf(seen[0].value):
            seen = probes.seen[value.within]
        return seen[binding(seen)].exceedances

    def _next_effort(self, level: _Level) -> Effort | None:
        """What would reach the tolerance; None if it is reached, or cannot be: then with both ends of the interval."""
        is_last = len(self.levels) >= LOOKS or self._room(level) < LEAST_GROWTH
        is_supported = level.exceedances >= FEWEST_EXCEEDANCES
        warmer = self._warmer(level)
        growth = max(warmer, self._wanted(level)) if is_supported else math.inf
        if level.is_at_saturation and self.added < MOST_ADDED and not is_last:
            self.added += 1  # perhaps a longer run meets the bound before that
            growth = CAUTIOUS_GROWTH
        elif level.is_at_saturation or is_last or growth <= LEAST_GROWTH:
            is_stable = self._finish(level)
            growth = max(warmer, self._wanted(level))
            if is_last or level.is_at_saturation or (is_stable and level.half <= self.tolerance):
                return None
            if growth <= LEAST_GROWTH:
                if self.added == MOST_ADDED:
                    return None
                self.added += 1
                growth = CAUTIOUS_GROWTH
        most = min(self._room(level), MOST_GROWTH if level.exceedances >= FEW else CAUTIOUS_GROWTH)
        return _grown(level, min(most, max(LEAST_GROWTH, growth)))

    def _wanted(self, level: _Level) -> float:
        """How many times as much would reach the tolerance."""
        return MARGIN * (level.half / self.tolerance) ** 2

    def _warmer(self, level: _Level) -> float:
        """How many times as long a replication should be for its warm-up to be long enough."""
        if not self.scenario.can_lengthen or self.scenario.run.warmup != "auto" or len(level.prober.utilisations) > 1:
            return 0.0
        return RELAXATIONS * relaxation(level.prober.plan_at(level.value.at)) / level.prober.plan.first_measured

    def _finish(self, level: _Level) -> bool:
        """Find the value and both ends of its interval; returns whether the load is carried there."""
        resolution = min(COARSE, max(self.tolerance / 10, 2 * level.half))
        level.value = cross(level.probes, VALUE, resolution)
        level.low = cross(level.probes, HIGH, resolution).at
        level.high = cross(level.probes, LOW, resolution).at
        level.half = _half_width(level)
        level.extracts = level.prober.extracts(level.value.at)
        return level.extracts.stability().verdict == STABLE

    @staticmethod
    def _room(level: _Level) -> float:
        """How many times as much a probe may simulate."""
        there = level.prober.measured
        return min(MOST_QUERIES / there, MOST_TASKS / (there * level.prober.plan.shards))

    def _answer(self, level: _Level) -> Capacity:
        """All of it, at the value of the last level."""
        prober, at = level.prober, level.value.at
        extracts = level.extracts
        assert extracts is not None
        stable = extracts.stability()
        verdicts = extracts.verdicts(self.scenario.slos, False)
        verdict, reason = FOUND, ""
        ends = (level.low, level.high)
        below = fails_below(self.looks[0], self.levels[0].value.within)
        failed = [found.slo for found in verdicts if found.met is False and found.unit == "per_s"]
        if failed:
            verdict, reason = UNREACHABLE, f"{failed[0]} is missed even at the highest load within the others"
        elif below is not None:
            verdict, ends = RANGE, (below, level.high)
            reason = "at least one objective also fails at a lower load, so no single load separates good from bad"
        elif level.is_at_saturation:
            verdict = INCONCLUSIVE
            reason = "the objectives hold up to saturation in runs as long as these; they bound no load that is carried"
        elif level.exceedances < FEWEST_EXCEEDANCES:
            verdict = INCONCLUSIVE
            reason = f"{level.exceedances:.1f} effective bad queries at the crossing, {FEWEST_EXCEEDANCES} are needed"
        elif stable.verdict != STABLE:
            verdict, reason = INCONCLUSIVE, f"at the crossing the load is {stable.verdict}: " + "; ".join(stable.notes)
        half = _half_width(level)
        if verdict == FOUND and half > self.tolerance:
            self.notes.append(
                f"tolerance {100 * self.tolerance:.3g} % not reached, half the interval is {100 * half:.2g} %"
            )
        own = prober.plan.rate_per_s
        low, high = (own * math.exp(end) if math.isfinite(end) else None for end in ends)
        value = None if verdict in (RANGE, UNREACHABLE) else own * math.exp(at)
        per_s = Interval(value, low, high) if verdict != UNREACHABLE else NOTHING
        return self._result(prober, at, verdict, reason, per_s, verdicts)

    def _unreachable(self, prober: Prober, probes: Probes) -> Capacity:
        """No load is within the objectives: what an empty system takes says why."""
        lowest = min(probes.seen)
        place = binding(probes.seen[lowest])
        asked = prober.objectives[place]
        rate = format_rate(prober.plan.rate_per_s * math.exp(lowest))
        reason = f"no load meets {asked.text}: it fails even at {rate}"
        empty = zero_load(prober.plan)
        known = {"mean": empty.mean_s, **empty.percentiles_s}.get(_statistic(asked))
        if asked.stage is None and known is not None and known >= asked.bound:
            what = "" if empty.kind == "exact" else f" ({empty.kind})"
            reason = f"no load meets {asked.text}, because even an empty system takes {format_duration(known)}{what}"
        return self._result(prober, lowest, UNREACHABLE, reason, NOTHING, ())

    def _interrupted(self, level: _Level) -> Capacity:
        value = Interval(level.prober.plan.rate_per_s * math.exp(level.value.at))
        found = self._result(level.prober, level.value.at, INCONCLUSIVE, "interrupted", value, ())
        return replace(found, interrupted=True)

    def _result(
        self, prober: Prober, at: float, verdict: str, reason: str, per_s: Interval, verdicts: Sequence[Verdict]
    ) -> Capacity:
        paper = estimate(prober.plan_at(at), self.scenario.is_stationary)
        stage, shard, replica = paper.bottleneck
        bottleneck = {
            "stage": self.scenario.stages[stage].name,
            "shard": shard,
            "replica": replica,
            "utilisation": paper.utilisation,
            "saturation_per_s": paper.saturation_per_s,
        }
        own = prober.plan.rate_per_s
        points = [
            Point(
                math.exp(load),
                own * math.exp(load),
                one.effort.replications,
                one.plan.measured * one.effort.replications,
                seen,
            )
            for one, probes in zip(self.probers, self.looks, strict=True)
            for load, seen in sorted(probes.seen.items())
        ]
        if self.scenario.load.arrivals.kind == "trace":
            self.notes.append("replications share the trace and redraw the rest: intervals are given this trace")
        return Capacity(
            scenario=self.scenario,
            tolerance=self.tolerance,
            verdict=verdict,
            reason=reason,
            per_s=per_s,
            own_per_s=own,
            bottleneck=bottleneck,
            verdicts=tuple(verdicts),
            theory=self._theory(prober, per_s),
            points=tuple(points),
            queries=sum(one.queries for one in self.probers),
            notes=tuple(self.notes),
            engine=self.engine,
        )

    def _theory(self, prober: Prober, per_s: Interval) -> Theory | None:
        """The least of the exact capacities, if the objectives all have one that are about latency."""
        if not self.scenario.is_stationary or per_s.low is None or per_s.high is None:
            return None
        names = [stage.name for stage in self.scenario.stages]
        known = []
        for asked in prober.objectives:
            stage = None if asked.stage is None else names.index(asked.stage)
            exact = exact_capacity(prober.plan, _statistic(asked), stage, asked.bound)
            if exact is None:
                return None
            known.append((exact.per_s, exact.law, asked.text))
        least, law, slo = min(known)
        return Theory(least, law, slo, AGREES if per_s.low <= least <= per_s.high else OUTSIDE)


def _grown(level: _Level, growth: float) -> Effort:
    """The effort times ``growth``: in queries where they help, else in replications."""
    effort = level.prober.effort
    if effort.queries is None or len(level.prober.utilisations) > 1:
        return Effort(math.ceil(effort.replications * growth), effort.queries)
    return Effort(effort.replications, math.ceil(effort.queries * growth))


def _statistic(asked: Objective) -> str:
    """The name that theory has for what an objective is about."""
    return key_of(round(100 * asked.p, 9)) if asked.measure in ("quantile", "share_within") else asked.measure


def _half_width(level: _Level) -> float:
    """Half the interval over the value."""
    return (math.exp(level.high - level.value.at) - math.exp(level.low - level.value.at)) / 2
