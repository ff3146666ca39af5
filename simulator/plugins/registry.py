"""What is offered: by a file or module that a user names, and by entry points of installed packages."""

from __future__ import annotations

import copyreg
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from simulator.base import places
from simulator.base.errors import PluginError
from simulator.plugins import loading
from simulator.plugins.kinds import GROUPS, Kind, Source
from simulator.plugins.marks import Mark, mark_of


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


def _reduced(kind: Kind) -> Any:
    """A kind as it goes to another process: by name."""
    return _again, (kind.group, kind.kind, kind.source)


copyreg.pickle(Kind, _reduced)


def _reloaded(group: str, kind: str, source: Source) -> Kind:
    where = "a worker process"
    module = sys.modules.get(loading.module_name(Path(source.place), source.sha256)) if source.is_file else None
    if module is not None:  # forked, or loaded before: as it was then, whatever stands in the file now
        return next(one for one in _kinds_of(module, source) if (one.group, one.kind) == (group, kind))
    if source.entry:
        reloaded = find(group, kind)
    else:
        if source.is_file and not places.is_file(source.place):
            raise PluginError(
                f"{where} does not have {source.place}, where the plug-in {kind} is: put the file at the same place on "
                "every machine, or install it as a package"
            )
        reloaded = next((one for one in load_plugin(source.place) if (one.group, one.kind) == (group, kind)), None)
    if reloaded is None:
        raise PluginError(f"{where} has no plug-in {kind}: install the same packages on every machine")
    if reloaded.source.sha256 != source.sha256:
        raise PluginError(f"{where} has another {source.name} than this one, where the plug-in {kind} is: copy it anew")
    return reloaded


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
            raise PluginError(f"{called} cannot be loaded: {loading.said(error)}") from error
        mark = mark_of(thing)
        if mark is None or mark.group != self.group:
            cure = f"its author should mark it as a {GROUPS[self.group]} (simulator.plugins)"
            raise PluginError(f"{called} is not a {GROUPS[self.group]}: {cure}")
        module = sys.modules[self.entry.module]
        source = Source(self.entry.module, False, loading.sha256_of(module), self.entry.name)
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
    kinds: dict[tuple[str, str], Kind] = {}
    for place in dict.fromkeys(map(str, given)):
        for kind in load_plugin(place):
            other = kinds.setdefault((kind.group, kind.kind), kind)
            if other.source.place != kind.source.place:
                raise PluginError(f"{other.source.place} and {kind.source.place} both offer {kind.kind}: rename a file")
    return Plugins(tuple(kinds.values()))


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
    module, sha256 = loading.module_of_file(given) if is_file else loading.module_named(given)
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
