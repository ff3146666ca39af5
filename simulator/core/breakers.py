"""What a process of clients sheds itself: attempts beyond its limit, and those that come while its breaker is open.

A query belongs to the process ``query % processes``. Before an attempt is sent its process looks at what has become of
those before, in the order in which they were over, at one instant in that in which they were sent; who is over at that
very instant is over. Then its breaker looks, then its limit, and then the door.

A closed breaker opens when, of at least so many attempts that were over within its window, as many have ended badly as
its share says: given up, failed, or shed by the door. What the process shed itself does not count. An open breaker
sheds all until its time is up; then one attempt probes, and all others are shed until that is over. If the probe ends
well the breaker is closed, and begins to count anew; else it is open again. What else is over before that counts for
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.core.admission import may_shed_itself
from simulator.core.columns import ADMITTED, BY_BREAKER, BY_DOOR, BY_LIMIT, FAILED, SHED, TIMED_OUT, Columns
from simulator.core.jit import formula, kernel
from simulator.core.plan import I8, NEVER_NS, Plan, Rows
from simulator.core.violations import Violation, at, violation

#: Any number of attempts may be out.
ANY_NUMBER = -1
#: Of nobody, and no breaker that is open.
NONE = -1
#: Millionths of all attempts in a window.
ALL = 1_000_000
#: Over so many a breaker does not look at a share.
LEAST = 20
#: Processes, attempts that are out, and attempts that a breaker looks at, at most.
MOST_PROCESSES, MOST_OUT, MOST_LEAST = 2**20, 2**32, 2**32

#: What a process knows.
PROCESS = np.dtype(
    [
        ("saved", np.int64),  # what its budget of retries holds
        ("out", np.int64),  # attempts that it has sent and that are not over
        ("opened_ns", np.int64),  # since when its breaker is open; NONE: it is closed
        ("probe", np.int64),  # the attempt that probes; NONE: none does
        ("ended", np.int64),  # attempts in its window, and how many of them ended badly
        ("bad", np.int64),
        ("first", np.int64),  # the attempts in the window are a list, by row; NONE: it is empty
        ("last", np.int64),
    ]
)

#: Of an attempt in a window: when it was over, whether badly, and which follows.
AT, BAD, NEXT = range(3)


class Breaker(NamedTuple):
    """When a process opens, and for how long."""

    errors: int  #: millionths of the attempts in the window that end badly; 0: there is no breaker
    window_ns: int
    open_ns: int
    least: int = LEAST  #: so many attempts are in the window at least


@formula
def has_breaker(patience: Rows) -> bool:
    """Whether processes have one."""
    return patience[0]["errors"] > 0  # type: ignore[no-any-return]


@kernel
def sheds_itself(patience: Rows, processes: Rows, process: int, row: int, now: int) -> int:
    """By what of its process an attempt is shed that is due now, or ADMITTED: then it is out."""
    opened_ns = processes[process]["opened_ns"]
    is_probing = processes[process]["probe"] >= 0
    if opened_ns >= 0 and (is_probing or now - opened_ns < patience[0]["open_ns"]):
        return BY_BREAKER
    if 0 <= patience[0]["limit"] <= processes[process]["out"]:
        return BY_LIMIT
    processes[process]["out"] += 1
    if opened_ns >= 0:
        processes[process]["probe"] = row
    return ADMITTED


@kernel
def hears(patience: Rows, processes: Rows, windows: I8, process: int, row: int, ended_ns: int, bad: int) -> None:
    """An attempt that was out is over, badly or not; ``windows``: (rows, 3), of which each attempt has its own."""
    processes[process]["out"] -= 1
    if not has_breaker(patience):
        return
    if processes[process]["opened_ns"] >= 0:
        if processes[process]["probe"] == row:
            processes[process]["probe"] = NONE
            processes[process]["opened_ns"] = ended_ns if bad == 1 else NONE
        return
    windows[row, AT], windows[row, BAD], windows[row, NEXT] = ended_ns, bad, NONE
    if processes[process]["first"] < 0:
        processes[process]["first"] = row
    else:
        windows[processes[process]["last"], NEXT] = row
    processes[process]["last"] = row
    processes[process]["ended"] += 1
    processes[process]["bad"] += bad
    first = processes[process]["first"]
    while windows[first, AT] <= ended_ns - patience[0]["window_ns"]:
        processes[process]["ended"] -= 1
        processes[process]["bad"] -= windows[first, BAD]
        first = windows[first, NEXT]
    processes[process]["first"] = first
    ended = processes[process]["ended"]
    if ended >= patience[0]["least"] and processes[process]["bad"] * ALL >= patience[0]["errors"] * ended:
        processes[process]["opened_ns"] = ended_ns
        processes[process]["ended"] = processes[process]["bad"] = 0
        processes[process]["first"] = NONE


@kernel
def time_open(
    patience: Rows, processes: Rows, windows: I8, times: I8, mine: I8, over: I8, bad: I8, shed: NDArray[np.int8]
) -> int:
    """How long breakers of all processes are open in [begin, end); over all of them together.

    ``times``: when each attempt is sent and over, (2, rows), and begin and end, in a last column; ``mine``: the process
    of each; ``over``: rows in the order in which they are over; ``bad``: 1, they end badly; ``shed``: by whom.
    """
    rows, total, heard = mine.shape[0], 0, 0
    begin, end = times[0, rows], times[1, rows]
    for row in range(rows + 1):
        while heard < over.shape[0]:
            one = over[heard]
            if row < rows and (times[1, one] > times[0, row] or (times[1, one] == times[0, row] and one >= row)):
                break
            process, before = mine[one], processes[mine[one]]["opened_ns"]
            hears(patience, processes, windows, process, one, times[1, one], bad[one])
            if before >= 0 and processes[process]["opened_ns"] != before:
                total += max(0, min(end, times[1, one]) - max(begin, before))
            heard += 1
        if row < rows and shed[row] != BY_LIMIT and shed[row] != BY_BREAKER:
            sheds_itself(patience, processes, mine[row], row, times[0, row])
    for process in range(processes.shape[0]):
        if processes[process]["opened_ns"] >= 0:
            total += max(0, end - max(begin, processes[process]["opened_ns"]))
    return total


def first_processes(plan: Plan) -> Rows:
    """(processes,) before anything has happened; one where clients do not give up."""
    rows = np.zeros(int(plan.patience[0]["processes"]) if len(plan.patience) else 1, dtype=PROCESS)
    for name in ("opened_ns", "probe", "first", "last"):
        rows[name] = NONE
    rows["saved"] = plan.patience[0]["most_saved"] if len(plan.patience) else 0
    return rows


def breaks(plan: Plan) -> bool:
    """Whether clients of a plan have a breaker."""
    return len(plan.patience) > 0 and bool(plan.patience[0]["errors"] > 0)


def seconds_open(plan: Plan, trace: Columns) -> float:
    """Time inside the window that breakers are open, or probe: of each process on average, in s.

    ``plan``: of any replication.
    """
    rows, processes = len(trace.arrival_ns), first_processes(plan)
    ended_ns = trace.ended_ns(slice(0, rows))
    sent = np.flatnonzero((trace.shed_by == ADMITTED) | (trace.shed_by == BY_DOOR))
    sent = sent[ended_ns[sent] >= 0]
    over = sent[np.lexsort((sent, ended_ns[sent]))]
    bad = np.isin(trace.outcome, (TIMED_OUT, FAILED, SHED)).astype(np.int64)
    window = [[trace.window_begin_ns], [trace.window_end_ns]]
    times = np.hstack([np.stack([trace.arrival_ns, ended_ns]), np.array(window, dtype=np.int64)])
    mine, windows = trace.query_of % len(processes), np.zeros((rows, 3), dtype=np.int64)
    shed = np.array(trace.shed_by)  # also where a trace from elsewhere may be written
    total = time_open(plan.patience, processes, windows, times, mine, over, bad, shed)
    return int(total) / len(processes) * 1e-9


class _Said(NamedTuple):
    """Of one process, while a trace is looked at."""

    out: set[int]
    over: list[tuple[int, int]]  #: when, and which; a heap
    window: list[tuple[int, bool]]
    open: list[int]  #: since when, and the attempt that probes, once it does; empty: it is closed


def violations_of_processes(plan: Plan, trace: Columns) -> Iterator[Violation]:
    """An attempt is shed by its process beyond its limit, and while its breaker is open, and else never."""
    of_plan = plan.shed if may_shed_itself(plan) else plan.shed[:0]
    if not np.array_equal(trace.shed_by, of_plan):
        case = {"shed_by": trace.shed_by.tolist(), "of_the_plan": of_plan.tolist()}
        yield violation("I81", case)
        return
    if not len(trace.shed_by):
        return
    patience, ended_ns = plan.patience[0], trace.ended_ns(slice(0, plan.queries)).tolist()
    said = [_Said(set(), [], [], []) for _ in range(patience["processes"])]
    expected = np.zeros(plan.queries, dtype=np.int64)
    for row, now in enumerate(trace.arrival_ns.tolist()):
        mine = said[int(plan.query_of[row]) % len(said)]
        while mine.over and mine.over[0] <= (now, row):
            _look(plan, mine, *heappop(mine.over), trace)
        is_open = len(mine.open) > 1 or (len(mine.open) == 1 and now < mine.open[0] + int(patience["open_ns"]))
        is_full = 0 <= int(patience["limit"]) <= len(mine.out)
        expected[row] = BY_BREAKER if is_open else (BY_LIMIT if is_full else ADMITTED)
        if expected[row] != ADMITTED:
            continue
        mine.out.add(row)
        if mine.open:
            mine.open.append(row)
        heappush(mine.over, (ended_ns[row] if ended_ns[row] >= 0 else NEVER_NS, row))
    of_door = trace.shed_by == BY_DOOR
    wrong = np.where(of_door, expected != ADMITTED, trace.shed_by != expected)
    yield from at("I81", wrong, {"query": np.arange(plan.queries)}, shed_by=trace.shed_by, by_the_rule=expected)


def _look(plan: Plan, mine: _Said, ended_ns: int, row: int, trace: Columns) -> None:
    """A process hears that an attempt is over."""
    patience = plan.patience[0]
    is_bad = int(trace.outcome[row]) in (TIMED_OUT, FAILED, SHED)
    mine.out.remove(row)
    if mine.open:
        if mine.open[1:] == [row]:
            mine.open[:] = [ended_ns] if is_bad else []
        return
    mine.window.append((ended_ns, is_bad))
    seen = [bad for instant, bad in mine.window if instant > ended_ns - int(patience["window_ns"])]
    is_enough = patience["errors"] > 0 and len(seen) >= patience["least"]
    if is_enough and sum(seen) * ALL >= int(patience["errors"]) * len(seen):
        mine.open.append(ended_ns)
        mine.window.clear()
