"""How replicas crash and are repaired, as it is written; and what else makes a stage slow now and then."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from simulator.base.formats import format_duration
from simulator.core.plan import LOSE_NOTHING, LOSE_QUEUED, LOSE_RUNNING
from simulator.core.slowdowns import MOST_SLOWDOWNS
from simulator.scenario import fields
from simulator.scenario.gather import MOST_WAIT_S
from simulator.scenario.laws import DurationLaw
from simulator.scenario.sharing import PROCESSOR
from simulator.scenario.slowdowns import LEAST_EVERY_S, SCOPES, SlowdownSpec

LOSSES = {"queued": LOSE_QUEUED, "running": LOSE_RUNNING, "nothing": LOSE_NOTHING}
#: What each loses, in words.
WORDS = {"queued": "all its tasks are lost", "running": "what runs is lost", "nothing": "services stop"}


class FailuresSpec(fields.Part):
    """Crashes of each replica, machine or shard, or of the whole stage, each of which is repaired."""

    every: DurationLaw
    repair: DurationLaw
    detect: fields.Duration
    lose: fields.word_type(*LOSSES) = "queued"  # type: ignore[valid-type]
    scope: fields.word_type(*SCOPES) = "replica"  # type: ignore[valid-type]

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """They are few enough to be drawn one by one, and take some time."""
        if not self.every.law.mean() >= LEAST_EVERY_S * (1 - 1e-12):
            least = format_duration(LEAST_EVERY_S)
            cure = "what is as frequent as tasks is spread: say it as variability.task"
            yield ("every",), f"{format_duration(self.every.law.mean())} on average; at least {least}: {cure}"
        if not 0 < self.repair.law.mean() < math.inf:
            yield ("repair",), "a crash takes a time: above 0 on average, and not for ever"
        if not self.detect_s > 0:
            yield ("detect",), "it takes a time until a crash is known: above 0"
        if self.detect_s > MOST_WAIT_S:
            yield ("detect",), "a crash is known within a year at most"

    @property
    def detect_s(self) -> float:
        """Until a crash, or a loss, is known."""
        return float(self.detect)

    @property
    def is_lossy(self) -> bool:
        """Whether tasks may be lost."""
        return bool(self.lose != "nothing")

    @property
    def share_up(self) -> float:
        """Share of the time up in the long run."""
        every_s, repair_s = self.every.law.mean(), self.repair.law.mean()
        return every_s / (every_s + repair_s) if math.isfinite(every_s) else 1.0

    def notes(self, is_one: bool) -> list[str]:
        """What they do in the long run, and what may not be meant; ``is_one``: there is one that crashes."""
        down = f"down {100 * (1 - self.share_up):.3g} % of the time"
        said = [f"failures: a {self.scope} is {down}, each time {WORDS[self.lose]}; demand counts the time down"]
        if self.every.law.is_constant() and not is_one:
            cure = "if each has its own, give every a law: exponential"
            said.append(f"failures: every is constant, so each {self.scope} crashes at the same instants; {cure}")
        if self.detect_s >= self.repair.law.mean():
            longer = f"detect, {format_duration(self.detect_s)}, is not below the mean repair"
            said.append(f"failures: {longer}: most crashes are over before they are known, and nobody avoids a replica")
        return said


def trouble_contradictions(stage: Mapping[str, Any]) -> Iterable[fields.Contradiction]:
    """What makes a stage slow, or crash, goes with the rest of it; ``stage``: its keys."""
    if len(stage["slowdowns"] or ()) > MOST_SLOWDOWNS:
        yield ("slowdowns",), f"at most {MOST_SLOWDOWNS}, got {len(stage['slowdowns'] or ())}"
    failures: FailuresSpec | None = stage["failures"]
    if failures is None:
        return
    if stage["sharing"] == PROCESSOR:
        yield ("failures",), "what crashes is not defined for tasks that share: leave failures out, or have a queue"
    if stage["background"] is not None:
        yield ("failures",), "a crash loses tasks of queries, and background has others: leave one of both out"
    if stage["tied"] is None:
        return
    cancel_s = stage["network"].request_s
    if stage["cancel"] is not None and stage["cancel"].delay_s is not None:
        cancel_s = stage["cancel"].delay_s
    if failures.detect_s < cancel_s:
        longer = f"{format_duration(cancel_s)}, what tied copies take to withdraw each other (cancel.delay)"
        yield ("failures", "detect"), f"at least {longer}, got {format_duration(failures.detect_s)}"


def trouble_notes(
    slowdowns: Iterable[SlowdownSpec] | None, failures: FailuresSpec | None, is_one: Callable[[str], bool]
) -> list[str]:
    """What is slow now and then, or crashes, does; ``is_one``: whether the stage has one thing of a scope."""
    troubles = (*(slowdowns or ()), *(() if failures is None else (failures,)))
    return [note for one in troubles for note in one.notes(is_one(one.scope))]
