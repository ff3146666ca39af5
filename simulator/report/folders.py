"""What stands in the directory of an answer, and the files beside it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.base.formats import counted, significant
from simulator.planning import journal
from simulator.report import answers, files, queries, replicas, verify, verify_figures
from simulator.report import sweep as sweeps
from simulator.report.sweep_figure import sweep_figures
from simulator.running.groups import class_names
from simulator.scenario import caches, to_yaml

if TYPE_CHECKING:
    from simulator.documents import size, timing
    from simulator.planning.questions import Questions
    from simulator.planning.sizing_result import Sizing
    from simulator.planning.sweep import Sweep
    from simulator.running.result import Result
    from simulator.verification import Verification


def write_run(result: Result, folder: Path, jobs: int) -> None:
    """Write a run: its summary, its scenario, all queries, its table, and how long it took.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    document = result.to_dict()
    said: timing.Timing = {"wall_s": result.wall_s, "jobs": jobs}
    contents: dict[str, files.Content] = {
        "summary.json": files.to_json(document),
        "scenario.resolved.yaml": to_yaml(document["provenance"]["resolved"]),
        "queries.npz": partial(queries.write_queries_npz, result.traces),
        "table.txt": answers.table_of(result),
        "timing.json": files.to_json(said),
    }
    files.write_folder(folder, contents)


def write_table(result: Result, file: Path) -> None:
    """Write the table of all queries of a run. Raises OSError if it cannot be written."""
    names, classes = [stage.name for stage in result.scenario.stages], class_names(result.scenario, result.traces)
    cached = [place for place, stage in enumerate(result.scenario.stages) if caches.has_cache(stage)]
    write = partial(queries.write_queries_csv, result.traces, names, classes, is_packed(file), cached=cached)
    files.write_new({file: write})


def write_replicas(result: Result, file: Path) -> None:
    """Write the table of all replicas of a run. Raises OSError if it cannot be written."""
    write = partial(replicas.write_replicas_csv, result.traces, result.scenario, is_packed(file))
    files.write_new({file: write})


def is_packed(file: Path) -> bool:
    """Whether a table is compressed, by its name."""
    return file.name.endswith(".gz")


def write_sizing(sizing: Sizing, folder: Path) -> None:
    """Write a sizing: each answer as a scenario that runs, what was found, and the figure.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    document = sizing.to_dict()
    contents: dict[str, files.Content] = {
        f"{fleet['rank']:02}_{document['scenario']}.yaml": _comment(document, fleet)
        + to_yaml(sizing.scenario_of(one).tree.plain())
        for one, fleet in zip(sizing.answers, document["answers"], strict=True)
    }
    contents["size.json"] = files.to_json(document)
    contents["table.txt"] = answers.table_of(sizing)
    contents["pareto.png"] = answers.figure_of(sizing)
    files.write_folder(folder, contents)


def _comment(document: size.Size, fleet: size.Fleet) -> str:
    """What a scenario is, as a comment."""
    values = ", ".join(f"{path}={value}" for path, value in fleet["values"].items())
    cost = f"{significant(fleet['cost'], 6)} {document['unit']}"
    of = f"of {counted(document['fleets'], 'fleet')} for {significant(document['load_per_s'], 6)}/s"
    return f"# Number {fleet['rank']} {of}: {cost}\n# {values}\n"


def begin_sweep(questions: Questions, folder: Path) -> None:
    """Make the directory of a sweep, whole or not at all: what it is about, and a journal without a line.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    files.write_folder(folder, {journal.ASKED: to_yaml(questions.provenance()), journal.JOURNAL: ""})


def open_sweep(questions: Questions, folder: Path) -> journal.Journal:
    """The journal of a sweep in its directory. Raises UnavailableError where it is not that of these questions."""
    return journal.Journal(folder, questions)


def write_sweep(sweep: Sweep, folder: Path) -> None:
    """Write the table and the figures of a sweep that is complete, in place of those of an earlier end of it.

    Raises
    ------
    OSError
        If one cannot be written.
    """
    document = sweep.to_dict()
    contents: dict[Path, files.Content] = {folder / "results.csv": sweeps.sweep_csv(document)}
    try:
        frame = sweep.to_frame()
        import pyarrow  # noqa: F401
    except ImportError:
        pass  # the extra is not installed, and the table is there as CSV
    else:
        contents[folder / "results.parquet"] = partial(frame.to_parquet, index=False)
    files.write_over(contents)  # first: numbers are there whatever becomes of the figures
    files.write_over({folder / name: figure for name, figure in sweep_figures(document).items()})


def write_verification(verification: Verification, folder: Path) -> None:
    """Write the report of a verification, whole or not at all. Raises OSError if it cannot be written."""
    document = verification.to_dict()
    figures = verify_figures.verify_figures(document)
    contents: dict[str, files.Content] = {
        "report.md": verify.verify_markdown(document, {name: what for name, (_, what) in figures.items()}),
        "results.csv": verify.verify_csv(document),
        "results.json": files.to_json(document),
        **{name: figure for name, (figure, _) in figures.items()},
    }
    files.write_folder(folder, contents)
