"""What a scenario's keys can change of its tail: each change is a scenario of its own, run on the same luck."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.planning import turning
from simulator.scenario import Scenario

Sets = tuple[tuple[str, str | int], ...]

#: A law that is always its mean of 1.
ALWAYS = "{kind: constant}"


@dataclass(frozen=True)
class Change:
    """Other values of some keys."""

    stage: str | None  #: whose; None: of the load
    name: str
    sets: Sets  #: values by dotted path
    is_remedy: bool = False  #: whether it can be done, and not only be wished for


def changes_of(scenario: Scenario) -> Iterator[Change]:
    """The changes that say something of a scenario, stage after stage."""
    said = scenario.resolved()
    for stage, spec in zip(said["stages"], scenario.stages, strict=True):
        name, path = stage["name"], f"stages.{stage['name']}"
        if "sources" in stage:
            for source, fleet in zip(stage["sources"], spec.fleets, strict=True):
                yield from _of_fleet(name, f"{path}.sources.{source['name']}", source, fleet, f" of {source['name']}")
            yield from _of_copies(name, path, stage, max(fleet.replicas for fleet in spec.fleets))
        else:
            yield from _of_fleet(name, path, stage, spec)
            if spec.has_replicas:
                yield from _of_copies(name, path, stage, _replicas(stage)[0] if "replicas" in stage else spec.replicas)
    if _varies(said["load"].get("work")):
        yield Change(None, "the same work in every query", (("load.work", ALWAYS),))


def _replicas(fleet: Mapping[str, Any]) -> tuple[int, list[Any]]:
    """How many a shard has that is not hot, and what is said of those that are."""
    said = fleet["replicas"]
    if not isinstance(said, Mapping):
        return int(said), []
    return int(said["default"]), said["hot"] if isinstance(said["hot"], list) else [said["hot"]]


def _of_fleet(name: str, path: str, fleet: Mapping[str, Any], spec: Any, whose: str = "") -> Iterator[Change]:
    """More replicas, even shards, machines of one kind, and a service that takes its mean. ``whose``: of a source."""
    if spec.has_replicas:
        if "replicas" in fleet and not {"colocate", "autoscale"} & fleet.keys():
            now, hot = _replicas(fleet)
            where = f"{path}.replicas.default" if isinstance(fleet["replicas"], Mapping) else f"{path}.replicas"
            yield Change(name, f"one more replica{whose}", ((where, now + 1),), True)
            if hot:
                more = turning.text([{**group, "replicas": int(group["replicas"]) + 1} for group in hot])
                yield Change(name, f"one more replica of hot shards{whose}", ((f"{path}.replicas.hot", more),), True)
        if "shares" in fleet and len(set(fleet["shares"])) > 1:
            yield Change(name, f"no skew{whose}", ((f"{path}.shares", str([1] * spec.shards)),), True)
        elif fleet.get("skew"):
            yield Change(name, f"no skew{whose}", ((f"{path}.skew", 0),), True)
        if _varies(fleet["variability"].get("machine")):
            yield Change(name, f"equal machines{whose}", ((f"{path}.variability.machine", ALWAYS),))
    yield from _of_service(f"constant service{whose}", name, path, fleet, spec)


def _of_copies(name: str, path: str, stage: Mapping[str, Any], replicas: int) -> Iterator[Change]:
    """Copies, and what all replicas of a stage do or meet."""
    if replicas > 1 and "hedge" not in stage and "tied" not in stage and stage["routing"].get("by") != "query":
        yield Change(name, "a copy after p95", ((f"{path}.hedge", "p95"),), True)
        yield Change(name, "tied copies", ((f"{path}.tied", "true"),), True)
    if stage.get("batching", {}).get("max_wait", "0s") not in (0, "0", "0s", "0 s"):
        yield Change(name, "no wait for batches", ((f"{path}.batching.max_wait", "0s"),), True)
    if stage.get("slowdowns"):
        yield Change(name, "no slow stretches", ((f"{path}.slowdowns", "[]"),))


def _of_service(what: str, name: str, path: str, fleet: Mapping[str, Any], spec: Any) -> Iterator[Change]:
    """Services that always take their mean."""
    model = fleet["model"]
    if model["kind"] == "time" and _varies(model["law"]):
        yield Change(name, what, ((f"{path}.model.law", f"{spec.model.law.law.mean():.12g}s"),))
    elif _varies(fleet["variability"].get("task")):
        yield Change(name, what, ((f"{path}.variability.task", ALWAYS),))


def _varies(law: Any) -> bool:
    """Whether a law, as it is written out, is not a constant."""
    return isinstance(law, Mapping) and law.get("kind") != "constant"


def shown(change: Change) -> list[str]:
    """Its values as options of a command."""
    return [part for path, value in change.sets for part in ("--set", f"{path}={turning.text(value)}")]
