"""The tables of intervals in the rules of statistics, measured anew: ``make docs-intervals``."""

import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, groupby
from pathlib import Path

from simulator.verification.capacity_coverage import TRIALS, Found, found, together
from simulator.verification.capacity_coverage import table as table_of_capacities
from simulator.verification.percentile_coverage import QUERIES, QUEUES, Cell, base_of, cells, table

PAGE = Path(__file__).parent / "statistics.md"
BEGIN, END = "<!-- made by docs/intervals.py -->", "<!-- end -->"
BEGIN_OF_CAPACITIES = "<!-- of capacities, made by docs/intervals.py -->"

#: Of percentiles: four times as many as a verification takes, for of 12 misses nine on one side are often luck.
SEEDS = 1_600
#: Of capacities: tolerances, how many seeds of each, and the first.
EFFORTS, BASE = ((0.05, 240), (0.01, 60)), 5_000


def measured(place: int, queries: int) -> list[Cell]:
    """The cells of a queue, on the luck of ``shardsim verify --deep`` and more of it."""
    queue = QUEUES[place]
    return cells(queue, queries, base_of(queue, queries, 0), SEEDS)


def searched(place: int, tolerance: float, seeds: int) -> Found:
    """The capacities of a queue."""
    return found(TRIALS[place], tolerance, BASE, seeds)


def rows(some: list[Found]) -> list[Found]:
    """Those of each tolerance, and all of them together."""
    groups = [list(group) for _, group in groupby(some, key=lambda one: one.tolerance)]
    return [row for group in groups for row in (*group, together(group))]


def written(begin: str, made: str) -> None:
    """Put a table into the page."""
    before, rest = PAGE.read_text(encoding="utf-8").split(begin)
    after = rest.split(END, 1)[1]
    PAGE.write_text(before + begin + "\n" + made + "\n" + END + after, encoding="utf-8")


def main() -> int:
    """Measure all queues, on as many processes as there are processors."""
    each = [(place, queries) for queries in QUERIES for place in range(len(QUEUES))]
    searches = [(place, *effort) for effort in EFFORTS for place in range(len(TRIALS))]
    with ProcessPoolExecutor() as pool:
        capacities = pool.map(searched, *zip(*searches, strict=True))
        written(BEGIN, table(chain.from_iterable(pool.map(measured, *zip(*each, strict=True)))))
        written(BEGIN_OF_CAPACITIES, table_of_capacities(rows(list(capacities))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
