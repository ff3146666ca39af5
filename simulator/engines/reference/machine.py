"""Replicas that share a machine, and slow each other down: by how many of its workers are busy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sized
from typing import Protocol

from simulator.core.neighbours import interferes
from simulator.core.plan import Plan


class Tenant(Protocol):
    """A replica, as its machine sees it."""

    index: int
    free: list[int]

    @property
    def workers(self) -> Sized:
        """All of its workers."""

    def is_down(self) -> bool:
        """Whether it has crashed, and is not repaired."""


class Machine:
    """One machine of a stage."""

    def __init__(self, interferes: bool) -> None:
        self.interferes = interferes
        self.tenants: list[Tenant] = []

    def busy_beside(self) -> int:
        """Busy workers but one, which has just begun to be; 0 where that does not matter."""
        if not self.interferes:
            return 0
        return sum(len(one.workers) - len(one.free) for one in self.tenants if not one.is_down()) - 1


class Machines:
    """The machines of a stage, by neighbouring shards and index of the replica."""

    def __init__(self, plan: Plan, stage: int) -> None:
        self.row = plan.stages[stage]
        self.found: dict[tuple[int, int], Machine] = defaultdict(lambda: Machine(bool(interferes(plan.stages, stage))))

    def take_in(self, replica: Tenant) -> Machine:
        """The machine of a replica, which is on it from now on."""
        shard, index = divmod(replica.index - int(self.row["first_replica"]), int(self.row["replicas"]))
        machine = self.found[shard // int(self.row["per_machine"]), index]
        machine.tenants.append(replica)
        return machine
