"""Every query of a run: as the file that is read back, and as a CSV for other programs."""

import csv
import gzip
import io
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from simulator.core import columns as by
from simulator.core.columns import COMPLETE, FAILED, HIT, PARTIAL, SHED, SKIPPED, TIMED_OUT, UNFINISHED
from simulator.core.plan import F8, I8
from simulator.core.retrying import numbers_of
from simulator.core.trace import COUNTERS, QUERY_COLUMNS, WINDOW, Trace

#: Queries that are turned into text at a time: memory does not depend on how many there are.
CHUNK = 10_000

_NS_PER_S = 10**9
_OUTCOMES = {
    COMPLETE: "complete",
    PARTIAL: "partial",
    FAILED: "failed",
    SHED: "shed",
    TIMED_OUT: "timed_out",
    UNFINISHED: "unfinished",
}

#: Whether a cache had the answer, by the outcome of its stage; of all others: no.
_LOOKED = {HIT: "true", SKIPPED: "", UNFINISHED: ""}

#: Who shed it.
_BY = {by.ADMITTED: "", by.BY_DOOR: "door", by.BY_LIMIT: "limit", by.BY_BREAKER: "breaker"}

#: What follows from other columns, for whoever reads the file with other programs.
DERIVED = ("completion_ns", "enter_ns", "critical_response_ns")

#: Columns of a query that only some runs have.
OF_SOME = ("client_of", "query_of", "gives_up_ns", "shed_by")

#: How many replicas serve, where an autoscaler says so.
PROVIDED = "provided"

#: Columns of a query, and of each of its stages, behind the stage's name and a dot.
QUERY = ("replication", "query", "measured", "arrival_s", "latency_s", "outcome")
STAGE = ("wait_s", "service_s", "response_s", "latency_s", "critical_shard", "candidates")


def write_queries_npz(traces: dict[int, Trace], file: Path) -> None:
    """Write the queries of all replications as an ``.npz`` file, warm-up included; a column at a time.

    ``replication`` and ``measured`` (queries,), and OF_SOME where there is such; the columns of the Trace,
    (queries,) or (stages, queries), in ns; -1 where an instant was not reached; then the counters of replicas,
    (replications, replicas), and the window, (replications,). Where replicas come and go ``provided``, (4, steps):
    of each its replication, stage, from when on it counts, and how many serve then.
    """
    ordered = [traces[replication] for replication in sorted(traces)]

    def column(name: str) -> Any:
        if name == "replication":
            return np.concatenate([np.full(len(traces[r].arrival_ns), r) for r in sorted(traces)])
        if name == "measured":
            return np.concatenate([np.arange(len(trace.arrival_ns)) >= trace.first_measured for trace in ordered])
        columns = [getattr(trace, name) for trace in ordered]
        if name == PROVIDED:
            pairs = zip(sorted(traces), columns, strict=True)
            return np.concatenate([np.vstack([np.full(one.shape[1], r), one]) for r, one in pairs], axis=1)
        if name == "coverage" and any(map(len, columns)):  # of replications in which nobody was shed, all is covered
            whole = (np.where(trace.close_ns >= 0, 1.0, -1.0) for trace in ordered)
            columns = [one if len(one) else all_of_it for one, all_of_it in zip(columns, whole, strict=True)]
        if name in WINDOW:
            return np.array(columns, dtype=np.int64)
        if name in COUNTERS:
            return np.stack(columns)
        if len(columns) == 1:
            return columns[0]  # no second copy of a long one
        return np.concatenate(columns, axis=-1)

    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        whose = tuple(name for name in OF_SOME if len(getattr(ordered[0], name)))
        steps = (PROVIDED,) if any(trace.provided.size for trace in ordered) else ()
        for name in ("replication", "measured", *whose, *QUERY_COLUMNS, *DERIVED, *COUNTERS, *WINDOW, *steps):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as part:
                np.lib.format.write_array(part, column(name), allow_pickle=False)


@contextmanager
def opened(file: Path, compress: bool) -> Iterator[io.TextIOWrapper]:
    """A file for text, packed or not: the same bytes whenever it is written."""
    with ExitStack() as open_files:
        out: Any = open_files.enter_context(file.open("wb"))
        if compress:
            packed = gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=out, mtime=0)
            out = open_files.enter_context(packed)
        yield open_files.enter_context(io.TextIOWrapper(out, encoding="utf-8", newline=""))


def write_queries_csv(
    traces: dict[int, Trace],
    stages: Sequence[str],
    classes: Mapping[int, Sequence[str]] | None,
    compress: bool,
    file: Path,
    *,
    cached: Collection[int] = (),
) -> None:
    """Write the queries of all replications, warm-up included: a row each, in order of replication and arrival.

    Seconds are exact decimals of the nanoseconds of the run. What was not reached is empty. ``wait_s``, ``service_s``
    and ``response_s`` are those of the critical task, whose answer closed the stage; ``latency_s`` is the stage's.
    ``classes``: of each query of a replication the name of its class, which then stands behind what is said of all; so
    does its client, where these wait. ``cached``: places of stages with a cache, which also say who hit.
    """
    is_closed = any(len(trace.client_of) for trace in traces.values())
    is_sent_again = any(len(trace.query_of) for trace in traces.values())
    is_shed_by = any(len(trace.shed_by) for trace in traces.values())
    with opened(file, compress) as text:
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(
            [
                *QUERY,
                *([] if classes is None else ["class"]),
                *(["client"] if is_closed else []),
                *(["of_query", "attempt"] if is_sent_again else []),
                *(["shed_by"] if is_shed_by else []),
                *(f"{stage}.{one}" for place, stage in enumerate(stages) for one in _of_stage(place, cached)),
            ]
        )
        for replication in sorted(traces):
            trace = traces[replication]
            whose = (trace.query_of, numbers_of(trace.query_of)) if is_sent_again else ()
            for first in range(0, len(trace.arrival_ns), CHUNK):
                end = min(first + CHUNK, len(trace.arrival_ns))
                further: list[Any] = [] if classes is None else [classes[replication][first:end]]
                further += (
                    [["" if who < 0 else str(who) for who in trace.client_of[first:end].tolist()]] if is_closed else []
                )
                further += [column[first:end].tolist() for column in whose] if is_sent_again else []
                further += [[_BY[whom] for whom in trace.shed_by[first:end].tolist()]] if is_shed_by else []
                rows.writerows(_rows(replication, trace, first, end, further, cached))


def _of_stage(place: int, cached: Collection[int]) -> tuple[str, ...]:
    return (*STAGE, "hit") if place in cached else STAGE


def _rows(
    replication: int, trace: Trace, first: int, end: int, further: list[Sequence[str]], cached: Collection[int] = ()
) -> Iterator[tuple[Any, ...]]:
    """Queries ``first`` to ``end`` (not included); ``further``: columns before those of the stages."""
    part = slice(first, end)
    arrival_ns = trace.arrival_ns[part]
    columns: list[Sequence[Any]] = [
        [replication] * (end - first),
        range(first, end),
        ["true" if query >= trace.first_measured else "false" for query in range(first, end)],
        seconds(arrival_ns),
        seconds(_between(arrival_ns, trace.completion_ns[part])),
        [_OUTCOMES[outcome] for outcome in trace.outcome[part].tolist()],
        *further,
    ]
    for stage in range(len(trace.leave_ns)):
        leave_ns = trace.leave_ns[stage, part]
        columns += [
            seconds(trace.critical_wait_ns[stage, part]),
            seconds(trace.critical_service_ns[stage, part]),
            seconds(trace.response_ns(stage, part)),
            seconds(_between(trace.entered_ns(stage)[part], leave_ns)),
            ["" if shard < 0 else shard for shard in trace.critical_shard[stage, part].tolist()],
            numbers(trace.candidates[stage, part]),
        ]
        if stage in cached:
            outcomes = trace.stage_outcome[stage, part].tolist()
            columns.append([_LOOKED.get(outcome, "false") for outcome in outcomes])
    return zip(*columns, strict=True)


def _between(enter_ns: I8, leave_ns: I8) -> I8:
    """Time from one instant to the other; -1 where either was not reached."""
    return np.where((leave_ns < 0) | (enter_ns < 0), -1, leave_ns - enter_ns)


def seconds(durations_ns: I8) -> list[str]:
    """Nanoseconds as decimal seconds, nine places; empty where negative.

    >>> seconds(np.array([0, 1_500_000_000, 1, -1, 2**62]))
    ['0.000000000', '1.500000000', '0.000000001', '', '4611686018.427387904']
    """
    whole, part = np.divmod(durations_ns, _NS_PER_S)
    pairs = zip(whole.tolist(), part.tolist(), strict=True)
    return [f"{second}.{nanoseconds:09d}" if second >= 0 else "" for second, nanoseconds in pairs]


def numbers(values: F8) -> list[str]:
    """Numbers that are read back as the same, whole ones without a point; empty where negative.

    >>> numbers(np.array([500.0, 0.5, -1.0, 1e8]))
    ['500', '0.5', '', '100000000']
    """
    return ["" if value < 0 else repr(value).removesuffix(".0") for value in values.tolist()]
