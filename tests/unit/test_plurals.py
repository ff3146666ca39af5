"""One of a thing is said in the singular, by every command that counts."""

from __future__ import annotations

import re

import pytest
import yaml
from conftest import slow

from simulator import capacities, scenario_from_dict, simulate, sweep
from simulator.cli.progress import Pieces, Replications
from simulator.planner.plans import Plans
from simulator.running import memory
from simulator.running.execute import Standing
from simulator.running.forecast import Forecast

#: One of each: a stage, a shard, a replica, a worker, a machine.
ONE = {
    "name": "one",
    "load": {"rate": "1/s"},
    "run": {"queries": 1, "replications": 1, "warmup": 1},
    "hardware": {"box": {"cores": 1, "price": "1 USD/h", "power": "1 W"}},
    "stages": [{"name": "a", "hardware": "box", "model": {"kind": "time", "law": "1ms"}}],
    "slos": ["p50 < 1s"],
}
ITEMS = {**ONE["stages"][0], "candidates": 1, "keep": 1, "model": {"kind": "linear", "per_item": "1ms"}}
BATCHES = {**ONE, "stages": [{**ITEMS, "batching": {"max_size": 2, "max_wait": "1ms"}}]}
#: Words after a 1 that end with an s and are of one thing.
SINGULAR = ("ms", "us", "ns", "is", "has", "less")
PLURAL = re.compile(rf"(?<![\d.,])1 (?!(?:{'|'.join(SINGULAR)})\b)(?:whole )?\w+s\b")
MUCH = "--set run.queries=1000 --set run.replications=4"


STATES = {**ONE, "load": {"rate": "1/s", "arrivals": {"kind": "mmpp", "rates": [1], "dwell": ["1s", "2s"]}}}


def plurals(text: str) -> list[str]:
    return PLURAL.findall(text)


def test_what_is_looked_for():
    assert plurals("of 1 points, 1 whole replications; in 1 shards") == ["1 points", "1 whole replications", "1 shards"]
    assert plurals("1 ms, 2.1 points, 1,001 rows, 21 rows, 1 fleet, 1 is less than 1 us") == []


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, scenario in (("one", ONE), ("batches", BATCHES), ("states", STATES)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(scenario))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("run one.yaml", "1 x 1 query measured"),
        ("run one.yaml --time 1us --jobs 1", "1 whole replication fitted into 1e-06 s"),
        ("run one.yaml --check-engines --set run.warmup=0", "every instant of 1 task of 1 query"),
        ("run batches.yaml", "a serves 1 task at once on average"),
        ("sweep one.yaml --param load.rate=1/s", "1 point, the same random numbers at each"),
        ("sweep one.yaml --param load.rate=1/s -o folder", "1 point"),
        (f"size one.yaml --search stages.a.replicas=1 --minimise machines {MUCH}", "1 machine is the least of 1 fleet"),
        (f"size one.yaml --search stages.a.replicas=1 {MUCH}", "USD/h is the least of 1 fleet: 1 machine"),
        ("compare one.yaml --set-b run.seed=2", "1 replication of each, "),
        ("compare one.yaml --set-b run.seed=2 --md", "1 x 1 query: "),
        (f"capacity one.yaml --tolerance 20% {MUCH}", "1 machine"),
        (f"capacity one.yaml --over stages.a.replicas=1 --tolerance 20% {MUCH}", "on one luck"),
        (f"sensitivity one.yaml --tail-only {MUCH}", "replicas"),
        ("estimate one.yaml", "1 machine"),
        ("validate one.yaml", "1 stage, 1 shard, 1 replica; 1 x 1 query, 2 tasks"),
        ("load one.yaml", "1 x 1 query measured"),
        ("run one.yaml --set stages.a.lost_machine=9", "there is 1 machine, counted from 0, got 9"),
        ("run one.yaml --set stages.a.gather.wait_for=2", "there is 1 shard, got 2"),
        ("run one.yaml --set stages.a.shares=[1,2] --set stages.a.shards=1", "2 shares for 1 shard"),
        ("validate states.yaml", "2 dwells for 1 state"),
    ],
)
def test_one_is_one(written, shardsim, line, said):
    _, out, err = shardsim(*line.split())
    assert said in out + err
    assert plurals(out + err) == []


def test_what_is_said_on_the_way(capsys):
    pieces, runs = Pieces("search"), Replications()
    pieces.standing(Standing(done=1, total=1, lost=1, elapsed_s=99.0))
    runs.announce(Forecast(tasks=1, seconds=99.0, memory_bytes=0.0, enough_queries=1, percentile=99.0), jobs=1)
    runs.update(1, 1, 1)
    assert capsys.readouterr().err.splitlines() == [
        "1 of 1 search done, 1 worker lost",
        "1 task, about 99.0 s, 1 replication at a time",
        "an honest p99 at this load takes about 1 query in all",
        "1 of 1 replication, 1 event",
    ]


@slow
def test_what_is_said_in_python():
    scenario = scenario_from_dict(ONE)
    assert repr(simulate(scenario)).startswith("<Result of one: inconclusive, 1 x 1 query, ")
    swept = sweep(scenario, {"load.rate": ["1/s"]})
    assert "<caption>one: 1 point</caption>" in swept._repr_html_()
    longer = scenario.with_run(queries=1000, replications=4)
    assert "1 value>" in repr(capacities(longer, {"stages.a.replicas": [1]}, tolerance=0.2))


@pytest.mark.parametrize(
    ("need", "said"),
    [
        (memory.Need(2.0, 1.0), "1 replication of 2 queries, warm-up included, take 9 TB"),
        (memory.Need(1.0, 2.0), "the replicas, workers and balancers of 1 replication take 9 TB"),
    ],
)
def test_what_is_refused_for_memory(need, said):
    error = memory.too_much(Plans.of(scenario_from_dict(ONE)), need, 1, "9 TB")
    assert said in str(error) and plurals(str(error)) == []
