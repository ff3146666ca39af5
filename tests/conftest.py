"""Hypothesis profiles, paths, and the options of our own make targets."""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"

#: Examples by profile, over those that a property asks for: `make test`, `make coverage`, at leisure.
EXAMPLES = {"ci": 0.08, "reach": 1.0, "deep": 25.0}
PROFILE = os.environ.get("SHARDSIM_PROFILE", "ci")


def drawn(examples: int, **more: Any) -> settings:
    """Settings of a property that asks for so many examples; the profile multiplies them."""
    return settings(max_examples=max(1, round(EXAMPLES[PROFILE] * examples)), **more)


# Programs that tests start find the package compiled, as users do, whatever the surroundings say.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What is printed must not depend on whose terminal the tests run in; readline, which pytest imports,
# says how wide it is, too, where os.environ does not see it.
os.environ.pop("COLUMNS", None)
os.unsetenv("COLUMNS")

#: What takes more than ten seconds and seldom changes runs where it is asked for: ``make verify``.
SLOW = bool(os.environ.get("SHARDSIM_SLOW"))
slow = pytest.mark.slow

#: What simulates long says nothing of branches that a short run does not reach: `make coverage` has no compiler.
NO_COMPILER = bool(os.environ.get("NUMBA_DISABLE_JIT"))
TAKES_MINUTES = "takes minutes without the compiler"
long_run = pytest.mark.skipif(NO_COMPILER, reason=TAKES_MINUTES)
#: Tasks of a run, and of all but short runs of a test, after which that is left without the compiler.
SHORT, LONG, LONG_IN_ALL = 500, 4_000, 16_000


@pytest.fixture(autouse=NO_COMPILER)
def no_long_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the compiler a test is left at its first long run of the compiled engine, or after many."""
    from simulator.engines.compiled.run import Run

    begin, lengths = Run.__init__, [0]

    def unless_long(run: Run, plan: Any, *more: Any, **how: Any) -> None:
        tasks = plan.queries * plan.shards
        lengths.append(tasks if tasks > SHORT else 0)
        if tasks > LONG or sum(lengths) > LONG_IN_ALL:
            pytest.skip(TAKES_MINUTES)
        begin(run, plan, *more, **how)

    monkeypatch.setattr(Run, "__init__", unless_long)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not SLOW:
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: make verify runs it"))


for profile, times in EXAMPLES.items():
    settings.register_profile(
        profile,
        deadline=None,  # a first call compiles kernels, so a deadline would fail on nothing
        max_examples=round(200 * times),
        derandomize=profile != "deep",
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile(PROFILE)


@pytest.fixture(scope="session", autouse=True)
def one_signature_a_kernel() -> Iterator[None]:
    """After all tests of a process: no kernel was compiled twice. A second signature costs users its compilation.

    And before them all kernels are compiled: what a command prints must not depend on who comes first. Of two
    processes each begins with another loop, and finds the other's in the cache.
    """
    from simulator.engines import compile_ahead, compile_events

    is_second = os.environ.get("PYTEST_XDIST_WORKER", "gw0")[-1] in "13579"
    for compile_loop in (compile_events, compile_ahead) if is_second else (compile_ahead, compile_events):
        compile_loop()
    yield
    from numba.core.dispatcher import Dispatcher

    kernels = {
        f"{name}.{attribute}": value
        for name, module in list(sys.modules.items())
        if name.startswith("simulator.")
        for attribute, value in vars(module).items()
        if isinstance(value, Dispatcher)
    }
    twice = {name: kernel.signatures for name, kernel in kernels.items() if len(kernel.signatures) > 1}
    assert not twice, f"kernels with more than one signature: {twice}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="write golden outputs anew")


@pytest.fixture
def shared() -> Path:
    """Reference values and data beside the project; tests that need them are skipped without."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared here")
    return SHARED


@cache
def validator(kind: str) -> Any:
    """Of the JSON Schema of a document."""
    import jsonschema

    from simulator.documents.schemas import document_schema

    return jsonschema.Draft202012Validator(document_schema(kind))


def breaks(kind: str, document: Any) -> list[str]:
    """How a document breaks the JSON Schema of its kind, in words; nothing if it does not."""
    return [f"{list(error.absolute_path)}: {error.message[:200]}" for error in validator(kind).iter_errors(document)]


#: Documents in files, by name.
FILES = {"summary.json": "run", "timing.json": "timing", "size.json": "size", "results.json": "verify"}


def obeys_schemas(args: Sequence[str], code: int, out: str) -> None:
    """What a command has printed as JSON, and the documents in the directory that it has written, are what they say."""
    from simulator.documents.schemas import DOCUMENTS

    kind = "capacities" if args[0] == "capacity" and "--over" in args else args[0]
    is_json = "--format=json" in args or any(pair == ("--format", "json") for pair in itertools.pairwise(args))
    if is_json and out and code != 2 and kind in DOCUMENTS:
        assert breaks(kind, json.loads(out)) == []
    folder = next((Path(after) for before, after in itertools.pairwise(args) if before in ("-o", "--resume")), None)
    for name, of in FILES.items() if folder is not None and folder.is_dir() else ():
        if (folder / name).is_file():
            assert breaks(of, json.loads((folder / name).read_text())) == []


@pytest.fixture
def shardsim(monkeypatch, capsys):
    """Run the command in this process; returns exit code, standard output, standard error."""

    from simulator.cli import main

    def run(*args, stdin=None):
        monkeypatch.setattr(sys, "argv", ["shardsim", *args])
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        handler = signal.getsignal(signal.SIGINT)
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        finally:
            signal.signal(signal.SIGINT, handler)
        out, err = capsys.readouterr()
        if args:
            obeys_schemas(args, code, out)
        return code, out, err

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of seeded bugs (with -v or -s)."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    bugs = [row for report in reports for name, row in report.user_properties if name == "mutant"]
    options = terminalreporter.config.option
    if bugs and (options.verbose >= 0 or options.capture == "no"):
        terminalreporter.section("seeded bug / where / law / what the check said")
        for name, where, law, said in bugs:
            terminalreporter.write_line(f"{name:62} {where:34} {law:4} {said[:80]}")
        terminalreporter.write_line(f"{len(bugs)} seeded bugs, {len({law for _, _, law, _ in bugs})} laws")
