"""Systems whose exact values are known (``oracles.csv``), as scenarios. Time unit: the mean service time, here 1 s."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulator import scenario_from_dict
from simulator.planner import make_plan
from simulator.run import simulate
from simulator.theory import Finding, Prediction, check, estimate

#: Family, parameters, statistic, value: exact values with relative error below 2e-5, from closed forms or numerical
#: methods; ``sojourn`` is latency. mm1 md1 mmc mdc gm1: Kleinrock (1975), Crommelin (1932); mg1: Pollaczek-Khinchine;
#: rr: E_c/M/1 and M/D/c; tandem: Jackson (1957), Burke (1956), Friedman (1965); fj2: Flatto and Hahn (1984); fjN, jsq:
#: truncated Markov chains; fanout0, funnel0: order statistics; skew, seed_load, fj_det: M/D/1 in lockstep;
#: seed_contrast: Reich (1957); sqd_n: power of two choices among many replicas, refined mean field (Gast and Van Houdt,
#: 2017), whose error is of the order of 1 / replicas^2; mmpp: Neuts (1981), Fischer and Meier-Hellstern (1993); mtminf:
#: Eick, Massey and Whitt (1993), read by ``test_loads``.
TABLE = Path(__file__).parent / "oracles.csv"


#: Time unit of systems in which nobody meets anybody: short, for many queries within what int64 nanoseconds hold.
EMPTY_UNIT_S = 1e-3


@dataclass(frozen=True)
class System:
    """One system: its name, its scenario, and the exact values of its statistics."""

    name: str
    scenario: dict[str, Any]
    exact: dict[str, float]  #: mean, p50, ...: of latency; wait, p95_wait, ...: over the tasks of the first stage
    queries: int  #: that a replication should measure in a short run
    is_empty: bool = False  #: nobody meets anybody, so there is nothing to warm up

    @property
    def first_stage(self) -> str:
        return self.scenario["stages"][0]["name"]


def stage(name: str, law: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "model": {"kind": "time", "law": law}, **more}


def exponential(mean: float) -> dict[str, str]:
    return {"kind": "exponential", "mean": f"{mean!r}s"}


def scenario(rate: float, *stages: dict[str, Any], arrivals: Any = "poisson") -> dict[str, Any]:
    return {"name": "system", "load": {"arrivals": arrivals, "rate": f"{rate!r}/s"}, "stages": list(stages)}


def parsed(parameters: str) -> dict[str, str]:
    found = re.findall(r"(\w+)=((?:[^;()]|\([^)]*\))+)", parameters)
    return dict(found)


def numbers(text: str) -> list[float]:
    return [float(x) for x in text.strip("()").split(",")]


def service_law(name: str) -> Any:
    if name.startswith("erlang"):
        return {"kind": "gamma", "mean": "1s", "cv": int(name.removeprefix("erlang")) ** -0.5}
    if name.startswith("h2_balanced"):
        return {"kind": "hyperexponential", "mean": "1s", "cv": float(name.split("=")[1]) ** 0.5}
    if name.startswith("bimodal"):
        return {"kind": "mixture", "parts": [{"weight": 99, "law": "1s"}, {"weight": 1, "law": "11s"}]}
    if name == "lognormal_sigma1":
        return {"kind": "lognormal", "mean": "1s", "cv": 1.3108324944320862}  # sqrt(e - 1)
    assert name == "uniform(0,2)"
    return {"kind": "uniform", "low": "0s", "high": "2s"}


def fan_out_law(given: dict[str, str]) -> dict[str, Any]:
    if given["dist"] == "lognormal":
        p99 = 2.718281828459045 ** (2.3263478740408408 * float(given["sigma"]))
        return {"kind": "lognormal", "p50": "1ms", "p99": f"{p99!r}ms"}
    return {"kind": "pareto", "minimum": "1ms", "shape": float(given["alpha"])}


def one_stage(family: str, given: dict[str, str]) -> dict[str, Any]:
    """Systems of one stage under load."""
    rate = float(given.get("lam", given.get("lam_total", 0)))
    if family == "mm1":
        return scenario(rate, stage("one", exponential(1.0)))
    if family == "md1":
        return scenario(rate, stage("one", "1s"))
    if family == "mxg1":  # a query is done with the last of its items on one server: M/D/1
        model = {"kind": "tree", "per_item": "1s"}
        return scenario(float(given["lam_batch"]), {"name": "one", "candidates": int(given["m"]), "model": model})
    if family == "mg1_mix":
        rates = [float(given[f"lam{i}"]) for i in (1, 2)]
        parts = [{"weight": rate, "law": f"{given[f'D{i}']}s"} for i, rate in enumerate(rates, 1)]
        return scenario(sum(rates), stage("one", {"kind": "mixture", "parts": parts}))
    if family == "mg1":
        return scenario(rate, stage("one", service_law(given["service"])))
    if family == "mg1_pareto":
        return scenario(rate, stage("one", {"kind": "pareto", "minimum": "600ms", "shape": 2.5}))
    if family in ("mmc", "mdc"):
        law = exponential(1.0) if family == "mmc" else "1s"
        return scenario(rate, stage("one", law, workers=int(given["c"])))
    if family == "gm1" and given["arrivals"] == "deterministic":
        return scenario(rate, stage("one", exponential(1.0)), arrivals="constant")
    if family == "gm1" and given.get("by") == "gamma":
        gamma = {"kind": "gamma", "cv": 0.5**0.5}
        return scenario(rate, stage("one", exponential(1.0)), arrivals=gamma)
    if family == "gm1":  # every second query of a Poisson stream: Erlang-2 gaps
        return scenario(2 * rate, stage("one", exponential(1.0), replicas=2, routing="round_robin"))
    if family == "mmpp":
        leaving = [float(given[name]) for name in ("r12", "r21")]
        rates = [float(given[name]) for name in ("l1", "l2")]
        mean = (rates[0] * leaving[1] + rates[1] * leaving[0]) / (leaving[0] + leaving[1])
        states = {"kind": "mmpp", "rates": rates, "dwell": [f"{1 / rate!r}s" for rate in leaving]}
        return scenario(mean, stage("one", exponential(1.0)), arrivals=states)
    if family == "rr":
        count = int(given["c"])
        if given["policy"] == "central_queue":
            return scenario(rate, stage("one", exponential(1.0), workers=count))
        law = "1s" if given["policy"].endswith("const_service") else exponential(1.0)
        policy = "random" if given["policy"] == "random" else "round_robin"
        return scenario(rate, stage("one", law, replicas=count, routing=policy))
    if family == "sqd_n":
        count = int(given["n"])
        return scenario(rate * count, stage("one", exponential(1.0), replicas=count, routing="power_of_two"))
    if family == "fj_det":
        return scenario(rate, stage("one", "1s", shards=5))
    if family == "jsq":
        policy = "least_outstanding" if given["n"] == given["d"] else "power_of_two"
        return scenario(rate, stage("one", exponential(1.0), replicas=int(given["n"]), routing=policy))
    if family in ("fj2", "fjN"):
        return scenario(rate, stage("one", exponential(1.0), shards=int(given["N"])))
    assert family == "skew"
    return skewed(given, rate)


def skewed(given: dict[str, str], rate: float) -> dict[str, Any]:
    case = given["case"]
    if case.startswith("zipf"):
        exponent, shards = re.findall(r"[\d.]+", case)
        spread: dict[str, Any] = {"shards": int(shards), "skew": float(exponent)}
        count = float(shards)
    else:
        spread, count = {"shares": [2] + [1] * 9}, 11.0
    model = {"kind": "tree", "per_item": "1s"}
    return scenario(rate, {"name": "one", "candidates": count, "model": model, **spread})


def several_stages(family: str, given: dict[str, str]) -> dict[str, Any]:
    """Funnels under load."""
    rate = float(given["lam"])
    if family == "tandem":
        rows = zip(numbers(given["mu"]), numbers(given["c"]), strict=True)
        laws = [(exponential(1 / mu), int(c)) for mu, c in rows]
        return scenario(rate, *(stage(f"s{i}", law, workers=c) for i, (law, c) in enumerate(laws)))
    if family == "tandem_md":
        return scenario(rate, stage("s0", exponential(1.0)), stage("s1", f"{given['D2']}s"))
    if family == "tandem_dd":
        return scenario(rate, *(stage(f"s{i}", f"{d}s") for i, d in enumerate(numbers(given["D"]))))
    if family == "seed_contrast":
        return scenario(rate, stage("s0", exponential(0.1)), stage("s1", exponential(0.1)))
    assert family == "seed_load"
    return paper_funnel(rate, 1, 1 if "funnel" in given["system"] else 0)


def paper_funnel(rate: float, light: int, heavy: int) -> dict[str, Any]:
    """The paper example with any number of shards at equal work a shard: 100 ms in each stage."""
    model = {"kind": "tree", "per_item": "1us"}
    stages = [{"name": "retrieval", "candidates": light * 100_000, "model": model, "shards": light}]
    if heavy:
        deep = {"kind": "deep", "per_item": "1ms"}
        stages.append({"name": "ranking", "candidates": heavy * 100, "model": deep, "shards": heavy})
    return scenario(rate, *stages)


def empty_system(family: str, given: dict[str, str]) -> dict[str, Any]:
    """Queries so far apart that none meets another; their time unit is EMPTY_UNIT_S."""
    if family == "fanout0":
        stages = [stage("one", fan_out_law(given), shards=int(given["N"]))]
    elif family == "fanout0_het":
        count, slow = int(given["N"]), 1 / float(given["mu_slow"])
        task = {"task": {"kind": "exponential"}}
        model = {"kind": "tree", "per_item": "1ms"}
        shares = [slow] + [1] * (count - 1)
        one = {"name": "one", "candidates": slow + count - 1, "model": model, "shares": shares, "variability": task}
        stages = [one]
    else:
        pairs = [(int(given[f"N{i}"]), 1 / float(given[f"mu{i}"])) for i in (1, 2)]
        stages = [
            stage(f"s{i}", exponential(mean * EMPTY_UNIT_S), shards=count) for i, (count, mean) in enumerate(pairs)
        ]
    return scenario(2e-5 / EMPTY_UNIT_S, *stages, arrivals="constant")


def shards_of(values: dict[str, Any]) -> int:
    return sum(part.get("shards", len(part.get("shares", [1]))) for part in values["stages"])


def systems() -> list[System]:
    """All of the table."""
    rows: dict[tuple[str, str], dict[str, float]] = {}
    with TABLE.open(newline="") as source:
        for row in csv.DictReader(source):
            name = (
                row["statistic"]
                .removesuffix("_at_80pct_of_capacity")
                .removesuffix("_batch_last_task")
                .removesuffix("_sojourn")
            )
            statistic = "wait" if name == "mean_wait" else name
            if re.fullmatch(r"mean|wait|p[\d.]+(_wait)?", statistic):
                both_ways = {row["parameters"]}
                if row["family"] == "gm1":
                    both_ways.add(row["parameters"].replace("erlang2", "erlang2;by=gamma"))
                for parameters in sorted(both_ways):
                    rows.setdefault((row["family"], parameters), {})[statistic] = float(row["value"])
    found = []
    for (family, parameters), exact in rows.items():
        given = parsed(parameters)
        empty = family in ("fanout0", "fanout0_het", "funnel0")
        make = empty_system if empty else several_stages if _is_funnel(family) else one_stage
        values = make(family, given)
        if _is_funnel(family) or (family == "skew"):  # of the whole funnel, or of the largest shard
            exact = {name: value for name, value in exact.items() if "wait" not in name}
        if family in ("mg1_pareto",) or "alpha=1.5" in parameters:
            exact = {name: value for name, value in exact.items() if name in ("p50", "p95", "p99")}
        if empty:
            exact = {name: value * EMPTY_UNIT_S for name, value in exact.items()}
        queries = (
            1_500_000 // (shards_of(values) * 60)
            if empty
            else 25_000 // (1 if _is_funnel(family) else min(4, shards_of(values)))
        )
        found.append(System(f"{family} {parameters}", values, exact, max(150, min(25_000, queries)), empty))
    return found


def held_against(system: System, run: dict[str, Any], jobs: int = 1) -> list[Finding]:
    """Run a system and hold it against its exact values; returns the findings."""
    result = simulate(scenario_from_dict({**system.scenario, "run": run}), jobs=jobs)
    paper = estimate(make_plan(result.scenario))
    exact = tuple(
        Prediction(name, 0 if name == "wait" else None, value, "exact", system.name)
        for name, value in system.exact.items()
        if not name.endswith("_wait")
    )
    summary = result.summary
    document = summary.to_dict()
    if system.is_empty:  # MSER-5 takes the outliers of a law without variance for a start that differs
        document["verdict"] = "stable"
    return check(replace(paper, predictions=exact), document, summary.tail_shares)


def _is_funnel(family: str) -> bool:
    return family in ("tandem", "tandem_md", "tandem_dd", "seed_load", "seed_contrast")
