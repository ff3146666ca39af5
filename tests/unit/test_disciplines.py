"""Disciplines of queues: what stands in the table is what replicas do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.core.assemble import StageParts, assemble
from simulator.core.classes import QueryClass, classified, wanted
from simulator.core.disciplines import DISCIPLINES, queue_key
from simulator.core.laws import Law
from simulator.core.plan import EDF, FIFO, LIFO, NEVER_NS, PRIORITY, SHORTEST
from simulator.core.trace import same_trace
from simulator.engines import compiled, reference
from simulator.engines.compiled.queue import after_first, join, leave
from simulator.engines.compiled.records import BOND, COPY, RANK, REPLICA

#: Nine tasks at one instant, of so much work and of these classes; and who is served when.
WORK = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 1.0]
CLASSES = [QueryClass(priority=-1.0), QueryClass(priority=2.0, deadline_ns=70), QueryClass(deadline_ns=30)]
CLASS_OF = [0, 1, 2, 1, 0, 2, 1, 0, 2]
ORDERS = {
    FIFO: [0, 1, 2, 3, 4, 5, 6, 7, 8],
    LIFO: [8, 7, 6, 5, 4, 3, 2, 1, 0],
    SHORTEST: [1, 3, 8, 6, 0, 2, 4, 7, 5],
    PRIORITY: [1, 3, 6, 2, 5, 8, 0, 4, 7],
    EDF: [2, 5, 8, 1, 3, 6, 0, 4, 7],
}


@pytest.mark.parametrize("discipline", DISCIPLINES, ids=lambda one: one.name)
@pytest.mark.parametrize("engine", [reference, compiled], ids=["reference", "compiled"])
def test_a_discipline_serves_in_the_order_of_its_keys(engine, discipline):
    stage = StageParts(candidates=Law.constant(1.0), time=Law.constant(5.0), discipline=discipline.code)
    plan = classified(assemble([stage], np.zeros(9, dtype=np.int64), np.array(WORK)), CLASSES, CLASS_OF)
    start_ns = engine.simulate(plan, tasks=True).task_table.start_ns
    assert np.argsort(start_ns, kind="stable").tolist() == ORDERS[discipline.code]
    soon = [wanted(plan.classes, plan.class_of, plan.arrival_ns, discipline.code, query) for query in range(9)]
    keys = [(queue_key(discipline.code, number, 5 * work, soon[number]), number) for number, work in enumerate(WORK)]
    assert sorted(range(9), key=keys.__getitem__) == ORDERS[discipline.code]


@pytest.mark.parametrize("discipline", DISCIPLINES, ids=lambda one: one.name)
@pytest.mark.parametrize("seed", range(3))
def test_a_queue_that_grows_and_shrinks_is_always_in_order(seed, discipline):
    """Against a sorted list: 300 steps of joining, of leaving in turn and before it; equal keys among them."""
    draw = np.random.default_rng(seed)
    stage = StageParts(candidates=Law.constant(1.0), time=Law.constant(5.0), discipline=discipline.code)
    arrival_ns = np.sort(draw.integers(0, 100, 300))
    plan = classified(assemble([stage], arrival_ns), CLASSES, draw.integers(0, 3, 300))
    given = compiled.run.Run(plan, tasks=True, event_by_event=(0,)).given
    stages = given.stages
    copies, ranks, replicas = np.zeros(300, dtype=COPY), np.zeros(300, dtype=RANK), np.zeros(1, dtype=REPLICA)
    copies["next"] = replicas["head"] = replicas["tail"] = -1
    bonds, waiting, gone = np.zeros(300, dtype=BOND), [], 0
    for row in range(300):
        copies[row]["alone_ns"] = draw.integers(0, 20)
        copies[row]["query"] = row
        join(given, copies, ranks, bonds, replicas, 0, row)
        soon = wanted(plan.classes, plan.class_of, plan.arrival_ns, discipline.code, row)
        waiting.append((queue_key(discipline.code, row, copies[row]["alone_ns"], soon), row))
        for _ in range(min(len(waiting), max(0, int(draw.integers(-1, 3))))):
            first = min(waiting)
            if draw.random() < 0.3:
                other = waiting.pop(int(draw.integers(len(waiting))))
                leave(stages, copies, ranks, bonds, replicas, 0, other[1])
                gone += 1
                continue
            waiting.remove(first)
            head = int(replicas[0]["head"])
            assert head == first[1]
            replicas[0]["head"] = after_first(stages, copies, ranks, head)
            replicas[0]["waiting"] -= 1
        assert replicas[0]["waiting"] == len(waiting)
        assert int(replicas[0]["head"]) == (min(waiting)[1] if waiting else -1)
    assert replicas[0]["joined"] == 300
    assert len(waiting) > 20
    assert gone > 20


def test_a_plan_of_an_unknown_discipline_is_refused():
    with pytest.raises(AssertionError, match="a row of the table"):
        assemble([StageParts(candidates=Law.constant(1.0), discipline=99)], np.zeros(1, dtype=np.int64))


def test_batches_are_made_in_the_order_of_arrival_alone():
    with pytest.raises(AssertionError, match="in the order of arrival"):
        assemble([StageParts(candidates=Law.constant(1.0), discipline=LIFO, max_size=2)], np.zeros(1, dtype=np.int64))


def test_without_classes_everybody_is_alike():
    part = StageParts(candidates=Law.constant(1.0), time=Law.constant(5.0))
    arrival_ns = np.array([0, 1, 2, 3])
    plain = reference.simulate(assemble([part], arrival_ns), tasks=True)
    for code in (PRIORITY, EDF):
        plan = assemble([replace(part, discipline=code)], arrival_ns)
        assert not same_trace(plain, reference.simulate(plan, tasks=True))
        assert not same_trace(plain, compiled.simulate(plan, tasks=True))


def test_a_deadline_counts_from_the_arrival_and_none_is_the_latest():
    plan = classified(assemble([StageParts(candidates=Law.constant(1.0))], np.array([5, 9, 9])), CLASSES, [1, 2, 0])
    keys = [wanted(plan.classes, plan.class_of, plan.arrival_ns, EDF, query) for query in range(3)]
    assert keys == [75.0, 39.0, np.inf]
    assert plan.classes["deadline_ns"].tolist() == [NEVER_NS, 70, 30]


@pytest.mark.parametrize("class_of", [[0, 3, 1], [0, -1, 1], [0, 1]], ids=["none such", "below", "too few"])
def test_a_query_is_of_a_class_that_there_is(class_of):
    with pytest.raises(AssertionError):
        classified(assemble([StageParts(candidates=Law.constant(1.0))], np.zeros(3, dtype=np.int64)), CLASSES, class_of)
