"""The laws S10 .. S20: what a change of a scenario does to what happens, exactly."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulator.core.assemble import ONE, StageParts
from simulator.core.caches import is_behind
from simulator.core.features import Feature, features_of
from simulator.core.laws import Law, sampling
from simulator.core.plan import AFTER, FIFO, NEVER_NS, PLUGGED, RANDOM, ROLES, ROUND_ROBIN, Plan, frozen
from simulator.core.trace import COLUMNS, Trace
from simulator.planner.plans import make_plan
from simulator.scenario import scenario_from_dict
from simulator.testing.checks import derive, walks
from simulator.testing.law_check import Breach, Check

#: Columns of a Trace that are instants or durations.
TIMES = tuple(name for name in COLUMNS if name.endswith("_ns"))


def hold(check: Check, drawn: st.SearchStrategy[walks.Walk]) -> None:
    """Hold the laws S10 .. S20."""
    some = st.integers(0, 7)
    check.hold("S10", st.tuples(drawn, st.integers(2, 5)), _scales, "all times 2 to 5 times as long", share=0.3)
    order = st.permutations(range(4))
    check.hold("S11", st.tuples(drawn, some, order), _shards_have_no_names, "shards exchanged", share=0.3)
    check.hold("S12", drawn, _an_empty_stage_adds_nothing, "a stage that costs nothing, at the end", share=0.3)
    check.hold("S13", drawn, _replicas_are_alone, "each replica simulated by itself", share=0.3)
    check.hold(
        "S14", st.tuples(drawn, some, st.integers(2, 4)), _equals_are_one, "2 to 4 equal shards and 1", share=0.3
    )
    check.hold("S15", drawn, _defaults_are_absent, "every default written out", share=0.2)
    check.hold(
        "S16", st.tuples(drawn, some, st.integers(2, 5)), _work_hurts, "a query 2 to 5 times as heavy", share=0.3
    )
    check.hold("S17", drawn, _workers_help, "one more worker a replica", share=0.3)
    check.hold("S18", st.tuples(drawn, some), _the_future_is_not_known, "without the last queries", share=0.3)
    check.hold("S19", st.tuples(drawn, st.sampled_from([1, 1000, 10**12])), _shifts, "all arrivals later", share=0.2)
    check.hold("S20", st.tuples(drawn, st.integers(0, 100)), _a_cut_only_cuts, "the run cut anywhere", share=0.2)


def _differ(walk: walks.Walk, what: str, one: Any, two: Any, says: str = "found", other: str = "expected") -> None:
    if not np.array_equal(one, two):
        raise Breach(**walk.facts, compared=what, **{says: np.asarray(one).tolist(), other: np.asarray(two).tolist()})


def _times(value: Any, factor: int) -> Any:
    """Instants and durations times a factor; -1, never, stays."""
    return np.where(value < 0, value, value * factor)


@walks.of_all_answers
@walks.of_steady_times
def _scales(case: tuple[walks.Walk, int]) -> str | None:
    walk, factor = case
    if any(Feature.ROUTING_BY_LATENCY in features_of(walk.plan, at) for at in range(len(walk.plan.stages))):
        return "routing is fed by latency: what is heard fades in a time of its own, and is rounded to ns"
    if bool(walk.plan.stages["sharing"].any()):
        return SHARED
    one, two = walk.trace(derive.on_whole_ns(walk.plan)), walk.trace(derive.on_whole_ns(walk.plan, factor))
    for column in TIMES:
        expected = _times(getattr(one, column), factor)
        _differ(walk, f"{column}, all times {factor} times as long", getattr(two, column), expected)
    _differ(walk, f"tasks of replicas, all times {factor} times as long", two.tasks, one.tasks)
    return None


def _stage(plan: Plan, which: int) -> int:
    return which % len(plan.stages)


@walks.of_all_answers
@walks.of_same_services
@walks.of_own_replicas
def _shards_have_no_names(case: tuple[walks.Walk, int, Sequence[int]]) -> str | None:
    walk, which, places = case
    parts, machines = derive.without_luck(walk.plan)
    stage = _stage(walk.plan, which)
    shards = len(parts[stage].share)
    order = [place for place in places if place < shards] + list(range(len(places), shards))
    if order == sorted(order):
        return "no stage has two shards" if all(len(part.share) == 1 for part in parts) else "no shards were exchanged"
    renamed, moved = list(parts), list(machines)
    renamed[stage] = replace(parts[stage], share=[parts[stage].share[place] for place in order])
    moved[stage] = machines[stage][order]
    plans = derive.remade(walk.plan, parts, machines), derive.remade(walk.plan, renamed, moved)
    one, two = (walk.trace(plan, tasks=False) for plan in plans)
    change = f"shards of stage {stage} in the order {order[:8]}"
    _differ(walk, f"instants at which stages are left, {change}", two.leave_ns, one.leave_ns)
    first = sum(len(part.share) for part in parts[:stage])
    here = slice(first, first + shards)
    _differ(walk, f"busy times of replicas, {change}", two.busy_ns[here], one.busy_ns[here][order])
    return None


@walks.of_all_answers
def _an_empty_stage_adds_nothing(walk: walks.Walk) -> str | None:
    if is_behind(walk.plan.stages, len(walk.plan.stages)):
        return "a query may be over by a hit, before the last stage"
    parts, machines = derive.parts_of(walk.plan), derive.machines_of(walk.plan)
    empty = StageParts(candidates=ONE, time=Law.constant(0.0), workers=walk.plan.queries)
    one = walk.trace(derive.remade(walk.plan, parts, machines))
    two = walk.trace(derive.remade(walk.plan, [*parts, empty], [*machines, np.ones((1, 1))]))
    count = len(parts)
    for column in ("close_ns", "leave_ns", "candidates", "critical_shard", "answer_sum_ns"):
        _differ(walk, f"{column} of the stages before", getattr(two, column)[:count], getattr(one, column))
    _differ(walk, "instants at which queries are complete", two.completion_ns, one.completion_ns + 1)
    return None


@walks.of_all_answers
@walks.of_same_services
@walks.of_own_replicas
def _replicas_are_alone(walk: walks.Walk) -> str | None:
    plan = derive.measured(walk.plan)
    longer = [bool(sampling.is_drawn(plan.laws, stage * ROLES + AFTER)) for stage in range(len(plan.stages))]
    others = plan.is_batched | (plan.stages["discipline"] != FIFO) | longer  # luck goes by the query
    others |= plan.stages["sharing"] == 1  # of the time that each was there, services are a part
    if others.all():
        return "no stage serves task after task in the order of arrival, and is then free, or at a known time"
    trace = walk.trace(plan)
    assert trace.task_table is not None
    for stage, row in enumerate(plan.stages):
        first = int(row["first_replica"])
        if others[stage]:
            continue
        for replica in range(first, first + int(row["shards"] * row["replicas"])):
            alone = derive.one_replica(plan, trace, stage, replica)
            if alone is not None:
                finishes = walk.trace(alone[0], tasks=False).completion_ns
                _differ(walk, f"finishes of replica {replica}, of stage {stage}", alone[1], finishes, "found", "alone")
    return None


@walks.of_all_answers
@walks.of_same_services
@walks.of_own_replicas
def _equals_are_one(case: tuple[walks.Walk, int, int]) -> None:
    walk, which, count = case
    parts, machines = derive.without_luck(walk.plan)
    stage = _stage(walk.plan, which)
    share = parts[stage].share[0]
    several, one = list(parts), list(parts)
    alike, single = list(machines), list(machines)
    several[stage] = replace(parts[stage], share=[share] * count, merge_per_response_ns=0)
    one[stage] = replace(parts[stage], share=[share], merge_per_response_ns=0)
    alike[stage] = np.repeat(machines[stage][:1], count, axis=0)
    single[stage] = machines[stage][:1]
    if share == 0:
        several[stage] = replace(several[stage], share=[1.0] * count)
        one[stage] = replace(one[stage], share=[1.0])
    several_trace, single_trace = (
        walk.trace(derive.remade(walk.plan, several, alike)),
        walk.trace(derive.remade(walk.plan, one, single)),
    )
    change = f"{count} equal shards in stage {stage}, and 1"
    _differ(
        walk,
        f"instants at which stages are left, {change}",
        several_trace.leave_ns,
        single_trace.leave_ns,
        str(count),
        "1",
    )


def _defaults_are_absent(walk: walks.Walk) -> str | None:
    if walk.scenario is None:
        return "it is a plan: nothing was written"
    one = make_plan(walk.scenario)
    plugins = dict.fromkeys(kind.source.place for kind in walk.scenario.plugins.kinds)
    two = make_plan(scenario_from_dict(walk.scenario.resolved(), plugins=list(plugins)))
    for field in fields(Plan):
        if field.name == "rules":
            continue  # functions: their names stand in the scenario
        _differ(walk, field.name, getattr(two, field.name), getattr(one, field.name), "all written out", "as given")
    return None


#: Why a law of exact times is not asked.
SHARED = "tasks share workers: what they gain is rounded"


def _is_plain(plan: Plan) -> str:
    """Why a pathwise order cannot be asked of the first stage; empty if it can."""
    row = plan.stages[0]
    if row["sharing"]:
        return SHARED
    if plan.is_batched[0]:
        return "tasks are served in batches in the first stage"
    if row["discipline"] != FIFO:
        return "tasks are not served in the order of arrival in the first stage"
    if row["policy"] not in (RANDOM, ROUND_ROBIN, PLUGGED) and row["replicas"] > 1:
        return "routing looks at load in the first stage"
    return "mergers queue in the first stage" if row["mergers"] else ""


def _not_earlier(walk: walks.Walk, what: str, later: Trace, earlier: Trace) -> None:
    early = np.flatnonzero(later.leave_ns[0] < earlier.leave_ns[0])
    if len(early):
        query = int(early[0])
        facts = {"before": f"{earlier.leave_ns[0][query]} ns", "after": f"{later.leave_ns[0][query]} ns"}
        raise Breach(**walk.facts, change=what, **{"query that gains": query}, **facts)


@walks.of_all_answers
@walks.of_same_services
@walks.of_own_replicas
@walks.of_all_queries
def _work_hurts(case: tuple[walks.Walk, int, int]) -> str | None:
    walk, which, factor = case
    because = _is_plain(walk.plan)
    if because:
        return because
    query = which % walk.plan.queries
    work = np.array(walk.plan.work)
    work[query] = work[query] * factor + 1.0
    heavier = replace(derive.measured(walk.plan), work=frozen(work))
    change = f"query {query} with work {work[query]:g} in place of {walk.plan.work[query]:g}"
    _not_earlier(walk, change, walk.trace(heavier), walk.trace(derive.measured(walk.plan)))
    return None


@walks.of_all_answers
@walks.of_same_services
@walks.of_own_replicas
@walks.of_all_queries
def _workers_help(walk: walks.Walk) -> str | None:
    because = _is_plain(walk.plan)
    if because:
        return because
    parts, machines = derive.parts_of(walk.plan), derive.machines_of(walk.plan)
    more = [replace(part, workers=part.workers + 1) for part in parts]
    one, two = (
        walk.trace(derive.remade(walk.plan, parts, machines)),
        walk.trace(derive.remade(walk.plan, more, machines)),
    )
    _not_earlier(walk, "one worker less a replica", one, two)
    return None


@walks.of_queries_alone
def _the_future_is_not_known(case: tuple[walks.Walk, int]) -> str | None:
    walk, which = case
    if walk.plan.queries < 2:
        return "there is one query"
    count = 1 + which % (walk.plan.queries - 1)
    whole = walk.trace(derive.measured(walk.plan))
    part = walk.trace(derive.measured(walk.plan.first_queries(count)))
    next_ns = int(walk.plan.arrival_ns[count])
    for column in ("close_ns", "leave_ns"):
        _same_before(walk, column, getattr(part, column), getattr(whole, column)[:, :count], next_ns, count)
    assert part.task_table is not None and whole.task_table is not None
    grids = [table.grid(walk.plan) for table in (part.task_table, whole.task_table)]
    for column in ("start_ns", "finish_ns", "answer_ns"):
        one, two = (getattr(grid, column)[:count] for grid in grids)
        _same_before(walk, column, one, two, next_ns, count)
    return None


def _same_before(walk: walks.Walk, column: str, part: Any, whole: Any, end_ns: int, count: int) -> None:
    """What happened before an instant is the same in both."""
    change = f"{column} before query {count} arrives, at {end_ns} ns (-1: later)"
    early = [np.where(value < end_ns, value, -1) for value in (part, whole)]
    _differ(walk, change, early[1], early[0], "with later queries", "without")


@walks.of_steady_times
def _shifts(case: tuple[walks.Walk, int]) -> str | None:
    walk, later_ns = case
    one = walk.trace()
    begin_ns, end_ns = walk.plan.window_begin_ns + later_ns, walk.plan.window_end_ns + later_ns
    later = replace(walk.plan, arrival_ns=frozen(walk.plan.arrival_ns + later_ns))
    two = walk.trace(replace(later, window_begin_ns=begin_ns, window_end_ns=end_ns))
    for column in ("close_ns", "leave_ns"):
        expected = np.where(getattr(one, column) < 0, -1, getattr(one, column) + later_ns)
        _differ(walk, f"{column}, all arrivals {later_ns} ns later", getattr(two, column), expected)
    for column in ("busy_ns", "window_busy_ns", "waiting_ns", "critical_wait_ns", "critical_service_ns"):
        _differ(walk, f"{column}, all arrivals {later_ns} ns later", getattr(two, column), getattr(one, column))
    return None


def _a_cut_only_cuts(case: tuple[walks.Walk, int]) -> None:
    walk, percent = case
    whole = walk.trace(derive.measured(walk.plan))
    last_ns = int(walk.plan.arrival_ns[-1])
    drain_ns = (int(whole.completion_ns.max()) - last_ns) * percent // 100 if whole.completion_ns.max() > last_ns else 0
    cut = walk.trace(replace(derive.measured(walk.plan), drain_ns=drain_ns))
    end_ns = last_ns + drain_ns
    assert end_ns < NEVER_NS
    for column in ("close_ns", "leave_ns"):
        value = getattr(whole, column)
        change = f"{column}, the run cut at {end_ns} ns (-1: later)"
        _differ(walk, change, getattr(cut, column), np.where(value <= end_ns, value, -1))
