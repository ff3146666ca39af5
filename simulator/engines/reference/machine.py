"""Replicas that share a machine, and slow each other down: by how many of its workers are busy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sized
from typing import Protocol

from simulator.core.neighbours import interferes, machine_of
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
    """One machine, by its tenants: replicas of its stage, and of those that are colocated with it."""

    def __init__(self) -> None:
        self.tenants: list[tuple[Tenant, int]] = []  # and how many workers serve a task of each

    def busy(self) -> int:
        """Its busy workers."""
        return sum((len(one.workers) - len(one.free)) * threads for one, threads in self.tenants if not one.is_down())


class Neighbours:
    """What a replica sees of its machine."""

    def __init__(self, machine: Machine, own: int, interferes: bool) -> None:
        self.machine, self.own, self.interferes = machine, own, interferes

    def busy(self) -> int:
        """Busy workers but those that have just begun to be, with a task."""
        return self.machine.busy() - self.own


class Machines:
    """The machines of all stages, by whose they are and their number."""

    def __init__(self, plan: Plan) -> None:
        self.stages = plan.stages
        self.known: dict[tuple[int, int], Machine] = defaultdict(Machine)

    def take_in(self, replica: Tenant, stage: int) -> Neighbours:
        """A replica of a stage is on its machine from now on: what it sees there."""
        row = self.stages[stage]
        shard, index = divmod(replica.index - int(row["first_replica"]), int(row["replicas"]))
        machine = self.known[int(row["home"]), int(machine_of(self.stages, stage, shard, index))]
        machine.tenants.append((replica, int(row["threads"])))
        return Neighbours(machine, int(row["threads"]), bool(interferes(self.stages, stage)))
