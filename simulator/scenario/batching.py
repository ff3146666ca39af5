"""How a stage's workers serve several tasks at once, as it is written."""

from collections.abc import Iterable
from itertools import pairwise

from pydantic import Field

from simulator.base.formats import shortest
from simulator.core.assemble import MOST_WAIT_NS
from simulator.scenario import fields

#: Tasks of a batch, at most.
MOST_TASKS = 100_000
MOST_WAIT_S = MOST_WAIT_NS * 1e-9


class Batching(fields.Part):
    """How many tasks a worker takes at once, and how long they are waited for."""

    max_size: fields.whole_type(1, MOST_TASKS)  # type: ignore[valid-type]
    max_wait_s: fields.Duration = Field(default=0.0, alias="max_wait")
    max_items: fields.PositiveCount | None = None
    preferred: tuple[fields.whole_type(1, MOST_TASKS), ...] = ()  # type: ignore[valid-type]
    sizes: tuple[fields.PositiveCount, ...] = ()

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Sizes are sizes of such batches."""
        if self.max_wait_s > MOST_WAIT_S:
            yield ("max_wait",), "a batch waits a year at most"
        for at, size in enumerate(self.preferred):
            if size > self.max_size:
                yield ("preferred", at), f"max_size is {self.max_size}, got {size}"
        for at, (one, two) in enumerate(pairwise(self.sizes)):
            if one >= two:
                yield ("sizes", at + 1), f"sizes grow: {shortest(two)} follows {shortest(one)}"
        if self.sizes and self.max_items is not None and self.max_items > self.sizes[-1]:
            largest = shortest(self.sizes[-1])
            yield ("max_items",), f"the largest of sizes is {largest} items, got {shortest(self.max_items)}"

    def largest_items(self, of_a_task: float) -> float:
        """Items of the largest batch, where tasks have so many each."""
        together = int(self.max_size) * of_a_task
        return together if self.max_items is None else max(of_a_task, min(together, float(self.max_items)))

    def of_tasks(self, most_items: float) -> Iterable[fields.Contradiction]:
        """The largest size takes every batch, of tasks of so many items at most."""
        if self.sizes and self.largest_items(most_items) > self.sizes[-1] * (1 + 1e-9):
            items, cure = self.largest_items(most_items), "add a size, or limit max_items"
            yield ("sizes",), f"the largest takes {shortest(self.sizes[-1])} items of {items:g}: {cure}"
