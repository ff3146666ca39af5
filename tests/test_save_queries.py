"""``run --save-queries``: every query, to the nanosecond, and a file that is there whole or not at all."""

from __future__ import annotations

import csv
import gzip

import pytest

from simulator import scenario_from_text, simulate
from simulator.core.columns import COMPLETE

#: Cut a second after the last arrival, so that some queries are not finished; hashed, so that candidates differ.
CUT = """
name: cut
load: {rate: 100/s, work: {kind: lognormal, cv: 0.5}}
run: {queries: 60, warmup: 15, replications: 3, seed: 5, drain: 100ms}
stages:
  - name: one
    candidates: {kind: uniform, low: 10, high: 200}
    model: {kind: tree, per_item: 300us}
    shards: 3
    split: hashed
    keep: 20.5
    network: {request: 50us, response: {kind: lognormal, p50: 200us, p99: 2ms}}
  - name: two
    model: {kind: deep, per_item: 200us}
    variability: {task: {kind: exponential}}
"""


@pytest.fixture
def cut(tmp_path):
    path = tmp_path / "cut.yaml"
    path.write_text(CUT)
    return str(path)


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def in_ns(cell: str) -> int:
    """Exact nanoseconds of a cell; -1 if it is empty."""
    if not cell:
        return -1
    whole, part = cell.split(".")
    assert len(part) == 9
    return int(whole) * 10**9 + int(part)


def test_every_query_is_written_to_the_nanosecond(shardsim, cut, tmp_path):
    file = tmp_path / "new" / "queries.csv"
    code, out, err = shardsim("run", cut, "--jobs", "1", "--save-queries", str(file))
    assert (code, err) == (0, "")
    assert f"written to {file}" in out
    rows = read(file.read_text())
    traces = simulate(scenario_from_text(CUT)).traces
    assert len(rows) == 3 * 75
    unfinished = 0
    for place, row in enumerate(rows):
        replication, query = divmod(place, 75)
        trace = traces[replication]
        assert (row["replication"], row["query"]) == (str(replication), str(query))
        assert row["measured"] == ("true" if query >= 15 else "false")
        assert in_ns(row["arrival_s"]) == trace.arrival_ns[query]
        done = trace.outcome[query] == COMPLETE
        unfinished += not done
        assert row["outcome"] == ("complete" if done else "unfinished")
        assert in_ns(row["latency_s"]) == (trace.completion_ns[query] - trace.arrival_ns[query] if done else -1)
        for stage, name in enumerate(("one", "two")):
            closed = trace.close_ns[stage, query] >= 0
            assert in_ns(row[f"{name}.wait_s"]) == trace.critical_wait_ns[stage, query]
            assert in_ns(row[f"{name}.service_s"]) == trace.critical_service_ns[stage, query]
            assert in_ns(row[f"{name}.response_s"]) == trace.critical_response_ns[stage, query]
            assert row[f"{name}.critical_shard"] == (str(trace.critical_shard[stage, query]) if closed else "")
            left = trace.leave_ns[stage, query]
            assert in_ns(row[f"{name}.latency_s"]) == (left - trace.enter_ns[stage, query] if left >= 0 else -1)
            candidates = row[f"{name}.candidates"]
            assert (float(candidates) if candidates else -1) == trace.candidates[stage, query]
    assert 0 < unfinished < len(rows), "the scenario shows both outcomes"


def test_a_compressed_table_holds_the_same_and_has_the_same_bytes_again(shardsim, cut, tmp_path):
    files = [tmp_path / name for name in ("a.csv", "b.csv.gz", "c.csv.gz")]
    for file in files:
        assert shardsim("run", cut, "--jobs", "1", "-q", "--save-queries", str(file)) == (0, "", "")
    plain, packed, again = (file.read_bytes() for file in files)
    assert gzip.decompress(packed) == plain
    assert packed == again


def test_a_table_does_not_depend_on_how_many_queries_are_written_at_a_time(shardsim, cut, tmp_path, monkeypatch):
    shardsim("run", cut, "--jobs", "1", "-q", "--save-queries", str(tmp_path / "a.csv"))
    monkeypatch.setattr("simulator.report.queries.CHUNK", 7)
    shardsim("run", cut, "--jobs", "1", "-q", "--save-queries", str(tmp_path / "b.csv"))
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_a_table_that_could_not_be_written_is_refused_before_the_run(shardsim, cut, tmp_path, monkeypatch):
    def no_run(*args: object, **kwargs: object) -> None:
        raise AssertionError("the run was begun")

    monkeypatch.setattr("simulator.running.run.Run.result", no_run)
    (tmp_path / "there.csv").write_text("mine")
    for file, message in (
        (tmp_path / "there.csv", "exists already; choose another, or remove it"),
        (tmp_path / "queries.txt", "is written as .csv or .csv.gz"),
        ("/proc/nowhere/queries.csv", "cannot be written"),
    ):
        code, out, err = shardsim("run", cut, "--jobs", "1", "--save-queries", str(file))
        assert (code, out) == (2, "")
        assert message in err
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_a_full_disk_leaves_no_half_table_and_the_figures_are_printed(shardsim, cut, tmp_path, monkeypatch):
    def full(traces, stages, classes, compress, file, cached):
        file.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("simulator.report.queries.write_queries_csv", full)
    code, out, err = shardsim("run", cut, "--jobs", "1", "--save-queries", str(tmp_path / "queries.csv"))
    assert code == 2
    assert "queries.csv: cannot be written: No space left on device" in err
    assert "latency" in out
    assert [path.name for path in tmp_path.iterdir()] == ["cut.yaml"]


def test_a_directory_and_a_table_go_together(shardsim, cut, tmp_path):
    folder = tmp_path / "out"
    code, out, _ = shardsim("run", cut, "--jobs", "1", "-o", str(folder), "--save-queries", str(folder / "queries.csv"))
    assert code == 0
    assert out.count("written to") == 2
    assert {"queries.csv", "queries.npz", "summary.json"} <= {path.name for path in folder.iterdir()}
