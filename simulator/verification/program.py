"""Verification as a program: every family of known answers, the engines, the intervals, the planners."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from simulator.base.errors import ArgumentError, ContradictionError
from simulator.documents import verify as documents
from simulator.documents.shown import Shown, frame, html
from simulator.engines import compile_all
from simulator.running.execute import Standing, execute
from simulator.running.execution import Execution
from simulator.running.provenance import versions
from simulator.verification import (
    book,
    bursts,
    capacity_coverage,
    coverage,
    engines,
    mean_coverage,
    percentile_coverage,
    planners,
    population,
)
from simulator.verification.depth import AT_DEPTH
from simulator.verification.lines import CONTRADICTED, FAILURES, Line, budget
from simulator.verification.oracle import Examined, Quantiles, examine
from simulator.verification.sources import NOT_YET, VERIFIED
from simulator.verification.table import rows, systems, typical

#: Drawn plans on which the engines are held against each other.
PLANS, PLANS_DEEP = 1_000, 50_000


@dataclass(frozen=True)
class Examination:
    """What is done at one go; it can be pickled."""

    family: str
    name: str
    look: Callable[[], Examined]


def oracle_examinations(deep: bool, seed: int, families: Collection[str]) -> Iterator[Examination]:
    """One system an examination: all of the table, or one of each family. One of each family is also drawn."""
    for family in dict.fromkeys(system.family for system in systems()):
        if family not in families:  # which is typical takes a while
            continue
        shown = typical(family)
        for system in systems() if deep else (shown,):
            if system.family == family:
                look = partial(examine, system, seed, AT_DEPTH, system is shown)
                yield Examination(family, system.name, look)
    for family in population.FAMILIES:
        known = population.known(family)
        for parameters, exact in known if deep else known[-1:]:
            look = partial(population.examine_population, family, parameters, exact, seed)
            yield Examination(family, f"{family} {parameters}", look)
    for case in bursts.bursts():  # they take no time
        yield Examination(bursts.FAMILY, case[0], partial(bursts.examine_burst, *case))


def engine_examinations(deep: bool, seed: int, families: Collection[str]) -> Iterator[Examination]:
    """Drawn plans."""
    for part, plans in engines.parts(PLANS_DEEP if deep else PLANS):
        yield Examination("engines", f"plans, part {part + 1}", partial(engines.agreement, part, plans, seed))


def planner_examinations(deep: bool, seed: int, families: Collection[str]) -> Iterator[Examination]:
    """Capacities that are known; in depth, a cheapest fleet."""
    if deep:
        yield Examination("sizing", "a thousand fleets", planners.cheapest_of_a_thousand)
    known = planners.capacities()
    for parameters, exact in known if deep else known[:1]:
        look = partial(planners.known_capacity, parameters, exact, seed)
        yield Examination(planners.FAMILY, f"capacity {parameters}", look)


def coverage_examinations(deep: bool, seed: int, families: Collection[str]) -> Iterator[Examination]:
    """The intervals on trial; in depth only."""
    if deep:
        for tolerance, seeds in capacity_coverage.EFFORTS:
            for trial in capacity_coverage.TRIALS:
                look = partial(capacity_coverage.of_a_capacity, trial, tolerance, seeds, seed)
                yield Examination("intervals", f"capacity by {trial.name}, {tolerance:.0%}", look)
        for utilisation in (0.8, 0.9):
            yield Examination("intervals", f"p99 at {utilisation}", partial(coverage.of_p99, utilisation, seed))
        for utilisation in (0.5, 0.8):
            look = partial(coverage.of_a_difference, utilisation, seed)
            yield Examination("intervals", f"difference of p99 at {utilisation}", look)
        for on_trial in percentile_coverage.QUEUES:
            for queries in percentile_coverage.QUERIES:
                look = partial(percentile_coverage.of_percentiles, on_trial, queries, seed)
                yield Examination("intervals", f"percentiles of {on_trial.name}, {queries}", look)
        for queue in mean_coverage.QUEUES:
            yield Examination("intervals", f"mean of {queue.name}", partial(mean_coverage.of_a_mean, queue, seed))


def law_examinations(deep: bool, seed: int, families: Collection[str]) -> Iterator[Examination]:
    """The laws of scenarios, by the kit's own luck."""
    profile = book.PROFILE_DEEP if deep else book.PROFILE
    yield Examination(book.FAMILY, "drawn scenarios", partial(book.drawn_scenarios, profile))


#: What makes the examinations of a verification, the long ones first. What comes to the program comes in here.
MAKERS: tuple[Callable[[bool, int, Collection[str]], Iterator[Examination]], ...] = (
    planner_examinations,
    coverage_examinations,
    law_examinations,
    engine_examinations,
    oracle_examinations,
)


def examinations_of(deep: bool, seed: int, families: Collection[str]) -> list[Examination]:
    """The examinations of a verification of some families."""
    return [one for make in MAKERS for one in make(deep, seed, families) if one.family in families]


#: Families besides those of systems; the second ones in depth only.
OTHERS, OTHERS_DEEP = ("engines", "laws"), ("intervals", "sizing")


def families_of(deep: bool = False) -> list[str]:
    """The names that ``families`` may have, in order of the report."""
    own = {row["family"] for row in rows()} | {system.family for system in systems()}
    return [*(name for name in VERIFIED if name in own), *OTHERS, *(OTHERS_DEEP if deep else ())]


@dataclass(frozen=True, repr=False)
class Verification(Shown):
    """What a verification found."""

    kind: ClassVar[str] = "verify"

    deep: bool
    seed: int
    families: tuple[str, ...]
    whole: bool  #: all families were asked for
    lines: tuple[Line, ...]
    quantiles: tuple[Quantiles, ...]
    done: int  #: examinations
    total: int
    interrupted: bool
    wall_s: float

    @property
    def failures(self) -> tuple[Line, ...]:
        """The lines that failed."""
        return tuple(line for line in self.lines if line.failed)

    @property
    def exit_code(self) -> int:
        """0: every line holds; 99: one failed; 130: interrupted."""
        return 130 if self.interrupted else 99 if self.failures else 0

    def to_dict(self) -> documents.Verification:
        """As written to ``results.json``."""
        return {
            "schema": 1,
            "deep": self.deep,
            "seed": self.seed,
            "families": list(self.families),
            "whole": self.whole,
            "failed": len(self.failures),
            "failures": list(FAILURES),
            "interrupted": self.interrupted,
            "done": self.done,
            "total": self.total,
            "verdicts": dict(Counter(line.verdict for line in self.lines)),
            "false_alarms": budget(self.lines),
            "lines": [line.to_dict() for line in self.lines],
            "quantiles": [
                {"family": one.family, "configuration": one.configuration, "rows": [list(row) for row in one.rows]}
                for one in self.quantiles
            ],
            "verified": {name: {"system": known.system, "source": known.source} for name, known in VERIFIED.items()},
            "not_yet": NOT_YET,
            "wall_s": self.wall_s,
            "versions": versions(),
        }

    def to_frame(self) -> Any:
        """One row a line, as a ``pandas.DataFrame``. Raises ImportError without pandas."""
        return frame([line.to_dict() for line in self.lines])

    def _repr_html_(self) -> str:
        title = f"{len(self.lines)} lines, {len(self.failures)} failed"
        return html(title, [line.to_dict() for line in self.lines])


def verify(
    families: Sequence[str] | None = None,
    *,
    deep: bool = False,
    seed: int = 0,
    jobs: int = 1,
    progress: Callable[[Standing], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Verification:
    """Hold this version against everything that is known of the systems that it can express.

    Parameters
    ----------
    families
        Some of ``families_of(deep)``; None: all.
    deep
        All configurations of each family instead of one, 50,000 plans instead of 1,000, the coverage of the intervals,
        and the cheapest of a thousand fleets by brute force.
    seed
        Of all luck.
    jobs
        Processes. What is found does not depend on it.
    progress, say
        As for ``execute``.

    Raises
    ------
    ValueError
        If there is no such family.
    """
    known = families_of(deep)
    unknown = [name for name in families or () if name not in known]
    if unknown:
        raise ArgumentError(f"no family is called {unknown[0]!r}; there are {', '.join(known)}")
    began = time.monotonic()
    examinations = examinations_of(deep, seed, known if families is None else families)
    finished: dict[int, Examined] = {}
    interrupted = False
    try:
        execution = Execution(jobs=jobs, progress=progress, say=say)
        compile_all(say)  # before any process starts: plans are drawn that go every way
        for index, examined in execute(_look, examinations, execution):
            finished[index] = examined  # noqa: PERF403  (an interruption keeps what is there)
    except KeyboardInterrupt:
        interrupted = True
    order = sorted(finished, key=lambda index: (known.index(examinations[index].family), index))
    return Verification(
        deep,
        seed,
        tuple(name for name in known if families is None or name in families),
        families is None,
        tuple(line for index in order for line in finished[index].lines),
        tuple(one for index in order if (one := finished[index].quantiles) is not None),
        len(finished),
        len(examinations),
        interrupted,
        time.monotonic() - began,
    )


def _look(examination: Examination) -> Examined:
    """What an examination finds; a run that contradicts a law on its own account is a line, too."""
    try:
        return examination.look()
    except ContradictionError as error:
        message = str(error).splitlines()[0]
        line = Line(examination.family, examination.name, "run", None, None, None, None, CONTRADICTED, note=message)
        return Examined((line,))
