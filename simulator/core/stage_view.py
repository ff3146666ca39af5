"""A stage of a plan by names: what theory, statistics and reports read of it, in place of columns and offsets."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.core.batch_view import BatchView
from simulator.core.caches import is_behind, is_cached
from simulator.core.fan_out import enough, fans_out, within
from simulator.core.gathering import cancels, counts_answers, is_partial, times_out, waits_for_some
from simulator.core.hedging import is_tied, sends_copies
from simulator.core.laws import Law, LawTable
from simulator.core.limits import refuses
from simulator.core.neighbours import interferes
from simulator.core.plan import CANCEL_RUNNING, EDF, F8, I8, KEY, NONE, PRIORITY, ROLES, SHORTEST, VISITS, Plan
from simulator.core.scaling import is_scaled
from simulator.core.service import stays_taken
from simulator.core.sharing import shares
from simulator.core.sources import is_hashed
from simulator.core.trouble_view import TroubleView

#: Disciplines by which a task of less work may be served before one of more that came earlier.
OVERTAKING = (SHORTEST, PRIORITY, EDF)


@dataclass(frozen=True)
class StageView(BatchView, TroubleView):
    """One stage of a plan. Counts are of the stage; instants and durations in ns, as in the plan."""

    plan: Plan
    index: int

    @property
    def shards(self) -> int:
        """Number of shards."""
        return self._number("shards")

    @property
    def replicas(self) -> int:
        """Places of each shard for replicas: those of the shard that has most, that of a lost machine included."""
        return self._number("replicas")

    @property
    def workers(self) -> int:
        """Workers of each replica that serve by themselves: where a task takes several at once, so many are one."""
        return self._number("workers")

    @property
    def threads(self) -> int:
        """Workers that a task takes at once."""
        return self._number("threads")

    @property
    def workers_in_all(self) -> int:
        """Workers of each replica, one by one, those that are left over included."""
        return self.workers * self.threads + self._number("idle")

    @property
    def part_used(self) -> float:
        """Part of the workers of a replica that tasks may take: below 1 where some are left over."""
        return self.workers * self.threads / self.workers_in_all

    @property
    def policy(self) -> int:
        """Code of the routing policy; of a stage that follows, that of the stage where its queries have been."""
        return int(self.plan.stages[self.owner if self.follows else self.index]["policy"])

    @property
    def owner(self) -> int:
        """Index of the stage at whose replicas its tasks run."""
        return self._number("owner")

    @property
    def follows(self) -> bool:
        """Whether its tasks go to the replicas whose answers counted there."""
        return bool(self._number("follows"))

    @property
    def balancers(self) -> int:
        """Number of balancers, each of which sees only the tasks that it sent."""
        return self._number("balancers")

    @property
    def is_by_query(self) -> bool:
        """Whether all shards of a query use the same replica."""
        return bool(self._number("by_query"))

    @property
    def is_hashed(self) -> bool:
        """Whether candidates fall on shards by hash; else evenly, by share."""
        return is_hashed(self.plan.stages, self.plan.sources, self.index)

    @property
    def keep(self) -> float:
        """Candidates handed on at most; infinite: all."""
        return float(self.plan.stages[self.index]["keep"])

    @property
    def request_ns(self) -> int:
        """From sending to enqueueing."""
        return self._number("request_ns")

    @property
    def send_ns(self) -> int:
        """Between the sendings to consecutive shards."""
        return self._number("send_ns")

    @property
    def mergers(self) -> int:
        """Mergers that queries queue for; 0: merging is a mere delay."""
        return self._number("mergers")

    @property
    def taken(self) -> float:
        """Share of the queries that take it."""
        return float(self.plan.stages[self.index]["taken"])

    @property
    def is_optional(self) -> bool:
        """Whether queries may pass it by."""
        return self.taken < 1.0

    @property
    def is_cached(self) -> bool:
        """Whether a cache answers some queries in its place."""
        return bool(is_cached(self.plan.stages, self.index))

    @property
    def ends_with_a_hit(self) -> bool:
        """Whether a query is over when its cache has the answer."""
        return self.is_cached and self._number("hit_ends") == 1

    @property
    def may_be_passed(self) -> bool:
        """Whether queries may pass it by: not all take it, or some are over before."""
        return self.is_optional or is_behind(self.plan.stages, self.index)

    @property
    def is_spared(self) -> bool:
        """Whether caches keep some queries from its shards: its own, or one before it with which they are over."""
        return self.is_cached or is_behind(self.plan.stages, self.index)

    @property
    def fans_out(self) -> bool:
        """Whether a query may leave some shards out."""
        return bool(fans_out(self.plan.stages, self.index))

    @property
    def visits(self) -> Law:
        """Of how many shards a query visits, before it is rounded, and cut at one and at all; none: it visits all."""
        return self._law(VISITS)

    @property
    def key(self) -> Law:
        """Whose luck says which shards a query visits, but for the fraction; none: its own."""
        return self._law(KEY)

    @property
    def least_visits(self) -> int:
        """Shards that a query visits, at least; where it goes to those alone where it has been, that may be one."""
        if self.follows and self.fans_out:
            return 1
        return int(within(self.plan.stages, self.index, self.visits.least())) if self.fans_out else self.shards

    @property
    def has_fixed_visits(self) -> bool:
        """Whether every query visits as many shards."""
        return not self.fans_out or (self.visits.is_constant() and not self.follows)

    @property
    def is_keyed(self) -> bool:
        """Whether a query's key says which shards it visits: some are busier than others, by luck."""
        return self.fans_out and bool(self.plan.laws[self.index * ROLES + KEY]["kind"] != NONE)

    @property
    def wait_for(self) -> int:
        """Answers that close it; where queries do not visit as many shards, at least."""
        return int(enough(self.plan.stages, self.index, self.least_visits))

    @property
    def counts_answers(self) -> bool:
        """Whether queries differ in the answers that they get."""
        return bool(counts_answers(self.plan.stages, self.index))

    @property
    def is_partial(self) -> bool:
        """Whether it may close without all of its answers."""
        return bool(is_partial(self.plan.stages, self.index))

    @property
    def waits_for_some(self) -> bool:
        """Whether it does not wait for all of its answers, or not for ever."""
        return bool(waits_for_some(self.plan.stages, self.index))

    @property
    def waits_for_all(self) -> bool:
        """Whether all answers close it, of those that come before it times out."""
        return self._number("wait_for") >= (self._number("wait_parts") or self.shards)

    @property
    def sheds(self) -> bool:
        """Whether its queues are bounded at any load: what is too much is refused, withdrawn, or lost for good."""
        return self.is_limited or self.loses or (self.cancels and self.may_time_out)

    @property
    def is_limited(self) -> bool:
        """Whether its queues hold so many tasks and no more."""
        return bool(refuses(self.plan.stages, self.index))

    @property
    def is_raced(self) -> bool:
        """Whether a shorter task may be served in place of a longer one, which is stopped, or overtaken."""
        overtakes = self.discipline in OVERTAKING or self.is_shared
        return self.cancels and (self._number("cancels") == CANCEL_RUNNING or overtakes)

    @property
    def sends_copies(self) -> bool:
        """Whether a task may be sent to several replicas."""
        return bool(sends_copies(self.plan.stages, self.index))

    @property
    def interferes(self) -> bool:
        """Whether busy workers of a machine slow each other down."""
        return bool(interferes(self.plan.stages, self.index))

    @property
    def per_machine(self) -> int:
        """Neighbouring shards whose replicas of one index share a machine."""
        return self._number("per_machine")

    @property
    def is_busy_by_events(self) -> bool:
        """Whether what happens says how busy its workers are: batches, refusals, withdrawals, copies, keys, ..."""
        counts = self.is_batched or self.is_limited or self.cancels or self.sends_copies or self.is_spared
        return counts or self.interferes or self.is_troubled or self.is_keyed

    @property
    def is_tied(self) -> bool:
        """Whether copies are sent with their task, of which the first that starts withdraws the others."""
        return bool(is_tied(self.plan.stages, self.index))

    @property
    def hedges(self) -> int:
        """Copies of a task, at most."""
        return self._number("hedges")

    @property
    def hedge_ns(self) -> int:
        """After the dispatch of its query a task without an answer is sent again; 0: copies are sent with it."""
        return self._number("hedge_ns")

    @property
    def may_time_out(self) -> bool:
        """Whether it closes after a time with what is there."""
        return bool(times_out(self.plan.stages, self.index))

    @property
    def cancels(self) -> bool:
        """Whether tasks whose answers are no longer needed are withdrawn."""
        return bool(cancels(self.plan.stages, self.index))

    @property
    def stays_taken(self) -> bool:
        """Whether a worker is not free when its answers leave, but after a time."""
        return bool(stays_taken(self.plan.laws, self.index))

    @property
    def discipline(self) -> int:
        """Of its queues: its code."""
        return self._number("discipline")

    @property
    def is_shared(self) -> bool:
        """Whether tasks share the workers of their replica, in place of a queue."""
        return bool(shares(self.plan.stages, self.index))

    @property
    def shard_slice(self) -> slice:
        """The stage's shards among all shards of the funnel."""
        first = self._number("first_shard")
        return slice(first, first + self.shards)

    @property
    def replica_slice(self) -> slice:
        """The stage's replicas among all replicas of the funnel: those of a shard stand together, shard after shard."""
        first = self._number("first_replica")
        return slice(first, first + self.shards * self.replicas)

    @property
    def knot_slice(self) -> slice:
        """The knots of the stage's cost among those of all stages; of several sources, those of the first."""
        source = self.plan.sources[self._number("first_source")]
        return slice(int(source["first_knot"]), int(source["first_knot"] + source["knots"]))

    @property
    def share(self) -> F8:
        """(shards,) share of each shard; a view."""
        return self.plan.share[self.shard_slice]

    @property
    def machine_factor(self) -> F8:
        """(shards, replicas) factor of each machine; a view."""
        return self.plan.machine_factor[self.replica_slice].reshape(self.shards, self.replicas)

    @property
    def is_left(self) -> NDArray[np.bool_]:
        """(shards, replicas) whether a replica takes tasks: the last ones do not where a shard has fewer."""
        return np.arange(self.replicas) < self.replicas_left[:, None]

    @property
    def is_scaled(self) -> bool:
        """Whether an autoscaler says how many of them serve."""
        return is_scaled(self.plan, self.index)

    @property
    def replicas_left(self) -> I8:
        """(shards,) replicas of each that take tasks."""
        return self.plan.left[self.shard_slice]

    @property
    def replicas_in_all(self) -> int:
        """Replicas that take tasks, over all shards."""
        return int(self.replicas_left.sum())

    def laws(self) -> tuple[Law, ...]:
        """The stage's laws, by role, but for those of visits; durations in ns."""
        return tuple(self._law(role) for role in range(VISITS))

    def _law(self, role: int) -> Law:
        table = LawTable(self.plan.laws, self.plan.law_parts, self.plan.law_points)
        return table.law(self.index * ROLES + role)


def stage_views(plan: Plan) -> tuple[StageView, ...]:
    """The stages of a plan, in order."""
    return tuple(StageView(plan, index) for index in range(len(plan.stages)))


def company_of(view: StageView) -> list[StageView]:
    """The stages whose tasks run at the replicas of a stage, itself among them, in order."""
    owner = view.plan.stages[view.index]["owner"]
    return [StageView(view.plan, index) for index in np.flatnonzero(view.plan.stages["owner"] == owner).tolist()]
