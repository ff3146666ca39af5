"""Reading catalogue files: entries of hardware and models, in which no figure goes without source and confidence.

An entry is written like the part of a scenario that it stands for. ``source`` and ``confidence`` of the entry hold
for all its figures but those given as ``{value, source, confidence}``, which may say either of their own. ``from``
names an entry further up, or of the built-in catalogue, that it is like but for what it says itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from simulator.base.errors import Problem, ScenarioError
from simulator.documents import catalogue
from simulator.scenario.fields import kind_of, shown
from simulator.scenario.files import read
from simulator.scenario.hardware import HardwareSpec
from simulator.scenario.merge import did_you_mean, merge
from simulator.scenario.models import MODEL_SPECS
from simulator.scenario.nodes import Node
from simulator.scenario.plugged import is_plugged

#: How a figure is known: measured for this project or by the user; published by others; assumed.
CONFIDENCES = ("measured", "published", "assumed")
SECTIONS = ("hardware", "models")

#: Keys of an entry that are not figures.
_ABOUT = ("description", "source", "confidence", "from")


@dataclass(frozen=True)
class Figure:
    """One number of an entry, and how it is known."""

    key: str  #: dotted, as in ``efficiency.flops``
    value: Any
    source: str
    confidence: str

    def to_dict(self) -> catalogue.Figure:
        """As printed."""
        return {"key": self.key, "value": self.value, "confidence": self.confidence, "source": self.source}


@dataclass(frozen=True)
class Entry:
    """A machine or a model of a catalogue."""

    name: str
    section: str  #: hardware or models
    description: str
    node: Node  #: as a scenario would write it
    figures: tuple[Figure, ...]

    def to_dict(self) -> catalogue.Entry:
        """As ``shardsim catalogue --format json`` prints it."""
        kind = self.node.value.get("kind")
        of_kind: catalogue.OfKind = {} if kind is None else {"kind": kind.value}
        return {
            "name": self.name,
            "section": self.section,
            **of_kind,
            "description": self.description,
            "figures": [figure.to_dict() for figure in self.figures],
        }


@dataclass(frozen=True)
class Catalogue:
    """Entries by section and name."""

    sections: dict[str, dict[str, Entry]] = field(default_factory=lambda: {section: {} for section in SECTIONS})

    def entries(self) -> list[Entry]:
        """All of them, hardware first, in the order of their files."""
        return [entry for section in SECTIONS for entry in self.sections[section].values()]

    def over(self, other: Catalogue) -> Catalogue:
        """Both; of two entries of one name this one's."""
        return Catalogue({section: {**other.sections[section], **self.sections[section]} for section in SECTIONS})


@lru_cache(maxsize=1)
def built_in() -> Catalogue:
    """The catalogue that comes with the package."""
    catalogue = Catalogue()
    for section in SECTIONS:
        catalogue = read_catalogue(str(Path(__file__).parent / f"{section}.yaml"), catalogue)
    return catalogue


def catalogue_of(file: str | None) -> Catalogue:
    """The built-in catalogue with a user's own file over it, if there is one."""
    return built_in() if file is None else read_catalogue(file, built_in(), may_be_pipe=True)


def read_catalogue(file: str, below: Catalogue, may_be_pipe: bool = False) -> Catalogue:
    """A catalogue file over the entries of another; ``may_be_pipe``: because the command line names it.

    Raises
    ------
    ScenarioError
        With every mistake of the file.
    """
    return _Reader(below).read(read(file, may_be_pipe))


def entries_named(catalogue: Catalogue, name: str) -> list[Entry]:
    """The entries of a name, of either section.

    Raises
    ------
    ScenarioError
        If there is none.
    """
    entries = [entry for entry in catalogue.entries() if entry.name == name]
    if not entries:
        near = did_you_mean(name, [entry.name for entry in catalogue.entries()])
        raise ScenarioError([Problem("catalogue", 0, 0, "", f"no entry is called {name!r}{near}")])
    return entries


class _Reader:
    """Reads one file; mistakes are collected."""

    def __init__(self, below: Catalogue) -> None:
        self.below = below
        self.problems: list[Problem] = []

    def read(self, root: Node) -> Catalogue:
        if not isinstance(root.value, dict):
            raise ScenarioError(
                [root.mark.problem("", f"a catalogue has hardware and models, got {kind_of(root.plain())}")]
            )
        catalogue = Catalogue()
        for section, entries in root.value.items():
            if section not in SECTIONS:
                near = did_you_mean(section, list(SECTIONS))
                self.problems.append(entries.mark.problem(section, f"a catalogue has no such part{near}"))
            elif not isinstance(entries.value, dict):
                self.problems.append(entries.mark.problem(section, f"expected a map, got {shown(entries.plain())}"))
            else:
                for name, node in entries.value.items():
                    entry = self.entry(section, name, node, catalogue.sections[section])
                    if entry is not None:
                        catalogue.sections[section][name] = entry
        if self.problems:
            raise ScenarioError(self.problems)
        return catalogue.over(self.below)

    def entry(self, section: str, name: str, node: Node, above: dict[str, Entry]) -> Entry | None:
        path = f"{section}.{name}"
        if not isinstance(node.value, dict):
            self.problems.append(node.mark.problem(path, f"expected a map, got {shown(node.plain())}"))
            return None
        base = self.base(section, path, node, above)
        about = {key: self.text(path, key, node) for key in ("description", "source", "confidence")}
        default = Figure("", None, about["source"] or "", about["confidence"] or "")
        figures: list[Figure] = []
        children = {key: child for key, child in node.value.items() if key not in _ABOUT}
        plain = {key: self.plain_of(path, key, child, default, figures) for key, child in children.items()}
        own = Node(plain, node.mark)
        description = about["description"] or ("" if base is None else base.description)
        if base is not None:
            kind = base.node.value.get("kind")
            if kind is not None and "kind" in plain and plain["kind"].value != kind.value:
                message = f"{base.name!r} is a {kind.value} model; leave kind out, or leave from out"
                self.problems.append(plain["kind"].mark.problem(f"{path}.kind", message))
            own = merge(base.node, own)
            keys = [figure.key for figure in figures]
            kept = [figure for figure in base.figures if not any(_is_part_of(figure.key, key) for key in keys)]
            figures = [*kept, *figures]
        self.check_keys(section, path, own, plain)
        return Entry(name, section, description, own, tuple(figures))

    def base(self, section: str, path: str, node: Node, above: dict[str, Entry]) -> Entry | None:
        """The entry that this one is like."""
        if "from" not in node.value:
            return None
        named = node.value["from"]
        known = {**self.below.sections[section], **above}
        if not isinstance(named.value, str) or named.value not in known:
            near = did_you_mean(str(named.value), list(known))
            self.problems.append(named.mark.problem(f"{path}.from", f"no entry is called {shown(named.plain())}{near}"))
            return None
        return known[named.value]

    def text(self, path: str, key: str, node: Node) -> str | None:
        """The text of a key of an entry, or of a figure."""
        child = node.value.get(key)
        if child is None:
            return None
        if not isinstance(child.value, str) or not child.value.strip():
            self.problems.append(child.mark.problem(f"{path}.{key}", f"expected text, got {shown(child.plain())}"))
            return None
        if key == "confidence" and child.value not in CONFIDENCES:
            near = did_you_mean(child.value, CONFIDENCES).split("; known")[0]
            message = f"must be one of {', '.join(CONFIDENCES)}, got {child.value!r}{near}"
            self.problems.append(child.mark.problem(f"{path}.{key}", message))
        return child.value

    def plain_of(self, path: str, key: str, node: Node, default: Figure, figures: list[Figure]) -> Node:
        """A value as a scenario would write it, its figures noted."""
        if key == "kind":
            return node
        inner = f"{path}.{key}"
        if isinstance(node.value, dict):
            if "value" in node.value and set(node.value) <= {"value", "source", "confidence"}:
                source, confidence = (self.text(inner, what, node) for what in ("source", "confidence"))
                own = Figure("", None, source or default.source, confidence or default.confidence)
                return self.plain_of(path, key, node.value["value"], own, figures)
            children = node.value.items()
            return Node(
                {name: self.plain_of(inner, name, child, default, figures) for name, child in children}, node.mark
            )
        if isinstance(node.value, list) and any(isinstance(item.value, dict) for item in node.value):
            items = [self.plain_of(path, f"{key}[{at}]", item, default, figures) for at, item in enumerate(node.value)]
            return Node(items, node.mark)
        lacking = [what for what in ("source", "confidence") if not getattr(default, what)]
        if lacking:
            cure = f"give it as {{value, source, confidence: {' | '.join(CONFIDENCES)}}}, or give them for the entry"
            self.problems.append(node.mark.problem(inner, f"has no {' and no '.join(lacking)}: {cure}"))
        figures.append(Figure(inner.split(".", 2)[2], node.plain(), default.source, default.confidence))
        return node

    def check_keys(self, section: str, path: str, entry: Node, plain: dict[str, Node]) -> None:
        """An entry has keys that a scenario knows."""
        spec: Any = HardwareSpec
        if section == "models":
            kind = entry.value.get("kind")
            if kind is not None and is_plugged(kind.value):
                return  # its plug-in says what keys it has, wherever a scenario takes the entry
            if kind is None or not isinstance(kind.value, str) or kind.value not in MODEL_SPECS:
                at = entry if kind is None else kind
                said = "needs a kind" if kind is None else f"no kind is called {shown(kind.plain())}"
                message = f"{said}; one of {', '.join(MODEL_SPECS)}"
                self.problems.append(at.mark.problem(path if kind is None else f"{path}.kind", message))
                return
            spec = MODEL_SPECS[kind.value]
        known = [info.alias or name for name, info in spec.model_fields.items()]
        for key, node in plain.items():
            if key not in known:
                self.problems.append(node.mark.problem(f"{path}.{key}", f"unknown key{did_you_mean(key, known)}"))


def _is_part_of(key: str, whole: str) -> bool:
    return key == whole or key.startswith((f"{whole}.", f"{whole}["))
