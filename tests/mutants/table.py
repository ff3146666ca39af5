"""Bugs put in on purpose: edits of the source, each caught by the law whose number stands beside it.

The numbers are those of ``simulator/testing/book.py``. ``workshop.py`` applies an edit and runs the check;
``tests/test_mutants.py`` asks for each of them, and prints the table. This module is only data: ``docs/laws.md`` is
made from it, too.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """An edit of one place of the source."""

    name: str  #: what is wrong
    law: str  #: number of the law that catches it
    where: str  #: file, from ``simulator/`` on
    old: str  #: what stands there, once
    new: str  #: what stands there instead
    check: str  #: module and function, from ``tests/mutants`` on


AGREE, WALK, LISTS = "sample_paths.engines_agree", "sample_paths.walks_agree", "sample_paths.a_replica_is_a_list"
HOLD = "sample_paths.invariants_hold"
REFERENCE, LOOP, LOOKAHEAD = "engines/reference.py", "engines/loop.py", "engines/lookahead.py"
RECORDER, LOCKSTEP, RULES = "engines/recorder.py", "engines/lockstep.py", "core/rules.py"

ENGINES = (
    Mutant(
        "last come, first served",
        "S3",
        REFERENCE,
        "self.given[worker].give(self.queue.popleft())",
        "self.given[worker].give(self.queue.pop())",
        HOLD,
    ),
    Mutant(
        "a queue is left when a worker is free",
        "S1",
        "engines/reference.py",
        "stage.answer, task)\n            self.start_soon()",
        "stage.answer, task)",
        "sample_paths.invariants_hold",
    ),
    Mutant(
        "a stage closes at the first answer",
        "S2",
        REFERENCE,
        "if gather.missing == 0:",
        "if gather.missing == self.shards - 1:",
        HOLD,
    ),
    Mutant(
        "outstanding is never taken back, in the reference engine",
        "E8",
        REFERENCE,
        "self.model.outstanding[task.counter] -= task.load",
        "pass",
        WALK,
    ),
    Mutant(
        "mergers without a queue, in the reference engine",
        "E8",
        REFERENCE,
        "if self.free_mergers == 0:",
        "if False:",
        WALK,
    ),
    Mutant(
        "starts before enqueues of the instant",
        "E8",
        REFERENCE,
        "from simulator.core.trace import Trace\n",
        "from simulator.core.trace import Trace\nSTART = ARRIVE\n",
        WALK,
    ),
    Mutant(
        "answers before finishes",
        "E8",
        REFERENCE,
        "from simulator.core.trace import Trace\n",
        "from simulator.core.trace import Trace\nFINISH = rules.GATHER_TIMEOUT\n",
        WALK,
    ),
    Mutant(
        "the free worker of highest index, in the reference engine",
        "E6",
        REFERENCE,
        "worker = heappop(self.free)",
        "worker = self.free.pop(self.free.index(max(self.free)))",
        LISTS,
    ),
    Mutant(
        "waiting counted from the arrival",
        "S5",
        RECORDER,
        "wait_ns = task.start_ns - task.enqueue_ns\n            self",
        "wait_ns = task.start_ns - task.gather.enter_ns\n            self",
        HOLD,
    ),
    Mutant("warm-up counted", "S5", RECORDER, "if query >= self.first_measured:", "if True:", HOLD),
    Mutant(
        "a stage is left a nanosecond late", "S4", RECORDER, "gather.query] = now\n", "gather.query] = now + 1\n", HOLD
    ),
    Mutant(
        "the first answer is not summed",
        "S7",
        "engines/reference.py",
        "gather.answer_sum_ns += now - gather.enter_ns",
        "gather.answer_sum_ns += (now - gather.enter_ns) * (gather.missing < self.shards)",
        "sample_paths.time_in_a_stage_adds_up",
    ),
    Mutant(
        "the free worker of highest index, looking ahead",
        "E1",
        LOOKAHEAD,
        "            chosen = 0\n"
        "            while free_ns[first + chosen] > start:  # the free worker of lowest index takes it\n"
        "                chosen += 1\n",
        "            chosen = workers - 1\n"
        "            while free_ns[first + chosen] > start:\n"
        "                chosen -= 1\n",
        AGREE,
    ),
    Mutant(
        "the first of simultaneous answers closes",
        "E1",
        LOOKAHEAD,
        "    shard = shards - 1\n    while answered[shard] != last:\n        shard -= 1\n",
        "    shard = 0\n    while answered[shard] != last:\n        shard += 1\n",
        AGREE,
    ),
    Mutant(
        "the sum of answers starts at one query's arrival",
        "E1",
        LOOKAHEAD,
        "total = -shards * enter_ns",
        "total = -enter_ns",
        AGREE,
    ),
    Mutant(
        "tasks are counted beyond the cut",
        "S20",
        LOOKAHEAD,
        "if passed[FINISHED, shard] <= end_ns:",
        "if True:",
        "sample_paths.a_cut_only_cuts",
    ),
    Mutant(
        "an answer of this instant is still outstanding",
        "E1",
        LOOP,
        "answers[0, INSTANT] <= now",
        "answers[0, INSTANT] < now",
        AGREE,
    ),
    Mutant(
        "warm-up counted, in the compiled engine",
        "E1",
        LOOP,
        "if query >= first_measured:\n                    count(",
        "if query >= 0:\n                    count(",
        AGREE,
    ),
    Mutant(
        "mergers without a queue, in the compiled engine",
        "E1",
        LOOP,
        "max(close_ns, merger_free_ns[chosen])",
        "close_ns",
        AGREE,
    ),
    Mutant(
        "last come, first served, in the compiled loop",
        "E6",
        LOOP,
        "            if head[at] < 0:\n"
        "                head[at] = what\n"
        "            else:\n"
        "                task[tail[at], T_NEXT] = what\n"
        "            tail[at] = what\n",
        "            task[what, T_NEXT] = head[at]\n            head[at] = what\n",
        LISTS,
    ),
    Mutant(
        "a free worker stays idle after a finish, in the compiled loop",
        "E6",
        LOOP,
        "                state[EVENTS_SIZE] = push(events, state[EVENTS_SIZE], answer_ns, order, what)\n"
        "            start_soon(events, state, free_workers, head, is_starting, at, now)\n",
        "                state[EVENTS_SIZE] = push(events, state[EVENTS_SIZE], answer_ns, order, what)\n",
        LISTS,
    ),
    Mutant(
        "outstanding is never taken back, in the compiled loop",
        "E1",
        LOOP,
        "outstanding[task[what, T_COUNTER]] -= task[what, T_LOAD]",
        "pass",
        AGREE,
    ),
    Mutant(
        "simultaneous events in the order of insertion",
        "E1",
        "engines/eventlist.py",
        "(heap[above, 0] == instant and heap[above, 1] <= order)",
        "heap[above, 0] == instant",
        AGREE,
    ),
    Mutant(
        "machines forgotten in lockstep",
        "E2",
        LOCKSTEP,
        "np.column_stack([shares, machines])",
        "np.column_stack([shares])",
        "sample_paths.shortcuts_agree",
    ),
    Mutant(
        "the first shard of a class closes its stage",
        "E2",
        LOCKSTEP,
        "np.maximum.at(last, class_of, np.arange(shards))",
        "last[:] = representative",
        "sample_paths.shortcuts_agree",
    ),
    Mutant(
        "random shards taken for lockstep",
        "E2",
        LOCKSTEP,
        'not row["hashed"] and not is_random',
        'not row["hashed"]',
        "sample_paths.shortcuts_agree",
    ),
    Mutant(
        "a stage that looks ahead forgets the clock's origin",
        "S19",
        LOOKAHEAD,
        "start = max(enqueue, free[shard])",
        "start = max(enqueue, free[shard], 20)",
        "sample_paths.time_has_no_origin",
    ),
    Mutant(
        "nine rounds of Philox",
        "E7",
        "core/draws.py",
        "for _ in range(10):",
        "for _ in range(9):",
        "sample_paths.random_numbers_are_those_of_their_names",
    ),
)

FAIR, STATED = "parts.rules_are_fair", "parts.laws_are_as_stated"

DECISIONS = (
    Mutant(
        "of two, the busier",
        "R7",
        RULES,
        "outstanding[first + one] <= outstanding",
        "outstanding[first + one] >= outstanding",
        FAIR,
    ),
    Mutant("of two, the neighbour", "R4", RULES, "int(v * (replicas - 1))) % replicas", "0) % replicas", FAIR),
    Mutant("ties to the lowest index", "R4", RULES, "skip = int(u * equals)", "skip = 0", FAIR),
    Mutant(
        "at random, but never the last",
        "R4",
        RULES,
        "if policy == RANDOM:\n        return int(u * replicas)",
        "if policy == RANDOM:\n        return int(u * (replicas - 1))",
        FAIR,
    ),
    Mutant(
        "turns that skip a replica",
        "R5",
        RULES,
        "return turn % replicas",
        "return turn * 2 % (replicas + 1) % replicas",
        FAIR,
    ),
    Mutant(
        "the most outstanding",
        "R7",
        RULES,
        "if outstanding[first + replica] < least:",
        "if outstanding[first + replica] > least:",
        FAIR,
    ),
    Mutant(
        "service times rounded down",
        "S8",
        RULES,
        "min(duration_ns, LONGEST_NS) + 0.5)",
        "min(duration_ns, LONGEST_NS))",
        "sample_paths.service_times_are_worked_out_anew",
    ),
    Mutant(
        "machines twice as fast as said",
        "S8",
        RULES,
        "round_ns(alone_ns * machine_factor * task_factor)",
        "round_ns(alone_ns * machine_factor / 2 * task_factor)",
        "sample_paths.service_times_are_worked_out_anew",
    ),
    Mutant(
        "tasks for a lost machine",
        "S6",
        RULES,
        '- (1 if 0 <= beyond < stages[stage]["lost"] else 0)',
        "- 0 * beyond",
        HOLD,
    ),
    Mutant(
        "the cost of the knot before",
        "S8",
        RULES,
        "if knot_items[middle] <= items:",
        "if knot_items[middle] < items - 1:",
        "sample_paths.service_times_are_worked_out_anew",
    ),
    Mutant(
        "a lognormal without its correction",
        "L3",
        "core/laws.py",
        "math.log(mean) - sigma2 / 2",
        "math.log(mean)",
        STATED,
    ),
    Mutant(
        "a Weibull of the wrong scale",
        "L3",
        "core/laws.py",
        "mean / math.gamma(1 + 1 / shape), 1 / shape",
        "mean, 1 / shape",
        STATED,
    ),
    Mutant(
        "a hyperexponential too even",
        "L4",
        "core/laws.py",
        "math.sqrt((cv * cv - 1) / (cv * cv + 1))",
        "(cv * cv - 1) / (cv * cv + 1)",
        STATED,
    ),
    Mutant("an exponential of u", "L2", "core/sampling.py", "return -a * log(1.0 - u)", "return -a * log(u)", STATED),
    Mutant(
        "values measured, but never the largest",
        "L3",
        "core/sampling.py",
        "min(int(u * count), count - 1)",
        "min(int(u * (count - 1)), count - 2)",
        STATED,
    ),
    Mutant(
        "a part of a mixture drawn from all of u",
        "L3",
        "core/sampling.py",
        "_within(u, low, points[first + part]))",
        "u)",
        STATED,
    ),
    Mutant(
        "a lognormal that does not scale",
        "L7",
        "core/laws.py",
        "self.a + math.log(factor), self.b",
        "self.a * factor, self.b",
        STATED,
    ),
    Mutant(
        "a distribution function without its shape",
        "L5",
        "core/laws.py",
        "(np.maximum(x, 0.0) / self.a) ** (1 / self.b)",
        "(np.maximum(x, 0.0) / self.a)",
        STATED,
    ),
    Mutant(
        "a gamma table that is not rescaled",
        "L9",
        "core/law_tables.py",
        "return tuple((value / mean).tolist())",
        "return tuple(value.tolist())",
        "parts.tables_of_gamma_are_of_mean_one",
    ),
    Mutant(
        "all laws of a plan share the first table",
        "L9",
        "core/laws.py",
        "            return placed[table]",
        "            return 0 * placed[table]",
        "parts.laws_survive_their_table",
    ),
)

LOADS, BURSTS = "parts.loads_are_as_asked", "parts.bursts_are_as_stated"

MODELS = (
    Mutant(
        "gaps clipped at three means",
        "A2",
        "workload/arrivals.py",
        "draws.series(seed, replication, draws.GAP, count, first))\n",
        "draws.series(seed, replication, draws.GAP, count, first))\n    epoch = np.minimum(epoch, 3.0)\n",
        LOADS,
    ),
    Mutant(
        "gaps more even than Poisson's",
        "A3",
        "workload/arrivals.py",
        "draws.series(seed, replication, draws.GAP, count, first))\n",
        "draws.series(seed, replication, draws.GAP, count, first))\n    epoch = 0.5 + epoch / 2\n",
        LOADS,
    ),
    Mutant(
        "every chunk begins with the first gap",
        "A4",
        "workload/arrivals.py",
        "draws.series(seed, replication, draws.GAP, count, first)",
        "draws.series(seed, replication, draws.GAP, count)",
        "parts.loads_do_not_depend_on_chunks",
    ),
    Mutant(
        "calm at the beginning",
        "A2",
        "workload/modulation.py",
        "state = (min(first, states - 1) + np.arange(count)) % states",
        "state = np.arange(count) % states",
        BURSTS,
    ),
    Mutant(
        "states of equal length",
        "A2",
        "workload/modulation.py",
        "dwell_s = Law.exponential(1.0).quantiles(uniform) * np.array",
        "dwell_s = np.ones(len(uniform)) * np.array",
        BURSTS,
    ),
    Mutant(
        "rates not weighted by dwell",
        "A2",
        "workload/modulation.py",
        "mean = math.fsum(rate * dwell for rate, dwell in zip(rates, dwells, strict=True)) / math.fsum(dwells)",
        "mean = math.fsum(rates) / len(rates)",
        BURSTS,
    ),
    Mutant(
        "a wave that is flat",
        "A9",
        "workload/wave.py",
        "    turn = np.empty(len(level))\n",
        "    return level\n    turn = np.empty(len(level))\n",
        "parts.waves_are_as_asked",
    ),
    Mutant(
        "the faster of computing and moving",
        "M12",
        "models/base.py",
        "if compute_s <= move_s:",
        "if compute_s >= move_s:",
        "parts.calls_need_what_they_use",
    ),
    Mutant(
        "parameters read once an item",
        "M12",
        "models/base.py",
        "    if read_s == 0.0:\n",
        "    if read_s >= 0.0:\n",
        "parts.calls_need_what_they_use",
    ),
    Mutant(
        "a sum forgets its fixed time",
        "M11",
        "models/total.py",
        "return next((part.law for part in self.parts if part.law is not None), None)",
        "return None",
        "parts.sums_are_of_all_parts",
    ),
    Mutant(
        "a sum of the first of its parts",
        "M11",
        "models/total.py",
        "values = [seconds_of(pieces, items) for pieces in functions]",
        "values = [seconds_of(pieces, items) for pieces in functions[:1]]",
        "parts.sums_are_of_all_parts",
    ),
    Mutant(
        "knots lost on the way to the plan",
        "M9",
        "planner/plans.py",
        "for piece in pieces]",
        "for piece in pieces[:1]]",
        "parts.plans_have_the_cost_of_the_model",
    ),
)

QUERIES, THEORY = "figures.percentiles_are_of_all_queries", "figures.closed_forms_are_those_of_books"

STATISTICS = (
    Mutant(
        "a percentile one order statistic later",
        "T1",
        "stats/quantiles.py",
        "self.order.value(math.ceil(fraction(p) * self.layout.queries))",
        "self.order.value(math.ceil(fraction(p) * self.layout.queries) + 1)",
        QUERIES,
    ),
    Mutant(
        "unfinished queries left out",
        "T1",
        "stats/figures.py",
        "_from_to(trace.arrival_ns[at], trace.completion_ns[at]), np.inf",
        "_from_to(trace.arrival_ns[at], trace.completion_ns[at]), 0.0",
        QUERIES,
    ),
    Mutant(
        "warm-up is not cut",
        "T8",
        "stats/figures.py",
        "for first in range(trace.first_measured, len(trace.arrival_ns), AT_A_TIME):\n"
        "                found = of(trace, slice(first, first + AT_A_TIME))",
        "for first in range(0, trace.measured, AT_A_TIME):\n"
        "                found = of(trace, slice(first, min(first + AT_A_TIME, trace.measured)))",
        QUERIES,
    ),
    Mutant(
        "the verdict is that of the estimate",
        "T3",
        "stats/verdicts.py",
        "            met = share.high < allowed\n        else:\n            value, low, high",
        "            met = share.value < allowed\n        else:\n            value, low, high",
        "figures.verdicts_are_the_intervals",
    ),
    Mutant(
        "an interval on one side",
        "T2",
        "stats/quantiles.py",
        "low = 0.0 if above is None else order.value(above + 1)",
        "low = 0.0 if above is None else pooled * 1.01",
        "figures.intervals_are_in_order",
    ),
    Mutant(
        "replications counted by each other's size",
        "T5",
        "stats/share.py",
        "unit_sizes = np.array(sizes, dtype=np.int64)",
        "unit_sizes = np.array(sizes[::-1], dtype=np.int64)",
        "figures.intervals_are_in_order",
    ),
    Mutant(
        "queries taken for independent",
        "T4",
        "stats/share.py",
        "deviation = np.sqrt(squares / (units - 1)) * units / queries\n",
        "deviation = np.sqrt(mean * (1 - mean) * units / queries)\n",
        "figures.intervals_cover",
    ),
    Mutant(
        "exceedances of one busy period count one by one",
        "T7",
        "stats/share.py",
        "        (in_block**2).sum(),\n",
        "        in_block.sum(),\n",
        "figures.what_is_not_supported_is_not_printed",
    ),
    Mutant(
        "tasks half as long as drawn",
        "T6",
        "core/dispatch.py",
        "alone_ns[shard] = factor[shard] * work\n    first",
        "alone_ns[shard] = factor[shard] / 2 * work\n    first",
        "figures.paper_holds",
    ),
    Mutant(
        "Erlang's recursion one step short",
        "T6",
        "theory/queues.py",
        "for k in range(1, workers + 1):\n        blocked",
        "for k in range(1, workers):\n        blocked",
        THEORY,
    ),
    Mutant(
        "Pollaczek without its half",
        "T6",
        "theory/queues.py",
        "second_moment_s2 / (2 * (1 - utilisation))",
        "second_moment_s2 / (1 - utilisation)",
        THEORY,
    ),
    Mutant(
        "M/D/1 looked up a service too early",
        "T6",
        "theory/queues.py",
        "services = math.floor(x) + 1\n",
        "services = math.floor(x) + 2\n",
        THEORY,
    ),
    Mutant(
        "paper forgets the slowest shard's neighbour stage",
        "T6",
        "theory/zero_load.py",
        "total = math.fsum(value for value in constants if value is not None)",
        "total = max(value for value in constants if value is not None)",
        "figures.empty_systems_are_as_paper_says",
    ),
)

SAID, UNITS, FOUND = (
    "inputs.plans_say_what_scenarios_say",
    "inputs.quantities_have_units",
    "inputs.what_was_found_once_is_refused",
)
LAID, WRITTEN = "inputs.overlays_are_laid_in_order", "inputs.files_are_read_as_written"

PLANNER = (
    Mutant(
        "a lost machine takes its row",
        "S21",
        "scenario/machines.py",
        "    if stage.lost_machine is None:\n        return 0, 0\n",
        "    if stage.lost_machine is None:\n        return 0, 0\n    return 0, stage.shards\n",
        "inputs.losses_are_of_machines",
    ),
    Mutant(
        "replicas of a shard on one machine",
        "S21",
        "scenario/machines.py",
        "return replica * machines_in_a_row(stage) + shard",
        "return shard",
        "inputs.luck_is_of_machines",
    ),
    Mutant(
        "the request latency forgotten",
        "S22",
        "planner/plans.py",
        "request_ns=ns(stage.network.request_s)",
        "request_ns=ns(stage.network.send_s)",
        SAID,
    ),
    Mutant(
        "a response in seconds",
        "S22",
        "planner/plans.py",
        "response=_in_ns(stage.network.response.law)",
        "response=stage.network.response.law",
        SAID,
    ),
    Mutant(
        "all candidates handed on",
        "S22",
        "planner/plans.py",
        "keep=math.inf if stage.keep is None else float(stage.keep)",
        "keep=math.inf",
        SAID,
    ),
    Mutant(
        "a drain in milliseconds",
        "S22",
        "planner/plans.py",
        "else ns(scenario.run.drain_s)",
        "else ns(scenario.run.drain_s / 1000)",
        SAID,
    ),
    Mutant(
        "warm-up taken from the queries",
        "S22",
        "planner/load.py",
        "WARMUP = 4",
        "WARMUP = 8",
        "inputs.queries_are_as_many_as_asked",
    ),
)

LOADERS = (
    Mutant(
        "1e6 read as text",
        "F4",
        "scenario/nodes.py",
        r"(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE]",
        r"(\.[0-9]+|[0-9]+\.[0-9]*)([eE]",
        UNITS,
    ),
    Mutant(
        "no read as False",
        "F4",
        "scenario/nodes.py",
        '"False": False, "FALSE": False}',
        '"False": False, "FALSE": False, "no": False}',
        UNITS,
    ),
    Mutant(
        "exponent dropped",
        "F4",
        "base/units.py",
        'value = float(text.replace("_", ""))',
        'value = float(text.replace("_", "").lower().split("e")[0])',
        UNITS,
    ),
    Mutant(
        "binary prefixes taken for decimal",
        "F4",
        "base/units.py",
        '"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30',
        '"Ki": 1e3, "Mi": 1e6, "Gi": 1e9',
        UNITS,
    ),
    Mutant(
        "minutes taken for seconds",
        "F4",
        "base/units.py",
        '_PER = {"s": 1.0, "min": 60.0',
        '_PER = {"s": 1.0, "min": 1.0',
        UNITS,
    ),
    Mutant(
        "overlays laid in the opposite order",
        "F3",
        "scenario/load.py",
        "for overlay in overlays:",
        "for overlay in reversed(overlays):",
        LAID,
    ),
    Mutant(
        "named things replaced by place",
        "F3",
        "scenario/merge.py",
        "places = {name: place for place, name in reversed(list(enumerate(_names(base) or [])))}",
        "places = {name: place for place, name in enumerate(_names(top) or [])}",
        "inputs.overlays_are_laid_in_order",
    ),
    Mutant(
        "brackets count from 1",
        "F3",
        "scenario/merge.py",
        "if step < count:\n            return step",
        "if step < count:\n            return max(0, step - 1)",
        LAID,
    ),
    Mutant(
        "a rival key stays",
        "F3",
        "scenario/merge.py",
        'EXCLUSIVE = (("rate", "phases"), ("queries", "duration"), ',
        'EXCLUSIVE = (("rate", "phases"), ',
        "inputs.an_overlay_takes_its_rival_away",
    ),
    Mutant(
        "six digits of a duration",
        "F1",
        "scenario/fields.py",
        "for digits in (6, 12, 17)]\n    exact = [text for text in spellings if _reads_as(value, text, parse)]",
        "for digits in (6,)]\n    exact = spellings",
        "inputs.resolved_is_resolved",
    ),
    Mutant(
        "the last column of a file is not read",
        "F7",
        "scenario/csv_file.py",
        "return names.index(column.name)",
        "return min(names.index(column.name), len(names) - 2)",
        WRITTEN,
    ),
    Mutant(
        "gaps taken for instants", "F7", "scenario/recorded.py", "timestamp_s = np.cumsum(timestamp_s)", "pass", WRITTEN
    ),
    Mutant(
        "a measured time in the wrong unit",
        "F7",
        "scenario/measured_file.py",
        '"a time") * unit_s)',
        '"a time"))',
        WRITTEN,
    ),
    Mutant(
        "shares of a law taken for values",
        "F7",
        "scenario/law_file.py",
        "    if not shares:\n        return",
        "    if shares:\n        return",
        WRITTEN,
    ),
    Mutant(
        "a number beyond floats crashes",
        "F2",
        "scenario/nodes.py",
        "(_FLOAT.fullmatch(text) or _INT.fullmatch(text))",
        "_FLOAT.fullmatch(text)",
        "inputs.what_was_found_once_is_refused",
    ),
    Mutant(
        "a name that no file can have crashes",
        "F2",
        "scenario/files.py",
        "except (OSError, ValueError) as error:  # ValueError: a name that no file can have\n        raise",
        "except OSError as error:\n        raise",
        "inputs.what_was_found_once_is_refused",
    ),
    Mutant(
        "a machine of another kind crashes",
        "F2",
        "scenario/catalogue/resolve.py",
        'kind is not None and "kind" in base and kind.value',
        "kind is not None and kind.value",
        "inputs.what_was_found_once_is_refused",
    ),
    Mutant(
        "a run read back with its warm-up",
        "F7",
        "planning/saved_run.py",
        "first_measured=warmup,\n            measured=len(measured) - warmup",
        "first_measured=0,\n            measured=len(measured)",
        "inputs.runs_are_read_as_written",
    ),
    Mutant(
        "the journal takes a torn line",
        "F6",
        "planning/journal.py",
        '    if not line.endswith(b"\\n"):\n        return None\n',
        "",
        "inputs.journals_keep_what_is_whole",
    ),
    Mutant(
        "the journal takes a changed line",
        "F6",
        "planning/journal.py",
        "if entry.pop(CHECKSUM) != checksum(entry):",
        "if not entry.pop(CHECKSUM):",
        "inputs.journals_keep_what_is_whole",
    ),
)

MUTANTS = {mutant.name: mutant for mutant in (*ENGINES, *DECISIONS, *MODELS, *STATISTICS, *PLANNER, *LOADERS)}
assert len(MUTANTS) == len(ENGINES + DECISIONS + MODELS + STATISTICS + PLANNER + LOADERS), "names are given once"
