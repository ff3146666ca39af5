"""The interval of a mean on trial: how often it covers what is known, over many seeds of queues with heavier tails.

By Lindley's recursion over draws of numpy. Whether a mean is printed is a matter of the plan, not of the sample, but
where what few draws carry hardly matters: so the printed are as good as all.
"""

import numpy as np

from simulator.stats.means import Interval, mean_interval
from simulator.stats.share import BLOCKS, Layout
from simulator.theory import means_ahead
from simulator.verification import trial_queues as trial
from simulator.verification.depth import luck
from simulator.verification.lines import AGREES, DIFFERS, MEASURED, MISSED, Line
from simulator.verification.oracle import Examined

REPLICATIONS, QUERIES, SEEDS = 8, 20_000, 1000


def mean_of(queue: trial.Queue, seed: int, queries: int) -> Interval:
    """What a run prints of the mean latency."""
    layout = Layout.of([queries] * REPLICATIONS)
    sums = queue.latencies_s(seed, REPLICATIONS, queries).reshape(REPLICATIONS * BLOCKS, -1).sum(axis=1)
    ahead = means_ahead(queue.plan, REPLICATIONS * queries).latency
    return mean_interval(sums, layout.block_sizes, layout, ahead)


#: Light tails and heavy ones; of the last, no sample of this size can say the mean.
QUEUES = (
    *(trial.Queue(f"M/M/1 at {busy:g}", trial.EXPONENTIAL, busy) for busy in (0.5, 0.8, 0.9)),
    trial.Queue("M/D/1 at .8", trial.CONSTANT, 0.8),
    trial.Queue("two exponential servers at .8", trial.EXPONENTIAL, 0.8, servers=2),
    trial.Queue("hyperexponential, cv 4, at .8", trial.hyperexponential(4), 0.8),
    trial.Queue("lognormal, cv 2, at .7", trial.lognormal(2), 0.7),
    trial.Queue("Pareto, shape 3.5, at .5", trial.pareto(3.5), 0.5),
    trial.Queue("lognormal, cv 5, at .5", trial.lognormal(5), 0.5, is_printed=False),
    trial.Queue("lognormal, cv 10, at .05", trial.lognormal(10), 0.05, is_printed=False),
    trial.Queue("Pareto, shape 2.5, at .5", trial.pareto(2.5), 0.5, is_printed=False),
    trial.Queue("Pareto, shape 2.1, at .1", trial.pareto(2.1), 0.1, is_printed=False),
)


def of_a_mean(queue: trial.Queue, seed: int, seeds: int = SEEDS, queries: int = QUERIES) -> Examined:
    """Coverage of the mean latency of a queue, the share of seeds that print it, and the bias of those that do."""
    base, exact_s = luck(seed, f"mean {queue.name}"), queue.exact_s
    below = above = printed = 0
    values, arms = [], []
    for one in range(seeds):
        found = mean_of(queue, base + one, queries)
        if found.value is None or found.low is None or found.high is None:
            continue
        printed += 1
        below += found.high < exact_s
        above += found.low > exact_s
        values.append(found.value / exact_s - 1)
        arms.append(found.high / found.value - 1)
    name = f"mean of {queue.name}"
    share = printed / seeds
    verdict = AGREES if printed == (seeds if queue.is_printed else 0) else DIFFERS
    lines = [Line("intervals", name, "printed", float(queue.is_printed), share, None, None, verdict)]
    if printed:
        bias, arm = float(np.mean(values)), float(np.median(arms))
        lines.append(_coverage(name, printed, below, above))
        lines.append(Line("intervals", name, "bias of the printed", None, bias, None, None, MEASURED))
        lines.append(Line("intervals", name, "median upper arm", None, arm, None, None, MEASURED))
    return Examined(tuple(lines))


def _coverage(name: str, printed: int, below: int, above: int) -> Line:
    """Whether the share that covers is near enough to its nominal one, and misses are on both sides."""
    least, most = trial.accepted(printed)
    covered = 1 - (below + above) / printed
    verdict = AGREES if least <= covered <= most and trial.is_even(below, above) else MISSED
    note = f"too low {below} times, too high {above}"
    said = f"share of {printed} seeds"
    return Line("intervals", name, said, trial.NOMINAL, covered, least, most, verdict, chance=trial.LUCK / 2, note=note)
