"""A copy is refused: it comes to a full queue, or it is late; and its aggregator is told.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import copy_states, rules
from simulator.core.jit import kernel
from simulator.core.limits import refusal_ns
from simulator.core.plan import NEVER_NS, Rows
from simulator.engines.compiled.copies import key_of, step
from simulator.engines.compiled.events import happen
from simulator.engines.compiled.recorder import count_spared
from simulator.engines.compiled.records import NO_TIME, REFUSED, T_WITHDRAWN, Awaited, Given, Kept


@kernel
def refuse(
    given: Given, kept: Kept, clock: Rows, events: Rows, copies: Rows, awaited: Awaited, row: int, now: int
) -> bool:
    """A copy is refused: word of it leaves; whether int64 can tell when it is there."""
    at, end_ns = copies[row]["replica"], given.run[0]["end_ns"]
    step(copies, kept, row, copy_states.REFUSAL)
    if kept.table.shape[1] > 0:
        kept.table[T_WITHDRAWN, copies[row]["table"]] = now
    if copies[row]["query"] >= given.run[0]["first_measured"]:
        count_spared(kept, REFUSED, NO_TIME, at, rules.NOTHING)
    told_ns = now + refusal_ns(copies[row]["response_ns"])
    if told_ns >= NEVER_NS:
        return end_ns != NEVER_NS  # type: ignore[no-any-return]
    if told_ns <= end_ns:
        key = key_of(given, copies, awaited.bonds, row)
        happen(clock, events, told_ns, rules.ANSWER, key, row, copies[row]["generation"])
    return True
