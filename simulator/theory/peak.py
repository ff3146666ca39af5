"""The peak of a load that changes over time, beside what the busiest station can do."""

from dataclasses import dataclass

from simulator.documents import paper


@dataclass(frozen=True)
class Peak:
    """The highest rate of a load, and how long its rate is beyond saturation: by arithmetic."""

    rate_per_s: float
    utilisation: float  #: of the busiest station at that rate
    above_s: float  #: of each replication: so long the rate is above saturation

    def to_dict(self) -> paper.Peak:
        """As the reference of documents lays out."""
        return {
            "rate_per_s": self.rate_per_s,
            "demand": self.utilisation,
            "above_saturation_s": self.above_s,
        }
