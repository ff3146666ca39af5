"""Who is next at a replica, and how many may wait there, as it is written."""

from simulator.core import disciplines
from simulator.core.checked import MOST_WAITING
from simulator.scenario import fields

#: Of classes of queries, and of what replicas do besides: from its opposite on.
MOST_PRIORITY = 1_000_000
DISCIPLINES = tuple(disciplines.BY_NAME)


class Queue(fields.Part):
    """Who is next of those that wait at a replica."""

    discipline: fields.word_type(*DISCIPLINES) = "fifo"  # type: ignore[valid-type]
    limit: fields.whole_type(0, MOST_WAITING) | None = None  # type: ignore[valid-type]
