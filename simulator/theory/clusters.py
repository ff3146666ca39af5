"""How late queries come together, by the plan: how many of them are worth one that is late on its own.

Late queries come in clusters, so a percentile needs far more of them than independent values would. A run shows its
clusters itself, but a quiet one shows few, and its percentiles are low: whoever prints those that look well supported
prints the low ones. The plan has no luck.

Of a queue near its limits the deviation of a share of late queries goes with 1.5 (ca^2 + cs^2) / (1 - utilisation)^2
queries to one (Whitt, Planning queueing simulations, Management Science 35, 1989; measured here for tails of M/M/1,
M/D/1, M/M/4, hyperexponential services and fan-outs: within a third). A block of queries, seen at its median, shows a
third of that. And a single service of s delays all who come before its work is done: lambda (s - x) / (1 - utilisation)
of them by more than x (Asmussen, Applied Probability and Queues, section X.9). Where tails are heavy that is most.
A slow stretch of a replica does the same.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from simulator.core.laws import Law
from simulator.core.plan import RANDOM, ROUND_ROBIN, Plan
from simulator.theory.closed_forms import FULL
from simulator.theory.estimate import busiest, has_drawn_machines, utilisation_of, variability_of
from simulator.theory.funnel import stages_of
from simulator.theory.slow import FEWEST_STRETCHES, stretches_of
from simulator.theory.stages import PaperStage
from simulator.theory.visits import asks, mean_visits

#: The part of what a tail's clusters are worth that blocks show at the median.
AT_MEDIAN = 1 / 3
#: The plan is believed where the run shows from one part in so many of what it says, to so many times as much.
APART = 2.0
#: With fewer queries in a mean service nobody is delayed.
FEWEST_LATE = 1e-6
#: Points of the grid on which a law is summed.
GRID = 512


@dataclass(frozen=True)
class Jumps:
    """Services that delay others, of one law, at one stage; times in mean services."""

    law: Law  #: of mean 1
    draws: float  #: a query
    late: float  #: queries that come until a service of 1 is over, and what piled up behind it is done
    scale: float  #: of the tail of waits, in services that are as long
    are_stretches: bool = False  #: of time: they are as many as they are, and no more are late than there are

    def squares(self, p: float, queries: int) -> float:
        """Mean, over queries, of the square of how many a service delays beyond about the ``p``-quantile of waits.

        At most ``queries``, all of a replication. Where slow stretches delay more than are beyond it, the quantile
        lies among those that they delay.
        """
        x = -self.scale * math.log1p(-p)
        longest = queries / self.late
        if self.are_stretches:
            x = max(x, self._delaying(min(p, 1 - p), longest))
        y = np.geomspace(min(1e-4, longest * 1e-4), longest, GRID)
        values = 2 * y * y * (1 - self.law.cdf(x + y))
        mean = float(((values[1:] + values[:-1]) / 2 * np.diff(np.log(y))).sum())
        return self.draws * self.late**2 * mean

    def _delaying(self, part: float, longest: float) -> float:
        """The delay beyond which they delay so many of all queries; 0 where they delay fewer."""
        y = np.geomspace(min(1e-4, longest * 1e-4), longest, GRID)
        beyond = np.append(y[0], np.diff(y)) * (1 - self.law.cdf(y))
        late = self.draws * self.late * beyond[::-1].cumsum()[::-1]
        return float(y[np.flatnonzero(late >= part)[-1]]) if late[0] > part else 0.0


@dataclass(frozen=True)
class Clusters:
    """Of late queries, of a stage or of the whole."""

    queue: float | None  #: queries that are worth one, at the median; 0: none wait; None: the plan does not say
    jumps: tuple[Jumps, ...] = ()
    beyond: tuple[float, ...] = ()  #: at saturation, where no jumps are told: slow stretches while a query arrives

    def worth_one(self, p: float, queries: int, seen: float) -> float:
        """Queries that are worth one exceedance of the ``p``-quantile.

        Parameters
        ----------
        p
            In [0, 1].
        queries
            Of a replication.
        seen
            What the run shows, at its median: the plan is believed within a factor ``APART`` of it.
        """
        rare = min(p, 1 - p)
        jumps = sum((1.0 if one.are_stretches else AT_MEDIAN) * one.squares(p, queries) for one in self.jumps)
        return max(1.0, self.worth_one_waiting(seen)) + (jumps / rare if rare > 0 else 0.0)

    def unseen(self, allowed: float, queries: int) -> float | None:
        """Slow stretches in so many queries, where they are so few that a run may see none, and yet may delay more
        than this part of all queries; of several kinds the fewest; None: there are none that are so.
        """
        fewest = queries / self.showing(allowed) * FEWEST_STRETCHES if self.showing(allowed) > 0 else math.inf
        return fewest if fewest < FEWEST_STRETCHES else None

    def showing(self, allowed: float) -> float:
        """Queries that see enough of the slow stretches that may delay more than this part; 0: there are none."""
        found = [one.draws for one in self.jumps if one.are_stretches and one.draws * one.late > allowed]
        return FEWEST_STRETCHES / min([*found, *self.beyond], default=math.inf)

    def worth_one_waiting(self, seen: float) -> float:
        """The same without long services, as far as the run does not deny it."""
        return seen if self.queue is None else min(max(self.queue, seen / APART), seen * APART)

    def ahead(self, p: float, queries: int) -> float:
        """The same before any run; where the plan does not say how queues cluster, what it says of long services."""
        return self.worth_one(p, queries, self.queue or 1.0)


#: Where no plan was asked.
NOTHING_OF_CLUSTERS: Mapping[int | None, Clusters] = MappingProxyType({})


def clusters_of(plan: Plan, is_stationary: bool = True) -> Mapping[int | None, Clusters]:
    """Of each stage, by index, and of whole queries (None); at saturation only that there are slow stretches.

    How a queue clusters is not said of a rate that changes, of machines that are drawn, nor of clients that wait.
    """
    own = _beyond_saturation(plan) if _is_held_back(plan) else _by_plan(plan) or _beyond_saturation(plan)
    if is_stationary and not has_drawn_machines(plan):
        return own
    return {place: replace(one, queue=None) for place, one in own.items()}


def clusters_ahead(plan: Plan) -> Clusters | None:
    """Of whole queries, before any run; None at saturation.

    At the mean rate of a load that changes, and on the machines of this replication.
    """
    return _beyond_saturation(plan).get(None, Clusters(None)) if _is_held_back(plan) else _by_plan(plan).get(None)


def _is_held_back(plan: Plan) -> bool:
    """Whether not all queries come that would: clients wait, or give up, or some are shed."""
    return plan.clients > 0 or len(plan.door) > 0 or len(plan.patience) > 0


def _by_plan(plan: Plan) -> dict[int | None, Clusters]:
    """Of each stage and of the whole, as if nothing changed; empty at saturation."""
    if busiest(plan) >= FULL:
        return {}
    alone = {stage.index: _of_stage(plan, stage) for stage in stages_of(plan)}
    own: dict[int | None, Clusters] = {}
    for index, one in alone.items():  # long services of stages that share its replicas are in its way, too
        beside = np.flatnonzero(plan.stages["owner"] == plan.stages[index]["owner"]).tolist()
        own[index] = replace(one, jumps=tuple(jumps for place in beside for jumps in alone[place].jumps))
    longest = max(one.queue or 0.0 for one in own.values())
    shares = {index: float(plan.stages[index]["taken"]) for index in alone}  # of all queries, who take each
    jumps = [replace(each, draws=each.draws * shares[index]) for index, one in alone.items() for each in one.jumps]
    own[None] = Clusters(longest, tuple(jumps))
    return own


def _beyond_saturation(plan: Plan) -> dict[int | None, Clusters]:
    """That there are slow stretches: without them, in a run that sees none, the load may be carried."""
    alone: dict[int | None, tuple[float, ...]] = {
        stage.index: tuple(one.of_query(plan.rate_per_s * asks(stage)) for one in stretches_of(stage))
        for stage in stages_of(plan)
    }
    every = tuple(per_query for one in alone.values() for per_query in one)
    return {place: Clusters(None, beyond=alone.get(place, every)) for place in (*alone, None)} if every else {}


def _of_stage(plan: Plan, stage: PaperStage) -> Clusters:
    """By its busiest replica."""
    used = utilisation_of(stage, plan.rate_per_s)
    shard, replica = divmod(int(used.argmax()), stage.replicas)
    busy = float(used[shard, replica])
    of_mergers = stage.merger_demand(plan.rate_per_s)
    merging = _queue(plan.arrival_dispersion, of_mergers) if of_mergers > 0 else 0.0
    if busy <= 0:
        return Clusters(merging)
    varied = variability_of(plan, stage, shard)
    servers = stage.workers
    if stage.policy not in (RANDOM, ROUND_ROBIN):  # whoever looks at the load makes one queue of them
        servers *= int(stage.replicas_left[shard])
    jumps = []
    # a long service takes its worker: work piles up if the others cannot do it all, and is done by all of them after it
    piled = busy * servers - (servers - 1)
    if piled > 0:
        late = busy * servers * (1.0 if servers == 1 else 1 - busy + piled / servers) / (1 - busy)
        scale = varied / 2 / (1 - busy) / servers / (1.0 if servers == 1 else piled / servers)
        after_s = stage.after().mean()
        fleet, _ = stage.at(shard)
        service_s = stage.mean_service_s(shard) if after_s > 0 else 1.0
        part = service_s / (service_s + after_s)  # of the time that a task takes its worker
        visited = max(1, math.floor(mean_visits(fleet)))
        laws = [(fleet.spread(), visited, part), (stage.work, 1, part), (stage.after(), visited, 1 - part)]
        if (not fleet.is_timed or fleet.depends_on_items) and math.isinf(fleet.counts.cap):
            laws.append((fleet.counts.law, 1, part))
        for law, draws, weight in laws:
            mean = 0.0 if law.is_constant() else law.mean()
            if mean > 0 and weight * late >= FEWEST_LATE:
                jumps.append(Jumps(law.scaled(1 / mean), draws, weight * late, scale / weight))
    jumps += _of_stretches(plan, stage, shard, busy, varied)
    return Clusters(max(_queue(varied, busy), merging), tuple(jumps))


def _of_stretches(plan: Plan, stage: PaperStage, shard: int, busy: float, varied: float) -> list[Jumps]:
    """Slow stretches delay as a service that is as long does, whether or not there are tasks.

    They are as many as they are, whatever the blocks: with fewer than ten no percentile that lies among them is known.
    """
    jumps, rate_per_s = [], plan.rate_per_s * asks(stage)
    for one in stretches_of(stage):
        mean_s = one.length.mean()
        scale = varied / 2 / (1 - busy) / stage.workers * stage.mean_service_s(shard) / mean_s
        late = one.late(rate_per_s, busy)
        if late >= FEWEST_LATE:
            jumps.append(Jumps(one.length.scaled(1 / mean_s), one.of_query(rate_per_s), late, scale, True))
    return jumps


def _queue(varied: float, busy: float) -> float:
    """Queries worth one, at the median: by the variability of a queue and its utilisation."""
    return AT_MEDIAN * 1.5 * varied / (1 - busy) ** 2
