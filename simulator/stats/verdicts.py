"""Objectives judged by the interval that is printed beside them (statistics rule 5)."""

import math
from dataclasses import dataclass
from typing import Protocol

from simulator.documents import parts
from simulator.stats.figures import S_PER_NS
from simulator.stats.means import Interval
from simulator.stats.quantiles import Series, Share, fraction
from simulator.stats.share import FEWEST_UNITS


class Objective(Protocol):
    """An objective as the scenario states it."""

    @property
    def text(self) -> str:
        """As written."""
        ...

    @property
    def measure(self) -> str:
        """quantile, share_within, mean, max, utilisation, failed_ratio or goodput."""
        ...

    @property
    def stage(self) -> str | None:
        """None: of the whole query."""
        ...

    @property
    def p(self) -> float:
        """Of quantile and share_within."""
        ...

    @property
    def bound(self) -> float:
        """In seconds, a ratio, or queries per second."""
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
    reason: str  #: why it is inconclusive; else empty

    def to_dict(self) -> parts.Verdict:
        """As laid out in the README."""
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


def judge(
    objective: Objective,
    series: Series,
    utilisation: Interval | None,
    mean: Interval,
    failed_ratio: Share,
    goodput: Interval,
    is_saturated: bool,
) -> Verdict:
    """Judge one objective.

    Parameters
    ----------
    objective
        The objective.
    series
        Latency that it is about, in ns: of the stage or of the whole query.
    utilisation
        Of its stage, where it is about that.
    mean
        Mean of the latency in seconds.
    failed_ratio
        Share of queries that failed.
    goodput
        Queries per second within the first objective on latency.
    is_saturated
        Then a latency that is good now will not stay so: at best inconclusive.
    """
    few = series.layout.units < FEWEST_UNITS
    if objective.measure in ("quantile", "share_within", "failed_ratio"):
        verdict = _by_share(objective, series, failed_ratio, few)
    elif objective.measure == "max":
        largest = series.values.max() * S_PER_NS
        known = None if math.isinf(largest) else float(largest)
        verdict = Verdict(objective.text, bool(largest < objective.bound), "s", known, known, known, None, "")
    elif objective.measure == "mean":
        unfinished = not bool(series.finite.all())
        reason = "some queries never finished, so the mean is not known" if unfinished else ""
        verdict = _by_mean(objective, mean, "s", few, below=True, reason=reason)
    elif objective.measure == "utilisation":
        assert utilisation is not None
        verdict = _by_mean(objective, utilisation, "ratio", few, below=True, reason="")
    else:
        verdict = _by_mean(objective, goodput, "per_s", few, below=False, reason="")
    if is_saturated and verdict.met and objective.measure != "utilisation":
        reason = "the load exceeds what is carried: the longer the run, the later the queries"
        return Verdict(
            objective.text, None, verdict.unit, verdict.value, verdict.low, verdict.high, verdict.bad_share, reason
        )
    return verdict


def _by_share(objective: Objective, series: Series, failed_ratio: Share, few: bool) -> Verdict:
    """Met if the upper end of the share of bad queries is below the bound, failed if the lower end is above it."""
    unit: parts.Unit = "ratio"
    value, low, high = None, None, None
    if objective.measure == "failed_ratio":
        allowed, share = objective.bound, failed_ratio
        value, low, high = share.value, share.low, share.high
        met = share.high < allowed
    else:
        allowed = float(1 - fraction(objective.p))
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
    if decided is None:
        reason = (
            _FEW if few else f"the share of bad queries, {share.low:.3g} to {share.high:.3g}, straddles {allowed:.3g}"
        )
    return Verdict(objective.text, decided, unit, value, low, high, share.to_dict(), reason)


_FEW = f"fewer than {FEWEST_UNITS} replications to judge by"


def _by_mean(
    objective: Objective, figure: Interval, unit: parts.Unit, few: bool, *, below: bool, reason: str
) -> Verdict:
    met: bool | None = None
    if figure.low is None or figure.high is None or few:
        reason = reason or _FEW
    elif not reason:
        good, bad = figure.high < objective.bound, figure.low > objective.bound
        if not below:
            good, bad = figure.low > objective.bound, figure.high < objective.bound
        met = good if good or bad else None
        reason = "" if met is not None else "the interval straddles the bound"
    return Verdict(objective.text, met, unit, figure.value, figure.low, figure.high, None, reason)
