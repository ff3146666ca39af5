"""A system at depth: as many queries as it takes for every interval to be narrow.

A pilot of its own luck says how many queries are needed, then a run is made. A run whose intervals came out wider than
asked serves as a pilot for a longer one, of luck of its own: whether theory lies inside decides nothing. Only what is
compared is kept, so that tens of millions of queries fit into memory.
"""

import math
import zlib
from dataclasses import dataclass

import numpy as np

from simulator.core.plan import Plan
from simulator.core.stage_view import stage_views
from simulator.core.trace import Trace
from simulator.engines import compiled
from simulator.planner.plans import make_plan
from simulator.scenario import Scenario, scenario_from_dict
from simulator.stats.means import Interval, ratio_interval
from simulator.stats.quantiles import Series
from simulator.stats.share import Layout
from simulator.theory import RELAXATIONS, estimate
from simulator.verification.ends import Ends, mean_ends, quantile_ends, share_ends
from simulator.verification.table import System, utilisation

REPLICATIONS = 16

#: Queries for those that the pilot asks for: its half-widths, and those of the run, are themselves estimates.
MARGIN = 3

#: Later than any answer, ns: who has none is later.
LAST_NS = 2**62

#: Longer runs, at most, where the pilot was too hopeful.
LONGER = 2


@dataclass(frozen=True)
class Depth:
    """How deep a verification goes."""

    width: float  #: relative half-width at 95 % asked for at utilisation .8, of everything but
    width_far: float  #: that of p99.9 and of shares of late queries
    pilot_tasks: int
    most_tasks: int  #: of a run: what a verification may take
    most_queries: int


#: Of every verification: it differs in how many configurations of a family it looks at, and in what else it does.
AT_DEPTH = Depth(width=0.01, width_far=0.03, pilot_tasks=8_000_000, most_tasks=4_000_000_000, most_queries=60_000_000)


def luck(seed: int, name: str, again: bool = False) -> int:
    """A seed of its own for everything that is run, or one unlucky load would be seen in every system."""
    return zlib.crc32(f"{seed} {'again ' if again else ''}{name}".encode())


@dataclass(frozen=True)
class Sample:
    """What a run found of the statistics that have exact values."""

    warmup: int
    latency: Series  #: ns
    wait: Series  #: of the critical tasks of the first stage, ns
    task_wait_s: Interval  #: mean over its tasks
    batch: Interval  #: mean over its batches of their tasks
    copies: Interval  #: sent, a task
    of_classes: dict[str, Interval]  #: means of latency and of the wait of critical tasks, by statistic; in seconds

    @property
    def queries(self) -> int:
        """Queries measured in all."""
        return self.latency.layout.queries

    def ends(self, statistic: str, alarm: float) -> Ends | None:
        """Value and interval at level 1 - ``alarm``, in seconds or as a share; None: the sample does not support it."""
        if statistic.startswith("later_"):
            return share_ends(self.latency, round(later_than_s(statistic) * 1e9), alarm)
        if statistic == "lost":
            return share_ends(self.latency, LAST_NS, alarm)
        if statistic == "mean":
            return mean_ends(self.latency.mean().scaled(1e-9), REPLICATIONS, alarm)
        if statistic == "wait":
            return mean_ends(self.task_wait_s, REPLICATIONS, alarm)
        if statistic == "mean_batch_size":
            return mean_ends(self.batch, REPLICATIONS, alarm)
        if statistic == "copies":
            return mean_ends(self.copies, REPLICATIONS, alarm)
        if statistic in self.of_classes:
            return mean_ends(self.of_classes[statistic], REPLICATIONS, alarm)
        series = self.wait if statistic.endswith("_wait") else self.latency
        ends = quantile_ends(series, quantile_of(statistic), alarm)
        return None if ends is None else Ends(ends.value * 1e-9, ends.low * 1e-9, ends.high * 1e-9)

    def half_width(self, statistic: str) -> float:
        """Relative half-width at 95 %; infinite where the sample does not support the statistic.

        Of waiting times, relative to the wait and a mean service time of 1 s: few who wait make no latency uncertain.
        """
        if statistic.startswith("p"):  # its own ends, which need no search
            series = self.wait if statistic.endswith("_wait") else self.latency
            quantile = series.quantile(quantile_of(statistic)).scaled(1e-9)
            if not quantile.supported:
                return math.inf
            value, low, high = quantile.pooled, quantile.low, quantile.high
        else:
            ends = self.ends(statistic, 0.05)
            if ends is None or ends.value == 0:
                return math.inf
            value, low, high = ends.value, ends.low, ends.high
        return (high - low) / 2 / (value + 1.0 if "wait" in statistic else value)


def later_than_s(statistic: str) -> float:
    """The bound in ``later_X``, in seconds."""
    return float(statistic.removeprefix("later_"))


def quantile_of(statistic: str) -> float:
    """The share in ``p99.9`` or ``p99.9_wait``."""
    return round(float(statistic.removesuffix("_wait")[1:]) / 100, 6)


def sample(system: System, queries: int, seed: int) -> Sample:
    """Run REPLICATIONS of ``queries`` each, after a warm-up of a quarter, or of what the slowest queue needs."""
    run = {"queries": queries, "replications": REPLICATIONS, "seed": seed}
    warmup = 0 if system.is_empty else queries // 4
    if not system.is_empty:
        paper = estimate(make_plan(scenario_from_dict({**system.scenario, "run": {"queries": 2}})))
        if math.isfinite(paper.relaxation):  # who is not waited for leaves even a queue that is asked for too much
            warmup = max(warmup, math.ceil(RELAXATIONS * paper.relaxation))
    scenario = scenario_from_dict({**system.scenario, "run": {**run, "warmup": warmup}})
    latencies, waits, waited_s, tasks, together, hedged = [], [], [], [], [], []
    of_classes = OfClasses(scenario)
    for replication in range(REPLICATIONS):
        plan = make_plan(scenario, replication)
        trace = compiled.simulate(plan)
        stage = stage_views(plan)[0]
        first, here = plan.first_measured, stage.replica_slice
        spent_ns = (trace.completion_ns[first:] - trace.arrival_ns[first:]).astype(np.float64)
        latencies.append(np.where(trace.is_answered(slice(first, None)), spent_ns, np.inf))
        if any(name.endswith("_wait") for name in system.exact):
            waits.append(trace.critical_wait_ns[0, first:].astype(np.float64))
        waited_s.append(trace.waiting_ns[here].sum(dtype=np.float64) * 1e-9)
        tasks.append(trace.tasks[here].sum())
        together.append(trace.batches[stage.batch_slice])
        hedged.append(trace.hedged[here].sum())
        of_classes.add(plan, trace)
    layout = Layout.of([queries] * REPLICATIONS)
    latency = Series(np.concatenate(latencies), layout)
    wait = Series(np.concatenate(waits), layout) if waits else latency
    sizes = np.array(together)  # (replications, sizes); no sizes where tasks are served one by one
    batch = ratio_interval(sizes @ np.arange(1, sizes.shape[1] + 1), sizes.sum(axis=1))
    copies = ratio_interval(hedged, [queries * stage.shards] * REPLICATIONS)
    return Sample(warmup, latency, wait, ratio_interval(waited_s, tasks), batch, copies, of_classes.means())


class OfClasses:
    """Sums over the classes of a load, a replication after another."""

    def __init__(self, scenario: Scenario) -> None:
        self.names = [one.name for one in scenario.load.of_classes]
        self.sums: dict[str, list[tuple[float, int]]] = {}

    def add(self, plan: Plan, trace: Trace) -> None:
        """Those of a replication."""
        of, first = plan.class_of[plan.first_measured :], plan.first_measured
        for place, name in enumerate(self.names):
            here = of == place
            spent_ns = (trace.completion_ns[first:] - trace.arrival_ns[first:])[here]
            for what, values in (("mean", spent_ns), ("wait", trace.critical_wait_ns[0, first:][here])):
                summed = float(values.sum(dtype=np.float64)) * 1e-9, len(values)
                self.sums.setdefault(f"{what}_of_{name}", []).append(summed)

    def means(self) -> dict[str, Interval]:
        """By statistic: ``mean_of_X`` of latency, ``wait_of_X`` of the critical task of the first stage."""
        return {
            statistic: ratio_interval([total for total, _ in sums], [count for _, count in sums])
            for statistic, sums in self.sums.items()
        }


def width_asked(system: System, statistic: str, depth: Depth) -> float:
    """Relative half-width asked for; beyond utilisation .8 wider, as far as queries depend on each other for longer."""
    idle = 1 - utilisation(system)
    wider = max(1.0, 0.2 / idle) if idle > 0 else 1.0  # who is asked for too much, and refuses, is busy for long
    return (depth.width_far if statistic.startswith(("p99.9", "later", "lost")) else depth.width) * wider


def most_queries(system: System, depth: Depth) -> int:
    """Queries of a replication that a run may take."""
    shards = make_plan(scenario_from_dict({**system.scenario, "run": {"queries": 2}})).shards
    return min(depth.most_queries, depth.most_tasks // shards) // REPLICATIONS


def is_capped(system: System, run: Sample, depth: Depth) -> bool:
    """Whether a run had to stop short of the precision asked for."""
    return run.queries >= REPLICATIONS * most_queries(system, depth)


def queries_needed(system: System, pilot: Sample, depth: Depth) -> int:
    """Queries a replication that make all half-widths as asked, by the pilot's; at most what a run may take."""
    factor = max((pilot.half_width(name) / width_asked(system, name, depth)) ** 2 for name in system.exact)
    there = pilot.queries / REPLICATIONS
    return min(most_queries(system, depth), max(math.ceil(there), math.ceil(MARGIN * there * min(factor, 1e6))))


def narrow_run(system: System, seed: int, depth: Depth) -> Sample:
    """Pilot and run, and longer ones until every interval is as narrow as asked for or the most is reached."""
    shards = make_plan(scenario_from_dict({**system.scenario, "run": {"queries": 2}})).shards
    pilot = sample(system, max(2000, depth.pilot_tasks // shards // REPLICATIONS), seed + 1)
    run = sample(system, queries_needed(system, pilot, depth), seed)
    for again in range(2, 2 + LONGER):
        if is_capped(system, run, depth) or not any(is_wide(system, name, run, depth) for name in system.exact):
            break
        run = sample(system, queries_needed(system, run, depth), seed + again)
    return run


def is_wide(system: System, statistic: str, run: Sample, depth: Depth) -> bool:
    """Whether an interval is wider than asked for."""
    return run.half_width(statistic) >= width_asked(system, statistic, depth)
