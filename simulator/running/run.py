"""``simulate``: replications of a scenario, until there are enough; and what they say."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Unpack

from simulator import engines, theory
from simulator.base import errors, room, units
from simulator.base.formats import counted, shortest
from simulator.core.plan import Plan
from simulator.core.trace import Trace
from simulator.documents.paper import Theory
from simulator.planner import fleet as fleets
from simulator.planner.load import Load
from simulator.planner.plans import Plans
from simulator.running import groups, memory, pilot
from simulator.running.causes import Causes
from simulator.running.execution import Execution, Here, checked_percentiles
from simulator.running.forecast import Forecast, enough_queries, highest_percentile, seconds_of
from simulator.running.paper import on_paper
from simulator.running.replications import Batch, whole_trace, within_time
from simulator.running.result import Result
from simulator.scenario import Scenario, given
from simulator.stats import Summary, attempts, money, next_step, replays, summarise

if TYPE_CHECKING:
    from simulator.running.engine_check import EngineCheck

#: Looks at the precision reached, at most: repeated looks without adjustment inflate the error.
LOOKS = 4

#: Of latency, in percent.
PERCENTILES = (50, 90, 95, 99, 99.9)


@given.takes_scenario
def simulate(
    scenario: Scenario,
    *,
    percentiles: Sequence[float] = PERCENTILES,
    time_s: float | None = None,
    compare_engines: bool = False,
    causes: bool = False,
    **execution: Unpack[Here],
) -> Result:
    """Simulate a scenario and summarise it.

    Parameters
    ----------
    scenario
        As loaded; how many replications and queries, and the seed, stand in ``scenario.run``.
    percentiles
        Of latency, in percent, to be reported where the sample supports them.
    time_s
        Run as many whole replications as fit into this time, at least one, whatever the scenario says.
    compare_engines
        Whether to run the first queries on both engines, too, and compare everything that happened.
    causes
        Whether to simulate every replication once more, with its tasks, and say what makes these differ.
    jobs
        Threads (compiled engine) or processes (reference engine); the result does not depend on it.
    engine
        ``auto``, ``compiled`` or ``reference``. The figures are the same.
    progress
        Called with (replications done, replications planned, events so far) as replications finish.
    say
        Called with a line when a wait begins: the first run of a version compiles the engine.

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
    percentiles = checked_percentiles(percentiles)
    run = Run(scenario, Execution.here(**execution), compare_engines, causes)
    return run.result(percentiles, time_s, began)


def forecast(scenario: Scenario, **execution: Unpack[Here]) -> Forecast:
    """How long ``simulate`` would take, by a pilot, and what would be enough; parameters and errors are its own."""
    return Run(scenario, Execution.here(**execution)).forecast()


def named(summary: Summary, scenario: Scenario) -> Summary:
    """The summary with the names of sources, which no plan knows; one alone is said of its stage."""
    for seen, stage in zip(summary.stages, scenario.stages, strict=True):
        for place, said in enumerate(seen.sources or ()):
            said["name"] = stage.fleets[place].name
    return summary


class Run:
    """A scenario that is about to be simulated: its system made, the load of its first replication drawn.

    ``compare_engines``, ``causes``: as of ``simulate``.

    Raises
    ------
    ValueError, ScenarioError
        As ``simulate`` does.
    """

    def __init__(
        self, scenario: Scenario, execution: Execution, compare_engines: bool = False, causes: bool = False
    ) -> None:
        scenario = pilot.settled(scenario, execution.say)
        self.plans = Plans.of(scenario)
        self.outline = self.plans.outline()  #: what is taken from it is the same in all replications
        name = engines.chosen(execution.engine, self.outline)
        memory.refuse(self.plans, name, execution.jobs, scenario.run.replications)
        self.causes = Causes(self.plans) if causes else None
        began = time.perf_counter()
        self._load: Load | None = self.plans.load()  #: of the first replication, until that is simulated
        self._drawn_s = time.perf_counter() - began
        self.compare_engines = compare_engines
        if compare_engines:
            engines.compile_all(execution.say)
        self.execution = execution.settled(self.outline)
        why = engines.why_reference(execution.engine, self.outline)
        self.notes = [*scenario.notes(), *([why] if why else [])]
        self.traces: dict[int, Trace] = {}

    @property
    def scenario(self) -> Scenario:
        """As it is simulated: with longer replications than were given, once these were seen to be too short."""
        return self.plans.scenario

    def forecast(self) -> Forecast:
        """How long it will take, by a pilot; before ``result``."""
        assert self._load is not None, "a run that is over is not forecast"

        def tell(trace: Trace) -> None:
            self._summary(PERCENTILES, {0: trace})

        scenario, queries, measured = self.scenario, len(self._load.arrival_ns), self.plans.extent().measured
        jobs, many = self.execution.jobs, scenario.run.replications
        seconds = seconds_of(self.plans, self._load, self._drawn_s, self.execution, tell)
        kept_bytes = memory.needed(self.plans, self.execution.engine, jobs, many).bytes
        return Forecast(
            tasks=round(queries * self.plans.tasks_of_query() * many),
            seconds=seconds if self.causes is None else seconds * (1 + min(jobs, many)),
            memory_bytes=kept_bytes if self.causes is None else kept_bytes + self.causes.needed_bytes,
            enough_queries=enough_queries(scenario, self.outline, self.paper, measured),
            percentile=highest_percentile(scenario),
        )

    @cached_property
    def paper(self) -> theory.Estimate:
        """The scenario on paper, as it was given."""
        return on_paper(self.scenario, self.outline, self.scenario.may_be_exact)

    def result(
        self,
        percentiles: Sequence[float] = PERCENTILES,
        time_s: float | None = None,
        began: float | None = None,
    ) -> Result:
        """Simulate it, once; ``began``: on the monotonic clock, now if not given. Raises as ``simulate`` does."""
        began = time.monotonic() if began is None else began
        compared = self._engines_compared() if self.compare_engines else None
        percentiles = tuple(percentiles)
        most = memory.affordable(self.plans, self.execution.engine, self.execution.jobs) if time_s is not None else None
        interrupted = self._until_precise(percentiles) if time_s is None else self._extend(most, began + time_s)
        if not self.traces:
            raise KeyboardInterrupt
        if time_s is not None:
            fitted = counted(len(self.traces), "whole replication")
            self.notes.append(f"{fitted} fitted into {shortest(time_s)} s")
            self.notes += ["no more of them fit the memory there is"] if len(self.traces) == most else []
        if interrupted:
            self.notes.append(
                f"interrupted: only what had finished is counted, {counted(len(self.traces), 'replication')}"
            )
        summary = self._summary(percentiles, self.traces)
        if self.scenario.load.arrivals.kind == "trace" and len(self.traces) > 1:
            self.notes.append(replays.OF_COPIES if summary.pool.layout.repeats > 1 else replays.OF_A_TRACE)
        line = self._theory_line(summary)
        causes = None if self.causes is None else self.causes.of(self.plans, self.execution, sorted(self.traces))
        if self.causes is not None:
            self.notes += self.causes.notes
            interrupted |= causes is None
        wall_s = time.monotonic() - began
        engine, notes = self.execution.engine, tuple(self.notes)
        return Result(self.scenario, summary, line, self.traces, interrupted, wall_s, engine, compared, notes, causes)

    def _engines_compared(self) -> EngineCheck:
        from simulator.running.engine_check import check_engines, most_queries

        assert self._load is not None
        plan = self.plans.make(0, self._load.head(most_queries(self.plans.system.shards)))
        with within_time(self.scenario):
            return check_engines(plan)

    def _until_precise(self, percentiles: Sequence[float]) -> bool:
        """Add replications, or begin again with longer ones, until the precision is reached; True if interrupted."""
        run = self.scenario.run
        wanted, looks = run.replications, 0
        shorter: tuple[Plans, dict[int, Trace]] | None = None
        while True:
            interrupted = self._extend(wanted, None)
            if interrupted and not self.traces and shorter is not None:
                self.plans, self.traces = shorter  # interrupted before a longer replication was finished
                self.notes.pop()
            if interrupted or run.precision is None or not self.traces:
                return interrupted
            looks += 1
            more, longer = next_step(self._summary(percentiles, self.traces), run.precision)
            if more <= wanted and longer == 1:
                return False
            if looks == LOOKS or (longer > 1 and not self.scenario.can_lengthen):
                tried = f"{counted(wanted, 'replication')}, {counted(looks, 'look')}"
                self.notes.append(
                    f"precision {100 * run.precision:.3g} % not reached ({tried}); run longer replications"
                )
                return False
            too_much = self._too_much(more, longer)
            if too_much is not None:
                self.notes.append(f"precision {100 * run.precision:.3g} % not reached: more would take {too_much}")
                return False
            if longer > 1:
                shorter = self.plans, self.traces
                self._lengthen(longer)
            else:
                wanted = more

    def _too_much(self, replications: int, longer: int) -> str | None:
        """Why more or longer replications cannot be held beside those that are there; None: they can."""
        plans = self.plans if longer == 1 else self.plans.with_run(queries=(self.scenario.queries or 1) * longer)
        more = replications - len(self.traces) if longer == 1 else replications
        need, there = memory.needed(plans, self.execution.engine, self.execution.jobs, max(1, more)), room.room()
        return None if there is None else there.refusal(need.bytes)

    def _lengthen(self, longer: int) -> None:
        assert self.scenario.queries is not None
        queries = self.scenario.queries * longer
        self.plans, self.traces = self.plans.with_run(queries=queries), {}
        self.notes.append(f"replications lengthened to {counted(queries, 'query')} to see enough of the tail")

    def _extend(self, wanted: int | None, deadline: float | None) -> bool:
        """Add replications to ``traces`` until ``wanted`` are there or time is up; True if interrupted."""
        load, self._load = self._load, None
        done = sum(trace.events for trace in self.traces.values())
        batch = Batch(self.plans, self.execution, whole_trace, len(self.traces), wanted, deadline, load)
        del load
        try:
            for replication, trace in batch.results():
                self.traces[replication] = trace
                done += trace.events
                self.execution.tell(len(self.traces), wanted or len(self.traces), done)
        except KeyboardInterrupt:
            return True
        return False

    def seen(self, traces: Mapping[int, Trace]) -> Plan:
        """The outline, of clients that wait at the rate at which they sent queries; by luck no more than they may."""
        if not self.outline.clients:
            return self.outline
        lasts_ns = sum(max(1, trace.window_end_ns - trace.window_begin_ns) for trace in traces.values())
        queries = sum(attempts.as_queries(trace).measured for trace in traces.values())
        per_s = queries / lasts_ns * units.NS_PER_S
        return self.plans.outline(rate_per_s=min(per_s, self.outline.rate_per_s))

    def _summary(self, percentiles: Sequence[float], traces: Mapping[int, Trace]) -> Summary:
        """What replications say."""
        numbers, outline = sorted(traces), self.seen(traces)
        differ = theory.has_drawn_machines(self.outline)
        outlines = [self.plans.outline(replication) for replication in numbers] if differ else [self.outline]
        summary = summarise(
            [traces[replication] for replication in numbers],
            outline,
            self.scenario.slos,
            percentiles,
            [stage.name for stage in self.scenario.stages],
            utilisations=[theory.certainly_busiest(outline) for outline in outlines],
            peak=self.paper.peak,
            is_stationary=self.scenario.is_stationary,
            price=money.Price(fleets.fleet(self.scenario).usd_per_h, fleets.usd_of_scaled(self.scenario)),
            ahead=theory.means_ahead(
                self.outline, sum(trace.measured for trace in traces.values()), self.scenario.may_be_exact
            ),
            divisions=groups.divisions_of(
                self.scenario, outline, {number: attempts.as_queries(one) for number, one in traces.items()}
            ),
            is_sampled=self.scenario.samples,
        )
        return named(summary, self.scenario)

    def _theory_line(self, summary: Summary) -> Theory:
        """The estimate, and what the run says of it. Raises ContradictionError."""
        paper = self.paper
        if self.outline.clients:  # how much they ask for is known by now
            paper = on_paper(self.scenario, self.seen(self.traces), self.scenario.may_be_exact)
        findings = [
            *theory.little(list(self.traces.values()), self.outline),
            *theory.check(paper, summary.figures(), summary.tail_shares),
            *theory.shed_finding(paper.door, summary.figures()),
        ]
        broken = [finding for finding in findings if finding.verdict == "contradicted"]
        if broken:
            lines = [f"{finding.law}: expected {finding.expected}, saw {finding.observed}" for finding in broken]
            cure = "do not trust it, and report it with its scenario and seed:"
            raise errors.ContradictionError("\n".join([f"the run contradicts laws that hold exactly; {cure}", *lines]))
        names = [stage.name for stage in self.scenario.stages]
        return {**paper.to_dict(names), "checks": [finding.to_dict(names) for finding in findings]}
