"""The answer of a search for the cheapest fleet: ``Sizing``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from simulator.documents import size as documents
from simulator.documents.shown import Shown, frame, html
from simulator.planner.fleet import fleet as machines_of
from simulator.planning.fleets import UNITS, Fleet
from simulator.planning.grid import Setting, unheeded
from simulator.planning.judge import Judged, Judgement, Look, Search, Tail
from simulator.planning.spare import INCONCLUSIVE, REASONS, Survive, Why, spare_notes
from simulator.running.provenance import computed, origin
from simulator.scenario import Scenario
from simulator.stats.figures import key_of
from simulator.stats.replays import OF_REPLAYS

FOUND, UNREACHABLE = "found", "unreachable"
MET, FAILED = "met", "failed"


@dataclass(frozen=True)
class Simulated:
    """A fleet that was simulated."""

    place: int  #: in the order of cost
    fleet: Fleet
    values: dict[str, Setting]
    cost: float
    why: Why | None  #: None: it meets everything
    tail: Tail  #: at the load, as it is
    worst: Tail  #: the latest under the conditions that it was simulated under
    measured: int  #: queries that each rests on
    simulated: int  #: queries, warm-up included
    judged: tuple[Judged, ...]  #: in full; of one that failed at a look, none

    @staticmethod
    def of(
        place: int, fleet: Fleet, values: dict[str, Setting], cost: float, looked: Look, judgement: Judgement | None
    ) -> Simulated:
        """What the looks, and the run in full if there was one, say of it."""
        if judgement is None:
            last: Look | Judgement = looked
            judged: tuple[Judged, ...] = ()
            simulated = looked.simulated
        else:
            last, judged, simulated = judgement, judgement.judged, looked.simulated + judgement.simulated
        tails = last.tail, last.worst
        return Simulated(place, fleet, values, cost, last.why, *tails, last.measured, simulated, judged)

    @property
    def verdict(self) -> str:
        """Met, failed or inconclusive."""
        return MET if self.why is None else INCONCLUSIVE if self.why.reason == INCONCLUSIVE else FAILED


@dataclass(frozen=True)
class Fell:
    """Fleets that fell for one reason."""

    reason: str
    what: str  #: the objective, where there is one
    fleets: int
    simulated: int
    nearest: Why  #: to the bound; else the first
    nearest_cost: float


@dataclass(frozen=True, repr=False)
class Sizing(Shown):
    """The cheapest fleets that meet every objective, and why cheaper ones fell."""

    kind: ClassVar[str] = "size"

    search: Search
    minimise: str
    headroom: float
    survive: Survive
    top: int
    load_per_s: float  #: mean
    fleets: int  #: of the grid
    seen: tuple[Simulated, ...]  #: simulated, in the order of cost
    fell: tuple[tuple[int, Fleet, Why], ...] = field(repr=False)  #: without having been simulated
    interrupted: bool
    wall_s: float = field(compare=False)
    spent: str = ""  #: that a budget was reached, if it was

    @property
    def answers(self) -> tuple[Simulated, ...]:
        """Those that meet everything, the cheapest first."""
        return tuple(one for one in self.seen if one.why is None)

    @property
    def inconclusive(self) -> tuple[Simulated, ...]:
        """Those that could not be told, in full; they count as not met."""
        return tuple(one for one in self.seen if one.verdict == INCONCLUSIVE)

    @property
    def verdict(self) -> str:
        """Found; inconclusive: none is, and some could not be told; or unreachable."""
        return (
            FOUND
            if self.answers
            else INCONCLUSIVE
            if self.inconclusive or self.interrupted or self.spent
            else UNREACHABLE
        )

    @property
    def exit_code(self) -> int:
        """0: found; 98: none is, some inconclusive; 99: none is; 130: interrupted."""
        return 130 if self.interrupted else {FOUND: 0, INCONCLUSIVE: 98}.get(self.verdict, 99)

    @property
    def percentile(self) -> str:
        """Such as ``p99``."""
        return key_of(round(100 * self.search.percentile, 9))

    def scenario_of(self, answer: Simulated) -> Scenario:
        """The scenario of an answer, at the load."""
        return self.search.fleet(answer.values)

    def front(self) -> tuple[Simulated, ...]:
        """Cost against the percentile, under the hardest condition: of those simulated, the ones to which none is both
        as cheap and as early.
        """
        known = [(one.cost, one.worst.value, one) for one in self.seen if one.worst.value is not None]
        front: list[Simulated] = []
        least = math.inf
        for _, value, one in sorted(known, key=lambda each: (each[0], each[1], each[2].place)):
            if value < least:
                front.append(one)
                least = value
        return tuple(front)

    def cheaper(self) -> tuple[Fell, ...]:
        """Why those before the first answer fell; of all, if there is none."""
        end = self.answers[0].place if self.answers else len(self.seen) + len(self.fell) + self.fleets
        whole: dict[tuple[str, str], list[tuple[Why, float, bool]]] = {}
        unseen = [(place, why, fleet.cost(self.minimise) or 0.0, False) for place, fleet, why in self.fell]
        seen = [(one.place, one.why, one.cost, True) for one in self.seen if one.why is not None]
        for place, why, cost, is_simulated in sorted(unseen + seen, key=lambda one: one[0]):
            if place < end:
                key = why.reason, why.what if why.is_of_objective else ""
                whole.setdefault(key, []).append((why, cost, is_simulated))
        keys = sorted(whole, key=lambda key: (REASONS.index(key[0]), key[1]))
        return tuple(_fell(*key, whole[key]) for key in keys)

    def to_dict(self) -> documents.Size:
        """As written by ``--format json``: the same bytes for the same input, whatever ``jobs`` was."""
        scenario = self.search.scenario
        return {
            "schema": 1,
            "scenario": scenario.name,
            "description": scenario.description,
            "engine": self.search.execution.engine,
            "seed": scenario.run.seed,
            "verdict": self.verdict,
            "interrupted": self.interrupted,
            "load_per_s": self.load_per_s,
            "headroom": self.headroom,
            "survive": self.survive,
            "slos": [slo.text for slo in scenario.slos],
            "percentile": self.percentile,
            "bound_s": self._bound_s(),
            "minimise": self.minimise,
            "unit": UNITS[self.minimise],
            "top": self.top,
            "fleets": self.fleets,
            "simulated": len(self.seen),
            "queries": sum(one.simulated for one in self.seen),
            "answers": [self._answer(rank, one) for rank, one in enumerate(self.answers, 1)],
            "cheaper": [
                {
                    "reason": one.reason,
                    "what": one.what,
                    "fleets": one.fleets,
                    "simulated": one.simulated,
                    "nearest": {**one.nearest.to_dict(), "cost": one.nearest_cost},
                }
                for one in self.cheaper()
            ],
            "front": [self.seen.index(one) for one in self.front()],
            "seen": self.rows(),
            "notes": self._notes(),
            "provenance": {
                **origin(scenario),
                "search": {
                    one.path: [value if isinstance(value, (str, int, float)) else str(value) for value in one.values]
                    for one in self.search.grid.parameters
                },
                "replications": scenario.run.replications,
                "queries": self.search.full.queries,
                **computed(scenario),
            },
        }

    def _bound_s(self) -> float | None:
        """The bound on the percentile that is shown, if an objective sets one."""
        p = self.search.percentile
        return next((one.bound for one in self.search.scenario.slos if one.is_of_all and one.p == p), None)

    def _more(self) -> str:
        """What tells more: where machines are drawn for each replication, their number."""
        drawn = any(stage.draws_machines for stage in self.search.scenario.stages)
        return "--replications (machines differ between them)" if drawn else "--queries"

    def _notes(self) -> list[str]:
        notes = [*self.search.scenario.notes(), *unheeded(self.search.scenario, self.search.grid)]
        notes += spare_notes(self.search.scenario, self.survive)
        if self.inconclusive and self.answers and self.inconclusive[0].place < self.answers[0].place:
            notes.append(f"a cheaper fleet could not be told, and counts as not met: more {self._more()} may tell")
        notes += self._edges()
        ruled_out = {one.what for one in self.cheaper()} & {
            slo.text for slo in self.search.scenario.slos if slo.is_priced
        }
        if not self.answers and ruled_out:
            notes.append(f"{', '.join(sorted(ruled_out))} rules fleets out: --slo sets other objectives")
        if self.interrupted:
            notes.append("interrupted: of fleets that cost more than those looked at nothing is known")
        if self.spent:
            notes.append(f"{self.spent}: of fleets that cost more than those looked at nothing is known")
        if self.search.scenario.load.arrivals.kind == "trace":
            notes.append(OF_REPLAYS)
        return notes

    def _edges(self) -> list[str]:
        """Where the cheapest fleet lies on an end of what was searched, beyond which a cheaper one may lie."""
        notes = []
        for one in self.search.grid.parameters if self.answers else ():
            numbers = [value for value in one.values if isinstance(value, (int, float))]
            value = self.answers[0].values[one.path]
            if len(numbers) == len(one.values) > 1 and value in (min(numbers), max(numbers)) and value != 1:
                end, beyond = ("least", "below") if value == min(numbers) else ("greatest", "above")
                searched = f"{one.path}={value} is the {end} that was searched"
                notes.append(f"{searched}: a cheaper fleet may lie {beyond}")
        return notes

    def rows(self) -> list[documents.Seen]:
        """A row a fleet that was simulated, in the order of cost."""
        return [
            {
                **documents.at_values(one.values),
                "cost": one.cost,
                "machines": one.fleet.machines,
                "usd_per_h": one.fleet.usd_per_h,
                "power_w": one.fleet.power_w,
                "demand": one.fleet.busiest(self.search.conditions[0])[0],
                "verdict": one.verdict,
                **documents.tails(self.percentile, one.tail.to_dict(), one.worst.to_dict()),
                "queries": one.measured,
                "in_full": bool(one.judged),
                "why": None if one.why is None else one.why.what,
                "condition": None if one.why is None else one.why.condition,
                "over_bound": None if one.why is None else one.why.over,
            }
            for one in self.seen
        ]

    def _answer(self, rank: int, one: Simulated) -> documents.Fleet:
        scenario = self.scenario_of(one)
        busy, at, is_merging = one.fleet.busiest(self.search.conditions[0])
        money = machines_of(scenario).to_dict(self.load_per_s)
        machines: list[documents.Machines] = [
            {
                **row,
                "shards": stage.shards,
                "replicas": stage.replicas,
                "workers": stage.workers,
                "hardware": stage.hardware,
            }
            for stage, row in zip(scenario.stages, money["stages"], strict=True)
        ]
        return {
            "rank": rank,
            "values": one.values,
            "cost": one.cost,
            "machines": money["machines"],
            "usd_per_h": money["usd_per_h"],
            "power_w": money["power_w"],
            "usd_per_million_queries": money["usd_per_million_queries"],
            "queries_per_joule": money["queries_per_joule"],
            "stages": machines,
            "bottleneck": {
                "stage": scenario.stages[at].name,
                "station": "mergers" if is_merging else "replica",
                "demand": busy,
            },
            "latency_s": {self.percentile: one.tail.to_dict()},
            "worst_s": {self.percentile: one.worst.to_dict()},
            "conditions": [
                {
                    "name": judged.condition.name,
                    "rate_per_s": judged.condition.rate_per_s,
                    "lost": None if judged.condition.lost is None else scenario.stages[judged.condition.lost].name,
                    "verdict": judged.stability,
                    "slos": [verdict.to_dict() for verdict in judged.verdicts],
                }
                for judged in one.judged
            ],
        }

    def to_frame(self) -> Any:
        """The fleets that were simulated, as a pandas DataFrame: the rows of ``rows``."""
        return frame(self.rows())

    def _repr_html_(self) -> str:
        kept = (*self.search.grid.paths, "cost", "machines", "demand", f"latency_{self.percentile}_s")
        met = [dict(row) for row in self.rows() if row["verdict"] == MET]
        rows = [{key: row[key] for key in kept} for row in met]
        return html(f"{self.search.scenario.name}: {self.verdict}", rows)


def _fell(reason: str, what: str, these: Sequence[tuple[Why, float, bool]]) -> Fell:
    known = [one for one in these if one[0].over is not None]
    why, cost, _ = min(known, key=lambda one: (one[0].over, one[1])) if known else these[0]
    return Fell(reason, what, len(these), sum(simulated for _, _, simulated in these), why, cost)
