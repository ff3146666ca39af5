"""How many replicas serve, as known so far; and how it is found, in a run that pauses at every control instant.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from typing import Any

import numpy as np

from simulator.core.jit import kernel, passage
from simulator.core.plan import NEVER_NS, Plan, Rows
from simulator.core.scaling import Scaler, serve, steps_of
from simulator.engines.compiled.attempts import next_limit
from simulator.engines.compiled.records import Given, Kept

#: Steps of a stage, at first, while they are found; and at least behind the last.
ROOM, BEHIND = 64, 1

#: Why a run that is paced came back, besides the reasons of all; none: it goes on.
GO_ON, LOOK, ALL_OVER = range(20, 23)


def steps_of_run(plan: Plan) -> dict[str, Any]:
    """Arrays of ``Kept`` by their names; none where no stage is scaled."""
    stages = len(plan.stages)
    if not len(plan.scaling):
        nothing = np.zeros(0, dtype=np.int64)
        return {"serving": nothing, "steps": np.zeros((0, 2, 0), dtype=np.int64), "next_step": nothing.copy()}
    known = {stage: steps_of(plan, stage) for stage in range(stages)}
    room = max(ROOM, *(len(from_ns) + BEHIND for from_ns, _ in known.values()))
    steps = np.zeros((stages, 2, room), dtype=np.int64)
    steps[:, 0] = NEVER_NS
    for stage, (from_ns, count) in known.items():
        steps[stage, 0, : len(from_ns)], steps[stage, 1, : len(count)] = from_ns, count
    return {"serving": plan.left.copy(), "steps": steps, "next_step": np.zeros(stages, dtype=np.int64)}


def with_steps(kept: Kept, scaler: Scaler) -> Kept:
    """What is kept, with the steps that an autoscaler has changed."""
    steps, there = kept.steps, len(scaler.steps)
    if there + BEHIND > steps.shape[2]:
        more = np.zeros_like(steps)
        more[:, 0] = NEVER_NS
        steps = np.concatenate([steps, more], axis=2)
    for place in range(scaler.first_new, there):
        steps[scaler.stage, :, place] = scaler.steps[place]
    steps[scaler.stage, 0, there:] = NEVER_NS
    return kept._replace(steps=steps)


@passage
def provide(given: Given, kept: Kept, stage: int, now: int) -> None:
    """Note how many replicas of a stage serve now, where it is scaled."""
    if kept.serving.shape[0] > 0:
        catch_up(given, kept, stage, now)


@kernel
def catch_up(given: Given, kept: Kept, stage: int, now: int) -> None:
    """The same where some stage is."""
    kept.next_step[stage] = serve(
        given.stages, given.whole, kept.steps[stage], kept.next_step[stage], stage, now, kept.serving
    )


@passage
def keep_pace(given: Given, kept: Kept, clock: Rows, events: Rows) -> int:
    """While it is found how many serve: LOOK before what happens when that is looked at; ALL_OVER: nothing does."""
    if clock[0]["pause_ns"] == NEVER_NS:
        return GO_ON
    cursor, next_ns = clock[0]["cursor"], NEVER_NS
    if cursor < given.entering.shape[0]:
        next_ns = given.entering_ns[cursor]
    if clock[0]["size"] > 0:
        next_ns = min(next_ns, events[0]["instant"])
    if given.patience.shape[0] > 0:
        next_ns = min(next_ns, next_limit(given, kept, cursor))
    if next_ns == NEVER_NS:
        return ALL_OVER
    return GO_ON if next_ns < clock[0]["pause_ns"] else LOOK
