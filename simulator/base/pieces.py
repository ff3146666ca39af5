"""A piecewise-linear function of items: what every cost law comes down to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """From ``items`` on, a task takes ``seconds`` and ``seconds_per_item`` more for each further item."""

    items: float
    seconds: float  #: overhead included
    seconds_per_item: float
