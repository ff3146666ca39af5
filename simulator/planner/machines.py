"""The machines of a replication: how much slower or faster each of them is, by luck."""

from collections.abc import Sequence

import numpy as np

from simulator.core import draws
from simulator.core.laws import Law
from simulator.core.plan import F8
from simulator.scenario import Scenario, Stage
from simulator.scenario.colocated import home_of
from simulator.scenario.machines import losing_shards, lost_replica, machine_of
from simulator.scenario.runs_on import owner_of


def machine_factors(scenario: Scenario, replication: int) -> F8:
    """Factors of the machines of a replication, by replica: replicas of one machine share its factor.

    A lost replica comes last, and is never asked; nor is one that its shard does not have.
    """
    of_stages: list[list[float]] = []
    of_machines: dict[int, list[float]] = {}
    for index, stage in enumerate(scenario.stages):
        laws, factors = [fleet.variability.machine.law for fleet in stage.fleets], list[float]()
        of_stages.append(factors)
        if stage.runs_on is not None:
            factors += of_stages[owner_of(scenario.stages, index)]
            continue
        if all(law.is_constant() for law in laws):
            for law, fleet in zip(laws, stage.fleets, strict=True):
                factors += [law.quantile(0.5)] * (fleet.shards * stage.replicas)
            continue
        home = home_of(scenario.stages, index)
        if home == index:
            uniform = [
                draws.uniforms(scenario.run.seed, replication, draws.MACHINE, 0, index * draws.PLACES + machine, 0)[0]
                for machine in range(stage.machine_places)
            ]
            of_machines[index] = _factors(stage, laws, np.array(uniform))
        by_machine = of_machines[home]
        losing = set(losing_shards(stage))
        for shard in range(stage.shards):
            replicas = list(range(stage.replicas))
            if shard in losing:
                replicas.append(replicas.pop(lost_replica(stage)))
            factors += [by_machine[machine_of(stage, shard, replica)] for replica in replicas]
    return np.array([factor for factors in of_stages for factor in factors])


def _factors(stage: Stage, laws: Sequence[Law], uniform: F8) -> list[float]:
    """Of each machine of a stage by its luck: by the law of its source, whose shards are columns of its rows."""
    if stage.sources is None:
        factors: list[float] = laws[0].quantiles(uniform).tolist()
        return factors
    of_source = np.repeat(np.arange(len(laws)), [fleet.shards for fleet in stage.fleets])
    by_law = [law.quantiles(uniform).tolist() for law in laws]
    return [by_law[of_source[machine % stage.shards]][machine] for machine in range(stage.machine_places)]
