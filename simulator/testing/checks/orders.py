"""Orders of growth: the sizes that the asymptotic law of a cost model names, and the laws M6 and M7 about them."""

import re
from collections.abc import Callable
from typing import Any

from simulator.models import EmbeddingModel, TreeModel
from simulator.models.base import call_s, seconds_of
from simulator.testing.checks.fields import annotations_of, has_no_time, with_field
from simulator.testing.law_check import Breach
from simulator.testing.strategies.models import SIZES

#: Relative difference that rounding explains.
ROUNDING = 1e-9
#: Relative difference that is left of lower orders, at the sizes where an asymptotic law is asked for.
LOWER_ORDERS = 0.01
#: So many items, and sizes so many times as large, count as many; the first that the model takes.
MANY_ITEMS, TIMES_AS_LARGE = 2.0**30, (2.0**20, 2.0**10, 2.0**5, 2.0)


def service_of(model: Any) -> Callable[[float], float]:
    """Mean time in seconds of a call over items: ``service_s``, or what ``pieces`` and a law say."""
    if hasattr(model, "service_s"):
        return lambda count: float(model.service_s(count))
    if not hasattr(model, "law"):  # a plug-in's
        return lambda count: seconds_of(model.pieces(), count)[0]
    return lambda count: call_s(model, count)[0]


def sizes_of(model: Any) -> tuple[str, ...]:
    """Fields that the asymptotic law of a model names."""
    declared = getattr(model, "order", None)
    fields = annotations_of(model)
    if isinstance(declared, str):
        return tuple(word for word in dict.fromkeys(re.findall(r"\w+", declared)) if word in fields)
    if getattr(model, "per_item_s", None) is not None:
        return ()
    return tuple(name for name in SIZES.get(type(model), ()) if getattr(model, name) is not None)


def is_product(model: Any) -> bool:
    """Whether its asymptotic law is the product of the fields that it names: ``O(trees x depth)``."""
    declared = getattr(model, "order", None)
    if not isinstance(declared, str):
        return True
    inside = re.fullmatch(r"\s*O\((.*)\)\s*", declared)
    words = re.split(r"\s+x\s+|\s*[*·×]\s*|\s+", inside[1].strip()) if inside else []
    return bool(words) and set(words) == set(sizes_of(model)) and len(words) == len(set(words))


def grows_with_size(case: tuple[Any, int, float, float]) -> str | None:
    """M6, of a model, which of its sizes grows and by how much, and items; why it is not asked, where it is not."""
    model, which, step, count = case
    names = sizes_of(model)
    if not names:
        return "it declares no order in its fields"
    name = names[which % len(names)]
    larger = with_field(model, name, getattr(model, name) + step)
    if larger is None:
        return "it takes no greater size"
    one, two = service_of(model)(count), service_of(larger)(count)
    if two < one - ROUNDING * abs(one):
        raise Breach(
            model=model,
            items=f"{count:g}",
            **{
                f"with {name} {getattr(model, name):g}": f"{one:g} s",
                f"with {name} {getattr(larger, name):g}": f"{two:g} s: less, for a larger model",
            },
        )
    return None


def grows_as_its_order(case: tuple[Any, int]) -> str | None:
    """M7, of a model and which of its sizes is doubled; why it is not asked, where it is not."""
    model, which = case
    names = sizes_of(model)
    if not names or not is_product(model) or has_no_time(model):
        return "it declares no order that is a product of its fields, like O(trees x depth)"
    name = names[which % len(names)]
    large = next((larger for times in TIMES_AS_LARGE if (larger := _times(model, name, times)) is not None), None)
    twice = None if large is None else _times(large, name, 2.0)
    if large is None or twice is None or getattr(large, name) == 0 or not _is_computing(large, twice):
        return "memory, not computing, bounds it"
    one, two = _further_item(large), _further_item(twice)
    if abs(two - 2 * one) > 2 * LOWER_ORDERS * abs(one):
        raise Breach(
            model=model,
            order=getattr(model, "order", " x ".join(names)),
            **{
                f"with {name} {getattr(large, name):g}": f"{one:g} s for one item more, of many",
                f"with {name} {getattr(twice, name):g}": f"{two:g} s, {_times_as_long(two, one)}; twice is expected",
            },
        )
    return None


def _times_as_long(two: float, one: float) -> str:
    return f"{two / one:.3g} times as long" if one else "from nothing"


def _times(model: Any, name: str, factor: float) -> Any:
    return with_field(model, name, getattr(model, name) * factor)


def _is_computing(*models: Any) -> bool:
    """Whether computing, not memory, bounds many items of each model, as far as it says so."""
    return all(
        not hasattr(model, "bound_by") or model.bound_by(MANY_ITEMS) == "computing" or type(model) is EmbeddingModel
        for model in models
        if not isinstance(model, TreeModel)
    )


def _further_item(model: Any) -> float:
    service = service_of(model)
    return (service(2 * MANY_ITEMS) - service(MANY_ITEMS)) / MANY_ITEMS
