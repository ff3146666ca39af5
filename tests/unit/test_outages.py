"""Replicas that are out for a while: by hand, beside fleets without them, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from hypothesis import strategies as st
from test_hedging import every_way

from simulator import ScenarioError, scenario_from_dict, simulate, size
from simulator.core.assemble import StageParts, assemble
from simulator.core.features import Feature, features_of
from simulator.core.laws import Law
from simulator.core.outages import Outage, outage_rows
from simulator.core.plan import CANCEL_RUNNING, NEVER_NS, ROUND_ROBIN, frozen
from simulator.core.trace import same_trace
from simulator.engines import reference
from simulator.planner.extents import peak_of
from simulator.planner.plans import make_plan
from simulator.testing import plans


def part(*outages, **more):
    """Two replicas in turn, 10 ns a task."""
    given = {"candidates": Law.constant(1.0), "knots": [(0.0, 10.0, 0.0)], "replicas": 2, "policy": ROUND_ROBIN}
    return StageParts(**{**given, "outages": outages, **more})


def served(one, arrival_ns, **more):
    """Of each task by query and shard: its replica, and when it comes and starts."""
    tasks = every_way(assemble([one], np.array(arrival_ns), **more)).task_table
    order = np.lexsort((tasks.copy, tasks.shard, tasks.query))
    columns = [getattr(tasks, name)[order].tolist() for name in ("replica", "enqueue_ns", "start_ns")]
    return list(zip(*columns, strict=True))


def test_nobody_is_sent_to_who_is_out():
    """In turn it would be 0, 1, 0, 1; the first is out when the third comes."""
    assert served(part(), [0, 5, 20, 25]) == [(0, 0, 0), (1, 5, 5), (0, 20, 20), (1, 25, 25)]
    assert served(part(Outage(20, 21, 2, 0)), [0, 5, 20, 25]) == [(0, 0, 0), (1, 5, 5), (1, 20, 20), (1, 25, 30)]
    assert served(part(Outage(19, 20, 2, 0)), [0, 5, 20, 25])[2] == (0, 20, 20), "back at the instant at which it ends"


def test_what_was_sent_before_is_served():
    """Two tasks are at the first replica when it goes: one is served, and one waits there."""
    assert served(part(Outage(2, 50, 2, 0)), [0, 0, 0, 0, 3]) == [
        (0, 0, 0),
        (1, 0, 0),
        (0, 0, 10),
        (1, 0, 10),
        (1, 3, 20),
    ]


def test_where_all_are_out_tasks_wait_for_those_that_are_back_first():
    one = part(Outage(5, 30, 2, 0), Outage(8, 22, 2, 1), request_ns=3)
    assert served(one, [0, 6, 9, 21, 40]) == [(0, 3, 3), (1, 9, 9), (1, 25, 25), (1, 25, 35), (0, 43, 43)]
    both = part(Outage(5, 30), send_ns=1, share=[0.5, 0.5])
    assert served(both, [7]) == [(0, 30, 30), (3, 31, 31)], "of those that are back at once by the rule: 0, then 1"


def test_outages_that_meet_are_one():
    ends = Outage(0, 10), Outage(10, 20), Outage(4, 15, 2, 0)
    assert served(part(*ends), [3]) == [(0, 20, 20)]
    assert served(part(*reversed(ends)), [3]) == [(0, 20, 20)]


def test_a_machine_takes_its_shards_and_by_query_its_row():
    wide = {"share": [0.25] * 4, "outages": [Outage(0, 50, 2, 0, 2, 2)]}  # the first replica of shards 2 and 3
    assert [replica for replica, _, _ in served(part(**wide), [0])] == [0, 3, 5, 7]
    assert [replica for replica, _, _ in served(part(**wide, by_query=True), [0])] == [1, 3, 5, 7]


def test_a_copy_goes_to_who_is_there():
    """Of three replicas one holds the task and one is out; with all others out there is no copy."""
    again = {"replicas": 3, "hedges": 1, "hedge_ns": 4, "cancels": CANCEL_RUNNING, "cancel_ns": 1}
    assert [one[0] for one in served(part(**again), [0])] == [0, 1]
    assert [one[0] for one in served(part(Outage(4, 9, 3, 1), **again), [0])] == [0, 2]
    assert [one[0] for one in served(part(Outage(1, 9, 3, 1), Outage(4, 5, 3, 2), **again), [0])] == [0]
    tied = {**again, "hedge_ns": 0}
    assert [one[0] for one in served(part(Outage(0, 9, 3, 1), **tied), [0])] == [0, 2]
    assert [one[0] for one in served(part(Outage(0, 9, 3, 1), Outage(0, 9, 3, 2), **tied), [0])] == [0]


def with_outages(plan, *outages):
    """The plan with these in every stage."""
    stages, count = np.array(plan.stages), len(plan.stages)
    stages["outages"], stages["first_outage"] = len(outages), np.arange(count) * len(outages)
    return dataclasses.replace(plan, stages=frozen(stages), outages=outage_rows([outages] * count))


@drawn(60)
@given(plans(outages=False))
def test_out_when_nothing_is_sent_is_not_out(plan):
    """Whoever is out before the first query, or after the last, changes no column of any trace."""
    trace = reference.simulate(plan, tasks=True)
    later = dataclasses.replace(plan, arrival_ns=frozen(plan.arrival_ns + 50))
    shifted = reference.simulate(later, tasks=True)
    out = with_outages(later, Outage(0, 50), Outage(10, 40, 2, 1))
    assert same_trace(every_way(out), shifted) == ""
    after = with_outages(plan, Outage(10**9, 10**9 + 1))
    assert same_trace(every_way(after), trace) == ""


@drawn(60)
@given(plans(outages=False, background=False, guests=False, replicas=st.integers(2, 3)))
def test_out_all_the_time_is_lost(plan):
    """The last replica of all shards, out for the whole run, is as one on a machine that is gone."""
    stages = np.array(plan.stages)
    count = stages["replicas"][0]
    stages["replicas"] = count  # of all stages alike
    views = stages["balancers"] * stages["shards"] * count
    stages["first_view"] = np.cumsum(views) - views
    shards = stages["shards"] * count
    stages["first_replica"] = np.cumsum(shards) - shards
    stages["hedges"] = np.minimum(stages["hedges"], count - 1)
    stages["uneven"] = 0
    wide = {"machine_factor": frozen(np.ones(int(shards.sum()))), "replica_bits": 6}
    wide["left"] = frozen(np.full(plan.shards, count))
    whole = dataclasses.replace(plan, stages=frozen(stages), **wide)
    out = with_outages(whole, Outage(0, 2**40, int(count), int(count) - 1))
    stages["uneven"] = 1
    lost = dataclasses.replace(whole, left=frozen(whole.left - 1), stages=frozen(stages))
    assert same_trace(every_way(out), reference.simulate(lost, tasks=True)) == ""


def test_it_is_a_feature_of_its_stage():
    plan = assemble([part(Outage(0, 1)), dataclasses.replace(part(), candidates=Law.none())], np.array([0]))
    assert Feature.OUTAGE in features_of(plan, 0)
    assert Feature.OUTAGE not in features_of(plan, 1)


def rolling(outages=(), run=None, **stage):
    """Two shards by three replicas, two shards a machine, of a scenario."""
    given = {"name": "one", "candidates": 10, "model": {"kind": "linear", "per_item": "1ms"}, "shards": 4}
    given |= {"replicas": 3, "per_machine": 2, "routing": "round_robin", **stage}
    run = run or {"duration": "1s", "warmup": "200ms", "replications": 2}
    if outages:
        given["outages"] = list(outages)
    return {"name": "rolling", "load": {"rate": "100/s"}, "run": run, "stages": [given]}


def out(begin="100ms", until="300ms", **what):
    return {**what, "from": begin, "until": until}


def test_instants_count_from_the_window():
    plan = make_plan(scenario_from_dict(rolling([out(replica=1)])))
    assert plan.window_begin_ns == 200_000_000
    assert plan.outages[["from_ns", "until_ns"]].tolist() == [(300_000_000, 500_000_000)]
    counted = make_plan(scenario_from_dict(rolling([out(replica=1)], {"queries": 50, "warmup": 9})))
    begin_ns = int(counted.arrival_ns[9])
    assert counted.outages["from_ns"].tolist() == [begin_ns + 100_000_000]


def test_whom_it_takes_out():
    told = [out(replica=2), out(machine=3), out(zone=1)]
    plan = make_plan(scenario_from_dict(rolling(told, zones=2)))
    whom = plan.outages[["step", "rest", "first_shard", "shards"]].tolist()
    assert whom == [(3, 2, 0, NEVER_NS), (3, 1, 2, 2), (2, 1, 0, NEVER_NS)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"outages": [out(replica=3)]}, "outages[0].replica: there are 3 replicas, counted from 0, got 3"),
        ({"outages": [out(machine=6)]}, "outages[0].machine: there are 6 machines, counted from 0, got 6"),
        ({"outages": [out(zone=2)], "zones": 2}, "outages[0].zone: there are 2 zones, counted from 0, got 2"),
        ({"outages": [out(zone=0)]}, "say in zones how many there are"),
        ({"outages": [out()]}, "say what is out, one of replica, machine and zone; got none"),
        ({"outages": [out(replica=0, machine=1)]}, "got replica and machine"),
        ({"outages": [out(replica=0, begin="300ms")]}, "until: an outage ends after it begins"),
        ({"outages": [out(replica=0, until="20000h")]}, "a year later at most"),
        ({"outages": [out(replica=0)] * 1001}, "at most 1,000, got 1,001"),
        ({"outages": [out(replica=0)], "lost_machine": 0}, "lost_machine: a machine that is gone is an outage of the"),
    ],
)
def test_what_is_refused(change, says):
    with pytest.raises(ScenarioError) as error:
        scenario_from_dict(rolling(**change))
    assert says in str(error.value)


def test_what_it_means_is_said():
    def notes(*args, **more):
        return scenario_from_dict(rolling(*args, **more)).notes()

    left = "one: outages: 1 of 3 replicas of a shard is out at once, at 100 ms and at most: those left do 1.5 times"
    assert notes([out(machine=0), out(machine=1)])[0].startswith(left)
    both = notes([out(replica=0), out(machine=2, begin="200ms")])
    assert both[0].startswith("one: outages: 2 of 3 replicas of a shard are out at once, at 200 ms and at most")
    row = notes([out(machine=0), out(machine=3)], routing={"by": "query"})
    assert "2 of 3 replicas" in row[0], "a machine takes its row"
    gone = notes([out(zone=0)], zones=1)
    assert gone == [
        "one: outages: at 100 ms no replica of a shard is there: its tasks wait with their sender until one is back"
    ]
    late = notes([out(replica=0, begin="2s", until="3s")])
    assert late[0] == "one: outages: one begins 2.00 s after the first that is measured, when the run is over (1.00 s)"
    assert any("give run.duration" in note for note in notes([out(replica=0)], {"queries": 50}))
    assert notes(zones=2) == ["one: zones: no outage is of a zone; size and capacity ask for one with --survive zone"]
    assert notes() == []


def test_a_run_with_outages_is_not_the_same_all_the_time():
    scenario = scenario_from_dict(rolling([out(replica=0)], {"queries": 50}))
    assert not scenario.is_stationary and not scenario.may_be_exact and not scenario.can_lengthen
    assert scenario_from_dict(rolling(run={"queries": 50})).can_lengthen
    assert peak_of(scenario, 1000.0) is None, "its load is constant"


def test_both_engines_give_one_document():
    scenario = scenario_from_dict(rolling([out(replica=0), out(machine=1, begin="200ms", until="600ms")]))
    one, two = (simulate(scenario, engine=engine).to_dict() for engine in ("reference", "compiled"))
    for document in (one, two):
        for told in ("engine", "provenance"):
            document.pop(told)
    assert one == two


def test_a_fleet_that_is_out_already_is_not_asked_what_it_survives():
    scenario = scenario_from_dict(rolling([out(replica=0)], {"duration": "1s"}) | {"slos": ["p99 < 1s"]})
    with pytest.raises(ScenarioError, match="one has outages, which say already what it survives"):
        size(scenario, search={"stages.one.workers": "1..2"}, survive=1)
