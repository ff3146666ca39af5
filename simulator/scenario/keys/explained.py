"""The table ``keys.yaml``, joined with the JSON Schema: words from the one, types, bounds and defaults of the other."""

import re
import tempfile
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from simulator.base.errors import ScenarioError
from simulator.scenario.fields import exact_duration, plain_number
from simulator.scenario.keys.table import TOP, base, rows
from simulator.scenario.load import load_scenario
from simulator.scenario.schema import json_schema
from simulator.scenario.slo import MEASURES


@dataclass(frozen=True)
class Key:
    """One key of a map of a scenario file."""

    part: str  #: the map, as the JSON Schema names it
    name: str
    place: str  #: how its place is written, such as ``stages[].routing``
    says: str  #: what it means
    takes: str  #: what may be given, in words
    default: str  #: what holds where it is not given; empty: it must be given, or nothing holds
    is_needed: bool
    inner: tuple[str, ...]  #: the maps that it may hold
    example: Mapping[str, Any] | None  #: it, and what it needs beside it
    wrong: Mapping[str, Any] | None  #: what is refused
    into: str = ""  #: where they are put into the example; unless said, where its part is

    @property
    def asked(self) -> str:
        """How one asks for it: ``stages.routing``, or ``lognormal.cv`` where it is one of a kind."""
        kind = re.search(r"\{kind: (\w+)\}", self.place)
        return f"{kind[1]}.{self.name}" if kind else _spoken(self.place)

    def example_yaml(self) -> str:
        """The example in its place in a file; empty where a key of the file itself is meant that names other files."""
        if self.example is None:
            return ""
        part = _table()[self.part]
        tree: dict[str, Any] = {}
        for into, around in part.around.items():
            if part.into.startswith(f"{into}."):
                _put(tree, into, deepcopy(around), merge=False)
        if self.into:
            _put(tree, part.into, {"name": base()["scenario"]["stages"][0]["name"]}, merge=True)
        _put(tree, self.into or part.into, {**part.beside, **self.example}, merge=not part.beside)
        lines: list[str] = []
        _write(tree, "", lines)
        return "\n".join(lines)

    def wrong_yaml(self) -> str:
        """The refused value, on one line."""
        return "" if self.wrong is None else _flow(self.wrong).removeprefix("{").removesuffix("}")

    def errors(self) -> list[str]:
        """What is said of the wrong value: messages, without their positions."""
        if self.wrong is None:
            return []
        try:
            _load(self.part, self.wrong, self.into)
        except ScenarioError as error:
            return [problem.message for problem in error.problems]
        raise AssertionError(f"{self.part}.{self.name}: {self.wrong_yaml()} is not refused")

    def check_example(self) -> None:
        """Load the example.

        Raises
        ------
        ScenarioError
            If it is refused.
        """
        if self.example is not None:
            _load(self.part, self.example, self.into)


@dataclass(frozen=True)
class Part:
    """A map of a scenario file: its keys, and where it stands."""

    name: str
    where: str  #: how its place is written; empty: it is the file
    says: str
    into: str  #: where it is put into the example, such as ``stages.0.model``
    beside: Mapping[str, Any]
    around: Mapping[str, Any]  #: maps around it in the example, by place
    also: tuple[str, ...]  #: parts that have the same keys, or some of them
    keys: tuple[Key, ...]


#: Words that others have for a key.
OTHERS_SAY = {
    **dict.fromkeys(("qps", "rps", "tps", "throughput", "request_rate", "arrival_rate"), "load.rate"),
    **dict.fromkeys(("slo", "objective", "objectives", "sla", "targets"), "slos"),
    **dict.fromkeys(("concurrency", "users", "connections", "sessions", "load.arrivals.clients"), "closed.clients"),
    **dict.fromkeys(("closed_loop", "closed", "concurrent_requests", "outstanding_requests"), "closed.clients"),
    **dict.fromkeys(("think_time", "load.arrivals.think"), "closed.think"),
    **dict.fromkeys(("parallelism", "slots", "servers"), "stages.workers"),
    **dict.fromkeys(("slices", "num_threads", "intra_op_threads", "threads_per_search"), "stages.threads"),
    **dict.fromkeys(("partitions", "splits"), "stages.shards"),
    **dict.fromkeys(("copies", "instances", "pods", "nodes"), "stages.replicas"),
    **dict.fromkeys(("hot_shards", "hot_replicas", "replicas_per_shard", "shard_replicas"), "stages.replicas.hot"),
    **dict.fromkeys(("load_balancing", "load_balancer", "balancing", "policy"), "stages.routing"),
    **dict.fromkeys(("batch", "batch_size", "max_batch", "max_batch_size"), "stages.batching.max_size"),
    **dict.fromkeys(("batch_timeout", "batch_wait", "max_queue_delay", "linger"), "stages.batching.max_wait"),
    **dict.fromkeys(("top_k", "topk"), "stages.keep"),
    **dict.fromkeys(("when_full", "queue_size", "queue_limit", "max_queue"), "stages.queue.limit"),
    **dict.fromkeys(("max_queue_size", "backlog", "load_shedding", "shedding"), "stages.queue.limit"),
    **dict.fromkeys(("rate_limit", "throttle", "rate_limiter", "token_bucket", "admitted_rate"), "admission.rate"),
    **dict.fromkeys(("retry", "max_retries", "retry_policy", "retrying", "max_attempts"), "client.retries"),
    **dict.fromkeys(("timeouts", "time_out", "request_timeout", "client_timeout"), "client.timeout"),
    **dict.fromkeys(("concurrency_limit", "max_concurrency", "max_inflight", "bulkhead"), "admission.max_in_flight"),
    **dict.fromkeys(("circuit_breaker", "circuit_breaking", "outlier_detection"), "client.breaker"),
    **dict.fromkeys(("codel", "controlled_delay", "max_wait_in_queue", "queue_timeout"), "stages.queue.delay"),
    **dict.fromkeys(("scheduling", "scheduler", "fcfs", "sjf", "fifo", "lifo", "edf"), "stages.queue.discipline"),
    **dict.fromkeys(("indexing", "compaction", "ingestion", "maintenance", "background_work"), "stages.background"),
    **dict.fromkeys(("ps", "processor_sharing", "time_sharing", "timesharing", "time_slicing"), "stages.sharing"),
    **dict.fromkeys(("cpu_sharing", "round_robin_cpu", "egalitarian"), "stages.sharing"),
    **dict.fromkeys(("priorities", "tiers", "qos", "query_types", "request_types", "traffic_classes"), "load.classes"),
    **dict.fromkeys(("deadlines",), "load.classes.deadline"),
    **dict.fromkeys(("same_nodes", "on_stage", "share_with", "shares_with", "query_then_fetch"), "stages.runs_on"),
    **dict.fromkeys(("probability", "optional", "skip", "skip_ratio", "taken", "branch", "condition"), "stages.share"),
    **dict.fromkeys(("caches", "caching", "cached", "result_cache", "query_cache", "memcached"), "stages.cache"),
    **dict.fromkeys(("cache_size", "hit_rate", "cache_hit_ratio", "cache_capacity"), "stages.cache.size"),
    **dict.fromkeys(("fanout", "shards_per_query", "visited_shards", "routing_key", "shard_key"), "stages.fan_out"),
    **dict.fromkeys(("quorum", "partial_results", "minimum_should_answer"), "stages.gather"),
    **dict.fromkeys(("hedging", "hedged_requests", "backup_requests", "speculative_retry"), "stages.hedge"),
    **dict.fromkeys(("tied_requests", "redundancy", "duplicates"), "stages.tied"),
    **dict.fromkeys(("noisy_neighbours", "noisy_neighbors", "contention"), "stages.interference"),
    **dict.fromkeys(("colocation", "colocated", "co_locate", "same_machines", "same_hosts"), "stages.colocate"),
    **dict.fromkeys(("pauses", "gc", "gc_pauses", "garbage_collection"), "stages.slowdowns"),
    **dict.fromkeys(("stop_the_world", "stalls", "stragglers", "hiccups", "steal"), "stages.slowdowns"),
    **dict.fromkeys(("maintenance", "downtime", "rolling_restart", "restarts", "drain_replica"), "stages.outages"),
    **dict.fromkeys(("failure", "failure_rate", "faults", "crash", "crashes", "breakdowns"), "stages.failures"),
    **dict.fromkeys(("mtbf", "mttf", "time_between_failures", "uptime"), "stages.failures.every"),
    **dict.fromkeys(("mttr", "repair_time", "time_to_repair", "recovery", "recovery_time"), "stages.failures.repair"),
    **dict.fromkeys(("health_check", "detection", "detection_time", "time_to_detect"), "stages.failures.detect"),
    **dict.fromkeys(("availability_zones", "azs", "racks"), "stages.zones"),
    **dict.fromkeys(("cleanup", "clean_up", "teardown", "postprocessing", "post_processing"), "stages.after_answer"),
}


def all_parts() -> tuple[Part, ...]:
    """All maps of a scenario file, from the outside inwards."""
    return tuple(_table().values())


def find_keys(wanted: str) -> list[Key]:
    """The keys that are meant: by place (``stages.routing``, ``stages.ranking.routing``), kind (``tree``), name.

    What an objective may be of means ``slos``.

    >>> [key.place for key in find_keys("stages.routing.policy")]
    ['stages[].routing.policy']
    """
    plain = re.sub(r"\[[^]]*\]|\.\d+(?=\.|$)", "", wanted.strip()).casefold()
    found = _found(plain) or _found(OTHERS_SAY.get(plain, ""))
    measure = plain.rpartition(".")[2]
    is_objective = measure in MEASURES or re.fullmatch(r"p\d[\d.]*", measure) is not None
    if is_objective and plain not in [key.asked.casefold() for key in found]:
        return found + _found("slos")
    return found


def _found(plain: str) -> list[Key]:
    """By place or kind; else by place with the name of a stage or machine in it, by the end of a place, or by name."""
    is_kind = re.fullmatch(r"\w+", plain) is not None
    named = re.sub(r"^stages\.[^.]+\.", "stages.", re.sub(r"^hardware\.[^.]+", "hardware.name", plain))
    keys = [key for part in all_parts() for key in part.keys]
    for matches in (
        lambda key: plain in (key.asked.casefold(), _spoken(key.place)),
        lambda key: named == _spoken(key.place),
        lambda key: _spoken(key.place).endswith(f".{plain}"),
        lambda key: key.name == plain,
        lambda key: is_kind and key.asked.casefold().startswith(f"{plain}."),
    ):
        found = [key for key in keys if matches(key)]
        if found:
            return found
    return []


def near_keys(wanted: str) -> list[str]:
    """Keys like one that is not known, as one asks for them, best first."""
    plain = wanted.strip().casefold()
    asked = list(dict.fromkeys(key.asked for part in all_parts() for key in part.keys))
    by_name = {key.rpartition(".")[2]: key for key in reversed(asked)}
    of_names = [by_name[name] for name in get_close_matches(plain, by_name, 3)]
    return list(dict.fromkeys([*get_close_matches(plain, asked, 3), *of_names]))


def _spoken(place: str) -> str:
    return place.replace("[]", "").casefold()


@cache
def _table() -> dict[str, Part]:
    schema = json_schema(words=False)
    return {row["part"]: _part(row, schema) for row in rows()}


def _part(row: Mapping[str, Any], schema: Mapping[str, Any]) -> Part:
    name = row["part"]
    stated = schema if name == TOP else schema["$defs"][name]
    needed = set(stated.get("required", ()))
    keys = []
    for key, said in row["keys"].items():
        field = stated["properties"][key]
        place = f"{row['where']}.{key}" if row["where"] else key
        default = _default(field)
        taken = takes(field, schema["$defs"])
        example = said.get("example")
        inner = tuple(within(field))
        shown = example, said.get("wrong"), said.get("into", "")
        keys.append(Key(name, key, place, said["says"], taken, default, key in needed, inner, *shown))
    return Part(
        name,
        row["where"],
        stated.get("description", ""),
        row["into"],
        row.get("beside", {}),
        row.get("around", {}),
        tuple(row.get("also", ())),
        tuple(keys),
    )


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    if value is None or value in ([], ""):
        return ""
    if isinstance(value, dict):
        return _flow({key: inner for key, inner in value.items() if inner is not None})
    if not isinstance(value, float):
        return _flow(value)
    is_time = field.get("description", "").startswith("a duration")
    return exact_duration(value) if is_time else _flow(plain_number(value))


def takes(field: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    """What a field of the JSON Schema may be, in words; ``parts`` are the maps that it may refer to."""
    if "description" in field:
        return str(field["description"])
    if "$ref" in field:
        return "a map: " + ", ".join(parts[_referred(field)]["properties"])
    if "enum" in field:
        return "one of " + ", ".join(str(choice) for choice in field["enum"])
    if "discriminator" in field:
        return "a map with kind: " + ", ".join(field["discriminator"]["mapping"])
    if "anyOf" in field:
        either = [takes(choice, parts) for choice in field["anyOf"] if choice.get("type") != "null"]
        return "; or ".join(dict.fromkeys(either))
    kind = field.get("type")
    if kind == "array":
        return f"a list, each {takes(field['items'], parts)}" if "items" in field else "a list"
    if kind == "object":
        if "from" in field.get("properties", {}):
            return "a map with from: an entry of the catalogue"
        inner = field.get("additionalProperties") or next(iter(field.get("patternProperties", {}).values()), None)
        return f"a map by name, each {takes(inner, parts)}" if isinstance(inner, dict) else "a map"
    return "letters, digits, _ and -" if "pattern" in field else "text"


def within(field: Any) -> list[str]:
    """The maps of the JSON Schema that a field may refer to, from the outside inwards."""
    if isinstance(field, list):
        return [name for one in field for name in within(one)]
    if not isinstance(field, dict):
        return []
    own = [_referred(field)] if "$ref" in field else []
    return list(
        dict.fromkeys(own + [name for key, one in field.items() if key != "discriminator" for name in within(one)])
    )


def _referred(field: Mapping[str, Any]) -> str:
    return str(field["$ref"]).rpartition("/")[2]


def _write(value: Any, indent: str, lines: list[str], first: str = "") -> None:
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        _write(value[0], indent + "  ", lines, indent + "- ")
        return
    for key, inner in value.items():
        start, first = first or indent, ""
        within = list(inner.values()) if isinstance(inner, dict) else inner
        if isinstance(inner, (dict, list)) and len(inner) == 1 and isinstance(within[0], (dict, list)):
            lines.append(f"{start}{key}:")
            _write(inner, indent + "  ", lines)
        else:
            lines.append(f"{start}{key}: {_flow(inner)}")


def _flow(value: Any) -> str:
    said: str = yaml.dump(
        value, Dumper=yaml.SafeDumper, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True
    )
    return said.removesuffix("\n").removesuffix("\n...").removesuffix("\n")


def _load(part_name: str, values: Mapping[str, Any], place: str) -> None:
    """Load the scenario of ``base.yaml`` with the values in their place, in a directory with the files it names.

    ``place``: another than that of the part; empty: its own.
    """
    part = _table()[part_name]
    tree = deepcopy(base()["scenario"])
    for into, around in part.around.items():
        _put(tree, into, deepcopy(around), merge=False)
    _put(tree, place or part.into, {**part.beside, **values}, merge=not part.beside)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in base()["files"].items():
            (Path(folder) / name).write_text(content, encoding="utf-8")
        file = Path(folder) / "example.yaml"
        file.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
        try:
            load_scenario(str(file))
        except ScenarioError as error:  # without the directory, which nobody asked for
            said = [replace(one, message=one.message.replace(f"{folder}/", "")) for one in error.problems]
            raise ScenarioError(said) from None


def _put(tree: Any, into: str, values: dict[str, Any], *, merge: bool) -> None:
    at = tree
    steps = into.split(".") if into else []
    for place, step in enumerate(steps):
        key: Any = int(step) if step.isdigit() else step
        following = steps[place + 1] if place + 1 < len(steps) else ""
        if isinstance(key, int):
            at.extend([{}] * (key + 1 - len(at)))
        elif key not in at or (following.isdigit() and not isinstance(at[key], list)):
            at[key] = [] if following.isdigit() else {}
        if place + 1 == len(steps) and not merge:
            at[key] = {}
        at = at[key]
    for key, value in values.items():
        if value is None:
            at.pop(key, None)
        else:
            at[key] = value
