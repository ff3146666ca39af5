"""Documents: each has a type, from which its JSON Schema follows; what is written obeys it, and nothing else does."""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import json
import os
import pickle
import re
import sys
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from conftest import ROOT, breaks, slow

import simulator
from simulator.documents import schemas
from simulator.documents.answer import Answer
from simulator.report import answers
from simulator.report.folders import begin_sweep, open_sweep

ONE = """\
name: one
load: {rate: 0.5/s}
run: {queries: 300, replications: 4, seed: 1}
slos: [p90 < 20s]
hardware: {leaf: {price: 1 USD/h, power: 100 W}}
stages:
  - {name: only, candidates: 10, model: {kind: time, law: {kind: exponential, mean: 1s}}, hardware: leaf, replicas: 2}
"""


def scenario() -> simulator.Scenario:
    return simulator.scenario_from_text(ONE)


def waiting() -> simulator.Scenario:
    """The same, of clients that wait."""
    load = {"arrivals": {"kind": "closed", "clients": 3, "think": "1s"}}
    return simulator.scenario_from_dict({**scenario().resolved(), "load": load})


@cache
def answer_of(kind: str) -> Answer:
    """A small answer of each kind."""
    made: dict[str, Any] = {
        "run": lambda: simulator.simulate(scenario(), percentiles=[50, 99.9]),
        "capacity": lambda: simulator.capacity(scenario(), tolerance=0.3),
        "capacities": lambda: simulator.capacities(scenario(), {"stages.only.replicas": [1, 2]}, tolerance=0.3),
        "most_clients": lambda: simulator.capacity(waiting(), tolerance=0.3),
        "size": lambda: simulator.size(scenario(), search={"stages.only.replicas": "1..3"}, top=1),
        "sensitivity": lambda: simulator.sensitivity(scenario(), tolerance=0.3),
        "explain": lambda: simulator.explain(scenario(), percentiles=[50]),
        "stress": lambda: simulator.stress(scenario(), "stall for 20s", slos=["p90 < 9s"]),
        "sweep": lambda: simulator.sweep(scenario(), {"stages.only.replicas": [1, 2]}, percentiles=[50]),
        "compare": lambda: simulator.compare(
            scenario(), simulator.scenario_from_text(ONE.replace("replicas: 2", "replicas: 3")), limits={"p50": 0.1}
        ),
        "estimate": lambda: simulator.estimate(scenario()),
        "validation": lambda: simulator.validate(scenario()),
        "load": lambda: simulator.portrait(scenario()),
        "check": lambda: simulator.check(["random"], profile="quick"),
        "catalogue": lambda: simulator.catalogue(),
        "verify": lambda: simulator.verify(["fj_det"]),
        "doctor": lambda: simulator.examine().at(is_terminal=True, columns=80, has_color=False),
    }
    return made[kind]()


#: Names of documents that are not those of an answer: files.
OF_FILES = ("timing", "sweep_questions", "sweep_journal")
KINDS = [name for name in schemas.DOCUMENTS if name not in OF_FILES]


@cache
def document_of(kind: str) -> dict[str, Any]:
    """As it is read back from JSON."""
    return json.loads(json.dumps(answer_of(kind).to_dict()))


def parts_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of the maps in a document; of a list, those of its first one."""
    if isinstance(value, dict):
        yield path
        for key, below in value.items():
            if key != "resolved":
                yield from parts_of(below, (*path, key))
    elif isinstance(value, list) and value:
        yield from parts_of(value[0], (*path, 0))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        document = document[step]
    return document


@pytest.mark.parametrize("name", schemas.DOCUMENTS)
def test_every_schema_is_one(name):
    schema = schemas.document_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] and schema["description"] and schema["additionalProperties"] is False
    every = [schema, *schema.get("$defs", {}).values()]
    in_seconds = [part["properties"][key] for part in every for key in part["properties"] if key.endswith("_s")]
    assert all("second" in field["description"] for field in in_seconds)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_obeys_its_schema_and_no_other(kind):
    assert breaks(kind, document_of(kind)) == []
    assert all(breaks(other, document_of(kind)) for other in KINDS if other != kind)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[slow] * (place % 4 > 0)) for place, kind in enumerate(KINDS)]
)
def test_a_key_too_many_or_of_another_type_breaks_a_schema(kind):
    """In every part of a document, and a key too few where it must be there."""
    document = document_of(kind)
    for path in parts_of(document):
        part = at(document, path)
        if not part:
            continue
        for key in part:
            changed = copy.deepcopy(document)
            at(changed, path)[key] = [[{"no such": [None]}]]
            inside = next((step for step in reversed(path) if isinstance(step, str)), "")
            is_free = inside == "sets" or (kind, inside, key) in FREE
            assert bool(breaks(kind, changed)) is not is_free, f"{path}: {key} may be anything"
    for key in schemas.document_schema(kind)["required"]:
        shorter = {name: value for name, value in document.items() if name != key}
        assert breaks(kind, shorter), f"{key} may be missing"
    assert breaks(kind, {**document, "more": 1})


#: Keys whose values are those of a scenario's file, of any type: kind of document, the part that they are in, key.
FREE = {
    *(("compare", "differs", side) for side in ("a", "b")),
    ("catalogue", "figures", "value"),
    ("catalogue", "parameters", "default"),
}


@pytest.mark.parametrize(
    ("kind", "path", "keys"),
    [
        ("run", ("stages", 0), ("wait_s", "utilisation", "name")),
        ("run", ("latency_s",), ("mean", "max")),
        ("run", ("theory", "checks", 0), ("verdict", "stage")),
        ("run", ("provenance",), ("versions", "replications")),
        ("capacity", ("bottleneck",), ("saturation_per_s",)),
        ("capacity", ("curve", 0), ("low_over_bound",)),
        ("capacities", ("capacities", 0), ("values", "capacity_per_s")),
        ("size", ("answers", 0), ("values", "stages", "usd_per_h")),
        ("size", ("seen", 0), ("cost", "verdict")),
        ("sensitivity", ("knobs", 0), ("capacity_change",)),
        ("explain", ("bands", 0), ("percentile", "latency_s")),
        ("explain", ("bands", 0, "parts", 0), ("cause", "share")),
        ("explain", ("effects", 0), ("by", "word", "sets")),
        ("explain", ("last",), ("looked_at", "named")),
        ("most_clients", ("curve", 0), ("clients", "figure")),
        ("stress", ("triggers", 0), ("verdict", "size")),
        ("stress", ("triggers", 0, "timeline", 0), ("missed_ratio",)),
        ("compare", ("figures", 0), ("difference", "word")),
        ("estimate", ("stages", 0, "model"), ("order", "call")),
        ("sweep", ("provenance",), ("points_sha256",)),
        ("verify", ("lines", 0), ("deviation",)),
        ("check", ("checks", 0), ("well",)),
        ("doctor", ("machine",), ("cores",)),
    ],
)
def test_a_part_is_closed_and_whole(kind, path, keys):
    for key in keys:
        changed = copy.deepcopy(document_of(kind))
        del at(changed, path)[key]
        assert breaks(kind, changed), f"{key} may be missing"
    changed = copy.deepcopy(document_of(kind))
    at(changed, path)["no such key"] = 1
    assert breaks(kind, changed)


def test_percentiles_and_paths_may_have_their_names_and_no_others():
    run = copy.deepcopy(document_of("run"))
    run["latency_s"]["p99.99"] = None
    assert breaks("run", run) == []
    run["latency_s"]["q99"] = None
    assert breaks("run", run)
    size = copy.deepcopy(document_of("size"))
    size["seen"][0]["stages.only.workers"] = 2
    size["seen"][0]["worst_p50_s"] = None
    assert breaks("size", size) == []
    size["seen"][0]["latency_p50_s"] = "soon"
    assert breaks("size", size)


def test_the_files_of_a_sweep_obey_their_schemas(tmp_path):
    from simulator.planning.questions import questions
    from simulator.scenario.files import read

    asked = questions(scenario(), {"stages.only.replicas": [1, 2]}, [50])
    begin_sweep(asked, tmp_path / "sweep")
    journal = open_sweep(asked, tmp_path / "sweep")
    journal.keep(0, {"rate_per_s": 0.5, "verdict": "stable", "error": None})
    journal.close()
    assert breaks("sweep_questions", read(str(tmp_path / "sweep/sweep.yaml")).plain()) == []
    line = json.loads((tmp_path / "sweep/journal.jsonl").read_text())
    assert breaks("sweep_journal", line) == []
    assert breaks("sweep_journal", {**line, "crc32": 1}) and breaks("sweep_journal", {**line, "row": []})


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_has_what_an_answer_has(kind):
    """Its kind, its exit code, and its document of the type that the schema is made from."""
    answer: Answer = answer_of(kind)
    assert answer.kind == kind
    assert answer.exit_code in (0, 98, 99)
    module, _, document = schemas.DOCUMENTS[kind].partition(".")
    expected = getattr(importlib.import_module(f"simulator.documents.{module}"), document)
    to_dict = inspect.unwrap(type(answer).to_dict)
    names = {**vars(importlib.import_module(type(answer).__module__))}
    assert typing.get_type_hints(to_dict, names)["return"] is expected
    assert json.loads(answers.text_of(answer, "json")) == document_of(kind)


def plain(table: str) -> str:
    """A table without its colours."""
    return "".join(f"{line.rstrip()}\n" for line in re.sub(r"\x1b\[[0-9;]*m", "", table).splitlines())


@pytest.mark.parametrize("long_names", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_table_loses_nothing_at_any_width(kind, long_names):
    """No line is longer than the terminal is wide, and every word of the table is still there; in colour or not."""
    answer, document = answer_of(kind), document_of(kind)
    if long_names:
        text = json.dumps(document).replace("only", "a_stage_whose_name_is_rather_long")
        document = json.loads(text)
        if f"{kind}.{kind}_table" in answers.FROM_ANSWERS:
            return
    shown: Answer = SimpleNamespace(kind=kind, to_dict=lambda: document) if long_names else answer
    wide = answers.table_of(shown)
    words = {word.strip(",:") for word in wide.split()}
    for width in (60, 80, 120, 200):
        table = answers.table_of(shown, width)
        assert plain(answers.table_of(shown, width, color=True)) == table
        assert table.endswith("\n") and max(map(len, table.splitlines())) <= width
        if kind == "compare":  # B - A is left out where its relative change stands
            names = [row["figure"] for row in document["figures"]]
            assert all(name in table for name in names)
            continue
        there, joined = {word.strip(",:") for word in table.split()}, "".join(table.split())
        assert {word for word in words - there if word not in joined} == set()


def test_a_table_is_as_wide_as_columns_says(shardsim, monkeypatch):
    """Off a terminal a table is as wide as it takes, and with COLUMNS as wide as that, everywhere."""
    commands = [["estimate", "scenarios/web_search.yaml"], ["catalogue"], ["load", "scenarios/mm1.yaml"]]
    commands += [["validate", "scenarios/mm1.yaml"], ["init", "--list"], ["help"], ["help", "load.rate"]]
    for args in commands:
        monkeypatch.delenv("COLUMNS", raising=False)
        usual = shardsim(*args)[1]
        for width in (60, 200):
            monkeypatch.setenv("COLUMNS", str(width))
            narrow = shardsim(*args)[1]
            assert max(map(len, narrow.splitlines())) <= width, args
            assert {word for word in usual.split() if word.strip(",:") not in narrow} == set(), args


@pytest.mark.parametrize(("is_terminal", "columns", "width"), [(True, None, 80), (True, "60", 60), (False, "60", 60)])
def test_the_width_is_that_of_the_terminal_unless_columns_says(monkeypatch, is_terminal, columns, width):
    from simulator.cli import answers as printed

    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: is_terminal))
    monkeypatch.setattr("os.get_terminal_size", lambda *_: os.terminal_size((80, 24)))
    monkeypatch.setenv("NO_COLOR", "1")
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert (printed.table_width(), printed.text_width(), printed.wants_color()) == (width, width, False)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: False))
    assert (printed.table_width(), printed.text_width()) == (None, printed.TEXT_WIDTH)


@slow
def test_all_answers_are_known():
    """Whoever has a kind has a document, and what is drawn is among them."""
    kinds = {
        one.kind
        for name in simulator.__all__
        if isinstance(one := getattr(simulator, name), type) and isinstance(getattr(one, "kind", None), str)
    }
    assert kinds == set(KINDS)
    assert {kind for kind, _ in answers.TEXTS} | set(answers.FIGURES) <= kinds
    for kind in answers.FIGURES:
        assert answers.figure_of(answer_of(kind)).startswith(b"\x89PNG")


#: Kinds of answers that people compute with have their rows as a data frame.
FRAMED = (
    "run",
    "capacity",
    "capacities",
    "most_clients",
    "size",
    "sensitivity",
    "explain",
    "stress",
    "sweep",
    "compare",
    "verify",
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_shows_itself_in_python(kind):
    """In one line; as a table for notebooks and as a frame; as a figure that pyplot knows nothing of, or a mistake."""
    answer: Any = answer_of(kind)
    assert repr(answer).startswith(f"<{type(answer).__name__}") and len(repr(answer)) < 120
    if kind in FRAMED:
        frame = answer.to_frame()
        assert len(frame) >= 1 and answer._repr_html_().startswith("<table>")
    if kind in answers.FIGURES:
        from matplotlib.figure import Figure

        assert isinstance(answer.plot(), Figure)
        assert "matplotlib.pyplot" not in sys.modules
    else:
        with pytest.raises(simulator.ScenarioError, match=f"there is no figure of a {kind}; there are figures of"):
            answer.plot()


def test_the_frame_of_a_run_has_every_figure_with_its_unit():
    rows = answer_of("run").to_frame().set_index(["of", "figure"])
    document = document_of("run")
    mean = document["latency_s"]["mean"]
    assert rows.loc[("query", "latency mean"), ["value", "low", "high"]].tolist() == list(mean.values())
    used = document["stages"][0]["utilisation"]
    assert rows.loc[("only", "utilisation"), "value"] == used["mean"]["value"]
    assert rows.loc[("only", "hottest"), "value"] == used["max"]
    assert set(rows["unit"]) == {"s", "ratio", "per_s"}
    assert ("query", "latency p99.9") not in rows.index, "what is not supported is not there"


def test_dir_lists_what_there_is():
    assert set(simulator.__all__) <= set(dir(simulator))
    assert all(name in simulator.__all__ or name.startswith("__") for name in dir(simulator))


@pytest.mark.parametrize(
    ("mistaken", "said"),
    [
        (lambda: simulator.simulate(scenario(), engine="fast"), "no engine is called 'fast'"),
        (lambda: simulator.simulate(scenario(), jobs=0), "jobs is at least 1, got 0"),
        (lambda: simulator.simulate(scenario(), percentiles=[100]), "percentiles are in percent"),
        (lambda: simulator.sweep(scenario(), {"load.scale": [1]}, percentiles=[0]), "percentiles are in percent"),
        (lambda: simulator.capacity(scenario(), slos=["p99 > 1s"]), "p99 is compared with '<'"),
        (lambda: simulator.size(scenario(), search={"stages.only.replicas": [1]}, slos=["fast"]), "is not an obj"),
        (lambda: simulator.size(scenario(), search={"stages.only.replicas": [1]}, minimise="time"), "minimise one of"),
        (lambda: simulator.size(scenario(), search={"stages.only.replicas": [1]}, load="much"), "load: "),
        (lambda: simulator.size(scenario(), search={"stages.only.replicas": [1]}, top=0), "top is at least 1"),
        (lambda: simulator.compare(scenario(), scenario(), limits={"p9": 1}), "no figure is called 'p9'"),
        (lambda: simulator.sensitivity(scenario(), slos=["p99"]), "is not an objective"),
        (lambda: simulator.verify(["mm9"]), "no family is called 'mm9'"),
        (lambda: simulator.check(["nothing"]), "no such file"),
        (lambda: simulator.schema(document="capacty"), "did you mean 'capacity'"),
        (lambda: simulator.load_scenario("nowhere.yaml"), "nowhere.yaml"),
        (lambda: simulator.scenario_from_dict([]), "a scenario is a map"),
    ],
)
def test_a_mistake_is_a_scenario_error_everywhere(mistaken, said):
    with pytest.raises(simulator.ScenarioError, match=said) as caught:
        mistaken()
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


def test_schema_prints_that_of_a_document(shardsim):
    code, out, err = shardsim("schema", "run")
    assert (code, err) == (0, "") and json.loads(out) == schemas.document_schema("run")
    assert json.loads(out)["$schema"].endswith("2020-12/schema")
    assert shardsim("schema", "scenario") == shardsim("schema")
    assert json.loads(shardsim("schema")[1])["title"] == "shardsim scenario"
    code, out, err = shardsim("schema", "capacty")
    assert (code, out) == (2, "")
    assert "no document is called 'capacty'; did you mean 'capacity'? there are scenario, run, " in err


CLI = sorted((ROOT / "simulator" / "cli").glob("*.py"))
#: What is computed with in a command: how far the work is, and where a row of a form goes.
OF_FORMS = ("progress.py", "form.py")


@pytest.mark.parametrize("path", CLI, ids=[path.name for path in CLI])
def test_commands_compute_nothing(path: Path):
    """No arithmetic, and no document is taken apart; parameters are few."""
    for node in ast.walk(ast.parse(path.read_text())):
        where = f"{path.name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.BinOp) and path.name not in OF_FORMS:
            computes = isinstance(node.op, ast.Sub | ast.Mult | ast.Div | ast.FloorDiv | ast.Mod | ast.Pow)
            is_path = isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant)
            assert not computes or (is_path and isinstance(node.right.value, str)), f"{where}: a command computes"
        if isinstance(node, ast.Subscript) and path.name not in OF_FORMS:
            is_key = isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
            assert not is_key, f"{where}: a command takes a document apart"
        if isinstance(node, ast.FunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            assert len(arguments) <= 12, f"{where}: {node.name} has {len(arguments)} parameters"
