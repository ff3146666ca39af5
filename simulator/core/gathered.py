"""What a table of tasks shows of stages some of whose answers are not needed, held against the plan."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.core import copy_states, rules
from simulator.core.columns import SKIPPED, Columns
from simulator.core.fan_out import enough, visited_shards
from simulator.core.followed import Been, takes_of
from simulator.core.gathering import AT_ONCE, cancels, coverage_of, outcome_of, patience_ns, times_out
from simulator.core.hedging import is_tied
from simulator.core.lost import known_ns
from simulator.core.plan import CANCEL_RUNNING, I8, NEVER_NS, Plan
from simulator.core.refused import told_ns
from simulator.core.violations import Rows, Violation, at


class Found(NamedTuple):
    """How a stage of a query should have closed, by its answers."""

    close_ns: int  #: -1: not
    critical: int  #: shard whose answer closed it; -1: a time-out or a refusal did
    counted: list[int]  #: shards whose answers count, in the order in which they came


def found(plan: Plan, stage: int, enter_ns: int, words: list[tuple[int, int, bool]], sent: I8, wanted: int) -> Found:
    """Replay the words that a query gets, (instant, shard, whether it is an answer) in the order in which they come.

    ``sent``: (shards,) copies that each was sent; one that has refused all of them, or got none, answers no more.
    ``wanted``: answers that close it.
    """
    row, refused = plan.stages[stage], np.zeros_like(sent)
    until_ns = enter_ns + int(row["timeout_ns"]) if times_out(plan.stages, stage) else NEVER_NS
    counted: list[int] = []
    for instant, shard, is_answer in words:
        if instant > until_ns:
            break
        if is_answer:
            counted.append(shard)
        elif shard not in counted:
            refused[shard] += 1
        done = len(set(counted).union(np.flatnonzero(refused == sent).tolist()))
        if done == row["shards"]:
            return Found(instant, shard if is_answer else -1, counted)
        if not is_answer:
            continue
        if len(counted) == wanted and row["then"] == AT_ONCE:
            return Found(instant, shard, counted)
        if len(counted) == wanted:
            until_ns = instant + int(patience_ns(plan.stages, stage, until_ns, instant))
    return Found(until_ns if until_ns <= plan.end_ns else -1, -1, counted)


def closing(
    plan: Plan, trace: Columns, tasks: Rows, stage: int, been_at: Been
) -> tuple[list[Violation], NDArray[np.bool_]]:
    """Of a stage: what its closings break; and (tasks,) whether each answer came too late to count."""
    row, queries = plan.stages[stage], plan.queries
    enter_ns, close_ns = trace.enter_ns[stage], trace.close_ns[stage]
    is_late, merge_ns = np.zeros(len(tasks.query), dtype=np.bool_), np.zeros(queries, dtype=np.int64)
    expected = np.full(queries, -1), np.full(queries, -1), np.zeros(queries, dtype=np.int64)
    covered, outcome, counts = np.full(queries, -1.0), SKIPPED * trace.passes_by(stage), np.full(queries, -1)
    told = np.maximum(told_ns(plan, tasks, stage), known_ns(plan, tasks, stage))
    words = np.where(told >= 0, told, tasks.answer_ns)
    answered = np.flatnonzero(words >= 0)
    by = tasks.copy, tasks.shard, words, tasks.query
    order = answered[np.lexsort(tuple(column[answered] for column in by))]
    sent = np.zeros((queries, int(row["shards"])), dtype=np.int64)
    stays = ~untied(plan, trace, tasks, stage)
    np.add.at(sent, (tasks.query[stays], tasks.shard[stays]), 1)
    bounds = np.searchsorted(tasks.query[order], np.arange(queries + 1))
    for query in np.flatnonzero(enter_ns >= 0):
        heard = order[bounds[query] : bounds[query + 1]]
        mine = heard[told[heard] < 0]
        firsts = mine[np.sort(np.unique(tasks.shard[mine], return_index=True)[1])]  # a shard answers once
        is_late[np.setdiff1d(mine, firsts)] = True
        counts_first = np.isin(heard, firsts)
        heard, is_answer = heard[counts_first | (told[heard] >= 0)], counts_first[counts_first | (told[heard] >= 0)]
        came = list(zip(words[heard].tolist(), tasks.shard[heard].tolist(), is_answer.tolist(), strict=True))
        visited, of_visited = visited_shards(plan, stage, int(query), takes_of(been_at, stage, int(query)))
        wanted = int(enough(plan.stages, stage, len(visited)))
        one = found(plan, stage, int(enter_ns[query]), came, sent[query], wanted)
        if one.close_ns < 0:
            continue
        count = len(one.counted)
        is_late[firsts[count:]] = True
        share = 0.0
        for shard in one.counted:
            share += plan.share[row["first_shard"] + shard]
        counts[query] = count
        expected[0][query], expected[1][query] = one.close_ns, one.critical
        expected[2][query] = int((words[firsts[:count]] - enter_ns[query]).sum())
        covered[query] = coverage_of(len(visited), of_visited, count, share)
        outcome[query] = outcome_of(wanted, count)
        merge_ns[query] = rules.merge_ns(plan.stages, stage, count)
    where = {"query": np.arange(queries), "stage": stage}
    broken: list[Violation] = []
    columns = [
        ("I49", "close_ns", close_ns, expected[0]),
        ("I49", "critical_shard", trace.critical_shard[stage], expected[1]),
        ("I23", "answer_sum_ns", trace.answer_sum_ns[stage], expected[2]),
    ]
    if len(trace.coverage):
        columns += [
            ("I50", "coverage", trace.coverage[stage], covered),
            ("I50", "answers", trace.answers[stage], counts),
            ("I50", "stage_outcome", trace.stage_outcome[stage], outcome),
        ]
    for number, name, recorded, value in columns:
        broken += at(number, recorded != value, where, of=name, recorded=recorded, by_its_answers=value)
    leave_ns, took_ns = trace.leave_ns[stage], trace.leave_ns[stage] - close_ns
    wrong = took_ns < merge_ns if row["mergers"] else took_ns != merge_ns
    broken += at("I14", (leave_ns >= 0) & (close_ns >= 0) & wrong, where, merged_in_ns=took_ns, merge_ns=merge_ns)
    return broken, is_late


def tied_ns(plan: Plan, tasks: Rows, stage: int, settled_ns: I8) -> I8:
    """When a task is withdrawn since another copy of it has started; NEVER_NS: not.

    ``settled_ns``: when its answer was no longer needed. What has started by then stays.
    """
    shards = int(plan.stages[stage]["shards"])
    begun_ns = np.full((plan.queries, shards), NEVER_NS)
    at_once = tasks.sent_by == rules.DISPATCH  # others are sent when these are no more
    started = (tasks.start_ns >= 0) & at_once
    np.minimum.at(begun_ns, (tasks.query[started], tasks.shard[started]), tasks.start_ns[started])
    begun = begun_ns[tasks.query, tasks.shard]
    due_ns = np.minimum(begun, NEVER_NS - 1 - plan.stages[stage]["cancel_ns"]) + plan.stages[stage]["cancel_ns"]
    is_told = (begun < settled_ns) & (due_ns <= plan.end_ns) & ~(started & (tasks.start_ns < due_ns))
    return np.where(is_told & at_once, due_ns, NEVER_NS)


def settled_of(plan: Plan, trace: Columns, tasks: Rows, stage: int) -> I8:
    """(tasks of a stage,) when the answer of each is no longer needed: its shard has answered, or the stage closed."""
    close_ns = trace.close_ns[stage][tasks.query]
    settled_ns = np.full((plan.queries, int(plan.stages[stage]["shards"])), NEVER_NS)
    answered = tasks.answer_ns >= 0
    np.minimum.at(settled_ns, (tasks.query[answered], tasks.shard[answered]), tasks.answer_ns[answered])
    by_shard: I8 = settled_ns[tasks.query, tasks.shard]
    return np.where(close_ns < 0, by_shard, np.minimum(by_shard, close_ns))


def untied(plan: Plan, trace: Columns, tasks: Rows, stage: int) -> NDArray[np.bool_]:
    """(tasks,) which were withdrawn since another copy had started, by the trace; not who is lost at that instant."""
    gone = (tasks.state == copy_states.WITHDRAWN) & bool(is_tied(plan.stages, stage))
    due_ns = tied_ns(plan, tasks, stage, settled_of(plan, trace, tasks, stage))
    return np.asarray(gone & (tasks.withdrawn_ns == due_ns))


def withdrawals(plan: Plan, trace: Columns, tasks: Rows, stage: int) -> Iterator[Violation]:
    """Of a stage: what is not needed is withdrawn when it says so, and nothing else is."""
    row, is_refused, is_lost = plan.stages[stage], tasks.state == copy_states.REFUSED, tasks.state == copy_states.LOST
    gone = (tasks.withdrawn_ns >= 0) & ~is_refused & ~is_lost
    wrong = (tasks.withdrawn_ns >= 0) != (is_refused | is_lost | (tasks.state == copy_states.WITHDRAWN))
    yield from at("I36", wrong, tasks.place, withdrawn_ns=tasks.withdrawn_ns, state=tasks.state)
    settled = settled_of(plan, trace, tasks, stage)
    due_ns = np.where(settled == NEVER_NS, NEVER_NS, settled + row["cancel_ns"])
    if is_tied(plan.stages, stage):
        due_ns = np.minimum(due_ns, tied_ns(plan, tasks, stage, settled))
    is_served = (tasks.finish_ns >= 0) & (tasks.finish_ns <= due_ns)
    started = (tasks.start_ns >= 0) & (tasks.start_ns < due_ns)
    is_due = (due_ns <= plan.end_ns) & ~is_served & ~(is_refused & (tasks.withdrawn_ns < due_ns))
    is_due &= ~(is_lost & (tasks.withdrawn_ns <= due_ns))
    if row["cancels"] != CANCEL_RUNNING:
        is_due &= ~started
    is_due &= bool(cancels(plan.stages, stage))
    yield from at("I51", is_due != gone, tasks.place, withdrawn_ns=tasks.withdrawn_ns, due_ns=due_ns)
    wrong = gone & (tasks.withdrawn_ns != due_ns)
    yield from at("I51", wrong, tasks.place, withdrawn_ns=tasks.withdrawn_ns, due_ns=due_ns)


def critical(trace: Columns, tasks: Rows, stage: int, lost: I8) -> Iterator[Violation]:
    """The critical task of a stage is one of its tasks: the copy that answers when it closes."""
    closed = trace.close_ns[stage] >= 0
    # from when on it would have been served by a worker of its own
    tasks = tasks._replace(start_ns=tasks.start_ns + lost)
    of_shard = tasks.some(closed[tasks.query] & (tasks.shard == trace.critical_shard[stage][tasks.query]))
    is_closing = of_shard.answer_ns == trace.close_ns[stage][of_shard.query]
    order = np.lexsort((of_shard.copy, ~is_closing, of_shard.query))  # of copies that answer then, the first counts
    closing_one = of_shard.some(order[np.unique(of_shard.query[order], return_index=True)[1]])
    for name, column, of_task in (
        ("enqueue", trace.critical_enqueue_ns, closing_one.enqueue_ns),
        ("waiting", trace.critical_wait_ns, closing_one.start_ns - closing_one.enqueue_ns),
        ("service", trace.critical_service_ns, closing_one.finish_ns - closing_one.start_ns),
        ("answer", trace.close_ns, closing_one.answer_ns),
    ):
        kept = column[stage][closing_one.query]
        yield from at("I35", kept != of_task, closing_one.place, of=name, recorded_ns=kept, of_task_ns=of_task)
