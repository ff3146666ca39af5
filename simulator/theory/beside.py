"""What replicas do besides queries, on paper: a second stream of tasks at each of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulator.base.units import NS_PER_S
from simulator.core.background import has_background
from simulator.core.laws import Law, LawTable
from simulator.core.plan import BACKGROUND_GAP, BACKGROUND_TIME, EDF, F8, NEVER_NS, PRIORITY, ROLES, SHORTEST
from simulator.core.stage_view import StageView
from simulator.theory.slow import FEWEST_STRETCHES

#: Of the time of workers, what is left to queries at least, or demand has no bound.
LEAST_LEFT = 1e-12


@dataclass(frozen=True)
class Beside:
    """The tasks that each replica of a stage has of its own."""

    per_s: float  #: at a replica
    time: Law  #: in seconds, on a machine of factor 1
    priority: float  #: larger ones go first, where the queue looks at that

    @property
    def square(self) -> float:
        """Second moment of the time of one over the square of its mean; may be infinite."""
        return self.time.second_moment() / self.time.mean() ** 2

    def together(
        self, wait_of: Callable[..., float], stage: StageView, factor: float
    ) -> Callable[[float, float, float], float]:
        """Mean wait of tasks of queries, where ``wait_of`` is that of one stream of both.

        Two Poisson streams are one, whose services are a mixture. Those who share are kept by others in proportion to
        their service: of both the mean is known, and of those of queries their part. By priority they are a class.
        ``factor``: of the machine, whose services ``wait_of`` is given.
        """
        mean, second = self.time.mean() * factor, self.time.second_moment() * factor**2
        if stage.discipline == PRIORITY:

            def by_priority(rate_per_s: float, mean_s: float, second_s2: float) -> float:
                """Who goes last is served as often as others leave time for it."""
                fit_per_s = max(0.0, 1.0 - rate_per_s * mean_s) / mean if goes_last(stage, self) else self.per_s
                one = min(self.per_s, fit_per_s), self.priority, mean, second
                return wait_of(rate_per_s, mean_s, second_s2, others=[one])

            return by_priority

        def beside(rate_per_s: float, mean_s: float, second_s2: float) -> float:
            both = rate_per_s + self.per_s
            mean_of_both = (rate_per_s * mean_s + self.per_s * mean) / both
            wait_s = wait_of(both, mean_of_both, (rate_per_s * second_s2 + self.per_s * second) / both)
            return wait_s * mean_s / mean_of_both if stage.is_shared and mean_of_both > 0 else wait_s

        return beside


def beside_of(stage: StageView) -> Beside | None:
    """What the replicas of a stage do besides queries; None: nothing."""
    plan = stage.plan
    if not has_background(plan.laws, stage.index):
        return None
    table, first = LawTable(plan.laws, plan.law_parts, plan.law_points), stage.index * ROLES
    per_s = NS_PER_S / table.law(first + BACKGROUND_GAP).mean()
    time = table.law(first + BACKGROUND_TIME).scaled(1 / NS_PER_S)
    return Beside(per_s, time, float(plan.stages[stage.index]["background_priority"]))


def busy_beside(stage: StageView) -> F8:
    """(shards, replicas) part of the workers' time that tasks of replicas' own take, by arithmetic; 0 without any."""
    one = beside_of(stage)
    busy = 0.0 if one is None else one.per_s * one.time.mean() / stage.workers
    return busy * stage.machine_factor


def goes_last(stage: StageView, one: Beside) -> bool:
    """Whether queries are served before a replica's own tasks, or may be: then these leave all of the time to them."""
    classes = stage.plan.classes
    if stage.discipline == PRIORITY:
        return bool(one.priority < classes["priority"].min())
    if stage.discipline == EDF:
        return bool((classes["deadline_ns"] < NEVER_NS).all())
    return stage.discipline == SHORTEST


def left_beside(stage: StageView, lasts_s: float = math.inf) -> F8:
    """(shards, replicas) part of the workers' time that they leave to queries, at most.

    In a run that lasts so long, all of it where it may see none.
    """
    one = beside_of(stage)
    if one is not None and (goes_last(stage, one) or lasts_s * one.per_s * stage.replicas_in_all < FEWEST_STRETCHES):
        return np.ones_like(stage.machine_factor)
    return (1.0 - busy_beside(stage)).clip(min=LEAST_LEFT)


def besides_s(stage: StageView, rate_per_s: float) -> float:
    """Time that they take of all workers of a stage while one query arrives, on average."""
    one = beside_of(stage)
    if one is None:
        return 0.0
    return one.per_s * one.time.mean() * float(stage.machine_factor[stage.is_left].sum()) / rate_per_s
