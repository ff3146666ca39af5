"""What a task takes of a worker where tasks are served in batches and their items vary: a bound from below.

What a batch costs on average is known exactly only where all tasks have as many items. Else the cost of its mean is
no answer: a cost may be concave, or jump to the next compiled size, and a limit of items is filled by more small tasks
than mean ones. A convex function below the cost is: of that, the mean is at least the value at the mean (Jensen).
"""

import math
from collections.abc import Sequence

import numpy as np

from simulator.core.plan import F8


def convex_below(at: F8, cost: F8, last_slope: float) -> tuple[F8, F8]:
    """The greatest convex function below a piecewise-linear one: its knots and values there; the last slope stays.

    Parameters
    ----------
    at, cost
        (knots,) growing, and values at these.
    last_slope
        Beyond the last knot.

    >>> convex_below(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 3.0]), 1.0)
    (array([0., 2.]), array([1., 3.]))
    """
    hull: list[tuple[float, float]] = []
    for point in zip(at.tolist(), cost.tolist(), strict=True):
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) >= _slope(hull[-1], point):
            hull.pop()
        hull.append(point)
    while len(hull) > 1 and _slope(hull[-2], hull[-1]) > last_slope:
        hull.pop()
    knots, values = zip(*hull, strict=True)
    return np.array(knots), np.array(values)


def _slope(one: tuple[float, float], two: tuple[float, float]) -> float:
    return (two[1] - one[1]) / (two[0] - one[0])


def cheap_sizes(each: float, ends: Sequence[float], most: int) -> set[int]:
    """Tasks of a batch, of as many items each, that may cost a task least, of all sizes up to the most.

    ``ends``: items at which a piece of the cost, or a padded size, ends: along it the part of a task falls, or grows.
    """
    near = {math.floor(end / each) + more for end in ends for more in (0, 1)} if each > 0 else set()
    return {1, most, *(size for size in near if 1 <= size <= most)}


def least_part(at: F8, cost: F8, last_slope: float, items: float, least: float, most: float) -> float:
    """The least that a task may cost of a batch, in the unit of ``cost``.

    Parameters
    ----------
    at, cost, last_slope
        Of the cost of a batch over its items, as of ``convex_below``.
    items
        Of a task, on average.
    least, most
        Tasks of a batch, on average: between these, at least 1.
    """
    knots, values = convex_below(at, cost, last_slope)
    tasks = np.array([least, most])
    if items > 0:  # a convex function over its argument is least at a knot, or at an end
        inside = knots / items
        tasks = np.concatenate([tasks, inside[(inside > least) & (inside < most)]])
    total = tasks * items
    beyond = np.maximum(total - knots[-1], 0.0) * last_slope if last_slope > 0 else 0.0
    return float(((np.interp(total, knots, values) + beyond) / tasks).min())


def most_tasks(items: F8, max_size: int, max_items: float) -> float:
    """Tasks of a batch, on average and at most: each takes its part of the limit, a large one all of it.

    ``items``: (n,) of tasks that are equally likely.
    """
    each = float(np.minimum(items, max_items).mean())
    return max(1.0, min(float(max_size), max_items / each if each > 0 else float(max_size)))
