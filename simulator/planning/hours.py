"""What is compared of stages whose replicas come and go: by the time in which each serves."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator.core.plan import F8
from simulator.core.trace import Trace
from simulator.planner.fleet import S_PER_H
from simulator.stats import paired, scaled

S_PER_NS = 1e-9


def is_scaled(stage: Any) -> bool:
    """Whether a document says of a stage that an autoscaler scales it."""
    return "autoscale" in stage


def lasts_s(traces: Sequence[Trace]) -> F8:
    """(replications,) length of the window in seconds."""
    return np.array([trace.window_end_ns - trace.window_begin_ns for trace in traces]) * S_PER_NS


def serves_s(traces: Sequence[Trace], at: int, stage: Any) -> F8:
    """(replications, replicas) for how long each replica of a stage, by index and as of a document, serves."""
    left = np.full(stage["shards"], stage["replicas"])
    return np.array([scaled.served_of(trace, at, left, stage["replicas"]) for trace in traces]) * S_PER_NS


def busy_s(traces: Sequence[Trace], at: int, stage: Any, first: int) -> tuple[F8, F8]:
    """(replications, replicas) busy time inside the window, and (replications,) its mean, as a run says both.

    ``first``: of its replicas, among all. Of a stage that is scaled as if each went on as while it is there.
    """
    here = slice(first, first + stage["shards"] * stage["replicas"])
    busy = np.array([trace.window_busy_ns[here] for trace in traces]) * S_PER_NS
    if not is_scaled(stage):
        return busy, busy.sum(axis=1) / stage["replicas_left"]
    there = scaled.while_there(busy, serves_s(traces, at, stage), stage["workers"])
    window_s = lasts_s(traces)
    return scaled.as_if_there(busy, there, window_s[:, np.newaxis]), busy.sum(axis=1) * window_s / there.sum(axis=1)


def replica_hours(traces: Sequence[Trace], at: int, stage: Any) -> paired.LeftOut:
    """In which a replica serves inside the window of a replication, in the mean over these."""
    all_s = stage["replicas_left"] * lasts_s(traces)
    each = serves_s(traces, at, stage).sum(axis=1) if is_scaled(stage) else all_s
    return paired.ratio_left_out(each / S_PER_H, np.ones(len(traces)))


def spent(traces: Sequence[Trace], document: Any) -> F8 | None:
    """(replications,) USD that a fleet costs inside the window; None: not priced, or nobody comes and goes."""
    fleet, window_s = document["fleet"], lasts_s(traces)
    if fleet["usd_per_h"] is None or not any(map(is_scaled, document["stages"])):
        return None
    usd = np.zeros(len(traces))
    for at, (stage, machines) in enumerate(zip(document["stages"], fleet["stages"], strict=True)):
        if is_scaled(stage):
            of_all = stage["shards"] * stage["replicas"] * machines["provided_ratio"]
            usd += machines["usd_per_h"] * serves_s(traces, at, stage).sum(axis=1) / of_all
        else:
            usd += machines["usd_per_h"] * window_s
    return np.asarray(usd / S_PER_H)


def are_steps(steps: Any, document: Any) -> bool:
    """Whether (4, steps) of a file are of the stages that are scaled: from the begin on, in order, no more than may."""
    if steps.dtype != np.int64 or steps.ndim != 2 or steps.shape[0] != 4:
        return False
    scaled_ones = {at: one["replicas"] for at, one in enumerate(document["stages"]) if is_scaled(one)}
    known = 0
    for replication in document["provenance"]["replications"] if scaled_ones else ():
        for stage, replicas in scaled_ones.items():
            from_ns, count = steps[2:, (steps[0] == replication) & (steps[1] == stage)]
            known += len(count)
            if not len(count) or from_ns[0] != 0 or (np.diff(from_ns) <= 0).any():
                return False
            if count.min() < 1 or count.max() > replicas:
                return False
    return not scaled_ones or known == steps.shape[1]
