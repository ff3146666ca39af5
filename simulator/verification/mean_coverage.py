"""The interval of a mean on trial: how often it covers what is known, over many seeds of queues with heavier tails.

By Lindley's recursion over draws of numpy. Whether a mean is printed is a matter of the plan, not of the sample, but
where what few draws carry hardly matters: so the printed are as good as all.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from simulator.core.jit import kernel
from simulator.core.laws import Law
from simulator.core.plan import F8
from simulator.planner.plans import make_plan
from simulator.scenario import scenario_from_dict
from simulator.stats.means import Interval, mean_interval
from simulator.stats.share import BLOCKS, Layout
from simulator.theory import means_ahead
from simulator.theory.queues import mg1_mean_wait
from simulator.theory.stages import stages_of
from simulator.verification.depth import luck
from simulator.verification.families import scenario, stage
from simulator.verification.lines import AGREES, DIFFERS, MEASURED, MISSED, Line
from simulator.verification.oracle import Examined

REPLICATIONS, QUERIES, SEEDS = 8, 20_000, 1000
#: The interval should cover from LEAST to MOST of the seeds, but for luck at this level.
NOMINAL, LEAST, MOST, LUCK = 0.95, 0.93, 0.97, 0.01
#: Misses on one side for each on the other, at most, where there are so many in all.
UNEVEN, ENOUGH_MISSES = 3.0, 12


@dataclass(frozen=True)
class Queue:
    """Services of mean 1 s at one server; or at two, both of which a query needs."""

    name: str
    law: Mapping[str, Any]
    utilisation: float
    servers: int = 1
    is_printed: bool = True

    @cached_property
    def plan(self) -> Any:
        """Of a scenario that says so."""
        values = scenario(self.utilisation, stage("one", dict(self.law), shards=self.servers))
        return make_plan(scenario_from_dict({**values, "run": {"queries": 2}}))

    @cached_property
    def services(self) -> Law:
        """Their law, in seconds."""
        one = stages_of(self.plan)[0]
        return one.spread().scaled(one.alone_s(0))

    @property
    def exact_s(self) -> float:
        """Mean latency: Pollaczek and Khinchine; of two servers, exponential (Flatto and Hahn, 1984)."""
        law, rate_per_s = self.services, self.utilisation
        wait_s = mg1_mean_wait(rate_per_s, law.mean(), law.second_moment())
        both = (12 - self.utilisation) / 8 if self.servers == 2 else 1.0
        return (law.mean() + wait_s) * both

    def mean(self, seed: int, queries: int) -> Interval:
        """What a run prints of the mean latency."""
        draw = np.random.default_rng(seed)
        layout = Layout.of([queries] * REPLICATIONS)
        sums = np.empty((REPLICATIONS, BLOCKS))
        warmup = queries // 4
        for replication in range(REPLICATIONS):
            gaps = draw.exponential(1 / self.utilisation, warmup + queries)
            latency = np.zeros(warmup + queries)
            for _ in range(self.servers):
                services = self.services.quantiles(draw.random(warmup + queries))
                slower(gaps, services, latency)
            sums[replication] = latency[warmup:].reshape(BLOCKS, -1).sum(axis=1)
        ahead = means_ahead(self.plan, REPLICATIONS * queries).latency
        return mean_interval(sums.ravel(), layout.block_sizes, layout, ahead)


@kernel
def slower(gaps: F8, services: F8, latency: F8) -> None:
    """Lindley's recursion at one server: ``latency`` (n,) becomes the greater of itself and that, in seconds."""
    left = 0.0
    for query in range(gaps.shape[0]):
        left = max(0.0, left - gaps[query]) + services[query]
        latency[query] = max(latency[query], left)


def _lognormal(cv: float) -> dict[str, Any]:
    return {"kind": "lognormal", "mean": "1s", "cv": cv}


def _pareto(shape: float) -> dict[str, Any]:
    return {"kind": "pareto", "minimum": f"{(shape - 1) / shape!r}s", "shape": shape}


_EXPONENTIAL = {"kind": "exponential", "mean": "1s"}

#: Light tails and heavy ones; of the last, no sample of this size can say the mean.
QUEUES = (
    *(Queue(f"M/M/1 at {busy:g}", _EXPONENTIAL, busy) for busy in (0.5, 0.8, 0.9)),
    Queue("M/D/1 at .8", {"kind": "constant", "value": "1s"}, 0.8),
    Queue("two exponential servers at .8", _EXPONENTIAL, 0.8, servers=2),
    Queue("hyperexponential, cv 4, at .8", {"kind": "hyperexponential", "mean": "1s", "cv": 4}, 0.8),
    Queue("lognormal, cv 2, at .7", _lognormal(2), 0.7),
    Queue("Pareto, shape 3.5, at .5", _pareto(3.5), 0.5),
    Queue("lognormal, cv 5, at .5", _lognormal(5), 0.5, is_printed=False),
    Queue("lognormal, cv 10, at .05", _lognormal(10), 0.05, is_printed=False),
    Queue("Pareto, shape 2.5, at .5", _pareto(2.5), 0.5, is_printed=False),
    Queue("Pareto, shape 2.1, at .1", _pareto(2.1), 0.1, is_printed=False),
)


def of_a_mean(queue: Queue, seed: int, seeds: int = SEEDS, queries: int = QUERIES) -> Examined:
    """Coverage of the mean latency of a queue, the share of seeds that print it, and the bias of those that do."""
    base, exact_s = luck(seed, f"mean {queue.name}"), queue.exact_s
    below = above = printed = 0
    values, arms = [], []
    for one in range(seeds):
        found = queue.mean(base + one, queries)
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
    missed = below + above
    least, most = accepted(printed)
    is_even = missed < ENOUGH_MISSES or max(below, above) <= UNEVEN * max(1, min(below, above)) + _luck_of(missed)
    covered = 1 - missed / printed
    verdict = AGREES if least <= covered <= most and is_even else MISSED
    note = f"too low {below} times, too high {above}"
    said = f"share of {printed} seeds"
    return Line("intervals", name, said, NOMINAL, covered, least, most, verdict, chance=LUCK / 2, note=note)


def accepted(seeds: int) -> tuple[float, float]:
    """Shares of seeds whose binomial interval at level 1 - LUCK meets LEAST to MOST."""
    from scipy.special import bdtrik

    least = math.floor(float(bdtrik(LUCK / 2, seeds, LEAST))) / seeds
    return least, min(1.0, math.ceil(float(bdtrik(1 - LUCK / 2, seeds, MOST))) / seeds)


def _luck_of(missed: int) -> float:
    """By how much the larger side may exceed its part by luck: three standard errors of a split of 3 to 1."""
    return 3 * math.sqrt(missed * 0.75 * 0.25)
