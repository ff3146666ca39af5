"""Linear models."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.core.laws import Law
from simulator.models.base import Hardware, Operations, Piece, roofline, side_of_roofline


@dataclass(frozen=True)
class LinearModel:
    """A dot product of features and weights: O(f) an item, by time per item or by shape.

    >>> hardware = Hardware(flops_per_s=1e9, memory_bandwidth_bytes_per_s=4e9)
    >>> LinearModel(features=100, hardware=hardware).pieces()
    (Piece(items=0.0, seconds=0.0, seconds_per_item=2e-07),)
    >>> LinearModel(features=100).operations(items=10, rows=1000, epochs=3)
    Operations(order='O(f)', inference=2000.0, training_order='O(n f e)', training=600000.0, unit='FLOP')
    """

    features: float | None = None
    per_item_s: float | None = None
    overhead_s: float = 0.0
    bytes_per_value: float = 4.0
    hardware: Hardware | None = None

    @property
    def law(self) -> Law | None:
        """None: the time depends on items."""
        return None

    def pieces(self) -> tuple[Piece, ...]:
        """Time of a call over items; an item is ``2 f`` FLOP and ``f`` values read."""
        if self.per_item_s is not None:
            return (Piece(0.0, self.overhead_s, self.per_item_s),)
        assert self.features is not None and self.hardware is not None, "the schema asks for both"
        return roofline(self.overhead_s, self.hardware, 2 * self.features, self.features * self.bytes_per_value, 0.0)

    def bound_by(self, items: float) -> str:
        """Side of the roofline of a call: the same for any number of items."""
        if self.per_item_s is not None or self.features is None or self.hardware is None:
            return ""
        item_bytes = self.features * self.bytes_per_value
        return side_of_roofline(self.hardware, 2 * self.features, item_bytes, 0.0, items)

    def operations(self, items: float, rows: float, epochs: float) -> Operations:
        """Multiply and add for each feature; training to leading order does so for each row and epoch."""
        flop = None if self.features is None else 2.0 * self.features
        return Operations(
            "O(f)",
            None if flop is None else flop * items,
            "O(n f e)",
            None if flop is None else flop * rows * epochs,
            "FLOP",
        )
