"""Laws of what a user brings: cost models, laws of probability, arrivals and routing rules."""

from simulator.testing.book.statement import Statement

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
    Statement(
        "M13",
        "Its parameters take a finite number of bytes, never negative, the same whenever it is asked.",
        "The memory of a machine is counted with them, before anything is simulated.",
        "the model does not say how many bytes they take",
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
