"""Latency of a query that meets an empty system: maxima over shards, convolved over stages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simulator.core.laws import Law
from simulator.core.plan import F8, Plan
from simulator.core.stage_view import company_of
from simulator.documents import paper
from simulator.theory import claims
from simulator.theory.empty_stage import Curve, EmptyStage
from simulator.theory.funnel import by_class, stages_of
from simulator.theory.stages import PaperStage
from simulator.theory.visits import hands_on_as_much

PERCENTS = (50, 90, 95, 99, 99.9)
#: Cells of the grid on which maxima are convolved; a grid of its own for each percentile.
CELLS = 2048
#: Points over the work factor, at most and at least.
MOST_POINTS, LEAST_POINTS = 120, 24
#: Distributions of tasks that are worked out for a percentile, at most, over all points of the work factor.
MOST_CURVES = 1_000
#: Chances of being exceeded at which the integral of a mean is cut into stretches, each with its own grid.
STRETCHES = (0.5, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
STRETCH_CELLS = 512
#: Likewise where service and response are both random, so that each stretch takes convolutions.
CONVOLVED_STRETCHES = (0.1, 1e-3, 1e-6)
#: How many times as much a convolution takes as a closed form, about.
CONVOLUTION = 5
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
class _Way:
    """Queries that are alike but for their luck: all of them, or those of a class."""

    share: float  #: of all queries
    work: Law  #: of their work factor
    stages: list[EmptyStage]

    def constant_s(self, work: float) -> float | None:
        """What one of a work factor takes, if nothing else is random."""
        each = [_constant_s(stage, work) for stage in self.stages]
        known = [value for value in each if value is not None]
        return math.fsum(known) if len(known) == len(each) else None


def zero_load(plan: Plan) -> ZeroLoad | None:
    """Work out the latency of a query that waits for nobody; None where a stage has features that this leaves out."""
    views = stages_of(plan)
    if not all(_is_known(view) for view in views):
        return None
    of_machines = ", with the machines of replication 0" if any(view.has_drawn_machines() for view in views) else ""
    kinds = by_class(plan, views)
    vary = [
        not view.fixed_candidates or view.is_hashed for kind in kinds for view in kind.stages if view.depends_on_items
    ]
    ways = [_Way(kind.share, kind.work, [EmptyStage(view) for view in kind.stages]) for kind in kinds]
    guess = (", at mean candidates" if any(vary) else "") + of_machines
    is_constant = all(way.work.is_constant() for way in ways)
    if all(way.constant_s(way.work.mean()) is not None for way in ways):
        return _exact(ways) if is_constant and not guess else _by_work(ways, guess)
    stages = [(stage, way.work.mean()) for way in ways for stage in way.stages]
    curves = sum((1 if one.response.is_constant() else CONVOLUTION) * len(one.curves(work)) for one, work in stages)
    count = 1 if is_constant else min(MOST_POINTS, MOST_CURVES // curves)
    if count < LEAST_POINTS and not is_constant:
        count, guess = 1, ", at mean work" + guess
    points = [_points(way.work, count) if count > 1 else [(way.work.mean(), 1.0)] for way in ways]
    each = np.maximum.accumulate([_percentile(ways, points, percent / 100) for percent in PERCENTS])
    few = [_points(way.work, MEAN_POINTS) if count > 1 else [(way.work.mean(), 1.0)] for way in ways]
    mean_s = sum(
        way.share * chance * sum(_mean_s(stage, factor) for stage in way.stages)
        for way, own in zip(ways, few, strict=True)
        for factor, chance in own
    )
    return ZeroLoad(mean_s, _named(each.tolist()), NUMERIC + guess)


def _named(each_s: Sequence[float]) -> dict[str, float]:
    """Percentiles by their names."""
    return {f"p{percent:g}": value for percent, value in zip(PERCENTS, each_s, strict=True)}


def _exact(ways: Sequence[_Way]) -> ZeroLoad:
    """Where nothing is random but the class."""
    each = sorted((way.constant_s(way.work.mean()) or 0.0, way.share) for way in ways)
    return ZeroLoad(math.fsum(value * share for value, share in each), _quantiles(each), EXACT)


def _quantiles(each: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Percentiles of values, ascending, with their chances."""
    reached = np.cumsum([chance for _, chance in each]) * (1 + 1e-12)
    places = np.minimum(np.searchsorted(reached, np.array(PERCENTS) / 100), len(each) - 1)
    return _named([each[place][0] for place in places.tolist()])


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
        constant_s = _constant_s(EmptyStage(view), view.work.mean()) if is_known else None
        latencies_s.append(None if constant_s is None else constant_s - view.alone_wait_s)
    return latencies_s


def _by_work(ways: Sequence[_Way], guess: str) -> ZeroLoad:
    """Where nothing but the work and the class is random; of a class, latency does not decrease with the work."""
    points = [
        (way.constant_s(factor) or 0.0, way.share * chance)
        for way in ways
        for factor, chance in _points(way.work, 4 * MOST_POINTS)
    ]
    mean_s = sum(value * chance for value, chance in points)
    if len(ways) > 1:
        return ZeroLoad(mean_s, _quantiles(sorted(points)), NUMERIC + guess)
    known = [ways[0].constant_s(ways[0].work.percentile(percent / 100)) or 0.0 for percent in PERCENTS]
    return ZeroLoad(mean_s, _named(known), NUMERIC + guess)


def _points(law: Law, count: int) -> list[tuple[float, float]]:
    """Values of a law with their chances: half of them in the body, half in ever thinner slices of the upper tail."""
    body = count // 2
    edges = np.concatenate([np.linspace(0.0, 0.9, body + 1), 1 - np.geomspace(0.1, 1e-6, count - body)[1:], [1.0]])
    return [(law.percentile((a + b) / 2), b - a) for a, b in pairwise(edges.tolist())]


def _percentile(ways: Sequence[_Way], points: Sequence[list[tuple[float, float]]], p: float) -> float:
    """On a grid that ends where the percentile is certain to have been reached.

    What lies beyond the grid does not touch the distribution below its end.
    """
    span_s = 0.0
    for way, own in zip(ways, points, strict=True):
        beyond = (1 - p) / (len(way.stages) + 1)
        factor = own[0][0] if len(own) == 1 else way.work.percentile(1 - beyond)
        span_s = max(span_s, math.fsum(_exceeded_with(stage, factor, beyond) for stage in way.stages))
    step_s = 1.001 * span_s / CELLS + 1e-12
    mass = np.zeros(CELLS)
    for way, own in zip(ways, points, strict=True):
        for value, chance in own:
            mass += way.share * chance * _funnel(way.stages, value, step_s)
    return float(min(int(np.searchsorted(np.cumsum(mass), p)), CELLS - 1) * step_s)


def _mean_s(stage: EmptyStage, work: float) -> float:
    """Mean latency of a stage given the work factor: the integral of the chance of being later."""
    constant_s = _constant_s(stage, work)
    if constant_s is not None:
        return constant_s
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


def _constant_s(stage: EmptyStage, work: float) -> float | None:
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


def _exceeded_with(stage: EmptyStage, work: float, chance: float) -> float:
    """A duration that the latency of the stage, merge aside, exceeds with at most this chance."""
    curves = stage.curves(work)
    response = stage.response
    upper = 1 - chance / stage.shards / (1 if response.is_constant() else 2)
    spreads = {id(spread): spread.percentile(upper) for spread in stage.spreads}
    served = max(curve.served_s(spreads[id(curve.spread)]) for curve in curves)
    return served + response.percentile(upper)


def _funnel(stages: list[EmptyStage], work: float, step_s: float) -> F8:
    """Mass of the latency on the grid, given the work factor; what lies beyond the grid is left out."""
    total = np.zeros(CELLS)
    total[0] = 1.0
    for stage in stages:
        merged = round(stage.merge_s / step_s)
        mass = np.diff(_maximum_cdf(stage, work, step_s), prepend=0.0)
        total = _convolved(total, np.concatenate([np.zeros(min(merged, CELLS)), mass])[:CELLS])
    return total


def _maximum_cdf(stage: EmptyStage, work: float, step_s: float) -> F8:
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


def _closed_cdf(stage: EmptyStage, work: float, instants: F8) -> F8:
    """P(all answers are there) where the response latency is constant."""
    left = instants - stage.response.mean()
    log_cdf = np.zeros(len(instants))
    for curve in stage.curves(work):
        with np.errstate(divide="ignore"):
            log_cdf += curve.count * np.log(_served_cdf(curve, left))
    return np.asarray(np.exp(log_cdf))


def _served_cdf(curve: Curve, instants: F8) -> F8:
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
