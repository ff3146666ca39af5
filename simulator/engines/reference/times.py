"""How long things take at a stage: a batch, the way of an answer, and what keeps a worker after it."""

from simulator.core.batching import is_batched
from simulator.core.failures import freezes
from simulator.core.laws.sampling import is_drawn
from simulator.core.neighbours import interferes, slowness
from simulator.core.plan import RESPONSE, ROLES, Plan, Rows
from simulator.core.service import (
    after_of,
    batch_ns,
    has_own_factor,
    response_of,
    same_factor,
    service_ns,
    service_of,
    stays_taken,
)
from simulator.core.slowdowns import is_slowed
from simulator.engines.reference.gather import Copy
from simulator.engines.reference.slowdowns import Timeline


class Times:
    """The times of one stage, asked for at the moment at which they begin."""

    def __init__(self, plan: Plan, run_row: Rows, stage: int) -> None:
        self.plan = plan
        self.stage = stage
        self.is_batched = bool(is_batched(plan.stages, stage))
        self.stays_taken = bool(stays_taken(plan.laws, stage))  #: whether a worker is not free at its finish
        self.luck = run_row, plan.laws, plan.law_parts, plan.law_points
        self.interferes = bool(interferes(plan.stages, stage))  #: whether it matters how busy a machine is
        self.is_slowed = bool(is_slowed(plan.stages, stage) or freezes(plan.stages, stage))
        self.slower: list[float] = (
            plan.machine_factor.tolist()
        )  # an item of a list is found faster than one of an array
        of_stage = plan.stages, plan.sources, plan.laws, stage
        self.factor = None if has_own_factor(*of_stage) else float(same_factor(*of_stage))  # of every task
        self.timelines: dict[int, Timeline] = {}  #: of its replicas that are slow now and then
        is_same = not is_drawn(plan.laws, stage * ROLES + RESPONSE)
        self.same_response_ns = int(response_of(*self.luck, stage, 0, 0, 0)) if is_same else None

    def service_ns(self, batch: list[Copy], busy: int) -> int:
        """How long the tasks take that start now: that of all their items together, with the luck of the first.

        ``busy``: other workers of the machine that are.
        """
        plan, head = self.plan, batch[0]
        alone_ns = head.alone_ns
        if self.is_batched:
            costs = plan.knot_items, plan.knot_ns, plan.knot_slope
            items = 0.0
            for copy in batch:
                items += copy.items
            alone_ns = batch_ns(plan.stages, plan.sources, *costs, plan.batch_points, self.stage, head.shard, items)
        whose = self.stage, head.gather.query, head.shard, head.number
        slower = self.slower[head.replica.index]
        if self.interferes:
            slower *= slowness(plan.stages, self.luck[0], plan.busy_factor, *whose, busy)
        if head.gather.is_own:
            work_ns = service_ns(alone_ns, slower, 1.0)
        elif self.factor is not None:
            work_ns = service_ns(alone_ns, slower, self.factor)
        else:
            work_ns = service_of(plan.stages, plan.sources, *self.luck, *whose, slower, alone_ns)
        return self.during_ns(head.replica.index, head.start_ns, work_ns) if self.is_slowed else work_ns

    def during_ns(self, replica: int, now: int, work_ns: int) -> int:
        """How long so much work takes that starts now at a replica that is slow now and then."""
        if replica not in self.timelines:
            self.timelines[replica] = Timeline(self.plan, self.luck[0], self.stage, replica)
        return self.timelines[replica].finish_ns(now, work_ns) - now

    def response_ns(self, copy: Copy) -> int:
        """How long the answer of a task takes that finishes now."""
        if self.same_response_ns is not None:
            return self.same_response_ns
        return response_of(*self.luck, self.stage, copy.gather.query, copy.shard, copy.number)

    def after_ns(self, batch: list[Copy]) -> int:
        """How long the worker stays taken when the answers of these have gone, with the luck of the first."""
        if batch[0].gather.is_own:
            return 0
        return after_of(*self.luck, self.stage, batch[0].gather.query, batch[0].shard, batch[0].number)
