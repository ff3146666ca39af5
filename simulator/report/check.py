"""Checks in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.testing.checking import Checks


def check_table(checks: Checks, width: int = 120, color: bool = False) -> str:
    """Every thing with its laws, or with the one that is broken and its smallest case."""
    return "\n".join(thing.text(width) for thing in checks.things)
