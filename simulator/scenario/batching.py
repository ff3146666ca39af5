"""How a stage's workers serve several tasks at once, as it is written."""

from collections.abc import Iterable
from itertools import pairwise

from pydantic import Field

from simulator.base.formats import shortest
from simulator.core.checked import MOST_WAIT_NS
from simulator.core.laws import Law
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

    def calls(self, of_a_task: float) -> Iterable[tuple[int, float]]:
        """Tasks of a batch and the items that it costs: one, twice as many each, and the largest.

        >>> list(Batching(max_size=6, sizes=(15, 100)).calls(10.0))
        [(1, 15.0), (2, 100.0), (4, 100.0), (6, 100.0)]
        """
        most, tasks = int(self.max_size), 1
        if self.max_items is not None and of_a_task > 0:
            most = max(1, min(most, int(float(self.max_items) / of_a_task)))
        while tasks <= most:
            items = tasks * of_a_task
            yield tasks, next((float(size) for size in self.sizes if size >= items), items)
            tasks = min(2 * tasks, most) if tasks < most else most + 1

    def of_stage(
        self, discipline: str, has_law: bool, counts: Law | None, largest_share: float
    ) -> Iterable[fields.Contradiction]:
        """A batch takes as long as its items do, and what is compiled for sizes takes every batch.

        ``counts``: the law of the stage's own candidates, if it says one.
        """
        if has_law:
            yield (), "a law of times does not say how long several tasks take: use a model that counts items"
        if discipline != "fifo":
            yield (), f"batches are made in the order of arrival: leave queue {discipline!r} out"
        if self.sizes and counts is not None and counts.is_constant():
            items, largest = self.largest_items(counts.mean() * largest_share), self.sizes[-1]
            if items > largest * (1 + 1e-9):
                cure = "add a size, or limit max_items"
                yield ("sizes",), f"the largest takes {shortest(largest)} items of {items:g}: {cure}"
