"""A scenario on paper: ``estimate`` works out what needs no simulation, ``validate`` what a run of it would take."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from simulator import theory
from simulator.base.units import MOST_NS, NS_PER_S
from simulator.core.plan import Plan
from simulator.documents import paper as documents
from simulator.documents import validation
from simulator.documents.shown import Shown
from simulator.engines import COMPILED
from simulator.models import CostModel, SumModel, call_s
from simulator.planner.extents import peak_of
from simulator.planner.fleet import fleet
from simulator.planner.load import Extent
from simulator.planner.plans import Plans
from simulator.running.forecast import enough_queries, highest_percentile
from simulator.running.memory import needed
from simulator.running.replications import beyond_time
from simulator.scenario import Scenario, Stage
from simulator.scenario.given import takes_scenario
from simulator.scenario.models import SumSpec
from simulator.theory.estimate import SourceOnPaper

#: What runs can tell of time, in seconds; a backlog of so many times as much goes beyond it by no luck.
MOST_S, BY_NO_LUCK = 2 * MOST_NS / NS_PER_S, 1000.0


@dataclass(frozen=True, repr=False)
class PaperEstimate(Shown):
    """A scenario worked out on paper, with the operations that its models take."""

    scenario: Scenario
    paper: theory.Estimate
    rows: float  #: that the models are trained on
    epochs: float  #: passes over them

    @property
    def exit_code(self) -> int:
        """0: paper judges nothing."""
        return 0

    kind: ClassVar[str] = "estimate"

    def to_dict(self) -> documents.Estimate:
        """The estimate as written by ``shardsim estimate --format json``."""
        scenario = self.scenario
        paper = self.paper.to_dict([stage.name for stage in scenario.stages])
        return {
            **self.paper.besides(),
            "schema": 1,
            "scenario": scenario.name,
            "description": scenario.description,
            "rate_per_s": paper["rate_per_s"],
            "bottleneck": paper["bottleneck"],
            "saturation_per_s": paper["saturation_per_s"],
            "zero_load_s": paper["zero_load_s"],
            "stages": [self._stage(place, row) for place, row in enumerate(paper["stages"])],
            "predictions": paper["predictions"],
            "fleet": fleet(scenario).to_dict(paper["rate_per_s"]),
            "notes": scenario.notes(),
            "rows": self.rows,
            "epochs": self.epochs,
        }

    def _stage(self, place: int, paper: documents.StageOnPaper) -> documents.StageEstimate:
        """A stage with its shards and its model."""
        stage = self.scenario.stages[place]
        candidates, models = paper["candidates"], documents.OfModels()
        if stage.sources is None:
            models["model"] = self._model(stage, candidates, candidates / stage.shards)
        else:
            models["sources"] = [self._source(place, at, fleet) for at, fleet in enumerate(stage.fleets)]
        return {**paper, "shards": stage.shards, "items_per_shard": candidates / stage.shards, **models}

    def _source(self, place: int, at: int, fleet: Stage) -> documents.SourceEstimate:
        """A source of a stage, at its place there."""
        seen, first = self.paper.stages[place], sum(one.shards for one in self.scenario.stages[place].fleets[:at])
        here = slice(first, first + fleet.shards)
        alone = SourceOnPaper(seen.candidates, (seen.mean_utilisation, float(seen.utilisation.max())))
        service_s, (candidates, (mean, most)) = seen.service_s[here], (seen.sources or (alone,))[at]
        items = candidates / fleet.shards
        return {
            "name": fleet.name,
            "candidates": candidates,
            "service_s": {"mean": float(service_s.mean()), "max": float(service_s.max())},
            "demand": {"mean": mean, "max": most},
            "shards": fleet.shards,
            "items_per_shard": items,
            "model": self._model(fleet, candidates, items),
        }

    def _model(self, stage: Stage, candidates: float, items: float) -> documents.Model:
        """What the model of a stage does, or of a source."""
        model = stage.cost_model(self.scenario.hardware)
        of_sum: documents.OfSum = {}
        if isinstance(model, SumModel) and isinstance(stage.model, SumSpec):
            parts = zip(stage.model.parts, model.parts, strict=True)
            of_sum = {"parts": [self._costs(spec.kind, part, candidates, items) for spec, part in parts]}
        if stage.batching is not None:
            of_sum["batches"] = [
                {"tasks": tasks, "items": together, "seconds": call_s(model, together)[0]}
                for tasks, together in stage.batching.calls(items)
            ]
        return {**self._costs(stage.model.kind, model, candidates, items), **of_sum}

    def _costs(self, kind: str, model: CostModel, candidates: float, items: float) -> documents.Costs:
        """What a model does for a query, to be trained, and in one call over ``items`` items."""
        operations = model.operations(candidates, self.rows, self.epochs)
        demand = model.demand()
        seconds, further_s = call_s(model, items)
        return {
            "kind": kind,
            "order": operations.order,
            "inference": operations.inference,
            "training_order": operations.training_order,
            "training": operations.training,
            "unit": operations.unit,
            "bound_by": model.bound_by(items),
            "call": {
                "items": items,
                "flop": None if demand is None else demand.flop(items),
                "moved_bytes": None if demand is None else demand.moved_bytes(items),
                "seconds": seconds,
                "seconds_per_further_item": further_s,
            },
        }


@dataclass(frozen=True, repr=False)
class Validation(Shown):
    """What a valid scenario is, and what a run of it would take."""

    scenario: Scenario
    shards: int  #: over all stages
    replicas: int
    memory_bytes: float  #: that a run takes about, a replication at a time
    extent: Extent  #: queries of a replication; of a duration, of the first one
    tasks_of_query: float  #: and of replicas' own meanwhile
    paper: theory.Estimate
    enough_queries: int | None  #: measured ones in all that ``percentile`` takes; None: saturated, at any time
    is_bounded: bool  #: queues stay bounded, since what does not fit is refused, or what is late withdrawn
    is_certain: bool  #: a queue grows as long as the run, whatever happens before it

    @property
    def tasks(self) -> int:
        """Over all replications, warm-up included."""
        return round(float(self.extent.queries * self.tasks_of_query * self.scenario.run.replications))

    @property
    def percentile(self) -> float:
        """The highest percentile among the objectives, in percent; 99 if there is none."""
        return highest_percentile(self.scenario)

    @property
    def exit_code(self) -> int:
        """0: an invalid scenario is not loaded."""
        return 0

    kind: ClassVar[str] = "validation"

    def to_dict(self) -> validation.Validation:
        """All of it."""
        saturation_per_s = self.paper.saturation_per_s
        return {
            **self.paper.besides(),
            "schema": 1,
            "scenario": self.scenario.name,
            "description": self.scenario.description,
            "source": self.scenario.source,
            "stages": len(self.scenario.stages),
            "shards": self.shards,
            "replicas": self.replicas,
            "replications": self.scenario.run.replications,
            "queries": self.extent.measured,
            "tasks": self.tasks,
            "memory_bytes": self.memory_bytes,
            "rate_per_s": self.paper.rate_per_s,
            "demand": self.paper.utilisation,
            "saturation_per_s": saturation_per_s if self.paper.utilisation > 0 else None,
            "percentile": self.percentile,
            "enough_queries": self.enough_queries,
            "is_bounded": self.is_bounded,
            "is_certain": self.is_certain,
            "notes": self.scenario.notes(),
        }


def on_paper(scenario: Scenario, outline: Plan, is_stationary: bool) -> theory.Estimate:
    """A scenario's outline on paper, with the peak of its load; ``is_stationary``: as of ``theory.estimate``."""
    paper = theory.estimate(outline, is_stationary)
    clients, door = theory.closed_load(outline), theory.at_door(outline, is_stationary)
    return replace(paper, peak=peak_of(scenario, paper.saturation_per_s), clients=clients, door=door)


@takes_scenario
def estimate(scenario: Scenario, rows: float = 1e6, epochs: float = 1.0) -> PaperEstimate:
    """Work a scenario out on paper, without simulating.

    Parameters
    ----------
    scenario
        As loaded.
    rows, epochs
        What its models are trained on, for the operations that this takes.

    Raises
    ------
    ScenarioError
        If a count exceeds what a plan can hold. Of the load its rate counts: no arrivals are needed.
    """
    paper = on_paper(scenario, Plans.of(scenario).outline(), scenario.is_stationary)
    return PaperEstimate(scenario, paper, rows, epochs)


@takes_scenario
def validate(scenario: Scenario) -> Validation:
    """Say what a scenario takes: fleet, queries, tasks, and the queries that its percentiles need.

    Raises
    ------
    ScenarioError
        If no query would be measured, a count exceeds what a plan can hold, or the backlog goes beyond all time.
    """
    plans = Plans.of(scenario)
    extent, outline = plans.extent(), plans.outline()
    paper = on_paper(scenario, outline, scenario.is_stationary)
    enough = enough_queries(scenario, outline, paper, extent.measured)
    asked = max((stage.merger_demand for stage in paper.stages), default=0.0)
    demand = max(theory.certainly_busiest(outline), asked)
    if BY_NO_LUCK * MOST_S < demand * extent.queries / paper.rate_per_s < math.inf:
        raise beyond_time(scenario)
    is_bounded, is_certain = not theory.may_pile_up(outline), theory.certainly_busiest(outline) >= theory.FULL
    replicas = sum(sum(stage.replica_counts) for stage in scenario.stages)
    memory_bytes = needed(plans, COMPILED, 1, scenario.run.replications).bytes
    sizes = outline.shards, replicas, memory_bytes, extent, plans.tasks_of_query()
    return Validation(scenario, *sizes, paper, enough, is_bounded, is_certain)
