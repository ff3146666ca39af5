"""What a query's latency is blamed on: it adds up, and each part is what its task went through."""

from __future__ import annotations

import numpy as np
import pytest
from attempt_plans import attempt_plans, guarded_plans
from blame_walk import assert_blamed
from closed_plans import closed_plans
from conftest import drawn
from door_plans import door_plans
from hypothesis import given
from hypothesis import strategies as st
from scaled_plans import scaled_plans

from simulator.core.plan import NEVER_NS
from simulator.documents.explain import BEFORE, CAUSES
from simulator.explaining import occupied
from simulator.explaining.words import SAID
from simulator.testing import plans

ANY = st.one_of(
    plans(),
    plans(batches=3),
    plans(hedges=True, replicas=3),
    plans(failures=True, hedges=True, replicas=2),
    plans(slowdowns=True),
    plans(guests=True),
    plans(sharing=True),
    plans(caches=True),
    plans(gathers=True),
    attempt_plans(),
    guarded_plans(),
    closed_plans(),
    closed_plans(beside=True),
    door_plans(),
    scaled_plans(),
)


@drawn(4000)
@given(ANY)
def test_blame_adds_up_and_is_what_happened(plan):
    """Of plans with every feature, each query's causes sum to its latency; and they are those of a walk by itself."""
    assert_blamed(plan)


def test_every_cause_is_told_in_a_sentence():
    assert set(SAID) == {*BEFORE, *CAUSES}


INSTANTS = st.integers(0, 12)
BATCHES = st.lists(st.tuples(st.integers(0, 1), INSTANTS, INSTANTS, st.booleans()), min_size=1, max_size=8)


@drawn(1000)
@given(st.integers(1, 3), BATCHES, INSTANTS)
def test_when_all_workers_were_taken_last(workers, batches, now):
    """Against a count at each instant: who is free at an instant is so before another starts."""
    kept: list[tuple[int, int, int]] = []

    def are_taken(replica: int, instant: int) -> bool:
        return sum(one == replica and begin <= instant < until for one, begin, until in kept) == workers

    for replica, start, lasts, is_cut in sorted(batches):
        if not are_taken(replica, start):
            kept.append((replica, start, NEVER_NS if is_cut else start + lasts + 1))
    taken = occupied.Services(*(np.array(column, dtype=np.int64) for column in zip(*kept, strict=True)))
    for replica in (0, 1):
        ends = [until for one, _, until in kept if one == replica]
        full = [instant for instant in range(now) if are_taken(replica, instant)]
        if full and full[-1] == now - 1 and now not in ends:
            continue  # all are taken still: nobody starts
        found = occupied.last_taken_ns(workers, taken, np.array([replica]), np.array([now]))
        assert found.tolist() == [full[-1] + 1 if full else -1]


@pytest.mark.parametrize("replica", [0, 1])
def test_nobody_was_ever_served(replica):
    none = np.zeros(0, dtype=np.int64)
    found = occupied.last_taken_ns(1, occupied.Services(none, none, none), np.array([replica]), np.array([5]))
    assert found.tolist() == [-1]
