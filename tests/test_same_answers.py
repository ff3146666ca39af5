"""Short runs of every scenario and command give the stored answers; ``make answers`` takes the whole runs."""

from __future__ import annotations

import json

import pytest
from conftest import slow
from same_answers import COMMANDS, PLUGINS, QUICK, ROOT, differences, document, recorded_here, stored, without_versions


@pytest.fixture(scope="module")
def exact() -> bool:
    return recorded_here()


#: A third of them in CI; all in `make verify`.
@pytest.mark.parametrize("name", [pytest.param(one, marks=[slow] * (at % 3 > 0)) for at, one in enumerate(QUICK)])
def test_the_answer_is_the_stored_one(name, exact, shardsim, monkeypatch):
    monkeypatch.chdir(ROOT)
    code, out, err = shardsim(*COMMANDS[name])
    assert code in (0, 98, 99), err
    assert not list(differences(stored(name), document(code, out, ROOT), exact))


def test_every_scenario_is_held():
    scenarios = {str(path.relative_to(ROOT)) for path in (ROOT / "scenarios").glob("**/*.yaml")}
    run = {arg for name in QUICK for arg in QUICK[name]}
    assert {path for path in scenarios - run if "/data/" not in path} == set()
    assert PLUGINS[1] in run


def test_a_difference_is_told_with_its_path():
    old = {"a": [1.0, {"b": 2}], "c": None, "d": 1, "e": [1, 2]}
    new = {"a": [1.0 + 1e-12, {"b": 2.0}], "d": 1, "x": 0, "e": [1]}
    loose = ["a[1].b: 2 -> 2.0", "c: null -> absent", "e: 2 rows -> 1 rows", "x: absent -> 0"]
    assert list(differences(old, new, exact=False)) == loose
    assert list(differences(old, new, exact=True)) == ["a[0]: 1.0 -> 1.000000000001", *loose]
    assert list(differences({"a": 1, "b": 2}, {"b": 2, "a": 1}, exact=False, path="top")) == [
        "top: keys ['a', 'b'] -> ['b', 'a']"
    ]


def test_only_versions_of_a_provenance_are_left_out():
    text = json.dumps({"versions": 1, "provenance": {"seed": 1, "versions": 2, "a": {"versions": 3, "seed": 4}}})
    assert without_versions(json.loads(text)) == {"versions": 1, "provenance": {"seed": 1, "a": {"seed": 4}}}
