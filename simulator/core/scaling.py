"""How many replicas of a stage serve, where an autoscaler says so: its rules, and the steps that come of them.

The replicas of a shard that serve are the first ones, ``count`` of them: the same number in all shards, or what a shard
has. At every control instant, ``every_ns`` after the one before, the autoscaler looks at what has been measured, and
asks for a number. More replicas serve ``delay_ns`` later. If there are to be fewer, the highest go at once, those first
that do not serve yet: they get no more tasks, and finish what they have.

All of it is in whole numbers; shares are in millionths. As with clients that wait, the steps are found first
(``engines``), and the plan that goes on has them, ``provided``: (3, steps) int64, of each its stage, from when on it
counts, and how many serve then. The first of every stage counts from 0 on.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace

import numpy as np

from simulator.core.jit import kernel
from simulator.core.plan import BACKGROUND_GAP, I8, NEVER_NS, NONE, ROLES, Plan, Rows, frozen

#: Rules: by the utilisation of workers, by tasks at a replica, by the load that comes.
HPA, CONCURRENCY, IDEAL = range(3)
#: A share of all, in millionths.
WHOLE = 1_000_000
#: As many more, or fewer, as it likes.
ANY_NUMBER = 2**40
#: Replicas asked for are twice as many as serve, or more: then there is a panic.
PANIC = 2
#: A panic looks at this part of what is looked at else.
PANIC_PART = 10
#: Control instants of a run, at most.
MOST_INSTANTS = 2_000_000

#: Rows of what a plan is provided with.
STAGE, FROM_NS, COUNT = range(3)


@dataclass(frozen=True)
class Scaling:
    """How the replicas of a stage are scaled; durations in ns, shares in millionths."""

    rule: int
    target: int  #: of a worker's time (HPA), of a task at a replica (CONCURRENCY), of a worker's time (IDEAL)
    begins: int  #: replicas at the beginning
    least: int
    most: int
    every_ns: int
    delay_ns: int = 0  #: until a replica that is asked for serves
    metric_delay_ns: int = 0  #: until it is known what was measured
    window: int = 1  #: periods over which is measured
    tolerance: int = 0  #: off the target by this share nothing changes
    up_ns: int = 0  #: for so long the least number that was advised holds
    down_ns: int = 0  #: and the greatest
    up_share: int = 0  #: more at once, by this share of those asked for
    up_number: int = ANY_NUMBER  #: or by this number; what is more counts
    down_share: int = 0
    down_number: int = ANY_NUMBER
    demand: int = 0  #: thousandths of a ns for which a query takes a worker of each shard, in the mean


#: A Scaling, and whose it is.
SCALING = np.dtype([("stage", np.int64), *((name, np.int64) for name in Scaling.__dataclass_fields__)])


def nothing_provided() -> I8:
    """Steps of a plan that has none, or whose steps are not known."""
    return frozen(np.zeros((3, 0), dtype=np.int64))


def with_scaling(plan: Plan, stage: int, scaling: Scaling) -> Plan:
    """The plan one stage of which is scaled so; its replicas are the most that there may be."""
    row = plan.stages[stage]
    assert 1 <= scaling.least <= scaling.begins <= scaling.most <= row["replicas"], "somebody serves, as many as may"
    assert scaling.every_ns >= 1 and scaling.window >= 1 and scaling.target >= 1, "there is something to look at"
    assert min(scaling.delay_ns, scaling.metric_delay_ns, scaling.up_ns, scaling.down_ns) >= 0, "time goes on"
    assert scaling.rule in (HPA, CONCURRENCY, IDEAL) and stage not in plan.scaling["stage"], "by one rule"
    assert scaling.up_number >= 1 or scaling.up_share >= 1, "it may grow"
    assert scaling.rule != IDEAL or not (plan.clients or len(plan.patience)), "it is known who comes"
    assert row["sharing"] == 0, "workers that tasks share are not counted as busy"
    assert plan.laws[stage * ROLES + BACKGROUND_GAP]["kind"] == NONE, "what a replica does besides it does all the time"
    assert (plan.stages["owner"] == row["owner"]).sum() == 1, "it is one stage whose load is looked at"
    assert row["hedge_ns"] > 0 or scaling.least > row["hedges"], "tied copies go to replicas of their own"
    stages = plan.stages.copy()
    stages[stage]["uneven"] = 1
    row = np.array([(stage, *astuple(scaling))], dtype=SCALING)
    rows = np.sort(np.concatenate([plan.scaling, row]), order="stage")
    return replace(plan, stages=frozen(stages), scaling=frozen(rows), provided=nothing_provided())


def without_scaling(plan: Plan) -> Plan:
    """The plan all of whose replicas serve."""
    stages = plan.stages.copy()
    for stage in plan.scaling["stage"].tolist():
        first = int(stages[stage]["first_shard"])
        left = plan.left[first : first + int(stages[stage]["shards"])]
        stages[stage]["uneven"] = left.min() < stages[stage]["replicas"]
    return replace(plan, stages=frozen(stages), scaling=frozen(np.zeros(0), SCALING), provided=nothing_provided())


def is_scaled(plan: Plan, stage: int) -> bool:
    """Whether an autoscaler says how many replicas of a stage serve."""
    return bool((plan.scaling["stage"] == stage).any())


def are_steps_unknown(plan: Plan) -> bool:
    """Whether it is not known how many replicas serve."""
    return len(plan.scaling) > 0 and plan.provided.shape[1] == 0


def steps_of(plan: Plan, stage: int) -> tuple[I8, I8]:
    """(steps,) of a stage: from when on each counts, and how many serve then."""
    mine = plan.provided[:, plan.provided[STAGE] == stage]
    return mine[FROM_NS], mine[COUNT]


def count_at(plan: Plan, stage: int, instants: I8) -> I8:
    """(instants,) how many replicas of a shard serve, or would if it had them, in a plan whose steps are known."""
    from_ns, count = steps_of(plan, stage)
    return np.asarray(count[np.maximum(0, np.searchsorted(from_ns, instants, side="right") - 1)])


def left_at(plan: Plan, stage: int, shard: int, now: int) -> int:
    """How many replicas of a shard take tasks at an instant."""
    left = int(plan.left[int(plan.stages[stage]["first_shard"]) + shard])
    return min(left, int(count_at(plan, stage, np.array([now]))[0])) if is_scaled(plan, stage) else left


@kernel
def serve(stages: Rows, whole: I8, steps: I8, first: int, stage: int, now: int, serving: I8) -> int:
    """Note in ``serving``, (all shards,), how many replicas of each shard of a stage take tasks from an instant on.

    ``whole``: how many there are; ``steps``: (2, steps) from when on each counts, and how many serve then, of which
    those before ``first`` are noted; the last is never. Returns the first that is not due.
    """
    if steps[0, first] > now:
        return first
    while steps[0, first] <= now:
        first += 1
    begin = stages[stage]["first_shard"]
    for shard in range(begin, begin + stages[stage]["shards"]):
        serving[shard] = min(whole[shard], steps[1, first - 1])
    return first


# --- the rules --------------------------------------------------------------------------------------------------------


def up_to(number: int, part: int) -> int:
    """A quotient, rounded up.

    >>> up_to(7, 2), up_to(6, 2)
    (4, 3)
    """
    return -(-number // part)


def by_utilisation(row: Rows, busy_ns: int, provided_ns: int, ready: int, asked: int) -> int:
    """How many replicas the mean utilisation of those that serve asks for (Kubernetes' horizontal pod autoscaler).

    ``ready`` replicas have served for all of what was measured, of ``asked``. Off the target by the tolerance at most
    nothing changes. If more are needed than there are, the others count as idle, and nothing changes if that makes it
    enough.
    """
    used, aim = busy_ns * WHOLE, provided_ns * int(row["target"])  # of those that serve
    if ready < asked and used > aim:
        used, aim = used * ready, aim * asked
        if used < aim or is_within(used, aim, int(row["tolerance"])):
            return asked
        return max(asked, up_to(used * asked, aim))
    if is_within(used, aim, int(row["tolerance"])):
        return asked
    return up_to(used * ready, aim)


def is_within(used: int, aim: int, tolerance: int) -> bool:
    """Whether a quotient is as good as 1."""
    return abs(used - aim) * WHOLE <= tolerance * aim


def advised_within(advised: list[tuple[int, int]], now: int, length_ns: int) -> list[int]:
    """What was advised within a length of time before now."""
    return [number for instant, number in advised if instant > now - length_ns]


def stabilised(row: Rows, advised: list[tuple[int, int]], desired: int, asked: int, now: int) -> int:
    """What is asked for: no more than was advised all the time of ``up_ns``, no fewer than once in ``down_ns``."""
    at_least = min([desired, *advised_within(advised, now, int(row["up_ns"]))])
    at_most = max([desired, *advised_within(advised, now, int(row["down_ns"]))])
    return min(max(asked, at_least), at_most)


def limited(row: Rows, desired: int, asked: int) -> int:
    """What is asked for at one instant: not too many more, or fewer, and between the least and the most."""
    more = max(int(row["up_number"]), up_to(asked * int(row["up_share"]), WHOLE))
    fewer = max(int(row["down_number"]), up_to(asked * int(row["down_share"]), WHOLE))
    desired = min(max(desired, asked - fewer), asked + more)
    return min(max(desired, int(row["least"])), int(row["most"]))


def needs(arrival_ns: I8, workers: int, row: Rows, target: int) -> list[int]:
    """Of each period, how many replicas do the work of the queries that arrive in it, workers busy for a share.

    The last one is cut by the end of the load: it needs no fewer than the one before it, and so do all later ones.
    """
    every_ns = int(row["every_ns"])
    arrived = np.bincount(arrival_ns // every_ns) if int(arrival_ns[-1]) < NEVER_NS else np.zeros(1)
    a_replica = every_ns * workers * target * 1000
    work = [queries * int(row["demand"]) * WHOLE for queries in arrived.astype(np.int64).tolist()]
    needed = [up_to(one, a_replica) for one in work]
    needed[-1] = max(needed[-2:])
    return needed


class Scaler:
    """The autoscaler of one stage: what it has seen and asked for."""

    def __init__(self, plan: Plan, row: Rows) -> None:
        self.row, self.stage = row, int(row["stage"])
        self.shards, workers = (int(plan.stages[self.stage][name]) for name in ("shards", "workers"))
        self.every_ns, self.begins = int(row["every_ns"]), int(row["begins"])
        self.next_ns = self.every_ns
        self.ready = [0] * self.begins  # of each replica asked for: from when on it serves
        self.steps = [(0, self.begins)]
        self.first_new = 0  #: of the steps, which the last decision has changed
        self.advised = [(0, self.begins)]
        self.seen: list[tuple[int, int, int]] = []  # of each period: workers' time taken, and provided, and tasks' time
        self.panic_ns, self.most_in_panic = -1, 0
        self.needs = needs(plan.arrival_ns, workers, row, int(row["target"])) if row["rule"] == IDEAL else []

    @property
    def from_ns(self) -> int:
        """From when on it will look at what happens."""
        return self.next_ns - int(self.row["metric_delay_ns"]) - self.every_ns

    def decide(self) -> None:
        """At the next control instant, for which is ``seen`` what is known then."""
        now, asked = self.next_ns, len(self.ready)
        self.next_ns += self.every_ns
        if not self.seen and not self.needs:
            return
        ready = sum(instant <= now for instant in self.ready)
        desired = self.desired(now, ready, asked)
        desired = min(max(desired, int(self.row["least"])), int(self.row["most"]))
        stable = stabilised(self.row, self.advised, desired, asked, now)
        longest_ns = max(int(self.row["up_ns"]), int(self.row["down_ns"]))
        self.advised = [one for one in self.advised if one[0] > now - longest_ns] + [(now, desired)]
        self.ask(limited(self.row, stable, asked), now)

    def desired(self, now: int, ready: int, asked: int) -> int:
        """What its rule advises."""
        if self.row["rule"] == IDEAL:
            first = now // self.every_ns
            coming = self.needs[first : first + 1 + up_to(int(self.row["delay_ns"]), self.every_ns)]
            return max(coming, default=self.needs[-1])
        if self.row["rule"] == HPA:
            window = int(self.row["window"])
            whole, from_ns = self.mean(window), now - int(self.row["metric_delay_ns"]) - window * self.every_ns
            measured = sum(instant <= max(0, from_ns) for instant in self.ready)
            return by_utilisation(self.row, whole[0], whole[1], measured, asked)
        return self.by_tasks(now, ready)

    def by_tasks(self, now: int, ready: int) -> int:
        """By the tasks that are at replicas that serve, in the mean over time (Knative's pod autoscaler)."""
        window, target = int(self.row["window"]), int(self.row["target"])

        def of(periods: int) -> int:
            length_ns = min(periods, len(self.seen)) * self.every_ns * self.shards
            return up_to(self.mean(periods)[2] * WHOLE, length_ns * target)

        desired, at_once = of(window), of(up_to(window, PANIC_PART))
        if at_once >= PANIC * ready:
            self.panic_ns = now
        elif self.panic_ns >= 0 and now - self.panic_ns > window * self.every_ns:
            self.panic_ns, self.most_in_panic = -1, 0
        if self.panic_ns >= 0:  # it only grows
            self.most_in_panic = max(self.most_in_panic, desired, at_once)
            desired = self.most_in_panic
        return desired

    def mean(self, periods: int) -> tuple[int, int, int]:
        """What was seen in the last periods, in all."""
        busy, provided, there = zip(*self.seen[-periods:], strict=True)
        return sum(busy), sum(provided), sum(there)

    def ask(self, number: int, now: int) -> None:
        """So many replicas are asked for from now on."""
        more = number - len(self.ready)
        if more == 0 and self.ready[-1] < now:
            self.first_new = len(self.steps)
            return
        self.ready = [*self.ready[:number], *[now + int(self.row["delay_ns"])] * more]
        while self.steps[-1][0] >= now:
            self.steps.pop()
        self.first_new = len(self.steps)
        for instant in sorted({instant for instant in self.ready if instant > now} | {now}):
            count = sum(one <= instant for one in self.ready)
            if count != self.steps[-1][1]:
                self.steps.append((instant, count))


def all_steps(scalers: list[Scaler], until_ns: int) -> I8:
    """(3, steps) of all stages, those that count by an instant."""
    rows = [(scaler.stage, *step) for scaler in scalers for step in scaler.steps if step[0] <= until_ns]
    return frozen(np.array(rows, dtype=np.int64).T)
