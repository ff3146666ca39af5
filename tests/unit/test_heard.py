"""Routing that is fed by latency: what is heard, forgotten and read; exact shares; who is held against what."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from hypothesis import strategies as st

from simulator import ScenarioError, scenario_from_dict, simulate
from simulator.core import heard, routing
from simulator.core.assemble import StageParts, assemble
from simulator.core.features import Feature, features_of, may_look_ahead
from simulator.core.laws import Law
from simulator.core.plan import ADAPTIVE, C3, DECAY_NS, PEAK_EWMA, POWER_OF_TWO, frozen
from simulator.engines import compiled, reference
from simulator.planner.plans import make_plan
from simulator.running import memory
from simulator.testing import check_scenario, plans

INSTANTS = st.integers(0, 10**12)
LATENCIES = st.integers(-5, 10**11)


def stage_of(policy, decay_ns=1000, replicas=3):
    part = StageParts(
        share=[1.0], replicas=replicas, policy=policy, decay_ns=decay_ns, candidates=Law.constant(1.0), balancers=1
    )
    return assemble([part], np.arange(3))


def counters(policy, tasks, answers=(), later=0, decay_ns=1000):
    """What routing reads with so many tasks at each replica, so long after answers (replica, latency, now)."""
    plan = stage_of(policy, decay_ns, len(tasks))
    read, now = heard.counters_of(plan), 0
    for replica, latency, now in answers:
        heard.hear(plan.stages, read, 0, replica, latency, now)
    for replica, count in enumerate(tasks):
        heard.count_at(plan.stages, read, 0, replica, count)
    heard.look(plan.stages, read, 0, 0, len(tasks), now + later)
    return read[: len(tasks)].tolist()


def ranked(answers, tasks=0, later=0, clients=2):
    """What C3 reads of a replica with so many tasks, so long after answers (latency, service, queue, now)."""
    part = StageParts(policy=C3, decay_ns=1000, clients=clients, candidates=Law.constant(1.0))
    plan, now = assemble([part], np.arange(3)), 0
    read = heard.counters_of(plan)
    for latency, service, queue, now in answers:
        heard.hear_all(read, 0, latency, service, queue, now)
    heard.count_at(plan.stages, read, 0, 0, tasks)
    heard.look(plan.stages, read, 0, 0, 1, now + later)
    return int(read[0])


def test_c3_ranks_by_latency_service_and_the_cube_of_who_is_there():
    assert ranked([]) == 0 and ranked([], tasks=3) == heard.ON_TRIAL_NS + 3
    one = 500, 200, 3, 10
    assert ranked([one]) == 300 + 200 * 4**3, "itself, and three that waited"
    assert ranked([one], tasks=1) == 300 + 200 * 6**3, "and one of each of two clients"
    assert ranked([one], tasks=1, clients=1) == 300 + 200 * 5**3
    there = 1 + round(0.7 * 3 * 1024) / 1024
    assert ranked([one, (600, 300, 0, 11)]) == round(530 - 230 + 230 * there**3), "three tenths of what is new"
    faded = math.exp(-2)
    assert ranked([one], later=2000) == round(faded * (300 + 200 * (1 + 3 * faded) ** 3))
    assert ranked([one], later=10**6) == 0, "forgotten"
    assert ranked([(2**50, 2**50, 9, 9)]) == 2**44, "the most"


@drawn(200)
@given(st.tuples(LATENCIES, st.integers(0, 10**9), st.integers(0, 9)), st.integers(0, 9), st.integers(0, 2))
def test_a_slower_replica_never_has_a_better_rank(seen, tasks, which):
    more = [value + (place == which) * 1000 for place, value in enumerate(seen)]
    if which == 1:
        more[0] += 1000  # who is served longer takes longer
    assert ranked([(*more, 5)], tasks) >= ranked([(*seen, 5)], tasks)


def test_c3_takes_the_least_and_one_of_equals_by_luck():
    for read, u, chosen in (([3, 1, 1], 0.4, 1), ([3, 1, 1], 0.9, 2), ([0, 0, 5], 0.1, 0), ([9, 8, 7], 0.9, 2)):
        assert routing.choose(C3, 3, np.array(read), 0, 0, u, 0.9) == chosen


def test_c3_sends_all_but_trials_to_the_fastest():
    # nobody waits: the least rank is the least latency, and another is tried when it is forgotten: seldom
    found = simulate(scenario("c3", [1, 3], "5/s").with_run(queries=4000)).to_dict()["latency_s"]["mean"]["value"]
    assert 0.010 <= found < 0.0105


def test_clients_are_asked_by_c3_alone():
    assert make_plan(scenario("c3", [1, 1], balancers=20), 1).stages[0]["clients"] == 20
    assert make_plan(scenario("c3", [1, 1], balancers=20, clients=3), 1).stages[0]["clients"] == 3
    other = scenario("peak_ewma", [1, 1], clients=3)
    assert "a: routing: peak_ewma asks for no clients" in other.notes()


TRIED, FED = heard.ON_TRIAL_NS, ("peak_ewma", "adaptive")


def test_a_longer_latency_is_believed_at_once_and_a_shorter_one_by_and_by():
    policy = PEAK_EWMA
    assert counters(policy, [0, 2, 0]) == [0, TRIED + 2, 0], "nothing was heard: one is tried with one task"
    assert counters(policy, [0, 2, 0], [(1, 500, 9)]) == [0, 1500, 0]
    assert counters(policy, [0], [(0, 500, 0), (0, 700, 10)]) == [700]
    assert counters(policy, [0], [(0, 1100, 0), (0, 100, 1000)]) == [100 + round(1000 / math.e)]
    assert counters(policy, [1], [(0, 1100, 0), (0, 100, 1000), (0, 100, 3000)]) == [2 * (100 + round(368 / math.e**2))]
    assert counters(policy, [3], [(0, 0, 0)]) == [4], "at least 1 ns"
    assert counters(policy, [0], [(0, 10**9, 0), (0, 7, 10**12)]) == [7], "after a thousand decays"
    assert counters(policy, [1], [(0, 2**44 - 1, 0)]) == [2**44], "the most"


def test_what_is_not_heard_of_fades_and_is_tried_again():
    assert counters(PEAK_EWMA, [1], [(0, 1000, 5)], later=2000) == [2 * round(1000 / math.e**2)]
    assert counters(PEAK_EWMA, [0, 1], [(0, 1000, 5), (1, 1000, 5)], later=10**6) == [0, TRIED + 1]
    assert counters(ADAPTIVE, [3], [(0, 1000, 5)], later=1000) == [round(1000 / math.e)]


def test_adaptive_reads_the_average_alone():
    assert counters(ADAPTIVE, [0, 2, 5], [(1, 500, 9)]) == [0, 500, TRIED + 5]
    assert counters(ADAPTIVE, [9], [(0, 2**50, 9)]) == [2**44]


def test_a_task_without_an_answer_teaches_that_it_would_have_taken_longer():
    plan = stage_of(PEAK_EWMA)
    read, average = heard.counters_of(plan), heard.AVERAGE * plan.views
    for enqueue_ns, now, expected in ((-1, 90, 0), (40, 90, 50), (80, 100, 50), (100, 200, 100)):
        heard.count_at(plan.stages, read, 0, 0, 1)
        heard.withdrawn(plan.stages, read, 0, 0, 1, enqueue_ns, now)
        assert (read[heard.TASKS * plan.views], read[average]) == (0, expected)
    heard.answered(plan.stages, read, 0, 0, 1, 1200, 1, 0, 1201)
    assert read[average] < 100, "an answer teaches both ways"


@pytest.mark.parametrize("policy", ["peak_ewma", "adaptive"])
def test_a_replica_that_is_always_stopped_is_no_refuge(policy):
    """It answers nothing in time, and is stopped each time: whoever takes silence for speed sends it everything."""
    stage = {"gather": {"timeout": "25ms"}, "cancel": {"what": "running", "delay": "1us"}, "workers": 4}
    plan = plan_of(policy, [1, 1, 1, 8], "100/s", **stage)
    trace = compiled.simulate(plan)
    assert (
        trace.stopped[3] + trace.withdrawn[3] < 0.13 * plan.measured
    )  # adaptive: (1 / 25) of 3 / 10 + 1 / 25, and it is stopped at 25 ms
    assert trace.stopped[:3].sum() == 0


@pytest.mark.parametrize("policy", ["peak_ewma", "adaptive"])
def test_a_replica_that_was_slow_for_a_while_is_tried_again(policy):
    slow = [{"every": "30s", "length": "500ms", "factor": 100}]
    one = scenario(policy, [1, 1], "50/s", decay="1s").resolved()
    one["stages"][0] |= {"slowdowns": slow, "workers": 4}
    trace = compiled.simulate(make_plan(scenario_from_dict(one).with_run(queries=8000), 1))
    shares = trace.tasks / trace.tasks.sum()
    assert shares.min() > 0.3, "after a second or a few it is as good as the other"


@drawn(200)
@given(st.lists(st.tuples(INSTANTS, LATENCIES), min_size=1, max_size=9), st.integers(1, 10**12))
def test_the_average_is_between_the_last_latency_and_the_longest(answers, decay_ns):
    answers = sorted(answers)
    plan = stage_of(PEAK_EWMA, decay_ns, 1)
    read, place = heard.counters_of(plan), heard.AVERAGE * plan.views
    averages = []
    for now, latency in answers:
        heard.hear(plan.stages, read, 0, 0, latency, now)
        averages.append(int(read[place]))
    longest = 1
    for (_, latency), average in zip(answers, averages, strict=True):
        longest = max(longest, latency)
        assert max(1, latency) <= average <= longest
    for one, two in pairwise(range(len(answers))):  # who says more is never thought faster
        more = [(now, latency + (place == one)) for place, (now, latency) in enumerate(answers)]
        other = heard.counters_of(plan)
        for now, latency in more[: two + 1]:
            heard.hear(plan.stages, other, 0, 0, latency, now)
        assert int(other[place]) >= averages[two]


@drawn(100)
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=8), st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_adaptive_shares_are_in_proportion_to_one_over_what_is_read(read, u):
    seen = np.array(read, dtype=np.int64)
    speeds = 1 / np.maximum(1, seen)
    chosen = int(routing.choose(ADAPTIVE, len(read), seen, 0, 0, u, 0.5))
    below, total = speeds[:chosen].sum(), speeds.sum()
    assert below - 1e-9 * total <= u * total <= below + speeds[chosen] + 1e-9 * total
    assert routing.choose(PEAK_EWMA, len(read), seen, 0, 0, u, 0.5) == routing.choose(
        POWER_OF_TWO, len(read), seen, 0, 0, u, 0.5
    )


def test_the_last_uniform_is_the_last_replica():
    seen = np.array([3, 7, 9], dtype=np.int64)
    assert routing.choose(ADAPTIVE, 3, seen, 0, 0, 1.0, 0.5) == 2


def scenario(policy, speeds, rate="0.1/s", stage=None, **more):
    """As many replicas, with a worker for every task unless said otherwise."""
    stage = {
        "name": "a",
        "replicas": len(speeds),
        "workers": 50,
        "routing": {"policy": policy, **more},
        "model": {"kind": "linear", "per_item": "10ms"},
        "candidates": 1,
        **(stage or {}),
    }
    return scenario_from_dict({"name": "s", "load": {"rate": rate}, "run": RUN, "stages": [stage]})


RUN = {"queries": 4000, "replications": 4}


def plan_of(policy, speeds, rate="0.1/s", **stage):
    """One whose machines are as slow as is said."""
    made = make_plan(scenario(policy, speeds, rate, stage), 1)
    return replace(made, machine_factor=frozen(np.array(speeds, dtype=np.float64)))


def mean_latency_ms(policy, speeds):
    """Of plans whose machines are as slow as is said, with a worker for every task."""
    plan = plan_of(policy, speeds, routing={"policy": policy, "decay": "8000h"} if policy in FED else policy)
    trace = compiled.simulate(plan)
    latency = (trace.leave_ns[-1] - trace.arrival_ns)[plan.first_measured :]
    return latency.mean() / 1e6, plan


@pytest.mark.parametrize(
    ("policy", "speeds", "exact_ms"),
    [
        ("adaptive", [1, 3], 15.0),  # chances 3/4 and 1/4
        ("adaptive", [1, 2, 4], 30 / (1 + 1 / 2 + 1 / 4)),  # the harmonic mean
        ("peak_ewma", [1, 3], 10.0),  # the faster of the two that there are
        ("peak_ewma", [1, 2, 4], (2 * 10 + 20) / 3),  # of the three pairs two have the fastest
        ("power_of_two", [1, 3], 20.0),  # the first of equals: either is first as often
        ("random", [1, 2, 4], 70 / 3),
    ],
)
def test_shares_of_replicas_that_differ_are_exact_where_nobody_waits(policy, speeds, exact_ms):
    found, plan = mean_latency_ms(policy, speeds)
    spread = 10 * (max(speeds) - min(speeds)) / 2 / math.sqrt(plan.measured)
    assert found == pytest.approx(exact_ms, abs=0.01 + 4 * spread * (policy != "peak_ewma" or len(speeds) > 2))


def test_it_goes_event_by_event_and_only_where_there_is_a_choice():
    plan = stage_of(PEAK_EWMA)
    assert Feature.ROUTING_BY_LATENCY in features_of(plan, 0)
    assert not may_look_ahead(features_of(plan, 0))
    alone = stage_of(PEAK_EWMA, replicas=1)
    assert may_look_ahead(features_of(alone, 0))
    assert (compiled.simulate(alone).leave_ns == reference.simulate(alone).leave_ns).all()


def test_one_replica_is_the_same_whatever_the_policy():
    said = [
        simulate(scenario(policy, [1], "60/s").with_run(queries=200)).to_dict() for policy in ("random", "adaptive")
    ]
    assert said[0]["latency_s"] == said[1]["latency_s"]


def test_decay_is_read_and_said_to_be_in_vain_where_nothing_is_heard():
    assert make_plan(scenario("adaptive", [1, 1], decay="2s"), 1).stages[0]["decay_ns"] == 2 * 10**9
    assert make_plan(scenario("adaptive", [1, 1]), 1).stages[0]["decay_ns"] == DECAY_NS
    for decay, message in (("0s", r"above 0"), ("12000h", r"a year at most")):
        with pytest.raises(ScenarioError, match=message):
            scenario("peak_ewma", [1, 1], decay=decay)
    assert scenario("random", [1, 1], decay="2s").notes() == [
        "a: routing: random looks at no latency, so nothing decays"
    ]
    assert scenario("peak_ewma", [1, 1], decay="2s").notes() == []


def test_balancers_that_hear_little_are_told():
    (note,) = scenario("adaptive", [1, 1], balancers=1000).with_run(queries=6000).notes()
    assert note == (
        "a: routing: each of 1,000 balancers sends a replica about 3 tasks in a replication, so it hears little of "
        "latencies: have longer runs, or fewer balancers"
    )
    for policy, speeds, balancers in (("adaptive", [1, 1], 200), ("adaptive", [1], 1000), ("least_work", [1, 1], 1000)):
        assert scenario(policy, speeds, balancers=balancers).notes() == []


def test_a_decay_so_long_that_nothing_is_forgotten_is_another_than_none():
    said = {
        decay: simulate(scenario("peak_ewma", [1, 1, 1], "300/s", decay=decay).with_run(queries=500)).to_dict()
        for decay in ("1ns", "1h")
    }
    assert said["1ns"] != said["1h"]


def test_paper_says_nothing_of_an_empty_system_whose_choice_has_a_memory():
    assert simulate(scenario("peak_ewma", [1, 1]).with_run(queries=100)).to_dict()["theory"]["zero_load_s"] is None


def test_the_memory_of_what_is_heard_is_counted():
    few = memory.rows_of(np.array([POWER_OF_TWO]))
    assert (few, memory.rows_of(np.array([POWER_OF_TWO, ADAPTIVE]))) == (1, heard.ROWS)


def test_time_has_a_unit_where_what_is_heard_fades():
    """S10 is not asked: with all times as long, what is heard fades as fast as before."""
    of_all = dict.fromkeys(("fan_outs", "gathers", "hedges", "slowdowns", "outages", "limits", "background"), False)
    of_all |= {"failures": False, "deadlines": False}
    (row,) = check_scenario(plans(policies=["adaptive"], replicas=2, **of_all), profile="quick", only=["S10"]).rows
    assert (row.number, row.verdict) == ("S10", "not asked")
    assert row.tried.startswith("routing is fed by latency")
