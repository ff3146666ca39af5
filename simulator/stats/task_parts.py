"""Why one task takes longer than another: the service time of each of them, parted by what made it.

Luck has names, so it need not be estimated: what a task would take alone, its machine's factor and its own luck are
computed anew, as an engine did. Service time = sum of five parts, each a difference that begins where the one before
ends (f the mean machine factor, t the mean task factor, A the time alone of the task with mean luck):

    query       mean of A over the shards of its query, x f x t
    shard       A less that, x f x t
    machine     A x (machine's factor - f) x t
    task        A with its own luck x machine's factor x its own task factor, less what they are on average
    contention  what it took besides: other tasks of its batch, busy neighbours, slow stretches, crashes

Where tasks share workers, what others take of a task's stay is waiting, as elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.core import draws
from simulator.core.columns import Tasks
from simulator.core.laws import Law, LawTable
from simulator.core.plan import CONSTANT, F8, I8, NONE, TASK, TIME, Plan, Rows
from simulator.core.sources import sources_of
from simulator.core.stage_view import StageView
from simulator.core.trace import Trace
from simulator.core.work import ALONE, OF_CLASS, PREVIOUS, REALS, SHARE, TAKING, WHO, WHOLES, name_tasks, work_of_block

#: Parts of a service time, in order; and what a task's response has besides.
QUERY, SHARD, MACHINE, OWN, CONTENTION, WAITING = range(6)
PARTS = 6

#: Of a mean of equal times, what it may differ from them by.
ROUNDING = 1e-12

#: Tasks whose time alone is computed at a time.
AT_A_TIME = 2**16


@dataclass(frozen=True)
class TaskParts:
    """The tasks of measured queries in a stage that were served to their end, a column each."""

    query: I8  #: (tasks,)
    shard: I8  #: (tasks,)
    enqueue_ns: I8  #: (tasks,)
    service_ns: F8  #: (tasks,) sum of all parts but the last
    of: F8  #: (PARTS, tasks) in ns

    @property
    def response_ns(self) -> F8:
        """(tasks,) waiting and service: the sum of all parts."""
        return np.asarray(self.service_ns + self.of[WAITING])


def can_be_parted(stage: StageView) -> bool:
    """Whether what a task of a stage takes alone follows from its query.

    It does not where a stage goes to those alone whose answers counted before it: who they are is another matter.
    """
    both = stage, StageView(stage.plan, stage.owner)
    return not (stage.follows and any(view.fans_out or view.counts_answers for view in both))


def task_parts(plan: Plan, trace: Trace, stage: StageView) -> TaskParts:
    """The tasks of a stage by what made them; the trace has its table of tasks, and ``can_be_parted`` holds."""
    table = trace.task_table
    assert table is not None, "it was asked for"
    sent = np.flatnonzero((table.stage == stage.index) & (table.query >= trace.first_measured))
    alone_ns, base_ns = _alone(plan, trace, stage, table, sent)
    served = table.finish_ns[sent] >= 0
    rows = sent[served]
    alone_ns, base_ns, query = alone_ns[served], base_ns[served], table.query[rows]
    factor = plan.machine_factor[table.replica[rows]]
    mean_factor = float(factor.mean()) if len(rows) else 1.0
    with_luck_ns, task_factor, mean_task = _with_luck(plan, stage, table, rows, alone_ns)
    stay_ns = (table.finish_ns[rows] - table.enqueue_ns[rows]).astype(np.float64)
    undisturbed_ns = with_luck_ns * factor * task_factor
    by_itself_ns = np.maximum(1.0, np.floor(undisturbed_ns + 0.5))
    service_ns = by_itself_ns if stage.is_shared else (table.finish_ns[rows] - table.start_ns[rows]).astype(np.float64)
    usual = mean_factor * mean_task
    of = np.empty((PARTS, len(rows)))
    of[QUERY] = base_ns * usual
    uneven_ns = alone_ns - base_ns
    of[SHARD] = np.where(np.abs(uneven_ns) <= ROUNDING * base_ns, 0.0, uneven_ns) * usual
    of[MACHINE] = alone_ns * (factor - mean_factor) * mean_task
    of[OWN] = undisturbed_ns - alone_ns * factor * mean_task
    of[CONTENTION] = service_ns - by_itself_ns
    of[WAITING] = stay_ns - service_ns
    return TaskParts(query, table.shard[rows], table.enqueue_ns[rows], service_ns, of)


def _alone(plan: Plan, trace: Trace, stage: StageView, table: Tasks, sent: I8) -> tuple[F8, F8]:
    """Of each task that was sent what it takes alone with mean luck, and the mean of that over its query's tasks."""
    alone_ns = np.empty(len(sent))
    queries, begins = np.unique(table.query[sent], return_index=True)
    begins = np.append(begins, len(sent))
    block = max(1, AT_A_TIME // stage.shards)
    laws = _with_mean_times(plan, stage)
    reals = np.zeros((REALS, block * stage.shards))
    wholes = np.zeros((WHOLES, block * stage.shards), dtype=np.int64)
    given = plan.sources, plan.run_row(), laws, plan.law_parts, plan.law_points, plan.source_share
    costs = plan.knot_items, plan.knot_ns, plan.knot_slope
    for begin in range(0, len(queries), block):
        some = queries[begin : begin + block]
        wholes[WHO, : len(some)] = some
        if len(plan.class_of):
            wholes[OF_CLASS, : len(some)] = plan.class_of[some]
        reals[SHARE], reals[TAKING] = 1.0, 1.0
        reals[PREVIOUS, : len(some)] = trace.handed_to(plan, stage.index, some)
        name_tasks(plan.stages, stage.index, len(some), wholes)
        work_of_block(plan.stages, *given, *costs, stage.index, len(some), plan.work, reals, wholes)
        rows = slice(begins[begin], begins[begin + len(some)])
        here = np.repeat(np.arange(len(some)), np.diff(begins[begin : begin + len(some) + 1])) * stage.shards
        alone_ns[rows] = reals[ALONE, here + table.shard[sent[rows]]]
    for mine, laws_of in _by_source(plan, stage, table, sent):  # each has the mean factor of its own
        alone_ns[mine] *= 1.0 if laws_of[TIME].kind != NONE else laws_of[TASK].mean()
    is_first = table.copy[sent] == 0
    place = np.repeat(np.arange(len(queries)), np.diff(begins))
    sums = np.bincount(place, weights=alone_ns * is_first, minlength=len(queries))
    counts = np.bincount(place, weights=is_first, minlength=len(queries))
    return alone_ns, (sums / np.maximum(1.0, counts))[place]


def _with_mean_times(plan: Plan, stage: StageView) -> Rows:
    """The laws of a plan, but that the law of a stage's times always gives its mean."""
    laws, table = plan.laws.copy(), LawTable(plan.laws, plan.law_parts, plan.law_points)
    for source in sources_of(plan.stages, stage.index):
        row = int(plan.sources[source]["law"]) + TIME
        if laws[row]["kind"] != NONE:
            laws[row]["kind"], laws[row]["a"] = CONSTANT, table.law(row).mean()
    laws.flags.writeable = False
    return laws


def _with_luck(plan: Plan, stage: StageView, table: Tasks, rows: I8, alone_ns: F8) -> tuple[F8, F8 | float, float]:
    """Of each task what it takes alone with its own luck, its task factor, and the mean of such factors.

    Of a stage with several sources the mean is in what tasks take alone, and factors are over it.
    """
    several = _by_source(plan, stage, table, rows)
    if several:
        with_luck_ns, factor = alone_ns.copy(), np.ones(len(rows))
        for mine, laws in several:
            is_timed, luck = laws[TIME].kind != NONE, _luck(plan, stage, table, rows[mine])
            if is_timed and not laws[TIME].is_constant():
                work = plan.work[np.minimum(table.query[rows[mine]], len(plan.work) - 1)]
                with_luck_ns[mine] += (laws[TIME].quantiles(luck) - laws[TIME].mean()) * work
            elif not is_timed and not laws[TASK].is_constant():
                factor[mine] = laws[TASK].quantiles(luck) / laws[TASK].mean()
        return with_luck_ns, factor, 1.0
    laws = stage.laws()
    if laws[TIME].kind != NONE:
        if laws[TIME].is_constant():
            return alone_ns, 1.0, 1.0
        work = plan.work[np.minimum(table.query[rows], len(plan.work) - 1)]
        times_ns = laws[TIME].quantiles(_luck(plan, stage, table, rows))
        return alone_ns + (times_ns - laws[TIME].mean()) * work, 1.0, 1.0
    if laws[TASK].is_constant():
        always = laws[TASK].quantile(0.5)
        return alone_ns, always, always
    return alone_ns, laws[TASK].quantiles(_luck(plan, stage, table, rows)), laws[TASK].mean()


def _by_source(plan: Plan, stage: StageView, table: Tasks, rows: I8) -> list[tuple[I8, Sequence[Law]]]:
    """Of a stage with several sources, which of some tasks are of each, and its laws by role; else nothing."""
    own, laws = sources_of(plan.stages, stage.index), LawTable(plan.laws, plan.law_parts, plan.law_points)
    of = np.searchsorted(plan.sources["first"][own.start : own.stop], table.shard[rows], side="right") - 1
    return [
        (np.flatnonzero(of == place), [laws.law(int(plan.sources[source]["law"]) + role) for role in range(TASK + 1)])
        for place, source in enumerate(own)
        if len(own) > 1
    ]


def _luck(plan: Plan, stage: StageView, table: Tasks, rows: I8) -> F8:
    """(tasks,) the uniform of each one's own luck."""
    luck, place = np.empty(len(rows)), stage.index * draws.PLACES + table.shard[rows]
    names = np.ascontiguousarray(table.query[rows])
    draws.first_of_names(plan.seed, plan.replication, draws.TASK, names, place, len(rows), luck)
    for task in np.flatnonzero(table.copy[rows] > 0).tolist():
        name = int(names[task]), int(place[task]), int(table.copy[rows[task]])
        luck[task] = draws.uniforms(plan.seed, plan.replication, draws.TASK, *name)[0]
    return luck
