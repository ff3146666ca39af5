"""A law that a user wrote: its quantiles as a table."""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from simulator.base.errors import PluginError
from simulator.base.sums import dot
from simulator.core.laws import Law
from simulator.core.plan import F8
from simulator.core.tabulate import NotTabulated, tabulate
from simulator.plugins.calls import called, non_decreasing, numbers
from simulator.plugins.loading import sha256_of_what_it_reads

#: Points of a table, at most.
MOST_POINTS = 8000

#: Nearest to 0 and 1 that a uniform comes.
LEAST = 2.0**-53

#: A factor's mean may be so far from 1; what is left is divided out.
FACTOR_MEAN = 1e-3

_OCTAVES = 2.0 ** -np.arange(53.0, 1.0, -1)
_START = np.concatenate([_OCTAVES, np.linspace(0.5, 0.75, 3), 1 - _OCTAVES[::-1][1:]])


def law_of(name: str, thing: Any, is_factor: bool = False) -> Law:
    """Tabulate an instance of a class marked with ``law``.

    Between its points the table is linear in the uniform, within .01 % of the user's quantile (1 % where that is too
    rough), relative to the value or, below it, to a thousandth of the mean. It ends at the uniforms 2**-53 and
    1 - 2**-53, the nearest to 0 and 1 that are drawn. All moments are those of the table.

    Parameters
    ----------
    name
        Its kind, for messages.
    thing
        The instance.
    is_factor
        Whether its mean is 1; the table is rescaled so that it is exactly.

    Raises
    ------
    PluginError
        If its quantiles are not those of such a law, in words.
    """
    try:
        return _tabled(name, thing, is_factor, sha256_of_what_it_reads(thing))
    except TypeError:  # a parameter that cannot be hashed: worked out each time
        return _tabled.__wrapped__(name, thing, is_factor, "")


@lru_cache(maxsize=64)
def _tabled(name: str, thing: Any, is_factor: bool, _sha256: str) -> Law:
    def quantile(u: F8) -> F8:
        def call() -> str:
            return f"quantile of {len(u)} uniforms from {u[0]:g} to {u[-1]:g}"

        given = u.copy()
        given.flags.writeable = False
        value = numbers(name, call(), called(name, call, lambda: thing.quantile(given)), len(u))
        non_decreasing(name, "quantile", u, value, "a duration, count or factor")
        return value

    near = quantile(_START)
    middle = dot(np.diff(_START), near[1:] + near[:-1]) / 2  # the mean, about
    try:
        table = tabulate(quantile, _START, max(1e-3 * middle, 1e-300), LEAST, MOST_POINTS)
    except NotTabulated as error:
        cure = "use a smoother law, or kind empirical with a file of values"
        raise PluginError(f"{name}: quantile is too rough: {error}; {cure}") from None
    value = np.maximum.accumulate(table.y)
    cdf = table.x.copy()
    cdf[0], cdf[-1] = 0.0, 1.0
    law = Law.constant(float(value[0])) if value[0] == value[-1] else Law.empirical_cdf(value.tolist(), cdf.tolist())
    if not is_factor:
        return law
    mean = law.mean()
    if not math.isfinite(mean) or abs(mean - 1) > FACTOR_MEAN:
        cure = "divide the quantile by the mean, or mark the class with @law if it is a duration or a count"
        raise PluginError(f"{name}: a factor has mean 1, and the quantiles have mean {mean:.6g}; {cure}")
    return law.scaled(1 / mean)
