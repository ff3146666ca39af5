"""Fully connected networks, and others by their FLOP and parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from simulator.base.demand import Demand
from simulator.models.base import ItemModel, Operations


def weights_of(layers: Sequence[float]) -> float:
    """Number of weights of a fully connected network, biases left out: the sum of n_i x n_(i+1).

    >>> weights_of([100, 64, 1])
    6464
    """
    return sum(one * two for one, two in pairwise(layers))


@dataclass(frozen=True, kw_only=True)
class DeepModel(ItemModel):
    """A network whose parameters are read once a call: O(f n1 + n1 n2 + ...) FLOP an item.

    Few items are bound by memory, many by computing (``roofline``).

    >>> from simulator.base.hardware import Hardware
    >>> hardware = Hardware(flops_per_s=1e9, memory_bandwidth_bytes_per_s=4e9)
    >>> for piece in DeepModel(flop_per_item=2e6, parameters=1e6, hardware=hardware).pieces():
    ...     print(piece)
    Piece(items=0.0, seconds=0.001, seconds_per_item=0.0)
    Piece(items=0.5, seconds=0.001, seconds_per_item=0.002)
    """

    flop_per_item: float | None = None
    parameters: float = 0.0
    bytes_per_value: float = 4.0

    @property
    def parameter_bytes(self) -> float:
        """All of them."""
        return self.parameters * self.bytes_per_value

    def demand(self) -> Demand | None:
        """FLOP by item, parameters once a call."""
        if self.flop_per_item is None:
            return None
        return Demand(flop_per_item=self.flop_per_item, bytes_per_call=self.parameter_bytes)

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
