"""``simulate``: replications of a scenario, until there are enough; and what they say."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, ClassVar

from simulator.base.errors import ContradictionError
from simulator.core.plan import Plan
from simulator.core.trace import Trace
from simulator.documents import paper, parts, run
from simulator.engines import AUTO, COMPILED, chosen, compile_ahead, why_reference
from simulator.planner.fleet import fleet
from simulator.planner.plans import make_plan
from simulator.running.replications import replications, whole_trace
from simulator.scenario import Scenario
from simulator.stats import Summary, next_step, summarise
from simulator.theory import Estimate, busiest, check, estimate, has_drawn_machines, little

if TYPE_CHECKING:
    from simulator.running.engine_check import EngineCheck

#: Looks at the precision reached, at most (a rule of the house: repeated looks without adjustment inflate error).
LOOKS = 4

Progress = Callable[[int, int, int], None]


@dataclass(frozen=True)
class Result:
    """What a run found, and all that is needed to run it again."""

    kind: ClassVar[str] = "run"

    scenario: Scenario
    summary: Summary
    theory: paper.Theory
    traces: dict[int, Trace] = field(repr=False)  #: by replication
    interrupted: bool  #: finished replications were kept, others lost
    wall_s: float
    engine: str  #: compiled or reference
    engine_check: EngineCheck | None = None  #: if it was asked for
    notes: tuple[str, ...] = ()

    def to_dict(self) -> run.Run:
        """The result as written by ``--format json``: the same bytes for the same input, whatever ``jobs`` was."""
        figures = self.summary.figures()
        checked: run.Checked = {} if self.engine_check is None else {"engine_check": self.engine_check.to_dict()}
        return {
            "schema": 1,
            "scenario": self.scenario.name,
            "description": self.scenario.description,
            "engine": self.engine,
            "seed": self.scenario.run.seed,
            **figures,
            "fleet": fleet(self.scenario).to_dict(figures["completed_per_s"]["value"]),
            "theory": self.theory,
            "notes": [*self.notes, *self.summary.notes],
            **checked,
            "provenance": {
                **origin(self.scenario),
                "replications": sorted(self.traces),
                **computed(self.scenario),
            },
        }

    @property
    def exit_code(self) -> int:
        """0: every objective met; 99: one failed; 98: one inconclusive and none failed; 130: interrupted."""
        if self.interrupted:
            return 130
        verdicts = [objective.met for objective in self.summary.objectives]
        if False in verdicts:
            return 99
        return 98 if None in verdicts else 0


def provenance(scenario: Scenario) -> parts.Provenance:
    """What it takes to come to an answer again."""
    return {**origin(scenario), **computed(scenario)}


def origin(scenario: Scenario) -> parts.Origin:
    """What an answer is of."""
    used = scenario.used_plugins()
    plugged: parts.Plugged = {"plugins": used} if used else {}
    return {"scenario_sha256": scenario.sha256(), **plugged, "seed": scenario.run.seed}


def computed(scenario: Scenario) -> parts.Computed:
    """What computed it: versions, and the scenario with everything written out."""
    return {"versions": versions(), "resolved": scenario.resolved()}


def versions() -> dict[str, str]:
    """Versions of what computed a result."""
    found = {"python": platform.python_version()}
    for name in ("shardsim", "numpy", "numba", "simpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def simulate(
    scenario: Scenario,
    *,
    jobs: int = 1,
    percentiles: Sequence[float] = (50, 90, 95, 99, 99.9),
    time_s: float | None = None,
    engine: str = AUTO,
    compare_engines: bool = False,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Result:
    """Simulate a scenario and summarise it.

    Parameters
    ----------
    scenario
        As loaded; how many replications and queries, and the seed, stand in ``scenario.run``.
    jobs
        Threads (compiled engine) or processes (reference engine); the result does not depend on it.
    percentiles
        Of latency, in percent, to be reported where the sample supports them.
    time_s
        Run as many whole replications as fit into this time, at least one, whatever the scenario says.
    engine
        ``auto``, ``compiled`` or ``reference``. The figures are the same.
    compare_engines
        Whether to run the first queries on both engines, too, and compare everything that happened.
    progress
        Called with (replications done, replications planned, events so far) as replications finish.
    say
        Told what a wait is for: the first run of a version compiles the engine.

    Raises
    ------
    ContradictionError
        If the run contradicts a law that holds exactly, or the engines differ.
    ValueError
        If there is no such engine, or it does not cover the scenario.
    ScenarioError
        If a replication would measure no query.
    """
    began = time.monotonic()
    deadline = None if time_s is None else began + time_s
    wanted = scenario.run.replications if deadline is None else None
    notes = scenario.notes()
    traces: dict[int, Trace] = {}
    plan = _outline(scenario)
    name = chosen(engine, plan)
    why = why_reference(engine, plan)
    notes += [why] if why else []
    if name == COMPILED or compare_engines:
        compile_ahead(say)
    compared = None
    if compare_engines:
        from simulator.running.engine_check import check_engines

        compared = check_engines(scenario)
    paper = estimate(plan, scenario.is_stationary)
    drawn = has_drawn_machines(plan)

    def look() -> Summary:
        ordered = [traces[replication] for replication in sorted(traces)]
        return summarise(
            ordered,
            plan,
            scenario.slos,
            percentiles,
            [stage.name for stage in scenario.stages],
            utilisations=[busiest(make_plan(scenario, r)) for r in sorted(traces)] if drawn else [paper.utilisation],
            is_stationary=scenario.is_stationary,
        )

    interrupted = False
    shorter: tuple[Scenario, Plan, dict[int, Trace]] | None = None
    looks = 0
    while True:
        interrupted = _extend(traces, scenario, name, wanted, deadline, jobs, progress)
        if interrupted or deadline is not None or scenario.run.precision is None or not traces:
            break
        looks += 1
        assert wanted is not None
        more, longer = next_step(look(), scenario.run.precision)
        if more <= wanted and longer == 1:
            break
        if looks == LOOKS or (longer > 1 and not scenario.can_lengthen):
            tried = f"{wanted} replications, {looks} looks"
            notes.append(
                f"precision {100 * scenario.run.precision:.3g} % not reached ({tried}); run longer replications"
            )
            break
        if longer > 1:
            assert scenario.queries is not None
            before = scenario
            scenario = scenario.with_run(queries=scenario.queries * longer)
            notes.append(f"replications lengthened to {scenario.queries} queries to see enough of the tail")
            shorter, traces = (before, plan, traces), {}
            plan = _outline(scenario)
        else:
            wanted = more
    if not traces and shorter is not None:  # interrupted before a longer replication was finished
        scenario, plan, traces = shorter
        notes.pop()
    if not traces:
        raise KeyboardInterrupt
    if deadline is not None:
        notes.append(f"{len(traces)} whole replications fitted into {time_s:g} s")
    if interrupted:
        notes.append(f"interrupted: only the {len(traces)} replications that had finished are counted")
    if scenario.load.arrivals.kind == "trace" and len(traces) > 1:
        notes.append("replications share the trace and redraw the rest: intervals are given this trace")
    summary = look()
    theory = _theory(scenario, plan, paper, summary, traces)
    wall_s = time.monotonic() - began
    return Result(scenario, summary, theory, traces, interrupted, wall_s, name, compared, tuple(notes))


def _outline(scenario: Scenario) -> Plan:
    """A plan of one query: what is asked of it is the same in all replications, whose traces hold their queries."""
    return make_plan(scenario, 0).first_queries(1)


def _theory(
    scenario: Scenario, plan: Plan, arithmetic: Estimate, summary: Summary, traces: dict[int, Trace]
) -> paper.Theory:
    """The theory line: the estimate, and what the run says of it. Raises ContradictionError."""
    findings = [*little(list(traces.values()), plan), *check(arithmetic, summary.figures(), summary.tail_shares)]
    broken = [finding for finding in findings if finding.verdict == "contradicted"]
    if broken:
        lines = [f"{finding.law}: expected {finding.expected}, saw {finding.observed}" for finding in broken]
        raise ContradictionError(
            "the run contradicts laws that hold exactly; do not trust it, and report it with its scenario and seed:\n"
            + "\n".join(lines)
        )
    names = [stage.name for stage in scenario.stages]
    return {**arithmetic.to_dict(names), "checks": [finding.to_dict(names) for finding in findings]}


def _extend(
    traces: dict[int, Trace],
    scenario: Scenario,
    name: str,
    wanted: int | None,
    deadline: float | None,
    jobs: int,
    progress: Progress | None,
) -> bool:
    """Add replications to ``traces`` until ``wanted`` are there or time is up; True if interrupted."""
    try:
        for replication, trace in replications(scenario, name, len(traces), wanted, deadline, jobs, whole_trace):
            traces[replication] = trace
            if progress is not None:
                done = sum(trace.events for trace in traces.values())
                progress(len(traces), wanted or len(traces), done)
    except KeyboardInterrupt:
        return True
    return False
