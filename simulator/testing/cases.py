"""A valid small scenario to put a model of one's own into: what the pytest fixture ``shardsim_case`` gives."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.core.plan import Plan
    from simulator.scenario import Scenario

#: Two stages with queueing, replicas, network and a merge: 200 queries, a few milliseconds to simulate.
SMALL: dict[str, Any] = {
    "name": "case",
    "load": {"arrivals": "poisson", "rate": "300/s"},
    "run": {"queries": 200, "replications": 2, "warmup": 20, "seed": 1},
    "stages": [
        {
            "name": "light",
            "candidates": 1000,
            "model": {"kind": "tree", "trees": 100, "depth": 6, "overhead": "100us"},
            "shards": 2,
            "replicas": 2,
            "keep": 100,
            "network": {"request": "100us", "response": {"kind": "exponential", "mean": "200us"}},
        },
        {
            "name": "heavy",
            "model": {"kind": "deep", "per_item": "50us"},
            "shards": 2,
            "variability": {"task": {"kind": "exponential"}},
            "merge": {"time": "100us"},
        },
    ],
    "slos": ["p99 < 1s"],
}


@dataclass(frozen=True)
class Case:
    """A scenario as plain values, spelled as in a file; each change gives a new one.

    >>> Case().with_stage("light", replicas=3).scenario().stages[0].replicas
    3
    """

    values: dict[str, Any] = field(default_factory=lambda: copy.deepcopy(SMALL))
    plugins: tuple[str | Path, ...] = ()  #: files and modules of plug-ins

    def with_load(self, **keys: Any) -> Case:
        """With other keys of the load: ``arrivals="mine:Paired"``."""
        return self._with({**self.values, "load": {**self.values["load"], **keys}})

    def with_stage(self, name: str = "light", **keys: Any) -> Case:
        """With other keys of a stage, ``light`` or ``heavy``: ``model={"kind": "mine:Boosted", "trees": 300}``.

        Raises
        ------
        KeyError
            If no stage is called so.
        """
        names = [stage["name"] for stage in self.values["stages"]]
        if name not in names:
            raise KeyError(f"no stage is called {name!r}; there are {', '.join(names)}")
        stages = [{**stage, **keys} if stage["name"] == name else stage for stage in self.values["stages"]]
        return self._with({**self.values, "stages": stages})

    def with_plugins(self, *places: str | Path) -> Case:
        """With the kinds of files or modules of plug-ins, which are run."""
        return Case(self.values, (*self.plugins, *places))

    def _with(self, values: dict[str, Any]) -> Case:
        return Case(values, self.plugins)

    def scenario(self, sets: Sequence[str] = ()) -> Scenario:
        """The scenario, with overrides ``path=value``.

        Raises
        ------
        ScenarioError
            If it is not valid with what was changed.
        """
        from simulator.scenario import scenario_from_dict

        return scenario_from_dict(self.values, sets, self.plugins)

    def plan(self, replication: int = 0) -> Plan:
        """The plan of a replication."""
        from simulator.planner.plans import make_plan

        return make_plan(self.scenario(), replication)
