"""The laws that a serving model obeys: one numbered table, for the checks, the tests and ``docs/laws.md``.

A law is cited by its number. Numbers are never given again: a law that is taken back leaves a gap, a new one comes at
the end of its group.
"""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Statement:
    """A law: what it says, why it must hold, and where it need not."""

    number: str  #: letter of the group and a number, ``M1``
    says: str
    why: str
    unless: str = ""  #: where the law does not hold, or how a model declares that it does not; empty: always holds

    @property
    def group(self) -> str:
        """Letter of the group, a key of ``GROUPS``."""
        return self.number[0]


MODELS = (
    Statement(
        "M1",
        "A call over any number of items, 0 and fractions included, takes a finite time, the same whenever it is "
        "asked.",
        "The planner asks at any number: shares of candidates are real numbers. A model has no memory and no luck.",
    ),
    Statement("M2", "A call never takes a negative time.", "Nothing ends before it starts."),
    Statement(
        "M3",
        "More items never take less time.",
        "A call could leave the further items out. Skew, hashed splits and theory all rest on it.",
    ),
    Statement(
        "M4",
        "A batch is no dearer than its parts: the time of a + b items is at most that of a and of b together.",
        "The two parts could be called one after another, which costs a second overhead at worst.",
        "the model declares `batch_economy = False` (a cache that overflows, memory that is paged)",
    ),
    Statement(
        "M5",
        "With every duration among its fields doubled and every speed halved, a call takes twice as long.",
        "A time is a sum of times: whatever else is added to it is a number without a unit, and will be wrong in "
        "others.",
        "the model has a duration or speed written into it as a number, and declares `own_unit = True`",
    ),
    Statement(
        "M6",
        "A model of a greater size takes no less time, in each size named in its `order`.",
        "Each of the larger model's operations has to be done: a cost that falls with depth, width or trees is a "
        "mistake.",
        "the model declares no `order`",
    ),
    Statement(
        "M7",
        "Of many items, the time of one more grows as its asymptotic law `order` says: a size doubled doubles it.",
        "Order of growth is what is known of a model before anything is measured.",
        "the model declares no `order`, or one that is not a product of its fields; or memory, not computing, "
        "bounds it",
    ),
    Statement(
        "M8",
        "Operations are counted in proportion to items, and never negative.",
        "An item asks for its own operations, whatever else is in the call.",
        "the model counts no operations",
    ),
    Statement(
        "M9",
        "The plan's piecewise-linear cost gives the time that the model gives, within the bound stated for its table.",
        "Both engines see the table, never the model.",
    ),
    Statement(
        "M10",
        "Better hardware is never slower.",
        "Whatever runs on the lesser machine runs on the better one in no more time.",
        "the model does not ask for hardware",
    ),
    Statement(
        "M11",
        "A sum takes as long as its parts, and what is drawn of a part is drawn of the sum.",
        "The parts are worked off one after another in one task.",
        "the model is no sum",
    ),
    Statement(
        "M12",
        "A call takes no less than its operations take to compute, and no less than its bytes take to move.",
        "The roofline (Williams, Waterman and Patterson, 2009): each resource has only so much to give.",
        "the model states no demand on hardware",
    ),
)

LAWS = (
    Statement(
        "L1",
        "Every uniform of (0, 1), to the smallest and largest that are drawn, gives a finite value, not negative.",
        "Uniforms go from 2^-53 to 1 - 2^-53, and each of them is drawn some day.",
    ),
    Statement(
        "L2",
        "A greater uniform gives no lesser value.",
        "Then the value is the quantile, and common random numbers make two systems differ as little as they can.",
        "the law is a built-in mixture or hyperexponential, where the uniform chooses the part first",
    ),
    Statement(
        "L3",
        "The mean of the values is the mean that is stated.",
        "Utilisation, saturation and the theory line are worked out from the stated mean.",
        "the stated mean is infinite",
    ),
    Statement(
        "L4",
        "The coefficient of variation of the values is the one that is stated.",
        "Waiting grows with its square: a wrong one makes theory and forecasts wrong.",
        "it is infinite or not stated",
    ),
    Statement(
        "L5",
        "As many uniforms give a value up to x as the distribution function says, for every x.",
        "Round trip: the value at u has the distribution function u, at steps the least value that reaches it.",
        "no distribution function is stated",
    ),
    Statement(
        "L6",
        "A uniform gives the same value alone, among others, and again; the uniforms are left as they were.",
        "Draws are made in blocks whose size is the engine's business.",
    ),
    Statement(
        "L7",
        "With every duration among its fields doubled, every value is doubled.",
        "The law of a duration has no unit of its own.",
        "the law is of counts or of factors",
    ),
    Statement(
        "L8",
        "A law of factors has mean 1.",
        "A factor spreads times and must not make them longer.",
        "the law is of durations or of counts",
    ),
    Statement(
        "L9",
        "The plan's table gives the values that the law gives, within the bound stated for it.",
        "Both engines see the table, never the law.",
    ),
    Statement(
        "L10",
        "The distribution function never falls, is 0 below 0, and reaches 1.",
        "It is a distribution function, of something that is not negative.",
        "no distribution function is stated",
    ),
    Statement(
        "L11",
        "A mixture of a law with itself is that law.",
        "Two classes that do not differ are one class.",
    ),
)

ARRIVALS = (
    Statement("A1", "Gaps are finite and never negative.", "Arrivals come in the order of their numbers."),
    Statement(
        "A2",
        "The rate is as asked: gaps have mean 1.",
        "A load of 100/s that offers 105 moves every percentile. Gaps clipped at three means do.",
    ),
    Statement(
        "A3",
        "The index of dispersion of counts over long times is as stated.",
        "It says how bursty a load is: waiting in heavy traffic, warm-up and forecasts go by it.",
    ),
    Statement(
        "A4",
        "Arrivals do not depend on how they are cut into chunks: a gap follows from its number and the uniforms alone.",
        "A longer run begins with the shorter one, and chunks are as large as memory allows.",
    ),
    Statement(
        "A5",
        "The same uniforms give the same gaps again, and are left as they were.",
        "Replications run anywhere, in any order.",
    ),
    Statement(
        "A6",
        "At twice the rate the same queries arrive, at half the instants.",
        "Loads share their luck, so a sweep over load compares the same queries.",
        "the process has times of its own, as the dwells of an MMPP or the rows of a trace",
    ),
    Statement(
        "A7",
        "Replications have arrivals of their own.",
        "Their number is what intervals are computed from.",
        "nothing is drawn: constant gaps, a trace",
    ),
    Statement("A8", "Instants never go back, and none is before 0.", "A clock does not."),
    Statement(
        "A9",
        "In every part of a wave, a profile or a phase, queries arrive as often as its rate says.",
        "The peak is what a fleet is sized for; a mean over the day hides it.",
        "the rate is constant: then A2",
    ),
)

RULES = (
    Statement(
        "R1",
        "The rule chooses one of the replicas there are: any number of them, any load, ties, and uniforms at the ends.",
        "What is chosen is used as an index.",
    ),
    Statement(
        "R2",
        "The same arguments give the same choice.",
        "Both engines ask, and a run can be repeated. All luck comes from u and v.",
    ),
    Statement("R3", "The rule leaves what is outstanding as it was.", "It is the balancer's own count."),
    Statement(
        "R4",
        "Replicas have no names: with what is outstanding exchanged, the shares in which they are chosen are "
        "exchanged, too.",
        "A rule that favours an index overloads that replica, at light load most of all.",
        "the rule looks at `turn`: then R5. Or it declares `favours_index = True` (fill the first, then the second)",
    ),
    Statement(
        "R5",
        "Over whole rounds of turns, with what is outstanding rotated, the shares in which replicas are chosen are "
        "rotated.",
        "A rule by turns favours nobody from round to round.",
        "the rule does not look at `turn`: then R4. Or it declares `favours_index = True`",
    ),
    Statement(
        "R6",
        "A rule that says it does not look at load chooses the same at any load.",
        "Its tasks are then known ahead, and what is outstanding is not kept for it.",
        "the rule looks at load",
    ),
    Statement(
        "R7",
        "More outstanding at a replica never makes it more likely to be chosen.",
        "Load is what a load-aware rule is there to even out.",
        "the rule does not look at load, or declares `packs = True` (fill one before the next)",
    ),
    Statement(
        "R8",
        "Compiled and as plain Python the rule chooses the same.",
        "The compiled engine asks one and the reference engine the other.",
        "the rule is not compiled",
    ),
)

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
        "No idling: at each replica tasks are served first come, first served, by no more workers than there are, and "
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
        "draws.",
        "Time spent there is the integral of the number there. Summed over one table of tasks that is an identity "
        "which "
        "no bug can break; here three records that are kept apart are compared.",
        "the run is cut (tasks under way are in one record and not in another)",
    ),
    Statement(
        "S8",
        "Utilisation: a replica is busy for exactly the service times of its tasks, each worked out anew from its "
        "items, "
        "its machine and its luck.",
        "Utilisation is throughput times mean service.",
        "the run is cut",
    ),
    Statement(
        "S9",
        "Flow balance: each stage serves as many tasks as it has shards, for every query measured.",
        "What goes in comes out.",
        "the run is cut",
    ),
    Statement(
        "S10",
        "Scale time: with all times k times as long, everything happens at k times the instant, to the nanosecond.",
        "Time has no unit of its own. Asked of the scenario with its times on a grid of whole nanoseconds, where "
        "nothing is rounded.",
    ),
    Statement(
        "S11",
        "Permute shards: with shards renamed, counters are renamed and no query is moved.",
        "Shards have no names. Asked with one replica a shard and nothing drawn by task, since luck goes with the "
        "shard.",
    ),
    Statement(
        "S12",
        "Add a stage that costs nothing: nothing before it changes, and every query is complete 1 ns later.",
        "Luck is named by stage, and a service takes 1 ns at least.",
    ),
    Statement(
        "S13",
        "Split a stage's replicas: each replica alone, given the tasks that it was sent, finishes them at the same "
        "instants.",
        "Replicas share nothing but the rule that chooses among them.",
    ),
    Statement(
        "S14",
        "Merge identical classes: shards that do not differ, of which one is left, answer at the same instants.",
        "What is the same happens at the same time. Asked where nothing is drawn by task.",
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
        "routing looks at load, mergers queue, or the stage is not the first one: a later query may gain",
    ),
    Statement(
        "S17",
        "Workers help: with one more worker a replica, no query leaves the first stage later.",
        "First come, first served, a further worker takes work away from the others.",
        "routing looks at load, mergers queue, or the stage is not the first one",
    ),
    Statement(
        "S18",
        "The future does not reach back: without its last queries, nothing that happened before they came is "
        "different.",
        "A rule, a queue or a record that knows what comes next is not a model of anything.",
    ),
    Statement(
        "S19",
        "Time has no origin: all arrivals later by d, everything happens later by d.",
        "Instants are compared with one another, never with a constant.",
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
)

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
