"""Cost models held against the laws M1 .. M13."""

import dataclasses
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulator.base.pieces import Piece
from simulator.base.units import NS_PER_S
from simulator.core.assemble import ONE, StageParts, assemble
from simulator.core.plan import Plan
from simulator.core.tabulate import TOLERANCES
from simulator.core.work import cost_ns as task_cost_ns
from simulator.models import SumModel
from simulator.models.plugged import PluggedModel
from simulator.plugins.marks import mark_of
from simulator.testing.checks.fields import cases_of, in_other_units, name_of
from simulator.testing.checks.orders import ROUNDING, grows_as_its_order, grows_with_size, service_of, sizes_of
from simulator.testing.law_check import Breach, Check, Report

#: Steps in which more and more items are asked for.
TIMES_AS_MANY = (1.25, 1.6, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0)


def items() -> st.SearchStrategy[float]:
    """Numbers of items: few, many, none, and fractions."""
    return st.one_of(
        st.integers(0, 1000).map(float),
        st.sampled_from([0.5, 1e4, 1e6, 1e9]),
        st.integers(0, 10**7).map(lambda n: n / 16),
    )


def check_model(model: Any, *, profile: str | None = None, only: Sequence[str] | None = None) -> Report:
    """Hold a cost model against the laws M1 .. M13 of ``docs/laws.md``.

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
    check.hold("M13", cases, _bytes_are_counted, "bytes of the parameters, asked twice")  # no plan is without them
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
    check.hold("M6", grown, grows_with_size, "each size in its order made larger")
    check.hold("M7", st.tuples(cases, st.integers(0, 3)), grows_as_its_order, "each size in its order doubled")


def _is_finite(case: tuple[Any, float]) -> None:
    model, count = case
    first, again = service_of(model)(count), service_of(model)(count)
    if not math.isfinite(first):
        raise Breach(model=model, items=f"{count:g}", takes=f"{first} s")
    if first != again:
        raise Breach(model=model, items=f"{count:g}", takes=f"{first:g} s, and asked again {again:g} s")


def _is_not_negative(case: tuple[Any, float]) -> None:
    model, count = case
    time_s = service_of(model)(count)
    if time_s < 0:
        raise Breach(model=model, items=f"{count:g}", takes=f"{time_s:g} s")


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


def operations_of(model: Any, count: float) -> float | None:
    """Operations of a call; None where they are not counted."""
    if not hasattr(model, "operations"):
        return None
    operations = model.operations(count, 0.0, 0.0) if hasattr(model, "bound_by") else model.operations(count)
    operations = getattr(operations, "inference", operations)
    return None if operations is None else float(operations)


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
    planned_ns = float(task_cost_ns(plan.sources, plan.knot_items, plan.knot_ns, plan.knot_slope, 0, count))
    if abs(planned_ns - expected_ns) > (ROUNDING + error) * max(expected_ns, of_one_ns) + 1e-6:
        facts = {"takes": f"{expected_ns:g} ns", "in the plan": f"{planned_ns:g} ns", "stated error": f"{error:g}"}
        raise Breach(model=model, items=f"{count:g}", **facts)
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
            facts = {f"with {field.name} doubled": f"{faster:g} s"}
            raise Breach(model=model, items=f"{count:g}", takes=f"{slower:g} s", **facts)
    return None


def _adds_up(case: tuple[Any, float]) -> str | None:
    model, count = case
    if not isinstance(model, SumModel):
        return "it is no sum"
    whole, parts = service_of(model)(count), [service_of(part)(count) for part in model.parts]
    if abs(whole - math.fsum(parts)) > ROUNDING * whole:
        raise Breach(model=model, items=f"{count:g}", takes=f"{whole:g} s", parts=[f"{part:g} s" for part in parts])
    laws = [part.law for part in model.parts if part.law is not None]
    if laws and model.law not in laws:
        raise Breach(model=model, **{"drawn of a part": laws[0], "of the sum": model.law})
    return None


def _bytes_are_counted(model: Any) -> str | None:
    if not hasattr(type(model), "parameter_bytes"):
        return "it does not say how many bytes its parameters take"
    one, two = float(model.parameter_bytes), float(model.parameter_bytes)
    if not (math.isfinite(one) and one >= 0 and one == two):
        raise Breach(model=model, **{"bytes of parameters": f"{one:g}, and asked again {two:g}"})
    return None


def _roofline_holds(case: tuple[Any, float]) -> str | None:
    model, count = case
    hardware = getattr(model, "hardware", None)
    asks = hardware is not None and hasattr(model, "demand") and getattr(model, "per_item_s", None) is None
    demand = model.demand() if asks else None
    if hardware is None or demand is None:
        return "it states no demand on hardware"
    compute_s = hardware.compute_s(demand.flop(count))
    move_s = hardware.move_s(demand.bytes_per_item * count + demand.bytes_per_call)
    move_s += hardware.gather_s(demand.gathered_bytes_per_item * count)
    time_s = service_of(model)(count)
    if time_s < max(compute_s, move_s) * (1 - ROUNDING):
        facts = {"computing takes": f"{compute_s:g} s", "moving takes": f"{move_s:g} s"}
        raise Breach(model=model, items=f"{count:g}", takes=f"{time_s:g} s", **facts)
    return None
