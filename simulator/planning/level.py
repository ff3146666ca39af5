"""What one effort of a search for a capacity sees: where the load meets its bounds, and how sure that is."""

import math
from dataclasses import dataclass

from simulator.base.formats import format_rate
from simulator.planning.probe import Prober
from simulator.planning.search import Crossing, Probes
from simulator.stats.extract import Extracts
from simulator.stats.share import FEWEST_EXCEEDANCES


@dataclass
class Level:
    """Where the load meets its bounds, as seen with one effort."""

    prober: Prober
    probes: Probes
    value: Crossing
    half: float  #: half the interval, relative, as it will be about
    exceedances: float
    low: float = -math.inf
    high: float = math.inf
    extracts: Extracts | None = None  #: at the value; where it is only bounded, at the lower end
    is_bounded: bool = False  #: the objectives hold at the lower end, and none beyond the upper one is an answer

    def rate(self, load: float) -> str:
        """The rate of a load, in words."""
        return format_rate(self.prober.plan.rate_per_s * math.exp(load))

    @property
    def is_supported(self) -> bool:
        """Whether there are bad queries enough at the crossing."""
        return self.exceedances >= FEWEST_EXCEEDANCES

    @property
    def needed(self) -> float:
        """Measured queries, in all, without which a mean at the crossing has no interval; 0: it has one."""
        seen = self.probes.seen.get(self.value.within, ())
        return max((reading.needed for reading in seen), default=0.0)

    @property
    def is_at_saturation(self) -> bool:
        """Whether the objectives hold up to where the busiest station is always busy, in runs as long as these."""
        return math.isinf(self.probes.seen[self.value.beyond][0].value)

    @property
    def is_unanswered(self) -> bool:
        """Whether some queries have no answer just beyond the crossing, so that a mean over all is not known there."""
        is_before = not self.is_bounded and self.value.beyond < self.probes.highest
        return is_before and self.is_at_saturation


def half_width(level: Level) -> float:
    """Half the interval over the value."""
    return (math.exp(level.high - level.value.at) - math.exp(level.low - level.value.at)) / 2
