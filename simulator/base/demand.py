"""What a call of a model asks of the hardware: FLOP and bytes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Demand:
    """What a call asks of the hardware: operations and bytes of an item, and bytes read once a call."""

    flop_per_item: float = 0.0
    bytes_per_item: float = 0.0
    bytes_per_call: float = 0.0
    gathered_bytes_per_item: float = 0.0  #: in rows here and there

    def flop(self, items: float) -> float:
        """Floating-point operations of a call."""
        return self.flop_per_item * items

    def moved_bytes(self, items: float) -> float:
        """Bytes of a call."""
        return self.bytes_per_call + (self.bytes_per_item + self.gathered_bytes_per_item) * items
