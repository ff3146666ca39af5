"""What a plug-in offers: a kind of a group, its parameters, and where it comes from."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from simulator.base.errors import PluginError
from simulator.base.hardware import Hardware
from simulator.plugins.marks import Mark

#: Groups of kinds, and what one of each is called; entry points are in ``simulator.models`` and so on.
GROUPS = {"models": "cost model", "laws": "law", "arrivals": "kind of arrivals", "rules": "routing rule"}


@dataclass(frozen=True)
class Source:
    """Where a plug-in comes from, and what stood there when it was loaded."""

    place: str  #: path of a file, absolute; or name of a module
    is_file: bool
    sha256: str  #: of the file, or of all Python files of the module's package
    entry: str = ""  #: of an entry point, its name

    @property
    def name(self) -> str:
        """What it is called where paths are nobody's business."""
        return Path(self.place).name if self.is_file else self.place


@dataclass(frozen=True)
class Parameter:
    """A parameter of a plug-in: a key of its map in a scenario."""

    name: str
    annotation: Any  #: evaluated, ``Annotated`` included
    default: Any = dataclasses.MISSING

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is dataclasses.MISSING


@dataclass(frozen=True)
class Kind:
    """A class or function that a plug-in offers."""

    group: str  #: of GROUPS
    kind: str  #: as a scenario names it, ``module:name``
    thing: Any
    mark: Mark
    source: Source

    @property
    def doc(self) -> str:
        """First line of its docstring."""
        lines = (self.thing.__doc__ or "").strip().splitlines()
        is_made = bool(lines) and lines[0].startswith(f"{self.thing.__name__}(")  # by dataclass, for want of one
        return lines[0] if lines and not is_made else ""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its parameters in order; a rule has none. The hardware of a stage is none.

        Raises
        ------
        PluginError
            If an annotation names what is not there.
        """
        return tuple(field for field in self._fields() if not self._is_hardware(field))

    @property
    def takes_hardware(self) -> bool:
        """Whether it is given the hardware of its stage. Raises PluginError, as ``parameters``."""
        return any(map(self._is_hardware, self._fields()))

    @property
    def needs_hardware(self) -> bool:
        """Whether a stage without hardware cannot have it. Raises PluginError, as ``parameters``."""
        return any(
            self._is_hardware(field) and field.annotation is Hardware and field.is_required for field in self._fields()
        )

    @property
    def has_default_hardware(self) -> bool:
        """Whether it says itself what it takes where its stage names none. Raises PluginError, as ``parameters``."""
        return any(self._is_hardware(field) and not field.is_required for field in self._fields())

    def _is_hardware(self, field: Parameter) -> bool:
        wanted = (Hardware, Hardware | None)
        return self.group == "models" and field.name == "hardware" and field.annotation in wanted

    def _fields(self) -> tuple[Parameter, ...]:
        if not dataclasses.is_dataclass(self.thing):
            return ()
        try:
            hints = get_type_hints(self.thing, include_extras=True)
        except (NameError, TypeError) as error:
            raise PluginError(f"{self.kind}: its annotations cannot be read: {error}") from None
        return tuple(
            Parameter(field.name, hints[field.name], _default_of(field))
            for field in dataclasses.fields(self.thing)
            if field.init
        )


def _default_of(field: Any) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
