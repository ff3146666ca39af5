"""How many queries a replication has, about, and how high its rate goes, without drawing its load."""

import math
from collections.abc import Iterator

import numpy as np

from simulator.base.formats import format_duration
from simulator.base.units import MOST_NS, NS_PER_S
from simulator.core.plan import System
from simulator.planner import load as loads
from simulator.scenario import Scenario
from simulator.scenario import arrivals as scenarios
from simulator.scenario.colocated import home_of
from simulator.scenario.slowdowns import SlowdownSpec
from simulator.theory import Peak
from simulator.workload.modulation import MOST_DWELLS
from simulator.workload.rates import Rate, first_stretches

#: A load of more queries than these is told by arithmetic: to draw it takes seconds and memory, and luck is a part in
#: a thousand.
MOST_DRAWN = 1_000_000
#: Slow stretches of all replicas that a replication draws: some minutes.
MOST_STRETCHES = 3e9


def about_queries(scenario: Scenario) -> tuple[float, float]:
    """Queries of a replication, warm-up included, and those that are measured: expected, where luck decides."""
    arrivals, run = scenario.load.arrivals, scenario.run
    known = loads.known_extent(scenario) if scenario.load.is_closed else None
    if known is not None:
        return float(known.queries), float(known.measured)
    rate_per_s = loads.offered_per_s(scenario)
    if isinstance(arrivals, scenarios.TraceArrivals):
        rows = float(len(arrivals.trace().timestamp_s))
        return rows, rows
    if scenario.queries is not None:
        queries = float(scenario.queries)
        if run.warmup_s is not None:
            return queries + rate_per_s * run.warmup_s, queries
        warmup = scenario.queries // loads.WARMUP if run.warmup_queries is None else run.warmup_queries
        return queries + warmup, queries
    pieces = loads.rate_pieces(scenario)
    measured = sum(piece.arrivals for piece in pieces)
    lasts_s = sum(piece.duration_s for piece in pieces)
    return measured + pieces[0].start_per_s * loads.warmup_s(scenario, lasts_s), measured


def extent_of(scenario: Scenario) -> loads.Extent:
    """How many queries a replication has: as it is known, of the first one as it is drawn, or of a long one expected.

    Raises
    ------
    ScenarioError
        As ``make_load`` does; of a long one, if that is to be expected.
    """
    known = loads.known_extent(scenario)
    if known is not None:
        return known
    queries, measured = about_queries(scenario)
    if queries <= MOST_DRAWN or scenario.load.arrivals.kind == "trace":  # the rows of a trace are there
        drawn = loads.make_load(scenario, 0)
        return loads.Extent(drawn.first_measured, len(drawn.arrival_ns))
    _refuse_unlikely(scenario, queries)
    return loads.Extent(round(queries - measured), round(queries))


def refuse_stretches(scenario: Scenario, system: System, lasts_s: float) -> None:
    """Refuse slow stretches that take longer to draw than all else: each replica draws its own.

    Raises
    ------
    ScenarioError
        If a replication that lasts so long has too many, with their number.
    """
    worst, path = 0.0, ""
    for index, (stage, row) in enumerate(zip(scenario.stages, system.stages, strict=True)):
        for owner, place, one in _slowdowns(scenario, index):
            count = int(row["shards"] * row["replicas"]) * lasts_s / (one.every.law.mean() + one.length.law.mean())
            if count > worst:
                worst, path = count, f"stages[{owner}].slowdowns[{place}].every"
        if stage.failures is not None:
            law = stage.failures.every.law.mean() + stage.failures.repair.law.mean()
            count = int(row["shards"] * row["replicas"]) * lasts_s / law
            if count > worst:
                worst, path = count, f"stages[{index}].failures.every"
    if worst > MOST_STRETCHES:
        cure = "have a longer every or a shorter run; what is as frequent as tasks is spread: variability.task"
        raise loads.refusal(scenario, path, f"about {worst:.2g} slow stretches in a replication: {cure}")


def _slowdowns(scenario: Scenario, index: int) -> Iterator[tuple[int, int, SlowdownSpec]]:
    """What makes a stage slow, by whose list it stands in, and where: its own, and that of its machines."""
    home = home_of(scenario.stages, index)
    for at in sorted({index, home}):
        for place, one in enumerate(scenario.stages[at].slowdowns or ()):
            if at == index or one.scope == "machine":
                yield at, place, one


def _refuse_unlikely(scenario: Scenario, queries: float) -> None:
    """Refuse a long load that would be refused when it is drawn, but for luck."""
    lasts_s = _lasts_s(scenario, queries)
    if lasts_s * NS_PER_S > MOST_NS:
        message = f"a replication would last {format_duration(lasts_s)}; raise the rate or run fewer"
        raise loads.refusal(scenario, "load", message)
    base, states = Rate(loads.rate_pieces(scenario)), loads.modulation(scenario)
    if scenario.queries is not None and queries > base.arrivals:
        offers = f"the {base.arrivals:,.0f} that the profile offers"
        message = f"{queries:,.0f} queries, warm-up included, are more than {offers}"
        raise loads.refusal(scenario, "run.queries", f"{message}. Ask for fewer, or leave queries out to run all of it")
    dwells = 0.0 if states is None else lasts_s * len(states.dwells_s) / math.fsum(states.dwells_s)
    if dwells > MOST_DWELLS:
        raise loads.too_many_dwells(scenario, f"{dwells:.3g}")


def _lasts_s(scenario: Scenario, queries: float) -> float:
    """How long a replication lasts, expected, of so many queries; warm-up included."""
    base = Rate(loads.rate_pieces(scenario))
    if scenario.queries is not None:
        return float(base.instants(np.array([min(queries, base.arrivals)]))[0])
    return base.duration_s + loads.warmup_s(scenario, base.duration_s)


def peak_of(scenario: Scenario, saturation_per_s: float) -> Peak | None:
    """The peak of a load whose rate changes over time, and how long it is beyond saturation; None: it does not.

    Of a trace no rate is known over time. States of modulated arrivals are luck: the rate is that of their mean.
    """
    if scenario.load.is_constant or scenario.load.arrivals.kind == "trace":
        return None
    pieces, queries = loads.rate_pieces(scenario), about_queries(scenario)[0]
    if scenario.queries is not None:
        pieces = first_stretches(pieces, _lasts_s(scenario, queries))
    peak_per_s = max(piece.peak_per_s for piece in pieces)
    above_s = math.fsum(piece.seconds_above(saturation_per_s) for piece in pieces)
    return Peak(peak_per_s, peak_per_s / saturation_per_s, above_s)
