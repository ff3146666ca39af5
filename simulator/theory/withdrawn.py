"""What queries take at least of a stage that waits for some answers, and withdraws the other tasks."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise

import numpy as np

from simulator.core.plan import F8
from simulator.theory.beside import left_beside
from simulator.theory.races import raced_shares, shortest_share
from simulator.theory.stages import PaperStage, busy_afters_s, busy_services_s
from simulator.theory.visits import asks


def places_of(stage: PaperStage) -> list[slice]:
    """The shards of each source of a stage; of a plain one all of them."""
    ends = accumulate((one.shards for one in stage.fleets or (stage,)), initial=0)
    return [slice(first, end) for first, end in pairwise(ends)]


def least_by_source_s(stage: PaperStage, lasts_s: float = math.inf) -> list[float]:
    """Work of a query, at least, at each source of a stage, in s of a worker: of the answers that others cannot be.

    Of n answers k are waited for, so of the m of a source k - (n - m) are there. Where queries leave shards out, that
    may be none of them.
    """
    services_s, needed = busy_services_s(stage, lasts_s), []
    for fleet, here in zip(stage.fleets or (stage,), places_of(stage), strict=True):
        count = 0 if stage.fans_out else max(0, stage.wait_for - (stage.shards - fleet.shards))
        if stage.is_raced and count > 0:
            share = shortest_share(fleet.spread(), fleet.shards * (1 + stage.hedges), count)
            total_s = count * float(services_s[here].min()) * share
        else:
            total_s = float(np.sort(services_s[here])[:count].sum())
        needed.append(_in_all(stage, here, count, total_s, lasts_s))
    return needed


def _in_all(stage: PaperStage, here: slice, count: int, services_s: float, lasts_s: float) -> float:
    """What so many answers of some shards take: at the fastest machine, and with what follows them."""
    total_s = services_s * float(stage.machine_factor[here].min()) + count * float(busy_afters_s(stage)[here].min())
    return total_s * asks(stage) / float(left_beside(stage, lasts_s).max())


def least_in_all_s(stage: PaperStage, lasts_s: float = math.inf) -> float:
    """The same, of a query at all shards together."""
    services_s, count = busy_services_s(stage, lasts_s) * raced_shares(stage), stage.wait_for
    shortest_s = np.full(count, services_s.min()) if stage.is_raced else np.sort(services_s)[:count]
    return _in_all(stage, slice(None), count, float(shortest_s.sum()), lasts_s)


def least_utilisation(stage: PaperStage, rate_per_s: float, lasts_s: float = math.inf) -> F8:
    """(shards, replicas) of all loads that take so much the one whose busiest replicas are least busy.

    Each source has what it has in any case; what may be anywhere fills up those that have least.
    """
    places, each_s = places_of(stage), least_by_source_s(stage, lasts_s)
    workers = [float(stage.is_left[here].sum()) * stage.workers for here in places]
    whole_s, level = max(least_in_all_s(stage, lasts_s), math.fsum(each_s)), 0.0
    by_level = sorted((own / count, own, count) for own, count in zip(each_s, workers, strict=True))
    for filled in range(len(by_level), 0, -1):
        others_s = math.fsum(own for _, own, _ in by_level[filled:])
        level = (whole_s - others_s) / math.fsum(count for *_, count in by_level[:filled])
        if level >= by_level[filled - 1][0]:
            break
    used = np.zeros(stage.is_left.shape)
    for here, own, count in zip(places, each_s, workers, strict=True):
        used[here] = rate_per_s * max(level, own / count)
    return np.where(stage.is_left, used, 0.0)
