"""What came of stages that do not need all of their answers: coverage, partial answers, copies, work for nobody."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.core.columns import FAILED, HIT, PARTIAL, SHED
from simulator.core.plan import F8, I8
from simulator.core.stage_view import StageView
from simulator.core.trace import Trace
from simulator.documents import parts, run
from simulator.stats import scaled
from simulator.stats.means import Interval, ratio_interval
from simulator.stats.quantiles import Series, Share
from simulator.stats.share import Layout
from simulator.theory.slow import up_ratios

S_PER_NS = 1e-9


def covered(trace: Trace, stage: int | None) -> tuple[float, int]:
    """Sum of coverage over measured queries that are over in a stage, or whole ones (None), and how many these are.

    Coverage of a query is the product over its stages; of one that has failed, or was shed, it is 0.
    """
    first = trace.first_measured
    if stage is not None:
        coverage = trace.coverage[stage, first:] if len(trace.coverage) else np.ones(trace.measured)
        closed = trace.close_ns[stage, first:] >= 0
        return float(coverage[closed].sum()), int(np.count_nonzero(closed))
    answered, failed = trace.is_answered(slice(first, None)), np.isin(trace.outcome[first:], (FAILED, SHED))
    ended = int(np.count_nonzero(answered | failed))
    if not len(trace.coverage):
        return float(np.count_nonzero(answered)), ended
    coverage = trace.coverage[:, first:]
    return float(np.where(coverage < 0, 1.0, coverage).prod(axis=0)[answered].sum()), ended  # below 0: passed by


def coverage_of(sums: Sequence[tuple[float, int]]) -> Interval:
    """Mean coverage, of what ``covered`` says of each replication."""
    total, count = zip(*sums, strict=True)
    return ratio_interval(total, count).within_0_and_1()


def coverage(traces: Sequence[Trace], stage: int | None) -> Interval:
    """Mean coverage of a stage, or of whole queries (None)."""
    return coverage_of([covered(trace, stage) for trace in traces])


def is_partial(trace: Trace) -> NDArray[np.bool_]:
    """(measured,) whether the answer of a query is partial."""
    return np.asarray(trace.outcome[trace.first_measured :] == PARTIAL)


def partial_ratio(partial: Sequence[NDArray[np.bool_]], layout: Layout) -> Share:
    """Share of measured queries whose answer is partial; ``partial``: of each replication."""
    return Series(np.concatenate(partial).astype(np.float64), layout).share(0.5, inclusive=True)


def whole(traces: Sequence[Trace], layout: Layout, stages: Iterable[StageView]) -> run.Gathered | None:
    """What is said of whole queries; None where every stage waits for all of its answers."""
    if not any(stage.is_partial for stage in stages):
        return None
    return {
        "coverage": coverage(traces, None).to_dict(),
        "partial_ratio": partial_ratio([is_partial(trace) for trace in traces], layout).to_dict(),
    }


def hits(trace: Trace, stage: int) -> tuple[int, int]:
    """Measured queries whose answer the cache of a stage had, and those that entered the stage."""
    measured = slice(trace.first_measured, None)
    is_hit = trace.stage_outcome[stage, measured] == HIT if len(trace.coverage) else np.zeros(0)
    return int(np.count_nonzero(is_hit)), int(np.count_nonzero(trace.candidates[stage, measured] >= 0))


def hit_ratio_of(counts: Sequence[tuple[int, int]]) -> Interval:
    """Share of the queries that look into a cache whose answer it has, of what ``hits`` says of each replication."""
    found, entered = zip(*counts, strict=True)
    return ratio_interval(found, entered).within_0_and_1()


def hit_ratio(traces: Sequence[Trace], stage: StageView) -> Interval:
    """The same of a stage of some replications."""
    return hit_ratio_of([hits(trace, stage.index) for trace in traces])


def of_answers(traces: Sequence[Trace], stage: StageView) -> run.Merging:
    """What is said of a stage that not all take, that has a cache, does not need all answers, sends copies, crashes."""
    said: run.Merging = {}
    if stage.is_cached:
        said["hit_ratio"] = hit_ratio(traces, stage).to_dict()
    if stage.may_be_passed:
        said["taken_ratio"] = _per(_entered(traces, stage), _come(traces, stage))
    gather, hedge, failures = of_stage(traces, stage), copies_of_stage(traces, stage), crashes_of_stage(traces, stage)
    if gather is not None:
        said["gather"] = gather
    if hedge is not None:
        said["hedge"] = hedge
    if failures is not None:
        said["failures"] = failures
    if (serving := scaled.of_stage(traces, stage)) is not None:
        said["autoscale"] = serving
    return said


def of_stage(traces: Sequence[Trace], stage: StageView) -> run.Gathering | None:
    """What is said of a stage; None where it waits for all of its answers."""
    if not stage.is_partial:
        return None
    outcomes = [trace.stage_outcome[stage.index, trace.first_measured :] for trace in traces]
    entered = _entered(traces, stage)
    said: run.Gathering = {
        "coverage": coverage(traces, stage.index).to_dict(),
        "partial_ratio": _per([np.count_nonzero(outcome == PARTIAL) for outcome in outcomes], entered),
        "failed_ratio": _per([np.count_nonzero(outcome == FAILED) for outcome in outcomes], entered),
        **_unneeded(traces, stage),
        **_refused(traces, stage),
    }
    return said


def copies_of_stage(traces: Sequence[Trace], stage: StageView) -> run.Hedging | None:
    """What is said of the copies that a stage sends; None where it sends none."""
    if not stage.sends_copies:
        return None
    hedged = _counted(traces, stage, "hedged")
    copies = ratio_interval(hedged, _sent(traces, stage) - hedged)
    said: run.Hedging = {
        "after_s": stage.hedge_ns * S_PER_NS,
        "copies_ratio": copies.at_least_0().to_dict(),
        **_unneeded(traces, stage),
    }
    return said


def crashes_of_stage(traces: Sequence[Trace], stage: StageView) -> run.Failing | None:
    """What is said of the crashes of a stage; None where there are none."""
    if not stage.fails:
        return None
    here = stage.is_left.ravel()
    down_ns = np.array([trace.down_ns[stage.replica_slice][here] for trace in traces], dtype=np.float64)
    window_ns = np.array([trace.window_end_ns - trace.window_begin_ns for trace in traces], dtype=np.float64)
    whole_ns, (up_ratio, all_up_ratio) = float(window_ns.sum()), up_ratios(stage)
    losing: run.Losing = {}
    if stage.loses:
        sent = _sent(traces, stage)
        losing = {
            "lost_ratio": _per(_counted(traces, stage, "lost"), sent),
            "resent_ratio": _per(_counted(traces, stage, "resent"), sent),
            "lost_work_ratio": _per(_counted(traces, stage, "lost_ns"), _counted(traces, stage, "busy_ns")),
        }
    said: run.Failing = {
        **losing,
        "lose": stage.lose,
        "detect_s": stage.detect_ns * S_PER_NS,
        "up_ratio": up_ratio,
        "all_up_ratio": all_up_ratio,
        "down_ratio": _per(down_ns.mean(axis=1), window_ns),
        "most_down": float(down_ns.sum(axis=0).max() / whole_ns) if whole_ns > 0 else None,
    }
    return said


def _per(counts: Any, of: Any) -> parts.Interval:
    return ratio_interval(counts, of).within_0_and_1().to_dict()


def _entered(traces: Sequence[Trace], stage: StageView) -> I8:
    """(replications,) measured queries that entered a stage."""
    return np.array([np.count_nonzero(trace.candidates[stage.index, trace.first_measured :] >= 0) for trace in traces])


def _come(traces: Sequence[Trace], stage: StageView) -> I8:
    """(replications,) measured queries that entered a stage, or passed it by."""
    passed = [np.count_nonzero(trace.passes_by(stage.index, slice(trace.first_measured, None))) for trace in traces]
    return np.asarray(_entered(traces, stage) + np.array(passed))


def _counted(traces: Sequence[Trace], stage: StageView, name: str) -> F8:
    """(replications,) a counter of replicas, over those of a stage."""
    return np.array([getattr(trace, name)[stage.replica_slice].sum(dtype=np.float64) for trace in traces])


def _refused(traces: Sequence[Trace], stage: StageView) -> run.Refusing:
    """How many tasks came to full queues, where these may be."""
    if not stage.is_limited:
        return {}
    return {"refused_ratio": _per(_counted(traces, stage, "refused"), _sent(traces, stage))}


def _sent(traces: Sequence[Trace], stage: StageView) -> F8:
    """(replications,) tasks of measured queries that were sent, copies among them.

    Where queries do not visit as many shards, or caches answer some, those whose end is known: all, but for those that
    a cut run leaves.
    """
    if stage.has_fixed_visits and not stage.is_cached:
        again = _counted(traces, stage, "hedged") + _counted(traces, stage, "resent")
        return np.asarray(_entered(traces, stage) * stage.least_visits + again)
    ends = [_counted(traces, stage, end) for end in ("tasks", "stopped", "withdrawn", "refused", "lost")]
    return np.asarray(np.sum(ends, axis=0))


def _unneeded(traces: Sequence[Trace], stage: StageView) -> run.Unneeded:
    """What became of tasks and copies that nobody needed: of all that were sent, and of busy time."""
    sent = _sent(traces, stage)
    return {
        "late_ratio": _per(_counted(traces, stage, "late"), sent),
        "withdrawn_ratio": _per(_counted(traces, stage, "withdrawn"), sent),
        "stopped_ratio": _per(_counted(traces, stage, "stopped"), sent),
        "wasted_ratio": _per(_counted(traces, stage, "wasted_ns"), _counted(traces, stage, "busy_ns")),
    }
