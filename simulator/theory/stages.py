"""What a Plan says of a stage by itself: candidates, service times and utilisation of its replicas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.core import rules
from simulator.core.laws import Law
from simulator.core.plan import CANDIDATES, CONSTANT, EXPONENTIAL, F8, MACHINE, NONE, RESPONSE, ROLES, TASK, TIME, Plan

S_PER_NS = 1e-9


@dataclass(frozen=True)
class StageView:
    """One stage of a plan with what its queues are made of. Durations in seconds."""

    index: int
    row: Any
    plan: Plan
    candidates: float  #: mean number given to it
    fixed_candidates: bool  #: whether every query has that many

    def law(self, role: int) -> Law:
        """One of the stage's laws."""
        return Law.from_row(self.plan.laws[self.index * ROLES + role])

    @property
    def shards(self) -> int:
        """Number of shards."""
        return int(self.row["shards"])

    @property
    def replicas(self) -> int:
        """Replicas of each shard."""
        return int(self.row["replicas"])

    @property
    def workers(self) -> int:
        """Workers of each replica."""
        return int(self.row["workers"])

    @property
    def share(self) -> F8:
        """(shards,) share of each shard."""
        first = int(self.row["first_shard"])
        return self.plan.share[first : first + self.shards]

    @property
    def machine_factor(self) -> F8:
        """(shards, replicas) factor of each machine."""
        first = int(self.row["first_replica"])
        count = self.shards * self.replicas
        return self.plan.machine_factor[first : first + count].reshape(self.shards, self.replicas)

    @property
    def has_fixed_items(self) -> bool:
        """Whether a shard has the same effective items for every query."""
        work = Law.from_row(self.plan.work_law[0])
        return self.fixed_candidates and not self.row["hashed"] and work.is_constant()

    def alone_s(self, shard: int, work: float = 1.0) -> float:
        """Time alone of a task at the mean number of candidates, task factor 1; the mean of a ``time`` law."""
        timed = self.law(TIME)
        if timed.kind != NONE:
            return timed.mean() * work * S_PER_NS
        plan = self.plan
        items = self.candidates * float(self.share[shard]) * work
        cost_ns = rules.cost_ns(plan.stages, plan.knot_items, plan.knot_ns, plan.knot_slope, self.index, items)
        return float(cost_ns) * S_PER_NS

    def spread(self) -> Law:
        """Law of the factor on the time alone: the task factor, or a ``time`` law over its mean."""
        timed = self.law(TIME)
        if timed.kind == NONE:
            return self.law(TASK)
        return timed.scaled(1 / timed.mean()) if timed.mean() > 0 else Law.constant(1.0)

    def moments_s(self, shard: int) -> tuple[float, float] | None:
        """First two moments of the service time at factor 1; None where they have no closed form here."""
        task, work = self.spread(), Law.from_row(self.plan.work_law[0])
        is_timed = self.law(TIME).kind != NONE
        knots = int(self.row["knots"])
        if is_timed or self.has_fixed_items:
            mean = self.alone_s(shard)
            first, second = mean, mean**2
            if is_timed:
                first, second = mean * work.mean(), mean**2 * work.second_moment()
        elif knots == 1 and not self.row["hashed"]:
            own = self.law(CANDIDATES)
            if not self.fixed_candidates and (own.kind == NONE or own.is_constant()):
                return None
            knot = int(self.row["first_knot"])
            overhead = float(self.plan.knot_ns[knot]) * S_PER_NS
            slope = float(self.plan.knot_slope[knot]) * S_PER_NS * float(self.share[shard])
            count = (
                (self.candidates, self.candidates**2) if self.fixed_candidates else (own.mean(), own.second_moment())
            )
            item_mean, item_square = count[0] * work.mean(), count[1] * work.second_moment()
            first = overhead + slope * item_mean
            second = overhead**2 + 2 * overhead * slope * item_mean + slope**2 * item_square
        else:
            return None
        return first * task.mean(), second * task.second_moment()

    def has_drawn_machines(self) -> bool:
        """Whether machines differ by luck, so that this plan's are those of one replication only."""
        return not self.law(MACHINE).is_constant()

    def mean_service_s(self, shard: int) -> float:
        """Mean service time at factor 1; at mean items where there is no closed form."""
        found = self.moments_s(shard)
        return self.alone_s(shard) * self.spread().mean() if found is None else found[0]

    def is_exponential(self) -> bool:
        """Whether service times are exponential, of the same mean for every query."""
        spread = self.spread()
        if self.law(TIME).kind == NONE and not self.has_fixed_items:
            return False
        return spread.kind == EXPONENTIAL and Law.from_row(self.plan.work_law[0]).is_constant()

    def constant_services_s(self) -> F8 | None:
        """(shards, replicas) service times where none of them is random, else None."""
        is_timed = self.law(TIME).kind != NONE
        work = Law.from_row(self.plan.work_law[0])
        fixed = self.spread().is_constant() and (work.is_constant() if is_timed else self.has_fixed_items)
        if not fixed:
            return None
        alone = np.array(_by_share(self, self.alone_s))
        rounded = np.maximum(np.floor(alone[:, None] / S_PER_NS * self.machine_factor + 0.5), 1)
        return np.asarray(rounded * S_PER_NS, dtype=np.float64)

    def offsets_s(self) -> F8:
        """(shards,) request latency of each shard, sending included."""
        sent_ns = np.arange(self.shards, dtype=np.float64) * float(self.row["send_ns"])
        return np.asarray((float(self.row["request_ns"]) + sent_ns) * S_PER_NS, dtype=np.float64)

    def response(self) -> Law:
        """Response latency in seconds."""
        law = self.law(RESPONSE)
        return law.scaled(S_PER_NS) if law.kind != CONSTANT or law.a > 0 else law

    def merge_s(self) -> float:
        """Duration of the merge."""
        return float(rules.merge_ns(self.plan.stages, self.index, self.shards)) * S_PER_NS


def _by_share(stage: StageView, value: Any) -> list[float]:
    """``value(shard)`` of every shard, computed once for equal shares."""
    known: dict[float, float] = {}
    found = []
    for shard, share in enumerate(stage.share.tolist()):
        if share not in known:
            known[share] = value(shard)
        found.append(known[share])
    return found


def mean_services_s(stage: StageView) -> F8:
    """(shards,) mean service time of each shard at factor 1."""
    return np.array(_by_share(stage, stage.mean_service_s))


def stages_of(plan: Plan) -> list[StageView]:
    """The stages of a plan, each with the candidates that reach it."""
    found: list[StageView] = []
    candidates, fixed = 0.0, True
    for index, row in enumerate(plan.stages):
        own = Law.from_row(plan.laws[index * ROLES + CANDIDATES])
        if own.kind != NONE:
            candidates, fixed = own.mean(), own.is_constant()
        else:
            keep = float(plan.stages[index - 1]["keep"])
            if not fixed and _never_below(found[-1], keep):
                candidates, fixed = keep, True  # the previous stage always has enough
            candidates = min(candidates, keep)
        found.append(StageView(index, row, plan, candidates, fixed))
    return found


def _never_below(stage: StageView, keep: float) -> bool:
    own = stage.law(CANDIDATES)
    return own.kind != NONE and math.isfinite(keep) and own.quantile(1e-15) >= keep
