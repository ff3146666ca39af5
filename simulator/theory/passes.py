"""Queries that pass several times through the same replicas: stages that run on one."""

import math

import numpy as np

from simulator.core.plan import RANDOM, Plan
from simulator.theory import claims, queues
from simulator.theory.prediction import EXACT, Prediction
from simulator.theory.stages import PaperStage, mean_services_s
from simulator.theory.zero_load import PERCENTS

STREAMS = "M/M/c after M/M/c, each of its share of the queries (Jackson, 1957; Burke, 1956)"
LAW = "passes through M/M/c, of one service: every one finds it as a stream of all of them would (Kelly, 1975)"


def passes(plan: Plan, stages: list[PaperStage]) -> list[Prediction]:
    """Latencies where all stages run at the replicas of one shard, and all services are of one exponential law.

    Then the tasks of all passes are one class of customers of a network with a product form (Baskett, Chandy, Muntz
    and Palacios, 1975): whatever the network between them takes, each pass finds the queue as a Poisson stream of all
    passes would. First come, first served, who comes later is in nobody's way, so a pass takes as long as there.
    """
    first = stages[0]
    if len(stages) == 1 or any(stage.owner != first.index for stage in stages) or first.shards > 1:
        return []
    means = {float(mean_services_s(stage)[0]) for stage in stages}
    is_random = first.replicas == 1 or all(stage.policy == RANDOM for stage in stages)
    if len(means) > 1 or not is_random or not all(_is_plain(stage) for stage in stages):
        return []
    mean_s, left = means.pop() * float(first.machine_factor[0, 0]), int(first.replicas_left[0])
    rate_per_s = plan.rate_per_s * math.fsum(stage.taken for stage in stages) / left
    wait_s = queues.mmc_mean_wait(rate_per_s, mean_s, first.workers)
    is_testable, predictions, total_s = mean_s >= claims.LEAST_SERVICE_S, [], 0.0
    for stage in stages:
        fixed_s = _beside_s(stage)
        total_s += (fixed_s + wait_s + mean_s) * stage.taken
        predictions += [
            Prediction("wait", stage.index, wait_s, EXACT, LAW, is_testable),
            Prediction("mean", stage.index, fixed_s + wait_s + mean_s, EXACT, LAW, is_testable),
        ]
        for percent in PERCENTS if stage.response().is_constant() else ():
            value_s = fixed_s + queues.mmc_quantile(rate_per_s, mean_s, first.workers, percent / 100)
            predictions.append(Prediction(f"p{percent:g}", stage.index, value_s, EXACT, LAW, is_testable))
    return [*predictions, Prediction("mean", None, total_s, EXACT, LAW, is_testable)] if math.isfinite(total_s) else []


def streams(plan: Plan, stages: list[PaperStage]) -> list[Prediction]:
    """Latencies of stages behind the first, where some stage is not for all, each with replicas of its own.

    What leaves M/M/c is a Poisson stream again (Burke, 1956), and so is the part of it that luck sends on; what passes
    the stage by joins it. So each stage finds one, of its share of the queries, as long as those before it do.
    """
    if not any(stage.is_optional for stage in stages):
        return []
    predictions: list[Prediction] = []
    total_s = 0.0
    for stage in stages:
        is_random = stage.replicas == 1 or stage.policy == RANDOM
        if not (stage.features <= claims.STREAMS and is_random and stage.shards == 1 and _is_plain(stage)):
            return predictions
        mean_s = float(mean_services_s(stage)[0] * stage.machine_factor[0, 0])
        rate_per_s = plan.rate_per_s * stage.taken / int(stage.replicas_left[0])
        wait_s = queues.mmc_mean_wait(rate_per_s, mean_s, stage.workers)
        fixed_s, is_testable = _beside_s(stage), mean_s >= claims.LEAST_SERVICE_S
        total_s += (fixed_s + wait_s + mean_s) * stage.taken
        if stage.index > 0:
            figures = {"wait": wait_s, "mean": fixed_s + wait_s + mean_s}
            for percent in PERCENTS if stage.response().is_constant() else ():
                value_s = queues.mmc_quantile(rate_per_s, mean_s, stage.workers, percent / 100)
                figures[f"p{percent:g}"] = fixed_s + value_s
            for name, value_s in figures.items():
                predictions.append(Prediction(name, stage.index, value_s, EXACT, STREAMS, is_testable))
    return [*predictions, Prediction("mean", None, total_s, EXACT, STREAMS)]


def _beside_s(stage: PaperStage) -> float:
    """What a latency has besides wait and service."""
    return float(stage.offsets_s()[0]) + stage.response().mean() + stage.merge_s()


def _is_plain(stage: PaperStage) -> bool:
    """Whether it is one class of such a network, at machines that are alike."""
    machines = stage.machine_factor[0, : int(stage.replicas_left[0])]
    is_alike = not np.ptp(machines)
    return bool(is_alike) and stage.features <= claims.PASSES and stage.is_exponential() and stage.mergers == 0
