"""Latency of a query that meets an empty system: maxima over shards, convolved over stages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.core.laws import Law
from simulator.core.plan import F8, NONE, TIME, Plan
from simulator.theory.stages import StageView, stages_of

PERCENTS = (50, 90, 95, 99, 99.9)
#: Cells of the grid on which maxima are convolved, and points over the work factor.
CELLS = 8192
WORK_POINTS = 24
#: Distributions of tasks that are worked out, at most, over all points of the work factor.
MOST_CURVES = 4_000
#: Different tasks of a stage that are told apart, at most.
MOST_DIFFERENT = 400
#: What the grid leaves out of the upper tail.
TAIL = 1e-7

EXACT, NUMERIC = "exact", "numeric"


@dataclass(frozen=True)
class ZeroLoad:
    """Mean and percentiles, in seconds, and how they were found."""

    mean_s: float
    percentiles_s: dict[str, float]
    kind: str  #: exact, or numeric (on a grid) and what it takes for granted

    def to_dict(self) -> dict[str, Any]:
        """``{"mean": ..., "p50": ..., ..., "kind": ...}``."""
        return {"mean": self.mean_s, **self.percentiles_s, "kind": self.kind}


@dataclass(frozen=True)
class _Curve:
    """Tasks of equal shards: how many, their offset, their time alone, the factors of their machines."""

    count: int
    offset_s: float
    alone_s: float
    factors: tuple[float, ...]


def zero_load(plan: Plan) -> ZeroLoad:
    """Work out the latency of a query that waits for nobody."""
    stages = stages_of(plan)
    work = Law.from_row(plan.work_law[0])
    constants = [_constant_s(stage) for stage in stages]
    drawn = any(stage.has_drawn_machines() for stage in stages)
    if None not in constants and work.is_constant() and not drawn:
        total = math.fsum(value for value in constants if value is not None)
        return ZeroLoad(total, {f"p{percent:g}": total for percent in PERCENTS}, EXACT)
    curves = sum(len(_curves(stage, 1.0)) for stage in stages)
    vary = [not stage.fixed_candidates or stage.row["hashed"] for stage in stages if stage.law(TIME).kind == NONE]
    kind = f"{NUMERIC}, at mean candidates" if any(vary) else NUMERIC
    points = [(1.0, 1.0)]
    if not work.is_constant():
        if curves * WORK_POINTS <= MOST_CURVES:
            node, weight = np.polynomial.legendre.leggauss(WORK_POINTS)
            points = [(work.quantile((x + 1) / 2), w / 2) for x, w in zip(node.tolist(), weight.tolist(), strict=True)]
        else:
            kind += ", at mean work"
    span_s = math.fsum(_longest_s(stage, max(factor for factor, _ in points)) for stage in stages)
    step_s = span_s / CELLS
    mass = np.zeros(CELLS)
    for factor, chance in points:
        mass += chance * _funnel(stages, factor, step_s)
    mass /= mass.sum()
    middle = np.arange(CELLS) * step_s
    cumulated = np.cumsum(mass)
    found = {f"p{p:g}": float(middle[min(int(np.searchsorted(cumulated, p / 100)), CELLS - 1)]) for p in PERCENTS}
    if drawn:
        kind += ", with the machines of replication 0"
    return ZeroLoad(float(mass @ middle), found, kind)


def _constant_s(stage: StageView) -> float | None:
    """Zero-load latency of a stage in which nothing is random, else None."""
    services = stage.constant_services_s()
    response = stage.response()
    if services is None or not response.is_constant() or not np.all(services == services[:, :1]):
        return None
    return float((stage.offsets_s() + services[:, 0]).max()) + response.mean() + stage.merge_s()


def _curves(stage: StageView, work: float) -> list[_Curve]:
    """The different tasks of a stage; where they are very many, all but the slowest are lumped with their likes."""
    counts: dict[tuple[float, float, tuple[float, ...]], int] = {}
    offsets, factors = stage.offsets_s().tolist(), np.sort(stage.machine_factor, axis=1).tolist()
    known: dict[float, float] = {}
    for shard, share in enumerate(stage.share.tolist()):
        if share not in known:
            known[share] = stage.alone_s(shard, work)
        key = (offsets[shard], known[share], tuple(factors[shard]))
        counts[key] = counts.get(key, 0) + 1
    curves = [_Curve(count, *key) for key, count in counts.items()]
    if len(curves) <= MOST_DIFFERENT:
        return curves
    curves.sort(key=lambda curve: curve.alone_s * max(curve.factors))
    like, slowest = curves[: -MOST_DIFFERENT // 2], curves[-MOST_DIFFERENT // 2 :]
    groups = np.array_split(np.arange(len(like)), MOST_DIFFERENT // 2)
    return [*(_lumped([like[place] for place in group]) for group in groups), *slowest]


def _lumped(curves: list[_Curve]) -> _Curve:
    """Tasks that differ little, as so many of their mean."""
    count = sum(curve.count for curve in curves)
    alone_s = sum(curve.count * curve.alone_s * float(np.mean(curve.factors)) for curve in curves) / count
    return _Curve(count, sum(curve.count * curve.offset_s for curve in curves) / count, alone_s, (1.0,))


def _longest_s(stage: StageView, work: float) -> float:
    """A duration that the stage's zero-load latency exceeds with a chance of about TAIL."""
    curves = _curves(stage, work)
    upper = 1 - TAIL / stage.shards
    spread, response = stage.spread().quantile(upper), stage.response()
    served = max(curve.offset_s + curve.alone_s * max(curve.factors) * spread for curve in curves)
    return 1.001 * (served + response.quantile(upper) + stage.merge_s()) + 1e-9


def _funnel(stages: list[StageView], work: float, step_s: float) -> F8:
    """Mass of the latency on the grid, given the work factor."""
    total = np.zeros(CELLS)
    total[0] = 1.0
    for stage in stages:
        edges: F8 = (np.arange(CELLS, dtype=np.float64) + 0.5) * step_s  # a cell stands for its middle: k x step
        log_cdf = np.zeros(CELLS)
        for curve in _curves(stage, work):
            with np.errstate(divide="ignore"):
                log_cdf += curve.count * np.log(_answer_cdf(stage, curve, edges, step_s))
        merged = round(stage.merge_s() / step_s)
        mass = np.diff(np.exp(log_cdf), prepend=0.0)
        total = _convolved(total, np.concatenate([np.zeros(merged), mass])[:CELLS])
    return total


def _answer_cdf(stage: StageView, curve: _Curve, edges: F8, step_s: float) -> F8:
    """P(answer <= edge) of one task: offset + service + response; the replica is any, with equal chances."""
    spread, response = stage.spread(), stage.response()
    constant_response_s = response.mean() if response.is_constant() else 0.0
    left = edges - curve.offset_s - constant_response_s
    served = np.zeros(len(edges))
    for factor in curve.factors:
        scale = curve.alone_s * factor
        inside = spread.cdf(left / scale) if scale > 0 else np.ones(len(edges))
        served += np.where(left >= 0, inside, 0.0) / len(curve.factors)
    if response.is_constant():
        return np.clip(served, 0.0, 1.0)
    answered = _convolved(np.diff(served, prepend=0.0), np.diff(response.cdf(edges), prepend=0.0))
    return np.clip(np.cumsum(answered), 0.0, 1.0)


def _convolved(one: F8, two: F8) -> F8:
    size = 2 * CELLS
    both = np.fft.irfft(np.fft.rfft(one, size) * np.fft.rfft(two, size), size)[:CELLS]
    return np.asarray(np.maximum(both, 0.0))
