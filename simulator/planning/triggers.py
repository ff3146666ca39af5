"""What disturbs a system that runs: ``load x3 for 2s``, ``stall ranking for 2s``, ``zone for 30s``.

A trigger begins at an instant of the run and is over after a while. It is laid over a scenario whose load has a
constant rate, in a language that the scenario has itself: a phase of more load, planned outages of replicas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from simulator.base import units
from simulator.base.errors import ArgumentError, Problem, ScenarioError
from simulator.base.nearest import nearest, quoted
from simulator.core.outages import MOST_OUTAGES
from simulator.scenario import Scenario
from simulator.scenario.fields import exact_duration
from simulator.scenario.outages import OutageSpec
from simulator.scenario.rates import Phase
from simulator.scenario.stage import Stage

#: Kinds.
LOAD, STALL, ZONE, COLD = "load", "stall", "zone", "cold caches"
#: The zone that is lost, of those that a stage has.
LOST_ZONE = 0
#: Names of the stretches of a run.
BEFORE, DURING, AFTER = "before", "trigger", "after"
#: A trigger lasts no longer.
MOST_S = 7 * 86400.0
#: Values of a trigger, at most.
MOST_CELLS = 100

SPELLINGS = (
    "load x3 for 2s, stall for 2s, stall ranking for 2s, zone for 30s, cold caches; several: load x2,3 for 1s,2s"
)

_TRIGGER = re.compile(r"(load|stall|zone)(?:\s+(\S+(?:\s*,\s*\S+)*?))?\s+for\s+(.+)")


@dataclass(frozen=True)
class Trigger:
    """One disturbance."""

    kind: str  #: LOAD, STALL, ZONE or COLD
    size: float | None  #: factor on the load; None: it has none
    stage: str | None  #: that is stalled; None: all
    lasts_s: float  #: 0: it comes at the begin of the run, and is over at once

    @property
    def text(self) -> str:
        """As it is written."""
        if self.kind == COLD:
            return COLD
        what = f"load x{self.size:.12g}" if self.kind == LOAD else self.kind
        of = f" {self.stage}" if self.stage is not None else ""
        return f"{what}{of} for {exact_duration(self.lasts_s)}"


def parse_triggers(text: str) -> list[Trigger]:
    """Read a trigger, or several: lists of sizes and of durations stand for all their combinations.

    >>> [trigger.text for trigger in parse_triggers("load x2,3 for 1s")]
    ['load x2 for 1s', 'load x3 for 1s']

    Raises
    ------
    ArgumentError
        If it is none.
    """
    said = " ".join(text.split())
    if said == COLD:
        return [Trigger(COLD, None, None, 0.0)]
    match = _TRIGGER.fullmatch(said)
    if match is None:
        raise ArgumentError(f"{text!r} is not a trigger; write it like {SPELLINGS}", "trigger")
    kind, what, durations = match.groups()
    if kind == ZONE and what is not None:
        raise ArgumentError(f"{text!r}: a zone is lost in all stages that have zones; write zone for 30s", "trigger")
    sizes: list[float | None] = [None]
    if kind == LOAD:
        sizes = [*sorted({_size(one, text) for one in _listed(what or "", text)})]
    lasts = sorted({_duration(one, text) for one in _listed(durations, text)})
    stage = what if kind == STALL else None
    found = [Trigger(kind, size, stage, lasts_s) for size, lasts_s in product(sizes, lasts)]
    if len(found) > MOST_CELLS:
        raise ArgumentError(f"{text!r}: at most {MOST_CELLS} combinations, got {len(found)}", "trigger")
    return found


def _listed(text: str, whole: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise ArgumentError(f"{whole!r} is not a trigger; write it like {SPELLINGS}", "trigger")
    return parts


def _size(text: str, whole: str) -> float:
    digits = text.removeprefix("x")
    try:
        size = float(digits)
    except ValueError:
        raise ArgumentError(f"{whole!r}: {text!r} is no factor on the load; write it like x3", "trigger") from None
    if not 0 < size < 1e6:
        raise ArgumentError(f"{whole!r}: a factor on the load is above 0 and below a million, got {text}", "trigger")
    return size


def _duration(text: str, whole: str) -> float:
    try:
        lasts_s = units.parse_duration(text)
    except ValueError as error:
        raise ArgumentError(f"{whole!r}: {error}", "trigger") from None
    if not 0 < lasts_s <= MOST_S:
        raise ArgumentError(f"{whole!r}: a trigger lasts longer than 0, and a week at most, got {text}", "trigger")
    return float(lasts_s)


def refuse_unstressable(scenario: Scenario, trigger: Trigger) -> None:
    """Raise ScenarioError where a trigger cannot be laid over a scenario."""
    problems = [Problem(scenario.source, 0, 0, path, message) for path, message in obstacles(scenario, trigger)]
    if problems:
        raise ScenarioError(problems)


def obstacles(scenario: Scenario, trigger: Trigger) -> Iterator[tuple[str, str]]:
    """Why a trigger cannot be laid over a scenario: paths and words."""
    load = scenario.load
    if rate_of(scenario) is None:
        has, cure = "a load that changes", "give load.rate, like 100/s"
        if load.has_clients:
            has = "one of clients that wait"
            cure = cure if load.is_closed else "leave load.clients out"
        yield "load", f"stress disturbs a load of constant rate, and this is {has}: {cure}"
    names = [stage.name for stage in scenario.stages]
    if trigger.stage is not None and trigger.stage not in names:
        near = nearest(trigger.stage, names)
        hint = f"did you mean {quoted(near)}?" if near else f"there are {', '.join(names)}"
        yield "stages", f"no stage is called {trigger.stage!r}: {hint}"
        return
    if trigger.kind == COLD and not _cached(scenario):
        yield "stages", "no stage has a cache: give stages.NAME.cache, or another trigger"
    stalled = [] if trigger.kind in (LOAD, COLD) else [scenario.stages[place] for place in _hit(scenario, trigger)]
    if trigger.kind == ZONE and not stalled:
        yield (
            "stages",
            "no stage says how many zones it has: give stages.NAME.zones, like 3: replica i is in zone i mod 3",
        )
    for stage in stalled:
        if not stage.has_replicas:
            yield "stages", f"{stage.name} runs on the replicas of {stage.runs_on}: stall that"
        elif trigger.kind == STALL and stage.replicas > MOST_OUTAGES:
            yield "stages", f"{stage.name} has {stage.replicas:,} replicas of a shard, at most {MOST_OUTAGES:,} stall"


def _hit(scenario: Scenario, trigger: Trigger) -> list[int]:
    """Places of the stages that a stall, or the loss of a zone, is of."""
    named = trigger.stage
    chosen = []
    for place, stage in enumerate(scenario.stages):
        is_meant = stage.name == named if named is not None else stage.has_replicas
        if is_meant and (trigger.kind == STALL or stage.zones is not None):
            chosen.append(place)
    return chosen


def _cached(scenario: Scenario) -> list[int]:
    """Places of the stages that have a cache."""
    caches = [stage.cache for stage in scenario.stages]
    return [place for place, one in enumerate(caches) if one is not None and one.size > 0]


def _with_caches(scenario: Scenario, is_cold: bool) -> Scenario:
    """The scenario whose caches are empty at first, or full."""
    caches = {place: scenario.stages[place].cache for place in _cached(scenario)}
    begun = {place: one.model_copy(update={"cold": is_cold}) for place, one in caches.items() if one is not None}
    return scenario.with_stages({place: {"cache": one} for place, one in begun.items()})


def rate_of(scenario: Scenario) -> float | None:
    """The rate of a load that has one all the time, before its scale; None: it changes."""
    load = scenario.load
    if load.has_clients or not load.is_constant:
        return None
    return load.rate_per_s if load.rate_per_s is not None or not load.phases else load.phases[0].start_per_s


def undisturbed(scenario: Scenario, trigger: Trigger, stretches_s: Sequence[float], replications: int) -> Scenario:
    """The scenario in three phases at its own rate: before a trigger, during it and after it, without the trigger."""
    calm = _in_phases(scenario, stretches_s, 1.0, replications)
    return _with_caches(calm, is_cold=False) if trigger.kind == COLD else calm


def disturbed(scenario: Scenario, trigger: Trigger, stretches_s: Sequence[float], replications: int) -> Scenario:
    """The scenario with a trigger laid over the second of three phases."""
    factor = trigger.size if trigger.kind == LOAD and trigger.size is not None else 1.0
    changed = _in_phases(scenario, stretches_s, factor, replications)
    if trigger.kind == LOAD:
        return changed
    if trigger.kind == COLD:
        return _with_caches(changed, is_cold=True)
    begin_s, end_s = stretches_s[0], stretches_s[0] + trigger.lasts_s
    updates = {
        place: {"outages": _outages(changed.stages[place], trigger, begin_s, end_s)} for place in _hit(changed, trigger)
    }
    hit = changed.with_stages(updates)
    problems = [
        Problem(scenario.source, 0, 0, ".".join(map(str, path)), message) for path, message in hit.contradictions()
    ]
    if problems:
        raise ScenarioError(problems)
    return hit


def _in_phases(scenario: Scenario, stretches_s: Sequence[float], factor: float, replications: int) -> Scenario:
    rate_per_s = rate_of(scenario)
    assert rate_per_s is not None, "the rate is constant"
    stretches = zip((BEFORE, DURING, AFTER), stretches_s, (1.0, factor, 1.0), strict=True)
    phases = tuple(
        Phase.model_construct(name=name, duration_s=lasts_s, rate=(rate_per_s * times, rate_per_s * times))
        for name, lasts_s, times in stretches
        if lasts_s > 0
    )
    load = scenario.load.model_copy(update={"rate": None, "phases": phases})
    whole = {place: {"outages": None} for place, stage in enumerate(scenario.stages) if stage.outages}
    scenario = scenario.with_stages(whole) if whole else scenario  # the trigger takes the place of its own outages
    slos = tuple(one for one in scenario.slos if one.is_of_all)
    changed = scenario.model_copy(update={"load": load, "slos": slos, "sweep": None})
    warmup: dict[str, Any] = {}
    if stretches_s[0] == 0:
        warmup = {"warmup": 0}  # what comes at the begin of the run is not warmed up for
    elif scenario.run.warmup_queries:  # a run of phases is measured in time
        warmup = {"warmup": scenario.run.warmup_queries / (rate_per_s * load.scale)}
    return changed.with_run(queries=None, replications=replications, **warmup)


def _outages(stage: Stage, trigger: Trigger, begin_s: float, end_s: float) -> tuple[OutageSpec, ...]:
    places = range(int(stage.replicas)) if trigger.kind == STALL else (LOST_ZONE,)
    what = "replica" if trigger.kind == STALL else "zone"
    nobody = dict.fromkeys(("replica", "machine", "zone"))
    given = [{**nobody, what: place, "from_s": begin_s, "until_s": end_s} for place in places]
    return tuple(OutageSpec.model_construct(None, **one) for one in given)
