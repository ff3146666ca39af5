"""What busy workers of one machine do to each other: how much slower a service is, by how many others were busy.

``stages`` is the (stages,) STAGE array of a Plan. A machine holds one replica of each of ``per_machine`` neighbouring
shards, all of one index; and as many of each other stage that is colocated with its own, where machine i of one is
machine i of the other.
"""

from simulator.core import draws
from simulator.core.jit import formula
from simulator.core.laws import exponential
from simulator.core.plan import F8, Rows

#: What luck leaves of a service at least, where neighbours spread it.
LEAST = 0.5


@formula
def interferes(stages: Rows, stage: int) -> bool:
    """Whether a service depends on how busy its machine is."""
    return stages[stage]["busies"] > 0  # type: ignore[no-any-return]


@formula
def machines_across(stages: Rows, stage: int) -> int:
    """How many machines hold one replica of every shard of a stage."""
    return -(-stages[stage]["shards"] // stages[stage]["per_machine"])  # type: ignore[no-any-return]


@formula
def machine_of(stages: Rows, stage: int, shard: int, index: int) -> int:
    """Number of the machine of a replica, ``index`` of its shard, among those of its stage."""
    return index * machines_across(stages, stage) + shard // stages[stage]["per_machine"]  # type: ignore[no-any-return]


@formula
def replicas_on(stages: Rows, stage: int, machine: int) -> tuple[int, int]:
    """Place, among all, of the first replica of a stage on a machine, and how many there are, a shard apart."""
    across = machines_across(stages, stage)
    first = machine % across * stages[stage]["per_machine"]
    at = stages[stage]["first_replica"] + first * stages[stage]["replicas"] + machine // across
    return at, min(stages[stage]["per_machine"], stages[stage]["shards"] - first)


@formula
def slowness(
    stages: Rows, run: Rows, busy_factor: F8, stage: int, query: int, shard: int, copy: int, busy: int
) -> float:
    """How much longer a service takes that starts beside so many busy workers, with the luck of this copy of a task.

    ``busy_factor``: that of the Plan. ``busy``: workers, one by one, also those that serve a task together.
    """
    last = stages[stage]["busies"] - 1
    slower = busy_factor[stages[stage]["first_busy"] + min(busy, last)]
    spread = stages[stage]["spread"] * busy
    if spread > 0:
        place = stage * draws.PLACES + shard
        u, _ = draws.uniforms(run[0]["seed"], run[0]["replication"], draws.SPREAD, query, place, copy)
        slower *= max(LEAST, 1.0 + spread * (exponential.quantile(1.0, u) - 1.0))
    return slower  # type: ignore[no-any-return]
