"""What both engines share besides whom, how much and how long: what comes first, and how numbers are rounded.

Rules are pure, take scalars and arrays, and return scalars; ``stages`` is the (stages,) STAGE array of a Plan.
"""

import math

from simulator.core.jit import formula
from simulator.core.plan import KEY_BITS, Rows

#: Kinds of events, in the order in which events of one instant happen.
FINISH, RELEASE, CRASH, ANSWER, TIMEOUT, MERGED, WITHDRAW, UNTIE, HEDGE, ARRIVE, DISPATCH, ENQUEUE = range(12)
BACKGROUND, START = range(12, 14)

#: What goes with an event whose key says it all. (Kernels take such numbers as attributes of a module: given a literal
#: or a name of their own, numba compiles a second signature for its value.)
NOTHING = 0
#: Queries of a block of one.
ONE = 1
#: In place of a shard: any of them.
ANY = -1


@formula
def event_order(kind: int, key: int) -> int:
    """Rank of an event among those of its instant: the lesser happens first. ``key`` is below 2**KEY_BITS."""
    return (kind << KEY_BITS) | key


#: No duration is longer.
LONGEST_NS = 2.0**60


@formula
def round_ns(duration_ns: float) -> int:
    """Nearest int64 to a non-negative float64, halves upward; 36 years at most, so that sums stay in int64."""
    return int(math.floor(min(duration_ns, LONGEST_NS) + 0.5))  # noqa: RUF046 (the floor of numba is a float)


#: Sums stop here instead of overflowing: 292 years of waiting.
MOST_NS = 2**63 - 1


@formula
def add(total_ns: int, more_ns: int) -> int:
    """Sum of two non-negative int64, MOST_NS at most."""
    return total_ns + min(more_ns, MOST_NS - total_ns)


@formula
def merge_ns(stages: Rows, stage: int, answers: int) -> int:
    """Duration of the merge of ``answers`` answers; at least 1 ns where mergers are limited."""
    duration_ns = stages[stage]["merge_ns"] + answers * stages[stage]["merge_per_response_ns"]
    return max(1, duration_ns) if stages[stage]["mergers"] > 0 else duration_ns  # type: ignore[no-any-return]
