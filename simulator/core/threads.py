"""A task that takes several workers of its replica at once: it is split evenly over them, and frees all when it ends.

All tasks of a stage take as many, ``threads``, and a task takes the free ones of lowest index. So they stay together:
with w workers a replica has w // threads sets of them, each of which serves by itself as a worker does, and those left
over never serve. (At the start the free workers are whole sets and what is left over; a task takes the first set that
is whole and free, for one of lower index would have to be free in part; and when it ends its set is free as a whole.)
A plan therefore counts sets as its workers, and only busy time and the neighbours on a machine see how many they are.
"""

import numpy as np

from simulator.core.plan import I8, Plan
from simulator.core.rules import MOST_NS


def of_replicas(plan: Plan, of_stages: I8) -> I8:
    """(replicas,) what is known of each stage, (stages,), at each of its replicas."""
    return np.repeat(of_stages, plan.stages["shards"] * plan.stages["replicas"])


def in_all_threads(plan: Plan, busy_ns: I8) -> I8:
    """(replicas,) time that single workers are taken, of the time that sets of them are; MOST_NS at most."""
    if (plan.stages["threads"] == 1).all():
        return busy_ns
    threads = of_replicas(plan, plan.stages["threads"])
    return np.minimum(busy_ns, MOST_NS // threads) * threads
