"""A stage on the machines of an earlier one, as it is written: what it takes from there, and may not say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, PrivateAttr

from simulator.base.formats import counted
from simulator.core.slowdowns import MOST_SLOWDOWNS
from simulator.scenario import fields
from simulator.scenario.merge import not_before
from simulator.scenario.sharing import PROCESSOR

#: A stage as it is written: it is made of what stands here, so that it is not known yet.
Stage = Any

#: Keys of a stage that are said of the stage on whose machines it is.
OF_MACHINES = ("zones", "lost_machine")
#: Fields that say which machines its replicas are on: none of them given, it has one beside each replica of the other.
SHAPE = ("shards_given", "shares_given", "per_machine")
#: That a stage has machines of its own, where a sweep compares both.
NONE = "none"
MACHINE = "machine"


class Housed(fields.Part):
    """What a stage has that may be on the machines of another."""

    _home: str | None = PrivateAttr(None)  #: on whose machines it is, by now
    _taken: tuple[str, ...] = PrivateAttr(())  #: its fields that are of that stage

    colocate: Annotated[fields.Name | None, BeforeValidator(lambda value: None if value == NONE else value)] = None

    @property
    def has_machines(self) -> bool:
        """Whether it is known on which machines it is: on its own, or on those of another stage."""
        return self.colocate is None or self._home is not None

    @property
    def crashes_with_machines(self) -> bool:
        """Whether its crashes are those of the machines of another stage."""
        return "failures" in self._taken

    def said_here(self, said: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
        """Of what it says, what is its own; ``names``: how fields are called in a file."""
        away = {*self._taken, *(names[name] for name in self._taken if name in names)}
        own = {key: value for key, value in said.items() if key not in away}
        if self._home is not None and "variability" in own:
            own["variability"] = {key: value for key, value in own["variability"].items() if key != MACHINE}
        return own


def housed(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The stages, with what those on machines of another take from there: where they name one that has machines."""
    found: list[Stage] = []
    for stage in stages:
        alone = [one for one in found if has_own_machines(one) and one.sources is None]
        home = next((one for one in alone if one.name == stage.colocate), None)
        found.append(stage if home is None or stage.runs_on is not None else _on_machines_of(stage, home))
    return tuple(found)


def has_own_machines(stage: Stage) -> bool:
    """Whether machines are there for a stage in the first place."""
    return stage.runs_on is None and stage.colocate is None


def _given(stage: Stage) -> set[str]:
    """Fields that a stage says itself."""
    return set(stage.model_fields_set) - set(stage._taken)


def _on_machines_of(stage: Stage, home: Stage) -> Stage:
    given, taken = _given(stage), {"lost_machine": home.lost_machine}
    is_alike = not given & set(SHAPE)
    if is_alike:
        taken |= {"shards_given": home.shards, "per_machine": home.per_machine}
    if "replicas_given" not in given and (is_alike or not home.is_uneven):
        taken["replicas_given"] = home.replicas_given
    if "hardware" not in given:
        taken["hardware"] = home.hardware
    if home.failures is not None and home.failures.scope == MACHINE and "failures" not in given:
        taken["failures"] = home.failures
    machine = {"variability": stage.variability.model_copy(update={"machine": home.variability.machine})}
    copy = stage.model_copy(update=taken | machine)
    copy._home, copy._taken = home.name, tuple(sorted(taken))
    return copy


def own_machine_contradictions(stage: Stage) -> Iterator[fields.Contradiction]:
    """What a stage on the machines of another says, and may not."""
    there = f"its machines are those of {stage.colocate!r}"
    given = _given(stage)
    for key in OF_MACHINES:
        if key in given:
            yield (key,), f"{there}: say it there"
    if MACHINE in stage.variability.model_fields_set:
        yield ("variability", MACHINE), f"{there}, and so is their speed: say it there"
    for place, one in enumerate(stage.slowdowns or ()):
        if one.scope == MACHINE:
            yield ("slowdowns", place, "scope"), f"{there}: say there what slows them down, or take another scope"
    if stage.failures is not None and stage.failures.scope == MACHINE and "failures" in given:
        yield ("failures", "scope"), f"{there}: say there how they crash, or take another scope"
    for place, outage in enumerate(stage.outages or ()):
        for key in (MACHINE, "zone"):
            if getattr(outage, key) is not None:
                yield ("outages", place, key), f"{there}: say it there, and it takes out the replicas of both"


def machine_company_contradictions(stages: Sequence[Stage]) -> Iterator[fields.Contradiction]:
    """Stages that are colocated name an earlier one that has machines, and what they have fits these."""
    names = [stage.name for stage in stages]
    for index, stage in enumerate(stages):
        if stage.colocate is None:
            continue
        at: fields.Path = ("stages", index)
        if stage.runs_on is not None:
            both = f"it runs at the replicas of {stage.runs_on!r}, and is on their machines"
            yield (*at, "colocate"), f"{both}: leave colocate out, or runs_on"
        elif stage._home is None:
            yield (*at, "colocate"), not_before(names, index, stage.colocate) or _no_machines(stages, stage.colocate)
        else:
            home = stages[names.index(stage.colocate)]
            yield from (((*at, *path), message) for path, message in _beside_contradictions(stage, home))
    yield from _crowds(stages)


def _no_machines(stages: Sequence[Stage], name: str) -> str:
    home = next(stage for stage in stages if stage.name == name)
    if home.sources is not None:
        return f"the machines of {home.name!r} are those of several sources: name another stage"
    if home.runs_on is not None:
        return f"{home.name!r} has no machines of its own, it runs on {home.runs_on!r}: name that"
    return f"{home.name!r} has no machines of its own, it is colocated with {home.colocate!r}: name that"


def _beside_contradictions(stage: Stage, home: Stage) -> Iterator[fields.Contradiction]:
    """What a stage is given fits the machines of the other, and what these do fits the stage."""
    if stage.hardware != home.hardware:
        has = "no hardware" if home.hardware is None else f"{home.hardware!r}"
        yield ("hardware",), f"it is on the machines of {home.name!r}, which has {has}: leave it out, or say it there"
    mine, theirs = _machines(stage), _machines(home)
    if mine != theirs or stage.missing_machines != home.missing_machines:
        both = f"there are {mine} of its own and {theirs} of {home.name!r}"
        if mine == theirs:
            both = "some shards of one have more replicas, on machines where the other has none"
        cure = "have as many, or leave shards, per_machine and replicas out: then it has one beside each replica there"
        yield ("colocate",), f"machine i of one is machine i of the other, and {both}; {cure}"
        return
    crashes = home.failures is not None and home.failures.scope == MACHINE
    for path, message in stage.contradictions():
        if stage.crashes_with_machines and path[:1] == ("failures",):
            yield ("colocate",), f"machines of {home.name!r} crash: {message}"
        elif path[:1] == ("lost_machine",):
            yield ("colocate",), f"a machine of {home.name!r} is lost: {message}"
        else:
            yield path, message
    if crashes and not stage.crashes_with_machines:
        there = f"machines of {home.name!r} crash, and take this stage with them"
        yield ("failures",), f"{there}: leave it out, or let only one of both crash"
    slow = [one for one in home.slowdowns or () if one.scope == MACHINE]
    if slow and stage.sharing == PROCESSOR:
        cure = "leave sharing out"
        yield ("sharing",), f"machines of {home.name!r} are slow now and then, which tasks that share are not: {cure}"
    if len(slow) + len(stage.slowdowns or ()) > MOST_SLOWDOWNS:
        both = f"with {len(slow)} of the machines of {home.name!r}"
        yield ("slowdowns",), f"at most {MOST_SLOWDOWNS} {both}, got {len(stage.slowdowns or ())}"
    if home.lost_machine is not None and not lose_alike(stage, home):
        cure = "have shards, per_machine and routing.by as there, or say it there as an outage"
        yield ("colocate",), f"{home.name!r} lost a machine, and this stage has other rows of machines: {cure}"


def lose_alike(stage: Stage, home: Stage) -> bool:
    """Whether the machines that two stages have together are numbered alike when one is gone."""
    by_query = [one.routing.by == "query" for one in (stage, home)]
    return bool(stage.machines_in_a_row == home.machines_in_a_row and by_query[0] == by_query[1])


def _machines(stage: Stage) -> str:
    """Its machines in words, with what makes them so many."""
    return counted(int(stage.machine_places), "machine")


def _crowds(stages: Sequence[Stage]) -> Iterator[fields.Contradiction]:
    """Where busy workers are counted, nobody shares them."""
    for index, stage in enumerate(stages):
        others = [one for one in together(stages, stage) if one is not stage]
        slowed = next((one for one in others if one.interference is not None), None)
        if stage.sharing == PROCESSOR and slowed is not None:
            counts = f"interference of {slowed.name!r}, which is on the same machines, counts busy workers"
            cure = "leave one of both out"
            yield ("stages", index, "sharing"), f"{counts}, and workers that tasks share are not counted: {cure}"


def home_of(stages: Sequence[Stage], index: int) -> int:
    """The place of the stage whose machines a stage is on: its own, where it has some."""
    name = stages[index].colocate or stages[index].runs_on
    if name is None:
        return index
    return home_of(stages, [stage.name for stage in stages].index(name))


def together(stages: Sequence[Stage], stage: Stage) -> list[Stage]:
    """The stages that have replicas on the machines of one, itself among them."""
    home = stage.name if stage.colocate is None else stage.colocate
    return [one for one in stages if one.runs_on is None and home in (one.name, one.colocate)]


def crew_of(stages: Sequence[Stage], stage: Stage) -> list[Stage]:
    """The stages whose tasks run on the machines of one: it first, and then those that run at replicas there."""
    there = together(stages, stage)
    names = {one.name for one in there}
    return [*there, *(one for one in stages if one.runs_on in names)]


def workers_of_machines(stages: Sequence[Stage], stage: Stage) -> int:
    """Workers of a full machine, of all stages on it."""
    by_name = {one.name: one for one in stages}
    owner = stage if stage.runs_on is None else by_name[stage.runs_on]
    return sum(one.workers_of_machine for one in together(stages, owner))


def host_of(stages: Sequence[Stage], stage: Stage) -> Stage | None:
    """The stage on whose machines one is colocated; None: it is not."""
    return next((one for one in stages if one.name == stage.colocate), None)


def lodger_notes(stages: Sequence[Stage], stage: Stage) -> list[str]:
    """Of a stage on the machines of another: what slows these down, and that nobody there minds the other."""
    home = host_of(stages, stage)
    if home is None:
        return []
    notes = []
    if any(one.scope == MACHINE for one in home.slowdowns or ()):
        notes.append(f"slowdowns: it is slow with the machines of {home.name!r}; demand counts it")
    if all(one.interference is None for one in together(stages, stage)):
        neither = f"neither it nor {home.name!r} has interference"
        notes.append(f"colocate: {neither}, so busy workers of one do not slow the other")
    return notes
