"""A task's time given as a law, whatever its items."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.base.pieces import Piece
from simulator.core.laws import Law
from simulator.models.base import Demand, Operations

#: Nothing is known of the operations behind a measured or assumed time.
UNKNOWN = Operations("-", None, "-", None, "")


@dataclass(frozen=True)
class TimeModel:
    """The whole task's time alone as a law, in seconds."""

    law: Law
    spread: Law | None = None  #: the law has it
    parameter_bytes: float = 0.0

    def pieces(self) -> tuple[Piece, ...]:
        """No pieces: the law says it all."""
        return ()

    def demand(self) -> Demand | None:
        """Not known."""
        return None

    def bound_by(self, items: float) -> str:
        """Not on a roofline: the law says it all."""
        return ""

    def operations(self, items: float, rows: float, epochs: float) -> Operations:
        """Not known."""
        return UNKNOWN
