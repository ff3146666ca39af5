"""The figures of some of the queries: of each class of a load, and of each phase."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator.base.groups import Group
from simulator.base.units import ns
from simulator.core.plan import I8
from simulator.core.trace import Trace
from simulator.documents import run
from simulator.stats.admission import is_shed, series_of_shed, share_of
from simulator.stats.figures import S_PER_NS, Figure, Pool, figure
from simulator.stats.means import Interval
from simulator.stats.money import Money
from simulator.stats.quantiles import Quantile, Series, Share
from simulator.stats.share import Layout
from simulator.stats.verdicts import Objective, Verdict, judge, nobody
from simulator.theory import Ahead

#: Where everybody is admitted.
NONE_SHED = Share(0.0, 0.0, 0.0)
#: Place of a query that is in no phase with a name, or warms up.
NOWHERE = -1


@dataclass(frozen=True)
class Phases:
    """The phases of a load that have names, which repeat where phases are to be looked at together."""

    names: tuple[str, ...]  #: each once, in the order of the load
    places: tuple[int, ...]  #: (phases,) of each the place of its name; NOWHERE: it has none
    durations_s: tuple[float, ...]  #: (phases,)

    @classmethod
    def of(cls, phases: Sequence[tuple[str | None, float]]) -> Phases:
        """Of the name and the duration in seconds of each phase, in order."""
        names = tuple(dict.fromkeys(name for name, _ in phases if name is not None))
        places = tuple(NOWHERE if name is None else names.index(name) for name, _ in phases)
        return cls(names, places, tuple(lasts_s for _, lasts_s in phases))

    def lasting_s(self) -> tuple[float, ...]:
        """How long each name lasts, over all phases of it."""
        lasts = [0.0] * len(self.names)
        for place, duration_s in zip(self.places, self.durations_s, strict=True):
            if place != NOWHERE:
                lasts[place] += duration_s
        return tuple(lasts)

    def of_queries(self, trace: Trace) -> I8:
        """(queries,) the place of the phase in which each arrives: from its begin on, and before its end."""
        ends_ns = [ns(float(end_s)) for end_s in np.cumsum(self.durations_s)]
        after_ns = trace.arrival_ns - trace.window_begin_ns
        phase = np.searchsorted(np.array(ends_ns, dtype=np.int64), after_ns, side="right")
        places = np.array([*self.places, NOWHERE], dtype=np.int64)[phase]
        places[after_ns < 0] = NOWHERE
        return places


@dataclass(frozen=True)
class Division:
    """Which queries of which replication are in which group, of one kind."""

    kind: str  #: CLASS or PHASE
    names: tuple[str, ...]
    of: tuple[I8, ...]  #: (replications,) of each the place of the group of every query, warm-up included
    ahead: tuple[Ahead, ...]  #: what the plan says of the mean latency of as many queries as each has
    lasts_s: tuple[float, ...] | None = None  #: how long each lasts; None: as long as the run


@dataclass(frozen=True)
class GroupFigures:
    """What is said of the measured queries of a group."""

    name: str
    queries: int  #: over all replications
    share: float  #: of the measured queries
    latency: Figure | None  #: None: some replication has none of them
    failed_ratio: Share | None  #: likewise
    offered_per_s: float | None = None  #: while it lasts; None: it is no phase
    shed_ratio: Share | None = None  #: None: everybody is admitted, or as of the latency

    def to_dict(self) -> run.OfClass:
        """As the reference of documents lays out."""
        some: run.Admission = {} if self.shed_ratio is None else {"shed_ratio": self.shed_ratio.to_dict()}
        return {
            **some,
            "name": self.name,
            "queries": self.queries,
            "share": self.share,
            "latency_s": None if self.latency is None else self.latency.to_dict(),
            "failed_ratio": None if self.failed_ratio is None else self.failed_ratio.to_dict(),
        }

    def of_phase(self) -> run.OfPhase:
        """Likewise, of a phase."""
        assert self.offered_per_s is not None, "a phase lasts"
        return {**self.to_dict(), "offered_per_s": self.offered_per_s}


@dataclass(frozen=True)
class OneGroup:
    """The measured queries of a group."""

    group: Group
    queries: int  #: over all replications
    series: Series | None  #: their latency in ns; None: some replication has none of them
    ahead: Ahead  #: of the mean of as many
    offered_per_s: float | None  #: of a phase
    shed: Series | None  #: 1: it was shed; None: as of ``series``, or everybody is admitted

    def figures(self, all_queries: int, percentiles: Sequence[float]) -> GroupFigures:
        """What is said of them."""
        name, share = self.group.name, self.queries / all_queries
        if self.series is None:
            return GroupFigures(name, self.queries, share, None, None, self.offered_per_s)
        failed = self.series.share(np.inf, inclusive=True)
        latency = figure(self.series, percentiles, self.ahead)
        shed = None if self.shed is None else share_of(self.shed)
        return GroupFigures(name, self.queries, share, latency, failed, self.offered_per_s, shed)

    def judged(
        self, objective: Objective, goodput: Interval, is_saturated: bool, money: Money
    ) -> tuple[Verdict, Quantile | None]:
        """An objective on them, and the percentile that it is about; arguments as of ``judge``."""
        if self.series is None:
            return nobody(objective), None
        mean = self.series.mean(self.ahead.over(S_PER_NS)).scaled(S_PER_NS)
        failed = self.series.share(np.inf, inclusive=True)
        if objective.measure == "shed_ratio":
            failed = NONE_SHED if self.shed is None else share_of(self.shed)
        verdict = judge(objective, self.series, None, mean, failed, goodput, is_saturated, money)
        return verdict, self.series.quantile(objective.p) if objective.measure == "quantile" else None


def each_group(pool: Pool, whole: Series, divisions: Sequence[Division], has_door: bool) -> Iterator[OneGroup]:
    """The groups, in order; ``whole``: latency of all measured queries, in ns; ``has_door``: some may be shed."""
    for division in divisions:
        measured = [of[trace.first_measured :] for of, trace in zip(division.of, pool.traces, strict=True)]
        for place, (name, ahead) in enumerate(zip(division.names, division.ahead, strict=True)):
            chosen = [one == place for one in measured]
            queries = sum(int(one.sum()) for one in chosen)
            offered_per_s = None
            if division.lasts_s is not None:
                offered_per_s = queries / len(pool.traces) / division.lasts_s[place]
            series, own = series_of(whole, chosen), replace(ahead, exact=None)
            shed = None
            if has_door:
                shed = series_of(series_of_shed([is_shed(trace) for trace in pool.traces], whole.layout), chosen)
            yield OneGroup(Group(division.kind, name), queries, series, own, offered_per_s, shed)


def judged_groups(
    groups: Sequence[OneGroup], objectives: Sequence[Objective], goodput: Interval, is_saturated: bool, money: Money
) -> dict[int, tuple[Verdict, Quantile | None]]:
    """Verdicts by number of objective, of those on a group, and the percentiles that they are about."""
    return {
        number: one.judged(slo, goodput, is_saturated, money)
        for one in groups
        for number, slo in enumerate(objectives)
        if slo.group == one.group
    }


def figures_of(
    groups: Sequence[OneGroup], all_queries: int, percentiles: Sequence[float]
) -> dict[str, tuple[GroupFigures, ...]]:
    """What is said of the groups, in order, by their kind."""
    by_kind: dict[str, tuple[GroupFigures, ...]] = {}
    for one in groups:
        by_kind[one.group.kind] = (*by_kind.get(one.group.kind, ()), one.figures(all_queries, percentiles))
    return by_kind


def series_of(whole: Series, chosen: Sequence[NDArray[np.bool_]]) -> Series | None:
    """Latency of some of the queries, ``chosen`` in each replication; None: a replication has none of them."""
    sizes = [int(one.sum()) for one in chosen]
    if min(sizes) == 0:
        return None
    if whole.layout.is_shared:  # replications share the luck of arrivals: as many of each are held beside each other
        chosen = [one & (np.cumsum(one) <= min(sizes)) for one in chosen]
        sizes = [min(sizes)] * len(sizes)
    layout = Layout.of(sizes, is_shared=whole.layout.is_shared, is_sampled=whole.layout.is_sampled)
    return Series(whole.values[np.concatenate(chosen)], layout, whole.clusters)
