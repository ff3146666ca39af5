"""The cache of a stage: the keys whose answers are known, the least recent first."""

from collections import OrderedDict

from simulator.core.caches import held_at_first, key_of
from simulator.core.plan import Plan, Rows


class Cache:
    """Least recently used keys go."""

    def __init__(self, plan: Plan, run_row: Rows, stage: int) -> None:
        self.plan, self.run_row, self.stage = plan, run_row, stage
        row = plan.stages[stage]
        self.size, self.hit_ns, self.ends = int(row["cached"]), int(row["hit_ns"]), bool(row["hit_ends"])
        self.held = OrderedDict.fromkeys(held_at_first(row))

    def has_answer(self, query: int) -> bool:
        """Whether the key of a query is held; then it is the most recent one."""
        key = self.key(query)
        if key in self.held:
            self.held.move_to_end(key)
            return True
        return False

    def keep(self, query: int) -> None:
        """The answer of a query is known now."""
        key = self.key(query)
        self.held[key] = None
        self.held.move_to_end(key)
        if len(self.held) > self.size:
            self.held.popitem(last=False)

    def key(self, query: int) -> int:
        """What a query asks for."""
        return int(key_of(self.plan.stages, self.run_row, self.stage, query))
