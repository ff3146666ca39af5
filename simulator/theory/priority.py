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
    slices = [one.knot_slice for one in stage.fleets or (stage,)]
    return all(knots.stop - knots.start == 1 and plan.knot_ns[knots.start] == 0 for knots in slices)


def is_known_by_class(stage: PaperStage) -> bool:
    """Whether classes differ by their work alone, or by the items that they have in the only source of a stage."""
    return not any(one.kinds for one in stage.fleets)


#: A class: see ``priority_mean_waits``.
Class = tuple[float, float, float, float]


def mean_wait(
    stage: PaperStage, rate_per_s: float, mean_s: float, second_s: float, others: Sequence[Class] = ()
) -> float:
    """Mean wait over all classes of queries, of services with these moments over them; beside ``others``."""
    rows = stage.plan.classes.copy()
    if stage.kinds and stage.depends_on_items:
        rows["work"] = [one.items_moment(1) for _, one in stage.kinds]
        rows["work_squared"] = [one.items_moment(2) for _, one in stage.kinds]
    mean, squared = (dot(rows["share"], rows[name]) or 1.0 for name in ("work", "work_squared"))
    if not math.isfinite(squared):
        return math.inf  # whoever comes finds, on average, an endless service under way
    classes = []
    for share, priority, work, work_squared in rows[["share", "priority", "work", "work_squared"]].tolist():
        classes.append((share * rate_per_s, priority, mean_s * work / mean, second_s * work_squared / squared))
    waits = priority_mean_waits([*classes, *others])[: len(rows)]
    return dot(rows["share"], np.array(waits))
