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
        if spec.has_replicas:
            yield from _of_replicas(name, path, stage, spec.shards)
        yield from _of_service(name, path, stage, spec)
    if _varies(said["load"].get("work")):
        yield Change(None, "the same work in every query", (("load.work", ALWAYS),))


def _of_replicas(name: str, path: str, stage: Mapping[str, Any], shards: int) -> Iterator[Change]:
    """More replicas, even shards, copies, and what only machines of one kind have."""
    replicas, is_mapped = stage["replicas"], isinstance(stage["replicas"], Mapping)
    now = int(replicas["default"] if is_mapped else replicas)
    if "colocate" not in stage and "autoscale" not in stage:
        where = f"{path}.replicas.default" if is_mapped else f"{path}.replicas"
        yield Change(name, "one more replica", ((where, now + 1),), True)
        hot = replicas["hot"] if is_mapped else []
        groups = hot if isinstance(hot, list) else [hot]
        if groups:
            more = [{**group, "replicas": int(group["replicas"]) + 1} for group in groups]
            yield Change(name, "one more replica of hot shards", ((f"{path}.replicas.hot", turning.text(more)),), True)
    if "shares" in stage and len(set(stage["shares"])) > 1:
        yield Change(name, "no skew", ((f"{path}.shares", str([1] * shards)),), True)
    elif stage.get("skew"):
        yield Change(name, "no skew", ((f"{path}.skew", 0),), True)
    if now > 1 and "hedge" not in stage and "tied" not in stage and stage["routing"].get("by") != "query":
        yield Change(name, "a copy after p95", ((f"{path}.hedge", "p95"),), True)
    if stage.get("batching", {}).get("max_wait", "0s") not in (0, "0", "0s", "0 s"):
        yield Change(name, "no wait for batches", ((f"{path}.batching.max_wait", "0s"),), True)
    if _varies(stage["variability"].get("machine")):
        yield Change(name, "equal machines", ((f"{path}.variability.machine", ALWAYS),))
    if stage.get("slowdowns"):
        yield Change(name, "no slow stretches", ((f"{path}.slowdowns", "[]"),))


def _of_service(name: str, path: str, stage: Mapping[str, Any], spec: Any) -> Iterator[Change]:
    """Services that always take their mean."""
    model = stage["model"]
    if model["kind"] == "time" and _varies(model["law"]):
        yield Change(name, "constant service", ((f"{path}.model.law", f"{spec.model.law.law.mean():.12g}s"),))
    elif _varies(stage["variability"].get("task")):
        yield Change(name, "constant service", ((f"{path}.variability.task", ALWAYS),))


def _varies(law: Any) -> bool:
    """Whether a law, as it is written out, is not a constant."""
    return isinstance(law, Mapping) and law.get("kind") != "constant"


def shown(change: Change) -> list[str]:
    """Its values as options of a command."""
    return [part for path, value in change.sets for part in ("--set", f"{path}={turning.text(value)}")]
