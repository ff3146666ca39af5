"""How long a run took: ``timing.json``."""

from typing import TypedDict


class Timing(TypedDict):
    """How long a run took: ``timing.json``."""

    wall_s: float  #: seconds on the clock
    jobs: int  #: replications at a time
