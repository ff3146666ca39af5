"""The engines held against each other with the compiler off, so that an edited kernel needs no compilation.

Run as a script, it exits with 1 where they differ: ``NUMBA_DISABLE_JIT=1 python agreement.py PLANS``.
"""

from __future__ import annotations

import sys

from hypothesis import HealthCheck, Phase, given, settings

from simulator.core.trace import same_trace
from simulator.engines import compiled, reference
from simulator.testing import plans


def difference(plan) -> str:
    """The first column in which any way through the compiled engine differs from the reference engine."""
    expected = reference.simulate(plan, tasks=True)
    everything = range(len(plan.stages))
    return (
        same_trace(compiled.simulate(plan, tasks=True), expected)
        or same_trace(compiled.simulate(plan, tasks=True, event_by_event=everything), expected)
        or same_trace(compiled.simulate(plan), expected, without_tasks=True)
        or same_trace(compiled.simulate(plan, event_by_event=[0]), expected, without_tasks=True)
    )


def main(examples: int) -> int:
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(plans())
    def agree(plan):
        column = difference(plan)
        assert column == "", column

    try:
        agree()
    except AssertionError as error:
        print(f"caught: {str(error).splitlines()[0]}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
