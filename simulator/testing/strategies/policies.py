"""Strategies of how a stage serves, as written: in which order, how many answers, with copies, what slows it down."""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypedDict

from hypothesis import strategies as st

#: Orders of queues, as written; most stages say none.
QUEUES: list[tuple[str, Any]] = [
    *[("fifo", None)] * 3,
    ("fifo", "fifo"),
    ("lifo", "lifo"),
    ("shortest", {"discipline": "shortest"}),
]
#: The same of queues that may be full.
LIMITS: list[tuple[str, Any]] = [("fifo", {"limit": 4}), ("lifo", {"discipline": "lifo", "limit": 1})]
LIMITS += [("fifo", {"delay": {"target": "5ms", "interval": "20ms"}})]
#: The same where the load has classes.
BY_CLASS: list[tuple[str, Any]] = [("priority", "priority"), ("edf", {"discipline": "edf"})]
CRAWLERS: dict[str, Any] = {"name": "crawlers", "share": 1, "work": 2, "candidates": 7}
#: Classes of queries, as written; most loads have none.
CLASSES: list[list[dict[str, Any]] | None] = [
    None,
    None,
    None,
    [{"name": "all", "share": 1}],
    [{"name": "people", "share": 3, "priority": 1, "deadline": "5ms", "late": "served"}, CRAWLERS],
    [
        {"name": "one", "share": "2", "work": {"kind": "uniform", "low": 0, "high": 3}},
        {"name": "two", "share": 0.5, "priority": -1, "deadline": "1ms", "late": "served"},
        {"name": "three", "share": 1, "deadline": "1s", "late": "served"},
    ],
    [{"name": "hurried", "share": 1, "deadline": "20ms"}, CRAWLERS],
]
#: Ways to serve several tasks at once, as written; most stages do not.
BATCHINGS: list[dict[str, Any] | None] = [
    None,
    None,
    None,
    {"max_size": 4},
    {"max_size": 3, "max_wait": "2ms", "preferred": [2]},
    {"max_size": 8, "max_wait": "100us", "max_items": 60},
    {"max_size": 2, "max_wait": "1ms", "sizes": [30, "1M"]},
]
#: Ways to wait for answers, as written; most stages wait for all of them.
GATHERS: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"gather": {"wait_for": "60%"}},
    {"gather": {"timeout": "9ms"}, "cancel": "running"},
    {"gather": {"wait_for": 1, "timeout": "20ms", "then": "50%"}, "cancel": {"what": "none"}},
    {"gather": {"wait_for": "50%", "timeout": "4ms"}, "cancel": {"what": "queued", "delay": "100us"}},
]
#: Shards that a query visits, as written; in most stages all.
VISITS: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"fan_out": 1},
    {"fan_out": {"shards": {"kind": "uniform", "low": 0.5, "high": 3.5}}},
    {"fan_out": {"shards": 2, "by": {"kind": "zipf", "s": 1, "keys": 9}}},
]
#: What keeps a worker when its answers have gone, as written; mostly nothing.
AFTERS: list[Any] = [None, None, None, "0s", "800us", {"kind": "exponential", "mean": "300us"}]
#: Ways to send a task to several replicas, as written; most stages do not.
COPIES: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"hedge": "4ms"},
    {"hedge": {"after": "1ms", "copies": 1, "budget": "50%"}},
    {"tied": True},
]
#: What busy workers of a machine do to each other, and how many of them a task takes, as written; mostly nothing.
BESIDE: list[dict[str, Any]] = [
    {},
    {},
    {"threads": 2},
    {"interference": "5%"},
    {"interference": {"busy": [0, 2], "factor": [1, 1.5], "spread": "10%"}, "threads": 2},
]
#: What is slow now and then, as written; mostly nothing.
SLOW: list[Any] = [
    None,
    None,
    None,
    [{"every": {"kind": "exponential", "mean": "20ms"}, "length": "3ms"}],
    [
        {"every": "7ms", "length": {"kind": "exponential", "mean": "1ms"}, "factor": 2, "scope": "machine"},
        {"every": "30ms", "length": "2ms", "scope": "stage"},
    ],
]
#: What a door looks at, as written; most scenarios have none.
DOORS: list[dict[str, Any] | None] = [
    *[None] * 4,
    {"max_in_flight": 2},
    {"rate": "40/s", "burst": 3},
    {"max_in_flight": 1, "rate": "20/s", "when_full": "shed"},
]
#: How clients give up and try again; those of most scenarios do neither.
CLIENTS: list[dict[str, Any] | None] = [
    *[None] * 4,
    {"timeout": "30ms"},
    {"timeout": "20ms", "retries": 2, "backoff": {"base": "5ms", "most": "8ms"}},
    {"timeout": "1s", "retries": 1, "backoff": "5ms", "retry_budget": "50%"},
    {"limit": 2, "processes": 2},
    {"timeout": "20ms", "retries": 1, "breaker": {"errors": "40%", "window": "50ms", "open": "10ms", "least": 2}},
]
#: What replicas do besides, as written; mostly nothing.
BACKGROUNDS: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"background": {"rate": "20/s", "time": {"kind": "exponential", "mean": "4ms"}}},
    {"background": {"rate": "0/s", "time": "1ms"}},
]
#: Who is out, and when, as written; mostly nobody.
OUTAGES: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"outages": [{"replica": 0, "from": "1ms", "until": "20ms"}]},
    {"outages": [{"machine": 0, "from": "0s", "until": "5ms"}, {"machine": 0, "from": "5ms", "until": "9ms"}]},
    {"zones": 2, "outages": [{"zone": one, "from": f"{one}ms", "until": "6ms"} for one in range(2)]},
]
#: How replicas crash, as written; mostly they do not.
FAILURES: list[dict[str, Any]] = [
    {},
    {},
    {},
    {},
    {"failures": {"every": {"kind": "exponential", "mean": "30ms"}, "repair": "6ms", "detect": "1ms"}},
    {
        "failures": {
            "every": "11ms",
            "repair": {"kind": "exponential", "mean": "3ms"},
            "detect": "4ms",
            "lose": "running",
        }
    },
    {"failures": {"every": "9ms", "repair": "2ms", "detect": "1ms", "lose": "nothing", "scope": "machine"}},
]
#: Ways to merge, as written.
MERGES: list[dict[str, Any]] = [{}, {"time": "1ms"}, {"per_response": "10us"}, {"time": "1ms", "workers": 2}]


@cache
def routings(policies: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """By one of these policies; by its name, or as a map with balancers and by what is chosen."""
    more = {"balancers": st.integers(1, 3), "by": st.sampled_from(["task", "query"])}
    maps = [{"policy": st.sampled_from(policies)}]
    maps += [{"policy": st.just(name), "decay": st.just("5ms")} for name in policies if name == "adaptive"]
    return st.sampled_from(policies) | st.one_of(*(st.fixed_dictionaries(one, optional=more) for one in maps))


@st.composite
def servings(draw: st.DrawFn, batches: int | None, disciplines: Sequence[str] | None, limits: bool) -> dict[str, Any]:
    """How those that wait are served, in batches of so many at most, or in some order; how many these may be."""
    together = [one for one in BATCHINGS if one is None or batches is None or 1 < one["max_size"] <= batches]
    known = [*QUEUES, *LIMITS] if limits else QUEUES
    orders = [one for name, one in known if disciplines is None or name in disciplines]
    batching, queue = draw(st.sampled_from(together)), draw(st.sampled_from(orders))  # both: see ``stages``
    return {"batching": batching, "queue": None if batching else queue}


@st.composite
def by_class(draw: st.DrawFn, stage: dict[str, Any], disciplines: Sequence[str] | None) -> dict[str, Any]:
    """The stage of a load that has classes: its queue may look at them."""
    known = [one for name, one in BY_CLASS if disciplines is None or name in disciplines]
    queue = draw(st.sampled_from([stage.get("queue"), *known]))
    return stage if queue is None or "batching" in stage or "sharing" in stage else {**stage, "queue": queue}


class Answers(TypedDict, total=False):
    """What a stage may do with its answers; all of it, unless said."""

    gathers: bool  #: whether it may close without all of its answers
    afters: bool  #: whether its workers may stay taken when their answers have gone
    copies: bool  #: whether tasks may be sent to several replicas
    neighbours: bool  #: whether busy workers of a machine may slow each other down
    slowdowns: bool  #: whether something may be slow now and then
    outages: bool  #: whether replicas may be out for a while
    failures: bool  #: whether replicas may crash
    limits: bool  #: whether queues may be full
    sharing: bool  #: whether tasks may share the workers of their replica
    fan_outs: bool  #: whether queries may leave shards out
    background: bool  #: whether replicas may have tasks of their own


@cache
def hindrances(neighbours: bool, slowdowns: bool) -> st.SearchStrategy[dict[str, Any]]:
    """What makes a service longer than its task says."""
    beside = st.sampled_from(BESIDE if neighbours else BESIDE[:1])
    slow = st.sampled_from(SLOW if slowdowns else SLOW[:1])
    return st.tuples(beside, slow).map(lambda one: {**one[0], "slowdowns": one[1]})


def may_share(longer: dict[str, Any], workers: int, has_law: bool) -> dict[str, Any]:
    """The same, and a task takes several workers only where there are so many, and no law of its whole time."""
    if has_law or longer.get("threads", 1) > workers:
        return {key: value for key, value in longer.items() if key != "threads"}
    return longer


#: What a stage does not have whose tasks share the workers of their replica.
NOT_SHARED = ("queue", "batching", "threads", "interference", "slowdowns", "failures", "after_answer", "tied")


def shared(stage: dict[str, Any]) -> dict[str, Any]:
    """The stage whose tasks share the workers of their replica, without what these do not have."""
    return {key: value for key, value in stage.items() if key not in NOT_SHARED} | {"sharing": "processor"}


def may_be_busy(chosen: dict[str, Any], stage: dict[str, Any]) -> dict[str, Any]:
    """The same, where tasks are not served in batches."""
    return {} if stage.get("batching") is not None else chosen


def may_visit(chosen: dict[str, Any], shards: int) -> dict[str, Any]:
    """The same, where there are so many shards."""
    return {} if shards == 1 else chosen


def may_copy(chosen: dict[str, Any], routing: Any, answered: dict[str, Any]) -> bool:
    """Whether tasks that are routed and answered so may have copies, which are withdrawn where they are tied."""
    is_kept = "tied" in chosen and "none" in str(answered.get("cancel"))
    return is_by_task(routing) and not is_kept


def is_by_task(routing: Any) -> bool:
    """Whether each shard of a stage that is routed so chooses for itself."""
    return not (isinstance(routing, dict) and routing.get("by") == "query")


def hot(copies: int, shards: int) -> dict[str, Any]:
    """So many replicas of the first shard, or the first two, and one of the others."""
    return {"default": 1, "hot": {"shards": [0] if shards < 3 else "0..1", "replicas": copies}}


@cache
def answerings(gathers: bool, afters: bool) -> st.SearchStrategy[dict[str, Any]]:
    """How answers are merged, which are waited for, and what follows them."""
    waited = st.sampled_from(GATHERS if gathers else GATHERS[:1])
    longer = st.sampled_from(AFTERS if afters else AFTERS[:1])
    all_of_it = st.tuples(st.sampled_from(MERGES), waited, longer)
    return all_of_it.map(lambda one: {"merge": one[0], **one[1], "after_answer": one[2]})


def troubles(draw: st.DrawFn, narrowed: Answers, copies: int, machines: int) -> tuple[Any, ...]:
    """Of a stage of so many replicas and machines: how it is answered, what slows it down, who is out, what crashes,
    the machine that is lost, and which tasks are sent again.
    """
    answered = draw(answerings(narrowed.get("gathers", True), narrowed.get("afters", True)))
    longer = draw(hindrances(narrowed.get("neighbours", True), narrowed.get("slowdowns", True)))
    out = draw(st.sampled_from(OUTAGES if narrowed.get("outages", True) else OUTAGES[:1]))
    crashing = draw(st.sampled_from(FAILURES if narrowed.get("failures", True) else FAILURES[:1]))
    lost = draw(st.none() | st.integers(0, machines - 1)) if copies > 1 else None
    again = draw(st.sampled_from(COPIES if narrowed.get("copies", True) and copies > 1 else COPIES[:1]))
    return answered, longer, out, crashing, lost, again
