"""What happened, in the formats of other programs: ``export``."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from simulator.base import errors, places
from simulator.planning import saved_run
from simulator.planning.sides import Side
from simulator.report import expositions, files, folders, opentelemetry, perfetto, queries
from simulator.running import run, spans
from simulator.running.execution import Here
from simulator.running.result import Result
from simulator.scenario import Scenario, caches, given, scenario_from_dict

#: Formats of single queries, of one replication, and of all queries of a run: with what each is for.
OF_SPANS = {
    "perfetto": "single queries, for ui.perfetto.dev",
    "otel": "single queries, as OpenTelemetry spans (OTLP JSON)",
}
OF_RUNS = {
    "csv": "every query, a row each",
    "parquet": "the same, packed, with types",
    "npz": "the columns of the trace, for numpy",
    "hgrm": "the percentile distribution, as HdrHistogram writes it",
    "prom": "histograms and figures, as Prometheus reads them",
}
FORMATS = {**OF_SPANS, **OF_RUNS}
#: Formats that take what a directory of a run holds; others are simulated again, and held against it.
_STORED = ("hgrm", "prom")


def export(
    scenario: Scenario | str | Path,
    to: str,
    file: str | Path,
    *,
    replication: int = 0,
    slowest: int = 10,
    drawn: int = 10,
    **execution: Unpack[Here],
) -> None:
    """Write what happened in the format of another program.

    Parameters
    ----------
    scenario
        As loaded; or the directory of a run, which is simulated again where its files do not say all, and held against
        them.
    to
        ``perfetto`` or ``otel``: single queries of one replication, task by task; ``csv``, ``parquet`` (takes
        pyarrow), ``npz``, ``hgrm`` or ``prom``: all queries of a run.
    file
        Where to; it must not be there yet.
    replication, slowest, drawn
        Of single queries: as of ``spans``.
    jobs, engine, progress, say
        As of ``simulate``.

    Raises
    ------
    ScenarioError
        As ``simulate`` and ``spans`` do; if a directory is not that of a run, or this version gives another; if there
        is no such format.
    UnavailableError
        If a format takes a package that is not installed.
    OSError
        If the file is there, or cannot be written.
    """
    if to not in FORMATS:
        raise errors.ArgumentError(f"there is no format {to!r}: give one of {', '.join(FORMATS)}")
    refuse_missing(to)
    path = Path(file)
    of: Scenario | Side
    if isinstance(scenario, Scenario) or not places.is_folder(str(scenario)):
        of = given.checked_scenario(scenario)
    else:
        of = saved_run.read_run(scenario)
    if to in OF_SPANS:
        numbers = {"replication": replication, "slowest": slowest, "drawn": drawn}
        write_spans(_spans(of, numbers, execution), to, path)
    elif isinstance(of, Scenario):
        write_result(run.simulate(of, **execution), to, path)
    elif to in _STORED:
        write_stored(of, to, path)
    else:
        write_result(again(of, execution), to, path)


def refuse_missing(to: str) -> None:
    """Refuse a format whose package is not installed. Raises UnavailableError."""
    if to == "parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError:
            message = "parquet takes pyarrow, which is not installed: pip install pyarrow, or take --to csv"
            raise errors.UnavailableError(message) from None


def _spans(of: Scenario | Side, numbers: Mapping[str, int], execution: Here) -> spans.Spans:
    """Single queries of a scenario, or of a run: if that is what this version gives."""
    if not isinstance(of, Side):
        return spans.spans(of, **numbers, **execution)
    number = numbers["replication"]
    if number not in of.traces:
        there = f"the run has {len(of.traces)}, from 0 on"
        raise errors.ArgumentError(f"replication is {number}: {there}")
    seen = spans.spans(scenario_of(of), **numbers, **execution)
    if not spans.same_queries(seen.trace, of.traces[number]):
        raise _other(of)
    return seen


def again(side: Side, execution: Here) -> Result:
    """A run once more, with all that its files do not hold; the same, or refused."""
    result = run.simulate(scenario_of(side), **execution)
    if result.interrupted:
        raise KeyboardInterrupt
    if any(not spans.same_queries(result.traces[number], stored) for number, stored in side.traces.items()):
        raise _other(side)
    return result


def scenario_of(side: Side) -> Scenario:
    """The scenario of a run, as it was resolved, with as many replications."""
    resolved: dict[str, Any] = dict(side.document["provenance"]["resolved"])
    lasting = {key: value for key, value in resolved["run"].items() if key != "precision"}
    return scenario_from_dict({**resolved, "run": {**lasting, "replications": len(side.traces)}})


def _other(side: Side) -> errors.ScenarioError:
    versions = side.document["provenance"]["versions"]
    message = f"this version gives other queries than the run has ({versions}): run it again"
    return errors.ScenarioError([errors.Problem(side.source, 0, 0, "", message)])


def write_spans(seen: spans.Spans, to: str, file: Path) -> None:
    """Write single queries. Raises OSError if the file is there, or cannot be written."""
    document = perfetto.perfetto(seen) if to == "perfetto" else opentelemetry.opentelemetry(seen)
    files.write_new({file: json.dumps(document, allow_nan=False, separators=(",", ":")) + "\n"})


def write_stored(side: Side, to: str, file: Path) -> None:
    """Write what figures and traces of a run say. Raises OSError likewise."""
    text = expositions.hgrm(side.traces) if to == "hgrm" else expositions.prometheus(side.document, side.traces)
    files.write_new({file: text})


def write_result(result: Result, to: str, file: Path) -> None:
    """Write all queries of a run. Raises OSError likewise."""
    if to in _STORED:
        write_stored(Side.of(result), to, file)
    elif to == "csv":
        folders.write_table(result, file)
    elif to == "npz":
        files.write_new({file: partial(queries.write_queries_npz, result.traces)})
    else:
        files.write_new({file: partial(_write_parquet, result)})


#: Columns that are text, whatever stands there.
_TEXT = ("outcome", "class", "shed_by")


def _write_parquet(result: Result, file: Path) -> None:
    """The table of queries, with types."""
    import pyarrow.csv
    import pyarrow.parquet

    with tempfile.TemporaryDirectory(dir=file.parent) as private:
        table = Path(private) / "queries.csv"
        folders.write_table(result, table)
        types = dict.fromkeys(_TEXT, pyarrow.string())
        types |= {f"{stage.name}.critical_shard": pyarrow.int64() for stage in result.scenario.stages}
        cached = [stage.name for stage in result.scenario.stages if caches.has_cache(stage)]
        types |= {f"{name}.hit": pyarrow.bool_() for name in cached}
        options = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True)
        pyarrow.parquet.write_table(pyarrow.csv.read_csv(table, convert_options=options), file)
