"""The invariants that every Trace obeys, as a table, and what breaks one.

A row of ``INVARIANTS`` is all there is of an invariant but its check (``core/invariants.py``): documentation, kit and
tests go by the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from simulator.core.plan import I8


class Invariant(NamedTuple):
    """What a trace obeys."""

    number: str  #: never given again
    law: str  #: number of the law of scenarios (``docs/laws.md``) that it is part of
    words: str


#: Every invariant; those from I16 on, but I42, I43 and I69 on, need a table of tasks.
INVARIANTS = {
    row.number: row
    for row in (
        Invariant("I01", "S1", "the trace has the plan's arrivals"),
        Invariant("I02", "S1", "the queries are measured that the plan says"),
        Invariant("I03", "S1", "a query has an answer if and only if it has left"),
        Invariant("I04", "S1", "without a cut of the drain every query has an outcome"),
        Invariant("I05", "S1", "a stage is entered on leaving another"),
        Invariant("I06", "S1", "every query enters the first stage"),
        Invariant("I07", "S2", "a stage closes after it was entered"),
        Invariant("I08", "S2", "a stage is left after it closed"),
        Invariant("I09", "S1", "candidates are known of entered stages"),
        Invariant("I10", "S4", "a stage that an answer has closed has a critical task"),
        Invariant("I11", "S4", "the critical shard is one of the stage"),
        Invariant("I12", "S4", "the critical task explains when a stage closes"),
        Invariant("I13", "S4", "a service takes at least 1 ns"),
        Invariant("I14", "S4", "a merge takes its time"),
        Invariant("I15", "S4", "no answer counts after the closing one"),
        Invariant("I16", "S2", "a task is enqueued a request latency after its sending"),
        Invariant("I17", "S2", "a task is there only where its query is"),
        Invariant("I18", "S2", "a task starts when it is there"),
        Invariant("I19", "S2", "a service takes time"),
        Invariant("I20", "S2", "an answer follows its finish"),
        Invariant("I21", "S2", "a stage that waits for all answers closes when they are there"),
        Invariant("I22", "S2", "a stage that waits for all answers closes at the last of them"),
        Invariant("I23", "S4", "answers sum to what is recorded"),
        Invariant("I24", "S6", "a task goes to a replica of its shard that is there"),
        Invariant("I25", "S6", "by query, one index serves all shards"),
        Invariant("I26", "S3", "where the discipline says so, first come, first served"),
        Invariant("I27", "S3", "nobody overtakes those who still wait"),
        Invariant("I28", "S3", "no more batches at once than workers"),
        Invariant("I29", "S3", "a worker serves one batch at a time"),
        Invariant("I30", "S3", "no batch that is ready waits while a worker is idle"),
        Invariant("I31", "S3", "the worker is one of the replica's"),
        Invariant("I32", "S5", "the tasks of a replica are counted"),
        Invariant("I33", "S5", "busy and waiting times are summed"),
        Invariant("I34", "S5", "the longest wait is kept"),
        Invariant("I35", "S4", "the critical task's enqueue, waiting, service and answer are those of the task"),
        Invariant("I36", "S2", "what happened to a copy is what its state says"),
        Invariant("I37", "S1", "a copy has one row, and rows are in the order of query, stage, shard and copy"),
        Invariant("I38", "S5", "wasted is the work for late answers and for what was stopped, and no other"),
        Invariant("I39", "S1", "a stage that is entered sends a copy to each of its shards"),
        Invariant("I40", "S4", "the critical task is enqueued a request latency after its sending"),
        Invariant("I41", "S1", "without a cut of the drain every copy is in a state that nothing leaves"),
        Invariant("I42", "S1", "the window is the plan's"),
        Invariant("I43", "S5", "workers are never busier than the window is long"),
        Invariant("I44", "S5", "busy time inside the window is that of all tasks, whoever's"),
        Invariant("I45", "S3", "tasks that are served together start and finish together, as many as they say"),
        Invariant("I46", "S3", "a batch is full, of a preferred size, or has waited long enough"),
        Invariant("I47", "S5", "batches are counted by their size"),
        Invariant("I48", "S3", "whoever starts is the first of those that wait, by the discipline"),
        Invariant("I49", "S2", "a stage closes with the answers that it waits for, or when its time is up"),
        Invariant("I50", "S1", "coverage and outcome of a stage are those of the answers that count"),
        Invariant("I51", "S2", "a task is withdrawn when nobody needs it, where the stage says so, and else never"),
        Invariant("I52", "S2", "a worker is free again when what follows its answers is over, and no sooner"),
        Invariant("I53", "S5", "what follows answers is summed, apart from services"),
        Invariant("I54", "S2", "whoever has not answered in time is sent a copy, where the stage says so and can pay"),
        Invariant("I55", "S6", "a copy goes to a replica that has none of its task"),
        Invariant("I56", "S5", "copies are counted where they are sent"),
        Invariant("I57", "S3", "whoever comes to a queue that is full, or late for long, is refused, and nobody else"),
        Invariant("I58", "S5", "those that are refused are counted"),
        Invariant("I59", "S6", "nobody is sent to a replica that is out while another is there, or back sooner"),
        Invariant("I60", "S6", "a query visits the shards whose luck says so, and no others"),
        Invariant("I61", "S3", "tasks that share start when they are there, and are done with what they have gained"),
        Invariant("I62", "S6", "a task of a stage that follows goes to the replica where its query has been"),
        Invariant("I63", "S3", "a replica's own tasks come when they are due, for it alone, and have no answer"),
        Invariant("I64", "S5", "a replica's own tasks are counted, and their services summed"),
        Invariant("I65", "S2", "a task is lost in a crash of its replica, or since it comes while that is down"),
        Invariant("I66", "S3", "nothing starts at a replica that is down"),
        Invariant("I67", "S2", "a task that is lost is sent again when that is known, if it is needed"),
        Invariant("I68", "S5", "tasks that are lost, and those that are sent again, are counted"),
        Invariant("I69", "S5", "time down is that of crashes inside the window"),
        Invariant("I70", "S1", "a stage that is not for a query is left the instant at which it would be entered"),
        Invariant("I71", "S1", "a client sends a query when the one before is over and it has thought"),
        Invariant("I72", "S1", "nobody who has thought is left out"),
        Invariant("I73", "S1", "the queries are shed that the plan says"),
        Invariant("I74", "S1", "whoever finds too many in flight, or no token, is shed, and nobody else"),
        Invariant("I75", "S2", "a cache has the answer of whoever asks for a key that it holds, and of nobody else"),
        Invariant("I76", "S2", "whoever has the answer from a cache leaves after the time of a hit, and asks no shard"),
        Invariant("I77", "S1", "whoever is over by a hit passes all later stages by at that instant"),
        Invariant(
            "I78", "S1", "a query is sent again after an attempt that ended badly, where it may be, and else never"
        ),
        Invariant("I79", "S6", "as many replicas serve as the autoscaler's rule asks for, by what the trace shows"),
        Invariant("I80", "S6", "no task is sent to a replica that does not serve"),
        Invariant(
            "I81", "S1", "a process sheds attempts beyond its limit, and while its breaker is open, and no others"
        ),
        Invariant("I82", "S1", "who comes beside clients that wait comes when the plan says, and nobody is left out"),
        Invariant("I83", "S4", "a source has answered when the last of its answers that count is there"),
        Invariant("I84", "S3", "whose deadline has passed never starts, and nobody else is refused in a queue"),
    )
}


@dataclass(frozen=True)
class Violation:
    """An invariant that does not hold at one place of a trace."""

    number: str
    words: str
    case: Mapping[str, Any]  #: where (query, stage, shard, replica) and the values there

    def place(self) -> str:
        """The case in one line."""
        return ", ".join(f"{name} {value}" for name, value in self.case.items())

    def __str__(self) -> str:
        """One line."""
        return f"{self.number}: {self.words} ({self.place()})"


def violation(number: str, case: Mapping[str, Any]) -> Violation:
    """Of this number."""
    return Violation(number, INVARIANTS[number].words, dict(case))


def at(number: str, broken: Any, where: Mapping[str, Any], **values: Any) -> Iterator[Violation]:
    """A violation for each True of (n,) ``broken``: its place and the values there, arrays (n,) or the same for all."""
    for index in np.flatnonzero(broken):
        yield violation(number, {name: _value(column, index) for name, column in {**where, **values}.items()})


def _value(column: Any, index: Any) -> Any:
    value = column[index] if isinstance(column, np.ndarray) else column
    return value.item() if isinstance(value, np.generic) else value


class Rows(NamedTuple):
    """Tasks that were sent, a row each; columns (n,)."""

    query: I8
    stage: I8
    shard: I8
    replica: I8
    worker: I8
    enqueue_ns: I8
    start_ns: I8
    finish_ns: I8
    release_ns: I8
    answer_ns: I8
    withdrawn_ns: I8
    copy: I8
    batch: I8
    state: I8
    sent_ns: I8  #: when it was to be sent; -1: not
    sent_by: I8  #: kind of the event that sent it
    held_ns: I8  #: how long it waits with its sender for a replica that is there
    place_in_query: I8  #: how many of its query are sent before it, at that instant

    def some(self, mask: Any) -> Rows:
        """Those under a mask."""
        return Rows(*(column[mask] for column in self))

    @property
    def place(self) -> dict[str, I8]:
        """What each is a task of."""
        return {"query": self.query, "stage": self.stage, "shard": self.shard}
