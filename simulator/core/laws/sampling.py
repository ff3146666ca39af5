"""The table of families of laws, and laws sampled: the value at one uniform, of one law or of many uniforms at once.

A law is a row of a LAW array: its kind, three arguments (the files of the families say what they mean), and, where it
has no closed form, what stands for it in two shared arrays: ``points`` (tables) and ``parts`` (LAW rows of mixtures).

A new family is a file beside this one, a row here, and two branches: numba takes no table of functions.
"""

from simulator.core.jit import formula, kernel
from simulator.core.laws import (
    constant,
    empirical,
    exponential,
    gamma,
    hyperexponential,
    lognormal,
    mixture,
    pareto,
    percentiles,
    points,
    uniform,
    weibull,
)
from simulator.core.plan import F8, Rows

#: All families, by code.
FAMILIES = (
    constant.ABSENT,
    constant.FAMILY,
    uniform.FAMILY,
    exponential.FAMILY,
    lognormal.FAMILY,
    weibull.FAMILY,
    pareto.FAMILY,
    gamma.FAMILY,
    hyperexponential.FAMILY,
    empirical.FAMILY,
    points.FAMILY,
    mixture.FAMILY,
    percentiles.FAMILY,
)
assert all(family.code == code for code, family in enumerate(FAMILIES)), "each stands at the place of its code"


@kernel
def _plain(laws: Rows, table: F8, row: int, u: float) -> float:
    """Value of a law that is not a mixture."""
    kind = laws[row]["kind"]
    a = laws[row]["a"]
    b = laws[row]["b"]
    c = laws[row]["c"]
    if kind == constant.CODE:
        return constant.quantile(kind, a)
    if kind == uniform.CODE:
        return uniform.quantile(a, b, u)
    if kind == exponential.CODE:
        return exponential.quantile(a, u)
    if kind == lognormal.CODE:
        return lognormal.quantile(a, b, u)
    if kind == weibull.CODE:
        return weibull.quantile(a, b, u)
    if kind == pareto.CODE:
        return pareto.quantile(a, b, c, u)
    if kind == hyperexponential.CODE:
        return hyperexponential.quantile(a, b, c, u)
    first = laws[row]["first"]
    count = laws[row]["count"]
    if kind == gamma.CODE:
        return gamma.quantile(table, first, count, a, u)
    if kind == empirical.CODE:
        return empirical.quantile(table, first, count, a, u)
    if kind == points.CODE:
        return points.quantile(table, first, count, a, u)
    if kind == percentiles.CODE:
        return percentiles.quantile(table, first, count, a, u)
    return 0.0


@kernel
def quantile(laws: Rows, parts: Rows, table: F8, row: int, u: float) -> float:
    """Value of the law in ``laws[row]`` at the uniform ``u`` of (0, 1); 0 where there is no law.

    Of a mixture, ``u`` chooses the part and, what is left of it, the value: so it need not grow with ``u``.
    """
    if laws[row]["kind"] != mixture.CODE:
        return _plain(laws, table, row, u)
    first = laws[row]["first"]  # of the cumulated weights
    last = laws[row]["count"] - 1
    part = 0
    low = 0.0
    while part < last and u >= table[first + part]:
        low = table[first + part]
        part += 1
    return _plain(parts, table, laws[row]["part"] + part, mixture.left_of(u, low, table[first + part]))


@kernel
def quantiles(laws: Rows, parts: Rows, table: F8, row: int, count: int, u: F8, value: F8) -> None:
    """Fill the first ``count`` of ``value`` with the law in ``laws[row]`` at each of ``u``: ``quantile``, fast.

    A loop a kind, so that the compiler vectorises it.
    """
    kind = laws[row]["kind"]
    a = laws[row]["a"]
    b = laws[row]["b"]
    c = laws[row]["c"]
    if kind == uniform.CODE:
        for i in range(count):
            value[i] = uniform.quantile(a, b, u[i])
    elif kind == exponential.CODE:
        for i in range(count):
            value[i] = exponential.quantile(a, u[i])
    elif kind == lognormal.CODE:
        lognormal.fill(a, b, count, u, value)
    elif kind == weibull.CODE:
        for i in range(count):
            value[i] = weibull.quantile(a, b, u[i])
    elif kind == pareto.CODE:
        for i in range(count):
            value[i] = pareto.quantile(a, b, c, u[i])
    elif kind == hyperexponential.CODE:
        for i in range(count):
            value[i] = hyperexponential.quantile(a, b, c, u[i])
    elif kind in (constant.CODE, constant.ABSENT_CODE):
        always = constant.quantile(kind, a)
        for i in range(count):
            value[i] = always
    else:
        for i in range(count):
            value[i] = quantile(laws, parts, table, row, u[i])


@formula
def is_drawn(laws: Rows, row: int) -> bool:
    """Whether the law's values need a random number."""
    kind: int = laws[row]["kind"]
    return kind != constant.ABSENT_CODE and kind != constant.CODE
