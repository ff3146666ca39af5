"""Queries per second: offered, completed, and good by the first objective on latency."""

from collections.abc import Sequence

from simulator.core.plan import F8
from simulator.core.stage_view import StageView
from simulator.stats import scaled
from simulator.stats.figures import S_PER_NS, Pool
from simulator.stats.means import NOTHING, Interval, mean_interval, ratio_interval
from simulator.stats.money import Money, Price
from simulator.stats.share import Layout
from simulator.stats.verdicts import Objective
from simulator.stats.window import Within


def first_on_latency(objectives: Sequence[Objective]) -> Objective | None:
    """The first objective on the latency of whole queries, within which output is good."""
    on = ("quantile", "share_within", "mean", "max")
    return next((one for one in objectives if one.is_of_all and one.measure in on), None)


def within_ns(within: Objective | None) -> Within | None:
    """What good output is within, by the objective on it."""
    return None if within is None else (round(within.bound / S_PER_NS), within.measure == "share_within")


def rates(layout: Layout, windows_s: F8, completed: F8, good: F8) -> tuple[Interval, Interval, Interval]:
    """Offered, completed and good queries per second: what is counted inside the window, over its length.

    ``windows_s``: (replications,) seconds. ``completed``, ``good``: (blocks,) counts, of equal parts of each window.
    """
    if windows_s.sum() <= 0:
        return NOTHING, NOTHING, NOTHING
    offered = ratio_interval(layout.sizes, windows_s)
    lengths_s = layout.in_blocks(windows_s)
    done, well = (mean_interval(counts, lengths_s, layout).at_least_0() for counts in (completed, good))
    return offered, done, well


def by_replication(layout: Layout, of_blocks: F8) -> F8:
    """(replications,) sums of amounts a block."""
    return layout.sum_blocks(of_blocks) if layout.replications > 1 else of_blocks.sum(keepdims=True)


def paid(
    own: Pool, asked: Pool, views: Sequence[StageView], price: Price, completed: Interval
) -> tuple[scaled.Provided, Money]:
    """How many served, of attempts, and what that costs, of ``completed`` queries a second that were asked for."""
    served = scaled.provided(own.traces, views, own.windows_s(), price)
    return served, served.bill(completed, by_replication(asked.layout, asked.completed()))
