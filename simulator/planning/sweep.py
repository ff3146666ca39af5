"""``sweep``: a scenario at all combinations of some values, one row each, on common random numbers."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Unpack

from simulator.base.errors import ContradictionError, LostWorkerError, ScenarioError
from simulator.base.formats import counted
from simulator.documents import sweep as documents
from simulator.documents.shown import Shown, frame, html
from simulator.planning.grid import Grid, unheeded
from simulator.planning.questions import DEFAULT_PERCENTILES, Questions, questions
from simulator.planning.rows import SLO, WHOLE, WORDS, Row, columns_of, error_row, row_of
from simulator.running.execute import Standing, execute
from simulator.running.execution import Execution, Spread
from simulator.running.run import simulate
from simulator.scenario import Scenario
from simulator.scenario.given import takes_scenario


@dataclass(frozen=True, repr=False)
class Sweep(Shown):
    """The rows of a sweep."""

    kind: ClassVar[str] = "sweep"

    questions: Questions
    rows: tuple[Row, ...]  #: of the points that are finished, in order: number, values, figures
    interrupted: bool
    wall_s: float = field(compare=False)

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in order."""
        return columns_of(self.rows)

    @property
    def errors(self) -> list[Row]:
        """Rows of points that could not be answered."""
        return [row for row in self.rows if row["error"] is not None]

    @property
    def notes(self) -> list[str]:
        """What a reader should know besides."""
        return unheeded(self.questions.scenario, self.questions.grid)

    @property
    def exit_code(self) -> int:
        """0: every point has its answer, whatever it is; 99: one contradicts theory; 2: one has none; 130: a part."""
        if self.interrupted:
            return 130
        contradicted = any(str(row["error"]).startswith(ContradictionError.__name__) for row in self.errors)
        return 99 if contradicted else 2 if self.errors else 0

    def to_dict(self) -> documents.Sweep:
        """The sweep as written by ``--format json``: the same bytes for the same input, whatever did the work."""
        columns = self.columns
        percent, bound_s, slo = self.questions.aim
        document: documents.Sweep = {
            "schema": 1,
            "scenario": self.questions.scenario.name,
            "description": self.questions.scenario.description,
            "seed": self.questions.scenario.run.seed,
            "aim": {"percentile": f"p{percent:.12g}", "bound_s": bound_s, "slo": slo},
            "interrupted": self.interrupted,
            "points": [{name: row.get(name) for name in columns} for row in self.rows],
            "provenance": self.questions.provenance(),
        }
        return {**document, "notes": self.notes} if self.notes else document

    def to_frame(self) -> Any:
        """One row a point, as a ``pandas.DataFrame``. Raises ImportError without pandas."""
        columns, paths = self.columns, self.questions.paths
        words = {*WORDS, *(name for name in columns if name.startswith(SLO))}
        words |= {path for path in paths if any(isinstance(row[path], str) for row in self.rows)}
        rows = [
            {name: str(row[name]) if name in words and row.get(name) is not None else row.get(name) for name in columns}
            for row in self.rows
        ]
        kinds = {name: "Int64" if name in WHOLE else "float64" for name in columns if name not in (*words, *paths)}
        return frame(rows).astype(kinds)

    def _repr_html_(self) -> str:
        columns = self.columns
        rows = [{name: row.get(name) for name in columns} for row in self.rows]
        return html(f"{self.questions.scenario.name}: {counted(len(rows), 'point')}", rows)


@takes_scenario
def sweep(
    scenario: Scenario,
    parameters: Mapping[str, Any] | Grid | None = None,
    *,
    percentiles: Sequence[float] = DEFAULT_PERCENTILES,
    **execution: Unpack[Spread],
) -> Sweep:
    """Simulate a scenario at all combinations of some values, each with the same random numbers.

    Parameters
    ----------
    scenario
        As loaded; its ``sweep`` block has parameters, too.
    parameters
        Values by path: ``{"stages.ranking.shards": [1, 2, 4], "load.rate": "10/s..50/s*5"}``, or ``"auto"`` for the
        rate. They take the place of those of the block.
    percentiles
        Of latency, in percent; those of objectives on whole queries are added.
    jobs, cluster
        Points at a time on local processes, or the address of a Dask scheduler. The rows depend on neither.
    progress, say
        As for ``execute``.

    Raises
    ------
    ScenarioError
        With every problem of every point, before anything runs.
    UnavailableError, LostWorkerError
        As ``execute`` does.
    """
    return answer(questions(scenario, parameters or {}, percentiles), Execution.spread(**execution))


def answer(
    points: Questions,
    execution: Execution,
    *,
    known: Mapping[int, Row] | None = None,
    keep: Callable[[int, Row], None] | None = None,
) -> Sweep:
    """Answer the questions of a sweep that have no answer yet.

    Parameters
    ----------
    points
        The questions.
    execution
        As for ``execute``.
    known
        Rows by number of point that were answered before.
    keep
        Given each row as it is answered, with the number of its point.

    Raises
    ------
    ScenarioError
        If so many points at a time do not fit the memory there is.
    KeyboardInterrupt
        If interrupted before any point was finished.
    LostWorkerError
        If a point ends its worker again and again.
    """
    began = time.monotonic()
    rows = dict(known or {})
    before = len(rows)
    todo = [index for index in range(len(points.values)) if index not in rows]
    if execution.cluster is None and todo:
        points.refuse_together(min(execution.jobs, len(todo)), execution.say)

    def tell(standing: Standing) -> None:
        execution.tell(replace(standing, before=before))

    work = replace(execution, progress=tell)
    interrupted = False
    try:
        for place, row in execute(_answer, _Points(points, todo), work):
            if keep is not None:
                keep(todo[place], row)
            rows[todo[place]] = row
    except KeyboardInterrupt:
        if not rows:
            raise
        interrupted = True
    except LostWorkerError as error:
        index = todo[error.index]
        values = ", ".join(f"{path}={value}" for path, value in points.values[index].items())
        why = "ended its worker again and again, without an exception: most likely for want of memory"
        raise LostWorkerError(index, f"point {index} ({values}) {why}; take fewer --jobs, or fewer queries") from None
    complete = tuple({"point": index, **points.values[index], **rows[index]} for index in sorted(rows))
    return Sweep(points, complete, interrupted, time.monotonic() - began)


_Item = tuple[Scenario, tuple[float, ...]]


class _Points(Sequence[_Item]):
    """What is to be simulated, made when it is wanted: a hundred thousand scenarios are not kept."""

    def __init__(self, questions: Questions, todo: Sequence[int]) -> None:
        self.questions = questions
        self.todo = todo

    def __len__(self) -> int:
        return len(self.todo)

    def __getitem__(self, place: Any) -> Any:
        return self.questions.at(self.todo[place]), self.questions.percentiles


def _answer(item: _Item) -> Row:
    """The row of a point; of one that cannot be answered, why."""
    scenario, percentiles = item
    try:
        result = simulate(scenario, percentiles=percentiles)
    except (ScenarioError, ContradictionError) as error:
        return error_row(error)
    if result.interrupted:
        raise KeyboardInterrupt  # a point is whole or it is not there
    return row_of(result)
