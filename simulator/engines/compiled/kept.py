"""What the Recorder writes, before anything has happened; and what is known of stages besides their plan."""

import numpy as np

from simulator.core import breakers
from simulator.core.admission import DOORWAY, has_door, may_shed_itself
from simulator.core.clients import are_unknown, is_unknown
from simulator.core.columns import SHED, UNFINISHED
from simulator.core.following import follows, nobody
from simulator.core.hosted import has_company, kept_width
from simulator.core.lateness import gives_up
from simulator.core.laws.sampling import is_drawn
from simulator.core.plan import CANDIDATES, CONSTANT, NEVER_NS, TIME, Plan, Rows
from simulator.core.retrying import TELLER, are_attempts_unknown, seen
from simulator.core.service import stays_taken
from simulator.core.sources import first_kept, is_hashed, score_alike, scores_by_class, sources_of, stages_kept
from simulator.engines.compiled import records
from simulator.engines.compiled.caches import caches_of
from simulator.engines.compiled.events import COLUMNS
from simulator.engines.compiled.records import Given, Kept
from simulator.engines.compiled.scaling import steps_of_run

#: Up to so many shards a pass does all for a task at once.
NARROW = 4


def kept_of(plan: Plan, rows: int, is_partial: bool, is_keen: bool, is_longer: bool, is_beside: bool) -> Kept:
    """Columns of the Trace: a run without a cut fills all of them, another what it reaches.

    Parameters
    ----------
    plan
        What is simulated.
    rows
        Of the table of tasks; 0: it is not asked for.
    is_partial, is_keen, is_longer, is_beside
        Whether a stage may be partial, some answers are not needed, some worker stays taken when its answer has gone,
        and some replica has tasks of its own: others have no such columns.
    """
    stages, queries, is_found = len(plan.stages), plan.queries, are_unknown(plan)
    is_sent_again = are_attempts_unknown(plan)
    is_shed_itself = is_sent_again and may_shed_itself(plan)
    is_at_door, in_flight = is_unknown(plan) and has_door(plan), 0
    if is_at_door:
        in_flight = min(queries, max(0, int(plan.door[0]["most"])))
    outcome = np.zeros(queries, dtype=np.int8)
    outcome[: len(plan.shed)][plan.shed > 0] = SHED
    is_endless = plan.drain_ns == NEVER_NS and not gives_up(plan)
    columns = 1 if is_endless and score_alike(plan) and not is_partial else queries
    if is_endless and not is_partial:
        instants = np.empty((records.INSTANTS, stages, queries), dtype=np.int64)
        critical_shard = np.empty((stages, queries), dtype=np.int32)
    else:
        instants = np.full((records.INSTANTS, stages, queries), -1, dtype=np.int64)
        critical_shard = np.full((stages, queries), -1, dtype=np.int32)
    return Kept(
        instants=instants,
        candidates=np.full((stages, columns), -1.0),
        critical_shard=critical_shard,
        outcome=outcome,
        counters=np.zeros((records.COUNTERS, plan.replicas), dtype=np.int64),
        batches=np.zeros(plan.batch_sizes, dtype=np.int64),
        table=np.full((records.TABLE, rows), -1, dtype=np.int64),
        source_answer_ns=np.full((len(stages_kept(plan.stages)), queries), -1, dtype=np.int64),
        stage_outcome=np.full((stages * is_partial, queries), UNFINISHED, dtype=np.int8),
        answers=np.full((stages * is_partial, queries), -1, dtype=np.int64),
        coverage=np.full((stages * is_partial, queries), -1.0),
        spared=np.zeros((records.SPARED, plan.replicas * is_keen), dtype=np.int64),
        after_ns=np.zeros(plan.replicas * is_longer, dtype=np.int64),
        background=np.zeros((2, plan.replicas * is_beside), dtype=np.int64),
        won=nobody(queries, kept_width(plan.stages)),
        client_of=np.zeros(queries * is_found, dtype=np.int64),
        thoughts=np.zeros(plan.clients * is_found, dtype=np.int64),
        thinking=np.zeros(1, dtype=records.LIST),
        comes=np.zeros((plan.clients * is_found, COLUMNS), dtype=np.int64),
        query_of=np.zeros(queries * is_sent_again, dtype=np.int64),
        number=np.zeros(queries * is_sent_again, dtype=np.int64),
        sender=np.zeros(queries * (is_sent_again and is_found), dtype=np.int64),
        work=np.zeros(queries * is_sent_again),
        class_of=np.zeros(len(plan.class_of) * is_sent_again, dtype=np.int64),
        teller=np.zeros(1, dtype=TELLER),
        settled=np.zeros(len(plan.classes) if plan.drops else 1, dtype=np.int64),
        processes=breakers.first_processes(plan),
        windows=np.zeros((queries * (is_sent_again and breakers.breaks(plan)), 3), dtype=np.int64),
        telling=np.zeros(1, dtype=records.LIST),
        news=np.zeros((queries * is_shed_itself, COLUMNS), dtype=np.int64),
        pausing=np.zeros(1, dtype=records.LIST),
        again=np.zeros((queries * is_sent_again, COLUMNS), dtype=np.int64),
        shed=np.zeros(queries * (is_at_door or is_shed_itself), dtype=np.int8),
        doorway=np.zeros(1, dtype=DOORWAY),
        flights=np.zeros(1, dtype=records.LIST),
        ends=np.zeros((in_flight, COLUMNS), dtype=np.int64),
        same=np.zeros((2, plan.shards)),
        same_for=np.full((2, stages), np.nan),
        **caches_of(plan),
        **steps_of_run(plan),
    )


def filling(given: Given, kept: Kept, is_sent_again: bool) -> Given:
    """What the plan says, with views of what is found meanwhile: of attempts, and of who serves."""
    if is_sent_again:
        given = given._replace(work=seen(kept.work), class_of=seen(kept.class_of))
    return given._replace(left=seen(kept.serving)) if len(kept.serving) else given


def is_alike(plan: Plan, stage: int) -> bool:
    """Whether queries that score as many candidates in a stage, with the same factor, have the same work.

    What several sources score in all does not say what each does, but where all say how many.
    """
    laws = [int(plan.sources[source]["law"]) for source in sources_of(plan.stages, stage)]
    drawn = [is_drawn(plan.laws, law + role) for law in laws for role in (CANDIDATES, TIME)]
    are_same = not scores_by_class(plan.stages, plan.sources, stage)
    is_known = len(laws) == 1 or (are_same and all(plan.laws[law + CANDIDATES]["kind"] == CONSTANT for law in laws))
    unlike = is_drawn(plan.work_law, 0) or is_hashed(plan.stages, plan.sources, stage) or follows(plan.stages, stage)
    return is_known and not (any(drawn) or unlike)


def modes_of(plan: Plan, whole: Plan, workers: int, tasks: bool, at_once: int) -> Rows:
    """What the engine knows of the stages of a plan besides it.

    ``whole``: before shards in lockstep are one; ``workers``: of all its replicas; ``tasks``: whether their table is
    asked for; ``at_once``: tasks whose luck is drawn at once.
    """
    modes = np.zeros(len(plan.stages), dtype=records.MODE)
    modes["first_kept"] = first_kept(plan.stages)
    worker, merger = 0, workers
    for stage, (mode, row, before) in enumerate(zip(modes, plan.stages, whole.stages, strict=True)):
        mode["answers"] = before["shards"]
        mode["in_lanes"] = mode["answers"] > row["shards"]
        mode["block"] = 1 if row["cached"] else max(1, at_once // int(row["shards"]))
        is_plain = not mode["in_lanes"] and not stays_taken(plan.laws, stage)
        mode["is_narrow"] = row["shards"] <= NARROW and is_plain and not tasks
        mode["first_worker"], mode["first_merger"] = worker, merger
        owner = int(row["owner"])
        if owner == stage:
            worker += int(row["shards"] * row["replicas"] * row["workers"])
        else:
            mode["first_worker"] = modes[owner]["first_worker"]
        mode["first_seat"] = plan.stages[owner]["first_replica"]
        mode["has_same"] = is_alike(plan, stage)
        mode["is_mixed"] = has_company(plan.stages, stage) and bool(plan.is_batched[stage])
        merger += int(row["mergers"])
    return modes
