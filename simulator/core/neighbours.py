"""What busy workers of one machine do to each other: how much slower a service is, by how many others were busy.

``stages`` is the (stages,) STAGE array of a Plan. A machine holds one replica of each of ``per_machine`` neighbouring
shards, all of one index.
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
def first_shard_beside(stages: Rows, stage: int, shard: int) -> int:
    """The first shard that shares its machines with this one."""
    return shard - shard % stages[stage]["per_machine"]  # type: ignore[no-any-return]


@formula
def shards_beside(stages: Rows, stage: int, first: int) -> int:
    """How many shards share their machines, of which this is the first."""
    return min(stages[stage]["per_machine"], stages[stage]["shards"] - first)  # type: ignore[no-any-return]


@formula
def slowness(
    stages: Rows, run: Rows, busy_factor: F8, stage: int, query: int, shard: int, copy: int, busy: int
) -> float:
    """How much longer a service takes that starts beside so many busy workers, with the luck of this copy of a task.

    ``busy_factor``: that of the Plan. ``busy``: workers, each of which may be several (``threads``).
    """
    busy *= stages[stage]["threads"]
    last = stages[stage]["busies"] - 1
    slower = busy_factor[stages[stage]["first_busy"] + min(busy, last)]
    spread = stages[stage]["spread"] * busy
    if spread > 0:
        place = stage * draws.PLACES + shard
        u, _ = draws.uniforms(run[0]["seed"], run[0]["replication"], draws.SPREAD, query, place, copy)
        slower *= max(LEAST, 1.0 + spread * (exponential.quantile(1.0, u) - 1.0))
    return slower  # type: ignore[no-any-return]
