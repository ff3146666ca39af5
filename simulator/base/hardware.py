"""What a worker computes with: the figures that cost laws by shape ask for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hardware:
    """What one worker computes with; an efficiency is the part of the peak that is reached."""

    flops_per_s: float = 0.0  #: 0: not given
    memory_bandwidth_bytes_per_s: float = 0.0  #: 0: not given
    flops_efficiency: float = 1.0
    bandwidth_efficiency: float = 1.0
    random_access_bytes_per_s: float = 0.0  #: reached, reading rows here and there; 0: that of the memory

    def compute_s(self, flop: float) -> float:
        """Seconds for so many floating-point operations; 0 where the speed is not given."""
        return flop / (self.flops_per_s * self.flops_efficiency) if self.flops_per_s else 0.0

    def move_s(self, moved_bytes: float) -> float:
        """Seconds to move so many bytes; 0 where the bandwidth is not given."""
        speed = self.memory_bandwidth_bytes_per_s * self.bandwidth_efficiency
        return moved_bytes / speed if speed else 0.0

    def gather_s(self, gathered_bytes: float) -> float:
        """Seconds to read so many bytes in rows here and there."""
        speed = self.random_access_bytes_per_s
        return gathered_bytes / speed if speed else self.move_s(gathered_bytes)


class MissingFigure(ValueError):
    """A model asks for a figure that its hardware does not give."""

    def __init__(self, figure: str) -> None:
        super().__init__(f"the hardware has no {figure}")
        self.figure = figure


class GivenHardware(Hardware):
    """Hardware as a user's model sees it: what is not given is refused, and not taken for endlessly fast."""

    @staticmethod
    def of(hardware: Hardware) -> GivenHardware:
        """The same figures."""
        return GivenHardware(**vars(hardware))

    def compute_s(self, flop: float) -> float:
        """Seconds for so many floating-point operations. Raises MissingFigure where the speed is not given."""
        if not self.flops_per_s:
            raise MissingFigure("flops")
        return super().compute_s(flop)

    def move_s(self, moved_bytes: float) -> float:
        """Seconds to move so many bytes. Raises MissingFigure where the bandwidth is not given."""
        if not self.memory_bandwidth_bytes_per_s:
            raise MissingFigure("memory_bandwidth")
        return super().move_s(moved_bytes)
