"""A thousand fleets: the cheapest that do, by simulating every one of them in full."""

from collections.abc import Iterator, Mapping
from typing import Any

from simulator.planning.grid import grid_of, varied
from simulator.running.run import simulate
from simulator.scenario import Scenario

#: Three stages, three knobs, three prices.
THREE: dict[str, Any] = {
    "name": "three",
    "load": {"rate": "100/s"},
    "run": {"queries": 2000, "replications": 8},
    "hardware": {name: {"price": f"{price} USD/h"} for name, price in (("small", 1), ("mid", 1.7), ("big", 3.1))},
    "stages": [
        {
            "name": "retrieval",
            "candidates": 4000,
            "model": {"kind": "tree", "per_item": "10us"},
            "hardware": "small",
            "shards": 4,
            "keep": 200,
            "variability": {"task": {"kind": "exponential"}},
        },
        {
            "name": "light",
            "model": {"kind": "linear", "per_item": "200us"},
            "hardware": "mid",
            "replicas": 4,
            "keep": 50,
            "routing": "power_of_two",
            "variability": {"task": {"kind": "gamma", "cv": 0.5}},
        },
        {
            "name": "heavy",
            "model": {"kind": "deep", "per_item": "600us"},
            "hardware": "big",
            "replicas": 4,
            "routing": "least_outstanding",
            "variability": {"task": {"kind": "lognormal", "cv": 0.5}},
        },
    ],
    "slos": ["p95 < 175ms"],
}
KNOBS = ("stages.retrieval.shards", "stages.light.replicas", "stages.heavy.replicas")
THOUSAND = dict.fromkeys(KNOBS, "1..10")


def meets(scenario: Scenario) -> bool:
    """Whether a run of it says so, with everything: an inconclusive fleet does not."""
    result = simulate(scenario)
    return result.exit_code == 0 and result.summary.verdict == "stable"


def by_force(scenario: Scenario, search: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], float]]:
    """The fleets that meet every objective, in the order of price and then of the grid, each with its price."""
    points: list[dict[str, Any]] = list(grid_of(search).points())
    prices = {"stages.retrieval.shards": 1, "stages.light.replicas": 1.7, "stages.heavy.replicas": 3.1}
    cost = [round(sum(prices[path] * count for path, count in point.items()), 6) for point in points]
    for place in sorted(range(len(points)), key=lambda place: (cost[place], place)):
        if meets(varied(scenario, points[place])):
            yield points[place], cost[place]
