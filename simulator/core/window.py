"""The window of a run: from when until when rates and the use of machines are looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def window_of(arrival_ns: NDArray[np.int64], first_measured: int) -> tuple[int, int]:
    """The window of a number of queries: from the first measured arrival, as long as that many mean gaps.

    >>> window_of(np.array([3, 10, 12, 18]), 1)
    (10, 22)
    """
    first_ns, last_ns, measured = int(arrival_ns[first_measured]), int(arrival_ns[-1]), len(arrival_ns) - first_measured
    return first_ns, first_ns + (last_ns - first_ns) * measured // max(1, measured - 1)
