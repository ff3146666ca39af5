"""Replicas that are out for a while, as planned: nobody is sent to them then, and what they have they finish.

Each outage takes some replicas out over [from, until): those of some neighbouring shards whose index leaves a
remainder. A task goes to one of those that are there. Where all replicas of its shard are out, it waits with its sender
for those that are back first, and is sent to one of them then. ``stages`` is the (stages,) STAGE array of a Plan,
``outages`` its OUTAGE rows: those of a stage stand together, in the order of their begin. Replicas that have crashed
are out as well, as soon as that is known: ``down`` is (replicas,) int64, until when each is; not looked at where
nothing fails.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace

from simulator.core import draws, routing, rules
from simulator.core.failures import fails
from simulator.core.heard import is_fed, look
from simulator.core.jit import formula, kernel, passage
from simulator.core.plan import F8, I8, NEVER_NS, OUTAGE, Plan, Rows, frozen
from simulator.core.work import HELD, LUCK, MORE_LUCK, POOLED, REPLICA, THERE, WHO

#: Outages of a stage, at most.
MOST_OUTAGES = 1000


@dataclass(frozen=True)
class Outage:
    """Replicas of a stage that are out, as planned, over [from, until); fields as of OUTAGE."""

    from_ns: int
    until_ns: int
    step: int = 1  #: those whose index leaves a remainder by it, ``rest``
    rest: int = 0
    first_shard: int = 0  #: of these shards
    shards: int = NEVER_NS  #: so many, as far as there are any


def outage_rows(stages: Iterable[Sequence[Outage]]) -> Rows:
    """(outages,) OUTAGE of all stages, read-only: those of each in the order of their begin."""
    rows = [astuple(one) for stage in stages for one in sorted(stage, key=lambda one: one.from_ns)]
    return frozen(rows, OUTAGE)


def check_outages(outages: Sequence[Outage], most_ns: int) -> None:
    """Assert that outages may be had by a stage, and are over within so many ns."""
    assert len(outages) <= MOST_OUTAGES, "outages are looked through one by one"
    assert all(0 <= one.from_ns < one.until_ns <= most_ns for one in outages), "an outage is over at last"
    assert all(0 <= one.rest < one.step and one.first_shard >= 0 and one.shards >= 1 for one in outages), (
        "some replicas are out"
    )


def in_window(plan: Plan) -> Plan:
    """The plan whose outages, which count from the begin of its window, do so from that of the run."""
    return later(plan, plan.window_begin_ns) if len(plan.outages) else plan


def later(plan: Plan, later_ns: int) -> Plan:
    """The plan whose outages are so much later."""
    moved = plan.outages.copy()
    for edge in ("from_ns", "until_ns"):
        moved[edge] += later_ns
    return replace(plan, outages=frozen(moved))


@formula
def has_outages(stages: Rows, stage: int) -> bool:
    """Whether replicas of a stage may be out."""
    return stages[stage]["outages"] > 0  # type: ignore[no-any-return]


@formula
def may_hold(stages: Rows, stage: int) -> bool:
    """Whether tasks of a stage may wait with their sender for replicas that are out."""
    return has_outages(stages, stage) or fails(stages, stage)


@formula
def takes_out(outages: Rows, one: int, shard: int, index: int) -> bool:
    """Whether an outage is one of a replica, ``index`` of its shard; or of that index in some shard, ``rules.ANY``."""
    beyond = shard - outages[one]["first_shard"]
    is_there = shard == rules.ANY or 0 <= beyond < outages[one]["shards"]
    return is_there and index % outages[one]["step"] == outages[one]["rest"]  # type: ignore[no-any-return]


@formula
def repaired_ns(stages: Rows, down: I8, stage: int, shard: int, index: int, now: int) -> int:
    """From when on a replica is not known to be down, at the earliest from ``now`` on; of any shard: in all of them."""
    first, count = shard, 1
    if shard == rules.ANY:
        first, count = 0, stages[stage]["shards"]
    for one in range(first, first + count):
        now = max(now, down[stages[stage]["first_replica"] + one * stages[stage]["replicas"] + index])
    return now


@formula
def back_ns(stages: Rows, outages: Rows, stage: int, shard: int, index: int, now: int, down: I8) -> int:
    """From when on a replica takes tasks, as far as is known, at the earliest from ``now`` on."""
    if fails(stages, stage):
        now = repaired_ns(stages, down, stage, shard, index, now)
    first = stages[stage]["first_outage"]
    for one in range(first, first + stages[stage]["outages"]):
        if outages[one]["from_ns"] > now:
            break
        if now < outages[one]["until_ns"] and takes_out(outages, one, shard, index):
            now = outages[one]["until_ns"]
    return now


@kernel
def find_there(
    stages: Rows, outages: Rows, stage: int, shard: int, left: int, now: int, there: I8, down: I8
) -> tuple[int, int]:
    """Fill ``there`` with the replicas, of the first ``left`` of a shard, that are back first: how many, and when."""
    count, soonest = rules.NOTHING, rules.MOST_NS
    for index in range(left):
        back = back_ns(stages, outages, stage, shard, index, now, down)
        if back < soonest:
            count, soonest = rules.NOTHING, back
        if back == soonest:
            there[count] = index
            count += 1
    return count, soonest


@formula
def is_somebody_out(stages: Rows, outages: Rows, stage: int, now: int, down: I8) -> bool:
    """Whether some replica of a stage is out at an instant, as far as is known."""
    if fails(stages, stage):
        begin = stages[stage]["first_replica"]
        for at in range(begin, begin + stages[stage]["shards"] * stages[stage]["replicas"]):
            if down[at] > now:
                return True
    first = stages[stage]["first_outage"]
    for one in range(first, first + stages[stage]["outages"]):
        if outages[one]["from_ns"] > now:
            return False
        if now < outages[one]["until_ns"]:
            return True
    return False


@passage
def route_there(
    stages: Rows,
    run: Rows,
    left: I8,
    outages: Rows,
    down: I8,
    outstanding: I8,
    fault: I8,
    stage: int,
    query: int,
    view: int,
    first_task: int,
    now: int,
    reals: F8,
    wholes: I8,
) -> None:
    """Fill REPLICA of the tasks of a query, as ``route`` does, and HELD, how long each waits with its sender.

    HELD is left alone where nobody is ever out in a stage. ``now``: the instant of the dispatch.
    """
    if is_fed(stages[stage]["policy"]) and stages[stage]["replicas"] > 1:
        look(stages, outstanding, stage, view, stages[stage]["shards"] * stages[stage]["replicas"], now)
    if not is_somebody_out(stages, outages, stage, now, down):
        if may_hold(stages, stage):
            for shard in range(stages[stage]["shards"]):
                wholes[HELD, first_task + shard] = 0
        routing.route(stages, run, left, outstanding, fault, stage, query, view, first_task, reals, wholes)
    elif stages[stage]["by_query"] == 1:
        chosen, until_ns = route_query_there(
            stages, run, left, outages, down, outstanding, fault, stage, query, view, now, wholes
        )
        for shard in range(stages[stage]["shards"]):
            wholes[REPLICA, first_task + shard] = chosen
            wholes[HELD, first_task + shard] = until_ns - now
    else:
        route_tasks_there(
            stages, left, outages, down, outstanding, fault, stage, query, view, first_task, now, reals, wholes
        )


@kernel
def route_query_there(
    stages: Rows,
    run: Rows,
    left: I8,
    outages: Rows,
    down: I8,
    outstanding: I8,
    fault: I8,
    stage: int,
    query: int,
    view: int,
    now: int,
    wholes: I8,
) -> tuple[int, int]:
    """Index of the replicas that serve a whole query, of those that are there in all shards; and when it is sent."""
    shards, replicas = stages[stage]["shards"], stages[stage]["replicas"]
    policy, address = stages[stage]["policy"], stages[stage]["address"]
    pooled, there, chosen = wholes[POOLED], wholes[THERE], rules.NOTHING
    here = routing.replicas_left(stages, left, stage, rules.NOTHING)  # of all shards alike
    count, soonest = find_there(stages, outages, stage, rules.ANY, here, now, there, down)
    for i in range(count):
        pooled[i] = 0
        if routing.is_load_aware(policy):
            for shard in range(shards):
                pooled[i] += outstanding[view + shard * replicas + there[i]]
    place = stage * draws.PLACES
    u, v = draws.uniforms(run[0]["seed"], run[0]["replication"], draws.ROUTE, query, place, draws.FIRST_COPY)
    if address == 0:
        chosen = routing.choose(policy, count, pooled, rules.NOTHING, query, u, v)
    else:
        chosen = routing.rule_choice(
            address, count, pooled, rules.NOTHING, query, u, v, fault, query, stage, rules.NOTHING
        )
    return there[chosen], soonest


@kernel
def route_tasks_there(
    stages: Rows,
    left: I8,
    outages: Rows,
    down: I8,
    outstanding: I8,
    fault: I8,
    stage: int,
    query: int,
    view: int,
    first_task: int,
    now: int,
    reals: F8,
    wholes: I8,
) -> None:
    """Fill REPLICA and HELD of the tasks of a query, each shard for itself; arguments as of ``route_there``."""
    replicas, policy, address = stages[stage]["replicas"], stages[stage]["policy"], stages[stage]["address"]
    seen, there, chosen = wholes[POOLED], wholes[THERE], rules.NOTHING
    for shard in range(stages[stage]["shards"]):
        task, first, turn = first_task + shard, view + shard * replicas, query + shard
        here = routing.replicas_left(stages, left, stage, shard)
        count, soonest = find_there(stages, outages, stage, shard, here, now, there, down)
        wholes[HELD, task] = soonest - now
        for i in range(count):
            seen[i] = outstanding[first + there[i]]
        u, v = reals[LUCK, task], reals[MORE_LUCK, task]
        if replicas == 1:  # its luck is not drawn
            chosen = rules.NOTHING
        elif address == 0:
            chosen = routing.choose(policy, count, seen, rules.NOTHING, turn, u, v)
        else:
            chosen = routing.rule_choice(address, count, seen, rules.NOTHING, turn, u, v, fault, query, stage, shard)
        wholes[REPLICA, task] = there[chosen]


@kernel
def route_of_query(
    stages: Rows,
    run: Rows,
    left: I8,
    outages: Rows,
    down: I8,
    outstanding: I8,
    fault: I8,
    stage: int,
    now: int,
    reals: F8,
    wholes: I8,
) -> int:
    """Choose for the one query that is WHO, whose ALONE is known; returns the offset of its view."""
    query = wholes[WHO, 0]
    view = routing.view_of(stages, run, query, stage)
    routing.draw_routes(stages, run, stage, rules.ONE, reals, wholes)
    first = rules.NOTHING
    route_there(stages, run, left, outages, down, outstanding, fault, stage, query, view, first, now, reals, wholes)
    routing.fill_loads(stages, stage, rules.NOTHING, reals, wholes)
    return view
