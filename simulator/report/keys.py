"""Keys of a scenario as text: one explained, or all of them listed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.scenario.keys.explained import Key, Part

#: Keys with one name that are explained; of more only the places are listed.
MOST = 3
#: Columns of the words that stand in front: takes, default.
MARGIN = 10
#: Text is not set wider than one can read.
WIDEST = 100


def explained(keys: Sequence[Key], width: int) -> str:
    """What the keys mean, one below the other; of many that have one name, where each stands."""
    if len(keys) > MOST:
        kinds = {key.asked.partition(".")[0] for key in keys}
        what = f"are of kind {kinds.pop()!r}" if len(kinds) == 1 else f"are called {keys[0].name!r}"
        lines = [f"{len(keys)} keys {what}; ask for one of them:", ""]
        longest = max(len(key.asked) for key in keys)
        return "\n".join([*lines, *(f"  {key.asked:<{longest}}  {_of(key)}" for key in keys)]) + "\n"
    return "\n".join(_one(key, min(width, WIDEST)) for key in keys)


def listed(parts: Sequence[Part], width: int) -> str:
    """All keys, part by part."""
    first = "Keys of a scenario file. 'shardsim help KEY' explains one, like stages.routing or lognormal.cv."
    paragraphs = [textwrap.fill(first, width)]
    for part in parts:
        if part.keys:
            names = ", ".join(key.name for key in part.keys)
            head = part.where or "the file"
            paragraphs.append(_filled(names, min(width, WIDEST), f"{head}", "    "))
    return "\n".join(paragraphs) + "\n"


def _of(key: Key) -> str:
    """Where a key stands, unless the way one asks for it says so."""
    return f"of {key.place.removesuffix('.' + key.name)}" if "kind:" in key.place else ""


def _one(key: Key, width: int) -> str:
    words = textwrap.wrap(key.says.replace("`", ""), width - 2)
    head = f"{key.asked}  {_of(key)}".rstrip()
    lines = [head if len(head) <= width else key.asked, *("  " + line for line in words)]
    lines.append(_labelled("takes", key.takes, width))
    if key.is_needed:
        lines.append(_labelled("default", "none: it must be given", width))
    elif key.default:
        lines.append(_labelled("default", key.default, width))
    if key.example is not None:
        lines += ["  example", *("    " + line for line in key.example_yaml().splitlines())]
    if key.wrong is not None:
        lines.append(_labelled("refused", key.wrong_yaml(), width))
        lines += [_labelled("", message, width) for message in key.errors()]
    return "\n".join(lines) + "\n"


def _labelled(label: str, text: str, width: int) -> str:
    first = f"  {label:<{MARGIN - 2}}"
    return textwrap.fill(text, width, initial_indent=first, subsequent_indent=" " * MARGIN, break_on_hyphens=False)


def _filled(text: str, width: int, head: str, indent: str) -> str:
    return f"\n{head}\n" + textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent)
