"""The exact values in ``oracles.csv`` (``sources`` says whose they are), and the systems that have them."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from simulator.verification import families, lookups

#: Family, parameters, statistic, value: exact values with a relative error below 2e-5, from closed forms or numerical
#: methods; ``sojourn`` is latency.
TABLE = Path(__file__).parent / "oracles.csv"

#: Utilisation up to which every interval is narrow at little cost.
USUAL = 0.8


@dataclass(frozen=True)
class System:
    """One system: its name, its scenario, and the exact values of its statistics.

    Statistics: ``mean``, ``p50``, ... of latency in seconds; ``wait``, ``p95_wait``, ... of tasks of the first stage;
    ``later_X``: the share of queries later than X seconds; ``mean_batch_size``: tasks served together; ``copies``: sent
    a task; ``mean_of_X``, ``wait_of_X``: of the queries of a class.
    """

    name: str  #: family and parameters
    scenario: dict[str, Any]
    exact: dict[str, float]
    queries: int  #: that a replication should measure in a short run
    is_empty: bool = False  #: nobody meets anybody, so there is nothing to warm up

    @property
    def family(self) -> str:
        """The family: the first word of the name."""
        return self.name.partition(" ")[0]

    @property
    def parameters(self) -> str:
        """The rest of the name."""
        return self.name.partition(" ")[2]


@lru_cache(maxsize=1)
def rows() -> tuple[dict[str, str], ...]:
    """The table: dictionaries of family, parameters, statistic and value."""
    with TABLE.open(newline="") as source:
        return tuple(csv.DictReader(source))


@lru_cache(maxsize=1)
def systems() -> tuple[System, ...]:
    """All systems of the table, and the paper funnel under load."""
    exact: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows():
        statistic = _statistic(row)
        if statistic is not None:
            for parameters in _ways(row):
                exact.setdefault((row["family"], parameters), {})[statistic] = float(row["value"])
    return (*(_system(*key, values) for key, values in exact.items()), *_paper_systems())


def _statistic(row: dict[str, str]) -> str | None:
    """The name of a row's statistic, None if it is none of a System."""
    if row["family"] == "mm1_timeout":
        return f"later_{families.parsed(row['parameters'])['tau']}"
    if row["family"] == "tailatscale":
        return f"later_{(families.FAST + families.SLOW) / 2 * families.EMPTY_UNIT_S:g}"
    if row["statistic"] == "prob_all_shards_up":  # who finds a shard that is not waits for it
        return f"later_{families.WAITED_S:g}"
    if row["statistic"] == "hit_ratio_LRU":  # whoever misses asks a server
        return f"later_{lookups.ASKED_S / 2:g}"
    name = row["statistic"].removesuffix("_at_80pct_of_capacity").removesuffix("_batch_last_task")
    name = name.removesuffix("_SJF").removesuffix("_sojourn")
    ours = {"mean_wait": "wait", "mean_wait_to_dispatch": "wait", "service_time_s": "mean", "prob_loss": "lost"}
    name = ours.get(name, name)
    if row["family"] in families.RANKED:
        of = re.fullmatch(r"mean_(wait|sojourn)_(high|low)_np", row["statistic"])  # others interrupt who is served
        return of and f"{'wait' if of[1] == 'wait' else 'mean'}_of_{of[2]}"
    if row["family"] in families.LIMITED and name.startswith("p"):
        return None  # of those that are served; ours are of all
    return name if re.fullmatch(r"mean|wait|lost|mean_batch_size|copies|p[\d.]+(_wait)?", name) else None


def _ways(row: dict[str, str]) -> Iterator[str]:
    """Parameters of the systems that have a row's value: Erlang gaps can be had in two ways."""
    yield row["parameters"]
    if row["family"] == "gm1" and "erlang2" in row["parameters"]:
        yield row["parameters"].replace("erlang2", "erlang2;by=gamma")


def _system(family: str, parameters: str, exact: dict[str, float]) -> System:
    values = families.scenario_of(family, families.parsed(parameters))
    is_empty, is_funnel = family in families.EMPTY, family in families.FUNNELS
    if is_funnel or family == "skew":  # of the whole funnel, or of the largest shard
        exact = {name: value for name, value in exact.items() if "wait" not in name}
    if family == "mg1_pareto" or "alpha=1.5" in parameters:
        exact = {name: value for name, value in exact.items() if name in ("p50", "p95", "p99")}
    if is_empty and family != "seed":
        exact = {name: value if _is_share(name) else value * families.EMPTY_UNIT_S for name, value in exact.items()}
    if family in ("avail", "lru"):
        exact = {name: 1 - value for name, value in exact.items()}
    if is_empty:
        queries = 1_500_000 // (families.shards_of(values) * 60)
    else:
        queries = 25_000 // (1 if is_funnel else min(4, families.shards_of(values)))
    return System(f"{family} {parameters}", values, exact, max(150, min(25_000, queries)), is_empty)


def _is_share(statistic: str) -> bool:
    return statistic.startswith("later_") or statistic == "copies"


def _paper_systems() -> Iterator[System]:
    """The paper funnel under load: 0.2 s + the wait of one M/D/1 queue, whatever the number of shards."""
    from simulator.theory.queues import MD1

    for rate, light, heavy in ((5, 1, 1), (8, 1, 1), (7, 1000, 5), (9, 10, 5)):
        queue, utilisation = MD1(rate / 10), rate / 10
        exact = {"mean": 0.2 + 0.1 * utilisation / (2 * (1 - utilisation))}
        for percent in (50, 95, 99, 99.9):
            if abs(queue.wait_cdf(0.0) - percent / 100) > 0.02:  # not at the atom
                exact[f"p{percent:g}"] = 0.2 + 0.1 * queue.wait_quantile(percent / 100)
        yield System(
            f"paper lam={rate};light={light};heavy={heavy}", families.paper_funnel(float(rate), light, heavy), exact, 0
        )


@lru_cache(maxsize=256)
def _utilisation(name: str) -> float:
    from simulator.planner.plans import make_plan
    from simulator.scenario import scenario_from_dict
    from simulator.theory import estimate

    system = by_name(name)
    if system.is_empty:
        return 0.0
    return estimate(make_plan(scenario_from_dict({**system.scenario, "run": {"queries": 2}}))).utilisation


def utilisation(system: System) -> float:
    """Utilisation of the busiest replica; 0 where nobody meets anybody."""
    return _utilisation(system.name)


def by_name(name: str) -> System:
    """The system of that name."""
    return next(system for system in systems() if system.name == name)


def typical(family: str) -> System:
    """One configuration of a family: of those up to utilisation .8 the busiest, of equally busy ones the last.

    The least busy where all are busier than that.
    """
    own = [system for system in systems() if system.family == family]
    usual = [system for system in own if utilisation(system) <= USUAL + 1e-9]
    if not usual:
        return min(own, key=utilisation)
    busiest = max(round(utilisation(system), 6) for system in usual)
    return [system for system in usual if round(utilisation(system), 6) == busiest][-1]
