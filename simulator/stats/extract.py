"""What is kept of a replication to judge objectives by: latencies and a few counters, an eighth of its trace."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulator.base.groups import CLASS, PHASE, Group
from simulator.core import stage_view
from simulator.core.plan import F8, I8, Plan
from simulator.core.trace import Trace
from simulator.stats import admission, attempts, gathering, replays, scaled, share, summary, takers, window
from simulator.stats.figures import S_PER_NS, hottest_of
from simulator.stats.groups import Phases, series_of
from simulator.stats.means import Interval, ratio_interval
from simulator.stats.money import NO_PRICE, Price
from simulator.stats.quantiles import Series, Share
from simulator.stats.rates import by_replication, first_on_latency, rates, within_ns
from simulator.stats.stability import Asked, InFlight, Stability, is_bounded, mser5, of_the_start, stability
from simulator.stats.verdicts import Objective, Verdict, judge, nobody
from simulator.theory import NOTHING_OF_CLUSTERS, Ahead, Clusters, MeansAhead

#: Of a load that has none.
NO_GROUPS: Mapping[Group, Ahead] = {}


@dataclass(frozen=True)
class Extract:
    """Of one replication. Latencies in ns, +inf where a query did not get that far."""

    first_measured: int
    latency: F8  #: (queries,) of whole queries, warm-up included
    stage_latency: dict[int, F8]  #: by stage, of those with an objective: (measured,), or of those who take it
    busy_s: F8  #: (stages,) mean over replicas, those of a lost machine left out
    replica_busy_s: dict[int, F8]  #: by stage, of those with an objective: (replicas,); of keys (1,), the most
    window_s: float  #: length of the window, inside which busy times and rates are counted
    completed: NDArray[np.int8]  #: (queries,) as ``completed_in``
    good: NDArray[np.int8]  #: (queries,) as ``good_of``
    partial: NDArray[np.bool_]  #: (measured,) as ``gathering.is_partial``
    shed: NDArray[np.bool_]  #: (measured,) as ``admission.is_shed``
    covered: dict[int | None, tuple[float, int]]  #: as ``gathering.covered``, of whole queries and those stages
    hits: dict[int, tuple[int, int]]  #: as ``gathering.hits``, of those stages
    sent: tuple[int, int | None]  #: measured queries, or attempts of them; and the ``arrivals_mark`` of these
    grown: int  #: of these, those in flight at the last measured arrival less those at the first
    tasks: int  #: simulated, warm-up included
    arrivals: int | None  #: see ``arrivals_mark``
    is_bounded: bool  #: as ``stability.is_bounded``
    group_of: dict[str, I8]  #: by kind of group, of those with an objective: (measured,) place of the group of each
    provided: dict[int, float]  #: as ``scaled.provided_by_stage``


def extract(
    plan: Plan, trace: Trace, stages: Sequence[int], by_class: bool = False, phases: Phases | None = None
) -> Extract:
    """Keep of a replication what objectives on whole queries, these ``stages``, classes and phases are judged by.

    ``phases``: None: no objective is on one.
    """
    sent, trace = trace, attempts.as_queries(trace)
    first, since = trace.first_measured, sent.first_measured
    latency = (trace.completion_ns - trace.arrival_ns).astype(np.float64)
    latency[~trace.is_answered(slice(None))] = math.inf
    of_stages = {}
    for stage in stages:
        leave_ns, enter_ns = sent.leave_ns[stage, since:], sent.entered_ns(stage)[since:]
        spent_ns = np.where(leave_ns < 0, math.inf, (leave_ns - enter_ns).astype(np.float64))
        of_stages[stage] = takers.of_takers(spent_ns, takers.takers(sent, stage))
    busy_s, of_replicas = [], {}
    for view in (views := stage_view.stage_views(plan)):
        busy_ns = scaled.busy_ns(trace, view)
        busy_s.append(scaled.mean_busy_ns(trace, view) * S_PER_NS)
        if view.index in stages:
            each = np.asarray(busy_ns * S_PER_NS, dtype=np.float64)
            of_replicas[view.index] = each.max(keepdims=True) if view.is_keyed else each
    window_s = (trace.window_end_ns - trace.window_begin_ns) * S_PER_NS
    in_flight = InFlight(attempts.as_served(sent))
    grown = in_flight.at(len(sent.arrival_ns) - 1) - in_flight.at(since)
    tasks, mark = plan.queries * plan.shards, replays.arrivals_mark(trace.arrival_ns)
    completed = window.completed_in(trace)
    group_of = {CLASS: attempts.of_queries(sent, plan.class_of)[first:]} if by_class and len(plan.class_of) else {}
    if phases is not None:
        group_of[PHASE] = phases.of_queries(trace)[first:]
    return Extract(
        *(first, latency, of_stages, np.array(busy_s), of_replicas, window_s),
        *(completed, window.good_of(trace, completed), gathering.is_partial(trace), admission.is_shed(trace)),
        {stage: gathering.covered(trace if stage is None else sent, stage) for stage in (None, *stages)},
        {stage: gathering.hits(sent, stage) for stage in stages},
        (len(sent.arrival_ns) - since, replays.arrivals_mark(sent.arrival_ns)),
        *(grown, tasks, mark),
        is_bounded(plan),
        group_of,
        scaled.provided_by_stage(sent, views),
    )


class Extracts:
    """The extracts of all replications of a scenario, at least two, in order.

    ``workers``: (stages,) of each replica. ``utilisations``: see ``stability``. ``price``: of the machines.
    ``ahead``, ``clusters``: what the plan says of means, and of how late queries come together. ``groups``: those of
    queries, in order, and what the plan says of the mean of as many as each has.
    """

    def __init__(
        self,
        extracts: Sequence[Extract],
        stage_names: Sequence[str],
        workers: Sequence[int],
        utilisations: Sequence[float],
        is_stationary: bool,
        price: Price = NO_PRICE,
        ahead: MeansAhead = summary.NOTHING_OF_MEANS,
        clusters: Mapping[int | None, Clusters] = NOTHING_OF_CLUSTERS,
        groups: Mapping[Group, Ahead] = NO_GROUPS,
        is_sampled: bool = False,
    ) -> None:
        assert len(extracts) >= 2, "at least two replications"
        self.extracts = tuple(extracts)
        self.stage_names = list(stage_names)
        self.workers = workers
        self.utilisations = utilisations
        self.is_stationary = is_stationary
        self.ahead = ahead
        self.clusters = clusters
        self.groups = groups
        self.served = scaled.Provided([one.provided for one in extracts], self.windows_s(), price)
        is_shared = replays.are_shared([one.arrivals for one in extracts])
        fared = ((one.latency, one.partial, np.array([*one.covered.values()])) for one in extracts)
        sizes, sent = ([len(one.latency) - one.first_measured for one in extracts], [one.sent[0] for one in extracts])
        repeated = is_shared and len({one.sent for one in extracts}) == 1 and replays.are_the_same(fared)
        self.layout = share.Layout.of(sizes, is_shared=is_shared, is_repeated=repeated, is_sampled=is_sampled)
        self.of_stages = self.layout  #: of attempts, where there are some besides the queries
        if sent != sizes:
            is_shared = replays.are_shared([one.sent[1] for one in extracts])
            self.of_stages = share.Layout.of(sent, is_shared=is_shared, is_repeated=repeated, is_sampled=is_sampled)

    @cached_property
    def whole(self) -> Series:
        """Latency of whole queries."""
        values = np.concatenate([one.latency[one.first_measured :] for one in self.extracts])
        return Series(values, self.layout, self.clusters.get(None))

    def latency(self, stage: str | None) -> Series:
        """Latency of a stage that was asked for, or of whole queries."""
        if stage is None:
            return self.whole
        at = self.stage_names.index(stage)
        return takers.series_of_stage(
            [one.stage_latency[at] for one in self.extracts], self.of_stages, self.clusters.get(at)
        )

    def of_group(self, group: Group | None, series: Series) -> Series | None:
        """Of values of whole queries, those of a group; None: some replication has none. All where none is given."""
        if group is None:
            return series
        place = [one.name for one in self.groups if one.kind == group.kind].index(group.name)
        if not any(group.kind in one.group_of for one in self.extracts):
            return series  # there is one class
        return series_of(series, [one.group_of[group.kind] == place for one in self.extracts])

    def series(self, objective: Objective) -> Series | None:
        """The latency that an objective is about; None: some replication has no query of its group, or of its stage."""
        at = None if objective.stage is None else self.stage_names.index(objective.stage)
        if at is not None and not all(len(one.stage_latency[at]) for one in self.extracts):
            return None
        return self.of_group(objective.group, self.latency(objective.stage))

    def shed(self, objective: Objective) -> Series | None:
        """1 of queries that an objective is about and that were shed, else 0; None: as of ``series``."""
        flags = admission.series_of_shed([one.shed for one in self.extracts], self.layout)
        return self.of_group(objective.group, flags)

    def windows_s(self) -> F8:
        """(replications,) length of the window in seconds."""
        return np.array([one.window_s for one in self.extracts])

    def busy_s(self, stage: str) -> F8:
        """(replications,) busy time of a replica of the stage, mean over them."""
        return np.array([one.busy_s[self.stage_names.index(stage)] for one in self.extracts])

    def hottest_busy_s(self, stage: str) -> F8:
        """(replications,) busy time of the replica of the stage that is busiest over all of them."""
        at = self.stage_names.index(stage)
        busy_s = np.array([one.replica_busy_s[at] for one in self.extracts])
        return np.asarray(busy_s[:, hottest_of(busy_s, self.offered_s(stage))[0]])

    def offered_s(self, stage: str) -> F8:
        """(replications,) time that its workers had."""
        return self.windows_s() * self.workers[self.stage_names.index(stage)]

    def ahead_of(self, objective: Objective) -> Ahead:
        """What the plan says of the mean latency that an objective is about, in seconds."""
        if objective.group is not None:
            return replace(self.groups[objective.group], exact=None)
        return self.ahead.of(None if objective.stage is None else self.stage_names.index(objective.stage))

    def coverage(self, stage: str | None) -> Interval:
        """Mean coverage of a stage that was asked for, or of whole queries."""
        return gathering.coverage_of(self.covered(stage))

    def covered(self, stage: str | None) -> list[tuple[float, int]]:
        """Of each replication, as ``gathering.covered``."""
        at = None if stage is None else self.stage_names.index(stage)
        return [one.covered[at] for one in self.extracts]

    def hits(self, stage: str | None) -> list[tuple[int, int]]:
        """Of each replication, as ``gathering.hits`` of a stage that was asked for."""
        assert stage is not None
        return [one.hits[self.stage_names.index(stage)] for one in self.extracts]

    def used(self, objective: Objective) -> Interval:
        """The utilisation that an objective on a stage is about."""
        assert objective.stage is not None
        of_stage = self.ahead.stage(self.stage_names.index(objective.stage))
        ahead = of_stage.hottest if objective.measure == "hottest" else of_stage.utilisation
        return ratio_interval(*self.used_s(objective), ahead, is_sampled=self.layout.is_sampled).within_0_and_1()

    def stability(self) -> Stability:
        """Whether the load is carried."""
        warmups = [one.first_measured for one in self.extracts]
        cut = mser5(self._averaged_latency()) if self.is_stationary else None
        return stability(
            ratio_interval([one.grown for one in self.extracts], [one.sent[0] for one in self.extracts]),
            float(np.mean(warmups)),
            of_the_start((one.latency for one in self.extracts), warmups, cut),
            self.layout.queries,
            Asked(self.utilisations, is_bounded=self.extracts[0].is_bounded),
        )

    def _averaged_latency(self) -> F8:
        """As ``stability.averaged_latency`` of the traces."""
        shortest = min(len(one.latency) for one in self.extracts)
        first = [one.latency[:shortest] for one in self.extracts]
        largest = max(float(values[np.isfinite(values)].max(initial=0.0)) for values in first)
        averaged = np.zeros(shortest)
        for values in first:
            averaged += np.minimum(values, largest)
        averaged /= len(first)
        return averaged

    def verdicts(self, objectives: Sequence[Objective], is_saturated: bool) -> list[Verdict]:
        """Judge objectives, in order, as a summary does."""
        _, completed, goodput = self._rates(first_on_latency(objectives))
        counts = by_replication(self.layout, self._counts([one.completed for one in self.extracts]))
        money = self.served.bill(completed, counts)
        verdicts = []
        for objective in objectives:
            series = self.series(objective)
            if series is None:
                verdicts.append(nobody(objective))
                continue
            failed = Share(0.0, 0.0, 0.0)
            if objective.measure in ("failed_ratio", "availability"):
                failed = series.share(math.inf, inclusive=True)
            if objective.measure == "partial_ratio":
                failed = gathering.partial_ratio([one.partial for one in self.extracts], self.layout)
            if objective.measure == "shed_ratio":
                shed = self.shed(objective)
                assert shed is not None, "as many as have a latency"
                failed = admission.share_of(shed)
            least = goodput if objective.measure != "coverage.mean" else self.coverage(objective.stage)
            if objective.measure == "hit_ratio":
                least = gathering.hit_ratio_of(self.hits(objective.stage))
            utilisation: Interval | None = None
            if objective.measure in ("utilisation", "hottest"):
                utilisation = self.used(objective)
            mean = series.mean(self.ahead_of(objective).over(S_PER_NS)).scaled(S_PER_NS)
            verdicts.append(judge(objective, series, utilisation, mean, failed, least, is_saturated, money))
        return verdicts

    def _rates(self, within: Objective | None) -> tuple[Interval, Interval, Interval]:
        """Offered, completed and good queries per second."""
        completed, bound = self._counts([one.completed for one in self.extracts]), within_ns(within)
        good = [one.good for one in self.extracts]
        if bound is not None:
            good = [one.good[window.is_within(one.latency, bound)] for one in self.extracts]
        return rates(self.layout, self.windows_s(), completed, self._counts(good))

    def _counts(self, completed: Sequence[NDArray[np.int8]]) -> F8:
        parts = [
            window.count_completed(some, int(size)) for some, size in zip(completed, self.layout.sizes, strict=True)
        ]
        return np.concatenate(parts)

    def used_s(self, objective: Objective) -> tuple[F8, F8]:
        """(replications,) busy time that an objective on a stage is about, and the time that there was."""
        assert objective.stage is not None
        busy_s = self.hottest_busy_s if objective.measure == "hottest" else self.busy_s
        return busy_s(objective.stage), self.offered_s(objective.stage)
