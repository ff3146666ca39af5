"""The ``model`` of a stage as it is written: linear, tree, deep, embedding, measured, curve, time, or a sum."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, StrictBool

from simulator import models
from simulator.base import units
from simulator.base.formats import counted, shortest
from simulator.core.plan import F8
from simulator.models import CostModel, Hardware
from simulator.models.deep import weights_of
from simulator.models.measured import drawn_again
from simulator.models.spread import HICCUP, undecided
from simulator.models.tree import VISIT_S, depth_of
from simulator.scenario import fields
from simulator.scenario.curve import CurveSpec
from simulator.scenario.held import FileOfNumbers
from simulator.scenario.laws import DurationLaw
from simulator.scenario.model_part import ModelPart, PluggedSpec
from simulator.scenario.plugged import or_plugged
from simulator.scenario.recorded import Measured, read_measured
from simulator.scenario.rows import TraceError

Flop = fields.quantity_type(units.parse_flop, "FLOP", "an amount of work: 1.2 GFLOP")


class _Scoring(ModelPart):
    """What the models that score items have in common: a cost per item, and a fixed cost of a call."""

    per_item_s: fields.PositiveDuration | None = Field(default=None, alias="per_item")
    overhead_s: fields.Duration = Field(default=0.0, alias="overhead")

    def either_or(self, shape: dict[str, Any], needed: str) -> Iterable[fields.Contradiction]:
        """Either ``per_item`` or the shape."""
        if self.per_item_s is None and all(value is None for value in shape.values()):
            yield (), f"needs per_item, or {needed}"

    def given(self, hardware: Hardware | None) -> dict[str, Any]:
        """What the cost laws have in common."""
        return {"per_item_s": self.per_item_s, "overhead_s": self.overhead_s, "hardware": hardware}


class LinearSpec(_Scoring):
    """A linear model: ``per_item``, or ``features`` on the stage's hardware."""

    kind: Literal["linear"]
    features: fields.PositiveCount | None = None
    bytes_per_value: fields.PositiveCount = 4.0

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Some cost is given."""
        yield from self.either_or({"features": self.features}, "features (and hardware of the stage)")

    def missing_hardware(self, hardware: Hardware) -> str:
        """What of the hardware it needs and lacks."""
        has_any = hardware.flops_per_s or hardware.memory_bandwidth_bytes_per_s
        return "" if self.per_item_s is not None or has_any else "flops or memory_bandwidth"

    def cost_model(self, hardware: Hardware | None) -> CostModel:
        """The cost law."""
        return models.LinearModel(features=self.features, bytes_per_value=self.bytes_per_value, **self.given(hardware))


class TreeSpec(_Scoring):
    """A tree ensemble: ``per_item``, or ``trees`` and ``depth`` (or ``leaves``), each node a ``visit``."""

    kind: Literal["tree"]
    trees: fields.PositiveCount | None = None
    depth: fields.PositiveCount | None = None
    leaves: fields.PositiveCount | None = None
    visit_s: fields.PositiveDuration = Field(default=VISIT_S, alias="visit")
    features: fields.PositiveCount | None = None

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Trees come with one measure of their depth."""
        shape = {"trees": self.trees, "depth": self.depth, "leaves": self.leaves}
        yield from self.either_or(shape, "trees with depth or leaves")
        if self.depth is not None and self.leaves is not None:
            yield ("leaves",), "give depth or leaves, not both"
        if self.leaves is not None and self.leaves < 2:
            yield ("leaves",), f"must be at least 2, got {shortest(self.leaves)}"
        if (self.trees is None) != (self.depth is None and self.leaves is None):
            yield (), "needs both trees and depth (or leaves)"

    def cost_model(self, hardware: Hardware | None) -> CostModel:
        """The cost law."""
        depth = depth_of(self.leaves) if self.leaves is not None else self.depth
        return models.TreeModel(
            trees=self.trees, depth=depth, visit_s=self.visit_s, features=self.features, **self.given(hardware)
        )


class DeepSpec(_Scoring):
    """A deep model: ``per_item``, or ``layers``, or ``flops_per_item`` and ``parameters``, on the stage's hardware."""

    kind: Literal["deep"]
    layers: tuple[fields.PositiveCount, ...] | None = None
    flops_per_item: Flop | None = None  # type: ignore[valid-type]
    parameters: fields.PositiveCount | None = None
    bytes_per_value: fields.PositiveCount = 4.0

    def contradictions(self) -> Iterable[fields.Contradiction]:
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

    def missing_hardware(self, hardware: Hardware) -> str:
        """What of the hardware it needs and lacks."""
        return "" if self.per_item_s is not None or hardware.flops_per_s else "flops"

    def cost_model(self, hardware: Hardware | None) -> CostModel:
        """The cost law."""
        weights = None if self.layers is None else weights_of(self.layers)
        return models.DeepModel(
            flop_per_item=self.flops_per_item if weights is None else 2 * weights,
            parameters=(self.parameters or 0.0) if weights is None else weights,
            bytes_per_value=self.bytes_per_value,
            **self.given(hardware),
        )


class EmbeddingSpec(_Scoring):
    """Embeddings: ``per_item``, or ``lookups`` rows of ``dimension`` values in each of the ``tables``."""

    kind: Literal["embedding"]
    tables: fields.PositiveCount | None = None
    lookups: fields.PositiveCount | None = None
    dimension: fields.PositiveCount | None = None
    rows: fields.PositiveCount | None = None
    bytes_per_value: fields.PositiveCount = 4.0

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """The shape is whole."""
        shape = {"tables": self.tables, "lookups": self.lookups, "dimension": self.dimension}
        missing = [key for key, value in shape.items() if value is None]
        if self.per_item_s is None and missing:
            yield (), "needs per_item, or tables, lookups and dimension (and hardware of the stage)"
        elif self.rows is not None and (self.tables is None or self.dimension is None):
            yield ("rows",), "are for the memory that they take: give tables and dimension, too"

    def missing_hardware(self, hardware: Hardware) -> str:
        """What of the hardware it needs and lacks."""
        has_any = hardware.random_access_bytes_per_s or hardware.memory_bandwidth_bytes_per_s
        return "" if self.per_item_s is not None or has_any else "random_access_bandwidth or memory_bandwidth"

    def cost_model(self, hardware: Hardware | None) -> CostModel:
        """The cost law."""
        return models.EmbeddingModel(
            tables=self.tables,
            lookups=self.lookups,
            dimension=self.dimension,
            rows=self.rows,
            bytes_per_value=self.bytes_per_value,
            **self.given(hardware),
        )


class TimeSpec(ModelPart):
    """The whole task's time as a law, whatever its items."""

    kind: Literal["time"]
    law: DurationLaw

    def has_spread(self) -> bool:
        """Its law is one."""
        return True

    def has_law(self) -> bool:
        """It is one."""
        return True

    def depends_on_items(self) -> bool:
        """Never."""
        return False

    def cost_model(self, hardware: Hardware | None) -> CostModel:
        """The cost law."""
        return models.TimeModel(self.law.law)


class MeasuredSpec(ModelPart):
    """Times by number of items, from a CSV file of measurements."""

    kind: Literal["measured"]
    file: FileOfNumbers
    items: fields.Text | None = None
    time: fields.Text | None = None
    unit: fields.word_type(*units.COLUMN_UNITS) = "s"  # type: ignore[valid-type]
    overhead_s: fields.Duration = Field(default=0.0, alias="overhead")
    sample: StrictBool | None = None

    _drawn: models.MeasuredModel | None = PrivateAttr(None)  #: of a replication that has measurements of its own

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """The file must be one."""
        try:
            self.rows()
        except TraceError as error:
            raise fields.file_problem(error) from None
        return ()

    def rows(self) -> Measured:
        """Items and times in seconds of each row."""
        return self.file.read(read_measured, self.items, self.time, units.COLUMN_UNITS[self.unit])

    def has_spread(self) -> bool:
        """Whether anything was measured twice."""
        return self.cost_model(None).spread is not None

    def notes(self, hardware: Hardware | None) -> list[str]:
        """What of the measurements is not taken as it stands."""
        model, mixed, notes = self.measured(), self.rows().mixed, []
        if model.changed:
            notes.append(f"measured times fall with more items; made non-decreasing at {_some(model.changed)} items")
        if len(model.sizes) == 1:
            items = counted(model.sizes[0], "item", "{:g}".format)
            notes.append(f"times were measured at {items} only; they are taken for any number")
        if model.spread is not None and model.spread.extras_s:
            notes.append(model.spread.note())
        apart = undecided(self.rows().items, self.rows().time_s)
        if apart:
            times = f"the two times at {_some(apart)} items are more than {HICCUP:g} times apart"
            notes.append(f"{times}: a hiccup, or how times vary? the latter is taken; measure there more often")
        if mixed:
            several = "several configurations seem mixed, keep the rows of one"
            notes.append(f"measured times at one number of items differ by {', '.join(mixed)}: {several}")
        return notes

    def measured(self) -> models.MeasuredModel:
        """The cost law."""
        return replace(self._drawn or self.rows().model, overhead_s=self.overhead_s)

    def samples(self) -> bool:
        """Whether its noise is to be seen in the intervals."""
        return bool(self.sample)

    def sampled(self, uniforms: Callable[[int], F8]) -> Self:
        """With as many measurements at each size, drawn from those there are (Efron, 1979)."""
        if not self.sample:
            return self
        rows, copy = self.rows(), self.model_copy()
        copy._drawn = models.MeasuredModel.of(*drawn_again(rows.items, rows.time_s, uniforms(len(rows.items))))
        return copy

    def cost_model(self, hardware: Hardware | None) -> CostModel:
        """The cost law."""
        return self.measured()


def _some(sizes: Sequence[float]) -> str:
    return ", ".join(f"{size:g}" for size in sizes[:5]) + (", ..." if len(sizes) > 5 else "")


_PLUGGED = or_plugged("models", PluggedSpec)

PartSpec = Annotated[
    LinearSpec | TreeSpec | DeepSpec | EmbeddingSpec | MeasuredSpec | CurveSpec | TimeSpec,
    Field(discriminator="kind"),
    *_PLUGGED,
]


class SumSpec(ModelPart):
    """Several models on the same items, one after another."""

    kind: Literal["sum"]
    parts: tuple[PartSpec, ...]

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """There are parts, whose times can be added up."""
        if not self.parts:
            yield ("parts",), "needs at least one part"
        with_spread = [index for index, part in enumerate(self.parts) if part.kind in ("time", "measured")]
        if len(with_spread) > 1:
            yield ("parts", with_spread[1]), "a task has one spread: at most one part is a time or measured"

    def missing_hardware(self, hardware: Hardware) -> str:
        """What the first of its parts lacks that lacks something."""
        lacking = (part.missing_hardware(hardware) for part in self.parts)
        return next((missing for missing in lacking if missing), "")

    def without_hardware(self) -> str:
        """What is wrong with the first of its parts that needs hardware."""
        return next((said for part in self.parts if (said := part.without_hardware())), "")

    def depends_on_hardware(self) -> bool:
        """Whether a part does."""
        return any(part.depends_on_hardware() for part in self.parts)

    def refusal(self, hardware: Hardware | None) -> str:
        """What the first of its parts does wrong that does something wrong."""
        return next((said for part in self.parts if (said := part.refusal(hardware))), "")

    def notes(self, hardware: Hardware | None) -> list[str]:
        """Those of its parts."""
        return [note for part in self.parts for note in part.notes(hardware)]

    def has_spread(self) -> bool:
        """Whether a part brings one."""
        return any(part.has_spread() for part in self.parts)

    def samples(self) -> bool:
        """Whether a part does."""
        return any(part.samples() for part in self.parts)

    def sampled(self, uniforms: Callable[[int], F8]) -> Self:
        """With its parts so; one at most is measured."""
        return self.model_copy(update={"parts": tuple(part.sampled(uniforms) for part in self.parts)})

    def has_law(self) -> bool:
        """Whether a part is one."""
        return any(part.has_law() for part in self.parts)

    def depends_on_items(self) -> bool:
        """Whether a part does."""
        return any(part.depends_on_items() for part in self.parts)

    def cost_model(self, hardware: Hardware | None) -> CostModel:
        """The cost law."""
        return models.SumModel(tuple(part.cost_model(hardware) for part in self.parts))


ModelSpec = Annotated[
    LinearSpec | TreeSpec | DeepSpec | EmbeddingSpec | MeasuredSpec | CurveSpec | TimeSpec | SumSpec,
    Field(discriminator="kind"),
    *_PLUGGED,
]

#: What each kind of model may say.
MODEL_SPECS: dict[str, type[fields.Part]] = {
    "linear": LinearSpec,
    "tree": TreeSpec,
    "deep": DeepSpec,
    "embedding": EmbeddingSpec,
    "measured": MeasuredSpec,
    "curve": CurveSpec,
    "time": TimeSpec,
    "sum": SumSpec,
}
