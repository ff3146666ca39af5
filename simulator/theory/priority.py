"""Mean waits where queues are served by priority."""

import math
from collections.abc import Sequence

import numpy as np

from simulator.base.sums import dot
from simulator.core.plan import Plan
from simulator.theory.stages import PaperStage


def priority_mean_waits(classes: Sequence[tuple[float, float, float, float]]) -> list[float]:
    """Mean waiting time of each class in M/G/1 by priority, nobody interrupted (Cobham, 1954); infinite if too many.

    Parameters
    ----------
    classes
        Of each its rate per second, its priority (larger ones go first), and the mean and the second moment of its
        services, in seconds and their squares.

    >>> [round(wait, 9) for wait in priority_mean_waits([(0.3, 1, 1.0, 1.0), (0.5, 0, 1.0, 1.0)])]
    [0.571428571, 2.857142857]
    """
    left = math.fsum(rate * second for rate, _, _, second in classes) / 2

    def below(priority: float, inclusive: bool) -> float:
        """The time that whoever goes before leaves."""
        before = (rate * mean for rate, one, mean, _ in classes if one > priority or (inclusive and one == priority))
        return max(0.0, 1.0 - math.fsum(before))

    waits = []
    for _, priority, _, _ in classes:
        room = below(priority, False) * below(priority, True)
        waits.append(left / room if room > 0 else math.inf if left > 0 else 0.0)
    return waits


def is_proportional(plan: Plan, stage: PaperStage) -> bool:
    """Whether a service takes so many times as long for a query of so many times the work."""
    knots = stage.knot_slice
    return bool(knots.stop - knots.start == 1 and plan.knot_ns[knots.start] == 0)


#: A class: see ``priority_mean_waits``.
Class = tuple[float, float, float, float]


def mean_wait(plan: Plan, rate_per_s: float, mean_s: float, second_s: float, others: Sequence[Class] = ()) -> float:
    """Mean wait over all classes of queries, of services with these moments over them; beside ``others``."""
    rows = plan.classes
    mean, squared = (dot(rows["share"], rows[name]) or 1.0 for name in ("work", "work_squared"))
    if not math.isfinite(squared):
        return math.inf  # whoever comes finds, on average, an endless service under way
    classes = []
    for share, priority, work, work_squared in rows[["share", "priority", "work", "work_squared"]].tolist():
        classes.append((share * rate_per_s, priority, mean_s * work / mean, second_s * work_squared / squared))
    waits = priority_mean_waits([*classes, *others])[: len(rows)]
    return dot(rows["share"], np.array(waits))
