"""The queue of a replica: a list in the order of arrival, or a pairing heap of keys (Fredman et al., 1986).

The heap takes no room but a record a copy: each knows the first of those behind it, and the next beside it. To join
takes one comparison; to take the first, a number of them that grows with the logarithm of the length, on average.
"""

from simulator.core.background import is_background, wanted_beside
from simulator.core.classes import wanted
from simulator.core.disciplines import queue_key
from simulator.core.jit import kernel, passage
from simulator.core.plan import FIFO, Rows
from simulator.engines.compiled.records import Given


@passage
def is_before(ranks: Rows, one: int, other: int) -> bool:
    """Whether a copy is served before another."""
    if ranks[one]["key"] == ranks[other]["key"]:
        return ranks[one]["number"] < ranks[other]["number"]  # type: ignore[no-any-return]
    return ranks[one]["key"] < ranks[other]["key"]  # type: ignore[no-any-return]


@passage
def melded(ranks: Rows, one: int, other: int) -> int:
    """One heap of two; returns its first."""
    first, second = one, other
    if is_before(ranks, other, one):
        first, second = other, one
    child = ranks[first]["child"]
    if child >= 0:
        ranks[child]["back"] = second
    ranks[second]["beside"] = child
    ranks[second]["back"] = first
    ranks[first]["child"] = second
    return first


@kernel
def behind(ranks: Rows, first: int) -> int:
    """What is left of a heap without its first: neighbours are paired, then all, from the last pair on; -1: nothing."""
    row, pairs = ranks[first]["child"], -1
    while row >= 0:
        other = ranks[row]["beside"]
        after, pair = -1, row
        if other >= 0:
            after = ranks[other]["beside"]
            pair = melded(ranks, row, other)
        ranks[pair]["beside"] = pairs
        pairs, row = pair, after
    heap = pairs
    if heap >= 0:
        row = ranks[heap]["beside"]
        while row >= 0:
            after = ranks[row]["beside"]
            heap = melded(ranks, heap, row)
            row = after
    return heap


@passage
def join(given: Given, copies: Rows, ranks: Rows, bonds: Rows, replicas: Rows, at: int, row: int) -> None:
    """A copy joins the queue of its replica."""
    discipline, head = given.stages[copies[row]["stage"]]["discipline"], replicas[at]["head"]
    if discipline == FIFO:
        if bonds.shape[0] > 0:
            bonds[row]["before"] = -1 if head < 0 else replicas[at]["tail"]
        if head < 0:
            replicas[at]["head"] = row
        else:
            copies[replicas[at]["tail"]]["next"] = row
        replicas[at]["tail"] = row
    else:
        query, soon = copies[row]["query"], wanted_beside(given.stages, copies[row]["stage"], discipline)
        if not is_background(query):
            soon = wanted(given.classes, given.class_of, given.arrival_ns, discipline, query)
        ranks[row]["key"] = queue_key(discipline, replicas[at]["joined"], copies[row]["alone_ns"], soon)
        ranks[row]["number"] = replicas[at]["joined"]
        ranks[row]["child"] = ranks[row]["beside"] = ranks[row]["back"] = -1
        replicas[at]["head"] = row if head < 0 else melded(ranks, head, row)
    replicas[at]["joined"] += 1
    replicas[at]["waiting"] += 1


@passage
def leave_list(copies: Rows, bonds: Rows, replicas: Rows, at: int, row: int) -> None:
    """A copy is taken out of a queue in the order of arrival, wherever it is."""
    before, after = bonds[row]["before"], copies[row]["next"]
    if row == replicas[at]["head"]:
        replicas[at]["head"] = after
    else:
        copies[before]["next"] = after
    if after >= 0:
        bonds[after]["before"] = before
    else:
        replicas[at]["tail"] = before


@passage
def leave_heap(ranks: Rows, replicas: Rows, at: int, row: int) -> None:
    """A copy is taken out of a heap, wherever it is."""
    if row == replicas[at]["head"]:
        replicas[at]["head"] = behind(ranks, row)
        return
    back, beside = ranks[row]["back"], ranks[row]["beside"]
    if ranks[back]["child"] == row:
        ranks[back]["child"] = beside
    else:
        ranks[back]["beside"] = beside
    if beside >= 0:
        ranks[beside]["back"] = back
    rest = behind(ranks, row)
    if rest >= 0:
        replicas[at]["head"] = melded(ranks, replicas[at]["head"], rest)


@passage
def leave(stages: Rows, copies: Rows, ranks: Rows, bonds: Rows, replicas: Rows, at: int, row: int) -> None:
    """A copy leaves the queue of its replica before its turn."""
    if stages[copies[row]["stage"]]["discipline"] == FIFO:
        leave_list(copies, bonds, replicas, at, row)
    else:
        leave_heap(ranks, replicas, at, row)
    replicas[at]["waiting"] -= 1


@passage
def after_first(stages: Rows, copies: Rows, ranks: Rows, row: int) -> int:
    """Who is at the head of a queue when its first, in ``row``, is gone; -1: nobody."""
    is_list = stages[copies[row]["stage"]]["discipline"] == FIFO
    return copies[row]["next"] if is_list else behind(ranks, row)
