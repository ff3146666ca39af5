"""Memory that replications take, worked out before they run: ``docs/design/measurements.md`` says how well."""

import math
from dataclasses import dataclass

from simulator.base import room
from simulator.base.errors import ScenarioError
from simulator.base.formats import counted, format_size
from simulator.core.heard import rows_of
from simulator.core.hosted import is_owner, kept_width
from simulator.core.sources import score_alike, stages_kept
from simulator.engines import REFERENCE
from simulator.planner.extents import about_queries
from simulator.planner.load import refusal
from simulator.planner.plans import Plans
from simulator.running.execution import Execution, Say
from simulator.scenario import ClosedArrivals, Scenario, autoscale, caches

#: Bytes a query: its arrival and outcome; and a stage: six instants, the critical shard.
QUERY, STAGE = 9, 52
#: Bytes a query and stage where candidates differ.
CANDIDATES = SOURCE = 8
#: Bytes a query and stage where some stage may close without all of its answers: outcome, answers and coverage; and of
#: a query while it is under way, there or where copies are sent; and where it may leave shards out.
GATHERED, WAITING, VISITING = 17, 64, 24
#: Bytes a query under way: its luck and work while they are drawn, and its place in the loop of events.
UNDER_WAY = 48
#: Bytes a query whose load has classes or phases: its group, and luck while it is drawn; and while figures are made.
GROUP, OF_GROUPS = 24, 24
#: Bytes a query that a client has sent: whose it is; and while it is under way, when it arrives and whose it is; and a
#: client that thinks: when it comes back. While arrivals are found there is a trace, too.
SENT, FOUND, CLIENT = 8, 16, 32
#: Bytes a query while it is found who is shed, besides a trace: when it arrives and is over, and what becomes of it.
AT_DOOR = 33
#: Bytes a query while it is found how many replicas serve; and a task that an autoscaler still looks at: its row of a
#: table that grows to twice its size, and what is worked out of it.
FOUND_STEPS, SEEN = 24, 480
#: Bytes an attempt while it is found: of which query it is, which of its, when it comes, its work and its class.
ATTEMPT = 40
#: Bytes a measured query while the statistics look at one series: the values, in order, and a copy.
SERIES = 24
#: Bytes a replica of each trace: ten counters, and one more where workers stay taken when their answers have gone; and
#: while it runs, a queue and its machine.
COUNTERS, LONGER, REPLICA = 80, 8, 80
#: Bytes a worker while it runs; a process of SimPy that waits.
WORKER, WORKER_OF_SIMPY = 24, 1250
#: Bytes a replica and slowdown while it runs: where it is among its stretches; of the reference engine, as objects.
STRETCH, STRETCHES_OF_SIMPY = 24, 800
#: Bytes a replica while it runs that may crash: when it is down.
SPELL, SPELLS_OF_SIMPY = 40, 900
#: Bytes a replica while it runs whose tasks share its workers: what they have gained.
SHARE = 32
#: Bytes a replica with tasks of its own: counters, and the next one on its way; of the reference engine, as objects.
BESIDE, BESIDE_OF_SIMPY = 64, 1600
#: Bytes a query and shard of a stage whose replicas others go to where it has been.
WON = 4
#: Bytes a key of the cache of a stage: links to the keys before and after it; of the reference engine, of those held.
KEY, KEY_OF_SIMPY = 8, 100
#: Bytes a queue as a balancer sees it.
VIEW = 8
#: Bytes a query of a load that is only looked at.
LOOKED_AT = 16
#: Bytes of a process with all modules and kernels.
PROCESS = 200_000_000


@dataclass(frozen=True)
class Need:
    """Bytes that replications take at their fullest."""

    queries_bytes: float  #: what grows with queries and replications
    fleet_bytes: float  #: what grows with replicas, workers and balancers, and keys of caches

    @property
    def bytes(self) -> float:
        """All of it."""
        return self.queries_bytes + self.fleet_bytes


def needed(plans: Plans, engine: str, jobs: int, replications: int, kept_stages: int | None = None) -> Need:
    """What so many replications take, so many of them (``jobs``) under way at a time.

    ``kept_stages``: latencies alone are kept of each, of so many stages and of whole queries; None: its whole trace.
    """
    scenario, rows = plans.scenario, plans.system.stages
    queries, measured = about_queries(scenario)
    stages, jobs = len(rows), min(jobs, replications)
    differs = any(stage.speaks_of_answers or stage.loses or stage.fan_out is not None for stage in scenario.stages)
    differs |= bool(rows["drops"].any())
    is_partial = differs or any(stage.share is not None or caches.has_cache(stage) for stage in scenario.stages)
    is_partial |= scenario.admission is not None or (scenario.client is not None and scenario.client.sheds)
    is_keen = differs or any(stage.sends_copies for stage in scenario.stages)
    varies = scenario.run.drain_s is not None or not score_alike(plans.system) or is_partial
    trace = QUERY + stages * (STAGE + (CANDIDATES if varies else 0) + (GATHERED if is_partial else 0))
    trace += SOURCE * len(stages_kept(rows))
    kept = trace if kept_stages is None else 8.0 * (1 + kept_stages)
    waiting = (WAITING if is_keen else 0) + (VISITING if bool((rows["fans_out"] == 1).any()) else 0)
    waiting += WON * kept_width(rows)
    under_way = jobs * queries * (UNDER_WAY + waiting + (0 if kept_stages is None else trace))
    looked_at = replications * measured * float(SERIES)
    if any(scenario.load.group_names().values()):
        under_way += jobs * queries * GROUP
        looked_at += replications * queries * OF_GROUPS if kept_stages is None else 0
    arrivals, others = scenario.load.arrivals, scenario.load.clients
    if scenario.load.has_clients:
        kept += SENT if kept_stages is None else 0.0
        clients = arrivals.clients if isinstance(arrivals, ClosedArrivals) else others.count if others else 0
        found = queries * (FOUND + (trace if kept_stages is None else 0)) + CLIENT * clients
        under_way += jobs * found
    elif scenario.admission is not None:
        under_way += jobs * queries * (AT_DOOR + (trace if kept_stages is None else 0))
    if scenario.client is not None and (scenario.client.retries or scenario.client.sheds):
        each = 1.0 + scenario.client.retries
        kept, under_way = kept * each, under_way * each + jobs * queries * each * (ATTEMPT + trace)
    under_way += jobs * _looked_at(plans, queries)
    by_query = replications * queries * kept + max(under_way, looked_at)
    replicas, views = plans.system.replicas, plans.system.views
    workers = float((rows["shards"].astype(float) * rows["replicas"] * rows["workers"])[is_owner(rows)].sum())
    is_simpy = engine == REFERENCE
    running = (
        REPLICA * replicas
        + VIEW * views * rows_of(rows["counts"])
        + (WORKER_OF_SIMPY if is_simpy else WORKER) * workers
    )
    slowdowns = int(rows["slowdowns"].max())
    running += (STRETCHES_OF_SIMPY if is_simpy else STRETCH) * slowdowns * replicas
    beside = (BESIDE_OF_SIMPY if is_simpy else BESIDE) * replicas
    running += beside * any(stage.background is not None for stage in scenario.stages)
    running += (SPELLS_OF_SIMPY if is_simpy else SPELL) * replicas * int(rows["fails"].any())
    running += float(
        KEY_OF_SIMPY * rows["cached"].sum() if is_simpy else KEY * rows["catalogue"][rows["cached"] > 0].sum()
    )
    running += SHARE * replicas * int(rows["sharing"].any())
    processes = PROCESS * jobs if is_simpy and jobs > 1 else 0
    counters = COUNTERS + (LONGER if any(stage.after_answer is not None for stage in scenario.stages) else 0)
    return Need(by_query + processes, replications * counters * replicas + jobs * running)


def _looked_at(plans: Plans, queries: float) -> float:
    """Bytes of a replication while it is found how many replicas serve: of the tasks that are looked at, and the rest.

    Those of a period, and of what is not known yet, at the rate of the load; at most all.
    """
    rules = [one.autoscale for one in plans.scenario.stages if one.autoscale and autoscale.is_scaled(one)]
    if not rules:
        return 0.0
    longest_s = max(rule.period_s + rule.metric_delay_s for rule in rules)
    seen = min(queries, plans.outline().rate_per_s * longest_s) * plans.system.shards
    return FOUND_STEPS * queries + SEEN * float(seen)


def refuse(plans: Plans, engine: str, jobs: int, replications: int, kept_stages: int | None = None) -> Need:
    """What they take.

    Raises
    ------
    ScenarioError
        If that is more than there is, with both figures.
    """
    need, there = needed(plans, engine, jobs, replications, kept_stages), room.room()
    why = None if there is None else there.refusal(need.bytes)
    if why is not None:
        raise too_much(plans, need, replications, why)
    return need


def announce(taken_bytes: float, say: Say | None) -> None:
    """Say what something takes before it begins, if that is much."""
    if say is not None and taken_bytes >= room.MUCH_BYTES:
        say(f"about {format_size(taken_bytes)} of memory at a time")


def refuse_load(scenario: Scenario) -> None:
    """Raise ScenarioError if one replication's arrivals alone, as they are looked at, are more than there is."""
    there, (queries, _) = room.room(), about_queries(scenario)
    why = None if there is None else there.refusal(LOOKED_AT * queries)
    if why is not None:
        message = f"a load of {counted(queries, 'query')}, warm-up included, takes {why}: ask for fewer queries"
        raise refusal(scenario, "run", message)


def refuse_in_full(plans: Plans, execution: Execution, kept_stages: int) -> None:
    """Raise ScenarioError if the queries of a run in full are more than there is, whatever the fleet; else say it."""
    replications = plans.scenario.run.replications
    need = needed(plans, execution.engine, execution.jobs, replications, kept_stages)
    need, there = Need(need.queries_bytes, 0.0), room.room()
    why = None if there is None else there.refusal(need.bytes)
    if why is not None:
        raise too_much(plans, need, replications, why)
    announce(need.bytes, execution.say)


def too_much(plans: Plans, need: Need, replications: int, why: str) -> ScenarioError:
    """The mistake of a scenario that takes more memory than there is."""
    if need.fleet_bytes > need.queries_bytes:
        has_keys = any(caches.has_cache(stage) for stage in plans.scenario.stages)
        what = "replicas, workers, balancers and keys of caches" if has_keys else "replicas, workers and balancers"
        message = f"the {what} of {counted(replications, 'replication')} take {why}"
        return refusal(plans.scenario, "stages", f"{message}: have fewer of them, or fewer jobs at a time")
    each = about_queries(plans.scenario)[0]
    message = f"{counted(replications, 'replication')} of {counted(each, 'query')}, warm-up included, take {why}"
    return refusal(plans.scenario, "run", f"{message}: ask for fewer queries, replications, or jobs at a time")


def affordable(plans: Plans, engine: str, jobs: int) -> int | None:
    """Replications whose whole traces there is room for, at least one; None: nobody knows."""
    there = room.room()
    if there is None:
        return None
    each = (needed(plans, engine, jobs, 2 * jobs + 2).bytes - needed(plans, engine, jobs, 2 * jobs + 1).bytes) or 1.0
    most = math.floor(there.there_bytes / each)  # about: what is under way or looked at counts, too
    while most > 1 and needed(plans, engine, jobs, most).bytes > there.there_bytes:
        most -= max(1, math.floor(0.01 * most))
    return max(1, most)
