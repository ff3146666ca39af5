"""The event list of the compiled engine: a binary heap of rows (instant, order, what), least (instant, order) first.

``heap`` is (capacity, 3) int64 with ``size`` rows in use; the caller sees to the capacity. Row 0 is next.
"""

from __future__ import annotations

from simulator.core.jit import kernel

INSTANT, ORDER, WHAT = range(3)
COLUMNS = 3


@kernel
def push(heap, size, instant, order, what):  # type: ignore[no-untyped-def]
    """Add an event; returns the new size."""
    at = size
    while at > 0:
        above = (at - 1) >> 1
        if heap[above, 0] < instant or (heap[above, 0] == instant and heap[above, 1] <= order):
            break
        heap[at, 0] = heap[above, 0]
        heap[at, 1] = heap[above, 1]
        heap[at, 2] = heap[above, 2]
        at = above
    heap[at, 0] = instant
    heap[at, 1] = order
    heap[at, 2] = what
    return size + 1


@kernel
def pop(heap, size):  # type: ignore[no-untyped-def]
    """Take row 0 away (read it before); returns the new size."""
    size -= 1
    instant = heap[size, 0]
    order = heap[size, 1]
    what = heap[size, 2]
    at = 0
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        if below + 1 < size and (
            heap[below + 1, 0] < heap[below, 0]
            or (heap[below + 1, 0] == heap[below, 0] and heap[below + 1, 1] < heap[below, 1])
        ):
            below += 1
        if instant < heap[below, 0] or (instant == heap[below, 0] and order <= heap[below, 1]):
            break
        heap[at, 0] = heap[below, 0]
        heap[at, 1] = heap[below, 1]
        heap[at, 2] = heap[below, 2]
        at = below
    heap[at, 0] = instant
    heap[at, 1] = order
    heap[at, 2] = what
    return size
