"""Scenarios and plans held against the laws S1 .. S22 and E1 .. E4, on both engines."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator.base.units import parse_duration
from simulator.core.limits import UNLIMITED
from simulator.core.trace import same_trace
from simulator.core.violations import INVARIANTS
from simulator.engines import compiled, reference
from simulator.testing.checks import anew, metamorphic
from simulator.testing.checks.derive import machines_of, measured
from simulator.testing.checks.walks import Walk, name_of, of_all_answers, of_all_stages, of_same_services, walks_of
from simulator.testing.law_check import Breach, Check, Report


def check_scenario(scenario: Any, *, profile: str | None = None, only: Sequence[str] | None = None) -> Report:
    """Hold a scenario against the laws S1 .. S22 and E1 .. E4 of ``docs/laws.md``, on both engines.

    Its first queries are simulated, as they arrive and closer together, whole and in part.

    Parameters
    ----------
    scenario
        A ``Scenario``, the path of a file, plain values as in a file, a ``Plan``, or a strategy of these.
    profile
        ``quick``, ``default`` or ``deep``; unless said that of ``--shardsim-profile``.
    only
        Numbers of the laws that are asked; unless said, all.

    Returns
    -------
    Report
        What became of each law: held, and against what, or not asked, and why.

    Raises
    ------
    LawBroken
        Of the first law that is broken, with the smallest case.
    ScenarioError
        If the scenario is not valid.
    """
    check = Check(name_of(scenario), profile, only)
    walks = walks_of(scenario)
    numbers = tuple(sorted({invariant.law for invariant in INVARIANTS.values()}))
    check.hold(_law_of, walks, _invariants_hold, "all invariants of the trace", share=0.5, numbers=numbers)
    check.hold("S7", walks, _little, "three records of each stage", share=0.3)
    check.hold("S8", walks, _utilisation, "busy time of each replica, worked out anew", share=0.3)
    check.hold("S9", walks, _flow_balance, "tasks of each stage", share=0.2)
    metamorphic.hold(check, walks)
    check.hold("S21", walks, _machines_have_their_luck, "factors of the replicas of each machine", share=0.2)
    check.hold("S22", walks, _plan_says_what_is_said, "sizes and durations of each stage", share=0.2)
    check.hold("E1", walks, _engines_agree, "every column of both traces", share=0.3)
    check.hold("E2", walks, _shortcuts_agree, "looking ahead, event by event, shards in lockstep", share=0.3)
    check.hold("E3", walks, _watching_changes_nothing, "with and without a table of tasks", share=0.2)
    check.hold("E4", walks, _repeats, "every run made twice", share=0.2)
    return check.report()


def _law_of(breach: Breach) -> str:
    """The law that a broken invariant is part of; S1 where there is no trace at all."""
    number = breach.case.get("invariant")
    return "S1" if number is None else INVARIANTS[number].law


def _invariants_hold(walk: Walk) -> None:
    for violation in walk.trace().verify(walk.plan):
        facts = {"does not hold": violation.words, "where": violation.place(), "invariant": violation.number}
        raise Breach(**walk.facts, **facts)


@of_all_answers
@of_all_stages
def _little(walk: Walk) -> str | None:
    if walk.is_cut:
        return "the run is cut"
    plan = measured(walk.plan)
    trace = walk.trace(plan, tasks=bool(plan.is_batched.any()))
    for stage, row in enumerate(plan.stages):
        first, count = int(row["first_replica"]), int(row["shards"] * row["replicas"])
        here = slice(first, first + count)
        answers = int(trace.answer_sum_ns[stage].sum())
        served = int(trace.served_ns[here].sum())
        if plan.is_batched[stage]:  # a worker is busy once for all tasks of a batch, and each takes as long
            assert trace.task_table is not None
            mine = trace.task_table.stage == stage
            served = int((trace.task_table.finish_ns - trace.task_table.start_ns)[mine].sum())
        inside = int(trace.waiting_ns[here].sum()) + served
        if row["follows"] and row["outages"]:
            continue  # it waits for the replica where it has been, whichever that was
        network = anew.network_ns(plan, stage) + anew.held_ns(plan, stage, trace.enter_ns[stage])
        if answers != inside + network:
            facts = {
                f"answers of stage {stage} take together": f"{answers} ns",
                "waiting and service": f"{inside} ns",
                "network": f"{network} ns",
            }
            raise Breach(**walk.facts, **facts)
    return None


@of_all_answers
@of_all_stages
@of_same_services
def _utilisation(walk: Walk) -> str | None:
    if walk.is_cut:
        return "the run is cut"
    plan = measured(walk.plan)
    trace = walk.trace(plan)
    assert trace.task_table is not None
    grid = trace.task_table.grid(plan)
    replica = grid.replica
    expected = np.zeros(plan.replicas)
    slack = np.zeros(plan.replicas)
    for stage in range(len(plan.stages)):
        service_ns = anew.service_ns(plan, stage, trace.candidates[stage], grid) + anew.after_ns(plan, stage, grid)
        columns = slice(
            int(plan.stages[stage]["first_shard"]), int(plan.stages[stage]["first_shard"]) + service_ns.shape[1]
        )
        np.add.at(expected, replica[:, columns], service_ns)
        np.add.at(slack, replica[:, columns], 1 + 1e-9 * service_ns)
    far = np.flatnonzero(np.abs(trace.busy_ns - expected) > slack)
    if len(far):
        worst = int(far[0])
        facts = {
            f"replica {worst} is busy": f"{trace.busy_ns[worst]} ns",
            "its tasks take": f"{expected[worst]:.0f} ns",
        }
        raise Breach(**walk.facts, **facts)
    return None


@of_all_answers
@of_all_stages
def _flow_balance(walk: Walk) -> str | None:
    if walk.is_cut:
        return "the run is cut"
    trace = walk.trace(tasks=False)
    for stage, row in enumerate(walk.plan.stages):
        first, count = int(row["first_replica"]), int(row["shards"] * row["replicas"])
        served = int(trace.tasks[first : first + count].sum())
        expected = walk.plan.measured * int(row["shards"])
        if served != expected:
            facts = {f"tasks served in stage {stage}": served, "queries measured, times shards": expected}
            raise Breach(**walk.facts, **facts)
    return None


def _machines_have_their_luck(walk: Walk) -> str | None:
    if walk.scenario is None:
        return "it is a plan: machines are the scenario's"
    factors = machines_of(walk.plan)
    is_compared = False
    for stage, factor in zip(walk.scenario.stages, factors, strict=True):
        if stage.lost_machine is not None:
            continue  # the replicas that are left are numbered anew
        is_compared = True
        per_machine = stage.per_machine or 1
        rows = -(-stage.shards // per_machine)
        seen: dict[int, float] = {}
        for shard in range(stage.shards):
            for replica in range(stage.replicas):
                machine = replica * rows + shard // per_machine
                slowness = float(factor[shard, replica])
                if slowness != seen.setdefault(machine, slowness):
                    facts = {f"machine {machine}": f"factors {seen[machine]:g} and {slowness:g}"}
                    raise Breach(**walk.facts, stage=stage.name, **facts)
        if not stage.variability.machine.law.is_constant() and len(set(seen.values())) < len(seen):
            facts = {"machines": f"{len(seen)}", "different factors": f"{len(set(seen.values()))}"}
            if len(set(seen.values())) == 1:
                raise Breach(**walk.facts, stage=stage.name, **facts)
    return None if is_compared else "every stage has lost a machine"


def _replicas(stage: dict[str, Any], shards: int) -> list[int]:
    """Of each shard, as a resolved scenario says it."""
    said = stage["autoscale"]["max"] if "autoscale" in stage else stage.get("replicas", 1)
    if not isinstance(said, dict):
        return [int(said)] * shards
    counts = [int(said["default"])] * shards
    for group in [said["hot"]] if isinstance(said["hot"], dict) else said["hot"]:
        named = group["shards"]
        first, _, last = named.partition("..") if isinstance(named, str) else ("", "", "")
        for shard in range(int(first), int(last) + 1) if last else named:
            counts[int(shard)] = int(group["replicas"])
    return counts


def _of_cache(said: dict[str, Any]) -> dict[str, Any]:
    """Of a stage: its cache as a resolved scenario says it; one of size 0 is none."""
    if not said.get("size"):
        return {"cached": 0, "hit_ns": 0}
    keys = said["popularity"]["catalogue"]
    more = {"hit_ends": said.get("on_hit") == "query", "cold": said.get("cold", False)}
    popularity = said["popularity"]["s"]
    held, hit_ns = min(said["size"], keys), _ns(said.get("hit_time", 0))
    return {"cached": held, "catalogue": keys, "popularity": popularity, "hit_ns": hit_ns, **more}


def _plan_says_what_is_said(walk: Walk) -> str | None:
    if walk.scenario is None:
        return "it is a plan: nothing was written"
    stages = walk.scenario.resolved()["stages"]
    by_name: dict[str, dict[str, Any]] = {}
    for stage in stages:
        by_name[stage["name"]] = _with_machines(stage, by_name.get(str(stage.get("colocate"))))
    for own, row in zip(by_name.values(), walk.plan.stages, strict=True):
        stage = {**by_name.get(str(own.get("runs_on")), {}), **own}  # what is said of replicas and queues is said there
        merge, network = own.get("merge", {}), own.get("network", {})
        said = {
            "shards": stage.get("shards", row["shards"]),
            "replicas": max(_replicas(stage, int(row["shards"]))),
            "workers": stage.get("workers", 1) // stage.get("threads", 1),
            "threads": stage.get("threads", 1),
            "per_machine": stage.get("per_machine", 1),
            "slowdowns": len(stage.get("slowdowns", ())),
            "outages": row["outages"] if "colocate" in stage else len(stage.get("outages", ())),
            "fails": "failures" in stage,
            "detect_ns": _ns(stage.get("failures", {}).get("detect", 0)),
            "limit": stage.get("queue", {}).get("limit", UNLIMITED),
            "target_ns": _ns(stage["queue"]["delay"]["target"]) if "delay" in stage.get("queue", {}) else UNLIMITED,
            "interval_ns": _ns(stage.get("queue", {}).get("delay", {}).get("interval", 0)),
            **_of_cache(own.get("cache", {})),
            "mergers": merge.get("workers", 0),
            "request_ns": _ns(network.get("request", 0)),
            "send_ns": _ns(network.get("send", 0)),
            "merge_ns": _ns(merge.get("time", 0)),
            "merge_per_response_ns": _ns(merge.get("per_response", 0)),
        }
        for name, value in said.items():
            if int(row[name]) != int(value):
                raise Breach(**walk.facts, stage=stage["name"], **{f"{name} as said": value, "in the plan": row[name]})
        left = walk.plan.left[int(row["first_shard"]) :][: int(row["shards"])].tolist()
        if "lost_machine" not in stage and left != _replicas(stage, int(row["shards"])):
            said_so = {"replicas as said": _replicas(stage, int(row["shards"])), "in the plan": left}
            raise Breach(**walk.facts, stage=stage["name"], **said_so)
        out = walk.plan.outages[int(row["first_outage"]) :][: int(row["outages"])]
        lengths = sorted((out["until_ns"] - out["from_ns"]).tolist())
        as_said = sorted(_ns(one["until"]) - _ns(one["from"]) for one in stage.get("outages", ()))
        if "colocate" in stage:  # a zone may be several runs of machines
            as_said, lengths = sorted(set(as_said)), sorted(set(lengths))
        if as_said != lengths:
            raise Breach(
                **walk.facts, stage=stage["name"], **{"outages last, as said": as_said, "in the plan": lengths}
            )
        slow = walk.plan.slowdowns[int(row["first_slowdown"]) :]["factor"].tolist()
        for one, factor in zip(stage.get("slowdowns", ()), slow, strict=False):
            if float(str(one["factor"]).replace("stop", "inf")) != factor:
                raise Breach(
                    **walk.facts, stage=stage["name"], **{"factor as said": one["factor"], "in the plan": factor}
                )
    return None


def _with_machines(stage: dict[str, Any], home: dict[str, Any] | None) -> dict[str, Any]:
    """A stage with what the machines of another bring along, on which it is; ``home``: None where it has its own."""
    if home is None:
        return stage
    taken = () if "per_machine" in stage else ("shards", "per_machine")
    shape: dict[str, Any] = {key: home[key] for key in taken if key in home}
    slow = [one for one in home.get("slowdowns", ()) if one["scope"] == "machine"]
    out = [one for one in home.get("outages", ()) if "replica" not in one]
    crashes = {"failures": home["failures"]} if home.get("failures", {}).get("scope") == "machine" else {}
    lost = {"lost_machine": home["lost_machine"]} if "lost_machine" in home else {}
    both = {"slowdowns": [*slow, *stage.get("slowdowns", ())], "outages": [*out, *stage.get("outages", ())]}
    return {"replicas": home["replicas"], **shape, **stage, **both, **crashes, **lost}


def _ns(text: Any) -> int:
    """A duration as written, in nanoseconds."""
    return round(parse_duration(text) * 1e9) if isinstance(text, str) else round(text * 1e9)


def _engines_agree(walk: Walk) -> str | None:
    missing = compiled.uncovered(walk.plan)
    if missing:
        return f"the compiled engine does not know {missing}"
    _same(walk, compiled.simulate(walk.plan, tasks=True), reference.simulate(walk.plan, tasks=True), "the engines")
    return None


def _shortcuts_agree(walk: Walk) -> str | None:
    missing = compiled.uncovered(walk.plan)
    if missing:
        return f"the compiled engine does not know {missing}"
    everything = range(len(walk.plan.stages))
    ahead = compiled.simulate(walk.plan, tasks=True)
    by_event = compiled.simulate(walk.plan, tasks=True, event_by_event=everything)
    _same(walk, ahead, by_event, "looking ahead and event by event")
    _same(walk, compiled.simulate(walk.plan), by_event, "shards in lockstep and one by one")
    return None


def _watching_changes_nothing(walk: Walk) -> None:
    _same(walk, walk.trace(tasks=False), walk.trace(), "without and with a table of tasks")


def _repeats(walk: Walk) -> None:
    _same(walk, walk.trace(), walk.trace(), "a run and its repetition")


def _same(walk: Walk, one: Any, two: Any, what: str) -> None:
    without = one.task_table is None or two.task_table is None
    column = same_trace(one, two, without_tasks=without)
    if column:
        place: Any = one.task_table if column.startswith("task_table.") else one
        other: Any = two.task_table if column.startswith("task_table.") else two
        name = column.removeprefix("task_table.")
        differ = {"differ in": column, "one says": _first(place, name), "the other": _first(other, name)}
        raise Breach(**walk.facts, compared=what, **differ)


def _first(trace: Any, column: str) -> str:
    return str(np.asarray(getattr(trace, column)).tolist())
