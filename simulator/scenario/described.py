"""What a scenario can name: the catalogue of hardware and models, kinds of plug-ins, and the schema with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic_core import PydanticUndefined

from simulator.documents import catalogue as documents
from simulator.documents import schemas
from simulator.documents.shown import Shown
from simulator.plugins import GROUPS, Kind, Offer, Plugins, installed, load_plugins
from simulator.scenario import catalogue as entries
from simulator.scenario.batch_curves import curve_of
from simulator.scenario.plugged import spec_of
from simulator.scenario.schema import json_schema


@dataclass(frozen=True, repr=False)
class Listing(Shown):
    """What a scenario can name, or one thing of it with its figures."""

    kind: ClassVar[str] = "catalogue"

    document: documents.Catalogue
    is_of_one: bool  #: it was asked for by name

    @property
    def exit_code(self) -> int:
        """0: what is not there is an error."""
        return 0

    def to_dict(self) -> documents.Catalogue:
        """As written by ``shardsim catalogue --format json``."""
        return self.document


def catalogue(
    name: str | None = None, file: str | None = None, plugins: Sequence[str] = (), on: str | None = None
) -> Listing:
    """Hardware, models and kinds of plug-ins that a scenario takes by name, with figures and sources.

    Parameters
    ----------
    name
        Only what is called so.
    file
        A catalogue file that is laid over the built-in one.
    plugins
        Files and modules whose kinds are listed, too; they are run.
    on
        Hardware of the catalogue: what batches of the model take there. It has a shape, not a time of its own.

    Raises
    ------
    ScenarioError
        If nothing is called so, the file is not a catalogue, or nothing takes a time on that hardware.
    PluginError
        If a plug-in cannot be loaded.
    """
    known, given = entries.catalogue_of(file), load_plugins(plugins)
    kinds = described(given, name)
    listed = known.entries() if name is None else [] if kinds else entries.entries_named(known, name)
    said: list[documents.Entry] = [entry.to_dict() for entry in listed]
    if name is not None:
        said = [{**entry.to_dict(), **curve_of(entry, known, on)} for entry in listed]
    document: documents.Catalogue = {"schema": 1, "entries": said}
    if kinds:
        document["plugins"] = kinds
    return Listing(document, name is not None)


#: Name of the schema of scenario files.
SCENARIO = "scenario"


def schema(plugins: Sequence[str] = (), document: str = SCENARIO) -> dict[str, Any]:
    """The JSON Schema of scenario files, with kinds of plug-ins, installed or given; or of what is written.

    Parameters
    ----------
    plugins
        Files and modules whose kinds a scenario may name; they are run.
    document
        ``scenario``, or what an answer is written as: ``run``, ``capacity``, ``size``, ``sweep``, ...

    Raises
    ------
    KeyError
        If there is no such document.
    PluginError
        If a plug-in cannot be loaded.
    """
    if document != SCENARIO:
        return schemas.document_schema(document, (SCENARIO, *schemas.DOCUMENTS))
    return json_schema(load_plugins(plugins).with_installed())


def described(plugins: Plugins, name: str | None) -> list[documents.Plugin]:
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


def _of_kind(plugin: Kind) -> documents.Plugin:
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


def _parameters(plugin: Kind) -> list[documents.Parameter]:
    spec = spec_of(plugin)
    properties = spec.model_json_schema(by_alias=True, mode="validation").get("properties", {})
    defaults = spec.model_construct().model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False)
    parameters: list[documents.Parameter] = []
    for field in spec.model_fields.values():
        key = str(field.alias)
        is_required = field.default is PydanticUndefined
        default = "" if is_required else defaults.get(key, "")
        what = _what(properties.get(key, {}))
        parameters.append({"key": key, "what": what, "required": is_required, "default": default})
    return parameters


def _what(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    return str(schema.get("description") or schema.get("type") or "see its file")


def _of_offer(offer: Offer) -> documents.Plugin:
    return {
        "kind": offer.kind,
        "group": offer.group,
        "is": GROUPS[offer.group],
        "from": offer.package,
        "description": "",
        "hardware": "",
        "parameters": [],
    }
