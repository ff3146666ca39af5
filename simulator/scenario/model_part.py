"""What every model of a scenario answers."""

from __future__ import annotations

from simulator.models import CostModel, Hardware
from simulator.scenario.fields import Part


class ModelPart(Part):
    """What every model answers."""

    kind: str

    def missing_hardware(self, hardware: Hardware) -> str:
        """What of the hardware it needs and lacks; nothing."""
        return ""

    def has_spread(self) -> bool:
        """Whether it brings a spread of its own, so that there is no task factor besides."""
        return False

    def has_law(self) -> bool:
        """Whether that spread is a law of times."""
        return False

    def without_hardware(self) -> str:
        """What is wrong with it on a stage that names no hardware; nothing."""
        if not self.missing_hardware(Hardware()):
            return ""
        article = "an" if self.kind == "embedding" else "a"
        return f"{article} {self.kind} model by shape needs hardware, or give per_item"

    def depends_on_hardware(self) -> bool:
        """Whether other hardware gives other times."""
        return bool(self.missing_hardware(Hardware()))

    def refusal(self, hardware: Hardware | None) -> str:
        """What it does wrong on this hardware, where only the hardware shows it; nothing."""
        return ""

    def notes(self, hardware: Hardware | None) -> list[str]:
        """What was done to what was given."""
        return []

    def depends_on_items(self) -> bool:
        """Whether its time depends on how many items there are."""
        return True

    def cost_model(self, hardware: Hardware | None) -> CostModel:
        """The cost law."""
        raise NotImplementedError
