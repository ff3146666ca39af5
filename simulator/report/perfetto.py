"""Queries one by one in the trace-event format, which ui.perfetto.dev and chrome://tracing open.

A process for queries, with a thread for each attempt: its stages, and their merging, inside each other. A process for
each stage, with a thread for each worker that served them. Waiting, and service by workers that are shared, overlap, so
they are asynchronous slices of the stage. Arrows go from a stage's beginning to the service of a task, and from there
to the instant of its answer, where that counts.

Source: Trace Event Format (Google, 2016), https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simulator.core import copy_states
from simulator.running.spans import Span, Spans

Event = dict[str, Any]

#: States of copies that were turned away, or lost with their replica.
ENDED = (copy_states.STATES[copy_states.REFUSED], copy_states.STATES[copy_states.LOST])
#: The process of queries; that of stage i is i + 2.
QUERIES, OF_STAGES = 1, 2


def perfetto(spans: Spans) -> dict[str, Any]:
    """The document. Instants and durations are us of the run, with ns behind the point: exact for a hundred days."""
    events = [*_names(spans), *sorted(_events(spans), key=lambda event: (event["ts"], -event.get("dur", 0.0)))]
    return {
        "displayTimeUnit": "ms",
        "otherData": {
            "scenario": spans.scenario.name,
            "seed": spans.scenario.run.seed,
            "replication": spans.replication,
        },
        "traceEvents": events,
    }


def _names(spans: Spans) -> Iterator[Event]:
    """What processes and threads are called, and in which order they stand."""
    yield _meta("process_name", QUERIES, 0, {"name": "queries"})
    yield _meta("process_sort_index", QUERIES, 0, {"sort_index": 0})
    for place, stage in enumerate(spans.scenario.stages):
        yield _meta("process_name", place + OF_STAGES, 0, {"name": stage.name})
        yield _meta("process_sort_index", place + OF_STAGES, 0, {"sort_index": place + 1})
    for thread, (query, attempt) in enumerate(_attempts(spans), 1):
        name = f"{query.name} ({query.said['why']})" + (f", {attempt.name}" if len(query.parts) > 1 else "")
        yield _meta("thread_name", QUERIES, thread, {"name": name})
    served = (one for query in spans.queries for one in query.walk() if one.kind == "service" and one.worker >= 0)
    for index, replica, worker in sorted({(one.stage, one.replica, one.worker) for one in served}):
        shard, of_shard = divmod(replica, spans.stages[index][1])
        name = f"shard {shard} replica {of_shard} worker {worker}"
        yield _meta("thread_name", index + OF_STAGES, _lane(spans, index, replica, worker), {"name": name})


def _attempts(spans: Spans) -> Iterator[tuple[Span, Span]]:
    for query in spans.queries:
        for attempt in query.parts:
            yield query, attempt


def _lane(spans: Spans, stage: int, replica: int, worker: int) -> int:
    """Number of a worker within its stage, from 1 on."""
    return 1 + replica * int(spans.scenario.stages[stage].workers) + worker


def _events(spans: Spans) -> Iterator[Event]:
    number = 0
    for thread, (query, attempt) in enumerate(_attempts(spans), 1):
        yield _slice(query.name, attempt, QUERIES, thread, {**query.said, **attempt.said})
        if "gives_up_ns" in attempt.said:
            yield {"name": "gives up", "ph": "i", "s": "t", **_at(int(attempt.said["gives_up_ns"]), QUERIES, thread)}
        for stage in attempt.parts:
            yield _slice(stage.name, stage, QUERIES, thread, stage.said)
            for part in stage.parts:
                if part.kind == "merge":
                    yield _slice(part.name, part, QUERIES, thread, part.said)
                    continue
                number += 1
                yield from _task(spans, part, {"query": query.said["query"], **part.said}, number)
                yield from _arrows(spans, stage, part, thread, number)
                if part.said["state"] in ENDED:
                    name = f"{part.name}: {part.said['state']}"
                    yield {"name": name, "ph": "i", "s": "t", **_at(part.end_ns, QUERIES, thread)}


def _task(spans: Spans, task: Span, said: dict[str, Any], number: int) -> Iterator[Event]:
    """What became of a copy: its waiting, and its service."""
    process = task.stage + OF_STAGES
    for part in task.parts:
        name = task.name if part.kind == "service" else f"{task.name}: {part.name}"
        if part.kind == "wait" or part.worker < 0:
            if part.end_ns == part.begin_ns:
                continue  # it did not wait
            whole = {"name": name, "cat": part.kind, "id": number}
            yield {**whole, "ph": "b", "args": said, **_at(part.begin_ns, process, 0)}
            yield {**whole, "ph": "e", **_at(part.end_ns, process, 0)}
        else:
            lane = _lane(spans, part.stage, part.replica, part.worker)
            yield _slice(name, part, process, lane, {**said, **part.said})


def _arrows(spans: Spans, stage: Span, task: Span, thread: int, number: int) -> Iterator[Event]:
    """From the stage's beginning to the service of a copy, and on to its answer, where that counts."""
    served = next((part for part in task.parts if part.kind == "service" and part.worker >= 0), None)
    if served is None or stage.end_ns == stage.begin_ns or served.end_ns == served.begin_ns:
        return
    lane = _lane(spans, served.stage, served.replica, served.worker)
    whole = {"name": "task", "cat": "flow", "id": number}
    yield {**whole, "ph": "s", **_at(stage.begin_ns, QUERIES, thread)}
    there = {**whole, "bp": "e", **_at(served.begin_ns, task.stage + OF_STAGES, lane)}
    if not task.said["counts"]:
        yield {**there, "ph": "f"}
        return
    yield {**there, "ph": "t"}
    answer_ns = min(int(task.said["answer_ns"]), stage.end_ns - 1)  # inside the slice, which its end is not
    yield {**whole, "ph": "f", "bp": "e", **_at(answer_ns, QUERIES, thread)}


def _slice(name: str, span: Span, process: int, thread: int, said: dict[str, Any]) -> Event:
    length = {"dur": (span.end_ns - span.begin_ns) / 1000}
    return {"name": name, "cat": span.kind, "ph": "X", **_at(span.begin_ns, process, thread), **length, "args": said}


def _at(instant_ns: int, process: int, thread: int) -> Event:
    return {"ts": instant_ns / 1000, "pid": process, "tid": thread}


def _meta(name: str, process: int, thread: int, said: dict[str, Any]) -> Event:
    return {"name": name, "ph": "M", "ts": 0, "pid": process, "tid": thread, "args": said}
