"""Disturb a system that runs, and see whether and when its objectives hold again: ``stress``."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Unpack

from simulator.base.errors import ArgumentError, Problem, ScenarioError
from simulator.base.formats import counted, format_duration
from simulator.base.groups import PHASE
from simulator.core.plan import F8
from simulator.planner.plans import Plans
from simulator.planning import triggers
from simulator.planning.stress_result import DOWN, Cell, Stress
from simulator.running import memory, pilot, replications
from simulator.running.execution import Execution, Here
from simulator.scenario import Scenario, given
from simulator.scenario.slo import Objective
from simulator.stats import recovery

#: Of all replications.
Counts = tuple[recovery.Counted, ...]
#: Replications, at least: that objectives hold again in 19 of 20 can be said of 20.
FEWEST = 20
#: Expected queries of a window of a replication, at least; and those that an objective allows to be bad.
QUERIES, BAD = 200, 2
#: Windows before a trigger, and after it, at least.
BEFORE, AFTER = 5, 40
#: And after caches are emptied, which take long to fill.
AFTER_COLD = 400
#: What follows a trigger lasts so many times as long as it, at least; where the system does not recover, it is looked
#: at for longer once.
TIMES, LONGER = 30, 4
#: Windows after a trigger, at least, however long is to be simulated.
FEWEST_AFTER = 6
#: Windows of a run, at most.
MOST_WINDOWS = 5_000


@given.takes_scenario
def stress(
    scenario: Scenario,
    trigger: str,
    *,
    slos: Sequence[str | Objective] = (),
    window_s: float | None = None,
    horizon_s: float | None = None,
    max_recovery_s: float | None = None,
    **execution: Unpack[Here],
) -> Stress:
    """Disturb a scenario's system while it runs, and see whether and when its objectives hold again.

    The system runs at the constant rate of the scenario. A trigger comes, is over, and the run goes on. Time is cut
    into windows; a window of a replication is bad when more of the queries that arrive in it miss an objective than
    that allows, and than in any window of any replication of the same run without the trigger. A replication has
    recovered when the last query that misses an objective has arrived in its last bad window before several in a row
    that are not (a twentieth of those that follow, three at least); not so if most of the last windows are bad.

    Parameters
    ----------
    scenario
        As loaded. Of ``run``, ``seed``, ``warmup``, ``drain`` and ``replications`` count, of which there are at least
        20.
    trigger
        ``load x3 for 2s``: more load; ``stall ranking for 2s``: no replica of a stage takes a task, or without its name
        none of any; ``zone for 30s``: all stages that say how many zones they have are without the first; ``cold
        caches``: the run begins with all of them empty, as after a restart. Lists stand for all their combinations:
        ``load x2,3 for 1s,2s``.
    slos
        Objectives in place of the scenario's.
    window_s
        Width of the windows; if None so wide that some 200 queries arrive in each, and that two may be bad.
    horizon_s
        How long after the trigger is simulated. If None 30 times its duration and 40 windows at least (400 of cold
        caches), and four times as long once where a replication has not recovered by then.
    max_recovery_s
        Within which 95 % of the replications are to recover: then ``exit_code`` says so.
    jobs, engine, say
        As of ``simulate``; the answer does not depend on ``jobs``.
    progress
        Called after each replication: replications done, and planned as far as is known.

    Raises
    ------
    ScenarioError
        If the load has no constant rate, no objective is on whole queries and a share of them, or the trigger cannot
        be laid over the scenario.
    ArgumentError
        If it is none.
    """
    began = time.monotonic()
    _check(window_s, horizon_s, max_recovery_s)
    cells = triggers.parse_triggers(trigger)
    if slos:
        scenario = scenario.with_slos(slos)
    for one in cells:
        triggers.refuse_unstressable(scenario, one)
    looked = _required(scenario)
    scenario = pilot.settled(scenario, execution.get("say"))
    work = Trial(scenario, looked, _width_s(scenario, looked, window_s, horizon_s, cells), Execution.here(**execution))
    found = tuple(work.cell(one, horizon_s) for one in cells)
    left = [slo.text for slo in scenario.slos if of_all_the_time(slo) not in looked]
    notes = [f"{', '.join(left)}: that is of no single query, so it is not looked at"] if left else []
    notes += [
        f"{stage.name}: its own outages are left out, the trigger takes their place"
        for stage in scenario.stages
        if stage.outages
    ]
    if any(cell.verdict == DOWN for cell in found):
        longest_s = max(cell.horizon_s for cell in found if cell.verdict == DOWN)
        notes.append(f"stays down: for {format_duration(longest_s)} after the trigger, which is what was simulated")
    return Stress(
        scenario=scenario,
        slos=tuple(looked),
        cells=found,
        window_s=work.window_s,
        max_recovery_s=max_recovery_s,
        notes=tuple(notes),
        engine=work.execution.engine,
        wall_s=time.monotonic() - began,
    )


def _check(window_s: float | None, horizon_s: float | None, max_recovery_s: float | None) -> None:
    for argument, what, given_s in (
        ("window_s", "windows of time are wider than 0", window_s),
        ("horizon_s", "what follows a trigger takes time", horizon_s),
        ("max_recovery_s", "a recovery takes time", max_recovery_s),
    ):
        if given_s is not None and not 0 < given_s < math.inf:
            raise ArgumentError(f"{what}, got {given_s:g}", argument)


def looked_at(scenario: Scenario) -> list[Objective]:
    """Objectives that single queries miss, in order; one on a phase is looked at all the time."""
    every = [of_all_the_time(slo) for slo in scenario.slos]
    return [*dict.fromkeys(slo for slo in every if recovery.is_looked_at(slo))]


def _required(scenario: Scenario) -> list[Objective]:
    """These, if there are any. Raises ScenarioError."""
    looked = looked_at(scenario)
    if not looked:
        cure = "slos: [p99 < 200ms], or --slo 'p99 < 200ms'"
        message = f"stress needs an objective that single queries can miss, on a share of all of them: {cure}"
        raise ScenarioError([Problem(scenario.source, 0, 0, "slos", message)])
    return looked


def trial(scenario: Scenario, cells: Sequence[triggers.Trigger], execution: Execution) -> Trial:
    """Disturbances of a scenario with windows as wide as they need. Raises ScenarioError."""
    looked = _required(scenario)
    return Trial(scenario, looked, _width_s(scenario, looked, None, None, cells), execution)


def of_all_the_time(slo: Objective) -> Objective:
    """An objective on a phase, as one on all queries; any other as it is."""
    if slo.group is None or slo.group.kind != PHASE:
        return slo
    return replace(slo, group=None, text=slo.text.removeprefix(f"{PHASE}.{slo.group.name}."))


def _width_s(
    scenario: Scenario,
    looked: Sequence[Objective],
    window_s: float | None,
    horizon_s: float | None,
    cells: Sequence[triggers.Trigger],
) -> float:
    """Width of the windows; of those that are not given, one of 1, 2, 5, 10, ..."""
    rate_per_s = _rate_per_s(scenario)
    if window_s is None:
        strictest = min(slo.allowed for slo in looked if slo.allowed is not None)
        least_s = max(QUERIES, BAD / strictest) / rate_per_s
        power = 10.0 ** math.floor(math.log10(least_s))
        window_s = next(digit * power for digit in (1, 2, 5, 10) if digit * power >= least_s * (1 - 1e-9))
        window_s = float(f"{window_s:.6g}")
        longest_s = max(cell.lasts_s for cell in cells)
        if longest_s > MOST_WINDOWS / (2 + TIMES) * window_s:
            window_s = float(f"{longest_s * (2 + TIMES) / MOST_WINDOWS:.2g}")
    if horizon_s is not None and horizon_s < FEWEST_AFTER * window_s:
        message = f"at least {FEWEST_AFTER} windows follow the trigger: of {format_duration(window_s)} that is longer"
        raise ScenarioError([Problem(scenario.source, 0, 0, "run", message)])
    if rate_per_s * window_s < 1:
        message = f"windows of {format_duration(window_s)} have less than a query each: make them wider"
        raise ScenarioError([Problem(scenario.source, 0, 0, "run", message)])
    return window_s


def _rate_per_s(scenario: Scenario) -> float:
    rate_per_s = triggers.rate_of(scenario)
    assert rate_per_s is not None, "the rate is constant"
    return rate_per_s * scenario.load.scale


class Trial:
    """How disturbances are simulated."""

    def __init__(self, scenario: Scenario, looked: Sequence[Objective], window_s: float, execution: Execution) -> None:
        self.scenario, self.looked, self.window_s, self.execution = scenario, looked, window_s, execution
        self.replications = max(FEWEST, scenario.run.replications)
        self._undisturbed: dict[tuple[float, ...], Counts] = {}
        self._done = self._planned = 0

    def cell(self, trigger: triggers.Trigger, horizon_s: float | None) -> Cell:
        """One disturbance; where the system does not recover, it is looked at for longer, unless said how long."""
        windows = AFTER if trigger.lasts_s > 0 else AFTER_COLD
        after_s = horizon_s or max(TIMES * trigger.lasts_s, windows * self.window_s)
        cell = self._looked(trigger, after_s)
        if cell.verdict == DOWN and horizon_s is None:
            cell = self._looked(trigger, LONGER * after_s)
        return cell

    def queries(self, trigger: triggers.Trigger, after_s: float, per_s: float) -> int:
        """Queries of one that is looked at for so long, with those without the trigger; retries not counted."""
        lasts_s = BEFORE * self.window_s + trigger.lasts_s + after_s
        return int(2 * self.replications * lasts_s * per_s)

    def _looked(self, trigger: triggers.Trigger, after_s: float) -> Cell:
        after = math.ceil(after_s / self.window_s - 1e-9)
        if after > MOST_WINDOWS:
            message = f"{counted(after, 'window')} follow the trigger, at most {MOST_WINDOWS:,} do: make them wider"
            raise ScenarioError([Problem(self.scenario.source, 0, 0, "run", message)])
        windows = recovery.Windows.around(BEFORE if trigger.lasts_s > 0 else 0, trigger.lasts_s, after, self.window_s)
        end_s = float(windows.edges_s[-1])
        stretches_s = (windows.begin_s, trigger.lasts_s, end_s - windows.end_s)
        changed = triggers.disturbed(self.scenario, trigger, stretches_s, self.replications)
        disturbed = self._counted(changed, windows)
        usual = self._usual(trigger, windows, stretches_s)
        most = recovery.limits(self.looked, usual)
        is_held = tuple(bool(one) for one in recovery.is_held(self.looked, usual))
        if all(is_held):
            self._refuse_narrow(most)
        seen = [recovery.recovery_s(one, most, windows) for one in disturbed]
        recoveries = tuple(0.0 if one is None else one for one in seen)
        back = sum(math.isfinite(one) for one in recoveries)
        return Cell(
            trigger,
            windows,
            recoveries,
            sum(one is not None for one in seen),
            recovery.share_interval(back, len(recoveries)),
            recovery.median_interval(recoveries),
            disturbed,
            usual,
            most,
            is_held,
        )

    def _refuse_narrow(self, most: F8) -> None:
        """Raise ScenarioError where luck alone makes queries of a window miss so often that nothing can be told."""
        if most.max() >= recovery.MOST_USUAL:
            width, share = format_duration(self.window_s), f"{100 * float(most.max()):.3g} %"
            message = f"in some window of {width} {share} of the queries miss an objective without any trigger"
            cure = "make windows wider, or see whether the load is carried: shardsim run"
            raise ScenarioError([Problem(self.scenario.source, 0, 0, "slos", f"{message}: {cure}")])

    def _usual(
        self, trigger: triggers.Trigger, windows: recovery.Windows, stretches_s: tuple[float, float, float]
    ) -> Counts:
        """Without a trigger, in the same windows: the same for all sizes of one duration."""
        if stretches_s not in self._undisturbed:
            calm = triggers.undisturbed(self.scenario, trigger, stretches_s, self.replications)
            self._undisturbed[stretches_s] = self._counted(calm, windows)
        return self._undisturbed[stretches_s]

    def _counted(self, scenario: Scenario, windows: recovery.Windows) -> Counts:
        plans = Plans.of(scenario)
        plans.extent()  # refuses what could not be simulated
        execution = self.execution.settled(plans.outline())
        self.execution = replace(self.execution, engine=execution.engine)
        need = memory.refuse(plans, execution.engine, execution.jobs, self.replications, 0)
        memory.announce(need.bytes, execution.say)
        self._planned += self.replications
        seen: dict[int, recovery.Counted] = {}
        keep = partial(recovery.counted, objectives=self.looked, windows=windows)
        for number, one in replications.Batch(plans, execution, keep, wanted=self.replications).results():
            seen[number] = one
            self._done += 1
            self.execution.tell(self._done, self._planned)
        return tuple(seen[number] for number in sorted(seen))
