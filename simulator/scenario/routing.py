"""Which replica of a shard a task is sent to, as it is written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationInfo, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from simulator.core import routing
from simulator.plugins import Kind
from simulator.plugins.registry import Missing
from simulator.scenario import fields
from simulator.scenario.gather import MOST_WAIT_S
from simulator.scenario.plugged import is_plugged, plugin_named, plugins_of

POLICIES = tuple(routing.BY_NAME)


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
    decay_s: fields.PositiveDuration | None = Field(default=None, alias="decay")

    _plugin: Kind | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _with_plugin(self, said: ValidationInfo) -> Routing:
        if is_plugged(self.policy):
            self._plugin = plugin_named(plugins_of(said), "rules", self.policy)
            wrong = list(self._of_decay(self._plugin.mark.looks_at))
            if wrong:
                raise PydanticCustomError("contradiction", "fields contradict each other", {"contradictions": wrong})
        return self

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """Only what is heard of replicas is forgotten."""
        return () if is_plugged(self.policy) else self._of_decay(routing.BY_NAME[self.policy].looks_at)

    def _of_decay(self, looks_at: str | None) -> Iterable[fields.Contradiction]:
        if self.decay_s is None:
            return
        if looks_at != routing.LATENCY:
            fed = " or ".join(policy.name for policy in routing.POLICIES if policy.looks_at == routing.LATENCY)
            yield ("decay",), f"is of latencies, at which {self.policy} does not look: leave it out, or take {fed}"
        elif self.decay_s > MOST_WAIT_S:
            yield ("decay",), "is a year at most"

    @property
    def plugin(self) -> Kind | None:
        """The plug-in whose rule it is; None: one of ours. Raises PluginError in a process that does not have it."""
        if self._plugin is not None and isinstance(self._plugin.thing, Missing):
            self._plugin.thing.refuse()
        return self._plugin
