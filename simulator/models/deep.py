"""Fully connected networks, and others by their FLOP and parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from simulator.core.laws import Law
from simulator.models.base import Hardware, Operations, Piece, roofline, side_of_roofline


def weights_of(layers: Sequence[float]) -> float:
    """Number of weights of a fully connected network, biases left out: the sum of n_i x n_(i+1).

    >>> weights_of([100, 64, 1])
    6464
    """
    return sum(one * two for one, two in pairwise(layers))


@dataclass(frozen=True)
class DeepModel:
    """A network whose parameters are read once a call: O(f n1 + n1 n2 + ...) FLOP an item.

    Few items are bound by memory, many by computing (``roofline``).

    >>> hardware = Hardware(flops_per_s=1e9, memory_bandwidth_bytes_per_s=4e9)
    >>> for piece in DeepModel(flop_per_item=2e6, parameters=1e6, hardware=hardware).pieces():
    ...     print(piece)
    Piece(items=0.0, seconds=0.001, seconds_per_item=0.0)
    Piece(items=0.5, seconds=0.001, seconds_per_item=0.002)
    """

    flop_per_item: float | None = None
    parameters: float = 0.0
    per_item_s: float | None = None
    overhead_s: float = 0.0
    bytes_per_value: float = 4.0
    hardware: Hardware | None = None

    @property
    def law(self) -> Law | None:
        """None: the time depends on items."""
        return None

    def pieces(self) -> tuple[Piece, ...]:
        """Time of a call over items."""
        if self.per_item_s is not None:
            return (Piece(0.0, self.overhead_s, self.per_item_s),)
        assert self.flop_per_item is not None and self.hardware is not None, "the schema asks for both"
        read_bytes = self.parameters * self.bytes_per_value
        return roofline(self.overhead_s, self.hardware, self.flop_per_item, 0.0, read_bytes)

    def bound_by(self, items: float) -> str:
        """Side of the roofline of a call."""
        if self.per_item_s is not None or self.flop_per_item is None or self.hardware is None:
            return ""
        read_bytes = self.parameters * self.bytes_per_value
        return side_of_roofline(self.hardware, self.flop_per_item, 0.0, read_bytes, items)

    def operations(self, items: float, rows: float, epochs: float) -> Operations:
        """Forward FLOP; training is a forward and a backward pass, three times a forward one."""
        flop = self.flop_per_item
        return Operations(
            "O(f n1 + n1 n2 + ...)",
            None if flop is None else flop * items,
            "O(3 n e (f n1 + n1 n2 + ...))",
            None if flop is None else 3 * flop * rows * epochs,
            "FLOP",
        )
