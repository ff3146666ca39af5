"""Classes of queries: which are served first, and until when they are wanted, where a queue looks at that."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from simulator.core.jit import formula
from simulator.core.laws import Law
from simulator.core.plan import EDF, I8, NEVER_NS, PRIORITY, Plan, Rows, System, frozen
from simulator.core.retrying import in_time

#: A class of queries.
CLASS = np.dtype(
    [
        ("share", np.float64),  # of the queries, expected; all shares sum to 1
        ("priority", np.float64),  # larger ones are served first, where a queue looks at that
        ("deadline_ns", np.int64),  # after the arrival; NEVER_NS: none
        ("drops", np.int64),  # 1: whoever is not over then is, and its tasks that have not started never do
        ("work", np.float64),  # mean of the work factor, for the theory line; and of its square
        ("work_squared", np.float64),
    ]
)

ONE = Law.constant(1.0)


@dataclass(frozen=True)
class QueryClass:
    """A class of queries as the planner sees it."""

    share: float = 1.0  #: of the queries
    priority: float = 0.0  #: larger ones are served first
    deadline_ns: int = NEVER_NS  #: after the arrival
    drops: bool = False  #: whether whoever is late is dropped; else a deadline orders queues alone
    work: Law = ONE


def rows_of(classes: Sequence[QueryClass]) -> Rows:
    """(classes,) CLASS, read-only."""
    assert classes, "a query is of some class"
    rows = np.zeros(len(classes), dtype=CLASS)
    whole = sum(one.share for one in classes)
    for row, one in zip(rows, classes, strict=True):
        assert one.share > 0, "a class has queries"
        assert 0 < one.deadline_ns <= NEVER_NS, "a deadline is after the arrival"
        row["share"], row["priority"], row["deadline_ns"] = one.share / whole, one.priority, one.deadline_ns
        row["drops"] = one.drops and one.deadline_ns < NEVER_NS
        row["work"], row["work_squared"] = one.work.moment(1), one.work.moment(2)
    rows.flags.writeable = False
    return rows


#: All queries are alike.
ALIKE = rows_of([QueryClass()])


def with_classes(system: System, classes: Sequence[QueryClass]) -> System:
    """The system of a load with these classes."""
    _check(system, classes)
    laid_out: System = with_rows(system, rows_of(classes))
    return laid_out


def classified(plan: Plan, classes: Sequence[QueryClass], class_of: ArrayLike) -> Plan:
    """The plan with queries of these classes; ``class_of``: (queries,) the place of each one's."""
    of = frozen(class_of, np.int64)
    assert of.shape == plan.arrival_ns.shape, "every query has a class"
    assert len(of) == 0 or 0 <= of.min() <= of.max() < len(classes), "which is one of them"
    _check(plan, classes)
    return in_time(replace(with_rows(plan, rows_of(classes)), class_of=of))


def with_rows(system: Any, classes: Rows) -> Any:
    """The system, or the plan, with these classes, of which stages know whether some are dropped."""
    stages = system.stages.copy()
    stages["drops"] = classes["drops"].any()
    return replace(system, classes=classes, stages=frozen(stages))


def _check(system: System, classes: Sequence[QueryClass]) -> None:
    """Where classes have candidates of their own, it is told of each."""
    assert set(system.sources["classes"].tolist()) <= {0, len(classes)}, "a stage says what it scores of every class"


@formula
def place_of(class_of: I8, query: int) -> int:
    """The class of a query: its place; ``class_of``: of a Plan."""
    return class_of[query] if class_of.shape[0] > 0 else 0


@formula
def is_dropped(classes: Rows, class_of: I8, arrival_ns: I8, query: int, now: int) -> bool:
    """Whether a task of a query that would start now is dropped: it could not be answered before its deadline."""
    row = place_of(class_of, query)
    return classes[row]["drops"] == 1 and now - arrival_ns[query] >= classes[row]["deadline_ns"]  # type: ignore[no-any-return]


@formula
def patience_ns(run: Rows, classes: Rows, class_of: I8, query: int) -> int:
    """For how long a query is of use: until its client gives up, or its deadline; NEVER_NS: for ever."""
    longest = run[0]["patience_ns"]
    if run[0]["drops"] == 1:
        row = place_of(class_of, query)
        if classes[row]["drops"] == 1:
            longest = min(longest, classes[row]["deadline_ns"])
    return longest  # type: ignore[no-any-return]


@formula
def wanted(classes: Rows, class_of: I8, arrival_ns: I8, discipline: int, query: int) -> float:
    """What the class of a query says of its tasks, the less the sooner they are served.

    Parameters
    ----------
    classes, class_of, arrival_ns
        Of the Plan.
    discipline
        Of the queue: what it looks at. 0.0 if at no class.
    query
        Its number.
    """
    row = place_of(class_of, query)
    if discipline == PRIORITY:
        return -classes[row]["priority"]  # type: ignore[no-any-return]
    if discipline != EDF:
        return 0.0
    deadline_ns = classes[row]["deadline_ns"]
    return np.inf if deadline_ns == NEVER_NS else float(arrival_ns[query] + deadline_ns)
