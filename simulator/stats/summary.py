"""From traces to what is said of a run: figures with intervals, verdicts, and what the sample cannot support."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from simulator.base.formats import counted, format_duration
from simulator.base.groups import CLASS, PHASE
from simulator.core.columns import FAILED, SHED, TIMED_OUT
from simulator.core.plan import ARRIVE_TRACE, Plan
from simulator.core.stage_view import StageView, stage_views
from simulator.core.trace import Trace
from simulator.documents import parts, run
from simulator.stats import admission, attempts, caches, gathering, share, takers
from simulator.stats import stability as carried
from simulator.stats.clients import S_PER_NS, clients
from simulator.stats.figures import Figure, Pool, StageFigures, figure, hottest, part_of, stage_figures, utilisation
from simulator.stats.groups import Division, GroupFigures, each_group, figures_of, judged_groups
from simulator.stats.load import describe_load
from simulator.stats.means import Interval
from simulator.stats.money import NO_PRICE, Money, Price
from simulator.stats.quantiles import WIDEST, Quantile, Series, Share
from simulator.stats.rates import first_on_latency, paid, rates, within_ns
from simulator.stats.unsaid import unsaid
from simulator.stats.verdicts import OF_SOME, Objective, Verdict, judge, nobody
from simulator.theory import Ahead, MeansAhead, Peak, StageAhead, clusters_of, stage_demands

#: Precision is of p99 where no objective names a percentile.
DEFAULT_PERCENT = 99.0
#: The measure of what is covered.
COVERAGE = "coverage.mean"
#: And of whose answers a cache has.
HITS = "hit_ratio"
#: Instants are rounded to whole ns.
ROUNDING_NS = 2

Ends = tuple[float, float, float]

#: Of means that no plan was asked about.
NOTHING_OF_MEANS = MeansAhead()


@dataclass(frozen=True)
class Summary:
    """Everything said of a run. Durations in seconds, intervals at 95 %."""

    replications: int
    queries: int  #: measured, over all replications
    stability: carried.Stability
    offered_per_s: Interval
    completed_per_s: Interval
    goodput_per_s: Interval
    goodput_within_s: float | None  #: its bound: that of the first objective on latency; None: any latency
    failed_ratio: Share
    gather: run.Gathered | None  #: None: every stage waits for all of its answers
    latency: Figure
    groups: dict[str, tuple[GroupFigures, ...]]  #: of classes and of phases, where the load has some
    stages: tuple[StageFigures, ...]
    objectives: tuple[Verdict, ...]
    load: run.Load
    targets: tuple[Quantile, ...]  #: percentiles whose precision counts: those of objectives, else p99
    notes: tuple[str, ...]
    clients: run.Clients | None  #: who wait for what they have sent; None: an open load
    admission: run.Admission | None  #: what became of queries at the door; None: everybody is admitted
    attempts: parts.Attempts | None  #: of clients that give up; None: they do not
    provided: dict[int, float]  #: of the stages that are scaled, as of ``scaled.Provided.mean``
    pool: Pool = field(repr=False)  #: what it was summarised from; it keeps the traces

    def tail_shares(self, stage: int | None, bound_s: float) -> tuple[Ends, Ends]:
        """Shares of queries later than ``bound_s``, and at it or later, with their ends; ties within 2 ns.

        Of a stage, or of whole queries (None).
        """
        series, bound = self.pool.latency(stage), round(bound_s / S_PER_NS)
        later = series.share(bound + ROUNDING_NS, inclusive=False)
        at_or_later = series.share(bound - ROUNDING_NS, inclusive=True)
        return (later.value, later.low, later.high), (at_or_later.value, at_or_later.low, at_or_later.high)

    @property
    def verdict(self) -> run.StabilityVerdict:
        """Stable, saturated or inconclusive."""
        return self.stability.verdict

    def _unsupported(self) -> Iterator[run.Unsupported]:
        is_saturated = self.verdict == carried.SATURATED
        for stage, latency in ((None, self.latency), *((stage.name, stage.latency) for stage in self.stages)):
            for name, quantile in latency.percentiles.items():
                if not (quantile.supported or quantile.infinite):
                    needed = None if is_saturated else quantile.needed
                    yield {
                        "stage": stage,
                        "percentile": name,
                        "exceedances": float(f"{quantile.exceedances:.4g}"),  # more digits depend on the processor
                        "queries_needed": needed,
                    }

    def to_dict(self) -> run.Summary:
        """As the reference of documents lays out."""
        return {**self.figures(), "notes": list(self.notes)}

    def figures(self) -> run.Figures:
        """The same without the notes."""
        some: run.OnlySome = {} if self.gather is None else {"gather": self.gather}
        some |= {"clients": self.clients} if self.clients is not None else {}
        some |= {"admission": self.admission} if self.admission is not None else {}
        some |= {"attempts": self.attempts} if self.attempts is not None else {}
        if CLASS in self.groups:
            some["classes"] = [one.to_dict() for one in self.groups[CLASS]]
        if PHASE in self.groups:
            some["phases"] = [one.of_phase() for one in self.groups[PHASE]]
        return {
            **some,
            "replications": self.replications,
            "queries": self.queries,
            "verdict": self.verdict,
            "stability": self.stability.to_dict(),
            "load": self.load,
            "offered_per_s": self.offered_per_s.value,
            "completed_per_s": self.completed_per_s.to_dict(),
            "goodput_per_s": {**self.goodput_per_s.to_dict(), "within_s": self.goodput_within_s},
            "failed_ratio": self.failed_ratio.to_dict(),
            "latency_s": self.latency.to_dict(),
            "unsupported": [*self._unsupported()],
            "stages": [stage.to_dict() for stage in self.stages],
            "slos": [objective.to_dict() for objective in self.objectives],
        }


def summarise(
    traces: Sequence[Trace],
    plan: Plan,
    objectives: Sequence[Objective],
    percentiles: Sequence[float],
    stage_names: Sequence[str],
    *,
    utilisations: Sequence[float],
    peak: Peak | None = None,
    is_stationary: bool = True,
    price: Price = NO_PRICE,
    ahead: MeansAhead = NOTHING_OF_MEANS,
    divisions: Sequence[Division] = (),
    is_sampled: bool = False,
) -> Summary:
    """Summarise replications of a plan.

    Parameters
    ----------
    traces, plan
        One a replication, in order; the plan of one of them: what is read of it is the same in all.
    objectives, percentiles, stage_names
        What is to be judged; of every latency, in percent; of the stages, in order.
    utilisations
        Of the busiest station, by arithmetic, as far as it is certain: one, or one a replication where machines differ.
    peak, is_stationary
        Of a load that changes over time; and whether the rate is constant.
    price, divisions
        Of the machines; and into which groups the queries fall: classes, phases.
    ahead, is_sampled
        What the plan says of the means; and whether each replication has measurements of its own.
    """
    own, sent, views = Pool(traces, clusters_of(plan, is_stationary), is_sampled), traces, stage_views(plan)
    traces = (pool := attempts.asked(own)).traces  # those before are of attempts
    stable = _stability(pool, attempts.served(own), carried.asked_of(plan, traces, utilisations, peak), is_stationary)
    is_saturated, within = stable.verdict == carried.SATURATED, first_on_latency(objectives)
    whole = _whole(pool, within, percentiles, ahead.latency, is_saturated)
    served, money = paid(own, pool, views, price, whole.completed)
    of_all = {COVERAGE: gathering.coverage(traces, None)}
    judged = _judged(objectives, None, pool.latency(None), whole.latency.mean, of_all, whole, is_saturated, money)
    of_groups = list(each_group(pool, pool.latency(None), divisions, admission.may_shed_some(plan)))
    judged |= judged_groups(of_groups, objectives, whole.goodput, is_saturated, money)
    stages = []  # one latency at a time is kept: what is said of it is said before the next
    for stage, name, (most, mean) in zip(views, stage_names, stage_demands(plan), strict=True):
        of_stage = ahead.stage(stage.index)
        latency = figure(own.latency(stage.index), percentiles, of_stage.latency)
        shares = _shares(own, stage, of_stage)
        judged |= _judged(objectives, name, own.latency(stage.index), latency.mean, shares, whole, is_saturated, money)
        judged |= _of_nobody(objectives, name) if takers.is_bare(sent, stage.index) else {}
        seen = stage_figures(own, stage, name, latency, shares["utilisation"], (mean, most), percentiles, of_stage)
        stages.append(_with_hosts(seen, stage, stage_names))
    assert len(judged) == len(objectives), "an objective is on a stage that there is"
    began = caches.as_they_began(sent, plan, stage_names)
    verdicts, tails = zip(*(judged[number] for number in range(len(objectives))), strict=True) if judged else ((), ())
    return Summary(
        replications=len(traces),
        queries=pool.layout.queries,
        stability=stable,
        offered_per_s=whole.offered,
        completed_per_s=whole.completed,
        goodput_per_s=whole.goodput,
        goodput_within_s=None if within is None else within.bound,
        failed_ratio=whole.failed_ratio,
        gather=gathering.whole(traces, pool.layout, views),
        latency=whole.latency,
        groups=figures_of(of_groups, pool.layout.queries, percentiles),
        stages=tuple(stages),
        objectives=verdicts,
        load=describe_load(traces, plan.arrival_kind == ARRIVE_TRACE),
        targets=tuple(one.scaled(S_PER_NS) for one in [tail for tail in tails if tail] or [whole.usual]),
        clients=clients(traces, plan.clients),
        admission=admission.at_door(traces, plan, pool.layout),
        attempts=attempts.attempts_of(sent, plan, pool.layout),
        notes=(*stable.notes, *began, *whole.notes, *unsaid(whole.latency, stages)),
        provided=served.mean,
        pool=pool,
    )


def _shares(pool: Pool, stage: StageView, ahead: StageAhead) -> dict[str, Interval]:
    """What objectives on a stage that are not about latency are judged by, by measure."""
    return {
        "utilisation": utilisation(pool, stage, ahead.utilisation),
        "hottest": hottest(pool, stage, ahead.hottest)[1],
        COVERAGE: gathering.coverage(pool.traces, stage.index),
        HITS: gathering.hit_ratio(pool.traces, stage),
    }


def _with_hosts(seen: StageFigures, stage: StageView, names: Sequence[str]) -> StageFigures:
    """With the names of the stage at whose replicas, or on whose machines, it is, where that is another."""
    home = int(stage.plan.stages[stage.index]["home"])
    if stage.owner != stage.index:
        return replace(seen, company={**seen.company, "runs_on": names[stage.owner]})
    return seen if home == stage.index else replace(seen, company={**seen.company, "colocate": names[home]})


def _stability(pool: Pool, served: Pool, asked: carried.Asked, is_stationary: bool) -> carried.Stability:
    """Whether the load is carried; parameters as of ``summarise``, ``served``: attempts as the fleet sees them."""
    traces, warmups = pool.traces, [trace.first_measured for trace in pool.traces]
    return carried.stability(
        carried.growth_of(served),
        float(np.mean(warmups)),
        carried.of_the_start(
            carried.whole_latencies(traces),
            warmups,
            carried.mser5_of(carried.averaged_batches(traces)) if is_stationary else None,
        ),
        pool.layout.queries,
        asked,
    )


@dataclass(frozen=True)
class _Whole:
    """What is said of whole queries."""

    offered: Interval
    completed: Interval
    goodput: Interval
    failed_ratio: Share
    partial_ratio: Share
    shed_ratio: Share
    latency: Figure
    usual: Quantile  #: in ns, the percentile whose precision counts where no objective names one
    notes: list[str]


def _whole(
    pool: Pool,
    within: Objective | None,
    percentiles: Sequence[float],
    ahead: Ahead,
    is_saturated: bool,
) -> _Whole:
    latency = pool.latency(None)
    figures = figure(latency, percentiles, ahead)
    return _Whole(
        *rates(pool.layout, pool.windows_s(), pool.completed(), pool.good(within_ns(within))),
        latency.share(math.inf, inclusive=True),
        gathering.partial_ratio([gathering.is_partial(trace) for trace in pool.traces], pool.layout),
        admission.shed_ratio([admission.is_shed(trace) for trace in pool.traces], pool.layout),
        figures,
        latency.quantile(part_of(DEFAULT_PERCENT)),
        _unsupported(figures, latency, is_saturated, any(_may_fail(trace) for trace in pool.traces)),
    )


def _judged(
    objectives: Sequence[Objective],
    stage: str | None,
    series: Series,
    mean: Interval,
    shares: Mapping[str, Interval],
    whole: _Whole,
    is_saturated: bool,
    money: Money,
) -> dict[int, tuple[Verdict, Quantile | None]]:
    """Verdicts by number of objective, and the percentiles they are about; all on one stage, or on whole queries.

    ``series``, ``mean``, ``shares``: its latency in ns, the mean of it in seconds, and its utilisations and coverage by
    measure.
    """
    return {
        number: (
            judge(
                objective,
                series,
                shares.get(objective.measure),
                mean,
                getattr(whole, objective.measure if objective.measure in OF_SOME else "failed_ratio"),
                shares[objective.measure] if objective.measure in (COVERAGE, HITS) else whole.goodput,
                is_saturated,
                money,
            ),
            series.quantile(objective.p) if objective.measure in ("quantile", "share_within") else None,
        )
        for number, objective in enumerate(objectives)
        if objective.stage == stage and objective.group is None
    }


def _of_nobody(objectives: Sequence[Objective], stage: str) -> dict[int, tuple[Verdict, Quantile | None]]:
    """Verdicts by number of objective on the latency of a stage that nobody takes in some replication."""
    of_latency = "quantile", "share_within", "mean", "max"
    mine = [number for number, one in enumerate(objectives) if one.stage == stage and one.measure in of_latency]
    return {number: (nobody(objectives[number]), None) for number in mine}


def _may_fail(trace: Trace) -> bool:
    """Whether queries may be over without an answer, or some are: not only those that a cut has left."""
    return len(trace.stage_outcome) > 0 or bool(np.isin(trace.outcome, (SHED, TIMED_OUT, FAILED)).any())


def _unsupported(whole: Figure, latency: Series, is_saturated: bool, may_fail: bool) -> list[str]:
    """What is left out, why, and what would be enough."""
    notes = []
    for name, quantile in whole.percentiles.items():
        if quantile.infinite:
            whose = "have no answer" if may_fail else "never finished"
            notes.append(f"{name} falls among queries that {whose}: it is at least the largest latency seen")
        elif not quantile.supported:
            why = f"{share.shown_exceedances(quantile.exceedances)} effective exceedances are too few"
            if quantile.is_wide:
                low, high = format_duration(quantile.low), format_duration(quantile.high)
                why = f"its interval, {low} .. {high}, spans more than a factor of {WIDEST}"
            cure = "" if is_saturated else f"; it needs about {counted(quantile.needed, 'query')} in all"
            notes.append(f"{name} is not printed: {why}{cure}")
    missing = latency.layout.queries - int(latency.finite.sum())
    if missing:
        what = "have no answer" if may_fail else "never finished"
        notes.append(f"{missing:,} of {counted(latency.layout.queries, 'query')} {what}; mean and max leave them out")
    return notes
