"""Kinds that plug-ins offer, in a scenario: found, checked by their annotations, worked out, written back.

Which plug-ins there are goes with the context of a check, and after it with the Scenario. A kind with a colon is a
plug-in's; naming one never imports anything but what was given or is installed.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BeforeValidator, Field, PlainSerializer, PrivateAttr, WithJsonSchema, create_model
from pydantic.functional_serializers import WrapSerializer
from pydantic.functional_validators import WrapValidator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import SerializationInfo, ValidationInfo

from simulator.base import units
from simulator.base.errors import PluginError
from simulator.plugins import GROUPS, Kind, Parameter, Plugins
from simulator.plugins.calls import called
from simulator.plugins.loading import sha256_of_file
from simulator.plugins.quantities import Quantity
from simulator.plugins.registry import Missing
from simulator.scenario import fields
from simulator.scenario.held import File, is_hashed, spelled
from simulator.scenario.merge import did_you_mean

#: Of the context of a check: the Plugins that there are.
PLUGINS = "plugins"

#: How an error is called whose message is whole, and stands at the key ``kind`` or at the map.
WRONG_KIND, WRONG_PLUGIN = "plugin_kind", "plugin"


class PluggedPart(fields.Part):
    """A map of a scenario that a plug-in understands."""

    kind: str
    given: dict[str, Any]  #: its parameters as written, defaults included

    _plugin: Kind | None = PrivateAttr(None)
    _worked: Any = PrivateAttr(None)
    _file: File | None = PrivateAttr(None)  #: that it names as its ``file``, with the hash of what it read there

    @property
    def plugin(self) -> Kind:
        """Where it comes from."""
        assert self._plugin is not None, "made by ``made``"
        return self._plugin

    @property
    def worked(self) -> Any:
        """What was worked out. Raises PluginError in a process that does not have the plug-in, or what it read."""
        if isinstance(self.plugin.thing, Missing):
            self.plugin.thing.refuse()
        return self._worked

    @property
    def worked_anew(self) -> Any:
        """Likewise where more of it is read whenever it is used. Raises PluginError if its file has changed."""
        _refuse_changed(self.kind, self._file)
        return self.worked

    @classmethod
    def made(cls, plugin: Kind, given: dict[str, Any]) -> PluggedPart:
        """From values as written. Raises ValidationError, PydanticCustomError."""
        try:
            spec = spec_of(plugin)
        except PluginError as error:
            raise PydanticCustomError(WRONG_KIND, "plugin", {"message": str(error)}) from None
        checked, file = spec.model_validate(given), given.get("file")
        try:
            if isinstance(file, File):
                _refuse_changed(plugin.kind, file)
                file.sha256 = sha256_of_file(file)
            values = {parameter.name: getattr(checked, _field(at)) for at, parameter in _numbered(plugin)}
            worked = cls.prepare(plugin, values)
        except PluginError as error:
            raise PydanticCustomError(WRONG_PLUGIN, "plugin", {"message": str(error)}) from None
        part = cls(kind=plugin.kind, given=checked.model_dump(mode="json", by_alias=True, exclude_none=True))
        part._plugin, part._worked, part._file = plugin, worked, file if isinstance(file, File) else None
        return part

    @classmethod
    def prepare(cls, plugin: Kind, values: dict[str, Any]) -> Any:
        """What is kept of it for the planner, by its parameters. Raises PluginError."""
        return cls.work_out(plugin, instance_of(plugin, values))

    @staticmethod
    def work_out(plugin: Kind, thing: Any) -> Any:
        """What the planner needs of an instance. Raises PluginError."""
        raise NotImplementedError

    def as_stated(self, hashed: bool = False) -> dict[str, Any]:
        """As a scenario writes it; ``hashed``: with the hash of what it read in place of its file's name."""
        file = {} if self._file is None else {"file": spelled(self._file, hashed)}
        return {"kind": self.kind, **self.given, **file}

    def __reduce__(self) -> Any:
        return _again, (type(self), self._plugin, self.given, self._file)  # another process loads the plug-in itself


def _refuse_changed(kind: str, file: File | None) -> None:
    """Refuse a file that no longer holds what was read of it. Raises PluginError."""
    if file is not None and file.sha256 not in ("", sha256_of_file(file)):
        raise PluginError(f"{kind}: {file} has changed since the scenario was loaded; load that again")


def instance_of(plugin: Kind, values: dict[str, Any]) -> Any:
    """The user's own object. Raises PluginError where its class refuses these values."""
    call = f"{plugin.thing.__name__}({', '.join(f'{name}={value!r}' for name, value in values.items())})"
    return called(plugin.kind, call, lambda: plugin.thing(**values))


def _again(part: type[PluggedPart], plugin: Kind, given: dict[str, Any], file: File | None) -> PluggedPart:
    if not isinstance(plugin.thing, Missing):
        try:
            _refuse_changed(plugin.kind, file)
        except PluginError as error:
            plugin = replace(plugin, thing=Missing(str(error)))
        else:
            return part.made(plugin, given if file is None else {**given, "file": file})
    again = part(kind=plugin.kind, given=given)
    again._plugin, again._file = plugin, file
    return again


def plugins_of(said: ValidationInfo) -> Plugins:
    """The plug-ins that there are."""
    plugins = (said.context or {}).get(PLUGINS)
    return plugins if isinstance(plugins, Plugins) else Plugins()


def is_plugged(kind: Any) -> bool:
    """Whether a kind is that of a plug-in."""
    return isinstance(kind, str) and ":" in kind


def plugin_named(plugins: Plugins, group: str, kind: str) -> Kind:
    """The plug-in of a kind. Raises PydanticCustomError that says what there is and how to name more."""
    try:
        plugin = plugins.find(group, kind)
    except PluginError as error:
        raise PydanticCustomError(WRONG_KIND, "plugin", {"message": str(error)}) from None
    if plugin is not None:
        return plugin
    others = [GROUPS[other] for other in plugins.groups_of(kind)]
    if others:
        message = f"{kind!r} is a {others[0]}, and a {GROUPS[group]} is wanted here"
        raise PydanticCustomError(WRONG_KIND, "plugin", {"message": message})
    known = plugins.known(group)
    near = did_you_mean(kind, known).replace("; known: ", "; there are: ") or "; none is installed"
    if any(one.partition(":")[0] == kind.partition(":")[0] for one in known):
        raise PydanticCustomError(
            WRONG_KIND, "plugin", {"message": f"no plug-in offers a {GROUPS[group]} {kind!r}{near}"}
        )
    cure = "name its file with --plugin FILE.py (plugins=[...] in Python), or install the package that offers it"
    message = f"no plug-in offers a {GROUPS[group]} {kind!r}{near}; {cure}"
    raise PydanticCustomError(WRONG_KIND, "plugin", {"message": message})


def or_plugged(group: str, part: type[PluggedPart]) -> tuple[WrapValidator, WrapSerializer]:
    """What makes a union of built-in kinds accept those of plug-ins, too: two items for its ``Annotated``."""

    def validate(value: Any, built_in: Any, said: ValidationInfo) -> Any:
        if isinstance(value, part):
            return value
        kind = value.get("kind") if isinstance(value, dict) else None
        if not isinstance(kind, str) or ":" not in kind:
            return built_in(value)
        plugin = plugin_named(plugins_of(said), group, kind)
        return part.made(plugin, {key: inner for key, inner in value.items() if key != "kind"})

    def serialize(value: Any, built_in: Any, said: SerializationInfo) -> Any:
        return value.as_stated(is_hashed(said)) if isinstance(value, PluggedPart) else built_in(value)

    return WrapValidator(validate), WrapSerializer(serialize)


def plugins_in(said: Any) -> Iterator[Kind]:
    """The plug-ins that a part of a scenario names, in the order in which they stand there."""
    if isinstance(said, fields.Part):
        plugin = getattr(said, "_plugin", None)
        if plugin is not None:
            yield plugin
        for name in type(said).model_fields:
            yield from plugins_in(getattr(said, name))
    elif isinstance(said, tuple):
        for item in said:
            yield from plugins_in(item)


# --- annotations ------------------------------------------------------------------------------------------------------


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"expected a number, got {fields.shown(value)}")
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {fields.shown(value)}")
    return value


_RATIO_SCHEMA = WithJsonSchema({"type": ["number", "string"], "description": "a ratio: 2% or 0.02"})

#: The type of a field by how its quantity is written.
_QUANTITIES: dict[str, Any] = {
    "duration": fields.Duration,
    "positive duration": fields.PositiveDuration,
    "count": fields.Count,
    "positive count": fields.PositiveCount,
    "ratio": Annotated[float, BeforeValidator(units.parse_ratio), PlainSerializer(fields.plain_number), _RATIO_SCHEMA],
    "rate": fields.PositiveRate,
}
#: Likewise by its plain type.
_PLAIN: dict[Any, Any] = {
    int: fields.whole_type(-(2**53), 2**53),
    float: Annotated[
        float, BeforeValidator(_number), PlainSerializer(fields.plain_number), WithJsonSchema({"type": "number"})
    ],
    bool: Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})],
    str: fields.Text,
    None: None,
    type(None): None,
}
UNDERSTOOD = (
    "Duration, Count, Ratio, Rate, int, float, bool, str, Literal[...], tuple[X, ...] and X | None, "
    "and in a cost model hardware: Hardware"
)


def _type_of(plugin: Kind, parameter: str, annotation: Any) -> Any:
    """The type of a field of a scenario by the annotation of a parameter. Raises PluginError."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        quantity = next((one for one in arguments if isinstance(one, Quantity)), None)
        return _type_of(plugin, parameter, arguments[0]) if quantity is None else _QUANTITIES[quantity.name]
    if origin is Literal and all(isinstance(word, str) for word in arguments):
        return fields.word_type(*arguments)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple[_type_of(plugin, parameter, arguments[0]), ...]  # type: ignore[misc]
    if origin in (typing.Union, types.UnionType) and len(arguments) == 2 and type(None) in arguments:
        inner = next(one for one in arguments if one is not type(None))
        return _type_of(plugin, parameter, inner) | None
    try:
        return _PLAIN[annotation]
    except (KeyError, TypeError):
        what = getattr(annotation, "__name__", str(annotation))
        raise PluginError(f"{plugin.kind}: parameter {parameter} is a {what}; understood are {UNDERSTOOD}") from None


def _numbered(plugin: Kind) -> list[tuple[int, Parameter]]:
    return list(enumerate(plugin.parameters))


def _field(at: int) -> str:
    """Name of a field of a specification: its key is the alias, so that no key is in the way of pydantic's methods."""
    return f"parameter_{at}"


Spec = TypeVar("Spec", bound=fields.Part)


@lru_cache(maxsize=256)
def spec_of(plugin: Kind) -> type[fields.Part]:
    """What the map of a plug-in may say besides its kind, by its annotations.

    Raises
    ------
    PluginError
        If an annotation is not understood.
    """
    types: dict[str, Any] = {}
    for at, parameter in _numbered(plugin):
        default = ... if parameter.is_required else parameter.default
        info = Field(default, alias=parameter.name)
        types[_field(at)] = (_type_of(plugin, parameter.name, parameter.annotation), info)
    return create_model(plugin.thing.__name__, __base__=fields.Part, __doc__=plugin.doc or plugin.kind, **types)


def keys_of(plugin: Kind) -> list[str]:
    """Keys that its map may have."""
    return ["kind", *(parameter.name for parameter in plugin.parameters)]
