"""From a Scenario to its System: names become indices, seconds become nanoseconds, models become tables."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from simulator.base.units import NS_PER_S, ns
from simulator.core import (
    checked,
    classes,
    disciplines,
    draws,
    failures,
    gathering,
    hedging,
    outages,
    plan,
    routing,
    slowdowns,
)
from simulator.core.assemble import ONE, StageParts, lay_out
from simulator.core.colocated import colocated
from simulator.core.hosted import hosted
from simulator.core.laws import Law
from simulator.core.sources import SourceParts
from simulator.models import CostModel, base
from simulator.planner.classes import classes_of, work_law
from simulator.scenario import Scenario, Stage, optional, runs_on, sharing
from simulator.scenario import classes as said_of_classes
from simulator.scenario.batching import Batching
from simulator.scenario.colocated import home_of, workers_of_machines
from simulator.scenario.failures import LOSSES
from simulator.scenario.gather import Cancel, Gather
from simulator.scenario.hedge import Hedge
from simulator.scenario.machines import replicas_left, taken_out, taken_out_beside
from simulator.scenario.outages import OutageSpec
from simulator.scenario.queue import Queue
from simulator.scenario.routing import SAME, Routing
from simulator.scenario.slowdowns import SCOPES, SlowdownSpec


def make_system(scenario: Scenario, replication: int | None = None) -> plan.System:
    """Lay out all of a scenario's plans that is the same in every replication and at every load.

    ``replication``: with the measurements of one, where it has its own.
    """
    parts: list[StageParts] = []
    each = said_of_classes.items_by_fleet(scenario.load.of_classes, scenario.stages)
    for index, (stage, items) in enumerate(zip(scenario.stages, each, strict=True)):
        if replication is not None:
            stage = _sampled(stage, scenario.run.seed, replication, index)
        is_first = optional.has_nobody_before(scenario.stages, index)
        part, owner = stage_parts(stage, scenario, is_first, items), runs_on.owner_of(scenario.stages, index)
        part = _with_classes(part, said_of_classes.laws_by_class(scenario.load.of_classes, scenario.stages, index))
        home = home_of(scenario.stages, index)
        if owner != index:
            part = hosted(part, parts[owner], owner)
        elif home != index:
            part = colocated(replace(part, outages=_outages_there(scenario, index, home)), parts[home], home)
        parts.append(part)
    known = classes_of(scenario)
    return classes.with_classes(lay_out(parts, work_law(scenario), [one.work for one in known]), known)


def _with_classes(part: StageParts, by_class: Sequence[Sequence[Law]]) -> StageParts:
    """A stage with candidates by class; ``by_class``: of each of its sources."""
    if not part.sources:
        return replace(part, by_class=by_class[0])
    pairs = zip(part.sources, by_class, strict=True)
    return replace(part, sources=[replace(one, by_class=laws) for one, laws in pairs])


def _sampled(stage: Stage, seed: int, replication: int, index: int) -> Stage:
    """A stage as it is in one replication, if a model of its draws measurements again."""
    fleets = [
        fleet.sampled(partial(_uniforms, seed, replication, index, place)) for place, fleet in enumerate(stage.fleets)
    ]
    if stage.sources is None:
        return fleets[0]
    given = [{"given_model": fleet.given_model} for fleet in fleets]
    sources = [one.model_copy(update=model) for one, model in zip(stage.sources, given, strict=True)]
    return stage.model_copy(update={"sources": tuple(sources)})


def _uniforms(seed: int, replication: int, stage: int, source: int, count: int) -> plan.F8:
    """Luck of a calibration, of a source of a stage, (count,)."""
    u = np.empty(count)
    draws.first_block(seed, replication, draws.CALIBRATION, source, stage * draws.PLACES, count, u)
    return u


def stage_parts(stage: Stage, scenario: Scenario, is_first: bool, items: Sequence[float]) -> StageParts:
    """One stage in nanoseconds and numbers; ``items``: of each of its sources, about how many a shard has.

    ``is_first``: some query is handed none.
    """
    pairs = zip(stage.fleets, items, strict=True)
    own = [_of_fleet(fleet, scenario, is_first, each) for fleet, each in pairs]
    return StageParts(
        **(own[0] if stage.sources is None else _in_all(stage, own)),
        taken=optional.taken_by(stage),
        cache=None if stage.cache is None else stage.cache.part,
        replicas=stage.replicas,
        left=replicas_left(stage),
        workers=stage.workers // stage.threads,
        threads=stage.threads,
        idle=stage.workers % stage.threads,
        response=_in_ns(stage.network.response.law),
        after=Law.none() if stage.after_answer is None else _in_ns(stage.after_answer.law),
        keep=math.inf if stage.keep is None else float(stage.keep),
        policy=_policy(stage.routing),
        follows=stage.routing.policy == SAME,
        rule=None if stage.routing.plugin is None else plan.Rule(stage.routing.policy, stage.routing.plugin.thing),
        balancers=stage.routing.balancers,
        by_query=stage.routing.by == "query",
        clients=stage.routing.balancers if stage.routing.clients is None else stage.routing.clients,
        decay_ns=plan.DECAY_NS if stage.routing.decay_s is None else max(1, ns(stage.routing.decay_s)),
        request_ns=ns(stage.network.request_s),
        send_ns=ns(stage.network.send_s),
        merge_ns=ns(stage.merge.time_s),
        merge_per_response_ns=ns(stage.merge.per_response_s),
        mergers=stage.merge.workers,
        discipline=disciplines.BY_NAME[stage.discipline].code,
        sharing=stage.sharing == sharing.PROCESSOR,
        **_refusing(stage.queue),
        per_machine=stage.per_machine,
        slowdowns=[_slowdown(one) for one in stage.slowdowns or ()],
        failures=_failures(stage),
        outages=[_outage(one, taken_out(stage, one)) for one in stage.outages or ()],
        **({} if stage.background is None else stage.background.parts(NS_PER_S)),
        **_interference(stage, workers_of_machines(scenario.stages, stage)),
        **_batching(stage.batching),
        **_gathering(stage),
    )


def _in_all(stage: Stage, own: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What a stage with sources says, by what these say."""
    return {"share": stage.shares, "sources": [SourceParts(**one) for one in own]}


def _of_fleet(fleet: Stage, scenario: Scenario, is_first: bool, items: float) -> dict[str, Any]:
    """What a source says, or a stage that has none; ``items``: about how many a shard has, on average."""
    model = fleet.cost_model(scenario.hardware)
    candidates = Law.none() if fleet.candidates is None else fleet.candidates.law
    if is_first and fleet.candidates is None:
        candidates = ONE  # a model of kind time does not ask
    pieces = model.pieces()
    knots = [(piece.items, piece.seconds * NS_PER_S, piece.seconds_per_item * NS_PER_S) for piece in pieces]
    return {
        "share": fleet.shares,
        "candidates": candidates,
        "hashed": fleet.split == "hashed",
        "knots": knots or [(0.0, 0.0, 0.0)],
        "time": Law.none() if model.law is None else model.law.scaled(NS_PER_S),
        "task": _task_factor(fleet, model, items),
        "machine": fleet.variability.machine.law,
    }


def _refusing(queue: Queue | None) -> dict[str, Any]:
    """Of a stage: whom its queues refuse."""
    said: dict[str, int] = {}
    if queue is not None and queue.limit is not None:
        said["limit"] = queue.limit
    if queue is not None and queue.delay is not None:
        said |= {"target_ns": ns(queue.delay.target_s), "interval_ns": max(1, ns(queue.delay.interval_s))}
    return said


#: What is withdrawn, by the word for it.
CANCELS = {"none": plan.CANCEL_NOTHING, "queued": plan.CANCEL_QUEUED, "running": plan.CANCEL_RUNNING}


def _gathering(stage: Stage) -> dict[str, Any]:
    """Unless said otherwise, what waits is withdrawn, as fast as tasks are sent."""
    gather = stage.gather or Gather()
    if stage.gather is None and not stage.sends_copies:
        return _answers(stage, gather)
    cancel = Cancel() if stage.cancel is None else stage.cancel
    delay_s = stage.network.request_s if cancel.delay_s is None else cancel.delay_s
    return {
        **_answers(stage, gather),
        "timeout_ns": plan.NEVER_NS if gather.timeout_s is None else max(1, ns(gather.timeout_s)),
        "then": gathering.AT_ONCE if gather.then is None else float(gather.then),
        "cancels": CANCELS[cancel.what],
        "cancel_ns": max(1, ns(delay_s)),
        **({} if stage.hedge is None else _hedging(stage.hedge)),
        **({} if stage.tied is None else {"hedges": stage.tied - 1, "hedge_ns": 0}),
    }


def _answers(stage: Stage, gather: Gather) -> dict[str, Any]:
    """Which shards a query visits, and how many of these answers close its stage."""
    visits = Law.none() if stage.fan_out is None else stage.fan_out.visits(stage.shards)
    wanted, parts = gather.parts(stage.shards)
    if stage.routing.policy == SAME and not visits.kind:  # of those that take part
        return {"wait_for": wanted, "wait_parts": parts}
    if stage.fan_out is None or not visits.kind:
        return {"wait_for": gather.answers(stage.shards)}
    if not parts and visits.is_constant() and wanted == visits.mean():
        wanted = stage.shards  # all that are visited
    return {"visits": visits, "key": stage.fan_out.key(stage.shards), "wait_for": wanted, "wait_parts": parts}


def _hedging(hedge: Hedge) -> dict[str, Any]:
    budget, is_known = hedge.millionths, isinstance(hedge.after, float)
    after_ns = max(1, ns(float(hedge.after))) if is_known else checked.MOST_WAIT_NS  # on paper it makes no difference
    return {"hedges": hedge.copies, "hedge_ns": after_ns, "budget": hedging.FREE if budget is None else budget}


def _batching(batching: Batching | None) -> dict[str, Any]:
    if batching is None:
        return {}
    return {
        "max_size": batching.max_size,
        "max_wait_ns": ns(batching.max_wait_s),
        "max_items": math.inf if batching.max_items is None else float(batching.max_items),
        "preferred": batching.preferred,
        "sizes": [float(size) for size in batching.sizes],
    }


def _outage(one: OutageSpec, whom: tuple[int, int, int, int]) -> outages.Outage:
    return outages.Outage(ns(one.from_s), ns(one.until_s), *whom)


def _outages_there(scenario: Scenario, index: int, home: int) -> list[outages.Outage]:
    """Who of a stage is out on machines of another: by its own outages, and those of these machines."""
    stage, there = scenario.stages[index], scenario.stages[home]
    of_machines = [one for one in there.outages or () if one.replica is None]
    own = [_outage(one, taken_out(stage, one)) for one in stage.outages or ()]
    return own + [_outage(one, whom) for one in of_machines for whom in taken_out_beside(stage, there, one)]


def _interference(stage: Stage, workers: int) -> dict[str, Any]:
    """By how many of the workers of a machine may be busy."""
    beside = stage.interference
    return {} if beside is None else {"busy": beside.factors(workers), "spread": float(beside.spread)}


def _slowdown(said: SlowdownSpec) -> slowdowns.Slowdown:
    return slowdowns.Slowdown(_in_ns(said.every.law), _in_ns(said.length.law), said.times, SCOPES[said.scope])


def _failures(stage: Stage) -> failures.Failures | None:
    said = stage.failures
    if said is None:
        return None
    detect_ns, scope = max(1, ns(said.detect_s)), SCOPES[said.scope]
    return failures.Failures(_in_ns(said.every.law), _in_ns(said.repair.law), LOSSES[said.lose], detect_ns, scope)


def _policy(stage_routing: Routing) -> int:
    plugin = stage_routing.plugin
    if stage_routing.policy == SAME:
        return plan.RANDOM
    return routing.BY_NAME[stage_routing.policy].code if plugin is None else routing.PLUGGED_CODES[plugin.mark.looks_at]


def _task_factor(stage: Stage, model: CostModel, items: float) -> Law:
    """Of hiccups, which take as long at any size, over the time of a task of ``items`` items: that of the mean task."""
    if model.law is not None:
        return ONE  # the law has the spread
    return (
        stage.variability.task.law
        if model.spread is None
        else model.spread.law(base.seconds_of(model.pieces(), items)[0])
    )


def _in_ns(law: Law) -> Law:
    return law if law.is_constant() and law.a == 0.0 else law.scaled(NS_PER_S)
