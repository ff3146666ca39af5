"""An explanation in plain words: what limits, and what to try first."""

from collections.abc import Sequence

from simulator.base.formats import format_duration, significant
from simulator.documents import explain

#: What a cause is, in a sentence.
SAID = {
    "retry": "attempts that came to nothing before the last",
    "backoff": "pauses between attempts",
    "cache": "hits of the cache",
    "network": "the network",
    "hedge wait": "the time until a copy was sent",
    "waiting": "waiting in queues",
    "batching": "waiting for a batch to fill",
    "service": "the service time (of the median shard)",
    "straggler": "what the last shard takes longer than the median one",
    "slowdown": "slow stretches of a replica",
    "failure": "crashes and outages",
    "missing answers": "waiting for answers that never came",
    "merge wait": "waiting for a merger",
    "merge": "merging",
}
#: Causes that are told after the first, at most.
MOST = 2


def sentences(
    limits: Sequence[explain.Limit],
    effects: Sequence[explain.Effect],
    best: explain.Effect | None,
    percentile: str,
    tail_s: float,
) -> list[str]:
    """What limits, and what to try first; there is something that limits."""
    first, *rest = limits
    said = [f"What limits you: around {percentile} ({format_duration(tail_s)}), {_first(first)}."]
    causes = [one for one in rest if one["what"] == "cause"][:MOST]
    if causes:
        said.append(f"Then {', and '.join(map(_of_cause, causes))}.")
    ideal = next((one for one in effects if one["by"] == "arithmetic" and one["word"] == "better"), None)
    if ideal is not None:
        said.append(f"By arithmetic, {_with(ideal, percentile)}.")
    if not any(one["by"] == "run" for one in effects):
        return said
    if best is None:
        said.append("Nothing that was tried, and can be done, is seen to shorten it.")
    else:
        said.append(f"Try first: {_with(best, percentile)}.")
    return said


def _with(effect: explain.Effect, percentile: str) -> str:
    """What the percentile becomes."""
    change, tail_s = effect["change"], effect["latency_s"]
    assert change is not None and change["value"] is not None and tail_s is not None, "its word says so"
    where = "" if effect["stage"] is None else f" in {effect['stage']}"
    return f"{effect['what']}{where} makes {percentile} {format_duration(tail_s)} ({_signed(change['value'])})"


def _signed(part: float) -> str:
    return f"{'+' if part > 0 else ''}{significant(100 * part, 2)} %"


def _first(limit: explain.Limit) -> str:
    """The first thing that limits."""
    if limit["what"] == "cause":
        return f"{_of_cause(limit)} of the latency"
    source = f" ({limit['source']})" if "source" in limit else ""
    who = f"shard {limit['shard']} of {limit['stage']}{source}"
    if limit["what"] == "replica":
        who = f"replica {limit['replica']} of {who}"
    return f"{who}, which is last beyond chance in {_share(limit)} of the slowest queries"


def _of_cause(limit: explain.Limit) -> str:
    where = "" if limit["stage"] is None else f" in {limit['stage']}"
    return f"{SAID[limit['cause']]}{where}, {_share(limit)}"


def _share(limit: explain.Limit) -> str:
    return f"{significant(100 * limit['share'], 2)} %"
