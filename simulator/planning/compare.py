"""One scenario or run beside another, on common luck: ``compare``."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from simulator.base import errors, formats, places
from simulator.base.groups import CLASS, PHASE
from simulator.planning import comparison, saved_run
from simulator.planning.by_group import SHED_RATIO, common_groups, door_measures, group_measures, has_door
from simulator.planning.comparison import Compared, Comparison, Limit
from simulator.planning.differing import differing
from simulator.planning.naming import figure_names
from simulator.planning.sides import HIGHER, Side, measures
from simulator.running.execution import Execution, Here, checked_percentiles
from simulator.running.result import Result
from simulator.running.run import PERCENTILES, Run
from simulator.scenario import Scenario, autoscale, load_scenario, merge
from simulator.scenario.given import checked_scenario
from simulator.stats.paired import independent, paired
from simulator.stats.stability import SATURATED, STABLE

#: What can be compared: a scenario, a run, or the path of a scenario file or of a run directory.
Comparable = Scenario | Result | Side | str | Path


def compare(
    a: Comparable,
    b: Comparable,
    *,
    limits: Mapping[str, float] | None = None,
    percentiles: Sequence[float] = PERCENTILES,
    **execution: Unpack[Here],
) -> Comparison:
    """Compare B with A: the difference of every figure, with its interval by a jackknife over paired replications.

    Scenarios are simulated as they say: with the same seed, queries and warm-up they have the same luck. Two that mean
    the same are simulated once.

    Parameters
    ----------
    a, b
        A scenario, a result, or the path of a scenario file or of a run directory.
    limits
        How much worse a figure may be, as a part of A, by name: ``{"p99": 0.05, "stage.ranking.utilisation": 0.1}``.
    percentiles
        Of the latency of whole queries, in percent.
    jobs, engine, say
        As for ``simulate``.
    progress
        Called with (replications done, replications planned, events so far), of A and B together.

    Raises
    ------
    ContradictionError, ScenarioError, ValueError
        As ``simulate``. ScenarioError also if a directory is not that of a run, ValueError also if a limit is on a
        figure that there is not.
    KeyboardInterrupt
        If A was interrupted, or B before a replication was finished. Else B is compared as far as it got.
    """
    return Pair(opened(a), opened(b), limits or {}, percentiles, Execution.here(**execution)).compared()


class Pair:
    """What is compared, each scenario of it about to be simulated.

    Raises
    ------
    ScenarioError, ValueError
        As ``compare`` does.
    """

    def __init__(
        self,
        a: Scenario | Side,
        b: Scenario | Side,
        limits: Mapping[str, float],
        percentiles: Sequence[float],
        execution: Execution,
    ) -> None:
        percentiles = checked_percentiles(percentiles)
        refuse_unknown(limits, common_figures(a, b, percentiles))
        self.limits, self.percentiles = limits, percentiles
        self.is_one = mean_the_same(a, b)
        both = _Both(execution, b)
        self.a = a if isinstance(a, Side) else Run(a, replace(execution, progress=both.first))
        self.b = self.a
        if not self.is_one:
            self.b = b if isinstance(b, Side) else Run(b, replace(execution, progress=both.second))

    @property
    def runs(self) -> list[Run]:
        """Those that are to be simulated."""
        return [side for side in ((self.a,) if self.is_one else (self.a, self.b)) if not isinstance(side, Side)]

    def compared(self) -> Comparison:
        """Simulate what is to be simulated, and compare. Raises as ``compare`` does."""
        first = self._side(self.a)
        if first.interrupted:
            raise KeyboardInterrupt
        second = first if self.is_one else self._side(self.b)
        return beside(first, second, self.limits, self.percentiles)

    def _side(self, side: Run | Side) -> Side:
        return side if isinstance(side, Side) else Side.of(side.result(self.percentiles))


def opened(given: Comparable) -> Scenario | Side:
    """A scenario to be simulated, or a run."""
    if isinstance(given, Result):
        return Side.of(given)
    if isinstance(given, str | Path):
        return saved_run.read_run(given) if places.is_folder(given) else load_scenario(given)
    return given if isinstance(given, Side) else checked_scenario(given)


def mean_the_same(a: Scenario | Side, b: Scenario | Side) -> bool:
    """Whether one simulation does for both."""
    return a is b or (isinstance(a, Scenario) and isinstance(b, Scenario) and a.sha256() == b.sha256())


def common_figures(a: Scenario | Side, b: Scenario | Side, percentiles: Sequence[float]) -> list[str]:
    """Names of the figures that both have."""
    one, two = (side.stages if isinstance(side, Side) else [stage.name for stage in side.stages] for side in (a, b))
    merging = [
        side.merging if isinstance(side, Side) else [stage.name for stage in side.stages if stage.merge.workers]
        for side in (a, b)
    ]
    partial, hedged, come_and_go = (
        {name for side in (a, b) for name in of(side)} for of in (_partial, _hedged, _scaled)
    )
    names, merging_twice = [name for name in one if name in two], {*merging[0]} & {*merging[1]}
    figures = figure_names(names, merging_twice, partial, hedged, come_and_go, common_groups(a, b), percentiles)
    if has_door(a) or has_door(b):
        figures.insert(figures.index("failed_ratio") + 1, SHED_RATIO)
    return figures


def _partial(side: Scenario | Side) -> list[str]:
    """The stages that may close without all of their answers: of one side is enough, the other has all of them."""
    if isinstance(side, Side):
        return side.partial
    return [stage.name for stage in side.stages if stage.is_partial]


def _hedged(side: Scenario | Side) -> list[str]:
    """The stages that send tasks again: of one side is enough, the other wastes nothing."""
    return side.hedged if isinstance(side, Side) else [stage.name for stage in side.stages if stage.sends_copies]


def _scaled(side: Scenario | Side) -> list[str]:
    """The stages whose replicas come and go: of one side is enough, all of the other's serve all the time."""
    return side.scaled if isinstance(side, Side) else [one.name for one in side.stages if autoscale.is_scaled(one)]


def refuse_unknown(limits: Mapping[str, float], figures: Sequence[str]) -> None:
    """Raise ScenarioError where a limit is on a figure that there is not."""
    for figure in limits:
        if figure not in figures:
            raise errors.ArgumentError(f"no figure is called {figure!r}{merge.did_you_mean(figure, list(figures))}")


class _Both:
    """Adds up the progress of two simulations."""

    def __init__(self, execution: Execution, second: Scenario | Side) -> None:
        self.execution = execution
        self.to_come = second.run.replications if isinstance(second, Scenario) else 0
        self.done = self.events = 0

    def first(self, done: int, planned: int, events: int) -> None:
        self.done, self.events = done, events
        self.execution.tell(done, planned + self.to_come, events)

    def second(self, done: int, planned: int, events: int) -> None:
        self.execution.tell(self.done + done, self.done + planned, self.events + events)


def beside(a: Side, b: Side, limits: Mapping[str, float], percentiles: Sequence[float]) -> Comparison:
    """Compare two runs; every limit is on one of ``common_figures``."""
    luck, of_a, of_b, notes = _luck(a, b)
    groups = common_groups(a, b)
    one = measures(a, percentiles, of_a) | group_measures(a, groups, percentiles, of_a) | door_measures(a, of_a)
    two = one
    if b is not a:
        two = measures(b, percentiles, of_b) | group_measures(b, groups, percentiles, of_b) | door_measures(b, of_b)
    gap = independent if luck == comparison.INDEPENDENT else paired
    figures = {name: comparison.compared(name, one[name], two[name], gap) for name in common_figures(a, b, percentiles)}
    if a.good != b.good:
        reason = f"it is {_said(a.good)} in A, {_said(b.good)} in B"
        figures["goodput"] = Compared("goodput", one["goodput"], two["goodput"], None, comparison.NOT_KNOWN, reason)
    resolved = [side.document["provenance"]["resolved"] for side in (a, b)]
    return Comparison(
        a=a,
        b=b,
        luck=luck,
        replications=(len(of_a), len(of_b)),
        differing=differing(*resolved),
        figures=tuple(figures.values()),
        limits=tuple(judged(figures[name], most, a, b) for name, most in limits.items()),
        notes=(*notes, *_notes(a, b)),
    )


def _luck(a: Side, b: Side) -> tuple[str, list[int], list[int], list[str]]:
    """How much luck is common, the replications of A and B that are compared, and what is to be said of it."""
    common = sorted(a.traces.keys() & b.traces.keys())
    if a.seed != b.seed or not common:
        why = f"seed {a.seed} against {b.seed}" if a.seed != b.seed else "no replication of A is one of B"
        return (
            comparison.INDEPENDENT,
            sorted(a.traces),
            sorted(b.traces),
            [f"not on common luck: {why}; intervals are wider"],
        )
    notes = []
    if len(common) < max(len(a.traces), len(b.traces)):
        there = f"A has {formats.counted(len(a.traces), 'replication')}, B has {len(b.traces):,}"
        notes.append(f"{there}: the {len(common)} that both have are compared")
    lengths = a.lengths(common), b.lengths(common)
    if lengths[0] == lengths[1]:
        return comparison.COMMON, common, common, notes
    said = (
        f"{formats.counted(_mean(length, 1), 'query')} after {_mean(length, 0):,.0f} of warm-up" for length in lengths
    )
    notes.append(f"not all luck is common: a replication of A has {next(said)}, one of B {next(said)}")
    return comparison.PARTLY, common, common, notes


def _mean(pairs: list[tuple[int, int]], place: int) -> float:
    return sum(pair[place] for pair in pairs) / len(pairs)


def _said(good: tuple[float, bool] | None) -> str:
    return "at any latency" if good is None else f"within {formats.format_duration(good[0])}"


def judged(figure: Compared, most: float, a: Side, b: Side) -> Limit:
    """Whether a figure is at most so much worse, as a part of A; one that has no better or worse, so much higher.

    As with objectives, no limit on latency is called met where B is saturated.
    Where A is stable it is exceeded: latencies of B grow with the length of the run, beyond any limit.
    """
    if figure.unit == "s" and (a.document["verdict"], b.document["verdict"]) == (STABLE, SATURATED):
        return Limit(
            figure.figure, most, False, "A is stable, B is saturated: the longer the run, the later its queries"
        )
    met: bool | None = None
    reason = figure.reason
    if figure.gap is None:
        if not reason:
            met = figure.word == comparison.BETTER  # a percentile is infinite on one side
    else:
        exceeded = figure.gap.exceeds(most, falls=figure.a.better == HIGHER)
        met = None if exceeded is None else not exceeded
        reason = reason or ("the interval straddles the limit" if met is None else "")
    if met and figure.unit == "s" and b.document["verdict"] == SATURATED:
        return Limit(figure.figure, most, None, "B is saturated: the longer the run, the later its queries")
    return Limit(figure.figure, most, met, reason)


def _draws_measurements(resolved: object) -> bool:
    """Whether some model of a scenario, as plain values, draws its measurements anew (statistics rule 11)."""
    if isinstance(resolved, dict):
        is_drawn = resolved.get("kind") == "measured" and resolved.get("sample") is True
        return is_drawn or any(map(_draws_measurements, resolved.values()))
    return isinstance(resolved, list) and any(map(_draws_measurements, resolved))


def _notes(a: Side, b: Side) -> list[str]:
    """What was said of the runs, and what else is not in the figures."""
    notes = []
    for name, side, other in (("A", a, b), ("B", b, a)):
        for what, many, own, others in (
            ("stage", "stages", side.stages, other.stages),
            ("class", "classes", side.group_names()[CLASS], other.group_names()[CLASS]),
            ("phase", "phases", side.group_names()[PHASE], other.group_names()[PHASE]),
        ):
            lacking = [one for one in own if one not in others]
            if lacking:
                notes.append(f"only {name} has {many if len(lacking) > 1 else what} {', '.join(lacking)}")
    provenance = [side.document["provenance"] for side in (a, b)]
    if provenance[0]["resolved"] == provenance[1]["resolved"] and len({of["scenario_sha256"] for of in provenance}) > 1:
        notes.append("a data file that both scenarios name held something else")
    if any(_draws_measurements(of["resolved"]) for of in provenance):
        notes.append("intervals are given the draws of calibrations: what these leave open of a change is not in them")
    said: list[Any] = [side.document["notes"] for side in (a, b)]
    notes += [f"A and B: {note}" for note in said[0] if note in said[1]]
    notes += [f"A: {note}" for note in said[0] if note not in said[1]]
    return notes + [f"B: {note}" for note in said[1] if note not in said[0]]
