"""Refining a search for a capacity: how much is simulated, until the interval is narrow enough."""

import math

import numpy as np

from simulator.base.formats import format_duration
from simulator.engines import COMPILED
from simulator.planner.plans import Plans
from simulator.planning.budget import Budget, checked_tolerance
from simulator.planning.level import Level, half_width
from simulator.planning.probe import FEWEST_OF_GROUP, Effort, Prober, rarest
from simulator.planning.search import FARTHEST, Crossing, Probes, binding, cross, first_look
from simulator.running.execution import Execution
from simulator.scenario import Scenario
from simulator.stats.readings import HIGH, LOW, VALUE, is_read
from simulator.stats.stability import STABLE
from simulator.theory import FULL, RELAXATIONS, relaxation

#: Of the first look: loads, and the parts of the theoretical limit between which they lie.
LOADS, LEAST, MOST = 8, 0.05, 1.2
#: Queries of the first look, in all; and bad ones that should be among them at the bound.
FEWEST_QUERIES, FIRST_BAD = 8_000, 40
#: Times as many, at most, so that of a rare class each replication has some.
MOST_FIRST = 16
#: Replications where machines differ between them: only their number counts.
FEWEST_OF_DRAWN, QUERIES_OF_DRAWN = 20, 10_000
#: Looks at the precision, at most; from one to the next the queries grow at most so much, and where the interval
#: rests on few late queries at most four times.
LOOKS, MOST_GROWTH, CAUTIOUS_GROWTH, FEW = 8, 16.0, 4.0, 50.0
LEAST_GROWTH, MARGIN = 1.25, 1.5
#: What twice as many queries make better by less than this is not made better by more of them.
LEAST_GAIN = 1.1
#: Replications that an effort grows to before its runs grow longer. To stop as soon as an interval is narrow enough
#: favours those that are narrow by luck: with 8 replications that costs a nominal 95 % two points, with 32 half of one.
SETTLED = 32
#: Looks that are added only since the load may not be carried at the crossing; and since the objectives hold up to
#: saturation, of which there may be more as long as a probe has so few shard-tasks.
MOST_ADDED, CHEAP_TASKS = 2, 10_000_000
#: Measured queries and shard-tasks of a probe, at most.
MOST_QUERIES, MOST_TASKS = 32_000_000, 20_000_000_000
#: Queries where clients send again: a system that collapses by itself is known no better by longer runs.
MOST_RETRIED = 4_000_000
#: Loads between which a crossing is interpolated are at most so far apart, in logarithms; for the answer, about as far
#: as the interval is wide.
COARSE = 0.05
#: At a bracket of this width that ends at saturation, the objectives hold up to there.
FINEST = 1e-4
#: A wait that is longer is announced, in seconds; a level takes about so many probes.
LONG_S, PROBES = 10.0, 6
#: Part of the tolerance that the loads take between which a capacity next to saturation lies.
NEXT_TO = 0.95
#: No bracket is made narrower, whatever tolerance is asked for.
LEAST_WIDTH = 1e-7


class Refinement:
    """Levels of a search, one after another on one luck; ``execution``: with the engine settled."""

    def __init__(self, plans: Plans, tolerance: float, execution: Execution, budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self.plans, self.tolerance, self.execution = plans, checked_tolerance(tolerance), execution
        self.scenario: Scenario = plans.scenario
        self.levels: list[Level] = []
        self.probers: list[Prober] = []
        self.looks: list[Probes] = []  #: of each prober
        self.notes: list[str] = []
        self._added = self._at_saturation = 0
        self._begin(self._first_effort())

    def first_look(self) -> bool:
        """See loads all over the range; returns whether any is within the objectives."""
        return first_look(self.looks[0], self.probers[0].loads(np.geomspace(LEAST, MOST, LOADS)))

    def climb(self) -> Level:
        """Go from level to level, until the tolerance is reached or cannot be; returns the last one, finished.

        At one that is not even within the objectives at the lowest load it ends, too.
        """
        level = self._level()
        while True:
            if math.isinf(level.value.at):
                return level
            effort = self._next_effort(level)
            if effort is None:
                return level
            self._begin(effort)
            self._announce(level)
            self.looks[-1].steepness = level.probes.slope(VALUE, level.value.at)
            self.looks[-1].at(min(level.value.at, self.probers[-1].saturation - 1e-3))
            level = self._level()

    def _first_effort(self) -> Effort:
        run, wanted = self.scenario.run, FEWEST_QUERIES
        for slo in self.scenario.slos:
            wanted = max(wanted, math.ceil(FIRST_BAD / max(slo.allowed or 1.0, 1e-6)))
        replications = run.replications
        if self._only_replications_count():
            replications = max(replications, FEWEST_OF_DRAWN)
        if not self.scenario.can_lengthen:
            return Effort(replications, None)
        each = math.ceil(wanted / replications)
        if self._only_replications_count():
            each = max(each, QUERIES_OF_DRAWN)
        of_rarest = math.ceil(FEWEST_OF_GROUP / rarest(self.scenario, self.plans.outline()))
        each = max(each, of_rarest if of_rarest <= MOST_FIRST * each else 0)  # of a rarer one, so many would not do
        if any(slo.measure == "max" for slo in self.scenario.slos):
            assert self.scenario.queries is not None
            each = max(each, self.scenario.queries)
            self.notes.append(f"a largest value depends on the length of the run: at least {each:,} queries each")
        return Effort(replications, each)

    def _only_replications_count(self) -> bool:
        return any(stage.draws_machines for stage in self.scenario.stages)

    def _begin(self, effort: Effort) -> None:
        prober = Prober(self.plans, effort, self.execution, self.budget)
        probes = Probes(prober, prober.lowest, prober.saturation)
        self.probers.append(prober)
        self.looks.append(probes)

    def _level(self) -> Level:
        """Find the value; and about how wide the interval is."""
        prober, probes = self.probers[-1], self.looks[-1]
        value = cross(probes, VALUE, COARSE)
        if value.beyond >= probes.highest:  # is it at saturation, or only near?
            value = cross(probes, VALUE, min(COARSE, max(FINEST, self.tolerance / 4)))
        nearest = min(probes.seen, key=lambda load: abs(load - value.at))
        width = probes.worst(nearest, HIGH) - probes.worst(nearest, LOW)
        half = width / 2 / probes.slope(VALUE, value.at)
        if probes.worst(nearest, LOW) <= -FARTHEST:
            half = math.inf  # no objective has a lower end; of one that is far from its bound none is asked
        level = Level(prober, probes, value, half, self._support(probes, value))
        self.levels.append(level)
        return level

    @staticmethod
    def _support(probes: Probes, value: Crossing) -> float:
        """Effective number of bad queries of the strictest objective, at the crossing."""
        seen = probes.seen[value.beyond]
        if math.isinf(seen[0].value):
            seen = probes.seen[value.within]
        return seen[binding(seen)].exceedances

    def _next_effort(self, level: Level) -> Effort | None:
        """What would reach the tolerance; None if it is reached, or cannot be: then with both ends of the interval."""
        if self._is_next_to_saturation(level):
            return None
        room = self._room(level)
        is_last = len(self.levels) >= LOOKS or room < LEAST_GROWTH or level.needed > level.prober.measured * room
        is_last = is_last or self._is_stuck(level)
        warmer = self._warmer(level)
        growth = max(warmer, self._wanted(level)) if level.is_supported else math.inf
        if level.is_at_saturation and not is_last and (self._at_saturation < MOST_ADDED or self._may_go_on(level)):
            self._at_saturation += 1  # perhaps a longer run meets the bound before that
            growth = CAUTIOUS_GROWTH
        elif level.is_at_saturation or is_last or growth <= LEAST_GROWTH:
            is_sure = self._finish(level) and level.is_supported
            growth = max(warmer, self._wanted(level)) if level.is_supported else math.inf
            if is_last or level.is_at_saturation:
                if not is_sure:
                    self._is_missed_near_by(level)
                return None
            if level.half <= self.tolerance and (is_sure or self._is_missed_near_by(level)):
                return None
            if growth <= LEAST_GROWTH:
                if self._added == MOST_ADDED:
                    return None
                self._added += 1
                warmer = max(warmer, self._cut_later(level))
                growth = max(warmer, LEAST_GROWTH) if warmer > 1 else CAUTIOUS_GROWTH
        most = min(self._room(level), MOST_GROWTH if level.exceedances >= FEW else CAUTIOUS_GROWTH)
        return _grown(level, min(most, max(LEAST_GROWTH, growth)), warmer)

    def _is_stuck(self, level: Level) -> bool:
        """Whether more does not help, as the last did not: of one trace, one calibration, or one that may collapse.

        Clients that send again keep a system down, once it is: that is seldom, lasts, and weighs more in longer runs.
        """
        is_one_sample = not self.scenario.can_lengthen or self.scenario.samples
        if len(self.levels) < 2 or not (is_one_sample or self.may_collapse()):
            return False
        before = self.levels[-2]
        if level.prober.measured < 2 * before.prober.measured:
            return False
        if not level.is_supported:
            return level.exceedances < LEAST_GAIN * before.exceedances
        return level.half > self.tolerance and level.half * LEAST_GAIN > before.half

    def may_collapse(self) -> bool:
        """Whether clients send again what they gave up."""
        client = self.scenario.client
        return client is not None and client.retries > 0

    def _is_next_to_saturation(self, level: Level) -> bool:
        """Whether the objectives hold so near to saturation, beyond which no load is carried, that no more is asked."""
        if len(level.prober.utilisations) > 1:
            return False  # luckier machines than those that were drawn saturate later
        most = level.probes.highest
        is_certain = min(level.prober.certain) * math.exp(most) >= FULL
        why = "no load is carried, by arithmetic" if is_certain else "more is asked than can be done: none is looked at"
        return self._holds_below(level, most, f"beyond {level.rate(most)} {why}")

    def _is_missed_near_by(self, level: Level) -> bool:
        """Likewise to a load at which the objectives are certainly missed; whatever the crossing itself is like."""
        if math.isinf(level.high) or level.half > self.tolerance:
            return False
        return self._holds_below(level, level.high, f"at {level.rate(level.high)} they do not")

    def _holds_below(self, level: Level, high: float, why: str) -> bool:
        """Whether the objectives certainly hold, and the load is carried, within the tolerance below an upper end.

        If so the interval is from there to the upper end: that its ends are what they are is known, of what is between
        nothing is claimed. The lower end is chosen for the tolerance and looked at once a level, so more is asked of it
        than of an interval.
        """
        prober, probes = level.prober, level.probes
        apart = NEXT_TO * 2 * self.tolerance / (1 + self.tolerance)
        if apart >= 1:
            return False
        low = high + math.log1p(-apart)
        if level.value.at < low or math.exp(low - probes.highest) >= FULL or self._warmer(level, low) > 1:
            return False
        probes.seen[low], extracts = prober.look(low)
        if not probes.is_well_within(low) or extracts.stability().verdict != STABLE:
            return False
        pairs = zip(self.scenario.slos, extracts.verdicts(self.scenario.slos, False), strict=True)
        if any(verdict.met is False for slo, verdict in pairs if not is_read(slo)):
            return False  # what asks for load may be met at the crossing
        middle = high + math.log1p(-apart / 2)
        level.value = Crossing(low, high, min(high, max(level.value.at, middle)))
        level.low, level.high, level.extracts, level.is_bounded = low, high, extracts, True
        level.half = half_width(level)
        self.notes.append(f"at {level.rate(low)} the objectives hold, with the figures above, and {why}")
        return True

    def known(self) -> tuple[float, float]:
        """The highest load that is certainly within and the lowest that certainly is not, as far as was seen.

        Logarithms; of the last effort that knows. Infinite where none does.
        """
        low, high = -math.inf, math.inf
        for probes in reversed(self.looks):
            beyond = [load for load in probes.seen if not probes.is_within(load, LOW)]
            within = [load for load in probes.seen if probes.is_within(load, HIGH)]
            if math.isinf(high):
                high = min((load for load in beyond if load > low), default=math.inf)
            if math.isinf(low):
                low = max((load for load in within if load < high), default=-math.inf)
        return low, high

    def _announce(self, level: Level) -> None:
        """Say what is asked for, how far it is, and what the next look and the whole search take about, if long."""
        prober = self.probers[-1]
        takes_s = self.budget.expected_s(
            PROBES * (prober.extent.first_measured * prober.effort.replications + prober.measured)
        )
        if self.execution.say is None or max(takes_s, self.budget.elapsed_s()) < LONG_S:
            return
        reached, whole = "none yet", ""
        if math.isfinite(level.half):
            reached = f"{100 * level.half:.2g} %"
            # the last look is the longest: it is what reaches the tolerance, or as much as a probe may simulate
            more = min(self._wanted(level), self._room(level)) * level.prober.measured / prober.measured
            last_s = takes_s * max(1.0, more)
            whole_s = self.budget.elapsed_s() + takes_s + (last_s if last_s > takes_s else 0.0)
            whole = f", the search {format_duration(whole_s)} in all"
        self.execution.say(
            f"tolerance {100 * self.tolerance:.3g} %, reached {reached} after "
            f"{format_duration(self.budget.elapsed_s())}; the next look takes about {format_duration(takes_s)}{whole}"
        )

    def _may_go_on(self, level: Level) -> bool:
        """Whether still longer runs are tried, where the objectives hold up to saturation: they help, and are cheap."""
        longer_helps = self.scenario.can_lengthen and len(level.prober.utilisations) == 1
        tasks = CAUTIOUS_GROWTH * level.prober.measured * level.prober.plan.shards
        is_cheap = self.execution.engine == COMPILED and tasks <= CHEAP_TASKS
        return longer_helps and is_cheap and level.value.beyond >= level.probes.highest

    def _wanted(self, level: Level) -> float:
        """How many times as much would reach the tolerance."""
        return MARGIN * (level.half / self.tolerance) ** 2

    def _warmer(self, level: Level, at: float | None = None) -> float:
        """How many times as long a replication should be for its warm-up to be long enough; at the value if None."""
        if not self.scenario.can_lengthen or self.scenario.run.warmup != "auto" or len(level.prober.utilisations) > 1:
            return 0.0
        return (
            RELAXATIONS
            * relaxation(level.prober.plan_at(level.value.at if at is None else at))
            / level.prober.extent.first_measured
        )

    def _cut_later(self, level: Level) -> float:
        """How many times as long a replication should be for its warm-up to be what MSER-5 would cut; 0: it is."""
        assert level.extracts is not None
        stable = level.extracts.stability()
        if not self.scenario.can_lengthen or self.scenario.run.warmup != "auto" or not stable.suggested_queries:
            return 0.0
        asked = stable.suggested_queries / stable.warmup_queries
        return MARGIN * asked if asked > 1 else 0.0

    def _finish(self, level: Level) -> bool:
        """Find the value and both ends of its interval; returns whether the load is carried there."""
        resolution = min(COARSE, max(LEAST_WIDTH, self.tolerance / 10, 2 * level.half))
        level.value = cross(level.probes, VALUE, resolution)
        level.low, level.high = -math.inf, math.inf
        if level.needed == 0:
            level.low = cross(level.probes, HIGH, resolution).at
            level.high = cross(level.probes, LOW, resolution).at
        level.half = half_width(level)
        level.exceedances = self._support(level.probes, level.value)
        level.extracts = level.prober.extracts(level.value.at)
        return level.extracts.stability().verdict == STABLE

    def _room(self, level: Level) -> float:
        """How many times as much a probe may simulate."""
        there = level.prober.measured
        most = MOST_RETRIED if self.may_collapse() else MOST_QUERIES
        return min(most / there, MOST_TASKS / (there * level.prober.plan.shards))


def _grown(level: Level, growth: float, longer: float) -> Effort:
    """The effort times ``growth``: runs ``longer`` by as much, then more of them, then longer ones.

    Where machines differ between runs, more queries of each help no further than that. And no run is longer than can
    be told at the value.
    """
    effort = level.prober.effort
    if effort.queries is None:
        return Effort(math.ceil(effort.replications * growth), None)
    if len(level.prober.utilisations) > 1:
        longer = max(1.0, longer)
        more = max(1.0, growth / longer)
        return Effort(math.ceil(effort.replications * more), math.ceil(effort.queries * longer))
    more = growth / min(growth, max(1.0, longer))
    replications = min(max(SETTLED, effort.replications), math.ceil(effort.replications * more))
    longer = max(1.0, growth * effort.replications / replications)
    each = math.ceil(min(effort.queries * longer, max(effort.queries, level.prober.queries_at(level.value.at))))
    more = effort.queries * longer / each
    return Effort(math.ceil(replications * more), each)
