"""The stages of a Plan, one after another: the candidates that reach each, and its sources by themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from simulator.core.laws import Law, LawTable
from simulator.core.plan import CANDIDATES, F8, MACHINE, NONE, TASK, TIME, Plan
from simulator.core.sources import end_of, sources_of
from simulator.core.stage_view import StageView, stage_views
from simulator.theory.stages import PaperStage, work_law_of
from simulator.theory.visits import Counts, either, handed_on, hands_on_as_much, midpoints

#: Numbers of candidates that stand for a law of them that is cut.
CUT = 256


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


#: What is handed on to queries of each class, or of all of them: one.
Handed = tuple[Counts, ...]


def _source(view: StageView, row: int, handed: Handed, is_less: bool) -> PaperSource:
    """A source of a stage; ``handed``, ``is_less``: what is handed on to the stage, and whether less than that."""
    plan, first = view.plan, int(view.plan.sources[row]["law"])
    table = LawTable(plan.laws, plan.law_parts, plan.law_points)
    laws = list(view.laws())
    for role in (CANDIDATES, TIME, TASK, MACHINE):
        laws[role] = table.law(first + role)
    given, are_own = list(handed), laws[CANDIDATES].kind != NONE
    if are_own:
        given = [Counts(laws[CANDIDATES], math.inf)] * len(given)
    for place in range(plan.sources[row]["classes"]):
        law = table.law(int(plan.sources[row]["by_class"]) + place)
        given[place] = given[place] if law.kind == NONE else Counts(law, math.inf)
    work = work_law_of(plan)
    of_all = PaperSource(plan, view.index, _of_any(plan, given), tuple(laws), work, is_less and not are_own, row=row)
    if len(set(given)) == 1:
        return of_all
    works = LawTable(plan.class_works, plan.law_parts, plan.law_points)
    known = [works.law(place) for place in range(len(plan.class_works))] or [work] * len(given)
    each = zip(_shares(plan), given, known, strict=True)
    kinds = tuple((share, replace(of_all, counts=counts, work=own)) for share, counts, own in each)
    return replace(of_all, kinds=kinds)


def _shares(plan: Plan) -> list[float]:
    """Of the classes of queries."""
    return plan.classes["share"].tolist()  # type: ignore[no-any-return]


def _of_any(plan: Plan, each: Sequence[Counts]) -> Counts:
    """Candidates of a query of any class, of those of each."""
    if len(set(each)) == 1:
        return each[0]
    laws: list[tuple[float, Law]] = []
    for share, one in zip(_shares(plan), each, strict=True):
        if math.isinf(one.cap):
            laws += [(share * part, law) for part, law in one.law.parts or ((1.0, one.law),)]
        else:
            numbers = one.at(midpoints(1 if one.is_fixed() else CUT)).tolist()
            laws.append((share, Law.constant(numbers[0]) if one.is_fixed() else Law.empirical(numbers)))
    return Counts(Law.mixture(laws), math.inf)


def stages_of(plan: Plan) -> list[PaperStage]:
    """The stages of a plan, each with the candidates that reach it: min(the law last stated, the least keep since).

    Those on the shards that are visited are handed on, of the mean query; likewise where some pass a stage by.
    """
    stages: list[PaperStage] = []
    kinds = len(plan.classes) if bool(plan.sources["classes"].any()) else 1
    work, handed, is_less = work_law_of(plan), (Counts(Law.constant(0.0), math.inf),) * kinds, False
    for index, view in enumerate(stage_views(plan)):
        fleets = tuple(_source(view, row, handed, is_less) for row in sources_of(plan.stages, index))
        several = fleets if len(fleets) > 1 else ()
        given, is_given_less = fleets[0].counts, any(one.is_given_less for one in fleets)
        by_class = [[one.counts for _, one in fleet.kinds] or [fleet.counts] * kinds for fleet in fleets]
        of_class = tuple(by_class[0])
        if several:  # of all of them together
            given = _in_all(fleets[0].counts, [one.counts for one in fleets])
            of_class = tuple(_in_all(each[0], each) for each in zip(*by_class, strict=True))
        alone = PaperStage(plan, index, given, view.laws(), work, is_given_less, several)
        if not several:
            alone = replace(alone, kinds=tuple((share, _alone(alone, one)) for share, one in fleets[0].kinds))
        stages.append(alone)
        varies = is_given_less or not all(one.fixed_candidates for one in several)
        on = tuple(Counts(*handed_on(view, one.law, one.cap)) for one in of_class)
        is_less = varies or not hands_on_as_much(view)
        if view.is_optional and on != handed:
            pairs = zip(on, handed, strict=True)
            on = tuple(Counts(either(view.taken, (a.law, a.cap), (b.law, b.cap)), math.inf) for a, b in pairs)
            is_less = True
        handed = on
    return stages


class Kind(NamedTuple):
    """Queries with the same law of candidates."""

    share: float  #: of all
    work: Law  #: of their work factor
    stages: list[PaperStage]  #: as they pass them


def by_class(plan: Plan, stages: Sequence[PaperStage]) -> list[Kind]:
    """Queries of each class, where some class brings candidates of its own; else all queries together."""
    if not any(one.kinds for stage in stages for one in stage.fleets or (stage,)):
        return [Kind(1.0, work_law_of(plan), list(stages))]
    works = LawTable(plan.class_works, plan.law_parts, plan.law_points)
    known = [works.law(place) for place in range(len(plan.class_works))] or [work_law_of(plan)] * len(plan.classes)
    each = enumerate(zip(_shares(plan), known, strict=True))
    return [Kind(share, work, [_of_kind(stage, place, work) for stage in stages]) for place, (share, work) in each]


def _of_kind(stage: PaperStage, place: int, work: Law) -> PaperStage:
    """A stage as queries of a class pass it."""
    own = stage.kinds[place][1] if stage.kinds else stage
    return replace(own, work=work, fleets=tuple(_of_kind(one, place, work) for one in own.fleets))


def _in_all(first: Counts, each: Sequence[Counts]) -> Counts:
    """What several sources score together, on average; of one source what it scores."""
    return Counts(Law.constant(math.fsum(one.moment(1) for one in each)), math.inf) if len(each) > 1 else first


def _alone(stage: PaperStage, kind: PaperStage) -> PaperStage:
    """A stage of one source, with the candidates and the work of a class there."""
    return replace(stage, counts=kind.counts, work=kind.work)
