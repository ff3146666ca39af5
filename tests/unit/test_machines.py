"""Machines: which replicas share one, what a fleet costs, and that luck is drawn once a machine."""

import pytest
from hypothesis import given

from simulator import scenario_from_dict
from simulator.planner.fleet import fleet
from simulator.planner.machines import machine_factors
from simulator.planner.plans import make_plan
from simulator.report.fleet import fleet_line
from simulator.scenario.machines import machine_of, memory_of
from simulator.testing import scenarios


def scenario(stage=None, hardware=None):
    values = {
        "name": "fleet",
        "load": {"rate": "10/s"},
        "run": {"queries": 10},
        "hardware": {"leaf": {"cores": 8, **(hardware or {})}},
        "stages": [
            {
                "name": "one",
                "candidates": "1k",
                "model": {"kind": "tree", "per_item": "1us"},
                "shards": 5,
                "replicas": 2,
                "hardware": "leaf",
                "variability": {"machine": {"kind": "lognormal", "cv": 0.2}},
                **(stage or {}),
            }
        ],
    }
    return scenario_from_dict(values)


@given(scenarios())
def test_replicas_of_neighbouring_shards_share_a_machine(values):
    found = scenario_from_dict(values)
    for stage in found.stages:
        places = {}
        for shard in range(stage.shards):
            for replica in range(stage.replica_counts[shard]):
                places.setdefault(machine_of(stage, shard, replica), []).append((replica, shard))
        missing = set(stage.missing_machines)
        there = [machine for machine in range(stage.machine_places) if machine not in missing]
        assert sorted(places) == there and len(there) == stage.machines, "every machine has a replica"
        for held in places.values():
            assert len(held) <= stage.per_machine
            assert len({replica for replica, _ in held}) == 1, "no machine holds two replicas of a shard"
            assert [shard for _, shard in held] == list(range(held[0][1], held[0][1] + len(held)))
    if all(stage.hardware is None for stage in found.stages):
        assert fleet(found).usd_per_h is None


def test_one_factor_a_machine_and_the_same_one_whatever_shares_it():
    alone = machine_factors(scenario(), 0).reshape(5, 2)
    shared = machine_factors(scenario({"per_machine": 2}), 0).reshape(5, 2)
    assert len(set(alone.ravel())) == 10
    assert len(set(shared.ravel())) == 6
    assert shared[0, 0] == shared[1, 0] != shared[2, 0] == shared[3, 0] != shared[4, 0]
    assert shared[0, 1] == shared[1, 1] != shared[0, 0]
    assert shared[0, 0] == alone[0, 0], "machine 0 keeps its luck"
    assert machine_factors(scenario({"per_machine": 5}), 0).reshape(5, 2)[:, 0].tolist() == [alone[0, 0]] * 5


def test_sharing_machines_changes_nothing_else():
    one, two = (make_plan(scenario({"per_machine": many, "variability": {}})) for many in (1, 3))
    assert one.machine_factor.tolist() == two.machine_factor.tolist() == [1.0] * 10


def test_memory_of_the_fullest_machine():
    stage = scenario(
        {
            "candidates": {"kind": "uniform", "low": 500, "high": 1500},
            "shards": 3,
            "shares": [1, 2, 5],
            "bytes_per_candidate": "10 B",
            "memory_overhead": "100 B",
            "per_machine": 2,
        }
    ).stages[0]
    held = memory_of(stage, 7.0)
    assert (held.candidates_bytes, held.parameters_bytes, held.overhead_bytes) == (1000 * 5 / 8 * 10, 14.0, 100.0)
    assert memory_of(scenario().stages[0], 0.0) is None


def test_a_fleet_is_priced_by_machine_and_what_is_not_given_is_never_0():
    priced = fleet(scenario({"per_machine": 2}, {"price": "0.5 USD/h", "power": "200 W"}))
    assert (priced.machines, priced.usd_per_h, priced.power_w) == (6, 3.0, 1200.0)
    found = priced.to_dict(10.0)
    assert found["usd_per_million_queries"] == pytest.approx(3.0 / 3600 / 10 * 1e6)
    assert found["queries_per_joule"] == pytest.approx(10 / 1200)
    line = "fleet: 6 machines; 3 USD/h, 83.3 USD per million queries; 1,200 W, 0.008333 queries per joule"
    assert fleet_line(found) == line
    bare = fleet(scenario()).to_dict(10.0)
    keys = ("usd_per_h", "power_w", "usd_per_million_queries", "queries_per_joule")
    assert [bare[key] for key in keys] == [None] * 4
    assert fleet_line(bare) == "fleet: 10 machines; not priced; power not given"
    idle = priced.to_dict(None)
    assert (idle["usd_per_million_queries"], idle["queries_per_joule"]) == (None, None)
    assert fleet_line(idle) == "fleet: 6 machines; 3 USD/h; 1,200 W"


def test_a_fleet_that_is_priced_in_part_says_which_part_is_not():
    values = scenario(None, {"price": "0.5 USD/h"}).resolved()
    values["stages"].append({"name": "two", "model": {"kind": "tree", "per_item": "1us"}})
    line = fleet_line(fleet(scenario_from_dict(values)).to_dict(1.0))
    assert line == "fleet: 11 machines (10 + 1); not priced (lacking for two); power not given"


@pytest.mark.parametrize(
    ("stage", "hardware", "said"),
    [
        ({"workers": 16}, {"memory_bandwidth": "150 GB/s"}, "16 tasks at once read 2.4 TB/s of one machine"),
        ({"workers": 2, "per_machine": 2}, {"memory_bandwidth": "10 GB/s"}, "4 tasks at once read 40 GB/s"),
        ({"workers": 1}, {"memory_bandwidth": "150 GB/s"}, ""),
        ({"workers": 16}, {"flops": "1 GFLOP/s"}, ""),
        ({"workers": 16}, {"flops": "1 GFLOP/s", "memory_bandwidth": "150 GB/s"}, ""),
    ],
)
def test_workers_that_each_have_the_bandwidth_are_told(stage, hardware, said):
    scan = {"name": "scan", "candidates": "1M", "shards": 4, "model": {"kind": "linear", "features": 64}}
    machine = {"cores": 16, **hardware}
    scenario = scenario_from_dict(
        {
            "name": "s",
            "load": {"rate": "1/s"},
            "hardware": {"m": machine},
            "stages": [{**scan, "hardware": "m", **stage}],
        }
    )
    notes = [note for note in scenario.notes() if "at once" in note]
    assert len(notes) == bool(said)
    assert not said or said in notes[0]
