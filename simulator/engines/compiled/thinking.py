"""Clients that wait and think, while arrivals or attempts are found: who comes next, and when each comes back.

What comes next, as far as it is known, stands in ``entering_ns`` behind those that have come.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import rules
from simulator.core.clients import NOBODY, thinks_ns
from simulator.core.jit import formula, kernel
from simulator.core.plan import NEVER_NS, Rows
from simulator.engines.compiled.events import L_ORDER, next_instant, put, take
from simulator.engines.compiled.records import Given, Kept


@formula
def the_list(kept: Kept) -> int:
    """The number of the only list of those who think; no literal, for which kernels would be compiled twice."""
    return kept.thinking.shape[0] - rules.ONE  # type: ignore[no-any-return]


@formula
def fresh_comes_ns(given: Given, kept: Kept) -> int:
    """When the next query is sent for the first time, as far as it is known; NEVER_NS: none is."""
    fresh, at_ns = kept.teller[0]["fresh"], NEVER_NS
    if given.patience.shape[0] > 0 and fresh >= given.fresh_ns.shape[0]:
        return NEVER_NS
    if given.think_law.shape[0] == 0:
        return given.fresh_ns[fresh]  # type: ignore[no-any-return]
    if kept.thinking[0]["size"] > 0:
        at_ns = next_instant(kept.thinking, kept.comes, the_list(kept))
    beside = kept.teller[0]["beside"]
    if beside < given.open_ns.shape[0]:
        at_ns = min(at_ns, given.open_ns[beside])
    return at_ns


@kernel
def look_out(given: Given, kept: Kept, cursor: int) -> None:
    """Note when the next query, or attempt, comes, as far as it is known."""
    if cursor >= given.entering_ns.shape[0]:
        return
    at_ns = fresh_comes_ns(given, kept)
    if kept.pausing[0]["size"] > 0:
        at_ns = min(at_ns, next_instant(kept.pausing, kept.again, kept.pausing.shape[0] - rules.ONE))
    given.entering_ns[cursor] = at_ns


@kernel
def thinks(given: Given, kept: Kept, clock: Rows, client: int, now: int) -> bool:
    """A client thinks from now on, and comes back; whether int64 can tell when."""
    think_ns = thinks_ns(given.run, given.think_law, given.parts, given.points, client, kept.thoughts[client])
    if now + think_ns >= NEVER_NS:
        return False
    put(kept.thinking, kept.comes, the_list(kept), now + think_ns, client, rules.NOTHING)
    look_out(given, kept, clock[0]["cursor"])
    return True


@kernel
def come_back(given: Given, kept: Kept, clock: Rows, query: int, now: int) -> bool:
    """A query is over: its client thinks, and comes back. Whether int64 can tell when; of other loads nothing."""
    if given.think_law.shape[0] == 0 or kept.client_of[query] < 0:
        return True
    return thinks(given, kept, clock, kept.client_of[query], now)


@kernel
def take_thinker(given: Given, kept: Kept, now: int) -> int:
    """Who has thought comes, of several at an instant the first; returns who it is: of those who come beside nobody."""
    beside = kept.teller[0]["beside"]
    if beside < given.open_ns.shape[0] and given.open_ns[beside] == now:
        kept.teller[0]["beside"] += 1
        return NOBODY
    client = kept.comes[kept.thinking[0]["first"], L_ORDER]
    take(kept.thinking, kept.comes, the_list(kept))
    kept.thoughts[client] += 1
    return client  # type: ignore[no-any-return]
