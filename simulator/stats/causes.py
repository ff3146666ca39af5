"""How much of the variance of tasks comes from what: query, shard, machine, the task itself, contention, waiting.

The share of a cause is the variance of its part (``task_parts``) over that of the whole. Parts that do not go together
have variances that add up; what is left, of either sign, is *together*: twice the covariances. Variances are those
within a replication, pooled; intervals are a jackknife over replications (statistics rule 10).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.core.plan import F8, I8, Plan
from simulator.core.stage_view import stage_views
from simulator.core.trace import Trace
from simulator.documents import run
from simulator.stats.figures import S_PER_NS
from simulator.stats.means import NOTHING, Interval
from simulator.stats.paired import LeftOut, paired, ratio_left_out
from simulator.stats.task_parts import PARTS, WAITING, TaskParts, can_be_parted, task_parts

#: Names of the parts, and of what is left.
CAUSES = ("query", "shard", "machine", "task", "contention", "waiting")
TOGETHER = "together"
#: Of the queries, those with the longest latency of a stage, whose critical tasks are looked at.
SLOWEST = 0.01
#: A variance below it, in ns^2, is rounding.
ROUNDING_NS2 = 1.0


@dataclass(frozen=True)
class StageSums:
    """What one replication says of a stage: sums, of which those of several add up."""

    tasks: int
    response_ns: float  #: sum over tasks of waiting and service
    service_ns: float
    squares: F8  #: (PARTS + 2,) sums of squares of the parts, service and response about their means, in ns^2
    slowest: int  #: queries looked at
    more_ns: F8  #: (PARTS,) sums over their critical tasks of the parts about their means over all tasks
    usual_ns: float  #: sum over them of the mean response of all tasks
    besides_ns: float  #: sum of what the latency of the stage is besides their critical tasks
    latency_ns: float  #: sum of the latencies of the stage


#: What one replication says of each stage; None: its tasks cannot be parted, or there are none.
OfStages = tuple[StageSums | None, ...]


def causes_in(plan: Plan, trace: Trace) -> OfStages:
    """What a replication says of each stage."""
    found: list[StageSums | None] = []
    for stage in stage_views(plan):
        parts = task_parts(plan, trace, stage) if can_be_parted(stage) else None
        found.append(None if parts is None or not len(parts.query) else sums_of(trace, stage.index, parts))
    return tuple(found)


def untold(plan: Plan) -> list[int]:
    """The stages whose tasks cannot be parted."""
    return [stage.index for stage in stage_views(plan) if not can_be_parted(stage)]


def sums_of(trace: Trace, stage: int, parts: TaskParts) -> StageSums:
    """The sums of a stage; there is a task at least."""
    columns = [*parts.of, parts.service_ns, parts.response_ns]
    about = [column - (column.mean() if np.ptp(column) > 0 else column[0]) for column in columns]  # no rounded nothing
    critical = _critical(trace, stage, parts)
    queries = parts.query[critical]
    latency_ns = (trace.leave_ns[stage, queries] - trace.entered_ns(stage)[queries]).astype(np.float64)
    count = int(np.ceil(SLOWEST * len(queries)))
    slowest = np.argsort(-latency_ns, kind="stable")[:count]
    return StageSums(
        tasks=len(parts.query),
        response_ns=float(columns[-1].sum()),
        service_ns=float(columns[-2].sum()),
        squares=np.array([float((column**2).sum()) for column in about]),
        slowest=count,
        more_ns=np.array([float(column[critical[slowest]].sum()) for column in about[:PARTS]]),
        usual_ns=count * float(columns[-1].mean()),
        besides_ns=float((latency_ns - columns[-1][critical])[slowest].sum()),
        latency_ns=float(latency_ns[slowest].sum()),
    )


def _critical(trace: Trace, stage: int, parts: TaskParts) -> I8:
    """(queries that left the stage,) the task of each whose answer closed it, of those that were served."""
    query = parts.query
    is_critical = (trace.critical_shard[stage, query] == parts.shard) & (trace.leave_ns[stage, query] >= 0)
    is_critical &= trace.critical_enqueue_ns[stage, query] == parts.enqueue_ns
    is_critical &= trace.critical_wait_ns[stage, query] == parts.of[WAITING]
    is_critical &= trace.critical_service_ns[stage, query] == parts.service_ns
    rows = np.flatnonzero(is_critical)
    return np.asarray(rows[np.unique(query[rows], return_index=True)[1]])  # two copies may have done the same


@dataclass(frozen=True)
class Cause:
    """What one cause makes of a stage's tasks."""

    name: str
    of_service: Interval  #: its share of the variance of service times
    expected: float | None  #: the same in closed form
    of_response: Interval  #: its share of the variance of waiting and service
    more: Interval  #: what it adds to the critical tasks of the slowest queries, in seconds


@dataclass(frozen=True)
class StageCauses:
    """A stage's tasks by cause."""

    stage: str
    tasks: int  #: of measured queries, that were served to their end
    service_cv: Interval
    response_cv: Interval
    slowest: int  #: queries looked at
    latency: Interval  #: of the slowest queries in the stage, in seconds
    usual: Interval  #: mean response of a task
    besides: Interval  #: what is none of the tasks: network, sending, copies sent later, merge
    causes: tuple[Cause, ...]  #: the last is what several make together

    def to_dict(self) -> run.Causes:
        """As the reference of documents lays out."""
        return {
            "stage": self.stage,
            "tasks": self.tasks,
            "service_cv": self.service_cv.to_dict(),
            "response_cv": self.response_cv.to_dict(),
            "by_cause": [
                {
                    "cause": one.name,
                    "of_service": one.of_service.to_dict(),
                    "of_service_in_theory": one.expected,
                    "of_response": one.of_response.to_dict(),
                    "slowest_s": one.more.to_dict(),
                }
                for one in self.causes
            ],
            "slowest": {
                "queries": self.slowest,
                "latency_s": self.latency.to_dict(),
                "mean_task_s": self.usual.to_dict(),
                "besides_s": self.besides.to_dict(),
            },
        }


def stage_causes(name: str, sums: Sequence[StageSums], expected: Mapping[str, float] | None) -> StageCauses:
    """A stage over all replications, one at least; ``expected``: shares of the variance of service times by cause."""
    squares = np.array([one.squares for one in sums])
    of_service, of_response = squares[:, PARTS], squares[:, PARTS + 1]
    tasks, slowest = (np.array([getattr(one, of) for one in sums], dtype=np.float64) for of in ("tasks", "slowest"))
    more_s = np.array([one.more_ns for one in sums]) * S_PER_NS
    usual_s, besides_s, latency_s = (
        np.array([getattr(one, of) for one in sums]) * S_PER_NS for of in ("usual_ns", "besides_ns", "latency_ns")
    )
    causes = []
    for place, cause in enumerate((*CAUSES, TOGETHER)):
        if cause == TOGETHER:
            apart = of_service - squares[:, :WAITING].sum(axis=1), of_response - squares[:, :PARTS].sum(axis=1)
            more = NOTHING
        else:
            apart = squares[:, place] * (place != WAITING), squares[:, place]
            more = _over(more_s[:, place], slowest)
        causes.append(
            Cause(
                name=cause,
                of_service=NOTHING if cause == CAUSES[WAITING] else _share(cause, apart[0], of_service, tasks),
                expected=None if expected is None else expected.get(cause),
                of_response=_share(cause, apart[1], of_response, tasks),
                more=more,
            )
        )
    return StageCauses(
        stage=name,
        tasks=int(tasks.sum()),
        service_cv=_cv(of_service, [one.service_ns for one in sums], tasks),
        response_cv=_cv(of_response, [one.response_ns for one in sums], tasks),
        slowest=int(slowest.sum()),
        latency=_over(latency_s, slowest),
        usual=_over(usual_s, slowest),
        besides=_over(besides_s, slowest),
        causes=tuple(causes),
    )


def _share(cause: str, part: F8, whole: F8, tasks: F8) -> Interval:
    """Of a variance; none where there is no more than rounding. What several causes make may be negative."""
    share = NOTHING if whole.sum() < ROUNDING_NS2 * tasks.sum() else _over(part, whole)
    return share if cause == TOGETHER else share.at_least_0()


def _over(amounts: F8, weights: F8) -> Interval:
    """Sum of amounts over sum of weights, with its interval."""
    return _interval(ratio_left_out(amounts, weights))


def _cv(squares: F8, sums_ns: Sequence[float], tasks: F8) -> Interval:
    """Coefficient of variation: root of the pooled variance over the mean."""
    variance, mean = ratio_left_out(squares, tasks), ratio_left_out(sums_ns, tasks)
    with np.errstate(invalid="ignore"):
        return _interval(LeftOut(float(np.sqrt(variance.value)) / mean.value, np.sqrt(variance.without) / mean.without))


def _interval(figure: LeftOut) -> Interval:
    """A figure with the interval of a jackknife over replications."""
    if not np.isfinite(figure.value):
        return NOTHING
    return paired(LeftOut(0.0, np.zeros(figure.replications)), figure).absolute
