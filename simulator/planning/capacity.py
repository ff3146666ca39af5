"""The highest load within all objectives, with its interval (statistics rule 8): ``capacity``.

The interval is that of the share of bad queries, inverted: the loads at which its two ends meet the bound.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

from simulator.base.errors import Problem, ScenarioError
from simulator.base.formats import format_duration, format_rate
from simulator.documents import capacity as documents
from simulator.planner.load import refuse_clients
from simulator.planner.plans import Plans
from simulator.planning import exact, most_clients_result, probe, search, second_answer, spare, unread
from simulator.planning.budget import Budget, BudgetSpentError
from simulator.planning.capacity_result import FOUND, INCONCLUSIVE, RANGE, UNREACHABLE, Capacity, Point
from simulator.planning.level import Level, half_width
from simulator.planning.most_clients import most_clients
from simulator.planning.refinement import Refinement
from simulator.running.execution import Execution, Here
from simulator.running.pilot import settled
from simulator.scenario import Scenario, given
from simulator.scenario.slo import Objective
from simulator.stats import extract, readings, replays, share, stability
from simulator.stats.means import NOTHING, Interval
from simulator.stats.verdicts import Verdict, unseen_of
from simulator.theory import estimate, is_fastest_empty, zero_load

#: Where objectives are judged that bound no load from above.
MOST = "the highest load within the others"


@given.takes_scenario
def capacity(
    scenario: Scenario,
    *,
    slos: Sequence[str | Objective] = (),
    tolerance: float = 0.01,
    time_s: float | None = None,
    queries: int | None = None,
    survive: str | None = None,
    **execution: Unpack[Here],
) -> Capacity | most_clients_result.MostClients:
    """Search for the highest load within all objectives; of clients that wait, for the most of them.

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
    time_s, queries
        The search ends when it has taken so many seconds, or simulated so many queries, and says what is known by then.
        With ``time_s`` the answer depends on the machine.
    survive
        ``zone``: the load that is held with any one zone gone, in all stages that say how many zones they have.
    jobs, engine, say
        As of ``simulate``; the answer does not depend on ``jobs``.
    progress
        Called after each probe: factor on the load, measured queries in all, readings of the objectives.

    Raises
    ------
    ScenarioError
        If there is nothing to search for: no objective, fewer than four replications, nothing that takes time.
    KeyboardInterrupt
        If interrupted before there was an interval.
    ValueError
        If there is no such engine, it does not cover the scenario, or it is to survive something else.
    """
    budget, work = Budget(time_s, queries), Execution.here(**execution)
    answer = _searched(scenario, slos, tolerance, budget, work, survive)
    if isinstance(answer, Capacity) and answer.per_s.value and not answer.interrupted:
        second, said = second_answer.of_capacity(answer.scenario, answer.per_s, budget, work)
        answer = replace(answer, second=second, notes=(*answer.notes, *said))
    return replace(answer, wall_s=budget.elapsed_s())


def capacity_of_rate(
    scenario: Scenario,
    *,
    slos: Sequence[str | Objective] = (),
    tolerance: float = 0.01,
    time_s: float | None = None,
    queries: int | None = None,
    survive: str | None = None,
    **execution: Unpack[Here],
) -> Capacity:
    """The capacity of an open load, and nothing of stalls; as ``capacity``. Raises ScenarioError where clients wait."""
    refuse_clients(scenario, "capacity --over", "how many of them an objective allows, capacity says without --over")
    budget = Budget(time_s, queries)
    answer = _searched(scenario, slos, tolerance, budget, Execution.here(**execution), survive)
    assert isinstance(answer, Capacity), "the load is open"
    return replace(answer, wall_s=budget.elapsed_s())


def _searched(
    scenario: Scenario,
    slos: Sequence[str | Objective],
    tolerance: float,
    budget: Budget,
    work: Execution,
    survive: str | None,
) -> Capacity | most_clients_result.MostClients:
    """What the search finds."""
    if slos:
        scenario = scenario.with_slos(slos)
    _check(scenario)
    scenario = settled(scenario, work.say)
    spared, notes = None, spare.spare_notes(scenario, survive or 0)
    if survive is not None:
        spared, scenario = scenario, spare.bereft(scenario, survive)
    answer: Capacity | most_clients_result.MostClients
    if scenario.load.is_closed:
        answer = most_clients(scenario, tolerance, budget, work)
    else:
        refuse_clients(scenario, "capacity", "beside others: sweep --param load.rate=.. and load.clients.count=..")
        plans = Plans.of(scenario)
        answer = _Search(Refinement(plans, tolerance, probe.prepared(plans, work), budget)).capacity()
    return replace(answer, notes=(*notes, *answer.notes), spared=spared)


def _check(scenario: Scenario) -> None:
    problems = []
    if not any(readings.is_read(slo) for slo in scenario.slos):
        message = "capacity needs an objective that more load can break: slos: [p99 < 200ms], or --slo 'p99 < 200ms'"
        problems.append(Problem(scenario.source, 0, 0, "slos", message))
    if scenario.run.replications < share.FEWEST_UNITS:
        message = (
            f"capacity needs at least {share.FEWEST_UNITS} replications to judge by, got {scenario.run.replications}"
        )
        problems.append(Problem(scenario.source, 0, 0, "run.replications", message))
    if problems:
        raise ScenarioError(problems)


class _Search:
    """A search, and what is said of its levels."""

    def __init__(self, refinement: Refinement) -> None:
        self.refinement, self.scenario, self.notes = refinement, refinement.scenario, refinement.notes
        self.provided: dict[int, float] = {}

    def capacity(self) -> Capacity:
        if math.isinf(self.refinement.probers[0].saturation):
            message = "nothing takes time, so there is no load that it does not carry"
            raise ScenarioError([Problem(self.scenario.source, 0, 0, "stages", message)])
        dear = unread.known_before(self.scenario)
        if dear is not None:
            return self._result(self.refinement.probers[0], 0.0, dear.verdict, dear.reason, NOTHING, (), dear.objective)
        try:
            if not self.refinement.first_look():
                return self._unreachable(self.refinement.probers[0], self.refinement.looks[0])
            level = self.refinement.climb()
            if math.isinf(level.value.at):
                return self._unreachable(level.prober, level.probes)
            return self._answer(level)
        except KeyboardInterrupt:
            if not self.refinement.levels:
                raise
            return replace(self._so_far("interrupted"), interrupted=True)
        except BudgetSpentError as spent:
            if not any(probes.seen for probes in self.refinement.looks):
                prober = self.refinement.probers[0]
                message = f"{spent} before the first probe, which takes {prober.measured:,} queries and a warm-up"
                raise ScenarioError([Problem(self.scenario.source, 0, 0, "run", message)]) from None
            return self._so_far(str(spent))

    def _answer(self, level: Level) -> Capacity:
        """All of it, at the value of the last level."""
        prober, at, extracts = level.prober, level.value.at, level.extracts
        assert extracts is not None
        verdicts = extracts.verdicts(self.scenario.slos, False)
        self.provided = extracts.served.mean
        missed = unread.missed(self.scenario.slos, verdicts, self.provided, MOST, "load.rate")
        verdict, reason, ends = self._judged(level, extracts, verdicts, missed)
        half = half_width(level)
        if verdict == FOUND:  # what theory decides, where the sample does not say it
            self.notes += [f"{one.slo}: {one.reason}" for one in verdicts if one.value is None and one.reason]
        if verdict == FOUND and half > self.refinement.tolerance:
            tolerance = f"tolerance {100 * self.refinement.tolerance:.3g} %"
            verdict, reason = INCONCLUSIVE, f"{tolerance} not reached, half the interval is {100 * half:.2g} %"
        own = prober.plan.rate_per_s
        low, high = (own * math.exp(end) if math.isfinite(end) else None for end in ends)
        value = None if verdict in (RANGE, UNREACHABLE) else own * math.exp(at)
        per_s = NOTHING if verdict == UNREACHABLE or level.is_unanswered else Interval(value, low, high)
        return self._result(prober, at, verdict, reason, per_s, verdicts, missed.objective if missed else None)

    def _judged(
        self, level: Level, extracts: extract.Extracts, verdicts: Sequence[Verdict], missed: unread.Missed | None
    ) -> tuple[str, str, tuple[float, float]]:
        """The verdict, why it is not found, and the ends of the interval, as logarithms."""
        ends = (level.low, level.high)
        stable = extracts.stability()
        below = search.fails_below(self.refinement.looks[0], self.refinement.levels[0].value.within)
        if missed is not None:
            return missed.verdict, missed.reason, ends
        if below is not None:
            reason = "at least one objective also fails at a lower load, so no single load separates good from bad"
            return RANGE, reason, (below, level.high)
        reason = self._unseen(extracts)
        if reason:
            return INCONCLUSIVE, reason, ends
        if level.is_bounded:
            return FOUND, reason, ends
        if level.is_unanswered:
            means = ", ".join(slo.text for slo in self.scenario.slos if slo.measure == "mean")
            at, cure = level.rate(level.value.beyond), "ask for a percentile, and for availability"
            reason = f"at {at} some queries have no answer, so a mean over all is not known ({means}): {cure}"
        elif level.is_at_saturation:
            reason = "the objectives hold up to saturation in runs as long as these; they bound no load that is carried"
            reason += "" if self.scenario.can_lengthen else f"; {self._longer()}"
        elif level.needed > 0:
            reason = "; ".join(f"{one.slo}: {one.reason}" for one in verdicts if one.value is None and one.reason)
        elif not level.is_supported:
            seen = f"{share.shown_exceedances(level.exceedances)} effective bad queries at the crossing"
            reason = f"{seen}, {share.FEWEST_EXCEEDANCES} are needed"
        elif stable.verdict != stability.STABLE:
            notes: Sequence[str] = stable.notes
            if not self.scenario.can_lengthen or self.refinement.may_collapse():
                notes = [note.removesuffix("run longer").rstrip("; :") for note in notes]
                notes += [self._longer()]
            reason = f"at the crossing the load is {stable.verdict}: " + "; ".join(notes)
        return INCONCLUSIVE if reason else FOUND, reason, ends

    def _unseen(self, extracts: extract.Extracts) -> str:
        """Which objectives runs as long as these cannot say to be held, and why; empty if there are none."""
        whys = []
        for one in self.scenario.slos:
            series = extracts.series(one)
            why = "" if series is None else unseen_of(one, series)
            whys += [f"{one.text}: {why}"] if why else []
        return "; ".join(whys)

    def _longer(self) -> str:
        """What would tell whether a load is carried that has its own length, or collapses by itself in long runs."""
        if self.refinement.may_collapse():
            return "once down, clients that send again keep it down, so longer runs tell no more: a wider --tolerance"
        what = "run" if self.scenario.queries is not None else "duration"
        what = "trace" if self.scenario.load.arrivals.kind == "trace" else what
        return f"a longer {what} would tell, or a wider --tolerance"

    def _unreachable(self, prober: probe.Prober, probes: search.Probes) -> Capacity:
        """No load is within the objectives, or none that is looked at: what an empty system takes says why."""
        lowest = min(probes.seen)
        place = search.binding(probes.seen[lowest])
        slo, reading = prober.objectives[place], probes.seen[lowest][place]
        rate = format_rate(prober.plan.rate_per_s * math.exp(lowest))
        verdict, reason = UNREACHABLE, f"no load meets {slo.text}: it fails even at {rate}"
        is_fastest = is_fastest_empty(prober.plan)
        if not is_fastest and all(any(one.low >= 1 for one in seen) for seen in probes.seen.values()):
            reason = f"no load meets {slo.text}: it fails at each of {len(probes.seen)}, down to {rate}"
        elif not is_fastest or reading.low < 1:
            verdict = INCONCLUSIVE
            reason = f"{slo.text} is missed at {rate}, the lowest load that was looked at, but perhaps by luck"
        ahead = prober.ahead(lowest, prober.measured).of(exact.stage(self.scenario, slo))
        if slo.measure == "mean" and slo.group is None and ahead.exact == math.inf:
            verdict, reason = UNREACHABLE, f"no load meets {slo.text}: it is infinite at any load, by {ahead.law}"
        empty = zero_load(prober.plan)
        known = None if empty is None else {"mean": empty.mean_s, **empty.percentiles_s}.get(exact.statistic(slo))
        if empty is not None and is_fastest and slo.is_of_all and known is not None and known >= slo.bound:
            what = "" if empty.kind == "exact" else f" ({empty.kind})"
            verdict = UNREACHABLE
            reason = f"no load meets {slo.text}, because even an empty system takes {format_duration(known)}{what}"
        return self._result(prober, lowest, verdict, reason, NOTHING, ())

    def _so_far(self, reason: str) -> Capacity:
        """What is known where the search ends early: the last value, and the loads between which it certainly is."""
        prober, own = self.refinement.probers[0], self.refinement.probers[0].plan.rate_per_s
        low, high = self.refinement.known()
        last = self.refinement.levels[-1].extracts if self.refinement.levels else None
        self.provided = {} if last is None else last.served.mean
        at = self.refinement.levels[-1].value.at if self.refinement.levels else low if math.isfinite(low) else high
        value = own * math.exp(at) if self.refinement.levels else None
        below, above = (own * math.exp(end) if math.isfinite(end) else None for end in (low, high))
        at = at if math.isfinite(at) else min(self.refinement.looks[0].seen)
        self.notes += unread.not_judged(self.scenario.slos)
        return self._result(prober, at, INCONCLUSIVE, reason, Interval(value, below, above), ())

    def _result(
        self,
        prober: probe.Prober,
        at: float,
        verdict: str,
        reason: str,
        per_s: Interval,
        verdicts: Sequence[Verdict],
        failed: Objective | None = None,
    ) -> Capacity:
        """``failed``: what is missed whatever else holds."""
        paper = estimate(prober.plan_at(at), self.scenario.may_be_exact)
        stage, shard, replica = paper.bottleneck
        bottleneck: documents.Bottleneck = {
            "stage": self.scenario.stages[stage].name,
            "station": "mergers" if shard is None else "replica",
            "shard": shard,
            "replica": replica,
            "demand": paper.utilisation,
            "saturation_per_s": paper.saturation_per_s,
        }
        own = prober.plan.rate_per_s
        points = [
            Point(math.exp(load), own * math.exp(load), one.effort.replications, one.measured, seen)
            for one, probes in zip(self.refinement.probers, self.refinement.looks, strict=True)
            for load, seen in sorted(probes.seen.items())
        ]
        self.notes += [replays.OF_REPLAYS] if self.scenario.load.arrivals.kind == "trace" else []
        return Capacity(
            scenario=self.scenario,
            tolerance=self.refinement.tolerance,
            verdict=verdict,
            reason=reason,
            per_s=per_s,
            own_per_s=own,
            bottleneck=bottleneck,
            verdicts=tuple(verdicts),
            binding=(failed or prober.objectives[self._binding(at)]).text,
            theory=exact.theory(self.scenario, prober, per_s, {one.slo for one in verdicts if _by_theory(one)}),
            points=tuple(points),
            queries=sum(one.queries for one in self.refinement.probers),
            notes=tuple(self.notes),
            engine=self.refinement.execution.engine,
            provided=self.provided,
        )

    def _binding(self, at: float) -> int:
        """The objective nearest to its bound, or farthest beyond it, at the load probed last nearest to ``at``."""
        seen = next(probes.seen for probes in reversed(self.refinement.looks) if probes.seen)
        return search.binding(seen[min(seen, key=lambda load: abs(load - at))])


def _by_theory(verdict: Verdict) -> bool:
    """Whether a mean that no sample says was decided by an exact law."""
    return verdict.met is not None and verdict.value is None and verdict.bad_share is None
