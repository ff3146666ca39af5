"""What the parameters of a plug-in are: annotations by which a scenario file is checked as for a built-in kind.

Inside they are plain numbers in SI units; in a file they are written like everywhere: ``10ns``, ``1k``, ``2%``. Besides
these, ``int``, ``float``, ``bool``, ``str``, ``Literal["a", "b"]``, ``tuple[X, ...]`` and ``X | None`` are understood.
"""

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Quantity:
    """How a number is written in a scenario file."""

    name: str


Duration = Annotated[float, Quantity("duration")]  #: seconds, at least 0
PositiveDuration = Annotated[float, Quantity("positive duration")]  #: seconds, above 0
Count = Annotated[float, Quantity("count")]  #: at least 0, not necessarily whole
PositiveCount = Annotated[float, Quantity("positive count")]
Ratio = Annotated[float, Quantity("ratio")]  #: from 0 to 1, or in percent
Rate = Annotated[float, Quantity("rate")]  #: a second, above 0
