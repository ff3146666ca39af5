"""What is certain of how much a plan asks of its stations: what proves that a load is not carried."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from simulator.core.admission import PARTS, bounds_flight, may_shed, most_out
from simulator.core.lateness import gives_up
from simulator.core.plan import F8, Plan
from simulator.theory.closed_forms import FULL
from simulator.theory.estimate import own_utilisation_of, utilisation_of
from simulator.theory.funnel import stages_of
from simulator.theory.visits import asks, has_all_been


class Certain(NamedTuple):
    """Demand on the stations of a stage, at least."""

    replicas: F8  #: (shards, replicas) of all stages whose tasks run there
    mergers: float  #: 0 where merging is a mere delay


def certain_demands(plan: Plan, lasts_s: float = math.inf) -> list[Certain]:
    """Of each stage what is certain, which may exceed 1.

    Nothing is of replicas that withdraw or refuse, whose queues are bounded at any load, nor of those of stages that
    are given what is answered before, of which only the most is known, or go where that was, or come after one in which
    queries may fail, or where clients give up. At replicas that several stages share, what is certain of each adds up.

    ``lasts_s``: of a run so long: what comes too seldom for it (a crash, a slow stretch) may never be seen in it.
    """
    stages = stages_of(plan)
    replicas: dict[int, F8] = {}  # by owner
    merging, is_known = [0.0] * len(stages), True
    for stage in stages:
        replicas.setdefault(stage.owner, np.zeros_like(stage.machine_factor))
        if not is_known:
            continue
        is_known = not (stage.is_limited or stage.loses or stage.may_time_out or gives_up(plan))
        merging[stage.index] = stage.merger_demand(plan.rate_per_s) if is_known else 0.0  # who fails is not merged
        part = asks(stage, at_least=True) / asks(stage)  # caches answer some, and at most so many
        merging[stage.index] *= part
        goes_where_it_was = stage.follows and not has_all_been(stage)
        if not (stage.sheds or goes_where_it_was or (stage.is_given_less and stage.depends_on_items)):
            own = part * own_utilisation_of(stage, plan.rate_per_s, lasts_s)
            replicas[stage.owner] = replicas[stage.owner] + own
    return [Certain(replicas[stage.owner], merging[stage.index]) for stage in stages]


def certainly_busiest(plan: Plan, lasts_s: float = math.inf) -> float:
    """As ``busiest``, of what is certain (``certain_demands``); 0 where clients wait, or some may be shed."""
    return 0.0 if plan.clients or may_shed(plan) else _most(plan, lasts_s)


def busiest_at_one(plan: Plan) -> float:
    """Seconds that a query takes of the busiest station, as far as that is certain."""
    return _most(replace(plan, rate_per_s=1.0), math.inf)


def _most(plan: Plan, lasts_s: float) -> float:
    return max(max(float(one.replicas.max()), one.mergers) for one in certain_demands(plan, lasts_s))


def may_pile_up(plan: Plan) -> bool:
    """Whether more may come than is done where nothing bounds a queue: where all that is asked comes so far.

    A stage that refuses what does not fit, or withdraws what is late, has bounded queues; not its mergers. Clients that
    wait are only so many, and so are queries in flight where a door or clients count them. Its rate lets so many in.
    """
    rate_per_s = admitted_per_s(plan)
    is_bounded = bounds_flight(plan) or most_out(plan) or (plan.clients and not len(plan.open_ns))
    for stage in () if is_bounded else stages_of(plan):
        is_bounded = stage.is_limited or (stage.cancels and stage.may_time_out)
        if not is_bounded and float(utilisation_of(stage, rate_per_s).max()) >= FULL:
            return True
        if stage.merger_demand(rate_per_s) >= FULL:
            return True
    return False


def token_s(plan: Plan) -> float:
    """How long a token of the door takes to come in; 0: it has no bucket."""
    return float(plan.door[0]["token"]) / 2**PARTS * 1e-9 if len(plan.door) else 0.0


def admitted_per_s(plan: Plan) -> float:
    """Queries that the rate of a door lets in, at most, of those that come."""
    gap_s = token_s(plan)
    return min(plan.rate_per_s, 1 / gap_s) if gap_s > 0 else plan.rate_per_s
