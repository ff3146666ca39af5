"""Overlays: maps merge, lists of named things merge by name, everything else is replaced."""

import re
from collections.abc import Sequence
from typing import Any

from simulator.base.errors import ScenarioError
from simulator.base.nearest import nearest, quoted
from simulator.scenario.nodes import MOST_DEPTH, Mark, Node, compose

#: Keys that exclude each other: an overlay that gives one takes the other away.
EXCLUSIVE = (("rate", "phases"), ("queries", "duration"), ("skew", "shares"), ("speed", "rate"), ("leaves", "depth"))
#: Keys whose bare value is short for a map with this one entry.
SHORT_FOR = {"arrivals": "kind", "routing": "policy"}
#: The same where a path leads on from a bare value; as a whole these replace a map, and are replaced by one.
ONE_OF = {"interference": "slope", "queue": "discipline", "hedge": "after", "cancel": "what", "fan_out": "shards"}

_INDEX = re.compile(r"(.*)\[([0-9]{1,9})\]")


def merge(base: Node, top: Node) -> Node:
    """``base`` with ``top`` laid over it. Two maps of different ``kind`` do not mix: the upper one stands."""
    if isinstance(base.value, dict) and isinstance(top.value, dict):
        if _kind(base) is not None and _kind(top) is not None and _kind(base) != _kind(top):
            return top
        entries = dict(base.value)
        for one, two in EXCLUSIVE:
            for given, other in ((one, two), (two, one)):
                if given in top.value and given not in base.value and other not in top.value:
                    entries.pop(other, None)
        if _replays_a_trace(top):
            for key in ("rate", "phases"):
                if key not in top.value:
                    entries.pop(key, None)  # a trace brings its own
        for key, child in top.value.items():
            below = entries.get(key)
            entries[key] = child if below is None else merge(_expanded(key, below, child), _expanded(key, child, below))
        return Node(entries, base.mark)
    if _names(base) is not None and _names(top) is not None:
        items = list(base.value)
        places = {name: place for place, name in reversed(list(enumerate(_names(base) or [])))}
        for item, name in zip(top.value, _names(top) or [], strict=True):
            if name in places:
                items[places[name]] = merge(items[places[name]], item)
            else:
                items.append(item)
        return Node(items, base.mark)
    return top


def _replays_a_trace(load: Node) -> bool:
    arrivals = load.value.get("arrivals")
    return arrivals is not None and isinstance(arrivals.value, dict) and _kind(arrivals) == "trace"


def _kind(node: Node) -> Any:
    kind = node.value.get("kind")
    return None if kind is None else kind.value


def _expanded(key: str, node: Node, other: Node) -> Node:
    """A bare value as the map that it is short for, where the other side is a map."""
    if key in SHORT_FOR and isinstance(node.value, str) and isinstance(other.value, dict):
        return Node({SHORT_FOR[key]: node}, node.mark)
    return node


def _names(node: Node) -> list[str] | None:
    """Names of a non-empty list of maps that all have one; else None."""
    if not isinstance(node.value, list) or not node.value:
        return None
    names = []
    for item in node.value:
        name = item.value.get("name") if isinstance(item.value, dict) else None
        if name is None or not isinstance(name.value, str):
            return None
        names.append(name.value)
    return names


def override(root: Node, assignment: str, option: str = "--set") -> Node:
    """``root`` with one ``path=value`` applied, of ``--set`` or another option of the same spelling.

    Things of a list are named, or counted from 0 in brackets: ``stages.ranking.replicas``, ``stages[1].replicas``.

    Raises
    ------
    ScenarioError
        If the assignment is not one, or names a thing that the list does not have.
    """
    path, equals, text = assignment.partition("=")
    mark = Mark(option)
    if not equals or not path.strip():
        raise ScenarioError([mark.problem("", f"{assignment!r} is not PATH=VALUE, like stages.ranking.replicas=4")])
    try:
        value = compose(text, option, has_lines=False) if text.strip() else Node("", mark)
    except ScenarioError as error:
        raise ScenarioError([mark.problem(path.strip(), problem.message) for problem in error.problems]) from None
    steps: list[str | int] = []
    for step in path.strip().split("."):
        match = _INDEX.fullmatch(step)
        steps += [step] if match is None else [match[1], int(match[2])]
    if len(steps) > MOST_DEPTH:
        raise ScenarioError([mark.problem("", f"a path of {len(steps)} steps; there are at most {MOST_DEPTH}")])
    if "" in steps:
        raise ScenarioError([mark.problem("", f"{path!r} is not a path, like stages.ranking.replicas")])
    return _assigned(root, steps, value, path.strip(), mark)


def _assigned(node: Node, steps: list[str | int], value: Node, path: str, mark: Mark) -> Node:
    if not steps:
        return merge(node, value)
    step, rest = steps[0], steps[1:]
    if isinstance(node.value, list):
        place = _place(node, step, path, mark)
        items = list(node.value)
        items[place] = _assigned(items[place], rest, value, path, mark)
        return Node(items, node.mark)
    if not isinstance(node.value, dict) or isinstance(step, int):
        message = f"cannot be set: what holds {str(step)!r} is the value {node.plain()!r}, not a map"
        raise ScenarioError([mark.problem(path, message)])
    layer = value
    if rest:
        below = node.value.get(str(step))
        if below is None:
            below = Node({}, mark)
        elif not isinstance(below.value, (dict, list)) and (entry := {**SHORT_FOR, **ONE_OF}.get(str(step))):
            below = Node({entry: below}, below.mark)
        layer = _assigned(below, rest, value, path, mark)
        return Node({**_without_rivals(node.value, str(step)), str(step): layer}, node.mark)
    return merge(node, Node({str(step): layer}, mark))


def _without_rivals(entries: dict[str, Node], key: str) -> dict[str, Node]:
    rivals = {other for pair in EXCLUSIVE for other in pair if key in pair and other != key and key not in entries}
    return {name: child for name, child in entries.items() if name not in rivals}


def _place(node: Node, step: str | int, path: str, mark: Mark) -> int:
    count = len(node.value)
    if isinstance(step, int):
        if step < count:
            return step
        raise ScenarioError([mark.problem(path, f"there are only {count} of them, counted from 0")])
    names = _names(node) or []
    if step in names:
        return names.index(step)
    if not names:
        raise ScenarioError(
            [mark.problem(path, f"a list without names; count from 0 in brackets, like [0], not {step!r}")]
        )
    raise ScenarioError([mark.problem(path, f"no {step!r} here{did_you_mean(step, names)}")])


def not_before(names: Sequence[str], index: int, given: str) -> str:
    """Why a name is not that of a stage before the one at a place of these; empty: it is."""
    before = list(names[:index])
    if given in before:
        return ""
    if given not in names:
        near = did_you_mean(given, before) or "; no stage is before it"
        return f"no stage is called {given!r}{near}"
    there = "is the stage itself" if given == names[index] else "comes after it"
    return f"{given!r} {there}: name an earlier stage"


def did_you_mean(given: str, known: list[str] | tuple[str, ...]) -> str:
    """``; did you mean 'x'?``, or the list of what is known where nothing is near."""
    near = nearest(given, known)
    if near:
        return f"; did you mean {quoted(near)}?"
    return f"; known: {', '.join(sorted(known))}" if known else ""
