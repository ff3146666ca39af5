"""A side of a comparison: a run, just simulated or read from its directory, and what its figures are by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from simulator.base.groups import CLASS, KINDS, PHASE
from simulator.base.units import ns, parse_duration
from simulator.core.plan import F8, I8, NEVER_NS
from simulator.core.trace import Trace
from simulator.documents import parts, run
from simulator.planner.classes import class_places
from simulator.planner.fleet import S_PER_H
from simulator.planning import hours, naming
from simulator.running.result import Result
from simulator.scenario import parse_objective
from simulator.stats import gathering
from simulator.stats.attempts import as_queries, asked
from simulator.stats.figures import S_PER_NS, Pool, hottest_of, key_of, part_of
from simulator.stats.groups import Phases
from simulator.stats.paired import LeftOut, quantile_left_out, ratio_left_out
from simulator.stats.quantiles import Quantile, Series
from simulator.stats.rates import by_replication, first_on_latency
from simulator.stats.share import FEWEST_EXCEEDANCES, Layout, shown_exceedances
from simulator.stats.takers import NOBODY
from simulator.stats.window import Mergers, Within, merging_ns

LOWER, HIGHER, NEITHER = "lower", "higher", "neither"

#: Why a mean is not known.
CARRIED_BY_FEW = "few queries carry it: the run says how many would do"
#: Why there is no price, and why there is no rate.
NOT_PRICED, NO_TIME = "not priced", "all queries arrive at one instant"
#: Why nothing is known of a stage that not every query takes.
NO_TAKERS = "in a replication nobody takes the stage"
#: Why there is no part of the work.
NO_WORK = "no worker was busy"


@dataclass(frozen=True)
class Side:
    """A run."""

    source: str  #: the file or directory that it came from, as the user named it
    document: run.Run  #: what ``Result.to_dict`` said of it
    traces: dict[int, Trace] = field(repr=False)  #: by replication
    interrupted: bool = False

    @staticmethod
    def of(result: Result) -> Side:
        """Of a run that was just simulated."""
        return Side(result.scenario.source, result.to_dict(), result.traces, result.interrupted)

    @property
    def seed(self) -> int:
        """Seed of its luck."""
        return int(self.document["seed"])

    @property
    def stages(self) -> list[str]:
        """Names of its stages."""
        return [stage["name"] for stage in self.document["stages"]]

    def said_of(self, kind: str) -> Sequence[run.OfClass]:
        """What it said of the groups of its queries, of a kind."""
        return self.document.get("classes", ()) if kind == CLASS else self.document.get("phases", ())

    def group_names(self) -> dict[str, list[str]]:
        """Names of its classes of queries and of its phases, by kind."""
        return {kind: [one["name"] for one in self.said_of(kind)] for kind in KINDS}

    def group_of(self, kind: str, replication: int) -> I8:
        """(queries,) the place of the group of each query of a replication, warm-up included: as for its plan."""
        stated, trace = self.document["provenance"]["resolved"]["load"], as_queries(self.traces[replication])
        if kind == PHASE:
            return self.phases.of_queries(trace)
        shares = [one["share"] for one in stated["classes"]]
        return class_places(shares, self.seed, replication, len(trace.arrival_ns))

    @property
    def phases(self) -> Phases:
        """The phases of its load. Raises ValueError if its scenario does not say."""
        stated = self.document["provenance"]["resolved"]["load"]["phases"]
        return Phases.of([(one.get("name"), parse_duration(one["duration"])) for one in stated])

    @property
    def good(self) -> tuple[float, bool] | None:
        """Latency within which output is good, in seconds, and whether it may be reached; None: any."""
        slos = [parse_objective(text) for text in self.document["provenance"]["resolved"]["slos"]]
        within = first_on_latency(slos)
        return None if within is None else (within.bound, within.measure == "share_within")

    @property
    def drain_ns(self) -> int:
        """How long after its last arrival a replication was cut. Raises ValueError if its scenario does not say."""
        drain = self.document["provenance"]["resolved"]["run"].get("drain")
        return NEVER_NS if drain is None else ns(parse_duration(drain))

    def mergers(self, at: int) -> Mergers | None:
        """The mergers of a stage, by index; None: it has none that queries queue for, or merges differ in length."""
        stage = self.document["stages"][at]
        said = stage.get("mergers")
        if said is None or stage["name"] not in self.merging:
            return None
        takes_ns = round(said["service_s"] / S_PER_NS)
        return Mergers(at, said["count"], takes_ns, takes_ns, 0, False, False, self.drain_ns)

    @property
    def merging(self) -> list[str]:
        """Names of the stages that have mergers, whose merges all take as long."""
        differ = "gather", "shards_visited"
        stages = [stage for stage in self.document["stages"] if not any(key in stage for key in differ)]
        return [stage["name"] for stage in stages if "mergers" in stage]

    def is_keyed(self, at: int) -> bool:
        """Whether keys say which shards of a stage are visited: who is visited most is drawn in each replication."""
        stated = self.document["provenance"]["resolved"]["stages"][at]
        return "by" in stated.get("fan_out", {})

    @property
    def partial(self) -> list[str]:
        """Names of the stages that may close without all of their answers."""
        return [stage["name"] for stage in self.document["stages"] if "gather" in stage]

    @property
    def hedged(self) -> list[str]:
        """Names of the stages that send tasks again."""
        return [stage["name"] for stage in self.document["stages"] if "hedge" in stage]

    @property
    def scaled(self) -> list[str]:
        """Names of the stages whose replicas come and go."""
        return [stage["name"] for stage in self.document["stages"] if hours.is_scaled(stage)]

    def exceedances(self, stage: str | None, percentile: str) -> float | None:
        """Of a percentile that was not printed, the effective number; None: it was, or was not asked for."""
        of = (one for one in self.document["unsupported"] if (one["stage"], one["percentile"]) == (stage, percentile))
        return next((one["exceedances"] for one in of), None)

    def lengths(self, replications: Sequence[int]) -> list[tuple[int, int]]:
        """Queries of warm-up and measured ones of replications."""
        return [(one.first_measured, one.measured) for one in (as_queries(self.traces[n]) for n in replications)]


@dataclass(frozen=True)
class Measure:
    """A figure of one side, in SI units, and the same without each replication."""

    unit: str  #: s, ratio, per_s, machines, usd_per_h or usd
    better: str  #: LOWER, HIGHER or NEITHER
    figure: LeftOut
    is_exact: bool = False  #: arithmetic, not simulation
    reason: str = ""  #: why nothing can be said of it
    own: Callable[[], Quantile] | None = None  #: of a percentile, with its own interval

    @property
    def value(self) -> float | None:
        """What is printed of it; None if it is not known, not supported, or infinite."""
        unsupported = self.reason and (self.own is not None or self.reason == CARRIED_BY_FEW)
        return self.figure.value if math.isfinite(self.figure.value) and not unsupported else None

    @cached_property
    def at_least(self) -> float | None:
        """Of a percentile among queries that never finished, the largest value seen; None otherwise, or if none is."""
        if self.own is None or not math.isinf(self.figure.value):
            return None
        largest = self.own().largest_finite
        return None if math.isnan(largest) else largest


def measures(side: Side, percentiles: Sequence[float], replications: Sequence[int]) -> dict[str, Measure]:
    """The figures of a run, over some of its replications; ``percentiles`` in percent."""
    pool = Pool([side.traces[number] for number in replications])
    by_name = _whole(side, asked(pool), percentiles)
    first = 0
    for at, stage in enumerate(side.document["stages"]):
        replicas = stage["shards"] * stage["replicas"]
        busy_s, mean_s = hours.busy_s(pool.traces, at, stage, first)
        offered_s = pool.windows_s() * stage["workers"]
        name = f"stage.{stage['name']}"
        by_name |= _percentiles(side, pool, at, naming.STAGE_PERCENTILES)
        used = ratio_left_out(mean_s, offered_s).at_most_1()
        most_s = busy_s[:, hottest_of(busy_s, offered_s)[0]]
        if side.is_keyed(at):  # each replication draws who is visited most
            most_s = busy_s.max(axis=1)
        hottest = ratio_left_out(most_s, offered_s).at_most_1()
        why = _unless_known(used, NO_TIME) or _unsaid(stage["utilisation"]["mean"], used)
        by_name[f"{name}.utilisation"] = Measure("ratio", NEITHER, used, reason=why)
        why = _unless_known(hottest, NO_TIME) or (CARRIED_BY_FEW if stage["utilisation"]["max"] is None else "")
        by_name[f"{name}.hottest"] = Measure("ratio", NEITHER, hottest, reason=why)
        mergers = side.mergers(at)
        if mergers is not None:
            merging_s = np.array([merging_ns(trace, mergers) for trace in pool.traces]) * S_PER_NS
            used = ratio_left_out(merging_s, pool.windows_s() * mergers.count).at_most_1()
            by_name[f"{name}.{naming.MERGERS}"] = Measure("ratio", NEITHER, used, reason=_unless_known(used, NO_TIME))
        wasted_s, all_s = (
            np.array([getattr(trace, column)[first : first + replicas].sum(dtype=np.float64) for trace in pool.traces])
            for column in ("wasted_ns", "busy_ns")
        )
        by_name[f"{name}.{naming.HOURS}"] = Measure("h", LOWER, hours.replica_hours(pool.traces, at, stage))
        by_name[f"{name}.coverage"] = _coverage(pool, at)
        wasted = ratio_left_out(wasted_s, all_s)
        by_name[f"{name}.wasted_ratio"] = Measure("ratio", LOWER, wasted, reason=_unless_known(wasted, NO_WORK))
        first += replicas
    return by_name | _money(side, pool, by_name["completed"].figure)


def _whole(side: Side, pool: Pool, percentiles: Sequence[float]) -> dict[str, Measure]:
    known = mean_and_failed(pool.latency(None), side.document["latency_s"]["mean"])
    partial = ratio_left_out([float(gathering.is_partial(trace).sum()) for trace in pool.traces], pool.layout.sizes)
    good = None if side.good is None else (round(side.good[0] / S_PER_NS), side.good[1])
    rates = {"completed": _rate(pool, None), "goodput": _rate(pool, good)}
    return {
        **known,
        **_percentiles(side, pool, None, percentiles),
        **{name: Measure("per_s", HIGHER, rate, reason=_unless_known(rate, NO_TIME)) for name, rate in rates.items()},
        "coverage": _coverage(pool, None),
        "partial_ratio": Measure("ratio", LOWER, partial),
    }


def mean_and_failed(latency: Series, printed: parts.Interval) -> dict[str, Measure]:
    """Mean and ``failed_ratio`` of a latency in ns; ``printed``: its mean as the run said it."""
    layout, finite = latency.layout, latency.finite
    known = latency.values if finite.all() else np.where(finite, latency.values, 0.0)
    mean = ratio_left_out(_sums(layout, known), _sums(layout, finite)).scaled(S_PER_NS)
    unfinished = _unsaid(printed, mean) if finite.all() else "some queries have no answer, so the mean is not known"
    return {
        "mean": Measure("s", LOWER, mean, reason=unfinished),
        "failed_ratio": Measure("ratio", LOWER, ratio_left_out(_sums(layout, ~finite), layout.sizes)),
    }


def _coverage(pool: Pool, stage: int | None) -> Measure:
    """Of a stage, by index, or of whole queries."""
    covered, counts = zip(*(gathering.covered(trace, stage) for trace in pool.traces), strict=True)
    coverage = ratio_left_out(covered, counts)
    return Measure("ratio", HIGHER, coverage, reason=_unless_known(coverage, "no query was completed"))


def _percentiles(side: Side, pool: Pool, stage: int | None, percentiles: Sequence[float]) -> dict[str, Measure]:
    """Of a stage, by index, or of the whole."""
    latency, of_stage = pool.latency(stage), None if stage is None else side.document["stages"][stage]
    name_of_stage = None if of_stage is None else of_stage["name"]
    prefix = "" if of_stage is None else f"stage.{name_of_stage}."
    printed: Mapping[str, object] = side.document["latency_s"] if of_stage is None else of_stage["latency_s"]
    lacks, by_name = latency.layout.replications < len(pool.traces), {}
    ascending = [NOBODY] * len(pool.traces) if lacks else in_order(latency)
    for percent in percentiles:
        p = part_of(percent)
        left_out = quantile_left_out(ascending, p)
        name = key_of(percent)
        seen = side.exceedances(name_of_stage, name)  # of one that the run does not print
        if name not in printed and math.isfinite(left_out.value):  # it was not asked, so its plan was not either
            own_count = latency.quantile(p).exceedances
            seen = own_count if own_count < FEWEST_EXCEEDANCES else None
        reason = NO_TAKERS if lacks else "" if seen is None else too_few(seen)

        def own(p: float = p) -> Quantile:
            return pool.latency(stage).quantile(p).scaled(S_PER_NS)

        by_name[prefix + name] = Measure("s", LOWER, left_out.scaled(S_PER_NS), reason=reason, own=own)
    return by_name


def in_order(latency: Series) -> list[F8]:
    """The values of each replication, in ascending order."""
    return [np.sort(part) for part in np.split(latency.values, np.cumsum(latency.layout.sizes)[:-1])]


def too_few(exceedances: float) -> str:
    """Why a percentile is not known."""
    return f"{shown_exceedances(exceedances)} effective exceedances are too few, {FEWEST_EXCEEDANCES} are needed"


def _rate(pool: Pool, within: Within | None) -> LeftOut:
    """Queries per second, of those that are complete inside the window and within a latency."""
    return ratio_left_out(by_replication(pool.layout, pool.good(within)), pool.windows_s())


def _sums(layout: Layout, amounts: Any) -> F8:
    """(replications,) sums of amounts a query."""
    return by_replication(layout, layout.by_block(amounts))


def _money(side: Side, pool: Pool, completed: LeftOut) -> dict[str, Measure]:
    fleet = side.document["fleet"]
    usd_per_h, machines = fleet["usd_per_h"], fleet["machines"]
    unpriced = "" if usd_per_h is not None else NOT_PRICED
    price = math.nan if usd_per_h is None else float(usd_per_h)
    usd_per_million_s = price / S_PER_H * 1e6
    with np.errstate(divide="ignore"):
        each = LeftOut(float(np.divide(usd_per_million_s, completed.value)), usd_per_million_s / completed.without)
    of_all, spent = _exact(price, pool), hours.spent(pool.traces, side.document)
    if spent is not None:
        of_all = ratio_left_out(spent, hours.lasts_s(pool.traces) / S_PER_H)
        each = ratio_left_out(spent * 1e6, by_replication(pool.layout, pool.good(None)))
    of_money = {
        "machines": Measure("machines", LOWER, _exact(machines, pool), is_exact=True),
        "usd_per_h": Measure("usd_per_h", LOWER, of_all, is_exact=spent is None, reason=unpriced),
    }
    reason = unpriced or _unless_known(each, "no query was completed")
    return {**of_money, "usd_per_million_queries": Measure("usd", LOWER, each, reason=reason)}


def _exact(value: float, pool: Pool) -> LeftOut:
    return LeftOut(float(value), np.full(pool.layout.replications, float(value)))


def _unsaid(printed: parts.Interval, figure: LeftOut) -> str:
    """Why a mean is not compared: the run did not print it either."""
    return CARRIED_BY_FEW if printed["value"] is None and math.isfinite(figure.value) else ""


def _unless_known(figure: LeftOut, reason: str) -> str:
    return "" if math.isfinite(figure.value) else reason
