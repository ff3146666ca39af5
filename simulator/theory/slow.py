"""Of stages that are slow now and then, or crash: their work done, and what one slow stretch means for queries."""

import math
from dataclasses import dataclass, replace

import numpy as np

from simulator.base.units import NS_PER_S
from simulator.core.laws import Law
from simulator.core.plan import OF_MACHINE, OF_REPLICA, OF_SHARD, OF_STAGE
from simulator.core.stage_view import StageView

#: Of the work that a stage would do, at least, or its demand has no bound.
LEAST_DONE = 1e-12
#: With fewer slow stretches, on average, a run may see none: then all that they do is carried by few.
FEWEST_STRETCHES = 12.0


def share_done(stage: StageView, lasts_s: float = math.inf) -> float:
    """Work done by a busy worker in the long run, over that without slowdowns: of each of them, multiplied.

    In runs that last so long in all, without those of which they may see few.
    """
    done = 1.0
    for one in stage.hold_ups:
        every, length = max(1.0, one.every.mean()), one.length.mean()
        if lasts_s * NS_PER_S * _things_of(stage, one.scope)[0] < FEWEST_STRETCHES * (every + length):
            continue
        slow = 1 / (1 + every / length) if length > 0 else 0.0
        done *= 1 - slow * (1 - 1 / one.factor)
    return max(done, LEAST_DONE)


def up_ratios(stage: StageView) -> tuple[float, float]:
    """Share of the time that a replica is up in the long run, and that every shard has one that is up.

    Of a stage that crashes, up from the start: what crashes as a whole does so by itself.
    """
    one = stage.hold_ups[-1]
    up, down = max(1.0, one.every.mean()), max(1.0, one.length.mean())
    share = 1 / (1 + down / up)
    if one.scope == OF_STAGE:
        return share, share
    if one.scope in (OF_SHARD, OF_REPLICA):
        left = stage.replicas_left if one.scope == OF_REPLICA else np.ones(stage.shards)
        return share, float(np.prod(1 - (1 - share) ** left))
    first = np.arange(0, stage.shards, stage.per_machine)
    rows = np.minimum.reduceat(stage.replicas_left, first)  # shards of a machine are up and down together
    return share, float(np.prod(1 - (1 - share) ** rows))


@dataclass(frozen=True)
class Stretches:
    """One slowdown of a stage: of a thing that is slow as a whole, and of what its slow stretches do to queries."""

    length: Law  #: in seconds
    per_s: float  #: that begin at one thing
    things: int
    visitors: float  #: queries that come to one thing, of all
    workers: int  #: of one thing
    factor: float
    noticed_s: float = math.inf  #: after which nobody goes to one that is down: others are there
    is_lossy: bool = False  #: what it had is lost, and sent again when that is noticed

    def of_query(self, rate_per_s: float) -> float:
        """Stretches that begin at all things while one query arrives, on average."""
        return self.per_s * self.things / rate_per_s

    def piles_up(self, busy: float) -> bool:
        """Whether queues grow meanwhile, of workers that are busy so much of the time."""
        return busy * self.factor >= 1

    def late(self, rate_per_s: float, busy: float) -> float:
        """Queries that one stretch of mean length delays: who comes meanwhile, and until what piled up is done."""
        lasts_s = min(self.length.mean(), self.noticed_s)
        return rate_per_s * self.visitors * lasts_s / (1 - busy if self.piles_up(busy) else 1.0)

    def wait_s(self, service_s: float, busy: float) -> float:
        """What they add to the mean latency, at most: of work that piles up, or of services that are slower."""
        met = self.things * self.visitors * self.per_s
        if self.noticed_s < self.length.mean():
            return met * self.noticed_s * (self.noticed_s if self.is_lossy else self.length.mean()) / (1 - busy)
        if self.piles_up(busy):
            return met * self.length.second_moment() / 2 * (1 - 1 / self.factor) / (1 - busy)
        return met * self.length.mean() * (self.factor - 1) * service_s

    def in_service_s(self, rate_per_s: float) -> float:
        """What they add to the services of a query, in sum, at most: to a task of each worker."""
        return self.of_query(rate_per_s) * self.length.mean() * (1 - 1 / self.factor) * self.workers


def stretches_of(stage: StageView) -> list[Stretches]:
    """Of what makes a stage slower: its slowdowns and crashes."""
    found = []
    for one in stage.hold_ups:
        things, visitors = _things_of(stage, one.scope)
        length, every = one.length.scaled(1 / NS_PER_S), one.every.mean() / NS_PER_S
        workers = stage.replicas_in_all * stage.workers // things
        if length.mean() > 0 and one.factor > 1:
            per_s = 1 / (max(every, 1 / NS_PER_S) + length.mean())
            found.append(Stretches(length, per_s, things, visitors, workers, one.factor))
    if found and stage.fails:
        is_avoided = stage.replicas_left.min() > 1 and stage.hold_ups[-1].scope in (OF_REPLICA, OF_MACHINE)
        noticed_s = stage.detect_ns / NS_PER_S if is_avoided else math.inf
        found[-1] = replace(found[-1], noticed_s=noticed_s, is_lossy=stage.loses)
        if is_avoided:
            found.append(_nobody_left(stage, found[-1]))
    return found


def _nobody_left(stage: StageView, one: Stretches) -> Stretches:
    """Times over which all replicas of a shard are down, that of fewest replicas: then nobody can be avoided.

    Each replica is down so much of the time, by itself; of that many the first repair ends it, soonest where repairs
    are exponential.
    """
    replicas = int(stage.replicas_left.min())
    down_s = one.length.mean()
    share = one.per_s * down_s
    per_s = replicas / down_s * share**replicas
    rows = one.things / float(stage.replicas_left.mean())  # of machines, where these crash as a whole
    return replace(
        one,
        length=one.length.scaled(1 / replicas),
        per_s=per_s,
        things=max(1, round(rows)),
        visitors=1.0,
        workers=one.workers * replicas,
        noticed_s=math.inf,
    )


def _things_of(stage: StageView, scope: int) -> tuple[int, float]:
    """How many things of a stage are slow each by itself, and the part of all queries that comes to one, at most."""
    if scope == OF_STAGE:
        return 1, 1.0
    together = stage.per_machine if scope == OF_MACHINE else 1
    if scope in (OF_REPLICA, OF_MACHINE):
        left = stage.replicas_left
        rows = np.maximum.reduceat(left, np.arange(0, stage.shards, together))  # machines of each group of shards
        return int(rows.sum()), min(1.0, together / int(left.min()))
    return stage.shards, 1.0
