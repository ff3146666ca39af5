"""How many late queries are worth one, by the plan: the figures that tails of known systems show."""

import math

import numpy as np
import pytest

from simulator.planner.plans import make_plan
from simulator.scenario import scenario_from_dict
from simulator.stats.quantiles import Series
from simulator.stats.share import Layout
from simulator.theory import clusters_of
from simulator.theory.clusters import Clusters


def clusters(law, rate, **stage):
    one = {"name": "one", "model": {"kind": "time", "law": law}, **stage}
    values = {"name": "system", "load": {"rate": f"{rate}/s"}, "run": {"queries": 2}, "stages": [one]}
    return clusters_of(make_plan(scenario_from_dict(values)))


EXPONENTIAL = {"kind": "exponential", "mean": "1s"}


@pytest.mark.parametrize(
    ("law", "rate", "more", "measured"),
    [
        # variance of the share beyond p99 over that of as many independent queries, 400 seeds of 8 x 20,000
        (EXPONENTIAL, 0.5, {}, 9.6),
        (EXPONENTIAL, 0.8, {}, 72),
        (EXPONENTIAL, 0.9, {}, 313),
        ({"kind": "constant", "value": "1s"}, 0.8, {}, 43),
        ({"kind": "hyperexponential", "mean": "1s", "cv": 4}, 0.7, {}, 259),
        ({"kind": "lognormal", "mean": "1s", "cv": 2}, 0.7, {}, 143),
        ({"kind": "pareto", "minimum": "0.6s", "shape": 2.5}, 0.7, {}, 118),
        (EXPONENTIAL, 0.7, {"shards": 10}, 31),
        (EXPONENTIAL, 3.2, {"workers": 4}, 49),
        (EXPONENTIAL, 3.2, {"replicas": 4, "routing": "least_outstanding"}, 49),
    ],
)
def test_what_tails_show(law, rate, more, measured):
    whole = clusters(law, rate, **more)[None]
    assert 3 * whole.worth_one(0.99, 20_000, whole.queue) == pytest.approx(measured, rel=0.6)


def test_one_long_service_delays_many():
    """The square of how many come in its time, and until its work is done; at most all there are."""
    whole = clusters({"kind": "pareto", "minimum": "0.6s", "shape": 2.5}, 0.7)[None]
    (jumps,) = whole.jumps
    x = -jumps.scale * math.log(0.01)
    exact = 2 * (0.7 / 0.3) ** 2 * 0.6**2.5 * x**-0.5 / (1.5 * 0.5)
    assert jumps.squares(0.99, 10**9) == pytest.approx(exact, rel=0.01)
    assert jumps.squares(0.99, 1000) < 0.9 * exact
    infinite = clusters({"kind": "pareto", "minimum": "1s", "shape": 1.5}, 0.1)[None]
    found = [infinite.worth_one(p, 20_000, 1.0) for p in (0.5, 0.99, 0.999)]
    assert found[0] < 30 < found[1] < found[2] < math.inf


def test_the_run_overrules_the_plan_beyond_a_factor_of_two():
    known = Clusters(10.0)
    assert [known.worth_one(0.9, 100, seen) for seen in (1.0, 4.0, 6.0, 19.0, 50.0)] == [2.0, 8.0, 10.0, 10.0, 25.0]
    assert Clusters(0.0).worth_one(0.9, 100, 1.0) == 1.0
    assert known.worth_one(1.0, 100, 10.0) == 10.0


def test_where_the_plan_does_not_say():
    assert clusters(EXPONENTIAL, 1.1) == {}
    drawn = clusters(EXPONENTIAL, 0.5, variability={"machine": {"kind": "lognormal", "cv": 0.2}})[None]
    assert [drawn.worth_one(0.999, 100, seen) for seen in (0.5, 1.0, 50.0)] == pytest.approx([1.0, 1.0, 50.0], rel=1e-3)
    of_nothing = clusters({"kind": "constant", "value": "0s"}, 0.5)
    assert of_nothing[None].worth_one(0.99, 100, 1.0) == of_nothing[0].worth_one(0.99, 100, 1.0) == 1.0


def test_a_percentile_is_printed_by_the_plan():
    """Where the run shows about what the plan says, its own luck decides nothing."""
    rng = np.random.default_rng(5)
    layout, whole = Layout.of([5000] * 8), clusters(EXPONENTIAL, 0.8)[None]
    for _ in range(3):
        quiet, busy = (np.repeat(rng.exponential(1.0, 40_000 // size), size) for size in (20, 32))
        for values in quiet, busy:
            series = Series(values + 1e-9 * rng.random(40_000), layout, whole)
            assert 12.6 < series.clustering < 49
            assert [series.quantile(p).supported for p in (0.5, 0.9, 0.99, 0.999)] == [True, True, True, False]
