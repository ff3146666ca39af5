"""Checks of what is said beside figures: of what a run is too short to see, and of what paper is sure of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest import mock

from held import law

BASE: dict[str, Any] = {"name": "short", "load": {"rate": "50/s"}, "run": {"queries": 200, "replications": 4}}
SERVER: dict[str, Any] = {
    "name": "server",
    "model": {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}},
    "shards": 1,
}


def _of_hours(up: str, down: str, lose: str = "queued") -> dict[str, Any]:
    """Crashes that a run of seconds does not see."""
    times = {key: {"kind": "exponential", "mean": mean} for key, mean in (("every", up), ("repair", down))}
    return {**BASE, "stages": [{**SERVER, "failures": {**times, "detect": "1s", "lose": lose}}], "slos": ["p90 < 4s"]}


def unseen_crashes_decide_nothing() -> None:
    """unit/test_failures.py: no objective is met, and no capacity known, by runs that see no crash."""
    from simulator import scenario_from_dict, simulate

    both = {**_of_hours("10m", "5m"), "slos": ["p95 < 4s"]}
    both["stages"] = [{**both["stages"][0], "replicas": 2}]
    kinds = {"": _of_hours("30h", "10h"), "beyond saturation, ": _of_hours("10h", "30h"), "of both replicas, ": both}
    for name, values in kinds.items():
        document = simulate(scenario_from_dict(values), engine="reference").to_dict()
        with law("T7"):
            assert document["slos"][0]["met"] is None, f"{name}an objective is met by a run that sees no crash"


def unseen_crashes_allow_no_load() -> None:
    """unit/test_failures.py: no capacity is known by runs that see no crash."""
    from simulator import scenario_from_dict
    from simulator.engines import reference
    from simulator.planner.plans import Plans
    from simulator.planning import capacity as module
    from simulator.stats.figures import Pool
    from simulator.theory import clusters_of

    scenario = scenario_from_dict(_of_hours("30h", "10h"))
    plan = Plans.of(scenario).make(0)
    series = Pool([reference.simulate(plan)] * 4, clusters_of(plan)).latency(None)
    search = object.__new__(module._Search)
    search.scenario = scenario
    search.refinement = SimpleNamespace(looks=[None], levels=[SimpleNamespace(value=SimpleNamespace(within=0.0))])
    level = SimpleNamespace(low=-0.1, high=0.1, is_bounded=True)
    extracts = SimpleNamespace(stability=lambda: None, series=lambda _: series)
    with mock.patch.object(module.search, "fails_below", lambda *_: None), law("T7"):
        verdict, reason, _ = search._judged(level, extracts, [SimpleNamespace(met=None)])
        assert verdict == "inconclusive" and "12 take about" in reason, f"a capacity is {verdict}"


def unseen_spells_saturate_nothing() -> None:
    """unit/test_failures.py: what a short run is asked for is told beside the long run."""
    from simulator import scenario_from_dict, simulate

    notes = simulate(scenario_from_dict(_of_hours("10h", "30h", "nothing")), engine="reference").to_dict()["notes"]
    [note] = [one for one in notes if one.startswith("saturated by arithmetic")]
    with law("T7"):
        assert "200% of its time in the long run, for 50% of its time without crashes" in note, note


def rare_tasks_contradict_nothing() -> None:
    """unit/test_background.py: a run that sees none of the tasks of replicas' own is not held against their law."""
    from simulator import ContradictionError, scenario_from_dict, simulate

    values = {**BASE, "stages": [{**SERVER, "background": {"rate": "0.3/h", "time": "60s"}}]}
    with law("T6"):
        try:
            simulate(scenario_from_dict(values).with_run(queries=2_000), engine="reference")
        except ContradictionError as error:
            raise AssertionError(f"it is: {error}") from None


def queues_of_who_loses_grow() -> None:
    """unit/test_failures.py: beyond saturation queues of a stage that loses tasks are not called bounded."""
    from simulator import scenario_from_dict, validate

    values = {**_of_hours("10m", "1s"), "load": {"rate": "1k/s"}}
    with law("T7"):
        assert not validate(scenario_from_dict(values)).is_bounded, "they are"


def whoever_is_refused_proves_nothing() -> None:
    """test_size.py: what comes after a stage that refuses is not certain, nor what is given what is answered before."""
    from simulator import scenario_from_dict
    from simulator.planner.plans import make_plan
    from simulator.theory import busiest, certainly_busiest

    before = {**SERVER, "workers": 10, "merge": {"time": "6ms", "workers": 1}}
    refuses, late = {"queue": {"limit": 0}}, {"gather": {"timeout": "20ms"}, "cancel": {"what": "none"}}
    for more, certain in ((refuses, 0.0), (late, 0.15), ({}, 1.5)):  # mergers are asked for 0.9
        stages = [{**before, **more}, {**SERVER, "name": "after"}]
        plan = make_plan(scenario_from_dict({**BASE, "load": {"rate": "150/s"}, "stages": stages}))
        with law("T7"):
            assert abs(busiest(plan) - 1.5) < 1e-9, "it is asked for more than all its time"
            assert abs(certainly_busiest(plan) - certain) < 1e-9, f"{certainly_busiest(plan)} is certain after {more}"


def a_full_batch_may_be_dear() -> None:
    """unit/test_batches.py: what a load takes at least is by the cheapest batch."""
    from simulator import scenario_from_dict
    from simulator.planner.plans import make_plan
    from simulator.theory import busiest

    curve = {"kind": "curve", "items": [1, 8, 64], "times": ["4ms", "8ms", "200ms"]}
    one = {"name": "one", "candidates": 1, "model": curve, "batching": {"max_size": 64}}
    for rate in (340, 900):
        with law("T7"):
            found = busiest(make_plan(scenario_from_dict({**BASE, "load": {"rate": f"{rate}/s"}, "stages": [one]})))
            assert abs(found - rate * 1e-3) < 1e-9, f"eight at a time it is asked for {rate * 1e-3}, not {found}"


def a_guest_follows_its_query() -> None:
    """unit/test_runs_on.py: a routing that names no policy leaves a guest where the query has been."""
    from simulator import scenario_from_dict

    guest = {"name": "fetch", "model": {"kind": "time", "law": "1ms"}, "runs_on": "server", "routing": {"by": "task"}}
    scenario = scenario_from_dict({**BASE, "stages": [SERVER, guest]})
    with law("S22"):
        assert scenario.stages[1].routing.policy == "same", scenario.stages[1].routing.policy


def a_timeline_shows_who_is_there() -> None:
    """test_plot.py: nobody stays beyond its deadline, and marks stand where the scenario has them."""
    from simulator import scenario_from_dict, simulate
    from simulator.report.page.of_traces import timeline

    load = {"rate": "300/s", "classes": [{"name": "all", "share": 1, "deadline": "10ms"}]}
    stage = {**SERVER, "outages": [{"replica": 0, "from": "100ms", "until": "200ms"}]}
    result = simulate(scenario_from_dict({**BASE, "load": load, "stages": [stage]}), engine="reference")
    trace = result.traces[0]
    of = [{one["name"]: one["columns"] for one in chart["series"]} for chart in timeline(result)]
    with law("T8"):
        for at_s, seen in zip(of[1]["in the system"]["x"], of[1]["in the system"]["y"], strict=True):
            at = trace.arrival_ns[0] + round(at_s * 1e9)
            there = (trace.arrival_ns <= at) & (trace.ended_ns(slice(0, len(trace.arrival_ns))) > at)
            assert seen == there.sum(), f"{seen} under way, not {there.sum()}"
        for name in ("p50", "p95"):
            late_s = [value for value in of[2][name]["y"] if value is not None]
            assert late_s and 0 <= min(late_s) <= max(late_s) <= 0.01, f"latencies of {late_s} s beyond the deadline"
        begins = (trace.window_begin_ns - trace.arrival_ns[0]) * 1e-9 + 0.1
        assert abs(of[0]["outage in server"]["low"][0] - begins) < 1e-9, "the outage is drawn elsewhere"


def a_page_answers_its_own_alone() -> None:
    """test_serve.py: nobody else's page is answered, and stops set what they show."""
    from types import SimpleNamespace

    from simulator import scenario_from_dict
    from simulator.serving.live import live
    from simulator.serving.server import Handler

    turned = live(scenario_from_dict({**BASE, "stages": [{**SERVER, "replicas": 2}]}))
    at = [one.at for one in turned.sliders]
    with law("S22"):
        for place, one in enumerate(turned.sliders):
            assert one.stops[one.at][1] == (), f"{one.label} sets something where the scenario is"
            stop = len(one.stops) - 1
            changed = turned.at([*at[:place], stop, *at[place + 1 :]])
            assert changed.sha256() != turned.scenario.sha256(), f"{one.label} does nothing"
    given = {"Host": "127.0.0.1:80"}
    said = {
        "another host": {"Host": "evil.example:80"},
        "another origin": {**given, "Origin": "http://evil.example"},
        "another site": {**given, "Sec-Fetch-Site": "cross-site"},
    }
    server = SimpleNamespace(server_address=("127.0.0.1", 80))
    with law("S22"):
        for name, headers in said.items():
            asking = SimpleNamespace(server=server, headers=headers, command="POST")
            assert not Handler._is_from_here(asking), f"{name} is answered"  # type: ignore[arg-type]
