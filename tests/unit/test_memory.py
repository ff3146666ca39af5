"""What a run takes of memory is known before it, and more than there is is refused with both figures."""

import re
import resource
import sys
from unittest import mock

import pytest

from simulator import (
    ScenarioError,
    capacity,
    compare,
    load_scenario,
    portrait,
    sensitivity,
    simulate,
    size,
    stress,
    sweep,
)
from simulator.base import room
from simulator.planner.plans import Plans
from simulator.planning.probe import Prober
from simulator.running import memory
from simulator.running.execute import alike
from simulator.running.execution import Execution

MM1 = "scenarios/mm1.yaml"
HUGE = {
    "queries": (["run.queries=1000M"], "run: 8 replications of 1,250,000,000 queries"),
    "replications": (["run.replications=10k", "run.queries=10M"], "run: 10,000 replications"),
    "workers": (["stages.server.replicas=1M", "stages.server.workers=1000"], "stages: the replicas, workers"),
    "balancers": (
        ["stages.server.replicas=1M", "stages.server.routing={policy: least_outstanding, balancers: 100000}"],
        "stages: the replicas, workers and balancers",
    ),
}


@pytest.fixture
def in_8_gb(monkeypatch):
    monkeypatch.setattr(room, "room", lambda: room.Room(8e9, "a limit"))


@pytest.mark.parametrize(("sets", "said"), HUGE.values(), ids=HUGE)
def test_what_is_too_large_is_refused_with_both_figures(in_8_gb, sets, said):
    scenario = load_scenario(MM1, (), sets)
    with pytest.raises(ScenarioError, match=said) as error:
        simulate(scenario)
    assert "take about " in str(error.value) and "there are 8 GB (a limit)" in str(error.value)
    with pytest.raises(ScenarioError, match="there are 8 GB"):
        sweep(scenario, {"run.seed": [1, 2]}, jobs=1)


def test_a_comparison_of_too_much_is_refused(in_8_gb):
    scenario = load_scenario(MM1, (), ["run.queries=1000M"])
    with pytest.raises(ScenarioError, match="there are 8 GB"):
        compare(scenario, scenario)


def test_no_command_begins_what_it_could_not_end(in_8_gb):
    """A look at a load draws one replication, a sizing ends in runs in full: refused before any is drawn."""
    scenario = load_scenario(MM1, (), ["run.queries=1000M"])
    with pytest.raises(ScenarioError, match=r"run: a load of 1,250,000,000 queries.* there are 8 GB"):
        portrait(scenario)
    with mock.patch.object(Prober, "__init__", side_effect=AssertionError("something was simulated")):
        with pytest.raises(ScenarioError, match=r"run: 8 replications of 1,250,000,000 queries"):
            size(scenario, search={"stages.server.replicas": [1, 2]})
        machines = load_scenario(MM1, (), ["stages.server.replicas=1M", "stages.server.workers=1000"])
        with pytest.raises(AssertionError, match="simulated"):  # of the fleet that it was given, nothing is asked
            size(machines, search={"stages.server.replicas": [1, 2], "stages.server.workers": [1]})


@pytest.mark.parametrize(
    "search",
    [
        lambda scenario, say: capacity(scenario, tolerance=0.3, say=say),
        lambda scenario, say: sensitivity(scenario, tail_only=True, say=say),
        lambda scenario, say: size(scenario, search={"stages.server.workers": [1]}, say=say),
        lambda scenario, say: stress(scenario, "stall for 1s", horizon_s=30.0, window_s=3.0, say=say),
        lambda scenario, say: sweep(scenario, {"run.seed": [1]}, jobs=1, say=say),
    ],
    ids=["capacity", "sensitivity", "size", "stress", "sweep"],
)
def test_every_search_says_what_it_takes_before_it_begins(monkeypatch, search):
    monkeypatch.setattr(room, "MUCH_BYTES", 1.0)
    told: list[str] = []
    search(load_scenario(MM1, (), ["run.queries=200", "run.replications=4"]), told.append)
    assert any(re.fullmatch(r"about [0-9.]+ [kMG]?B of memory at a time", line) for line in told), told


def test_points_that_fit_alone_may_not_fit_together(in_8_gb):
    scenario = load_scenario(MM1, (), ["run.queries=6M"])
    with pytest.raises(ScenarioError, match=r"2 points at a time take up to about .* have fewer jobs"):
        sweep(scenario, {"run.seed": [1, 2]}, jobs=2)


@pytest.mark.parametrize(
    ("sets", "jobs", "measured_mb"),
    [  # peak of the process less that of a run of 200 queries, seen on Linux
        (["run.queries=2M", "run.replications=4"], 1, 795),
        (["run.queries=2M", "run.replications=1"], 1, 203),
        (["run.queries=2M", "run.replications=4"], 2, 838),
    ],
)
def test_what_is_expected_is_what_was_measured(sets, jobs, measured_mb):
    scenario = load_scenario(MM1, (), sets)
    need = memory.needed(Plans.of(scenario), "compiled", jobs, scenario.run.replications)
    assert measured_mb <= need.bytes / 1e6 <= 1.4 * measured_mb


@pytest.mark.parametrize(("every", "measured_mb"), [("15s", 116), ("10m", 330)])
def test_what_an_autoscaler_looks_at_is_expected(every, measured_mb):
    """Of a period of 12 thousand tasks, and of one of half of all: seen as above."""
    sets = ["load={rate: 800/s}", "run={queries: 1M, replications: 1}", "stages.model.replicas=100"]
    sets += ["stages.model.autoscale.max=100", f"stages.model.autoscale.every={every}"]
    scenario = load_scenario("scenarios/morning_peak.yaml", (), sets)
    need = memory.needed(Plans.of(scenario), "compiled", 1, 1)
    assert measured_mb <= need.bytes / 1e6 <= 1.4 * measured_mb


def test_a_run_for_a_time_holds_what_there_is_room_for(in_8_gb):
    plans = Plans.of(load_scenario(MM1, (), ["run.queries=2M"]))
    most = memory.affordable(plans, "compiled", 2)
    assert memory.needed(plans, "compiled", 2, most).bytes <= 8e9
    assert memory.needed(plans, "compiled", 2, 2 * most).bytes > 8e9


def _machine(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("group", "there"),
    [
        ({"memory.max": "3000", "memory.current": "1000"}, 2000),
        ({"a/memory.max": "max", "a/memory.current": "7", "memory.max": "900", "memory.current": "1000"}, 0),
        ({"a/b/memory.max": "500", "a/b/memory.current": "100", "a/b/memory.stat": "anon 5\ninactive_file 50\n"}, 450),
        ({}, 4096),
    ],
)
def test_the_least_of_the_limits_counts(tmp_path, group, there):
    proc = _machine(tmp_path / "proc", {"meminfo": "MemTotal: 9 kB\nMemAvailable: 4 kB\n", "self/cgroup": "0::/a/b\n"})
    assert room.room(proc, _machine(tmp_path / "groups", group)).there_bytes == there


def test_older_groups_and_limits_of_the_process_count(tmp_path, monkeypatch):
    files = {"self/cgroup": "5:cpu:/x\n4:memory:/x\n", "self/statm": "1 0 0 0 0 0"}
    proc = _machine(tmp_path / "proc", files)
    old = {"memory/x/memory.limit_in_bytes": "70000", "memory/x/memory.usage_in_bytes": "20000"}
    groups = _machine(tmp_path / "groups", old)
    assert room.room(proc, groups) == room.Room(50_000, "limit of the control group")
    limits = {resource.RLIMIT_AS: (2**14, 2**14)}
    nothing = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits.get(kind, nothing))
    there = room.room(proc, groups)
    assert there.limit == "ulimit -v" and there.there_bytes < 2**14


def test_processes_that_work_on_things_alike_have_equal_parts(tmp_path, monkeypatch):
    """What is the machine's is shared; a limit of a process is its own."""
    proc = _machine(tmp_path / "proc", {"meminfo": "MemAvailable: 4 kB\n", "self/statm": "0 0 0 0 0 0"})
    part = room.as_one_of(4, lambda groups: room.room(proc, groups), tmp_path)
    assert part == room.Room(1024, "available on this machine, for each of 4 jobs")
    assert room.room(proc, tmp_path).there_bytes == 4096, "afterwards it is as it was"
    own = (1500, 1500)
    monkeypatch.setattr(resource, "getrlimit", lambda _: own)
    assert room.room(proc, tmp_path).limit == "ulimit -v"
    assert room.as_one_of(2, lambda groups: room.room(proc, groups), tmp_path) == room.Room(1500, "ulimit -v")


@pytest.mark.parametrize("jobs", [1, 2])
def test_pieces_alike_are_refused_if_they_do_not_fit_together(jobs):
    """On one process each has all of the room; on two, half, in whichever process."""
    half = room.room().there_bytes / 2
    parts = [part for _, part in alike(_part_of_the_room, [0, 1], Execution(jobs=jobs))]
    assert all(one < 1.2 * half if jobs == 2 else one > 1.2 * half for one in parts)


def _part_of_the_room(_):
    return room.room().there_bytes


def test_where_the_system_says_nothing_nothing_is_refused(tmp_path):
    assert room.room(tmp_path, tmp_path) is None


def test_many_tiny_replications_take_as_much_each_as_few():
    """By calls of Python: what 50 replications more take is twice what 25 more take."""

    def calls(replications):
        count = 0

        def called(_, event, __):
            nonlocal count
            count += event == "call"

        sys.setprofile(called)
        try:
            result = simulate(tiny.with_run(replications=replications))
        finally:
            sys.setprofile(None)
        assert result.to_dict()["queries"] == 10 * replications
        return count

    tiny = load_scenario(MM1).with_run(queries=10)
    simulate(tiny)
    few, some, many = (calls(replications) for replications in (25, 50, 100))
    assert many - some <= 1.05 * 2 * (some - few), (few, some, many)
