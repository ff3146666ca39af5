"""How an answer is worked out, and what is said meanwhile: ``Execution``. No figure depends on any of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

from simulator import engines
from simulator.base.errors import ArgumentError

if TYPE_CHECKING:
    from simulator.core.plan import Plan

Say = Callable[[str], None]


#: Percentiles go up to here, in percent.
LEAST_PERCENT, MOST_PERCENT = 1, 99.9999


def checked_percentiles(percentiles: Sequence[float]) -> tuple[float, ...]:
    """Percentiles in percent, if they are that. Raises ArgumentError."""
    for percent in percentiles:
        if not LEAST_PERCENT <= percent <= MOST_PERCENT:
            said = f"percentiles are in percent, from {LEAST_PERCENT} to {MOST_PERCENT}: 99 is the 99th"
            raise ArgumentError(f"{said}; got {percent:g}", "percentiles")
    return tuple(percentiles)


class Here(TypedDict, total=False):
    """Keywords of a public function that works in this process and on its threads and processes."""

    jobs: int
    engine: str
    progress: Callable[..., None] | None
    say: Say | None


class Spread(TypedDict, total=False):
    """Keywords of a public function whose work goes to local processes or to a cluster, on the engine that suits it."""

    jobs: int
    cluster: str | None
    progress: Callable[..., None] | None
    say: Say | None


class Anywhere(Here, total=False):
    """Keywords of a public function whose work can go to a cluster, too."""

    cluster: str | None


@dataclass(frozen=True)
class Execution:
    """How an answer is worked out, and what is said meanwhile."""

    jobs: int = 1  #: pieces of work at a time
    cluster: str | None = None  #: address of a Dask scheduler, whose workers take the place of local processes
    engine: str = engines.AUTO  #: as requested; COMPILED or REFERENCE once it is settled
    progress: Callable[..., None] | None = None  #: called as the work goes on, with what the function that works says
    say: Say | None = None  #: called with a line when a wait begins: the first run of a version compiles the engine

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise ArgumentError(f"jobs is at least 1, got {self.jobs}", "jobs")

    @classmethod
    def here(
        cls,
        *,
        jobs: int = 1,
        engine: str = engines.AUTO,
        progress: Callable[..., None] | None = None,
        say: Say | None = None,
    ) -> Execution:
        """One that no cluster takes part in."""
        return cls(jobs=jobs, engine=engine, progress=progress, say=say)

    @classmethod
    def spread(
        cls,
        *,
        jobs: int = 1,
        cluster: str | None = None,
        progress: Callable[..., None] | None = None,
        say: Say | None = None,
    ) -> Execution:
        """One on the engine that suits each piece of work."""
        return cls(jobs=jobs, cluster=cluster, progress=progress, say=say)

    def tell(self, *standing: Any) -> None:
        """Call ``progress`` if there is one."""
        if self.progress is not None:
            self.progress(*standing)

    def settled(self, plan: Plan) -> Execution:
        """With the engine that runs a plan, compiled if that is to be done.

        Raises
        ------
        ValueError
            If there is no such engine, or it does not cover the plan.
        """
        name = engines.chosen(self.engine, plan)
        if name == engines.COMPILED:
            engines.compile_for(plan, self.say)
        return replace(self, engine=name)

    def alone(self) -> Execution:
        """For one of many pieces of work: one thing at a time, here, saying nothing."""
        return Execution(engine=self.engine)
