"""Which replica of a shard a task is sent to, as it is written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationInfo, WithJsonSchema, model_validator

from simulator.base.formats import counted, significant
from simulator.core import routing
from simulator.plugins import Kind
from simulator.plugins.registry import Missing
from simulator.scenario import fields
from simulator.scenario.gather import MOST_WAIT_S
from simulator.scenario.plugged import is_plugged, plugin_named, plugins_of

#: The replica whose answer counted in the stage on which this one runs.
SAME = "same"
POLICIES = (*routing.BY_NAME, SAME)
#: Tasks that a balancer sends a replica in a replication: with fewer it is news that decides.
ENOUGH_HEARD = 10


def _policy(value: Any, said: ValidationInfo) -> str:
    if not is_plugged(value):
        return fields.one_of(*POLICIES)(value)
    return plugin_named(plugins_of(said), "rules", value).kind


Policy = Annotated[str, BeforeValidator(_policy), WithJsonSchema({"type": "string", "enum": list(POLICIES)})]


class Routing(fields.Part):
    """Which replica of a shard a task is sent to."""

    policy: Policy = "random"
    balancers: fields.whole_type(1, 100_000) = 1  # type: ignore[valid-type]
    by: fields.word_type("task", "query") = "task"  # type: ignore[valid-type]
    clients: fields.whole_type(1, 100_000) | None = None  # type: ignore[valid-type]
    decay_s: fields.PositiveDuration | None = Field(default=None, alias="decay")

    _plugin: Kind | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _with_plugin(self, said: ValidationInfo) -> Routing:
        if is_plugged(self.policy):
            self._plugin = plugin_named(plugins_of(said), "rules", self.policy)
        return self

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """What is heard is forgotten in a year."""
        if self.decay_s is not None and self.decay_s > MOST_WAIT_S:
            yield ("decay",), "is a year at most"

    def notes(self, replicas: int, queries: float | None) -> list[str]:
        """What is said in vain, and that little is heard. ``queries``: of a replication, measured; None: not known."""
        asked = [] if self.clients is None or self.policy == "c3" else [f"routing: {self.policy} asks for no clients"]
        return [*asked, *self._of_hearing(replicas, queries)]

    def _of_hearing(self, replicas: int, queries: float | None) -> list[str]:
        if self._plugin is not None:
            looks_at = None if isinstance(self._plugin.thing, Missing) else self._plugin.mark.looks_at
        else:
            looks_at = None if self.policy == SAME else routing.BY_NAME[self.policy].looks_at
        if looks_at != routing.LATENCY:
            return [] if self.decay_s is None else [f"routing: {self.policy} looks at no latency, so nothing decays"]
        each = math.inf if queries is None else queries / self.balancers / replicas
        if each >= ENOUGH_HEARD or replicas == 1:
            return []
        few = f"about {significant(each, 2)} tasks in a replication"
        why = f"each of {counted(self.balancers, 'balancer')} sends a replica {few}, so it hears little of latencies"
        return [f"routing: {why}: have longer runs, or fewer balancers"]

    @property
    def plugin(self) -> Kind | None:
        """The plug-in whose rule it is; None: one of ours. Raises PluginError in a process that does not have it."""
        if self._plugin is not None and isinstance(self._plugin.thing, Missing):
            self._plugin.thing.refuse()
        return self._plugin
