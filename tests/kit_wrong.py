"""Small wrong models, laws, arrivals, rules and scenarios: one made for each law that the kit checks, and breaks it.

``docs/laws.md`` names them as seeded bugs.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from simulator.core.laws import Law
from simulator.core.plan import NEVER_NS
from simulator.engines import compiled, reference
from simulator.models import DeepModel, Hardware, SumModel, TreeModel
from simulator.plugins import Duration, PositiveCount, PositiveDuration, arrivals, cost_model, law, routing
from simulator.scenario import Scenario
from simulator.testing import check_arrivals, check_law, check_model, check_rule, check_scenario, plans, scenarios


@dataclass(frozen=True)
class Wrong:
    """Something that breaks a law, and is told by a check."""

    law: str
    name: str
    check: Callable[..., Any]
    subject: Any
    edit: Callable[[pytest.MonkeyPatch], None] | None = None  #: what is made wrong for it


# --- cost models ------------------------------------------------------------------------------------------------------


class Tree:
    """What the wrong models have in common: a right one."""

    def __init_subclass__(cls) -> None:
        cls.__annotations__ = {
            "trees": PositiveCount,
            "depth": PositiveCount,
            "visit": PositiveDuration,
            "overhead": Duration,
        }
        cls.overhead = 1e-6
        cost_model(cls)

    def service_s(self, items):
        return self.overhead + items * self.trees * self.depth * self.visit


class Right(Tree):
    order = "O(trees x depth)"

    def operations(self, items):
        return items * self.trees * self.depth


class NoAnswer(Tree):
    def service_s(self, items):
        return self.overhead + self.visit * items * math.log(items)


class Forgetful(Tree):
    calls = itertools.count()

    def service_s(self, items):
        return self.overhead + items * self.visit * (1 + next(self.calls) % 2)


class Negative(Tree):
    def service_s(self, items):
        return self.overhead + (items - 2) * self.visit


class Saturating(Tree):
    def service_s(self, items):
        return self.overhead + self.visit * (items if items < 100 else 100 - min(50, items - 100))


class Superlinear(Tree):
    def service_s(self, items):
        return self.overhead + self.visit * items**1.5


class Microseconds(Tree):
    def service_s(self, items):
        return 1e-5 + items * self.visit


class Shallow(Tree):
    order = "O(trees x depth)"

    def service_s(self, items):
        return self.overhead + items * self.trees * self.visit / self.depth


class Rooted(Tree):
    order = "O(trees x depth)"

    def service_s(self, items):
        return self.overhead + items * self.trees * math.sqrt(self.depth) * self.visit


class Miscounted(Tree):
    def operations(self, items):
        return self.trees * self.depth * (items + 1)


def plan_without_overhead(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        "simulator.models.plugged.PluggedModel.pieces", lambda self: (dataclasses.replace(self.table[0], seconds=0.0),)
    )


class Overclocked(DeepModel):
    """A network whose kernel is the slower the faster memory is."""

    def pieces(self):
        slow = dataclasses.replace(
            self.hardware, flops_per_s=self.hardware.flops_per_s**2 / self.hardware.memory_bandwidth_bytes_per_s
        )
        return DeepModel(flop_per_item=self.flop_per_item, parameters=self.parameters, hardware=slow).pieces()


FAST = Overclocked(flop_per_item=1e6, parameters=1e4, hardware=Hardware(1e9, 1e12))


class Halved(DeepModel):
    """A network that takes half of what its operations need."""

    def pieces(self):
        return tuple(
            dataclasses.replace(piece, seconds_per_item=piece.seconds_per_item / 2) for piece in super().pieces()
        )


class Owing(Tree):
    @property
    def parameter_bytes(self):
        return 8 * (self.trees - 50)


class Parallel(SumModel):
    """Parts one beside another."""

    def pieces(self):
        return self.parts[0].pieces()


TREES = TreeModel(per_item_s=1e-6)
HALVED = Halved(flop_per_item=1e6, hardware=Hardware(1e9, 1e12))

MODELS = (
    Wrong("M1", "time of no item is not a number", check_model, NoAnswer),
    Wrong("M1", "time that depends on calls before", check_model, Forgetful),
    Wrong("M2", "negative time of few items", check_model, Negative),
    Wrong("M3", "many items take less time", check_model, Saturating),
    Wrong("M4", "batch dearer than its parts", check_model, Superlinear),
    Wrong("M5", "overhead written as a number", check_model, Microseconds),
    Wrong("M6", "cost decreasing in depth", check_model, Shallow),
    Wrong("M7", "root of depth called its product", check_model, Rooted),
    Wrong("M8", "operations of one item too many", check_model, Miscounted),
    Wrong("M9", "plan without the overhead", check_model, Right, plan_without_overhead),
    Wrong("M10", "slower on faster hardware", check_model, FAST),
    Wrong("M11", "parts one beside another", check_model, Parallel((TREES, TREES))),
    Wrong(
        "M12", "half of what its operations need", check_model, Halved(flop_per_item=1e6, hardware=Hardware(1e9, 1e12))
    ),
    Wrong("M13", "few trees take less than no bytes", check_model, Owing),
)


# --- laws -------------------------------------------------------------------------------------------------------------


class Uniform:
    """What the wrong laws have in common: a right one, uniform from 0 to twice its mean."""

    def __init_subclass__(cls, factor: bool = False) -> None:
        cls.__annotations__ = {} if factor else {"middle": PositiveDuration}
        if factor:
            cls.middle = 1.0
        law(factor=factor)(cls)

    def quantile(self, u):
        return 2 * self.middle * u

    def mean(self):
        return self.middle

    def cv(self):
        return 1 / math.sqrt(3)

    def cdf(self, x):
        return np.clip(x / (2 * self.middle), 0.0, 1.0)


class RightLaw(Uniform):
    pass


class RightFactor(Uniform, factor=True):
    pass


class EndsInfinite(Uniform):
    def quantile(self, u):
        return np.where(u > 1 - 2.0**-52, np.inf, 2 * self.middle * u)


class Falls(Uniform):
    def quantile(self, u):
        return 2 * self.middle * (1 - u)


class OtherMean(Uniform):
    def mean(self):
        return 1.01 * self.middle


class OtherSpread(Uniform):
    def cv(self):
        return 0.5


class OtherDistribution(Uniform):
    def cdf(self, x):
        return np.clip(x / (2 * self.middle), 0.0, 1.0) ** 2


class FewReversed(Uniform):
    def quantile(self, u):
        return 2 * self.middle * (u[::-1] if len(u) < 6 else u)


class WritesFew(Uniform):
    def quantile(self, u):
        value = 2 * self.middle * u
        if len(u) < 6:
            u[:] = value
        return value


class AtLeastAMillisecond(Uniform):
    def quantile(self, u):
        return np.maximum(1e-3, 2 * self.middle * u)

    mean = cv = cdf = None


class HeavyFactor(Uniform, factor=True):
    def quantile(self, u):
        return 2.2 * u

    def mean(self):
        return 1.1

    def cdf(self, x):
        return np.clip(x / 2.2, 0.0, 1.0)


class BelowZero(Uniform):
    def cdf(self, x):
        return np.clip(np.abs(x) / (2 * self.middle), 0.0, 1.0)


def table_of_the_median(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("simulator.testing.checks.laws.law_of", lambda name, thing, factor: Law.constant(thing.middle))


def mixture_forgets_a_part(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Law, "mixture", staticmethod(lambda parts: parts[0][1].scaled(2.0)))


LAWS = (
    Wrong("L1", "infinite at the greatest uniform", check_law, EndsInfinite),
    Wrong("L2", "values that fall", check_law, Falls),
    Wrong("L3", "mean one percent off", check_law, OtherMean),
    Wrong("L4", "spread not as stated", check_law, OtherSpread),
    Wrong("L5", "distribution function of another law", check_law, OtherDistribution),
    Wrong("L6", "value that depends on the others", check_law, FewReversed),
    Wrong("L6", "uniforms written over", check_law, WritesFew),
    Wrong("L7", "least value written as a number", check_law, AtLeastAMillisecond),
    Wrong("L8", "factor that makes times longer", check_law, HeavyFactor),
    Wrong("L9", "plan with the median alone", check_law, RightLaw, table_of_the_median),
    Wrong("L10", "distribution function below 0", check_law, BelowZero),
    Wrong("L11", "mixture of one part", check_law, Law.exponential(1.0), mixture_forgets_a_part),
)


# --- arrivals ---------------------------------------------------------------------------------------------------------


class Exponential:
    """What the wrong arrivals have in common: right ones, Poisson."""

    dispersion = 1.0

    def __init_subclass__(cls) -> None:
        arrivals(cls)

    def gaps(self, u, v, first):
        return -np.log1p(-u)


class RightArrivals(Exponential):
    pass


class Backwards(Exponential):
    def gaps(self, u, v, first):
        return 1 + 2 * np.log(u / (1 - u)) / 3


class Clipped(Exponential):
    def gaps(self, u, v, first):
        return np.minimum(3.0, -np.log1p(-u))


class Burstier(Exponential):
    dispersion = 1.5


class FirstAtOnce(Exponential):
    def gaps(self, u, v, first):
        return np.concatenate([[1.0], -np.log1p(-u[1:])])


class WritesU(Exponential):
    def gaps(self, u, v, first):
        np.log1p(-u, out=u)
        return -u


class OwnLuck(Exponential):
    def gaps(self, u, v, first):
        return -np.log1p(-np.random.default_rng(7 + first).random(len(u)))


def rate_in_gaps(patch: pytest.MonkeyPatch) -> None:
    """Twice the rate is thinned, not pressed together."""
    from simulator.testing.checks import processes

    honest = processes.arrivals_counted

    def thinned(gaps, seed, replication, rate, count):
        return honest(gaps, seed, replication + int(rate.instants(np.array([1.0]))[0] < 1e-3), rate, count)

    patch.setattr(processes, "arrivals_counted", thinned)


def one_replication(patch: pytest.MonkeyPatch) -> None:
    from simulator.testing.checks import processes

    honest = processes.epochs
    patch.setattr(processes, "epochs", lambda gaps, seed, _, count: honest(gaps, seed, 0, count))


def negative_start(patch: pytest.MonkeyPatch) -> None:
    from simulator.testing.checks import processes

    honest = processes.epochs
    patch.setattr(processes, "epochs", lambda gaps, seed, run, count: honest(gaps, seed, run, count) - 0.6)


ARRIVALS = (
    Wrong("A1", "gaps below 0", check_arrivals, Backwards),
    Wrong("A2", "gaps clipped at three means", check_arrivals, Clipped),
    Wrong("A3", "burstier than they are", check_arrivals, Burstier),
    Wrong("A4", "first gap of each chunk fixed", check_arrivals, FirstAtOnce),
    Wrong("A5", "uniforms written over by gaps", check_arrivals, WritesU),
    Wrong("A6", "other queries at another rate", check_arrivals, RightArrivals, rate_in_gaps),
    Wrong("A7", "one sequence for all replications", check_arrivals, Law.exponential(1.0), one_replication),
    Wrong("A8", "an arrival before 0", check_arrivals, Law.constant(1.0), negative_start),
)


# --- rules ------------------------------------------------------------------------------------------------------------


@routing(looks_at="outstanding")
def right_rule(replicas, outstanding, turn, u, v):
    one, two = int(u * replicas), int(v * replicas)
    return one if outstanding[one] <= outstanding[two] else two


@routing
def rounds_up(replicas, outstanding, turn, u, v):
    return round(u * replicas)


_calls = itertools.count()


@routing
def counts_calls(replicas, outstanding, turn, u, v):
    return next(_calls) % replicas


def takes_its_place(replicas, outstanding, turn, u, v):
    outstanding.flags.writeable = True
    outstanding[int(u * replicas)] += 1
    return int(u * replicas)


@routing(looks_at="outstanding")
def first_of_the_least(replicas, outstanding, turn, u, v):
    return int(outstanding.argmin())


@routing
def turns_without_the_last(replicas, outstanding, turn, u, v):
    return turn % max(1, replicas - 1)


@routing
def looks_all_the_same(replicas, outstanding, turn, u, v):
    one, two = int(u * replicas), int(v * replicas)
    return one if outstanding[one] <= outstanding[two] else two


@routing(looks_at="outstanding")
def busier_of_two(replicas, outstanding, turn, u, v):
    one, two = int(u * replicas), int(v * replicas)
    return one if outstanding[one] >= outstanding[two] else two


def compiled_otherwise(patch: pytest.MonkeyPatch) -> None:
    from simulator.testing.checks import choices

    patch.setattr(choices, "_in_machine_code", lambda rule: lambda replicas, outstanding, turn, u, v: replicas - 1)


RULES = (
    Wrong("R1", "an index too many", check_rule, rounds_up),
    Wrong("R2", "a rule that counts its calls", check_rule, counts_calls),
    Wrong("R3", "a rule that keeps the count itself", check_rule, takes_its_place),
    Wrong("R4", "ties to the first replica", check_rule, first_of_the_least),
    Wrong("R5", "the last replica never has its turn", check_rule, turns_without_the_last),
    Wrong("R6", "load looked at in secret", check_rule, looks_all_the_same),
    Wrong("R7", "the busier of two", check_rule, busier_of_two),
    Wrong("R8", "compiled to the last replica", check_rule, right_rule, compiled_otherwise),
)


# --- scenarios --------------------------------------------------------------------------------------------------------


def frozen(value):
    copy = np.array(value)
    copy.flags.writeable = False
    return copy


Edit = Callable[[pytest.MonkeyPatch], None]


def traces_with(change: Callable[..., dict[str, Any]]) -> Edit:
    """Both engines give traces with other columns: ``change(trace)`` says which."""

    def edit(patch: pytest.MonkeyPatch) -> None:
        for engine in (compiled, reference):

            def simulate(plan, tasks=False, *, honest=engine.simulate, **more):
                trace = honest(plan, tasks=tasks, **more)
                return dataclasses.replace(trace, **change(trace))

            patch.setattr(engine, "simulate", simulate)

    return edit


def runs_with(change: Callable[..., Any], engines: tuple[Any, ...] = (compiled, reference)) -> Edit:
    """Engines simulate another plan than they are given: ``change(plan, tasks, more)``."""

    def edit(patch: pytest.MonkeyPatch) -> None:
        for engine in engines:

            def simulate(plan, tasks=False, *, honest=engine.simulate, **more):
                return honest(change(plan, tasks, more), tasks=tasks, **more)

            patch.setattr(engine, "simulate", simulate)

    return edit


def tasks_with(**changes: Callable[[Any], Any]) -> Edit:
    """Other columns of the table of tasks."""

    def change(trace):
        if trace.task_table is None:
            return {}
        new = {name: made(getattr(trace.task_table, name)) for name, made in changes.items()}
        return {"task_table": dataclasses.replace(trace.task_table, **new)}

    return traces_with(change)


def without_table(**changes: Callable[[Any], Any]) -> Edit:
    """Other columns, where no table of tasks is kept."""

    def change(trace):
        return {} if trace.task_table else {name: made(getattr(trace, name)) for name, made in changes.items()}

    return traces_with(change)


def slower_where(condition: Callable[..., Any], engines: tuple[Any, ...] = (compiled, reference)) -> Edit:
    """Machines three times as slow, under a condition on (plan, tasks, other arguments)."""

    def change(plan, tasks, more):
        return _slower(plan, 3.0) if condition(plan, tasks, more) else plan

    return runs_with(change, engines)


def _slower(plan, factor: float):
    return dataclasses.replace(plan, machine_factor=frozen(plan.machine_factor * factor))


def slower_by(factor: Callable[..., float]) -> Edit:
    """Machines slower by a factor that depends on the plan."""

    return runs_with(lambda plan, tasks, more: _slower(plan, factor(plan)))


def last_query_lost(trace):
    leave = trace.leave_ns.copy()
    leave[-1, -1] = -1
    return {"leave_ns": leave}


def a_ns_more(column: str) -> Callable[..., dict[str, Any]]:
    return lambda trace: {column: getattr(trace, column) + 1}


def shares_of_the_first(plan, tasks, more):
    """Without a table, all shards of a stage count as the first one does."""
    if tasks:
        return plan
    share, within = np.array(plan.share), np.array(plan.source_share)
    for row in plan.stages:
        here = slice(row["first_shard"], row["first_shard"] + row["shards"])
        share[here], within[here] = share[row["first_shard"]], within[row["first_shard"]]
    return dataclasses.replace(plan, share=frozen(share), source_share=frozen(within))


def another_seed_written(patch: pytest.MonkeyPatch) -> None:
    honest = Scenario.resolved

    def resolved(self):
        values = honest(self)
        return {**values, "run": {**values["run"], "seed": 12345}}

    patch.setattr(Scenario, "resolved", resolved)


def again_differently(patch: pytest.MonkeyPatch) -> None:
    """The same plan once more, and machines are slower."""
    last: list[Any] = [None]

    def is_repeated(plan, tasks, more):
        again, last[0] = last[0] == (id(plan), tasks), (id(plan), tasks)
        return again

    slower_where(is_repeated, (reference,))(patch)


small = functools.partial(
    plans,
    most_queries=4,
    most_stages=1,
    shards=1,
    workers=1,
    neighbours=False,
    slowdowns=False,
    failures=False,
    outages=False,
    limits=False,
    sharing=False,
    background=False,
)


def planned_with(**changes: Callable[[Any], Any]) -> Edit:
    """The planner makes another plan."""

    def edit(patch: pytest.MonkeyPatch) -> None:
        from simulator.testing.checks import walks

        def make_plan(scenario, replication=0, *, honest=walks.make_plan):
            plan = honest(scenario, replication)
            return dataclasses.replace(plan, **{name: frozen(made(plan)) for name, made in changes.items()})

        patch.setattr(walks, "make_plan", make_plan)

    return edit


def one_worker(plan):
    stages = np.array(plan.stages)
    stages["workers"] = 1
    return stages


a_factor_each = planned_with(machine_factor=lambda plan: 1 + 0.1 * np.arange(plan.replicas))
slower_plan = planned_with(stages=one_worker)

TURNS = small(policies=["round_robin"], replicas=2, is_cut=False)
UNCACHED = small(policies=["round_robin"], replicas=2, is_cut=False, caches=False)
BUSY = small(queries=4, stages=1, workers=2, policies=["round_robin"], is_cut=False)
TWO_SHARDS = small(shards=2, is_cut=False)
ANSWERED = small(
    policies=["round_robin"],
    replicas=2,
    stages=1,
    is_cut=False,
    gathers=False,
    fan_outs=False,
    hedges=False,
    batches=1,
)
ONE_STAGE = small(policies=["round_robin"], replicas=2, stages=1, is_cut=False)


def wrong(law: str, name: str, edit: Edit, subject: Any = TURNS) -> Wrong:
    return Wrong(law, name, check_scenario, subject, edit)


SCENARIOS = (
    wrong("S1", "the last query never leaves", traces_with(last_query_lost)),
    wrong("S2", "answers before they are finished", tasks_with(answer_ns=lambda ns: np.where(ns < 0, ns, ns - 9))),
    wrong("S3", "two tasks at one worker", tasks_with(worker=lambda one: np.minimum(one, 0)), small(workers=2)),
    wrong(
        "S4",
        "a service counted longer",
        traces_with(lambda trace: {"critical_service_ns": trace.critical_service_ns + 1}),
    ),
    wrong("S5", "waits counted longer", traces_with(a_ns_more("waiting_ns"))),
    wrong("S6", "all tasks at one replica", tasks_with(replica=lambda one: one * 0), small(shards=2)),
    wrong("S7", "answers summed wrong without a table", without_table(answer_sum_ns=lambda ns: ns + 1)),
    wrong("S8", "machines twice as fast as said", slower_by(lambda plan: 0.5)),
    wrong("S9", "a task not counted without a table", without_table(tasks=lambda count: np.maximum(0, count - 1))),
    wrong("S10", "slower machines after 12 ns", slower_where(lambda plan, *_: plan.arrival_ns[-1] > 12)),
    wrong(
        "S11",
        "all shards like the first without a table",
        runs_with(shares_of_the_first),
        small(shards=2, is_cut=False, gathers=False, hedges=False),
    ),
    wrong(
        "S12",
        "slower machines where there are two stages",
        slower_where(lambda plan, *_: len(plan.stages) > 1),
        ONE_STAGE,
    ),
    wrong("S13", "a replica alone is slower", slower_by(lambda plan: 3.0 if plan.replicas == 1 else 1.0), UNCACHED),
    wrong(
        "S14",
        "several shards are slower each",
        slower_by(lambda plan: float(plan.stages[0]["shards"])),
        small(shards=1, stages=1, is_cut=False),
    ),
    wrong("S15", "another seed where it is written out", another_seed_written, scenarios(stages=1)),
    wrong("S16", "a heavy query speeds machines up", slower_by(lambda plan: 1 / max(1.0, plan.work.max())), ANSWERED),
    wrong(
        "S17",
        "workers disturb one another",
        slower_by(lambda plan: float(plan.stages[0]["workers"])),
        small(workers=1, stages=1, replicas=1, policies=["round_robin"], is_cut=False, fan_outs=False),
    ),
    wrong("S18", "quicker the more queries will come", slower_by(lambda plan: 1 / plan.queries), BUSY),
    wrong("S19", "slower after a microsecond", slower_where(lambda plan, *_: plan.arrival_ns[0] >= 1000)),
    wrong("S20", "slower machines where the run is cut", slower_where(lambda plan, *_: plan.drain_ns != NEVER_NS)),
    wrong("S21", "a factor for each replica", a_factor_each, scenarios(stages=1, shards=2)),
    wrong("S22", "a worker less in the plan", slower_plan, scenarios(stages=1, workers=2)),
    wrong("E1", "slower machines in the compiled engine", slower_where(lambda *_: True, (compiled,))),
    wrong("E2", "slower machines event by event", slower_where(lambda plan, tasks, more: more, (compiled,))),
    wrong("E3", "slower machines without a table", slower_where(lambda plan, tasks, more: not tasks, (reference,))),
    wrong("E4", "slower machines when a run is repeated", again_differently),
)

WRONG = (*MODELS, *LAWS, *ARRIVALS, *RULES, *SCENARIOS)
