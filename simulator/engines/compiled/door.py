"""The door, while it is found who is shed: who is in flight, and what comes of a query that arrives.

Looking ahead, when a query is over is known before that; so who is over is kept until somebody arrives.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import rules
from simulator.core.admission import admits
from simulator.core.columns import ADMITTED, BY_DOOR
from simulator.core.jit import formula, kernel
from simulator.engines.compiled.events import next_instant, put, take
from simulator.engines.compiled.records import Given, Kept


@formula
def the_list(kept: Kept) -> int:
    """The number of the only list of those who are over; no literal, for which kernels would be compiled twice."""
    return kept.flights.shape[0] - rules.ONE  # type: ignore[no-any-return]


@kernel
def land(kept: Kept, query: int, now: int) -> None:
    """A query that was admitted is over at an instant, which may be yet to come."""
    if kept.ends.shape[0] > 0:
        put(kept.flights, kept.ends, the_list(kept), now, query, rules.NOTHING)


@kernel
def is_shed(given: Given, kept: Kept, query: int, now: int) -> bool:
    """Whether a query that comes now is shed, which is noted."""
    if given.door.shape[0] == 0:
        return False
    which = the_list(kept)
    while kept.flights[0]["size"] > 0 and next_instant(kept.flights, kept.ends, which) <= now:
        take(kept.flights, kept.ends, which)
        kept.doorway[0]["in_flight"] -= 1
    kept.shed[query] = ADMITTED if admits(given.door, kept.doorway, now) else BY_DOOR
    return kept.shed[query] != ADMITTED  # type: ignore[no-any-return]
