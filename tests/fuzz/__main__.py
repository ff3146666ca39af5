"""Fuzzing for as long as asked: ``PYTHONPATH=tests python -m fuzz --minutes 60`` (``make fuzz MINUTES=60``).

Rounds of drawn inputs, target by target, each round with another seed, until the time is over. What fails is made
small, printed and kept in ``.fuzz/TARGET/``: cure it, and move the file to ``corpus/TARGET/`` under a name that says
what it was. An input that hangs ends the process with a traceback; it is ``input`` in the folder that was named first.
"""

from __future__ import annotations

import argparse
import faulthandler
import hashlib
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from .mutations import inputs
from .targets import TARGETS, held, prepare

FOUND = Path(".fuzz")
#: What is said of a target for which the time was too short.
NOT_ASKED = "NOT ASKED: give more minutes"
#: Inputs of a target in one round.
ROUND = 300
#: Seconds after which an input hangs.
HANGS_S = 120


def round_of(name: str, number: int, folder: Path) -> tuple[int, str]:
    """One round of a target: how many inputs, and what was found, in words."""
    target, count, last = TARGETS[name], [0], [b""]

    @seed(number)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(inputs(name))
    def hold(raw: bytes) -> None:
        count[0] += 1
        last[0] = raw
        faulthandler.dump_traceback_later(HANGS_S, exit=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # here: those of Hypothesis are none of ours
                held(target, raw, folder)
        finally:
            faulthandler.cancel_dump_traceback_later()

    try:
        hold()
    except Exception:  # noqa: BLE001 (any exception is what is looked for)
        kept = FOUND / name / hashlib.sha256(last[0]).hexdigest()[:12]
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(last[0])
        return count[0], f"{kept}\n{''.join(traceback.format_exc(limit=-6))}"
    return count[0], ""


def main() -> int:
    """Exit code 0: nothing was found; 1: something was, or a target got no input."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None, help="of the first round; else one of the clock")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all if none is named")
    asked = parser.parse_args()
    names = asked.targets or list(TARGETS)
    unknown = set(names) - set(TARGETS)
    if unknown:
        parser.error(f"no target is called {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    number = int(time.time()) if asked.seed is None else asked.seed
    until = time.monotonic() + 60 * asked.minutes
    counts = dict.fromkeys(names, 0)
    findings: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="fuzz-") as room:
        folder = prepare(Path(room))
        print(f"inputs stand in {folder}/input; rounds begin with seed {number}", flush=True)
        while time.monotonic() < until and len(findings) < len(names):
            for name in names:
                if name in findings or time.monotonic() >= until:
                    continue
                count, found = round_of(name, number, folder)
                counts[name] += count
                if found:
                    findings[name] = found
                    print(f"{name}, seed {number}: {found}", flush=True)
            number += 1
    for name, count in counts.items():
        said = f"FOUND {findings[name].splitlines()[0]}" if name in findings else "held" if count else NOT_ASKED
        print(f"{name:10} {count:9,} inputs  {said}")
    return 1 if findings or not all(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
