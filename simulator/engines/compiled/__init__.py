"""The compiled engine: the same sample path as the reference engine, in arrays, without an event a task.

A stage whose tasks' starts and finishes follow from what was sent before them *looks ahead* (``passes``). Where all
stages do, there is no event list at all (``ahead``); else all that is not looked ahead at happens event by event
(``loop``, a file a kind of event). Shards in lockstep are simulated once (``lockstep``). Each loop is compiled when it
is first needed. The Trace is equal to the reference engine's in every column.
"""

from collections.abc import Callable, Collection

from simulator.base.errors import BeyondTimeError
from simulator.core import features
from simulator.core.calling import why_not_compiled
from simulator.core.clients import Found, are_unknown, is_unknown, known_arrivals, unbounded, with_arrivals
from simulator.core.plan import Plan
from simulator.core.retrying import are_attempts_unknown
from simulator.core.scaling import are_steps_unknown
from simulator.core.trace import Trace
from simulator.engines.compiled.ahead import DONE, FAULT, FULL, OVERFLOW
from simulator.engines.compiled.clients import begin
from simulator.engines.compiled.pacing import Paced, find_paced
from simulator.engines.compiled.run import BUDGET, Run
from simulator.engines.compiled.scaling import ALL_OVER, LOOK


class Stopped(Exception):
    """The run was asked to stop before it was finished."""


def simulate(
    plan: Plan,
    tasks: bool = False,
    *,
    event_by_event: Collection[int] = (),
    stopped: Callable[[], bool] | None = None,
) -> Trace:
    """Simulate one replication and return its trace.

    Parameters
    ----------
    plan
        What to simulate.
    tasks
        Whether to keep every task's instants too.
    event_by_event
        Stages that do not look ahead even where they could, and with them all behind the first of these: the same
        trace, for tests and benchmarks.
    stopped
        Asked now and then; the run ends once it says so.

    Raises
    ------
    BeyondTimeError
        If an instant lies beyond 2**62 ns.
    PluginError
        If a user's rule goes wrong.
    Stopped
        If ``stopped`` said so.
    """
    if is_unknown(plan):

        def find(unknown: Plan, queries: int) -> Found:
            if are_steps_unknown(unknown):
                paced = finding(unknown, unknown.queries, range(len(plan.stages)), Paced)
                assert isinstance(paced, Paced)
                return find_paced(unknown, paced, lambda run: goes_on(run, stopped))
            run = finished(lambda slow: finding(unknown, queries, slow), event_by_event, stopped)
            found, there = run.kept, int(run.clock["cursor"][0])
            arrival_ns, client_of, shed = run.given.entering_ns, found.client_of, found.shed
            of_attempts = found.query_of[:there]
            return Found(arrival_ns[:there], client_of[:there], shed[:there], of_attempts, plan.provided)

        plan = with_arrivals(plan, find)
    return finished(lambda slow: Run(plan, tasks, slow), event_by_event, stopped).trace()


def finding(plan: Plan, until: int, event_by_event: Collection[int], kind: type[Run] = Run) -> Run:
    """A run that finds so many arrivals, and who is shed, looking ahead where all stages do, else event by event.

    Raises BeyondTimeError.
    """
    arrival_ns, everything = known_arrivals(plan), range(len(plan.stages))
    of_stages = [features.features_of(plan, stage) for stage in everything]
    is_ahead = all(features.may_find_ahead(one) for one in of_stages)
    slow = event_by_event if is_ahead and not event_by_event else everything
    if are_attempts_unknown(plan):
        run = kind(unbounded(plan, arrival_ns), False, slow, arrival_ns, fresh=plan)
        if not are_unknown(plan):
            run.given.entering_ns[0] = plan.arrival_ns[0]
        elif not begin(run.given, run.kept):
            raise BeyondTimeError
        return run
    run = kind(unbounded(plan, arrival_ns), False, slow, arrival_ns[:until])
    if are_unknown(plan) and not begin(run.given, run.kept):
        raise BeyondTimeError
    return run


def finished(
    made: Callable[[Collection[int]], Run], event_by_event: Collection[int], stopped: Callable[[], bool] | None
) -> Run:
    """The run that is made so, when everything has happened; raises as ``simulate`` does."""
    run = made(event_by_event)
    while True:
        why = run.advance(BUDGET)
        if why == DONE:
            return run
        if why == FAULT and run.ahead > 0 and sum(rule is not None for rule in run.whole.rules) > 1:
            # of several rules, which went wrong first is a matter of the order of events
            return finished(made, range(len(run.whole.stages)), stopped)
        see_to(run, why, stopped)


def see_to(run: Run, why: int, stopped: Callable[[], bool] | None) -> None:
    """A run came back for another reason than that it is done: it may go on then, or this raises as ``simulate``."""
    run.calls.check()
    if why == OVERFLOW:
        raise BeyondTimeError
    if why == FULL:
        run.grow()
    if stopped is not None and stopped():
        raise Stopped


def goes_on(run: Run, stopped: Callable[[], bool] | None) -> bool:
    """Let a run that is paced go on until it is to be looked at; False: all has happened."""
    while (why := run.advance(BUDGET)) not in (LOOK, ALL_OVER, DONE):
        see_to(run, why, stopped)
    return why == LOOK


def uncovered(plan: Plan) -> str:
    """What of the plan this engine does not know, in words; empty: it knows all of it."""
    for stage in range(len(plan.stages)):
        for feature in sorted(features.features_of(plan, stage) - features.COMPILED, key=lambda one: one.value):
            return feature.name.lower().replace("_", " ")  # pragma: no cover (it knows all of today's)
    return why_not_compiled(plan)
