"""Clients that give up on a query, and send it again: the rules, and which rows of a plan are attempts of which query.

An attempt is a row of a plan. When it has taken ``timeout_ns`` its client gives up: nobody in the fleet is told, so the
stage in which it is goes on, and what is served is charged; but it enters no further stage. What is done at that very
instant is in time. An attempt that is timed out, failed or shed is over; after a pause by luck the client looks at its
budget, into which every fresh query pays, and sends the query again, if that holds a whole retry.

As with arrivals of clients that wait, all attempts are found first (``engines``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.core import breakers, draws, rules
from simulator.core.admission import bounds_flight, may_shed_itself
from simulator.core.columns import COMPLETE, FAILED, PARTIAL, SHED, TIMED_OUT, UNFINISHED, Columns
from simulator.core.jit import formula
from simulator.core.lateness import gives_up, patiences_ns
from simulator.core.plan import I8, NEVER_NS, Plan, Rows, frozen
from simulator.core.violations import Violation, at

#: Millionths of a retry.
RETRY = 1_000_000
#: Retries are not paid for.
FREE = -1
#: Times a query is sent again, at most.
MOST_RETRIES = 100
#: A client waits, and pauses, no longer.
MOST_WAIT_NS = 2**55

#: None.
NO_BREAKER = breakers.Breaker(0, 1, 1)

#: How clients behave.
PATIENCE = np.dtype(
    [
        ("timeout_ns", np.int64),  # NEVER_NS: they do not give up
        ("retries", np.int64),  # at most
        ("base_ns", np.float64),  # the first pause
        ("factor", np.float64),  # each is so many times as long
        ("most_ns", np.float64),  # and so long at most
        ("is_drawn", np.int64),  # 1: any part of that, by luck
        ("ratio", np.int64),  # millionths of a retry that a fresh query pays; FREE: none are paid for
        ("most_saved", np.int64),  # millionths that the budget holds
        ("processes", np.int64),  # a query belongs to one; each has a budget, a limit and a breaker (``breakers``)
        ("limit", np.int64),  # attempts of a process that are out at most; breakers.ANY_NUMBER: any
        ("errors", np.int64),  # millionths of attempts that end badly, at which its breaker opens; 0: it has none
        ("window_ns", np.int64),  # of those that were over within it
        ("open_ns", np.int64),  # so long
        ("least", np.int64),  # if there are so many
    ]
)

#: What is known while attempts are found.
TELLER = np.dtype(
    [
        ("fresh", np.int64),  # queries that were sent
        ("open", np.int64),  # attempts that are under way
        ("beside", np.int64),  # queries that came beside clients that wait
    ]
)


@formula
def pause_ns(run: Rows, patience: Rows, query: int, attempt: int) -> int:
    """How long a client pauses when so many retries of a query are over; at least 1 ns."""
    longest = patience[0]["base_ns"]
    for _ in range(attempt):
        longest = min(patience[0]["most_ns"], longest * patience[0]["factor"])
    u, _ = draws.uniforms(run[0]["seed"], run[0]["replication"], draws.BACKOFF, query, attempt, draws.FIRST_COPY)
    return max(1, rules.round_ns(longest * u if patience[0]["is_drawn"] == 1 else longest))


@formula
def pays(patience: Rows, processes: Rows, process: int) -> None:
    """A fresh query pays into the budget of its process."""
    if patience[0]["ratio"] >= 0:
        saved = processes[process]["saved"] + patience[0]["ratio"]
        processes[process]["saved"] = min(patience[0]["most_saved"], saved)


@formula
def affords(patience: Rows, processes: Rows, process: int) -> bool:
    """Whether the budget of a process holds a retry, which it then gives."""
    if patience[0]["ratio"] < 0:
        return True
    if processes[process]["saved"] < RETRY:
        return False
    processes[process]["saved"] -= RETRY
    return True


def with_patience(
    plan: Plan,
    timeout_ns: int = NEVER_NS,
    retries: int = 0,
    pause: tuple[float, float, float] = (1.0, 1.0, 1.0),
    *,
    is_drawn: bool = False,
    budget: tuple[int, int] = (FREE, 0),
    processes: int = 1,
    limit: int = breakers.ANY_NUMBER,
    breaker: breakers.Breaker = NO_BREAKER,
) -> Plan:
    """The plan whose clients give up after a time, and send queries again.

    ``pause``: the first in ns, the factor of each further one, and the longest. ``budget``: millionths of a retry that
    a fresh query pays, and that are held; it is full at the beginning. ``processes``: each has a budget, a ``limit`` of
    attempts that are out, and a ``breaker`` of its own.
    """
    assert 1 <= timeout_ns <= MOST_WAIT_NS or timeout_ns == NEVER_NS, "a client waits for a time"
    assert 0 <= retries <= MOST_RETRIES, "and sends a query a few times"
    assert not retries or timeout_ns < NEVER_NS, "and tries again when it has"
    assert 0 <= pause[0] <= pause[2] <= MOST_WAIT_NS and pause[1] >= 1, "pauses grow, up to some time"
    assert 1 <= processes <= breakers.MOST_PROCESSES, "somebody sends queries"
    assert limit == breakers.ANY_NUMBER or 1 <= limit <= breakers.MOST_OUT, "and may"
    assert 0 <= breaker.errors <= breakers.ALL and min(breaker[1:]) >= 1, "until too many have ended badly"
    assert not (retries and plan.drops), "whose deadline has passed is not sent again"
    row = np.zeros(1, dtype=PATIENCE)
    row[0] = (timeout_ns, retries, *pause, int(is_drawn), *budget, processes, limit, *breaker)
    return replace(plan, patience=frozen(row), query_of=frozen(np.zeros(0), np.int64))


def in_time(plan: Plan) -> Plan:
    """The plan, whose clients know that queries of some class are over at its deadline; if so, and they do not yet."""
    return with_patience(plan) if plan.drops and not len(plan.patience) else plan


def may_retry(plan: Plan) -> bool:
    """Whether a query of a plan may have several attempts."""
    return len(plan.patience) > 0 and bool(plan.patience[0]["retries"] > 0)


def are_attempts_unknown(plan: Plan) -> bool:
    """Whether the attempts of a plan's queries are not known, or which of them are over when others come to a door."""
    if not len(plan.patience) or len(plan.query_of):
        return False
    matters = may_retry(plan) or (gives_up(plan) and bounds_flight(plan))
    return matters or may_shed_itself(plan) or plan.clients > 0


def most_attempts(plan: Plan) -> int:
    """Attempts of all queries, at most."""
    return plan.queries * (1 + int(plan.patience[0]["retries"]))


def numbers_of(query_of: I8) -> I8:
    """(rows,) number of each among the attempts of its query, the first 0; ``query_of``: in the order of time."""
    order = np.argsort(query_of, kind="stable")
    first = np.append(True, np.diff(query_of[order]) > 0)
    begins = np.flatnonzero(first)
    numbers = np.empty(len(query_of), dtype=np.int64)
    numbers[order] = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
    return numbers


def seen(filling: NDArray[Any]) -> NDArray[Any]:
    """A view of what fills, to be read."""
    view = filling.view()
    view.flags.writeable = False
    return view


def limits(plan: Plan) -> I8:
    """(rows,) when each is given up, or late; -1: never; none: none is."""
    if not gives_up(plan):
        return np.zeros(0, dtype=np.int64)
    return np.where(patiences_ns(plan) < NEVER_NS, plan.arrival_ns + patiences_ns(plan), -1)


def given_up(plan: Plan, arrival_ns: I8, outcome: NDArray[np.int8], end_ns: int) -> NDArray[np.int8]:
    """(rows,) outcomes, with those whose client has given up on what is unfinished when a run is cut."""
    if not gives_up(plan):
        return outcome
    is_over = (outcome == UNFINISHED) & (arrival_ns + patiences_ns(plan) <= min(end_ns, NEVER_NS - 1))
    return np.where(is_over, TIMED_OUT, outcome).astype(np.int8)


def shed_by(plan: Plan) -> NDArray[np.int8]:
    """(rows,) by whom each is shed, as far as clients shed some; none where they do not, and until it is known."""
    return plan.shed if may_shed_itself(plan) else plan.shed[:0]


def outcomes(plan: Plan, trace: Columns) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """(queries,) what each has become by what is said of its stages, and whether it has left the last one in time."""
    late_ns = trace.arrival_ns + patiences_ns(plan)
    left = (trace.completion_ns >= 0) & (trace.completion_ns <= late_ns)
    expected = np.where(late_ns <= min(plan.end_ns, NEVER_NS - 1), TIMED_OUT, UNFINISHED)
    expected[trace.outcome == SHED] = SHED
    expected[left] = COMPLETE
    if len(trace.stage_outcome):
        ways = [((trace.stage_outcome == one) & (trace.close_ns <= late_ns)).any(axis=0) for one in (FAILED, PARTIAL)]
        expected[left & ways[1]] = PARTIAL
        expected[ways[0]] = FAILED
    return expected, left


def settled_ns(plan: Plan, trace: Columns) -> I8:
    """(queries,) when it is known that each is not sent again, so its client thinks; -1: in no run that is cut so.

    Where the budget holds no retry, that is known when it is due.
    """
    rows = np.arange(plan.queries)
    numbers, ended_ns, run = numbers_of(plan.query_of), trace.ended_ns(slice(0, plan.queries)), plan.run_row()
    order = np.lexsort((numbers, plan.query_of))
    last = rows[order][np.append(np.diff(plan.query_of[order]) > 0, True)]
    settled: I8 = ended_ns[last]
    for query, row in enumerate(last.tolist()):
        is_bad = trace.outcome[row] in (SHED, TIMED_OUT, FAILED) and settled[query] >= 0
        if is_bad and numbers[row] < plan.patience[0]["retries"]:
            settled[query] += pause_ns(run, plan.patience, query, int(numbers[row]))
    return settled


def violations_of_attempts(plan: Plan, trace: Columns) -> Iterator[Violation]:
    """A query is sent again after an attempt that ended badly, if it may be and can be paid for; else never."""
    if not np.array_equal(trace.query_of, plan.query_of):
        yield from at(
            "I78", np.ones(1, dtype=np.bool_), {}, attempts=len(trace.query_of), of_the_plan=len(plan.query_of)
        )
        return
    if not len(plan.query_of):
        return
    numbers, ended_ns = numbers_of(plan.query_of), trace.ended_ns(slice(0, plan.queries))
    follows = np.full(plan.queries, -1)
    order = np.lexsort((numbers, plan.query_of))
    same = plan.query_of[order[1:]] == plan.query_of[order[:-1]]
    follows[order[:-1][same]] = order[1:][same]
    run, patience = plan.run_row(), plan.patience
    comes: list[tuple[int, int, int]] = []  # instant, query, the attempt before; -1: it is fresh
    for row in range(plan.queries):
        query = int(plan.query_of[row])
        if numbers[row] == 0:
            comes.append((int(trace.arrival_ns[row]), query, -1))
        is_bad = trace.outcome[row] in (SHED, TIMED_OUT, FAILED) and ended_ns[row] >= 0
        if is_bad and numbers[row] < patience[0]["retries"]:
            comes.append((int(ended_ns[row] + pause_ns(run, patience, query, int(numbers[row]))), query, row))
        elif follows[row] >= 0:
            yield from at("I78", np.ones(1, dtype=np.bool_), {"query": row}, outcome=int(trace.outcome[row]))
    processes = breakers.first_processes(plan)
    for instant, query, before in sorted(comes):
        if before < 0:
            pays(patience, processes, query % len(processes))
            continue
        is_sent, row = affords(patience, processes, query % len(processes)), int(follows[before])
        seen_ns = int(trace.arrival_ns[row]) if row >= 0 else -1
        if seen_ns != (instant if is_sent else -1):
            case = {"query": before, "of": query}
            yield from at(
                "I78", np.ones(1, dtype=np.bool_), case, sent_ns=seen_ns, expected_ns=instant if is_sent else -1
            )
