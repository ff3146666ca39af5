"""The seam of execution: the same results here, on processes and on a cluster; and what becomes of lost workers."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from pathlib import Path

import pytest

import simulator
from simulator import scenario_from_dict
from simulator.base.errors import LostWorkerError, Problem, ScenarioError, UnavailableError
from simulator.planner.plans import Plans
from simulator.running.cluster import fingerprint, on_cluster
from simulator.running.execute import Standing, execute
from simulator.running.execution import Execution
from simulator.running.pools import MOST_LOSSES

STAGE = {"name": "a", "model": {"kind": "time", "law": "1ms"}}


def square(item):
    return item * item


def fail_at_three(item):
    if item == 3:
        raise KeyError("three")
    return item


def refuse(item):
    raise ScenarioError([Problem("a.yaml", 3, 4, "load", f"no {item}")])


def die_once(item):
    """Kill this process where the mark of the item is not there yet: as a machine that goes would."""
    number, mark = item
    if mark is not None and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def die_always(item):
    number, folder = item
    if number == 2:
        (Path(folder) / f"tried {len(list(Path(folder).iterdir()))}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_item_is_done_once(jobs):
    seen: list[Standing] = []
    found = list(execute(square, list(range(20)), Execution(jobs=jobs, progress=seen.append)))
    assert sorted(found) == [(i, i * i) for i in range(20)]
    assert [standing.done for standing in seen] == list(range(1, 21))
    assert {(standing.total, standing.lost) for standing in seen} == {(20, 0)}
    assert seen[-1].left_s == 0


def test_nothing_to_do_is_done_at_once():
    assert list(execute(square, [], Execution(jobs=2))) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_exception_is_raised_as_it_is(jobs):
    with pytest.raises(KeyError, match="three"):
        list(execute(fail_at_three, list(range(6)), Execution(jobs=jobs)))


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_wrong_with_a_scenario_comes_back_whole(jobs):
    with pytest.raises(ScenarioError) as error:
        list(execute(refuse, ["rate", "rate"], Execution(jobs=jobs)))
    assert str(error.value) == "a.yaml:3:4: load: no rate\n1 error"
    lost = pickle.loads(pickle.dumps(LostWorkerError(3, "lost")))
    assert (lost.index, str(lost)) == (3, "lost")


def test_a_local_worker_that_is_killed_loses_nothing(tmp_path):
    items = [(i, str(tmp_path / f"{i}") if i in (1, 6) else None) for i in range(12)]
    seen: list[Standing] = []
    found = list(execute(die_once, items, Execution(jobs=2, progress=seen.append)))
    assert sorted(found) == [(i, i * i) for i in range(12)]
    assert seen[-1].lost >= 1


def test_what_ends_its_worker_again_and_again_is_named_and_the_rest_kept(tmp_path):
    found = []
    with pytest.raises(LostWorkerError, match="piece 2 of the work ended its worker again and again") as error:
        for index, result in execute(die_always, [(i, str(tmp_path)) for i in range(5)], Execution(jobs=2)):
            found.append(index)
            assert result == index
    assert error.value.index == 2
    assert {0, 1} <= set(found)
    assert len(list(tmp_path.iterdir())) == 1 + MOST_LOSSES


def test_a_worker_of_another_version_refuses(monkeypatch):
    call = on_cluster(square)
    assert call(3) == 9
    other = (("shardsim", "0.0.1"), *fingerprint()[1:])
    monkeypatch.setattr("simulator.running.cluster.fingerprint", lambda: other)
    with pytest.raises(UnavailableError, match=r"a worker of the cluster has shardsim 0.0.1"):
        call(3)


def test_a_cluster_takes_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UnavailableError, match=r"pip install 'shardsim\[dist\]'"):
        list(execute(square, [1], Execution(cluster="tcp://127.0.0.1:1")))


def test_an_execution_takes_what_its_function_can_use():
    """A run has no cluster, and a sweep no engine; what goes elsewhere says nothing and works on one thing."""
    seen = []
    loud = Execution(jobs=4, cluster="tcp://127.0.0.1:1", engine="reference", progress=lambda *at: seen.append(at))
    loud.tell(1, 2)
    Execution().tell(1, 2)
    assert seen == [(1, 2)]
    assert loud.alone() == Execution(engine="reference")
    assert pickle.loads(pickle.dumps(loud.alone())) == loud.alone()
    scenario = scenario_from_dict({"name": "s", "load": {"rate": "1/s"}, "stages": [STAGE]})
    assert Execution(engine="reference").settled(Plans.of(scenario).outline()).engine == "reference"
    with pytest.raises(ValueError, match="no engine is called"):
        Execution(engine="fast").settled(Plans.of(scenario).outline())
    with pytest.raises(TypeError, match="cluster"):
        simulator.simulate(scenario, cluster="tcp://127.0.0.1:1")
    with pytest.raises(TypeError, match="engine"):
        simulator.sweep(scenario, {"load.rate": ["1/s", "2/s"]}, engine="reference")
