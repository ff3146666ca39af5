"""What a search may take: seconds, and queries. Without a budget no answer depends on the clock."""

import math
import time
from dataclasses import dataclass, field

from simulator.base.errors import ArgumentError
from simulator.base.formats import format_count, format_duration


def checked_tolerance(tolerance: float) -> float:
    """Half an interval over its value, that a search is to reach, if it can be. Raises ArgumentError."""
    if not 0 < tolerance < 1:
        raise ArgumentError(f"a tolerance is above 0 and below 1, got {tolerance:g}", "tolerance")
    return tolerance


class BudgetSpentError(Exception):
    """The next piece of a search would take more than there is left; the message says of what."""


@dataclass
class Budget:
    """Seconds and simulated queries that a search may take, counted from when it is made; None: as many as it needs.

    What is next is begun only if it will end within the budget, as far as those before it tell. The first piece is
    always within the time, since nothing tells.
    """

    time_s: float | None = None
    queries: int | None = None
    began: float = field(default_factory=time.monotonic)
    done: int = 0  #: queries simulated so far
    busy_s: float = 0.0  #: seconds that they took

    def __post_init__(self) -> None:
        if self.time_s is not None and not self.time_s > 0:
            raise ArgumentError(f"a search takes more than no time, got {self.time_s}")
        if self.queries is not None and self.queries < 1:
            raise ArgumentError(f"a search takes at least one query, got {self.queries}")

    def expected_s(self, queries: int) -> float:
        """Seconds that so many more queries take, at the speed so far."""
        return self.busy_s * queries / self.done if self.done else 0.0

    def elapsed_s(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def ask(self, queries: int) -> None:
        """Raise BudgetSpentError unless so many more queries are within the budget."""
        if self.queries is not None and self.done + queries > self.queries:
            raise BudgetSpentError(f"the budget of {format_count(self.queries)} queries is reached")
        self.ask_s(self.expected_s(queries))

    def ask_s(self, seconds: float) -> None:
        """Raise BudgetSpentError unless so many more seconds are within the budget."""
        is_over = self.time_s is not None and self.elapsed_s() + seconds > self.time_s
        if is_over and (self.done or seconds):
            raise BudgetSpentError(f"the budget of {format_duration(self.time_s or math.nan)} is reached")

    def took(self, queries: int, seconds: float) -> None:
        """Count what was simulated."""
        self.done += queries
        self.busy_s += seconds
