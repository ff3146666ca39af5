"""The parts of a stage's latency, query by query, as figures are made of them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from simulator.core.plan import F8, I8
from simulator.core.stage_view import StageView
from simulator.core.trace import Trace

#: What is wanted of queries: computed of a trace, and of a slice of its queries.
Column = Callable[[Trace, slice], NDArray[np.generic]]


def from_to(first_ns: I8, last_ns: I8) -> F8:
    """Durations; +inf where ``last_ns`` was not reached (-1)."""
    return np.where(last_ns < 0, np.inf, (last_ns - first_ns).astype(np.float64))


def latency_of(stage: int | None) -> Column:
    """Latency of a stage, or of whole queries (None), in ns; +inf without an answer."""
    if stage is not None:
        return lambda trace, at: from_to(trace.entered_ns(stage)[at], trace.leave_ns[stage][at])
    return lambda trace, at: np.where(
        trace.is_answered(at), from_to(trace.arrival_ns[at], trace.completion_ns[at]), np.inf
    )


def durations(view: StageView) -> dict[str, Column]:
    """The parts of a stage's latency, in ns; +inf where no answer has closed the stage, or (merge) it was not left.

    ``hedge_wait``, of a stage that sends copies later: how much later than the first task the critical one was sent.
    Where tasks leave one after another that is not told from how they do, and is network time.
    """
    stage = view.index

    def closed(of: Column) -> Column:
        return lambda trace, at: np.where(trace.critical_shard[stage][at] < 0, np.inf, of(trace, at))

    def straggler(trace: Trace, at: slice) -> NDArray[np.generic]:
        answer = trace.close_ns[stage][at] - trace.entered_ns(stage)[at]
        answers = np.maximum(trace.answers[stage][at], 1) if len(trace.answers) else view.shards
        mean_answer = trace.answer_sum_ns[stage][at] / answers
        return np.asarray(np.maximum(answer - mean_answer, 0.0))  # of one answer, the mean may round above it

    is_told = view.sends_copies and not view.is_tied and view.send_ns == 0

    def hedge_wait(trace: Trace, at: slice) -> I8:
        return np.asarray(trace.critical_enqueue_ns[stage][at] - trace.entered_ns(stage)[at] - view.request_ns)

    def network(trace: Trace, at: slice) -> NDArray[np.generic]:
        spent = trace.close_ns[stage][at] - trace.entered_ns(stage)[at]
        rest = spent - trace.critical_wait_ns[stage][at] - trace.critical_service_ns[stage][at]
        return np.asarray(rest - hedge_wait(trace, at) if is_told else rest)

    return {
        "critical_wait": closed(lambda trace, at: trace.critical_wait_ns[stage][at]),
        "critical_service": closed(lambda trace, at: trace.critical_service_ns[stage][at]),
        "critical_response": closed(lambda trace, at: trace.response_ns(stage, at)),
        "straggler": closed(straggler),
        "network": closed(network),
        "merge": lambda trace, at: from_to(trace.close_ns[stage][at], trace.leave_ns[stage][at]),
        **({"hedge_wait": closed(hedge_wait)} if is_told else {}),
    }
