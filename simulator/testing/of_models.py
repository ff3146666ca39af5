"""Cost models held against the laws M1 .. M12, and drawn."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulator.core import rules
from simulator.core.assemble import ONE, StageParts, assemble
from simulator.core.plan import Plan
from simulator.core.tabulate import TOLERANCES
from simulator.models import DeepModel, EmbeddingModel, Hardware, LinearModel, SumModel, TreeModel
from simulator.models.base import call_s, seconds_of
from simulator.models.plugged import PluggedModel
from simulator.pieces import Piece
from simulator.plugins.marks import mark_of
from simulator.testing.broken import Breach, Check, Report
from simulator.testing.fields import (
    annotations_of,
    cases_of,
    has_no_time,
    in_other_units,
    name_of,
    with_field,
)
from simulator.units import NS_PER_S

#: Relative difference that rounding explains.
ROUNDING = 1e-9
#: Relative difference that is left of lower orders, at the sizes where an asymptotic law is asked for.
LOWER_ORDERS = 0.01
#: So many items, and sizes so many times as large, count as many; the first that the model takes.
MANY_ITEMS, TIMES_AS_LARGE = 2.0**30, (2.0**20, 2.0**10, 2.0**5, 2.0)

#: Steps in which more and more items are asked for.
TIMES_AS_MANY = (1.25, 1.6, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0)

#: Fields in the asymptotic law of a built-in model.
SIZES: dict[type, tuple[str, ...]] = {
    LinearModel: ("features",),
    TreeModel: ("trees", "depth"),
    DeepModel: ("flop_per_item",),
    EmbeddingModel: ("tables", "lookups", "dimension"),
}


def items() -> st.SearchStrategy[float]:
    """Numbers of items: few, many, none, and fractions."""
    return st.one_of(
        st.integers(0, 1000).map(float),
        st.sampled_from([0.5, 1e4, 1e6, 1e9]),
        st.integers(0, 10**7).map(lambda n: n / 16),
    )


def service_of(model: Any) -> Callable[[float], float]:
    """Mean time in seconds of a call over items: ``service_s``, or what ``pieces`` and a law say."""
    if hasattr(model, "service_s"):
        return lambda count: float(model.service_s(count))
    if not hasattr(model, "law"):  # a plug-in's
        return lambda count: seconds_of(model.pieces(), count)[0]
    return lambda count: call_s(model, count)[0]


def check_model(model: Any, *, profile: str | None = None, only: Sequence[str] | None = None) -> Report:
    """Hold a cost model against the laws M1 .. M12 of ``docs/laws.md``.

    Parameters
    ----------
    model
        A plug-in's class (its fields are drawn by their annotations), an instance, a built-in model, or a strategy of
        instances.
    profile
        ``quick``, ``default`` or ``deep``; unless said that of ``--shardsim-profile``.
    only
        Numbers of the laws that are asked; unless said, all.

    Returns
    -------
    Report
        What became of each law: held, and against what, or not asked, and why.

    Raises
    ------
    LawBroken
        Of the first law that is broken, with the smallest case.
    """
    check = Check(name_of(model), profile, only)
    cases = cases_of(model)
    check.hold("M1", st.tuples(cases, items()), _is_finite, "0 to a billion items")
    check.hold("M2", st.tuples(cases, items()), _is_not_negative, "0 to a billion items")
    check.hold("M3", st.tuples(cases, items()), _grows_with_items, "one item more, and up to a thousand times as many")
    if getattr(model, "batch_economy", True):
        check.hold("M4", st.tuples(cases, items(), items()), _batch_is_no_dearer, "pairs of batches")
    else:
        check.skip("M4", "it declares batch_economy = False")
    if getattr(model, "own_unit", False):
        check.skip("M5", "it declares own_unit = True")
    else:
        check.hold("M5", st.tuples(cases, items()), _has_its_unit, "every duration doubled, every speed halved")
    _hold_order(check, model, cases)
    check.hold("M8", st.tuples(cases, items()), _operations_are_counted, "0 to a billion items")
    check.hold("M9", st.tuples(cases, items()), _plan_agrees, "the plan's table at 0 to a billion items", share=0.5)
    check.hold("M10", st.tuples(cases, items()), _better_hardware, "each figure of the hardware doubled")
    check.hold("M11", st.tuples(cases, items()), _adds_up, "the sum and its parts")
    check.hold("M12", st.tuples(cases, items()), _roofline_holds, "FLOP and bytes over what the hardware gives")
    return check.report()


def _hold_order(check: Check, model: Any, cases: st.SearchStrategy[Any]) -> None:
    example = model if not isinstance(model, type) else None
    names = sizes_of(example if example is not None else model)
    if not names and not isinstance(model, st.SearchStrategy):
        for number in ("M6", "M7"):
            check.skip(number, "it declares no order in its fields")
        return
    grown = st.tuples(cases, st.integers(0, 3), st.sampled_from([1.0, 10.0, 1000.0]), items())
    check.hold("M6", grown, _grows_with_size, "each size in its order made larger")
    check.hold("M7", st.tuples(cases, st.integers(0, 3)), _grows_as_its_order, "each size in its order doubled")


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


def _is_finite(case: tuple[Any, float]) -> None:
    model, count = case
    first, again = service_of(model)(count), service_of(model)(count)
    if not math.isfinite(first):
        raise Breach(model=model, items=f"{count:g}", takes=f"{first} s")
    if first != again:
        raise Breach(model=model, items=f"{count:g}", takes=f"{first:g} s, and asked again {again:g} s")


def _is_not_negative(case: tuple[Any, float]) -> None:
    model, count = case
    found = service_of(model)(count)
    if found < 0:
        raise Breach(model=model, items=f"{count:g}", takes=f"{found:g} s")


def _grows_with_items(case: tuple[Any, float]) -> None:
    model, count = case
    sizes = sorted({count, count + 1, *(count * times for times in TIMES_AS_MANY)})
    times_s = [service_of(model)(size) for size in sizes]
    for (few, one), (many, two) in pairwise(zip(sizes, times_s, strict=True)):
        if two < one - ROUNDING * abs(one):
            raise Breach(model=model, **{f"{few:g} items take": f"{one:g} s", f"{many:g} items take": f"{two:g} s"})


def _batch_is_no_dearer(case: tuple[Any, float, float]) -> None:
    model, one, two = case
    service = service_of(model)
    parts, together = service(one) + service(two), service(one + two)
    if together > parts + ROUNDING * abs(parts):
        apart = {f"{one:g} and {two:g} items, apart": f"{parts:g} s"}
        raise Breach(model=model, **apart, **{f"{one + two:g} items, together": f"{together:g} s"})


def _has_its_unit(case: tuple[Any, float]) -> str | None:
    model, count = case
    doubled = in_other_units(model, 2.0)
    if doubled is None:
        return "it has no durations and no rates"
    one, two = service_of(model)(count), service_of(doubled)(count)
    if abs(two - 2 * one) > ROUNDING * abs(one):
        raise Breach(
            model=model, items=f"{count:g}", takes=f"{one:g} s", doubled=doubled, **{"takes then": f"{two:g} s"}
        )
    return None


def _grows_with_size(case: tuple[Any, int, float, float]) -> str | None:
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


def _grows_as_its_order(case: tuple[Any, int]) -> str | None:
    model, which = case
    names = sizes_of(model)
    if not names or not is_product(model) or has_no_time(model):
        return "it declares no order that is a product of its fields"
    name = names[which % len(names)]
    large = next((found for times in TIMES_AS_LARGE if (found := _times(model, name, times)) is not None), None)
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


def operations_of(model: Any, count: float) -> float | None:
    """Operations of a call; None where they are not counted."""
    if not hasattr(model, "operations"):
        return None
    found = model.operations(count, 0.0, 0.0) if hasattr(model, "bound_by") else model.operations(count)
    found = getattr(found, "inference", found)
    return None if found is None else float(found)


def _operations_are_counted(case: tuple[Any, float]) -> str | None:
    model, count = case
    one, two = operations_of(model, count), operations_of(model, 2 * count)
    if one is None or two is None:
        return "it counts no operations"
    if one < 0 or abs(two - 2 * one) > ROUNDING * abs(one):
        counted = {f"{count:g} items": f"{one:g} operations", f"{2 * count:g} items": f"{two:g} operations"}
        raise Breach(model=model, **counted)
    return None


def plan_of(pieces: Sequence[Piece]) -> Plan:
    """The plan of a stage whose cost these pieces are."""
    knots = [(piece.items, piece.seconds * NS_PER_S, piece.seconds_per_item * NS_PER_S) for piece in pieces]
    return assemble([StageParts(knots=knots, candidates=ONE)], np.zeros(1, dtype=np.int64))


def _in_plan(model: Any) -> tuple[Sequence[Piece], float]:
    """The pieces that a plan has of a model (none: it is in no plan), and the relative error that is stated of them."""
    if mark_of(type(model)) is not None:
        table = PluggedModel.of(type(model).__name__, model)
        # the table keeps to one of these; its ``error`` is what was found at some points
        return table.pieces(), 0.0 if table.error == 0 else min(bound for bound in TOLERANCES if bound >= table.error)
    return (model.pieces() if hasattr(model, "pieces") else ()), 0.0


def _plan_agrees(case: tuple[Any, float]) -> str | None:
    model, count = case
    pieces, error = _in_plan(model)
    if not pieces:
        return "its time is a law" if hasattr(model, "pieces") else "it is not marked as a cost model, so in no plan"
    plan = plan_of(pieces)
    law_s = 0.0 if getattr(model, "law", None) is None else model.law.mean()
    expected_ns, of_one_ns = ((service_of(model)(one) - law_s) * NS_PER_S for one in (count, 1.0))
    found_ns = float(rules.cost_ns(plan.stages, plan.knot_items, plan.knot_ns, plan.knot_slope, 0, count))
    if abs(found_ns - expected_ns) > (ROUNDING + error) * max(expected_ns, of_one_ns) + 1e-6:
        told = {"takes": f"{expected_ns:g} ns", "in the plan": f"{found_ns:g} ns", "stated error": f"{error:g}"}
        raise Breach(model=model, items=f"{count:g}", **told)
    return None


def _better_hardware(case: tuple[Any, float]) -> str | None:
    model, count = case
    hardware = getattr(model, "hardware", None)
    if hardware is None or getattr(model, "per_item_s", None) is not None:
        return "it does not ask for hardware"
    slower = service_of(model)(count)
    for field in dataclasses.fields(hardware):
        better = dataclasses.replace(hardware, **{field.name: 2 * getattr(hardware, field.name)})
        faster = service_of(dataclasses.replace(model, hardware=better))(count)
        if faster > slower * (1 + ROUNDING):
            told = {f"with {field.name} doubled": f"{faster:g} s"}
            raise Breach(model=model, items=f"{count:g}", takes=f"{slower:g} s", **told)
    return None


def _adds_up(case: tuple[Any, float]) -> str | None:
    model, count = case
    if not isinstance(model, SumModel):
        return "it is no sum"
    whole, parts = service_of(model)(count), [service_of(part)(count) for part in model.parts]
    if abs(whole - math.fsum(parts)) > ROUNDING * whole:
        raise Breach(model=model, items=f"{count:g}", takes=f"{whole:g} s", parts=[f"{part:g} s" for part in parts])
    drawn = [part.law for part in model.parts if part.law is not None]
    if drawn and model.law not in drawn:
        raise Breach(model=model, **{"drawn of a part": drawn[0], "of the sum": model.law})
    return None


def _roofline_holds(case: tuple[Any, float]) -> str | None:
    model, count = case
    hardware = getattr(model, "hardware", None)
    demand = model.demand() if hardware is not None and getattr(model, "per_item_s", None) is None else None
    if hardware is None or demand is None:
        return "it states no demand on hardware"
    compute_s = hardware.compute_s(demand.flop(count))
    move_s = hardware.move_s(demand.bytes_per_item * count + demand.bytes_per_call)
    move_s += hardware.gather_s(demand.gathered_bytes_per_item * count)
    found = service_of(model)(count)
    if found < max(compute_s, move_s) * (1 - ROUNDING):
        told = {"computing takes": f"{compute_s:g} s", "moving takes": f"{move_s:g} s"}
        raise Breach(model=model, items=f"{count:g}", takes=f"{found:g} s", **told)
    return None


#: The kinds of built-in models that ``models`` draws.
KINDS = ("linear", "tree", "deep", "embedding", "sum")


def models(kinds: tuple[str, ...] = KINDS, *, by_shape: bool | None = None) -> st.SearchStrategy[Any]:
    """Built-in cost models, as Python objects.

    Parameters
    ----------
    kinds
        Of KINDS.
    by_shape
        Whether they cost by their shape on hardware (for trees: by visits), not by a time per item; None: either.
    """
    unknown = set(kinds) - set(KINDS)
    if unknown:
        raise ValueError(f"no kind of model is called {min(unknown)!r}; there are {', '.join(KINDS)}")
    plain = [_plain(kind, by_shape) for kind in kinds if kind != "sum"]
    if "sum" in kinds:
        parts = st.one_of(plain or [_plain(kind, by_shape) for kind in KINDS[:-1]])
        plain.append(st.lists(parts, min_size=1, max_size=3).map(lambda found: SumModel(tuple(found))))
    return st.one_of(plain)


def _plain(kind: str, by_shape: bool | None) -> st.SearchStrategy[Any]:
    made = {"linear": LinearModel, "tree": TreeModel, "deep": DeepModel, "embedding": EmbeddingModel}[kind]
    sizes = st.one_of(st.integers(1, 100).map(float), st.sampled_from([0.5, 1e4]))
    overhead = st.sampled_from([0.0, 1e-6, 1e-3])
    shape: dict[str, Any] = dict.fromkeys(SIZES[made], sizes)
    if kind == "deep":
        shape["parameters"] = st.sampled_from([0.0, 100.0, 1e6])
    if kind != "tree":
        shape["hardware"] = hardware()
    ways = []
    if by_shape is not True:
        ways.append(st.builds(made, per_item_s=st.sampled_from([1e-6, 1e-9, 1e-3, 0.0]), overhead_s=overhead))
    if by_shape is not False:
        ways.append(st.builds(made, overhead_s=overhead, **shape))
    return st.one_of(ways)


def hardware() -> st.SearchStrategy[Hardware]:
    """Hardware figures: with all bandwidths, or with that of the memory alone."""
    return st.builds(
        Hardware,
        flops_per_s=st.sampled_from([1e9, 1e12]),
        memory_bandwidth_bytes_per_s=st.sampled_from([1e9, 1e11]),
        flops_efficiency=st.sampled_from([1.0, 0.5]),
        bandwidth_efficiency=st.sampled_from([1.0, 0.5]),
        random_access_bytes_per_s=st.sampled_from([0.0, 1e9]),
    )
