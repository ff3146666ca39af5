"""The figures of each class of queries, where a load has some."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulator.core.plan import I8
from simulator.documents import run
from simulator.stats.figures import Figure, Pool, figure
from simulator.stats.quantiles import Series, Share
from simulator.stats.share import Layout
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


def by_class(
    pool: Pool, whole: Series, classes: Classes | None, percentiles: Sequence[float]
) -> tuple[ClassFigures, ...]:
    """The figures of each class, in order.

    ``whole``: latency of all measured queries, in ns.
    """
    if classes is None:
        return ()
    measured = [of[trace.first_measured :] for of, trace in zip(classes.of, pool.traces, strict=True)]
    return tuple(
        _of_class(name, pool, whole, [one == place for one in measured], percentiles, ahead)
        for place, (name, ahead) in enumerate(zip(classes.names, classes.ahead, strict=True))
    )


def _of_class(
    name: str, pool: Pool, whole: Series, chosen: list[np.ndarray], percentiles: Sequence[float], ahead: Ahead
) -> ClassFigures:
    sizes = [int(one.sum()) for one in chosen]
    queries, share = sum(sizes), sum(sizes) / pool.layout.queries
    if min(sizes) == 0:
        return ClassFigures(name, queries, share, None, None)
    if pool.layout.is_shared:  # replications share the luck of arrivals: as many of each are held beside each other
        chosen = [one & (np.cumsum(one) <= min(sizes)) for one in chosen]
        sizes = [min(sizes)] * len(sizes)
    layout = Layout.of(sizes, is_shared=pool.layout.is_shared)
    series = Series(whole.values[np.concatenate(chosen)], layout, pool.clusters.get(None))
    failed = series.share(np.inf, inclusive=True)
    return ClassFigures(name, queries, share, figure(series, percentiles, replace(ahead, exact=None)), failed)
