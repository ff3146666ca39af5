"""How much of a mean is carried by the few largest draws of a run: what no sample can say of itself.

A mean latency is a sum of services, of waits, which go by the squares of services (Pollaczek, 1930; Khinchine, 1932),
and of responses. Where the largest of N draws carries, on average, a good part of what the ten largest do, one draw
more or less decides the sample's mean: most samples lack what the mean consists of, and are all the surer of it. What
is asked is the *plan*, so the answer does not depend on luck, and does not favour lucky runs. Slow stretches of time
are such draws: there are few of them, and a run that saw none knows nothing of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from simulator.core.laws import Law
from simulator.core.plan import F8, RANDOM, RESPONSE, ROUND_ROBIN, Plan
from simulator.theory.beside import Beside, beside_of, besides_s, busy_beside
from simulator.theory.closed_forms import closed_forms
from simulator.theory.estimate import busiest, busy_in_all, stage_demands, utilisation_of
from simulator.theory.funnel import stages_of
from simulator.theory.prediction import EXACT
from simulator.theory.queues import erlang_c
from simulator.theory.slow import FEWEST_STRETCHES, stretches_of
from simulator.theory.stages import PaperStage, mean_services_s
from simulator.theory.visits import asks, mean_visits, visits_of

#: A mean is carried by few where the largest draw carries more than this part of what the ten largest do, on average.
MOST_OF_TEN = 0.4
FEW = 10
#: With fewer draws everything is carried by few.
FEWEST_DRAWS = 100
#: As long a run is looked for that would do; beyond it none is named.
MOST_NEEDED = 10**10
#: Points of the grids on which tails are summed, and the chance at which these end.
GRID, LEAST_CHANCE = 4096, 1e-13
#: What the sum over a body, which gives a tail as what is left of 1, may be wrong by.
BODY_ERROR = 5e-3
#: Above this utilisation waits are no longer those of a steady state.
NEARLY_FULL = 0.999


@dataclass(frozen=True)
class Ahead:
    """What is known of a mean before the run, in the unit of the mean."""

    one: float = 0.0  #: carried by the largest draw, on average; may be infinite
    ten: float = 0.0  #: by the ten largest
    exact: float | None = None  #: the mean itself; may be infinite
    law: str = ""  #: that says so
    needed: int | None = None  #: measured queries in all that would do; None: no run that is looked at

    @property
    def is_carried_by_few(self) -> bool:
        """Whether the largest draw outweighs the next."""
        return math.isinf(self.one) or self.one > MOST_OF_TEN * self.ten

    def over(self, weight: float) -> "Ahead":
        """The same of a mean in another unit: ``weight`` of its own are one of that; ``weight`` > 0."""
        exact = None if self.exact is None else self.exact / weight
        return replace(self, one=self.one / weight, ten=self.ten / weight, exact=exact)


NOTHING_AHEAD = Ahead()


@dataclass(frozen=True)
class StageAhead:
    """Of the means of a stage, in seconds; ``wait`` and ``service`` of its tasks, else over queries."""

    latency: Ahead = NOTHING_AHEAD
    critical_wait: Ahead = NOTHING_AHEAD
    critical_service: Ahead = NOTHING_AHEAD
    response: Ahead = NOTHING_AHEAD
    wait: Ahead = NOTHING_AHEAD
    service: Ahead = NOTHING_AHEAD
    utilisation: Ahead = NOTHING_AHEAD  #: a ratio
    background: Ahead = NOTHING_AHEAD  #: a ratio: what replicas do besides takes of their workers' time

    @property
    def hottest(self) -> Ahead:
        """Of the utilisation of the busiest replica: as of that of all, but not known exactly."""
        return replace(self.utilisation, exact=None)


@dataclass(frozen=True)
class MeansAhead:
    """Of the means of a run: of whole queries, and of stages by index."""

    latency: Ahead = NOTHING_AHEAD
    stages: tuple[StageAhead, ...] = field(default=())

    def of(self, stage: int | None) -> Ahead:
        """Of the mean latency of a stage, or of whole queries (None)."""
        return self.latency if stage is None else self.stage(stage).latency

    def stage(self, stage: int) -> StageAhead:
        """Of the means of a stage; nothing is known of one that was not looked at."""
        return self.stages[stage] if stage < len(self.stages) else StageAhead()


def means_ahead(plan: Plan, measured: int, is_stationary: bool = True) -> MeansAhead:
    """What the laws of a plan say of the means of a run.

    Parameters
    ----------
    plan
        At the load of the run.
    measured, is_stationary
        Queries, over all replications; and whether the rate is constant: else no mean is known exactly.
    """
    if plan.clients or len(plan.door) or len(plan.patience):
        return MeansAhead()  # how queues of theirs spread is not known
    stages = stages_of(plan)
    alone = [[one for own in stage.fleets or (stage,) for one in _pieces(own, plan.rate_per_s)] for stage in stages]
    of_all = [[one.seldom(asks(stage)) for one in own] for stage, own in zip(stages, alone, strict=True)]
    pieces = [_beside(stages, alone, place) for place in range(len(stages))]
    exact = _exact(plan, stages, busiest(plan)) if is_stationary else {}
    of_stages = []
    for stage, own, (_, demand) in zip(stages, pieces, stage_demands(plan), strict=True):
        busy = demand * stage.part_used
        kinds = {kind: [one for one in own if one.kind == kind] for kind in KINDS}
        shards, takers = mean_visits(stage), max(1, round(measured * asks(stage)))
        together = [other for other in stages if other.owner == stage.owner]
        taking = [one for other in together for one in of_all[other.index] if one.kind in (SERVICE, FOLLOWING)]
        taken_s = math.fsum(_taken_s(other) * asks(other) for other in together)
        of_busy = _ahead(taking, measured).over(taken_s / busy) if busy > 0 else NOTHING_AHEAD
        besides = NOTHING_AHEAD
        if beside_of(stage) is not None:  # such replicas have no guests
            busy, of_busy, besides = _busy_besides(stage, plan.rate_per_s, own, takers)
        of_stages.append(
            StageAhead(
                latency=_known(_ahead(_of_latency(own), takers), exact.get(("mean", stage.index))),
                critical_wait=_ahead(kinds[WAIT], takers),
                critical_service=_ahead(kinds[SERVICE], takers),
                response=_ahead(kinds[RESPONDING], takers),
                wait=_known(_ahead(kinds[WAIT], takers).over(shards), exact.get(("wait", stage.index))),
                service=_ahead(kinds[SERVICE], takers).over(shards),
                background=besides,
                utilisation=_by_arithmetic(of_busy, None if any(one.is_busy_by_luck() for one in together) else busy),
            )
        )
    whole = _ahead(_of_latency([one for at in range(len(stages)) for one in _beside(stages, of_all, at)]), measured)
    return MeansAhead(_known(whole, exact.get(("mean", None))), tuple(of_stages))


KINDS = WAIT, SERVICE, RESPONDING, FOLLOWING, BESIDE = "wait", "service", "response", "after the answer", "beside"


def _busy_besides(
    stage: PaperStage, rate_per_s: float, pieces: Sequence["_Piece"], measured: int
) -> tuple[float, Ahead, Ahead]:
    """Where replicas have tasks of their own: how busy workers are, what is known of that, and of the part of these."""
    busy, beside_s = busy_in_all(stage, rate_per_s), besides_s(stage, rate_per_s * asks(stage))
    both = _ahead([one for one in pieces if one.kind in (SERVICE, FOLLOWING, BESIDE)], measured)
    part = float(busy_beside(stage)[stage.is_left].mean()) * stage.part_used
    besides = _ahead([one for one in pieces if one.kind == BESIDE], measured).over(beside_s / part)
    of_busy = both.over((_taken_s(stage) + beside_s) / busy)
    is_known = not stage.has_drawn_machines() and busy < stage.part_used  # else some of it is never done
    return busy, of_busy, _by_arithmetic(besides, part if is_known else None)


def _taken_s(stage: PaperStage) -> float:
    """How long a query that takes a stage keeps workers there, at factor 1."""
    return (float(mean_services_s(stage).mean()) + stage.after().mean()) * mean_visits(stage)


@dataclass(frozen=True)
class _Piece:
    """A part of a mean that goes by a power of the values of a law, drawn ``draws`` times a query."""

    kind: str
    seconds: float  #: what it adds to the mean latency, at most
    law: Law
    power: int
    draws: float
    fewest: float = 0.0  #: with fewer draws in all, all is carried by few

    def seldom(self, share: float) -> "_Piece":
        """The same over all queries, of which such a share draws it."""
        return replace(self, seconds=self.seconds * share, draws=self.draws * share)

    def carried_s(self, count: int, measured: int) -> float:
        """By the ``count`` largest draws, on average."""
        if measured * self.draws < self.fewest:
            return self.seconds
        chance = count / (measured * self.draws)
        share = tail_share(self.law, self.power, min(1.0, chance))
        return self.seconds * share if share > 0 else 0.0


def _beside(stages: Sequence[PaperStage], pieces: Sequence[list[_Piece]], place: int) -> list[_Piece]:
    """The parts of the latency of a stage: its own, and how long it waits for what others draw at its replicas."""
    others = [other for other in stages if other.index != place and other.owner == stages[place].owner]
    return [*pieces[place], *(one for other in others for one in pieces[other.index] if one.kind == WAIT)]


def _of_latency(pieces: Sequence[_Piece]) -> list[_Piece]:
    """The parts that a query waits for."""
    return [piece for piece in pieces if piece.kind not in (FOLLOWING, BESIDE)]


def _pieces(stage: PaperStage, rate_per_s: float) -> list[_Piece]:
    """The parts of the latency of a stage that are random: by what is drawn for a task, and for a query there."""
    visited, often, own_per_s = max(1, math.floor(mean_visits(stage))), visits_of(stage), rate_per_s * asks(stage)
    of_query = [stage.work]
    if not stage.is_timed or stage.depends_on_items:
        of_query += [stage.counts.law] if math.isinf(stage.counts.cap) else []
    both = (stage.spread(), visited, True), *((law, 1, False) for law in reversed(of_query))
    laws = [(law, draws, is_of_task) for law, draws, is_of_task in both if not law.is_constant()]
    services_s, after = mean_services_s(stage), stage.after()
    pieces = []
    if laws or not after.is_constant():
        waits_s, power = _waits_s(stage, rate_per_s, services_s + after.mean())
        for law, draws, is_of_task in laws:
            # what one task draws delays the query as much as what all of them do: they wait for the last
            each = (waits_s, services_s)
            wait_s, service_s = (float((part * often).sum() if is_of_task else part.max()) for part in each)
            pieces += [_Piece(WAIT, wait_s, law, power, draws), _Piece(SERVICE, service_s, law, 1, draws)]
        if not after.is_constant():
            pieces.append(_Piece(WAIT, float((waits_s * often).sum()), after, power, visited))
            pieces.append(_Piece(FOLLOWING, after.mean() * mean_visits(stage), after, 1, visited))
    besides = beside_of(stage)
    if besides is not None and not besides.time.is_constant():
        waits_s, power = _waits_s(stage, rate_per_s, services_s + after.mean(), besides)
        times = besides.per_s * stage.replicas_in_all / own_per_s
        pieces.append(_Piece(WAIT, float((waits_s * often).sum()), besides.time, power, times))
        pieces.append(_Piece(BESIDE, besides_s(stage, own_per_s), besides.time, 1, times))
    for one in stretches_of(stage):
        busy = min(float(utilisation_of(stage, rate_per_s).max()), NEARLY_FULL)
        wait_s, power = one.wait_s(float(services_s.max()), busy), 2 if one.piles_up(busy) else 1
        rare = one.of_query(own_per_s), FEWEST_STRETCHES
        pieces.append(_Piece(WAIT, wait_s, one.length, power, *rare))
        pieces.append(_Piece(SERVICE, one.in_service_s(own_per_s), one.length, 1, *rare))
    response = stage.response()
    if stage.law(RESPONSE).kind and not response.is_constant():
        pieces.append(_Piece(RESPONDING, response.mean() * mean_visits(stage), response, 1, visited))
    return pieces


def _waits_s(stage: PaperStage, rate_per_s: float, taken_s: F8, besides: Beside | None = None) -> tuple[F8, int]:
    """(shards,) about how long a task waits at each; and the power of services by which the wait goes.

    ``taken_s``: (shards,) how long a task takes its worker, on average. ``besides``: who comes waits for these tasks.

    The mean wait of M/G/1, times what it is less in M/M/c. Where one worker less carries the load as well, a long
    service is in nobody's way but takes that worker: the wait goes by the time that it does. Where workers are
    shared it is that of M/M/c for any law, and goes by the service of the task itself.
    """
    is_apart = stage.policy in (RANDOM, ROUND_ROBIN)
    busy = np.minimum(utilisation_of(stage, rate_per_s).max(axis=1), NEARLY_FULL)
    known: dict[tuple[float, float, int], float] = {}
    power, waits_s = 1, []
    for shard, (service_s, full) in enumerate(zip(taken_s.tolist(), busy.tolist(), strict=True)):
        servers = stage.workers * (1 if is_apart else int(stage.replicas_left[shard]))
        key = (service_s, full, servers)
        is_spare = stage.is_shared or servers - math.floor(full * servers) >= 2
        if not is_spare:
            power = 2
        if key not in known:
            square = 2.0 if is_spare else _square(*stage.at(shard), service_s)
            if besides is not None:
                service_s, square = besides.time.mean(), besides.square
            chance = erlang_c(servers, full * servers) if full > 0 else 0.0
            known[key] = chance * square * service_s / (2 * servers * (1 - full)) if chance > 0 else 0.0
        waits_s.append(known[key])
    return np.array(waits_s), power


def _square(stage: PaperStage, shard: int, service_s: float) -> float:
    """Second moment of how long a task takes a worker over the square of its mean; may be infinite."""
    moments = stage.taken_moments_s(shard)
    if moments is not None:
        return moments[1] / moments[0] ** 2 if moments[0] ** 2 > 0 else 1.0
    laws = [stage.spread(), stage.work, stage.counts.law]
    return math.prod(1 + law.cv2() for law in laws)


def _ahead(pieces: Sequence[_Piece], measured: int) -> Ahead:
    """What the largest draws carry of these parts together."""
    if measured < FEWEST_DRAWS or not pieces:
        return NOTHING_AHEAD

    def carried(queries: int) -> Ahead:
        one, ten = (math.fsum(piece.carried_s(count, queries) for piece in pieces) for count in (1, FEW))
        return Ahead(one, ten)

    here = carried(measured)
    if not here.is_carried_by_few or math.isinf(here.one):
        return here
    needed = measured
    while needed < MOST_NEEDED:
        needed *= 2
        if not carried(needed).is_carried_by_few:
            return replace(here, needed=needed)
    return here


def _by_arithmetic(ahead: Ahead, busy: float | None) -> Ahead:
    """A utilisation, known where the sample does not say it; else what is measured is that of the run."""
    return (
        replace(ahead, exact=min(1.0, busy), law="arithmetic")
        if ahead.is_carried_by_few and busy is not None
        else ahead
    )


def _known(ahead: Ahead, exact: tuple[float, str] | None) -> Ahead:
    return ahead if exact is None else replace(ahead, exact=exact[0], law=exact[1])


def _exact(plan: Plan, stages: list[PaperStage], utilisation: float) -> dict[tuple[str, int | None], tuple[float, str]]:
    """The means that a closed form gives, by statistic and stage, with its name."""
    predictions = closed_forms(plan, stages, utilisation)
    wanted = [one for one in predictions if one.kind == EXACT and one.statistic in ("mean", "wait")]
    return {(one.statistic, one.stage): (one.value_s, one.law) for one in wanted}


@lru_cache(maxsize=1024)
def tail_share(law: Law, power: int, chance: float) -> float:
    """The part of the mean of value^power that values with at most this chance to be exceeded carry, about.

    1 where that mean is infinite. By what lies beyond the value, summed, and by what is left of the mean without what
    lies before it: the greater of the two, for the first ends where chances can no longer be told from 0, and the
    second cannot tell a small part from 0.
    """
    whole = law.moment(power)
    if chance >= 1 or math.isinf(whole):
        return 1.0
    if whole == 0:
        return 0.0
    edge = law.percentile(1 - chance)
    last = law.percentile(1 - LEAST_CHANCE)
    beyond = edge**power * chance + _summed(law, power, edge, last, 1.0)
    below = 1 - chance
    first = max(law.least(), edge * 1e-12)
    before = below * min(first, edge) ** power + _summed(law, power, first, edge, below)
    return min(1.0, max(beyond / whole, 1 - before / whole - BODY_ERROR, 0.0))


def _summed(law: Law, power: int, low: float, high: float, chance: float) -> float:
    """Integral of power x^(power - 1) (chance - P(value <= x)) over [low, high], on a logarithmic grid."""
    if not 0 < low < high < math.inf:
        return 0.0
    x = np.geomspace(low, high, GRID)
    values = power * x**power * np.maximum(chance - law.cdf(x), 0.0)
    return float(((values[1:] + values[:-1]) / 2 * np.diff(np.log(x))).sum())
