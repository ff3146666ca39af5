"""Queries that pass several times through the same replicas: stages that run on one."""

import math

import numpy as np

from simulator.core.plan import RANDOM, Plan
from simulator.theory import claims, queues
from simulator.theory.prediction import EXACT, Prediction
from simulator.theory.stages import PaperStage, mean_services_s
from simulator.theory.zero_load import PERCENTS

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
    rate_per_s = plan.rate_per_s * len(stages) / left
    wait_s = queues.mmc_mean_wait(rate_per_s, mean_s, first.workers)
    is_testable, predictions, total_s = mean_s >= claims.LEAST_SERVICE_S, [], 0.0
    for stage in stages:
        fixed_s = float(stage.offsets_s()[0]) + stage.response().mean() + stage.merge_s()
        total_s += fixed_s + wait_s + mean_s
        predictions += [
            Prediction("wait", stage.index, wait_s, EXACT, LAW, is_testable),
            Prediction("mean", stage.index, fixed_s + wait_s + mean_s, EXACT, LAW, is_testable),
        ]
        for percent in PERCENTS if stage.response().is_constant() else ():
            value_s = fixed_s + queues.mmc_quantile(rate_per_s, mean_s, first.workers, percent / 100)
            predictions.append(Prediction(f"p{percent:g}", stage.index, value_s, EXACT, LAW, is_testable))
    return [*predictions, Prediction("mean", None, total_s, EXACT, LAW, is_testable)] if math.isfinite(total_s) else []


def _is_plain(stage: PaperStage) -> bool:
    """Whether it is one class of such a network, at machines that are alike."""
    machines = stage.machine_factor[0, : int(stage.replicas_left[0])]
    is_alike = not np.ptp(machines)
    return bool(is_alike) and stage.features <= claims.PASSES and stage.is_exponential() and stage.mergers == 0
