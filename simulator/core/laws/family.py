"""What a family of laws consists of: what its file beside this one says, from which all else follows.

The table of families is ``sampling.FAMILIES``. From a row follow the methods of ``Law``, what a scenario may say, the
strategies of the tests, the check of ``shardsim doctor`` and the reference: ``tests/test_one_place.py`` sees to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from simulator.core.plan import F8


@dataclass(frozen=True)
class Terms:
    """A law as numbers: the code of its family, its arguments, and what stands for it where it has no closed form."""

    kind: int
    a: float = 0.0
    b: float = 0.0
    c: float = 0.0
    points: tuple[float, ...] = ()  #: a table, of mean 1 or in the unit of ``a`` = 1
    parts: tuple[tuple[float, Any], ...] = ()  #: of a mixture: (share, Law), shares in sum 1


@dataclass(frozen=True)
class Argument:
    """One of the numbers by which a law is stated."""

    name: str
    has_unit: bool = False  #: that of what it is a law of: a duration, or a count
    may_be_0: bool = False
    is_optional: bool = False


#: What arguments say against each other: (the argument, or none, and what is wrong, in which ``{mean}`` stands for the
#: mean as it is shown in its unit).
Refusal = tuple[tuple[str, ...], str]
#: Arguments to draw: a number, or the ends between which it lies; those with a unit in multiples of it.
Way = Mapping[str, float | tuple[float, float]]


def _no_refusals(**_: Any) -> Iterable[Refusal]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Statement:
    """How a law is stated by numbers: of a duration or a count, or of a factor, whose mean is 1."""

    description: str  #: of a law so stated; ``{unit}`` and ``{units}`` say what of
    more_of_durations: str = ""  #: what is added to that where it is of durations
    arguments: tuple[Argument, ...]
    terms: Callable[..., Terms]  #: takes the arguments
    refusals: Callable[..., Iterable[Refusal]] = _no_refusals  #: takes them, too
    ways: tuple[Way, ...]  #: of stating it: for tests

    def examples(self) -> list[dict[str, float]]:
        """Arguments of one law for each way of stating it: in the middle of what may be drawn."""
        return [
            {name: sum(ends) / 2 if isinstance(ends, tuple) else ends for name, ends in way.items()}
            for way in self.ways
        ]

    def of_mean_one(self, description: str) -> Statement:
        """The statement of a factor, where a quantity is stated by its mean."""
        return replace(
            self,
            description=description,
            more_of_durations="",
            arguments=tuple(argument for argument in self.arguments if argument.name != "mean"),
            terms=partial(self.terms, mean=1.0),
            refusals=partial(self.refusals, mean=1.0),
            ways=tuple({name: value for name, value in way.items() if name != "mean"} for way in self.ways),
        )


MEAN = Argument("mean", has_unit=True)


def times_a(law: Terms, factor: float) -> Mapping[str, Any]:
    """What changes in a law that is a times something, when it is scaled."""
    return {"a": law.a * factor}


def never(_: Terms) -> bool:
    """A law that is never constant."""
    return False


def step(x: F8, value: float) -> F8:
    """Distribution function of a constant."""
    return np.where(x >= value, 1.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Family:
    """A row of the table of families."""

    name: str  #: its kind in a scenario
    code: int  #: in a plan
    quantity: Statement | str  #: how a law of durations or counts is stated, or by what in place of numbers
    factor: Statement | str
    moment: Callable[[Terms, int], float]  #: mean of the value to a power >= 1
    cdf: Callable[[Terms, F8], F8]  #: P(value <= x)
    scaled: Callable[[Terms, float], Mapping[str, Any]] = times_a  #: what changes in the law of a multiple
    is_constant: Callable[[Terms], bool] = never  #: whether every draw gives the same value
    ends: Callable[[Terms, float], tuple[float, float]] | None = None  #: of a percentile, where values may fall with u
    columns: int = 1  #: of its table
    is_tabled: bool = False  #: its values are those of a table that only comes near to its distribution function


#: In place of numbers.
BY_FILE, BY_PARTS, BY_PERCENTILES = "a file of values", "laws with weights", "values by percentile"
NOT_STATED = "no scenario states it"
