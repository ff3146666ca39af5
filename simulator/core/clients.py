"""Clients that wait: each sends a query, waits until it is over, thinks, and sends the next. A closed load.

When queries arrive follows from when earlier ones are over, so an engine first finds the arrivals, and then simulates
the plan with these as any other: what is measured, and until when, is known before it begins. That both belong together
can be told from the trace alone: every client comes when its query before is over and it has thought
(``violations_of_clients``), and by induction over time no other arrivals do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.core import draws, retrying, rules
from simulator.core.admission import ANY_NUMBER, DOORWAY, has_door, may_shed, shed_by_rate, without_door
from simulator.core.assemble import bits_for
from simulator.core.columns import SHED, Columns
from simulator.core.jit import formula
from simulator.core.laws import Law, LawTable, sampling
from simulator.core.outages import in_window, later
from simulator.core.plan import F8, I8, NEVER_NS, NONE, Plan, Rows, frozen
from simulator.core.scaling import are_steps_unknown
from simulator.core.violations import Violation, at, violation
from simulator.core.window import window_of

#: Outages count from the begin of the window: until that is known, they are later than all that is looked at.
MUCH_LATER_NS = 2**60
#: In place of a client: who comes beside them.
NOBODY = -1
#: Times to think, in one of which a client is when the run begins.
THOUGHTS = 32


@formula
def begins_ns(run: Rows, think_law: Rows, parts: Rows, points: F8, client: int) -> int:
    """When a client sends its first query: after a part of a time to think, both by luck.

    Whoever looks at an instant finds a client in a long thought rather than in a short one. So one of several is taken,
    each with a chance that goes by its length, one after another (Chao, 1982, of one).
    """
    part, whole, thought = 0.0, 0.0, 0.0
    for place in range(THOUGHTS):
        u, v = draws.uniforms(run[0]["seed"], run[0]["replication"], draws.THINK, client, rules.NOTHING, place)
        lasts = max(0.0, sampling.quantile(think_law, parts, points, rules.NOTHING, u))
        whole += lasts
        if place == 0:
            part = v
        if place == 0 or v * whole < lasts:
            thought = lasts
    return rules.round_ns(part * thought)


@formula
def thinks_ns(run: Rows, think_law: Rows, parts: Rows, points: F8, client: int, queries: int) -> int:
    """How long a client thinks that has sent so many queries, when the last is over; at least 1 ns."""
    u, _ = draws.uniforms(run[0]["seed"], run[0]["replication"], draws.THINK, client, queries, draws.FIRST_COPY)
    return max(1, rules.round_ns(max(0.0, sampling.quantile(think_law, parts, points, rules.NOTHING, u))))


def sent_by_clients(plan: Plan, clients: int, think: Law, *, beside: bool = False) -> Plan:
    """The plan of so many queries of clients that wait, whose arrivals are not known; ``think``: in ns.

    ``beside``: others arrive as the plan says, besides, until there are so many of both.
    """
    assert clients > 0 and think.kind != NONE, "clients think"
    table = LawTable.of([think])
    law, parts = table.laws.copy(), np.concatenate([plan.law_parts, table.parts])
    for rows in (law, parts[len(plan.law_parts) :]):
        rows["first"] += len(plan.law_points)
        rows["part"] += len(plan.law_parts)
    return replace(
        plan,
        clients=clients,
        think_law=frozen(law),
        law_parts=frozen(parts),
        law_points=frozen(np.concatenate([plan.law_points, table.points])),
        open_ns=plan.arrival_ns if beside else frozen(np.zeros(0), np.int64),
        arrival_ns=frozen(np.zeros(plan.queries), np.int64),
        client_of=frozen(np.zeros(0), np.int64),
        window_begin_ns=0,
        window_end_ns=0,
    )


def are_unknown(plan: Plan) -> bool:
    """Whether the arrivals of a plan are not known, since its clients wait."""
    return plan.clients > 0 and len(plan.client_of) == 0


def is_unknown(plan: Plan) -> bool:
    """Whether something of a plan is not known: when queries arrive, who of them is shed, how many replicas serve."""
    is_shed_unknown = has_door(plan) and len(plan.shed) == 0
    return are_unknown(plan) or is_shed_unknown or retrying.are_attempts_unknown(plan) or are_steps_unknown(plan)


def unbounded(plan: Plan, arrival_ns: I8) -> Plan:
    """The plan in which arrivals are found: nothing is measured, nothing ends; ``arrival_ns`` fills meanwhile."""
    seen = retrying.seen(arrival_ns)
    if retrying.are_attempts_unknown(plan):
        plan = with_rows(plan, np.zeros(len(arrival_ns), dtype=np.int64))
    plan = replace(plan, first_measured=plan.queries, measured=0, window_begin_ns=0, window_end_ns=0)
    return replace(plan, arrival_ns=seen, drain_ns=NEVER_NS)


def with_rows(plan: Plan, query_of: I8) -> Plan:
    """The plan with a row for each attempt; when they arrive is not known of all."""
    rows = len(query_of)
    most = np.zeros(rows, dtype=np.int64)
    return replace(
        plan,
        arrival_ns=frozen(most),
        work=frozen(plan.work[query_of]),
        class_of=frozen(plan.class_of[query_of] if len(plan.class_of) else plan.class_of),
        query_bits=bits_for(rows),
        send_bits=bits_for(rows * plan.tasks),
    )


def known_arrivals(plan: Plan) -> I8:
    """(queries,) arrivals as far as they are known; NEVER_NS: not."""
    if retrying.are_attempts_unknown(plan):
        return np.full(retrying.most_attempts(plan), NEVER_NS, dtype=np.int64)
    return np.full(plan.queries, NEVER_NS, dtype=np.int64) if are_unknown(plan) else np.array(plan.arrival_ns)


class Found(NamedTuple):
    """What is found of queries."""

    arrival_ns: I8
    client_of: I8  #: who sent each; none of an open load
    shed: NDArray[np.int8]  #: 1: it is shed
    query_of: I8  #: of which query each is an attempt; none: each is one
    provided: I8  #: how many replicas of stages that are scaled serve, as of a plan


Find = Callable[[Plan, int], Found]


def with_arrivals(plan: Plan, find: Find) -> Plan:
    """The plan with what is found of its queries: each comes when its client has thought, and some are shed.

    ``find``: given a plan and a number, what is found of so many first queries. Outages of clients count from an
    arrival, so what comes before it is found first: until then there are none. What a door does that looks at nothing
    but arrivals is known without.
    """
    is_by_arrivals = not (are_unknown(plan) or retrying.are_attempts_unknown(plan) or are_steps_unknown(plan))
    if is_by_arrivals and plan.door[0]["most"] == ANY_NUMBER:
        shed = np.zeros(plan.queries, dtype=np.int8)
        shed_by_rate(plan.door, np.zeros(1, dtype=DOORWAY), plan.arrival_ns, shed)
        return arrived(plan, Found(plan.arrival_ns, plan.client_of, shed, plan.query_of, plan.provided))
    there = plan
    if len(plan.outages) and are_unknown(plan):
        until, is_sent_again = plan.first_measured + 1, retrying.are_attempts_unknown(plan)
        before = find(later(plan.first_queries(until) if is_sent_again else plan, MUCH_LATER_NS), until)
        first = first_rows(before.query_of) if is_sent_again else np.arange(until)
        there = later(plan, int(before.arrival_ns[first[plan.first_measured]]))
    return arrived(plan, find(there, plan.queries))


def arrived(plan: Plan, found: Found) -> Plan:
    """The plan with what was found, and the window of its arrivals."""
    plan = replace(plan, provided=frozen(found.provided))
    shed = frozen(found.shed if may_shed(plan) else np.zeros(0), np.int8)
    if retrying.are_attempts_unknown(plan):
        return replace(_attempted(plan, found), shed=shed)
    plan = replace(plan, shed=shed)
    if not are_unknown(plan):
        return plan
    begin_ns, end_ns = window_of(found.arrival_ns, plan.first_measured)
    plan = replace(plan, arrival_ns=frozen(found.arrival_ns), client_of=frozen(found.client_of))
    return in_window(replace(plan, window_begin_ns=begin_ns, window_end_ns=end_ns))


def _attempted(plan: Plan, found: Found) -> Plan:
    """The plan with a row for each attempt that was found; measured are those since the first measured query."""
    firsts = first_rows(found.query_of)
    first = int(firsts[plan.first_measured])
    made = replace(
        with_rows(plan, found.query_of),
        arrival_ns=frozen(found.arrival_ns),
        client_of=frozen(found.client_of),
        query_of=frozen(found.query_of),
        first_measured=first,
        measured=len(found.query_of) - first,
    )
    if not are_unknown(plan):
        return made
    begin_ns, end_ns = window_of(found.arrival_ns[firsts], plan.first_measured)
    return in_window(replace(made, window_begin_ns=begin_ns, window_end_ns=end_ns))


def first_rows(query_of: I8) -> I8:
    """(queries,) the row of the first attempt of each."""
    return np.unique(query_of, return_index=True)[1]


def simulated(plan: Plan, trace: Columns) -> Plan:
    """The plan that a trace is of: with its arrivals, and who is shed, where they are found with it."""
    if not is_unknown(plan):
        return plan
    shed = trace.shed_by if len(trace.shed_by) else (trace.outcome == SHED).astype(np.int8)
    return arrived(plan, Found(trace.arrival_ns, trace.client_of, shed, trace.query_of, trace.provided))


def as_open(plan: Plan) -> Plan:
    """The plan whose queries arrive when they do, whoever sends them, and are all admitted, and waited for."""
    nobody = frozen(np.zeros(0), np.int64)
    patience = frozen(np.zeros(0), retrying.PATIENCE)
    plan = replace(plan, clients=0, client_of=nobody, open_ns=nobody, patience=patience, query_of=nobody)
    return without_door(plan)


def _come_beside(plan: Plan, arrival_ns: I8, client_of: I8) -> Iterator[Violation]:
    """Who comes beside clients comes when the plan says; nobody else does, or is left out."""
    open_ns, came_ns = plan.open_ns, arrival_ns[client_of < 0]
    if len(came_ns) > len(open_ns) or not np.array_equal(came_ns, open_ns[: len(came_ns)]):
        case = {"come_ns": came_ns.tolist(), "of_the_plan_ns": open_ns[: len(came_ns)].tolist()}
        yield violation("I82", case)
    elif len(came_ns) < len(open_ns) and (open_ns[len(came_ns)], -1) < (arrival_ns[-1], client_of[-1]):
        yield violation("I82", {"left_out_ns": int(open_ns[len(came_ns)]), "last_arrival_ns": int(arrival_ns[-1])})


def violations_of_clients(plan: Plan, trace: Columns) -> Iterator[Violation]:
    """Every client sends a query when the one before is over and it has thought; nobody sends more, or is left out."""
    if not np.array_equal(trace.client_of, plan.client_of):
        yield violation("I71", {"clients": trace.client_of.tolist(), "of_the_plan": plan.client_of.tolist()})
        return
    if not len(plan.client_of):
        return
    luck = plan.run_row(), plan.think_law, plan.law_parts, plan.law_points
    client_of, arrival_ns, ended_ns = plan.client_of, trace.arrival_ns, trace.ended_ns(slice(0, plan.queries))
    if len(plan.query_of):
        wrong = client_of != client_of[first_rows(plan.query_of)][plan.query_of]
        yield from at("I71", wrong, {"query": np.arange(plan.queries)}, client=client_of)
        firsts = first_rows(plan.query_of)
        client_of, arrival_ns, ended_ns = client_of[firsts], arrival_ns[firsts], retrying.settled_ns(plan, trace)
    yield from _come_beside(plan, arrival_ns, client_of)
    same = (np.diff(arrival_ns) == 0) & (np.diff(client_of) <= 0) & (client_of[:-1] >= 0)
    yield from at("I71", np.append(False, same), {"query": np.arange(len(client_of))}, client=client_of)
    final = int(arrival_ns[-1]), int(client_of[-1])
    waits = client_of >= 0
    client_of, arrival_ns, ended_ns = client_of[waits], arrival_ns[waits], ended_ns[waits]
    whose, queries = np.flatnonzero(waits), len(client_of)
    order = np.lexsort((np.arange(queries), client_of))
    first = np.flatnonzero(np.diff(client_of[order], prepend=-1))
    number = np.arange(queries) - np.repeat(first, np.diff(np.append(first, queries)))
    expected = np.zeros(queries, dtype=np.int64)
    for query, before, sent in zip(
        order.tolist(), np.append(-1, order)[:queries].tolist(), number.tolist(), strict=True
    ):
        client = int(client_of[query])
        if sent == 0:
            expected[query] = begins_ns(*luck, client)
        else:
            is_over = ended_ns[before] >= 0
            expected[query] = ended_ns[before] + thinks_ns(*luck, client, sent) if is_over else NEVER_NS
    place = {"query": whose}
    yield from at("I71", arrival_ns != expected, place, client=client_of, arrival_ns=arrival_ns, expected_ns=expected)
    sent, last = np.bincount(client_of, minlength=plan.clients), np.full(plan.clients, -1)
    last[client_of[order]] = order
    for client in range(plan.clients):
        comes_ns = int(begins_ns(*luck, client))
        if sent[client]:
            over_ns = int(ended_ns[last[client]])
            comes_ns = NEVER_NS if over_ns < 0 else over_ns + int(thinks_ns(*luck, client, int(sent[client])))
        if (comes_ns, client) < final:
            yield violation("I72", {"client": client, "comes_ns": comes_ns, "last_arrival_ns": final[0]})
