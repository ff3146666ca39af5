"""``shardsim init``: every template is written whole or not at all, and the form writes what was answered."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from conftest import ROOT

from simulator import load_scenario, templates
from simulator.cli.init import copies
from simulator.report.files import write_new
from simulator.scenario.gallery import GALLERY, SCHEMA_LINE, Template

NAMES = [path.stem for path in sorted((ROOT / "scenarios").glob("*.yaml"))]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_gallery_is_the_folder_of_scenarios_and_all_of_it_is_packaged():
    assert GALLERY.resolve() == ROOT / "scenarios"
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["simulator"]
    packaged = {path for pattern in patterns for path in (ROOT / "simulator").glob(pattern)}
    assert {GALLERY / name for name in files_in(GALLERY) if name != "schema.json"} <= packaged


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_written_with_its_data_and_valid(shardsim, here, name):
    code, out, err = shardsim("init", name, "-o", "new/first.yaml")
    assert (code, err) == (0, "")
    assert f"next: shardsim validate {Path('new/first.yaml')}" in out
    assert shardsim("validate", "new/first.yaml")[0] == 0
    shipped = (ROOT / "scenarios" / f"{name}.yaml").read_text()
    assert (here / "new/first.yaml").read_text() == shipped.removeprefix(SCHEMA_LINE), "comments and all"
    for path in files_in(here / "new") - {"first.yaml"}:
        assert (here / "new" / path).read_text() == (ROOT / "scenarios" / path).read_text().removeprefix(SCHEMA_LINE)
    assert load_scenario("new/first.yaml").sha256() == load_scenario(ROOT / f"scenarios/{name}.yaml").sha256()


def test_the_default_is_the_paper_funnel_in_the_working_directory(shardsim, here):
    assert shardsim("init")[0] == 0
    assert files_in(here) == {"paper_funnel.yaml"}
    code, out, err = shardsim("init")
    assert (code, out) == (2, "")
    assert "paper_funnel.yaml exists already; choose another file with -o" in err


def test_the_schema_is_named_where_there_is_one(shardsim, here):
    (here / "schema.json").write_text(shardsim("schema")[1])
    assert shardsim("init", "mm1")[0] == 0
    assert (here / "mm1.yaml").read_text() == (ROOT / "scenarios/mm1.yaml").read_text()


def test_nothing_is_overwritten_or_half_written(shardsim, here):
    (here / "data").mkdir()
    (here / "data/bursty.csv").write_text("mine\n")
    code, _, err = shardsim("init", "trace_replay")
    assert code == 2
    assert "bursty.csv exists already; trace_replay needs another file of this name" in err
    assert files_in(here) == {"data/bursty.csv"}
    assert (here / "data/bursty.csv").read_text() == "mine\n"
    (here / "data/bursty.csv").write_bytes((ROOT / "scenarios/data/bursty.csv").read_bytes())
    assert shardsim("init", "trace_replay")[0] == 0, "the same file is no other file"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["mm2"], "no template is called 'mm2'. Did you mean 'mm1'?"),
        (["nothing_like_it"], "shardsim init --list shows them"),
        (["--list", "--ask"], "--list goes alone"),
        (["-o", "."], "is a directory"),
        (["-o", "/proc/nowhere/x.yaml"], "cannot be written"),
        (["--ask", "two words"], "a name has letters, digits, _ and -"),
    ],
)
def test_wrong_usage_exits_with_2_and_writes_nothing(shardsim, here, args, message):
    code, out, err = shardsim("init", *args)
    assert (code, out) == (2, "")
    assert message in err
    assert files_in(here) == set()


def test_the_list_shows_the_question_of_every_template(shardsim):
    code, out, _ = shardsim("init", "--list")
    assert code == 0
    entries = "".join(f"\n{line}" if line[0] != " " else f" {line.strip()}" for line in out.splitlines()).split("\n")
    assert [entry.split()[0] for entry in entries if entry] == NAMES
    for entry in entries[1:]:
        assert entry.endswith("?"), f"a scenario opens with the question it answers: {entry}"


def test_a_template_brings_what_it_extends(here, monkeypatch):
    gallery = here / "gallery"
    (gallery / "data").mkdir(parents=True)
    (gallery / "data/a.csv").write_text("1\n")
    (gallery / "base.yaml").write_text(SCHEMA_LINE + "# Why?\nload: {arrivals: {kind: trace, file: data/a.csv}}\n")
    (gallery / "top.yaml").write_text("# What?\nextends: base.yaml\n")
    monkeypatch.setattr("simulator.scenario.gallery.GALLERY", gallery)
    assert [template.name for template in templates()] == ["base", "top"]
    write_new(copies(Template(gallery / "top.yaml"), here / "out/mine.yaml"))
    assert files_in(here / "out") == {"mine.yaml", "base.yaml", "data/a.csv"}
    assert (here / "out/base.yaml").read_text().startswith("# Why?")


def test_files_appear_together_or_not_at_all(here):
    def fails(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device", str(path))

    with pytest.raises(OSError, match="No space"):
        write_new({here / "one": "1", here / "two": fails})
    assert files_in(here) == set()

    def overtaken(path: Path) -> None:
        path.write_text("2")
        (here / "two").write_text("another's")  # after the check, before the name is taken

    with pytest.raises(FileExistsError):
        write_new({here / "one": "1", here / "two": overtaken})
    assert files_in(here) == {"two"}
    assert (here / "two").read_text() == "another's"


def test_files_appear_where_a_file_has_one_name_only(here, monkeypatch):
    def no_links(*names: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", no_links)
    write_new({here / "one": "1"})
    assert (here / "one").read_text() == "1"
    with pytest.raises(FileExistsError):
        write_new({here / "one": "2"})
    assert files_in(here) == {"one"}


def test_return_throughout_the_form_gives_the_paper_funnel(shardsim, here):
    code, _, err = shardsim("init", "--ask", stdin="\n" * 20)
    assert (code, err) == (0, "")
    made, shipped = (
        load_scenario(path).resolved() for path in ("my_funnel.yaml", ROOT / "scenarios/paper_funnel.yaml")
    )
    assert {**made, "name": "", "description": ""} == {**shipped, "name": "", "description": ""}
    assert made["name"] == "my_funnel"
    assert shardsim("validate", "my_funnel.yaml")[0] == 0


#: Answer, and what is said to it; nothing if it is accepted.
ANSWERS = [
    ("7", "'7' is not a rate; write it like 1200/s, 1.2k/s, 50k/min"),
    ("0/s", "a rate must be above 0"),
    ("30/s", ""),
    ("light one", "a name has letters, digits, _ and -"),
    ("light", ""),
    ("lots", "'lots' is not a count; write it like 1000, 1k, 100M, 1_000"),
    ("2M", ""),
    ("forest", "must be one of linear, tree, deep, time"),
    ("linear", ""),
    ("25", "a duration needs a unit"),
    ("shape", ""),
    ("0", "a number of features must be above 0"),
    ("1k", ""),
    ("fast", "'fast' is not a computing speed"),
    ("225 GFLOP/s", ""),
    ("22", "a bandwidth"),
    ("22 GB/s", ""),
    ("2.5", "must be a whole number"),
    ("0", "must be at least 1"),
    ("20", ""),
    ("maybe", "invalid input"),
    ("y", ""),
    ("-3", "is not a count"),
    ("1k", ""),
    ("light", "two stages are called 'light'"),
    ("deep", ""),
    ("", ""),  # as many candidates as are handed on
    ("deep", ""),
    ("shape", ""),
    ("1000", "needs at least an input and an output width"),
    ("1000, 256, 1", ""),
    ("2", ""),
    ("y", ""),
    ("100", ""),
    ("trees", ""),
    ("50", ""),
    ("tree", ""),
    ("shape", ""),
    ("500", ""),
    ("1", "must be at least 2"),
    ("31", ""),
    ("1", ""),
    ("y", ""),
    ("10", ""),
    ("last", ""),
    ("10", ""),
    ("time", ""),
    ("5ms", ""),
    ("1", ""),
    ("n", ""),
    ("p99 < 1", "a duration needs a unit"),
    ("stage.deap.p95 < 1s", "no stage is called 'deap'"),
    ("p99 < 1s, stage.deep.p95 < 900ms, 99% within 2s", ""),
]


def test_the_form_asks_again_until_it_understands(shardsim, here):
    code, out, err = shardsim("init", "every_kind", "--ask", stdin="".join(f"{answer}\n" for answer, _ in ANSWERS))
    assert (code, err) == (0, ""), out
    errors = [line for line in out.replace("Error: ", "\nError: ").splitlines() if line.startswith("Error: ")]
    wanted = [said for _, said in ANSWERS if said]
    assert len(errors) == len(wanted)
    for error, said in zip(errors, wanted, strict=True):
        assert said in error
    assert shardsim("validate", "every_kind.yaml")[0] == 0
    made = load_scenario("every_kind.yaml")
    assert made.load.rate_per_s == 30
    assert [(stage.name, stage.model.kind, stage.shards, stage.keep) for stage in made.stages] == [
        *[("light", "linear", 20, 1000), ("deep", "deep", 2, 100), ("trees", "tree", 1, 10), ("last", "time", 1, None)]
    ]
    assert [stage.hardware for stage in made.stages] == ["worker", "worker", None, None]
    assert [stage.candidates is None for stage in made.stages] == [False, True, False, True]
    assert [objective.text for objective in made.slos] == ANSWERS[-1][0].split(", ")
    assert "# handed on to the next stage" in (here / "every_kind.yaml").read_text()


def test_what_no_single_answer_shows_is_asked_again_by_the_stage(shardsim, here):
    stage = ["one", "1M", "tree", "1us", "20000000"]
    code, out, _ = shardsim("init", "--ask", stdin="\n".join(["", *stage[:4], "20M", "4", "n", "none", ""]))
    assert code == 0
    assert "must be at most 16777216" in out
    assert load_scenario("my_funnel.yaml").slos == ()


def test_a_form_that_is_broken_off_writes_nothing(shardsim, here):
    code, _, err = shardsim("init", "--ask", stdin="7/s\n")
    assert code == 130
    assert "interrupted" in err
    assert files_in(here) == set()


def test_a_form_is_not_begun_for_a_file_that_is_there(shardsim, here):
    (here / "my_funnel.yaml").write_text("mine")
    code, out, err = shardsim("init", "--ask", stdin="")
    assert (code, out) == (2, "")
    assert "exists already" in err
