"""Whether a load that is carried would be carried again after a stall: clients that retry may keep a system down.

Where they do, one load has two answers: objectives hold for as long as nothing goes wrong, and never again after. A
capacity is of the first; so loads below it are disturbed, as ``stress`` does, for the highest from which the system
comes back, and the lowest at which it stays down.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from simulator.base import errors, formats
from simulator.documents import capacity as documents
from simulator.planner.plans import Plans
from simulator.planning import stress, stress_result, triggers
from simulator.planning.budget import Budget, BudgetSpentError
from simulator.running.execution import Execution
from simulator.scenario import Scenario
from simulator.stats.means import Interval

#: A stall lasts so many times as long as a client tries, and what follows is looked at for so many times as long: a
#: backlog of attempts is gone by half of that, if a tenth of what is served is left for it.
STALLS, FOLLOWS = 2.0, 20.0
#: Loads are looked at until one at which the system stays down is no more than so many times one from which it is back.
APART = 1.1
#: The highest load that is looked at, as a part of the capacity, and how much less each is until one comes back.
HIGHEST, LESS = 0.95, 2.0
#: Loads that are looked at, at most, and queries of them all times tasks a query, unless the search itself took more.
MOST_LOADS, MOST_TASKS = 12, 50_000_000


@dataclass(frozen=True)
class SecondAnswer:
    """What is known of a system after a stall, by its load. Rates are means of queries per second."""

    trigger: str  #: the stall, as ``stress`` has it
    lasts_s: float  #: it does
    back_per_s: float | None  #: the highest load looked at from which the system comes back; None: from none
    down_per_s: float | None  #: the lowest at which it stays down; None: at none

    def to_dict(self) -> documents.SecondAnswer:
        """By name."""
        return {
            "trigger": self.trigger,
            "lasts_s": self.lasts_s,
            "back_per_s": self.back_per_s,
            "down_per_s": self.down_per_s,
        }


def may_have_two(scenario: Scenario) -> bool:
    """Whether an answer may depend on what was before: clients send again, at a rate that stays as it is."""
    client = scenario.client
    has_retries = client is not None and client.retries > 0
    can_stall = not [*triggers.obstacles(scenario, triggers.Trigger(triggers.STALL, None, None, 1.0))]
    return has_retries and can_stall and bool(stress.looked_at(scenario))


def tries_s(scenario: Scenario) -> float:
    """Seconds for which a client tries that is never answered, at most."""
    client = scenario.client
    assert client is not None and client.timeout_s is not None, "clients give up"
    first_ns, factor, most_ns = client.pause_ns
    pauses_s = (min(most_ns, first_ns * factor**number) * 1e-9 for number in range(int(client.retries)))
    return float(1 + client.retries) * float(client.timeout_s) + math.fsum(pauses_s)


def of_capacity(
    scenario: Scenario, per_s: Interval, budget: Budget, execution: Execution
) -> tuple[SecondAnswer | None, list[str]]:
    """The loads below a capacity from which a system comes back after a stall; and notes.

    None: nothing is known, because there is but one answer, the budget does not reach, or the objectives cannot be told
    apart from luck.
    """
    if not may_have_two(scenario):
        return None, []
    carried_per_s = per_s.low or per_s.value
    assert carried_per_s, "there is a capacity"
    stall = triggers.Trigger(triggers.STALL, None, None, float(f"{STALLS * tries_s(scenario):.2g}"))
    looks = _Looks(scenario, stall, budget, replace(execution, progress=None))
    back_per_s = down_per_s = None
    notes: list[str] = []
    try:
        for rate_per_s in _loads(looks, HIGHEST * carried_per_s):
            if looks.is_back[rate_per_s]:
                back_per_s = rate_per_s
            else:
                down_per_s = rate_per_s
    except (BudgetSpentError, errors.ScenarioError) as why:
        reason = "; ".join(one.message for one in why.problems) if isinstance(why, errors.ScenarioError) else str(why)
        what = "whether it comes back after a stall was not looked at"
        what = what if not looks.is_back else "loads from which it comes back were looked at no further"
        notes.append(f"{what}: {reason}; shardsim stress {scenario.name}.yaml '{stall.text}' says it of one load")
    if not looks.is_back:
        return None, notes
    return SecondAnswer(stall.text, stall.lasts_s, back_per_s, down_per_s), notes


class _Looks:
    """Loads that were looked at."""

    def __init__(self, scenario: Scenario, stall: triggers.Trigger, budget: Budget, execution: Execution) -> None:
        self.scenario, self.stall, self.budget, self.execution = scenario, stall, budget, execution
        own = Plans.of(scenario)
        self.own_per_s = own.expected_per_s()
        self.most = max(budget.done, int(MOST_TASKS / own.tasks_of_query()))
        self.taken = 0
        self.is_back: dict[float, bool] = {}

    def look(self, per_s: float) -> bool:
        """Whether the system comes back at a load. Raises BudgetSpentError."""
        scenario = self.scenario.with_scale(self.scenario.load.scale * per_s / self.own_per_s)
        trial = stress.trial(scenario, [self.stall], self.execution)
        after_s = max(FOLLOWS * self.stall.lasts_s, stress.AFTER * trial.window_s)
        queries = trial.queries(self.stall, after_s, per_s)
        if self.taken + queries > self.most:
            raise BudgetSpentError(f"it takes {formats.format_count(queries)} queries a load, more than the search")
        self.budget.ask(queries)
        began = time.monotonic()
        cell = trial.cell(self.stall, after_s)
        self.budget.took(queries, time.monotonic() - began)
        self.taken += queries
        is_back = cell.verdict != stress_result.DOWN
        self.is_back[per_s] = is_back
        if self.execution.say is not None:
            said = "comes back" if is_back else "stays down"
            self.execution.say(
                f"after a stall of {formats.format_duration(self.stall.lasts_s)} at {formats.exact_rate(per_s)}: {said}"
            )
        return is_back


def _loads(looks: _Looks, highest_per_s: float) -> Iterator[float]:
    """Loads as they are looked at: down until one comes back, then between that and the lowest that does not."""
    down_per_s = per_s = highest_per_s
    for _ in range(MOST_LOADS):
        if looks.look(per_s):
            yield per_s
            break
        yield per_s
        down_per_s, per_s = per_s, per_s / LESS
    else:
        return
    back_per_s = per_s
    if back_per_s == highest_per_s:
        return
    while down_per_s > APART * back_per_s:
        per_s = math.sqrt(down_per_s * back_per_s)
        if looks.look(per_s):
            back_per_s = per_s
        else:
            down_per_s = per_s
        yield per_s
