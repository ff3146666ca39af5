"""Pages of accuracy and speed, made of what ``make verify`` and ``make bench`` wrote: ``make docs-tables``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

from simulator.documents.verify import Line, Verification
from simulator.verification import families_of
from simulator.verification.lines import AGREES, AT_SECOND, MEASURED

PAGES = Path(__file__).parent / "explanation"
#: What is said of a family that is no system.
OTHERS = {
    "engines": "both engines on drawn plans, instant for instant",
    "intervals": "how often intervals hold what is exact",
    "sizing": "the cheapest of a thousand fleets, by brute force",
}


def accuracy(document: Verification) -> str:
    """The page of a verification: a row for each family."""
    held = sum(line["exact"] is not None for line in document["lines"])
    return "\n".join(
        [
            "# How accurate it is",
            "<!-- made by docs/tables.py: make docs-tables -->",
            "",
            f"`make verify` wrote (shardsim {version('shardsim')}, seed {document['seed']}):",
            f"{document['failed']} of {len(document['lines'])} lines failed;",
            f"{held} of them stand beside an exact value.",
            "A line is held against its own interval at 99.9 %.",
            "One that misses is simulated once more, with other luck.",
            "*Farthest* is the largest difference, in half-widths of that interval.",
            "",
            "| family | what | figures | agree | at the second run | farthest | exact by |",
            "|---|---|---|---|---|---|---|",
            *families(document),
            "",
            "[The rules of statistics](../statistics.md) have the coverage of each interval;",
            "[](trust.md) says how to run this yourself.",
            "",
        ]
    )


def together(documents: list[Verification]) -> Verification:
    """One of several: what a later one verified takes the place of what an earlier one said of these families."""
    whole = documents[0]
    for document in documents[1:]:
        again = {line["family"] for line in document["lines"]}
        lines = [line for line in whole["lines"] if line["family"] not in again] + document["lines"]
        failed = sum(line["verdict"] in document["failures"] for line in lines)
        more = {"lines": lines, "failed": failed, "wall_s": whole["wall_s"] + document["wall_s"]}
        whole = {**document, **more}
    return whole


def families(document: Verification) -> Iterator[str]:
    """Rows of the table."""
    known = document["verified"]
    order = families_of(deep=True)
    lines_of = sorted(document["lines"], key=lambda line: order.index(line["family"]))
    for family, lines in groupby(lines_of, key=lambda line: line["family"]):
        of_it: list[Line] = list(lines)
        far = [abs(line["deviation"]) for line in of_it if line["deviation"] is not None]
        what, source = (known[family]["system"], known[family]["source"]) if family in known else (OTHERS[family], "")
        agree = sum(line["verdict"] in (AGREES, MEASURED) for line in of_it)
        second = sum(line["verdict"] == AT_SECOND for line in of_it)
        largest = f"{max(far):.2f}" if far else ""
        yield f"| `{family}` | {what} | {len(of_it)} | {agree} | {second} | {largest} | {source} |"


def speed(printed: str) -> str:
    """The page of the benchmarks: what they print."""
    return "\n".join(
        [
            "# How fast it is",
            "<!-- made by docs/tables.py: make docs-tables -->",
            "",
            f"What `make bench` printed for shardsim {version('shardsim')} on a virtual machine of two cores.",
            "Rates are medians of rounds taken by turns; machines are noisy, so trust ratios more than rates.",
            "*compiled/it* says how many times as fast the compiled engine is as the line's model.",
            "",
            "```text",
            printed.strip(),
            "```",
            "",
        ]
    )


if __name__ == "__main__":
    *results, bench = map(Path, sys.argv[1:])
    if all(result.exists() for result in results):
        (PAGES / "how-accurate.md").write_text(accuracy(together([json.loads(one.read_text()) for one in results])))
    if bench.exists():
        (PAGES / "how-fast.md").write_text(speed(bench.read_text()))
