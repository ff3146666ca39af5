"""The share of bad queries and its interval over replications (statistics rule 1): the one idea under all the others.

A query is bad when it is later than some bound, or has no latency at all. Queries of one replication depend on each
other, so the interval rests on the differences between replications; with one replication its blocks take their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from simulator.core.elementary import exp
from simulator.core.jit import kernel
from simulator.core.plan import F8, I8

#: Blocks of equal length that a replication is cut into.
BLOCKS = 20
#: An objective is judged only on as many replications, or blocks of a single one.
FEWEST_UNITS = 4
#: Below as many effective exceedances the interval is widened, and a percentile is not printed.
FEWEST_EXCEEDANCES = 10
WIDENED = 1.5
#: -log(.025): with none bad among n independent queries, the share is below this / n with 97.5 % confidence.
NONE_BAD = 3.7


@lru_cache(maxsize=256)
def t_quantile(degrees: float) -> float:
    """97.5th percentile of Student's t with ``degrees`` > 0 degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.975))


@dataclass(frozen=True)
class Layout:
    """How the measured queries, pooled in order of replication and arrival, fall on units and blocks.

    A *unit* is what intervals are computed over: a replication, or a block where there is one replication only.
    """

    sizes: I8  #: (replications,) measured queries
    block_sizes: I8  #: (blocks,) at most BLOCKS a replication, equal to within one query
    unit_of_block: I8  #: (blocks,)
    unit_sizes: I8  #: (units,)

    @staticmethod
    def of(sizes: Sequence[int]) -> Layout:
        """The layout of replications with these numbers of measured queries, each at least 1."""
        assert len(sizes) > 0 and min(sizes) >= 1, "a replication measures at least one query"
        parts = [np.diff(np.arange(k + 1) * size // k) for size in sizes for k in [min(BLOCKS, size)]]
        block_sizes = np.concatenate(parts)
        if len(sizes) == 1:
            unit_of_block, unit_sizes = np.arange(len(block_sizes)), block_sizes
        else:
            unit_of_block = np.repeat(np.arange(len(sizes)), [len(part) for part in parts])
            unit_sizes = np.array(sizes, dtype=np.int64)
        return Layout(np.array(sizes, dtype=np.int64), block_sizes, unit_of_block, unit_sizes)

    @property
    def replications(self) -> int:
        """Number of replications."""
        return len(self.sizes)

    @property
    def units(self) -> int:
        """Number of units."""
        return len(self.unit_sizes)

    @cached_property
    def queries(self) -> int:
        """Number of measured queries in all."""
        return int(self.sizes.sum())

    @cached_property
    def first_of_block(self) -> I8:
        """(blocks,) index of each block's first query in the pool."""
        first: I8 = np.cumsum(self.block_sizes) - self.block_sizes
        return first

    def count_by_block(self, chosen: NDArray[np.bool_]) -> I8:
        """Count the ``chosen`` (queries,) of each block: (blocks,)."""
        ends = zip(self.first_of_block.tolist(), self.block_sizes.tolist(), strict=True)
        return np.array([np.count_nonzero(chosen[first : first + size]) for first, size in ends], dtype=np.int64)

    def by_block(self, amounts: NDArray[np.generic]) -> F8:
        """Sum ``amounts`` (queries,) over each block: (blocks,) float64."""
        if amounts.dtype == np.bool_:
            return self.count_by_block(amounts.astype(np.bool_, copy=False)).astype(np.float64)
        return np.add.reduceat(amounts, self.first_of_block, dtype=np.float64)

    def by_unit(self, amounts: NDArray[np.generic]) -> F8:
        """Sum ``amounts`` (queries,) over each unit: (units,) float64."""
        return self.sum_blocks(self.by_block(amounts))

    def count_by_unit(self, counts: I8) -> I8:
        """Sum ``counts`` (blocks,) over each unit: (units,)."""
        return self.sum_blocks(counts).astype(np.int64)

    def in_blocks(self, amounts: F8) -> F8:
        """Share ``amounts`` (replications,) out to the blocks of each, equally: (blocks,)."""
        blocks = np.minimum(BLOCKS, self.sizes)
        return np.repeat(amounts / blocks, blocks)

    def sum_blocks(self, sums: NDArray[np.generic]) -> F8:
        """Sum ``sums`` (blocks,) over each unit: (units,) float64."""
        return np.bincount(self.unit_of_block, sums, minlength=self.units).astype(np.float64)


@dataclass(frozen=True)
class Tallies:
    """What the interval of a share needs to know of the bad queries; arrays of one shape, an entry a bound."""

    bad: I8  #: number of bad queries
    unit_squares: I8  #: sum over units of (bad queries)^2
    unit_products: I8  #: sum over units of bad queries x queries
    block_squares: I8  #: likewise over blocks
    block_products: I8

    def effective(self) -> F8:
        """Effective number of exceedances: (sum c)^2 / sum c^2 over blocks, c = bad queries in a block; 0 if none."""
        return _effective(self.bad, self.block_squares)

    def rest(self, layout: Layout) -> Tallies:
        """The same of the queries that are not bad."""
        units, blocks = layout.unit_sizes, layout.block_sizes
        return Tallies(
            layout.queries - self.bad,
            (units**2).sum() - 2 * self.unit_products + self.unit_squares,
            (units**2).sum() - self.unit_products,
            (blocks**2).sum() - 2 * self.block_products + self.block_squares,
            (blocks**2).sum() - self.block_products,
        )


def _effective(total: I8, squares: I8) -> F8:
    return np.asarray(total.astype(np.float64) ** 2 / np.maximum(squares, 1))


def tally(bad: NDArray[np.bool_], layout: Layout) -> Tallies:
    """Count the bad queries of a pool: ``bad`` (queries,). Arrays of shape (1,)."""
    return tally_blocks(layout.count_by_block(bad), layout)


def tally_blocks(in_block: I8, layout: Layout) -> Tallies:
    """The same from the number of bad queries in each block: ``in_block`` (blocks,)."""
    in_unit = layout.count_by_unit(in_block)
    columns = (
        in_unit.sum(),
        (in_unit**2).sum(),
        (in_unit * layout.unit_sizes).sum(),
        (in_block**2).sum(),
        (in_block * layout.block_sizes).sum(),
    )
    return Tallies(*(np.array([column]) for column in columns))


def share_ends(tallies: Tallies, layout: Layout, clustering: float) -> tuple[F8, F8]:
    """Ends of the 95 % interval of the share of bad queries, for each bound of ``tallies``.

    With m and s the mean and standard deviation over units, h = t s / (m sqrt units): [m e^-h, min(1, m e^h)]. Above
    a half the same is applied to the queries that are not bad. Units of unlike size count by their size, as in a ratio
    estimator. ``clustering`` is the number of queries that are worth one independent query (``cluster_size``).
    With fewer than two units nothing is known: [0, 1].
    """
    if layout.units < 2:
        return np.zeros(tallies.bad.shape), np.ones(tallies.bad.shape)
    queries, units = layout.queries, layout.units
    mean = tallies.bad / queries
    squares = tallies.unit_squares - 2 * mean * tallies.unit_products + mean**2 * float((layout.unit_sizes**2).sum())
    # equal shares in all units leave only the rounding of the difference above: that is no spread
    squares = np.where(squares > 1e-12 * tallies.unit_squares, squares, 0.0)
    deviation = np.sqrt(squares / (units - 1)) * units / queries
    flipped = 2 * tallies.bad > queries
    rest = tallies.rest(layout)
    rare = np.where(flipped, rest.bad, tallies.bad)
    effective = np.where(flipped, rest.effective(), tallies.effective())
    share = rare / queries
    some = np.maximum(share, 1 / queries)  # no division by zero: where none is rare the line below `none` decides
    exponent = t_quantile(units - 1) * deviation / (some * units**0.5)
    exponent = np.where(effective < FEWEST_EXCEEDANCES, WIDENED * exponent, exponent)
    none = rare == 0
    low = np.where(none, 0.0, share * _exp(-exponent))
    high = np.where(none, NONE_BAD * clustering / queries, share * _exp(np.minimum(exponent, 700.0)))
    high = np.minimum(1.0, high)
    return np.where(flipped, 1 - high, low), np.where(flipped, 1 - low, high)


@kernel
def exponentials(x: F8) -> None:
    """Put e to each ``x`` (n,) in its place."""
    for i in range(x.shape[0]):
        x[i] = exp(x[i])


def _exp(x: F8) -> F8:
    """The same on every processor, to the last bit: numpy's is not."""
    flat = np.array(x, dtype=np.float64).ravel()
    exponentials(flat)
    return flat.reshape(np.shape(x))


def cluster_size(above_median: I8, layout: Layout) -> float:
    """How many queries are worth one independent query, from the spread of block shares above the pooled median.

    Blocks of independent queries would have the variance .25 / block length. At least 1. ``above_median``: (blocks,)
    number of queries.
    """
    blocks = len(layout.block_sizes)
    if blocks < 2:
        return 1.0
    shares = above_median / layout.block_sizes
    return max(1.0, layout.queries / blocks * float(np.var(shares, ddof=1)) / 0.25)
