"""Deadlines that drop: by hand, beside everything inside a stage, neutral where nobody is late, and exactly."""

import math

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from test_hedging import every_way

from simulator import ScenarioError, scenario_from_dict, simulate
from simulator.core.admission import behind_a_door
from simulator.core.assemble import StageParts, assemble
from simulator.core.classes import QueryClass, classified
from simulator.core.clients import sent_by_clients, simulated
from simulator.core.columns import COMPLETE, SHED, TIMED_OUT
from simulator.core.copy_states import DONE, REFUSED
from simulator.core.features import Feature, features_of
from simulator.core.laws import Law
from simulator.core.plan import CANCEL_QUEUED, EDF, NEVER_NS
from simulator.core.retrying import with_patience
from simulator.core.trace import COLUMNS, same_trace
from simulator.engines import compiled, reference
from simulator.report.run import run_table
from simulator.testing import plans as drawn_plans
from simulator.verification.table import rows

ONE = Law.constant(1.0)


def plan_of(arrival_ns, deadlines, class_of=None, **part):
    """A server that takes 10 ns a task, before which queries are wanted so soon."""
    stage = StageParts(**{"candidates": ONE, "knots": [(0.0, 10.0, 0.0)], **part})
    plan = assemble([stage], np.array(arrival_ns), seed=3)
    known = [QueryClass(deadline_ns=one, drops=one < NEVER_NS) for one in deadlines]
    return classified(plan, known, np.zeros(plan.queries) if class_of is None else class_of)


def test_who_would_start_at_its_deadline_or_later_never_does():
    """The third would start at 20, 17 is its last instant; the worker is free for the next at once."""
    trace = every_way(plan_of([0, 1, 2, 3, 20], [15, 17], [0, 0, 0, 1, 0]))
    tasks = trace.task_table
    assert tasks.start_ns.tolist() == [0, 10, -1, -1, 20]
    assert tasks.state.tolist() == [DONE, DONE, REFUSED, REFUSED, DONE]
    assert tasks.withdrawn_ns.tolist() == [-1, -1, 20, 20, -1]
    assert trace.outcome.tolist() == [COMPLETE, TIMED_OUT, TIMED_OUT, TIMED_OUT, COMPLETE]
    assert trace.gives_up_ns.tolist() == [15, 16, 17, 20, 35]
    assert (trace.refused.tolist(), trace.tasks.tolist(), trace.busy_ns.tolist()) == ([2], [3], [30])


def test_who_is_served_at_its_deadline_is_in_time_and_an_instant_later_is_not():
    assert every_way(plan_of([0], [10])).outcome.tolist() == [COMPLETE]
    late = every_way(plan_of([0], [9]))
    assert late.outcome.tolist() == [TIMED_OUT] and late.task_table.finish_ns.tolist() == [10], "its work is charged"


def test_a_class_without_a_deadline_waits():
    trace = every_way(plan_of([0, 1, 2], [NEVER_NS, 5], [0, 1, 0]))
    assert trace.task_table.start_ns.tolist() == [0, -1, 10]
    assert trace.gives_up_ns.tolist() == [-1, 6, -1]


def test_a_deadline_that_is_served_orders_and_drops_nobody():
    stage = StageParts(candidates=ONE, knots=[(0.0, 10.0, 0.0)], discipline=EDF)
    plan = assemble([stage], np.array([0, 1, 2]))
    served = classified(plan, [QueryClass(deadline_ns=90), QueryClass(deadline_ns=3)], [0, 0, 1])
    trace = every_way(served)
    assert trace.task_table.start_ns.tolist() == [0, 20, 10] and trace.outcome.tolist() == [COMPLETE] * 3
    assert Feature.DEADLINE not in features_of(served, 0) and len(trace.gives_up_ns) == 0


def test_batches_are_made_of_those_that_are_in_time():
    """At 10 the second of those that wait is late: the batch is of the first and the third."""
    trace = every_way(plan_of([0, 1, 2, 3, 4], [50, 7], [0, 0, 1, 0, 0], max_size=2))
    assert trace.task_table.start_ns.tolist() == [0, 10, -1, 10, 20]
    assert trace.task_table.withdrawn_ns.tolist() == [-1, -1, 10, -1, -1]


def test_tasks_that_share_are_dropped_where_they_come():
    """Of two stages the first takes 10: whoever comes to the second after 8 does not share its worker."""
    first = StageParts(candidates=ONE, knots=[(0.0, 10.0, 0.0)], workers=2, merge_ns=0)
    plan = assemble([first, StageParts(knots=[(0.0, 4.0, 0.0)], sharing=True, request_ns=3)], np.array([0, 0]))
    trace = every_way(classified(plan, [QueryClass(), QueryClass(deadline_ns=12, drops=True)], [0, 1]))
    assert trace.task_table.start_ns.tolist() == [0, 13, 0, -1], "query by query"


def test_later_stages_are_not_entered():
    parts = [StageParts(candidates=ONE, knots=[(0.0, 10.0, 0.0)]) for _ in range(2)]
    plan = classified(assemble(parts, np.array([0])), [QueryClass(deadline_ns=9, drops=True)], [0])
    trace = every_way(plan)
    assert trace.leave_ns.tolist() == [[10], [-1]] and trace.candidates[1].tolist() == [-1.0]


def test_a_place_behind_the_door_is_free_at_the_deadline():
    """One may be in flight: the second comes at 5, when the first is late; the third at 8, the second is not."""
    plan = behind_a_door(plan_of([0, 5, 8], [5]), 1)
    trace = every_way(plan)
    assert trace.outcome.tolist() == [TIMED_OUT, TIMED_OUT, SHED]


def test_a_client_that_waits_thinks_from_the_deadline_on():
    plan = sent_by_clients(plan_of([0] * 4, [6]), 1, Law.constant(4.0))
    trace = reference.simulate(plan)
    assert same_trace(compiled.simulate(plan), trace) == "" and list(trace.verify(simulated(plan, trace))) == []
    assert (np.diff(trace.arrival_ns) == 10).all(), "6 until it is late, and 4 of thought"
    assert (trace.outcome == TIMED_OUT).all()


def test_who_gives_up_sooner_is_not_waited_for_longer():
    plan = with_patience(plan_of([0, 0, 40], [15, 30], [0, 1, 1]), 12)
    trace = every_way(plan)
    assert trace.gives_up_ns.tolist() == [12, 12, 52]
    assert trace.task_table.start_ns.tolist() == [0, 10, 40], "its client tells nobody: it is not late"
    with pytest.raises(AssertionError, match="not sent again"):
        with_patience(plan, 12, 1, (1.0, 1.0, 1.0))


@drawn(80)
@given(drawn_plans(deadlines=False, classes=False, limits=False))
def test_a_deadline_later_than_anything_changes_nothing(plan):
    known = [QueryClass(share=1.0, priority=float(row["priority"])) for row in plan.classes]
    of = plan.class_of if len(plan.class_of) else np.zeros(plan.queries)
    without = classified(plan, known, of)
    late = [QueryClass(one.share, one.priority, 2**50, True) for one in known]
    if any(row["discipline"] == EDF for row in plan.stages):
        return
    one, two = compiled.simulate(without, tasks=True), compiled.simulate(classified(plan, late, of), tasks=True)
    known = {"gives_up_ns", *("stage_outcome", "answers", "coverage" if not len(one.coverage) else "")}
    known = known if not len(one.coverage) else {"gives_up_ns"}
    for name in set(COLUMNS) - known:
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    assert np.array_equal(one.task_table.finish_ns, two.task_table.finish_ns)


def lost(lam, tau):
    """The part of queries that a server at rate 1 does not answer by tau, if it starts none later.

    The virtual wait has density lam p e^(-(1-lam)x) up to tau, and falls as e^-x beyond, where nobody is taken in.
    """
    x = np.linspace(0.0, tau, 20_001)
    below = lam * np.exp(-(1 - lam) * x)
    beyond = lam * math.exp(-(1 - lam) * tau)
    p = 1 / (1 + np.trapezoid(below, x) + beyond)
    in_service = p * (math.exp(-tau) + np.trapezoid(below * np.exp(-(tau - x)), x))
    return p * beyond + in_service


def test_the_table_has_the_formula():
    late = [row for row in rows() if row["family"] == "late"]
    assert len(late) == 4
    for row in late:
        given = dict(part.split("=") for part in row["parameters"].split(";"))
        assert float(row["value"]) == pytest.approx(lost(float(given["lam"]), float(given["tau"])), rel=1e-6)


def scenario(deadline=None, **more):
    load = {"rate": "120/s", "classes": [{"name": "all", "share": 1, **(deadline or {})}]}
    stage = {"name": "one", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}}
    return scenario_from_dict(
        {"name": "late", "load": load, "run": {"queries": 20_000, "replications": 4}, "stages": [stage], **more}
    )


def test_overload_is_answered_where_the_late_are_dropped():
    """At 120 % of what one server can do nobody is answered in 100 ms after a while, or most are."""
    within = ["99% within 100ms"]
    served = simulate(scenario({"deadline": "100ms", "late": "served"}, slos=within)).to_dict()
    assert (served["verdict"], simulate(scenario({"deadline": "100ms"})).to_dict()["verdict"]) == (
        "saturated",
        "stable",
    )
    dropped = simulate(scenario({"deadline": "100ms"}, slos=within)).to_dict()
    assert served["goodput_per_s"]["value"] < 5 and dropped["goodput_per_s"]["value"] > 70
    assert dropped["failed_ratio"]["value"] == pytest.approx(lost(1.2, 10.0), rel=0.05)
    assert dropped["classes"][0]["failed_ratio"]["value"] == dropped["failed_ratio"]["value"]


def test_what_is_said_of_the_late():
    said = simulate(scenario({"deadline": "20ms"}))
    assert "given up, not answered in time: " in run_table(said.to_dict())


@pytest.mark.parametrize(
    ("deadline", "more", "message"),
    [
        ({"late": "dropped"}, {}, r"classes\[0\].late: is of whoever is not answered by the deadline: give one"),
        ({"deadline": "9ms", "late": "lost"}, {}, r"classes\[0\].late: must be one of dropped, served"),
        (
            {"deadline": "9ms"},
            {"client": {"timeout": "1s", "retries": 2, "backoff": {"base": "1ms"}}},
            r"classes\[0\].deadline: a query is over then, and clients send theirs again",
        ),
    ],
)
def test_what_a_deadline_may_not_be(deadline, more, message):
    with pytest.raises(ScenarioError, match=message):
        scenario(deadline, **more)


def test_copies_of_a_late_task_are_late_too():
    part = {"replicas": 2, "hedges": 1, "hedge_ns": 3, "cancels": CANCEL_QUEUED, "by_query": False}
    trace = every_way(plan_of([0, 0, 0, 0, 1], [16], **part))
    assert (trace.outcome[-1], trace.refused.sum() > 0) == (TIMED_OUT, True)
