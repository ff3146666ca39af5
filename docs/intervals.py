"""The table of intervals in the rules of statistics, measured anew: ``make docs-intervals``."""

import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path

from simulator.verification.percentile_coverage import QUERIES, QUEUES, Cell, base_of, cells, table

PAGE = Path(__file__).parent / "statistics.md"
BEGIN, END = "<!-- made by docs/intervals.py -->", "<!-- end -->"


def measured(place: int, queries: int) -> list[Cell]:
    """The cells of a queue, on the luck of ``shardsim verify --deep``."""
    queue = QUEUES[place]
    return cells(queue, queries, base_of(queue, queries, 0))


def written(found: list[Cell]) -> None:
    """Put the table into the page."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(before + BEGIN + "\n" + table(found) + "\n" + END + rest.split(END)[1], encoding="utf-8")


def main() -> int:
    """Measure all queues, on as many processes as there are processors."""
    each = [(place, queries) for queries in QUERIES for place in range(len(QUEUES))]
    with ProcessPoolExecutor() as pool:
        written(list(chain.from_iterable(pool.map(measured, *zip(*each, strict=True)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
