"""What batches of a model of the catalogue take: its time by the number of items of a call."""

from collections.abc import Sequence

from pydantic import ValidationError

from simulator.base.errors import ArgumentError, ScenarioError
from simulator.documents.catalogue import OfBatch, OfKind
from simulator.models import call_s
from simulator.scenario.catalogue import Catalogue, Entry, entries_named
from simulator.scenario.curve import CurveSpec
from simulator.scenario.hardware import HardwareSpec
from simulator.scenario.model_part import ModelPart
from simulator.scenario.models import MODEL_SPECS

#: Items of a call, unless a curve has sizes of its own.
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


def curve_of(entry: Entry, known: Catalogue, on: str | None) -> OfKind:
    """The batch curve of a model, as a part of its document; empty of what has no time yet, or is no model.

    ``on``: hardware of the catalogue.

    Raises
    ------
    ScenarioError
        If there is no such hardware, or it gives the model no time.
    """
    hardware = None if on is None else _machine(known, on)
    model = _spec(entry) if entry.section == "models" else None
    why = _why_not(entry, model, hardware, on)
    if why and on is not None:
        raise ArgumentError(f"{entry.name} takes no time on {on}: {why}", "on")
    if model is None or why:
        return {}
    cost = model.cost_model(None if hardware is None else hardware.hardware())
    sizes: Sequence[float] = model.items if isinstance(model, CurveSpec) else SIZES
    batches: list[OfBatch] = []
    for items in sizes:
        seconds = call_s(cost, items)[0]
        batches.append({"items": items, "seconds": seconds, "items_per_s": items / seconds})
    return {"batches": batches} if on is None else {"batches": batches, "on": on}


def _machine(known: Catalogue, name: str) -> HardwareSpec:
    entry = next((one for one in entries_named(known, name) if one.section == "hardware"), None)
    if entry is None:
        raise ArgumentError(f"{name} is a model, not hardware", "on")
    return HardwareSpec.model_validate(entry.node.plain())


def _spec(entry: Entry) -> ModelPart | None:
    """The model as a scenario would have it; None: a scenario has to say more of it."""
    plain = entry.node.plain()
    try:
        spec = MODEL_SPECS[plain["kind"]].model_validate(plain)
    except (KeyError, ScenarioError, ValidationError):
        return None
    return spec if isinstance(spec, ModelPart) and spec.depends_on_items() else None


def _why_not(entry: Entry, model: ModelPart | None, hardware: HardwareSpec | None, on: str | None) -> str:
    """Why it has no time; empty: it has."""
    if entry.section != "models":
        return "it is hardware"
    if model is None:
        return "its shape is to be given"
    if hardware is None:
        return model.without_hardware()
    if not model.depends_on_hardware():
        return "its time is that of what it was measured on, whatever the hardware; leave it out"
    return model.missing_hardware(hardware.hardware()) and "a figure of the hardware is missing"
