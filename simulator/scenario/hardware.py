"""The ``hardware`` of a scenario: what a worker computes with, and what a machine has, costs and draws."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import BeforeValidator

from simulator.base import units
from simulator.models import Hardware
from simulator.scenario.fields import Contradiction, OrBare, Part, PositiveRatio, quantity_type, whole_type

FlopRate = quantity_type(units.parse_flop_rate, "FLOP/s", "a computing speed: 225 GFLOP/s")
Bandwidth = quantity_type(units.parse_bandwidth, "B/s", "a bandwidth: 300 GB/s")
Size = quantity_type(units.parse_size, "B", "a size: 64 GiB, 200 B", may_be_0=True)
PositiveSize = quantity_type(units.parse_size, "B", "a size: 64 GiB, 24 GB")
Price = quantity_type(units.parse_money_rate, "USD/h", "a price: 0.714 USD/h")
Power = quantity_type(units.parse_power, "W", "a power: 150 W, 1.2 kW")


class Efficiency(Part):
    """The part of each peak that is reached."""

    flops: PositiveRatio = 1.0
    bandwidth: PositiveRatio = 1.0


class HardwareSpec(Part):
    """A machine: flops and bandwidths are those of one worker; cores, memory, price and power the whole machine's."""

    flops: FlopRate | None = None  # type: ignore[valid-type]
    memory_bandwidth: Bandwidth | None = None  # type: ignore[valid-type]
    random_access_bandwidth: Bandwidth | None = None  # type: ignore[valid-type]
    efficiency: Annotated[
        Efficiency,
        BeforeValidator(lambda value: value if isinstance(value, dict) else {"flops": value, "bandwidth": value}),
        OrBare({"type": ["number", "string"], "description": "of both: 70% or 0.7"}),
    ] = Efficiency()
    cores: whole_type(1, 1_000_000) | None = None  # type: ignore[valid-type]
    memory: PositiveSize | None = None  # type: ignore[valid-type]
    price: Price | None = None  # type: ignore[valid-type]
    power: Power | None = None  # type: ignore[valid-type]

    def contradictions(self) -> Iterable[Contradiction]:
        """It says something."""
        if not self.model_fields_set - {"efficiency"}:
            yield (), "says nothing: give flops, like 225 GFLOP/s, memory, cores, price ..., or from, a catalogue entry"

    def hardware(self) -> Hardware:
        """As the cost laws take it."""
        return Hardware(
            self.flops or 0.0,
            self.memory_bandwidth or 0.0,
            self.efficiency.flops,
            self.efficiency.bandwidth,
            self.random_access_bandwidth or 0.0,
        )
