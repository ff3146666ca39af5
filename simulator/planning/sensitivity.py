"""Where the next unit of money should go: what a tenth more of each knob does to the tail and to capacity."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from simulator.base.errors import Problem, ScenarioError
from simulator.engines import AUTO
from simulator.planner.fleet import fleet
from simulator.planning.capacity import capacity
from simulator.planning.capacity_result import FOUND
from simulator.planning.knobs import Knob, knobs_of
from simulator.planning.levels import COARSE, LOWEST
from simulator.planning.probe import Effort, Prober, prepared
from simulator.planning.search import Probes, cross
from simulator.planning.sensitivity_result import Effect, Sensitivity
from simulator.planning.vary import varied
from simulator.running.execute import Progress, execute
from simulator.scenario import Scenario
from simulator.scenario.slo import Objective, parse_objective
from simulator.stats.figures import S_PER_NS
from simulator.stats.paired import LeftOut, paired, quantile_left_out
from simulator.stats.quantiles import Series
from simulator.stats.readings import VALUE, Reading
from simulator.stats.share import FEWEST_UNITS

#: The percentile that is looked at where no objective names one.
USUAL = 0.99


@dataclass(frozen=True)
class _Seen:
    """Of one scenario: the tail at its own load, and its capacity, each with every replication left out."""

    tail: LeftOut  #: seconds
    exceedances: float  #: effective, at the percentile
    capacity: LeftOut | None  #: queries a second; None: no load is within the objectives


@dataclass(frozen=True)
class _Piece:
    """One piece of work."""

    scenario: Scenario
    values: tuple[tuple[str, str | int | float], ...]


@dataclass(frozen=True)
class _Asked:
    """What is looked at, the same for all knobs."""

    engine: str
    percentile: float
    effort: Effort  #: at the scenario's own load
    search: Effort | None  #: of a probe of the capacity; None: it is not searched for
    guess: float  #: logarithm of the capacity over the own load
    resolution: float
    jobs: int = 1


def sensitivity(
    scenario: Scenario,
    *,
    slos: Sequence[str | Objective] = (),
    tolerance: float = 0.02,
    jobs: int = 1,
    cluster: str | None = None,
    engine: str = AUTO,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Sensitivity:
    """Turn every knob of a scenario a tenth to the better, one at a time, on the luck of the scenario itself.

    The change of the tail at the scenario's own load, and of the capacity, are paired: replication by replication what
    luck does to both cancels. Whole numbers change by at least one, which the result says.

    Parameters
    ----------
    scenario
        As loaded. ``run`` says how much is simulated at its own load.
    slos, engine, say
        As of ``capacity``. Without any objective only the tail is looked at.
    tolerance
        Of the capacity of the scenario itself; those beside it take as many queries.
    jobs, cluster, progress
        As of ``execute``: a knob is one piece of work.

    Raises
    ------
    ScenarioError
        If there are fewer than four replications, or as ``capacity``.
    """
    if slos:
        scenario = scenario.with_slos([parse_objective(slo) for slo in slos])
    if scenario.run.replications < FEWEST_UNITS:
        message = f"needs at least {FEWEST_UNITS} replications to judge by, got {scenario.run.replications}"
        raise ScenarioError([Problem(scenario.source, 0, 0, "run.replications", message)])
    name = prepared(scenario, engine, say)
    tails = [
        asked.p for asked in scenario.slos if asked.stage is None and asked.measure in ("quantile", "share_within")
    ]
    asked = _Asked(name, tails[0] if tails else USUAL, _own_effort(scenario), None, 0.0, COARSE, jobs)
    notes: list[str] = []
    if any(slo.measure != "goodput" for slo in scenario.slos):
        base = capacity(scenario, tolerance=tolerance, jobs=jobs, engine=engine, say=say)
        if base.verdict == FOUND and base.per_s.value is not None:
            last = base.points[-1]
            each = last.queries // last.replications if scenario.can_lengthen else None
            asked = _Asked(
                name,
                asked.percentile,
                asked.effort,
                Effort(last.replications, each),
                math.log(base.per_s.value / base.own_per_s),
                min(COARSE, max(tolerance, 2 * (base.half_width or 0.0))),
                jobs,
            )
        else:
            notes.append(f"capacity is {base.verdict}, so only the tail is looked at: {base.reason}")
    else:
        notes.append("without an objective there is no capacity; give slos, or --slo")
    own = _look(asked, _Piece(scenario, ()))
    turned, pieces = [], []
    for knob in knobs_of(scenario):
        try:
            varied(scenario, knob.values, "knob")
        except ScenarioError as error:
            notes.append(f"{knob.name}, {knob.change}: {error.problems[0].message}")
            continue
        turned.append(knob)
        pieces.append(_Piece(scenario, knob.sets))
    alone = _Asked(**{**vars(asked), "jobs": 1})
    found = dict(execute(partial(_look, alone), pieces, jobs=jobs, cluster=cluster, progress=progress, say=say))
    effects = [_effect(scenario, knob, own, found[place]) for place, knob in enumerate(turned)]
    return Sensitivity(
        scenario=scenario,
        percentile=asked.percentile,
        tail_s=own.tail.value if own.exceedances >= 10 else None,
        capacity_per_s=None if own.capacity is None else own.capacity.value,
        effects=tuple(sorted(effects, key=Effect.rank)),
        notes=tuple(notes),
        engine=name,
    )


def _own_effort(scenario: Scenario) -> Effort:
    return Effort(scenario.run.replications, scenario.queries if scenario.can_lengthen else None)


def _look(asked: _Asked, piece: _Piece) -> _Seen:
    """See the tail and the capacity of a scenario with other values."""
    scenario = varied(piece.scenario, dict(piece.values), "knob") if piece.values else piece.scenario
    prober = Prober(scenario, asked.effort, asked.engine, asked.jobs)
    series = prober.extracts(0.0).whole
    parts = np.split(series.values * S_PER_NS, np.cumsum(series.layout.sizes)[:-1])
    tail = quantile_left_out([np.sort(part) for part in parts], asked.percentile)
    return _Seen(tail, _support(series, asked.percentile), _capacity(asked, scenario))


def _support(series: Series, p: float) -> float:
    return series.quantile(p).exceedances


def _capacity(asked: _Asked, scenario: Scenario) -> LeftOut | None:
    """Where the pooled figure of the strictest objective meets its bound, and where without each replication."""
    if asked.search is None:
        return None
    prober = Prober(scenario, asked.search, asked.engine, asked.jobs)
    if math.isinf(prober.saturation):
        return None
    probes = Probes(prober, prober.saturation + math.log(LOWEST), prober.saturation)
    probes.at(min(asked.guess, prober.saturation - COARSE))
    found = cross(probes, VALUE, asked.resolution)
    if math.isinf(found.at):
        return None
    below, above = probes.seen[found.within], probes.seen[found.beyond]
    if any(math.isinf(reading.value) for reading in above):
        return None  # up to saturation nothing is missed
    roots = [_roots(one, other, found.within, found.beyond) for one, other in zip(below, above, strict=True)]
    own = prober.plan.rate_per_s
    strictest = np.min(np.stack(roots), axis=0)
    return LeftOut(own * math.exp(found.at), own * np.exp(strictest))


def _roots(below: Reading, above: Reading, within: float, beyond: float) -> Any:
    """(replications,) where the figure without each replication meets its bound, linear in logarithms.

    Infinite where it is within at both loads and does not rise.
    """
    start, end = (np.log(np.maximum(_without(reading), 1e-9)) for reading in (below, above))
    with np.errstate(divide="ignore", invalid="ignore"):
        at = within - start * (beyond - within) / (end - start)
    return np.where(end > start, at, np.inf)


def _without(reading: Reading) -> Any:
    """(replications,) the figure over its bound without each replication."""
    return (reading.amounts.sum() - reading.amounts) / (reading.weights.sum() - reading.weights)


def _effect(scenario: Scenario, knob: Knob, own: _Seen, seen: _Seen) -> Effect:
    tail = None
    if min(own.exceedances, seen.exceedances) >= 10:
        tail = paired(own.tail, seen.tail).relative
    more = None
    if own.capacity is not None and seen.capacity is not None and not knob.is_load:
        more = paired(own.capacity, seen.capacity).relative
    before, after = fleet(scenario), fleet(varied(scenario, knob.values, "knob"))
    priced = before.usd_per_h is not None and after.usd_per_h is not None
    return Effect(
        knob=knob,
        tail=tail,
        tail_s=seen.tail.value if tail is not None else None,
        capacity=more,
        capacity_per_s=None if seen.capacity is None or knob.is_load else seen.capacity.value,
        machines=after.machines - before.machines,
        usd_per_h=(after.usd_per_h or 0.0) - (before.usd_per_h or 0.0) if priced else None,
    )
