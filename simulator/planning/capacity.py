"""The highest load within all objectives, with its interval (statistics rule 8): ``capacity``."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from simulator.base.errors import Problem, ScenarioError
from simulator.base.units import format_duration, format_rate
from simulator.engines import AUTO
from simulator.planning.capacity_result import (
    FOUND,
    INCONCLUSIVE,
    RANGE,
    UNREACHABLE,
    Capacity,
    Point,
    Theory,
)
from simulator.planning.levels import Level, Levels, half_width
from simulator.planning.probe import Prober, Told, prepared
from simulator.planning.search import Probes, binding, fails_below
from simulator.scenario import Scenario
from simulator.scenario.slo import Objective, parse_objective
from simulator.stats.figures import key_of
from simulator.stats.means import NOTHING, Interval
from simulator.stats.readings import is_read
from simulator.stats.share import FEWEST_EXCEEDANCES, FEWEST_UNITS
from simulator.stats.stability import STABLE
from simulator.stats.verdicts import Verdict
from simulator.theory import AGREES, OUTSIDE, estimate, exact_capacity, zero_load


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
    name = prepared(scenario, engine, say)
    answers = _Answers(Levels(scenario, tolerance, name, jobs, told), name)
    return replace(answers.found(), wall_s=time.monotonic() - began)


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


class _Answers:
    """What is said of the levels of a search."""

    def __init__(self, levels: Levels, engine: str) -> None:
        self.levels, self.engine, self.scenario, self.notes = levels, engine, levels.scenario, levels.notes

    def found(self) -> Capacity:
        if math.isinf(self.levels.probers[0].saturation):
            message = "nothing takes time, so there is no load that it does not carry"
            raise ScenarioError([Problem(self.scenario.source, 0, 0, "stages", message)])
        if not self.levels.first_look():
            return self._unreachable(self.levels.probers[0], self.levels.looks[0])
        try:
            return self._answer(self.levels.climb())
        except KeyboardInterrupt:
            if not self.levels.levels:
                raise
            return self._interrupted(self.levels.levels[-1])

    def _answer(self, level: Level) -> Capacity:
        """All of it, at the value of the last level."""
        prober, at = level.prober, level.value.at
        extracts = level.extracts
        assert extracts is not None
        stable = extracts.stability()
        verdicts = extracts.verdicts(self.scenario.slos, False)
        verdict, reason = FOUND, ""
        ends = (level.low, level.high)
        below = fails_below(self.levels.looks[0], self.levels.levels[0].value.within)
        failed = [found.slo for found in verdicts if found.met is False and found.unit == "per_s"]
        if failed:
            verdict, reason = UNREACHABLE, f"{failed[0]} is missed even at the highest load within the others"
        elif below is not None:
            verdict, ends = RANGE, (below, level.high)
            reason = "at least one objective also fails at a lower load, so no single load separates good from bad"
        elif level.is_at_saturation:
            verdict = INCONCLUSIVE
            reason = "the objectives hold up to saturation in runs as long as these; they bound no load that is carried"
        elif not level.is_supported:
            verdict = INCONCLUSIVE
            reason = f"{level.exceedances:.1f} effective bad queries at the crossing, {FEWEST_EXCEEDANCES} are needed"
        elif stable.verdict != STABLE:
            verdict, reason = INCONCLUSIVE, f"at the crossing the load is {stable.verdict}: " + "; ".join(stable.notes)
        half = half_width(level)
        if verdict == FOUND and half > self.levels.tolerance:
            self.notes.append(
                f"tolerance {100 * self.levels.tolerance:.3g} % not reached, half the interval is {100 * half:.2g} %"
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
        known = None if empty is None else {"mean": empty.mean_s, **empty.percentiles_s}.get(_statistic(asked))
        if empty is not None and asked.stage is None and known is not None and known >= asked.bound:
            what = "" if empty.kind == "exact" else f" ({empty.kind})"
            reason = f"no load meets {asked.text}, because even an empty system takes {format_duration(known)}{what}"
        return self._result(prober, lowest, UNREACHABLE, reason, NOTHING, ())

    def _interrupted(self, level: Level) -> Capacity:
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
            for one, probes in zip(self.levels.probers, self.levels.looks, strict=True)
            for load, seen in sorted(probes.seen.items())
        ]
        if self.scenario.load.arrivals.kind == "trace":
            self.notes.append("replications share the trace and redraw the rest: intervals are given this trace")
        return Capacity(
            scenario=self.scenario,
            tolerance=self.levels.tolerance,
            verdict=verdict,
            reason=reason,
            per_s=per_s,
            own_per_s=own,
            bottleneck=bottleneck,
            verdicts=tuple(verdicts),
            binding=prober.objectives[self._binding(at)].text,
            theory=self._theory(prober, per_s),
            points=tuple(points),
            queries=sum(one.queries for one in self.levels.probers),
            notes=tuple(self.notes),
            engine=self.engine,
        )

    def _binding(self, at: float) -> int:
        """The objective nearest to its bound, or farthest beyond it, at the load probed last nearest to ``at``."""
        seen = next(probes.seen for probes in reversed(self.levels.looks) if probes.seen)
        return binding(seen[min(seen, key=lambda load: abs(load - at))])

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


def _statistic(asked: Objective) -> str:
    """The name that theory has for what an objective is about."""
    return key_of(round(100 * asked.p, 9)) if asked.measure in ("quantile", "share_within") else asked.measure
