"""A task's time given as a law, whatever its items."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.core.laws import Law
from simulator.models.base import Operations, Piece


@dataclass(frozen=True)
class TimeModel:
    """The whole task's time alone as a law, in seconds."""

    law: Law

    def pieces(self) -> tuple[Piece, ...]:
        """No pieces: the law says it all."""
        return ()

    def bound_by(self, items: float) -> str:
        """Not on a roofline: the law says it all."""
        return ""

    def operations(self, items: float, rows: float, epochs: float) -> Operations:
        """Nothing is known of the operations behind a measured or assumed time."""
        return Operations("-", None, "-", None, "")
