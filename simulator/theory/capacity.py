"""The highest rate within an objective, where a closed form of the latency is exact."""

from dataclasses import dataclass, replace

from simulator.core.plan import Plan
from simulator.theory.closed_forms import FULL, closed_forms
from simulator.theory.estimate import busiest
from simulator.theory.funnel import stages_of
from simulator.theory.prediction import EXACT, Prediction

#: Halvings of the range of rates: beyond the precision of the laws.
HALVINGS = 48


@dataclass(frozen=True)
class ExactCapacity:
    """A rate, and the law that it follows from."""

    per_s: float
    law: str


def exact_capacity(plan: Plan, statistic: str, stage: int | None, bound_s: float) -> ExactCapacity | None:
    """The rate at which a latency reaches a bound, by its closed form; None where there is none, or it is no limit.

    Parameters
    ----------
    plan
        At any rate; it must be constant.
    statistic
        ``mean``, or a percentile such as ``p99``.
    stage
        None: of the whole query.
    bound_s
        In seconds.
    """
    full = busiest(plan)
    if full <= 0 or len(plan.door) or len(plan.patience):
        return None  # who is shed, or given up, has no latency
    saturated_per_s = plan.rate_per_s / full

    def predicted(rate_per_s: float) -> Prediction | None:
        slower = replace(plan, rate_per_s=rate_per_s)
        predictions = closed_forms(slower, stages_of(slower), rate_per_s / saturated_per_s)
        wanted = (one for one in predictions if (one.statistic, one.stage, one.kind) == (statistic, stage, EXACT))
        return next(wanted, None)

    low, high = saturated_per_s * 1e-6, saturated_per_s * FULL
    lowest = predicted(low)
    if lowest is None or lowest.value_s >= bound_s:
        return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        latency = predicted(middle)
        # beyond the range of the law's figures the latency is beyond any bound
        low, high = (middle, high) if latency is not None and latency.value_s < bound_s else (low, middle)
    known = predicted(low)
    if known is None or not known.testable or known.value_s < bound_s * (1 - 1e-6):
        return None  # the law's figures end before the bound is reached
    return ExactCapacity(low, known.law)
