"""The fleets of a search: what each costs, and what paper says against it before anything is simulated."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from simulator import theory
from simulator.base.errors import Problem, ScenarioError
from simulator.base.formats import format_duration
from simulator.core.stage_view import company_of, stage_views
from simulator.planner.fleet import S_PER_H, StageFleet, fleet
from simulator.planner.plans import Plans
from simulator.planning.grid import Grid, Refusals, Setting, varied
from simulator.planning.spare import EMPTY, FIT, OBJECTIVE, REPLICAS, SATURATED, Condition, Why, heaviest, without_zone
from simulator.running.pilot import settled
from simulator.scenario import Scenario
from simulator.scenario.colocated import home_of
from simulator.scenario.grid import Named
from simulator.scenario.machines import without_a_zone
from simulator.scenario.slo import Objective

#: What may be searched: what a fleet is made of.
SEARCHED = ("stages", "hardware", "catalogue")
#: Keys of a stage that touch no other stage.
OWN = frozenset(
    {
        *("shards", "skew", "shares", "split", "replicas", "workers", "threads", "per_machine"),
        *("hardware", "model", "bytes_per_candidate", "memory_overhead", "variability", "network", "merge", "routing"),
    }
)
#: Fleets that are no valid scenarios, after which there is no point in going on.
MOST_BROKEN = 20
#: What is exact on paper rules out where it is so far beyond a bound: beyond what rounding to ns, and the integral of
#: a mean, may be off.
ROUNDING_S, MARGIN = 1e-8, 0.01

#: What is minimised, and its unit.
UNITS = {"money": "USD/h", "machines": "machines", "energy": "W"}


@dataclass(frozen=True)
class Part:
    """One stage of a fleet, on paper. Utilisations are at one query a second: one, or one a replication."""

    home: int  #: the stage whose machines it is on
    fleet: StageFleet
    misfit: str  #: what does not fit its machines; empty: all does
    asked: tuple[float, float]  #: demand on the busiest replica, and on the mergers, certain or not
    busiest: tuple[float, ...]  #: replica; this, and what follows, as far as it is certain
    mean: tuple[float, ...]  #: over replicas
    busiest_lost: tuple[float, ...]  #: with its heaviest machine gone, or a zone; empty: it cannot lose that
    mean_lost: tuple[float, ...]
    merging: float  #: of its mergers; 0 where merging is a mere delay
    constant_s: float | None  #: latency that no query is below, where it is the same for every query
    is_busy_by_luck: bool  #: then its utilisation is not what arithmetic says: batches are not full, tasks withdrawn


@dataclass(frozen=True, slots=True)
class Fleet:
    """One fleet of the grid."""

    index: int  #: in the grid
    keys: tuple[tuple[Setting, ...], ...]  #: of each stage, what of the values makes it what it is
    parts: tuple[Part, ...]

    @property
    def machines(self) -> int:
        """Number of machines."""
        return sum(part.fleet.machines for part in self.parts)

    @property
    def usd_per_h(self) -> float | None:
        """Price of all; None unless every stage is priced."""
        return _sum([part.fleet.usd_per_h for part in self.parts])

    @property
    def power_w(self) -> float | None:
        """Power of all; None unless every stage states its own."""
        return _sum([part.fleet.power_w for part in self.parts])

    def cost(self, minimise: str) -> float | None:
        """What is minimised; None: not known."""
        return {"money": self.usd_per_h, "energy": self.power_w}.get(minimise, float(self.machines))

    def busiest(self, condition: Condition) -> tuple[float, int, bool]:
        """Demand on the busiest station, certain or not, its stage, and whether it is the mergers."""
        demands = [part.asked[which] for which in (0, 1) for part in self.parts]
        which, at = divmod(demands.index(max(demands)), len(self.parts))  # of stations as busy, the first
        return condition.rate_per_s * max(demands), at, which == 1

    def bottlenecks(self, condition: Condition) -> list[tuple[float, int, bool]]:
        """As ``busiest``, of what is certain: one, or one a replication."""
        each = [part.busiest_lost if condition.hits(part.home) else part.busiest for part in self.parts]
        merging = [part.merging for part in self.parts]
        found = []
        for replicas in zip(*_alike(each), strict=True):
            demands = [*replicas, *merging]
            which, at = divmod(demands.index(max(demands)), len(self.parts))  # of stations as busy, the first
            found.append((condition.rate_per_s * max(demands), at, which == 1))
        return found


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _alike(each: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Figures of one replication, where there are such of others too, as those of all."""
    most = max(len(one) for one in each)
    return [one * most if len(one) == 1 else one for one in each]


class Fleets:
    """The fleets of a grid. A stage is looked at once, whatever the others are.

    ``conditions``: under which a fleet must meet the objectives.
    """

    def __init__(self, scenario: Scenario, grid: Grid, conditions: Sequence[Condition]) -> None:
        self.scenario, self.grid, self.conditions = scenario, grid, tuple(conditions)
        self._loses_machine = any(condition.lost is not None for condition in conditions)
        self._loses_zone = any(condition.is_zone_gone for condition in conditions)
        stages = [_stage_of(path, scenario) for path in grid.paths]
        homes = [home_of(scenario.stages, index) for index in range(len(scenario.stages))]
        #: by stage, the places of the values that it depends on: its own, and those of stages on the same machines
        self._places = [
            [place for place, own in enumerate(stages) if own is None or homes[own] == home] for home in homes
        ]
        self._parts: list[dict[tuple[Setting, ...], Part]] = [{} for _ in scenario.stages]
        self._points = list(itertools.product(*(parameter.values for parameter in grid.parameters)))
        refuse(grid)

    def values(self, index: int) -> dict[str, Setting]:
        """The values of a fleet, by path."""
        return {path: _setting(value) for path, value in zip(self.grid.paths, self._points[index], strict=True)}

    def scenario_of(self, index: int) -> Scenario:
        """The scenario of a fleet that fits its machines."""
        return settled(varied(self.scenario, self.values(index), self.grid.option))

    def all(self) -> list[Fleet]:
        """Every fleet, in the order of the grid.

        Raises
        ------
        ScenarioError
            With the problems of those that are no valid scenarios, for another reason than that they do not fit.
        """
        fleets: list[Fleet] = []
        refused, broken = Refusals(self.grid, "--search"), 0
        for index in range(len(self._points)):
            try:
                fleets.append(self._fleet(index))
            except ScenarioError as error:
                refused.add(index, error)
                broken += 1
                if broken == MOST_BROKEN:
                    break
        refused.tell()
        return fleets

    def _fleet(self, index: int) -> Fleet:
        point = self._points[index]
        keys = tuple(tuple(_setting(point[place]) for place in places) for places in self._places)
        if any(key not in parts for key, parts in zip(keys, self._parts, strict=True)):
            scenario = varied(self.scenario, self.values(index), self.grid.option, fits=False)
            for key, parts, part in zip(keys, self._parts, self._look(scenario), strict=True):
                parts[key] = part
        return Fleet(index, keys, tuple(parts[key] for key, parts in zip(keys, self._parts, strict=True)))

    def _look(self, scenario: Scenario) -> list[Part]:
        """Every stage of a scenario."""
        misfits: dict[int, str] = {}
        for path, message in scenario.misfits():
            misfits.setdefault(int(path[1]), message)
        homes = [home_of(scenario.stages, index) for index in range(len(scenario.stages))]
        bare = {homes[at] for at, stage in enumerate(scenario.stages) if min(stage.replica_counts) == 1}
        lost = {at: heaviest(scenario, at) for at in sorted(set(homes) - bare)}
        plans = Plans.of(scenario)
        own = plans.outline(rate_per_s=1.0)
        replications = range(scenario.run.replications if theory.has_drawn_machines(own) else 1)
        whole = _utilisations(plans, replications)
        asked = [most for most, _ in theory.stage_demands(own)]
        asked_merging, merging = theory.merger_demands(own), [one.mergers for one in theory.certain_demands(own)]
        without, less = None, []
        if self._loses_zone:
            without, bare = without_zone(scenario), set(without_a_zone(scenario.stages)[1])
        elif self._loses_machine:
            without = scenario.with_lost(lost)
        if without is not None:
            less = _utilisations(Plans.of(without), replications)
        stages = zip(stage_views(own), fleet(scenario).stages, theory.constant_latencies_s(own), strict=True)
        return [
            Part(
                home=homes[at],
                fleet=machines,
                misfit=misfits.get(at, ""),
                asked=(asked[at], asked_merging[at]),
                busiest=tuple(one[at][0] for one in whole),
                mean=tuple(one[at][1] for one in whole),
                busiest_lost=tuple(one[at][0] for one in less if not bare & {at, homes[at]}),
                mean_lost=tuple(one[at][1] for one in less if not bare & {at, homes[at]}),
                merging=merging[at],
                constant_s=constant_s,
                is_busy_by_luck=any(one.is_busy_by_events for one in company_of(view))
                or view.part_used < 1
                or theory.beside_of(view) is not None,
            )
            for at, (view, machines, constant_s) in enumerate(stages)
        ]

    def on_paper(self, fleet: Fleet) -> Why | None:
        """What certainly speaks against a fleet; None: it is to be simulated."""
        names = [stage.name for stage in self.scenario.stages]
        for name, part in zip(names, fleet.parts, strict=True):
            if part.misfit:
                return Why(FIT, f"{name}: {part.misfit}")
        for condition in self.conditions:
            for name, part in zip(names, fleet.parts, strict=True):
                if condition.hits(part.home) and not part.busiest_lost:
                    return Why(REPLICAS, name, condition.name)
        for condition in reversed(self.conditions):  # the hardest first
            least, stage, is_merging = min(fleet.bottlenecks(condition))
            if least >= theory.FULL:
                return Why(SATURATED, f"{names[stage]}{' mergers' * is_merging}", condition.name, least)
        return self._beyond(fleet, names)

    def _beyond(self, fleet: Fleet, names: Sequence[str]) -> Why | None:
        """An objective that an empty system, or the share of time that replicas are busy, says is failed."""
        constants = [part.constant_s for part in fleet.parts]
        for slo in self.scenario.slos:
            if slo.measure in ("quantile", "share_within", "mean", "max"):
                these = constants if slo.stage is None else [constants[names.index(slo.stage)]]
                known = _sum(these)
                if known is not None and known > slo.bound + ROUNDING_S:
                    return Why(EMPTY, slo.text, "", known / slo.bound, said=format_duration(known))
            elif slo.measure in ("utilisation", "hottest"):
                at = names.index(slo.stage or "")
                if fleet.parts[at].is_busy_by_luck:
                    continue
                for condition in reversed(self.conditions):
                    busy = _busy(fleet.parts[at], slo, condition.hits(fleet.parts[at].home))
                    over = condition.rate_per_s * busy / slo.bound
                    if over > 1 + MARGIN:
                        return Why(OBJECTIVE, slo.text, condition.name, over)
            elif slo.is_priced:
                over = self._price_over(fleet, slo)
                if over >= 1:
                    return Why(OBJECTIVE, slo.text, "", over)
        return None

    def _price_over(self, fleet: Fleet, slo: Objective) -> float:
        """Price over its bound: that of the machines is exact, a query's is at least that at the rate offered."""
        assert fleet.usd_per_h is not None, "an objective on a price is refused without prices"
        if slo.measure == "cost":
            return fleet.usd_per_h / slo.bound
        least_per_s = min(condition.rate_per_s for condition in self.conditions)
        return fleet.usd_per_h / S_PER_H / least_per_s * 1e6 / slo.bound / (1 + MARGIN)


def _busy(part: Part, slo: Objective, is_lost: bool) -> float:
    """Utilisation at one query a second that an objective is about, by arithmetic.

    Where each replication draws its machines, another replica is the hottest in each: then it is the mean one.
    """
    mean, busiest = (part.mean_lost, part.busiest_lost) if is_lost else (part.mean, part.busiest)
    if slo.measure == "hottest" and len(busiest) == 1:
        return busiest[0]
    return sum(mean) / len(mean)


def _utilisations(plans: Plans, replications: Iterable[int]) -> list[list[tuple[float, float]]]:
    """At one query a second, by replication and stage: of the busiest replica, and the mean, as far as it is certain.

    0 of a stage that may be asked for any load.
    """
    outlines = [plans.outline(replication, 1.0) for replication in replications]
    return [
        [
            (float(sure.replicas.max()), float(sure.replicas.sum()) / view.replicas_in_all)
            for view, sure in zip(stage_views(one), theory.certain_demands(one), strict=True)
        ]
        for one in outlines
    ]


def _setting(value: object) -> Setting:
    assert isinstance(value, (str, int, float)), "rates are not searched"
    return value


def _stage_of(path: str, scenario: Scenario) -> int | None:
    """The only stage that a value touches; None: it may touch all."""
    source = r"(?:sources(?:\.[^.\[]+|\[\d+\])\.)?"
    match = re.fullmatch(rf"stages(?:\.([^.\[]+)|\[(\d+)\])\.{source}(\w+)(?:[.\[].*)?", path)
    if match is None or match[3] not in OWN:
        return None
    if match[2] is not None:
        return int(match[2])
    names = [stage.name for stage in scenario.stages]
    return names.index(match[1]) if match[1] in names else None


def refuse(grid: Grid) -> None:
    """Refuse to search what is not of the fleet."""
    problems = [
        Problem(parameter.option, 0, 0, parameter.path, "a fleet is what stages and hardware say; --load sets the load")
        for parameter in grid.parameters
        if re.split(r"[.\[]", parameter.path)[0] not in SEARCHED
    ]
    problems += [
        Problem(parameter.option, 0, 0, parameter.path, "values with names are for sweeps; list the values")
        for parameter in grid.parameters
        if any(isinstance(value, Named) for value in parameter.values)
    ]
    if problems:
        raise ScenarioError(problems)
    if not grid.parameters:
        message = "nothing to choose from: give --search PATH=VALUES, like stages.ranking.replicas=1..16"
        raise ScenarioError([Problem("--search", 0, 0, "", message)])


def unpriced(fleets: Sequence[Fleet], minimise: str) -> Mapping[str, None]:
    """Names of stages that lack what is minimised, in some fleet."""
    lacking = {"money": "usd_per_h", "energy": "power_w"}.get(minimise)
    if lacking is None:
        return {}
    return dict.fromkeys(
        part.fleet.name for fleet in fleets for part in fleet.parts if getattr(part.fleet, lacking) is None
    )
