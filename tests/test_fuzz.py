"""What reads input takes it or refuses it: the corpus of what was found once, and a short pass of ``tests/fuzz``."""

from __future__ import annotations

import sys
import warnings

import pytest
from fuzz import __main__ as program
from fuzz.mutations import inputs
from fuzz.targets import CORPUS, TARGETS, held, prepare
from hypothesis import HealthCheck, given, settings

FOUND = sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_once_is_cured(path, room):
    held(TARGETS[path.parent.name], path.read_bytes(), room)


@pytest.mark.parametrize("name", TARGETS)
def test_input_is_taken_or_refused(name, room):
    @settings(max_examples=20, suppress_health_check=list(HealthCheck))
    @given(inputs(name))
    def hold(raw):
        held(TARGETS[name], raw, room)

    hold()


@pytest.mark.parametrize("path", sorted((CORPUS / "scenario").iterdir()), ids=lambda path: path.name)
def test_a_scenario_that_is_refused_ends_the_command_with_2(path, room, shardsim):
    (room / "input").write_bytes(path.read_bytes())
    code, out, err = shardsim("validate", str(room / "input"))
    assert (code, out) == (2, "")
    assert err.rstrip().endswith(("1 error", "errors"))


def test_a_target_without_input_is_not_said_to_hold(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fuzz", "--minutes", "0", "units", "set"])
    assert program.main() == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"{name:10}         0 inputs  NOT ASKED: give more minutes" for name in ("units", "set")
    ]


def test_warnings_of_its_own_are_no_finds(room, monkeypatch):
    """Hypothesis warns of what it draws from: a round is none the worse for it."""

    def warned(name):
        warnings.warn("slow", UserWarning, stacklevel=1)
        return inputs(name)

    monkeypatch.setattr(program, "inputs", warned)
    monkeypatch.setattr(program, "ROUND", 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert program.round_of("units", 1, room) == (3, "")
