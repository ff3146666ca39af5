"""What a table of tasks shows of refusals: when tasks were at their replicas, and when aggregators were told."""

import numpy as np

from simulator.core import copy_states, draws, rules
from simulator.core.laws import sampling
from simulator.core.limits import refusal_ns
from simulator.core.plan import I8, RESPONSE, ROLES, Plan
from simulator.core.violations import Rows


def response_ns(plan: Plan, stage: int, query: int, shard: int, copy: int) -> int:
    """Response latency of a copy of a task, drawn alone."""
    place, law = stage * draws.PLACES + shard, stage * ROLES + RESPONSE
    luck, _ = draws.uniforms(plan.seed, plan.replication, draws.RESPONSE, query, place, copy)
    return int(rules.round_ns(sampling.quantile(plan.laws, plan.law_parts, plan.law_points, law, luck)))


def arrived_ns(tasks: Rows) -> I8:
    """(tasks,) when each is at its replica, whether it is enqueued, refused or lost there; -1: it is not."""
    is_over = np.isin(tasks.state, (copy_states.REFUSED, copy_states.LOST)) & (tasks.enqueue_ns < 0)
    return np.where(is_over, tasks.withdrawn_ns, tasks.enqueue_ns)


def told_ns(plan: Plan, tasks: Rows, stage: int) -> I8:
    """(tasks of a stage,) when the aggregator knows that each was refused; -1: it does not."""
    told = np.full(len(tasks.query), -1)
    for index in np.flatnonzero(tasks.state == copy_states.REFUSED):
        whose = int(tasks.query[index]), int(tasks.shard[index]), int(tasks.copy[index])
        told[index] = tasks.withdrawn_ns[index] + int(refusal_ns(response_ns(plan, stage, *whose)))
    return np.where(told <= plan.end_ns, told, -1)
