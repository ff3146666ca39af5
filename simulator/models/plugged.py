"""A cost model that a user wrote: its time as pieces, and what it says of itself."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np

from simulator.base.demand import Demand
from simulator.base.errors import PluginError
from simulator.base.hardware import Hardware
from simulator.base.nearest import nearest, quoted
from simulator.base.pieces import Piece
from simulator.core.laws import Law
from simulator.core.plan import F8
from simulator.core.tabulate import NotTabulated, tabulate
from simulator.models.base import UNKNOWN, Operations, side_of_roofline
from simulator.models.spread import Spread
from simulator.plugins.calls import called, non_decreasing, numbers
from simulator.plugins.loading import sha256_of_what_it_reads

#: Items up to which ``service_s`` is tabulated; beyond, its last slope goes on.
MOST_ITEMS = 2.0**30
#: Two numbers of items nearer to each other are not told apart: neighbours, from 1 item on.
LEAST_ITEMS = 1e-16
#: Pieces of a table, at most.
MOST_PIECES = 2000

#: Four an octave from 1 on; below 1 item, errors are relative to the time of one.
_START = np.concatenate([[0.0], 2.0 ** np.arange(0.0, 30.01, 0.25)])


@dataclass(frozen=True)
class PluggedModel:
    """A user's cost model, tabulated."""

    name: str  #: its kind
    thing: Any  #: the user's own object
    table: tuple[Piece, ...]
    error: float  #: largest relative deviation of the table where it was tried; 0 where the user gave the pieces
    parameter_bytes: float  #: as it says; else 0

    @staticmethod
    def of(name: str, thing: Any) -> PluggedModel:
        """Work out an instance of a class marked with ``cost_model``.

        Raises
        ------
        PluginError
            If what it answers is no cost, in words.
        """
        try:
            return _worked_out(name, thing, sha256_of_what_it_reads(thing))
        except TypeError:  # a parameter that cannot be hashed: worked out each time
            return _worked_out.__wrapped__(name, thing, "")

    @property
    def law(self) -> Law | None:
        """None: the time depends on items."""
        return None

    @property
    def spread(self) -> Spread | None:
        """None: the scenario says it."""
        return None

    def pieces(self) -> tuple[Piece, ...]:
        """Time of a call over items."""
        return self.table

    def demand(self) -> Demand | None:
        """What it says that a call asks of the hardware; None if it does not. Raises PluginError."""
        if not callable(getattr(self.thing, "demand", None)):
            return None
        stated = called(self.name, "demand()", self.thing.demand)
        if not isinstance(stated, Demand):
            raise PluginError(f"{self.name}: demand() gives {type(stated).__name__}; it must give a Demand: correct it")
        for field in fields(Demand):
            _at_least_0(self.name, f"demand().{field.name}", getattr(stated, field.name))
        return stated

    def bound_by(self, items: float) -> str:
        """Side of the roofline of a call, where it states a demand and is given its stage's hardware."""
        stated, hardware = self.demand(), getattr(self.thing, "hardware", None)
        if stated is None or not isinstance(hardware, Hardware):
            return ""
        return side_of_roofline(hardware, stated, items)

    def operations(self, items: float, rows: float, epochs: float) -> Operations:
        """As it says: its order, and operations of a call; of training nothing is known."""
        order = str(getattr(self.thing, "order", ""))
        if not callable(getattr(self.thing, "operations", None)):
            return Operations(order, None, "", None, "") if order else UNKNOWN
        call = f"operations({items:g})"
        inference = _at_least_0(self.name, call, called(self.name, call, lambda: self.thing.operations(items)))
        return Operations(order, inference, "", None, "operations")


#: Words of an asymptotic law that are no sizes.
_OF_LAWS = ("O", "x", "log", "log2", "sqrt", "items", "n")


def _check_order(name: str, thing: Any) -> None:
    """Refuse an ``order`` that is no law of the model's own sizes. Raises PluginError."""
    order = getattr(thing, "order", "")
    if not isinstance(order, str):
        raise PluginError(f"{name}: order is text like 'O(trees x depth)', got {type(order).__name__}: correct it")
    if order and re.fullmatch(r"\s*O\(.+\)\s*", order) is None:
        raise PluginError(f"{name}: order is written like 'O(trees x depth)', got {order!r}: correct it")
    sizes = list(getattr(type(thing), "__annotations__", {})) + list(getattr(thing, "__dataclass_fields__", {}))
    for word in re.findall(r"[A-Za-z_]\w*", order):
        if word not in sizes and word not in _OF_LAWS:
            near = nearest(word, sizes)
            cure = (
                f"did you mean {quoted(near)}?"
                if near
                else f"it names parameters of the model, {', '.join(_OF_LAWS[2:])}"
            )
            raise PluginError(f"{name}: order {order!r} names {word!r}, which is no parameter; {cure}")


def _at_least_0(name: str, call: str, answer: Any) -> float:
    seconds = float(numbers(name, call, answer, 1)[0])
    if not (math.isfinite(seconds) and seconds >= 0):
        raise PluginError(f"{name}: {call} gives {seconds:g}; it is a finite number of at least 0: correct it")
    return seconds


@lru_cache(maxsize=64)
def _worked_out(name: str, thing: Any, _sha256: str) -> PluggedModel:
    _check_order(name, thing)
    answer = called(name, "parameter_bytes", lambda: getattr(thing, "parameter_bytes", 0.0))
    parameter_bytes = _at_least_0(name, "parameter_bytes", answer)
    if callable(getattr(thing, "pieces", None)):
        return PluggedModel(name, thing, _checked(name, called(name, "pieces()", thing.pieces)), 0.0, parameter_bytes)

    def service_s(items: F8) -> F8:
        answers: list[Any] = []
        sizes = items.tolist()
        called(name, lambda: f"service_s({sizes[len(answers)]:g})", lambda: _ask(thing, sizes, answers))
        for size, answer in zip(sizes, answers, strict=True):
            if not isinstance(answer, (int, float, np.number)):
                given = type(answer).__name__
                raise PluginError(f"{name}: service_s({size:g}) gives {given}; it must give a number: correct it")
        seconds = np.array(answers, dtype=np.float64)
        non_decreasing(name, "service_s", items, seconds, "a time in seconds")
        return seconds

    try:
        table = tabulate(service_s, _START, max(float(service_s(np.ones(1))[0]), 1e-12), LEAST_ITEMS, MOST_PIECES)
    except NotTabulated as error:
        cure = f"up to {MOST_ITEMS:.1e} items; give pieces() instead"
        raise PluginError(f"{name}: service_s is too rough: {error} {cure}") from None
    non_decreasing(name, "service_s", table.x, table.y, "a time in seconds")
    width = np.diff(table.x)
    is_wide = width > np.maximum(LEAST_ITEMS, 4 * np.spacing(table.x[1:]))  # else it jumps
    slopes = np.where(is_wide, np.diff(table.y) / np.where(is_wide, width, 1.0), 0.0)
    points = zip(table.x.tolist(), table.y.tolist(), np.maximum(0.0, slopes).tolist(), strict=False)
    return PluggedModel(name, thing, tuple(Piece(*point) for point in points), table.error, parameter_bytes)


def _ask(thing: Any, sizes: list[float], answers: list[Any]) -> None:
    answers.extend(thing.service_s(size) for size in sizes)  # as they come: their number says who raised


def _checked(name: str, given: Any) -> tuple[Piece, ...]:
    """Pieces as a user gave them, or what is wrong with them."""
    if not isinstance(given, (tuple, list)) or not given or not all(isinstance(piece, Piece) for piece in given):
        raise PluginError(f"{name}: pieces() gives no Pieces; it must give a tuple of simulator.plugins.Piece")
    rows = np.array([(piece.items, piece.seconds, piece.seconds_per_item) for piece in given], dtype=np.float64)
    items, seconds, slopes = rows.T
    if not np.isfinite(rows).all() or (rows < 0).any():
        at = int(np.argmin((np.isfinite(rows) & (rows >= 0)).all(axis=1)))
        raise PluginError(f"{name}: pieces() gives {given[at]}; its numbers are finite and at least 0: correct it")
    if items[0] != 0 or (np.diff(items) <= 0).any():
        raise PluginError(f"{name}: pieces() begin at {items[0]:g} items; they begin at 0, and their items increase")
    ends = seconds[:-1] + np.diff(items) * slopes[:-1]
    falls = seconds[1:] < ends * (1 - 1e-9)
    if falls.any():
        at = int(np.argmax(falls)) + 1
        said = f"at {items[at]:g} items the time falls from {ends[at - 1]:.6g} to {seconds[at]:.6g} s"
        raise PluginError(f"{name}: pieces(): {said}; it must not decrease: correct it")
    return tuple(Piece(*map(float, row)) for row in rows)
