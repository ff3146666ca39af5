"""Kinds of plug-ins in the JSON Schema of a scenario file, beside the built-in ones."""

from collections.abc import Iterator
from typing import Any

from simulator.plugins import Kind, Plugins
from simulator.scenario.plugged import spec_of

#: A built-in kind by which the choice of a group is known, what its definition is called, and which laws it takes.
_CHOICES = (
    ("models", "LinearSpec", None),
    ("laws", "ExponentialDuration", False),
    ("laws", "ExponentialCount", False),
    ("laws", "ExponentialFactor", True),
    ("arrivals", "PoissonArrivals", None),
)


def with_plugins(schema: dict[str, Any], plugins: Plugins) -> dict[str, Any]:
    """The schema with the kinds of these plug-ins, each with its parameters."""
    for plugin in plugins.kinds:
        if plugin.group == "rules":
            schema["$defs"]["Routing"]["properties"]["policy"]["enum"].append(plugin.kind)
            continue
        if plugin.group == "arrivals" and not any(parameter.is_required for parameter in plugin.parameters):
            bare = schema["$defs"]["Load"]["properties"]["arrivals"]["anyOf"][0]  # its kind alone will do
            bare["enum"].append(plugin.kind)
        name = f"plugin {plugin.group} {plugin.kind}"
        schema["$defs"][name] = _definition(plugin)
        for choice in list(_choices(schema, plugin)):
            choice["oneOf"].append({"$ref": f"#/$defs/{name.replace(' ', '%20')}"})
            choice["discriminator"]["mapping"][plugin.kind] = f"#/$defs/{name.replace(' ', '%20')}"
    return schema


def _definition(plugin: Kind) -> dict[str, Any]:
    schema = spec_of(plugin).model_json_schema(by_alias=True, mode="validation")
    schema["properties"] = {"kind": {"const": plugin.kind, "type": "string"}, **schema.get("properties", {})}
    schema["required"] = ["kind", *schema.get("required", [])]
    return schema


def _choices(schema: Any, plugin: Kind) -> Iterator[dict[str, Any]]:
    """Every place where one of a group of kinds is chosen."""
    if isinstance(schema, dict):
        references = [one.get("$ref", "") for one in schema.get("oneOf", []) if isinstance(one, dict)]
        for group, name, is_factor in _CHOICES:
            fits = group == plugin.group and is_factor in (None, plugin.mark.is_factor)
            if fits and f"#/$defs/{name}" in references and "discriminator" in schema:
                yield schema
        for inner in schema.values():
            yield from _choices(inner, plugin)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _choices(inner, plugin)
