"""The catalogue as tables: all entries, or one with its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.documents import catalogue
from simulator.report.text import duration, rate, rendered, table

if TYPE_CHECKING:
    from simulator.scenario.described import Listing


def catalogue_table(listing: Listing, width: int | None = None, color: bool = False) -> str:
    """What a scenario can name as text: all of it, or one thing with its figures."""
    document = listing.to_dict()
    parts: list[Any] = []
    if listing.is_of_one:
        for entry in document["entries"]:
            rows = [[fig["key"], _plain(fig["value"]), fig["confidence"], fig["source"]] for fig in entry["figures"]]
            kind = f" ({entry['kind']})" if "kind" in entry else ""
            said = f": {entry['description']}" if entry["description"] else ""
            parts += [f"{entry['name']}{kind}{said}", table(["figure", "value", "known", "source"], rows, 4), ""]
            parts += _batches(entry)
        for plugin in document.get("plugins", []):
            rows = [[one["key"], one["what"], _plain(one["default"])] for one in plugin["parameters"]]
            said = f": {plugin['description']}" if plugin["description"] else ""
            on = {"needed": ", on the stage's hardware", "used": ", on the stage's hardware if it names one"}
            where = f"{plugin['is']} of {plugin['from']}{on.get(plugin['hardware'], '')}"
            parts += [f"{plugin['kind']} ({where}){said}"]
            parts += [table(["parameter", "what it is", "unless given"], rows, 3), ""] if rows else [""]
        return rendered(parts[:-1], width, color)
    for section in ("hardware", "models"):
        rows = [
            [entry["name"], _gist(entry), entry["description"]]
            for entry in document["entries"]
            if entry["section"] == section
        ]
        parts += [table([section, "figures", "what it is"], rows, 3), ""]
    if "plugins" in document:
        rows = [[one["kind"], one["is"], one["description"] or one["from"]] for one in document["plugins"]]
        parts += [table(["plug-ins", "is a", "what it is"], rows, 3), ""]
    parts.append("shardsim catalogue NAME gives the source of each figure")
    return rendered(parts, width, color)


#: Figures of a shape, whose time follows from hardware.
_SHAPE = {"layers", "flops_per_item", "features", "tables"}


def _batches(entry: catalogue.Entry) -> list[Any]:
    """The batch curve, where the time of a call is known; or how to ask for it."""
    if "batches" not in entry:
        is_shape = not _SHAPE.isdisjoint(figure["key"] for figure in entry["figures"])
        hint = f"what batches take on a machine: shardsim catalogue {entry['name']} --on nvidia_l4"
        return [hint, ""] if is_shape else []
    rows = []
    for one in entry["batches"]:
        each_s = one["seconds"] / one["items"]
        rows.append([f"{one['items']:g}", duration(one["seconds"]), duration(each_s), rate(one["items_per_s"])])
    place = f" on {entry['on']}" if "on" in entry else ""
    return [table([f"items of a call{place}", "takes", "an item", "one worker"], rows, 0), ""]


#: Figures that the list of all entries shows.
_GIST = ("flops", "memory_bandwidth", "memory", "cores", "price", "power", "per_item", "visit", "overhead")


def _gist(entry: catalogue.Entry) -> str:
    values = {figure["key"]: _plain(figure["value"]) for figure in entry["figures"]}
    named = ("cores", "visit", "overhead")
    shown = [f"{key} {values[key]}" if key in named else values[key] for key in _GIST if key in values]
    return ", ".join(shown)


def _plain(value: Any) -> str:
    return "[" + ", ".join(map(str, value)) + "]" if isinstance(value, list) else str(value)
