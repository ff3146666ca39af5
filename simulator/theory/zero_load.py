"""Latency of a query that meets an empty system: maxima over shards, convolved over stages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from simulator.core.laws import Law
from simulator.core.plan import F8, Plan
from simulator.core.stage_view import company_of
from simulator.documents import paper
from simulator.theory import claims
from simulator.theory.funnel import stages_of
from simulator.theory.stages import PaperStage, work_law_of
from simulator.theory.visits import hands_on_as_much

PERCENTS = (50, 90, 95, 99, 99.9)
#: Cells of the grid on which maxima are convolved; a grid of its own for each percentile.
CELLS = 2048
#: Points over the work factor, at most and at least.
MOST_POINTS, LEAST_POINTS = 120, 24
#: Distributions of tasks that are worked out for a percentile, at most, over all points of the work factor.
MOST_CURVES = 1_000
#: Different tasks of a stage that are told apart, at most.
MOST_DIFFERENT = 200
#: Chances of being exceeded at which the integral of a mean is cut into stretches, each with its own grid.
STRETCHES = (0.5, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
STRETCH_CELLS = 512
#: Likewise where service and response are both random, so that each stretch takes convolutions.
CONVOLVED_STRETCHES = (0.1, 1e-3, 1e-6)
#: How many times as much a convolution takes as a closed form, about.
CONVOLUTION = 5
#: Machines of different speeds of a shard, at most: of more, all but the slowest are taken with their likes.
MOST_SPEEDS = 256
#: Points over the work factor for a mean, which is smooth in it.
MEAN_POINTS = 60

EXACT, NUMERIC = "exact", "numeric"


@dataclass(frozen=True)
class ZeroLoad:
    """Mean and percentiles, in seconds, and how they were worked out."""

    mean_s: float
    percentiles_s: dict[str, float]
    kind: str  #: exact; or numeric (on grids), and what it takes for granted

    def to_dict(self) -> paper.ZeroLoad:
        """``{"mean": ..., "p50": ..., ..., "kind": ...}``; numeric ones to the digits that grids are good for."""
        if self.kind == EXACT:
            return paper.zero_load(self.mean_s, self.percentiles_s, self.kind)
        meant = {name: _meant(value) for name, value in self.percentiles_s.items()}
        return paper.zero_load(_meant(self.mean_s), meant, self.kind)


def _meant(value_s: float) -> float:
    """To nine significant digits: those after it depend on how a processor's logarithm rounds."""
    return float(f"{value_s:.9g}")


@dataclass(frozen=True)
class _Curve:
    """Tasks of equal shards: how many, their offset, their time alone, the factors of their machines.

    A task takes (shift + alone x spread) x the factor of its machine.
    """

    spread: Law
    count: int
    offset_s: float
    shift_s: float
    alone_s: float
    factors: tuple[float, ...]  #: ascending

    @cached_property
    def speeds(self) -> list[tuple[float, float]]:
        """The different factors, each with the part of the machines that have it."""
        factors, counts = np.unique(self.factors, return_counts=True)
        if len(factors) > MOST_SPEEDS:
            like = factors[: -MOST_SPEEDS // 2], counts[: -MOST_SPEEDS // 2]
            places = np.array_split(np.arange(len(like[0])), MOST_SPEEDS // 2)
            means = [np.average(like[0][place], weights=like[1][place]) for place in places]
            factors = np.concatenate([means, factors[-MOST_SPEEDS // 2 :]])
            counts = np.concatenate([[like[1][place].sum() for place in places], counts[-MOST_SPEEDS // 2 :]])
        return list(zip(factors.tolist(), (counts / len(self.factors)).tolist(), strict=True))

    def served_s(self, spread: float) -> float:
        """When it has been served at the slowest of its machines."""
        return self.offset_s + (self.shift_s + self.alone_s * spread) * max(self.factors)


class _Stage:
    """A stage as a query finds it empty."""

    def __init__(self, view: PaperStage) -> None:
        self.view = view
        self.shards = view.least_visits
        self.spreads = [fleet.spread() for fleet in view.fleets or (view,)]
        self.response = view.response()
        self.merge_s = view.merge_s()
        self.offsets_s = view.offsets_s().tolist()
        left = zip(view.machine_factor.tolist(), view.replicas_left.tolist(), strict=True)
        self.factors = [tuple(sorted(row[:count])) for row, count in left]
        self.known: dict[float, list[_Curve]] = {}

    def curves(self, work: float) -> list[_Curve]:
        """The different tasks; where they are very many, all but the slowest are lumped with their likes."""
        if work not in self.known:
            self.known[work] = self._curves(work)
        return self.known[work]

    def _curves(self, work: float) -> list[_Curve]:
        shards = list(range(self.view.shards)[: self.shards])
        if not self.view.fleets:
            return self._of_shards(shards, self.spreads[0], work)
        own = [[shard for shard in shards if self.view.at(shard)[0] is fleet] for fleet in self.view.fleets]
        each = zip(own, self.spreads, strict=True)
        return [curve for some, spread in each for curve in self._of_shards(some, spread, work)]

    def _of_shards(self, shards: Sequence[int], spread: Law, work: float) -> list[_Curve]:
        """Those of some shards, of one source."""
        counts: dict[tuple[float, float, float, tuple[float, ...]], int] = {}
        alone: dict[float, tuple[float, float]] = {}
        shares = self.view.share.tolist()
        for shard in shards:
            share = shares[shard]
            if share not in alone:
                alone[share] = self.view.shift_s(shard, work), self.view.spread_out_s(shard, work)
            key = (self.offsets_s[shard], *alone[share], self.factors[shard])
            counts[key] = counts.get(key, 0) + 1
        curves = [_Curve(spread, count, *key) for key, count in counts.items()]
        if len(curves) <= MOST_DIFFERENT:
            return curves
        curves.sort(key=lambda curve: (curve.shift_s + curve.alone_s) * max(curve.factors))
        like, slowest = curves[: -MOST_DIFFERENT // 2], curves[-MOST_DIFFERENT // 2 :]
        groups = np.array_split(np.arange(len(like)), MOST_DIFFERENT // 2)
        return [*(_lumped([like[place] for place in group]) for group in groups), *slowest]


def zero_load(plan: Plan) -> ZeroLoad | None:
    """Work out the latency of a query that waits for nobody; None where a stage has features that this leaves out."""
    views = stages_of(plan)
    if not all(_is_known(view) for view in views):
        return None
    work = work_law_of(plan)
    of_machines = ", with the machines of replication 0" if any(view.has_drawn_machines() for view in views) else ""
    vary = [not view.fixed_candidates or view.is_hashed for view in views if view.depends_on_items]
    stages = [_Stage(view) for view in views]
    guess = (", at mean candidates" if any(vary) else "") + of_machines
    usual = work.mean()
    constants = [_constant_s(stage, usual) for stage in stages]
    if None not in constants:
        if work.is_constant() and not guess:
            total = math.fsum(value for value in constants if value is not None)
            return ZeroLoad(total, {f"p{percent:g}": total for percent in PERCENTS}, EXACT)
        return _by_work(stages, work, guess)
    weights = [1 if stage.response.is_constant() else CONVOLUTION for stage in stages]
    curves = sum(weight * len(stage.curves(usual)) for weight, stage in zip(weights, stages, strict=True))
    count = 1 if work.is_constant() else min(MOST_POINTS, MOST_CURVES // curves)
    if count < LEAST_POINTS and not work.is_constant():
        count, guess = 1, ", at mean work" + guess
    points = _points(work, count) if count > 1 else [(usual, 1.0)]
    each = np.maximum.accumulate([_percentile(stages, work, points, percent / 100) for percent in PERCENTS])
    percentiles_s = {f"p{percent:g}": value for percent, value in zip(PERCENTS, each.tolist(), strict=True)}
    few = _points(work, MEAN_POINTS) if count > 1 else points
    mean_s = sum(chance * sum(_mean_s(stage, factor) for stage in stages) for factor, chance in few)
    return ZeroLoad(mean_s, percentiles_s, NUMERIC + guess)


def _is_known(view: PaperStage) -> bool:
    """Whether it is known what a query finds in an empty stage: of all shards, or of some that are alike."""
    if not view.features <= claims.ZERO_LOAD:
        return False
    if any(beside.stays_taken for beside in company_of(view) if beside.index != view.index):
        return False  # by its own tasks, in the stage before
    machines = np.sort(view.machine_factor, axis=1)
    if view.follows and bool((machines[:, :1] != machines).any()):
        return False  # it goes to the machine where it has been, fast or slow
    are_alike = [bool((column == column[0]).all()) for column in (view.replicas_left, machines)]
    return not view.fans_out or (hands_on_as_much(view) and all(are_alike))


def is_fastest_empty(plan: Plan) -> bool:
    """Whether no query is faster than one that meets an empty system: it need not wait for a batch to fill."""
    return all(view.alone_wait_s == 0 for view in stages_of(plan))


def constant_latencies_s(plan: Plan) -> list[float | None]:
    """Of each stage, what no query is faster than: how long it takes in an empty system, if that is the same for all.

    None where it is not. A wait for a batch to fill is left out: the more come, the shorter it is.
    """
    latencies_s: list[float | None] = []
    for view in stages_of(plan):
        varies = view.depends_on_items and (view.is_given_less or not view.has_fixed_items)
        is_constant = view.work.is_constant() and not varies and not view.has_drawn_machines()
        is_known = is_constant and _is_known(view)
        constant_s = _constant_s(_Stage(view), view.work.mean()) if is_known else None
        latencies_s.append(None if constant_s is None else constant_s - view.alone_wait_s)
    return latencies_s


def _by_work(stages: list[_Stage], work: Law, guess: str) -> ZeroLoad:
    """Where nothing but the work is random, latency does not decrease with it."""

    def latency_s(factor: float) -> float:
        return math.fsum(_constant_s(stage, factor) or 0.0 for stage in stages)

    percentiles_s = {f"p{percent:g}": latency_s(work.percentile(percent / 100)) for percent in PERCENTS}
    mean_s = sum(chance * latency_s(factor) for factor, chance in _points(work, 4 * MOST_POINTS))
    return ZeroLoad(mean_s, percentiles_s, NUMERIC + guess)


def _points(law: Law, count: int) -> list[tuple[float, float]]:
    """Values of a law with their chances: half of them in the body, half in ever thinner slices of the upper tail."""
    body = count // 2
    edges = np.concatenate([np.linspace(0.0, 0.9, body + 1), 1 - np.geomspace(0.1, 1e-6, count - body)[1:], [1.0]])
    return [(law.percentile((a + b) / 2), b - a) for a, b in pairwise(edges.tolist())]


def _percentile(stages: list[_Stage], work: Law, points: list[tuple[float, float]], p: float) -> float:
    """On a grid that ends where the percentile is certain to have been reached.

    What lies beyond the grid does not touch the distribution below its end.
    """
    parts = len(stages) + 1
    factor = points[0][0] if len(points) == 1 else work.percentile(1 - (1 - p) / parts)
    span_s = math.fsum(_exceeded_with(stage, factor, (1 - p) / parts) for stage in stages)
    step_s = 1.001 * span_s / CELLS + 1e-12
    mass = np.zeros(CELLS)
    for value, chance in points:
        mass += chance * _funnel(stages, value, step_s)
    return float(min(int(np.searchsorted(np.cumsum(mass), p)), CELLS - 1) * step_s)


def _mean_s(stage: _Stage, work: float) -> float:
    """Mean latency of a stage given the work factor: the integral of the chance of being later."""
    is_closed = stage.response.is_constant()
    stretches = STRETCHES if is_closed else CONVOLVED_STRETCHES
    ends = [0.0, *(_exceeded_with(stage, work, chance) for chance in stretches)]
    total = 0.0
    for low, high in pairwise(ends):
        if high > low:
            edges = np.linspace(low, high, STRETCH_CELLS)
            if is_closed:
                later = 1 - _closed_cdf(stage, work, edges)
            else:
                step_s = high / CELLS
                later = 1 - np.interp(edges, (np.arange(CELLS) + 0.5) * step_s, _maximum_cdf(stage, work, step_s))
            total += float(((later[1:] + later[:-1]) / 2 * np.diff(edges)).sum())
    return total + stage.merge_s


def _constant_s(stage: _Stage, work: float) -> float | None:
    """Zero-load latency of a stage in which nothing is random but the work, given its factor; else None."""
    response = stage.response
    if not all(spread.is_constant() for spread in stage.spreads) or not response.is_constant():
        return None
    latest_s = 0.0
    for curve in stage.curves(work):
        if len(set(curve.factors)) > 1:
            return None  # any of the replicas
        latest_s = max(latest_s, curve.offset_s + max(1e-9, (curve.shift_s + curve.alone_s) * curve.factors[0]))
    return latest_s + response.mean() + stage.merge_s


def _lumped(curves: list[_Curve]) -> _Curve:
    """Tasks that differ little, as so many of their mean."""
    count = sum(curve.count for curve in curves)
    offset_s = sum(curve.count * curve.offset_s for curve in curves) / count
    shift_s = sum(curve.count * curve.shift_s * float(np.mean(curve.factors)) for curve in curves) / count
    alone_s = sum(curve.count * curve.alone_s * float(np.mean(curve.factors)) for curve in curves) / count
    return _Curve(curves[0].spread, count, offset_s, shift_s, alone_s, (1.0,))


def _exceeded_with(stage: _Stage, work: float, chance: float) -> float:
    """A duration that the latency of the stage, merge aside, exceeds with at most this chance."""
    curves = stage.curves(work)
    response = stage.response
    upper = 1 - chance / stage.shards / (1 if response.is_constant() else 2)
    spreads = {id(spread): spread.percentile(upper) for spread in stage.spreads}
    served = max(curve.served_s(spreads[id(curve.spread)]) for curve in curves)
    return served + response.percentile(upper)


def _funnel(stages: list[_Stage], work: float, step_s: float) -> F8:
    """Mass of the latency on the grid, given the work factor; what lies beyond the grid is left out."""
    total = np.zeros(CELLS)
    total[0] = 1.0
    for stage in stages:
        merged = round(stage.merge_s / step_s)
        mass = np.diff(_maximum_cdf(stage, work, step_s), prepend=0.0)
        total = _convolved(total, np.concatenate([np.zeros(min(merged, CELLS)), mass])[:CELLS])
    return total


def _maximum_cdf(stage: _Stage, work: float, step_s: float) -> F8:
    """P(all answers are there) at the upper edge of each cell; cell k stands for k x step."""
    edges: F8 = (np.arange(CELLS, dtype=np.float64) + 0.5) * step_s
    if stage.response.is_constant():
        return _closed_cdf(stage, work, edges)
    log_cdf = np.zeros(CELLS)
    response = np.diff(stage.response.cdf(edges), prepend=0.0)
    for curve in stage.curves(work):
        served = np.diff(_served_cdf(curve, edges), prepend=0.0)
        with np.errstate(divide="ignore"):
            log_cdf += curve.count * np.log(np.clip(np.cumsum(_convolved(served, response)), 0.0, 1.0))
    return np.asarray(np.exp(log_cdf))


def _closed_cdf(stage: _Stage, work: float, instants: F8) -> F8:
    """P(all answers are there) where the response latency is constant."""
    left = instants - stage.response.mean()
    log_cdf = np.zeros(len(instants))
    for curve in stage.curves(work):
        with np.errstate(divide="ignore"):
            log_cdf += curve.count * np.log(_served_cdf(curve, left))
    return np.asarray(np.exp(log_cdf))


def _served_cdf(curve: _Curve, instants: F8) -> F8:
    """P(finished by an instant) of one task sent at 0; the replica is any, with equal chances."""
    left = instants - curve.offset_s
    spread = curve.spread
    served = np.zeros(len(instants))
    for factor, part in curve.speeds:
        scale, beyond = curve.alone_s * factor, left - curve.shift_s * factor
        inside = spread.cdf(beyond / scale) if scale > 0 else np.ones(len(instants))
        served += part * np.where(beyond >= 0, inside, 0.0)
    return np.clip(served, 0.0, 1.0)


def _convolved(one: F8, two: F8) -> F8:
    size = 2 * CELLS
    both = np.fft.irfft(np.fft.rfft(one, size) * np.fft.rfft(two, size), size)[:CELLS]
    return np.asarray(np.maximum(both, 0.0))
