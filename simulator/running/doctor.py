"""Whether an installation is sound: versions, machine, kernel cache, and a check of both engines and of one law."""

from __future__ import annotations

import math
import os
import platform
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Any, ClassVar

from simulator.base.errors import ContradictionError
from simulator.documents import doctor
from simulator.documents.shown import Shown

PACKAGE = "shardsim"


def all_that_differs() -> dict[str, Any]:
    """A stage a routing policy, with all else that makes tasks differ.

    That is every family of laws that numbers state, skew, luck, network, mergers, and several workers.
    """
    from simulator.core.laws.family import Statement
    from simulator.core.laws.sampling import FAMILIES
    from simulator.core.routing import BY_NAME

    factors = [
        {"kind": family.name, **family.factor.examples()[0]}
        for family in FAMILIES
        if isinstance(family.factor, Statement)
    ]
    assert len(factors) <= 2 * len(BY_NAME), "each is the factor of some stage"
    return {
        "name": "doctor_engines",
        "load": {"rate": "100/s", "work": {"kind": "lognormal", "cv": 0.5}},
        "run": {"queries": 20_000, "replications": 1},
        "stages": [
            {
                "name": policy,
                "candidates": 1000,
                "model": {"kind": "tree", "per_item": "10us"},
                "shards": 2,
                "skew": 0.3,
                "replicas": 3,
                "workers": 1 + index % 2,
                "routing": {"policy": policy, "balancers": 1 + index % 2},
                "variability": {"task": factors[-1 - index], "machine": factors[index]},
                "network": {"request": "100us", "response": {"kind": "lognormal", "p50": "200us", "p99": "2ms"}},
                "merge": {"time": "300us", "workers": index % 3},
            }
            for index, policy in enumerate(BY_NAME)
        ],
    }


#: The textbook queue at utilisation 0.8, with its mean and 95th percentile (Kleinrock, 1975, section 5.7).
MM1: dict[str, Any] = {
    "name": "doctor_mm1",
    "load": {"rate": "0.8/s"},
    "run": {"queries": 50_000, "replications": 16},
    "stages": [{"name": "server", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "1s"}}}],
}
MM1_EXACT_S = {"mean": 1 / (1 - 0.8), "p95": math.log(20) / (1 - 0.8)}


@dataclass(frozen=True, repr=False)
class Examination(Shown):
    """What an installation is, and whether it is sound."""

    kind: ClassVar[str] = "doctor"

    document: doctor.Doctor

    @property
    def exit_code(self) -> int:
        """0: all is well; 99: something is not."""
        return 0 if self.document["well"] else 99

    def to_dict(self) -> doctor.Doctor:
        """As written by ``shardsim doctor --format json``."""
        return self.document

    def at(self, is_terminal: bool, columns: int, has_color: bool) -> Examination:
        """With where it is printed."""
        terminal: doctor.Terminal = {"is_terminal": is_terminal, "columns": columns, "has_color": has_color}
        return Examination({**self.document, "terminal": terminal})


def examine(say: Callable[[str], None] | None = None) -> Examination:
    """Everything about an installation: ``to_do`` says what to change, and ``well`` that there is nothing.

    Modules that need other packages are loaded when they are needed, for one may be missing. ``say`` is called with a
    line when a wait begins.
    """
    packages = package_versions()
    to_do = [
        f"{item['name']} is older than {PACKAGE} needs, or missing: python -m pip install --upgrade {PACKAGE}"
        for item in packages
        if not item["well"]
    ]
    cache: doctor.Cache | None = None
    checks: list[doctor.Check] = []
    try:
        checks = self_check(say)
        cache = kernel_cache()
    except ImportError as error:
        to_do.append(f"the engine cannot be loaded, {error}: install {PACKAGE} anew into a fresh environment")
    if cache is not None and cache["cure"]:
        to_do.append(cache["cure"])
    failed = [check["name"] for check in checks if not check["well"]]
    to_do += [f"self-check {name} failed: do not trust results, and report all of this output" for name in failed]
    return Examination(
        {
            "schema": 1,
            "well": not to_do,
            "versions": packages,
            "machine": {"processor": platform.machine(), "system": platform.system(), "cores": cores(), **memory()},
            "cache": cache,
            "checks": checks,
            "to_do": to_do,
        }
    )


def package_versions() -> list[doctor.Version]:
    """Versions of Python, of the package and of what it needs, each with its lower bound."""
    try:
        rows = [("python", platform.python_version(), lower_bound(metadata(PACKAGE)["Requires-Python"] or ""))]
        needed = [line for line in requires(PACKAGE) or [] if "extra ==" not in line]
    except PackageNotFoundError:
        return [{"name": PACKAGE, "found": None, "needed": "", "well": False}]
    rows.append((PACKAGE, version(PACKAGE), ""))
    for line in needed:
        name = re.split(r"[^A-Za-z0-9._-]", line)[0]
        try:
            rows.append((name, version(name), lower_bound(line)))
        except PackageNotFoundError:
            rows.append((name, "", lower_bound(line)))
    return [
        {"name": name, "found": number or None, "needed": least, "well": bool(number) and is_at_least(number, least)}
        for name, number, least in rows
    ]


def lower_bound(requirement: str) -> str:
    """The version after ``>=``, or nothing.

    >>> lower_bound("numpy<3,>=1.26")
    '1.26'
    """
    match = re.search(r">=\s*([0-9][0-9.]*)", requirement)
    return match[1] if match else ""


def is_at_least(number: str, least: str) -> bool:
    """Whether a version reaches a bound, by the numbers that it begins with.

    >>> is_at_least("2.10.1rc1", "2.7"), is_at_least("4.0", "4.1"), is_at_least("3", "3.0")
    (True, False, True)
    """
    one, two = ([int(part) for part in re.match(r"[\d.]*", text)[0].split(".") if part] for text in (number, least))  # type: ignore[index]
    longest = max(len(one), len(two))
    return one + [0] * (longest - len(one)) >= two + [0] * (longest - len(two))


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> doctor.Memory:
    """Bytes of memory: what there is, or less where a control group allows less; and what is free."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total, free = page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return {"memory_bytes": None, "free_bytes": None}
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):
        limit = total
    return {"memory_bytes": min(total, limit), "free_bytes": min(free, limit)}


def kernel_cache() -> doctor.Cache:
    """Where compiled kernels are kept, whether they are there, and what to do if that is not where they should be."""
    from simulator.core.jit import cache_choices, cache_directory, is_compiled

    wanted, folder = cache_choices()[0], cache_directory()
    cure = ""
    if folder is None:
        cure = "no cache directory can be written, so every command compiles anew: set SHARDSIM_CACHE to one that can"
    elif folder.parent != wanted:
        cure = (
            f"{wanted} cannot be written, so the compiled engine is kept in {folder.parent}: "
            "make it writable, or set SHARDSIM_CACHE to a directory that is"
        )
    return {
        "folder": None if folder is None else str(folder),
        "is_writable": not cure,
        "is_compiled": folder is not None and is_compiled(folder),
        "cure": cure,
    }


def self_check(say: Callable[[str], None] | None = None) -> list[doctor.Check]:
    """Both engines on one scenario with every routing policy, and one law that is known exactly."""
    from simulator.core.jit import PARTS, cache_directory
    from simulator.engines import compile_all

    if say is not None and cache_directory() is None:
        say(f"compiling the engine for this command alone: about {sum(cold_s for _, cold_s in PARTS.values())} s")
    compile_all(say)
    return [
        _timed("engines", "both engines, every routing policy", engines_agree),
        _timed("mm1", "M/M/1 at utilisation 0.8", mm1_holds),
    ]


def _timed(name: str, what: str, check: Callable[[], str]) -> doctor.Check:
    began = time.monotonic()
    try:
        seen, is_well = check(), True
    except ContradictionError as error:
        seen, is_well = str(error), False
    return {"name": name, "what": what, "well": is_well, "seen": seen, "wall_s": time.monotonic() - began}


def engines_agree() -> str:
    """Hold the engines against each other; returns how much of it was equal.

    Raises
    ------
    ContradictionError
        If they differ.
    """
    from simulator.planner.plans import Plans
    from simulator.running.engine_check import check_engines, most_queries
    from simulator.scenario import scenario_from_dict

    plans = Plans.of(scenario_from_dict(all_that_differs()))
    check = check_engines(plans.make(0, plans.load().head(most_queries(plans.system.shards))))
    return f"equal in every column: {check.tasks:,} tasks of {check.queries:,} queries"


def mm1_holds() -> str:
    """Hold a run of M/M/1 against its exact mean and 95th percentile; returns what was seen.

    The interval is at a level of one in a million (``theory.check``), and the seed is fixed: there are no false alarms.

    Raises
    ------
    ContradictionError
        If one of them is outside, was not compared, or is not what the program takes it for.
    """
    from simulator.running.run import simulate
    from simulator.scenario import scenario_from_dict

    theory = simulate(scenario_from_dict(MM1), engine="compiled").theory
    checks = {check["statistic"]: check for check in theory["checks"] if check["kind"] == "exact"}
    seen = []
    for statistic, exact_s in MM1_EXACT_S.items():
        check = checks.get(statistic)
        if check is None or check["verdict"] not in ("agrees", "outside 95 %"):
            raise ContradictionError(f"the {statistic} was not held against {exact_s:g} s")
        if check["expected"] is None or not math.isclose(check["expected"], exact_s, rel_tol=1e-9):
            raise ContradictionError(f"the {statistic} is {exact_s:g} s, and the program expects {check['expected']}")
        seen.append(f"{statistic} {check['observed']:.4g} s, exact {exact_s:.4g} s")
    return "; ".join(seen)
