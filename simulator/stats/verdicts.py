"""Objectives judged by the interval that is printed beside them (statistics rule 5)."""

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from simulator.base.formats import counted, format_count, format_duration
from simulator.base.groups import CLASS, PHASE, Group
from simulator.documents import parts
from simulator.stats.figures import S_PER_NS
from simulator.stats.means import NOTHING, Interval
from simulator.stats.money import Money
from simulator.stats.quantiles import Series, Share
from simulator.stats.share import FEWEST_UNITS
from simulator.theory.slow import FEWEST_STRETCHES


class Objective(Protocol):
    """An objective as the scenario states it."""

    @property
    def text(self) -> str:
        """As written."""
        ...

    @property
    def measure(self) -> str:
        """quantile, share_within, mean, max, utilisation, hottest, availability, failed_ratio, goodput, cost, ..."""
        ...

    @property
    def stage(self) -> str | None:
        """None: of the whole query."""
        ...

    @property
    def group(self) -> Group | None:
        """Of which queries; None: of all."""
        ...

    @property
    def is_of_all(self) -> bool:
        """Whether it is about whole queries, all of them."""
        ...

    @property
    def p(self) -> float:
        """Of quantile and share_within."""
        ...

    @property
    def bound(self) -> float:
        """In seconds, a ratio, queries per second, USD/h or USD."""
        ...

    @property
    def allowed(self) -> float | None:
        """The share of queries that may be bad; None where it is about something else."""
        ...


@dataclass(frozen=True)
class Verdict:
    """An objective, whether it is met (None: inconclusive), and the figure that says so."""

    slo: str
    met: bool | None
    unit: parts.Unit  #: of the figure
    value: float | None
    low: float | None
    high: float | None
    bad_share: parts.Share | None  #: share of bad queries, where the verdict rests on it
    reason: str  #: why it is inconclusive, or what decided it in place of the sample; else empty

    def to_dict(self) -> parts.Verdict:
        """As the reference of documents lays out."""
        body: parts.Verdict = {
            "slo": self.slo,
            "met": self.met,
            "unit": self.unit,
            "value": self.value,
            "low": self.low,
            "high": self.high,
        }
        if self.bad_share is not None:
            body["bad_share"] = self.bad_share
        if self.reason:
            body["reason"] = self.reason
        return body


def nobody(objective: Objective) -> Verdict:
    """Of an objective on a group of which some replication has no query, or on a stage that nobody takes there."""
    kind, name = objective.group or ("", objective.stage)
    assert name is not None, "of all queries there are some"
    where = {CLASS: "of class", PHASE: "in phase"}.get(kind, "that takes stage")
    cure = "have it last longer" if kind == PHASE else "run more queries"
    why = f"some replication has no query {where} {name!r}: {cure}"
    is_ratio = objective.measure in ("failed_ratio", "availability", "shed_ratio")
    return Verdict(objective.text, None, "ratio" if is_ratio else "s", None, None, None, None, why)


UNPRICED = Money(None, NOTHING)

#: An objective that is met is called missed by few replications at most once in so many runs: 2.5 %.
MISSED = 40

#: Shares of queries that latencies do not say.
OF_SOME = ("partial_ratio", "shed_ratio")

#: What is as it is, however long a load that is not carried goes on.
LASTING = ("utilisation", "hottest", "cost")


def judge(
    objective: Objective,
    series: Series,
    utilisation: Interval | None,
    mean: Interval,
    failed_ratio: Share,
    goodput: Interval,
    is_saturated: bool,
    money: Money = UNPRICED,
) -> Verdict:
    """Judge one objective.

    Parameters
    ----------
    objective
        The objective.
    series
        Latency that it is about, in ns: of the stage or of the whole query.
    utilisation
        Of its stage, where it is about that: of the mean replica, or of the hottest.
    mean
        Mean of the latency in seconds.
    failed_ratio
        Share of queries that failed, that were shed, or whose answers are partial, where it is about that.
    goodput
        Queries per second within the first objective on latency, or mean coverage or hits, where it is about that.
    is_saturated
        Then a latency that is good now will not stay so: at best inconclusive.
    money
        What the fleet costs.
    """
    few = series.layout.units < FEWEST_UNITS
    if objective.allowed is not None:
        verdict = _by_share(objective, series, failed_ratio, few)
    elif objective.measure == "max":
        largest = series.values.max() * S_PER_NS
        known = None if math.isinf(largest) else float(largest)
        verdict = Verdict(objective.text, bool(largest < objective.bound), "s", known, known, known, None, "")
    elif objective.measure == "mean":
        unfinished = not bool(series.finite.all())
        reason = "some queries have no answer, so the mean is not known" if unfinished else ""
        verdict = _by_mean(objective, mean, "s", few, below=True, reason=reason)
    elif objective.measure in ("utilisation", "hottest"):
        assert utilisation is not None
        verdict = _by_mean(objective, utilisation, "ratio", few, below=True, reason="")
    elif objective.measure == "cost" and money.by_hours is None:
        verdict = _by_price(objective, money.usd_per_h)
    elif objective.measure == "cost":
        verdict = _by_mean(objective, money.per_h(), "usd_per_h", few, below=True, reason="")
    elif objective.measure == "usd_per_million_queries":
        verdict = _by_mean(objective, money.per_million(), "usd", few, below=True, reason="")
    elif objective.measure in ("coverage.mean", "hit_ratio"):
        verdict = _by_mean(objective, goodput, "ratio", few, below=False, reason="")
    else:
        verdict = _by_mean(objective, goodput, "per_s", few, below=False, reason="")
    unseen = unseen_of(objective, series)
    if unseen and verdict.met:
        return replace(verdict, met=None, reason=unseen)
    if is_saturated and verdict.met and objective.measure not in LASTING:
        reason = "the load exceeds what is carried: the longer the run, the later the queries"
        return Verdict(
            objective.text, None, verdict.unit, verdict.value, verdict.low, verdict.high, verdict.bad_share, reason
        )
    return verdict


def unseen_of(objective: Objective, series: Series) -> str:
    """Why a run cannot say that latencies are within an objective, whatever it saw: by the plan; empty where it can."""
    if objective.allowed is None or objective.measure not in ("quantile", "share_within") or series.clusters is None:
        return ""
    queries = series.layout.queries // series.layout.repeats
    found = series.clusters.unseen(objective.allowed, queries)
    if found is None:
        return ""
    needed = counted(math.ceil(queries * FEWEST_STRETCHES / found), "query", format_count)
    what = f"a run as long sees {found:.2g} of the slow stretches or crashes that may delay more than"
    return f"{what} {objective.allowed:.3g} of all queries; {FEWEST_STRETCHES:g} take about {needed} in all"


def _by_share(objective: Objective, series: Series, failed_ratio: Share, few: bool) -> Verdict:
    """Met if the upper end of the share of bad queries is below the bound, failed if the lower end is above it."""
    unit: parts.Unit = "ratio"
    value, low, high = None, None, None
    allowed = objective.allowed
    assert allowed is not None, "it is about a share"
    if objective.measure in ("failed_ratio", "availability", *OF_SOME):
        share = failed_ratio
        value, low, high = share.value, share.low, share.high
        if objective.measure == "availability":
            value, low, high = 1 - share.value, 1 - share.high, 1 - share.low
        met = share.high < allowed
    else:
        share = series.share(round(objective.bound / S_PER_NS), inclusive=objective.measure == "quantile")
        if objective.measure == "quantile":
            unit = "s"
            body = series.quantile(objective.p).scaled(S_PER_NS).to_dict()
            if body is not None:
                value, low, high = body["value"], body["low"], body["high"]
            met = share.high < allowed
        else:
            value, low, high = 1 - share.value, 1 - share.high, 1 - share.low
            met = share.high <= allowed
    missed = share.low > allowed
    decided = None if few or not (met or missed) else met
    reason = ""
    if few and objective.measure not in OF_SOME and _is_missed_however_few(objective, series, allowed):
        decided = False
        reason = f"{_FEW}, but were it met they would see so much in one case of {MISSED} (Markov's inequality)"
    elif decided is None:
        reason = (
            _FEW if few else f"the share of bad queries, {share.low:.3g} to {share.high:.3g}, straddles {allowed:.3g}"
        )
    return Verdict(objective.text, decided, unit, value, low, high, share.to_dict(), reason)


def _is_missed_however_few(objective: Objective, series: Series, allowed: float) -> bool:
    """Whether a few replications say that more are bad than may be, whatever the law of their shares is.

    Where at most ``allowed`` of the queries are bad on average, the share in a replication over that has a mean of at
    most 1; so has the product over independent replications, and by Markov's inequality it is ``MISSED`` or more at
    most once in so many runs (e-values: Vovk and Wang, 2021).
    """
    if objective.measure in ("failed_ratio", "availability"):
        bad = ~series.finite
    else:
        bound = round(objective.bound / S_PER_NS)
        bad = series.values >= bound if objective.measure == "quantile" else series.values > bound
    ends = np.cumsum(series.layout.sizes)
    shares = np.add.reduceat(bad, ends - series.layout.sizes, dtype=np.int64) / series.layout.sizes
    shares = shares[: len(shares) // series.layout.repeats]
    return bool(bad.any() and np.prod(shares) >= MISSED * allowed ** len(shares))


_FEW = f"fewer than {FEWEST_UNITS} replications to judge by"


def _by_price(objective: Objective, usd_per_h: float | None) -> Verdict:
    """Arithmetic: it has no interval."""
    if usd_per_h is None:
        return Verdict(objective.text, None, "usd_per_h", None, None, None, None, "the fleet is not priced")
    return Verdict(objective.text, usd_per_h < objective.bound, "usd_per_h", usd_per_h, usd_per_h, usd_per_h, None, "")


def _by_mean(
    objective: Objective, figure: Interval, unit: parts.Unit, few: bool, *, below: bool, reason: str
) -> Verdict:
    """By the interval; by theory where the sample does not say; undecided where theory says otherwise."""
    met: bool | None = None
    exact = figure.ahead.exact
    if few:
        reason = reason or _FEW
    elif figure.reason:
        if exact is not None and not reason:
            met = exact < objective.bound
            if math.isfinite(exact):
                shown = format_duration(exact) if unit == "s" else f"{exact:.4g}"
                reason = f"it is {shown} by {figure.ahead.law}; of the sample, {figure.reason}"
        reason = reason or figure.reason
    elif figure.low is None or figure.high is None:
        reason = reason or _FEW
    elif not reason:
        good, bad = figure.high < objective.bound, figure.low > objective.bound
        if not below:
            good, bad = figure.low > objective.bound, figure.high < objective.bound
        met = good if good or bad else None
        reason = "" if met is not None else "the interval straddles the bound"
        if met is not None and exact is not None and met != (exact < objective.bound):
            met, reason = None, f"by {figure.ahead.law} it is {format_duration(exact)}, outside the interval"
    return Verdict(objective.text, met, unit, figure.value, figure.low, figure.high, None, reason)
