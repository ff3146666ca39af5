"""A door on paper: how many queries it sheds, where that is known, and at least.

So many in flight before an exponential stage are M/M/c/K, of as many places as workers Erlang's B (1917). A bucket of
tokens before a Poisson stream holds as many as M/D/1/K has free places: what it lacks is the work that is left there.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from simulator.core.admission import ANY_NUMBER, has_door, may_shed_itself, without_door
from simulator.core.plan import ARRIVE_POISSON, Plan
from simulator.core.retrying import may_retry
from simulator.documents import paper, run
from simulator.theory import certain, clients, door, queues
from simulator.theory.check import AGREES, CONTRADICTED, FEWEST_REPLICATIONS, NOT_CHECKED, OUTSIDE, Finding, far_ends
from simulator.theory.funnel import stages_of
from simulator.theory.prediction import EXACT
from simulator.theory.stages import PaperStage

#: Tokens of a bucket of which figures are worked out, at most.
MOST_TOKENS = 200
TOKENS = "M/D/1/K of as many places as tokens (Keilson, 1966)"


def at_door(plan: Plan, is_stationary: bool = True) -> door.AtDoor | None:
    """What a door does; None: there is none. ``is_stationary``: the rate is constant."""
    if not has_door(plan):
        return None
    most, gap_s = int(plan.door[0]["most"]), certain.token_s(plan)
    most_per_s = 1 / gap_s if gap_s > 0 else math.inf
    if most != ANY_NUMBER:
        open_plan = replace(without_door(plan), clients=0)
        alone_s, asked_s = clients.least_s(open_plan), certain.busiest_at_one(open_plan)
        most_per_s = min(most_per_s, most / alone_s if alone_s > 0 else math.inf)
        most_per_s = min(most_per_s, 1 / asked_s if asked_s > 0 else math.inf)
    least = 0.0 if plan.clients else max(0.0, 1 - most_per_s / plan.rate_per_s)
    ratio, law = _loss(plan, stages_of(plan)) if is_stationary and not plan.clients else (None, "")
    return door.AtDoor(most_per_s, least, ratio, law)


def _loss(plan: Plan, stages: Sequence[PaperStage]) -> tuple[float | None, str]:
    """Share of a Poisson stream that is shed, and the law that says so; None where none does."""
    most, gap_s = int(plan.door[0]["most"]), certain.token_s(plan)
    if plan.arrival_kind != ARRIVE_POISSON:
        return None, ""
    if most == ANY_NUMBER:
        if may_retry(plan) or may_shed_itself(plan):
            return None, ""  # what comes to the door is not a Poisson stream
        tokens = int(plan.door[0]["most_debt"]) // int(plan.door[0]["token"]) + 1
        if tokens > MOST_TOKENS:
            return None, ""
        return queues.crommelin_loss(plan.rate_per_s * gap_s, tokens), TOKENS
    places = door.places_of(plan, stages)
    if places is None:
        return None, ""
    loss, _ = queues.finite_mmc(plan.rate_per_s, *places)
    return loss, door.LAW


def shed_finding(known: door.AtDoor | None, summary: run.Figures) -> list[Finding]:
    """What a run says of the share that is shed."""
    if known is None or known.exact_ratio is None or "admission" not in summary:
        return []
    shed, expected = summary["admission"]["shed_ratio"], known.exact_ratio
    verdict: paper.Verdict = NOT_CHECKED
    replications = summary["replications"]
    if summary["verdict"] == "stable" and replications >= FEWEST_REPLICATIONS:
        share = shed["value"], shed["low"], shed["high"]
        low, high = far_ends(share, replications)
        verdict = AGREES if shed["low"] <= expected <= shed["high"] else OUTSIDE
        verdict = verdict if low <= expected <= high else CONTRADICTED
    return [Finding(known.law, "shed", None, EXACT, expected, shed["value"], shed["low"], shed["high"], verdict)]
