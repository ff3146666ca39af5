"""What a replica loses of its time: to slow stretches, and while it is down."""

from __future__ import annotations

import numpy as np

from simulator.core import failures, slowdowns
from simulator.core.lost import Downs
from simulator.core.plan import F8, I8, Plan, Rows

#: Rows of what is lost.
SLOW, DOWN = range(2)


class Lost:
    """The time that the replicas of a stage lose; ``owner``: index of the stage, whose replicas are its own.

    In d ns of a stretch in which all is f times as slow, d - floor(d / f) are lost; of a time down, all.
    """

    def __init__(self, plan: Plan, owner: int) -> None:
        self.plan = plan
        self.owner = owner
        self.run_row: Rows = plan.run_row()
        self.downs = Downs(plan, owner)

    @property
    def is_nothing(self) -> bool:
        """Whether its replicas are always as fast, and always up."""
        stages = self.plan.stages
        return not slowdowns.is_slowed(stages, self.owner) and not failures.fails(stages, self.owner)

    def until(self, replica: I8, instants_ns: I8) -> I8:
        """What was lost from the start of the run until some instants, at least 0.

        ``replica``: (tasks,). ``instants_ns``: (instants, tasks). Returns (2, instants, tasks): to slow stretches, and
        to times down.
        """
        lost = np.zeros((2, *instants_ns.shape), dtype=np.int64)
        if self.is_nothing or not len(replica):
            return lost
        order = np.argsort(replica, kind="stable")
        for mine in np.split(order, np.flatnonzero(np.diff(replica[order])) + 1):
            lost[:, :, mine] = self._of_one(int(replica[mine[0]]), instants_ns[:, mine])
        return lost

    def _of_one(self, replica: int, instants_ns: I8) -> I8:
        processes = self._stretches(replica, int(instants_ns.max()))
        edges = np.unique(np.concatenate([[0], *(part for begins, ends, _ in processes for part in (begins, ends))]))
        factor, is_down = np.ones(len(edges)), np.zeros(len(edges), dtype=bool)
        for begins, ends, slower in processes:
            inside = np.searchsorted(begins, edges, "right") > np.searchsorted(ends, edges, "right")
            if slower > 0:
                factor[inside] *= slower
            else:
                is_down |= inside
        factor[is_down] = 0.0
        place = np.searchsorted(edges, instants_ns, "right") - 1
        lost = np.empty((2, *instants_ns.shape), dtype=np.int64)
        for kind, is_of_kind in ((SLOW, ~is_down), (DOWN, is_down)):
            of_edges = np.where(is_of_kind[:-1], _lost(np.diff(edges), factor[:-1]), 0)
            before = np.concatenate(([0], np.cumsum(of_edges)))
            part = _lost(instants_ns - edges[place], factor[place])
            lost[kind] = before[place] + np.where(is_of_kind[place], part, 0)
        return lost

    def _stretches(self, replica: int, until_ns: int) -> list[tuple[I8, I8, float]]:
        """Begins and ends of each process, from the start to an instant; and the factor, of times down 0."""
        plan, row = self.plan, self.plan.stages[self.owner]
        shard, index = divmod(replica - int(row["first_replica"]), int(row["replicas"]))
        found = []
        first = int(row["first_slowdown"])
        for one in range(first, first + int(row["slowdowns"])):
            slow = plan.slowdowns[one]
            place = int(slowdowns.whose(plan.stages, int(slow["scope"]), self.owner, shard, index))
            laws = self.run_row, plan.slowdown_laws, plan.law_parts, plan.law_points
            edges, number = [0], 0
            while edges[-1] <= until_ns:
                for lasts_ns in slowdowns.stretch(*laws, one, number, int(slow["which"]), place):
                    edges.append(edges[-1] + int(lasts_ns))
                number += 1
            found.append((np.array(edges[1::2]), np.array(edges[2::2]), float(slow["factor"])))
        if failures.fails(plan.stages, self.owner):
            spells, repaired_ns = [], 0
            while repaired_ns <= until_ns:
                spells.append(self.downs.of(replica, repaired_ns))
                repaired_ns = spells[-1][1]
            begins, ends = (np.array(column) for column in zip(*spells, strict=True))
            found.append((begins, ends, 0.0))
        return found


def _lost(lasts_ns: I8, factor: F8) -> I8:
    """Of so many ns; a factor of 0 stands for a time down."""
    with np.errstate(divide="ignore", invalid="ignore"):
        served = np.where(factor > 0, np.floor(lasts_ns / factor), 0.0)
    return np.asarray(lasts_ns - served.astype(np.int64))
