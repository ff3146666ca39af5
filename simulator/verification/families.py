"""Systems whose exact values are known, as scenarios: one function a kind of family.

Time unit: the mean service time, here 1 s; where queries are so far apart that none meets another, EMPTY_UNIT_S.
``given``: the parameters of a row of ``oracles.csv``, by name.
"""

import math
import re
from collections.abc import Callable
from typing import Any

from simulator.verification.laws import fan_out_law, service_law
from simulator.verification.lookups import ONES, cached, fleets, of_one

#: Time unit of systems in which nobody meets anybody: short, for many queries within what int64 nanoseconds hold.
EMPTY_UNIT_S = 1e-3
#: Families in which nobody meets anybody, of several stages, and whose waiting times are not those of a plain stage.
EMPTY = ("fanout0", "fanout0_het", "sources0", "kofn0", "hedge0", "funnel0", "tailatscale", "avail", "seed")
LIMITED = ("erlangb", "mmcK", "md1K", "admitted", "bucket", "giveup", "bulkhead", "late")
RANKED, CLOSED = ("prio", "prio_c"), ("closed", "closed_tandem")
BATCHED = ("mmbulk", "mdbulk", "dynbatch", "batchtimeout", "batchfill")
FUNNELS = ("tandem", "tandem_md", "tandem_dd", "seed_load", "seed_contrast")
#: Tasks of a batch, at most, where there is no limit.
MANY = 100_000
#: Time of a fast and of a slow shard of ``tailatscale``, in EMPTY_UNIT_S; its queries are slow beyond the middle.
FAST, SLOW = 1.0, 3.0
#: How long a replica of ``avail`` is up and down together, on average; the time of a task; and of a query that waits.
CYCLE_S, TASK_S, WAITED_S = 10.0, 1e-9, 1e-7


def scenario_of(family: str, given: dict[str, str]) -> dict[str, Any]:
    """The scenario of a row, without its ``run``."""
    if family in (*RANKED, *CLOSED):
        return by_priority(given) if family in RANKED else of_clients(given)
    ways = (EMPTY, empty_system), (BATCHED, batched), (LIMITED, limited), (FUNNELS, several_stages), (ONES, of_one)
    return next((made for families, made in ways if family in families), one_stage)(family, given)


def stage(name: str, law: Any, **more: Any) -> dict[str, Any]:
    """A stage whose tasks take times of a law."""
    return {"name": name, "model": {"kind": "time", "law": law}, **more}


def exponential(mean: float) -> dict[str, str]:
    """An exponential law; ``mean`` in seconds."""
    return {"kind": "exponential", "mean": f"{mean!r}s"}


def scenario(rate: float, *stages: dict[str, Any], arrivals: Any = "poisson") -> dict[str, Any]:
    """A scenario of a rate per second and some stages."""
    return {"name": "system", "load": {"arrivals": arrivals, "rate": f"{rate!r}/s"}, "stages": list(stages)}


def parsed(parameters: str) -> dict[str, str]:
    """The parameters of a row by name.

    >>> parsed("lam=0.5;mu=(1.0, 1.25);case=10 shards")
    {'lam': '0.5', 'mu': '(1.0, 1.25)', 'case': '10 shards'}
    """
    return dict(re.findall(r"(\w+)=((?:[^;()]|\([^)]*\))+)", parameters))


def numbers(text: str) -> list[float]:
    """The numbers of a list in brackets."""
    return [float(x) for x in text.strip("()").split(",")]


def routed(family: str, given: dict[str, str], rate: float) -> dict[str, Any]:
    """Of several replicas among which is chosen."""
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
    policy = "least_outstanding" if given["n"] == given["d"] else "power_of_two"
    return scenario(rate, stage("one", exponential(1.0), replicas=int(given["n"]), routing=policy))


def shared(given: dict[str, str]) -> dict[str, Any]:
    """Tasks that share a worker: of any law the mean is the same."""
    law = service_law("lognormal_sigma1") if given["service"] == "any" else exponential(1.0)
    return stage("one", law, sharing="processor")


def one_stage(family: str, given: dict[str, str]) -> dict[str, Any]:
    """Systems of one stage under load."""
    rate = float(given.get("lam", given.get("lam_total", given.get("lam_batch", family == "lru"))))
    if family in ("gm1", "mmpp"):
        return unlike_poisson(family, given, rate)
    if family in ("rr", "sqd_n", "jsq"):
        return routed(family, given, rate)
    if family in ("redd", "fullrep"):
        return copied(family, given, rate)
    if family == "skew":
        return skewed(given, rate)
    if family not in SERVERS:
        raise ValueError(f"no family of one stage is called {family!r}")
    return scenario(rate or float(given["lam1"]) + float(given["lam2"]), SERVERS[family](given))


def of_clients(given: dict[str, str]) -> dict[str, Any]:
    """Clients that wait, at one queue or two; they think for 1 ns at least."""
    one, think = stage("one", exponential(1.0), workers=int(given.get("c", 1))), max(1e-9, float(given["Z"]))
    load = {"arrivals": {"kind": "closed", "clients": int(given["N"]), "think": f"{think!r}s"}}
    return {"name": "system", "load": load, "stages": [one] if "c" in given else [one, {**one, "name": "two"}]}


def unlike_poisson(family: str, given: dict[str, str], rate: float) -> dict[str, Any]:
    """One exponential server, whose queries do not come one by one at random."""
    one = stage("one", exponential(1.0))
    if family == "mmpp":
        leaving = [float(given[name]) for name in ("r12", "r21")]
        rates = [float(given[name]) for name in ("l1", "l2")]
        mean = (rates[0] * leaving[1] + rates[1] * leaving[0]) / (leaving[0] + leaving[1])
        states = {"kind": "mmpp", "rates": rates, "dwell": [f"{1 / rate!r}s" for rate in leaving]}
        return scenario(mean, one, arrivals=states)
    if given["arrivals"] == "deterministic":
        return scenario(rate, one, arrivals="constant")
    if given.get("by") == "gamma":
        return scenario(rate, one, arrivals={"kind": "gamma", "cv": 0.5**0.5})
    # every second query of a Poisson stream: Erlang-2 gaps
    return scenario(2 * rate, {**one, "replicas": 2, "routing": "round_robin"})


def mixed(given: dict[str, str]) -> dict[str, Any]:
    """Two kinds of queries, of constant service."""
    parts = [{"weight": float(given[f"lam{i}"]), "law": f"{given[f'D{i}']}s"} for i in (1, 2)]
    return stage("one", {"kind": "mixture", "parts": parts})


def cleaned_up(given: dict[str, str]) -> dict[str, Any]:
    """A server that stays taken after its answer."""
    laws = [exponential if given[what] == "exponential" else "{!r}s".format for what in ("service", "after")]
    means = float(given["mean_S"]), float(given["mean_A"])
    service, after = (law(mean) for law, mean in zip(laws, means, strict=True))
    return stage("one", service, after_answer=after)


def by_priority(given: dict[str, str]) -> dict[str, Any]:
    """Two classes before a server, or before several: whoever is served is not interrupted."""
    rates = [float(given["lam_high"]), float(given["lam_low"])]
    law = "1s" if given.get("service") == "det" else service_law(given["service"]) if "service" in given else None
    one = stage("one", law or exponential(1.0), queue="priority", workers=int(given.get("c", 1)))
    whole = scenario(math.fsum(rates), one)
    named = zip(("high", "low"), rates, (1, 0), strict=True)
    whole["load"]["classes"] = [{"name": name, "share": rate, "priority": first} for name, rate, first in named]
    return whole


def limited(family: str, given: dict[str, str]) -> dict[str, Any]:
    """A server, or several, with room for so many, there or behind a door; who comes beyond is lost."""
    if family in ("admitted", "bucket", "giveup", "bulkhead", "late"):
        one = stage("one", "1ns" if family == "bucket" else exponential(1.0), workers=int(given.get("c", 1)))
        door = {"rate": f"{given['r']}/s", "burst": given["b"]} if "b" in given else {"max_in_flight": given.get("K")}
        client = {"limit": given["K"]} if family == "bulkhead" else {"timeout": f"{given.get('tau')}s"}
        more = {"client": client} if family in ("giveup", "bulkhead") else {"admission": door}
        made = {**scenario(float(given["lam"]), one), **({} if family == "late" else more)}
        if family == "late":
            made["load"]["classes"] = [{"name": "all", "share": 1, "deadline": f"{given['tau']}s"}]
        return made
    if family == "erlangb":
        return scenario(float(given["a"]), stage("one", exponential(1.0), workers=int(given["c"]), queue={"limit": 0}))
    law, workers = (f"{given['D']}s", 1) if family == "md1K" else (exponential(1.0), int(given["c"]))
    return scenario(float(given["lam"]), stage("one", law, workers=workers, queue={"limit": int(given["K"]) - workers}))


def stopped(given: dict[str, str]) -> dict[str, Any]:
    """A server that stops after exponential times, busy or not."""
    length = exponential(float(given["MTTR"])) if given["repair"] == "exp" else f"{given['MTTR']}s"
    stops = {"every": exponential(float(given["MTBF"])), "length": length}
    mean_s = float(given["mean_S"])
    return stage("one", exponential(mean_s) if given["service"] == "exp" else f"{mean_s!r}s", slowdowns=[stops])


def first_of(given: dict[str, str]) -> dict[str, Any]:
    """A stage of which some answers are enough; the other tasks are stopped, wherever they are, after 1 ns."""
    more = {"gather": {"wait_for": int(given["k"])}, "cancel": {"what": "running", "delay": "0s"}}
    return stage("one", exponential(1.0), shards=int(given["n"]), **more)


def copied(family: str, given: dict[str, str], rate: float) -> dict[str, Any]:
    """Every task goes to several replicas within some ns, and the first to be served ends the others after 1 ns."""
    replicas = int(given["k" if family == "redd" else "n"])
    copies = int(given.get("d", replicas)) - 1
    law = exponential(1.0) if family == "redd" else {"kind": "lognormal", "mean": "1s", "cv": 1.3108324944320862}
    more = {"hedge": {"after": "1ns", "copies": copies}, "cancel": {"what": "running", "delay": "0s"}}
    rate = float(given["lam_per_server"]) * replicas if family == "redd" else rate
    return scenario(rate, stage("one", law, replicas=replicas, **more))


def tied(given: dict[str, str]) -> dict[str, Any]:
    """Every task goes to all replicas, and the first that starts withdraws the others."""
    count = int(given["n"])
    return stage("one", exponential(1.0), network={"send": "10ns"}, replicas=count, tied=count, cancel={"delay": "1ns"})


#: The stage of a family of one stage under Poisson load, of the parameters of its row.
SERVERS: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    **dict.fromkeys(("mm1", "mm1_timeout"), lambda _: stage("one", exponential(1.0))),
    "md1": lambda _: stage("one", "1s"),
    # a query is done with the last of its items on one server: M/D/1
    "mxg1": lambda of: {"name": "one", "candidates": int(of["m"]), "model": {"kind": "tree", "per_item": "1s"}},
    "mg1": lambda of: stage("one", service_law(of["service"])),
    "mg1_mix": mixed,
    "mg1_after": cleaned_up,
    "mg1_pareto": lambda _: stage("one", {"kind": "pareto", "minimum": "600ms", "shape": 2.5}),
    "mm1ps": shared,
    "sjf": lambda _: stage("one", exponential(1.0), queue="shortest"),
    "breakdown": stopped,
    "mmc": lambda of: stage("one", exponential(1.0), workers=int(of["c"])),
    "mdc": lambda of: stage("one", "1s", workers=int(of["c"])),
    "mh2c": lambda of: stage("one", {"kind": "hyperexponential", "mean": "1s", "cv": 2.0}, workers=int(of["c"])),
    "lru": cached,
    "fj_det": lambda _: stage("one", "1s", shards=5),
    **dict.fromkeys(("fj2", "fjN"), lambda of: stage("one", exponential(1.0), shards=int(of["N"]))),
    "nk": first_of,
    "cos": tied,
}


def batched(family: str, given: dict[str, str]) -> dict[str, Any]:
    """A server of batches, or as many workers as batches ever need, whose services take no time."""
    cost = {"per_item": "1ns"}
    most = given["bmax"] if family == "dynbatch" else given["b"]
    batching: dict[str, Any] = {"max_size": MANY if most == "inf" else int(most)}
    more: dict[str, Any] = {}
    if family == "mmbulk":
        cost["overhead"], more["variability"] = "1s", {"task": {"kind": "exponential"}}
    elif family == "mdbulk":
        cost["overhead"] = f"{given['D']}s"
    elif family == "dynbatch":
        cost = {"per_item": f"{given['alpha']}s", "overhead": f"{given['tau0']}s"}
    else:
        more["workers"] = 100
        full_s = int(most) / float(given["lam"])  # a batch that nobody fills waits no longer: none is, but the last
        batching["max_wait"] = f"{given['tau']}s" if family == "batchtimeout" else f"{8 * full_s!r}s"
    one = {"name": "one", "candidates": 1, "model": {"kind": "linear", **cost}, "batching": batching, **more}
    return scenario(float(given["lam"]), one)


def skewed(given: dict[str, str], rate: float) -> dict[str, Any]:
    """Shards of unlike shares, constant service."""
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
    if family != "seed_load":
        raise ValueError(f"no family of several stages is called {family!r}")
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
    if family == "seed":
        count, each = (1000, "1us") if "retrieval" in given["stage"] else (5, "1ms")
        model, items = {"kind": "tree", "per_item": each}, 100_000_000 if count == 1000 else 500
        stages = [{"name": "one", "candidates": items, "model": model, "shards": count}]
        return scenario(0.01, *stages, arrivals="constant")
    if family == "tailatscale":
        p, unit = float(given["p"]), 1e6 * EMPTY_UNIT_S
        parts = [{"weight": w, "law": f"{x * unit!r}us"} for w, x in ((p, SLOW), (1 - p, FAST))]
        stages = [stage("one", {"kind": "mixture", "parts": parts}, shards=int(given["N"]))]
    elif family == "avail":
        up, count = float(given["A"]), int(given["N"])
        times = {"every": exponential(up * CYCLE_S), "repair": exponential((1 - up) * CYCLE_S), "detect": "1ns"}
        one = stage("one", f"{TASK_S!r}s", shards=count, replicas=int(given["r"]), failures=times)
        return scenario(1.0, one, arrivals="constant")
    elif family == "kofn0":
        gather = {"wait_for": int(given["k"])}
        stages = [stage("one", fan_out_law(given), shards=int(given["n"]), gather=gather)]
    elif family == "hedge0":
        hedge = {"replicas": 2, "hedge": f"{float(given['delay'])!r}ms"}
        stages = [stage("one", fan_out_law(given), shards=int(given["N"]), **hedge)]
    elif family == "fanout0":
        stages = [stage("one", fan_out_law(given), shards=int(given["N"]))]
    elif family == "fanout0_het":
        count, slow = int(given["N"]), 1 / float(given["mu_slow"])
        varied, shares = {"task": {"kind": "exponential"}}, [slow] + [1] * (count - 1)
        one = {"name": "one", "model": {"kind": "tree", "per_item": "1ms"}, "shares": shares, "variability": varied}
        stages = [{**one, "candidates": slow + count - 1}]
    elif family == "sources0":
        stages = [fleets(given, EMPTY_UNIT_S)]
    else:
        pairs = [(int(given[f"N{i}"]), 1 / float(given[f"mu{i}"])) for i in (1, 2)]
        laws = [(count, exponential(mean * EMPTY_UNIT_S)) for count, mean in pairs]
        stages = [stage(f"s{i}", law, shards=count) for i, (count, law) in enumerate(laws)]
    return scenario(2e-5 / EMPTY_UNIT_S, *stages, arrivals="constant")


def shards_of(values: dict[str, Any]) -> int:
    """Number of shards of a scenario."""
    each = (one for part in values["stages"] for one in part.get("sources", [part]))
    return sum(one.get("shards", len(one.get("shares", [1]))) for one in each)
