"""Who is admitted at the door of the funnel, as it is written."""

from collections.abc import Iterable

from simulator.base.formats import apart, format_duration
from simulator.core import admission
from simulator.scenario import fields

#: Within that a bucket is full again.
MOST_FILLING_S = admission.MOST_DEBT_NS * 1e-9
#: More tokens are as good as any number.
MOST_BURST = 2**32


class Admission(fields.Part):
    """Who is admitted: so many in flight at most, so many a second at most."""

    max_in_flight: fields.whole_type(1, admission.MOST_IN_FLIGHT) | None = None  # type: ignore[valid-type]
    rate: fields.PositiveRate | None = None
    burst: fields.whole_type(1, MOST_BURST) | None = None  # type: ignore[valid-type]
    when_full: fields.word_type("shed") = "shed"  # type: ignore[valid-type]

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """It looks at something; a burst is one of a rate, and is there again before long."""
        if self.max_in_flight is None and self.rate is None:
            yield (), "needs max_in_flight, like 200, or rate, like 500/s: else everybody is admitted"
        if self.burst is not None and self.rate is None:
            yield ("burst",), "goes with a rate, like 500/s: it is how many may come at once"
        if self.rate is not None and self.tokens / self.rate > MOST_FILLING_S:
            takes, most = apart(format_duration, self.tokens / self.rate, MOST_FILLING_S)
            yield ("burst" if self.tokens > 1 else "rate",), f"an empty bucket is full after {takes}; at most {most}"

    @property
    def tokens(self) -> int:
        """How many the bucket holds."""
        return int(self.burst or 1)
