"""The Trace: what happened in one replication, column by column. Both engines return it, equal to the bit."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.core.columns import Columns, Tasks
from simulator.core.plan import Plan
from simulator.core.violations import Violation


@dataclass(frozen=True)
class Trace(Columns):
    """One replication: its columns, and whether they are right."""

    def verify(self, plan: Plan) -> Iterator[Violation]:
        """Recompute every invariant the slow way; yields each violation, by its number, and nothing if all hold.

        ``next(trace.verify(plan), None) is None`` says that the trace is right.
        """
        from simulator.core.invariants import violations  # it draws: not for whoever only reads a trace

        return violations(plan, self)


def same_trace(one: Trace, two: Trace, *, without_tasks: bool = False) -> str:
    """Name the first column in which two traces differ, or return the empty string.

    ``without_tasks``: leave the tables of tasks out, of which one trace may have none.
    """
    for name in COLUMNS:
        if not _same(getattr(one, name), getattr(two, name)):
            return name
    if without_tasks:
        return ""
    for name in TABLES:
        mine, other = getattr(one, name), getattr(two, name)
        if (mine is None) != (other is None):
            return name
        if mine is not None:
            for column in Tasks.__dataclass_fields__:
                if not _same(getattr(mine, column), getattr(other, column)):
                    return f"{name}.{column}"
    return ""


def _same(one: Any, two: Any) -> bool:
    """Equal values of equal type: a column is not allowed to be wider in one engine."""
    return np.array_equal(one, two) and getattr(one, "dtype", None) == getattr(two, "dtype", None)


#: Tables, which a Trace has where they are asked for.
TABLES = ("task_table", "background_table")
#: The columns of a Trace that two engines must agree on.
COLUMNS = tuple(name for name in Trace.__dataclass_fields__ if name not in (*TABLES, "events", "shed_ns"))
#: Of them, those with an entry a replica; those that files of a run do not hold; and those with an entry a query.
COUNTERS = (
    *("tasks", "busy_ns", "waiting_ns", "longest_wait_ns", "window_busy_ns"),
    *("wasted_ns", "stopped_ns", "late", "stopped", "withdrawn", "hedged", "refused", "after_ns"),
    *("background", "background_ns"),
    *("lost", "lost_ns", "resent", "down_ns"),
)
#: And those with one value a run.
WINDOW = ("window_begin_ns", "window_end_ns")
NOT_SAVED = (
    "first_measured",
    "measured",
    "client_of",
    "query_of",
    "shed_by",
    "gives_up_ns",
    "provided",
    "stage_outcome",
    "answers",
    "batches",
    "source_answer_ns",
)
QUERY_COLUMNS = tuple(name for name in COLUMNS if name not in (*COUNTERS, *WINDOW, *NOT_SAVED))
