"""What is offered: by a file or module that a user names, and by entry points of installed packages."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from simulator.base.errors import PluginError
from simulator.base.hardware import Hardware
from simulator.plugins.marks import Mark, mark_of

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

    def __reduce__(self) -> Any:
        return _again, (self.group, self.kind, self.source)


def _default_of(field: Any) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


class Missing:
    """What stands for a class or function that a worker process does not have: whatever is asked of it, it refuses.

    A process that raised where it reads its work would end, and nobody would hear why.
    """

    def __init__(self, message: str) -> None:
        self.message = message

    def refuse(self) -> None:
        """Raise PluginError."""
        raise PluginError(self.message)


def _again(group: str, kind: str, source: Source) -> Kind:
    """The kind in another process, which must have the same source; else its thing is Missing."""
    try:
        return _reloaded(group, kind, source)
    except PluginError as error:
        return Kind(group, kind, Missing(str(error)), Mark(group, kind), source)


def _reloaded(group: str, kind: str, source: Source) -> Kind:
    where = "a worker process"
    module = sys.modules.get(_module_name(Path(source.place), source.sha256)) if source.is_file else None
    if module is not None:  # forked, or loaded before: as it was then, whatever stands in the file now
        return next(one for one in _kinds_of(module, source) if (one.group, one.kind) == (group, kind))
    if source.entry:
        found = find(group, kind)
    else:
        if source.is_file and not Path(source.place).is_file():
            raise PluginError(
                f"{where} does not have {source.place}, where the plug-in {kind} is: put the file at the same place on "
                "every machine, or install it as a package"
            )
        found = next((one for one in load_plugin(source.place) if (one.group, one.kind) == (group, kind)), None)
    if found is None:
        raise PluginError(f"{where} has no plug-in {kind}: install the same packages on every machine")
    if found.source.sha256 != source.sha256:
        raise PluginError(f"{where} has another {source.name} than this one, where the plug-in {kind} is: copy it anew")
    return found


@dataclass(frozen=True)
class Offer:
    """What an installed package offers, not loaded yet."""

    group: str
    kind: str
    package: str  #: the distribution, with its version
    entry: EntryPoint

    def load(self) -> Kind:
        """Import it. Raises PluginError."""
        called = f"{self.kind} of the installed package {self.package}"
        try:
            thing = self.entry.load()
        except (Exception, SystemExit) as error:
            raise PluginError(f"{called} cannot be loaded: {_said(error)}") from error
        mark = mark_of(thing)
        if mark is None or mark.group != self.group:
            cure = f"its author should mark it as a {GROUPS[self.group]} (simulator.plugins)"
            raise PluginError(f"{called} is not a {GROUPS[self.group]}: {cure}")
        module = sys.modules[self.entry.module]
        source = Source(self.entry.module, False, _sha256_of(module), self.entry.name)
        return Kind(self.group, self.kind, thing, mark, source)


def installed() -> tuple[Offer, ...]:
    """What installed packages offer, by their entry points; nothing is imported. The kind is ``module:entry point``."""
    return tuple(
        Offer(group, f"{entry.module}:{entry.name}", _package(entry), entry)
        for group in GROUPS
        for entry in sorted(entry_points(group=f"simulator.{group}"), key=lambda entry: (entry.module, entry.name))
    )


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.module


def find(group: str, kind: str) -> Kind | None:
    """An installed kind of a group, loaded now; None if no package offers it. Raises PluginError."""
    offer = next((one for one in installed() if (one.group, one.kind) == (group, kind)), None)
    return None if offer is None else offer.load()


@dataclass(frozen=True)
class Plugins:
    """The kinds that a scenario may name: those of files and modules given for it, then those installed."""

    kinds: tuple[Kind, ...] = ()

    def find(self, group: str, kind: str) -> Kind | None:
        """A kind of a group; None if there is none. Raises PluginError where an installed one cannot be loaded."""
        given = next((one for one in self.kinds if (one.group, one.kind) == (group, kind)), None)
        return find(group, kind) if given is None else given

    def known(self, group: str) -> list[str]:
        """Kinds of a group, given and installed."""
        given = [one.kind for one in self.kinds if one.group == group]
        return [*given, *(offer.kind for offer in installed() if offer.group == group and offer.kind not in given)]

    def groups_of(self, kind: str) -> list[str]:
        """Groups that have a kind of this name."""
        return [group for group in GROUPS if kind in self.known(group)]

    def with_installed(self) -> Plugins:
        """These and all that is installed, loaded. Raises PluginError."""
        given = {(one.group, one.kind) for one in self.kinds}
        more = (offer.load() for offer in installed() if (offer.group, offer.kind) not in given)
        return replace(self, kinds=(*self.kinds, *more))


def load_plugins(given: Iterable[str | Path]) -> Plugins:
    """The kinds of several files and modules.

    Raises
    ------
    PluginError
        If one cannot be loaded, or two offer one kind.
    """
    found: dict[tuple[str, str], Kind] = {}
    for place in dict.fromkeys(map(str, given)):
        for kind in load_plugin(place):
            other = found.setdefault((kind.group, kind.kind), kind)
            if other.source.place != kind.source.place:
                raise PluginError(f"{other.source.place} and {kind.source.place} both offer {kind.kind}: rename a file")
    return Plugins(tuple(found.values()))


def load_plugin(place: str | Path) -> tuple[Kind, ...]:
    """The kinds that a Python file or module offers. It is run: name only what you trust.

    Parameters
    ----------
    place
        A file ending in ``.py``, or the name of a module that can be imported.

    Raises
    ------
    PluginError
        If it cannot be read or imported, or marks nothing.
    """
    given = str(place)
    is_file = given.endswith(".py") or "/" in given or "\\" in given
    module, sha256 = _module_of_file(given) if is_file else _module_named(given)
    source = Source(str(Path(given).absolute()) if is_file else given, is_file, sha256)
    kinds = _kinds_of(module, source)
    if not kinds:
        cure = "mark a class with cost_model, law or arrivals, or a function with routing, of simulator.plugins"
        raise PluginError(f"{given}: offers nothing: {cure}")
    return kinds


def _kinds_of(module: ModuleType, source: Source) -> tuple[Kind, ...]:
    name = Path(source.place).stem if source.is_file else source.place
    kinds: dict[tuple[str, str], Kind] = {}
    for thing in vars(module).values():
        mark = mark_of(thing)
        if mark is not None:
            kind = Kind(mark.group, f"{name}:{mark.name}", thing, mark, source)
            if kinds.setdefault((mark.group, mark.name), kind).thing is not thing:
                raise PluginError(f"{source.place}: two {GROUPS[mark.group]}s are called {mark.name!r}: rename one")
    return tuple(kinds.values())


def _module_name(path: Path, sha256: str) -> str:
    """A name of its own: a file called numpy.py takes nobody's place, and one that was edited is loaded anew."""
    return f"_shardsim_plugin_{path.stem}_{hashlib.sha256(f'{path} {sha256}'.encode()).hexdigest()[:16]}"


def _module_of_file(given: str) -> tuple[ModuleType, str]:
    path = Path(given).absolute()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PluginError(f"{given}: cannot be read: {error.strerror}") from None
    sha256 = hashlib.sha256(content).hexdigest()
    name = _module_name(path, sha256)
    if name in sys.modules:
        return sys.modules[name], sha256
    spec = spec_from_file_location(name, path)
    assert isinstance(spec, ModuleSpec) and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        exec(compile(content, str(path), "exec"), vars(module))  # what was hashed, not what stands there a moment later
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise PluginError(f"{given}{_line_of(error, str(path))}: cannot be loaded: {_said(error)}") from error
    return module, sha256


def _module_named(given: str) -> tuple[ModuleType, str]:
    try:
        module = importlib.import_module(given)
    except (Exception, SystemExit) as error:
        cure = "" if not isinstance(error, ModuleNotFoundError) else "; a plug-in is FILE.py or an installed module"
        raise PluginError(f"{given}: cannot be loaded: {_said(error)}{cure}") from error
    return module, _sha256_of(module)


def _sha256_of(module: ModuleType) -> str:
    """Hash of a module's file; in a package, of all Python files of its folder and below."""
    file = getattr(module, "__file__", None)
    if file is None:
        return ""
    path = Path(file)
    return _sha256_of_folder(path.parent) if module.__package__ else hashlib.sha256(path.read_bytes()).hexdigest()


@lru_cache(maxsize=16)
def _sha256_of_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line_of(error: BaseException, path: str) -> str:
    """``:line`` of the file where it went wrong, where that is known."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return f":{error.lineno}"
    frames: Sequence[Any] = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == path]
    return f":{lines[-1]}" if lines else ""
