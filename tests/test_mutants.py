"""Bugs put in on purpose: each must be caught by a named check of ours, or the check is not worth its name."""

from __future__ import annotations

import dataclasses
import heapq
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from walk import Walk

from simulator import planner, scenario_from_dict
from simulator.core import rules
from simulator.core.assemble import StageParts, assemble
from simulator.core.laws import Law
from simulator.core.trace import same_trace
from simulator.engines import compiled, recorder, reference
from simulator.models import SumModel, total
from simulator.stats import share as stats_share
from simulator.stats.quantiles import Series
from simulator.stats.share import Layout
from simulator.testing import plans
from simulator.theory import little
from simulator.workload import arrivals, wave
from simulator.workload.modulation import Modulation, modulated
from simulator.workload.rates import Rate, RatePiece, WavePiece

#: Examples are drawn, not shrunk: a bug is to be seen, not explained.
GENERATE = settings(max_examples=300, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


def walks_agree() -> None:
    """test_engine.py: the engine agrees with an independent walk."""

    @GENERATE
    @given(plans())
    def agree(plan):
        assert same_trace(reference.simulate(plan, tasks=True), Walk(plan).trace()) == ""

    agree()


def invariants_hold() -> None:
    """test_engine.py: every invariant holds."""

    @GENERATE
    @given(plans())
    def hold(plan):
        reference.simulate(plan, tasks=True).verify(plan)

    hold()


def identities_hold() -> None:
    """test_theory.py: identities hold on every sample path."""
    plan = assemble(
        [StageParts([0.5, 0.5], candidates=Law.constant(1.0), time=Law.exponential(5.0))] * 1, np.arange(50)
    )
    assert all(finding.verdict == "agrees" for finding in little([reference.simulate(plan)], plan))


def loads_are_as_asked() -> None:
    """test_workload.py: the rate asked for, and a process whose gaps have the spread of a Poisson process."""
    gaps = np.diff(arrivals.epochs(arrivals.POISSON_GAPS, 5, 0, 50_000))
    assert abs(gaps.mean() - 1) < 5 / math.sqrt(len(gaps))
    assert abs(gaps.std() - 1) < 5 * math.sqrt(2 / len(gaps))


def bursts_are_as_stated() -> None:
    """test_modulation.py: counts have the mean and the dispersion that are stated; five standard errors."""
    states, base = Modulation.of([1, 6], [2.0, 0.5]), Rate([RatePiece(3.0, 10.0, 10.0)])
    counts = np.array(
        [
            len(arrivals.arrivals_until(arrivals.POISSON_GAPS, 2, one, modulated(states, 2, one, base, 3.0)))
            for one in range(1500)
        ]
    )
    mean, error = counts.mean(), counts.std() / math.sqrt(len(counts))
    assert abs(mean - 30) < 5 * error
    relative = 2.0 / 2.5 * 1 + 0.5 / 2.5 * 6  # mean of the rates over time, worked out by hand
    stated = Modulation((1 / relative, 6 / relative), (2.0, 0.5)).dispersion(10.0, 3.0)
    spread = (counts - mean) ** 2
    assert abs(spread.mean() / mean - stated) < 5 * spread.std() / mean / math.sqrt(len(counts))


def waves_are_as_asked() -> None:
    """test_rates.py: queries arrive in every part of a period as often as asked."""
    rate = Rate([WavePiece(200.0, 50.0, 1.9, 10.0)])
    instant_s = arrivals.arrivals_until(arrivals.POISSON_GAPS, 3, 0, rate) * 1e-9
    seen = np.histogram(instant_s % 10.0, np.linspace(0, 10, 11))[0]
    expected = 20 * np.diff(rate.cumulated(np.linspace(0, 10, 11)))
    assert np.all(np.abs(seen - expected) < 6 * np.sqrt(expected))


def intervals_cover() -> None:
    """test_stats.py: of clustered samples, the interval of a percentile covers it as often as it says."""
    truth, inside = -math.log(0.05), 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        values = np.repeat(rng.exponential(size=(8, 100)), 10, axis=1).ravel()  # ten queries share their luck
        found = Series(values, Layout.of([1000] * 8)).quantile(0.95)
        inside += found.low <= truth <= found.high
    assert inside >= 85, inside  # of a nominal 95: less by chance once in ten thousand


def paper_holds() -> None:
    """test_theory.py: a run that contradicts an exact law fails loudly."""
    from simulator.run import simulate

    model = {"kind": "time", "law": {"kind": "exponential", "mean": "1s"}}
    stages = [{"name": "one", "model": model}]
    run = {"queries": 3000, "replications": 10}
    simulate(scenario_from_dict({"name": "mm1", "load": {"rate": "0.5/s"}, "run": run, "stages": stages}))


def last_come_first_served(self):
    self.is_starting = False
    while self.free and self.queue:
        self.given[heapq.heappop(self.free)].give(self.queue.pop())


def idle_for_an_instant(self):
    """Start nothing in the instant of a finish: only at the next enqueue."""
    self.is_starting = False


def one_answer_is_enough(self, at):
    task = at.value
    gather = task.gather
    if self.is_load_aware:
        self.model.outstanding[task.counter] -= task.load
    task.answer_ns = now = self.model.clock.now
    gather.answer_sum_ns += now - gather.enter_ns
    gather.missing -= 1
    if gather.missing == self.shards - 1:
        self.model.record.close(task, now)
        gather.closed.give()


def outstanding_until_finish(self, at):
    task = at.value
    gather = task.gather
    task.answer_ns = now = self.model.clock.now
    gather.answer_sum_ns += now - gather.enter_ns
    gather.missing -= 1
    if gather.missing == 0:
        self.model.record.close(task, now)
        gather.closed.give()


def waits_from_arrival(self, task):
    query = task.gather.query
    if query >= self.first_measured:
        replica = task.replica.index
        self.tasks[replica] += 1
        self.busy_ns[replica] += task.finish_ns - task.start_ns
        self.waiting_ns[replica] += task.start_ns - task.gather.enter_ns


def warm_up_is_counted(self, task):
    replica, wait = task.replica.index, task.start_ns - task.enqueue_ns
    self.tasks[replica] += 1
    self.busy_ns[replica] += task.finish_ns - task.start_ns
    self.waiting_ns[replica] += wait
    self.longest_wait_ns[replica] = max(wait, self.longest_wait_ns[replica])


def merge_without_workers(self, key):
    yield reference.At(self.model.clock, self.model.clock.now + self.merge_ns, rules.MERGED, key)


def gaps_clipped_at_three(kind, seed, replication, count, first=0, reached=0.0):
    rng = np.random.default_rng(seed)
    return np.cumsum(np.minimum(rng.exponential(size=count), 3.0))


def gaps_of_whole_milliseconds(kind, seed, replication, count, first=0, reached=0.0):
    return np.cumsum(np.random.default_rng(seed).poisson(1000, size=count) / 1000)


HONEST_PATH = Modulation.path


def calm_at_first(self, seed, replication, count):
    """The first state at 0, instead of one drawn in proportion to dwell."""
    edge_s, _ = HONEST_PATH(self, seed, replication, count)
    return edge_s, np.resize(np.array(self.factors), count)


def states_of_equal_length(self, seed, replication, count):
    _, factor = HONEST_PATH(self, seed, replication, count)
    dwell_s = np.where(factor == self.factors[0], self.dwells_s[0], self.dwells_s[1])
    return np.concatenate([[0.0], np.cumsum(dwell_s)]), factor


def rates_not_weighted_by_dwell(rates, dwells_s):
    return Modulation(tuple(rate / np.mean(rates) for rate in rates), tuple(dwells_s))


def always_the_mean(depth, level):
    return level


def leave_late(self, gather, now):
    self.leave_ns[gather.stage.index, gather.query] = now + 1


def twice_as_fast(plan, tasks=False, **more):
    factor = plan.machine_factor / 2
    factor.flags.writeable = False
    return HONEST(dataclasses.replace(plan, machine_factor=factor), tasks, **more)


def luck_is_of_machines() -> None:
    """unit/test_machines.py: replicas of one machine, and no others, share its factor."""
    variability = {"machine": {"kind": "lognormal", "cv": 0.2}}
    model = {"kind": "tree", "per_item": "1us"}
    stage = {"name": "one", "candidates": 1, "model": model, "shards": 4, "replicas": 2, "per_machine": 2}
    values = {"name": "s", "load": {"rate": "1/s"}, "stages": [{**stage, "variability": variability}]}
    factor = planner.machine_factors(scenario_from_dict(values), 0).reshape(4, 2)
    assert np.array_equal(factor[[0, 2]], factor[[1, 3]])
    assert len(set(factor.ravel())) == 4


def sums_are_of_all_parts() -> None:
    """unit/test_models.py, test_theory.py: a sum takes as long as its parts."""
    parts = [{"kind": "time", "law": "1ms"}, {"kind": "tree", "per_item": "1ms"}, {"kind": "deep", "per_item": "2ms"}]
    stage = {"name": "one", "candidates": 1, "model": {"kind": "sum", "parts": parts}}
    values = {"name": "s", "load": {"rate": "1/s"}, "run": {"queries": 10}, "stages": [stage]}
    trace = compiled.simulate(planner.make_plan(scenario_from_dict(values)), tasks=True)
    assert trace.task_table is not None
    assert set((trace.task_table.finish_ns - trace.task_table.start_ns).ravel().tolist()) == {4_000_000}


def rows_share_a_machine(stage, shard, replica):
    return shard // stage.per_machine


HONEST_DISPATCH = reference.dispatch


def machines_are_never_lost(stages, *rest):
    whole = np.array(stages)
    whole["lost"] = 0
    whole.flags.writeable = False
    return HONEST_DISPATCH(whole, *rest)


def losses_are_of_machines() -> None:
    """test_lost_machine.py: a machine takes one replica of each of its own shards with it, and no other."""
    model = {"kind": "tree", "per_item": "1us"}
    stage = {"name": "one", "candidates": 1, "model": model, "shards": 4, "replicas": 2, "per_machine": 2}
    values = {"name": "s", "load": {"rate": "1/s"}, "run": {"queries": 20}, "stages": [{**stage, "lost_machine": 3}]}
    trace = reference.simulate(planner.make_plan(scenario_from_dict(values)))
    assert (trace.tasks.reshape(4, 2) > 0).tolist() == [[True, True], [True, True], [True, False], [True, False]]


def a_lost_machine_takes_its_row(stage):
    return (0, 0) if stage.lost_machine is None else (0, stage.shards)


HONEST = compiled.simulate


def independent_queries(tallies, layout, clustering):
    """The textbook's binomial interval, as if no two queries shared their luck."""
    p = tallies.bad / layout.queries
    half = 1.96 * np.sqrt(np.maximum(p * (1 - p), 1e-12) / layout.queries)
    return np.maximum(0.0, p - half), np.minimum(1.0, p + half)


#: The bug, where it is put, and the check that must catch it.
MUTANTS = {
    "last come, first served": (
        reference.Replica,
        "start",
        lambda self, _: last_come_first_served(self),
        invariants_hold,
    ),
    "a free worker stays idle": (
        reference.Replica,
        "start",
        lambda self, _: idle_for_an_instant(self),
        invariants_hold,
    ),
    "a stage closes at the first answer": (reference.Stage, "answer", one_answer_is_enough, invariants_hold),
    "outstanding is never taken back": (reference.Stage, "answer", outstanding_until_finish, walks_agree),
    "mergers without a queue": (reference.Stage, "merge", merge_without_workers, walks_agree),
    "waiting counted from the arrival": (recorder.Recorder, "finish", waits_from_arrival, invariants_hold),
    "warm-up counted": (recorder.Recorder, "finish", warm_up_is_counted, invariants_hold),
    "left a nanosecond late": (recorder.Recorder, "leave", leave_late, invariants_hold),
    "starts before enqueues of the instant": (reference, "START", rules.ARRIVE, walks_agree),
    "answers before finishes": (reference, "FINISH", rules.GATHER_TIMEOUT, walks_agree),
    "machines twice as fast as said": (compiled, "simulate", twice_as_fast, paper_holds),
    "tasks for a lost machine": (reference, "dispatch", machines_are_never_lost, invariants_hold),
    "a lost machine takes its row": (planner, "lost_shards", a_lost_machine_takes_its_row, losses_are_of_machines),
    "replicas of a shard on one machine": (planner, "machine_of", rows_share_a_machine, luck_is_of_machines),
    "a sum forgets its fixed time": (SumModel, "law", None, sums_are_of_all_parts),
    "a sum of the first of its parts": (total, "added", lambda functions: functions[0], sums_are_of_all_parts),
    "gaps clipped at three means": (arrivals, "epochs", gaps_clipped_at_three, loads_are_as_asked),
    "gaps of whole milliseconds": (arrivals, "epochs", gaps_of_whole_milliseconds, loads_are_as_asked),
    "calm at the beginning": (Modulation, "path", calm_at_first, bursts_are_as_stated),
    "states of equal length": (Modulation, "path", states_of_equal_length, bursts_are_as_stated),
    "rates not weighted by dwell": (Modulation, "of", rates_not_weighted_by_dwell, bursts_are_as_stated),
    "a wave that is flat": (wave, "turns", always_the_mean, waves_are_as_asked),
    "queries taken for independent": (stats_share, "share_ends", independent_queries, intervals_cover),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_seeded_bug_is_caught(name, monkeypatch):
    where, what, bug, check = MUTANTS[name]
    monkeypatch.setattr(where, what, bug)
    if where is stats_share:
        monkeypatch.setattr("simulator.stats.levels.share_ends", bug)
    with pytest.raises((AssertionError, RuntimeError)):  # a contradiction is a RuntimeError
        check()


@pytest.mark.parametrize(
    "check", dict.fromkeys(mutant[3] for mutant in MUTANTS.values()), ids=lambda check: check.__name__
)
def test_the_check_passes_without_the_bug(check):
    check()
