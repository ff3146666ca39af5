"""The closed forms and bounds that hold for a plan at a constant rate."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from simulator.base.units import NS_PER_S
from simulator.core.features import Feature
from simulator.core.laws import exponential
from simulator.core.plan import ARRIVE_GAMMA, ARRIVE_POISSON, LIFO, PRIORITY, RANDOM, SHORTEST, Plan
from simulator.theory import claims, priority, queues
from simulator.theory.beside import beside_of
from simulator.theory.closed import of_clients
from simulator.theory.door import admitted
from simulator.theory.passes import passes, streams
from simulator.theory.prediction import EXACT, LOWER, UPPER, Prediction
from simulator.theory.stages import PaperStage, kinds_of_shards, mean_services_s
from simulator.theory.trust import MOST_KURTOSIS, is_nearly_normal, may_be_tested
from simulator.theory.visits import chances
from simulator.theory.zero_load import PERCENTS

#: A utilisation above it is 1, up to rounding.
FULL = 1 - 1e-9

#: A quantile as near to an atom of the law, in probability, may lie on either side of it in a sample.
NEAR_ATOM = 0.02


def closed_forms(plan: Plan, stages: list[PaperStage], utilisation: float) -> list[Prediction]:
    """What theory knows at a constant rate, or of clients; ``utilisation`` is that of the busiest station."""
    if plan.clients:
        return [] if len(plan.open_ns) else of_clients(plan, stages)
    if len(plan.patience):
        return []
    if len(plan.door):
        return admitted(plan, stages)
    if any(stage.has_drawn_machines() or stage.is_keyed for stage in stages) or not 0 < utilisation < FULL:
        return []
    if plan.arrival_kind == ARRIVE_POISSON:
        found = [*_lockstep(plan, stages), *_first_stage(plan, stages), *passes(plan, stages), *streams(plan, stages)]
        often = min((_own_tasks(stage, plan.rate_per_s) for stage in stages), default=math.inf)
        return [replace(one, stops_a_query=min(one.stops_a_query, often)) for one in found]
    return _gamma_gaps(plan, stages) if plan.arrival_kind == ARRIVE_GAMMA else []


def _own_tasks(stage: PaperStage, rate_per_s: float) -> float:
    """Tasks that the replicas of a stage have of their own while a query arrives: a run may see few; inf: none ever."""
    beside = beside_of(stage)
    return math.inf if beside is None else beside.per_s * stage.replicas_in_all / rate_per_s


def _places(stages: list[PaperStage]) -> list[int | None]:
    """Whose latency that of the first stage is: its own, and of a single one that all take that of queries."""
    return [0, None] if len(stages) == 1 and not stages[0].is_optional else [0]


_TANDEM = "M/D/1 in lockstep; stages after the slowest never wait (Avi-Itzhak, 1965; Friedman, 1965)"


def _lockstep(plan: Plan, stages: list[PaperStage]) -> list[Prediction]:
    """A funnel in which nothing is random but the arrivals is one M/D/1 queue of the slowest service time."""
    slowest_s = fixed_s = 0.0
    for stage in stages:
        services = stage.constant_services_s()
        response = stage.response()
        if not stage.features <= claims.TANDEM or services is None or not response.is_constant():
            return []
        if stage.send_ns > 0 and np.ptp(services) > 0:
            return []
        longest_s = float(services.max())
        slowest_s = max(slowest_s, longest_s + stage.after().mean())  # the next starts when the worker is free
        fixed_s += longest_s + float(stage.offsets_s().max()) + response.mean() + stage.merge_s()
    utilisation = plan.rate_per_s * slowest_s
    mean_s = fixed_s + queues.mg1_mean_wait(plan.rate_per_s, slowest_s, slowest_s**2)
    predictions = [Prediction("mean", None, mean_s, EXACT, _TANDEM)]
    if 0 < utilisation <= queues.MD1_MOST:
        queue = queues.MD1(utilisation)
        for percent in PERCENTS:
            wait = queue.wait_quantile(percent / 100)
            testable = abs(queue.wait_cdf(0.0) - percent / 100) > NEAR_ATOM
            value_s = fixed_s + wait * slowest_s
            predictions.append(Prediction(f"p{percent:g}", None, value_s, EXACT, _TANDEM, testable))
    return predictions


def _first_stage(plan: Plan, stages: list[PaperStage]) -> list[Prediction]:
    """The first stage sees Poisson arrivals: each of its replicas is an M/G/1 queue if its tasks do not choose."""
    stage = stages[0]
    if stage.is_batched:
        return _bulk(plan, stages)
    if Feature.DISCIPLINE in stage.features:
        return _ranked(plan, stages)
    if Feature.SHARING in stage.features:
        return _shared(plan, stages)
    if stage.features & {Feature.SLOWDOWN, Feature.FAILURES}:
        return _stopped(plan, stages)
    if stage.replicas > 1 and stage.policy != RANDOM:
        return []  # who gets a task depends on who got the one before
    if stage.workers > 1:
        return _erlang(plan, stages)
    if not stage.features <= claims.POLLACZEK:
        return []
    predictions = _mean_waits(plan, stages, queues.mg1_mean_wait, _POLLACZEK)
    is_exponential = stage.features <= claims.EXPONENTIAL and stage.is_exponential()
    if not is_exponential or np.ptp(mean_services_s(stage)) > 0:
        return predictions
    if any(math.isinf(one.value_s) for one in predictions):
        return predictions
    rate_per_s = plan.rate_per_s * stage.taken / float(stage.replicas_left[0])  # of one shard, or one replica each
    return [*predictions[:1], *_exponential(plan, stages, rate_per_s)]


_POLLACZEK = "M/G/1 at every shard (Pollaczek, 1930; Khinchine, 1932)"


def _mean_waits(
    plan: Plan, stages: list[PaperStage], wait_of: Callable[[float, float, float], float], law: str
) -> list[Prediction]:
    """The mean wait at the first stage, each of whose replicas is a queue; of one shard the mean latency, too.

    ``wait_of``: mean wait in seconds, of a rate per second and the first two moments of a service.
    """
    stage = stages[0]
    tests = may_be_tested(stage), is_nearly_normal(stage)
    known: dict[tuple[int, float], tuple[float, float] | None] = {}
    seen: dict[tuple[object, ...], float] = {}  #: mean waits, of what they follow from
    waits: list[float] = []  #: mean over the tasks of each shard
    services: list[float] = []
    machine_factor = stage.machine_factor
    left, often, beside = stage.replicas_left.tolist(), chances(stage), beside_of(stage)
    for shard, kind in enumerate(kinds_of_shards(stage)):
        if kind not in known:
            known[kind] = stage.moments_s(shard)
        moments = known[kind]
        if moments is None:
            return []
        rate_per_s = plan.rate_per_s * float(often[shard]) / left[shard]
        factors, each = machine_factor[shard, : left[shard]].tolist(), []
        for factor in factors:
            if (of := (kind, rate_per_s, factor)) not in seen:
                one = wait_of if beside is None else beside.together(wait_of, stage, factor)
                seen[of] = one(rate_per_s, *(stage.taken_moments_s(shard, factor) or moments))
            each.append(seen[of])
        waits.append(math.fsum(each) / len(each))
        services.append(moments[0] * math.fsum(factors) / len(each))
    wait_s = math.fsum(waits) / len(waits)
    predictions = [Prediction("wait", 0, wait_s, EXACT, law, *tests)]
    if math.isinf(wait_s):  # then so is what a query waits for
        return [*predictions, *(Prediction("mean", place, wait_s, EXACT, law, *tests) for place in (0, None))]
    if stage.shards == 1 and not stage.features & {Feature.SENDING, Feature.MERGERS}:
        mean_s = float(stage.offsets_s()[0]) + wait_s + services[0] + stage.response().mean() + stage.merge_s()
        predictions += [Prediction("mean", place, mean_s, EXACT, law, *tests) for place in _places(stages)]
    return predictions


def _ranked(plan: Plan, stages: list[PaperStage]) -> list[Prediction]:
    """Mean waits where queues are not served in the order of arrival."""
    stage = stages[0]
    if stage.workers > 1 or not stage.features <= claims.RANKED:
        return []
    if stage.discipline == LIFO:
        law = "M/G/1 in an order that does not look at sizes: the mean of first come, first served (Kingman, 1962)"
        return _mean_waits(plan, stages, queues.mg1_mean_wait, law)
    if stage.discipline == PRIORITY:
        is_known = priority.is_proportional(plan, stage) and priority.is_known_by_class(stage)
        if not is_known or Feature.AFTER_ANSWER in stage.features:
            return []  # what classes take is known of one another's
        return _mean_waits(plan, stages, partial(priority.mean_wait, stage), "M/G/1 by priority (Cobham, 1954)")
    is_plain = stage.is_timed and stage.is_exponential()
    is_plain &= not stage.features & {Feature.AFTER_ANSWER, Feature.BACKGROUND}
    if stage.discipline != SHORTEST:
        return []
    if not is_plain or stage.shards > 1:
        return []  # who is shorter is known of a time; of an exponential one there is a formula
    law = "M/M/1, the shortest first (Phipps, 1956)"
    return _mean_waits(plan, stages, lambda rate, mean, _: queues.shortest_mm1_mean_wait(rate, mean), law)


def _shared(plan: Plan, stages: list[PaperStage]) -> list[Prediction]:
    """Mean waits where tasks share the workers of their replica: what others take of them meanwhile."""
    stage = stages[0]
    if not stage.features <= claims.SHARED or (stage.replicas > 1 and stage.policy != RANDOM):
        return []
    law = "M/G/1 with a shared worker, of any law (Kleinrock, 1976, section 4.4)"
    if stage.workers > 1:
        law = "M/G/c with shared workers: that of M/M/c, of any law (Cohen, 1979)"
    return _mean_waits(plan, stages, lambda rate, mean, _: queues.shared_mean_wait(rate, mean, stage.workers), law)


def _stopped(plan: Plan, stages: list[PaperStage]) -> list[Prediction]:
    """Mean latency of one shard that stops now and then, after exponential times: it goes on where it was."""
    stage = stages[0]
    stop, moments = stage.hold_ups[0], stage.moments_s(0)
    is_plain = len(stage.hold_ups) == 1 and math.isinf(stop.factor) and stop.every.kind == exponential.CODE
    # nobody is avoided, and whoever waits with its sender is there at the repair
    is_plain &= not stage.fails or (stage.freezes and stage.replicas == 1 and stage.request_ns == 0)
    is_one = stage.shards == 1 and stage.workers == 1 and (stage.replicas == 1 or stage.policy == RANDOM)
    if not is_plain or not is_one or moments is None or not stage.features <= claims.STOPPED:
        return []
    law = "M/G/1 with stops (White and Christie, 1958; Avi-Itzhak and Naor, 1963)"
    left, length = int(stage.replicas_left[0]), stop.length.scaled(1 / NS_PER_S)
    rate_per_s, stops_per_s = plan.rate_per_s / left, NS_PER_S / stop.every.mean()
    each = [
        queues.stopped_mg1_mean_sojourn(
            *(rate_per_s, (moments[0] * factor, moments[1] * factor**2)),
            *(stops_per_s, (length.mean(), length.second_moment())),
        )
        for factor in stage.machine_factor[0, :left]
    ]
    mean_s = float(stage.offsets_s()[0]) + math.fsum(each) / left + stage.response().mean() + stage.merge_s()
    fourth, second = length.moment(4), length.second_moment()
    is_normal = is_nearly_normal(stage) and math.isfinite(fourth) and fourth <= MOST_KURTOSIS * second**2
    places: list[int | None] = [0, None] if len(stages) == 1 else [0]
    often = stops_per_s / plan.rate_per_s
    return [Prediction("mean", place, mean_s, EXACT, law, may_be_tested(stage), is_normal, often) for place in places]


def _plain_network_s(stage: PaperStage) -> float | None:
    """What a stage's latency has besides queueing, if that is constant and the same for all shards."""
    response = stage.response()
    if stage.features & {Feature.SENDING, Feature.MERGERS} or not response.is_constant():
        return None
    return float(stage.offsets_s()[0]) + response.mean() + stage.merge_s()


def _exponential(plan: Plan, stages: list[PaperStage], rate_per_s: float) -> list[Prediction]:
    """M/M/1, or the bounds of a fork and join of many."""
    stage = stages[0]
    fixed_s = _plain_network_s(stage)
    if fixed_s is None:
        return []
    mean_s = float(mean_services_s(stage)[0] * stage.machine_factor[0, 0])
    sojourn_s = mean_s / (1 - rate_per_s * mean_s)
    is_testable = may_be_tested(stage)
    places = _places(stages)
    predictions = []
    if stage.shards == 1:
        law = "M/M/1 (Kleinrock, 1975)"
        for place in places:
            predictions.append(Prediction("mean", place, fixed_s + sojourn_s, EXACT, law, is_testable))
            for percent in PERCENTS:
                value_s = fixed_s + queues.mm1_quantile(rate_per_s, mean_s, percent / 100)
                predictions.append(Prediction(f"p{percent:g}", place, value_s, EXACT, law, is_testable))
    elif stage.features <= claims.FORK_AND_JOIN:
        upper = "independent queues bound a fork and join from above (Nelson and Tantawi, 1988)"
        for place in places:
            predictions.append(
                Prediction(
                    "mean", place, fixed_s + queues.harmonic(stage.shards) * sojourn_s, UPPER, upper, is_testable
                )
            )
            for percent in PERCENTS:
                value_s = fixed_s - math.log1p(-((percent / 100) ** (1 / stage.shards))) * sojourn_s
                predictions.append(Prediction(f"p{percent:g}", place, value_s, UPPER, upper, is_testable))
            lower_s = math.fsum(1 / (k / mean_s - rate_per_s) for k in range(1, stage.shards + 1))
            lower = "queues that drain one by one bound a fork and join from below (Varki et al., in Thomasian, 2014)"
            predictions.append(Prediction("mean", place, fixed_s + lower_s, LOWER, lower, is_testable))
    return predictions


def _bulk(plan: Plan, stages: list[PaperStage]) -> list[Prediction]:
    """M/M[1,b]/1 in the first stage: whatever waits, up to b tasks, is served at once in the same exponential time."""
    stage = stages[0]
    costs = {stage.cost_s(shard, tasks=tasks) for shard in range(stage.shards) for tasks in (1, stage.max_size)}
    is_plain = stage.max_wait_ns == 0 and math.isinf(stage.max_items) and len(costs) == 1
    if not stage.features <= claims.BULK or not is_plain or not stage.is_exponential():
        return []
    mean_s = costs.pop() * float(stage.machine_factor[0, 0])
    queue = queues.BulkService(plan.rate_per_s, mean_s, stage.max_size)
    law = "M/M[1,b]/1 (Bailey, 1954; Chaudhry and Templeton, 1983, chapter 4)"
    fixed_s, is_testable = _plain_network_s(stage), may_be_tested(stage)
    predictions = [Prediction("wait", 0, queue.mean_wait_s, EXACT, law, is_testable)]
    if stage.shards == 1 and fixed_s is not None:
        for place in [0, None] if len(stages) == 1 else [0]:
            predictions.append(Prediction("mean", place, fixed_s + queue.mean_wait_s + mean_s, EXACT, law, is_testable))
            for percent in PERCENTS:
                value_s = fixed_s + queue.sojourn_quantile(percent / 100)
                predictions.append(Prediction(f"p{percent:g}", place, value_s, EXACT, law, is_testable))
    return predictions


def _gamma_gaps(plan: Plan, stages: list[PaperStage]) -> list[Prediction]:
    """GI/M/1 in the first stage, where every query goes to the only replica of every shard."""
    stage = stages[0]
    services_s = mean_services_s(stage)
    if not stage.features <= claims.KENDALL or not stage.is_exponential() or np.ptp(services_s) > 0:
        return []
    law = "GI/M/1 (Kendall, 1953)"
    mean_s = float(services_s[0] * stage.machine_factor[0, 0])
    sojourn_s = queues.gamma_m1_sojourn_s(plan.rate_per_s, mean_s, math.sqrt(plan.arrival_dispersion))
    is_testable, fixed_s = may_be_tested(stage), _plain_network_s(stage)
    predictions = [Prediction("wait", 0, sojourn_s - mean_s, EXACT, law, is_testable)]
    if stage.shards == 1 and fixed_s is not None:
        for place in [0, None] if len(stages) == 1 else [0]:
            predictions.append(Prediction("mean", place, fixed_s + sojourn_s, EXACT, law, is_testable))
            for percent in PERCENTS:
                value_s = fixed_s - math.log1p(-percent / 100) * sojourn_s
                predictions.append(Prediction(f"p{percent:g}", place, value_s, EXACT, law, is_testable))
    return predictions


def _erlang(plan: Plan, stages: list[PaperStage]) -> list[Prediction]:
    """M/M/c in the first stage."""
    stage = stages[0]
    services_s = mean_services_s(stage)
    if not stage.features <= claims.ERLANG or not stage.is_exponential() or np.ptp(services_s) > 0:
        return []
    law = "M/M/c (Erlang, 1917)"
    mean_s = float(services_s[0] * stage.machine_factor[0, 0])
    left, own_per_s = stage.replicas_left.tolist(), plan.rate_per_s * stage.taken
    waits = {count: queues.mmc_mean_wait(own_per_s / count, mean_s, stage.workers) for count in set(left)}
    wait_s = math.fsum(waits[count] for count in left) / len(left)
    rate_per_s = own_per_s / left[0]
    is_testable = may_be_tested(stage)
    predictions = [Prediction("wait", 0, wait_s, EXACT, law, is_testable)]
    fixed_s = _plain_network_s(stage)
    if stage.shards == 1 and fixed_s is not None:
        for place in _places(stages):
            predictions.append(Prediction("mean", place, fixed_s + wait_s + mean_s, EXACT, law, is_testable))
            for percent in PERCENTS:
                value_s = fixed_s + queues.mmc_quantile(rate_per_s, mean_s, stage.workers, percent / 100)
                predictions.append(Prediction(f"p{percent:g}", place, value_s, EXACT, law, is_testable))
    return predictions
