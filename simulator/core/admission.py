"""Who is admitted, and who is shed at the door: the rules, and what a trace says of them.

A query is looked at when it arrives: when it is dispatched to the first stage, after all else of its instant that
earlier ones may do. It is shed where ``most`` others are in flight, admitted and not over yet; who is over at that very
instant is in flight no more. It is shed, too, where a bucket of tokens is empty: that holds ``burst`` of them, is full
at the beginning, fills at a constant rate, and gives one to whoever is admitted. What is looked at is what the bucket
lacks, its debt, in parts of a ns: a token is the time in which one comes in, so time pays the debt off (the generic
cell rate algorithm). All of it is in whole numbers.

As with clients that wait, who is shed is found first (``engines``): that a plan and its trace belong together can be
told from the trace alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from simulator.core.columns import BY_DOOR, SHED, Columns
from simulator.core.jit import formula, kernel
from simulator.core.lateness import gives_up
from simulator.core.plan import I8, NEVER_NS, Plan, Rows, frozen
from simulator.core.violations import Violation, at

#: Any number may be in flight.
ANY_NUMBER = -1
#: Bits of a ns in which debts are counted.
PARTS = 20
#: What a bucket may lack at most, in ns: 73 minutes.
MOST_DEBT_NS = 2**42
#: More in flight than that are as good as any number.
MOST_IN_FLIGHT = 2**32

#: What a door looks at.
DOOR = np.dtype(
    [
        ("most", np.int64),  # in flight; ANY_NUMBER: it does not look at that
        ("token", np.int64),  # in parts of a ns; 0: there is no bucket
        ("most_debt", np.int64),  # at which there is still one in the bucket
    ]
)

#: What it knows: who was admitted and is not over, and what the bucket lacked when it was looked at last.
DOORWAY = np.dtype([("in_flight", np.int64), ("debt", np.int64), ("since_ns", np.int64)])


@formula
def debt_of(doorway: Rows, now: int) -> int:
    """What the bucket lacks now, in parts of a ns."""
    passed_ns, debt = now - doorway[0]["since_ns"], doorway[0]["debt"]
    return debt - (passed_ns << PARTS) if passed_ns <= debt >> PARTS else 0


@kernel
def admits(door: Rows, doorway: Rows, now: int) -> bool:
    """Whether a query that comes now is admitted; then it is in flight, and has taken its token."""
    debt = debt_of(doorway, now)
    is_full = door[0]["most"] >= 0 and doorway[0]["in_flight"] >= door[0]["most"]
    if is_full or (door[0]["token"] > 0 and debt > door[0]["most_debt"]):
        return False
    doorway[0]["in_flight"] += 1
    doorway[0]["debt"], doorway[0]["since_ns"] = debt + door[0]["token"], now
    return True


@kernel
def shed_by_rate(door: Rows, doorway: Rows, arrival_ns: I8, shed: NDArray[np.int8]) -> None:
    """Fill 1: shed, 0: admitted, where a door looks at nothing but arrivals."""
    for query in range(arrival_ns.shape[0]):
        shed[query] = 0 if admits(door, doorway, arrival_ns[query]) else 1


def behind_a_door(plan: Plan, most: int = ANY_NUMBER, per_s: float = 0.0, burst: int = 1) -> Plan:
    """The plan whose queries are admitted so; who is shed is not known. ``per_s``: 0: there is no bucket."""
    assert most == ANY_NUMBER or 1 <= most <= MOST_IN_FLIGHT, "a door lets somebody in"
    assert per_s >= 0 and burst >= 1, "and its bucket holds a token"
    row = np.zeros(1, dtype=DOOR)
    row["most"] = most
    if per_s > 0:
        token = max(1, round(1e9 * 2.0**PARTS / per_s))
        assert token * burst <= MOST_DEBT_NS << PARTS, "that is there again within the hour"
        row["token"], row["most_debt"] = token, token * (burst - 1)
    return replace(plan, door=frozen(row), shed=frozen(np.zeros(0), np.int8))


def has_door(plan: Plan) -> bool:
    """Whether queries of a plan may be shed at its door."""
    return len(plan.door) > 0


def bounds_flight(plan: Plan) -> bool:
    """Whether only so many queries of a plan are in flight."""
    return has_door(plan) and bool(plan.door[0]["most"] != ANY_NUMBER)


def may_shed_itself(plan: Plan) -> bool:
    """Whether clients of a plan have a limit, or a breaker."""
    return len(plan.patience) > 0 and bool(plan.patience[0]["limit"] >= 0 or plan.patience[0]["errors"] > 0)


def may_shed(plan: Plan) -> bool:
    """Whether somebody may shed queries of a plan: a door, or their clients."""
    return has_door(plan) or may_shed_itself(plan)


def most_out(plan: Plan) -> int:
    """So many queries are in flight at most, since clients wait for each, and send no more; 0: there is no such bound.

    Whoever gives up does not wait for what is served.
    """
    if not len(plan.patience) or gives_up(plan) or plan.patience[0]["limit"] < 0:
        return 0
    return int(plan.patience[0]["limit"] * plan.patience[0]["processes"])


def sheds(plan: Plan) -> bool:
    """Whether some query of a plan is known to be shed."""
    return bool(plan.shed.any())


def without_door(plan: Plan) -> Plan:
    """The plan that admits everybody."""
    return replace(plan, door=frozen(np.zeros(0), DOOR), shed=frozen(np.zeros(0), np.int8))


def admitted(plan: Plan) -> I8:
    """Who is not known to be shed, in order."""
    return np.flatnonzero(plan.shed == 0) if len(plan.shed) else np.arange(plan.queries)


def violations_of_door(plan: Plan, trace: Columns) -> Iterator[Violation]:
    """Whoever finds too many in flight, or no token, is shed, and nobody else."""
    is_shed, query = trace.outcome == SHED, {"query": np.arange(plan.queries)}
    of_plan = plan.shed > 0 if len(plan.shed) else np.zeros(plan.queries, dtype=np.bool_)
    yield from at("I73", is_shed != of_plan, query, outcome=trace.outcome, is_shed=of_plan)
    if not has_door(plan):
        return
    expected, debt = np.zeros(plan.queries, dtype=np.bool_), 0
    in_flight: list[int] = []
    row, since_ns = plan.door[0], 0
    ended_ns = trace.ended_ns(slice(0, plan.queries))
    comes = trace.shed_by <= BY_DOOR if len(trace.shed_by) else np.ones(plan.queries, dtype=np.bool_)
    for one, now in enumerate(trace.arrival_ns.tolist()):
        if not comes[one]:
            continue  # its client has shed it
        while in_flight and in_flight[0] <= now:
            heappop(in_flight)
        debt, since_ns = max(0, debt - ((now - since_ns) << PARTS)), now
        is_full = 0 <= row["most"] <= len(in_flight)
        expected[one] = is_full or (row["token"] > 0 and debt > row["most_debt"])
        if not expected[one]:
            debt += int(row["token"])
            heappush(in_flight, int(ended_ns[one]) if ended_ns[one] >= 0 else NEVER_NS)
    yield from at("I74", (is_shed & comes) != expected, query, outcome=trace.outcome, is_shed_by_the_rule=expected)
