"""Where the next unit of money should go: what a tenth more of each knob does to the tail and to capacity."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Unpack

import numpy as np

from simulator.base import errors, formats
from simulator.planner.fleet import fleet
from simulator.planner.plans import Plans
from simulator.planning import capacity_result, grid, refinement, turning
from simulator.planning.budget import Budget, BudgetSpentError, checked_tolerance
from simulator.planning.capacity import capacity_of_rate
from simulator.planning.knobs import knobs_of
from simulator.planning.probe import Effort, Prober, prepared
from simulator.planning.search import Probes, cross
from simulator.planning.sensitivity_result import Effect, Sensitivity
from simulator.running import pilot
from simulator.running.execute import alike
from simulator.running.execution import Anywhere, Execution
from simulator.scenario import Scenario, autoscale, given
from simulator.scenario.slo import Objective
from simulator.stats import figures, share
from simulator.stats.paired import LeftOut, paired, quantile_left_out
from simulator.stats.readings import VALUE, Reading, is_read

#: Without any one replication the capacity is at most so many times another: beyond, lines that hardly rise are
#: followed to where nothing was looked at.
FARTHEST = 10.0
#: Nearer to saturation than this, in logarithms, what holds up to there is said to hold up to saturation.
NEAR_SATURATION = 0.005
#: The percentile that is looked at where no objective names one.
USUAL = 0.99


@dataclass(frozen=True)
class _Reached:
    """Of one scenario: the tail at its own load, and its capacity, each with every replication left out."""

    tail: LeftOut  #: seconds
    exceedances: float  #: effective, at the percentile
    capacity: LeftOut | None  #: queries a second; None: no load is within the objectives
    is_saturation: bool = False  #: nothing is missed up to saturation: it is the capacity


@dataclass(frozen=True)
class _Measurement:
    """How tail and capacity are measured, the same for all knobs."""

    execution: Execution
    percentile: float
    effort: Effort  #: at the scenario's own load
    search: Effort | None = None  #: of a probe of the capacity; None: it is not searched for
    guess: float = 0.0  #: logarithm of the capacity over the own load
    resolution: float = refinement.COARSE


@given.takes_scenario
def sensitivity(
    scenario: Scenario,
    *,
    slos: Sequence[str | Objective] = (),
    tolerance: float = 0.02,
    time_s: float | None = None,
    tail_only: bool = False,
    **execution: Unpack[Anywhere],
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
    time_s
        No knob but the first is begun that would not end within so many seconds, as far as those before it tell. The
        search for the scenario's own capacity has a third of them: what is measured after it, of the scenario itself
        and of the first knob, takes up to as long each. With it the answer depends on the machine.
    tail_only
        Whether the capacity, which takes most of the time, is left out.
    jobs, cluster, progress
        As of ``execute``: a knob is one piece of work.

    Raises
    ------
    ScenarioError
        If there are fewer than four replications, or as ``capacity``.
    KeyboardInterrupt
        If interrupted before the first knob was turned.
    """
    if slos:
        scenario = scenario.with_slos(slos)
    if scenario.run.replications < share.FEWEST_UNITS:
        message = f"needs at least {share.FEWEST_UNITS} replications to judge by, got {scenario.run.replications}"
        raise errors.ScenarioError([errors.Problem(scenario.source, 0, 0, "run.replications", message)])
    scenario = pilot.settled(scenario, execution.get("say"))
    work, began = Execution(**execution), time.monotonic()
    measurement, notes = _measurement(
        scenario, checked_tolerance(tolerance), None if time_s is None else time_s / 3, work, tail_only
    )
    begun = time.monotonic()
    own = _measured(measurement, scenario)
    takes_s = time.monotonic() - begun  # as a knob does, about
    turned: list[turning.Knob] = []
    scenarios: list[Scenario] = []
    for knob in sorted(knobs_of(scenario), key=lambda knob: knob.is_load):  # which has no capacity: last
        try:
            scenarios.append(grid.varied(scenario, knob.values, "knob"))
        except errors.ScenarioError as error:
            notes.append(f"{knob.name}, {knob.change}: {error.problems[0].message}")
        else:
            turned.append(knob)
    alone = replace(measurement, execution=measurement.execution.alone())
    budget = Budget(time_s, began=began)
    reached, interrupted = _turned(partial(_measured, alone), scenarios, work, budget, takes_s, notes)
    effects = [_effect(scenario, turned[place], own, one) for place, one in sorted(reached.items())]
    notes += [
        f"{turned[place].name}, {turned[place].change}: nothing is missed up to saturation, which is its capacity"
        for place, one in sorted(reached.items())
        if one.is_saturation and not turned[place].is_load
    ]
    notes += _of_workers(scenario, turned)
    return Sensitivity(
        scenario=scenario,
        percentile=measurement.percentile,
        tail_s=own.tail.value if own.exceedances >= 10 and math.isfinite(own.tail.value) else None,
        capacity_per_s=None if own.capacity is None else own.capacity.value,
        effects=tuple(sorted(effects, key=Effect.rank)),
        unturned=len(turned) - len(reached),
        notes=tuple(notes),
        engine=measurement.execution.engine,
        interrupted=interrupted,
    )


def _of_workers(scenario: Scenario, turned: Sequence[turning.Knob]) -> Iterator[str]:
    """What another worker brings with it, where what it computes with is that of the hardware; and of threads."""
    names = {knob.name for knob in turned}
    for stage in scenario.stages:
        if stage.threads > 1:
            yield f"{stage.name}: threads: more of them end a task sooner and serve fewer at once: sweep them"
        for one in stage.fleets if f"{stage.name}: workers" in names else ():
            if not (one.hardware and one.model.depends_on_hardware()):
                continue
            theirs = f"{stage.name}: workers: flops and bandwidths of {one.hardware} are those of one worker"
            yield f"{theirs}, so one more brings its own; where workers share a machine's, lower them as well"


def _turned(
    measure: Callable[[Scenario], _Reached],
    scenarios: Sequence[Scenario],
    work: Execution,
    budget: Budget,
    takes_s: float,
    notes: list[str],
) -> tuple[dict[int, _Reached], bool]:
    """What the scenarios reach, by place, and whether that was interrupted: notes say so, or that time was up.

    ``takes_s``: what one takes, as far as is known before.
    """
    reached: dict[int, _Reached] = {}
    began, longest_s = time.monotonic(), takes_s
    interrupted = False
    try:
        for place, one in alike(measure, scenarios, work):
            reached[place] = one
            now = time.monotonic()
            longest_s, began = max(longest_s, now - began), now
            if len(reached) < len(scenarios):
                budget.ask_s(longest_s)
    except BudgetSpentError as spent:
        notes.append(f"{spent}: {len(reached)} of {formats.counted(len(scenarios), 'knob')} are turned")
    except KeyboardInterrupt:
        if not reached:
            raise
        interrupted = True
        notes.append(f"interrupted: {len(reached)} of {formats.counted(len(scenarios), 'knob')} are turned")
    return reached, interrupted


def _measurement(
    scenario: Scenario, tolerance: float, time_s: float | None, work: Execution, tail_only: bool
) -> tuple[_Measurement, list[str]]:
    """How all are measured, after a search for the capacity of the scenario itself; and what is to be said of it."""
    settled = replace(prepared(Plans.of(scenario), work), cluster=None, progress=None)
    tails = [slo.p for slo in scenario.slos if slo.is_of_all and slo.measure in ("quantile", "share_within")]
    effort = Effort(scenario.run.replications, scenario.queries if scenario.can_lengthen else None)
    only_tail = _Measurement(settled, tails[0] if tails else USUAL, effort)
    if tail_only:
        return only_tail, []
    if scenario.load.has_clients:
        return only_tail, ["clients that wait have no capacity in queries a second: only the tail is looked at"]
    if not any(is_read(slo) for slo in scenario.slos):
        return only_tail, ["without an objective there is no capacity; give slos, or --slo"]
    base = capacity_of_rate(
        scenario, tolerance=tolerance, time_s=time_s, jobs=work.jobs, engine=work.engine, say=work.say
    )
    if base.interrupted:
        raise KeyboardInterrupt
    if base.verdict not in (capacity_result.FOUND, capacity_result.INCONCLUSIVE) or base.per_s.value is None:
        return only_tail, [f"capacity is {base.verdict}, so only the tail is looked at: {base.reason}"]
    notes = (
        [] if base.verdict == capacity_result.FOUND else [f"the scenario's own capacity is inconclusive: {base.reason}"]
    )
    last = base.points[-1]
    each = last.queries // last.replications if scenario.can_lengthen else None
    with_capacity = replace(
        only_tail,
        search=Effort(last.replications, each),
        guess=math.log(base.per_s.value / base.own_per_s),
        resolution=min(refinement.COARSE, max(tolerance, 2 * (base.half_width or 0.0))),
    )
    return with_capacity, notes


def _measured(measurement: _Measurement, scenario: Scenario) -> _Reached:
    """Tail and capacity of a scenario."""
    plans = Plans.of(scenario)
    prober = Prober(plans, measurement.effort, measurement.execution)
    series = prober.extracts(0.0).whole
    parts = np.split(series.values * figures.S_PER_NS, np.cumsum(series.layout.sizes)[:-1])
    tail = quantile_left_out([np.sort(part) for part in parts], measurement.percentile)
    exceedances = series.quantile(measurement.percentile).exceedances
    return _Reached(tail, exceedances, *_capacity(measurement, plans))


def _capacity(measurement: _Measurement, plans: Plans) -> tuple[LeftOut | None, bool]:
    """Where the pooled figure of the strictest objective meets its bound, and where without each replication.

    And whether that is at saturation, with nothing missed up to there.
    """
    if measurement.search is None:
        return None, False
    prober = Prober(plans, measurement.search, measurement.execution)
    if math.isinf(prober.saturation):
        return None, False
    probes = Probes(prober, prober.lowest, prober.saturation)
    probes.at(min(measurement.guess, prober.saturation - refinement.COARSE))
    crossing = cross(probes, VALUE, measurement.resolution)
    if crossing.beyond >= probes.highest:  # is it at saturation, or only near?
        crossing = cross(probes, VALUE, min(measurement.resolution, NEAR_SATURATION))
    if math.isinf(crossing.at):
        return None, False
    own = prober.plan.rate_per_s
    below, above = probes.seen[crossing.within], probes.seen[crossing.beyond]
    if any(math.isinf(reading.value) for reading in above):
        saturation = own * math.exp(probes.highest)
        return LeftOut(saturation, np.full(measurement.search.replications, saturation)), True
    both = zip(below, above, strict=True)
    roots = [_roots(one, other, crossing.within, crossing.beyond) for one, other in both]
    strictest = np.min(np.stack(roots), axis=0)
    if np.abs(strictest - crossing.at).max() > math.log(FARTHEST):  # one replication decides: nothing is known
        return None, False
    return LeftOut(own * math.exp(crossing.at), own * np.exp(strictest)), False


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


def _effect(scenario: Scenario, knob: turning.Knob, own: _Reached, reached: _Reached) -> Effect:
    tail = None
    is_known = math.isfinite(own.tail.value) and math.isfinite(reached.tail.value)
    if is_known and min(own.exceedances, reached.exceedances) >= 10:
        tail = paired(own.tail, reached.tail).relative
    more = None
    if own.capacity is not None and reached.capacity is not None and not knob.is_load:
        more = paired(own.capacity, reached.capacity).relative
    before, after = fleet(scenario), fleet(grid.varied(scenario, knob.values, "knob"))
    priced = before.usd_per_h is not None and after.usd_per_h is not None
    priced = priced and not any(
        map(autoscale.is_scaled, scenario.stages)
    )  # what is provided is not known without a run
    return Effect(
        knob=knob,
        tail=tail,
        tail_s=reached.tail.value if tail is not None else None,
        capacity=more,
        capacity_per_s=None if reached.capacity is None or knob.is_load else reached.capacity.value,
        machines=after.machines - before.machines,
        usd_per_h=(after.usd_per_h or 0.0) - (before.usd_per_h or 0.0) if priced else None,
    )
