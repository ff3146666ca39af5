"""What the shortest of several services take, where longer ones are stopped, or overtaken before they start."""

import numpy as np
from scipy.special import bdtr

from simulator.base.sums import dot
from simulator.core.laws import Law
from simulator.core.plan import F8
from simulator.theory.stages import PaperStage

#: Values of a law that stand for it.
CELLS = 4096


def raced_shares(stage: PaperStage) -> F8:
    """(shards,) of the mean service of tasks, what those that are served take at least: the shortest, if it may be."""
    if not stage.is_raced:
        return np.ones(stage.shards)
    draws, wanted = stage.shards * (1 + stage.hedges), stage.wait_for
    if stage.waits_for_all:
        draws, wanted = 1 + stage.hedges, 1
    own = [(one.shards, shortest_share(one.spread(), draws, wanted)) for one in stage.fleets or (stage,)]
    return np.concatenate([np.full(shards, share) for shards, share in own])


def shortest_share(law: Law, draws: int, wanted: int) -> float:
    """Mean of the ``wanted`` shortest of so many independent draws, over the mean of all; at most 1.

    Of a value at the middle of each of ``CELLS`` equally likely cells the next lower one is taken, so it is no more
    than it is. Among ``draws``, min(wanted, binomial) are expected below a quantile.
    """
    if law.is_constant() or wanted == draws:
        return 1.0
    values = np.sort(law.quantiles((np.arange(CELLS) + 0.5) / CELLS))
    edges = np.arange(CELLS + 1) / CELLS
    weights = np.diff(_expected_below(edges, draws, wanted)) / wanted
    shortest = dot(np.append(values[0], values[:-1]), weights)
    mean = law.mean()
    return min(1.0, max(0.0, shortest / mean)) if mean > 0 else 1.0


def _expected_below(shares: F8, draws: int, wanted: int) -> F8:
    """E min(wanted, B) of a binomial B of so many draws, by the share that is below: from 0 up to ``wanted``."""
    few = bdtr(wanted - 2, draws - 1, shares) if wanted > 1 else np.zeros_like(shares)
    return np.asarray(draws * shares * few + wanted * (1.0 - bdtr(wanted - 1, draws, shares)))
