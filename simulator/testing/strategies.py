"""Strategies that draw plans and scenarios with every feature of the schema; times are small: ties everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulator.core.assemble import ONE, ZERO, StageParts, assemble
from simulator.core.laws import Law
from simulator.core.plan import (
    LEAST_OUTSTANDING,
    LEAST_WORK,
    NEVER_NS,
    POWER_OF_TWO,
    RANDOM,
    ROUND_ROBIN,
    Plan,
)
from simulator.testing.loads import loads

#: Durations in ns, small so that events coincide.
TIMES = st.integers(0, 5)
POLICIES = st.sampled_from([RANDOM, ROUND_ROBIN, LEAST_OUTSTANDING, LEAST_WORK, POWER_OF_TWO])


def laws(scale: float = 3.0) -> st.SearchStrategy[Law]:
    """Laws of durations in ns or of counts, mean about ``scale``; whole numbers among them."""
    plain = _plain_laws(scale)
    return st.one_of(plain, plain, _mixtures(plain))


def _mixtures(parts: st.SearchStrategy[Law]) -> st.SearchStrategy[Law]:
    return st.lists(st.tuples(st.integers(1, 5), parts), min_size=2, max_size=3).map(Law.mixture)


#: Few, since a table of a gamma law is made once for each.
_GAMMA_CVS = st.sampled_from([0.1, 0.5, 1.0, 2.0])


def _between_values(values: list[int]) -> Law:
    """Linear between the order statistics of some values, from 0 on."""
    shares = [rank / len(values) for rank in range(len(values) + 1)]
    return Law.empirical_cdf([0.0, *sorted(values)], shares)


def _plain_laws(scale: float) -> st.SearchStrategy[Law]:
    values = st.lists(TIMES, min_size=1, max_size=4).filter(any)
    return st.one_of(
        TIMES.map(lambda value: Law.constant(float(value))),
        st.tuples(TIMES, TIMES).map(lambda ends: Law.uniform(float(min(ends)), float(max(ends)))),
        st.just(Law.exponential(scale)),
        st.floats(0.1, 2.0).map(lambda cv: Law.lognormal(scale, cv)),
        st.floats(0.5, 4.0).map(lambda shape: Law.weibull(scale, shape)),
        st.floats(1.5, 4.0).map(lambda shape: Law.pareto(scale / 3, shape, 10 * scale)),
        _GAMMA_CVS.map(lambda cv: Law.gamma(scale, cv)),
        st.floats(1.0, 5.0).map(lambda cv: Law.hyperexponential(scale, cv)),
        values.map(Law.empirical),
        values.map(_between_values),
    )


def factor_laws() -> st.SearchStrategy[Law]:
    """Laws of factors, mean 1."""
    return st.one_of(
        st.just(ONE),
        st.floats(0.0, 1.0).map(lambda low: Law.uniform(low, 2 - low)),
        st.just(Law.exponential(1.0)),
        st.floats(0.1, 2.0).map(lambda cv: Law.lognormal(1.0, cv)),
        _GAMMA_CVS.map(lambda cv: Law.gamma(1.0, cv)),
        st.floats(1.0, 5.0).map(lambda cv: Law.hyperexponential(1.0, cv)),
        st.just(Law.mixture([(1, Law.exponential(1.0)), (3, ONE)])),
    )


def shares() -> st.SearchStrategy[list[float]]:
    """Shares of one to four shards, in sum 1; some may be 0."""
    weights = st.lists(st.integers(0, 4), min_size=1, max_size=4).filter(any)
    return weights.map(lambda given: [weight / sum(given) for weight in given])


@st.composite
def knots(draw: st.DrawFn) -> list[tuple[float, float, float]]:
    """Non-decreasing piecewise-linear costs with up to five pieces: one, a roofline, a sum, a measured table."""
    found = [(0.0, float(draw(TIMES)), float(draw(TIMES)))]
    for width in draw(st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0]), max_size=4)):
        items, cost, slope = found[-1]
        found.append((items + width, cost + width * slope, float(draw(TIMES))))
    return found


@st.composite
def losses(draw: st.DrawFn, shards: int, by_query: bool) -> tuple[int, int]:
    """The shards that a machine takes a replica of with it, as first and number; of most stages none."""
    if draw(st.integers(0, 2)) > 0:
        return 0, 0
    if by_query:
        return 0, shards
    first = draw(st.integers(0, shards - 1))
    return first, draw(st.integers(1, shards - first))


@st.composite
def stage_parts(draw: st.DrawFn, is_first: bool, times: st.SearchStrategy[int] = TIMES) -> StageParts:
    """One stage with anything that the schema knows."""
    own = st.one_of(laws(), st.integers(0, 12).map(lambda count: Law.constant(float(count))))
    is_timed = draw(st.booleans())
    is_constant = draw(st.integers(0, 3)) == 0  # nothing random a task: shards may be in lockstep
    constants = times.map(lambda ns: Law.constant(float(ns)))
    share, replicas, by_query = draw(shares()), draw(st.integers(1, 3)), draw(st.booleans())
    first_lost, lost = draw(losses(len(share), by_query)) if replicas > 1 else (0, 0)
    return StageParts(
        share=share,
        replicas=replicas,
        first_lost=first_lost,
        lost=lost,
        workers=draw(st.integers(1, 3)),
        knots=draw(st.one_of(st.just([(0.0, 0.0, 0.0)]), knots())) if is_timed else draw(knots()),
        time=draw(constants if is_constant else laws()) if is_timed else Law.none(),
        task=ONE if is_timed or is_constant else draw(factor_laws()),
        machine=ONE,
        response=draw(constants if is_constant else st.one_of(st.just(ZERO), constants, laws())),
        candidates=draw(own if is_first else st.one_of(st.just(Law.none()), own)),
        hashed=False if is_constant else draw(st.booleans()),
        keep=float(draw(st.integers(0, 10))),
        policy=draw(POLICIES),
        balancers=draw(st.integers(1, 2)),
        by_query=by_query,
        request_ns=draw(times),
        send_ns=draw(st.sampled_from([0, 0, 1, 2])),
        merge_ns=draw(times),
        merge_per_response_ns=draw(st.integers(0, 2)),
        mergers=draw(st.integers(0, 2)),
    )


@st.composite
def plans(draw: st.DrawFn, most_queries: int = 12, most_stages: int = 3, times: st.SearchStrategy[int] = TIMES) -> Plan:
    """Plans of a few queries, stages, shards, replicas and workers, full of simultaneous events.

    Parameters
    ----------
    draw
        Hypothesis' own.
    most_queries, most_stages
        Sizes, at most.
    times
        Gaps between arrivals and fixed durations, in ns.
    """
    gaps = draw(st.lists(times, min_size=1, max_size=most_queries))
    stages = draw(st.integers(1, most_stages))
    parts = [draw(stage_parts(stage == 0, times)) for stage in range(stages)]
    replicas = sum(len(part.share) * part.replicas for part in parts)
    factor = st.just(1.0) if draw(st.booleans()) else st.sampled_from([1.0, 1.0, 0.5, 1.5])
    machines = draw(st.lists(factor, min_size=replicas, max_size=replicas))
    work = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.0, 2.0]), min_size=len(gaps), max_size=len(gaps)))
    return assemble(
        parts,
        np.cumsum(np.array(gaps, dtype=np.int64)),
        np.array(work),
        seed=draw(st.integers(0, 2**63 - 1)),
        replication=draw(st.integers(0, 3)),
        first_measured=draw(st.integers(0, len(gaps) - 1)),
        drain_ns=draw(st.sampled_from([NEVER_NS, NEVER_NS, NEVER_NS, 0, 3, 10])),
        machine_factor=np.array(machines),
    )


_DURATIONS = st.sampled_from(["0s", "1ns", "250us", "1ms", "3.5ms", "20ms"])
_POSITIVE = st.sampled_from(["1us", "250us", "1ms", "3.5ms", "20ms"])


def duration_laws() -> st.SearchStrategy[Any]:
    """Laws of durations as written in a file."""
    return st.one_of(
        _DURATIONS,
        st.just({"kind": "uniform", "low": "1ms", "high": "3ms"}),
        st.builds(lambda mean: {"kind": "exponential", "mean": mean}, _POSITIVE),
        st.builds(lambda mean, cv: {"kind": "lognormal", "mean": mean, "cv": cv}, _POSITIVE, st.floats(0.05, 2)),
        st.just({"kind": "lognormal", "p50": "1ms", "p99": "10ms"}),
        st.builds(lambda mean, shape: {"kind": "weibull", "mean": mean, "shape": shape}, _POSITIVE, st.floats(0.5, 3)),
        st.just({"kind": "pareto", "minimum": "1ms", "shape": 2.5}),
        st.just({"kind": "pareto", "minimum": "1ms", "shape": 0.9, "maximum": "1s"}),
        st.just({"kind": "gamma", "mean": "1ms", "cv": 0.5}),
        st.just({"kind": "hyperexponential", "mean": "1ms", "cv": 2}),
        st.just(
            {
                "kind": "mixture",
                "parts": [
                    {"weight": 9, "law": "1ms"},
                    {"weight": 1, "law": {"kind": "uniform", "low": "1ms", "high": "9ms"}},
                ],
            }
        ),
    )


def written_factor_laws() -> st.SearchStrategy[Any]:
    """Factor laws as written in a file."""
    return st.one_of(
        st.sampled_from([{"kind": "constant"}, {"kind": "exponential"}, {"kind": "uniform", "low": 0.5}]),
        st.floats(0.05, 2).map(lambda cv: {"kind": "lognormal", "cv": cv}),
        st.floats(0.5, 3).map(lambda shape: {"kind": "weibull", "shape": shape}),
        st.sampled_from([{"kind": "pareto", "shape": 2.5}, {"kind": "pareto", "shape": 0.9, "spread": 100}]),
        st.sampled_from([{"kind": "gamma", "cv": 0.5}, {"kind": "hyperexponential", "cv": 2}]),
    )


def _without_absent(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


#: Times that fall from one size to the next, and vary.
MEASURED = str(Path(__file__).parent / "measured.csv")
#: Embeddings, and a network over them: two knots.
PARTS_BY_SHAPE = [
    {"kind": "embedding", "tables": 26, "lookups": 2, "dimension": 16, "overhead": "10us"},
    {"kind": "deep", "layers": [416, 64, 1]},
]


@st.composite
def stages(draw: st.DrawFn, name: str, is_first: bool) -> dict[str, Any]:
    """A stage as written in a file; hardware, if named, is ``leaf``."""
    maybe = st.none
    counts = st.sampled_from([0, 1, 40, "1k", {"kind": "uniform", "low": 10, "high": 50}])
    model: dict[str, Any] = draw(
        st.sampled_from(
            [
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
            ]
        )
    )
    is_timed = model["kind"] == "time"
    if is_timed:
        model = {**model, "law": draw(duration_laws())}
    kinds = [part["kind"] for part in model.get("parts", [model])]
    has_spread = "time" in kinds or "measured" in kinds
    is_timed = set(kinds) == {"time"}
    by_shape = not is_timed and not {"per_item", "trees", "file"} & model.keys()
    is_on_leaf = by_shape or draw(st.booleans())
    count, replicas = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    per_machine = draw(st.sampled_from([None, 1, 2, 3]))
    machines = replicas * -(-count // (per_machine or 1))
    spread: dict[str, Any] = {} if is_timed else draw(st.sampled_from([{}, {}, {"skew": 0.5}, {"shares": [1] * count}]))
    variability = _without_absent(
        {
            "task": None if has_spread else draw(st.one_of(maybe(), written_factor_laws())),
            "machine": draw(st.one_of(maybe(), written_factor_laws())),
        }
    )
    merge: dict[str, Any] = draw(
        st.sampled_from([{}, {"time": "1ms"}, {"per_response": "10us"}, {"time": "1ms", "workers": 2}])
    )
    routing = draw(
        st.one_of(
            st.sampled_from(["random", "round_robin", "least_outstanding", "least_work", "power_of_two"]),
            st.fixed_dictionaries(
                {"policy": st.sampled_from(["least_outstanding", "round_robin"])},
                optional={"balancers": st.integers(1, 3), "by": st.sampled_from(["task", "query"])},
            ),
        )
    )
    return _without_absent(
        {
            "name": name,
            "candidates": draw(counts if is_first else st.one_of(maybe(), counts)),
            "model": model,
            "shards": count,
            **spread,
            "split": None if is_timed else draw(st.sampled_from([None, "even", "hashed"])),
            "replicas": replicas,
            "workers": draw(st.integers(1, 3)),
            "per_machine": per_machine,
            "lost_machine": draw(st.none() | st.integers(0, machines - 1)) if replicas > 1 else None,
            "hardware": "leaf" if is_on_leaf else None,
            "bytes_per_candidate": draw(st.sampled_from([None, "200 B", "1.5 kB"])) if is_first else None,
            "memory_overhead": draw(st.sampled_from([None, "0 B", "1 GiB"])),
            "keep": draw(st.sampled_from([None, 0, 10, "1k"])),
            "variability": variability or None,
            "network": {"request": draw(_DURATIONS), "send": draw(_DURATIONS), "response": draw(duration_laws())},
            "merge": merge,
            "routing": routing,
        }
    )


LEAF = {"flops": "225 GFLOP/s", "memory_bandwidth": "22 GB/s", "efficiency": "70%"}
#: What a machine may have besides; three replicas of three workers fit its cores, and all that is drawn its memory.
MACHINE = {
    "random_access_bandwidth": st.sampled_from(["2 GB/s", "1.5GiB/s"]),
    "cores": st.sampled_from([9, "16"]),
    "memory": st.sampled_from(["2 GiB", "64 GB"]),
    "price": st.sampled_from(["0.714 USD/h", "$12/h"]),
    "power": st.sampled_from(["150 W", "1.2 kW"]),
}


@st.composite
def scenarios(draw: st.DrawFn, most_queries: int = 30, most_stages: int = 3) -> dict[str, Any]:
    """Scenarios as plain values, spelled as in a file, valid and small.

    Parameters
    ----------
    draw
        Hypothesis' own.
    most_queries
        Measured in each replication, at most.
    most_stages
        Stages of the funnel, at most.
    """
    names = [f"stage_{index}" for index in range(draw(st.integers(1, most_stages)))]
    load, is_counted = draw(loads())
    if "columns" not in load["arrivals"]:  # a trace that says the work of its queries
        load["work"] = draw(st.one_of(st.just({"kind": "constant"}), written_factor_laws()))
    run: dict[str, Any] = {"replications": draw(st.integers(1, 5)), "seed": draw(st.integers(0, 2**63 - 1))}
    if is_counted:
        run["queries"] = draw(st.integers(1, most_queries))
        run["warmup"] = draw(st.sampled_from(["auto", 0, 3]))
    slos = ["p99 < 100ms", "mean < 50ms", "max < 10s", "95% within 80ms", "failed_ratio < 1%", "goodput > 1/s"]
    ours = [f"stage.{name}.{what}" for name in names for what in ("p50 < 20ms", "utilisation < 80%")]
    return {
        "name": "drawn",
        "load": load,
        "run": run,
        "hardware": {"leaf": {**LEAF, **draw(st.fixed_dictionaries({}, optional=MACHINE))}},
        "stages": [draw(stages(name, index == 0)) for index, name in enumerate(names)],
        "slos": draw(st.lists(st.sampled_from(slos + ours), max_size=3)),
    }
