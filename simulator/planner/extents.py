"""How many queries a replication has, about, without drawing its load."""

from simulator.planner import load as loads
from simulator.scenario import Scenario
from simulator.scenario import arrivals as scenarios


def about_queries(scenario: Scenario) -> tuple[float, float]:
    """Queries of a replication, warm-up included, and those that are measured: expected, where luck decides."""
    arrivals, run = scenario.load.arrivals, scenario.run
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
    warmup_s = lasts_s / loads.WARMUP if run.warmup_s is None else run.warmup_s
    return measured + pieces[0].start_per_s * warmup_s, measured
