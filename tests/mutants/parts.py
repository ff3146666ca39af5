"""Checks of rules, laws of probability, arrivals and cost models: laws of groups R, L, A and M."""

from __future__ import annotations

import itertools
import math

import numpy as np
from held import law

from simulator.core import routing
from simulator.core.laws import Law, LawTable
from simulator.core.laws.family import Statement
from simulator.core.laws.gamma import LOGIT_END
from simulator.core.laws.sampling import FAMILIES
from simulator.core.plan import ADAPTIVE, LEAST_OUTSTANDING, POWER_OF_TWO, RANDOM, ROUND_ROBIN
from simulator.models import DeepModel, Hardware, LinearModel, SumModel, TimeModel, TreeModel
from simulator.models.base import call_s
from simulator.planner.system import stage_parts
from simulator.scenario import scenario_from_dict
from simulator.workload import arrivals
from simulator.workload.modulation import Modulation, modulated
from simulator.workload.rates import LinearStretch, Rate, WaveStretch

REPLICAS = 3
#: Uniforms in the middle of equal parts of (0, 1), so many that any two or three replicas share them alike.
GRID = [(i + 0.5) / 12 for i in range(12)]


def _shares(policy: int, outstanding: tuple[int, ...], turns: range = range(1)) -> np.ndarray:
    """In how many of all cases each replica is chosen."""
    counted = np.zeros(len(outstanding))
    at = np.array(outstanding, dtype=np.int64)
    for turn, u, v in itertools.product(turns, GRID, GRID):
        counted[routing.choose(policy, len(outstanding), at, 0, turn, u, v)] += 1
    return counted / counted.sum()


def rules_are_fair() -> None:
    """Replicas have no names; by turns, they have an order only; more load does not attract."""
    for policy in (RANDOM, LEAST_OUTSTANDING, POWER_OF_TWO, ADAPTIVE):
        for outstanding in itertools.product((0, 1, 2), repeat=REPLICAS):
            shares = _shares(policy, outstanding)
            for order in itertools.permutations(range(REPLICAS)):
                renamed = _shares(policy, tuple(outstanding[i] for i in order))
                with law("R4"):
                    assert np.allclose(renamed, shares[list(order)]), f"policy {policy}, {outstanding}: {shares}"
            if policy != RANDOM:
                more = _shares(policy, (outstanding[0] + 1, *outstanding[1:]))
                with law("R7"):
                    assert more[0] <= shares[0] + 1e-12, f"policy {policy}: one more at replica 0 of {outstanding}"
    with law("R5"):
        assert np.allclose(_shares(ROUND_ROBIN, (0,) * REPLICAS, range(2 * REPLICAS)), 1 / REPLICAS), "by turns"


LAWS = {
    "uniform": (Law.uniform(1.0, 3.0), 2.0, 1 / math.sqrt(12) * 2 / 2.0),
    "exponential": (Law.exponential(2.0), 2.0, 1.0),
    "lognormal": (Law.lognormal(2.0, 0.7), 2.0, 0.7),
    "weibull": (Law.weibull(2.0, 1.5), 2.0, math.sqrt(math.gamma(1 + 4 / 3) / math.gamma(1 + 2 / 3) ** 2 - 1)),
    "pareto": (Law.pareto(1.0, 2.0, 10.0), 20 / 11, None),
    "gamma": (Law.gamma(2.0, 1.5), 2.0, 1.5),
    "hyperexponential": (Law.hyperexponential(2.0, 2.0), 2.0, 2.0),
    "empirical": (Law.empirical([1.0, 2.0, 6.0]), 3.0, math.sqrt(14 / 3) / 3),
    "points": (Law.empirical_cdf([0.0, 2.0, 6.0], [0.0, 0.5, 1.0]), 2.5, None),
    "mixture": (Law.mixture([(1, Law.exponential(1.0)), (3, Law.constant(2.0))]), 1.75, None),
}


def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Uniforms and weights, dense at both ends: even in logit(u)."""
    logit = np.linspace(-34, 34, 6801)
    middle = (logit[1:] + logit[:-1]) / 2
    u = 1 / (1 + np.exp(-middle))
    return np.clip(u, 2.0**-53, 1 - 2.0**-53), np.diff(1 / (1 + np.exp(-logit)))


def laws_are_as_stated() -> None:
    """unit/test_laws.py: values grow with the uniform; mean and coefficient of variation are those asked for."""
    u, weight = _quadrature()
    for name, (of, mean, cv) in LAWS.items():
        values = of.quantiles(u)
        with law("L1"):
            assert np.all(np.isfinite(values)) and np.all(values >= 0), f"{name}: {values.min()} to {values.max()}"
        if name not in ("hyperexponential", "mixture"):
            with law("L2"):
                assert np.all(np.diff(values) >= -1e-12), f"{name} falls with the uniform"
        found = float(values @ weight)
        with law("L3"):
            assert abs(found / mean - 1) < 5e-3, f"{name}: mean {found:.5g}, asked for {mean:.5g}"
        if cv is not None:
            spread = math.sqrt(float((values - found) ** 2 @ weight)) / found
            with law("L4"):
                assert abs(spread / cv - 1) < 5e-3, f"{name}: cv {spread:.5g}, asked for {cv:.5g}"
        below = np.array([float(weight[values <= x].sum()) for x in (0.5, 1.5, 2.5, 7.0)])
        with law("L5"):
            assert np.allclose(below, of.cdf(np.array([0.5, 1.5, 2.5, 7.0])), atol=5e-3), f"{name}: {below}"
        with law("L7"):
            assert np.allclose(of.scaled(2.0).quantiles(u), 2 * values, rtol=1e-12), f"{name}: twice as long"


def tables_of_gamma_are_of_mean_one() -> None:
    """unit/test_laws.py: what is drawn of a gamma law has its mean exactly, table or not."""
    for cv in (0.3, 1.0, 4.0):
        points = np.array(Law.gamma(1.0, cv).points)
        logit = np.linspace(-LOGIT_END, LOGIT_END, len(points))
        below = np.logaddexp(0.0, logit)
        mean = points[-1] - float(np.diff(points) / np.diff(logit) @ np.diff(below))
        with law("L9"):
            assert abs(mean - 1) < 1e-6, f"cv {cv}: the table's mean is {mean:.9g}"


def laws_survive_their_table() -> None:
    """unit/test_laws.py: a law read back from the plan's arrays is the law."""
    for name, (of, _, _) in LAWS.items():
        again = LawTable.of([Law.constant(1.0), Law.gamma(1.0, 0.5), of]).law(2)
        u = np.linspace(0.01, 0.99, 50)
        with law("L9"):
            assert np.allclose(again.quantiles(u), of.quantiles(u)), name


def factors_have_mean_one() -> None:
    """test_one_place.py: of every family, however a factor is stated, its values have mean 1."""
    u, weight = _quadrature()
    for family in FAMILIES:
        for arguments in family.factor.examples() if isinstance(family.factor, Statement) else ():
            mean = float(Law.of(family.factor.terms(**arguments)).quantiles(u) @ weight)
            with law("L8"):
                assert abs(mean - 1) < 5e-3, f"{family.name} {arguments}: mean {mean:.5g}"


def loads_are_as_asked() -> None:
    """unit/test_workload.py: the rate asked for, and gaps with the spread of a Poisson process."""
    gaps = np.diff(arrivals.epochs(arrivals.POISSON_GAPS, 5, 0, 20_000))
    with law("A2"):
        assert abs(gaps.mean() - 1) < 5 / math.sqrt(len(gaps)), f"mean gap {gaps.mean():.4g}"
    with law("A3"):
        assert abs(gaps.std() - 1) < 5 * math.sqrt(2 / len(gaps)), f"gaps of cv {gaps.std():.4g}"


def loads_do_not_depend_on_chunks() -> None:
    """unit/test_workload.py: cut anywhere, the same arrivals."""
    whole = arrivals.epochs(arrivals.POISSON_GAPS, 5, 0, 60)
    first = arrivals.epochs(arrivals.POISSON_GAPS, 5, 0, 23)
    rest = arrivals.epochs(arrivals.POISSON_GAPS, 5, 0, 37, 23, float(first[-1]))
    with law("A4"):
        assert np.array_equal(np.concatenate([first, rest]), whole), "in two chunks"


def bursts_are_as_stated() -> None:
    """unit/test_modulation.py: counts have the mean and the dispersion that are stated; five standard errors."""
    states, base = Modulation.of([1, 6], [2.0, 0.5]), Rate([LinearStretch(1.0, 10.0, 10.0)])
    counts = np.array(
        [
            len(arrivals.arrivals_until(arrivals.POISSON_GAPS, 2, one, modulated(states, 2, one, base, 1.0)))
            for one in range(1500)
        ]
    )
    mean, error = counts.mean(), counts.std() / math.sqrt(len(counts))
    with law("A2"):
        assert abs(mean - 10) < 5 * error, f"{mean:.3g} arrivals, 10 expected"
    relative = 2.0 / 2.5 * 1 + 0.5 / 2.5 * 6  # mean of the rates over time, worked out by hand
    expected = Modulation((1 / relative, 6 / relative), (2.0, 0.5)).dispersion(10.0, 1.0)
    spread = (counts - mean) ** 2
    with law("A3"):
        far = abs(spread.mean() / mean - expected)
        assert far < 5 * spread.std() / mean / math.sqrt(len(counts)), f"dispersion {spread.mean() / mean:.3g}"


def waves_are_as_asked() -> None:
    """unit/test_rates.py: queries arrive in every part of a period as often as asked."""
    rate = Rate([WaveStretch(100.0, 50.0, 1.9, 10.0)])
    instant_s = arrivals.arrivals_until(arrivals.POISSON_GAPS, 3, 0, rate) * 1e-9
    seen = np.histogram(instant_s % 10.0, np.linspace(0, 10, 11))[0]
    expected = 10 * np.diff(rate.cumulated(np.linspace(0, 10, 11)))
    with law("A9"):
        assert np.all(np.abs(seen - expected) < 6 * np.sqrt(expected)), f"{seen} in tenths of a period"


MACHINE = Hardware(flops_per_s=1e9, memory_bandwidth_bytes_per_s=1e8)


def calls_need_what_they_use() -> None:
    """unit/test_models.py: by the roofline, a call takes as long as the slower of computing and moving."""
    models = [
        DeepModel(flop_per_item=2e6, parameters=1e6, hardware=MACHINE),
        LinearModel(features=1000, hardware=MACHINE),
        TreeModel(per_item_s=1e-6, overhead_s=1e-4),
    ]
    for model in models:
        demand = model.demand()
        for items in (0.0, 0.5, 1.0, 17.0, 40.0, 1e5):
            seconds = call_s(model, items)[0]
            if demand is not None:
                least = max(MACHINE.compute_s(demand.flop(items)), MACHINE.move_s(demand.moved_bytes(items)))
                with law("M12"):
                    assert seconds >= least * (1 - 1e-12), f"{type(model).__name__}: {items:g} items in {seconds:.3g} s"
            two = call_s(model, 2 * items)[0]
            with law("M3"):
                assert two >= seconds, f"{type(model).__name__}: more items take less"
            with law("M4"):
                assert two <= 2 * seconds * (1 + 1e-12), f"{type(model).__name__}: a batch is dearer than its parts"


def sums_are_of_all_parts() -> None:
    """unit/test_models.py: a sum takes as long as its parts, whatever they are."""
    parts = (
        TimeModel(Law.constant(1e-3)),
        TreeModel(per_item_s=1e-3, overhead_s=2e-3),
        DeepModel(flop_per_item=2e6, parameters=1e6, hardware=MACHINE),
    )
    for items in (0.0, 1.0, 20.0, 1e4):
        expected = sum(call_s(part, items)[0] for part in parts)
        with law("M11"):
            found = call_s(SumModel(parts), items)[0]
            assert abs(found - expected) < 1e-12 + 1e-9 * expected, (
                f"{items:g} items: {found:.6g} s, not {expected:.6g}"
            )


def plans_have_the_cost_of_the_model() -> None:
    """unit/test_models.py: the plan's piecewise-linear cost is that of the model."""
    model = {"kind": "deep", "flops_per_item": "2 MFLOP", "parameters": "1M"}
    stage = {"name": "a", "candidates": 5, "model": model, "hardware": "leaf"}
    hardware = {"leaf": {"flops": "1 GFLOP/s", "memory_bandwidth": "100 MB/s"}}
    values = {"name": "s", "load": {"rate": "1/s"}, "hardware": hardware, "stages": [stage]}
    scenario = scenario_from_dict(values)
    knots = stage_parts(scenario.stages[0], scenario, True, [1.0]).knots
    cost = scenario.stages[0].cost_model(scenario.hardware)
    for items in (0.0, 1.0, 19.0, 21.0, 5e3):
        knot = [one for one in knots if one[0] <= items][-1]
        planned = (knot[1] + (items - knot[0]) * knot[2]) * 1e-9
        with law("M9"):
            assert abs(planned - call_s(cost, items)[0]) < 1e-9, f"{items:g} items: {planned:.6g} s in the plan"
