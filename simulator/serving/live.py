"""What the page is answered: a scenario at some stops of its sliders, simulated."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict, Unpack

from simulator.base.errors import ArgumentError, ScenarioError
from simulator.base.formats import counted
from simulator.documents import parts, run
from simulator.explaining.explain import explain
from simulator.planning import grid, questions
from simulator.planning.sweep import sweep
from simulator.report import text
from simulator.report.page import charts, of_changes, of_run, of_sweep
from simulator.running.execution import Here
from simulator.running.run import simulate
from simulator.scenario import Scenario, to_yaml
from simulator.serving.sliders import Slider, sliders_of

#: Queries and replications of an answer, where nobody says: the paper funnel answers within a second.
QUERIES, REPLICATIONS = 1_000, 8
#: Of a load of the hockey stick, and of the blame, by those of the answer.
OF_LOAD, OF_BLAME = 0.25, 0.1
#: Loads of a hockey stick.
LOADS = 4
#: What is blamed.
PERCENTILES = (50.0, 99.0)


class Answer(TypedDict):
    """What is shown of a setting."""

    charts: list[charts.Chart]
    rows: list[list[str]]  #: a figure, its value, its interval
    said: list[str]  #: in words
    seconds: float  #: that it took


@dataclass(frozen=True)
class Live:
    """A scenario whose sliders can be turned."""

    scenario: Scenario
    execution: Here

    @cached_property
    def sliders(self) -> list[Slider]:
        """What can be turned."""
        return sliders_of(self.scenario)

    def at(self, stops: Sequence[int]) -> Scenario:
        """The scenario with every slider at a stop.

        Raises
        ------
        ArgumentError
            If there is no such stop.
        ScenarioError
            If they do not go together.
        """
        if len(stops) != len(self.sliders):
            raise ArgumentError(f"{counted(len(stops), 'stop')} for {counted(len(self.sliders), 'slider')}")
        values: dict[str, Any] = {}
        for slider, stop in zip(self.sliders, stops, strict=True):
            if not isinstance(stop, int) or isinstance(stop, bool) or not 0 <= stop < len(slider.stops):
                raise ArgumentError(f"{slider.group}, {slider.label}: there is no stop {stop!r}")
            values |= dict(slider.stops[stop][1])
        return grid.varied(self.scenario, values, "the page") if values else self.scenario

    def written(self, stops: Sequence[int]) -> str:
        """The scenario there as a file, with as many queries and replications as the page takes."""
        return to_yaml(self.at(stops).resolved())

    def run(self, stops: Sequence[int]) -> Answer:
        """Percentiles with intervals, stages, how busy each is."""
        began = time.monotonic()
        result = simulate(self.at(stops), **self.execution)
        document = result.to_dict()
        drawn = [*of_run.spectrum(result, document), *of_run.by_stage(document), of_run.busy(document)]
        said = [f"{document['verdict']}", *(f"note: {note}" for note in document["notes"])]
        return _answer(drawn, list(_rows(document)), said, began)

    def hockey(self, stops: Sequence[int]) -> Answer:
        """Percentiles against load, up to saturation where that is known."""
        began, scenario = time.monotonic(), self.fewer(self.at(stops), OF_LOAD)
        if scenario.load.rate_per_s is None:
            return _answer([], [], ["A hockey stick is of a load of one rate."], began)
        document = sweep(scenario, {"load.rate": f"auto*{LOADS}"}, jobs=1).to_dict()
        return _answer(list(of_sweep.figures(document))[:1], [], [], began)

    def blame(self, stops: Sequence[int]) -> Answer:
        """What latency is made of."""
        began, scenario = time.monotonic(), self.fewer(self.at(stops), OF_BLAME)
        found = explain(scenario, percentiles=PERCENTILES, blame_only=True, **self.execution).to_dict()
        said = [] if found["bands"] else ["So few queries do not say what their latency is made of."]
        return _answer(list(of_changes.explain_figures(found))[:1], [], said, began)

    def fewer(self, scenario: Scenario, part: float) -> Scenario:
        """The scenario with so many fewer queries, half of the replications, and nothing of its own to vary."""
        replications = max(4, scenario.run.replications // 2)
        if scenario.queries is None:
            return scenario.with_run(replications=replications)
        return scenario.with_run(queries=max(100, round(part * scenario.queries)), replications=replications)


def live(
    scenario: Scenario, queries: int | None = None, replications: int | None = None, **execution: Unpack[Here]
) -> Live:
    """A scenario whose sliders can be turned, with so many queries (where it counts them) and replications.

    What it says is to be varied is left out.
    """
    changes: dict[str, Any] = {"replications": replications or REPLICATIONS, "precision": None}
    if scenario.queries is not None:
        changes["queries"] = queries or QUERIES
    return Live(questions.without_block(scenario.with_run(**changes)), execution)


def _answer(drawn: list[charts.Chart], rows: list[list[str]], said: list[str], began: float) -> Answer:
    return {"charts": drawn, "rows": rows, "said": said, "seconds": round(time.monotonic() - began, 3)}


def _rows(document: run.Run) -> Any:
    """The figures of a run that are shown beside those of another setting."""
    latency = document["latency_s"]
    for name, figure in {"mean": latency["mean"], **parts.percentiles_of(latency)}.items():
        if figure is None or figure["value"] is None:
            yield [name, "-", ""]
        else:
            yield [name, *text.duration_interval(figure)]
    for slo in document["slos"]:
        yield [slo["slo"], of_run.WORDS[slo["met"]], ""]
    yield ["completed", text.rate(document["completed_per_s"]["value"]), ""]
    hottest = max((stage["utilisation"]["max"] or 0.0 for stage in document["stages"]), default=0.0)
    yield ["busiest replica", text.ratio(hottest), ""]
    fleet = document["fleet"]
    yield [
        "machines",
        f"{fleet['machines']:,}",
        "" if fleet["usd_per_h"] is None else f"{fleet['usd_per_h']:.4g} USD/h",
    ]


def refused(error: Exception) -> str:
    """What is said where a setting cannot be simulated."""
    if isinstance(error, ScenarioError):
        return "; ".join(f"{one.path}: {one.message}" if one.path else one.message for one in error.problems)
    return str(error)


#: What may be asked, by name.
ASKED: Mapping[str, Any] = {"run": Live.run, "hockey": Live.hockey, "blame": Live.blame}
