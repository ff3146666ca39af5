"""Slow stretches of time: collector pauses, stolen cores, throttling. How long work takes that runs into some.

Each slowdown of a stage is a process of its own at each of its replicas, machines or shards, or at the whole stage:
stretches without it and with it alternate from the start of the run. What is served while several are slow is slowed
by the product of their factors. ``stages`` is the (stages,) STAGE array of a Plan, ``slowdowns`` its SLOWDOWN rows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.core import draws, rules
from simulator.core.jit import formula
from simulator.core.laws import Law, sampling
from simulator.core.neighbours import machine_of
from simulator.core.plan import F8, OF_MACHINE, OF_REPLICA, OF_STAGE, Rows

#: Something of a stage that makes it slow now and then.
SLOWDOWN = np.dtype(
    [
        ("scope", np.int64),  # OF_REPLICA, ...
        ("factor", np.float64),  # on what is served meanwhile; inf: nothing is
        ("which", np.int64),  # its luck is that of so many-th slowdown of its stage, or of that whose machines are slow
    ]
)

#: Slowdowns of a stage, at most.
MOST_SLOWDOWNS = 16


@dataclass(frozen=True)
class Slowdown:
    """What makes a stage slow now and then; durations in ns."""

    every: Law  #: time without it
    length: Law  #: time with it
    factor: float = math.inf  #: on what is served meanwhile; inf: nothing is
    scope: int = OF_REPLICA  #: what is slow as a whole
    which: int = -1  #: its luck is that of so many-th slowdown; -1: its place among those of its stage


def slowdown_rows(slowdowns: Sequence[Slowdown]) -> list[tuple[int, float, int]]:
    """What stands in SLOWDOWN of those of a stage."""
    return [(one.scope, one.factor, place if one.which < 0 else one.which) for place, one in enumerate(slowdowns)]


@formula
def is_slowed(stages: Rows, stage: int) -> bool:
    """Whether a stage is slow now and then."""
    return stages[stage]["slowdowns"] > 0  # type: ignore[no-any-return]


@formula
def whose(stages: Rows, scope: int, stage: int, shard: int, index: int) -> int:
    """Place of what is slow as a whole: a replica, ``index`` of its shard, with its machine, its shard or its stage.

    A machine that stages share has one place: that of the stage whose it is.
    """
    name, place = stages[stage]["owner"], shard
    if scope == OF_MACHINE:
        name, place = stages[stage]["home"], machine_of(stages, stage, shard, index)
    elif scope == OF_REPLICA:
        place += index * stages[stage]["shards"]
    elif scope == OF_STAGE:
        place = rules.NOTHING
    return name * draws.PLACES + place  # type: ignore[no-any-return]


@formula
def stretch(
    run: Rows, laws: Rows, parts: Rows, points: F8, one: int, number: int, which: int, place: int
) -> tuple[int, int]:
    """Length in ns of stretch ``number`` without a slowdown, at least 1, and of that with it behind.

    ``laws``: ``slowdown_laws`` of the Plan. ``one``: the slowdown among all; ``which``, ``place``: its name, and whose.
    """
    u, v = draws.uniforms(run[0]["seed"], run[0]["replication"], draws.SLOWDOWN, number, place, which)
    every_ns = rules.round_ns(sampling.quantile(laws, parts, points, 2 * one, u))
    length_ns = rules.round_ns(sampling.quantile(laws, parts, points, 2 * one + 1, v))
    return max(1, every_ns), length_ns


@formula
def takes_ns(left_ns: int, factor: float) -> int:
    """How long so much work takes, 1 ns or more, slowed by a factor; for ever where that is infinite."""
    if factor == 1.0:
        return left_ns
    return int(math.ceil(min(left_ns * factor, rules.LONGEST_NS)))  # noqa: RUF046 (as in round_ns)


@formula
def left_after(left_ns: int, during_ns: int, factor: float) -> int:
    """What is left of work that was not finished, at least 1 ns, when it ran for so long."""
    return max(1, left_ns - int(math.floor(during_ns / factor)))  # noqa: RUF046 (as in round_ns)
