"""How many replicas serve; and, while that is found, who decides it. The rules stand in ``core.scaling``."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from simulator.core import columns, retrying, scaled, scaling
from simulator.core.plan import I8, NEVER_NS, Plan
from simulator.engines.reference.clock import Clock
from simulator.engines.reference.gather import Copy
from simulator.engines.reference.recorder import Recorder

#: Columns of a table of tasks.
COLUMNS = len(columns.Tasks.__dataclass_fields__)


class Serving:
    """Of one run: by stage the steps that are known, and the replicas of each shard that serve now."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.steps = {
            stage: [*zip(*(column.tolist() for column in scaling.steps_of(plan, stage)), strict=True)]
            for stage in plan.scaling["stage"].tolist()
        }
        self.serving = plan.left.copy()
        self.left = retrying.seen(self.serving) if self.steps else plan.left

    def at(self, stage: int, now: int) -> I8:
        """(all shards,) replicas that take tasks of a stage now."""
        if stage in self.steps:
            row = self.plan.stages[stage]
            shards = slice(int(row["first_shard"]), int(row["first_shard"] + row["shards"]))
            count = next(count for from_ns, count in reversed(self.steps[stage]) if from_ns <= now)
            self.serving[shards] = np.minimum(self.plan.left[shards], count)
        return self.left


class Model(Protocol):
    """Of the run in which it is found."""

    plan: Plan
    clock: Clock
    record: Recorder
    copies: list[Copy] | None
    serving: Serving


class Pace:
    """Before each control instant, all that comes earlier has happened; then autoscalers decide."""

    def __init__(self, plan: Plan, model: Model) -> None:
        self.model, self.autoscaler = model, scaled.Autoscaler(plan)
        self.show()
        model.copies = []

    def step(self) -> None:
        """The next thing happens, and before it whatever is decided earlier."""
        while self.autoscaler.next_ns <= self.model.clock.peek() < NEVER_NS:
            self.decide()
        self.model.clock.step()

    def decide(self) -> None:
        """At a control instant; tasks that nobody looks at any more are forgotten."""
        from_ns, copies = self.autoscaler.from_ns, self.model.copies
        assert copies is not None, "all that were sent are kept"
        table = np.array([copy.row() for copy in copies], dtype=np.int64).reshape(-1, COLUMNS).T
        stays = scaled.over_ns(table) > from_ns
        copies[:] = [copy for copy, is_needed in zip(copies, stays.tolist(), strict=True) if is_needed]
        self.autoscaler.control(table[:, stays])
        self.show()

    def show(self) -> None:
        """What is decided is known."""
        for scaler in self.autoscaler.scalers:
            self.model.serving.steps[scaler.stage] = scaler.steps

    def finish(self, whole: Plan) -> I8:
        """What is left happens, as far as the run goes, of the plan whose arrivals are known; returns all steps."""
        model = self.model
        while model.clock.peek() <= min(whole.end_ns, NEVER_NS):
            self.step()
        until_ns = scaled.matters_until(whole, np.append(model.record.close_ns, model.record.leave_ns))
        while self.autoscaler.next_ns <= until_ns:
            self.decide()
        return self.autoscaler.steps(until_ns)
