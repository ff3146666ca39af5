"""Text of others reaches a terminal spelled out: descriptions, keys, catalogues, files of other people's runs."""

import csv
import io
import json
import unicodedata

import pytest
import yaml

from simulator.base.foreign import escaped
from simulator.report.files import to_json
from simulator.report.sweep import sweep_csv

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


def test_nor_what_another_run_says_of_itself(written, shardsim):
    assert shardsim("run", "evil.yaml", "-q", "-o", "theirs")[0] in (0, 98)
    file = written / "theirs" / "summary.json"
    said = json.loads(file.read_text())
    file.write_text(json.dumps({**said, "scenario": EVIL, "description": EVIL}))
    _, out, err = shardsim("compare", "theirs", "evil.yaml")
    assert out and obeyed(out + err) == set()


@pytest.mark.parametrize("value", ["=cmd|'/c calc'!A0", "+1+cmd", "-2+3", "@SUM(1)"])
def test_a_spreadsheet_runs_nothing(value):
    """Of values, errors and names of columns alike; numbers stay numbers."""
    points = [{"point": 0, "a": value, value: -1.5, "error": "\t=1\r", "rate": "4/s"}]
    rows = list(csv.reader(io.StringIO(sweep_csv({"points": points}), newline="")))
    assert rows == [["point", "a", f"'{value}", "error", "rate"], ["0", f"'{value}", "-1.5", r"\t=1\r", "4/s"]]
