"""A stage of the funnel as it is written: its fleet, its model, and what paper leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from simulator.base.formats import format_size, there_are
from simulator.core.plan import F8
from simulator.models import CostModel, Hardware
from simulator.models.threads import on_threads
from simulator.scenario import autoscale as scaled
from simulator.scenario import fields
from simulator.scenario import sources as several
from simulator.scenario.background import Background
from simulator.scenario.batching import Batching
from simulator.scenario.caches import CacheSpec
from simulator.scenario.failures import FailuresSpec, trouble_contradictions, trouble_notes
from simulator.scenario.fan_out import FanOutGiven
from simulator.scenario.gather import Cancel, Gather
from simulator.scenario.hardware import Size
from simulator.scenario.hedge import HedgeGiven, Tied, tied_contradictions
from simulator.scenario.interference import Interference, beside_notes, of_slope
from simulator.scenario.laws import CountLaw, DurationLaw
from simulator.scenario.model_part import ModelPart
from simulator.scenario.models import ModelSpec
from simulator.scenario.network import Merge, Network
from simulator.scenario.optional import Taken
from simulator.scenario.outages import OutageSpec, outage_contradictions
from simulator.scenario.queue import QueueGiven
from simulator.scenario.replicas import MOST_SHARDS, Replicas, ReplicasGiven, hot_contradictions
from simulator.scenario.routing import Routing
from simulator.scenario.runs_on import Hosted, own_contradictions
from simulator.scenario.sharing import SHARED_BY, sharing_contradictions
from simulator.scenario.slowdowns import SlowdownSpec
from simulator.scenario.threads import thread_contradictions, thread_notes


class Stage(Hosted):
    """One stage of the funnel."""

    name: fields.Name
    share: Taken = None
    cache: CacheSpec | None = None
    candidates: CountLaw | None = None
    given_model: ModelSpec | None = Field(default=None, alias="model")
    sources: tuple[several.Source, ...] | None = None
    shards_given: fields.whole_type(1, MOST_SHARDS) | None = Field(default=None, alias="shards")  # type: ignore[valid-type]
    skew: fields.Count | None = None
    shares_given: tuple[fields.Count, ...] | None = Field(default=None, alias="shares")
    split: fields.word_type("even", "hashed") = "even"  # type: ignore[valid-type]
    replicas_given: ReplicasGiven = Field(default=Replicas(), alias="replicas", json_schema_extra={"default": 1})
    autoscale: scaled.Autoscale | None = None
    workers: fields.whole_type(1, 100_000) = 1  # type: ignore[valid-type]
    threads_given: fields.whole_type(1, 100_000) | None = Field(default=None, alias="threads")  # type: ignore[valid-type]
    per_machine: fields.whole_type(1, MOST_SHARDS) = 1  # type: ignore[valid-type]
    lost_machine: fields.whole_type(0, MOST_SHARDS) | None = None  # type: ignore[valid-type]
    hardware: fields.Name | None = None
    bytes_per_candidate: Size | None = None  # type: ignore[valid-type,unused-ignore]
    memory_overhead: Size = 0.0  # type: ignore[valid-type,unused-ignore]
    keep: fields.Count | None = None
    variability: several.Variability = several.Variability()
    interference: Annotated[
        Interference | None,
        BeforeValidator(of_slope),
        fields.OrBare({"type": ["string", "number"], "description": "the slope alone"}),
    ] = None
    slowdowns: tuple[SlowdownSpec, ...] | None = None
    failures: FailuresSpec | None = None
    zones: fields.whole_type(1, MOST_SHARDS) | None = None  # type: ignore[valid-type]
    outages: tuple[OutageSpec, ...] | None = None
    network: Network = Network()
    after_answer: DurationLaw | None = None
    background: Background | None = None
    merge: Merge = Merge()
    queue: QueueGiven = None
    sharing: fields.word_type(*SHARED_BY) | None = None  # type: ignore[valid-type]
    batching: Batching | None = None
    fan_out: FanOutGiven = None
    gather: Gather | None = None
    hedge: HedgeGiven = None
    tied: Tied = None
    cancel: Annotated[
        Cancel | None,
        BeforeValidator(lambda value: {"what": value} if isinstance(value, str) else value),
        fields.OrBare({"type": "string", "description": "what is withdrawn, alone"}),
    ] = None
    routing: Annotated[
        Routing,
        BeforeValidator(lambda value: {"policy": value} if isinstance(value, str) else value),
        fields.OrBare({"type": "string", "description": "the policy alone"}),
    ] = Routing()

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Shares match shards; candidates and factors match the model; what is another stage's is known with that."""
        yield from own_contradictions(self)
        wrong = list(several.source_contradictions(self))
        yield from wrong
        if wrong or not self.has_replicas:
            return
        yield from several.divided_contradictions(self, self.runs_on) if self.sources is None else ()
        yield from scaled.scaling_contradictions(vars(self))
        yield from trouble_contradictions(vars(self))
        yield from self._replicas_contradictions()
        has_law = any(one.model.has_law() for one in self.fleets)
        yield from thread_contradictions(self.threads, int(self.workers), has_law)
        yield from sharing_contradictions(self.sharing, {**vars(self), "threads": self.threads - 1 or None})
        yield from self._beside_contradictions()
        yield from self._gather_contradictions()

    def _replicas_contradictions(self) -> Iterable[fields.Contradiction]:
        """Shards that have more replicas are there, and so is what is lost or out."""
        if self.shards * self.replicas > MOST_SHARDS:
            yield ("replicas",), f"{self.shards} shards x {self.replicas} replicas; at most {MOST_SHARDS} in all"
            return
        wrong = [] if self.sources is not None else list(hot_contradictions(self.replicas_given, self.shards))
        yield from wrong
        if wrong:
            return
        if self.routing.by == "query" and self.is_uneven:
            yield ("replicas",), "one replica index serves a whole query: give all shards as many, or let it be by task"
        yield from self._lost_contradictions()
        missing = set(self.missing_machines)
        for path, message in outage_contradictions(
            self.outages or (), self.zones, self.replicas, self.machine_places, missing
        ):
            yield ("outages", *path), message

    def _lost_contradictions(self) -> Iterable[fields.Contradiction]:
        """A machine that is lost was there, and leaves a replica of each of its shards."""
        lost = self.lost_machine
        if lost is None:
            return
        row, place = divmod(lost, self.machines_in_a_row)
        counts = self.replica_counts[place * int(self.per_machine) : (place + 1) * int(self.per_machine)]
        if lost >= self.machine_places:
            yield ("lost_machine",), f"{there_are(self.machines, 'machine')}, counted from 0, got {lost}"
        elif row >= max(counts):
            yield ("lost_machine",), f"there is no machine {lost}: its shards have fewer replicas"
        elif self.replicas == 1 or min(count for count in counts if count > row) == 1:
            yield ("lost_machine",), "its shards have no other replica: have at least 2 replicas"
        elif self.outages:
            yield ("lost_machine",), "a machine that is gone is an outage of the whole run: say it there"

    def _beside_contradictions(self) -> Iterable[fields.Contradiction]:
        """What is served together may be, and what replicas do besides leaves something to queries."""
        if self.batching is not None:
            said = dict[tuple[Any, ...], None]()
            for fleet in self.fleets:
                counts = None if fleet.candidates is None else fleet.candidates.law
                given = self.discipline, fleet.model.has_law(), counts, max(fleet.shares)
                said |= dict.fromkeys((("batching", *key), what) for key, what in self.batching.of_stage(*given))
            yield from said
        if self.background is not None:
            given_to = int(self.workers) // self.threads, self.discipline, self.batching is not None
            yield from ((("background", *key), said) for key, said in self.background.of_stage(*given_to))

    def _gather_contradictions(self) -> Iterable[fields.Contradiction]:
        """A stage waits for answers that there are, and withdraws what it does not wait for."""
        if self.gather is not None and self.gather.answers(self.shards) > self.shards:
            yield ("gather", "wait_for"), f"{there_are(self.shards, 'shard')}, got {self.gather.wait_for}"
        elif self.fan_out is not None:
            yield from ((("fan_out", *key), said) for key, said in self.fan_out.of_stage(self.shards, self.gather))
        if self.cancel is not None and self.gather is None and not self.sends_copies:
            yield (
                ("cancel",),
                "every answer is waited for: nothing is withdrawn; give hedge, tied, or gather wait_for or timeout",
            )
        by_query = self.routing.by == "query"
        if self.hedge is not None:
            for key, said in self.hedge.of_stage(self.shards, self.replicas, by_query):
                yield ("hedge", *key), said
        if self.tied is not None:
            withdraws = self.cancel is None or self.cancel.what != "none"
            yield from tied_contradictions(self.tied, self.replicas, by_query, self.hedge is not None, withdraws)

    @property
    def discipline(self) -> str:
        """Of its queues."""
        return "fifo" if self.queue is None else str(self.queue.discipline)

    @property
    def refuses(self) -> bool:
        """Whether its queues may refuse tasks."""
        return self.queue is not None and self.queue.refuses

    @property
    def speaks_of_answers(self) -> bool:
        """Whether it says which answers it goes on with, were it all: a sweep has the same columns everywhere."""
        return self.gather is not None or (self.queue is not None and self.queue.speaks_of_refusals)

    @property
    def refuses_some(self) -> bool:
        """Whether a query may be refused by some of its shards, and answered by others."""
        return self.refuses and self.shards > 1

    @property
    def is_partial(self) -> bool:
        """Whether it may go on without some answers."""
        visited = self.shards if self.fan_out is None else self.fan_out.most(self.shards)
        return self.refuses or self.loses or (self.gather is not None and self.gather.is_partial(visited))

    @property
    def loses(self) -> bool:
        """Whether a crash may lose tasks."""
        return self.failures is not None and self.failures.is_lossy

    @property
    def part_visited(self) -> float:
        """Part of the shards that a query visits, on average."""
        return 1.0 if self.fan_out is None else self.fan_out.part(self.shards)

    @property
    def speaks_of_copies(self) -> bool:
        """Whether it says something of copies, were it that there are none: a sweep has the same columns everywhere."""
        return self.sends_copies or "tied" in self.model_fields_set

    @property
    def sends_copies(self) -> bool:
        """Whether a task may be sent to several replicas."""
        return self.hedge is not None or self.tied is not None

    @property
    def model(self) -> ModelPart:
        """Its model; of a stage with sources each has its own, ``fleets``."""
        assert self.given_model is not None, "each of its sources has one"
        return self.given_model

    @property
    def fleets(self) -> tuple[Stage, ...]:
        """What serves it: itself; or each of its sources, as a stage of its own."""
        return several.fleets_of(self)

    @property
    def draws_machines(self) -> bool:
        """Whether machines differ by luck."""
        return any(not one.variability.machine.law.is_constant() for one in self.sources or (self,))

    def placed_fleets(self) -> list[tuple[Stage, fields.Path]]:
        """Each of them, and the path from the stage to where it is said."""
        return [(one, ("sources", place) if self.sources else ()) for place, one in enumerate(self.fleets)]

    @property
    def shards(self) -> int:
        """Number of shards, over all sources."""
        return sum(several.shards_of(one) for one in self.sources or (self,))

    @property
    def threads(self) -> int:
        """Workers of its replica that a task takes at once."""
        return 1 if self.threads_given is None else int(self.threads_given)

    @property
    def workers_of_machine(self) -> int:
        """Workers of a full machine."""
        return min(int(self.per_machine), self.shards) * int(self.workers)

    @property
    def machines_in_a_row(self) -> int:
        """Machines that hold one replica of every shard."""
        return -(-self.shards // int(self.per_machine))

    @property
    def replicas(self) -> int:
        """Replicas of every shard, or of the shard that has most; of one that is scaled the most that there may be."""
        if self.sources is not None:
            return max(self.replica_counts)
        given = scaled.fleet(self.replicas_given, self.autoscale)
        return max(given.counts(self.shards)) if given.hot else int(given.default)

    @property
    def replica_counts(self) -> list[int]:
        """Replicas of each shard."""
        if self.sources is not None:
            return [count for one in self.sources for count in one.replicas_given.counts(several.shards_of(one))]
        return scaled.fleet(self.replicas_given, self.autoscale).counts(self.shards)

    @property
    def is_uneven(self) -> bool:
        """Whether some shard has more replicas than another."""
        may_differ = self.sources is not None or self.replicas_given.hot
        return bool(may_differ) and min(self.replica_counts) < self.replicas

    @property
    def machine_places(self) -> int:
        """Numbers that its machines have: all, were every shard to have as many replicas as the one that has most."""
        return self.replicas * self.machines_in_a_row

    @property
    def missing_machines(self) -> list[int]:
        """Of these numbers, those that no machine has: no shard of theirs has so many replicas."""
        if not self.is_uneven:
            return []
        first = np.arange(0, self.shards, int(self.per_machine))
        counts = np.maximum.reduceat(np.array(self.replica_counts), first)
        absent = np.arange(self.replicas)[:, None] >= counts
        return [int(number) for number in np.flatnonzero(absent)]

    @property
    def machines(self) -> int:
        """Machines of the stage."""
        return self.machine_places - len(self.missing_machines)

    @property
    def shares(self) -> list[float]:
        """Share of each shard, in sum 1: as given, or by Zipf's law; of sources by how many candidates each has."""
        return several.shares_of_stage(self)

    def cost_model(self, hardware: dict[str, Any]) -> CostModel:
        """The cost law of its model on its hardware, of the scenario's."""
        return on_threads(self.model.cost_model(self._on(hardware)), self.threads)

    def sampled(self, uniforms: Callable[[int], F8]) -> Stage:
        """As it is in one replication, if its model draws measurements again; ``uniforms``: so many of them."""
        return self.model_copy(update={"given_model": self.model.sampled(uniforms)}) if self.model.samples() else self

    def notes(self, hardware: dict[str, Any], workers: int) -> list[str]:
        """What was done to what models were given, on their hardware, of the scenario's; and what may not be meant.

        ``workers``: of a full machine, of all stages on it.
        """
        own = [
            f"{fleet.name}: {note}" if self.sources else note
            for fleet in self.fleets
            for note in (*fleet.model.notes(fleet._on(hardware)), *fleet._shared_bandwidth(fleet._on(hardware)))
        ]
        slow = trouble_notes(self.slowdowns, self.failures, self._is_one)
        hedged = thread_notes(self.threads, int(self.workers)) + ([] if self.hedge is None else self.hedge.notes())
        beside = beside_notes(self.interference, workers)
        return [*own, *beside, *slow, *hedged]

    def _is_one(self, scope: str) -> bool:
        """Whether the stage has one thing of those that are slow as a whole."""
        things = {"stage": 1, "shard": self.shards, "machine": self.machines}
        return bool(things.get(scope, self.shards * int(self.replicas)) == 1)

    def _shared_bandwidth(self, hardware: Hardware | None) -> list[str]:
        """A machine whose workers together read faster than one: its whole bandwidth may have been given to each."""
        at_once = int(self.workers) * int(self.per_machine)
        speed = 0.0 if hardware is None else hardware.memory_bandwidth_bytes_per_s
        if at_once == 1 or not speed or {self.model.cost_model(hardware).bound_by(n) for n in (1.0, 1e9)} != {"memory"}:
            return []
        all_of_them = f"{at_once} tasks at once read {format_size(at_once * speed)}/s of one machine"
        return [f"memory_bandwidth is that of a worker: {all_of_them}; if it has less, give each worker its part"]

    def _on(self, hardware: dict[str, Any]) -> Hardware | None:
        return None if self.hardware is None else hardware[self.hardware].hardware()
