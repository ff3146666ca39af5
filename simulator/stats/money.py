"""What a fleet costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.stats.means import Interval


@dataclass(frozen=True)
class Price:
    """USD an hour of all machines, None: not priced; and of those of the stages that are scaled, by index."""

    usd_per_h: float | None = None
    of_scaled: Mapping[int, float] = field(default_factory=dict)


#: Of a fleet without prices.
NO_PRICE = Price()


@dataclass(frozen=True)
class Money:
    """What a fleet costs, and the queries that it completes for it."""

    usd_per_h: float | None  #: of all machines; None: not priced
    completed: Interval  #: queries a second
    by_hours: tuple[Interval, Interval] | None = None  #: of replicas that come and go: an hour, and a million queries

    def per_h(self) -> Interval:
        """USD an hour; without ends where it is arithmetic."""
        return Interval(self.usd_per_h) if self.by_hours is None else self.by_hours[0]

    def per_million(self) -> Interval:
        """USD for a million queries that were completed; of an exact price the interval is that of their rate."""
        if self.by_hours is not None:
            return self.by_hours[1]
        usd_per_h = self.usd_per_h
        low, high = (None if usd_per_h is None or not end else usd_per_h / 3600 / end * 1e6 for end in self._ends())
        value = self.completed.value
        return Interval(None if usd_per_h is None or not value else usd_per_h / 3600 / value * 1e6, low, high)

    def _ends(self) -> tuple[float | None, float | None]:
        return self.completed.high, self.completed.low
