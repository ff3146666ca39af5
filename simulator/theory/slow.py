"""Of stages that are slow now and then: what they do of their work, and how many queries one stretch makes late."""

import math

from simulator.base.units import NS_PER_S
from simulator.core.stage_view import StageView

#: Of the work that a stage would do, at least, or its demand has no bound.
LEAST_DONE = 1e-12


def share_done(stage: StageView) -> float:
    """Work done by a busy worker in the long run, over that without slowdowns: of each of them, multiplied."""
    done = 1.0
    for one in stage.slowdowns:
        every, length = max(1.0, one.every.mean()), one.length.mean()
        slow = 1 / (1 + every / length) if length > 0 else 0.0
        done *= 1 - slow * (1 - 1 / one.factor)
    return max(done, LEAST_DONE)


def met_together(stage: StageView, rate_per_s: float) -> float:
    """Queries that one slow stretch makes late, of the stretch that a query meets: the longest such mean of all."""
    most = 0.0
    for one in stage.slowdowns:
        length = one.length.mean()
        if length > 0 and one.factor > 1:
            most = max(most, one.length.second_moment() / length / NS_PER_S * rate_per_s)
    return most if math.isfinite(most) else 0.0
