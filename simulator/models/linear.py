"""Linear models."""

from dataclasses import dataclass

from simulator.base.demand import Demand
from simulator.models.base import ItemModel, Operations


@dataclass(frozen=True, kw_only=True)
class LinearModel(ItemModel):
    """A dot product of features and weights: O(f) an item, by time per item or by shape.

    >>> from simulator.base.hardware import Hardware
    >>> hardware = Hardware(flops_per_s=1e9, memory_bandwidth_bytes_per_s=4e9)
    >>> LinearModel(features=100, hardware=hardware).pieces()
    (Piece(items=0.0, seconds=0.0, seconds_per_item=2e-07),)
    >>> LinearModel(features=100).operations(items=10, rows=1000, epochs=3)
    Operations(order='O(f)', inference=2000.0, training_order='O(n f e)', training=600000.0, unit='FLOP')
    """

    features: float | None = None
    bytes_per_value: float = 4.0

    @property
    def parameter_bytes(self) -> float:
        """A weight a feature."""
        return (self.features or 0.0) * self.bytes_per_value

    def demand(self) -> Demand | None:
        """An item is ``2 f`` FLOP and ``f`` values read; its side of the roofline does not depend on their number."""
        if self.features is None:
            return None
        return Demand(flop_per_item=2.0 * self.features, bytes_per_item=self.features * self.bytes_per_value)

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
