"""``shardsim doctor``: it says that all is well, and finds what is put wrong on purpose."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import slow

from simulator import ContradictionError
from simulator.engines import compile_all, compiled
from simulator.report.doctor import doctor_table
from simulator.running import doctor


def test_a_sound_installation_is_well(shardsim):
    compile_all()  # else the command says that it does
    code, out, err = shardsim("doctor", "--format", "json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["schema"], found["well"], found["to_do"]) == (1, True, [])
    names = {item["name"] for item in found["versions"]}
    assert {"python", "shardsim", "numpy", "numba", "simpy", "scipy", "pydantic"} <= names
    assert found["cache"]["is_compiled"]
    assert [(check["name"], check["well"]) for check in found["checks"]] == [("engines", True), ("mm1", True)]
    table = doctor_table(found)
    assert "both engines, every routing policy: well in" in table
    assert "50,000 tasks of 3,125 queries" in table
    assert "M/M/1 at utilisation 0.8: well in" in table
    assert table.endswith("all is well\n")


def altered(change):
    """The compiled engine with a bug."""
    sound = compiled.simulate

    def simulate(plan, *args, **kwargs):
        return change(sound(plan, *args, **kwargs))

    return simulate


def one_instant_late(trace):
    late_ns = trace.leave_ns.copy()
    late_ns[-1, -1] += 1
    return replace(trace, leave_ns=late_ns)


def one_tenth_slow(trace):
    """Every query takes 10 % longer: far outside an interval at one in a million, over 800,000 queries."""
    enter_ns = trace.enter_ns
    return replace(trace, leave_ns=enter_ns + (trace.leave_ns - enter_ns) * 11 // 10)


@slow
def test_an_instant_that_differs_is_found(monkeypatch):
    monkeypatch.setattr(compiled, "simulate", altered(one_instant_late))
    with pytest.raises(ContradictionError, match="the engines differ in leave_ns"):
        doctor.engines_agree()


def test_latencies_that_are_wrong_are_found(monkeypatch):
    monkeypatch.setattr(compiled, "simulate", altered(one_tenth_slow))
    with pytest.raises(ContradictionError, match=r"M/M/1.*: expected 5\.0"):
        doctor.mm1_holds()


def test_a_law_that_is_wrong_is_found(monkeypatch):
    monkeypatch.setitem(doctor.MM1, "load", {"rate": "0.79/s"})
    with pytest.raises(ContradictionError, match=r"the mean is 5 s, and the program expects 4\.76"):
        doctor.mm1_holds()


def test_a_law_that_is_not_compared_is_no_success(monkeypatch):
    monkeypatch.setitem(doctor.MM1, "run", {"queries": 1000, "replications": 2})
    with pytest.raises(ContradictionError, match="the mean was not held against 5 s"):
        doctor.mm1_holds()


def fails() -> str:
    raise ContradictionError("the engines differ in leave_ns")


def passes() -> str:
    return "as it should be"


def test_a_failed_self_check_exits_with_99(shardsim, monkeypatch):
    monkeypatch.setattr(doctor, "engines_agree", fails)
    monkeypatch.setattr(doctor, "mm1_holds", passes)
    code, out, _ = shardsim("doctor")
    assert code == 99
    assert "both engines, every routing policy: FAILED" in out
    assert "to do: self-check engines failed: do not trust results" in out


@pytest.fixture
def quick(monkeypatch):
    """Self-checks that pass at once."""
    monkeypatch.setattr(doctor, "engines_agree", passes)
    monkeypatch.setattr(doctor, "mm1_holds", passes)


def test_a_cache_that_cannot_be_written_is_found(shardsim, quick, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SHARDSIM_CACHE", str(tmp_path / "file" / "below"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    code, out, _ = shardsim("doctor")
    assert code == 99
    assert f"to do: {tmp_path / 'file' / 'below'} cannot be written, so the compiled engine is kept in" in out
    assert "not compiled, not the first choice" in out
    monkeypatch.setattr("simulator.core.jit.cache_choices", lambda: [tmp_path / "file" / "below"])
    code, out, err = shardsim("doctor")
    assert code == 99
    assert "set SHARDSIM_CACHE" in out
    assert "kernels   kept nowhere" in out
    assert "compiling the engine for this command alone" in err


def test_versions_below_the_lower_bounds_are_found(shardsim, quick, monkeypatch):
    asked = ["numpy>=99.1", "no-such-package-at-all>=1.0", 'pytest>=99; extra == "test"', "click"]
    monkeypatch.setattr(doctor, "requires", lambda package: asked)
    code, out, _ = shardsim("doctor")
    assert code == 99
    assert "TOO OLD" in out
    assert "MISSING" in out
    assert "to do: numpy is older than shardsim needs, or missing: python -m pip install --upgrade shardsim" in out
    assert "pytest" not in out


def test_a_package_that_is_not_installed_as_one_is_found(monkeypatch):
    def unknown(package: str) -> None:
        raise doctor.PackageNotFoundError(package)

    monkeypatch.setattr(doctor, "metadata", unknown)
    assert doctor.package_versions() == [{"name": "shardsim", "found": None, "needed": "", "well": False}]


def test_an_engine_that_cannot_be_loaded_is_reported(shardsim, monkeypatch):
    def broken(say: object) -> None:
        raise ImportError("No module named 'numba'")

    monkeypatch.setattr(doctor, "self_check", broken)
    code, out, err = shardsim("doctor")
    assert (code, err) == (99, "")
    assert "to do: the engine cannot be loaded, No module named 'numba'" in out


def test_memory_is_no_more_than_a_control_group_allows(monkeypatch):
    assert doctor.memory()["memory_bytes"] > 2**20
    monkeypatch.setattr(Path, "read_text", lambda path: "1048576\n")
    assert doctor.memory() == {"memory_bytes": 2**20, "free_bytes": 2**20}


def test_where_nothing_is_known_of_memory_nothing_is_said(monkeypatch):
    monkeypatch.delattr("os.sysconf", raising=False)
    assert doctor.memory() == {"memory_bytes": None, "free_bytes": None}
