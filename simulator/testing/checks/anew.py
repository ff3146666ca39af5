"""Service and network times worked out anew from a plan: formulas of our own, none of the package's rules."""

import math
from itertools import product
from typing import Any

import numpy as np

from simulator.core import draws, rules
from simulator.core.assemble import StageParts
from simulator.core.columns import TaskGrid
from simulator.core.laws import Law, LawTable, sampling
from simulator.core.plan import AFTER, F8, I8, NONE, RESPONSE, ROLES, TASK, TIME, Plan
from simulator.testing.checks.derive import parts_of


def network_ns(plan: Plan, stage: int) -> int:
    """Request, sending and response latencies of all tasks of a stage, drawn anew."""
    row = plan.stages[stage]
    shards = int(row["shards"])
    total = plan.queries * (shards * int(row["request_ns"]) + int(row["send_ns"]) * shards * (shards - 1) // 2)
    law = stage * ROLES + RESPONSE
    for query in range(plan.queries):
        for shard in range(shards):
            u = _luck(plan, draws.RESPONSE, query, stage, shard)
            total += rules.round_ns(sampling.quantile(plan.laws, plan.law_parts, plan.law_points, law, u))
    return int(total)


def held_ns(plan: Plan, stage: int, enter_ns: I8) -> int:
    """How long all tasks of a stage wait with their sender for a replica that is not out."""
    part, total = parts_of(plan)[stage], 0
    for now, shard in product(enter_ns[enter_ns >= 0].tolist(), range(len(part.share))):
        left = int(plan.left[plan.stages[stage]["first_shard"] + shard])
        total += min(_is_back(part, shard, index, now) for index in range(left)) - now
    return int(total)


def _is_back(part: StageParts, shard: int, index: int, now: int) -> int:
    """The first instant, from one on, at which a replica is not out."""
    mine = [
        one
        for one in part.outages
        if index % one.step == one.rest and (part.by_query or one.first_shard <= shard < one.first_shard + one.shards)
    ]
    instants = [now, *(one.until_ns for one in mine if one.until_ns > now)]
    return min(at for at in instants if not any(one.from_ns <= at < one.until_ns for one in mine))


def service_ns(plan: Plan, stage: int, candidates: F8, grid: TaskGrid) -> F8:
    """(queries, shards) for how long each task of a stage keeps a worker busy; of a batch all stands at its head."""
    if plan.is_batched[stage]:
        return _of_batches(plan, stage, candidates, grid)
    part, row = parts_of(plan)[stage], plan.stages[stage]
    table = LawTable(plan.laws, plan.law_parts, plan.law_points)
    time, task = table.law(stage * ROLES + TIME), table.law(stage * ROLES + TASK)
    first, shards = int(row["first_shard"]), int(row["shards"])
    times_ns = np.empty((plan.queries, shards))
    for query in range(plan.queries):
        items = _items(plan, stage, float(candidates[query]), query) * plan.work[query]
        for shard in range(shards):
            u = _luck(plan, draws.TASK, query, stage, shard)
            alone = _cost_ns(part.knots, float(items[shard]))
            if time.kind != NONE:
                alone += time.quantile(u) * plan.work[query]
            luck = 1.0 if time.kind != NONE else _value(task, u)
            alone *= plan.machine_factor[grid.replica[query, first + shard]] * luck
            times_ns[query, shard] = max(1.0, math.floor(min(alone, rules.LONGEST_NS) + 0.5))
    return times_ns


def after_ns(plan: Plan, stage: int, grid: TaskGrid) -> F8:
    """(queries, shards) for how long each task keeps a worker after its answer; of a batch all stands at its head."""
    law = LawTable(plan.laws, plan.law_parts, plan.law_points).law(stage * ROLES + AFTER)
    first, shards = int(plan.stages[stage]["first_shard"]), int(plan.stages[stage]["shards"])
    times_ns = np.zeros((plan.queries, shards))
    if law.kind == NONE:
        return times_ns
    heads: dict[tuple[int, ...], tuple[int, int, int]] = {}
    for query in range(plan.queries):
        for shard in range(shards):
            at = query, first + shard
            batch = int(grid.replica[at]), int(grid.worker[at]), int(grid.start_ns[at])
            head = int(grid.enqueue_ns[at]), query, shard
            heads[batch] = min(head, heads.get(batch, head))
    for _, query, shard in heads.values():
        lasts = _value(law, _luck(plan, draws.AFTER, query, stage, shard))
        times_ns[query, shard] = math.floor(min(lasts, rules.LONGEST_NS) + 0.5)
    return times_ns


def _of_batches(plan: Plan, stage: int, candidates: F8, grid: TaskGrid) -> F8:
    """Those that started at one worker at one instant are a batch; its head was enqueued first."""
    part, row = parts_of(plan)[stage], plan.stages[stage]
    task = LawTable(plan.laws, plan.law_parts, plan.law_points).law(stage * ROLES + TASK)
    first, shards = int(row["first_shard"]), int(row["shards"])
    together: dict[tuple[int, ...], list[tuple[int, int, int, float]]] = {}
    for query in range(plan.queries):
        items = _items(plan, stage, float(candidates[query]), query) * plan.work[query]
        for shard in range(shards):
            at = query, first + shard
            batch = int(grid.replica[at]), int(grid.worker[at]), int(grid.start_ns[at])
            together.setdefault(batch, []).append((int(grid.enqueue_ns[at]), query, shard, float(items[shard])))
    times_ns = np.zeros((plan.queries, shards))
    for (replica, _, _), tasks in together.items():
        _, query, shard, _ = min(tasks)
        total = 0.0
        for *_, each in sorted(tasks):  # in the order of the queue: at a size the last digit counts
            total += each
        holding = [size for size in part.sizes if size >= total]
        alone = _cost_ns(part.knots, holding[0] if holding else total)
        alone *= plan.machine_factor[replica] * _value(task, _luck(plan, draws.TASK, query, stage, shard))
        times_ns[query, shard] = max(1.0, math.floor(min(alone, rules.LONGEST_NS) + 0.5))
    return times_ns


def _items(plan: Plan, stage: int, candidates: float, query: int) -> F8:
    row = plan.stages[stage]
    share = plan.share[int(row["first_shard"]) : int(row["first_shard"] + row["shards"])]
    if not plan.sources[row["first_source"]]["hashed"]:
        return np.asarray(candidates * share)
    from simulator.core.split import part

    items, left, share_left = np.empty(len(share)), math.floor(candidates + 0.5), 1.0
    for shard, own in enumerate(share.tolist()):
        is_last = shard + 1 == len(share)
        chance = own / share_left if share_left > 0 else 0.0
        items[shard] = left if is_last else part(left, chance, _luck(plan, draws.SPLIT, query, stage, shard))
        left, share_left = left - int(items[shard]), share_left - own
    return items


def _cost_ns(knots: Any, items: float) -> float:
    """The piecewise-linear cost."""
    place, ns, slope = [knot for knot in knots if knot[0] <= items][-1]
    return float(ns + (items - place) * slope)


def _value(law: Law, u: float) -> float:
    return law.a if law.is_constant() else law.quantile(u)


def _luck(plan: Plan, stream: int, query: int, stage: int, shard: int) -> float:
    place = stage * draws.PLACES + shard
    return float(draws.uniforms(plan.seed, plan.replication, stream, query, place, draws.FIRST_COPY)[0])
