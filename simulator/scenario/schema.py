"""What a scenario file may say: the models that check it, and from which the JSON Schema for editors is made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, PrivateAttr, model_validator

from simulator.base.errors import Problem, ScenarioError
from simulator.base.formats import apart, counted, format_duration, significant
from simulator.documents import parts
from simulator.plugins import Plugins
from simulator.scenario import autoscale, classes, fields, slo
from simulator.scenario.admission import Admission
from simulator.scenario.caches import cache_contradictions
from simulator.scenario.client import Client
from simulator.scenario.colocated import crew_of, has_own_machines, host_of, lodger_notes, workers_of_machines
from simulator.scenario.grid import SweepValues, values_of
from simulator.scenario.hardware import HardwareSpec
from simulator.scenario.hedge import Seen
from simulator.scenario.held import HASHED, with_contents
from simulator.scenario.keys.table import with_words
from simulator.scenario.loads import QUERIES, Load, Run
from simulator.scenario.machines import hot_notes, loss_note, machine_contradictions, outage_notes
from simulator.scenario.merge import did_you_mean
from simulator.scenario.nodes import Mark, Node, node_of
from simulator.scenario.plugged import plugins_in
from simulator.scenario.plugged_schema import with_plugins
from simulator.scenario.runs_on import company_contradictions, reseated, seated
from simulator.scenario.slo import Objective, ObjectiveField, objective_of, unbounded
from simulator.scenario.sources import in_words
from simulator.scenario.stage import Stage


class Scenario(fields.Part):
    """A load, a funnel of stages, and the objectives that it should meet."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="shardsim scenario", defer_build=True)

    name: fields.Name
    description: fields.Text = ""
    load: Load
    run: Run = Run()
    hardware: dict[fields.Name, HardwareSpec] = Field(default_factory=dict)
    stages: Annotated[tuple[Stage, ...], AfterValidator(seated)]
    admission: Admission | None = None
    client: Client | None = None
    slos: tuple[ObjectiveField, ...] = ()
    sweep: dict[str, SweepValues] | None = None

    _source: str = PrivateAttr("")
    _tree: Node | None = PrivateAttr(None)
    _plugins: Plugins = PrivateAttr(default_factory=Plugins)

    @model_validator(mode="after")
    def _gathers_objectives(self) -> Scenario:
        """Those that classes state are objectives like the others."""
        self.__dict__["load"], self.__dict__["slos"] = slo.gathered(self.load, self.slos)
        return self

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Names are known and given once; candidates are stated where nobody hands any on."""
        if not self.stages:
            yield ("stages",), "needs at least one stage"
        for key, value in (("queries", self.run.queries), ("duration", self.run.duration_s)):
            if value is not None and self.load.phases:
                yield ("run", key), "the phases say how long the run is; leave it out, or give load.rate"
        yield from self.run.beside(self.load.has_clients, self.duration_s is not None)
        most_s, requested_s = self.load.most_s, self.run.duration_s
        if most_s is not None and requested_s is not None and requested_s > most_s:
            lasts, requested = apart(format_duration, most_s, requested_s)
            yield ("run", "duration"), f"the profile lasts {lasts}, got {requested}; leave it out to run all of it"
        yield from self._stage_contradictions()
        yield from company_contradictions(self.stages)
        yield from cache_contradictions(self.stages, self.slos)
        yield from autoscale.rule_contradictions(self.stages, self.client is None and not self.load.has_clients)
        yield from classes.queue_contradictions(self.load.of_classes, self.stages, self.tries_again)
        yield from classes.candidate_contradictions(self.load.of_classes, self.stages)
        names = {"stage": [stage.name for stage in self.stages], **self.load.group_names()}
        known = [(said, one) for said, one in in_words(self.stages) if not any(self._hardware_contradictions(one))]
        unpriced = [said for said, one in known if not self._is_priced(one)]
        yield from slo.objective_contradictions(self.slos, names, unpriced)
        for path, values in (self.sweep or {}).items():
            try:
                values_of(path, values)
            except ValueError as error:
                yield ("sweep", path), str(error)

    def _stage_contradictions(self) -> Iterable[fields.Contradiction]:
        seen: set[str] = set()
        stated = False
        for index, stage in enumerate(self.stages):
            at: tuple[str | int, ...] = ("stages", index)
            if stage.name in seen:
                yield (*at, "name"), f"two stages are called {stage.name!r}"
            seen.add(stage.name)
            stated = stated or all(one.candidates is not None for one in stage.fleets)
            if not stated and any(one.model.depends_on_items() for one in stage.fleets):
                first = "the first stage" if index == 0 else "the stage"
                yield at, f"{first} needs candidates, like 100M: nobody hands any on to it"
            for one, own in stage.placed_fleets() if stage.has_replicas else ():
                yield from (((*at, *own, *path), said) for path, said in self._hardware_contradictions(one))

    def _hardware_contradictions(self, stage: Stage) -> Iterable[fields.Contradiction]:
        lacking, refusal = "", ""
        if stage.hardware is None:
            lacking, refusal = stage.model.without_hardware(), stage.model.refusal(None)
            if lacking:
                yield (), lacking
        elif stage.hardware not in self.hardware:
            near = did_you_mean(stage.hardware, list(self.hardware)) or "; the scenario has no hardware"
            yield ("hardware",), f"no hardware is called {stage.hardware!r}{near}"
        else:
            figures = self.hardware[stage.hardware].hardware()
            lacking = stage.model.missing_hardware(figures)
            refusal = stage.model.refusal(figures)
            if lacking:
                kind = f"an {stage.model.kind}" if stage.model.kind == "embedding" else f"a {stage.model.kind}"
                yield ("hardware",), f"{stage.hardware!r} has no {lacking}, which {kind} model needs"
        if refusal:
            yield ("model",), refusal

    def _is_priced(self, stage: Stage) -> bool:
        spec = None if stage.hardware is None else self.hardware.get(stage.hardware)
        return spec is not None and spec.price is not None

    def misfits(self) -> Iterable[fields.Contradiction]:
        """Stages whose machines do not hold or run what they should."""
        for index, stage in enumerate(self.stages):
            for one, own in stage.placed_fleets() if has_own_machines(stage) else ():
                if one.hardware in self.hardware:
                    held = [one] if own else crew_of(self.stages, stage)
                    said = machine_contradictions(held, one.hardware, self.hardware[one.hardware])
                    for path, message in said:
                        yield ("stages", index, *(own if path != ("workers",) else ()), *path), message

    @property
    def source(self) -> str:
        """The file it came from, as the user named it."""
        return self._source or self.name

    @property
    def plugins(self) -> Plugins:
        """The plug-ins that it was loaded with: those it may name when it is varied."""
        return self._plugins

    def used_plugins(self) -> dict[str, parts.PluginSource]:
        """The plug-ins that it names, by kind: where each comes from, and the hash of what stood there."""
        sources = {plugin.kind: plugin.source for plugin in plugins_in(self)}
        return {kind: {"from": sources[kind].name, "sha256": sources[kind].sha256} for kind in sorted(sources)}

    @property
    def queries(self) -> int | None:
        """Queries measured in each replication; None where a duration or a trace says how many."""
        if self.run.queries is not None:
            return int(self.run.queries)
        return None if self.duration_s is not None or self.load.arrivals.kind == "trace" else QUERIES

    def with_slos(self, slos: Iterable[str | Objective]) -> Scenario:
        """The scenario with other objectives, each as it is or as a file writes it.

        Raises
        ------
        ScenarioError
            If one is none, or on a stage that there is not.
        """
        given = tuple(map(objective_of, slos))
        stated = node_of([objective.text for objective in given], Mark("--slo"))
        tree = slo.without_own(Node({**self.tree.value, "slos": stated}, self.tree.mark))
        changed = self.model_copy(update={"slos": given}).read_from(tree)
        problems = [
            Problem("--slo", 0, 0, given[int(path[1])].text, message)
            for path, message in changed.contradictions()
            if path[0] == "slos"
        ]
        if problems:
            raise ScenarioError(problems)
        return changed

    @property
    def tries_again(self) -> bool:
        """Whether clients send queries again."""
        return self.client is not None and self.client.retries > 0

    @property
    def can_lengthen(self) -> bool:
        """Whether a replication may have any number of queries, and is judged alike: they are counted, without an end.

        With retries a longer run is another one: a collapse that comes with some chance, and stays, is in more of it.
        """
        is_counted = self.queries is not None and not self.load.ends and not self.tries_again
        return is_counted and not any(stage.outages or autoscale.is_scaled(stage) for stage in self.stages)

    @property
    def duration_s(self) -> float | None:
        """How long each replication is measured; None where queries are counted."""
        if self.run.duration_s is not None:
            return self.run.duration_s
        return self.load.length_s if self.load.phases or self.run.queries is None else None

    @property
    def is_stationary(self) -> bool:
        """Whether the rate is constant, no trace, phases, wave or profile of different rates; and as many serve."""
        return self.load.is_constant and not any(stage.outages or autoscale.is_scaled(stage) for stage in self.stages)

    @property
    def may_be_exact(self) -> bool:
        """Whether closed forms may be claimed: the rate is constant, and no calibration is drawn anew."""
        return self.is_stationary and not self.samples

    def with_run(self, **changes: Any) -> Scenario:
        """The scenario with other fields of ``run``; a number of queries takes the place of a duration."""
        if "queries" in changes:
            changes = {"duration_s": None, **changes}
        run = self.run.model_copy(update=changes)
        stated = node_of(run.model_dump(mode="json", by_alias=True, exclude_none=True), Mark(self.source))
        tree = Node({**self.tree.value, "run": stated}, self.tree.mark)
        return self.model_copy(update={"run": run}).read_from(tree)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Scenario:
        """A copy, with other fields; what it was read from is forgotten where it would say otherwise."""
        copy = super().model_copy(update=update, deep=deep)
        return copy.read_from(None) if update else copy

    @property
    def tree(self) -> Node:
        """What it was read from, all files merged, before the catalogue; else its resolved form."""
        return self._tree or node_of(self.resolved(), Mark(self.source))

    def read_from(self, tree: Node | None) -> Scenario:
        """The same scenario, with what it was read from; once, by whoever makes it."""
        self._tree = tree
        return self

    def with_scale(self, scale: float) -> Scenario:
        """The scenario with another ``load.scale``: on all its rates, or on the speed of a trace."""
        load = self.tree.value["load"]
        stated = Node({**load.value, "scale": node_of(scale, load.mark)}, load.mark)
        tree = Node({**self.tree.value, "load": stated}, self.tree.mark)
        return self.model_copy(update={"load": self.load.model_copy(update={"scale": scale})}).read_from(tree)

    def mark_of(self, *path: str | int) -> Mark:
        """Where something stands, or the nearest that holds it."""
        node = self.tree
        for step in path:
            value: Any = node.value
            if (isinstance(value, dict) and step not in value) or not isinstance(value[step], Node):
                break
            node = value[step]
        return node.mark

    def with_hedges(self, seen: Mapping[int, Seen]) -> Scenario:
        """The scenario with times in place of percentiles after which copies are sent: by index of the stage."""
        hedges = {index: self.stages[index].hedge for index in seen}
        return self.with_stages({at: {"hedge": hedge.seen(seen[at])} for at, hedge in hedges.items() if hedge})

    def with_lost(self, machines: Mapping[int, int]) -> Scenario:
        """The scenario with a machine lost in some stages: ``machines`` by index of the stage."""
        return self.with_stages({index: {"lost_machine": machine} for index, machine in machines.items()})

    def with_stages(self, updates: Mapping[int, Mapping[str, Any]]) -> Scenario:
        """The scenario with other values of fields of some stages, by index of the stage; they are not checked."""
        stages, stated = list(self.stages), list(self.tree.value["stages"].value)
        for index, update in updates.items():
            changed = stages[index] = stages[index].model_copy(update=dict(update))
            said = changed.model_dump(mode="json", by_alias=True, exclude_none=True)
            keys = [type(changed).model_fields[field].alias or field for field in update]
            nodes = {key: node_of(said[key], self.mark_of("stages", index, key)) for key in keys if key in said}
            kept = {key: node for key, node in stated[index].value.items() if key not in keys}
            stated[index] = Node(kept | nodes, stated[index].mark)
        tree = Node({**self.tree.value, "stages": Node(stated, self.tree.value["stages"].mark)}, self.tree.mark)
        return self.model_copy(update={"stages": reseated(stages)}).read_from(tree)

    @property
    def samples(self) -> bool:
        """Whether each replication has measurements of its own, so that its service times differ from the others'."""
        return any(one.model.samples() for stage in self.stages for one in stage.fleets)

    def resolved(self) -> dict[str, Any]:
        """Everything it says, defaults included, as plain values that read back as an equal scenario."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def notes(self) -> list[str]:
        """What was done to what the scenario gave, by stage; and machines that it lost."""
        return [
            *self.load.notes(self.queries),
            *(f"{stage.name}: {note}" for stage in self.stages for note in self._of_stage(stage)),
            *(f"{stage.name}: {note}" for stage in self.stages for note in (*self._of_run(stage), *hot_notes(stage))),
            *self._parts_of_items(),
            *classes.class_notes(self.load.of_classes, self.stages),
            *(f"{stage.name}: {note}" for stage in self.stages if stage.refuses_some for note in unbounded(self.slos)),
            *(f"{stage.name}: {loss_note(stage)}" for stage in self.stages if stage.lost_machine is not None),
        ]

    def _of_stage(self, stage: Stage) -> list[str]:
        own = stage.notes(self.hardware, workers_of_machines(self.stages, stage))
        return [*own, *lodger_notes(self.stages, stage)]

    def _of_run(self, stage: Stage) -> Iterable[str]:
        lasts_s, rate_per_s = self.duration_s, self.load.rate_per_s
        if self.queries is not None and rate_per_s is not None:
            lasts_s = self.queries / (rate_per_s * self.load.scale)
        out = outage_notes(stage, lasts_s, self.queries is not None, host_of(self.stages, stage))
        return [*out, *stage.routing.notes(int(stage.replicas), self.queries)]

    def _parts_of_items(self) -> Iterable[str]:
        """Stages that an even split gives less than one item a shard, of which a task then takes a part of the time."""
        each = classes.items_by_fleet(self.load.of_classes, self.stages)
        for stage, of_fleets in zip(self.stages, each, strict=True):
            for one, items in zip(stage.fleets, of_fleets, strict=True):
                if items < 1 and one.split == "even" and one.model.depends_on_items():
                    of_one = f"{significant(items, 3)} of an item"
                    has, takes = ("has", "takes") if one.shards == 1 else ("have", "take")
                    part = f"{counted(one.shards, 'shard')} {has} {of_one} each, and {takes} that part of its time"
                    of = stage.name if stage.sources is None else f"{stage.name}: {one.name}"
                    yield f"{of}: {part}: have fewer shards, or split: hashed, where items are whole"

    def sha256(self) -> str:
        """Hash of what a run of it means: the resolved form, with what files and plug-ins hold in place of their names.

        What is to be swept is no part of that.
        """
        resolved = self.model_dump(mode="json", by_alias=True, exclude_none=True, context={HASHED: True})
        said = with_contents({key: value for key, value in resolved.items() if key != "sweep"})
        used = {kind: source["sha256"] for kind, source in self.used_plugins().items()}
        said = {**said, "plugins": used} if used else said
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def json_schema(plugins: Plugins | None = None, *, words: bool = True) -> dict[str, Any]:
    """The JSON Schema of a scenario file, for editors; with the kinds of plug-ins, too, and what each key means."""
    schema = Scenario.model_json_schema(by_alias=True, mode="validation")
    schema["properties"]["extends"] = {"type": "string", "description": "a scenario file that this one changes"}
    schema["properties"]["catalogue"] = {"type": "string", "description": "a catalogue file of your own"}
    entry = {"type": "string", "description": "an entry of the catalogue; keys beside it override its own"}
    schema["$defs"]["HardwareSpec"]["properties"] = {"from": entry, **schema["$defs"]["HardwareSpec"]["properties"]}
    of_catalogue = {"type": "object", "properties": {"from": entry}, "required": ["from"]}
    for holder, key in (("Stage", "model"), ("Source", "model"), ("SumSpec", "parts")):
        field = schema["$defs"][holder]["properties"][key]
        inner = field["items"] if key == "parts" else field["anyOf"][0] if "anyOf" in field else field
        either = {"anyOf": [of_catalogue, {name: inner.pop(name) for name in ("discriminator", "oneOf")}]}
        inner.update(either)
    for partial in (schema, schema["$defs"]["Stage"], schema["$defs"]["Source"]):
        del partial["required"]  # a file that extends another, or an overlay, is partial
    schema = with_plugins(with_words(schema) if words else schema, plugins or Plugins())
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": schema.pop("$schema"), **schema}
