"""Stages whose replicas are on the machines of an earlier stage, their *home*: machine i of one is that of both.

Queues, workers and shards are each stage's own. What is a machine's both have: its factor, what makes it slow as a
whole, its crashes. Busy workers of all stages of a machine slow down whoever is slowed by busy workers there.
``stages`` is the (stages,) STAGE array of a Plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from simulator.core.plan import OF_MACHINE, Rows
from simulator.core.slowdowns import Slowdown


def colocated(part: Any, home: Any, place: int) -> Any:
    """The ``StageParts`` of a stage on the machines of the one at a place, with what these bring along.

    Planned outages of machines are not known by a stage's parts: whoever plans them says so of both.
    """
    brought = [replace(one, which=which) for which, one in enumerate(home.slowdowns) if one.scope == OF_MACHINE]
    own = [replace(one, which=which) for which, one in enumerate(part.slowdowns)]
    crashes = home.failures is not None and home.failures.scope == OF_MACHINE
    failures = home.failures if crashes else part.failures
    return replace(part, home=place, machine=home.machine, slowdowns=(*brought, *own), failures=failures)


def share_machines(stages: Rows, parts: Sequence[Any]) -> None:
    """Fill ``home`` and ``beside`` of stages; all checked."""
    for place, part in enumerate(parts):
        _check_home(parts, place)
        stages[place]["home"] = place if part.home < 0 else part.home
    stages["home"] = stages["home"][stages["owner"]]
    for home in np.unique(stages["home"]):
        group = np.flatnonzero(stages["home"] == home)
        ring = [place for place in group if stages[place]["owner"] == place]
        for one, following in zip(ring, ring[1:] + ring[:1], strict=True):
            stages[one]["beside"] = following
        assert not (stages["sharing"][group].any() and stages["busies"][group].any()), (
            "workers that tasks share are not counted as busy"
        )
    stages["beside"] = stages["beside"][stages["owner"]]


def meets_others(stages: Rows, stage: int) -> bool:
    """Whether other stages are on the machines of a stage, and somebody there is slowed down by busy workers."""
    here = stages["home"] == stages[stage]["home"]
    return bool(stages[stage]["beside"] != stages[stage]["owner"] and (stages["busies"][here] > 0).any())


def neighbours_of(stages: Rows, stage: int) -> list[int]:
    """The stages whose replicas are on its machines, itself among them, in order."""
    return [int(one) for one in np.flatnonzero(stages["home"] == stages[stage]["home"]) if stages[one]["owner"] == one]


def _check_home(parts: Sequence[Any], place: int) -> None:
    """Assert that a stage may be on the machines of the one that it names."""
    part = parts[place]
    if part.home in (-1, place):
        return
    home = parts[part.home]
    assert part.owner in (-1, place), "whoever runs at another's replicas is on their machines"
    assert part.home < place and home.home in (-1, part.home), "it is on the machines of an earlier stage, of its own"
    assert home.owner in (-1, part.home), "a stage that runs at another's replicas has no machines"
    assert _machines(part) == _machines(home), "they have as many machines"
    assert part.machine == home.machine, "the speed of a machine is one"
    assert _slow_machines(part) == _slow_machines(home), "a machine is slow with all that is on it"
    crashes = [one.failures for one in (part, home) if one.failures is not None and one.failures.scope == OF_MACHINE]
    assert not crashes or part.failures == home.failures, "a machine crashes with all that is on it"


def _machines(part: Any) -> int:
    return int(part.replicas) * -(-len(part.share) // int(part.per_machine))


def _slow_machines(part: Any) -> list[Slowdown]:
    """What makes its machines slow as a whole, with whose luck."""
    return [
        replace(one, which=which if one.which < 0 else one.which)
        for which, one in enumerate(part.slowdowns)
        if one.scope == OF_MACHINE
    ]
