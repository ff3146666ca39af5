"""Disciplines of queues: what stands in the table is what replicas do."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.core.assemble import StageParts, assemble
from simulator.core.disciplines import DISCIPLINES
from simulator.core.laws import Law
from simulator.engines import reference


@pytest.mark.parametrize("discipline", DISCIPLINES, ids=lambda one: one.name)
def test_a_discipline_can_be_laid_out_and_serves_in_the_order_of_its_keys(discipline):
    stage = StageParts(candidates=Law.constant(1.0), time=Law.constant(5.0), discipline=discipline.code)
    plan = assemble([stage], np.zeros(9, dtype=np.int64))
    start_ns = reference.simulate(plan, tasks=True).task_table.start_ns
    queue = sorted(range(9), key=lambda number: (discipline.queue_key(number), number))
    assert np.argsort(start_ns, kind="stable").tolist() == queue


def test_a_plan_of_an_unknown_discipline_is_refused():
    with pytest.raises(AssertionError, match="a row of the table"):
        assemble([StageParts(candidates=Law.constant(1.0), discipline=99)], np.zeros(1, dtype=np.int64))
