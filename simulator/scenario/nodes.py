"""YAML as trees of nodes that know where they stand, in YAML 1.2's core schema and nothing beyond it.

Refused, each with its position: duplicate keys, tabs, nulls, NaN and infinities, tags, several documents, keys that
are not text, anchors that contain themselves, and files that nest too deep or expand too far.
"""

import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from simulator.base.errors import Problem, ScenarioError

#: Limits on one file, aliases expanded.
MOST_BYTES = 10_000_000
MOST_NODES = 100_000
MOST_DEPTH = 100
#: Longer numbers are mistakes, and Python refuses to read the longest.
MOST_DIGITS = 300
_TOO_LONG = 10**MOST_DIGITS

_LOADER = getattr(yaml, "CLoader", yaml.Loader)  # the same events, read ten times faster
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass(frozen=True)
class Mark:
    """Where a node stands; an entry of a map stands at its key. Line and column from 1; 0: the input has no lines."""

    file: str
    line: int = 0
    column: int = 0

    def problem(self, path: str, message: str) -> Problem:
        """A mistake found here."""
        return Problem(self.file, self.line, self.column, path, message)


@dataclass(frozen=True)
class Node:
    """A scalar (str, int, float, bool), a list of nodes, or a map from text to nodes."""

    value: Any
    mark: Mark
    nodes: int = 1  #: number of nodes, aliases expanded
    size: int = 0  #: characters of its scalars, aliases expanded

    def plain(self) -> Any:
        """The value without positions."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value


def node_of(value: Any, mark: Mark) -> Node:
    """A tree of plain Python values as nodes that all stand at ``mark``.

    Raises
    ------
    ScenarioError
        At a number that no file could give: not finite, or longer than ``MOST_DIGITS``.
    """
    if isinstance(value, dict):
        return Node({str(key): node_of(child, mark) for key, child in value.items()}, mark)
    if isinstance(value, (list, tuple)):
        return Node([node_of(child, mark) for child in value], mark)
    if isinstance(value, float) and not math.isfinite(value):
        raise ScenarioError([mark.problem("", f"{value} is not a finite number")])
    if isinstance(value, int) and abs(value) >= _TOO_LONG:
        raise ScenarioError([mark.problem("", f"a number of more than {MOST_DIGITS} digits")])
    return Node(value, mark)


def compose(text: str, file: str, *, has_lines: bool = True) -> Node:
    """Read one YAML document.

    Parameters
    ----------
    text
        The document.
    file
        What to call it in problems.
    has_lines
        False for the value of a command-line option: problems then give no line.

    Raises
    ------
    ScenarioError
        With the first thing that is not a well-formed document, or all duplicate keys and nulls.
    """
    return _Composer(text, file, has_lines).document()


class _Composer:
    def __init__(self, text: str, file: str, has_lines: bool) -> None:
        self.file = file
        self.has_lines = has_lines
        self.text = text
        self.lines = text.splitlines()
        self.problems: list[Problem] = []
        self.anchors: dict[str, Node | None] = {}
        if len(text) > MOST_BYTES:
            self.fail(Mark(file), f"the file has more than {MOST_BYTES // 10**6} MB")
        self.events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)

    def document(self) -> Node:
        try:
            next(self.events)  # the stream starts
            event = next(self.events)
            if isinstance(event, yaml.StreamEndEvent):
                self.fail(self.mark(event), "the file is empty; a scenario needs at least name, load and stages")
            root = self.node(next(self.events), 0)
            next(self.events)  # the document ends
            event = next(self.events)
            if not isinstance(event, yaml.StreamEndEvent):
                self.fail(self.mark(event), "a second document begins here; a file holds one scenario")
        except yaml.MarkedYAMLError as error:
            self.fail(*self.explained(error))
        except yaml.reader.ReaderError as error:
            before = self.text.encode()[: error.position] if _LOADER is not yaml.Loader else self.text[: error.position]
            self.fail(self.after(before), f"not readable as YAML: {' '.join(str(error).split(chr(10))[0].split())}")
        except UnicodeEncodeError as error:
            self.fail(self.after(self.text[: error.start]), f"not readable as YAML: {error.reason}")
        except yaml.YAMLError as error:
            self.fail(Mark(self.file), f"not readable as YAML: {' '.join(str(error).split())}")
        if self.problems:
            raise ScenarioError(self.problems)
        return root

    def mark(self, event: Any) -> Mark:
        at = event.start_mark
        return Mark(self.file, at.line + 1, at.column + 1) if self.has_lines else Mark(self.file)

    def after(self, before: str | bytes) -> Mark:
        """Where the character behind some text stands."""
        read = before if isinstance(before, str) else before.decode(errors="ignore")
        first = read.rfind("\n") + 1
        return Mark(self.file, read.count("\n") + 1, len(read) - first + 1) if self.has_lines else Mark(self.file)

    def fail(self, mark: Mark, message: str) -> None:
        raise ScenarioError([*self.problems, mark.problem("", message)])

    def explained(self, error: yaml.MarkedYAMLError) -> tuple[Mark, str]:
        at = error.problem_mark or error.context_mark
        if at is None:
            return Mark(self.file), f"not readable as YAML: {error.problem or error}"
        mark = Mark(self.file, at.line + 1, at.column + 1) if self.has_lines else Mark(self.file)
        line = self.lines[at.line] if at.line < len(self.lines) else ""
        indent = line[: len(line) - len(line.lstrip())]
        if "\t" in indent or line[at.column : at.column + 1] == "\t":
            return mark, "a tab; YAML is indented with spaces"
        if "nesting depth" in (error.problem or ""):  # libyaml's own limit; its parser runs ahead of us
            return mark, f"nested more than {MOST_DEPTH} levels deep"
        if "undefined alias" in (error.problem or ""):
            return mark, f"{error.problem}"
        where = f" ({error.context})" if error.context else ""
        return mark, f"not readable as YAML: {error.problem or 'unknown syntax'}{where}"

    def node(self, event: Any, depth: int, mark: Mark | None = None) -> Node:
        """Compose the node that begins with ``event``; it stands at ``mark``, else where it begins."""
        mark = mark or self.mark(event)
        if depth > MOST_DEPTH:
            self.fail(mark, f"nested more than {MOST_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                self.fail(mark, f"no anchor &{event.anchor} before this alias")
            known = self.anchors[str(event.anchor)]
            if known is None:
                self.fail(mark, f"anchor &{event.anchor} contains itself")
            assert known is not None
            return Node(known.value, mark, known.nodes, known.size)
        if event.tag is not None and event.tag != "!":
            self.problems.append(mark.problem("", f"tag {event.tag!r} is not part of the format; remove it"))
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = self.scalar(event, mark)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self.sequence(mark, depth)
        else:
            node = self.mapping(mark, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def sequence(self, mark: Mark, depth: int) -> Node:
        items: list[Node] = []
        nodes, size = 1, 0
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            item = self.node(event, depth + 1)
            items.append(item)
            nodes, size = self.grown(mark, nodes + item.nodes, size + item.size)
        return Node(items, mark, nodes, size)

    def mapping(self, mark: Mark, depth: int) -> Node:
        entries: dict[str, Node] = {}
        nodes, size = 1, 0
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            at = self.mark(event)
            if not isinstance(event, yaml.ScalarEvent):
                self.fail(at, "the key of a map must be plain text")
            key = event.value
            child = self.node(next(self.events), depth + 1, at)
            if key in entries:
                first = entries[key].mark
                before = f", first given at line {first.line}" if self.has_lines else ""
                self.problems.append(at.problem(key, f"given twice{before}"))
            else:
                entries[key] = child
            nodes, size = self.grown(mark, nodes + child.nodes, size + child.size + len(key))
        return Node(entries, mark, nodes, size)

    def grown(self, mark: Mark, nodes: int, size: int) -> tuple[int, int]:
        if nodes > MOST_NODES:
            self.fail(mark, f"expands to more than {MOST_NODES // 1000}k nodes")
        if size > MOST_BYTES:
            self.fail(mark, f"expands to more than {MOST_BYTES // 10**6} MB")
        return nodes, size

    def scalar(self, event: Any, mark: Mark) -> Node:
        text = event.value
        if not event.implicit[0]:  # quoted
            return Node(text, mark, 1, len(text))
        value: Any = text
        if text in _NULLS:
            self.problems.append(mark.problem("", "no value here; leave the key out to get its default"))
        elif _INFINITE.fullmatch(text):
            self.problems.append(mark.problem("", f"{text} is not a finite number"))
        elif text in _BOOLEANS:
            value = _BOOLEANS[text]
        elif len(text) > MOST_DIGITS and (_FLOAT.fullmatch(text) or _INT.fullmatch(text)):
            self.problems.append(mark.problem("", f"a number of {len(text)} digits"))
        elif _INT.fullmatch(text):
            number = int(text, 0) if text[:2] in ("0o", "0x") else int(text)
            if number.bit_length() < sys.float_info.max_exp:
                value = number
            else:  # few digits of a large base
                self.problems.append(mark.problem("", f"a number of {len(text)} digits"))
        elif _FLOAT.fullmatch(text):
            value = float(text)
            if not math.isfinite(value):
                self.problems.append(mark.problem("", f"{text} is too large for a number"))
        return Node(value, mark, 1, len(text))
