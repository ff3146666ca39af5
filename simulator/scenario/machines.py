"""Which replicas share a machine, what it means that some are lost or out, and what a machine must hold."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.base.formats import apart, counted, format_duration, format_size, shortest
from simulator.core.plan import NEVER_NS
from simulator.scenario.fields import Contradiction
from simulator.scenario.hardware import HardwareSpec
from simulator.scenario.outages import OutageSpec
from simulator.scenario.replicas import Hot, Replicas
from simulator.scenario.stage import Stage

#: Of stages with more replicas a shard it is not looked up how many are out at once.
MOST_LOOKED_AT = 1000


def machine_of(stage: Stage, shard: int, replica: int) -> int:
    """Index, within the stage, of the machine of a replica: those of neighbouring shards share one.

    Replica i of shard j is on machine i x ceil(shards / per_machine) + floor(j / per_machine).
    """
    return replica * stage.machines_in_a_row + shard // int(stage.per_machine)


def losing_shards(stage: Stage) -> list[int]:
    """The shards that have a replica less since a machine is gone.

    Where one replica index serves a whole query, the row of the lost machine serves none: all shards have one less.
    """
    if stage.lost_machine is None:
        return []
    if stage.routing.by == "query":
        return list(range(stage.shards))
    row, place = divmod(int(stage.lost_machine), stage.machines_in_a_row)
    first, counts = place * int(stage.per_machine), stage.replica_counts
    held = range(first, min(first + int(stage.per_machine), stage.shards))
    return [shard for shard in held if counts[shard] > row]


def replicas_left(stage: Stage) -> list[int]:
    """Replicas of each shard that take tasks."""
    counts = stage.replica_counts
    for shard in losing_shards(stage):
        counts[shard] -= 1
    return counts


def lost_replica(stage: Stage) -> int:
    """Index, in those shards, of the replica that the lost machine held."""
    assert stage.lost_machine is not None
    return int(stage.lost_machine) // stage.machines_in_a_row


def heaviest_machine(stage: Stage, asked: Sequence[float] = ()) -> int:
    """The machine with the largest shares, whose loss is the worst: a replica of its shards has all the more to do.

    By its largest share, then by all of them, then the last: the shards that are sent to last. Of the last row. Where
    some shards have more replicas, by what each of those that are left gets: every shard has two at least.
    ``asked``: what a query takes of each shard, where shares do not say it, since shards are of unlike sources.
    """
    shares, counts, width = [*asked] or stage.shares, stage.replica_counts, int(stage.per_machine)
    columns = stage.machines_in_a_row
    if stage.is_uneven:
        shares = [share / (count - 1) for share, count in zip(shares, counts, strict=True)]

    def rows(column: int) -> int:
        return max(counts[column * width : (column + 1) * width])

    def weight(column: int) -> tuple[float, float, int]:
        here = range(column * width, min((column + 1) * width, stage.shards))
        held = [shares[shard] for shard in here if counts[shard] == rows(column)]
        return max(held), round(sum(held), 12), column

    heaviest = max(range(columns), key=weight)
    return (rows(heaviest) - 1) * columns + heaviest


def loss_note(stage: Stage) -> str:
    """What the loss of a machine means, in words."""
    shards, counts = losing_shards(stage), stage.replica_counts
    count, row = len(shards), ": without it, its row serves no query" if stage.routing.by == "query" else ""
    if counts[shards[0]] != counts[shards[-1]] or shards[-1] - shards[0] != count - 1:
        return f"machine {stage.lost_machine} is lost, {count} shards have a replica less"
    which = f"shard {shards[0]} has" if count == 1 else f"shards {shards[0]} to {shards[-1]} have"
    before = counts[shards[0]]
    return f"machine {stage.lost_machine} is lost, {which} {before - 1} of {before} replicas{row}"


def hot_notes(stage: Stage) -> list[str]:
    """What it means that some shards have more replicas, where that may not be meant."""
    if not stage.is_uneven:
        return []
    alone = stage.replica_counts.count(1)
    if not stage.sends_copies or not alone:
        return []
    are = "has one replica, and sends" if alone == 1 else "have one replica, and send"
    return [f"{alone:,} of {stage.shards:,} shards {are} no copies"]


def zones_of(stage: Stage, stages: Sequence[Stage]) -> int | None:
    """Zones that its machines are in, which are those of another stage where it is colocated; None: it does not say."""
    homes = [home for home in stages if home.name == stage.colocate] or [stage]
    return None if homes[0].zones is None else int(homes[0].zones)


def kept_without_a_zone(replicas: int, zones: int) -> int:
    """How many of the replicas of a shard are left when their zone 0 is gone, which holds as many as any other.

    Replica i is in zone i mod ``zones``.

    >>> [kept_without_a_zone(replicas, 3) for replicas in (1, 2, 3, 4, 6)]
    [0, 1, 2, 2, 4]
    """
    return replicas - -(-replicas // zones)


def without_a_zone(stages: Sequence[Stage]) -> tuple[dict[int, dict[str, Any]], list[int]]:
    """What stages say of replicas when a zone is gone, by index; and the stages of which a shard would have none."""
    updates: dict[int, dict[str, Any]] = {}
    bare = []
    for index, stage in enumerate(stages):
        zones = zones_of(stage, stages)
        if zones is None:
            continue
        kept = [kept_without_a_zone(count, zones) for count in stage.replica_counts]
        if min(kept) < 1:
            bare.append(index)
            continue
        updates[index] = _copies_left(stage, max(kept))
        if stage.sources is not None:
            updates[index]["sources"] = tuple(
                one.model_copy(update={"replicas_given": _kept_of(one.replicas_given, zones)}) for one in stage.sources
            )
        elif stage.runs_on is None and "replicas_given" not in stage._taken:
            updates[index]["replicas_given"] = _kept_of(stage.replicas_given, zones)
    return {index: update for index, update in updates.items() if update}, bare


def _kept_of(given: Replicas, zones: int) -> Replicas:
    """What is left of these without a zone."""
    hot = tuple(Hot(shards=one.shards, replicas=kept_without_a_zone(one.replicas, zones)) for one in given.hot)
    return Replicas(default=max(1, kept_without_a_zone(given.default, zones)), hot=hot)


def _copies_left(stage: Stage, replicas: int) -> dict[str, Any]:
    """What a stage says of copies of tasks when a shard has so many replicas: each goes to one that has none."""
    if stage.hedge is not None and stage.hedge.copies >= replicas:
        fewer = {"copies": replicas - 1}
        return {"hedge": stage.hedge.model_copy(update=fewer) if replicas > 1 else None}
    if stage.tied is not None and stage.tied > replicas:
        return {"tied": replicas if replicas > 1 else None}
    return {}


def taken_out(stage: Stage, one: OutageSpec) -> tuple[int, int, int, int]:
    """Whom an outage takes out: every how many-th index of a replica, from which on, in how many shards from one on."""
    if one.zone is not None:
        return int(stage.zones or 1), int(one.zone), 0, NEVER_NS
    if one.replica is not None:
        return int(stage.replicas), int(one.replica), 0, NEVER_NS
    row, place = divmod(int(one.machine or 0), stage.machines_in_a_row)
    return int(stage.replicas), row, place * int(stage.per_machine), int(stage.per_machine)


def taken_out_beside(stage: Stage, home: Stage, one: OutageSpec) -> list[tuple[int, int, int, int]]:
    """Whom an outage of machines of a stage takes out of one that is colocated with it, row by row of its machines.

    Where both have as wide rows an outage of a zone is one of that zone; else of runs of machines.
    """
    if one.machine is not None:
        return [taken_out(stage, one)]
    zones, wide, across = int(home.zones or 1), home.machines_in_a_row, stage.machines_in_a_row
    if wide == across:
        return [taken_out(home, one)]
    together, found = int(stage.per_machine), []
    for row in range(stage.replicas):
        numbers = np.arange(row * across, (row + 1) * across)
        out = np.flatnonzero(np.diff(np.concatenate(([0], (numbers // wide % zones == one.zone).astype(int), [0]))))
        for begin, end in out.reshape(-1, 2).tolist():
            found.append((int(stage.replicas), row, begin * together, (end - begin) * together))
    return found


def outage_notes(stage: Stage, lasts_s: float | None, is_counted: bool, home: Stage | None = None) -> list[str]:
    """What outages do to those that are left; ``lasts_s``: of the measured window, None: it is not known.

    ``home``: whose machines it is on, and the outages of these are its, too.
    """
    outages = stage.outages or ()
    there = [] if home is None else [one for one in home.outages or () if one.replica is None]
    if not outages and not there:
        return ["zones: no outage is of a zone; size and capacity ask for one with --survive zone"] * (
            stage.zones is not None
        )
    notes = []
    beyond = [one for one in outages if lasts_s is not None and one.from_s >= lasts_s]
    if beyond:
        begins, over = format_duration(beyond[0].from_s), format_duration(lasts_s or 0.0)
        notes.append(f"outages: one begins {begins} after the first that is measured, when the run is over ({over})")
    if is_counted and outages:
        notes.append(
            "outages: the run is a number of queries, so at another load they are another part of it: give run.duration"
        )
    if stage.replicas <= MOST_LOOKED_AT:
        rows = [(one, taken_out(stage, one)) for one in outages]
        if home is not None:
            rows += [(one, row) for one in there for row in taken_out_beside(stage, home, one)]
        notes += _at_once(stage, rows)
    return notes


def _at_once(stage: Stage, rows: Sequence[tuple[OutageSpec, tuple[int, int, int, int]]]) -> Iterable[str]:
    """How many replicas of a shard are out together, at most: of the shard that has least of its own left."""
    counts = stage.replica_counts
    most, of, when = 0, 1, rows[0][0]
    for instant, _ in rows:
        under_way = [row for one, row in rows if one.from_s <= instant.from_s < one.until_s]
        for shard in _looked_at(stage, counts, [first for _, _, first, _ in under_way]):
            out = np.zeros(stage.replicas, dtype=bool)
            for step, rest, first, wide in under_way:
                if stage.routing.by == "query" or first <= shard < first + wide:
                    out[rest::step] = True
            gone = int(out[: counts[shard]].sum())
            if gone * of > most * counts[shard]:
                most, of, when = gone, counts[shard], instant
    at = format_duration(when.from_s)
    if most == of:
        yield f"outages: at {at} no replica of a shard is there: its tasks wait with their sender until one is back"
    elif most:
        more = shortest(round(of / (of - most), 2))
        left = f"those left do {more} times their work meanwhile, which demand leaves out"
        are = "is" if most == 1 else "are"
        yield f"outages: {most} of {of} replicas of a shard {are} out at once, at {at} and at most: {left}"


def _looked_at(stage: Stage, counts: Sequence[int], firsts: Sequence[int]) -> Iterable[int]:
    """Shards among which is the one that outages leave least of, where these begin at some: of one kind one is enough.

    Where shards differ and are many, one of each number of replicas is looked at, which may miss the worst.
    """
    if stage.routing.by == "query":
        return [0]
    if stage.is_uneven and stage.shards <= MOST_LOOKED_AT:
        return range(stage.shards)
    return sorted({0, *firsts, *(counts.index(count) for count in set(counts))})


@dataclass(frozen=True)
class Memory:
    """What the fullest machine of a stage holds, in bytes."""

    candidates_bytes: float
    parameters_bytes: float
    overhead_bytes: float

    @property
    def total_bytes(self) -> float:
        """All of it."""
        return self.candidates_bytes + self.parameters_bytes + self.overhead_bytes


def memory_of(stage: Stage, parameter_bytes: float) -> Memory | None:
    """What the fullest machine of a stage holds; None where nothing is said of it.

    A law of counts counts by its mean. ``parameter_bytes``: of the model, held once a replica.
    """
    per_candidate = stage.bytes_per_candidate
    if per_candidate is None and not parameter_bytes and not stage.memory_overhead:
        return None
    first = np.arange(0, stage.shards, stage.per_machine)
    share = float(np.add.reduceat(np.array(stage.shares), first).max())
    mean = 0.0 if stage.candidates is None else stage.candidates.law.mean()
    together = min(stage.per_machine, stage.shards)
    return Memory(mean * share * (per_candidate or 0.0), together * parameter_bytes, stage.memory_overhead)


def memory_beside(stages: Sequence[Stage], spec: HardwareSpec) -> Memory | None:
    """What the fullest machine of a stage holds, the first, with those on it; None: nothing is said of it."""
    each = [memory_of(stage, stage.model.cost_model(spec.hardware()).parameter_bytes) for stage in stages]
    known = [held for held in each if held is not None]
    if not known:
        return None
    candidates, parameters = (sum(getattr(held, f"{what}_bytes") for held in known) for what in HOLDS)
    if len({stage.colocate for stage in stages}) > 1:  # which machine is the fullest, all on it know together
        held_each = [_candidates_bytes(stage) for stage in stages]
        if len({len(one) for one in held_each}) > 1:  # of unlike numbers of machines, which is refused
            return None
        candidates = float(sum(held_each).max())
    overhead = sum(stage.memory_overhead for stage in stages if stage.runs_on is None)
    return Memory(candidates, parameters, overhead)


#: What grows with what is held.
HOLDS = ("candidates", "parameters")


def _candidates_bytes(stage: Stage) -> Any:
    """(machines,) what each machine holds of the candidates of a stage."""
    first = np.arange(0, stage.shards, stage.per_machine)
    mean = 0.0 if stage.candidates is None else stage.candidates.law.mean()
    held = np.add.reduceat(np.array(stage.shares), first) * mean * (stage.bytes_per_candidate or 0.0)
    return np.tile(held, stage.replicas)


def machine_contradictions(stages: Sequence[Stage], name: str, spec: HardwareSpec) -> Iterable[Contradiction]:
    """What a machine of this hardware does not hold or cannot run, with the figures; paths from the stage, the first.

    ``stages``: it, and those whose tasks run on its machines.
    """
    stage, figures = stages[0], spec.hardware()
    if any(one.model.missing_hardware(figures) or one.model.refusal(figures) for one in stages):
        return  # which is said
    placed = [one for one in stages if one.runs_on is None]
    together = min(stage.per_machine, stage.shards)
    busy = sum(one.workers_of_machine for one in placed)
    if spec.cores is not None and busy > spec.cores:
        takes = " and ".join(_takes(one, len(placed) > 1) for one in placed)
        there = f"{takes} on a machine take {busy} cores"
        cure = "have fewer workers, or fewer per_machine" if together > 1 else "have fewer workers"
        if spec.cores == 1:  # a GPU of the catalogue
            cure = (
                f"its figures are those of one worker that has all of it; {cure}, or say cores and a worker's figures"
            )
        yield ("workers",), f"{there}; {name!r} has {spec.cores}: {cure}"
    held = memory_beside(stages, spec)
    if held is None or spec.memory is None or held.total_bytes <= spec.memory:
        return
    what = {"candidates": held.candidates_bytes, "parameters": held.parameters_bytes, "overhead": held.overhead_bytes}
    parts = [f"{format_size(value)} of {part}" for part, value in what.items() if value]
    total, there = apart(format_size, held.total_bytes, spec.memory)
    needs = (
        f"{total} of {next(part for part in what if what[part])}"
        if len(parts) == 1
        else f"{total} ({' + '.join(parts)})"
    )
    of = "" if len(placed) == 1 else f", {' and '.join(repr(one.name) for one in placed)} together"
    cure = "have more shards" if held.candidates_bytes else "take a larger machine"
    cure += ", or fewer per_machine" if together > 1 else ""
    yield ("hardware",), f"a machine must hold {needs}{of}; {name!r} has {there}: {cure}"


def _takes(stage: Stage, is_named: bool) -> str:
    """Workers of a stage on a machine, in words."""
    together = min(int(stage.per_machine), stage.shards)
    return f"{counted(int(stage.workers), 'worker')} x {together}" + f" of {stage.name!r}" * is_named
