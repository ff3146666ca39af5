"""The cheapest fleet that meets every objective at a load, with room to spare: ``size``."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Unpack

from simulator.base.errors import ArgumentError, LostWorkerError, Problem, ScenarioError
from simulator.base.formats import shortest
from simulator.base.units import parse_rate
from simulator.planner.load import offered_per_s, refusal, refuse_clients
from simulator.planner.plans import Plans
from simulator.planning.budget import Budget, BudgetSpentError
from simulator.planning.fleets import UNITS, Fleet, Fleets, unpriced
from simulator.planning.grid import Grid, grid_of, varied
from simulator.planning.judge import Judgement, Look, Search, judge, look
from simulator.planning.probe import prepared
from simulator.planning.sizing_result import Simulated, Sizing
from simulator.planning.spare import ZONE, Survive, Why, conditions_of, order
from simulator.running.execute import alike
from simulator.running.execution import Anywhere, Execution
from simulator.running.memory import refuse_in_full
from simulator.running.pilot import settled
from simulator.scenario import Scenario
from simulator.scenario.given import takes_scenario
from simulator.scenario.slo import Objective
from simulator.stats.share import FEWEST_UNITS

#: Fleets that are looked at ahead of their turn, for each worker; and for a cluster, whose workers come and go.
AHEAD, AHEAD_ON_CLUSTER = 4, 32


@takes_scenario
def size(
    scenario: Scenario,
    *,
    search: Grid | Mapping[str, Any],
    load: str | float | None = None,
    minimise: str | None = None,
    headroom: float = 0.0,
    survive: Survive = 0,
    top: int = 3,
    slos: Sequence[str | Objective] = (),
    time_s: float | None = None,
    **execution: Unpack[Anywhere],
) -> Sizing:
    """Find the cheapest fleets that meet every objective.

    Fleets are taken in the order of their cost. What does not fit, is saturated or is late when empty falls on paper;
    the others are simulated, all on one luck: with few queries first, to drop what has certainly failed, then in full
    (``run.queries`` x ``run.replications``). A fleet whose first stages alone fail takes all with the same ones along.

    Parameters
    ----------
    scenario
        As loaded.
    search
        Values by dotted path, as of ``sweep``: ``{"stages.ranking.replicas": "1..16"}``.
    load
        Mean rate, as ``3000/s`` or a number of queries a second; by ``load.scale``, so that the load keeps its shape.
        None: the scenario's own.
    minimise
        ``money``, ``machines`` or ``energy``; None: money where every fleet is priced, else machines.
    headroom
        Every objective must hold at the load, and at (1 + headroom) x the load.
    survive
        1: every objective must also hold, with the headroom, with any one machine of any one stage gone. ``zone``: with
        any one zone gone, in all stages that say how many zones they have.
    top
        The search ends when so many are found.
    slos
        Objectives in place of the scenario's.
    time_s
        No fleet is begun that would not end within so many seconds, as far as those before it tell. With it the answer
        depends on the machine.
    jobs, cluster
        As of ``execute``; the answer does not depend on them.
    engine, say
        As of ``simulate``.
    progress
        Called after each fleet that was simulated: how many so far, what it costs, how many of those wanted are found.

    Raises
    ------
    ScenarioError
        With every problem found, before anything is simulated.
    KeyboardInterrupt
        If interrupted before any fleet was simulated.
    ValueError
        If an argument is none of those allowed, or there is no such engine.
    """
    began = time.monotonic()
    _check_arguments(minimise, headroom, survive, top)
    if slos:
        scenario = scenario.with_slos(slos)
    _check(scenario)
    if load is not None:
        scenario = _at(scenario, load)
    scenario = settled(scenario, execution.get("say"))
    grid = search if isinstance(search, Grid) else grid_of(search, "search")
    work = prepared(Plans.of(scenario), Execution(**execution))
    refuse_in_full(Plans.of(scenario), work, len({slo.stage for slo in scenario.slos if slo.stage is not None}))
    conditions = conditions_of(scenario, headroom, survive)  # which draws a load
    fleets = Fleets(scenario, grid, conditions)
    every = fleets.all()
    minimise = _minimised(every, minimise, scenario)
    sought = Search(scenario, grid, conditions, replace(work, cluster=None, progress=None))
    walk = _Walk(sought, fleets, every, minimise, top, work, Budget(time_s))
    interrupted = walk.run()
    return Sizing(
        search=sought,
        minimise=minimise,
        headroom=headroom,
        survive=survive,
        top=top,
        load_per_s=offered_per_s(scenario),
        fleets=len(every),
        seen=tuple(walk.seen),
        fell=tuple(walk.fell),
        interrupted=interrupted,
        spent=walk.spent,
        wall_s=time.monotonic() - began,
    )


def _check_arguments(minimise: str | None, headroom: float, survive: Survive, top: int) -> None:
    if minimise is not None and minimise not in UNITS:
        raise ArgumentError(f"minimise one of {', '.join(UNITS)}, got {minimise!r}")
    if not 0 <= headroom <= 1:
        raise ArgumentError(f"headroom is from 0 to 1 (100 % of the load), got {shortest(headroom)}")
    if survive not in (0, 1, ZONE):
        raise ArgumentError(f"survive the loss of 0 or 1 machine, or of a zone, got {survive!r}")
    if top < 1:
        raise ArgumentError(f"top is at least 1, got {top}")


def _check(scenario: Scenario) -> None:
    for index, stage in enumerate(scenario.stages):
        if stage.autoscale is not None:
            cure = "leave autoscale out, or sweep its target and its max"
            message = f"size looks for how many replicas serve, which an autoscaler decides: {cure}"
            raise refusal(scenario, f"stages.{index}.autoscale", message)
    refuse_clients(scenario, "size", "which fleet serves so many: sweep --param stages.NAME.replicas=1..8")
    problems = []
    if not scenario.slos:
        message = "size needs an objective: slos: [p99 < 200ms], or --slo 'p99 < 200ms'"
        problems.append(Problem(scenario.source, 0, 0, "slos", message))
    if scenario.run.replications < FEWEST_UNITS:
        message = f"size needs at least {FEWEST_UNITS} replications to judge by, got {scenario.run.replications}"
        problems.append(Problem(scenario.source, 0, 0, "run.replications", message))
    if problems:
        raise ScenarioError(problems)


def _at(scenario: Scenario, load: str | float) -> Scenario:
    """The scenario at another mean rate."""
    try:
        per_s = parse_rate(load) if isinstance(load, str) else float(load)
    except ValueError as error:
        raise ArgumentError(f"load: {error}", "load") from None
    if not 0 < per_s < math.inf:
        raise ArgumentError(f"a load is above 0, got {load}")
    if scenario.load.scale == 1.0 and _is_plain(scenario):
        return varied(scenario, {"load.rate": f"{shortest(per_s)}/s"}, "--load")
    return scenario.with_scale(float(f"{scenario.load.scale * per_s / offered_per_s(scenario):.15g}"))


def _is_plain(scenario: Scenario) -> bool:
    """Whether its load is a rate, and nothing that varies about it."""
    said = scenario.tree.value["load"].value.get("rate")
    try:
        return said is not None and parse_rate(said.plain()) == offered_per_s(scenario)
    except ValueError:
        return False


def _minimised(every: Sequence[Fleet], minimise: str | None, scenario: Scenario) -> str:
    """What is minimised; money, unless something else is asked for or not all is priced."""
    if minimise is None:
        return "machines" if unpriced(every, "money") else "money"
    lacking = unpriced(every, minimise)
    if lacking:
        what, key = {"money": ("price", "price: 0.714 USD/h"), "energy": ("power", "power: 150 W")}[minimise]
        cure = f"give its hardware one, like {key}, or minimise machines"
        problems = [
            Problem(scenario.source, 0, 0, f"stages.{name}", f"has no {what} in every fleet: {cure}")
            for name in lacking
        ]
        raise ScenarioError(problems)
    return minimise


@dataclass
class _Walk:
    """A way through the fleets in the order of their cost, until enough are found.

    Some are looked at ahead of their turn, to keep workers busy; what that finds counts only when it is their turn, if
    it still is: what comes out is as if they had been taken one by one.
    """

    search: Search
    fleets: Fleets
    every: Sequence[Fleet]
    minimise: str
    top: int
    execution: Execution
    budget: Budget

    def __post_init__(self) -> None:
        self.ordered = sorted(self.every, key=lambda fleet: order(self.cost(fleet), fleet.index))
        self.seen: list[Simulated] = []
        self.fell: list[tuple[int, Fleet, Why]] = []  #: without having been simulated, with their places in the order
        self.spent = ""  #: of what there is no more, where that ended it
        self.good = 0  #: fleets that meet everything
        self.failed: dict[tuple[Any, ...], Why] = {}  #: first stages that fail whatever is behind them

    def cost(self, fleet: Fleet) -> float:
        """What is minimised."""
        cost = fleet.cost(self.minimise)
        assert cost is not None, "checked before"
        return cost

    def run(self) -> bool:
        """Go; returns whether that was interrupted."""
        try:
            waiting, longest_s = enumerate(self.ordered), 0.0
            while self.good < self.top:
                batch = self._next(waiting)
                if not batch:
                    return False
                began = time.monotonic()
                self._through(batch)
                longest_s = max(longest_s, time.monotonic() - began)
                if self.good < self.top:
                    self.budget.ask_s(longest_s)
            self.fell = [one for one in self.fell if one[0] < self.seen[-1].place]
        except BudgetSpentError as spent:
            self.spent = str(spent)
            self.fell = [one for one in self.fell if not self.seen or one[0] < self.seen[-1].place]
        except KeyboardInterrupt:
            if not self.seen:
                raise
            return True
        return False

    def _next(self, waiting: Iterator[tuple[int, Fleet]]) -> list[tuple[int, Fleet]]:
        """The next ones that nothing speaks against yet."""
        jobs = self.execution.jobs
        wide = AHEAD_ON_CLUSTER if self.execution.cluster is not None else 1 if jobs == 1 else AHEAD * jobs
        batch: list[tuple[int, Fleet]] = []
        for place, fleet in waiting:
            if not self._falls(place, fleet, self.fleets.on_paper(fleet)):
                batch.append((place, fleet))
                if len(batch) == wide:
                    break
        return batch

    def _falls(self, place: int, fleet: Fleet, why: Why | None) -> bool:
        """Whether a fleet falls without being simulated: on paper, or with another of the same first stages."""
        for stages in range(1, len(fleet.keys)):
            why = why or self.failed.get(fleet.keys[:stages])
        if why is not None:
            self.fell.append((place, fleet, why))
        return why is not None

    def _through(self, batch: Sequence[tuple[int, Fleet]]) -> None:
        """Look at some fleets, and settle them one by one."""
        looks = self._looks([fleet for _, fleet in batch])
        for number, (place, fleet) in enumerate(batch):
            if self._falls(place, fleet, None):
                continue
            self._settle(place, fleet, looks[number])
            if self.good == self.top:
                return

    def _looks(self, fleets: Sequence[Fleet]) -> dict[int, Look]:
        values = [self.fleets.values(fleet.index) for fleet in fleets]
        alone = replace(self.search, execution=self.search.execution.alone())
        try:
            return dict(alike(partial(look, alone), values, replace(self.execution, progress=None)))
        except LostWorkerError as error:
            which = ", ".join(f"{path}={value}" for path, value in values[error.index].items())
            why = "ended its worker again and again, without an exception: most likely for want of memory"
            message = f"the fleet {which} {why}; take fewer --jobs, or fewer queries"
            raise LostWorkerError(error.index, message) from None

    def _settle(self, place: int, fleet: Fleet, looked: Look) -> None:
        values = self.fleets.values(fleet.index)
        judgement = judge(self.search, values) if looked.why is None else None
        last: Look | Judgement = looked if judgement is None else judgement
        if last.why is None:
            self.good += 1
        elif last.through + 1 < len(fleet.keys):
            self.failed.setdefault(fleet.keys[: last.through + 1], last.why)
        self.seen.append(Simulated.of(place, fleet, values, self.cost(fleet), looked, judgement))
        self.execution.tell(len(self.seen), self.cost(fleet), self.good)
