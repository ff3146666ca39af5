"""Stages that run at the replicas of another, as written."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from simulator.core import routing
from simulator.scenario.runs_on import HELD

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
