"""When work is done that starts at a replica which is slow now and then.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

import math

from simulator.core import rules
from simulator.core.failures import freezes
from simulator.core.jit import kernel, passage
from simulator.core.plan import F8, NEVER_NS, Rows
from simulator.core.slowdowns import left_after, stretch, takes_ns, whose
from simulator.engines.compiled.failing import see_spell
from simulator.engines.compiled.records import Given


@passage
def see(
    run: Rows,
    laws: Rows,
    parts: Rows,
    points: F8,
    stretches: Rows,
    one: int,
    row: int,
    which: int,
    place: int,
    column: int,
    now: int,
) -> None:
    """Draw stretches of a slowdown, whose are those of a row, until one ends after now; beyond int64 it never does."""
    while stretches[row, column]["until_ns"] <= now and stretches[row, column]["until_ns"] < NEVER_NS:
        number = stretches[row, column]["number"]
        every_ns, length_ns = stretch(run, laws, parts, points, one, number, which, place)
        from_ns = min(stretches[row, column]["until_ns"] + every_ns, NEVER_NS)
        stretches[row, column]["number"] = number + 1
        stretches[row, column]["from_ns"] = from_ns
        stretches[row, column]["until_ns"] = min(from_ns + length_ns, NEVER_NS)


@kernel
def finish_ns(
    given: Given, stretches: Rows, spells: Rows, stage: int, shard: int, at: int, now: int, work_ns: int
) -> int:
    """When so much work is done that starts now at a replica, where nothing starts before; NEVER_NS: never."""
    stages, run, slowdowns, laws = given.stages, given.run, given.slowdowns, given.slowdown_laws
    parts, points = given.parts, given.points
    first, count, scratch = stages[stage]["first_slowdown"], stages[stage]["slowdowns"], stretches.shape[1] - 1
    index = (at - stages[stage]["first_replica"]) % stages[stage]["replicas"]
    is_frozen = freezes(stages, stage)
    if is_frozen:
        see_spell(given, spells, stage, at, at, now)
        spells[scratch]["number"] = spells[at]["number"]
        spells[scratch]["crash_ns"] = spells[at]["crash_ns"]
        spells[scratch]["repair_ns"] = spells[at]["repair_ns"]
    for row in range(count):
        one = first + row
        place, which = whose(stages, slowdowns[one]["scope"], stage, shard, index), slowdowns[one]["which"]
        see(run, laws, parts, points, stretches, one, row, which, place, at, now)
        stretches[row, scratch]["number"] = stretches[row, at]["number"]
        stretches[row, scratch]["from_ns"] = stretches[row, at]["from_ns"]
        stretches[row, scratch]["until_ns"] = stretches[row, at]["until_ns"]
    left_ns = work_ns
    while now < NEVER_NS:
        factor, until_ns = 1.0, rules.NOTHING + NEVER_NS
        for row in range(count):
            one = first + row
            place, which = whose(stages, slowdowns[one]["scope"], stage, shard, index), slowdowns[one]["which"]
            see(run, laws, parts, points, stretches, one, row, which, place, scratch, now)
            if stretches[row, scratch]["from_ns"] <= now:
                factor *= slowdowns[one]["factor"]
                until_ns = min(until_ns, stretches[row, scratch]["until_ns"])
            else:
                until_ns = min(until_ns, stretches[row, scratch]["from_ns"])
        if is_frozen:
            see_spell(given, spells, stage, at, scratch, now)
            if spells[scratch]["crash_ns"] <= now:
                factor *= math.inf
                until_ns = min(until_ns, spells[scratch]["repair_ns"])
            else:
                until_ns = min(until_ns, spells[scratch]["crash_ns"])
        needed_ns = takes_ns(left_ns, factor)
        if needed_ns <= until_ns - now:
            return now + needed_ns
        left_ns = left_after(left_ns, until_ns - now, factor)
        now = until_ns
    return NEVER_NS
