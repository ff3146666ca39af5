"""``run --save-replicas``: every replica of every replication; and classes in the table of queries."""

from __future__ import annotations

import csv
import gzip

import pytest

from simulator import scenario_from_text, simulate
from simulator.planner.plans import make_plan

#: Hot shards, an outage, a lost machine, classes, copies: what replicas differ by.
SEVERAL = """
name: several
load: {rate: 100/s, classes: [{name: people, share: 1}, {name: robots, share: 3, work: 0.5}]}
run: {queries: 300, replications: 2, seed: 5}
stages:
  - name: one
    candidates: 100
    model: {kind: tree, per_item: 100us}
    shards: 3
    replicas: {default: 2, hot: {shards: [1], replicas: 3}}
    workers: 2
    outages:
      - {replica: 0, from: 1s, until: 2s}
      - {replica: 0, from: 1500ms, until: 2500ms}
      - {machine: 4, from: 0s, until: 1h}
    hedge: 5ms
    keep: 20
  - name: two
    model: {kind: deep, per_item: 200us}
    replicas: 2
    lost_machine: 1
    variability: {machine: {kind: lognormal, cv: 0.5}}
"""


@pytest.fixture
def several(tmp_path):
    path = tmp_path / "several.yaml"
    path.write_text(SEVERAL)
    return str(path)


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_every_replica_is_written(shardsim, several, tmp_path):
    file = tmp_path / "new" / "replicas.csv"
    code, out, err = shardsim("run", several, "--jobs", "1", "--save-replicas", str(file))
    assert (code, err) == (0, "")
    assert f"written to {file}" in out
    rows = read(file.read_text())
    result = simulate(scenario_from_text(SEVERAL))
    names = [(row["replication"], row["stage"], row["shard"], row["replica"]) for row in rows]
    of_one = [("one", shard, replica) for shard, count in (("0", 2), ("1", 3), ("2", 2)) for replica in "012"[:count]]
    assert names == [(number, *name) for number in "01" for name in [*of_one, ("two", "0", "0")]]
    for number, trace in result.traces.items():
        mine = [row for row in rows if row["replication"] == str(number)]
        window_s = (trace.window_end_ns - trace.window_begin_ns) / 1e9
        places = [0, 1, 3, 4, 5, 6, 7, 9]  # shards 0 and 2 have no third replica
        for row, place in zip(mine, places, strict=True):
            assert int(row["tasks"]) == trace.tasks[place]
            assert int(row["hedged"]) == trace.hedged[place]
            assert float(row["busy_s"]) == pytest.approx(trace.busy_ns[place] / 1e9, abs=1e-12)
            workers = 2 if row["stage"] == "one" else 1
            busy_s = float(row["utilisation"]) * window_s * workers
            assert busy_s == pytest.approx(trace.window_busy_ns[place] / 1e9)
        plan = make_plan(scenario_from_text(SEVERAL), number)
        assert [float(row["machine_factor"]) for row in mine] == plan.machine_factor[places].tolist()
        assert [row["machine"] for row in mine] == ["0", "3", "1", "4", "7", "2", "5", "0"]
        for row in mine:
            if row["stage"] == "two":
                assert row["out_s"] == "0.000000000"
            elif row["replica"] == "0":
                out_s = min(2.5, window_s) - 1.0
                assert float(row["out_s"]) == pytest.approx(out_s, abs=1e-9), "outages that overlap count once"
            elif row["machine"] == "4":
                assert float(row["out_s"]) == pytest.approx(window_s, abs=2e-9)
            else:
                assert row["out_s"] == "0.000000000"


def test_it_may_be_packed_and_is_the_same_every_time(shardsim, several, tmp_path):
    files = [tmp_path / "a.csv.gz", tmp_path / "b.csv.gz"]
    for file in files:
        assert shardsim("run", several, "-q", "--save-replicas", str(file))[0] == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    assert len(read(gzip.decompress(files[0].read_bytes()).decode())) == 16


def test_what_cannot_be_is_refused_before_the_run(shardsim, several, tmp_path):
    code, _, err = shardsim("run", several, "--save-replicas", str(tmp_path / "replicas.txt"))
    assert code == 2 and "a table of replicas is written as .csv or .csv.gz" in err
    both = str(tmp_path / "both.csv")
    code, _, err = shardsim("run", several, "--save-replicas", both, "--save-queries", both)
    assert code == 2 and "queries and replicas are two tables" in err
    taken = tmp_path / "taken.csv"
    taken.touch()
    code, _, err = shardsim("run", several, "--save-replicas", str(taken))
    assert code == 2 and "exists already" in err


def test_a_window_without_length_says_nothing_of_utilisation(shardsim, several, tmp_path):
    file = tmp_path / "one.csv"
    assert shardsim("run", several, "--queries", "1", "--replications", "1", "-q", "--save-replicas", str(file))[0] == 0
    assert {row["utilisation"] for row in read(file.read_text())} == {""}


def test_queries_of_classes_are_written_with_their_names(shardsim, several, tmp_path):
    file = tmp_path / "queries.csv"
    assert shardsim("run", several, "-q", "--save-queries", str(file))[0] == 0
    rows = read(file.read_text())
    assert list(rows[0])[5:8] == ["outcome", "class", "one.wait_s"]
    for number in (0, 1):
        plan = make_plan(scenario_from_text(SEVERAL), number)
        said = [row["class"] for row in rows if row["replication"] == str(number)]
        assert said == [("people", "robots")[place] for place in plan.class_of.tolist()]
