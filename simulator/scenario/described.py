"""Kinds of plug-ins as ``shardsim catalogue`` lists them."""

from __future__ import annotations

from typing import Any

from pydantic_core import PydanticUndefined

from simulator.plugins import GROUPS, Kind, Offer, Plugins, installed
from simulator.scenario.plugged import spec_of


def described(plugins: Plugins, name: str | None) -> list[dict[str, Any]]:
    """The kinds given and installed, or those called ``name``; only these are loaded, if they are installed ones.

    Raises
    ------
    PluginError
        If one that was asked for cannot be loaded.
    """
    given = {(one.group, one.kind) for one in plugins.kinds}
    offers = [offer for offer in installed() if (offer.group, offer.kind) not in given]
    if name is None:
        return [*map(_of_kind, plugins.kinds), *map(_of_offer, offers)]
    chosen = [one for one in plugins.kinds if one.kind == name]
    return list(map(_of_kind, [*chosen, *(offer.load() for offer in offers if offer.kind == name)]))


def _of_kind(plugin: Kind) -> dict[str, Any]:
    is_a = "law of factors" if plugin.mark.is_factor else GROUPS[plugin.group]
    return {
        "kind": plugin.kind,
        "group": plugin.group,
        "is": is_a,
        "from": plugin.source.name,
        "sha256": plugin.source.sha256,
        "description": plugin.doc,
        "hardware": _hardware(plugin),
        "parameters": [] if plugin.group == "rules" else _parameters(plugin),
    }


def _hardware(plugin: Kind) -> str:
    """Whether it is given the hardware of its stage."""
    return "needed" if plugin.needs_hardware else "used" if plugin.takes_hardware else ""


def _parameters(plugin: Kind) -> list[dict[str, Any]]:
    spec = spec_of(plugin)
    properties = spec.model_json_schema(by_alias=True, mode="validation").get("properties", {})
    defaults = spec.model_construct().model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False)
    parameters = []
    for field in spec.model_fields.values():
        key = str(field.alias)
        is_required = field.default is PydanticUndefined
        default = "" if is_required else defaults.get(key, "")
        parameters.append(
            {"key": key, "what": _what(properties.get(key, {})), "required": is_required, "default": default}
        )
    return parameters


def _what(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    return str(schema.get("description") or schema.get("type") or "see its file")


def _of_offer(offer: Offer) -> dict[str, Any]:
    return {
        "kind": offer.kind,
        "group": offer.group,
        "is": GROUPS[offer.group],
        "from": offer.package,
        "description": "",
        "hardware": "",
        "parameters": [],
    }
