"""What the ``StageParts`` of a stage obey, before it is laid out: mistakes of ours, not of users."""

from itertools import pairwise
from typing import Any

from simulator.core import plan as plans
from simulator.core.background import check_background
from simulator.core.disciplines import BY_CODE
from simulator.core.failures import check_failures
from simulator.core.gathering import AT_ONCE
from simulator.core.hedging import COPY, FREE, MOST_HEDGES, QUERIES
from simulator.core.limits import UNLIMITED
from simulator.core.outages import check_outages
from simulator.core.sharing import check_sharing
from simulator.core.slowdowns import MOST_SLOWDOWNS

#: A queue that holds more is as good as one without a limit.
MOST_WAITING = 2**32
#: A batch that waits a year is a mistake; instants stay far from what int64 can tell.
MOST_WAIT_NS = 2**55


def check_part(part: Any) -> None:
    """Assert that a stage may be so."""
    count = len(part.share)
    assert abs(sum(part.share) - 1.0) < 1e-6, "shares sum to 1"
    in_sources = [len(one.share) for one in part.sources]
    assert sum(in_sources) == (count if in_sources else 0) and 0 not in in_sources, "a source is a block of its shards"
    assert all(abs(sum(one.share) - 1.0) < 1e-6 for one in part.sources), "and shares of each sum to 1"
    is_timed = any(one.time.kind for one in part.sources)
    assert not is_timed or (part.threads == 1 and not part.is_batched), "what several do follows from their items"
    assert len(part.left) in (0, count), "every shard says how many replicas it has, or none does"
    assert all(1 <= left <= part.replicas for left in part.left), "every shard has a replica left"
    assert len(set(part.left)) <= 1 or not part.by_query, "one index serves a whole query where all shards have it"
    assert (part.policy >= plans.PLUGGED) == (part.rule is not None), "a rule goes with its policy"
    assert part.time.kind == plans.NONE or part.threads == 1, "what several workers do follows from its items"
    assert 0 <= part.idle < part.threads, "fewer workers are left over than a task takes"
    assert part.discipline in BY_CODE, "a discipline is a row of the table"
    assert part.discipline == plans.FIFO or not part.is_batched, "batches are made in the order of arrival"
    assert part.limit == UNLIMITED or 0 <= part.limit <= MOST_WAITING, "a queue holds some tasks, or any number"
    assert part.target_ns == UNLIMITED or 0 <= part.target_ns <= MOST_WAIT_NS, "a wait is short up to some time"
    assert (part.target_ns == UNLIMITED) == (part.interval_ns == 0), "an interval goes with a target"
    assert 0 <= part.interval_ns <= MOST_WAIT_NS, "and is not for ever"
    check_sharing(part)
    check_background(part)
    assert part.max_size >= 1 and part.max_items > 0, "a batch holds a task"
    assert 0 <= part.max_wait_ns <= MOST_WAIT_NS, "a batch does not wait for ever"
    assert part.time.kind == plans.NONE or not part.is_batched, "of a batch the time follows from its items"
    assert all(1 <= size <= part.max_size for size in part.preferred), "a preferred size is one that a batch may have"
    assert all(one < two for one, two in pairwise((0.0, *part.sizes))), "compiled sizes grow"
    assert part.per_machine >= 1 and part.spread >= 0, "a machine holds a replica"
    assert not part.spread or part.busy, "a spread goes with factors"
    assert not part.busy or part.busy[0] == 1, "alone on its machine a task is not slowed down"
    assert all(0 < one <= two for one, two in pairwise(part.busy)), "more neighbours are not better"
    assert len(part.slowdowns) <= MOST_SLOWDOWNS, "each slowdown has luck of its own"
    assert all(one.factor >= 1 and 0 <= one.scope <= plans.OF_STAGE for one in part.slowdowns), "they slow it down"
    check_outages(part.outages, MOST_WAIT_NS)
    check_failures(part, MOST_WAIT_NS)
    wanted = part.wait_parts or count
    assert part.wait_for is None or 1 <= part.wait_for <= wanted, "a stage waits for some of its shards"
    may_leave_out = part.visits.kind or part.follows
    assert may_leave_out or not (part.key.kind or part.wait_parts), "a key, and parts, are of visited shards"
    assert 0 <= part.wait_parts * count < 2**62, "parts of shards are counted"
    assert 1 <= part.timeout_ns <= MOST_WAIT_NS or part.timeout_ns == plans.NEVER_NS, "a time-out is a time"
    is_patient = part.timeout_ns < plans.NEVER_NS and 0 <= part.then <= 1
    assert part.then == AT_ONCE or is_patient, "it waits on for a share of what the time-out leaves"
    assert part.cancels in range(plans.CANCEL_RUNNING + 1), "it says what is withdrawn"
    assert 1 <= part.cancel_ns <= MOST_WAIT_NS, "a withdrawal takes time"
    assert part.hedges == 0 or 0 <= part.hedge_ns <= MOST_WAIT_NS, "a copy is sent with its task, or later"
    is_tied = part.hedges > 0 and part.hedge_ns == 0
    assert not is_tied or (part.budget == FREE and part.cancels != plans.CANCEL_NOTHING), (
        "one of tied copies is withdrawn"
    )
    assert 0 <= part.hedges <= MOST_HEDGES, "every copy has luck of its own"
    assert part.hedges < part.replicas, "a copy goes to a replica that has none"
    assert part.hedges == 0 or not part.by_query, "a copy goes to another replica, not to that of the whole query"
    assert part.hedges == 0 or part.budget == FREE or part.budget * count * QUERIES >= COPY, "a budget pays for a copy"
    assert part.budget == FREE or part.budget > 0, "a budget pays for a copy"
