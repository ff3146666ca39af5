"""Checks in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.testing.checking import Checks

#: Letters of a line where nobody says.
WIDTH = 100


def check_table(checks: Checks, width: int | None = None, color: bool = False) -> str:
    """Every thing with its laws, or with the one that is broken and its smallest case."""
    return "\n".join(thing.text(width or WIDTH) for thing in checks.things)
