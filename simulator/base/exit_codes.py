"""How a command ends: one number for each way out, as scripts and CI read it."""

#: Code: what it means, and what to do.
EXIT_CODES = {
    0: ("Every objective is met, or none was asked for.", ""),
    1: (
        "A process that simulated was ended from outside, again and again: most likely for want of memory. "
        "With a traceback: our bug.",
        "Take fewer `--jobs`, or fewer queries.",
    ),
    2: (
        "Wrong usage, a mistake in a scenario, or an output that cannot be written. Of `sweep`: a point has no answer.",
        "The message says where and how to cure it. Nothing was simulated, or what was is kept.",
    ),
    98: (
        "An objective (of `compare`: a limit) is inconclusive and none failed: "
        "its interval holds the bound, or the sample cannot support it. "
        "Of `capacity`: it is inconclusive, or a range. Of `size`: no fleet is found, but some could not be told. "
        "Of `sensitivity`: there was no time for all knobs. Of `explain`: the sample supports no percentile.",
        "Simulate more: `--replications`, `--queries`, `--precision`, `--time`.",
    ),
    99: (
        "An objective failed, or no load or fleet meets them all. `stress` saw a system not recover. "
        "`compare` found a regression, `check` a broken law, "
        "`verify` or `doctor` a fault. Or a run contradicts a law that holds exactly: our bug.",
        "The table or the message names it.",
    ),
    130: ("Interrupted by Ctrl-C.", "What was finished is kept, where the command keeps anything."),
    141: ("Whoever read the output went away.", ""),
}
