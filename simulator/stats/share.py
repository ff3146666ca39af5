"""The share of bad queries and its interval over replications (statistics rule 1): the one idea under all the others.

A query is bad when it is later than some bound, or has no latency at all. Queries of one replication depend on each
other, so the interval rests on the differences between replications; with one replication its blocks take their place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from simulator.core.elementary import exp, log
from simulator.core.jit import kernel
from simulator.core.plan import F8, I8

#: Blocks of equal length that a replication is cut into.
BLOCKS = 20
#: Blocks of fewer queries, on average, are counted all in one pass: there are many.
SMALL_BLOCK = 800
#: An objective is judged only on as many replications, or blocks of a single one.
FEWEST_UNITS = 4
#: Below as many effective exceedances a percentile is not printed.
FEWEST_EXCEEDANCES = 10
#: They are at most as many times the blocks over which the exceedances spread (K).
MOST_A_BLOCK = 4
#: 97.5th percentile of the normal distribution, and how Student's t with n degrees of freedom exceeds it, times n.
Z, Z_EXCESS = 1.96, 1.21
#: How much shorter the lower arm of a share is, and longer its upper one, by its relative error over blocks, at most.
SHORTER, LONGER, MOST_UNEVEN = 0.5, 0.4, 0.3
#: Of what the plan says of the error of few bad queries, what the run's own must be, at least.
OF_EXPECTED = 1.25
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
    is_shared: bool = False  #: whether all replications replay one series of arrivals, of which there is one luck only
    repeats: int = 1  #: as many replications are all the same: nothing but the arrivals is random
    is_sampled: bool = (
        False  #: whether each has measurements of its own: what these say grows no surer with their number
    )

    @staticmethod
    def of(
        sizes: Sequence[int], *, is_shared: bool = False, is_repeated: bool = False, is_sampled: bool = False
    ) -> Layout:
        """The layout of replications with these numbers of measured queries, each at least 1.

        ``is_shared``: whether all replay one series of arrivals; ``is_repeated``: and all else is the same, too;
        ``is_sampled``: whether each draws the measurements of its models anew.
        """
        assert len(sizes) > 0 and min(sizes) >= 1, "a replication measures at least one query"
        parts = [np.diff(np.arange(k + 1) * size // k) for size in sizes for k in [min(BLOCKS, size)]]
        block_sizes = np.concatenate(parts)
        if len(sizes) == 1:
            unit_of_block, unit_sizes = np.arange(len(block_sizes)), block_sizes
        else:
            unit_of_block = np.repeat(np.arange(len(sizes)), [len(part) for part in parts])
            unit_sizes = np.array(sizes, dtype=np.int64)
        shared = is_shared and len(sizes) > 1 and min(sizes) == max(sizes)
        repeats = len(sizes) if shared and is_repeated else 1
        each = np.array(sizes, dtype=np.int64)
        return Layout(each, block_sizes, unit_of_block, unit_sizes, shared, repeats, is_sampled)

    @property
    def replications(self) -> int:
        """Number of replications."""
        return len(self.sizes)

    @property
    def says_nothing(self) -> bool:
        """Whether no interval is known: of one unit, or of one calibration, whose blocks all have it."""
        return self.units < 2 or (self.is_sampled and self.replications < 2)

    @property
    def units(self) -> int:
        """Number of units."""
        return len(self.unit_sizes)

    @cached_property
    def queries(self) -> int:
        """Number of measured queries in all."""
        return int(self.sizes.sum())

    @property
    def blocks(self) -> int:
        """Number of blocks that differ."""
        return len(self.block_sizes) // self.repeats

    @property
    def one(self) -> Layout:
        """That of the first replication, alone."""
        return Layout.of(self.sizes[:1].tolist())

    @cached_property
    def first_of_block(self) -> I8:
        """(blocks,) index of each block's first query in the pool."""
        first: I8 = np.cumsum(self.block_sizes) - self.block_sizes
        return first

    def count_by_block(self, chosen: NDArray[np.bool_]) -> I8:
        """Count the ``chosen`` (queries,) of each block: (blocks,)."""
        if self.queries < SMALL_BLOCK * len(self.block_sizes):
            return np.add.reduceat(chosen, self.first_of_block, dtype=np.int64)
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


def share_ends(
    tallies: Tallies, layout: Layout, clustering: float, expected: float = 0.0, *, is_even: bool = False
) -> tuple[F8, F8]:
    """Ends of the 95 % interval of the share of bad queries, for each bound of ``tallies``.

    Every share x with (m - x)^2 <= h^2 m x: m is the share seen, h its relative error (``_errors``), and the variance
    goes with the share that is tried, as in Wilson's interval (JASA 22, 1927). That is [m e^-g, m e^g] with
    g = 2 arsinh(h / 2). A run that is quiet by chance shows too little spread, too: so g is times e^(-.5 b) below and
    times e^(.4 b) above, b the relative standard error over blocks, at most .3, and misses are about as many on both
    sides; not where ``is_even``, as a search for a load wants it (statistics rule 8). Above a half the same is applied
    to the queries that are not bad. ``clustering`` is the number of queries that are worth one independent query
    (``cluster_size``). With fewer than two units nothing is known: [0, 1].
    Replications that are all the same are one. h is at least 1.96 x 1.25 (1 - m)^2 sqrt(w / bad), where w queries
    are worth one by the plan, ``expected``: the plan has no luck.
    """
    if layout.says_nothing:
        return np.zeros(tallies.bad.shape), np.ones(tallies.bad.shape)
    queries = layout.queries
    different = queries / layout.repeats
    flipped = 2 * tallies.bad > queries
    rare = np.where(flipped, queries - tallies.bad, tallies.bad)
    share = rare / queries
    none = rare == 0
    error, of_blocks = _errors(tallies, layout, np.maximum(share, 1 / different))
    least = Z * OF_EXPECTED * (1 - share) ** 2 * np.sqrt(expected * layout.repeats / np.maximum(rare, 1))
    error = np.maximum(error, least)
    exponent = 2 * _log(error / 2 + np.sqrt(error**2 / 4 + 1))  # 2 arsinh(h / 2)
    uneven = 0.0 * of_blocks if is_even else np.minimum(of_blocks, MOST_UNEVEN)
    low = np.where(none, 0.0, share * _exp(-exponent * _exp(-SHORTER * uneven)))
    high = np.where(
        none, NONE_BAD * clustering / different, share * _exp(np.minimum(exponent * _exp(LONGER * uneven), 700.0))
    )
    high = np.minimum(1.0, high)
    return np.where(flipped, 1 - high, low), np.where(flipped, 1 - low, high)


@kernel
def exponentials(x: F8) -> None:
    """Put e to each ``x`` (n,) in its place."""
    for i in range(x.shape[0]):
        x[i] = exp(x[i])


@kernel
def logarithms(x: F8) -> None:
    """Put the logarithm of each ``x`` (n,) > 0 in its place."""
    for i in range(x.shape[0]):
        x[i] = log(x[i])


def _exp(x: F8) -> F8:
    """The same on every processor, to the last bit: numpy's is not."""
    flat = np.array(x, dtype=np.float64).ravel()
    exponentials(flat)
    return flat.reshape(np.shape(x))


def _log(x: F8) -> F8:
    """Likewise."""
    flat = np.array(x, dtype=np.float64).ravel()
    logarithms(flat)
    return flat.reshape(np.shape(x))


def _errors(tallies: Tallies, layout: Layout, share: F8) -> tuple[F8, F8]:
    """Half-width h of the interval of ``share`` > 0, relative: the larger of two estimates; and b of the second.

    That over units, t s / (m sqrt units). And that over blocks, b = s / (m sqrt blocks), by the t of the 1 / b^2
    independent exceedances which so many blocks show (to first order: z (1 + (z^2 + 1) / 4 n), Fisher, 1926): few
    replications may look alike by chance, of a share made by a few bursts.
    """
    repeats = layout.repeats
    blocks = _deviation(tallies.bad, tallies.block_squares, tallies.block_products, layout.block_sizes, repeats) / share
    if repeats > 1:  # of one replication blocks are the units
        units, degrees = blocks, layout.blocks - 1
    else:
        units = _deviation(tallies.bad, tallies.unit_squares, tallies.unit_products, layout.unit_sizes) / share
        degrees = layout.units - 1
    if layout.is_sampled:
        units = units * math.sqrt(layout.units + 1)
    error: F8 = np.maximum(t_quantile(degrees) * units, Z * (1 + Z_EXCESS * blocks**2) * blocks)
    return error, blocks


def _deviation(bad: I8, squares: I8, products: I8, sizes: I8, repeats: int = 1) -> F8:
    """Standard error of the share of bad queries, from groups of these sizes as in a ratio estimator.

    Where the groups are ``repeats`` times the same, of one time.
    """
    groups, queries = len(sizes), int(sizes.sum())
    mean = bad / queries
    spread = squares - 2 * mean * products + mean**2 * float((sizes**2).sum())
    # equal shares in all groups leave only the rounding of the difference above: that is no spread
    spread = np.where(spread > 1e-12 * squares, spread, 0.0)
    groups, spread, queries = groups // repeats, spread / repeats, queries // repeats
    error: F8 = np.sqrt(spread / (groups - 1) * groups) / queries
    return error


def shown_exceedances(exceedances: float) -> str:
    """A number that is too small, to a tenth, never rounded up to one that would do.

    >>> shown_exceedances(9.97), shown_exceedances(3.24)
    ('9.9', '3.2')
    """
    return f"{math.floor(10 * exceedances) / 10:.1f}"


def effective_exceedances(in_block: I8, layout: Layout, worth_one: float) -> float:
    """Bad queries over the number that is worth one, at most ``MOST_A_BLOCK`` for each block that they spread over.

    Statistics rule 3. The number of blocks is K = (sum c)^2 / sum c^2. Where all replications replay the same arrivals,
    they bear witness once: the blocks at one place are one, and so are the queries.

    Parameters
    ----------
    in_block
        (blocks,) bad queries.
    layout
        Of the blocks.
    worth_one
        Queries that are worth one independent query, at least 1.
    """
    replays = layout.replications if layout.is_shared else 1
    in_place = in_block.reshape(replays, -1).sum(axis=0)
    bad = int(in_place.sum())
    spread = bad**2 / max(1, int((in_place**2).sum()))
    return min(bad / replays / worth_one, MOST_A_BLOCK * spread)


def cluster_size(above_median: I8, layout: Layout) -> float:
    """How many queries are worth one independent query, from the spread of block shares above the pooled median.

    Blocks of independent queries would have the variance .25 / block length. At least 1. ``above_median``: (blocks,)
    number of queries.
    """
    blocks = layout.blocks
    if blocks < 2:
        return 1.0
    shares = (above_median / layout.block_sizes)[:blocks]
    return max(1.0, layout.queries / layout.repeats / blocks * float(np.var(shares, ddof=1)) / 0.25)
