"""What the fields of a model are: drawn, doubled, and put into other units."""

import copy
import dataclasses
import typing
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from simulator.base.hardware import Hardware
from simulator.core.laws import Law
from simulator.testing.strategies.models import hardware

#: Values by what a field is (the annotations of ``simulator.plugins``), plain ones first: Hypothesis shrinks to them.
QUANTITIES: dict[str, st.SearchStrategy[float]] = {
    "duration": st.sampled_from([1e-6, 1e-9, 1e-3, 1.0, 0.0]),
    "positive duration": st.sampled_from([1e-6, 1e-9, 1e-3, 1.0]),
    "count": st.one_of(st.integers(1, 100).map(float), st.sampled_from([0.0, 0.5, 1e4])),
    "positive count": st.one_of(st.integers(1, 100).map(float), st.sampled_from([0.5, 1e4])),
    "ratio": st.sampled_from([0.5, 1.0, 0.0, 0.01]),
    "rate": st.sampled_from([1.0, 1e3, 1e-2, 1e9]),
}
#: Of these, those with a unit of time, and the power of it.
POWERS = {"duration": 1, "positive duration": 1, "rate": -1}


def quantity_of(annotation: Any) -> str:
    """What an annotation says that a number is; empty if it says nothing."""
    for note in getattr(annotation, "__metadata__", ()):
        name = getattr(note, "name", "")
        if name in QUANTITIES:
            return str(name)
    return ""


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of a field by its annotation."""
    name = quantity_of(annotation)
    if name:
        return QUANTITIES[name]
    if annotation is Hardware:
        return hardware()
    if annotation == Hardware | None:
        return st.one_of(st.none(), hardware())
    if annotation is float:
        return st.sampled_from([1.0, 0.5, 2.0, 10.0])
    if annotation is int:
        return st.integers(1, 100)
    if typing.get_origin(annotation) is tuple:
        [item, *_] = typing.get_args(annotation)
        return st.lists(values_of(item), min_size=1, max_size=4).map(tuple)
    return st.from_type(annotation)


def annotations_of(thing: Any) -> dict[str, Any]:
    """Fields of a dataclass that its constructor takes, with their annotations; of any other class none."""
    if not dataclasses.is_dataclass(thing):
        return {}
    hints = typing.get_type_hints(thing if isinstance(thing, type) else type(thing), include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(thing) if field.init}


@st.composite
def instances(draw: st.DrawFn, made: type) -> Any:
    """Instances of a class: of a dataclass with any values of its fields, else the one that needs no arguments.

    Values that the class refuses with a ValueError are not drawn.
    """
    values = {}
    if dataclasses.is_dataclass(made):
        annotations = annotations_of(made)
        for field in dataclasses.fields(made):
            if field.name in annotations:
                values[field.name] = draw(_with_default(field, values_of(annotations[field.name])))
    try:
        return made(**values)
    except ValueError:
        assume(False)


def _with_default(field: Any, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    if field.default is not dataclasses.MISSING:
        return st.one_of(st.just(field.default), values)
    return values


def cases_of(subject: Any) -> st.SearchStrategy[Any]:
    """What a check is to ask: instances of a class, the instances of a strategy, or the one instance."""
    if isinstance(subject, st.SearchStrategy):
        return subject
    return instances(subject) if isinstance(subject, type) else st.just(subject)


def name_of(subject: Any) -> str:
    """What a check calls its subject."""
    if isinstance(subject, st.SearchStrategy):
        return "a drawn one"
    return str(getattr(subject, "__name__", None) or type(subject).__name__)


def with_field(thing: Any, name: str, value: Any) -> Any:
    """A copy with another value of a field; None if it is refused with a ValueError."""
    try:
        return dataclasses.replace(thing, **{name: value})
    except ValueError:
        return None


def in_other_units(thing: Any, factor: float) -> Any:
    """A copy whose durations are ``factor`` times as many and whose rates as many fewer; None if it has neither.

    By annotation; of built-in models by name (``visit_s``, ``flops_per_s``), laws and parts included.
    """
    changed = {}
    annotations = annotations_of(thing)
    for name, annotation in annotations.items():
        value = getattr(thing, name)
        other = _other(name, annotation, value, factor)
        if other is not None:
            changed[name] = other
    if not changed:
        return None
    try:
        return dataclasses.replace(thing, **changed)
    except ValueError:
        return None


def _other(name: str, annotation: Any, value: Any, factor: float) -> Any:
    power = POWERS.get(quantity_of(annotation), 0)
    if power == 0 and name.endswith("_s") and not quantity_of(annotation):
        power = -1 if name.endswith("_per_s") else 1
    if power:
        if isinstance(value, tuple):
            return tuple(each * factor**power for each in value)
        return None if value is None else value * factor**power
    if name == "law" and isinstance(value, Law):
        return value.scaled(factor)
    if isinstance(value, tuple) and any(dataclasses.is_dataclass(each) for each in value):
        parts = tuple(in_other_units(each, factor) for each in value)
        return None if None in parts else parts
    if dataclasses.is_dataclass(value) and not isinstance(value, (type, Law)):
        return in_other_units(value, factor)
    return None


def has_no_time(thing: Any) -> bool:
    """Whether some duration or rate is 0, so that what is multiplied by it cannot be seen."""
    for name, annotation in annotations_of(thing).items():
        value = getattr(thing, name)
        if POWERS.get(quantity_of(annotation), 0) and value == 0:
            return True
    return False


def copied(thing: Any) -> Any:
    """A deep copy: to see what a call has changed."""
    return copy.deepcopy(thing)
