"""The laws that a serving model obeys: one numbered table, for the checks, the tests and ``docs/laws.md``.

A law is cited by its number. Numbers are never given again: a law that is taken back leaves a gap, a new one comes at
the end of its group.
"""

from dataclasses import dataclass

from simulator.testing.book.parts import ARRIVALS, LAWS, MODELS, RULES
from simulator.testing.book.runs import ENGINES, FILES, SCENARIOS, STATISTICS
from simulator.testing.book.statement import Statement

#: Groups in the order of the page, and what each is about.
GROUPS = {
    "M": "Cost models: the time of a call over items",
    "L": "Laws of probability: a value for a uniform",
    "A": "Arrivals: gaps of mean 1, put through the cumulated rate",
    "R": "Routing rules: the replica that a task is sent to",
    "S": "Scenarios: what happens to queries",
    "E": "Engines: the same sample path, however it is walked",
    "F": "Files: what is read, and what is refused",
    "T": "Statistics: what is said of the sample",
}

#: Every law by its number, in the order of the page.
BOOK: dict[str, Statement] = {
    law.number: law for law in (*MODELS, *LAWS, *ARRIVALS, *RULES, *SCENARIOS, *ENGINES, *FILES, *STATISTICS)
}


def group(letter: str) -> tuple[Statement, ...]:
    """The laws of a group in order.

    >>> [law.number for law in group("R")][:3]
    ['R1', 'R2', 'R3']
    """
    return tuple(law for law in BOOK.values() if law.group == letter)


@dataclass(frozen=True)
class Unordered:
    """A statement of order that does not hold, though it sounds as if it did."""

    name: str  #: for the test that keeps an example
    claim: str
    because: str


UNORDERED = (
    Unordered(
        "work, where routing looks at load",
        "A heavier query may make another one faster where routing looks at load.",
        "The others avoid its replica, and one of them finds an idle one that it would not have been sent to.",
    ),
    Unordered(
        "work, at the second stage",
        "A heavier query may make another one faster at the second stage.",
        "It comes there later, and lets the other one overtake.",
    ),
    Unordered(
        "work, where mergers queue",
        "A heavier query may make another one faster where mergers queue.",
        "Mergers serve in the order in which stages close, and that order changes.",
    ),
    Unordered(
        "replicas",
        "A further replica may make a query slower.",
        "Turns and draws fall on other replicas, and the query on a busy one. In the mean it helps.",
    ),
    Unordered(
        "machines",
        "A faster machine may make a query slower.",
        "At a later stage others arrive earlier, and before it; with routing that looks at load, they attract tasks.",
    ),
)
