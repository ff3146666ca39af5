"""Queries one by one as spans of OpenTelemetry: OTLP as JSON, which collectors and trace stores take.

A trace a query: its attempts, their stages, the tasks of each, and of these waiting and service. What a query does is
of the service that bears the scenario's name, tasks are of one that bears the stage's, too.

Source: OTLP 1.0, https://opentelemetry.io/docs/specs/otlp/ (JSON Protobuf encoding: ids in hex, 64-bit numbers as text)
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Any

from simulator.running.spans import Span, Spans

#: Instant 0 of a run, in ns of Unix time: 2000-01-01, midnight UTC. It had none, and stores refuse 1970.
BEGIN_NS = 946_684_800 * 10**9

#: Kinds of spans as the protocol numbers them, of what is served and what is asked; and of parts inside.
_KINDS, _INTERNAL = {"query": 2, "task": 2, "attempt": 3}, 1
#: Status of what ended in an error.
_ERROR = 2
#: Outcomes that are errors to whoever asked.
_BAD = ("shed", "timed_out", "failed")


def opentelemetry(spans: Spans) -> dict[str, Any]:
    """The document: a resource for the scenario, and one for each stage that served a task."""
    by_service: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for query in spans.queries:
        luck = f"{spans.scenario.sha256()}/{spans.scenario.run.seed}/{spans.replication}/{query.said['query']}"
        _collect(spans, query, hashlib.sha256(luck.encode()).hexdigest()[:32], "", luck, by_service)
    return {"resourceSpans": [_resource(spans, service, found) for service, found in by_service.items()]}


def _resource(spans: Spans, service: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    said = {
        "service.name": service,
        "shardsim.scenario": spans.scenario.name,
        "shardsim.seed": spans.scenario.run.seed,
        "shardsim.replication": spans.replication,
    }
    return {
        "resource": {"attributes": _attributes(said)},
        "scopeSpans": [{"scope": {"name": "shardsim"}, "spans": found}],
    }


def _collect(
    spans: Spans, span: Span, trace: str, parent: str, path: str, by_service: dict[str, list[dict[str, Any]]]
) -> None:
    """A span and all that it is made of; ``path``: what its name is made from, which no other has."""
    own = hashlib.sha256(path.encode()).hexdigest()[32:48]
    service = spans.scenario.name
    if span.kind in ("task", "wait", "service", "after"):
        service = f"{spans.scenario.name}/{spans.scenario.stages[span.stage].name}"
    said = {f"shardsim.{name}": value for name, value in span.said.items()}
    if span.worker >= 0:
        said["shardsim.worker"] = span.worker
    written: dict[str, Any] = {
        "traceId": trace,
        "spanId": own,
        **({"parentSpanId": parent} if parent else {}),
        "name": span.name,
        "kind": _KINDS.get(span.kind, _INTERNAL),
        "startTimeUnixNano": str(BEGIN_NS + span.begin_ns),
        "endTimeUnixNano": str(BEGIN_NS + span.end_ns),
        "attributes": _attributes({"shardsim.kind": span.kind, **said}),
    }
    if span.said.get("outcome") in _BAD:
        written["status"] = {"code": _ERROR, "message": span.said["outcome"]}
    by_service[service].append(written)
    for place, part in enumerate(span.parts):
        _collect(spans, part, trace, own, f"{path}/{place}", by_service)


def _attributes(said: dict[str, Any]) -> list[dict[str, Any]]:
    """Names and values, each with its type."""
    return [{"key": name, "value": _typed(value)} for name, value in said.items()]


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"stringValue": str(value)}
