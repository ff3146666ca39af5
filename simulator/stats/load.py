"""What a load was: its rate, how uneven its gaps are, and how it clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator.core.plan import I8
from simulator.core.trace import Trace

#: Windows, in seconds, over which arrivals are counted.
WINDOWS_S = (1, 10, 60)
#: An index of dispersion from fewer windows says nothing.
FEWEST_WINDOWS = 20


def describe_load(traces: Sequence[Trace], shares_arrivals: bool) -> dict[str, Any]:
    """Rate, coefficient of variation of gaps, and index of dispersion (variance over mean) of counts.

    Over all arrivals, warm-up included; with ``shares_arrivals`` all replications have the same, else they are pooled.
    Null where there are too few.
    """
    arrivals = [trace.arrival_ns for trace in (traces[:1] if shares_arrivals else traces)]
    gaps = np.concatenate([np.diff(arrival_ns) for arrival_ns in arrivals]) * 1e-9
    mean_s = float(gaps.mean()) if len(gaps) else 0.0
    return {
        "rate_per_s": 1 / mean_s if mean_s > 0 else None,
        "gap_cv": float(gaps.std()) / mean_s if mean_s > 0 else None,
        "dispersion": {f"{window_s}s": dispersion(arrivals, window_s) for window_s in WINDOWS_S},
    }


def dispersion(arrivals: Sequence[I8], window_s: float) -> float | None:
    """Variance over mean of the number of arrivals in windows of this length; 1 for a Poisson process."""
    counts = []
    for arrival_ns in arrivals:
        offset_s = (arrival_ns - arrival_ns[0]) * 1e-9
        windows = int(offset_s[-1] // window_s)
        if windows:
            counts.append(np.bincount((offset_s // window_s).astype(np.int64))[:windows])
    counted = np.concatenate(counts) if counts else np.empty(0)
    if len(counted) < FEWEST_WINDOWS or counted.mean() == 0:
        return None
    return float(counted.var(ddof=1) / counted.mean())
