"""What can be turned in a scenario: each knob a tenth of the way to the better."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulator.planning import knobs_of_loads as at_load
from simulator.planning.turning import CHANGE, Knob, narrower, scaled, scaled_law, text
from simulator.scenario import Scenario
from simulator.scenario.classes import handed
from simulator.scenario.gather import Gather
from simulator.scenario.replicas import Replicas


def knobs_of(scenario: Scenario) -> list[Knob]:
    """Every knob that the scenario has: its load, and of each stage and machine what costs or takes time."""
    said = scenario.resolved()
    knobs = [Knob("load", f"x {1 - CHANGE:g}", (("load.scale", scenario.load.scale * (1 - CHANGE)),), is_load=True)]
    if scenario.load.is_closed:
        knobs = [*at_load.of_clients(said["load"]["arrivals"])]
    if scenario.load.clients is not None:
        beside = said["load"]["clients"]
        knobs += at_load.of_clients({"clients": beside["count"], **beside}, "load.clients.count", "load.clients")
    knobs += [*at_load.of_door(said.get("admission", {})), *at_load.of_client(said.get("client", {}))]
    work = narrower("load.work", said["load"].get("work"))
    if work is not None:
        knobs.append(Knob("load: spread of work", *work))
    for one in said["load"].get("classes", ()):
        knobs += _of_class(one, one["name"] in heavier_classes(scenario))
    by_name = {stage["name"]: stage for stage in said["stages"]}
    for stage in said["stages"]:
        stage = _in_shape(stage, by_name)
        knobs += _of_stage(stage, by_name.get(stage.get("runs_on"), stage))
        knobs += _of_autoscale(stage["name"], f"stages.{stage['name']}.autoscale", stage.get("autoscale", {}))
    for name, hardware in said["hardware"].items():
        knobs += _of_machine(name, hardware, scenario)
    return knobs


def _in_shape(stage: Mapping[str, Any], by_name: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """A stage with what it takes of the stage that it is colocated with: shards, and replicas."""
    home = by_name.get(stage.get("colocate", ""))
    if home is None:
        return stage
    shards = {} if "per_machine" in stage else {"shards": home.get("shards", len(home.get("shares", [0])))}
    return {"replicas": home["replicas"], **shards, **stage}


def heavier_classes(scenario: Scenario) -> set[str]:
    """Names of the classes whose queries are more work than those of all, on average."""
    load = scenario.load
    items = {one.name: math.fsum(handed([one], scenario.stages)) for one in load.of_classes}
    works = {one.name: one.work_law(load.work.law).mean() * items[one.name] for one in load.of_classes}
    whole = math.fsum(one.share for one in scenario.load.of_classes)
    mean = math.fsum(one.share * works[one.name] for one in scenario.load.of_classes) / (whole or 1.0)
    return {name for name, work in works.items() if work > mean}


def _of_class(one: Mapping[str, Any], is_heavier: bool) -> Iterator[Knob]:
    """Fewer of its queries, if they are heavier than others, and lighter ones, where it says how heavy they are."""
    name, path = f"load: {one['name']}", f"load.classes.{one['name']}"
    if is_heavier:
        yield Knob(f"{name}: share", f"x {1 - CHANGE:g}", ((f"{path}.share", one["share"] * (1 - CHANGE)),))
    for key in ("work", "candidates"):
        lighter = _lighter(one[key]) if key in one else None
        if lighter is not None:
            yield Knob(f"{name}: {key}", f"x {1 - CHANGE:g}", ((f"{path}.{key}", text(lighter)),))


def _lighter(law: Any) -> Any:
    """A law, or laws by stage, of a tenth less; None where one of them cannot be scaled."""
    if not isinstance(law, Mapping) or "kind" in law:
        return scaled_law(law, 1 - CHANGE)
    by_stage = {stage: scaled_law(own, 1 - CHANGE) for stage, own in law.items()}
    return None if None in by_stage.values() else by_stage


def _of_stage(stage: Mapping[str, Any], owner: Mapping[str, Any]) -> Iterator[Knob]:
    """``owner``: the stage that has the replicas, whose knobs are those of replicas and queues."""
    name, path = stage["name"], f"stages.{stage['name']}"
    for source in stage.get("sources", ()):
        yield from _of_fleet(f"{name}: {source['name']}", f"{path}.sources.{source['name']}", source)
    yield from _of_fleet(name, path, stage, has_replicas=owner is stage)
    slope = scaled(stage["interference"]["slope"], 1 - CHANGE) if "slope" in stage.get("interference", {}) else None
    if slope is not None:
        sets = ((f"{path}.interference.slope", slope),)
        yield Knob(f"{name}: interference", f"{stage['interference']['slope']} -> {slope}", sets)
    for place, slowdown in enumerate(stage.get("slowdowns", ())):
        shorter = scaled_law(slowdown["length"], 1 - CHANGE)
        if shorter is not None:
            sets = ((f"{path}.slowdowns[{place}].length", text(shorter)),)
            yield Knob(f"{name}: slowdown {place}", f"length x {1 - CHANGE:g}", sets)
    yield from _of_failures(name, f"{path}.failures", stage.get("failures", {}))
    yield from _of_queue(f"{name}: queue", f"{path}.queue", stage.get("queue", {}))
    if "batching" in stage:
        yield from _of_batches(f"{name}: batch", f"{path}.batching", stage["batching"])
    if "hedge" in stage:
        yield from _of_hedging(f"{name}: ", f"{path}.hedge", stage["hedge"], _most_replicas(owner))
    if "tied" in stage and int(stage["tied"]) < _most_replicas(owner):
        now = int(stage["tied"])
        yield Knob(f"{name}: copies", f"{now} -> {now + 1}", ((f"{path}.tied", now + 1),))
    if "fan_out" in stage:
        wanted = stage.get("gather", {}).get("wait_for")
        least = int(wanted) if str(wanted).isdecimal() else 1
        yield from _of_visits(f"{name}: shards visited", f"{path}.fan_out", stage["fan_out"], least)
    if "gather" in stage:
        shards = sum(int(one.get("shards", len(one.get("shares", [0])))) for one in owner.get("sources", [owner]))
        yield from _of_gathering(f"{name}: ", f"{path}.gather", stage["gather"], shards)
    yield from _besides(name, path, stage)
    if stage["merge"]["workers"]:
        now = int(stage["merge"]["workers"])
        yield Knob(f"{name}: mergers", f"{now} -> {now + 1}", ((f"{path}.merge.workers", now + 1),))
    for part, keys in (("network", ("request", "send", "response")), ("merge", ("time", "per_response"))):
        parts = [(f"{path}.{part}.{key}", scaled_law(stage[part][key], 1 - CHANGE)) for key in keys]
        shorter = tuple((where, text(value)) for where, value in parts if value is not None)
        if shorter:
            yield Knob(f"{name}: {part}", f"x {1 - CHANGE:g}", shorter)


def _of_fleet(name: str, path: str, fleet: Mapping[str, Any], *, has_replicas: bool = True) -> Iterator[Knob]:
    """How large it is, what it scores, what that costs, and what differs: of a stage, or one of its sources."""
    for key, where, now in _counts(fleet) if has_replicas else ():
        more = max(now + 1, round(now * (1 + CHANGE)))
        more += -more % int(fleet.get("threads", 1)) if key == "workers" else 0
        yield Knob(f"{name}: {key}", f"{now:,} -> {more:,}", ((f"{path}.{where}", more),))
    for key in ("candidates", "keep", "skew"):
        if fleet.get(key):
            less = scaled_law(fleet[key], 1 - CHANGE)
            if less is not None:
                said = f"x {1 - CHANGE:g}" if isinstance(less, Mapping) else f"{fleet[key]:,} -> {_grouped(less)}"
                yield Knob(f"{name}: {key}", said, ((f"{path}.{key}", text(less)),))
    model, varied = fleet.get("model", {"kind": ""}), fleet.get("variability", {})
    cheaper, (what, change) = _cheaper(f"{path}.model", model)
    if cheaper:
        yield Knob(f"{name}: {what}", change, cheaper)
    spreads = {
        "candidates": (f"{path}.candidates", fleet.get("candidates")),
        **{f"{role}s": (f"{path}.variability.{role}", varied.get(role)) for role in ("task", "machine")},
        "times": (f"{path}.model.law", model.get("law") if model["kind"] == "time" else None),
        "times after answers": (f"{path}.after_answer", fleet.get("after_answer")),
        "background times": (f"{path}.background.time", fleet.get("background", {}).get("time")),
    }
    for of, (where, law) in spreads.items():
        narrow = narrower(where, law)
        if narrow is not None:
            yield Knob(f"{name}: spread of {of}", *narrow)


def _besides(name: str, path: str, stage: Mapping[str, Any]) -> Iterator[Knob]:
    """Fewer queries that take it; a larger, faster cache; less after answers; less that replicas have of their own."""
    fewer = scaled(stage["share"], 1 - CHANGE) if "share" in stage else None
    if fewer is not None:
        yield Knob(f"{name}: share of the queries", f"x {1 - CHANGE:g}", ((f"{path}.share", fewer),))
    if stage.get("cache", {}).get("size"):
        now = int(stage["cache"]["size"])
        more, path_there = max(now + 1, round(now * (1 + CHANGE))), f"{path}.cache"
        yield Knob(f"{name}: cache", f"{now:,} -> {more:,}", ((f"{path_there}.size", more),))
        sooner = scaled(stage["cache"]["hit_time"], 1 - CHANGE) if "hit_time" in stage["cache"] else None
        if sooner is not None:
            yield Knob(f"{name}: cache hits", f"x {1 - CHANGE:g}", ((f"{path_there}.hit_time", sooner),))
    shorter = scaled_law(stage["after_answer"], 1 - CHANGE) if "after_answer" in stage else None
    if shorter is not None:
        yield Knob(f"{name}: after an answer", f"x {1 - CHANGE:g}", ((f"{path}.after_answer", text(shorter)),))
    for key in ("rate", "time") if "background" in stage else ():
        less = scaled_law(stage["background"][key], 1 - CHANGE)
        if less is not None:
            sets = ((f"{path}.background.{key}", text(less)),)
            yield Knob(f"{name}: background {key}", f"x {1 - CHANGE:g}", sets)


def _counts(stage: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """What there is a number of: shards, replicas, of each group of shards that has its own, and workers.

    Of a stage with sources there are workers, and the rest of each of these; of one on the machines of another as many
    as these.
    """
    if "colocate" in stage:
        yield "workers", "workers", int(stage["workers"])
        return
    if "shards" in stage and "shares" not in stage:
        yield "shards", "shards", int(stage["shards"])
    replicas = stage.get("replicas")
    if isinstance(replicas, Mapping):
        yield "replicas", "replicas.default", int(replicas["default"])
        hot = replicas["hot"]
        several = not isinstance(hot, Mapping)
        for place, group in enumerate(hot if several else [hot]):
            at = f"hot[{place}]" if several else "hot"
            yield f"replicas of {_named(group['shards'])}", f"replicas.{at}.replicas", int(group["replicas"])
    elif "autoscale" not in stage and replicas is not None:  # scaled, they are those at the beginning
        yield "replicas", "replicas", int(replicas)
    if "workers" in stage:
        yield "workers", "workers", int(stage["workers"])


def _named(shards: str | Sequence[int]) -> str:
    """Shards, in few letters."""
    if isinstance(shards, str):
        return f"shards {shards}"
    some = ", ".join(map(str, shards[:3])) + (", ..." if len(shards) > 3 else "")
    return f"shard{'s' if len(shards) > 1 else ''} {some}"


def _most_replicas(stage: Mapping[str, Any]) -> int:
    if "sources" in stage:
        return max(_most_replicas(source) for source in stage["sources"])
    given = Replicas.model_validate(stage["replicas"]) if isinstance(stage["replicas"], Mapping) else None
    if given is None:
        return int(stage["replicas"])
    return max(int(given.default), *(int(hot.replicas) for hot in given.hot))


def _grouped(less: Any) -> str:
    """A number as the one before it is said: by thousands, if it is whole."""
    return f"{int(less):,}" if str(less).isdecimal() else f"{less}"


def _of_batches(name: str, path: str, batching: Mapping[str, Any]) -> Iterator[Knob]:
    """Larger batches, unless what is compiled holds no more, and a shorter wait for them."""
    now = int(batching["max_size"])
    if not batching.get("sizes"):
        more = max(now + 1, round(now * (1 + CHANGE)))
        yield Knob(f"{name} size", f"{now:,} -> {more:,}", ((f"{path}.max_size", more),))
    shorter = scaled(batching["max_wait"], 1 - CHANGE)
    if shorter is not None:
        yield Knob(f"{name} wait", f"{batching['max_wait']} -> {shorter}", ((f"{path}.max_wait", shorter),))


def _of_queue(name: str, path: str, queue: Mapping[str, Any]) -> Iterator[Knob]:
    """More tasks in a queue, and a longer wait, of which fewer are refused; and fewer, which wait less."""
    if "limit" in queue:
        limit = int(queue["limit"])
        step = max(1, round(limit * CHANGE))
        for now in (limit + step, *([limit - step] if limit else [])):
            word = "up" if now > limit else "down"
            yield Knob(f"{name} limit {word}", f"{limit:,} -> {now:,}", ((f"{path}.limit", now),))
    for factor, word in ((1 + CHANGE, "up"), (1 - CHANGE, "down")) if "delay" in queue else ():
        target = queue["delay"]["target"]
        other = scaled(target, factor)
        if other is not None:
            yield Knob(f"{name} delay {word}", f"{target} -> {other}", ((f"{path}.delay.target", other),))


def _of_visits(name: str, path: str, said: Mapping[str, Any], least: int) -> Iterator[Knob]:
    """Fewer shards that a query visits; a number of answers that are waited for comes from as many, at least.

    All of it is said anew: in a file it may be a bare number.
    """
    visited = said["shards"]
    if isinstance(visited, Mapping):
        fewer = scaled_law(visited, 1 - CHANGE)
        if fewer is not None:
            yield Knob(name, f"x {1 - CHANGE:g}", ((path, text({**said, "shards": fewer})),))
        return
    now = int(visited)
    fewer = min(now - 1, round(now * (1 - CHANGE)))
    if fewer >= least:
        yield Knob(name, f"{now:,} -> {fewer:,}", ((path, text({**said, "shards": fewer})),))


def _of_failures(name: str, path: str, failures: Mapping[str, Any]) -> Iterator[Knob]:
    """A crash is known and repaired sooner."""
    for key in ("detect", "repair"):
        better = scaled_law(failures[key], 1 - CHANGE) if key in failures else None
        if better is not None:
            yield Knob(f"{name}: {key}", f"x {1 - CHANGE:g}", ((f"{path}.{key}", text(better)),))


def _of_autoscale(name: str, path: str, autoscale: Mapping[str, Any]) -> Iterator[Knob]:
    """More replicas for the same load, and sooner."""
    if not autoscale:
        return
    now = float(autoscale["target"])
    yield Knob(f"{name}: target", f"{now:g} -> {now * (1 - CHANGE):g}", ((f"{path}.target", now * (1 - CHANGE)),))
    sooner = scaled(autoscale["delay"], 1 - CHANGE)
    if sooner is not None:
        yield Knob(f"{name}: delay", f"{autoscale['delay']} -> {sooner}", ((f"{path}.delay", sooner),))


def _of_gathering(name: str, path: str, gather: Mapping[str, Any], shards: int) -> Iterator[Knob]:
    """Fewer answers, and a shorter wait for them."""
    now = Gather.model_validate(gather).answers(shards)
    fewer = max(1, min(now - 1, round(now * (1 - CHANGE))))
    if fewer < now:
        yield Knob(f"{name}answers", f"{now:,} -> {fewer:,}", ((f"{path}.wait_for", fewer),))
    shorter = scaled(gather["timeout"], 1 - CHANGE) if "timeout" in gather else None
    if shorter is not None:
        yield Knob(f"{name}timeout", f"{gather['timeout']} -> {shorter}", ((f"{path}.timeout", shorter),))


def _of_hedging(name: str, path: str, hedge: Mapping[str, Any], replicas: int) -> Iterator[Knob]:
    """A copy that is sent sooner, and another one."""
    sooner = scaled(hedge["after"], 1 - CHANGE)
    if sooner is not None:
        yield Knob(f"{name}hedge", f"{hedge['after']} -> {sooner}", ((f"{path}.after", sooner),))
    now = int(hedge.get("copies", 1))
    if now + 1 < replicas:
        yield Knob(f"{name}copies", f"{now} -> {now + 1}", ((f"{path}.copies", now + 1),))


#: What an item costs, by the key that says it.
_COSTS = {"per_item": "cost of an item", "visit": "cost of a visit", "lookups": "lookups"}


def _cheaper(path: str, model: Mapping[str, Any]) -> tuple[tuple[tuple[str, str], ...], tuple[str, str]]:
    """A model that costs less by item, and what is said of it; nothing where only the machine's speed says it."""
    if model["kind"] == "time":
        law = scaled_law(model["law"], 1 - CHANGE)
        return ((f"{path}.law", text(law)),) if law is not None else (), ("service time", f"x {1 - CHANGE:g}")
    if model["kind"] == "sum":
        parts = [_cheaper(f"{path}.parts[{place}]", part) for place, part in enumerate(model["parts"])]
        sets = tuple(one for part, _ in parts for one in part)
        return sets, ("cost of an item", f"x {1 - CHANGE:g}")
    for key, what in _COSTS.items():
        less = scaled(model[key], 1 - CHANGE) if key in model else None
        if less is not None:
            return ((f"{path}.{key}", less),), (what, f"{model[key]} -> {less}")
    return (), ("", "")


def _of_machine(name: str, hardware: Mapping[str, Any], scenario: Scenario) -> Iterator[Knob]:
    """Speed of a machine, where some model of a stage on it is counted by its shape."""
    used = [fleet for stage in scenario.stages for fleet in stage.fleets if fleet.hardware == name]
    if not any(fleet.model.depends_on_hardware() for fleet in used):
        return
    keys = ("flops", "memory_bandwidth", "random_access_bandwidth")
    speeds = [(f"hardware.{name}.{key}", scaled(hardware[key], 1 + CHANGE)) for key in keys if key in hardware]
    sets = tuple((path, value) for path, value in speeds if value is not None)
    if sets:
        yield Knob(f"{name}: speed", f"x {1 + CHANGE:g}", sets)
