"""The most clients that wait within all objectives: ``capacity`` of a closed load.

Clients that wait have no rate of their own, so what is turned is their number. It is whole, and the objectives are
looked at for one number after another: the most of them is between two that are next to each other, or so near that the
tolerance does not tell. The interval is that of the share of bad queries, inverted, as for a rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from simulator.base.errors import Problem, ScenarioError
from simulator.base.formats import format_duration
from simulator.planner.plans import Plans
from simulator.planning import unread
from simulator.planning.budget import Budget, BudgetSpentError, checked_tolerance
from simulator.planning.capacity_result import FOUND, INCONCLUSIVE, UNREACHABLE
from simulator.planning.most_clients_result import MostClients, Tried
from simulator.planning.probe import Effort, Prober, prepared
from simulator.planning.refinement import CAUTIOUS_GROWTH, FEWEST_QUERIES, FIRST_BAD, LOOKS, MARGIN, MOST_GROWTH
from simulator.planning.search import Readings, binding
from simulator.running.execution import Execution
from simulator.scenario import ClosedArrivals, Scenario
from simulator.stats import extract, means, readings, share
from simulator.theory import closed_load

#: Measured queries of each client, at least, so that what is seen is not how they begin.
EACH = 10
#: As many clients are looked at, or those that the scenario has, and no more.
MOST_LOOKED = 65_536
#: Queries, over all replications of a number of clients, at most.
MOST_QUERIES = 32_000_000
#: Where objectives are judged that bound no number of clients from above.
MOST = "the most clients within the others"


def with_clients(scenario: Scenario, clients: int) -> Scenario:
    """The scenario with another number of clients."""
    arrivals = scenario.load.arrivals.model_copy(update={"clients": clients})
    return scenario.model_copy(update={"load": scenario.load.model_copy(update={"arrivals": arrivals})})


@dataclass
class Look:
    """Numbers of clients that were looked at with one effort."""

    effort: Effort
    seen: dict[int, Readings] = field(default_factory=dict)
    extracts: dict[int, extract.Extracts] = field(default_factory=dict)  #: of the latest alone

    def is_within(self, clients: int, line: str) -> bool:
        """Whether this line of every objective is below its bound."""
        return all(reading.line(line) < 1 for reading in self.seen[clients])

    def bracket(self, line: str) -> tuple[int, int]:
        """The most that are within, 0 if none are, and the next that were looked at; 0: none were."""
        within = max((clients for clients in self.seen if self.is_within(clients, line)), default=0)
        return within, min((clients for clients in self.seen if clients > within), default=0)


def most_clients(scenario: Scenario, tolerance: float, budget: Budget, execution: Execution) -> MostClients:
    """Search for the most clients within all objectives; arguments and errors as of ``capacity``."""
    search = _Search(scenario, checked_tolerance(tolerance), budget, execution)
    try:
        return search.answer()
    except KeyboardInterrupt:
        if not search.looks[0].seen:
            raise
        return replace(search.so_far("interrupted"), interrupted=True)
    except BudgetSpentError as spent:
        if not search.looks[0].seen:
            message = f"{spent} before the first probe"
            raise ScenarioError([Problem(scenario.source, 0, 0, "run", message)]) from None
        return search.so_far(str(spent))


class _Search:
    def __init__(self, scenario: Scenario, tolerance: float, budget: Budget, execution: Execution) -> None:
        assert isinstance(scenario.load.arrivals, ClosedArrivals), "clients wait"
        self.scenario, self.tolerance, self.budget = scenario, tolerance, budget
        self.own = scenario.load.arrivals.clients
        self.most = max(MOST_LOOKED, self.own)
        self.execution = prepared(Plans.of(scenario), execution)
        self.looks = [Look(self._first_effort())]
        self.tried: list[Tried] = []
        self.queries = 0
        self.notes: list[str] = []

    def _first_effort(self) -> Effort:
        run, wanted = self.scenario.run, FEWEST_QUERIES
        for slo in self.scenario.slos:
            wanted = max(wanted, math.ceil(FIRST_BAD / max(slo.allowed or 1.0, 1e-6)))
        each = math.ceil(wanted / run.replications)
        if any(slo.measure == "max" for slo in self.scenario.slos):
            each = max(each, self.scenario.queries or 1)
        return Effort(run.replications, each)

    def answer(self) -> MostClients:
        """Look with ever more queries, until the interval is as narrow as the tolerance, or cannot be."""
        dear = unread.known_before(self.scenario)
        if dear is not None:
            return self._result(self.looks[-1], dear.verdict, dear.reason, means.NOTHING, None, dear)
        while True:
            look = self.looks[-1]
            value, beyond = self._cross(look, readings.VALUE)
            if value == 0:
                return self._unreachable(look)
            if beyond == 0:
                reason = f"the objectives hold with as many as {value:,}, and more are not looked at"
                return self._result(look, INCONCLUSIVE, reason, means.Interval(value, value, None), value)
            if (slo := self._unanswered(look, beyond)) is not None:
                why = f"with {beyond:,} some queries have no answer, so a mean over all is not known ({slo})"
                reason = f"{why}: ask for a percentile, and for availability"
                return self._result(look, INCONCLUSIVE, reason, means.Interval(value, value, None), value)
            low, _ = self._cross(look, readings.HIGH)
            high, _ = self._cross(look, readings.LOW)
            half = (high - low) / 2 / value
            support = self._support(look, beyond)
            is_narrow = half <= self.tolerance or high - low <= 1
            if low > 0 and is_narrow and support >= share.FEWEST_EXCEEDANCES:
                return self._result(look, FOUND, "", means.Interval(value, low, high), value)
            growth = min(MOST_GROWTH, MARGIN * (half / self.tolerance) ** 2) if low > 0 else CAUTIOUS_GROWTH
            growth = max(growth, CAUTIOUS_GROWTH if support < share.FEWEST_EXCEEDANCES else 1.5)
            effort = self._grown(look.effort, growth, value)
            if effort is None or len(self.looks) == LOOKS:
                reason = f"tolerance {100 * self.tolerance:.3g} % not reached, half the interval is {100 * half:.2g} %"
                if support < share.FEWEST_EXCEEDANCES:
                    seen = f"{share.shown_exceedances(support)} effective bad queries at the crossing"
                    reason = f"{seen}, {share.FEWEST_EXCEEDANCES} are needed"
                return self._result(look, INCONCLUSIVE, reason, means.Interval(value, low or None, high), value)
            self._announce(half, growth)
            self.looks.append(Look(effort))
            self._at(self.looks[-1], value)

    def _unanswered(self, look: Look, clients: int) -> str | None:
        """An objective on a mean that is not known with so many clients, since some queries have no answer."""
        means_of = [slo for slo in self.scenario.slos if readings.is_read(slo)]
        pairs = zip(means_of, look.seen[clients], strict=True)
        lost = [slo.text for slo, one in pairs if slo.measure == "mean" and math.isinf(one.value)]
        return lost[0] if lost else None

    def _announce(self, half: float, growth: float) -> None:
        takes_s = growth * self.budget.busy_s / max(1, len(self.tried)) * len(self.looks[-1].seen)
        if self.execution.say is not None and takes_s > 10:
            reached = f"tolerance {100 * self.tolerance:.3g} %, reached {100 * half:.2g} %"
            self.execution.say(f"{reached}; the next look takes about {format_duration(takes_s)}")

    def _grown(self, effort: Effort, growth: float, clients: int) -> Effort | None:
        assert effort.queries is not None, "of clients that wait queries are counted"
        queries = math.ceil(effort.queries * growth)
        most = MOST_QUERIES // effort.replications
        if effort.queries >= most:
            return None
        return Effort(effort.replications, max(min(queries, most), EACH * clients))

    @staticmethod
    def _support(look: Look, clients: int) -> float:
        """Effective number of bad queries of the strictest objective."""
        seen = look.seen[clients]
        return seen[binding(seen)].exceedances

    def _at(self, look: Look, clients: int) -> Readings:
        """The readings with so many clients."""
        if clients not in look.seen:
            assert look.effort.queries is not None, "of clients that wait queries are counted"
            queries = max(look.effort.queries, EACH * clients)
            plans = Plans.of(with_clients(self.scenario, clients))
            effort = Effort(look.effort.replications, queries)
            prober = Prober(plans, effort, replace(self.execution, progress=None), self.budget)
            seen, extracts = prober.look(0.0)
            self.queries += prober.queries
            look.seen[clients], look.extracts = seen, {clients: extracts}
            per_s = _per_s(extracts).value or 0.0
            self.tried.append(Tried(clients, per_s, look.effort.replications, prober.measured, seen))
            self.execution.tell(clients / self.own, prober.measured, seen)
        return look.seen[clients]

    def _cross(self, look: Look, line: str) -> tuple[int, int]:
        """The most clients for which a line is within, and the next that were looked at: 0 where there are none."""
        if not look.seen:
            self._at(look, self.own)
        while True:
            within, beyond = look.bracket(line)
            if within == 0 and beyond == 1:
                return 0, 1
            if beyond == 0:
                if within >= self.most:
                    return within, 0
                self._at(look, min(self.most, 2 * within))
            elif within == 0:
                self._at(look, max(1, beyond // 2))
            elif beyond - within <= max(1.0, self.tolerance / 4 * within):
                return within, beyond
            else:
                self._at(look, _between(look, line, within, beyond))

    def _unreachable(self, look: Look) -> MostClients:
        place = binding(look.seen[1])
        reason = f"not even one client is within {self._objectives()[place]}"
        if look.seen[1][place].low < 1:
            return self._result(look, INCONCLUSIVE, f"{reason}, but perhaps by luck", means.NOTHING, 1)
        return self._result(look, UNREACHABLE, reason, means.NOTHING, 1)

    def so_far(self, reason: str) -> MostClients:
        """What is known where the search ends early."""
        look = next(look for look in reversed(self.looks) if look.seen)
        low, _ = look.bracket(readings.HIGH)
        beyond = [clients for clients in look.seen if not look.is_within(clients, readings.LOW)]
        within, _ = look.bracket(readings.VALUE)
        interval = means.Interval(within or None, low or None, min(beyond, default=None))
        return self._result(look, INCONCLUSIVE, reason, interval, within or min(look.seen))

    def _objectives(self) -> list[str]:
        return [slo.text for slo in self.scenario.slos if readings.is_read(slo)]

    def _extracts(self, look: Look, at: int) -> extract.Extracts | None:
        """What is kept of a number of clients, simulated again where it was not; None: there is no budget left."""
        if at not in look.extracts:
            look.seen.pop(at, None)
            try:
                self._at(look, at)
            except BudgetSpentError:
                look.extracts = {}
        return look.extracts.get(at)

    def _result(
        self,
        look: Look,
        verdict: str,
        reason: str,
        clients: means.Interval,
        at: int | None,
        missed: unread.Missed | None = None,
    ) -> MostClients:
        """``at``: where objectives are judged; None: nowhere. ``missed``: what is, whoever comes."""
        extracts = None if at is None else self._extracts(look, at)
        verdicts = () if extracts is None else tuple(extracts.verdicts(self.scenario.slos, False))
        provided = {} if extracts is None else extracts.served.mean
        if verdict == FOUND and verdicts:
            missed = unread.missed(self.scenario.slos, verdicts, provided, MOST, "load.arrivals.clients")
            if missed is not None:
                verdict, reason = missed.verdict, missed.reason
                clients = means.NOTHING if verdict == UNREACHABLE else clients
        read, seen = self._objectives(), None if at is None else look.seen.get(at)
        return MostClients(
            scenario=self.scenario,
            tolerance=self.tolerance,
            verdict=verdict,
            reason=reason,
            clients=clients,
            own_clients=self.own,
            per_s=means.NOTHING if extracts is None else _per_s(extracts),
            verdicts=verdicts,
            binding=missed.objective.text if missed else read[0 if seen is None else binding(seen)],
            exact=self._exact(),
            tried=tuple(self.tried),
            queries=self.queries,
            notes=tuple(self.notes),
            engine=self.execution.engine,
            provided=provided,
        )

    def _exact(self) -> int | None:
        """The most clients by the exact mean latency, where that is the only objective and is known."""
        slos = self.scenario.slos
        if len(slos) != 1 or slos[0].measure != "mean" or not slos[0].is_of_all or not self.scenario.may_be_exact:
            return None

        def is_met(clients: int) -> bool | None:
            known = closed_load(Plans.of(with_clients(self.scenario, clients)).outline())
            if known is None or known.exact_per_s is None:
                return None
            return clients / known.exact_per_s - known.think_s < slos[0].bound

        return _last(is_met)


def _last(is_met: Callable[[int], bool | None]) -> int | None:
    """The last whole number for which something is met that is met up to some number; None: it is not known."""
    if not is_met(1):
        return None if is_met(1) is None else 0
    high = 2
    while high < MOST_LOOKED and is_met(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_met(middle) else (low, middle)
    return low


def _between(look: Look, line: str, within: int, beyond: int) -> int:
    """Where the first objective meets its bound between two numbers, each linear in logarithms; not at the ends."""
    start = max(math.log(max(reading.line(line), 1e-9)) for reading in look.seen[within])
    end = max(math.log(min(max(reading.line(line), 1e-9), 1e9)) for reading in look.seen[beyond])
    part = 0.5 if end <= start else min(0.9, max(0.1, -start / (end - start)))
    aimed: int = round(within * (beyond / within) ** part)
    return min(beyond - 1, max(within + 1, aimed))


def _per_s(extracts: extract.Extracts) -> means.Interval:
    """Queries a second that are answered, with its interval."""
    answered = [int(np.isfinite(one.latency[one.first_measured :]).sum()) for one in extracts.extracts]
    return means.ratio_interval(answered, [one.window_s for one in extracts.extracts]).at_least_0()
