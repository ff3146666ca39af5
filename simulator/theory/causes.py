"""How much of the variance of service times comes from what, where it follows from laws alone.

Service time = A x machine's factor x task factor with A = o + c X, X the candidates of a query times its work, o and c
of a shard; or for a law of times A = T X. What is drawn is independent, and a replica is chosen without looking at any
of it. Then moments of products are products of moments, and each part that ``stats.task_parts`` computes has its
variance in closed form (law of total variance, conditioned on query, shard, machine, in this order).
"""

import numpy as np

from simulator.core.features import Feature as F
from simulator.core.plan import F8, TASK, TIME
from simulator.theory.stages import PaperStage

#: With these alone a replica is chosen by luck or in turn, every task is served once, and by itself.
BY_LAWS = frozenset(
    {
        *(F.DRAWN_WORK, F.DRAWN_CANDIDATES, F.CLASS_CANDIDATES, F.DRAWN_TIME, F.DRAWN_TASK, F.DRAWN_RESPONSE),
        *(F.DRAWN_MACHINES, F.SENDING, F.REPLICAS, F.ROUTING_BY_SHARD, F.BALANCERS, F.UNEVEN_REPLICAS, F.WORKERS),
        *(F.THREADS, F.MERGERS, F.DISCIPLINE, F.SHARING, F.AFTER_ANSWER, F.DRAWN_AFTER, F.BACKGROUND),
    }
)
#: And with these, too, where machines are equal: who serves a task is then all the same.
BY_LAWS_ALIKE = BY_LAWS | {F.ROUTING_BY_LOAD, F.ROUTING_BY_LATENCY, F.ROUTING_PLUGGED, F.OUTAGE}


def service_variances(stage: PaperStage) -> F8 | None:
    """(5,) variances of the service times of a stage by cause, and of all, in s^2; None where laws do not say."""
    lines = _lines(stage)
    known = BY_LAWS if F.DRAWN_MACHINES in stage.features else BY_LAWS_ALIKE
    if lines is None or not stage.features <= known or stage.is_given_less:
        return None
    start, slope, first, second = lines
    factor, chance = stage.machine_factor[stage.is_left], (stage.is_left / stage.replicas_left[:, None])[stage.is_left]
    chance, of = chance / stage.shards, np.nonzero(stage.is_left)[0]
    task, task_2 = (1.0, 1.0) if stage.is_timed else (stage.law(TASK).mean(), stage.law(TASK).second_moment())
    usual = float((chance * factor).sum())
    mean = start + slope * first  # (shards,) of the time alone
    square = start**2 + 2 * start * slope * first + slope**2 * second
    over_shards = start - start.mean(), slope - slope.mean()
    uneven = over_shards[0] ** 2 + 2 * over_shards[0] * over_shards[1] * first + over_shards[1] ** 2 * second
    away = factor - usual
    by_machine = chance * square[of] * away**2
    own = (task_2 - task**2) * (chance * square[of] * factor**2).sum()
    whole = task_2 * (chance * square[of] * factor**2).sum()
    if stage.is_timed:
        law, work_2 = stage.law(TIME), stage.work.second_moment()
        own = max(0.0, law.second_moment() - law.mean() ** 2) * 1e-18 * work_2 * (chance * factor**2).sum()
        whole += own
    variances = np.array(
        [
            (usual * task * slope.mean()) ** 2 * max(0.0, second - first**2),
            (usual * task) ** 2 * (uneven.mean() - float((over_shards[0] + over_shards[1] * first).mean()) ** 2),
            task**2 * (by_machine.sum() - float((chance * mean[of] * away).sum()) ** 2),
            own,
            whole - float((chance * mean[of] * factor).sum() * task) ** 2,
        ]
    )
    return np.maximum(variances, 0.0) if np.isfinite(variances).all() else None


def _lines(stage: PaperStage) -> tuple[F8, F8, float, float] | None:
    """Of each shard o and c of its time alone o + c X with mean luck, in seconds, and two moments of X."""
    shards, knots, work = range(stage.shards), stage.knot_slice, stage.work
    nothing = np.zeros(stage.shards)
    if stage.is_timed:
        start = nothing
        if stage.depends_on_items:
            if not stage.has_fixed_items:
                return None
            start = np.array([stage.cost_s(shard, work.mean()) for shard in shards])
        return start, nothing + stage.law(TIME).mean() * 1e-9, work.mean(), work.second_moment()
    if stage.has_fixed_items:
        return np.array([stage.cost_s(shard, work.mean()) for shard in shards]), nothing, 1.0, 1.0
    if knots.stop - knots.start > 1 or stage.is_hashed or stage.is_padded:
        return None
    slope = float(stage.plan.knot_slope[knots.start]) * 1e-9 * stage.share
    start = nothing + float(stage.plan.knot_ns[knots.start]) * 1e-9
    return start, slope, stage.items_moment(1), stage.items_moment(2)
