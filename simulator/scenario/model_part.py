"""What every model of a scenario answers; and the cost models of plug-ins."""

from collections.abc import Callable
from typing import Any, Self

from simulator.base.errors import PluginError
from simulator.base.hardware import GivenHardware, MissingFigure
from simulator.core.plan import F8
from simulator.models import CostModel, Hardware
from simulator.models.plugged import PluggedModel
from simulator.plugins import Kind
from simulator.scenario.fields import Part
from simulator.scenario.plugged import PluggedPart, instance_of


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

    def samples(self) -> bool:
        """Whether each replication has measurements of its own, drawn again from those there are."""
        return False

    def sampled(self, uniforms: Callable[[int], F8]) -> Self:
        """As it is in one replication; ``uniforms``: so many of them."""
        return self

    def cost_model(self, hardware: Hardware | None) -> CostModel:
        """The cost law."""
        raise NotImplementedError


class PluggedSpec(PluggedPart, ModelPart):
    """A cost model of a plug-in: its parameters."""

    @classmethod
    def prepare(cls, plugin: Kind, values: dict[str, Any]) -> Any:
        """The cost law, or what it is worked out from where it takes the hardware of its stage."""
        return values if plugin.takes_hardware else super().prepare(plugin, values)

    @staticmethod
    def work_out(plugin: Kind, thing: Any) -> Any:
        """The cost law, tabulated."""
        return PluggedModel.of(plugin.kind, thing)

    def without_hardware(self) -> str:
        """That it needs hardware, where it does."""
        return f"{self.kind} needs hardware: name the stage's" if self._needs_hardware() else ""

    def missing_hardware(self, hardware: Hardware) -> str:
        """The figure that it asks for and that is not given; nothing."""
        error = self._error_on(hardware)
        return error.__cause__.figure if error is not None and isinstance(error.__cause__, MissingFigure) else ""

    def depends_on_hardware(self) -> bool:
        """Whether it is given the hardware of its stage."""
        return isinstance(self._worked, dict)

    def refusal(self, hardware: Hardware | None) -> str:
        """What breaks a promise when it is asked for its times on this hardware."""
        error = self._error_on(hardware)
        return "" if error is None or isinstance(error.__cause__, MissingFigure) else str(error)

    def _error_on(self, hardware: Hardware | None) -> PluginError | None:
        if not isinstance(self._worked, dict) or (hardware is None and self._needs_hardware()):
            return None
        try:
            self.cost_model(hardware)
        except PluginError as error:
            return error
        return None

    def _needs_hardware(self) -> bool:
        return isinstance(self._worked, dict) and self.plugin.needs_hardware

    def notes(self, hardware: Hardware | None) -> list[str]:
        """How well its table keeps to it."""
        model = self.cost_model(hardware)
        if model.error == 0 or len(model.table) <= 2:
            return []
        pieces = f"{len(model.table)} pieces"
        return [f"{self.kind} is tabulated in {pieces}, within {100 * model.error:.2g} % wherever tried"]

    def cost_model(self, hardware: Hardware | None) -> PluggedModel:
        """The cost law. Raises PluginError if it breaks a promise on this hardware."""
        if isinstance(self.worked, PluggedModel):
            return self.worked
        worked: dict[str, Any] = self.worked_anew  # it reads what it reads on this hardware
        if hardware is None and self.plugin.has_default_hardware:
            return PluggedModel.of(self.kind, instance_of(self.plugin, worked))
        given = None if hardware is None else GivenHardware.of(hardware)
        return PluggedModel.of(self.kind, instance_of(self.plugin, {**worked, "hardware": given}))
