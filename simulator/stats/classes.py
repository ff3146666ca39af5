"""The figures of each class of queries, where a load has some."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator.core.plan import I8
from simulator.documents import run
from simulator.stats.figures import S_PER_NS, Figure, Pool, figure
from simulator.stats.means import Interval
from simulator.stats.quantiles import Quantile, Series, Share
from simulator.stats.share import Layout
from simulator.stats.verdicts import Money, Objective, Verdict, judge, nobody
from simulator.theory import Ahead


@dataclass(frozen=True)
class Classes:
    """Which queries of which replication are of which class."""

    names: tuple[str, ...]
    of: tuple[I8, ...]  #: (replications,) of each the place of the class of every query, warm-up included
    ahead: tuple[Ahead, ...]  #: what the plan says of the mean latency of as many queries as each has


@dataclass(frozen=True)
class ClassFigures:
    """What is said of the measured queries of a class."""

    name: str
    queries: int  #: over all replications
    share: float  #: of the measured queries
    latency: Figure | None  #: None: some replication has none of them
    failed_ratio: Share | None  #: likewise

    def to_dict(self) -> run.OfClass:
        """As the reference of documents lays out."""
        return {
            "name": self.name,
            "queries": self.queries,
            "share": self.share,
            "latency_s": None if self.latency is None else self.latency.to_dict(),
            "failed_ratio": None if self.failed_ratio is None else self.failed_ratio.to_dict(),
        }


@dataclass(frozen=True)
class OneClass:
    """The measured queries of a class."""

    name: str
    queries: int  #: over all replications
    series: Series | None  #: their latency in ns; None: some replication has none of them
    ahead: Ahead  #: of the mean of as many

    def figures(self, all_queries: int, percentiles: Sequence[float]) -> ClassFigures:
        """What is said of them."""
        share = self.queries / all_queries
        if self.series is None:
            return ClassFigures(self.name, self.queries, share, None, None)
        failed = self.series.share(np.inf, inclusive=True)
        return ClassFigures(self.name, self.queries, share, figure(self.series, percentiles, self.ahead), failed)

    def judged(
        self, objective: Objective, goodput: Interval, is_saturated: bool, money: Money
    ) -> tuple[Verdict, Quantile | None]:
        """An objective on them, and the percentile that it is about; arguments as of ``judge``."""
        if self.series is None:
            return nobody(objective), None
        mean = self.series.mean(self.ahead.over(S_PER_NS)).scaled(S_PER_NS)
        failed = self.series.share(np.inf, inclusive=True)
        verdict = judge(objective, self.series, None, mean, failed, goodput, is_saturated, money)
        return verdict, self.series.quantile(objective.p) if objective.measure == "quantile" else None


def each_class(pool: Pool, whole: Series, classes: Classes | None) -> Iterator[OneClass]:
    """The classes, in order; ``whole``: latency of all measured queries, in ns."""
    if classes is None:
        return
    measured = [of[trace.first_measured :] for of, trace in zip(classes.of, pool.traces, strict=True)]
    for place, (name, ahead) in enumerate(zip(classes.names, classes.ahead, strict=True)):
        chosen = [one == place for one in measured]
        queries = sum(int(one.sum()) for one in chosen)
        yield OneClass(name, queries, series_of(whole, chosen), replace(ahead, exact=None))


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
