"""What the fleet of a scenario is: machines, their price and power, and what a query costs of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from simulator.documents import parts
from simulator.scenario import Scenario, Stage, autoscale
from simulator.scenario.colocated import has_own_machines
from simulator.scenario.slo import Objective

S_PER_H = 3600.0


@dataclass(frozen=True)
class StageFleet:
    """The machines of one stage; None where its hardware does not say."""

    name: str
    machines: int
    usd_per_h: float | None
    power_w: float | None
    provided: float | None = None  #: the part of them that is paid for, where an autoscaler says so
    sources: tuple[StageFleet, ...] = ()  #: those of each of its sources, if it has any

    def with_sources(self) -> parts.StageMachines:
        """As the reference of documents lays out."""
        if not self.sources:
            return cast("parts.StageMachines", self.to_dict())
        return {**self.to_dict(), "sources": [one.to_dict() for one in self.sources]}

    def to_dict(self) -> parts.SourceMachines:
        """The same without its sources."""
        said: parts.SourceMachines = {
            "name": self.name,
            "machines": self.machines,
            "usd_per_h": self.usd_per_h,
            "power_w": self.power_w,
        }
        return said if self.provided is None else {**said, "provided_ratio": self.provided}


@dataclass(frozen=True)
class Fleet:
    """The machines of all stages."""

    stages: tuple[StageFleet, ...]

    @property
    def machines(self) -> int:
        """Number of machines."""
        return sum(stage.machines for stage in self.stages)

    @property
    def usd_per_h(self) -> float | None:
        """Price of all; None unless every stage is priced."""
        prices = [stage.usd_per_h for stage in self.stages if stage.usd_per_h is not None]
        return sum(prices) if len(prices) == len(self.stages) else None

    @property
    def power_w(self) -> float | None:
        """Power of all; None unless every stage states its own."""
        powers = [stage.power_w for stage in self.stages if stage.power_w is not None]
        return sum(powers) if len(powers) == len(self.stages) else None

    def served(self, provided: Mapping[int, float]) -> Fleet:
        """The same with price and power of the stages that are scaled, by index, for the part that served."""

        def part_of(figure: float | None, part: float) -> float | None:
            return None if figure is None else figure * part

        return Fleet(
            tuple(
                replace(
                    stage,
                    usd_per_h=part_of(stage.usd_per_h, provided[index]),
                    power_w=part_of(stage.power_w, provided[index]),
                    provided=provided[index],
                )
                if index in provided
                else stage
                for index, stage in enumerate(self.stages)
            )
        )

    def to_dict(self, queries_per_s: float | None) -> parts.Fleet:
        """With what a query costs at this rate; null is "not given", never 0."""
        usd_per_h, power_w = self.usd_per_h, self.power_w
        has_rate = queries_per_s is not None and queries_per_s > 0
        per_million = queries_per_joule = None
        if has_rate and usd_per_h is not None:
            assert queries_per_s is not None
            per_million = usd_per_h / S_PER_H / queries_per_s * 1e6
        if has_rate and power_w:
            assert queries_per_s is not None
            queries_per_joule = queries_per_s / power_w
        return {
            "machines": self.machines,
            "usd_per_h": usd_per_h,
            "power_w": power_w,
            "usd_per_million_queries": per_million,
            "queries_per_joule": queries_per_joule,
            "stages": [stage.with_sources() for stage in self.stages],
        }


def too_dear(scenario: Scenario) -> list[Objective]:
    """Objectives on the price of the fleet that it misses, whoever comes: nobody is scaled, so it is known."""
    usd_per_h = fleet(scenario).usd_per_h
    if usd_per_h is None or any(stage.autoscale is not None for stage in scenario.stages):
        return []
    return [slo for slo in scenario.slos if slo.measure == "cost" and usd_per_h >= slo.bound]


def _of_fleet(stage: Stage, scenario: Scenario) -> StageFleet:
    """The machines of a source, or of a stage that has none."""
    machines = stage.machines if has_own_machines(stage) else 0  # those of the stage on which it runs
    spec = None if stage.hardware is None else scenario.hardware[stage.hardware]
    price = None if spec is None or spec.price is None else machines * spec.price
    power = None if spec is None or spec.power is None else machines * spec.power
    return StageFleet(stage.name, machines, price, power)


def fleet(scenario: Scenario) -> Fleet:
    """The machines that a scenario takes."""
    stages = []
    for stage in scenario.stages:
        each = [_of_fleet(one, scenario) for one in stage.fleets]
        prices = [one.usd_per_h for one in each if one.usd_per_h is not None]
        powers = [one.power_w for one in each if one.power_w is not None]
        price = sum(prices) if len(prices) == len(each) else None
        power = sum(powers) if len(powers) == len(each) else None
        sources = tuple(each) if stage.sources is not None else ()
        stages.append(StageFleet(stage.name, sum(one.machines for one in each), price, power, sources=sources))
    return Fleet(tuple(stages))


def usd_of_scaled(scenario: Scenario) -> dict[int, float]:
    """USD an hour of all machines of the stages that are scaled, by index; of those that are priced."""
    priced = enumerate(zip(fleet(scenario).stages, scenario.stages, strict=True))
    return {
        index: of.usd_per_h for index, (of, stage) in priced if of.usd_per_h is not None and autoscale.is_scaled(stage)
    }
