"""The critical tasks of a stage: those whose answers closed it, and what each went through, instant by instant."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.core import copy_states, hosted
from simulator.core.columns import Tasks
from simulator.core.plan import I8, Plan
from simulator.core.stage_view import StageView
from simulator.core.trace import Trace
from simulator.explaining import occupied
from simulator.stats.task_parts import can_be_parted, task_parts


@dataclass(frozen=True)
class Critical:
    """A column an entry for each query whose stage an answer has closed; instants in ns, none before the one above."""

    query: I8  #: or attempt of one
    row: I8  #: of its critical task, in the table of tasks
    enter_ns: I8
    nominal_ns: I8  #: when its shard's first copy was due at a replica that is there, with nothing in its way
    first_ns: I8  #: when that copy was at its replica
    enqueue_ns: I8  #: of the copy whose answer counts; likewise the next
    free_ns: I8  #: since when it waits for others of its batch, with a worker free; its start: it does not
    start_ns: I8
    finish_ns: I8
    close_ns: I8
    is_resent: NDArray[np.bool_]  #: whether that copy was sent since another was lost
    median_ns: I8  #: lower median of the service times of the query's tasks at the stage


class OfStage(NamedTuple):
    """The rows of a stage in a table of tasks."""

    table: Tasks
    rows: I8  #: in order of (query, shard, copy)
    names: I8  #: (rows,) query x shards + shard

    @staticmethod
    def of(table: Tasks, stage: StageView) -> "OfStage":
        """Of a stage."""
        rows = np.flatnonzero(table.stage == stage.index)
        return OfStage(table, rows, table.query[rows] * stage.shards + table.shard[rows])


def critical_rows(trace: Trace, here: OfStage, stage: int) -> I8:
    """(queries,) the row of each one's critical task; -1: it has none. Of copies that did the same, the first."""
    table, rows = here.table, here.rows
    query = table.query[rows]
    is_critical = trace.critical_shard[stage, query] == table.shard[rows]
    is_critical &= trace.critical_enqueue_ns[stage, query] == table.enqueue_ns[rows]
    stay_ns = trace.critical_wait_ns[stage, query] + trace.critical_service_ns[stage, query]
    is_critical &= (table.finish_ns[rows] >= 0) & (stay_ns == table.finish_ns[rows] - table.enqueue_ns[rows])
    is_critical &= table.answer_ns[rows] == trace.close_ns[stage, query]
    found, first = np.unique(query[is_critical], return_index=True)
    result = np.full(len(trace.arrival_ns), -1)
    result[found] = rows[is_critical][first]
    return result


def critical_of(plan: Plan, trace: Trace, stage: StageView) -> Critical:
    """The critical tasks of a stage; the trace has its table of tasks."""
    table = trace.task_table
    assert table is not None, "it was asked for"
    here, index = OfStage.of(table, stage), stage.index
    row_of = critical_rows(trace, here, index)
    query = np.flatnonzero(row_of >= 0)
    row = row_of[query]
    enter_ns, enqueue_ns = trace.entered_ns(index)[query], table.enqueue_ns[row]
    nominal_ns, first_ns = _first_copies(plan, here, stage, query, row, enter_ns)
    start_ns = enqueue_ns + trace.critical_wait_ns[index, query]
    first_ns = np.minimum(first_ns, enqueue_ns)
    return Critical(
        query=query,
        row=row,
        enter_ns=enter_ns,
        nominal_ns=np.minimum(nominal_ns, first_ns),
        first_ns=first_ns,
        enqueue_ns=enqueue_ns,
        free_ns=_free_ns(plan, table, stage, row, start_ns),
        start_ns=start_ns,
        finish_ns=start_ns + trace.critical_service_ns[index, query],
        close_ns=trace.close_ns[index, query],
        is_resent=_resent(here, stage, row),
        median_ns=_medians(plan, trace, here, stage, query),
    )


def _first_copies(plan: Plan, here: OfStage, stage: StageView, query: I8, row: I8, enter_ns: I8) -> tuple[I8, I8]:
    """Of the first copy of each critical task: when it was due, and when it was there, enqueued, refused or lost."""
    table = here.table
    firsts = here.rows[table.copy[here.rows] == 0]
    whose = table.query[firsts]
    place = np.arange(len(firsts)) - np.searchsorted(whose, whose)  # tasks leave in the order of their shards
    at = np.searchsorted(whose * stage.shards + table.shard[firsts], query * stage.shards + table.shard[row])
    nominal_ns = enter_ns + place[at] * stage.send_ns + stage.request_ns
    first = firsts[at]
    there_ns = np.where(table.enqueue_ns[first] >= 0, table.enqueue_ns[first], table.withdrawn_ns[first])
    is_there = (table.enqueue_ns[first] >= 0) | np.isin(table.state[first], (copy_states.REFUSED, copy_states.LOST))
    return nominal_ns, np.where(is_there, np.maximum(there_ns, nominal_ns), nominal_ns)


def _resent(here: OfStage, stage: StageView, row: I8) -> NDArray[np.bool_]:
    """Whether the loss of another copy of its task was known when each critical one left."""
    table = here.table
    is_lost = table.state[here.rows] == copy_states.LOST
    names, first = np.unique(here.names[is_lost], return_index=True)
    if not len(names):
        return np.zeros(len(row), dtype=bool)
    known_ns = table.withdrawn_ns[here.rows[is_lost]] + int(stage.plan.stages[stage.index]["detect_ns"])
    known_ns = np.minimum.reduceat(known_ns, first)
    name = table.query[row] * stage.shards + table.shard[row]
    at = np.minimum(np.searchsorted(names, name), len(names) - 1)
    left_ns = table.enqueue_ns[row] - stage.request_ns
    return np.asarray((table.copy[row] > 0) & (names[at] == name) & (known_ns[at] <= left_ns))


def _free_ns(plan: Plan, table: Tasks, stage: StageView, row: I8, start_ns: I8) -> I8:
    """Since when each waits though a worker is free: for the others of its batch."""
    if not plan.is_batched[stage.owner]:
        return start_ns
    taken = occupied.services(plan, table, stage.owner)
    replica = hosted.seats_of(plan.stages)[table.replica[row]]
    last_ns = occupied.last_taken_ns(stage.workers, taken, replica, start_ns)
    return np.maximum(table.enqueue_ns[row], last_ns)


def _medians(plan: Plan, trace: Trace, here: OfStage, stage: StageView, query: I8) -> I8:
    """(queries,) lower median of the services of each one's tasks; of copies, that of the first that ended."""
    table, rows = here.table, here.rows
    if stage.is_shared:
        if not can_be_parted(stage):
            return np.asarray(trace.critical_service_ns[stage.index, query])
        parts = task_parts(plan, trace, stage)
        whose, service_ns = parts.query, parts.service_ns.astype(np.int64)
    else:
        done = rows[table.finish_ns[rows] >= 0]
        if stage.sends_copies or stage.loses:
            names = table.query[done] * stage.shards + table.shard[done]
            done = done[np.lexsort((table.finish_ns[done], names))]
            names = table.query[done] * stage.shards + table.shard[done]
            done = done[np.unique(names, return_index=True)[1]]
        whose, service_ns = table.query[done], table.finish_ns[done] - table.start_ns[done]
    order = np.lexsort((service_ns, whose))
    asked, begins, counts = np.unique(whose[order], return_index=True, return_counts=True)
    medians = service_ns[order][begins + (counts - 1) // 2]
    at = np.minimum(np.searchsorted(asked, query), max(0, len(asked) - 1))
    own_ns = trace.critical_service_ns[stage.index, query]
    return np.asarray(np.where(asked[at] == query, medians[at], own_ns) if len(asked) else own_ns)
