"""The choices of routing policies: which replica, by luck, turn, or what is read of each (``routing``).

All are called alike: how many replicas there are; what is read of them, from ``first`` on; the turn; two uniforms.
"""

from simulator.core.jit import kernel
from simulator.core.plan import I8


@kernel
def at_random(replicas: int, outstanding: I8, first: int, turn: int, u: float, v: float) -> int:
    """Each with the same probability."""
    return int(u * replicas)


@kernel
def in_turn(replicas: int, outstanding: I8, first: int, turn: int, u: float, v: float) -> int:
    """One after another."""
    return turn % replicas


@kernel
def least(replicas: int, outstanding: I8, first: int, turn: int, u: float, v: float) -> int:
    """The one with the least outstanding; of equals by luck."""
    fewest = outstanding[first]
    equals = 0
    for replica in range(replicas):
        if outstanding[first + replica] < fewest:
            fewest = outstanding[first + replica]
            equals = 0
        if outstanding[first + replica] == fewest:
            equals += 1
    skip = int(u * equals)
    for replica in range(replicas):
        if outstanding[first + replica] == fewest:
            if skip == 0:
                return replica
            skip -= 1
    return -1  # pragma: no cover (some replica has the least)


@kernel
def of_two(replicas: int, outstanding: I8, first: int, turn: int, u: float, v: float) -> int:
    """Of two different ones, chosen at random, that with less outstanding; the first of equals."""
    one = int(u * replicas)
    if replicas == 1:
        return one
    two = (one + 1 + int(v * (replicas - 1))) % replicas
    return one if outstanding[first + one] <= outstanding[first + two] else two


@kernel
def by_speed(replicas: int, outstanding: I8, first: int, turn: int, u: float, v: float) -> int:
    """Each with a probability in proportion to one over what is read of it; nothing counts as 1."""
    total = 0.0
    for replica in range(replicas):
        total += 1.0 / max(1, outstanding[first + replica])
    passed = 0.0
    for replica in range(replicas):
        passed += 1.0 / max(1, outstanding[first + replica])
        if passed > u * total:
            return replica
    return replicas - 1
