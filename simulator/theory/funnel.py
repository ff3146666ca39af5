"""The stages of a Plan, one after another: the candidates that reach each, and its sources by themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulator.core.laws import Law, LawTable
from simulator.core.plan import CANDIDATES, F8, MACHINE, NONE, TASK, TIME, Plan
from simulator.core.sources import end_of, sources_of
from simulator.core.stage_view import StageView, stage_views
from simulator.theory.stages import PaperStage, work_law_of
from simulator.theory.visits import Counts, either, handed_on, hands_on_as_much


@dataclass(frozen=True)
class PaperSource(PaperStage):
    """One of several sources of a stage, as a stage of its shards alone; what it shares with them is the stage's."""

    row: int = 0  #: of its source

    @property
    def source(self) -> int:
        """Its row."""
        return self.row

    @property
    def _shards(self) -> tuple[int, int]:
        """Its first shard within the stage, and the first behind it."""
        sources = self.plan.sources
        return int(sources[self.row]["first"]), int(end_of(self.plan.stages, sources, self.index, self.row))

    @property
    def shards(self) -> int:
        """Number of its shards."""
        first, end = self._shards
        return end - first

    @property
    def shard_slice(self) -> slice:
        """Its shards among all shards of the funnel."""
        first, (begin, end) = self._number("first_shard"), self._shards
        return slice(first + begin, first + end)

    @property
    def replica_slice(self) -> slice:
        """Its replicas among all replicas of the funnel."""
        first, (begin, end) = self._number("first_replica"), self._shards
        return slice(first + begin * self.replicas, first + end * self.replicas)

    @property
    def knot_slice(self) -> slice:
        """The knots of its cost among those of all."""
        row = self.plan.sources[self.row]
        return slice(int(row["first_knot"]), int(row["first_knot"] + row["knots"]))

    @property
    def share(self) -> F8:
        """(shards,) share of each shard in it; a view."""
        return self.plan.source_share[self.shard_slice]

    @property
    def is_hashed(self) -> bool:
        """Whether candidates fall on its shards by hash."""
        return bool(self.plan.sources[self.row]["hashed"])


def _source(view: StageView, row: int, work: Law, handed: Counts, is_less: bool) -> PaperSource:
    """A source of a stage; ``handed``, ``is_less``: what is handed on to the stage, and whether less than that."""
    plan, first = view.plan, int(view.plan.sources[row]["law"])
    table = LawTable(plan.laws, plan.law_parts, plan.law_points)
    laws = list(view.laws())
    for role in (CANDIDATES, TIME, TASK, MACHINE):
        laws[role] = table.law(first + role)
    if laws[CANDIDATES].kind != NONE:
        handed, is_less = Counts(laws[CANDIDATES], math.inf), False
    return PaperSource(plan, view.index, handed, tuple(laws), work, is_less, (), row)


def stages_of(plan: Plan) -> list[PaperStage]:
    """The stages of a plan, each with the candidates that reach it: min(the law last stated, the least keep since).

    Those on the shards that are visited are handed on, of the mean query; likewise where some pass a stage by.
    """
    stages: list[PaperStage] = []
    work, handed, is_less = work_law_of(plan), Counts(Law.constant(0.0), math.inf), False
    for index, view in enumerate(stage_views(plan)):
        fleets = tuple(_source(view, row, work, handed, is_less) for row in sources_of(plan.stages, index))
        given, is_given_less, several = (
            fleets[0].counts,
            any(one.is_given_less for one in fleets),
            fleets[1:] and fleets,
        )
        if several:  # of all of them together
            given = Counts(Law.constant(math.fsum(one.candidates for one in fleets)), math.inf)
        stages.append(PaperStage(plan, index, given, view.laws(), work, is_given_less, several))
        varies = is_given_less or not all(one.fixed_candidates for one in several)
        on, is_less = Counts(*handed_on(view, given.law, given.cap)), varies or not hands_on_as_much(view)
        if view.is_optional and on != handed:
            on, is_less = Counts(either(view.taken, (on.law, on.cap), (handed.law, handed.cap)), math.inf), True
        handed = on
    return stages
