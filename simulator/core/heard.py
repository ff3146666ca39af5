"""What balancers hear of replicas: the latencies of answers, where a routing policy is fed by them.

Routing reads one number a replica and view, whatever a policy looks at. Where one is fed by latency, the counters of
all views have more rows behind the ones that are read, and what is read is worked out at each choice. A longer latency
is believed at once, a shorter one as time goes by, and what is read of a replica that is not heard of fades: it is
tried again. (Peak EWMA of Finagle and its followers; there it fades with each reading, too.)
"""

import numpy as np

from simulator.core import rules
from simulator.core.elementary import exp
from simulator.core.jit import formula, kernel
from simulator.core.plan import ADAPTIVE, C3, I8, PEAK_EWMA, PLUGGED_LATENCY, Plan, Rows

#: Rows of the counters, each of as many as there are views: what routing reads; tasks without an answer; the average
#: latency in ns, 0 as long as nothing was heard; when something was heard last; and where ranks are made of them, the
#: average service in ns, and the average queue that an answer left behind, in 1/QUEUED tasks.
READ, TASKS, AVERAGE, LAST, SERVICE, QUEUE = range(6)
ROWS = 6
QUEUED = 1024
#: What is new counts so much in the averages of C3, as published (Suresh et al., NSDI 2015).
FRESH = 0.3

#: The most that routing reads, in ns: about five hours.
MOST_NS = 2**44
#: What it reads of a replica that was never heard of and has tasks, besides their number: one is enough to try it. So
#: little (about five minutes) that the sum over the most shards that there can be is an int64.
ON_TRIAL_NS = 2**38


@formula
def is_fed(policy: int) -> bool:
    """Whether a policy is fed by latency."""
    return policy in (PEAK_EWMA, ADAPTIVE, C3, PLUGGED_LATENCY)


def counters_of(plan: Plan) -> I8:
    """The counters of a run, from ``first_view`` of each stage on: (views,), or (ROWS x views,) int64."""
    return np.zeros(plan.views * rows_of(plan.stages["counts"]), dtype=np.int64)


def rows_of(policies: I8) -> int:
    """Rows of the counters where stages have these policies."""
    return ROWS if any(bool(is_fed(int(policy))) for policy in policies) else 1


@formula
def count_at(stages: Rows, counters: I8, stage: int, counter: int, more: int) -> None:
    """So many tasks, or ns of work, more are outstanding at a counter; fewer, where ``more`` is below 0."""
    if is_fed(stages[stage]["counts"]):
        count_task(stages, counters, stage, counter, more)
    else:
        counters[counter] += more


@kernel
def count_task(stages: Rows, counters: I8, stage: int, counter: int, more: int) -> None:
    """The same where the policy is fed by latency."""
    counters[TASKS * (counters.shape[0] // ROWS) + counter] += more


@formula
def answered(
    stages: Rows,
    counters: I8,
    stage: int,
    counter: int,
    load: int,
    enqueue_ns: int,
    service_ns: int,
    queue: int,
    now: int,
) -> None:
    """The answer is there to a task that was enqueued then and counted so much.

    It was served for ``service_ns``, with its batch, and left a ``queue`` of so many tasks behind.
    """
    count_at(stages, counters, stage, counter, -load)
    policy = stages[stage]["counts"]
    if policy == C3:
        hear_all(counters, counter, now - enqueue_ns + stages[stage]["request_ns"], service_ns, queue, now)
    elif is_fed(policy):
        hear(stages, counters, stage, counter, now - enqueue_ns + stages[stage]["request_ns"], now)


@formula
def withdrawn(stages: Rows, counters: I8, stage: int, counter: int, load: int, enqueue_ns: int, now: int) -> None:
    """No answer will come to a task that was enqueued then (below 0: never) and counted so much: it took longer."""
    count_at(stages, counters, stage, counter, -load)
    if is_fed(stages[stage]["counts"]) and enqueue_ns >= 0:
        hear_at_least(stages, counters, stage, counter, now - enqueue_ns + stages[stage]["request_ns"], now)


@kernel
def hear(stages: Rows, counters: I8, stage: int, counter: int, latency_ns: int, now: int) -> None:
    """An answer is there, so long after its task was sent."""
    views = counters.shape[0] // ROWS
    average, last = counters[AVERAGE * views + counter], counters[LAST * views + counter]
    latency = max(1, latency_ns)
    kept = exp((last - now) / stages[stage]["decay_ns"])
    counters[AVERAGE * views + counter] = latency + rules.round_ns(max(0, average - latency) * kept)
    counters[LAST * views + counter] = now


@formula
def moved(is_first: bool, before: int, seen: int) -> int:
    """An average of C3, when something is seen."""
    return seen if is_first else rules.round_ns((1 - FRESH) * before + FRESH * seen)


@kernel
def hear_all(counters: I8, counter: int, latency_ns: int, service_ns: int, queue: int, now: int) -> None:
    """An answer is there: its latency, its service and the queue that it left move their averages; the first is all."""
    views = counters.shape[0] // ROWS
    average, service, left = AVERAGE * views + counter, SERVICE * views + counter, QUEUE * views + counter
    is_first = counters[average] == 0
    counters[average] = moved(is_first, counters[average], max(1, latency_ns))
    counters[service] = moved(is_first, counters[service], service_ns)
    counters[left] = moved(is_first, counters[left], QUEUED * queue)
    counters[LAST * views + counter] = now


@formula
def rank(stages: Rows, counters: I8, stage: int, counter: int, now: int) -> int:
    """C3's: latency less service, and as many services as the cube of the tasks that are thought to be there.

    These are those outstanding, times the clients that are thought to do the same, and the queue that was left; and
    the one that is to be sent. All averages fade alike.
    """
    views = counters.shape[0] // ROWS
    kept = exp((counters[LAST * views + counter] - now) / stages[stage]["decay_ns"])
    latency, service = kept * counters[AVERAGE * views + counter], kept * counters[SERVICE * views + counter]
    queue = kept * counters[QUEUE * views + counter] / QUEUED
    there = 1.0 + counters[TASKS * views + counter] * stages[stage]["clients"] + queue
    return rules.round_ns(max(1.0, min(latency - service + service * there * there * there, float(MOST_NS))))


@formula
def faded(stages: Rows, counters: I8, stage: int, counter: int, now: int) -> int:
    """The average of a replica, as much of it as is left now; 0: nothing was heard, or it is forgotten."""
    views = counters.shape[0] // ROWS
    average, last = counters[AVERAGE * views + counter], counters[LAST * views + counter]
    if average == 0:
        return rules.NOTHING
    return rules.round_ns(average * exp((last - now) / stages[stage]["decay_ns"]))


@kernel
def hear_at_least(stages: Rows, counters: I8, stage: int, counter: int, latency_ns: int, now: int) -> None:
    """A task was there so long without an answer: that is heard if it is longer than what is left of the average."""
    views = counters.shape[0] // ROWS
    if latency_ns > faded(stages, counters, stage, counter, now):
        counters[AVERAGE * views + counter] = latency_ns
        counters[LAST * views + counter] = now


@kernel
def look(stages: Rows, counters: I8, stage: int, first: int, count: int, now: int) -> None:
    """Work out what routing reads of so many replicas, now: how long a task more would take, about, or the average."""
    views = counters.shape[0] // ROWS
    policy = stages[stage]["policy"]
    for counter in range(first, first + count):
        tasks, left = counters[TASKS * views + counter], faded(stages, counters, stage, counter, now)
        if left == 0:
            counters[counter] = ON_TRIAL_NS + tasks if tasks > 0 else 0
        elif policy == ADAPTIVE:
            counters[counter] = min(left, MOST_NS)
        elif policy == C3:
            counters[counter] = rank(stages, counters, stage, counter, now)
        else:
            counters[counter] = left * (tasks + 1) if left <= MOST_NS // (tasks + 1) else MOST_NS
