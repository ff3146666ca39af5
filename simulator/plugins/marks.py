"""Decorators that mark what a plug-in offers. They only mark: nothing is registered anywhere."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from dataclasses import fields as fields_of
from typing import Any, TypeVar, dataclass_transform, overload

#: Where a mark is kept on the class or function.
ATTRIBUTE = "__shardsim__"

#: What a routing rule may look at: nothing, tasks outstanding at each replica, or ns of work outstanding.
LOOKS = (None, "outstanding", "work", "latency")

#: What a class says of itself, which is not a parameter, however it is annotated.
DECLARED = ("batch_economy", "dispersion", "order", "parameter_bytes")

Thing = TypeVar("Thing", bound=type)
Rule = TypeVar("Rule", bound=Callable[..., int])


@dataclass(frozen=True)
class Mark:
    """What a class or function was marked as."""

    group: str  #: models, laws, arrivals or rules
    name: str  #: the part of its kind after the colon
    is_factor: bool = False  #: a law of factors, mean 1
    looks_at: str | None = None  #: of a rule


def mark_of(thing: Any) -> Mark | None:
    """The mark of a class or function itself, not of a class that it inherits from."""
    try:
        mark = vars(thing).get(ATTRIBUTE)
    except TypeError:
        return None
    return mark if isinstance(mark, Mark) else None


@overload
def cost_model(thing: Thing) -> Thing: ...
@overload
def cost_model(*, name: str = "") -> Callable[[Thing], Thing]: ...
@dataclass_transform(frozen_default=True, kw_only_default=True)
def cost_model(thing: Any = None, *, name: str = "") -> Any:
    """Mark a class as a cost model, and make it a frozen dataclass whose fields are its parameters.

    It has either ``service_s(self, items) -> float``, the mean time in seconds of a call over ``items`` >= 0 items,
    finite and non-decreasing; or ``pieces(self) -> tuple[Piece, ...]``, the same exactly. It may say ``order`` (like
    ``"O(trees x depth)"``, of its parameters), ``demand(self) -> Demand``, ``operations(self, items)``,
    ``parameter_bytes`` and ``batch_economy = False``. A field ``hardware: Hardware`` is given that of the stage; with
    ``Hardware | None``, None where the stage names none.
    """
    return _marked(thing, "models", name, one_of=("service_s", "pieces"))


@overload
def law(thing: Thing) -> Thing: ...
@overload
def law(*, name: str = "", factor: bool = False) -> Callable[[Thing], Thing]: ...
@dataclass_transform(frozen_default=True, kw_only_default=True)
def law(thing: Any = None, *, name: str = "", factor: bool = False) -> Any:
    """Mark a class as a law of durations in seconds or of counts; with ``factor``, of factors of mean 1.

    It has ``quantile(self, u)``: the values at an array of uniforms of (0, 1), finite, at least 0, non-decreasing. It
    may have ``mean(self)``, ``cv(self)`` and ``cdf(self, x)``, which ``simulator.testing`` holds against the quantiles.
    """
    return _marked(thing, "laws", name, one_of=("quantile",), is_factor=factor)


@overload
def arrivals(thing: Thing) -> Thing: ...
@overload
def arrivals(*, name: str = "") -> Callable[[Thing], Thing]: ...
@dataclass_transform(frozen_default=True, kw_only_default=True)
def arrivals(thing: Any = None, *, name: str = "") -> Any:
    """Mark a class as arrivals at unit rate, which the scenario's rate presses together.

    It has ``gaps(self, u, v, first)``: the gaps before the arrivals ``first`` to ``first + len(u) - 1``, of mean 1, at
    least 0. Arrival i has the uniforms u[i - first] and v[i - first], whoever asks: a pure function of these and of i,
    so the answer does not depend on how a load is cut into chunks. It may say ``dispersion``, the index of dispersion
    of counts over long times; else 1.
    """
    return _marked(thing, "arrivals", name, one_of=("gaps",))


@overload
def routing(rule: Rule) -> Rule: ...
@overload
def routing(*, name: str = "", looks_at: str | None = None) -> Callable[[Rule], Rule]: ...
def routing(rule: Any = None, *, name: str = "", looks_at: str | None = None) -> Any:
    """Mark a function as a routing rule: ``rule(replicas, outstanding, turn, u, v)`` gives the index of a replica.

    ``replicas``: how many the shard has, R. ``outstanding``: (R,) int64, read only: tasks at each, ns of work, or the
    average latency of answers in ns times (tasks + 1), as ``looks_at`` says (``"outstanding"``, ``"work"``,
    ``"latency"``; None: all 0). ``turn``: query + shard, or the query where one index serves it whole. ``u``, ``v``:
    uniforms of (0, 1), the task's luck. The answer is from 0 to R - 1.
    A rule written in the subset of numba runs in the compiled engine, any other in the reference engine.
    """
    if looks_at not in LOOKS:
        raise TypeError(f"looks_at is one of None, 'outstanding', 'work', 'latency', got {looks_at!r}")
    if rule is None:
        return lambda given: routing_mark(given, name, looks_at)
    return routing_mark(rule, name, looks_at)


def routing_mark(rule: Any, name: str, looks_at: str | None) -> Any:
    """The rule with its mark."""
    if not callable(rule) or isinstance(rule, type):
        raise TypeError(f"routing marks a function, got {rule!r}")
    setattr(rule, ATTRIBUTE, Mark("rules", _name(name or rule.__name__), looks_at=looks_at))
    return rule


def _marked(thing: Any, group: str, name: str, one_of: Iterable[str], is_factor: bool = False) -> Any:
    def mark(given: Any) -> Any:
        if not isinstance(given, type):
            raise TypeError(f"a class is marked so, got {given!r}")
        offered = [method for method in one_of if callable(getattr(given, method, None))]
        if len(offered) != 1:
            has = f"has {' and '.join(offered)}" if offered else "has neither" if len(tuple(one_of)) > 1 else "has none"
            raise TypeError(f"{given.__name__} needs a method {' or '.join(one_of)}, and {has}")
        for declared in DECLARED:
            given.__annotations__.pop(declared, None)
        made: Any = dataclass(frozen=True, kw_only=True)(given)
        if any(field.name == "kind" for field in fields_of(made)):
            raise TypeError(f"{given.__name__} has a parameter 'kind', which is the key that names it; rename it")
        setattr(made, ATTRIBUTE, Mark(group, _name(name or given.__name__), is_factor=is_factor))
        return made

    return mark if thing is None else mark(thing)


def _name(name: str) -> str:
    if not name.replace("-", "_").isidentifier() or not name.isascii():
        raise TypeError(f"a name has letters, digits, _ and -, got {name!r}")
    return name
