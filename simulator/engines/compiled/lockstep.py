"""Shards in lockstep are simulated once: an exact shortcut.

Two shards of a stage do everything at the same time if their tasks take the same time (nothing is drawn a task, their
shares and machines are equal) and all tasks of a query go to the replicas of equal index. Then a class of such shards
is one column of a smaller Plan.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from simulator.core.features import features_of, may_lockstep
from simulator.core.hosted import is_owner
from simulator.core.plan import F8, I8, Plan, frozen
from simulator.engines.compiled.wide import LAST, MEMBERS


@dataclass(frozen=True)
class Lockstep:
    """A Plan of classes of shards, and what it takes to say of every shard what was seen of its class."""

    plan: Plan  #: with one shard a class
    lanes: I8  #: (2, classes of all stages) MEMBERS, LAST
    replica_of: I8  #: (all replicas of the original plan,) index among those of ``plan``


def equal_rows(columns: F8) -> tuple[I8, I8]:
    """The first row of each class of equal rows, (classes,), and the class of each row, (rows,).

    ``np.unique`` of rows compares structures, and numpy makes a TypeError of an interrupt that comes meanwhile.
    """
    order = np.lexsort(columns.T[::-1])
    ascending = columns[order]
    is_new = np.append(True, (ascending[1:] != ascending[:-1]).any(axis=1))
    class_of = np.empty(len(columns), dtype=np.int64)
    class_of[order] = np.cumsum(is_new) - 1
    return order[is_new], class_of


def in_lockstep(plan: Plan, except_stages: Collection[int] = ()) -> Lockstep:
    """Find the classes; stages where none is found, or in ``except_stages``, have one shard a class."""
    stages = np.array(plan.stages)
    share: list[F8] = []
    source_share: list[F8] = []
    left_of: list[I8] = []
    machine_factor: list[F8] = []
    replica_of: list[I8] = []
    lanes: list[I8] = []
    for stage, row in enumerate(stages):
        shards, replicas = int(row["shards"]), int(row["replicas"])
        here = slice(row["first_shard"], row["first_shard"] + shards)
        shares, left = plan.share[here], plan.left[here]
        first = int(row["first_replica"])
        machines = plan.machine_factor[first : first + shards * replicas].reshape(shards, replicas)
        representative = class_of = np.arange(shards)
        if stage not in except_stages and shards > 1 and may_lockstep(features_of(plan, stage)):
            columns = np.column_stack([shares, machines])  # one index serves all: they have as many replicas
            chosen, inverse = equal_rows(columns)
            if len(chosen) < shards:  # else the order of shards stands
                representative, class_of = chosen, inverse
        classes, before = len(representative), sum(len(part) for part in machine_factor)
        members = np.bincount(class_of, minlength=classes)
        last = np.zeros(classes, dtype=np.int64)
        np.maximum.at(last, class_of, np.arange(shards))
        lanes.append(np.stack([members, last]))
        row["first_shard"] = sum(len(part) for part in share)
        row["first_replica"] = before
        row["shards"] = classes
        share.append(shares[representative])
        source_share.append(plan.source_share[here][representative])  # of one source these are the same
        left_of.append(left[representative])
        machine_factor.append(machines[representative].ravel())
        replica_of.append(before + (class_of[:, np.newaxis] * replicas + np.arange(replicas)).ravel())
    views = stages["balancers"] * stages["shards"] * stages["replicas"] * is_owner(stages)
    stages["first_view"] = (np.cumsum(views) - views)[stages["owner"]]
    smaller = replace(
        plan,
        stages=frozen(stages),
        share=frozen(np.concatenate(share)),
        source_share=frozen(np.concatenate(source_share)),
        left=frozen(np.concatenate(left_of)),
        machine_factor=frozen(np.concatenate(machine_factor)),
    )
    assert (MEMBERS, LAST) == (0, 1)
    return Lockstep(smaller, frozen(np.concatenate(lanes, axis=1), np.int64), np.concatenate(replica_of))
