"""What reads input, as functions of bytes: each loads them, or refuses them as the user's mistake; all else is a bug.

A target gets a folder of its own with the files that its scenarios name, writes the bytes there and reads them. A
refusal is a ScenarioError with a place (exit code 2), UnavailableError where a sweep is resumed, or ValueError of a
parser whose message the schema puts at a place. Nothing else comes out, nothing is written, and nothing takes long.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from simulator import ScenarioError, load_scenario, scenario_from_dict, scenario_from_text, simulate
from simulator.base import units
from simulator.base.errors import UnavailableError
from simulator.planner.plans import make_plan
from simulator.planning.compare import compare
from simulator.planning.grid import parse_grid
from simulator.planning.journal import ASKED, CHECKSUM, JOURNAL, Journal, checksum
from simulator.planning.questions import questions
from simulator.planning.saved_run import QUERIES, SUMMARY
from simulator.planning.sweep import answer
from simulator.report.catalogue import catalogue_table
from simulator.report.compare import compare_table
from simulator.report.files import to_json
from simulator.report.sweep import sweep_csv, sweep_table
from simulator.running.execution import Execution
from simulator.scenario import Scenario, parse_objective
from simulator.scenario.catalogue import catalogue_of
from simulator.scenario.described import Listing

from .commands import RefusedError, lines_of_commands, read_command

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
SCENARIOS = ROOT / "tests" / "scenarios"

#: Seconds of processor time that no input may take; what Python needs for the first call of a kernel is not input.
LONGEST_S = 10.0

#: Plans are made of scenarios so small; others are only read.
MOST_QUERIES, MOST_REPLICAS = 20_000, 5_000


@dataclass(frozen=True)
class Target:
    """A reader."""

    read: Callable[[bytes, Path], None]
    seeds: tuple[str, ...]  #: where good and bad inputs stand, from the root; those of the corpus come on top
    refusals: tuple[type[Exception], ...] = (ScenarioError,)
    has_lines: bool = False  #: whether each of its mistakes has a line in the file


def held(target: Target, raw: bytes, folder: Path) -> None:
    """The property: it is loaded or refused, soon, and nothing in the folder has changed but the input itself."""
    before = listing(folder)
    began = time.process_time()
    try:
        target.read(raw, folder)
    except target.refusals as error:
        assert str(error).strip(), "a refusal says why"
        assert "\n\n" not in str(error).strip("\n") or "\\n" in str(error), "in lines, none empty"
        for problem in getattr(error, "problems", ()):
            assert problem.message, "a problem says what is wrong"
            assert problem.file, "and where"
            if target.has_lines and problem.file.endswith(INPUT):
                assert problem.line >= 1 or "more than 10 MB" in problem.message, f"{problem} has no line"
    spent = time.process_time() - began
    assert spent < LONGEST_S, f"took {spent:.1f} s"
    assert listing(folder) == before, "reading wrote something"


def listing(folder: Path) -> set[tuple[str, int, int]]:
    """Every file below a folder but the input, its size and when it was last written."""
    found = set()
    for path, _, names in os.walk(folder):
        for name in names:
            if name not in (INPUT, JOURNAL):
                said = os.stat(os.path.join(path, name))  # noqa: PTH116, PTH118 (thousands of times a second)
                found.add((f"{path}/{name}", said.st_size, said.st_mtime_ns))
    return found


#: The name of the file that holds the input.
INPUT = "input"

_SMALL = """
name: small
load: {rate: 40/s}
run: {queries: 12, replications: 2}
stages:
  - {name: a, candidates: 10, model: {kind: linear, per_item: 1ms}, shards: 2, replicas: 2}
  - {name: b, model: {kind: time, law: {kind: exponential, mean: 3ms}}}
slos: [p90 < 60ms, stage.a.utilisation < 70%]
"""


def prepare(folder: Path) -> Path:
    """The files that inputs may name: those beside the scenarios of the tests and of the gallery."""
    for source in (SCENARIOS / "invalid", SCENARIOS / "valid", ROOT / "scenarios"):
        shutil.copytree(source, folder, dirs_exist_ok=True)
    (folder / "small.yaml").write_text(_SMALL)
    return folder


def _put(raw: bytes, folder: Path, name: str = INPUT) -> str:
    path = folder / name
    path.write_bytes(raw)
    return str(path)


def _planned(scenario: Scenario) -> None:
    """Resolve a scenario, and make its plan if it is small."""
    assert scenario_from_dict(scenario.resolved()).resolved() == scenario.resolved(), "resolved is resolved"
    load, run = scenario.load, scenario.run
    replicas = sum(stage.shards * stage.replicas for stage in scenario.stages)
    expected = scenario.queries or 0
    if scenario.duration_s is not None and load.rate_per_s is not None:
        expected = scenario.duration_s * load.rate_per_s * load.scale
    warmup = (run.warmup_queries or 0) + (run.warmup_s or 0) * (load.rate_per_s or 0) * load.scale
    if expected + warmup <= MOST_QUERIES and replicas <= MOST_REPLICAS and load.phases is None:
        make_plan(scenario)


def read_scenario(raw: bytes, folder: Path) -> None:
    _planned(load_scenario(_put(raw, folder)))


def read_plain(raw: bytes, folder: Path) -> None:
    """Values of JSON, as a program would give them."""
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError):
        return
    if isinstance(values, dict):
        _planned(scenario_from_dict(values))


def read_overlay(raw: bytes, folder: Path) -> None:
    _planned(load_scenario(folder / "web_search.yaml", [_put(raw, folder)]))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def read_sets(raw: bytes, folder: Path) -> None:
    """Each line is a --set."""
    base = (folder / "web_search.yaml").read_text()
    _planned(scenario_from_text(base, sets=_text(raw).split("\n"), file=str(folder / "web_search.yaml")))


def read_params(raw: bytes, folder: Path) -> None:
    """Each line is a --param; the points of small grids are checked like those of a sweep."""
    grid = parse_grid(_text(raw).split("\n"))
    if grid.count <= 20:
        questions(load_scenario(folder / "small.yaml"), grid)


def _with(part: dict[str, Any]) -> dict[str, Any]:
    stage = {"name": "a", "candidates": 5, "model": {"kind": "tree", "per_item": "1us"}}
    return {"name": "s", "load": {"rate": "1/s"}, "run": {"warmup": 0}, "stages": [stage], **part}


def _each(*readers: Callable[[], None]) -> None:
    """All of them, whether or not one refuses; the first refusal in the end."""
    refusals = []
    for one in readers:
        try:
            one()
        except ScenarioError as error:
            refusals.append(error)
    if refusals:
        raise refusals[0]


def read_trace(raw: bytes, folder: Path) -> None:
    file = _put(raw, folder)
    trace = {"kind": "trace", "file": file}
    loads: list[dict[str, Any]] = [
        {"arrivals": trace},
        {"arrivals": {**trace, "column": "t", "unit": "ms"}},
        {"arrivals": {**trace, "values": "gaps", "columns": {"work": "work"}}},
        {"rate": {"kind": "profile", "file": file, "interval": "10ms"}},
        {"rate": {"kind": "profile", "file": file, "interval": "10ms", "column": "count", "shape": "linear"}},
    ]
    _each(*(lambda load=load: _planned(scenario_from_dict(_with({"load": load}))) for load in loads))


def read_measured(raw: bytes, folder: Path) -> None:
    model = {"kind": "measured", "file": _put(raw, folder), "unit": "us"}
    models = [model, {**model, "items": "items", "time": "time"}]
    stage = {"name": "a", "candidates": 5}
    _each(*(lambda m=m: _planned(scenario_from_dict(_with({"stages": [{**stage, "model": m}]}))) for m in models))


def read_law(raw: bytes, folder: Path) -> None:
    law = {"kind": "empirical", "file": _put(raw, folder)}
    model = {"kind": "time", "law": {**law, "unit": "ms"}}
    _each(
        lambda: _planned(scenario_from_dict(_with({"stages": [{"name": "a", "model": model}]}))),
        lambda: _planned(scenario_from_dict(_with({"load": {"rate": "1/s", "work": law}}))),
    )


def read_catalogue(raw: bytes, folder: Path) -> None:
    file = _put(raw, folder)
    catalogue = catalogue_of(file)
    document = {"schema": 1, "entries": [entry.to_dict() for entry in catalogue.entries()]}
    to_json(document)
    catalogue_table(Listing(document, is_of_one=True), 100, False)
    for entry in catalogue.entries()[-4:] + catalogue.entries()[:4]:
        part: dict[str, Any] = {"catalogue": file, "hardware": {"leaf": {"from": "x86_core"}}}
        if entry.section == "hardware":
            part["hardware"]["leaf"]["from"] = entry.name
        else:
            model = {"from": entry.name}
            part["stages"] = [{"name": "a", "candidates": 5, "model": model, "hardware": "leaf"}]
        try:
            _planned(scenario_from_dict(_with(part)))
        except ScenarioError:
            continue  # an entry's values are checked where it is used


@lru_cache(maxsize=1)
def _asked() -> Any:
    return questions(scenario_from_text(_SMALL), {"stages.a.shards": [1, 2, 3]})


def sweep_journal() -> bytes:
    """The journal of a sweep that is complete."""
    asked = _asked()
    rows = answer(asked, Execution()).rows
    entries = [
        {
            "point": index,
            "values": asked.values[index],
            "row": {k: v for k, v in row.items() if k not in ("point", *asked.values[index])},
        }
        for index, row in enumerate(rows)
    ]
    return b"".join(json.dumps({**entry, CHECKSUM: checksum(entry)}).encode() + b"\n" for entry in entries)


def _resumed(folder: Path, asked: bytes, journal: bytes) -> None:
    from simulator.scenario import to_yaml

    room = folder / "sweep"
    room.mkdir(exist_ok=True)
    (room / ASKED).write_bytes(asked or to_yaml(_asked().provenance()).encode())
    (room / JOURNAL).write_bytes(journal)
    try:
        opened = Journal(room, _asked())
        opened.close()
        assert journal.startswith((room / JOURNAL).read_bytes()), "only a torn end is cut off"
        if len(opened.rows) == len(_asked().values):
            found = answer(_asked(), Execution(), known=opened.rows)
            document = found.to_dict()
            sweep_csv(document)
            sweep_table(document, 100, False)
            to_json(document)
    finally:
        shutil.rmtree(room)


def read_journal(raw: bytes, folder: Path) -> None:
    _resumed(folder, b"", raw)


def read_asked(raw: bytes, folder: Path) -> None:
    _resumed(folder, raw or b" ", b"")


@lru_cache(maxsize=1)
def saved_run() -> dict[str, bytes]:
    """The two files of a run that are read back."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        from simulator.report.folders import write_run

        result = simulate(scenario_from_text(_SMALL))
        write_run(result, Path(folder) / "run", jobs=1)
        return {name: (Path(folder) / "run" / name).read_bytes() for name in (SUMMARY, QUERIES)}


def _compared(folder: Path, changed: str, raw: bytes) -> None:
    room = folder / "run"
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir()
    for name, content in saved_run().items():
        (room / name).write_bytes(raw if name == changed else content)
    try:
        document = compare(str(room), str(room)).to_dict()
        compare_table(document, 100, False)
        to_json(document)
    finally:
        shutil.rmtree(room)


def read_summary(raw: bytes, folder: Path) -> None:
    _compared(folder, SUMMARY, raw)


def read_queries(raw: bytes, folder: Path) -> None:
    _compared(folder, QUERIES, raw)


PARSERS: tuple[Callable[[Any], float], ...] = (
    units.parse_number,
    units.parse_duration,
    units.parse_rate,
    units.parse_count,
    units.parse_ratio,
    units.parse_flop,
    units.parse_flop_rate,
    units.parse_bandwidth,
    units.parse_size,
    units.parse_money_rate,
    units.parse_power,
)


def read_units(raw: bytes, folder: Path) -> None:
    """Every parser: a finite number of at least 0 (a bare number may be below), or a ValueError."""
    text = _text(raw)
    refusals = []
    for parse in (*PARSERS, lambda given: parse_objective(given).bound):
        try:
            found = parse(text)
        except ValueError as error:
            assert str(error)
            refusals.append(error)
        else:
            assert np.isfinite(found), (parse, found)
            assert found >= 0 or parse is units.parse_number, (parse, found)
    if refusals:
        raise refusals[0]


TARGETS = {
    "scenario": Target(read_scenario, ("tests/scenarios/*/*.yaml",), has_lines=True),
    "plain": Target(read_plain, ()),
    "overlay": Target(read_overlay, ("tests/scenarios/valid/*.yaml", "scenarios/*.yaml")),
    "set": Target(read_sets, ()),
    "param": Target(read_params, ()),
    "trace": Target(read_trace, ("tests/scenarios/*/*.csv", "tests/scenarios/*/traces/*", "simulator/testing/*.csv")),
    "measured": Target(read_measured, ("tests/scenarios/*/measured*", "tests/scenarios/*/measured/*")),
    "law": Target(read_law, ("tests/scenarios/*/*.csv",)),
    "catalogue": Target(read_catalogue, ("tests/scenarios/*/*/*.yaml", "simulator/scenario/catalogue/*.yaml")),
    "journal": Target(read_journal, (), (ScenarioError, UnavailableError)),
    "asked": Target(read_asked, (), (ScenarioError, UnavailableError)),
    "summary": Target(read_summary, ()),
    "queries": Target(read_queries, ()),
    "units": Target(read_units, (), (ValueError,)),
    "command": Target(read_command, (), (RefusedError,)),
}


@cache
def seeds(name: str) -> tuple[bytes, ...]:
    """The inputs that mutations begin with, the corpus among them."""
    files = [path for pattern in TARGETS[name].seeds for path in sorted(ROOT.glob(pattern)) if path.is_file()]
    files += sorted(path for path in (CORPUS / name).glob("*") if path.is_file())
    found = [path.read_bytes() for path in files]
    if name == "journal":
        found.append(sweep_journal())
    if name == "command":
        found += lines_of_commands()
    if name == "plain":
        scenarios = (load_scenario(path).resolved() for path in sorted((ROOT / "scenarios").glob("*.yaml")))
        found += [json.dumps(values, indent=1).encode() for values in scenarios]
    if name in ("summary", "queries"):
        found.append(saved_run()[SUMMARY if name == "summary" else QUERIES])
    if name == "asked":
        from simulator.scenario import to_yaml

        found.append(to_yaml(_asked().provenance()).encode())
    return tuple(dict.fromkeys(found))


def packed(columns: dict[str, Any]) -> bytes:
    """Arrays as a saved run holds them."""
    out = io.BytesIO()
    np.savez(out, **columns)
    return out.getvalue()
