"""What reads input takes it or refuses it: the corpus of what was found once, and a short pass of ``tests/fuzz``."""

from __future__ import annotations

import pytest
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
