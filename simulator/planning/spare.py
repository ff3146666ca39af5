"""What a fleet must still do: conditions under which it must meet every objective; and why one fell."""

from dataclasses import dataclass

from simulator import theory
from simulator.base.errors import ArgumentError, Problem, ScenarioError
from simulator.documents import size
from simulator.planner import load
from simulator.planner.plans import Plans
from simulator.scenario import Scenario
from simulator.scenario.colocated import has_own_machines, lose_alike, together
from simulator.scenario.machines import heaviest_machine, without_a_zone, zones_of

#: What a fleet must survive: so many machines gone, or a zone.
Survive = int | str
ZONE = "zone"

#: Why a fleet fell: it does not fit its machines; a stage has no replica to spare; its replicas are asked for more than
#: all their time; even an empty system is too late; it was seen to miss an objective; that was not to be told.
FIT, REPLICAS, SATURATED, EMPTY, OBJECTIVE, INCONCLUSIVE = (
    *("does not fit", "no replica to spare", "saturated", "late when empty", "objective", "inconclusive"),
)
REASONS = (FIT, REPLICAS, SATURATED, EMPTY, OBJECTIVE, INCONCLUSIVE)


@dataclass(frozen=True)
class Condition:
    """One of those under which a fleet must meet every objective."""

    name: str  #: empty: as it is
    factor: float  #: on the load
    lost: int | None  #: the stage that lost its heaviest machine
    rate_per_s: float  #: mean rate while measured
    is_zone_gone: bool = False  #: all stages that have zones lost one

    def hits(self, home: int) -> bool:
        """Whether machines of a stage may be gone."""
        return self.is_zone_gone or self.lost == home

    def applied(self, scenario: Scenario) -> Scenario:
        """A scenario under the condition."""
        if self.factor != 1:
            scenario = scenario.with_scale(scenario.load.scale * self.factor)
        if self.lost is not None:
            scenario = scenario.with_lost({self.lost: heaviest(scenario, self.lost)})
        return without_zone(scenario) if self.is_zone_gone else scenario


def heaviest(scenario: Scenario, stage: int) -> int:
    """The machine of a stage whose loss is the worst; of one with sources, of which a query takes most of the time."""
    one = scenario.stages[stage]
    if one.sources is None:
        return heaviest_machine(one)
    return heaviest_machine(one, theory.shard_services_s(Plans.of(scenario).outline(rate_per_s=1.0), stage))


def without_zone(scenario: Scenario) -> Scenario:
    """A scenario whose stages have lost a zone, those that would have a replica of each shard left.

    It is the zone that has most: with replica i in zone i mod zones, the first.
    """
    updates, _ = without_a_zone(scenario.stages)
    return scenario.with_stages(updates)


def bereft(scenario: Scenario, survive: str) -> Scenario:
    """A scenario without a zone.

    Raises
    ------
    ScenarioError
        As ``refuse_unsparing``, and if a shard would have no replica.
    ArgumentError
        If it is to survive something else.
    """
    if survive != ZONE:
        raise ArgumentError(f"survive the loss of a zone, got {survive!r}")
    refuse_unsparing(scenario, survive)
    _, bare = without_a_zone(scenario.stages)
    if bare:
        names = ", ".join(scenario.stages[index].name for index in bare)
        message = f"{names}: without a zone, some shard has no replica left: have more replicas, or leave --survive out"
        raise ScenarioError([Problem(scenario.source, 0, 0, "stages", message)])
    return without_zone(scenario)


def refuse_unsparing(scenario: Scenario, survive: Survive) -> None:
    """Raise ScenarioError where it cannot be asked what it survives: it lost something already, or has no zones."""
    lacking = [stage.name for stage in scenario.stages if stage.lost_machine is not None]
    if survive and lacking:
        message = f"{', '.join(lacking)} lost a machine already: leave lost_machine out, or --survive"
        raise ScenarioError([Problem(scenario.source, 0, 0, "stages", message)])
    away = [stage.name for stage in scenario.stages if stage.outages]
    if survive and away:
        message = f"{', '.join(away)} has outages, which say already what it survives: leave them out, or --survive"
        raise ScenarioError([Problem(scenario.source, 0, 0, "stages", message)])

    if survive == ZONE and all(zones_of(stage, scenario.stages) is None for stage in scenario.stages):
        cure = "give stages.NAME.zones, like 3: replica i is in zone i mod zones"
        raise ScenarioError([Problem(scenario.source, 0, 0, "stages", f"no stage says how many zones it has: {cure}")])
    pairs = [(one, stage) for stage in scenario.stages for one in together(scenario.stages, stage)]
    unlike = [one.name for one, stage in pairs if one.colocate == stage.name and not lose_alike(one, stage)]
    if survive and unlike:
        message = f"{', '.join(unlike)} has other rows of machines than the stage that it is colocated with"
        cure = "have shards, per_machine and routing.by as there, or leave --survive out"
        raise ScenarioError([Problem(scenario.source, 0, 0, "stages", f"{message}: {cure}")])


def spare_notes(scenario: Scenario, survive: Survive) -> list[str]:
    """What stages do not lose with a zone."""
    if survive != ZONE:
        return []
    untouched = [stage.name for stage in scenario.stages if zones_of(stage, scenario.stages) is None]
    have = "has" if len(untouched) == 1 else "have"
    return [f"{', '.join(untouched)} {have} no zones: without a zone, all is there"] if untouched else []


def conditions_of(scenario: Scenario, headroom: float, survive: Survive) -> tuple[Condition, ...]:
    """The load as it is; with headroom; and with that, without a machine of each stage in turn, or without a zone.

    Raises
    ------
    ScenarioError
        As ``refuse_unsparing``.
    """
    refuse_unsparing(scenario, survive)

    def rate_per_s(factor: float) -> float:
        scaled = scenario.with_scale(scenario.load.scale * factor)
        if load.known_extent(scaled) is None:
            return load.make_load(scaled, 0).rate_per_s  # refuses what no fleet could be given
        return load.expected_per_s(scaled, 0)

    conditions = [Condition("", 1.0, None, rate_per_s(1.0))]
    factor, spare = 1 + headroom, f"with {100 * headroom:.12g} % headroom" if headroom else ""
    if headroom:
        conditions.append(Condition(spare, factor, None, rate_per_s(factor)))
    last_per_s = conditions[-1].rate_per_s
    if survive == ZONE:
        name = f"{spare} and without a zone" if spare else "without a zone"
        return (*conditions, Condition(name, factor, None, last_per_s, is_zone_gone=True))
    for index, stage in enumerate(scenario.stages if survive else ()):
        if not has_own_machines(stage):
            continue  # its machines are those of another
        name = f"{spare} and without" if spare else "without"
        conditions.append(Condition(f"{name} a machine of {stage.name}", factor, index, last_per_s))
    return tuple(conditions)


@dataclass(frozen=True)
class Why:
    """Why a fleet fell."""

    reason: str
    what: str  #: the objective, the stage, or what does not fit
    condition: str = ""
    over: float | None = None  #: figure over bound; of one that is saturated, demand
    low: float | None = None  #: ends of its interval, where it was simulated
    high: float | None = None
    said: str = ""  #: in words, what the figures do not say

    @property
    def is_of_objective(self) -> bool:
        """Whether ``what`` is an objective."""
        return self.reason in (EMPTY, OBJECTIVE, INCONCLUSIVE)

    def to_dict(self) -> size.Why:
        """With null for what there is not."""
        return {
            "reason": self.reason,
            "what": self.what,
            "condition": self.condition,
            "over_bound": {"value": self.over, "low": self.low, "high": self.high},
            "said": self.said,
        }


def order(cost: float, index: int) -> tuple[float, int]:
    """The cheapest first; of equal ones, to nine digits, the first of the grid."""
    return float(f"{cost:.9g}"), index
