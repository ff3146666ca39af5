"""How a stage of a plan makes batches, by names: a part of ``StageView``."""

from simulator.core.plan import F8, Plan


class BatchView:
    """What a stage of a plan serves together."""

    plan: Plan
    index: int

    def _number(self, column: str) -> int:
        return int(self.plan.stages[self.index][column])

    @property
    def is_batched(self) -> bool:
        """Whether a task's service depends on what is served together with it."""
        return bool(self.plan.is_batched[self.index])

    @property
    def is_padded(self) -> bool:
        """Whether what is served costs what a compiled size does."""
        return self._number("sizes") > 0

    @property
    def sizes(self) -> F8:
        """(sizes,) items that what is served is padded to, growing."""
        first = self._number("first_size")
        return self.plan.batch_points[first : first + self._number("sizes")]

    @property
    def max_size(self) -> int:
        """Tasks that a worker serves at once, at most."""
        return self._number("max_size")

    @property
    def max_items(self) -> float:
        """Effective items of a batch, at most."""
        return float(self.plan.stages[self.index]["max_items"])

    @property
    def max_wait_ns(self) -> int:
        """After which those that wait are a batch."""
        return self._number("max_wait_ns")

    @property
    def preferred(self) -> tuple[int, ...]:
        """Sizes of batches that need not wait."""
        first = self._number("first_preferred")
        return tuple(int(size) for size in self.plan.batch_points[first : first + self._number("preferred")])

    @property
    def batch_slice(self) -> slice:
        """Its counts of batches by size among those of all stages; none where it makes no batches."""
        first = self._number("first_batch")
        return slice(first, first + self.max_size * self.is_batched)
