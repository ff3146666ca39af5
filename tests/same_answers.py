"""Answers held against stored ones, field for field: what a recut of the inside must not change.

``python tests/same_answers.py record --checkout DIR [NAME...]`` runs the commands below with the ``shardsim`` of a
checkout (its ``.venv/bin/shardsim``, its scenarios) and stores the documents in ``tests/answers``; ``python
tests/same_answers.py compare [--checkout DIR] [NAME...]`` (``make answers``) runs them with this one and prints every
field that differs as ``answer: path: stored -> now``; exit code 1 if there is any. ``--quick`` takes the short ones
only, which CI runs (``tests/test_same_answers.py``).

Everything is compared but ``versions`` in a provenance: keys and their order, whole numbers against floats, every
digit. Where the processor or a package is another than the recorded one, floats may differ by 1e-9 of their size.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
ANSWERS = Path(__file__).parent / "answers"
PLUGINS = ["--plugin", "scenarios/plugins/mine.py"]
JSON = ["--format", "json"]
FEW = ["--queries", "100", "--replications", "2", "--jobs", "1"]

#: Scenarios of the gallery, which ``run`` takes as they are.
GALLERY = sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / "scenarios").glob("**/*.yaml") if path.parent.name != "data"
)
#: Scenarios whose phases say how long they are.
PHASED = {
    "scenarios/ramp.yaml",
    "scenarios/cold_cache.yaml",
    "scenarios/retry_storm.yaml",
    "scenarios/morning_peak.yaml",
    "scenarios/autoscaled_benchmark.yaml",
}

RECOMMENDATION = "scenarios/recommendation.yaml"
SIZE = [
    *("size", RECOMMENDATION, "--load", "1000/s", "--headroom", "20%", "--survive", "1"),
    *("--search", "stages.light_ranking.replicas=2..8", "--search", "stages.deep_ranking.replicas=1..8"),
    *("--search", "stages.deep_ranking.hardware=gpu,nvidia_a10"),
]
ORDER = "{order}"  # the directory that ``size`` writes


def run_of(scenario: str, *options: str) -> list[str]:
    plugins = PLUGINS if Path(scenario).parent.name == "plugins" else []
    return ["run", scenario, *plugins, *options, *JSON]


def few(scenario: str) -> list[str]:
    return FEW[2:] if scenario in PHASED else FEW


#: Name of an answer, and the command without ``shardsim``: the whole runs, and the commands as the README shows them.
LONG: dict[str, list[str]] = {
    **{f"run_{Path(scenario).stem}": run_of(scenario) for scenario in GALLERY},
    "run_checked": ["run", "scenarios/paper_funnel.yaml", "--check-engines", *JSON],
    "run_precise": ["run", "scenarios/mm1.yaml", "--precision", "2%", "--percentiles", "50,99,99.95", *JSON],
    "run_reference": ["run", RECOMMENDATION, "--engine", "reference", "--queries", "500", "--replications", "2", *JSON],
    "capacity": ["capacity", RECOMMENDATION, *JSON],
    "capacity_over": [
        *("capacity", RECOMMENDATION, "--tolerance", "5%", "--over", "stages.deep_ranking.replicas=1,2,4", *JSON),
    ],
    "sensitivity": ["sensitivity", RECOMMENDATION, *JSON],
    "explain": ["explain", RECOMMENDATION, *JSON],
    "size": [*SIZE, "-o", ORDER, *JSON],
    "sweep": ["sweep", f"{ORDER}/01_recommendation.yaml", "--param", "load.rate=auto", *JSON],
    "sweep_reranked": ["sweep", "scenarios/plugins/reranked.yaml", *PLUGINS, *JSON],
    "compare": [
        *("compare", f"{ORDER}/01_recommendation.yaml", f"{ORDER}/03_recommendation.yaml"),
        *("--max-regression", "p99=5%", *JSON),
    ],
}

#: The same in small, for CI: all scenarios and all commands.
QUICK: dict[str, list[str]] = {
    **{f"few_{Path(scenario).stem}": run_of(scenario, *few(scenario)) for scenario in GALLERY},
    "few_capacity": ["capacity", RECOMMENDATION, "--tolerance", "30%", "--replications", "4", "--jobs", "1", *JSON],
    "few_sensitivity": [
        *("sensitivity", "scenarios/mm1.yaml", "--slo", "p95 < 8s", "--tolerance", "20%", "--queries", "500"),
        *("--replications", "4", "--jobs", "1", *JSON),
    ],
    "few_explain": ["explain", RECOMMENDATION, *FEW, "--percentiles", "50,90", *JSON],
    "few_size": [
        *("size", RECOMMENDATION, "--load", "1000/s", "--headroom", "20%", "--queries", "500", "--jobs", "1"),
        *("--search", "stages.light_ranking.replicas=2..8", "--search", "stages.deep_ranking.replicas=1..8", *JSON),
    ],
    "few_sweep": ["sweep", RECOMMENDATION, *FEW, "--param", "load.rate=auto*3", *JSON],
    "few_compare": [
        *(
            "compare",
            RECOMMENDATION,
            "--set-b",
            "stages.deep_ranking.replicas=3",
            *FEW,
            "--max-regression",
            "p99=5%",
            *JSON,
        ),
    ],
}

COMMANDS = LONG | QUICK

#: What floats may depend on in the last bit, said by the python of a checkout.
SURROUNDINGS = """
import json, platform
from importlib.metadata import version
from llvmlite import binding
cpu = platform.processor()
if platform.system() == "Linux":
    named = [line for line in open("/proc/cpuinfo") if line.startswith("model name")]
    cpu = named[0].split(":")[1].strip() if named else cpu
packages = ("numpy", "scipy", "numba", "llvmlite", "simpy")
versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
print(json.dumps({"processor": f"{cpu} ({binding.get_host_cpu_name()})", "versions": versions}))
"""


def surroundings(checkout: Path | None = None) -> dict[str, Any]:
    """Processor and packages of a checkout; of this very process without one."""
    python = sys.executable if checkout is None else str(checkout / ".venv/bin/python")
    said = subprocess.run([python, "-c", SURROUNDINGS], capture_output=True, text=True, check=True).stdout
    return json.loads(said)


def answer(name: str, checkout: Path, order: Path) -> Any:
    """What a command prints as JSON; ``order`` is where the fleets of ``size`` are left for others."""
    args = [arg.replace(ORDER, str(order)) for arg in COMMANDS[name]]
    if name != "size" and args != COMMANDS[name] and not order.exists():
        answer("size", checkout, order)
    run = [str(checkout / ".venv/bin/shardsim"), *args]
    done = subprocess.run(run, capture_output=True, text=True, cwd=checkout, check=False)
    if done.returncode not in (0, 98, 99):
        raise SystemExit(f"{name}: exit code {done.returncode}\n{done.stderr}")
    return document(done.returncode, done.stdout.replace(str(order), ORDER), checkout)


def document(code: int, printed: str, checkout: Path) -> dict[str, Any]:
    """What is stored of a command: its exit code and its document, whatever the versions and the checkout's place."""
    return {"exit_code": code, "document": without_versions(json.loads(printed.replace(f"{checkout}/", "")))}


def without_versions(value: Any, inside: str = "") -> Any:
    if isinstance(value, dict):
        kept = {key: part for key, part in value.items() if not (inside == "provenance" and key == "versions")}
        return {
            key: without_versions(part, "provenance" if inside == "provenance" else key) for key, part in kept.items()
        }
    if isinstance(value, list):
        return [without_versions(part, inside) for part in value]
    return value


def store(name: str, value: Any) -> None:
    text = json.dumps(value, separators=(",", ":")) + "\n"
    (ANSWERS / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def stored(name: str) -> Any:
    return json.loads(gzip.decompress((ANSWERS / f"{name}.json.gz").read_bytes()))


def recorded_here(checkout: Path | None = None) -> bool:
    """Processor and packages are the recorded ones, so every bit is the same."""
    return surroundings(checkout) == json.loads((ANSWERS / "recorded.json").read_text())["surroundings"]


def differences(old: Any, new: Any, exact: bool, path: str = "") -> Iterator[str]:
    """Every field in which two documents differ, as ``path: stored -> now``."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            inner = f"{path}.{key}" if path else key
            if key not in new or key not in old:
                yield f"{inner}: {shown(old, key)} -> {shown(new, key)}"
            else:
                yield from differences(old[key], new[key], exact, inner)
        if set(old) == set(new) and list(old) != list(new):
            yield f"{path}: keys {list(old)} -> {list(new)}"
    elif isinstance(old, list) and isinstance(new, list):
        for index, (one, other) in enumerate(zip(old, new, strict=False)):
            yield from differences(one, other, exact, f"{path}[{index}]")
        if len(old) != len(new):
            yield f"{path}: {len(old)} rows -> {len(new)} rows"
    elif not same(old, new, exact):
        yield f"{path}: {json.dumps(old)} -> {json.dumps(new)}"


def same(old: Any, new: Any, exact: bool) -> bool:
    if isinstance(old, float) and isinstance(new, float) and not exact:
        return math.isclose(old, new, rel_tol=1e-9)
    return type(old) is type(new) and old == new


def shown(parts: dict[str, Any], key: str) -> str:
    text = json.dumps(parts[key]) if key in parts else "absent"
    return text if len(text) <= 200 else text[:197] + "..."


def record(names: list[str], checkout: Path, order: Path) -> int:
    ANSWERS.mkdir(exist_ok=True)
    git = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    origin = {"commit": commit, "surroundings": surroundings(checkout)}
    (ANSWERS / "recorded.json").write_text(json.dumps(origin, indent=2) + "\n")
    for name in names:
        store(name, answer(name, checkout, order))
        print(name, flush=True)
    return 0


def compare(names: list[str], checkout: Path, order: Path) -> int:
    exact = recorded_here(checkout)
    print("every bit" if exact else "floats to 1e-9: processor or packages are not the recorded ones", flush=True)
    differing = 0
    for name in names:
        lines = list(differences(stored(name), answer(name, checkout, order), exact))
        differing += len(lines)
        for line in lines:
            print(f"{name}: {line}", flush=True)
    print(f"{len(names)} answers, {differing} fields differ")
    return 1 if differing else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/same_answers.py")
    parser.add_argument("what", choices=["record", "compare"])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"answers; default: all {len(COMMANDS)}")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="a checkout with its .venv; default: this one")
    parser.add_argument("--quick", action="store_true", help="the short ones only")
    options = parser.parse_args()
    names = options.names or list(QUICK if options.quick else COMMANDS)
    with tempfile.TemporaryDirectory() as directory:
        return (record if options.what == "record" else compare)(
            names, options.checkout.resolve(), Path(directory) / "order"
        )


if __name__ == "__main__":
    sys.exit(main())
