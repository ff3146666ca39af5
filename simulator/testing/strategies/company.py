"""Stages that run at the replicas of another, that some queries take, with caches and autoscalers, as written."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from simulator.core import routing
from simulator.scenario.runs_on import HELD
from simulator.scenario.sources import OWN, REFUSED
from simulator.testing.strategies.policies import CLIENTS

#: What a scenario may have unless it is narrowed.
MAY_BE = ("guests", "colocated", "optional", "caches", "sources", "admission", "client", "autoscale")
#: What a policy looks at, by its name.
LOOKS_AT = {name: policy.looks_at for name, policy in routing.BY_NAME.items()} | {"c3": "ranks"}


def policy_of(stage: dict[str, Any]) -> str:
    """The routing policy of a stage as written."""
    said = stage.get("routing", "random")
    return str(said["policy"] if isinstance(said, dict) else said)


def may_host(owner: dict[str, Any], has_law: bool, needs_leaf: bool) -> bool:
    """Whether a stage may run on another, with a model that has a law of times, or needs a machine."""
    batching = owner.get("batching") or {}
    if (
        {"runs_on", "background", "failures"} & owner.keys()
        or owner.get("sharing") == "processor"
        or {"sizes", "max_items"} & batching.keys()
    ):
        return False
    if has_law and (batching or owner.get("threads", 1) > 1):
        return False
    return not needs_leaf or "hardware" in owner


@st.composite
def beside(draw: st.DrawFn, stage: dict[str, Any], before: Sequence[dict[str, Any]], owner: int) -> dict[str, Any]:
    """The stage on the one at a place, without what is said there."""
    there = before[owner]
    own = {key: value for key, value in stage.items() if key not in (*HELD, "background", "failures")}
    own["runs_on"] = there["name"]
    variability = {key: value for key, value in own.pop("variability", {}).items() if key != "machine"}
    if variability:
        own["variability"] = variability
    together = [there, *(one for one in before if one.get("runs_on") == there["name"])]
    seen = {LOOKS_AT.get(policy_of(one)) for one in together if "routing" in one} - {None}
    is_seen = LOOKS_AT.get(policy_of(own)) in {None, *seen} or not seen
    is_even = isinstance(there["replicas"], int)
    if draw(st.booleans()) or ":" in policy_of(own) or any(":" in policy_of(one) for one in together):
        own.pop("routing", None)
        for key in ("hedge", "tied"):
            own.pop(key, None)
        if "gather" not in own:
            own.pop("cancel", None)
        return own
    said = own.get("routing", "random")
    said = dict(said) if isinstance(said, dict) else {"policy": said}
    said.pop("balancers", None)
    if not is_seen:
        said = {**said, "policy": "random"}
        said.pop("decay", None)
    if not is_even:
        said.pop("by", None)
    return {**own, "routing": said}


def lodged(stage: dict[str, Any], home: dict[str, Any]) -> dict[str, Any] | None:
    """The stage on the machines of another, one replica beside each there, without what is said there; None: not so."""
    brought = [one for one in home.get("slowdowns") or () if one.get("scope") == "machine"]
    crashes = (home.get("failures") or {}).get("scope") == "machine"
    both = [stage, home]
    workers = sum(one.get("workers", 1) for one in both) * int(home.get("per_machine") or 1)
    is_too_much = workers > MOST_WORKERS or all("memory_overhead" in one for one in both)
    if {"runs_on", "colocate"} & (stage.keys() | home.keys()) or (is_too_much and "hardware" in home):
        return None
    if "hardware" in stage and "hardware" not in home:
        return None
    counts = brought or any("interference" in one for one in both)
    if counts and any(one.get("sharing") == "processor" for one in both):
        return None
    if crashes and (stage.get("sharing") == "processor" or {"failures", "background", "tied"} & stage.keys()):
        return None
    own = {key: value for key, value in stage.items() if key not in NOT_OWN}
    if isinstance(own.get("routing"), dict) and not isinstance(home["replicas"], int):
        own["routing"] = {key: value for key, value in own["routing"].items() if key != "by"}
    for key, of_machine in (("slowdowns", _is_of_machine), ("outages", _takes_machines)):
        own[key] = [one for one in own.get(key) or () if not of_machine(one)]
    if _is_of_machine(own.get("failures") or {}):
        del own["failures"]
    variability = {key: value for key, value in own.pop("variability", {}).items() if key != "machine"}
    lists = {key: own[key] for key in ("slowdowns", "outages") if own[key]}
    own = {key: value for key, value in own.items() if key not in ("slowdowns", "outages")}
    return {**own, **lists, **({"variability": variability} if variability else {}), "colocate": home["name"]}


#: What a stage that is colocated does not say: what is of machines, and how many shards and replicas it has.
NOT_OWN = ("shards", "shares", "skew", "per_machine", "replicas", "zones", "lost_machine", "hardware")
#: That fit any machine that is drawn.
MOST_WORKERS = 9


def _is_of_machine(one: dict[str, Any]) -> bool:
    return one.get("scope") == "machine"


def _takes_machines(one: dict[str, Any]) -> bool:
    return "replica" not in one


#: Shares of the queries that take a stage, as written; of most stages nothing is said.
SHARES = st.sampled_from([None, None, None, "40%", 0.75, "100%"])


#: What is not said of a stage that is drawn with sources: theirs, what it may not have, and what counts its machines.
NOT_BESIDE = {*REFUSED, "lost_machine", "outages"} - {"per_machine"}


@st.composite
def with_sources(draw: st.DrawFn, drawn: Sequence[dict[str, Any]], load: dict[str, Any]) -> list[dict[str, Any]]:
    """The stages, of which one has one or two sources like it now and then, unless another is on its machines.

    Nor has the first, where a class of the load says what is scored there.
    """
    count, hosts = draw(st.sampled_from([0, 0, 0, 1, 2])), {stage.get("runs_on") for stage in drawn}
    hosts |= {stage.get("colocate") for stage in drawn}
    places = [
        place for place, stage in enumerate(drawn) if stage["name"] not in hosts and not NOT_BESIDE & stage.keys()
    ]
    if any("candidates" in one for one in load.get("classes", ())):  # of a class, of the first stage
        places = [place for place in places if place > 0]
    if not count or not places:
        return [*drawn]
    chosen = draw(st.sampled_from(places))
    own = {key: value for key, value in drawn[chosen].items() if key in OWN}
    sources = [{"name": f"source_{number}", **own} for number in range(count)]
    whole = {key: value for key, value in drawn[chosen].items() if key not in (*OWN, *REFUSED)}
    return [{**whole, "sources": sources} if place == chosen else stage for place, stage in enumerate(drawn)]


@st.composite
def for_some(draw: st.DrawFn, drawn: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The stages, of which one behind the first is not for all queries now and then, unless another runs on it."""
    share, hosts = draw(SHARES), {stage.get("runs_on") for stage in drawn}
    places = [place for place, stage in enumerate(drawn) if place > 0 and stage["name"] not in hosts]
    if share is None or not places:
        return [*drawn]
    chosen = draw(st.sampled_from(places))
    return [{**stage, "share": share} if place == chosen else stage for place, stage in enumerate(drawn)]


#: Caches as written; of most stages nothing is said.
POPULARITY = {"kind": "zipf", "s": 1, "catalogue": 20}
CACHES: list[dict[str, Any] | None] = [
    *[None] * 4,
    {"size": 5, "popularity": POPULARITY, "hit_time": "250us"},
    {"size": 0, "popularity": POPULARITY},
    {"size": 3, "popularity": {**POPULARITY, "s": 0}, "on_hit": "query", "cold": True},
    {"size": "1k", "popularity": {**POPULARITY, "s": 0.5}, "policy": "lru"},
]


@st.composite
def with_cache(draw: st.DrawFn, drawn: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The stages, of which one has a cache now and then, unless another runs on it."""
    cache, hosts = draw(st.sampled_from(CACHES)), {stage.get("runs_on") for stage in drawn}
    places = [place for place, stage in enumerate(drawn) if stage["name"] not in hosts]
    if cache is None or not places:
        return [*drawn]
    chosen = draw(st.sampled_from(places))
    return [{**stage, "cache": cache} if place == chosen else stage for place, stage in enumerate(drawn)]


#: Autoscalers as written, of a load that is over soon; of most stages nothing is said.
RULES: list[dict[str, Any] | None] = [
    *[None] * 3,
    {"rule": "hpa", "target": "50%", "delay": "0s", "tolerance": 0, "stabilise": {"down": "20ms"}},
    {"rule": "hpa", "target": 0.8, "delay": "7ms", "metric_delay": "10ms", "limit": {"up": 1}},
    {"rule": "concurrency", "target": 1, "delay": "1ms"},
    {"rule": "concurrency", "target": 0.5, "delay": "0s", "limit": {"down": "100%"}},
    {"rule": "ideal", "target": "70%", "delay": "3ms"},
]
#: What an autoscaler does not go with; and what may last for so long that it would look far too often.
UNSCALED = {"runs_on", "colocate", "sources", "sharing", "background", "lost_machine", "tied", "slowdowns", "failures"}


@st.composite
def with_autoscaler(
    draw: st.DrawFn, drawn: Sequence[dict[str, Any]], is_known: bool, is_brief: bool
) -> list[dict[str, Any]]:
    """The stages, of which one is scaled now and then, where it may be.

    ``is_known``: who comes; ``is_brief``: the load, whose queries come within seconds.
    """
    rule, hosts = draw(st.sampled_from(RULES)), {stage.get(key) for stage in drawn for key in ("runs_on", "colocate")}
    lasts = any({"slowdowns", "failures"} & stage.keys() for stage in drawn)
    may_be = [
        place
        for place, stage in enumerate(drawn)
        if not UNSCALED & stage.keys() and isinstance(stage["replicas"], int) and stage["name"] not in hosts
    ]
    if rule is None or lasts or not may_be or (rule["rule"] == "ideal" and not is_known):
        return [*drawn]
    chosen = draw(st.sampled_from(may_be))
    most = drawn[chosen]["replicas"] + draw(st.integers(1, 3))
    said = {**rule, "every": "10ms" if is_brief else "10s", "max": most}
    if said["rule"] == "concurrency":
        said["window"] = "60ms" if is_brief else "60s"
    return [{**stage, "autoscale": said} if place == chosen else stage for place, stage in enumerate(drawn)]


def is_brief(load: dict[str, Any]) -> bool:
    """Whether some tens of queries of a load come within seconds."""
    rate, arrivals = load.get("rate"), load["arrivals"]
    of_rate = rate.get("mean") if isinstance(rate, dict) else rate
    return of_rate != "1/s" and not (isinstance(arrivals, dict) and arrivals.get("dwell") in ("1s", "1h"))


def clients(load: dict[str, Any]) -> st.SearchStrategy[dict[str, Any] | None]:
    """How clients give up, and try again, or neither: none tries again where queries are over at a deadline."""
    drops = any("deadline" in one and one.get("late") != "served" for one in load.get("classes", ()))
    return st.sampled_from([one for one in CLIENTS if one is None or not (drops and "retries" in one)])
