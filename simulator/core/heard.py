"""What balancers hear of replicas: the latencies of answers, where a routing policy is fed by them.

Routing reads one number a replica and view, whatever a policy looks at. Where one is fed by latency, the counters of
all views have more rows behind the ones that are read, and these are worked out anew with each task and each answer.
The average is that of Finagle's Peak EWMA: it follows a longer latency at once, and forgets it as time goes by.
"""

import numpy as np

from simulator.core import rules
from simulator.core.elementary import exp
from simulator.core.jit import formula, kernel
from simulator.core.plan import ADAPTIVE, I8, PEAK_EWMA, PLUGGED_LATENCY, Plan, Rows

#: Rows of the counters, each of as many as there are views: what routing reads; tasks without an answer; the average
#: latency in ns, 0 as long as nothing was heard; and when something was heard last.
READ, TASKS, AVERAGE, LAST = range(4)
ROWS = 4

#: The most that routing reads, in ns: about five hours, so that the sum over all shards is an int64.
MOST_NS = 2**44


@formula
def is_fed(policy: int) -> bool:
    """Whether a policy is fed by latency."""
    return policy in (PEAK_EWMA, ADAPTIVE, PLUGGED_LATENCY)


def counters_of(plan: Plan) -> I8:
    """The counters of a run, from ``first_view`` of each stage on: (views,), or (ROWS x views,) int64."""
    return np.zeros(plan.views * rows_of(plan.stages["policy"]), dtype=np.int64)


def rows_of(policies: I8) -> int:
    """Rows of the counters where stages have these policies."""
    return ROWS if any(bool(is_fed(int(policy))) for policy in policies) else 1


@formula
def count_at(stages: Rows, counters: I8, stage: int, counter: int, more: int) -> None:
    """So many tasks, or ns of work, more are outstanding at a counter; fewer, where ``more`` is below 0."""
    if is_fed(stages[stage]["policy"]):
        count_task(stages, counters, stage, counter, more)
    else:
        counters[counter] += more


@kernel
def count_task(stages: Rows, counters: I8, stage: int, counter: int, more: int) -> None:
    """The same where the policy is fed by latency."""
    views = counters.shape[0] // ROWS
    counters[TASKS * views + counter] += more
    weigh(stages, counters, stage, counter)


@formula
def answered(stages: Rows, counters: I8, stage: int, counter: int, load: int, sent_ns: int, now: int) -> None:
    """The answer is there to a task that was sent then and counted so much."""
    count_at(stages, counters, stage, counter, -load)
    if is_fed(stages[stage]["policy"]):
        hear(stages, counters, stage, counter, now - sent_ns, now)


@kernel
def hear(stages: Rows, counters: I8, stage: int, counter: int, latency_ns: int, now: int) -> None:
    """An answer is there, so long after its task was sent."""
    views = counters.shape[0] // ROWS
    average, last = counters[AVERAGE * views + counter], counters[LAST * views + counter]
    latency = max(1, latency_ns)
    kept = exp((last - now) / stages[stage]["decay_ns"])
    counters[AVERAGE * views + counter] = latency + rules.round_ns(max(0, average - latency) * kept)
    counters[LAST * views + counter] = now
    weigh(stages, counters, stage, counter)


@kernel
def weigh(stages: Rows, counters: I8, stage: int, counter: int) -> None:
    """Work out what routing reads: how long a task more would take, about, or the average alone."""
    views = counters.shape[0] // ROWS
    tasks, average = counters[TASKS * views + counter], counters[AVERAGE * views + counter]
    if average == 0:
        counters[counter] = tasks
    elif stages[stage]["policy"] == ADAPTIVE:
        counters[counter] = min(average, MOST_NS)
    else:
        counters[counter] = average * (tasks + 1) if average <= MOST_NS // (tasks + 1) else MOST_NS
