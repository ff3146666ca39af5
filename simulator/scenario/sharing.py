"""Tasks that share the workers of their replica, in place of a queue, as it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from simulator.scenario.fields import Contradiction

#: How workers may be shared: not at all, which is said where a sweep compares both; or as equal parts of them all.
NONE, PROCESSOR = SHARED_BY = ("none", "processor")


def sharing_contradictions(sharing: str | None, stage: Mapping[str, Any]) -> Iterable[Contradiction]:
    """Who shares has no queue, and nothing else that makes services longer; ``stage``: its other keys that it has."""
    if sharing != PROCESSOR:
        return
    nobody = "nobody waits, so there is no queue"
    others = {
        "queue": f"{nobody}: leave queue out",
        "batching": f"{nobody} from which batches are made: leave batching out",
        "threads": "a task gets what its replica can spare, one worker at most: leave threads out",
        "interference": "tasks slow each other down by sharing: leave interference out",
        "slowdowns": "what is slow now and then is not defined for tasks that share: leave slowdowns out",
        "after_answer": "a task that shares has no worker that stays taken: leave after_answer out",
        "tied": f"{nobody} that a tied copy could leave: leave tied out, or send copies later (hedge)",
    }
    for key, cure in others.items():
        if stage.get(key) is not None:
            yield ("sharing",), cure
