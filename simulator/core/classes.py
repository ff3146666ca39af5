"""Classes of queries: which are served first, and until when they are wanted, where a queue looks at that."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from simulator.core.jit import formula
from simulator.core.laws import Law
from simulator.core.plan import EDF, I8, NEVER_NS, PRIORITY, Plan, Rows, System, frozen

#: A class of queries.
CLASS = np.dtype(
    [
        ("share", np.float64),  # of the queries, expected; all shares sum to 1
        ("priority", np.float64),  # larger ones are served first, where a queue looks at that
        ("deadline_ns", np.int64),  # after the arrival; NEVER_NS: none
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
        row["work"], row["work_squared"] = one.work.moment(1), one.work.moment(2)
    rows.flags.writeable = False
    return rows


#: All queries are alike.
ALIKE = rows_of([QueryClass()])


def with_classes(system: System, classes: Sequence[QueryClass]) -> System:
    """The system of a load with these classes."""
    _check(system, classes)
    return replace(system, classes=rows_of(classes))


def classified(plan: Plan, classes: Sequence[QueryClass], class_of: ArrayLike) -> Plan:
    """The plan with queries of these classes; ``class_of``: (queries,) the place of each one's."""
    of = frozen(class_of, np.int64)
    assert of.shape == plan.arrival_ns.shape, "every query has a class"
    assert len(of) == 0 or 0 <= of.min() <= of.max() < len(classes), "which is one of them"
    _check(plan, classes)
    return replace(plan, classes=rows_of(classes), class_of=of)


def _check(system: System, classes: Sequence[QueryClass]) -> None:
    """Where classes have candidates of their own, it is told of each."""
    assert set(system.sources["classes"].tolist()) <= {0, len(classes)}, "a stage says what it scores of every class"


@formula
def place_of(class_of: I8, query: int) -> int:
    """The class of a query: its place; ``class_of``: of a Plan."""
    return class_of[query] if class_of.shape[0] > 0 else 0


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
