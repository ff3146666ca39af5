"""How a command ends: one number for each way out, as scripts and CI read it."""

#: Code: what it means, and what to do.
EXIT_CODES = {
    0: ("Every objective is met, or none was asked for.", ""),
    2: (
        "Wrong usage, a mistake in a scenario, or an output that cannot be written.",
        "The message says where and how to cure it. Nothing was simulated, or what was is kept.",
    ),
    98: (
        "An objective is inconclusive: its interval holds the bound, or the sample cannot support it. "
        "Of `sensitivity`: there was no time for all knobs.",
        "Simulate more: `--replications`, `--queries`, `--precision`, `--time`.",
    ),
    99: (
        "An objective failed, a law does not hold, or a comparison found a regression.",
        "The table names it.",
    ),
    130: ("Interrupted by Ctrl-C.", "What was finished is kept, where the command keeps anything."),
    141: ("Whoever read the output went away.", ""),
}
