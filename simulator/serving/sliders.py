"""What can be turned on the page: each slider has stops, and each stop values by path of the scenario."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.base.errors import ScenarioError
from simulator.base.formats import format_rate, shortest
from simulator.planning.grid import varied
from simulator.planning.turning import scaled, scaled_law, text
from simulator.scenario import Scenario

#: A value of a scenario by its dotted path, as ``--set`` takes it.
Sets = tuple[tuple[str, str | int | float], ...]

#: Factors on a load, on a number of things, on what a task costs.
LOADS = (0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.75, 2.0, 3.0)
COUNTS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
COSTS = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
#: Coefficients of variation; sizes of batches; waits for a copy, as factors.
SPREADS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
WAITS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)
#: Keys of a model that say what a task costs.
PRICES = ("per_item", "overhead", "law")
#: Laws of a factor that are told by their cv alone.
BY_CV = ("lognormal", "gamma")


@dataclass(frozen=True)
class Slider:
    """Something that can be turned."""

    group: str  #: the stage, or "load"
    label: str
    stops: tuple[tuple[str, Sets], ...]  #: how each is shown, and what it sets; nothing: as the scenario has it
    at: int  #: the stop that the scenario is at

    def to_dict(self) -> dict[str, Any]:
        """What a page needs to know of it."""
        return {"group": self.group, "label": self.label, "stops": [shown for shown, _ in self.stops], "at": self.at}


def sliders_of(scenario: Scenario) -> list[Slider]:
    """Those that a scenario has: its load; of stages and sources shards, replicas, cost, spread, batches, copies."""
    said = scenario.resolved()
    found = [_of_load(scenario, said["load"])]
    for stage in said["stages"]:
        name, path = stage["name"], f"stages.{stage['name']}"
        for source in stage.get("sources", ()):
            found += _of_fleet(f"{name}: {source['name']}", f"{path}.sources.{source['name']}", source)
        found += _of_fleet(name, path, stage)
        if "batching" in stage:
            now = int(stage["batching"]["max_size"])
            found.append(_counted(name, "tasks in a batch, at most", f"{path}.batching.max_size", now, BATCHES))
        after = stage.get("hedge", {}).get("after")
        if after is not None and scaled(after, 1.0) is not None:
            found.append(_scaled(name, "a copy is sent after", f"{path}.hedge.after", after, WAITS))
    kept = [_valid(scenario, one) for one in found]
    return [one for one in kept if len(one.stops) > 1]


def _valid(scenario: Scenario, slider: Slider) -> Slider:
    """A slider with the stops that the scenario, as it is otherwise, can be at."""
    stops = [stop for stop in slider.stops if _is_valid(scenario, stop[1])]
    return Slider(slider.group, slider.label, tuple(stops), stops.index(slider.stops[slider.at]))


def _is_valid(scenario: Scenario, sets: Sets) -> bool:
    try:
        varied(scenario, dict(sets), "the page")
    except ScenarioError:
        return False
    return True


def _of_load(scenario: Scenario, load: Mapping[str, Any]) -> Slider:
    if scenario.load.is_closed:
        now = int(load["arrivals"]["clients"])
        return _counted("load", "clients", "load.arrivals.clients", now, [round(now * factor) for factor in COUNTS])
    rate_per_s, scale = scenario.load.rate_per_s, scenario.load.scale
    stops = [
        (
            f"x {factor:g}" if rate_per_s is None else format_rate(rate_per_s * scale * factor),
            () if factor == 1.0 else (("load.scale", float(shortest(scale * factor))),),
        )
        for factor in LOADS
    ]
    return Slider("load", "load", tuple(stops), LOADS.index(1.0))


def _of_fleet(name: str, path: str, fleet: Mapping[str, Any]) -> Iterator[Slider]:
    """Of a stage, or one of its sources; none of what others have, or an autoscaler."""
    is_guest = "runs_on" in fleet or "colocate" in fleet
    is_own = not is_guest and "sources" not in fleet
    if is_own and "shares" not in fleet and not isinstance(fleet.get("replicas"), Mapping):
        now = int(fleet.get("shards", 1))
        yield _counted(name, "shards", f"{path}.shards", now, [round(now * factor) for factor in COUNTS])
    replicas = fleet.get("replicas")
    if replicas is not None and not isinstance(replicas, Mapping) and "autoscale" not in fleet and not is_guest:
        now = int(replicas)
        few = range(1, 9) if now <= 4 else [round(now * factor) for factor in COUNTS]
        yield _counted(name, "replicas of a shard", f"{path}.replicas", now, few)
    model = fleet.get("model", {"kind": ""})
    prices = {key: model[key] for key in PRICES if key in model and scaled_law(model[key], 2.0) is not None}
    if prices and ":" not in model["kind"]:

        def sets(factor: float) -> Sets:
            return tuple((f"{path}.model.{key}", text(scaled_law(value, factor))) for key, value in prices.items())

        stops = [(f"x {factor:g}", () if factor == 1.0 else sets(factor)) for factor in COSTS]
        yield Slider(name, "what a task costs", tuple(stops), COSTS.index(1.0))
    if "sources" not in fleet:
        yield from _of_spread(name, path, model, fleet.get("variability", {}).get("task", {"kind": "constant"}))


def _of_spread(name: str, path: str, model: Mapping[str, Any], factor: Mapping[str, Any]) -> Iterator[Slider]:
    """The coefficient of variation of what tasks take: of the factor on them, or of the law of a model of times.

    None where another law says it than one that its mean and cv make.
    """
    is_timed = model["kind"] == "time"
    law, where = (model["law"], f"{path}.model.law") if is_timed else (factor, f"{path}.variability.task")
    law = law if isinstance(law, Mapping) else {"kind": "constant", "value": law}
    known = {"constant": 0.0, "exponential": 1.0}
    cv = known.get(law["kind"], law.get("cv") if law["kind"] in BY_CV else None)
    mean = {"mean": law.get("mean", law.get("value"))} if is_timed else {}
    if cv is None or None in mean.values():
        return
    kind = {"constant": "lognormal", "exponential": "gamma"}.get(law["kind"], law["kind"])
    spreads = sorted({*SPREADS, float(cv)})
    stops = [
        (
            f"cv {one:g}",
            () if one == cv else ((where, text({"kind": kind if one else "lognormal", **mean, "cv": one})),),
        )
        for one in spreads
    ]
    yield Slider(name, "variability of tasks", tuple(stops), spreads.index(float(cv)))


def _counted(group: str, label: str, path: str, now: int, values: Iterable[int]) -> Slider:
    """A whole number, at least 1."""
    each: Sequence[int] = sorted({now, *(max(1, value) for value in values)})
    stops = [(f"{value:,}", () if value == now else ((path, value),)) for value in each]
    return Slider(group, label, tuple(stops), each.index(now))


def _scaled(group: str, label: str, path: str, now: Any, factors: Sequence[float]) -> Slider:
    """A quantity with its unit."""
    each = [(factor, scaled(now, factor) or str(now)) for factor in factors]
    stops = [(value, () if factor == 1.0 else ((path, value),)) for factor, value in each]
    return Slider(group, label, tuple(stops), factors.index(1.0))
