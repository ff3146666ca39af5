"""A scenario, plan or strategy of them as cases to walk: the first queries of a replication, on one of the engines."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from simulator.core.background import may_have_background
from simulator.core.caches import may_hit
from simulator.core.clients import as_open, is_unknown, simulated
from simulator.core.gathering import may_await_copies
from simulator.core.optional import may_skip
from simulator.core.plan import NEVER_NS, Plan, frozen
from simulator.core.scaling import nothing_provided
from simulator.core.trace import Trace
from simulator.engines import Engine, compiled, reference
from simulator.planner.plans import make_plan
from simulator.running.pilot import settled
from simulator.scenario import Scenario, load_scenario, scenario_from_dict, to_yaml
from simulator.testing.checks.derive import measured

#: Tasks of a case, and queries, at most.
TASKS, QUERIES = 600, 40
#: Replications that are looked at, and how much closer together arrivals are put: nobody waits in an idle system.
REPLICATIONS, PRESSED = 2, (1, 10, 1000)
ENGINES = ("compiled", "reference")


@dataclass(frozen=True)
class Walk:
    """A plan to be walked, and how it is told."""

    plan: Plan
    engine: str
    facts: dict[str, str]
    scenario: Scenario | None = None  #: where it comes from

    def trace(self, plan: Plan | None = None, *, tasks: bool = True) -> Trace:
        """The trace of the plan, or of another one on the same engine."""
        engine: Engine = compiled if self.engine == "compiled" else reference
        return engine.simulate(self.plan if plan is None else plan, tasks=tasks)

    @property
    def is_cut(self) -> bool:
        """Whether the run ends before all queries are complete."""
        return self.plan.drain_ns != NEVER_NS


Law = Callable[[Any], str | None]


def of_all_answers(law: Law) -> Law:
    """A law that is not asked where a stage may close without all of its answers, or sends tasks again."""

    def asked(case: Any) -> str | None:
        walk = case[0] if isinstance(case, tuple) else case
        return SOME_ANSWERS if may_await_copies(walk.plan) else law(case)

    return asked


def of_all_queries(law: Law) -> Law:
    """A law that is not asked where a cache answers some queries: who is later may put in what others look for."""

    def asked(case: Any) -> str | None:
        walk = case[0] if isinstance(case, tuple) else case
        return CACHED if may_hit(walk.plan) else law(case)

    return asked


def of_all_stages(law: Law) -> Law:
    """A law that is not asked where some queries ask nobody in a stage: they pass it by, or hit its cache."""

    def asked(case: Any) -> str | None:
        walk = case[0] if isinstance(case, tuple) else case
        return NOBODY_ASKED if may_hit(walk.plan) or may_skip(walk.plan) else law(case)

    return asked


def is_troubled(walk: Any) -> bool:
    """Whether something of a plan is slow now and then, or crashes."""
    return bool(((walk.plan.stages["slowdowns"] > 0) | (walk.plan.stages["fails"] > 0)).any())


def of_same_services(law: Law) -> Law:
    """A law that is not asked where a service depends on when it starts, or equal shards on whose they are."""

    def asked(case: Any) -> str | None:
        walk = case[0] if isinstance(case, tuple) else case
        if bool((walk.plan.stages["busies"] > 0).any()):
            return NEIGHBOURS
        if may_have_background(walk.plan):
            return BESIDE
        if bool((walk.plan.stages["sources"] > 1).any()):
            return FLEETS
        return NOW_AND_THEN if is_troubled(walk) else law(case)

    return asked


def of_queries_alone(law: Law) -> Law:
    """A law that is not asked where replicas have tasks of their own, which end with the last query."""

    def asked(case: Any) -> str | None:
        walk = case[0] if isinstance(case, tuple) else case
        return BESIDE if may_have_background(walk.plan) else law(case)

    return asked


def of_own_replicas(law: Law) -> Law:
    """A law that is not asked where stages share replicas."""

    def asked(case: Any) -> str | None:
        walk = case[0] if isinstance(case, tuple) else case
        owners = walk.plan.stages["owner"]
        return COMPANY if len(set(owners.tolist())) < len(owners) else law(case)

    return asked


def of_steady_times(law: Law) -> Law:
    """A law that is not asked where it matters when something is served, or sent."""

    def asked(case: Any) -> str | None:
        walk = case[0] if isinstance(case, tuple) else case
        if bool((walk.plan.stages["outages"] > 0).any()):
            return OUT
        if may_have_background(walk.plan):
            return BESIDE
        return NOW_AND_THEN if is_troubled(walk) else law(case)

    return asked


#: Why they are not.
FLEETS = "shards of a stage belong to several sources"
COMPANY = "stages share replicas"
CACHED = "a cache answers some queries"
NOBODY_ASKED = "some queries pass a stage by, or have their answer from its cache"
SOME_ANSWERS = "a stage does not need all of its answers or shards"
NEIGHBOURS = "workers of a machine slow each other down"
NOW_AND_THEN = "something is slow now and then, or crashes"
OUT = "replicas are out for a while"
BESIDE = "replicas have tasks of their own"


def walks_of(subject: Any) -> st.SearchStrategy[Walk]:
    """Cases of a scenario (loaded, a file, or plain values), of a plan, or of a strategy of scenarios or plans."""
    if isinstance(subject, (str, Path)):
        subject = load_scenario(subject)
    if isinstance(subject, st.SearchStrategy):
        return st.composite(lambda draw: draw(_walks(draw(subject), is_drawn=True)))()
    return _walks(subject, is_drawn=False)


def name_of(subject: Any) -> str:
    """What a check calls its subject."""
    if isinstance(subject, Scenario):
        return subject.name
    if isinstance(subject, dict):
        return str(subject.get("name", "a scenario"))
    if isinstance(subject, Plan):
        return "a plan"
    return Path(subject).stem if isinstance(subject, (str, Path)) else "a drawn scenario"


def _walks(subject: Any, is_drawn: bool) -> st.SearchStrategy[Walk]:
    if isinstance(subject, Plan):
        subject = _as_it_came(subject)
        facts = {"plan": shown(subject)}
        return st.sampled_from(_engines(subject)).map(lambda engine: Walk(subject, engine, {**facts, "engine": engine}))
    scenario = settled(scenario_from_dict(subject) if isinstance(subject, dict) else subject)
    facts = {"scenario": to_yaml(subject)} if is_drawn else {}
    planned = lru_cache(maxsize=None)(lambda replication: _as_it_came(make_plan(scenario, replication)))
    return st.composite(_first_queries)(scenario, planned, facts)


def _as_it_came(plan: Plan) -> Plan:
    """The plan; of clients that wait the first queries, as they came: as those of an open load."""
    if not is_unknown(plan):
        return plan
    plan = plan.first_queries(min(plan.queries, QUERIES))
    engine = compiled if not compiled.uncovered(plan) else reference
    return as_open(simulated(plan, engine.simulate(plan)))


def _engines(plan: Plan) -> tuple[str, ...]:
    return ENGINES if not compiled.uncovered(plan) else ("reference",)


def _first_queries(draw: st.DrawFn, scenario: Scenario, planned: Callable[[int], Plan], facts: dict[str, str]) -> Walk:
    """The first queries of a replication, as they come or closer together."""
    replication = draw(st.integers(0, min(REPLICATIONS, scenario.run.replications) - 1))
    whole = planned(replication)
    most = min(whole.queries, QUERIES, max(1, TASKS // whole.shards))
    count, pressed = draw(st.integers(1, most)), draw(st.sampled_from(PRESSED))
    first = draw(st.integers(0, count - 1))
    part = whole.first_queries(count)
    part = replace(part, arrival_ns=frozen(part.arrival_ns // pressed))
    if len(part.scaling):  # fewer queries, or faster ones, are served by other replicas
        part = _as_it_came(replace(part, provided=nothing_provided()))
    plan = measured(part, first, whole.drain_ns)
    engine = draw(st.sampled_from(_engines(plan)))
    queries = f"the first {count} of replication {replication}"
    queries += f", arriving {pressed} times as fast" if pressed > 1 else ""
    queries += f", the first {first} to warm up" if first else ""
    return Walk(plan, engine, {**facts, "queries": queries, "engine": engine}, scenario)


def shown(plan: Plan) -> str:
    """A plan in a few words a stage."""
    lines = [f"arrivals at {plan.arrival_ns.tolist()} ns"]
    for index, row in enumerate(plan.stages):
        sizes = ", ".join(f"{name} {row[name]}" for name in ("shards", "replicas", "workers", "policy", "mergers"))
        lines.append(f"stage {index}: {sizes}")
    return "\n".join(lines)
