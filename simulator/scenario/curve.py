"""``model: {kind: curve}``: times by number of items as they stand in a table that somebody has published."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from simulator.base.formats import counted, there_are
from simulator.models import CostModel, Hardware, MeasuredModel
from simulator.scenario import fields
from simulator.scenario.model_part import ModelPart

#: Sizes of a curve, at most: longer ones are files.
MOST_SIZES = 1000


class CurveSpec(ModelPart):
    """A time for each of some sizes: linear between, last slope beyond, constant below. It has no spread of its own."""

    kind: Literal["curve"]
    items: tuple[fields.PositiveCount, ...]
    times_s: tuple[fields.PositiveDuration, ...] = Field(alias="times")
    overhead_s: fields.Duration = Field(default=0.0, alias="overhead")

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Each size has a time, and a larger one takes no less."""
        sizes, times = len(self.items), len(self.times_s)
        if not 1 <= sizes <= MOST_SIZES:
            yield ("items",), f"from 1 to {MOST_SIZES:,} sizes, got {sizes:,}; a longer table is a file: kind measured"
        if sizes != times:
            yield ("times",), f"one for each size: {there_are(sizes, 'size')} and {counted(times, 'time')}"
        for key, values, is_equal_wrong in (("items", self.items, True), ("times", self.times_s, False)):
            for place in range(1, len(values)):
                before, here = values[place - 1], values[place]
                if here < before or (is_equal_wrong and here == before):
                    more = "grow from one to the next" if is_equal_wrong else "do not fall: more items take no less"
                    yield (key, place), f"{key} {more}, and {here:g} comes after {before:g}"

    def notes(self, hardware: Hardware | None) -> list[str]:
        """That one size is taken for all."""
        if len(self.items) > 1:
            return []
        return [f"a time is given for {self.items[0]:g} items only; it is taken for any number"]

    def cost_model(self, hardware: Hardware | None) -> CostModel:
        """The cost law."""
        return MeasuredModel(tuple(self.items), tuple(self.times_s), overhead_s=self.overhead_s)
