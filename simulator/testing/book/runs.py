"""Laws of whole scenarios, of the engines that walk them, of what is read and of what is said."""

from simulator.testing.book.statement import Statement

SCENARIOS = (
    Statement(
        "S1",
        "Conservation: every query enters the first stage, each next one when it leaves the one before, and is "
        "complete "
        "when it has left the last; without a cut all are.",
        "Queries are neither lost nor made.",
    ),
    Statement(
        "S2",
        "Causality: a task is sent, enqueued, started, finished and answered in this order, a request latency and a "
        "response apart; a stage closes at its last answer and is left after the merge.",
        "Nothing happens before what causes it.",
    ),
    Statement(
        "S3",
        "No idling: at each replica tasks are served in the order of its queue, by no more workers than there are, and "
        "none waits while a worker is free.",
        "It is the queue that every figure is about.",
    ),
    Statement(
        "S4",
        "Latency adds up: that of a stage is its critical task's request, wait, service and response, and the merge.",
        "Where the tail comes from is read off these.",
    ),
    Statement("S5", "Counters of replicas are the sums over their tasks.", "Utilisation and waits are read off them."),
    Statement(
        "S6",
        "A task is served by a replica of its shard that is there; by query, one index serves all shards.",
        "Only it has the shard's candidates.",
    ),
    Statement(
        "S7",
        "Little: the answers of a stage take together what its replicas count as waiting and service, and the network "
        "draws; each task of a batch takes the service of the whole.",
        "Time spent there is the integral of the number there. Summed over one table of tasks that is an identity "
        "which "
        "no bug can break; here three records that are kept apart are compared.",
        "the run is cut (tasks under way are in one record and not in another); or a stage does not need all of "
        "its answers or shards, or some queries pass it by, or have their answer from its cache",
    ),
    Statement(
        "S8",
        "Utilisation: a replica is busy for exactly the service times of its tasks, and what follows their answers, "
        "each worked out anew from its items, its machine and its luck.",
        "Utilisation is throughput times mean service.",
        "the run is cut; or a stage does not need all of its answers or shards, some queries pass it by, or have their "
        "answer from its cache, workers of a machine slow each other down, something is slow now and then, or replicas "
        "have tasks of their own",
    ),
    Statement(
        "S9",
        "Flow balance: each stage serves as many tasks as it has shards, for every query measured.",
        "What goes in comes out.",
        "the run is cut; or a stage does not need all of its answers or shards, or some queries pass it by, or have "
        "their answer from its cache",
    ),
    Statement(
        "S10",
        "Scale time: with all times k times as long, everything happens at k times the instant, to the nanosecond.",
        "Time has no unit of its own. Asked of the scenario with its times on a grid of whole nanoseconds, where "
        "nothing is rounded.",
        "a stage does not need all of its answers or shards, something is slow now and then, or routing is fed by "
        "latency",
    ),
    Statement(
        "S11",
        "Permute shards: with shards renamed, counters are renamed and no query is moved.",
        "Shards have no names. Asked with one replica a shard and nothing drawn by task, since luck goes with the "
        "shard.",
        "a stage does not need all of its answers or shards, stages share replicas, workers of a machine slow each "
        "other down, something is slow now and then, or replicas have tasks of their own",
    ),
    Statement(
        "S12",
        "Add a stage that costs nothing: nothing before it changes, and every query is complete 1 ns later.",
        "Luck is named by stage, and a service takes 1 ns at least.",
        "a stage does not need all of its answers or shards, or a query may be over by a hit",
    ),
    Statement(
        "S13",
        "Split a stage's replicas: each replica alone, given the tasks that it was sent, finishes them at the same "
        "instants.",
        "Replicas share nothing but the rule that chooses among them.",
        "a stage does not need all of its answers or shards, stages share replicas, what follows answers is drawn (by "
        "the query), workers of a machine slow each other down, something is slow now and then, or replicas have tasks "
        "of their own",
    ),
    Statement(
        "S14",
        "Merge identical classes: shards that do not differ, of which one is left, answer at the same instants.",
        "What is the same happens at the same time. Asked where nothing is drawn by task.",
        "a stage does not need all of its answers or shards, stages share replicas, workers of a machine slow each "
        "other down, something is slow now and then, or replicas have tasks of their own",
    ),
    Statement(
        "S15",
        "Features off are features absent: with every default written out, the plan is the same in every bit.",
        "Nobody pays for what is not used.",
    ),
    Statement(
        "S16",
        "Work hurts: with a query heavier, no query leaves the first stage earlier.",
        "First come, first served, waiting grows with work before it (Kiefer and Wolfowitz, 1955).",
        "routing looks at load, mergers queue, or the stage is not the first one: a later query may gain; or a stage "
        "does not need all of its answers or shards, a cache answers some queries, stages share replicas, workers of a "
        "machine slow each other down, something is slow now and then, or replicas have tasks of their own",
    ),
    Statement(
        "S17",
        "Workers help: with one more worker a replica, no query leaves the first stage later.",
        "First come, first served, a further worker takes work away from the others.",
        "routing looks at load, mergers queue, or the stage is not the first one; or a stage does not need all of "
        "its answers or shards, a cache answers some queries, stages share replicas, workers of a machine slow each "
        "other down, "
        "something is slow now and then, or replicas have tasks of their own",
    ),
    Statement(
        "S18",
        "The future does not reach back: without its last queries, nothing that happened before they came is "
        "different.",
        "A rule, a queue or a record that knows what comes next is not a model of anything.",
        "replicas have tasks of their own: they end with the last query",
    ),
    Statement(
        "S19",
        "Time has no origin: all arrivals later by d, everything happens later by d.",
        "Instants are compared with one another, never with a constant.",
        "something is slow now and then, or replicas have tasks of their own: when does not depend on what arrives",
    ),
    Statement(
        "S20",
        "A cut only cuts: what happens before the end of the drain happens as without it.",
        "When a run is stopped is the observer's business.",
    ),
    Statement(
        "S21",
        "Replicas on one machine share its luck and its loss; replicas on different machines share neither.",
        "A machine is slow, or gone, with all that it holds, and with nothing else.",
    ),
    Statement(
        "S22",
        "The plan says what the scenario says: every duration and law in nanoseconds, every count as given.",
        "Engines see the plan, never the scenario.",
    ),
)
ENGINES = (
    Statement(
        "E1",
        "The compiled engine and the reference engine give the same trace, every column to the bit.",
        "They share definitions and no mechanism: where they differ one of them is wrong.",
        "a routing rule is not compiled, so that only the reference engine can ask it",
    ),
    Statement(
        "E2",
        "Looking ahead, event by event, and shards in lockstep give the same trace.",
        "Each is a shortcut of the same definition.",
        "as E1",
    ),
    Statement(
        "E3", "Watching changes nothing: with and without a table of tasks, the trace is the same.", "It only records."
    ),
    Statement("E4", "A run repeated is the same run.", "Every random number has a name, and engines keep nothing."),
    Statement(
        "E5",
        "With the compiler off, the same bits come out.",
        "A compiled kernel does what its source says.",
    ),
    Statement(
        "E6",
        "A replica driven step by step has the queue, workers and instants of a list.",
        "The list is the definition, short enough to be seen to be right.",
    ),
    Statement(
        "E7",
        "Random numbers are those of their names: seed, replication, stream, query and place, by Philox4x32-10.",
        "So nothing depends on the order in which things happen.",
    ),
    Statement(
        "E8",
        "An independent walk from event to event, over plain lists, gives the trace of the reference engine.",
        "Both engines could share a mistake; the walk is written from the definition, not from them.",
    ),
    Statement(
        "E9",
        "What was to happen to a copy of a task that is no more does not happen, and what is left keeps its order.",
        "A row is given to another copy: an event that still names it would move that one.",
    ),
)
FILES = (
    Statement(
        "F1",
        "The resolved form of a scenario, read again, is the same scenario.",
        "`shardsim show` says what was run.",
    ),
    Statement(
        "F2",
        "Whatever is read is either taken or refused with place, what was given and how to cure it; nothing else "
        "comes out.",
        "A file is a stranger's. A crash or a silent default is not an answer.",
    ),
    Statement(
        "F3",
        "A value laid over a scenario, by an overlay or `--set`, is that value written into it.",
        "Variants must not depend on how they are written.",
    ),
    Statement(
        "F4",
        "A quantity is the same in any of its units.",
        "1000us is 1ms.",
    ),
    Statement("F5", "What the program takes, its JSON Schema takes.", "Editors check by the schema."),
    Statement(
        "F6",
        "A sweep that was killed and resumed has the table of one that was not, to the byte.",
        "A journal that loses or repeats a point answers another question.",
    ),
    Statement("F7", "What was written is read back the same: traces, tables, results.", "Files outlive the run."),
    Statement(
        "F8",
        "A scenario never runs code that its reader did not ask for.",
        "Files come from strangers.",
    ),
    Statement(
        "F9",
        "A document obeys the JSON Schema that is printed for it; one with a key less or more does not.",
        "Other programs read it.",
    ),
)
STATISTICS = (
    Statement(
        "T1",
        "A percentile is the ceil(pN)-th smallest of all N queries, unfinished ones being the latest.",
        "Late and lost queries are the tail.",
    ),
    Statement(
        "T2", "An estimate lies within its interval, and percentiles grow with p.", "They are read side by side."
    ),
    Statement(
        "T3",
        "Verdict and interval agree: an objective is met, failed or inconclusive by the interval printed beside it.",
        "Two answers to one question are none.",
    ),
    Statement(
        "T4",
        "Intervals cover as often as they say, over replications that share nothing.",
        "That is what an interval is. Queries of one replication share their luck.",
    ),
    Statement(
        "T5", "In other units or with replications exchanged, the same figures come out.", "Neither is information."
    ),
    Statement(
        "T6",
        "Where an exact law is known, the run agrees with it within an interval at 1 - 1e-6.",
        "Theory is the one witness that shares nothing with the engines.",
    ),
    Statement(
        "T7",
        "What the sample cannot support is not printed.",
        "A percentile with fewer than ten queries beyond it is noise.",
    ),
    Statement(
        "T8",
        "Warm-up is left out of every figure, and nothing else is.",
        "An empty system flatters; a query left out because it was slow flatters more.",
    ),
    Statement(
        "T9",
        "Utilisation, throughput and goodput are what happened inside the window, whoever's it was, over its length.",
        "Work that is done after the window is no output of it: so counted, a saturated server serves any load.",
    ),
    Statement(
        "T10",
        "What a task takes is the sum of what its query, shard, machine, own luck and contention make of it.",
        "A cause that is blamed for another's work sends a planner after the wrong remedy.",
    ),
    Statement(
        "T11",
        "The causes of a query's latency add up to it, each is what its tasks met; by chance nobody is named.",
        "A tail is cut where it comes from: a time without a cause, or a shard that is last by luck, misleads.",
    ),
)
