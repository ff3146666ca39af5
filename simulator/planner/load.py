"""From a Scenario to the arrivals of a replication: the load as it is offered, whatever serves it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from simulator import scenario as scenarios
from simulator.base.errors import Problem, ScenarioError
from simulator.base.formats import apart, counted, format_duration
from simulator.base.units import MOST_NS, NS_PER_S, ns
from simulator.core.laws import Law
from simulator.core.plan import F8, I8
from simulator.scenario import Scenario
from simulator.workload import arrivals as workload
from simulator.workload import rates
from simulator.workload.arrivals import Gaps
from simulator.workload.modulation import Modulation, TooManyDwells, modulated
from simulator.workload.rates import Rate, RateFunction

#: Of a trace without a number of queries, this part warms up.
TRACE_WARMUP = 5
#: Of a number of queries or a duration, warm-up takes this part besides.
WARMUP = 4


@dataclass(frozen=True)
class Load:
    """The arrivals of one replication, and which of them are measured: all from ``first_measured`` on."""

    arrival_ns: I8
    first_measured: int
    rate_per_s: float  #: mean rate while measured, expected; a trace's own
    rate: RateFunction | None  #: over time, warm-up included, of this replication; None: a trace has none
    work: F8 | None = None  #: of each query, where a trace says it
    window_ns: tuple[int, int] | None = None  #: of a duration, its begin and end; None: that of a number of queries

    def head(self, count: int) -> Load:
        """The first arrivals, all of them measured."""
        work = None if self.work is None else self.work[:count]
        return replace(self, arrival_ns=self.arrival_ns[:count], work=work, first_measured=0, window_ns=None)


@dataclass(frozen=True)
class Extent:
    """How many queries a load has."""

    first_measured: int  #: so many warm up
    queries: int  #: those included

    @property
    def measured(self) -> int:
        """All from ``first_measured`` on."""
        return self.queries - self.first_measured


def make_load(scenario: Scenario, replication: int) -> Load:
    """The arrivals of one replication.

    Raises
    ------
    ScenarioError
        If no query would be measured, a trace or a profile has too few, states change too often, or it would last
        longer than int64 nanoseconds hold.
    """
    try:
        if scenario.load.arrivals.kind == "trace":
            load = _trace_load(scenario, replication)
        elif scenario.load.is_closed:
            load = _of_clients(scenario)
        elif scenario.queries is not None:
            load = _counted(scenario, replication)
        else:
            load = _timed(scenario, replication)
    except OverflowError as error:
        message = f"a replication would last {error}; raise the rate or run fewer"
        raise refusal(scenario, "load", message) from error
    load.arrival_ns.flags.writeable = False  # plans share it
    return load


def gap_law(scenario: Scenario) -> Gaps:
    """What makes gaps at unit rate; modulated arrivals are Poisson at the rate of their state."""
    arrivals = scenario.load.arrivals
    if isinstance(arrivals, scenarios.PluggedArrivals):
        return arrivals.gaps
    if isinstance(arrivals, scenarios.GammaArrivals):
        return Law.gamma(1.0, arrivals.cv)
    return workload.CONSTANT_GAPS if arrivals.kind == "constant" else workload.POISSON_GAPS


def modulation(scenario: Scenario) -> Modulation | None:
    """The states of modulated arrivals."""
    arrivals = scenario.load.arrivals
    return (
        Modulation.of(arrivals.rates, arrivals.dwell_s) if isinstance(arrivals, scenarios.ModulatedArrivals) else None
    )


def dispersion(scenario: Scenario) -> float:
    """Index of dispersion of counts over long times at a constant rate: how much burstier than Poisson, which has 1.

    Of a trace nothing is known: 1.
    """
    arrivals = scenario.load.arrivals
    if isinstance(arrivals, scenarios.PluggedArrivals):
        return arrivals.gaps.dispersion
    if isinstance(arrivals, scenarios.GammaArrivals):
        return float(arrivals.cv**2)
    states = modulation(scenario)
    if states is not None:
        return states.dispersion(mean_rate(scenario))
    return 0.0 if arrivals.kind == "constant" else 1.0


def _modulated(scenario: Scenario, replication: int, base: Rate, until_s: float, arrivals: float = 0.0) -> RateFunction:
    states = modulation(scenario)
    if states is None:
        return base
    try:
        return modulated(states, scenario.run.seed, replication, base, until_s, arrivals)
    except TooManyDwells as error:
        raise too_many_dwells(scenario, str(error)) from None


def too_many_dwells(scenario: Scenario, dwells: str) -> ScenarioError:
    """The mistake of modulated arrivals whose states change so often in a replication."""
    cure = "such a load cannot be told from poisson: use that, or a longer dwell"
    return refusal(scenario, "load.arrivals.dwell", f"{dwells} changes of state in a replication; {cure}")


def known_extent(scenario: Scenario) -> Extent | None:
    """How many queries a load has where no luck can change it, or refuse it; else None.

    That is a number of queries, after another number, at a rate that does not end, far from the end of time.
    """
    run, queries, gaps = scenario.run, scenario.queries, gap_law(scenario)
    arrivals = scenario.load.arrivals
    if arrivals.kind == "trace" or queries is None or run.warmup_s is not None:
        return None
    if not isinstance(gaps, Law) or isinstance(arrivals, scenarios.ModulatedArrivals):
        return None
    if scenario.load.is_closed:
        return Extent(_warmup_queries(scenario), _warmup_queries(scenario) + queries)
    base, extent = Rate(rate_pieces(scenario)), Extent(_warmup_queries(scenario), _warmup_queries(scenario) + queries)
    if math.isfinite(base.arrivals) or extent.queries / mean_rate(scenario) * NS_PER_S > MOST_NS / 4:
        return None
    return extent


def expected_per_s(scenario: Scenario, replication: int) -> float:
    """Mean rate while measured, expected, and a trace's own: that of the replication's load, which is not drawn."""
    if scenario.load.arrivals.kind == "trace":
        return offered_per_s(scenario)
    pieces, queries = rate_pieces(scenario), scenario.queries
    if queries is None:
        return sum(piece.arrivals for piece in pieces) / sum(piece.duration_s for piece in pieces)
    base = Rate(pieces)
    before = _expected_before(scenario, replication, base)
    return _mean_between(base, before, before + queries)


def _warmup_queries(scenario: Scenario) -> int:
    """Queries that warm up before a number of them is measured, where no time says it."""
    assert scenario.queries is not None
    given = scenario.run.warmup_queries
    return scenario.queries // WARMUP if given is None else given


def _expected_before(scenario: Scenario, replication: int, base: Rate) -> float:
    """Arrivals expected until the first measured one, of a number of queries."""
    run = scenario.run
    if run.warmup_s is None:
        return float(_warmup_queries(scenario))
    warm = _modulated(scenario, replication, base, run.warmup_s)
    return float(warm.cumulated(np.array([run.warmup_s]))[0])


def _counted(scenario: Scenario, replication: int) -> Load:
    """A number of queries, after those that warm up; the rate begins with them, at time 0."""
    run, gaps, queries = scenario.run, gap_law(scenario), scenario.queries
    assert queries is not None
    seed, base = run.seed, Rate(rate_pieces(scenario))
    before = _expected_before(scenario, replication, base)
    is_timed = run.warmup_s is not None
    first = len(workload.epochs_until(gaps, seed, replication, before)) if is_timed else _warmup_queries(scenario)
    last = float(workload.epochs(gaps, seed, replication, first + queries)[-1]) if modulation(scenario) else 0.0
    rate = _modulated(scenario, replication, base, 0.0, last)
    arrival_ns = workload.arrivals_counted(gaps, seed, replication, rate, first + queries)
    if len(arrival_ns) < first + queries:
        assert scenario.load.most_s is not None, "only a profile ends"
        offers = f"the {len(arrival_ns):,} that the profile offers in its {format_duration(scenario.load.most_s)}"
        wanted = f"{counted(first, 'query')} of warm-up and {queries:,} measured ones"
        message = f"{wanted} are more than {offers} (replication {replication})"
        raise refusal(scenario, "run.queries", f"{message}. Ask for fewer, or leave queries out to run all of it")
    return Load(arrival_ns, first, _mean_between(base, before, before + queries), rate)


def _of_clients(scenario: Scenario) -> Load:
    """So many queries: when each arrives follows from when others are over, so nobody knows before they are served."""
    assert scenario.queries is not None, "queries are counted"
    first = _warmup_queries(scenario)
    return Load(np.zeros(first + scenario.queries, dtype=np.int64), first, math.nan, None)


def _mean_between(rate: Rate, low: float, high: float) -> float:
    """Mean rate from one expected number of arrivals to another."""
    if len(rate.pieces) == 1 and rate.peak_per_s == rate.pieces[0].start_per_s:
        return float(rate.peak_per_s)  # constant: to the last bit
    low, high = min(low, rate.arrivals), min(high, rate.arrivals)
    start_s = float(rate.instants(np.array([low]))[0]) if low > 0 else 0.0
    return (high - low) / (float(rate.instants(np.array([high]))[0]) - start_s)


def _timed(scenario: Scenario, replication: int) -> Load:
    """All queries of a duration, after a warm-up at the rate with which it begins."""
    run, pieces = scenario.run, rate_pieces(scenario)
    duration_s = sum(piece.duration_s for piece in pieces)
    warm_s = warmup_s(scenario, duration_s)
    start_per_s = pieces[0].start_per_s
    before: list[rates.Stretch] = [rates.LinearStretch(warm_s, start_per_s, start_per_s)] if warm_s > 0 else []
    base = Rate([*before, *pieces])
    rate = _modulated(scenario, replication, base, base.duration_s)
    arrival_ns = workload.arrivals_until(gap_law(scenario), run.seed, replication, rate)
    first = int(np.searchsorted(arrival_ns, ns(warm_s)))
    if first == len(arrival_ns):
        message = (
            f"no query arrives in the {format_duration(duration_s)} that are measured; raise the rate or run longer"
        )
        raise refusal(scenario, "load", message)
    window_ns = ns(warm_s), ns(warm_s + duration_s)
    return Load(arrival_ns, first, sum(piece.arrivals for piece in pieces) / duration_s, rate, window_ns=window_ns)


def warmup_s(scenario: Scenario, duration_s: float) -> float:
    """Warm-up of a run that is measured for a duration: as said, which may be none, or a part of the duration."""
    run = scenario.run
    if run.warmup_s is not None:
        return run.warmup_s
    return 0.0 if run.warmup_queries == 0 else duration_s / WARMUP


def rate_pieces(scenario: Scenario) -> list[rates.Stretch]:
    """The measured rate over time, cut at the duration of the run if it has one; where it has none, for ever."""
    load, scale, duration_s = scenario.load, scenario.load.scale, scenario.duration_s
    if load.phases:
        return [
            rates.LinearStretch(one.duration_s, one.start_per_s * scale, one.end_per_s * scale) for one in load.phases
        ]
    lasts_s = math.inf if duration_s is None else duration_s
    if isinstance(load.rate, scenarios.DiurnalRate):
        return [rates.WaveStretch(lasts_s, load.rate.mean_per_s * scale, load.rate.peak_to_mean, load.rate.period_s)]
    if isinstance(load.rate, scenarios.ProfileRate):
        rates_per_s = load.rate.counts() / load.rate.interval_s * scale
        make = rates.step_stretches if load.rate.shape == "step" else rates.linear_stretches
        return rates.first_stretches(make(rates_per_s, load.rate.interval_s), lasts_s)
    assert load.rate_per_s is not None, "the schema asks for a rate"
    return [rates.LinearStretch(lasts_s, load.rate_per_s * scale, load.rate_per_s * scale)]


def mean_rate(scenario: Scenario) -> float:
    """Mean of the rate function: of a wave, over its periods."""
    pieces = rate_pieces(scenario)
    if math.isinf(pieces[-1].duration_s):
        last = pieces[-1]
        return last.mean_per_s if isinstance(last, rates.WaveStretch) else last.start_per_s
    return sum(piece.arrivals for piece in pieces) / sum(piece.duration_s for piece in pieces)


def offered_per_s(scenario: Scenario) -> float:
    """Mean rate of the load, of a trace its own: in proportion to ``load.scale``, whatever part of it is measured."""
    arrivals = scenario.load.arrivals
    if isinstance(arrivals, scenarios.TraceArrivals):
        return own_rate(arrivals.timestamps()) * trace_speed(scenario)
    return mean_rate(scenario)


def trace_speed(scenario: Scenario) -> float:
    """How much faster than recorded a trace is replayed."""
    arrivals = scenario.load.arrivals
    assert isinstance(arrivals, scenarios.TraceArrivals)
    speed = arrivals.speed or 1.0
    if arrivals.rate_per_s is not None:
        timestamp_s = arrivals.timestamps()
        speed = arrivals.rate_per_s / own_rate(timestamp_s)
    return float(speed * scenario.load.scale)


def own_rate(timestamp_s: F8) -> float:
    """Mean rate of a trace: gaps over the time they take; the schema asks for rows at two instants."""
    return (len(timestamp_s) - 1) / float(timestamp_s[-1] - timestamp_s[0])


def _trace_load(scenario: Scenario, replication: int) -> Load:
    run, window_ns = scenario.run, None
    assert isinstance(scenario.load.arrivals, scenarios.TraceArrivals)
    trace = scenario.load.arrivals.trace()
    rows = len(trace.timestamp_s)
    timestamp_s = trace.timestamp_s
    if scenario.load.arrivals.spread is not None:
        timestamp_s = workload.spread_in_ticks(timestamp_s, run.seed, replication)
    arrival_ns = workload.arrivals_of_trace(timestamp_s, trace_speed(scenario))
    rate_per_s = own_rate(trace.timestamp_s) * trace_speed(scenario)
    if run.duration_s is not None:
        warm_s = warmup_s(scenario, run.duration_s)
        if ns(warm_s + run.duration_s) > arrival_ns[-1] + ns(1 / rate_per_s):
            takes, lasts = apart(format_duration, warm_s + run.duration_s, float(arrival_ns[-1]) / NS_PER_S)
            message = f"warm-up and duration take {takes}; the trace lasts {lasts}"
            raise refusal(scenario, "run.duration", message)
        window_ns = ns(warm_s), ns(warm_s + run.duration_s)
        first, end = (int(i) for i in np.searchsorted(arrival_ns, window_ns))
    else:
        if run.warmup_s is not None:
            first = int(np.searchsorted(arrival_ns, ns(run.warmup_s)))
        elif run.warmup_queries is not None:
            first = run.warmup_queries
        else:
            first = rows // TRACE_WARMUP if run.queries is None else run.queries // WARMUP
        end = rows if run.queries is None else first + run.queries
    if end > rows:
        message = f"{counted(first, 'query')} of warm-up and {end - first:,} measured ones need {counted(end, 'row')}"
        message += f"; the trace has {rows:,}"
        raise refusal(scenario, "run.queries", f"{message}. Ask for fewer, or leave queries out to use all rows")
    if first >= end:
        message = f"no row of the trace ({counted(rows, 'row')}) is left to measure after {first:,} of warm-up"
        raise refusal(scenario, "run", f"{message}. Shorten the warm-up, or replay a longer trace")
    work = None if trace.work is None else trace.work[:end]
    return Load(arrival_ns[:end], first, rate_per_s, None, work, window_ns)


def refuse_clients(scenario: Scenario, command: str, instead: str) -> None:
    """Raise ScenarioError where clients wait, whose rate nobody can choose; ``instead``: what says it of them."""
    if scenario.load.has_clients:
        message = f"{command} turns a rate, and clients that wait have none of their own; {instead}"
        raise refusal(scenario, "load.arrivals" if scenario.load.is_closed else "load.clients", message)


def refusal(scenario: Scenario, path: str, message: str) -> ScenarioError:
    """What a scenario asks for cannot be had."""
    return ScenarioError([Problem(scenario.source, 0, 0, path, message)])
