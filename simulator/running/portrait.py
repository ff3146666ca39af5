"""What a load is, before anything serves it: its rate, how uneven its gaps are, how it clusters; asked and drawn."""

import math
from dataclasses import dataclass
from typing import ClassVar

from simulator.base.units import NS_PER_S
from simulator.core.laws import Law
from simulator.documents import load
from simulator.documents.shown import Shown
from simulator.planner.load import Load, dispersion, gap_law, make_load, mean_rate, modulation, rate_pieces, refusal
from simulator.running.memory import refuse_load
from simulator.scenario import Scenario
from simulator.scenario.given import takes_scenario
from simulator.stats.load import WINDOWS_S, describe_arrivals, most_within

#: Replications that are drawn, at most, and arrivals of all of them: enough to see a load by.
MOST_REPLICATIONS, MOST_ARRIVALS = 8, 20_000_000

#: Arrivals are counted over a second to find their peak.
PEAK_S = 1


@dataclass(frozen=True, repr=False)
class Portrait(Shown):
    """A load as it is asked for and as it was drawn. The figure shows the first replication."""

    kind: ClassVar[str] = "load"

    scenario: Scenario
    loads: tuple[Load, ...]  #: of the first replications

    @property
    def exit_code(self) -> int:
        """0: a load is judged by nothing."""
        return 0

    def to_dict(self) -> load.Load:
        """As written by ``shardsim load --format json``; null where there is no such figure, or too few arrivals."""
        measured = [load.arrival_ns[load.first_measured :] for load in self.loads]
        first = self.loads[0]
        start_ns = int(first.arrival_ns[first.first_measured])
        return {
            "schema": 1,
            "scenario": self.scenario.name,
            "description": self.scenario.description,
            "seed": self.scenario.run.seed,
            "arrivals": self.scenario.load.arrivals.kind,
            "replications": len(self.loads),
            "warmup_queries": sum(load.first_measured for load in self.loads),
            "queries": sum(len(arrival_ns) for arrival_ns in measured),
            "warmup_s": start_ns / NS_PER_S,
            "duration_s": (int(first.arrival_ns[-1]) - start_ns) / NS_PER_S,
            "asked": expected(self.scenario, first),
            "drawn": {
                **describe_arrivals(measured),
                "peak_per_s": most_within(measured, int(PEAK_S * NS_PER_S)) / PEAK_S,
            },
            "notes": self.scenario.load.notes(self.scenario.queries),
        }


@takes_scenario
def portrait(scenario: Scenario) -> Portrait:
    """Draw a load.

    Raises
    ------
    ScenarioError
        As ``make_load``; if the memory there is does not hold the load.
    """
    if scenario.load.has_clients:
        cure = "run it, and see `load as it came`, or write its queries with --save-queries"
        raise refusal(
            scenario, "load.arrivals", f"when clients that wait send queries follows from who serves them: {cure}"
        )
    refuse_load(scenario)
    first = make_load(scenario, 0)
    count = min(scenario.run.replications, MOST_REPLICATIONS, max(1, MOST_ARRIVALS // len(first.arrival_ns)))
    if scenario.load.arrivals.kind == "trace":
        count = 1  # all replications have the same
    return Portrait(scenario, (first, *(make_load(scenario, replication) for replication in range(1, count))))


def expected(scenario: Scenario, first: Load) -> load.Figures:
    """What the scenario says of its load.

    The mean rate while measured; the peak of the rate function; the cv of gaps and the index of dispersion only of a
    constant rate, and where they have a closed form.
    """
    states, is_constant = modulation(scenario), scenario.load.is_constant
    windows = {f"{window_s}s": float(window_s) for window_s in WINDOWS_S} | {"limit": math.inf}
    known: dict[str, float | None] = dict.fromkeys(windows)
    peak = gap_cv = None
    if scenario.load.arrivals.kind != "trace":
        peak = max(piece.peak_per_s for piece in rate_pieces(scenario)) * (max(states.factors) if states else 1.0)
    if is_constant:
        known["limit"] = dispersion(scenario)
        gaps = gap_law(scenario)
        gap_cv = math.sqrt(gaps.cv2()) if states is None and isinstance(gaps, Law) else None
        if states:
            known = {name: states.dispersion(mean_rate(scenario), window_s) for name, window_s in windows.items()}
        elif scenario.load.arrivals.kind == "poisson":
            known = dict.fromkeys(windows, 1.0)
    return {"rate_per_s": first.rate_per_s, "peak_per_s": peak, "gap_cv": gap_cv, "dispersion": known}
