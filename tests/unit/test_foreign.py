"""Text of others reaches a terminal spelled out: descriptions, keys, catalogues, files of other people's runs."""

import csv
import io
import json
import unicodedata

import pytest
import yaml

from simulator.base.foreign import escaped
from simulator.report.files import to_json
from simulator.report.layout import Grid
from simulator.report.sweep import sweep_csv
from simulator.report.text import rendered

#: Clears the screen, sets the clipboard, turns the direction of letters, forges a line.
EVIL = "x\x1b[2J\x1b]52;c;aGk=\x07\u202e\u2028\np99 < 1s  met"
SCENARIO = {
    "name": "a",
    "description": EVIL,
    "load": {"rate": "1/s"},
    "run": {"queries": 200, "replications": 4},
    "stages": [{"name": "s", "model": {"kind": "time", "law": "1ms"}}],
    "slos": ["p50 < 1s"],
}
CATALOGUE = {"hardware": {"box": {"description": EVIL, "source": EVIL, "confidence": "measured", "cores": 2}}}
RAISING = f"""
from simulator.plugins import cost_model

@cost_model
class Evil:
    def service_s(self, items):
        raise ValueError({EVIL!r})
"""


def obeyed(text):
    return {letter for letter in text if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp")} - {"\n"}


def test_only_what_a_terminal_would_obey_is_spelled_out():
    assert escaped(EVIL) == r"x\x1b[2J\x1b]52;c;aGk=\x07\u202e\u2028\np99 < 1s  met"
    assert escaped("µs, naïve, 東京 \N{NO-BREAK SPACE}") == "µs, naïve, 東京 \N{NO-BREAK SPACE}"
    assert escaped("a\nb\tc", keep="\n") == "a\nb\\tc"


def test_a_document_says_it_and_hands_nothing_on():
    evil = EVIL + "\x9b2J\x7f\U000e0001 µs 東京"
    document = to_json({"a": evil, "b": {evil: [1]}})
    assert json.loads(document) == {"a": evil, "b": {evil: [1]}}
    assert obeyed(document) == set() and "µs 東京" in document


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.yaml").write_text(yaml.safe_dump(SCENARIO))
    (tmp_path / "key.yaml").write_text(yaml.safe_dump({**SCENARIO, EVIL: 1}))
    (tmp_path / "ours.yaml").write_text(yaml.safe_dump(CATALOGUE))
    (tmp_path / "evil.py").write_text(RAISING)
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        "run evil.yaml",
        "run evil.yaml --format json",
        "estimate evil.yaml",
        "validate evil.yaml",
        "load evil.yaml",
        "capacity evil.yaml --tolerance 20%",
        "sweep evil.yaml --param load.rate=1/s,2/s",
        "compare evil.yaml --set-b load.rate=2/s",
        "compare evil.yaml --set-b load.rate=2/s --md",
        "show evil.yaml",
        "run key.yaml",
        "catalogue -c ours.yaml",
        "catalogue box -c ours.yaml",
    ],
)
def test_no_command_hands_it_on(written, shardsim, line):
    _, out, err = shardsim(*line.split())
    assert obeyed(out + err) == set()
    assert "p99 < 1s  met" not in (out + err).splitlines(), "a forged line"


@pytest.mark.parametrize("columns", ["", "200", "40"])
@pytest.mark.parametrize("form", ["", "--md"])
def test_nor_what_another_run_says_of_itself(written, shardsim, monkeypatch, form, columns):
    """Its scenario, notes, objectives, stages, and what differs: key and value."""
    monkeypatch.setenv("COLUMNS", columns)
    assert shardsim("run", "evil.yaml", "-q", "-o", "theirs")[0] in (0, 98)
    file = written / "theirs" / "summary.json"
    said = json.loads(file.read_text())
    said |= {"scenario": f"S{EVIL}", "description": EVIL, "notes": [f"N{EVIL}"]}
    said["slos"][0]["slo"] = f"O{EVIL}"
    said["provenance"]["resolved"]["load"][f"K{EVIL}"] = f"V{EVIL}"
    for stage in (said["stages"][0], said["provenance"]["resolved"]["stages"][0]):
        stage["name"] = f"T{EVIL}"
    file.write_text(json.dumps(said))
    code, out, err = shardsim("compare", "theirs", "evil.yaml", *form.split())
    assert code == 0 and obeyed(out + err) == set()
    assert "p99 < 1s  met" not in out.splitlines(), "a forged line"
    told = out.replace("\\\\", "\\").replace("\\[", "[")  # as Markdown prints it
    assert [one for one in "SNOKVT" if rf"{one}x\x1b[2J" not in told] == []


@pytest.mark.parametrize("width", [None, 300, 50, 20])
def test_a_table_spells_out_every_cell(width):
    """However it is laid out: as it is, wrapped, below itself, or row by row."""
    rows = [[f"{EVIL}{row}", f"{row}", EVIL, f"{row}{EVIL}"] for row in range(2)]
    out = rendered([EVIL, Grid(["name", f"a{EVIL}", "95 % interval", EVIL], rows, 2)], width, color=False)
    assert obeyed(out) == set()
    assert "".join(escaped(EVIL).split()) in "".join(out.split())


def test_a_broken_law_is_told_as_it_is_and_hands_nothing_on(written, shardsim):
    code, out, err = shardsim("check", "evil.py", "--profile", "quick")
    assert code == 99 and obeyed(out + err) == set()
    assert r"ValueError: x\x1b[2J\x1b]52;c;aGk=\x07\u202e\u2028" in out and "breaks law M" in out


@pytest.mark.parametrize("value", ["=cmd|'/c calc'!A0", "+1+cmd", "-2+3", "@SUM(1)"])
def test_a_spreadsheet_runs_nothing(value):
    """Of values, errors and names of columns alike; numbers stay numbers."""
    points = [{"point": 0, "a": value, value: -1.5, "error": "\t=1\r", "rate": "4/s"}]
    rows = list(csv.reader(io.StringIO(sweep_csv({"points": points}), newline="")))
    assert rows == [["point", "a", f"'{value}", "error", "rate"], ["0", f"'{value}", "-1.5", r"\t=1\r", "4/s"]]
