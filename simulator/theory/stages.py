"""What a Plan says of a stage by itself: candidates, service times and utilisation of its replicas."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.core.batching import padded
from simulator.core.features import Features, features_of
from simulator.core.laws import Law, LawTable, exponential
from simulator.core.plan import AFTER, CONSTANT, F8, MACHINE, NONE, RESPONSE, TASK, TIME, Plan
from simulator.core.sources import sources_of
from simulator.core.stage_view import StageView
from simulator.core.work import cost_ns as task_cost_ns
from simulator.core.work import depends_on_items
from simulator.theory.batches import cheap_sizes, least_part, most_tasks
from simulator.theory.slow import share_done
from simulator.theory.visits import FINE, Counts, asks, merging_s, midpoints, mixed

S_PER_NS = 1e-9


def work_law_of(plan: Plan) -> Law:
    """The law of a query's work factor."""
    return LawTable(plan.work_law, plan.law_parts, plan.law_points).law(0)


@dataclass(frozen=True)
class PaperStage(StageView):
    """One stage of a plan with what its queues are made of. Durations in seconds, where the name says so."""

    counts: Counts
    by_role: tuple[Law, ...]
    work: Law  #: of a query's work factor
    is_given_less: bool  #: whether it is given what is answered before it, of which only about the mean is known
    fleets: tuple[PaperStage, ...] = ()  #: its sources, if it has several: each as a stage of its shards alone
    kinds: tuple[tuple[float, PaperStage], ...] = ()  #: by class, where candidates differ: share, stage of it alone

    @cached_property
    def features(self) -> Features:
        """What it makes use of."""
        return features_of(self.plan, self.index)

    def law(self, role: int) -> Law:
        """One of the stage's laws."""
        return self.by_role[role]

    @property
    def candidates(self) -> float:
        """Mean number given to it."""
        return self.counts.moment(1)

    @property
    def fixed_candidates(self) -> bool:
        """Whether every query has that many."""
        return all(one.counts.is_fixed() for one in self.fleets or (self,))

    @property
    def has_fixed_items(self) -> bool:
        """Whether a shard has the same effective items for every query."""
        work = self.work
        return self.fixed_candidates and not self.is_hashed and work.is_constant()

    @property
    def is_timed(self) -> bool:
        """Whether a time is drawn, besides the cost of items if there is one."""
        return any(one.law(TIME).kind != NONE for one in self.fleets or (self,))

    @property
    def source(self) -> int:
        """Row of its source, where it has one."""
        return self._number("first_source")

    @property
    def depends_on_items(self) -> bool:
        """Whether its time depends on items, of some source at least."""
        plan = self.plan
        own = (self.source,) if not self.fleets else sources_of(plan.stages, self.index)
        return any(depends_on_items(plan.sources, plan.laws, plan.knot_ns, plan.knot_slope, one) for one in own)

    def at(self, shard: int) -> tuple[PaperStage, int]:
        """The stage as the source of a shard alone, and the place of the shard there; itself where it has one."""
        for fleet in self.fleets:
            if shard < fleet.shards:
                return fleet, shard
            shard -= fleet.shards
        return self, shard

    @property
    def has_both(self) -> bool:
        """Whether a task's time is a law's besides the cost of its items: a sum with such a part."""
        return self.is_timed and self.depends_on_items

    def cost_s(self, shard: int, work: float = 1.0, tasks: int = 1) -> float:
        """Cost of the mean number of candidates; of so many tasks together."""
        if self.fleets:
            return (of := self.at(shard))[0].cost_s(of[1], work, tasks)
        plan = self.plan
        items = padded(plan.stages, plan.batch_points, self.index, self._items(shard) * work * tasks)
        cost_ns = task_cost_ns(plan.sources, plan.knot_items, plan.knot_ns, plan.knot_slope, self.source, items)
        return float(cost_ns) * S_PER_NS

    def _items(self, shard: int) -> float:
        return self.candidates * float(self.share[shard])

    def items_moment(self, power: int) -> float:
        """Mean of a query's candidates times its work, to a power: of a class both are its own."""
        if self.kinds:
            return math.fsum(share * one.items_moment(power) for share, one in self.kinds)
        return self.counts.moment(power) * self.work.moment(power)

    def busy_service_s(self, shard: int) -> float:
        """Mean time that a task takes of a worker at factor 1, when many wait: its part of a full batch.

        Where items vary it is a bound from below: what is asked for more than its time is saturated, whatever they are.
        """
        if self.fleets:
            return (of := self.at(shard))[0].busy_service_s(of[1])
        if not self.is_batched:
            return self.mean_service_s(shard)
        least, most = self._full_batch(shard)
        mean, spread = self.items_moment(1) * float(self.share[shard]), self.spread().mean()
        if self.has_fixed_items:
            work = self.work.mean()
            sizes = cheap_sizes(mean, [*self._knots[0][self.knot_slice], *self.sizes], int(most))
            return min(self.cost_s(shard, work, tasks) / tasks for tasks in sizes) * spread
        at, cost, slope = (column[self.knot_slice] for column in self._knots)
        return least_part(at, cost, float(slope[-1]), mean, least, most) * S_PER_NS * spread

    def _full_batch(self, shard: int) -> tuple[float, float]:
        """Tasks of a full batch, on average: at least, and at most."""
        if self.has_fixed_items:
            mean = self._items(shard) * self.work.mean()
            fitting = self.max_items / mean if mean > 0 else math.inf
            tasks = float(max(1, math.floor(min(fitting, self.max_size))))
            return tasks, tasks
        most = least = float(self.max_size)
        if math.isfinite(self.max_items):
            least = 1.0
            if not self.is_hashed:
                most = most_tasks(self._items_drawn(shard), self.max_size, self.max_items)
        return least, most

    def busy_after_s(self, shard: int) -> float:
        """Mean time that a worker stays taken by a task after its answer, when many wait: its part of a full batch."""
        if self.fleets:
            return (of := self.at(shard))[0].busy_after_s(of[1])
        mean_s = self.after().mean()
        return mean_s / self._full_batch(shard)[1] if self.is_batched and mean_s > 0 else mean_s

    @property
    def _knots(self) -> tuple[F8, F8, F8]:
        return self.plan.knot_items, self.plan.knot_ns, self.plan.knot_slope

    def _items_drawn(self, shard: int) -> F8:
        """(n,) effective items of a shard over the laws of candidates and work, equally likely."""
        if self.kinds:  # of each class as many as its share
            each = [(midpoints(max(1, round(FINE * share))), one._items_drawn(shard)) for share, one in self.kinds]
            return np.concatenate([np.quantile(items, luck) for luck, items in each])
        work = self.work
        side = FINE if self.fixed_candidates or work.is_constant() else 64
        counts = self.counts.at(midpoints(1 if self.fixed_candidates else side))
        factors = work.quantiles(midpoints(1 if work.is_constant() else side))
        return np.outer(counts, factors).ravel() * float(self.share[shard])

    @property
    def alone_wait_s(self) -> float:
        """How long a task waits for others that do not come."""
        is_ready = self.max_size == 1 or 1 in self.preferred
        return 0.0 if is_ready else float(self.max_wait_ns) * S_PER_NS

    def alone_s(self, shard: int, work: float = 1.0) -> float:
        """Time alone of a task at the mean number of candidates, at factor 1 and the mean of a ``time`` law."""
        return self.shift_s(shard, work) + self.spread_out_s(shard, work)

    def shift_s(self, shard: int, work: float = 1.0) -> float:
        """The part of the time alone that ``spread`` does not multiply: the cost of items besides a ``time`` law."""
        fleet, place = self.at(shard)
        return fleet.cost_s(place, work) if fleet.has_both else 0.0

    def spread_out_s(self, shard: int, work: float = 1.0) -> float:
        """The part of the time alone that ``spread`` multiplies."""
        fleet, place = self.at(shard)
        return fleet.law(TIME).mean() * work * S_PER_NS if fleet.is_timed else fleet.cost_s(place, work)

    def spread(self) -> Law:
        """Law of the factor on the time alone: the task factor, or a ``time`` law over its mean."""
        timed = self.law(TIME)
        if timed.kind == NONE:
            return self.law(TASK)
        return timed.scaled(1 / timed.mean()) if timed.mean() > 0 else Law.constant(1.0)

    def moments_s(self, shard: int) -> tuple[float, float] | None:
        """First two moments of the service time at factor 1; None where they have no closed form here."""
        if self.fleets:
            return (of := self.at(shard))[0].moments_s(of[1])
        if self.kinds:
            return mixed([(share, one.moments_s(shard)) for share, one in self.kinds])
        task, work = self.spread(), self.work
        if self.has_both:
            if not self.has_fixed_items:
                return None
            shift, mean = self.shift_s(shard, work.mean()), self.spread_out_s(shard, work.mean())
            longer, square = mean * task.mean(), mean**2 * task.second_moment()
            return shift + longer, shift**2 + 2 * shift * longer + square
        knots = self.knot_slice
        if self.is_padded and not self.has_fixed_items:
            return None
        if self.is_timed or self.has_fixed_items:
            first, second = work.mean(), work.second_moment()
            alone = self.alone_s(shard, 1.0 if self.is_timed else first)
            first, second = (alone * first, alone**2 * second) if self.is_timed else (alone, alone**2)
        elif knots.stop - knots.start == 1 and not self.is_hashed:
            knot = knots.start
            overhead = float(self.plan.knot_ns[knot]) * S_PER_NS
            slope = float(self.plan.knot_slope[knot]) * S_PER_NS * float(self.share[shard])
            item_mean, item_square = self.items_moment(1), self.items_moment(2)
            first = overhead + slope * item_mean
            second = overhead**2 + 2 * overhead * slope * item_mean + slope**2 * item_square
        else:
            return None
        return first * task.mean(), second * task.second_moment()

    def taken_moments_s(self, shard: int, factor: float = 1.0) -> tuple[float, float] | None:
        """First two moments of how long a task takes its worker on a machine of a factor: service, and what follows.

        None where those of the service have no closed form here.
        """
        moments = self.moments_s(shard)
        if moments is None:
            return None
        first, second, after = moments[0] * factor, moments[1] * factor**2, self.after()
        mean = after.mean()
        return first + mean, second + 2 * first * mean + after.second_moment()

    def has_drawn_machines(self) -> bool:
        """Whether machines differ by luck, so that this plan's are those of one replication only."""
        return any(not one.law(MACHINE).is_constant() for one in self.fleets or (self,))

    def is_busy_by_luck(self) -> bool:
        """Whether demand does not say how busy its workers are: machines are drawn, or it is a bound."""
        return self.has_drawn_machines() or self.is_busy_by_events or self.is_given_less

    def mean_service_s(self, shard: int) -> float:
        """Mean service time at factor 1.

        Of a cost with several pieces the mean over candidates and work is an integral: the last piece extended, whose
        mean is known, and what lies between it and the cost, which is bounded.
        """
        moments = self.moments_s(shard)
        if moments is not None:
            return moments[0]
        if self.fleets:
            return (of := self.at(shard))[0].mean_service_s(of[1])
        if self.kinds:
            return math.fsum(share * one.mean_service_s(shard) for share, one in self.kinds)
        knot, start, slope = (column[self.knot_slice] for column in self._knots)
        work, share, items = self.work, float(self.share[shard]), self._items_drawn(shard)
        if self.is_padded:
            place = np.searchsorted(self.sizes, items)
            items = np.where(place < len(self.sizes), self.sizes[np.minimum(place, len(self.sizes) - 1)], items)
        piece = np.searchsorted(knot, items, side="right") - 1
        cost_ns = start[piece] + (items - knot[piece]) * slope[piece]
        if self.is_padded:
            return float(cost_ns.mean() * S_PER_NS * self.spread().mean())
        mean_ns = self.counts.moment(1) * work.mean() * share * slope[-1] + float((cost_ns - items * slope[-1]).mean())
        if self.has_both:
            return float((mean_ns + self.law(TIME).mean() * work.mean()) * S_PER_NS)
        return float(mean_ns * S_PER_NS * self.spread().mean())

    def is_exponential(self) -> bool:
        """Whether service times are exponential, of the same mean for every query."""
        if self.fleets:
            return all(one.is_exponential() for one in self.fleets)
        spread = self.spread()
        if self.has_both or (not self.is_timed and not self.has_fixed_items):
            return False
        return spread.kind == exponential.CODE and self.work.is_constant()

    def constant_services_s(self) -> F8 | None:
        """(shards, replicas) service times where none of them is random, else None."""
        if self.fleets:
            each = [one.constant_services_s() for one in self.fleets]
            known = [one for one in each if one is not None]
            return np.concatenate(known) if len(known) == len(each) else None
        fixed = self.has_fixed_items if self.depends_on_items else self.work.is_constant()
        if not (fixed and self.spread().is_constant()):
            return None
        alone = np.array(_by_share(self, lambda shard: self.alone_s(shard, self.work.mean())))
        rounded = np.maximum(np.floor(alone[:, None] / S_PER_NS * self.machine_factor + 0.5), 1)
        return np.asarray(rounded * S_PER_NS, dtype=np.float64)

    def offsets_s(self) -> F8:
        """(shards,) from entering the stage to the start at each shard, in an empty system: network, and batching."""
        sent_ns = np.arange(self.shards, dtype=np.float64) * float(self.send_ns)
        return np.asarray((float(self.request_ns) + sent_ns) * S_PER_NS + self.alone_wait_s, dtype=np.float64)

    def response(self) -> Law:
        """Response latency in seconds."""
        law = self.law(RESPONSE)
        return law.scaled(S_PER_NS) if law.kind != CONSTANT or law.a > 0 else law

    def after(self) -> Law:
        """How long a worker stays taken when the answers of a batch have gone, in seconds; 0 where it does not."""
        law = self.law(AFTER)
        if law.kind == NONE:
            return Law.constant(0.0)
        return law.scaled(S_PER_NS) if law.kind != CONSTANT or law.a > 0 else law

    def merge_s(self) -> float:
        """Mean duration of the merge of the answers that are asked, at least."""
        return merging_s(self)

    def merger_demand(self, rate_per_s: float) -> float:
        """Work of the mergers over what they can do, at least, if nobody refuses; 0 where merging is a delay."""
        return rate_per_s * asks(self) * self.merge_s() / self.mergers if self.mergers else 0.0


def _by_share(stage: PaperStage, value: Callable[[int], float]) -> list[float]:
    """``value(shard)`` of every shard, computed once for equal shares of a source."""
    kinds, known = kinds_of_shards(stage), dict[tuple[int, float], float]()
    for shard, kind in enumerate(kinds):
        if kind not in known:
            known[kind] = value(shard)
    return [known[kind] for kind in kinds]


def kinds_of_shards(stage: PaperStage) -> list[tuple[int, float]]:
    """Of each shard its source, and its share of the candidates: what its tasks take follows from both."""
    sources = [source for one in stage.fleets or (stage,) for source in [one.source] * one.shards]
    return list(zip(sources, stage.share.tolist(), strict=True))


def mean_services_s(stage: PaperStage) -> F8:
    """(shards,) mean service time of each shard at factor 1; of a task alone, where tasks are served in batches."""
    return np.array(_by_share(stage, stage.mean_service_s))


def busy_services_s(stage: PaperStage, lasts_s: float = math.inf) -> F8:
    """(shards,) mean time that a task takes of a worker of each shard at factor 1, when many wait, in a run so long."""
    return np.array(_by_share(stage, stage.busy_service_s)) / share_done(stage, lasts_s)


def busy_afters_s(stage: PaperStage) -> F8:
    """(shards,) mean time that a task takes of a worker of each shard after its answer, when many wait."""
    return np.array(_by_share(stage, stage.busy_after_s))
