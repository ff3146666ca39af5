"""Tables of embeddings: rows read here and there."""

from dataclasses import dataclass

from simulator.base.demand import Demand
from simulator.models.base import ItemModel, Operations


@dataclass(frozen=True, kw_only=True)
class EmbeddingModel(ItemModel):
    """An item looks up some rows in each of the tables and adds them up: O(t l d) values an item.

    Rows lie anywhere, so they come at the random-access bandwidth of the hardware, if it has one.

    >>> from simulator.base.hardware import Hardware
    >>> hardware = Hardware(memory_bandwidth_bytes_per_s=20e9, random_access_bytes_per_s=4e9)
    >>> EmbeddingModel(tables=26, lookups=1, dimension=64, hardware=hardware).pieces()
    (Piece(items=0.0, seconds=0.0, seconds_per_item=1.664e-06),)
    """

    tables: float | None = None
    lookups: float | None = None  #: in each table
    dimension: float | None = None
    rows: float | None = None  #: of each table, for memory
    bytes_per_value: float = 4.0

    @property
    def values_per_item(self) -> float | None:
        """Values read for an item."""
        if self.tables is None or self.lookups is None or self.dimension is None:
            return None
        return self.tables * self.lookups * self.dimension

    @property
    def parameter_bytes(self) -> float:
        """All rows of all tables, where their number is given."""
        return (self.tables or 0.0) * (self.rows or 0.0) * (self.dimension or 0.0) * self.bytes_per_value

    def demand(self) -> Demand | None:
        """A value read, and added, for each of them; an item that is scored twice is read twice."""
        values = self.values_per_item
        if values is None:
            return None
        return Demand(flop_per_item=float(values), gathered_bytes_per_item=values * self.bytes_per_value)

    def operations(self, items: float, rows: float, epochs: float) -> Operations:
        """An addition a value; training reads and writes a row for each that was looked up, about three times that."""
        values = self.values_per_item
        return Operations(
            "O(t l d)",
            None if values is None else values * items,
            "O(3 n e t l d)",
            None if values is None else 3 * values * rows * epochs,
            "FLOP",
        )
