"""The ``model`` of a stage as it is written: linear, tree, deep or time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field

from simulator import models, units
from simulator.models import CostModel
from simulator.models.deep import weights_of
from simulator.models.tree import VISIT_S, depth_of
from simulator.scenario.fields import (
    Contradiction,
    Duration,
    Part,
    PositiveCount,
    PositiveDuration,
    quantity_type,
)
from simulator.scenario.laws import DurationLaw

Flop = quantity_type(units.parse_flop, "FLOP", "an amount of work: 1.2 GFLOP")


class _Scoring(Part):
    """What the models that score items have in common: a cost per item, and a fixed cost of a call."""

    kind: str
    per_item_s: PositiveDuration | None = Field(default=None, alias="per_item")
    overhead_s: Duration = Field(default=0.0, alias="overhead")

    def is_by_shape(self) -> bool:
        """Whether its time follows from shape and hardware."""
        return self.per_item_s is None

    def either_or(self, shape: dict[str, Any], needed: str) -> Iterable[Contradiction]:
        """Either ``per_item`` or the shape."""
        if self.per_item_s is None and all(value is None for value in shape.values()):
            yield (), f"needs per_item, or {needed}"


class LinearSpec(_Scoring):
    """A linear model: ``per_item``, or ``features`` on the stage's hardware."""

    kind: Literal["linear"]
    features: PositiveCount | None = None
    bytes_per_value: PositiveCount = 4.0

    def contradictions(self) -> Iterable[Contradiction]:
        """Some cost is given."""
        yield from self.either_or({"features": self.features}, "features (and hardware of the stage)")

    def missing_hardware(self, has_flops: bool, has_bandwidth: bool) -> str:
        """What of the hardware it needs and lacks."""
        return "" if not self.is_by_shape() or has_flops or has_bandwidth else "flops or memory_bandwidth"

    def cost_model(self, hardware: models.Hardware | None) -> CostModel:
        """The cost law."""
        return models.LinearModel(self.features, self.per_item_s, self.overhead_s, self.bytes_per_value, hardware)


class TreeSpec(_Scoring):
    """A tree ensemble: ``per_item``, or ``trees`` and ``depth`` (or ``leaves``), each node a ``visit``."""

    kind: Literal["tree"]
    trees: PositiveCount | None = None
    depth: PositiveCount | None = None
    leaves: PositiveCount | None = None
    visit_s: PositiveDuration = Field(default=VISIT_S, alias="visit")
    features: PositiveCount | None = None

    def contradictions(self) -> Iterable[Contradiction]:
        """Trees come with one measure of their depth."""
        shape = {"trees": self.trees, "depth": self.depth, "leaves": self.leaves}
        yield from self.either_or(shape, "trees with depth or leaves")
        if self.depth is not None and self.leaves is not None:
            yield ("leaves",), "give depth or leaves, not both"
        if self.leaves is not None and self.leaves < 2:
            yield ("leaves",), f"must be at least 2, got {self.leaves:g}"
        if (self.trees is None) != (self.depth is None and self.leaves is None):
            yield (), "needs both trees and depth (or leaves)"

    def missing_hardware(self, has_flops: bool, has_bandwidth: bool) -> str:
        """Nothing: visits are given in time."""
        return ""

    def cost_model(self, hardware: models.Hardware | None) -> CostModel:
        """The cost law."""
        depth = depth_of(self.leaves) if self.leaves is not None else self.depth
        return models.TreeModel(self.trees, depth, self.per_item_s, self.overhead_s, self.visit_s, self.features)


class DeepSpec(_Scoring):
    """A deep model: ``per_item``, or ``layers``, or ``flops_per_item`` and ``parameters``, on the stage's hardware."""

    kind: Literal["deep"]
    layers: tuple[PositiveCount, ...] | None = None
    flops_per_item: Flop | None = None  # type: ignore[valid-type]
    parameters: PositiveCount | None = None
    bytes_per_value: PositiveCount = 4.0

    def contradictions(self) -> Iterable[Contradiction]:
        """One shape, not two."""
        yield from self.either_or(
            {"layers": self.layers, "flops_per_item": self.flops_per_item},
            "layers, or flops_per_item with parameters (and hardware of the stage)",
        )
        if self.layers is not None:
            if len(self.layers) < 2:
                yield ("layers",), "needs at least an input and an output width"
            for key, value in (("flops_per_item", self.flops_per_item), ("parameters", self.parameters)):
                if value is not None:
                    yield (key,), "follows from layers; leave it out, or leave layers out"

    def missing_hardware(self, has_flops: bool, has_bandwidth: bool) -> str:
        """What of the hardware it needs and lacks."""
        return "" if not self.is_by_shape() or has_flops else "flops"

    def cost_model(self, hardware: models.Hardware | None) -> CostModel:
        """The cost law."""
        weights = None if self.layers is None else weights_of(self.layers)
        flop = self.flops_per_item if weights is None else 2 * weights
        parameters = self.parameters if weights is None else weights
        return models.DeepModel(
            flop, parameters or 0.0, self.per_item_s, self.overhead_s, self.bytes_per_value, hardware
        )


class TimeSpec(Part):
    """The whole task's time as a law, whatever its items."""

    kind: Literal["time"]
    law: DurationLaw

    def is_by_shape(self) -> bool:
        """Never."""
        return False

    def missing_hardware(self, has_flops: bool, has_bandwidth: bool) -> str:
        """Nothing."""
        return ""

    def cost_model(self, hardware: models.Hardware | None) -> CostModel:
        """The cost law."""
        return models.TimeModel(self.law.law)


ModelSpec = Annotated[LinearSpec | TreeSpec | DeepSpec | TimeSpec, Field(discriminator="kind")]
