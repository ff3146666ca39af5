"""Strategies that draw scenarios, stages and objectives as written in a file: every kind of the schema, small."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Unpack

from hypothesis import strategies as st

from simulator.core.laws.family import Statement
from simulator.core.laws.sampling import FAMILIES
from simulator.scenario.fields import exact_duration
from simulator.testing.strategies import company
from simulator.testing.strategies import policies as ways
from simulator.testing.strategies.laws import among, stated
from simulator.testing.strategies.loads import loads
from simulator.testing.strategies.plans import POLICIES
from simulator.testing.strategies.policies import Answers
from simulator.testing.strategies.serving import Size, sized

_DURATIONS = st.sampled_from(["0s", "1ns", "250us", "1ms", "3.5ms", "20ms"])


@cache
def duration_laws() -> st.SearchStrategy[Any]:
    """Laws of durations as written in a file."""
    by_numbers = [_durations(family.name, family.quantity) for family in FAMILIES]
    short_or_long = {"kind": "uniform", "low": "1ms", "high": "9ms"}
    parts = [{"weight": 9, "law": "1ms"}, {"weight": 1, "law": short_or_long}]
    return st.one_of(_DURATIONS, *by_numbers, st.just({"kind": "mixture", "parts": parts}))


def _durations(kind: str, statement: Statement | str) -> st.SearchStrategy[Any]:
    """Laws of a family that numbers state."""
    if isinstance(statement, str):
        return st.nothing()
    units = {argument.name for argument in statement.arguments if argument.has_unit}

    def law(arguments: dict[str, float], unit_s: float) -> dict[str, Any]:
        return {
            "kind": kind,
            **{name: exact_duration(unit_s * x) if name in units else x for name, x in arguments.items()},
        }

    return st.builds(law, stated(statement), st.sampled_from([1e-6, 250e-6, 1e-3, 3.5e-3, 20e-3]))


@cache
def factor_law_maps() -> st.SearchStrategy[Any]:
    """Factor laws as written in a file."""
    return st.one_of([_factors(family.name, family.factor) for family in FAMILIES])


def _factors(kind: str, statement: Statement | str) -> st.SearchStrategy[Any]:
    """Factor laws of a family that numbers state."""
    if isinstance(statement, str):
        return st.nothing()
    return stated(statement).map(lambda arguments: {"kind": kind, **arguments})


def _without_absent(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


#: Times that fall from one size to the next, and vary.
MEASURED = str(Path(__file__).parents[1] / "measured.csv")
#: Embeddings, and a network over them: two knots.
PARTS_BY_SHAPE = [
    {"kind": "embedding", "tables": 26, "lookups": 2, "dimension": 16, "overhead": "10us"},
    {"kind": "deep", "layers": [416, 64, 1]},
]


#: Models as written: every kind, by shape and by time, alone and in sums.
MODELS: list[dict[str, Any]] = [
    {"kind": "linear", "per_item": "10us", "overhead": "100us"},
    {"kind": "linear", "features": 300},
    {"kind": "tree", "per_item": "1us"},
    {"kind": "tree", "trees": 100, "depth": 6},
    {"kind": "tree", "trees": 100, "leaves": 31, "overhead": "20us"},
    {"kind": "deep", "per_item": "1ms"},
    {"kind": "deep", "layers": [100, 64, 1]},
    {"kind": "deep", "flops_per_item": "1 MFLOP", "parameters": "500k"},
    {"kind": "embedding", "per_item": "2us", "rows": "1M", "tables": 2, "dimension": 8},
    {"kind": "embedding", "tables": 26, "lookups": 2, "dimension": 16, "rows": "10k"},
    {"kind": "sum", "parts": [{"kind": "tree", "per_item": "1us"}, {"kind": "linear", "per_item": "2us"}]},
    {"kind": "sum", "parts": [*PARTS_BY_SHAPE, {"kind": "tree", "per_item": "1us"}]},
    {"kind": "measured", "file": MEASURED, "unit": "us"},
    {"kind": "sum", "parts": [{"kind": "measured", "file": MEASURED, "unit": "us"}, *PARTS_BY_SHAPE]},
    {"kind": "sum", "parts": [{"kind": "time", "law": "3ms"}, *PARTS_BY_SHAPE]},
    {"kind": "sum", "parts": [{"kind": "time", "law": {"kind": "exponential", "mean": "1ms"}}]},
    {"kind": "time"},
    {"kind": "curve", "items": [1, 8, 64], "times": ["1ms", "2ms", "9ms"], "overhead": "100us"},
]
#: Built-in kinds of models.
KINDS = tuple(dict.fromkeys(str(model["kind"]) for model in MODELS))


@cache
def _models(kinds: tuple[str, ...] | None) -> st.SearchStrategy[dict[str, Any]]:
    among(dict.fromkeys(KINDS), kinds, "kind of model")
    chosen = [model for model in MODELS if kinds is None or model["kind"] in kinds]
    return st.sampled_from(chosen)


@st.composite
def _whole_model(
    draw: st.DrawFn, kinds: Sequence[str] | None, models: st.SearchStrategy[dict[str, Any]] | None
) -> dict[str, Any]:
    """A model of one of these kinds, or of those that are given, with its law if it is of a time."""
    model = draw(_models(None if kinds is None else tuple(kinds)) if models is None else models)
    return {**model, "law": draw(duration_laws())} if model["kind"] == "time" else model


@cache
def _variabilities(has_spread: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Of tasks, unless their model has its spread, and of machines."""
    factors = st.tuples(*[st.one_of(st.none(), factor_law_maps())] * 2)
    return factors.map(lambda one: _without_absent({"task": None if has_spread else one[0], "machine": one[1]}))


#: Candidates of a stage, as written.
COUNTS = st.sampled_from([0, 1, 40, "1k", {"kind": "uniform", "low": 10, "high": 50}])
FURTHER_COUNTS = st.one_of(st.none(), COUNTS)


@st.composite
def stages(
    draw: st.DrawFn,
    name: str = "stage",
    is_first: bool = True,
    *,
    kinds: Sequence[str] | None = None,
    models: st.SearchStrategy[dict[str, Any]] | None = None,
    policies: Sequence[str] | None = None,
    shards: Size = None,
    replicas: Size = None,
    workers: Size = None,
    batches: int | None = None,
    disciplines: Sequence[str] | None = None,
    **narrowed: Unpack[Answers],
) -> dict[str, Any]:
    """A stage as written in a file; hardware, if named, is ``leaf``.

    Parameters
    ----------
    draw
        Hypothesis' own.
    name, is_first
        Of the stage; the first one of a funnel states its candidates.
    kinds
        Built-in kinds of models among which is chosen, see KINDS.
    models
        In their place, models as written in a file: those of a plug-in, ``st.just({"kind": "mine:Boosted", ...})``.
    policies
        Routing policies among which is chosen, a plug-in's rule (``mine:least_of_three``) among them.
    shards, replicas, workers
        A size, or a strategy of sizes; unless said, small.
    batches
        Tasks that a worker serves at once, at most; 1: no batches.
    disciplines
        Names of the disciplines of queues among which is chosen.
    **narrowed
        ``gathers``, ``afters``, ``copies``, ``neighbours``, ``slowdowns``, ``outages``, ``failures``, ``limits``,
        ``sharing``, ``fan_outs``, ``background``: whether it may close without all of its answers, keep its workers
        when their answers have gone, send tasks to several replicas, have workers that slow each other down, be slow
        now and then, have replicas that are out for a while, or crash, queues that may be full (unless said, as
        ``gathers``), tasks that share the workers of their replica, queries that leave shards out, or replicas with
        tasks of their own.
    """
    model = draw(_whole_model(kinds, models))
    has_law, has_spread, is_timed, is_plugged = _times_of(model)
    by_shape = not is_timed and not is_plugged and not {"per_item", "trees", "file"} & model.keys()
    is_on_leaf = by_shape or draw(st.booleans())
    count, copies = draw(sized(shards, st.integers(1, 4))), draw(sized(replicas, st.integers(1, 3)))
    per_machine = draw(st.sampled_from([None, 1, 2, 3]))
    machines = copies * -(-count // (per_machine or 1))
    # drawn whether it is used or not: else what draws less would count as smaller, and not what is plainer
    spread: dict[str, Any] = draw(st.sampled_from([{}, {}, {"skew": 0.5}, {"shares": [1] * count}]))
    split = draw(st.sampled_from([None, "even", "hashed"]))
    variability = draw(_variabilities(has_spread))
    answered, longer, out, crashing, lost, again = ways.troubles(draw, narrowed, copies, machines)
    limits = narrowed.get("limits", narrowed.get("gathers", True))
    served = draw(ways.servings(1 if has_law or is_plugged else batches, disciplines, limits))
    routing = draw(ways.routings(tuple(POLICIES if policies is None else policies)))
    tasks = draw(sized(workers, st.integers(1, 3)))
    is_hot = replicas is None and draw(st.sampled_from([False, False, True])) and not (out or lost is not None)
    is_shared = narrowed.get("sharing", disciplines is None) and draw(st.integers(0, 5)) == 5
    visited = draw(st.sampled_from(ways.VISITS if narrowed.get("fan_outs", True) else ways.VISITS[:1]))
    besides = draw(st.sampled_from(ways.BACKGROUNDS if narrowed.get("background", True) else ways.BACKGROUNDS[:1]))
    stage = {
        "name": name,
        "candidates": draw(COUNTS if is_first else FURTHER_COUNTS),
        "model": model,
        "shards": count,
        **({} if is_timed else spread),
        "split": None if is_timed else split,
        "replicas": ways.hot(copies, count) if is_hot and ways.is_by_task(routing) else copies,
        "workers": tasks,
        "per_machine": per_machine,
        "lost_machine": None if out else lost,
        "hardware": "leaf" if is_on_leaf else None,
        **_holdings(draw, is_first),
        "variability": variability or None,
        "network": {"request": draw(_DURATIONS), "send": draw(_DURATIONS), "response": draw(duration_laws())},
        **(answered | served | ways.may_share(longer, tasks, has_law or is_plugged) | out),
        **({} if "tied" in again or besides else crashing),
        **(again if ways.may_copy(again, routing, answered) else {}),
        **ways.may_visit(visited, count),
        **ways.may_be_busy(besides, served),
        "routing": routing,
    }
    return _without_absent(ways.shared(stage) if is_shared else stage)


def _holdings(draw: st.DrawFn, is_first: bool) -> dict[str, Any]:
    """What machines of a stage hold, and what it hands on."""
    return {
        "bytes_per_candidate": draw(st.sampled_from([None, "200 B", "1.5 kB"])) if is_first else None,
        "memory_overhead": draw(st.sampled_from([None, "0 B", "1 GiB"])),
        "keep": draw(st.sampled_from([None, 0, 10, "1k"])),
    }


LEAF = {"flops": "225 GFLOP/s", "memory_bandwidth": "22 GB/s", "efficiency": "70%"}
#: What a machine may have besides; three replicas of three workers fit its cores, and all that is drawn its memory.
MACHINE = {
    "random_access_bandwidth": st.sampled_from(["2 GB/s", "1.5GiB/s"]),
    "cores": st.sampled_from([9, "16"]),
    "memory": st.sampled_from(["2 GiB", "64 GB"]),
    "price": st.sampled_from(["0.714 USD/h", "$12/h"]),
    "power": st.sampled_from(["150 W", "1.2 kW"]),
}


def slos(names: Sequence[str] = ()) -> st.SearchStrategy[str]:
    """Objectives as written in a file: on whole queries, and on the stages of these names."""
    return _slos(tuple(names))


@cache
def _slos(names: tuple[str, ...]) -> st.SearchStrategy[str]:
    whole = ["p99 < 100ms", "mean < 50ms", "max < 10s", "95% within 80ms", "failed_ratio < 1%", "goodput > 1/s"]
    whole.append("availability > 99.9%")
    of_a_stage = ("p50 < 20ms", "utilisation < 80%", "hottest < 90%")
    ours = [f"stage.{name}.{what}" for name in names for what in of_a_stage]
    return st.sampled_from(whole + ours)


@cache
def _some_slos(names: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(_slos(names), max_size=3)


def _times_of(model: dict[str, Any]) -> tuple[bool, bool, bool, bool]:
    """Of a model as written: whether it has a law of times, a spread, nothing but a law, and is a plug-in's."""
    kinds = {part["kind"] for part in model.get("parts", [model])}
    return "time" in kinds, bool(kinds & {"time", "measured"}), kinds == {"time"}, ":" in model["kind"]


@st.composite
def _in_company(draw: st.DrawFn, drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The stages, the last of which runs on an earlier one now and then: one like it, of as many shards."""
    stage = drawn[-1]
    has_law = _times_of(stage["model"])[0] or ":" in stage["model"]["kind"]
    hosts = [
        place
        for place, owner in enumerate(drawn[:-1])
        if company.may_host(owner, has_law, "hardware" in stage)
        and (owner["shards"], owner["replicas"]) == (stage["shards"], stage["replicas"])
    ]
    if not hosts or draw(st.integers(0, 2)) > 0:
        return drawn
    return [*drawn[:-1], draw(company.beside(stage, drawn[:-1], draw(st.sampled_from(hosts))))]


@st.composite
def _on_machines(draw: st.DrawFn, drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The stages, the last of which is on the machines of the first now and then; of as many shards and replicas."""
    home, stage = drawn[0], drawn[-1]
    is_alike = all(home.get(key) == stage.get(key) for key in ("shards", "replicas"))
    may_be = draw(st.integers(0, 2)) == 0
    lodged = company.lodged(stage, home) if is_alike and may_be else None
    return drawn if lodged is None else [*drawn[:-1], lodged]


_a_stage = stages
_WORKS = st.one_of(st.just({"kind": "constant"}), factor_law_maps())
_MACHINES = st.fixed_dictionaries({}, optional=MACHINE)


@st.composite
def scenarios(
    draw: st.DrawFn, /, most_queries: int = 30, most_stages: int = 3, *, stages: Size = None, **narrowed: Any
) -> dict[str, Any]:
    """Scenarios as plain values, spelled as in a file, valid and small.

    Parameters
    ----------
    draw
        Hypothesis' own.
    most_queries
        Measured in each replication, at most.
    most_stages
        Stages of the funnel, at most.
    stages
        How many, or a strategy of how many.
    **narrowed
        As of ``stages``, the strategy: kinds, models, policies, shards, replicas, workers, batches, disciplines,
        gathers, afters, copies, neighbours, slowdowns, outages, failures, limits, sharing, fan_outs, background; and
        ``guests``, ``colocated``, ``optional``, ``caches``, ``sources``, ``autoscale``, ``admission``, ``client``,
        whether stages may run at the replicas, or be on the machines, of earlier ones, or be taken by some queries
        only, have a cache, several sources (unless shards are said), or an autoscaler, and whether queries may be
        shed, or given up.
    """
    names = [f"stage_{index}" for index in range(draw(sized(stages, st.integers(1, most_stages))))]
    load, is_counted = draw(loads())
    if "columns" not in load["arrivals"]:  # a trace that says the work of its queries
        load["work"] = draw(_WORKS)
    may = {key: narrowed.pop(key, True) for key in company.MAY_BE}
    drawn = [draw(_a_stage(name, index == 0, **narrowed)) for index, name in enumerate(names)]
    classes = draw(st.sampled_from(ways.CLASSES))
    if classes is not None:
        is_said = "columns" in load["arrivals"]
        load["classes"] = [{key: one[key] for key in one if not (is_said and key == "work")} for one in classes]
        drawn = [draw(ways.by_class(stage, narrowed.get("disciplines"))) for stage in drawn]
    if may["guests"] and len(names) > 1:
        drawn = draw(_in_company(drawn))
    if may["colocated"] and len(names) > 1:
        drawn = draw(_on_machines(drawn))
    if may["optional"] and len(names) > 1:
        drawn = draw(company.for_some(drawn))
    drawn = draw(company.with_cache(drawn)) if may["caches"] else drawn
    drawn = draw(company.with_sources(drawn, load)) if may["sources"] and "shards" not in narrowed else drawn
    run: dict[str, Any] = {"replications": draw(st.integers(1, 5)), "seed": draw(st.integers(0, 2**63 - 1))}
    if is_counted:
        run |= {"queries": draw(st.integers(1, most_queries)), "warmup": draw(st.sampled_from(["auto", 0, 3]))}
    door = draw(st.sampled_from(ways.DOORS)) if may["admission"] else None
    client = draw(company.clients(load)) if may["client"] else None
    if may["autoscale"] and "replicas" not in narrowed:
        drawn = draw(company.with_autoscaler(drawn, client is None, company.is_brief(load)))
    return {
        "name": "drawn",
        **{name: one for name, one in (("admission", door), ("client", client)) if one is not None},
        "load": load,
        "run": run,
        "hardware": {"leaf": {**LEAF, **draw(_MACHINES)}},
        "stages": drawn,
        "slos": draw(_some_slos(tuple(names))),
    }
