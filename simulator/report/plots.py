"""Figures by name: ``plot``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from simulator.base import errors, places
from simulator.base.errors import Problem, ScenarioError
from simulator.base.units import COLUMN_UNITS
from simulator.documents import parts
from simulator.engines import AUTO
from simulator.planning import grid, questions, saved_run
from simulator.report import exports, frame
from simulator.report.drawn import drawn
from simulator.report.page import charts, of_run, of_sweep, of_traces
from simulator.report.sweep_values import axes_of
from simulator.running import run
from simulator.running.execution import Here, Spread
from simulator.scenario import Scenario, given

if TYPE_CHECKING:
    from simulator.core.laws import Law
    from simulator.running.result import Result

#: What a hockey stick is drawn over, where nothing else is said.
LOAD = {"load.rate": "auto"}


@dataclass(frozen=True)
class Asked:
    """What is asked besides the kind."""

    stage: str | None = None
    against: str | Path | None = None
    unit: str | None = None
    trigger: str | None = None
    parameters: Mapping[str, Any] | grid.Grid | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of figure."""

    of: str  #: what is worked out for it: run, explain, sweep, stress
    said: str
    draw: Callable[[Any, Asked, str], Any]  #: the answer, what is asked, the format
    options: tuple[str, ...] = ()  #: of ``Asked``, those that it knows
    needs: str = ""  #: the one of them without which it cannot be drawn, and what it is like
    parameters: Mapping[str, Any] | None = None  #: of a sweep, where none are asked for; None: those of the scenario


def plot(
    scenario: Scenario | str | Path,
    kind: str,
    *,
    stage: str | None = None,
    against: str | Path | None = None,
    unit: str | None = None,
    trigger: str | None = None,
    parameters: Mapping[str, Any] | grid.Grid | None = None,
    format: str = frame.ITSELF,
    **execution: Unpack[Here],
) -> Any:
    """Draw a figure of a scenario, or of a run that was written.

    Parameters
    ----------
    scenario
        As loaded; or, of kinds that show one run, its directory (``run -o``): it is simulated again and held against
        what it has.
    kind
        One of ``report.plots.KINDS``: ``shardsim plot --help`` lists them.
    stage
        Of ``spectrum`` and ``quantiles``: the stage whose latency is drawn, in place of the whole query's.
    against, unit
        Of ``quantiles``: a CSV of measured latencies, or of latencies and the share up to each; and its unit, s
        where it is not said.
    trigger
        Of ``recovery``: as of ``stress``; several sizes and durations make a map.
    parameters
        Of ``hockey``, ``map`` and ``pareto``: as of ``sweep``.
    format
        ``png``, ``svg`` or ``pdf``, for bytes; else the figure itself.
    jobs, engine, progress, say
        As of ``simulate``; a sweep chooses its engine itself.

    Returns
    -------
    matplotlib.figure.Figure
        Or the bytes of a file.

    Raises
    ------
    ValueError
        If there is no such kind, or it knows nothing of what is asked besides, or is not of a run.
    ScenarioError
        As what is worked out for it raises; if there is nothing to be drawn; if a directory is not that of a run.
    KeyboardInterrupt
        If interrupted before all of it was simulated.
    """
    one, asked = checked(kind, Asked(stage, against, unit, trigger, parameters), execution.get("engine", AUTO))
    source = source_of(scenario, kind, asked)
    return one.draw(answer(source, one, asked, execution), asked, format)


def checked(kind: str, asked: Asked, engine: str = AUTO) -> tuple[Kind, Asked]:
    """The kind of that name, if it knows what is asked. Raises ArgumentError."""
    if kind not in KINDS:
        raise errors.ArgumentError(f"there is no figure {kind!r}: give one of {', '.join(KINDS)}")
    one = KINDS[kind]
    for name in ("stage", "against", "unit", "trigger", "parameters"):
        if getattr(asked, name) not in (None, {}) and name not in one.options:
            of = ", ".join(other for other, row in KINDS.items() if name in row.options)
            raise errors.ArgumentError(f"{kind} knows no {name}; {of} {'does' if ',' not in of else 'do'}")
    name, _, like = one.needs.partition(" ")
    if name and getattr(asked, name) in (None, {}):
        raise errors.ArgumentError(f"{kind} needs {name}, {like}")
    if one.of == "sweep" and engine != AUTO:
        raise errors.ArgumentError(f"{kind} takes the engine that suits each point: leave engine={engine} out")
    if asked.unit is not None and asked.unit not in COLUMN_UNITS:
        raise errors.ArgumentError(f"there is no unit {asked.unit!r}: give one of {', '.join(COLUMN_UNITS)}")
    return one, asked


def source_of(scenario: Scenario | str | Path, name: str, asked: Asked) -> Any:
    """A scenario, or (of figures of runs) what a directory has. Raises as ``plot``."""
    kind = KINDS[name]
    if isinstance(scenario, Scenario) or not places.is_folder(str(scenario)):
        source = given.checked_scenario(scenario)
        if name == "map":
            varied = [
                one for one in questions.whole_grid(source, asked.parameters or {}).parameters if len(one.values) > 1
            ]
            if len(varied) != 2:
                message = f"map is of two parameters, got {len(varied)}: --param PATH=VALUES for each, or a sweep block"
                raise errors.ArgumentError(message)
        return source
    if kind.of != "run":
        message = f"{scenario} is a run directory, and {name} takes more than one run: give its scenario"
        raise errors.ArgumentError(message)
    return saved_run.read_run(scenario)


def answer(source: Any, kind: Kind, asked: Asked, execution: Here) -> Any:
    """What is drawn, worked out. Raises KeyboardInterrupt where that did not come to its end."""
    found = _answered(source, kind, asked, execution)
    if getattr(found, "interrupted", False):  # a figure would not say that it is of a part
        raise KeyboardInterrupt
    return found


def _answered(source: Any, kind: Kind, asked: Asked, execution: Here) -> Any:
    if kind.of == "run":
        is_new = isinstance(source, Scenario)
        return run.simulate(source, **execution) if is_new else exports.again(source, execution)
    if kind.of == "explain":
        from simulator.explaining.explain import explain

        return explain(source, blame_only=True, **execution)
    if kind.of == "stress":
        assert asked.trigger is not None, "it was asked for"
        from simulator.planning.stress import stress

        return stress(source, asked.trigger, **execution)
    from simulator.planning.sweep import sweep

    parameters, own = asked.parameters or kind.parameters, Spread()
    for name in ("jobs", "progress", "say"):  # each point takes the engine that suits it: any other is refused
        if name in execution:
            own[name] = execution[name]
    return sweep(questions.without_block(source) if kind.parameters else source, parameters, **own)


def _title(document: Mapping[str, Any]) -> str:
    return parts.title_of({"scenario": document["scenario"], "description": document["description"]})


def _panels(made: Callable[[Result, Asked], Iterator[charts.Chart]], nothing: str) -> Callable[[Any, Asked, str], Any]:
    """What draws the figures that are made of a run."""

    def draw(result: Result, asked: Asked, format_: str) -> Any:
        panels = [one for one in made(result, asked) if one["series"]]
        if not panels:
            raise ScenarioError([Problem(result.scenario.source, 0, 0, "", f"nothing to be drawn: {nothing}")])
        title = {"scenario": result.scenario.name, "description": result.scenario.description}
        return drawn(_title(title), panels, format_)

    return draw


def _index(result: Result, asked: Asked) -> int | None:
    """The stage that is asked for. Raises ArgumentError where there is none of that name."""
    names = [stage.name for stage in result.scenario.stages]
    if asked.stage is not None and asked.stage not in names:
        raise errors.ArgumentError(f"no stage is called {asked.stage!r}: there are {', '.join(names)}")
    return None if asked.stage is None else names.index(asked.stage)


def _spectrum(result: Result, asked: Asked) -> Iterator[charts.Chart]:
    return of_run.spectrum(result, result.to_dict(), _index(result, asked))


def _quantiles(result: Result, asked: Asked) -> Iterator[charts.Chart]:
    assert asked.against is not None, "it was asked for"
    yield of_traces.quantiles(result, measured(asked), Path(asked.against).name, _index(result, asked))


def measured(asked: Asked) -> Law:
    """The law of what was measured, in seconds. Raises ScenarioError where the file is not such a table."""
    from simulator.scenario.held import File
    from simulator.scenario.recorded import read_law
    from simulator.scenario.rows import TraceError

    try:
        law: Law = File.named(str(asked.against), "", may_be_pipe=True).read(read_law)
    except TraceError as error:
        raise ScenarioError([Problem(str(error.file), error.line, error.column, "", error.message)]) from None
    return law.scaled(COLUMN_UNITS[asked.unit or "s"])


def _of_document(module: str, name: str) -> Callable[[Any, Asked, str], Any]:
    """What draws an answer by the figure of its command."""

    def draw(found: Any, _: Asked, format_: str) -> Any:
        import importlib

        return getattr(importlib.import_module(f"simulator.report.{module}"), name)(found.to_dict(), format_)

    return draw


def _map(found: Any, asked: Asked, format_: str) -> Any:
    """A sweep of two parameters."""
    document = found.to_dict()
    axes = axes_of(document["provenance"]["parameters"], document["points"])
    varied = [axis for axis in axes if len(axis.values) > 1]
    rows = [row for row in document["points"] if row["error"] is None]
    across, down = sorted(varied, key=lambda axis: -len(axis.values))
    return drawn(_title(document), [of_sweep.map_of(document, rows, down, across)], format_)


def _pareto(found: Any, asked: Asked, format_: str) -> Any:
    document = found.to_dict()
    front = of_sweep.front(document)
    if front is None:
        message = "nothing to be drawn: no point has the percentile; more queries, or a lower load"
        raise ScenarioError([Problem("plot", 0, 0, "", message)])
    return drawn(_title(document), [front], format_)


_NO_QUERY, _NO_TIME = "no query was completed", "all queries arrive at one instant"
KINDS = {
    "spectrum": Kind(
        "run", "latency by percentile, with its interval and the objectives", _panels(_spectrum, _NO_QUERY), ("stage",)
    ),
    "stages": Kind(
        "run",
        "mean and percentiles stage by stage",
        _panels(lambda result, _: of_run.by_stage(result.to_dict()), _NO_QUERY),
    ),
    "timeline": Kind(
        "run",
        "load, queries under way and latency over time",
        _panels(lambda result, _: chain(of_traces.timeline(result), of_run.replicas(result)), _NO_TIME),
    ),
    "utilisation": Kind("run", "how busy each shard is", _panels(lambda result, _: of_traces.busy(result), _NO_TIME)),
    "batches": Kind(
        "run",
        "how many tasks are served together",
        _panels(lambda result, _: of_traces.batches(result.to_dict()), "no stage has batches"),
    ),
    "quantiles": Kind(
        "run",
        "latencies against measured ones (--against)",
        _panels(_quantiles, _NO_QUERY),
        ("stage", "against", "unit"),
        "against a CSV of measured latencies",
    ),
    "blame": Kind("explain", "what latency is made of", _of_document("explain_figure", "explain_figure")),
    "hockey": Kind(
        "sweep",
        "latency against load",
        _of_document("sweep_figure", "sweep_figure"),
        ("parameters",),
        parameters=LOAD,
    ),
    "map": Kind("sweep", "a percentile at each pair of two parameters (--param)", _map, ("parameters",)),
    "pareto": Kind("sweep", "a percentile against what the fleet costs (--param)", _pareto, ("parameters",)),
    "recovery": Kind(
        "stress",
        "whether and when it recovers (--trigger)",
        _of_document("stress_figure", "stress_figure"),
        ("trigger",),
        "trigger like 'stall for 2s', or 'load x2,3 for 1s,2s' for a map",
    ),
}
