"""What is written for other programs: single queries equal the table of tasks, and every format is what it says."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest

from simulator import ScenarioError, export, load_scenario, scenario_from_dict, simulate, spans
from simulator.base.errors import UnavailableError
from simulator.cli.export import FORMATS
from simulator.core.copy_states import LOST, REFUSED, STATES, WITHDRAWN
from simulator.report import exports, expositions, opentelemetry, perfetto
from simulator.report.opentelemetry import BEGIN_NS
from simulator.running.spans import DRAWN, SLOWEST
from simulator.scenario.gallery import templates
from simulator.stats.attempts import as_queries

SMALL = {"name": "small", "load": {"rate": "60/s"}, "run": {"queries": 300, "replications": 2}}
SERVER = {"name": "server", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}}
LINEAR = {"kind": "linear", "per_item": "100us"}
CRASHES = {"every": {"kind": "exponential", "mean": "1s"}, "repair": "200ms", "detect": "50ms"}
#: What does something to copies of tasks, each in a scenario of its own.
WAYS = {
    "plain": {"stages": [{**SERVER, "shards": 3, "merge": {"time": "1ms"}}]},
    "hedged": {"stages": [{**SERVER, "replicas": 2, "hedge": {"after": "12ms", "copies": 1, "budget": "50%"}}]},
    "batched": {
        "stages": [{**SERVER, "model": LINEAR, "candidates": 100, "batching": {"max_size": 4, "max_wait": "20ms"}}]
    },
    "shared": {"stages": [{**SERVER, "workers": 2, "sharing": "processor"}]},
    "threads": {"stages": [{**SERVER, "model": LINEAR, "candidates": 100, "workers": 4, "threads": 2}]},
    "after": {"stages": [{**SERVER, "after_answer": "3ms"}]},
    "short": {"stages": [{**SERVER, "queue": {"limit": 1}}]},
    "crash": {"stages": [{**SERVER, "replicas": 2, "failures": CRASHES}]},
    "sources": {
        "stages": [{"name": "two", "sources": [{**SERVER, "shards": 2}, {**SERVER, "name": "b", "replicas": 2}]}]
    },
    "again": {"client": {"timeout": "20ms", "retries": 2, "backoff": "5ms"}, "stages": [{**SERVER, "workers": 2}]},
    "partial": {"stages": [{**SERVER, "shards": 4, "gather": {"wait_for": 3}, "cancel": "running"}]},
}


def seen_of(way, **numbers):
    return spans(scenario_from_dict({**SMALL, **WAYS[way]}), **numbers)


@pytest.mark.parametrize("way", WAYS)
def test_spans_are_the_rows_of_the_table(way):
    """Each copy that came to a replica stands once below its query, with its instants; and nothing else does."""
    seen = seen_of(way, slowest=300)
    table, trace = seen.trace.task_table, seen.trace
    begin_ns = np.where(table.enqueue_ns >= 0, table.enqueue_ns, table.withdrawn_ns)
    rows = defaultdict(set)
    for query in seen.queries:
        for number, attempt in enumerate(query.parts):
            row = np.flatnonzero(trace.query_of == query.said["query"])[number] if len(trace.query_of) else None
            row = query.said["query"] if row is None else int(row)
            assert attempt.begin_ns == trace.arrival_ns[row]
            for stage in attempt.parts:
                assert stage.end_ns == max(trace.leave_ns[stage.stage, row], trace.close_ns[stage.stage, row])
                for task in stage.parts:
                    if task.kind == "task":
                        rows[row, stage.stage].add(_told(task))
    for (row, stage), told in rows.items():
        here = (table.query == row) & (table.stage == stage) & (begin_ns >= 0)
        view = [table.shard, table.copy, table.worker, begin_ns, table.start_ns, table.finish_ns]
        expected = set(zip(*(column[here].tolist() for column in view), strict=True))
        stopped = {(*one[:5], -1) for one in told if one[5] == -1}
        assert told == expected and len(stopped) == sum(one[5] < 0 for one in expected)
    assert rows


#: States of copies that may never have been in a queue.
_UNSEEN = tuple(STATES[state] for state in (REFUSED, LOST, WITHDRAWN))


def _told(task):
    """Shard, copy, worker, and instants of a span: -1 where there is none."""
    by_kind = {part.kind: part for part in task.parts}
    served = by_kind.get("service")
    start_ns = served.begin_ns if served else -1
    finish_ns = served.end_ns if served and not served.said["is_stopped"] else -1
    assert not served or by_kind["wait"].end_ns == start_ns
    assert task.said["state"] in _UNSEEN or by_kind["wait"].begin_ns == task.begin_ns
    return (task.said["shard"], task.said["copy"], task.worker, task.begin_ns, start_ns, finish_ns)


def test_the_slowest_are_the_slowest_and_the_others_come_again():
    seen = seen_of("plain", slowest=5, drawn=7)
    whole = as_queries(seen.trace)
    lasts_ns = whole.completion_ns - whole.arrival_ns
    lasts_ns[: whole.first_measured] = -1
    slowest = [query.said["query"] for query in seen.queries if query.said["why"] == SLOWEST]
    assert sorted(slowest) == sorted(np.argsort(-lasts_ns, kind="stable")[:5].tolist())
    others = [query.said["query"] for query in seen.queries if query.said["why"] == DRAWN]
    assert len(others) == 7 and min(others) >= whole.first_measured
    again = seen_of("plain", slowest=5, drawn=7)
    assert [query.said["query"] for query in again.queries] == [query.said["query"] for query in seen.queries]
    assert seen_of("plain", replication=1).trace.arrival_ns[0] != seen.trace.arrival_ns[0]


@pytest.mark.parametrize("way", WAYS)
def test_a_trace_of_events_is_valid(way):
    """Slices of a thread lie inside each other or apart; what begins ends; arrows begin and end inside slices."""
    document = perfetto.perfetto(seen_of(way))
    events = document["traceEvents"]
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    slices, flows, waits = defaultdict(list), defaultdict(list), defaultdict(list)
    for event in events:
        assert event["ph"] in "MXbestfi" and {"name", "pid", "tid", "ts"} <= event.keys() and event["ts"] >= 0
        where = event["pid"], event["tid"]
        if event["ph"] == "X":
            slices[where].append((round(event["ts"] * 1000), round((event["ts"] + event["dur"]) * 1000)))
        elif event["ph"] in "stf":
            flows[event["id"]].append((event["ph"], where, round(event["ts"] * 1000)))
        elif event["ph"] in "be":
            waits[event["pid"], event["cat"], event["id"]].append(event["ph"])
    for here in slices.values():
        here.sort(key=lambda one: (one[0], -one[1]))
        open_ns = []
        for begin_ns, end_ns in here:
            while open_ns and open_ns[-1] <= begin_ns:
                open_ns.pop()
            assert not open_ns or end_ns <= open_ns[-1], way
            open_ns.append(end_ns)
    for steps in flows.values():
        assert [step[0] for step in steps] in (["s", "t", "f"], ["s", "f"])
        assert all(before[2] <= after[2] for before, after in pairwise(steps))
        for _, where, ts in steps:
            assert any(begin_ns <= ts < end_ns for begin_ns, end_ns in slices[where])
    assert all(phases == ["b", "e"] for phases in waits.values())
    assert flows or way == "shared"
    assert waits


def test_names_are_those_of_stages_and_workers():
    events = perfetto.perfetto(seen_of("hedged", slowest=60, drawn=0))["traceEvents"]
    names = {event["args"]["name"] for event in events if event["name"] in ("process_name", "thread_name")}
    assert {"queries", "server", "shard 0 replica 0 worker 0", "shard 0 replica 1 worker 0"} <= names
    copies = [event for event in events if event["name"] == "shard 0 copy 1" and event["ph"] == "X"]
    assert copies and {event["args"]["copy"] for event in copies} == {1}


@pytest.mark.parametrize("way", WAYS)
def test_spans_of_opentelemetry_form_trees(way):
    seen = seen_of(way)
    document = opentelemetry.opentelemetry(seen)
    found = [one for each in document["resourceSpans"] for one in each["scopeSpans"][0]["spans"]]
    by_id = {one["spanId"]: one for one in found}
    assert len(by_id) == len(found) == sum(1 for query in seen.queries for _ in query.walk())
    assert len({one["traceId"] for one in found}) == len(seen.queries)
    for one in found:
        assert re.fullmatch("[0-9a-f]{32}", one["traceId"]) and re.fullmatch("[0-9a-f]{16}", one["spanId"])
        assert BEGIN_NS <= int(one["startTimeUnixNano"]) <= int(one["endTimeUnixNano"])
        if "parentSpanId" in one:
            assert by_id[one["parentSpanId"]]["traceId"] == one["traceId"]
    roots = [one for one in found if "parentSpanId" not in one]
    assert len(roots) == len(seen.queries)
    starts = sorted(int(one["startTimeUnixNano"]) - BEGIN_NS for one in roots)
    assert starts == [query.begin_ns for query in seen.queries]


def test_a_query_that_was_given_up_is_an_error():
    scenario = scenario_from_dict({**SMALL, "client": {"timeout": "5ms"}, "stages": [SERVER]})
    document = opentelemetry.opentelemetry(spans(scenario))
    found = [one for each in document["resourceSpans"] for one in each["scopeSpans"][0]["spans"]]
    codes = {one["status"]["message"]: one["status"]["code"] for one in found if "status" in one}
    assert codes == {"timed_out": 2}


def test_copies_that_are_turned_away_or_lost_have_no_service():
    states = {STATES[state] for state in (REFUSED, LOST)}
    found, ended_ns = set(), []
    for seen in (seen_of("short", slowest=300), seen_of("crash", slowest=300)):
        for task in (one for query in seen.queries for one in query.walk() if one.kind == "task"):
            if task.said["state"] in states:
                found.add(task.said["state"])
                ended_ns.append(task.end_ns)
                assert not any(part.kind == "service" and not part.said["is_stopped"] for part in task.parts)
    assert found == states and min(ended_ns) > 0
    events = perfetto.perfetto(seen_of("short", slowest=300))["traceEvents"]
    assert any(event["ph"] == "i" and event["name"] == "shard 0: refused" for event in events)


@pytest.mark.slow
@pytest.mark.parametrize("template", [one.name for one in templates()])
def test_single_queries_of_every_scenario_of_the_gallery(template):
    scenario = load_scenario(f"scenarios/{template}.yaml")
    small = load_scenario(f"scenarios/{template}.yaml", sets=["run.queries=200"] if scenario.can_lengthen else [])
    if small.can_lengthen:
        seen = spans(small, slowest=5, drawn=5)
        assert len(seen.queries) == 10 and perfetto.perfetto(seen) and opentelemetry.opentelemetry(seen)


def test_a_distribution_is_that_of_the_answers():
    result = simulate(scenario_from_dict({**SMALL, **WAYS["plain"]}))
    sample = np.sort(
        np.concatenate([(t.completion_ns - t.arrival_ns)[t.first_measured :] for t in result.traces.values()])
    )
    text = expositions.hgrm(result.traces)
    rows = [tuple(map(float, line.split())) for line in text.splitlines()[2:] if not line.startswith("#")]
    for value, part, count, *rest in rows:
        assert value == pytest.approx(sample[int(count) - 1] / 1e6, abs=1e-6)
        assert count == max(1, np.ceil(part * len(sample) - 1e-6))
        assert rest == [] or rest[0] == pytest.approx(1 / (1 - part), abs=0.005)
    assert rows[-1][:3] == (pytest.approx(sample[-1] / 1e6, abs=1e-6), 1.0, len(sample))
    assert all(before[1] < after[1] for before, after in pairwise(rows))
    said = dict(re.findall(r"(\w+(?: count)?)\s+=\s+([\d.]+)", text))
    assert float(said["Mean"]) == pytest.approx(sample.mean() / 1e6, abs=1e-6) and int(said["Total count"]) == len(
        sample
    )


def test_figures_for_prometheus_are_those_of_the_run():
    name = 'a "quoted" \\ name'
    document = {**SMALL, **WAYS["again"], "name": "again", "slos": ["p50 < 1s", "availability > 99.999%"]}
    result = simulate(scenario_from_dict(document))
    said = {**result.to_dict(), "scenario": name}
    text = expositions.prometheus(said, result.traces)
    samples = {}
    for line in text.splitlines():
        if line.startswith("#"):
            assert re.match(r"# (HELP|TYPE) shardsim_\w+ .+", line)
            continue
        match = re.fullmatch(r'(shardsim_\w+)\{((?:\w+="(?:[^"\\]|\\.)*",?)+)\} (\S+)', line)
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2]))
        assert labels.pop("scenario") == 'a \\"quoted\\" \\\\ name'
        samples[match[1], *labels.values()] = float(match[3])
    buckets = [value for key, value in samples.items() if key[0].endswith("_bucket")]
    assert buckets == sorted(buckets)
    count = samples[("shardsim_query_latency_seconds_count",)]
    assert buckets[-1] == count == samples.get(("shardsim_queries_total", "complete"), 0)
    assert sum(value for key, value in samples.items() if key[0] == "shardsim_queries_total") == said["queries"]
    assert samples["shardsim_stage_utilisation", "server"] == said["stages"][0]["utilisation"]["mean"]["value"]
    for one in said["slos"]:
        met = samples["shardsim_objective_met", one["slo"]]
        assert np.isnan(met) if one["met"] is None else met == one["met"]
    assert {one["met"] for one in said["slos"]} == {None, False}
    for figure in ("mean", "p50"):
        assert samples["shardsim_query_latency_estimate_seconds", figure, "low"] == said["latency_s"][figure]["low"]


@pytest.fixture
def stored(tmp_path, shardsim):
    """A run, and its scenario."""
    scenario = tmp_path / "small.yaml"
    scenario.write_text(json.dumps({**SMALL, **WAYS["again"]}))
    assert shardsim("run", str(scenario), "-q", "-o", str(tmp_path / "run"))[0] == 0
    return scenario, tmp_path / "run"


@pytest.mark.parametrize("to", exports.FORMATS)
def test_a_run_is_exported_as_its_scenario_is(to, stored, tmp_path, shardsim):
    """Of a scenario and of a run of it: the same bytes, which are new."""
    if to == "parquet":
        pytest.importorskip("pyarrow")
    files = [tmp_path / f"{number}.csv" for number in range(2)]
    for source, file in zip(stored, files, strict=True):
        code, _, said = shardsim("export", str(source), "--to", to, "-o", str(file))
        assert code == 0 and f"written to {file}" in said
    assert files[0].read_bytes() == files[1].read_bytes()
    code, _, said = shardsim("export", str(stored[0]), "--to", to, "-o", str(files[0]))
    assert code == 2 and "exists already" in said


def test_tables_are_that_of_the_run(stored, tmp_path, shardsim):
    parquet = pytest.importorskip("pyarrow.parquet")
    assert shardsim("run", str(stored[0]), "-q", "--save-queries", str(tmp_path / "saved.csv"))[0] == 0
    export(stored[1], "csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "saved.csv").read_bytes()
    export(load_scenario(stored[0]), "parquet", tmp_path / "out.parquet")
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    columns = parquet.read_table(tmp_path / "out.parquet").to_pydict()
    assert list(columns) == list(rows[0]) and len(columns["query"]) == len(rows)
    for name, column in columns.items():
        for value, row in zip(column, rows, strict=True):
            text = row[name]
            assert value is None if text == "" else str(value).lower() == text or float(text) == value


def test_a_run_of_another_version_is_refused(stored, tmp_path):
    summary = stored[1] / "summary.json"
    document = json.loads(summary.read_text())
    document["provenance"]["resolved"]["run"]["seed"] = 4711
    summary.write_text(json.dumps(document))
    for to in ("perfetto", "csv"):
        with pytest.raises(ScenarioError, match="gives other queries"):
            export(stored[1], to, tmp_path / "out.csv")
    with pytest.raises(ScenarioError, match="the run has 2, from 0 on"):
        export(stored[1], "otel", tmp_path / "out.json", replication=2)
    assert not (tmp_path / "out.csv").exists()


def test_the_command_has_all_formats():
    assert set(FORMATS) == set(exports.FORMATS)


def test_what_cannot_be_exported_is_told(tmp_path, monkeypatch, shardsim):
    scenario = scenario_from_dict({**SMALL, "stages": [SERVER]})
    with pytest.raises(ScenarioError, match="no format 'svg': give one of perfetto, otel"):
        export(scenario, "svg", tmp_path / "out")
    with pytest.raises(ScenarioError, match="expected a Scenario"):
        export(3, "csv", tmp_path / "out.csv")
    with pytest.raises(ScenarioError, match="replication is 2: the scenario has 2, from 0 on"):
        export(scenario, "otel", tmp_path / "out", replication=2)
    with pytest.raises(ScenarioError, match="nothing to show"):
        export(scenario, "otel", tmp_path / "out", slowest=0, drawn=0)
    with pytest.raises(ScenarioError, match="slowest is -1: give 0 or more"):
        export(scenario, "otel", tmp_path / "out", slowest=-1)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(UnavailableError, match="pip install pyarrow, or take --to csv"):
        export(scenario, "parquet", tmp_path / "out")
    huge = ["--set", "run.queries=1M"]
    code, _, said = shardsim(
        "export", "scenarios/paper_funnel.yaml", *huge, "--to", "otel", "-o", str(tmp_path / "out")
    )
    assert code == 2 and re.search(
        r"to see queries one by one, .* tasks of a replication take about .*--queries \d+", said
    )
    assert shardsim("export", "scenarios/mm1.yaml", "--to", "csv", "-o", str(tmp_path / "out.json"))[0] == 2
    assert not list(tmp_path.iterdir())
