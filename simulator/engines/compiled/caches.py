"""The caches of stages: least recently used keys, in links over all that there are.

A cache is a ring of its keys, from the most recent to the least; an end of the ring stands behind the last key. So
looking a key up, using it and letting the oldest go each take a few steps, however many there are. What is put in when
queries leave waits on a list until somebody looks at an instant that is not before.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.core import rules, work
from simulator.core.caches import held_at_first, is_cached, key_of
from simulator.core.columns import COMPLETE, HIT
from simulator.core.fan_out import fans_out
from simulator.core.gathering import counts_answers
from simulator.core.jit import kernel, passage
from simulator.core.plan import F8, I8, Plan
from simulator.engines.compiled.events import COLUMNS, L_ORDER, next_instant, put, take
from simulator.engines.compiled.passes import hand_over, prepare
from simulator.engines.compiled.recorder import keep_close
from simulator.engines.compiled.records import CACHE, LEAVE, LIST, NEWER, OLDER, Given, Kept
from simulator.engines.compiled.refusal import useful_until_ns


def caches_of(plan: Plan) -> dict[str, Any]:
    """The caches of a plan before anything has happened, as ``Kept`` has them; no rows where no stage has one."""
    stages = plan.stages
    has_any = bool((stages["cached"] > 0).any())
    caches, leaving = np.zeros(len(stages) * has_any, dtype=CACHE), np.zeros(len(stages) * has_any, dtype=LIST)
    rooms = np.where(stages["cached"] > 0, stages["catalogue"] + 1, 0)
    links: NDArray[np.int32] = np.full((2, int(rooms.sum()) * has_any), -1, dtype=np.int32)
    for stage in np.flatnonzero(stages["cached"] > 0).tolist():
        first, end = int(rooms[:stage].sum()), int(stages[stage]["catalogue"])
        held = np.array(held_at_first(stages[stage]), dtype=np.int32)  # the least recent first
        ring = np.concatenate([[end], held, [end]])
        links[NEWER, first + ring[:-1]] = ring[1:]
        links[OLDER, first + ring[1:]] = ring[:-1]
        caches[stage]["first"], caches[stage]["end"], caches[stage]["held"] = first, end, len(held)
        leaving[stage]["room"], leaving[stage]["first"] = plan.queries, stage * plan.queries
    rows = plan.queries * len(stages) * has_any  # memory that is never touched is none
    return {"caches": caches, "links": links, "leaving": leaving, "leaves": np.empty((rows, COLUMNS), dtype=np.int64)}


@passage
def loosen(links: NDArray[np.int32], first: int, key: int) -> None:
    """A key leaves the ring."""
    newer, older = links[NEWER, first + key], links[OLDER, first + key]
    links[OLDER, first + newer] = older
    links[NEWER, first + older] = newer


@kernel
def use(kept: Kept, stage: int, key: int) -> None:
    """A key that is held is the most recent now."""
    links, first, end = kept.links, kept.caches[stage]["first"], kept.caches[stage]["end"]
    loosen(links, first, key)
    newest = links[OLDER, first + end]
    links[OLDER, first + key], links[NEWER, first + key] = newest, end
    links[NEWER, first + newest] = key
    links[OLDER, first + end] = key


@kernel
def insert(kept: Kept, stage: int, size: int, key: int) -> None:
    """A key is put in, as the most recent; of one too many the least recent goes."""
    links, first, end = kept.links, kept.caches[stage]["first"], kept.caches[stage]["end"]
    if links[OLDER, first + key] < 0:
        if kept.caches[stage]["held"] == size:
            oldest = links[NEWER, first + end]
            loosen(links, first, oldest)
            links[OLDER, first + oldest] = -1
        else:
            kept.caches[stage]["held"] += 1
        links[OLDER, first + key] = links[NEWER, first + key] = key  # a ring of its own
    use(kept, stage, key)


@kernel
def has_answer(given: Given, kept: Kept, stage: int, query: int, now: int) -> bool:
    """Whether the cache of a stage has the answer of a query that enters it now."""
    size = given.stages[stage]["cached"]
    while kept.leaving[stage]["size"] > 0 and next_instant(kept.leaving, kept.leaves, stage) <= now:
        whose = kept.leaves[kept.leaving[stage]["first"], L_ORDER]
        take(kept.leaving, kept.leaves, stage)
        insert(kept, stage, size, key_of(given.stages, given.run, stage, whose))
    key = key_of(given.stages, given.run, stage, query)
    is_held = kept.links[OLDER, kept.caches[stage]["first"] + key] >= 0
    if is_held:
        use(kept, stage, key)
    return is_held  # type: ignore[no-any-return]


@passage
def keep_answer(given: Given, kept: Kept, stage: int, query: int, leave_ns: int) -> None:
    """A query will leave a stage: its answer is put into the cache then, if it is whole."""
    if is_cached(given.stages, stage) and (
        not counts_answers(given.stages, stage) or kept.stage_outcome[stage, query] == COMPLETE
    ):
        put(kept.leaving, kept.leaves, stage, leave_ns, query, rules.NOTHING)


@passage
def keep_hit(given: Given, kept: Kept, stage: int, query: int, leave_ns: int) -> bool:
    """Record a hit that is left so; returns whether the query is over then, in time."""
    keep_close(kept, stage, query, leave_ns, -1, -1, -1, -1, 0)
    kept.stage_outcome[stage, query], kept.answers[stage, query], kept.coverage[stage, query] = HIT, 0, 1.0
    kept.instants[LEAVE, stage, query] = leave_ns
    if leave_ns > useful_until_ns(given, query):
        return False
    if given.stages[stage]["hit_ends"] == 1:
        for later in range(stage + 1, given.stages.shape[0]):
            kept.instants[LEAVE, later, query] = leave_ns
        return True
    return stage + 1 == given.stages.shape[0]  # type: ignore[no-any-return]


@passage
def scored(given: Given, kept: Kept, stage: int, reals: F8, wholes: I8) -> float:
    """The candidates that a stage would score for the one query of a block."""
    if fans_out(given.stages, stage):
        prepare(given, kept, stage, rules.ONE, reals, wholes)
        return reals[work.SCORED, 0]  # type: ignore[no-any-return]
    hand_over(given, kept, stage, rules.ONE, reals, wholes)
    return work.candidates_of(
        given.stages,
        given.sources,
        given.run,
        given.laws,
        given.parts,
        given.points,
        wholes[work.WHO, 0],
        wholes[work.OF_CLASS, 0],
        stage,
        reals[work.PREVIOUS, 0],
    )
