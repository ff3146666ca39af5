"""What a run says of theory: predictions against intervals, and identities that hold on every sample path."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.core.columns import AT_A_TIME
from simulator.core.features import features_of
from simulator.core.plan import I8, Plan
from simulator.core.trace import Trace
from simulator.documents import paper, parts, run
from simulator.theory import claims
from simulator.theory.estimate import Estimate
from simulator.theory.prediction import EXACT, LOWER, UPPER, Prediction

#: An exact law is contradicted only by an interval of this level: a false alarm in a million.
ALARM = 1e-6
#: Replications that such an interval needs, and warm-up in relaxation times of the busiest queue.
FEWEST_REPLICATIONS = 4
RELAXATIONS = 7

#: Queries that met others, about, below which a mean says nothing of queueing.
FEWEST_MEETINGS = 50
#: Stops of a replication, about, below which how many there are is far from normal.
FEWEST_STOPS = 30

AGREES: Final = "agrees"
OUTSIDE: Final = "outside 95 %"
#: In place of a sample that does not say it.
DECIDES: Final = "decides"
CONTRADICTED: Final = "contradicted"
NOT_CHECKED: Final = "not checked"


@dataclass(frozen=True)
class Finding:
    """A prediction or identity, and what was seen of it."""

    law: str
    statistic: str
    stage: int | None
    kind: str
    expected: float
    observed: float | None
    low: float | None
    high: float | None
    verdict: paper.Verdict

    def to_dict(self, names: Sequence[str]) -> paper.Finding:
        """With the stage's name."""
        return {
            "law": self.law,
            "statistic": self.statistic,
            "stage": None if self.stage is None else names[self.stage],
            "kind": self.kind,
            "expected": self.expected if math.isfinite(self.expected) else None,
            "observed": self.observed,
            "low": self.low,
            "high": self.high,
            "verdict": self.verdict,
        }


#: A share of queries and the ends of its 95 % interval.
Share = tuple[float, float, float]
#: Shares of queries later than a bound in seconds, and at it or later; of a stage, or of whole queries (None).
TailShares = Callable[[int | None, float], tuple[Share, Share]]


def check(estimate: Estimate, summary: run.Figures, tail_shares: TailShares) -> list[Finding]:
    """Hold a summary (``Summary.to_dict``) against the predictions.

    A predicted percentile is contradicted if the interval of the share of later queries, at the level of the alarm,
    leaves out what the percentile says. Nothing is called contradicted unless the run is stable and complete, has
    four replications, and warmed up long enough; no mean unless enough queries met others for it to be about normal.
    """
    replications = summary["replications"]
    ready = summary["verdict"] == "stable" and replications >= FEWEST_REPLICATIONS
    shed = summary["admission"]["shed_ratio"]["value"] if "admission" in summary else 0.0  # means leave these out
    ready = ready and summary["failed_ratio"]["value"] == shed
    busy = min(stage.mean_utilisation for stage in estimate.stages)
    meets = summary["queries"] * busy >= FEWEST_MEETINGS
    warm = summary["stability"]["warmup_queries"] >= RELAXATIONS * estimate.relaxation
    return [_compared(prediction, summary, tail_shares, ready and warm, meets) for prediction in estimate.predictions]


def _compared(
    prediction: Prediction, summary: run.Figures, tail_shares: TailShares, ready: bool, meets: bool
) -> Finding:
    seen = _seen(prediction, summary)
    value, low, high = (None, None, None) if seen is None else (seen["value"], seen["low"], seen["high"])
    verdict: paper.Verdict = NOT_CHECKED
    if ready and prediction.testable and value is not None and low is not None and high is not None:
        wider = times_wider(summary["replications"])
        if prediction.statistic.startswith("p"):
            far = _tail_is_far(prediction, *tail_shares(prediction.stage, prediction.value_s), wider)
            verdict = CONTRADICTED if far else _near(prediction, low, high)
        elif meets and low < high:
            stops = prediction.stops_a_query * summary["queries"] / summary["replications"]
            alarms = prediction.alarms and stops >= FEWEST_STOPS
            far = alarms and _mean_is_far(prediction, value, low, high, wider)
            verdict = CONTRADICTED if far else _near(prediction, low, high)
    return Finding(
        prediction.law,
        prediction.statistic,
        prediction.stage,
        prediction.kind,
        prediction.value_s,
        value,
        low,
        high,
        verdict,
    )


def _seen(prediction: Prediction, summary: run.Figures) -> parts.Interval | None:
    """What was seen of a prediction; None if the sample does not support it."""
    if prediction.statistic == "wait":
        assert prediction.stage is not None, "waiting is of the tasks of a stage"
        return summary["stages"][prediction.stage]["wait_s"]
    figures = summary if prediction.stage is None else summary["stages"][prediction.stage]
    return parts.interval_of(figures["latency_s"], prediction.statistic)


def _rounding(prediction: Prediction) -> float:
    return 2e-9 + 1e-9 * prediction.value_s


def _near(prediction: Prediction, low: float, high: float) -> paper.Verdict:
    """Whether the 95 % interval agrees."""
    below = prediction.value_s < low - _rounding(prediction) and prediction.kind != LOWER
    above = prediction.value_s > high + _rounding(prediction) and prediction.kind != UPPER
    return OUTSIDE if below or above else AGREES


def _mean_is_far(prediction: Prediction, value: float, low: float, high: float, wider: float) -> bool:
    expected, rounding = prediction.value_s, _rounding(prediction)
    below = expected < value - wider * (value - low) - rounding and prediction.kind != LOWER
    above = expected > value + wider * (high - value) + rounding and prediction.kind != UPPER
    return below or above


def _tail_is_far(prediction: Prediction, later: Share, at_or_later: Share, wider: float) -> bool:
    """Whether a predicted percentile cannot be one: P(later) <= 1 - p <= P(at it or later) does not hold.

    The two differ at an atom of the law, such as the service time of a query that does not wait.
    """
    expected = 1 - float(prediction.statistic[1:]) / 100
    is_too_low = expected < stretched(later, wider)[0]
    is_too_high = expected > stretched(at_or_later, wider)[1]
    return (is_too_low and prediction.kind != LOWER) or (is_too_high and prediction.kind != UPPER)


def stretched(share: Share, wider: float, alarm: float = ALARM) -> tuple[float, float]:
    """Ends of a share's interval at level 1 - ``alarm``: ``wider`` times as far on a logarithmic scale."""
    value, low, high = share
    if value > 0.5:  # the interval is that of the other queries
        bottom, top = stretched((1 - value, 1 - high, 1 - low), wider, alarm)
        return 1 - top, 1 - bottom
    if value == 0:
        return 0.0, high * math.log(2 / alarm) / -math.log(0.025)
    return value * (low / value) ** wider, value * (high / value) ** wider


def times_wider(replications: int, alarm: float = ALARM) -> float:
    """How many times as wide the interval is at level 1 - ``alarm`` as at 95 %."""
    from scipy.special import stdtrit

    degrees = replications - 1
    return float(stdtrit(degrees, 1 - alarm / 2) / stdtrit(degrees, 0.975))


def far_ends(share: Share, replications: int) -> tuple[float, float]:
    """Ends of a share's interval of so many replications at the level of the alarm."""
    return stretched(share, times_wider(replications))


def little(traces: Sequence[Trace], plan: Plan) -> list[Finding]:
    """Little's law and flow balance of every stage, on the sample path: they hold exactly, or the engine is wrong.

    The area under the number of queries in a stage is the sum of their latencies (Little, 1961; Stidham, 1974). Who
    leaves a stage enters the next, or is complete; nobody leaves before entering; nobody is lost in between.
    """
    findings = [_waits_or_thinks(traces, plan.clients)] if plan.clients else []
    for stage in range(len(plan.stages)):
        if not features_of(plan, stage) <= claims.FLOW:
            continue
        area, total, lost = map(sum, zip(*_flows(traces, stage), strict=True))
        findings.append(_identity("Little's law on the sample path", "area", stage, total * 1e-9, area * 1e-9))
        findings.append(_identity("flow balance", "lost", stage, 0.0, float(lost)))
    return findings


def _waits_or_thinks(traces: Sequence[Trace], clients: int) -> Finding:
    """From the first measured arrival to the last every client waits for a query, or thinks: N = X (R + Z)."""
    expected = observed = 0
    for trace in traces:
        begin_ns, end_ns = int(trace.arrival_ns[trace.first_measured]), int(trace.arrival_ns[-1])
        waits = trace.client_of >= 0
        ended_ns, arrival_ns = trace.ended_ns(slice(0, len(waits)))[waits], trace.arrival_ns[waits]
        client_of = trace.client_of[waits]
        expected += clients * (end_ns - begin_ns)
        observed += _inside_ns(arrival_ns, np.where(ended_ns < 0, end_ns, ended_ns), begin_ns, end_ns)
        order = np.lexsort((arrival_ns, client_of))
        is_first = np.diff(client_of[order], prepend=-1) > 0
        since_ns, until_ns = np.zeros_like(ended_ns), arrival_ns[order]
        since_ns[1:] = np.where(is_first[1:], 0, ended_ns[order[:-1]])
        observed += _inside_ns(since_ns, until_ns, begin_ns, end_ns)
        last = ended_ns[order[np.append(is_first[1:], True)]]
        observed += _inside_ns(last[last >= 0], np.full(np.count_nonzero(last >= 0), end_ns), begin_ns, end_ns)
        observed += (clients - int(np.count_nonzero(is_first))) * (end_ns - begin_ns)  # who has sent none yet
    law = "Little's law of clients: each waits or thinks"
    return _identity(law, "clients", None, expected * 1e-9, observed * 1e-9)


def _inside_ns(since_ns: I8, until_ns: I8, begin_ns: int, end_ns: int) -> int:
    """How much of some stretches of time is inside another."""
    return int(np.maximum(np.minimum(until_ns, end_ns) - np.maximum(since_ns, begin_ns), 0).sum())


def _flows(traces: Sequence[Trace], stage: int) -> Iterator[tuple[int, int, int]]:
    """What ``_flow`` says of some queries at a time: areas add up over queries, whoever is inside together."""
    for trace in traces:
        for first in range(0, len(trace.arrival_ns), AT_A_TIME):
            yield _flow(trace, stage, slice(first, first + AT_A_TIME))


def _flow(trace: Trace, stage: int, at: slice) -> tuple[int, int, int]:
    """Area under the number in a stage, sum of the latencies, and queries that were lost or left too early."""
    leave_ns, is_last = trace.leave_ns[stage, at], stage + 1 == len(trace.leave_ns)
    done = leave_ns >= 0
    went_on = trace.is_answered(at)
    if not is_last:
        went_on = (trace.candidates[stage + 1, at] >= 0) | trace.passes_by(stage + 1, at)
    lost = int(np.count_nonzero(went_on != done))
    inside = done & ~trace.passes_by(stage, at)
    enter_ns, leave_ns = trace.entered_ns(stage)[at][inside], leave_ns[inside]
    lost += int(np.count_nonzero((enter_ns < 0) | (leave_ns < enter_ns)))
    total = int((leave_ns - enter_ns).sum())
    return _area_ns(enter_ns, leave_ns), total, lost


def _area_ns(enter_ns: I8, leave_ns: I8) -> int:
    """Integral over time of the number inside: the area between the curves of who has entered and who has left.

    Cut into strips of one query each: from the i-th to enter to the i-th to leave, whoever these are. Sorts both in
    place, unless they are in order.
    """
    for instants in (enter_ns, leave_ns):
        if (instants[1:] < instants[:-1]).any():
            instants.sort()
    leave_ns -= enter_ns
    return int(leave_ns.sum())


def _identity(law: str, statistic: str, stage: int | None, expected: float, observed: float) -> Finding:
    verdict: paper.Verdict = AGREES if expected == observed else CONTRADICTED
    return Finding(law, statistic, stage, EXACT, expected, observed, observed, observed, verdict)
