"""What every cost law offers: its time as a piecewise-linear function of items, and its operation counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from simulator.core.laws import Law


@dataclass(frozen=True)
class Piece:
    """From ``items`` on, a task takes ``seconds`` and ``seconds_per_item`` more for each further item."""

    items: float
    seconds: float  #: overhead included
    seconds_per_item: float


@dataclass(frozen=True)
class Hardware:
    """What one worker computes with; an efficiency is the part of the peak that is reached."""

    flops_per_s: float = 0.0  #: 0: not given
    memory_bandwidth_bytes_per_s: float = 0.0  #: 0: not given
    flops_efficiency: float = 1.0
    bandwidth_efficiency: float = 1.0

    def compute_s(self, flop: float) -> float:
        """Seconds for so many floating-point operations; 0 where the speed is not given."""
        return flop / (self.flops_per_s * self.flops_efficiency) if self.flops_per_s else 0.0

    def move_s(self, moved_bytes: float) -> float:
        """Seconds to move so many bytes; 0 where the bandwidth is not given."""
        speed = self.memory_bandwidth_bytes_per_s * self.bandwidth_efficiency
        return moved_bytes / speed if speed else 0.0


@dataclass(frozen=True)
class Operations:
    """Operation counts of a model by its asymptotic law; None where the shape is not given."""

    order: str  #: of an item, e.g. ``O(trees x depth)``
    inference: float | None  #: operations for the items asked about
    training_order: str
    training: float | None  #: operations for the rows and epochs asked about
    unit: str  #: FLOP, or node visits


class CostModel(Protocol):
    """A model as the planner and ``estimate`` see it."""

    @property
    def law(self) -> Law | None:
        """The law of the whole task's time, in seconds, where it does not depend on items; else None."""
        ...

    def pieces(self) -> tuple[Piece, ...]:
        """Time of a call over items, non-decreasing, the first piece at 0 items; empty where there is a law."""
        ...

    def operations(self, items: float, rows: float, epochs: float) -> Operations:
        """Operation counts for scoring ``items`` items, and for training on ``rows`` rows ``epochs`` times."""
        ...

    def bound_by(self, items: float) -> str:
        """Side of the roofline that a call over ``items`` items is on: computing or memory; empty if not by shape."""
        ...


def side_of_roofline(
    hardware: Hardware, flop_per_item: float, bytes_per_item: float, bytes_per_call: float, items: float
) -> str:
    """What takes longer over ``items`` items: ``computing`` or ``memory``."""
    move_s = hardware.move_s(bytes_per_item * items + bytes_per_call)
    return "computing" if hardware.compute_s(flop_per_item * items) >= move_s else "memory"


def roofline(
    overhead_s: float, hardware: Hardware, flop_per_item: float, bytes_per_item: float, bytes_per_call: float
) -> tuple[Piece, ...]:
    """Time of a call by the roofline (Williams, Waterman and Patterson, 2009): the slower of computing and moving.

    One or two pieces: moving dominates few items when parameters are read once a call, computing dominates many.

    >>> slow_memory = Hardware(flops_per_s=1e9, memory_bandwidth_bytes_per_s=1e6)
    >>> for piece in roofline(0.0, slow_memory, flop_per_item=1e6, bytes_per_item=0.0, bytes_per_call=1e4):
    ...     print(piece)
    Piece(items=0.0, seconds=0.01, seconds_per_item=0.0)
    Piece(items=10.0, seconds=0.01, seconds_per_item=0.001)
    """
    compute_s = hardware.compute_s(flop_per_item)
    move_s, read_s = hardware.move_s(bytes_per_item), hardware.move_s(bytes_per_call)
    if compute_s <= move_s:
        return (Piece(0.0, overhead_s + read_s, move_s),)
    if read_s == 0.0:
        return (Piece(0.0, overhead_s, compute_s),)
    crossing = read_s / (compute_s - move_s)
    return (
        Piece(0.0, overhead_s + read_s, move_s),
        Piece(crossing, overhead_s + crossing * compute_s, compute_s),
    )
