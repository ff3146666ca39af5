"""Checks of what replicas that come and go cost, and of how busy they are."""

from __future__ import annotations

from typing import Any

from held import law

#: Three replicas serve for 20 s, then seven: so many are always busy. A machine costs 6 USD/h.
FLEET: dict[str, Any] = {
    "name": "fleet",
    "hardware": {"box": {"price": "6 USD/h"}},
    "load": {
        "arrivals": {"kind": "constant"},
        "phases": [{"duration": "20s", "rate": "6/s"}, {"duration": "20s", "rate": "14/s"}],
    },
    "run": {"warmup": 0, "replications": 4},
    "stages": [
        {
            "name": "model",
            "hardware": "box",
            "model": {"kind": "time", "law": {"kind": "constant", "value": "500ms"}},
            "replicas": 3,
            "routing": "round_robin",
            "autoscale": {"rule": "ideal", "target": "100%", "delay": "0s", "every": "5s", "min": 3, "max": 10},
        }
    ],
}


def hours_are_paid() -> None:
    """unit/test_replica_hours.py: the price of a run is that of the replicas that served, in the window."""
    from simulator import scenario_from_dict, simulate

    found = simulate(scenario_from_dict(FLEET).with_slos(["cost < 40 USD/h"]), engine="reference").to_dict()
    for said in (found["fleet"]["usd_per_h"], found["slos"][0]["value"]):
        with law("T9"):
            assert abs(said - 30) < 0.5, f"{said:.4g} USD/h where five machines of ten served"


def who_served_is_compared() -> None:
    """unit/test_replica_hours.py: a comparison has the utilisation and the hours that the run says."""
    from simulator import compare, scenario_from_dict, simulate

    idler = {**FLEET["load"], "phases": [{"duration": "20s", "rate": "3/s"}, {"duration": "20s", "rate": "14/s"}]}
    run = simulate(scenario_from_dict({**FLEET, "load": idler}), engine="reference")  # who comes later is the hottest
    stage, figures = run.to_dict()["stages"][0], {one.figure: one.a.value for one in compare(run, run).figures}
    for name, said in (
        ("utilisation", stage["utilisation"]["mean"]["value"]),
        ("hottest", stage["utilisation"]["max"]),
        ("replica_hours", stage["autoscale"]["replica_hours"]["value"]),
    ):
        with law("T9"):
            assert abs(figures[f"stage.model.{name}"] - said) < 1e-9, f"{name}: {figures[f'stage.model.{name}']:.4g}"


def targets_are_of_their_rule() -> None:
    """unit/test_scaling.py: a share is no number of tasks."""
    from simulator import ScenarioError, scenario_from_dict

    rule = {"rule": "concurrency", "target": "60%", "delay": "0s", "max": 10}
    said = {**FLEET, "stages": [{**FLEET["stages"][0], "autoscale": rule}]}
    with law("S22"):
        try:
            scenario_from_dict(said)
        except ScenarioError:
            return
        raise AssertionError("60 % of a task is taken for a target")
