"""Named random numbers: each is a pure function of its name, Philox4x32-10 (Salmon et al., SC 2011).

There is no state and no order of drawing. The key is the seed; the counter is (query, place, stream and copy,
replication). One block gives two uniforms. Only this module touches unsigned 64-bit integers.
"""

import numpy as np

from simulator.core.jit import formula, kernel
from simulator.core.plan import F8, I8

U8 = np.uint64

#: The streams, once and for all: a new one goes at the end.
(GAP, DWELL, CLASS, WORK, KEY, CANDIDATES, BALANCER, SPLIT, ROUTE, TASK, RESPONSE, MACHINE, THINK, BACKOFF) = range(14)
#: Which rows of a calibration are drawn again; how long a worker stays taken after its answer has gone;
#: how much neighbours slow a task down; when a slow stretch begins, and how long it is.
CALIBRATION, AFTER, SPREAD, SLOWDOWN = 14, 15, 16, 17
#: Which shards a query visits (by query, or by the key that is drawn for it), how many, and the key.
FANOUT, FANOUT_COUNT, FANOUT_KEY = 18, 19, 20
#: When a replica's own task comes, and how long it takes.
BACKGROUND = 22
#: How long something is up before a crash, and how long until it is repaired.
FAILURE = 21
#: Whether a query takes a stage that not all do.
TAKEN = 24
#: The key of a query in the cache of a stage.
CACHE_KEY = 25

#: Place of index i of a stage: stage x PLACES + i. A stage keeps its luck when shards are added to another.
PLACES = 2**24

#: Copy of a task's first sending.
FIRST_COPY = 0

#: Queries have so many names, the last one of 32 bits.
NAMES = 2**32 - 1

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_12 = np.uint64(12)
_TO_UNIT = 2.0**-52


@formula
def philox(counter_0: U8, counter_1: U8, counter_2: U8, counter_3: U8, key_0: U8, key_1: U8) -> tuple[U8, U8, U8, U8]:
    """Ten rounds of Philox4x32. All arguments and the four results are uint64 that hold 32 bits."""
    for _ in range(10):
        product_0 = _MULTIPLIER_0 * counter_0
        product_1 = _MULTIPLIER_1 * counter_2
        counter_0 = (product_1 >> _32) ^ counter_1 ^ key_0
        counter_1 = product_1 & _LOW
        counter_2 = (product_0 >> _32) ^ counter_3 ^ key_1
        counter_3 = product_0 & _LOW
        key_0 = (key_0 + _WEYL_0) & _LOW
        key_1 = (key_1 + _WEYL_1) & _LOW
    return counter_0, counter_1, counter_2, counter_3


@formula
def uniforms(seed: int, replication: int, stream: int, query: int, place: int, copy: int) -> tuple[float, float]:
    """Return the two uniforms (u, v) of a name, each in the open interval (0, 1).

    Each is (the upper 52 of 64 bits + 1/2) / 2**52. With 53 bits the half would be lost to rounding above 1/2, and
    the largest value would be 1, whose exponential is infinite.

    All arguments are int64: ``seed`` 0 .. 2**63 - 1, ``replication``, ``query`` and ``place`` below 2**32,
    ``copy`` below 2**16. A ``query`` below 0 has the luck of that number modulo 2**32.
    """
    key = np.uint64(seed)
    low_0, high_0, low_1, high_1 = philox(
        np.uint64(query & NAMES),
        np.uint64(place) & _LOW,
        np.uint64(stream * 65536 + copy) & _LOW,
        np.uint64(replication) & _LOW,
        key & _LOW,
        key >> _32,
    )
    return _unit(low_0, high_0), _unit(low_1, high_1)


@formula
def _unit(low: U8, high: U8) -> float:
    return (np.float64(np.int64((low | (high << _32)) >> _12)) + 0.5) * _TO_UNIT


@kernel
def block(seed: int, replication: int, stream: int, query: int, place: int, count: int, u: F8, v: F8) -> None:
    """Fill the first ``count`` of ``u`` and ``v`` with the uniforms of consecutive places: one dispatch's luck."""
    key = np.uint64(seed)
    name = np.uint64(query) & _LOW
    purpose = np.uint64(stream * 65536) & _LOW
    run = np.uint64(replication) & _LOW
    for i in range(count):
        low_0, high_0, low_1, high_1 = philox(name, np.uint64(place + i) & _LOW, purpose, run, key & _LOW, key >> _32)
        u[i] = _unit(low_0, high_0)
        v[i] = _unit(low_1, high_1)


@kernel
def first_block(seed: int, replication: int, stream: int, query: int, place: int, count: int, u: F8) -> None:
    """Like ``block`` where only u is needed; written so that it is vectorised, about 2 ns a draw."""
    key = np.uint64(seed)
    name = np.uint64(query) & _LOW
    purpose = np.uint64(stream * 65536) & _LOW
    run = np.uint64(replication) & _LOW
    for i in range(count):
        low, high, _, _ = philox(name, np.uint64(place + i) & _LOW, purpose, run, key & _LOW, key >> _32)
        u[i] = _unit(low, high)


@kernel
def first_of_names(seed: int, replication: int, stream: int, names: I8, places: I8, count: int, u: F8) -> None:
    """Fill the first ``count`` of ``u`` with the first uniform of each (query, place); vectorised."""
    key = np.uint64(seed)
    purpose = np.uint64(stream * 65536) & _LOW
    run = np.uint64(replication) & _LOW
    for i in range(count):
        name, place = np.uint64(names[i]) & _LOW, np.uint64(places[i]) & _LOW
        low, high, _, _ = philox(name, place, purpose, run, key & _LOW, key >> _32)
        u[i] = _unit(low, high)


@kernel
def pairs_of_names(seed: int, replication: int, stream: int, names: I8, places: I8, count: int, u: F8, v: F8) -> None:
    """Like ``first_of_names``, both uniforms of each name."""
    key = np.uint64(seed)
    purpose = np.uint64(stream * 65536) & _LOW
    run = np.uint64(replication) & _LOW
    for i in range(count):
        name, place = np.uint64(names[i]) & _LOW, np.uint64(places[i]) & _LOW
        low_0, high_0, low_1, high_1 = philox(name, place, purpose, run, key & _LOW, key >> _32)
        u[i] = _unit(low_0, high_0)
        v[i] = _unit(low_1, high_1)


@kernel
def uniform_series(seed: int, replication: int, stream: int, first: int, uniform: F8) -> None:
    """Fill ``uniform`` (n,) with u of queries first .. first + n - 1 at place 0: the luck of arrivals or of work."""
    key = np.uint64(seed)
    purpose = np.uint64(stream * 65536) & _LOW
    run = np.uint64(replication) & _LOW
    place = np.uint64(0)
    for i in range(uniform.shape[0]):
        low, high, _, _ = philox(np.uint64(first + i) & _LOW, place, purpose, run, key & _LOW, key >> _32)
        uniform[i] = _unit(low, high)


@kernel
def uniform_pairs(seed: int, replication: int, stream: int, first: int, u: F8, v: F8) -> None:
    """Like ``uniform_series``, both uniforms of each query."""
    key = np.uint64(seed)
    purpose = np.uint64(stream * 65536) & _LOW
    run = np.uint64(replication) & _LOW
    place = np.uint64(0)
    for i in range(u.shape[0]):
        low_0, high_0, low_1, high_1 = philox(np.uint64(first + i) & _LOW, place, purpose, run, key & _LOW, key >> _32)
        u[i] = _unit(low_0, high_0)
        v[i] = _unit(low_1, high_1)


def series(seed: int, replication: int, stream: int, count: int, first: int = 0) -> F8:
    """Return u of ``count`` consecutive queries at place 0, as a (count,) float64 array."""
    uniform = np.empty(count)
    uniform_series(seed, replication, stream, first, uniform)
    return uniform
