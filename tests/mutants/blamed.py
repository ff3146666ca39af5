"""Checks of explanations: what latency is blamed on, who is named, and what would shorten it."""

from __future__ import annotations

from typing import Any

import numpy as np
from attempt_plans import attempt_plans
from blame_walk import assert_blamed, assert_ideal
from held import drawn, law
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.plan import Plan
from simulator.testing import plans

ANY = st.one_of(
    plans(batches=3, slowdowns=True),
    plans(slowdowns=True),
    plans(failures=True, hedges=True, replicas=2),
    plans(hedges=True, replicas=3),
    plans(shards=3),
    attempt_plans(),
)


@drawn(700)
@given(ANY)
def causes_add_up(plan: Plan) -> None:
    """unit/test_blame.py: causes sum to latencies, and are those of a walk by itself."""
    with law("T11"):
        assert_blamed(plan)


@drawn(200)
@given(plans(shards=3, replicas=2))
def ideals_are_by_hand(plan: Plan) -> None:
    """test_explain.py: answers moved one by one."""
    with law("T11"):
        assert_ideal(plan)


def chance_is_by_hand() -> None:
    """unit/test_lasting.py: of blocks and of queries, the larger probability; and adjusted for their number."""
    from scipy.stats import binom
    from scipy.stats import t as student

    from simulator.explaining.lasting import Counts, by_chance, holm

    seen = np.array([[30.0, 10.0], [2.0, 2.0], [40.0, 0.0], [3.0, 1.0]])
    expected = np.repeat(seen.sum(axis=1, keepdims=True) / 2, 2, axis=1)
    more = (seen - expected)[:, 0]
    by_blocks, by_queries = student.sf(more.sum() / np.sqrt(4 * more.var(ddof=1)), 3), binom.sf(74, 88, 0.5)
    assert by_blocks > by_queries
    with law("T11"):
        found = by_chance(Counts(seen, expected), np.full(2, 88.0))
        assert np.allclose(found, [by_blocks, 1.0]), f"{found[0]:.3g} in place of {by_blocks:.3g}"
        certain = Counts(np.array([[5.0], [5.0]]), np.array([[2.5], [2.5]]))
        assert np.allclose(by_chance(certain, np.array([10.0])), 2.0**-10), "blocks that agree leave it to queries"
        assert np.allclose(holm(np.array([0.02, 0.01, 0.015])), 0.03), "three were looked at"


def explained_is_what_it_says() -> None:
    """test_explain.py: bands are where they say, and a change is the run's less the scenario's own."""
    from simulator import explain, scenario_from_dict

    stage: dict[str, Any] = {"name": "a", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "10ms"}}}
    values = {"name": "s", "load": {"rate": "40/s"}, "run": {"queries": 400, "replications": 4}, "stages": [stage]}
    found = explain(scenario_from_dict(values), percentiles=[50, 80], engine="reference")
    with law("T11"):
        assert [band.queries for band in found.bands] == [160, 160], "a tenth around each percentile"
        assert [(band.least, band.most) for band in found.bands] == [(0.45, 0.55), (0.75, 0.85)]
        replica = next(one for one in found.effects if one.name == "one more replica")
        assert replica.change is not None and replica.change.value is not None and replica.tail_s is not None
        assert found.target_s is not None
        relative = replica.tail_s / found.target_s - 1
        assert abs(replica.change.value - relative) < 1e-12, f"{replica.change.value} in place of {relative}"
        assert found.best is replica, "what can be done, and takes most off"
