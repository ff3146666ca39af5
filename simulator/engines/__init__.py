"""The engines: each takes a Plan and returns a Trace, the same one.

``compiled`` for scale, ``reference`` to be read. Which of them runs is decided here.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from simulator.base.errors import ArgumentError, UncoveredError

if TYPE_CHECKING:
    from simulator.core.plan import Plan
    from simulator.core.trace import Trace

AUTO, COMPILED, REFERENCE = "auto", "compiled", "reference"

#: What a user may ask for; ``auto`` is the compiled engine wherever it covers the plan.
CHOICES = (AUTO, COMPILED, REFERENCE)


class Engine(Protocol):
    """What a module of an engine offers."""

    def simulate(self, plan: Plan, tasks: bool = False, *, stopped: Callable[[], bool] | None = None) -> Trace:
        """Simulate one replication."""
        ...


def chosen(asked: str, plan: Plan) -> str:
    """The engine that runs a plan: COMPILED or REFERENCE.

    Raises
    ------
    ValueError
        If ``asked`` is none of CHOICES, or (UncoveredError) an engine that does not cover the plan.
    """
    if asked not in CHOICES:
        raise ArgumentError(f"no engine is called {asked!r}; there are {', '.join(CHOICES)}")
    if asked == REFERENCE:
        return REFERENCE
    from simulator.engines.compiled import uncovered

    missing = uncovered(plan)
    if missing and asked == COMPILED:
        raise UncoveredError(f"the compiled engine does not know {missing}; ask for auto or reference")
    return REFERENCE if missing else COMPILED


def why_reference(asked: str, plan: Plan) -> str:
    """Why a plan runs in the reference engine though nobody asked for it, in words; empty: it does not."""
    if asked == AUTO and chosen(asked, plan) == REFERENCE:
        from simulator.engines.compiled import uncovered

        return f"simulated by the reference engine: the compiled engine does not know {uncovered(plan)}"
    return ""


def engine(name: str) -> Engine:
    """The module of an engine: COMPILED or REFERENCE."""
    module: Any = importlib.import_module(f"simulator.engines.{name}")
    return module  # type: ignore[no-any-return]


def compile_ahead(say: Callable[[str], None] | None = None) -> None:
    """Compile what runs need before any worker starts, if that has not been done on this machine for these sources.

    Processes that come at the same time wait for the first one. ``say`` is told when it will take a while.
    """
    from simulator.core import assemble, jit

    def compile_all() -> None:
        engine(COMPILED).simulate(assemble.smallest_plan())

    jit.compiled_once(compile_all, say)


def compile_events(say: Callable[[str], None] | None = None) -> None:
    """Compile the loop that goes event by event, and what the reference engine calls: for plans that need it."""
    from simulator.core import assemble, jit
    from simulator.core.plan import CANCEL_RUNNING, LIFO

    def compile_all() -> None:
        from simulator.engines import compiled, reference

        plan = assemble.smallest_plan()
        reference.compile_routing(plan)  # first: where the other part is compiled at once, it comes to this last
        reference.simulate(assemble.smallest_plan(max_size=2))
        reference.simulate(assemble.smallest_plan(discipline=LIFO))
        reference.simulate(assemble.smallest_plan(sharing=True))
        reference.simulate(assemble.smallest_plan(timeout_ns=9, cancels=CANCEL_RUNNING))
        compiled.simulate(plan, event_by_event=[0])

    jit.compiled_once(compile_all, say, jit.EVENTS)


def compile_clients(say: Callable[[str], None] | None = None) -> None:
    """Compile the loop that finds, looking ahead, when clients that wait send their queries, and who is shed."""
    from simulator.core import assemble, clients, jit, rules

    def compile_all() -> None:
        engine(COMPILED).simulate(clients.sent_by_clients(assemble.smallest_plan(), rules.ONE, assemble.ONE))

    jit.compiled_once(compile_all, say, jit.CLIENTS)


def compile_for(plan: Plan, say: Callable[[str], None] | None = None) -> None:
    """Compile what the compiled engine needs for a plan."""
    from simulator.core.features import features_of, may_find_ahead, may_look_ahead

    compile_ahead(say)
    may_be_ahead = may_find_ahead if plan.clients else may_look_ahead
    if not all(may_be_ahead(features_of(plan, stage)) for stage in range(len(plan.stages))):
        compile_events(say)
    elif plan.clients or len(plan.door) or len(plan.patience):
        compile_clients(say)


def compile_all(say: Callable[[str], None] | None = None) -> None:
    """Compile both parts, at the same time where there are two processors."""
    from simulator.core import jit

    other = None
    is_cold = not (jit.is_there(jit.AHEAD) or jit.is_there(jit.EVENTS))
    if is_cold and sys.executable and (os.cpu_count() or 1) > 1:
        paths = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
        code = "from simulator.engines import compile_events; compile_events()"
        nothing = subprocess.DEVNULL
        with suppress(OSError):  # then it is done here
            other = subprocess.Popen(
                [sys.executable, "-c", code],
                env={**os.environ, "PYTHONPATH": paths},
                stdin=nothing,
                stdout=nothing,
                stderr=nothing,
            )
    try:
        compile_ahead(say)
        if other is not None:
            with suppress(subprocess.TimeoutExpired):
                other.wait(jit.LONGEST_S)
    finally:
        if other is not None:
            other.kill()
            other.wait()
    compile_events(say)
