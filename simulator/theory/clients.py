"""Clients that wait, on paper: how much they ask for at most, and how much they are answered where that is known.

Bounds: Denning and Buzen, 1978.
"""

import math

import numpy as np

from simulator.core.plan import Plan
from simulator.theory.certain import busiest_at_one
from simulator.theory.closed import ClosedLoad, of_clients, think_of
from simulator.theory.funnel import stages_of
from simulator.theory.zero_load import EXACT, NUMERIC, zero_load


def least_s(plan: Plan) -> float:
    """Time that a query takes at least on average, in seconds.

    A query in an empty system waits for nobody but for a batch to fill, which more queries make shorter. Machines that
    differ are not all met as often. At stages that withdraw or refuse tasks nothing is certain.
    """
    stages, empty = stages_of(plan), zero_load(plan)
    alone_s = 0.0
    if empty is not None and empty.kind in (EXACT, NUMERIC):
        differ = any(stage.replicas > 1 and np.ptp(stage.machine_factor) > 0 for stage in stages)
        alone_s = 0.0 if differ else max(0.0, empty.mean_s - math.fsum(stage.alone_wait_s for stage in stages))
    return alone_s


def most_per_s(plan: Plan) -> float:
    """Queries that its clients can be answered, at most: min(N / (R + Z), 1 / D).

    Clients that give up, or shed what they send, may send as many as if nothing took time.
    """
    if len(plan.patience):
        return plan.clients / max(1e-9, think_of(plan).mean())
    alone_s, most_s = least_s(plan), busiest_at_one(plan)
    waiting_per_s = plan.clients / (alone_s + max(1e-9, think_of(plan).mean()))
    return min(waiting_per_s, 1 / most_s) if most_s > 0 else waiting_per_s


def closed_load(plan: Plan) -> ClosedLoad | None:
    """What is known of a plan's clients; None of an open load, and of clients beside others."""
    if not plan.clients or len(plan.open_ns):
        return None
    alone_s, most_s = least_s(plan), busiest_at_one(plan)
    think_s = think_of(plan).mean()
    known = [one.value_s for one in of_clients(plan, stages_of(plan)) if (one.statistic, one.stage) == ("mean", None)]
    exact_per_s = plan.clients / (known[0] + think_s) if known else None
    is_known = most_s > 0 and alone_s > 0 and not len(plan.patience)  # of how long a query takes alone, if it is
    enough = (alone_s + think_s) / most_s if is_known else None
    return ClosedLoad(plan.clients, think_s, most_per_s(plan), enough, exact_per_s)
