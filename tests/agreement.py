"""The engines held against each other with the compiler off, so that an edited kernel needs no compilation.

Run as a script, it exits with 1 where they differ: ``NUMBA_DISABLE_JIT=1 python agreement.py PLANS``.
"""

from __future__ import annotations

import sys

from hypothesis import HealthCheck, Phase, given, settings

from simulator.testing import plans
from simulator.verification.engines import difference


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
