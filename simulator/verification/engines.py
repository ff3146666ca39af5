"""Drawn plans: the engines held against each other, and the identities that hold on every sample path."""

from collections.abc import Iterator
from contextlib import suppress

from simulator.core.plan import Plan
from simulator.core.trace import same_trace
from simulator.engines import compiled, reference
from simulator.theory import AGREES as HOLDS
from simulator.theory import little
from simulator.verification.depth import luck
from simulator.verification.lines import AGREES, DIFFERS, UNTESTED, Line
from simulator.verification.oracle import Examined

#: Plans that are drawn one after another, by luck of their own: what an interruption loses.
A_PIECE = 500

IDENTITIES = "Little's law, flow balance"


def difference(plan: Plan) -> str:
    """The first column in which any way through the compiled engine differs from the reference engine."""
    expected = reference.simulate(plan, tasks=True)
    everything = range(len(plan.stages))
    return (
        same_trace(compiled.simulate(plan, tasks=True), expected)
        or same_trace(compiled.simulate(plan, tasks=True, event_by_event=everything), expected)
        or same_trace(compiled.simulate(plan), expected, without_tasks=True)
        or same_trace(compiled.simulate(plan, event_by_event=everything[-1:]), expected, without_tasks=True)
    )


class _FoundError(AssertionError):
    """What is wrong with a plan."""


def agreement(part: int, plans: int, seed: int) -> Examined:
    """Draw so many plans, of the luck of a part and a seed: the engines agree on each, and Little's law holds."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as hypothesis_seed

    from simulator.testing import plans as plan_strategy

    wrong: dict[str, str] = {}
    looked_at = 0

    @hypothesis_seed(luck(seed, f"engines {part}"))
    @settings(
        max_examples=plans,
        deadline=None,
        derandomize=False,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(plan_strategy())
    def agree(plan: Plan) -> None:
        nonlocal looked_at
        looked_at += 1
        column = difference(plan)
        broken = [one.law for one in little([reference.simulate(plan)], plan) if one.verdict != HOLDS]
        if column:
            wrong["equal traces"] = f"plan {looked_at} of this part: {column} differs"
        if broken:
            wrong[IDENTITIES] = f"plan {looked_at} of this part: {broken[0]}"
        if wrong:
            raise _FoundError

    with suppress(_FoundError):
        agree()
    return Examined(tuple(_line(part, plans, looked_at, name, wrong) for name in ("equal traces", IDENTITIES)))


def _line(part: int, plans: int, looked_at: int, statistic: str, wrong: dict[str, str]) -> Line:
    is_short = looked_at < plans
    verdict = DIFFERS if statistic in wrong else UNTESTED if is_short and not wrong else AGREES
    agree = float(looked_at - (statistic in wrong))
    note = wrong.get(statistic, "")
    name = f"drawn plans, part {part + 1}"
    return Line("engines", name, statistic, float(plans), agree, None, None, verdict, note=note)


def parts(plans: int) -> Iterator[tuple[int, int]]:
    """Number and size of the pieces that so many plans fall into."""
    for part, first in enumerate(range(0, plans, A_PIECE)):
        yield part, min(A_PIECE, plans - first)
