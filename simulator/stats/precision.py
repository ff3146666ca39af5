"""How much more is simulated until percentiles are as precise as asked."""

import math

from simulator.stats.quantiles import ENOUGH_EXCEEDANCES
from simulator.stats.summary import Summary


def next_step(summary: Summary, precision: float) -> tuple[int, int]:
    """Replications to reach a relative precision, and how many times longer each (statistics rule 9).

    (replications there are, 1) if it is reached. At most four times as much as there is.
    """
    there = summary.replications
    wanted = there
    for target in summary.targets:
        per_replication = target.exceedances / there
        if per_replication < 1:
            return there, min(4, max(2, math.ceil(2 / max(per_replication, 0.1))))
        if not target.supported:
            wanted = max(wanted, math.ceil(there * ENOUGH_EXCEEDANCES / target.exceedances))
        elif target.infinite or math.isinf(target.high) or target.pooled <= 0:
            wanted = 4 * there
        else:
            half = (target.high - target.low) / 2 / target.pooled
            if half > precision:
                wanted = max(wanted, there + 1, math.ceil(1.1 * there * (half / precision) ** 2))
    return min(wanted, 4 * there), 1
