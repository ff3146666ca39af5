"""Processes of clients, while attempts are found: what they shed themselves, and what they hear of attempts before.

Looking ahead, when an attempt is over is known before that; so it is kept until another is due.

PYTEST_DONT_REWRITE: the package brings a pytest plugin, so pytest would rewrite its assertions, and numba does not
compile what comes out.
"""

from simulator.core import rules
from simulator.core.breakers import hears, sheds_itself
from simulator.core.columns import ADMITTED
from simulator.core.jit import formula, kernel
from simulator.engines.compiled.events import L_INSTANT, L_ORDER, L_WHAT, next_instant, put, take
from simulator.engines.compiled.records import Given, Kept


@formula
def the_list(kept: Kept) -> int:
    """The number of the only list of attempts that are over; no literal, for which kernels would be compiled twice."""
    return kept.telling.shape[0] - rules.ONE  # type: ignore[no-any-return]


@kernel
def tell(kept: Kept, row: int, now: int, bad: int) -> None:
    """An attempt that was sent is over at an instant, which may be yet to come: 1 badly, 0 not."""
    if kept.news.shape[0] > 0:
        put(kept.telling, kept.news, the_list(kept), now, row, bad)


@kernel
def is_kept_back(given: Given, kept: Kept, row: int, now: int) -> bool:
    """Whether an attempt that is due now is shed by its process, which is noted."""
    if kept.news.shape[0] == 0:
        return False
    which, processes = the_list(kept), kept.processes.shape[0]
    while kept.telling[0]["size"] > 0 and next_instant(kept.telling, kept.news, which) <= now:
        first = kept.telling[0]["first"]
        ended_ns, one, bad = kept.news[first, L_INSTANT], kept.news[first, L_ORDER], kept.news[first, L_WHAT]
        take(kept.telling, kept.news, which)
        hears(given.patience, kept.processes, kept.windows, kept.query_of[one] % processes, one, ended_ns, bad)
    kept.shed[row] = sheds_itself(given.patience, kept.processes, kept.query_of[row] % processes, row, now)
    return kept.shed[row] != ADMITTED  # type: ignore[no-any-return]
