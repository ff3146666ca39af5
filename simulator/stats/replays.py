"""Replications that replay one series of arrivals: how they are told, and what is said of them (statistics rule 3)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.core.plan import I8

#: Arrivals by which evenly spaced ones are told.
EVEN = 1000
#: What is said of replications that replay a trace.
OF_A_TRACE = "replications share the trace and redraw the rest: intervals are given this trace"
OF_REPLAYS = f"{OF_A_TRACE}; where nothing else is random they count as one"
OF_COPIES = "replications share the trace, and nothing else is random: they are all the same, and count as one"


def arrivals_mark(arrival_ns: I8) -> int | None:
    """A number by which equal series of arrivals are told; None where the first are evenly spaced, without luck."""
    first = arrival_ns[:EVEN]
    if abs(first - np.linspace(first[0], first[-1], len(first))).max() <= 1:
        return None
    return zlib.crc32(np.ascontiguousarray(arrival_ns).data)


def are_shared(marks: Sequence[int | None]) -> bool:
    """Whether all replications have the same arrivals, and those some luck (``arrivals_mark`` of each)."""
    return marks[0] is not None and all(mark == marks[0] for mark in marks)


def are_the_same(replications: Iterable[Sequence[NDArray[Any]]]) -> bool:
    """Whether the queries of all replications fared the same; some columns of each."""
    first, *others = replications
    return all(all(map(np.array_equal, first, other)) for other in others)
