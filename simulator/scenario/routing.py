"""Which replica of a shard a task is sent to, as it is written."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, PrivateAttr, ValidationInfo, WithJsonSchema, model_validator

from simulator.core import routing
from simulator.plugins import Kind
from simulator.plugins.registry import Missing
from simulator.scenario import fields
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

    _plugin: Kind | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _with_plugin(self, said: ValidationInfo) -> Routing:
        if is_plugged(self.policy):
            self._plugin = plugin_named(plugins_of(said), "rules", self.policy)
        return self

    @property
    def plugin(self) -> Kind | None:
        """The plug-in whose rule it is; None: one of ours. Raises PluginError in a process that does not have it."""
        if self._plugin is not None and isinstance(self._plugin.thing, Missing):
            self._plugin.thing.refuse()
        return self._plugin
