"""Classes of queries: by hand, neutral where they are alike, and what is said of each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import drawn, slow
from hypothesis import given
from hypothesis import strategies as st
from test_hedging import every_way

from simulator import ScenarioError, capacity, scenario_from_dict, simulate, size, sweep
from simulator.base.groups import Group
from simulator.core import draws
from simulator.core.assemble import StageParts, assemble
from simulator.core.classes import QueryClass, classified
from simulator.core.laws import Law
from simulator.core.plan import EDF, FIFO, PRIORITY
from simulator.core.trace import COLUMNS, same_trace
from simulator.engines import compiled
from simulator.planner.plans import Plans
from simulator.planning.knobs import knobs_of
from simulator.planning.probe import Effort, Prober, prepared
from simulator.report.run import run_table
from simulator.report.sweep import sweep_table
from simulator.running.execution import Execution
from simulator.running.memory import needed
from simulator.scenario.slo import parse_objective
from simulator.stats.readings import read
from simulator.testing import plans as drawn_plans
from simulator.theory.priority import priority_mean_waits

PEOPLE, CRAWLERS = QueryClass(priority=1.0, deadline_ns=30), QueryClass(deadline_ns=200)


def served(discipline, arrival_ns, class_of, classes=(PEOPLE, CRAWLERS)):
    """When queries of a server that takes 10 ns a task start."""
    part = StageParts(candidates=Law.constant(1.0), knots=[(0.0, 10.0, 0.0)], discipline=discipline)
    return every_way(classified(assemble([part], np.array(arrival_ns)), classes, class_of)).task_table.start_ns.tolist()


def test_who_is_of_a_greater_priority_goes_first_and_nobody_is_interrupted():
    assert served(PRIORITY, [0, 1, 2, 3, 4], [1, 1, 0, 1, 0]) == [0, 30, 10, 40, 20]


def test_the_earliest_deadline_is_served_first_however_late_it_is():
    """The crawler of 0 is wanted at 200; people who come from 171 on are wanted later."""
    assert served(EDF, [0, 0, 1, 168, 169, 172], [0, 1, 1, 0, 0, 0])[:3] == [0, 10, 20]
    assert served(EDF, [160, 161, 162, 163], [1, 1, 0, 0]) == [160, 190, 170, 180]
    late = served(EDF, [0] * 20 + [169, 171], [1] * 20 + [0, 0])
    assert late[20] == 170, "wanted at 199, before those of 200"
    assert late[21] > late[19], "wanted at 201"


def test_who_has_no_deadline_comes_last():
    assert served(EDF, [0, 1, 2], [0, 0, 1], (QueryClass(), CRAWLERS)) == [0, 20, 10]


@drawn(100)
@given(
    drawn_plans(disciplines=["priority"], batches=1, classes=False)
    | drawn_plans(disciplines=["edf"], batches=1, most_stages=1, hedges=False, classes=False)
)
def test_one_class_is_first_come_first_served(plan):
    """By deadline in a first stage, without copies: elsewhere tasks may come in another order than their queries."""
    alike = classified(plan, [PEOPLE], np.zeros(plan.queries))
    stages = alike.stages.copy()
    stages["discipline"] = FIFO
    stages.flags.writeable = False
    plain = compiled.simulate(replace(alike, stages=stages), tasks=True)
    trace = compiled.simulate(alike, tasks=True)
    assert all(np.array_equal(getattr(trace, name), getattr(plain, name)) for name in COLUMNS)


def scenario(queue="priority", classes=None, **more):
    """Two classes before a server."""
    known = [
        {"name": "people", "share": 3, "priority": 1},
        {
            "name": "crawlers",
            "share": 1,
            "work": {"kind": "uniform", "low": 1, "high": 5},
            "deadline": "1s",
            "late": "served",
        },
    ]
    stage = {"name": "a", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "1ms"}}, **more}
    return {
        "name": "two",
        "load": {"rate": "400/s", "classes": known if classes is None else classes},
        "run": {"queries": 4000, "replications": 4, "seed": 5},
        "stages": [{**stage, **({"queue": queue} if queue else {})}],
    }


def test_a_class_is_drawn_by_its_share_and_its_work_by_its_law():
    made = scenario_from_dict(scenario())
    plan = Plans.of(made).make(2)
    u = draws.series(5, 2, draws.CLASS, plan.queries)
    assert plan.class_of.tolist() == (u >= 0.75).astype(int).tolist()
    luck = draws.series(5, 2, draws.WORK, plan.queries)
    expected = np.where(plan.class_of == 1, 1 + 4 * luck, 1.0)
    assert plan.work == pytest.approx(expected, rel=1e-12)
    assert plan.classes["share"].tolist() == [0.75, 0.25]
    assert plan.classes["work"].tolist() == pytest.approx([1.0, 3.0])
    assert plan.classes["work_squared"].tolist() == pytest.approx([1.0, 31 / 3])


def test_without_classes_a_plan_has_one():
    given = scenario(queue=None)
    del given["load"]["classes"]
    plan = Plans.of(scenario_from_dict(given)).make()
    assert (len(plan.classes), len(plan.class_of)) == (1, 0)


def test_the_figures_of_a_class_are_those_of_its_queries():
    result = simulate(scenario_from_dict(scenario()), engine="compiled", jobs=1)
    said = result.summary.to_dict()
    people, crawlers = said["classes"]
    spent, of = [], []
    for replication, trace in sorted(result.traces.items()):
        first = trace.first_measured
        spent.append((trace.completion_ns - trace.arrival_ns)[first:] * 1e-9)
        of.append(Plans.of(result.scenario).make(replication).class_of[first:])
    spent, of = np.concatenate(spent), np.concatenate(of)
    for place, one in enumerate((people, crawlers)):
        mine = spent[of == place]
        assert one["queries"] == len(mine)
        assert one["share"] == len(mine) / len(spent)
        assert one["latency_s"]["mean"]["value"] == pytest.approx(mine.mean(), rel=1e-12)
        assert one["latency_s"]["max"] == mine.max()
        assert one["latency_s"]["p90"]["value"] == pytest.approx(np.quantile(mine, 0.9, method="inverted_cdf"))
        assert one["failed_ratio"]["value"] == 0
    assert people["latency_s"]["p90"]["value"] < crawlers["latency_s"]["p90"]["value"]
    table = run_table(result.to_dict())
    assert "people" in table
    assert "crawlers" in table


def test_classes_that_change_nothing_change_no_figure_but_their_own():
    alike = [{"name": "one", "share": 1}, {"name": "two", "share": 5, "priority": 3}]
    plain = scenario(queue=None)
    del plain["load"]["classes"]
    one, two = (simulate(scenario_from_dict(of), jobs=1) for of in (plain, scenario(None, alike)))
    for replication, trace in one.traces.items():
        assert not same_trace(trace, two.traces[replication])
    figures = two.summary.figures()
    assert [each["name"] for each in figures.pop("classes")] == ["one", "two"]
    assert figures == one.summary.figures()


def test_a_class_that_nobody_is_of_in_some_replication_has_no_figures():
    rare = [{"name": "most", "share": 1_000_000}, {"name": "rare", "share": 1}]
    said = simulate(scenario_from_dict(scenario(None, rare)), jobs=1).to_dict()
    rarest = said["classes"][1]
    assert (rarest["latency_s"], rarest["failed_ratio"], rarest["queries"]) == (None, None, 0)
    assert "rare" in run_table(said)


def test_a_sweep_has_columns_of_each_class():
    given = scenario_from_dict(scenario())
    answer = sweep(given, {"stages.a.queue": ["fifo", "priority"]}, jobs=1).to_dict()
    fifo, first = answer["points"]
    assert first["class.people.latency_p99_s"] < fifo["class.people.latency_p99_s"]
    assert {"class.crawlers.latency_mean_s_low", "class.crawlers.latency_p99_s_high"} <= set(first)
    assert "people p99" in sweep_table(answer)


def test_theory_knows_the_mean_over_all_classes_by_priority():
    said = simulate(scenario_from_dict(scenario()), jobs=1).to_dict()
    checks = {(check["statistic"], check["stage"]): check for check in said["theory"]["checks"]}
    assert checks["mean", None]["law"] == "M/G/1 by priority (Cobham, 1954)"
    rates, second = (300.0, 100.0), (2e-6, 2e-6 * 31 / 3)
    left = sum(rate * each for rate, each in zip(rates, second, strict=True)) / 2
    waits = left / (1 - 0.3), left / ((1 - 0.3) * (1 - 0.6))
    assert checks["mean", None]["expected"] == pytest.approx(0.75 * (waits[0] + 1e-3) + 0.25 * (waits[1] + 3e-3))
    assert checks["mean", None]["verdict"] == "agrees"


@pytest.mark.parametrize(
    ("queue", "stage"),
    [("edf", {}), ("priority", {"model": {"kind": "linear", "per_item": "1ms", "overhead": "1ms"}, "candidates": 1})],
    ids=["by deadline", "an overhead is not in proportion to work"],
)
def test_theory_is_silent_where_it_does_not_know(queue, stage):
    given = scenario_from_dict(scenario(queue, **stage))
    said = simulate(given, jobs=1).to_dict()["theory"]
    assert not [check for check in said["checks"] if check["statistic"] in ("mean", "wait")]


@slow
def test_a_class_of_endless_variance_makes_everybody_wait_for_ever():
    heavy = {"kind": "pareto", "minimum": 0.5, "shape": 1.5}
    classes = [{"name": "a", "share": 9, "priority": 1}, {"name": "b", "share": 1, "work": heavy}]
    said = simulate(scenario_from_dict(scenario(classes=classes)), jobs=1).to_dict()["theory"]["checks"]
    of_mean = [check["expected"] for check in said if check["statistic"] in ("mean", "wait")]
    assert of_mean
    assert set(of_mean) == {None}, "infinite"


def test_in_the_order_of_arrival_theory_takes_the_mixture_of_works():
    said = simulate(scenario_from_dict(scenario("fifo")), jobs=1).to_dict()
    mean = next(check for check in said["theory"]["checks"] if check["statistic"] == "mean" and check["stage"] is None)
    left = (300 * 2e-6 + 100 * 2e-6 * 31 / 3) / 2
    assert mean["expected"] == pytest.approx(left / (1 - 0.6) + 1.5e-3)
    assert mean["verdict"] == "agrees"


@given(
    st.lists(
        st.tuples(st.floats(0.01, 0.2), st.integers(0, 3), st.floats(0.1, 2.0), st.floats(1.0, 5.0)),
        min_size=1,
        max_size=4,
    )
)
def test_priorities_share_out_the_same_waiting(classes):
    """Kleinrock's conservation law: the sum of load times wait is that of first come, first served."""
    rows = [(rate, priority, mean, spread * mean**2) for rate, priority, mean, spread in classes]
    load = sum(rate * mean for rate, _, mean, _ in rows)
    waits = priority_mean_waits(rows)
    if load >= 0.999:
        return
    left = sum(rate * second for rate, _, _, second in rows) / 2
    held = sum(rate * mean * wait for (rate, _, mean, _), wait in zip(rows, waits, strict=True))
    assert held == pytest.approx(load * left / (1 - load), rel=1e-9)


def test_beyond_what_can_be_served_lower_priorities_wait_for_ever():
    high, low = priority_mean_waits([(0.5, 1, 1.0, 1.0), (0.6, 0, 1.0, 1.0)])
    assert (high, low) == (pytest.approx(1.1), np.inf)


def test_knobs_turn_the_shares_and_works_of_classes():
    turned = {knob.name: knob for knob in knobs_of(scenario_from_dict(scenario()))}
    assert {"load: crawlers: share", "load: crawlers: work"} <= set(turned)
    assert turned["load: crawlers: share"].values == {"load.classes.crawlers.share": pytest.approx(0.9)}
    assert "load: people: share" not in turned, "fewer of the light ones are more work"
    one = knobs_of(scenario_from_dict(scenario(classes=[{"name": "all", "share": 1, "priority": 2}])))
    assert not [knob for knob in one if "all" in knob.name]


def test_capacity_counts_the_work_of_classes():
    found = capacity(scenario_from_dict({**scenario(), "slos": ["mean < 6ms"]}), tolerance=0.3, jobs=1).to_dict()
    assert found["bottleneck"]["saturation_per_s"] == pytest.approx(1000 / 1.5)


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"classes": []}, "load.classes", "from 1 to 100 classes, got 0"),
        ({"classes": [{"name": "a", "share": 1}] * 2}, "load.classes[1].name", "two classes are called 'a'"),
        ({"classes": [{"name": "a", "share": 1, "work": 0}]}, "load.classes[0].work", "a mean above 0"),
        ({"classes": [{"name": "a", "share": 1, "work": "1e7"}]}, "load.classes[0].work", "at most 1,000,000"),
        ({"classes": [{"name": "a", "share": 1e308}]}, "load.classes[0].share", "from 1e-09 to 1e+09"),
        ({"classes": [{"name": "a", "share": 1, "deadline": "1e9s"}]}, "load.classes[0].deadline", "at most"),
        ({"classes": [{"name": "a", "share": 1, "priority": 0.5}]}, "load.classes[0].priority", "a whole number"),
        ({"classes": None}, "stages[0].queue", "the load has none: give load.classes, each with a priority"),
    ],
)
def test_what_classes_cannot_be_is_refused(change, path, message):
    given = scenario()
    given["load"] |= change
    if change["classes"] is None:
        del given["load"]["classes"]
    with pytest.raises(ScenarioError) as caught:
        scenario_from_dict(given)
    assert [problem.path for problem in caught.value.problems] == [path]
    assert message in caught.value.problems[0].message


def test_a_trace_says_the_work_of_its_queries_itself(tmp_path):
    (tmp_path / "t.csv").write_text("t,w\n" + "".join(f"{i},{1 + i % 3}\n" for i in range(40)))
    given = scenario(None)
    given["run"] = {"replications": 2}
    trace = {"kind": "trace", "file": str(tmp_path / "t.csv"), "column": "t", "unit": "s", "columns": {"work": "w"}}
    given["load"] = {"arrivals": trace, "classes": given["load"]["classes"]}
    with pytest.raises(ScenarioError, match=r"the trace says it, in arrivals\.columns\.work"):
        scenario_from_dict(given)
    del given["load"]["classes"][1]["work"]
    plan = Plans.of(scenario_from_dict(given)).make()
    assert set(plan.class_of.tolist()) == {0, 1}
    assert plan.work[:3] == pytest.approx([1 / 2, 1.0, 3 / 2], rel=0.1)
    said = simulate(scenario_from_dict(given), jobs=1).to_dict()["classes"]
    assert sum(one["queries"] for one in said) == said[0]["queries"] / said[0]["share"]


def test_memory_counts_the_classes_of_queries():
    plain = scenario(None)
    del plain["load"]["classes"]
    with_and_without = [Plans.of(scenario_from_dict(of)) for of in (scenario(None), plain)]
    more, less = (needed(plans, "compiled", 1, 4).bytes for plans in with_and_without)
    assert more - less == 4 * 5000 * 24, "while the figures of four replications are made"


def test_notes_say_what_no_queue_looks_at():
    notes = scenario_from_dict(scenario("edf")).notes()
    assert [note for note in notes if "no queue looks at priority" in note]
    alike = [{"name": "a", "share": 1, "priority": 2}, {"name": "b", "share": 1, "priority": 2}]
    notes = scenario_from_dict(scenario("priority", alike)).notes()
    assert [note for note in notes if "all have the same priority (2)" in note]


OF_PEOPLE = Group("class", "people")


def test_an_objective_may_be_of_a_class():
    objective = parse_objective("class.people.p99 < 100ms")
    assert (objective.group, objective.stage, objective.p, objective.is_of_all) == (OF_PEOPLE, None, 0.99, False)
    assert parse_objective("class.people.availability > 99%").allowed == pytest.approx(0.01)
    assert parse_objective("stage.people.p99 < 1s").group is None
    within = parse_objective("class.people.99.9% within 100ms")
    assert (within.group, within.stage, within.p, within.bound) == (OF_PEOPLE, None, 0.999, 0.1)
    of_stage = parse_objective("stage.a.50 % within 1s")
    assert (of_stage.group, of_stage.stage, of_stage.p, of_stage.measure) == (None, "a", 0.5, "share_within")
    for text in ("class.99% within 1s", "class.people.p99% within 1s", "shard.a.99% within 1s"):
        with pytest.raises(ValueError, match="is not a percentile"):
            parse_objective(text)


@slow
def test_a_share_within_a_time_may_be_of_a_class_or_a_stage():
    """It is met where the percentile is, but for who is in the last instant; and counts who is late."""
    texts = ["class.people.90% within 30ms", "stage.a.90% within 30ms", "class.people.p90 < 30ms", "stage.a.p90 < 30ms"]
    asked = scenario() | {"slos": [*texts, "class.people.1% within 30ms"], "run": {"queries": 1500, "replications": 6}}
    *pairs, few = simulate(scenario_from_dict(asked)).to_dict()["slos"]
    for within, percentile in zip(pairs[:2], pairs[2:], strict=True):
        judged = [(one["met"], one["bad_share"]) for one in (within, percentile)]
        assert judged[0] == judged[1], "no latency is 30 ms to the nanosecond"
        assert within["value"] == 1 - within["bad_share"]["value"]
    assert few["met"] and few["bad_share"]["value"] == pairs[0]["bad_share"]["value"]
    asked = scenario_from_dict(scenario())
    found = [capacity(asked, slos=[text], tolerance=0.1).per_s.value for text in (texts[0], texts[2])]
    assert found[0] == found[1]


@pytest.mark.parametrize("what", ["goodput > 1/s", "coverage.mean > 99%", "partial_ratio < 1%", "cost < 4 USD/h"])
def test_what_is_not_known_of_a_class_is_refused(what):
    with pytest.raises(ValueError, match="is not known of a class of queries; of one there are p99, mean, max, avail"):
        parse_objective(f"class.people.{what}")


def test_a_class_that_there_is_not_is_refused_with_a_name_near_it():
    with pytest.raises(ScenarioError, match=r"slos\[0\]: no class is called 'peple'; did you mean 'people'"):
        scenario_from_dict(scenario() | {"slos": ["class.peple.p99 < 1s"]})
    with pytest.raises(ScenarioError, match="no class is called 'people'"):
        scenario_from_dict(scenario("fifo") | {"load": {"rate": "1/s"}, "slos": ["class.people.p99 < 1s"]})


SLOS = ["class.people.p90 < 30ms", "class.crawlers.max < 1s", "class.people.mean < 1s", "class.crawlers.p50 < 1us"]
SLOS += ["class.people.failed_ratio < 5%", "class.crawlers.availability > 99%", "p90 < 60ms"]


def test_an_objective_on_a_class_is_judged_by_its_figures():
    """By a run and by a search alike; with the figures that the class has in the document."""
    asked = scenario_from_dict(scenario() | {"slos": SLOS, "run": {"queries": 1500, "replications": 6}})
    document = simulate(asked).to_dict()
    people, crawlers = document["classes"]
    slos = {one["slo"]: one for one in document["slos"]}
    for text, of in (("class.people.p90 < 30ms", people), ("class.crawlers.p50 < 1us", crawlers)):
        name = text.split(".")[2].split()[0]
        assert slos[text]["value"] == of["latency_s"][name]["value"]
    assert slos["class.people.mean < 1s"]["value"] == people["latency_s"]["mean"]["value"]
    assert slos["class.crawlers.max < 1s"]["value"] == crawlers["latency_s"]["max"]
    assert slos["class.people.failed_ratio < 5%"]["value"] == people["failed_ratio"]["value"]
    assert (slos["class.crawlers.p50 < 1us"]["met"], slos["class.people.mean < 1s"]["met"]) == (False, True)
    made = Plans.of(asked)
    prober = Prober(made, Effort(6, 1500), prepared(made, Execution()))
    found = prober.extracts(0.0)
    for verdict in found.verdicts(asked.slos, False):
        said = slos[verdict.slo]
        assert (verdict.met, verdict.value, verdict.low) == (said["met"], said["value"], said["low"]), verdict.slo
    assert read(asked.slos[3], found).value > 1 > read(asked.slos[2], found).value


@slow
def test_an_objective_on_the_only_class_is_one_on_all():
    one = [{"name": "all", "share": 1}]
    asked = scenario("fifo", one) | {"slos": ["class.all.p90 < 60ms", "p90 < 60ms", "class.all.mean < 1s"]}
    of_class, of_all, mean = simulate(scenario_from_dict(asked)).to_dict()["slos"]
    assert {**of_class, "slo": ""} == {**of_all, "slo": ""}
    assert mean["met"]
    within = [capacity(scenario_from_dict(asked), slos=[slo]).per_s.value for slo in asked["slos"][:2]]
    assert within[0] == within[1]


def test_of_a_class_that_is_not_there_nothing_is_known():
    rare = [{"name": "people", "share": 1}, {"name": "rare", "share": 1e-9}]
    asked = scenario("fifo", rare) | {"slos": ["class.rare.p90 < 1s", "class.rare.availability > 9%"]}
    slos = simulate(scenario_from_dict(asked)).to_dict()["slos"]
    assert [one["met"] for one in slos] == [None, None]
    assert slos[0]["reason"] == "some replication has no query of class 'rare': run more queries"
    found = capacity(scenario_from_dict(asked), slos=["class.rare.p90 < 1s"], queries=100_000)
    assert found.verdict == "inconclusive"


@slow
def test_people_are_served_longer_by_priority():
    """Short queries of people pass those of crawlers: the load at which theirs are late is higher."""

    def within(queue):
        found = capacity(scenario_from_dict(scenario(queue)), slos=["class.people.p90 < 6ms"], tolerance=0.1)
        return found.per_s.value

    assert within("priority") > 1.2 * within("fifo")
    fleets = size(scenario_from_dict(scenario()), slos=["class.people.p90 < 6ms"], search={"stages.a.workers": "1..3"})
    assert fleets.answers
