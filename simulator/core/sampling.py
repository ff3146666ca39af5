"""Laws sampled: the value at one uniform, of one law or of many uniforms at once.

A law is a row of a LAW array: its kind, three arguments (``Law``'s constructors say what they mean), and, where it has
no closed form, what stands for it in two shared arrays: ``points`` (tables) and ``parts`` (LAW rows of mixtures).
"""

from __future__ import annotations

import math

from simulator.core.elementary import exp, log, power
from simulator.core.jit import formula, kernel
from simulator.core.plan import (
    CONSTANT,
    EMPIRICAL,
    EXPONENTIAL,
    GAMMA,
    HYPEREXPONENTIAL,
    LOGNORMAL,
    MIXTURE,
    NONE,
    PARETO,
    POINTS,
    UNIFORM,
    WEIBULL,
)

#: Tables over logit(u) go from -LOGIT_END to LOGIT_END, that is from u = 1e-12 to 1 - 1e-12.
LOGIT_END = math.log1p(-1e-12) - math.log(1e-12)

#: Nearest to 0 and 1 that a uniform comes.
_LEAST = 2.0**-53


@formula
def _normal_central(u):  # type: ignore[no-untyped-def]
    """Standard normal quantile for |u - 1/2| <= .425."""
    q = u - 0.5
    r = 0.180625 - q * q
    top = 2.5090809287301226727e3 * r + 3.3430575583588128105e4
    top = ((top * r + 6.7265770927008700853e4) * r + 4.5921953931549871457e4) * r + 1.3731693765509461125e4
    top = ((top * r + 1.9715909503065514427e3) * r + 1.3314166789178437745e2) * r + 3.3871328727963666080e0
    low = 5.2264952788528545610e3 * r + 2.8729085735721942674e4
    low = ((low * r + 3.9307895800092710610e4) * r + 2.1213794301586595867e4) * r + 5.3941960214247511077e3
    low = ((low * r + 6.8718700749205790830e2) * r + 4.2313330701600911252e1) * r + 1.0
    return q * top / low


@kernel
def _normal_tail(u):  # type: ignore[no-untyped-def]
    """Standard normal quantile for |u - 1/2| > .425."""
    r = math.sqrt(-log(min(u, 1.0 - u)))
    if r <= 5.0:
        r -= 1.6
        top = 7.74545014278341407640e-4 * r + 2.27238449892691845833e-2
        top = ((top * r + 2.41780725177450611770e-1) * r + 1.27045825245236838258e0) * r + 3.64784832476320460504e0
        top = ((top * r + 5.76949722146069140550e0) * r + 4.63033784615654529590e0) * r + 1.42343711074968357734e0
        low = 1.05075007164441684324e-9 * r + 5.47593808499534494600e-4
        low = ((low * r + 1.51986665636164571966e-2) * r + 1.48103976427480074590e-1) * r + 6.89767334985100004550e-1
        low = ((low * r + 1.67638483018380384940e0) * r + 2.05319162663775882187e0) * r + 1.0
    else:
        r -= 5.0
        top = 2.01033439929228813265e-7 * r + 2.71155556874348757815e-5
        top = ((top * r + 1.24266094738807843860e-3) * r + 2.65321895265761230930e-2) * r + 2.96560571828504891230e-1
        top = ((top * r + 1.78482653991729133580e0) * r + 5.46378491116411436990e0) * r + 6.65790464350110377720e0
        low = 2.04426310338993978564e-15 * r + 1.42151175831644588870e-7
        low = ((low * r + 1.84631831751005468180e-5) * r + 7.86869131145613259100e-4) * r + 1.48753612908506148525e-2
        low = ((low * r + 1.36929880922735805310e-1) * r + 5.99832206555887937690e-1) * r + 1.0
    return math.copysign(top / low, u - 0.5)


@kernel
def normal_quantile(u):  # type: ignore[no-untyped-def]
    """Inverse of the standard normal distribution function at 0 < u < 1, to about 1e-16 (Wichura, 1988, AS 241)."""
    if abs(u - 0.5) <= 0.425:
        return _normal_central(u)
    return _normal_tail(u)


@formula
def _uniform(a, b, u):  # type: ignore[no-untyped-def]
    return a + (b - a) * u


@formula
def _exponential(a, u):  # type: ignore[no-untyped-def]
    return -a * log(1.0 - u)


@formula
def _weibull(a, b, u):  # type: ignore[no-untyped-def]
    return a * power(-log(1.0 - u), b)


@formula
def _pareto(a, b, c, u):  # type: ignore[no-untyped-def]
    return a * power(1.0 - u * c, b)


@formula
def _within(u, low, high):  # type: ignore[no-untyped-def]
    """The uniform that is left of ``u`` once it has chosen the part from ``low`` to ``high``."""
    return min(max((u - low) / (high - low), _LEAST), 1.0 - _LEAST)


@formula
def _hyperexponential(a, b, c, u):  # type: ignore[no-untyped-def]
    """With probability c exponential of mean a, else of mean b."""
    return _exponential(a, _within(u, 0.0, c)) if u < c else _exponential(b, _within(u, c, 1.0))


@formula
def _over_logit(points, first, count, a, u):  # type: ignore[no-untyped-def]
    """A times a table over logit(u), linear between its ``count`` points."""
    place = (log(u) - log(1.0 - u) + LOGIT_END) * ((count - 1) / (2.0 * LOGIT_END))
    place = min(max(place, 0.0), count - 1.0)
    left = min(int(place), count - 2)
    low = points[first + left]
    return a * (low + (points[first + left + 1] - low) * (place - left))


@formula
def _between(points, first, count, a, u):  # type: ignore[no-untyped-def]
    """A times a table of ``count`` cumulated probabilities followed by as many values, linear between them."""
    if u <= points[first]:
        return a * points[first + count]
    below = 0
    above = count - 1
    if u >= points[first + above]:
        return a * points[first + count + above]
    while above - below > 1:  # points[below] < u <= points[above]
        middle = (below + above) >> 1
        if points[first + middle] < u:
            below = middle
        else:
            above = middle
    part = (u - points[first + below]) / (points[first + above] - points[first + below])
    low = points[first + count + below]
    return a * (low + (points[first + count + above] - low) * part)


@kernel
def _plain(laws, points, row, u):  # type: ignore[no-untyped-def]
    """Value of a law that is not a mixture."""
    kind = laws[row]["kind"]
    a = laws[row]["a"]
    b = laws[row]["b"]
    c = laws[row]["c"]
    if kind == CONSTANT:
        return a
    if kind == UNIFORM:
        return _uniform(a, b, u)
    if kind == EXPONENTIAL:
        return _exponential(a, u)
    if kind == LOGNORMAL:
        return exp(a + b * normal_quantile(u))
    if kind == WEIBULL:
        return _weibull(a, b, u)
    if kind == PARETO:
        return _pareto(a, b, c, u)
    if kind == HYPEREXPONENTIAL:
        return _hyperexponential(a, b, c, u)
    first = laws[row]["first"]
    count = laws[row]["count"]
    if kind == GAMMA:
        return _over_logit(points, first, count, a, u)
    if kind == EMPIRICAL:
        return a * points[first + min(int(u * count), count - 1)]
    if kind == POINTS:
        return _between(points, first, count, a, u)
    return 0.0


@kernel
def quantile(laws, parts, points, row, u):  # type: ignore[no-untyped-def]
    """Value of the law in ``laws[row]`` at the uniform ``u`` of (0, 1); 0 where there is no law.

    Of a mixture, ``u`` chooses the part and, what is left of it, the value: so it need not grow with ``u``.
    """
    if laws[row]["kind"] != MIXTURE:
        return _plain(laws, points, row, u)
    first = laws[row]["first"]  # of the cumulated weights
    last = laws[row]["count"] - 1
    part = 0
    low = 0.0
    while part < last and u >= points[first + part]:
        low = points[first + part]
        part += 1
    return _plain(parts, points, laws[row]["part"] + part, _within(u, low, points[first + part]))


@kernel
def quantiles(laws, parts, points, row, count, uniform, value):  # type: ignore[no-untyped-def]
    """Fill the first ``count`` of ``value`` with the law in ``laws[row]`` at each of ``uniform``: ``quantile``, fast.

    A loop a kind, so that the compiler vectorises it.
    """
    kind = laws[row]["kind"]
    a = laws[row]["a"]
    b = laws[row]["b"]
    c = laws[row]["c"]
    if kind == UNIFORM:
        for i in range(count):
            value[i] = _uniform(a, b, uniform[i])
    elif kind == EXPONENTIAL:
        for i in range(count):
            value[i] = _exponential(a, uniform[i])
    elif kind == LOGNORMAL:
        for i in range(count):
            value[i] = _normal_central(uniform[i])
        for i in range(count):
            if abs(uniform[i] - 0.5) > 0.425:
                value[i] = _normal_tail(uniform[i])
        for i in range(count):
            value[i] = exp(a + b * value[i])
    elif kind == WEIBULL:
        for i in range(count):
            value[i] = _weibull(a, b, uniform[i])
    elif kind == PARETO:
        for i in range(count):
            value[i] = _pareto(a, b, c, uniform[i])
    elif kind == HYPEREXPONENTIAL:
        for i in range(count):
            value[i] = _hyperexponential(a, b, c, uniform[i])
    elif kind in (CONSTANT, NONE):
        constant = a if kind == CONSTANT else 0.0
        for i in range(count):
            value[i] = constant
    else:
        for i in range(count):
            value[i] = quantile(laws, parts, points, row, uniform[i])


@formula
def is_drawn(laws, row):  # type: ignore[no-untyped-def]
    """Whether the law's values need a random number."""
    kind = laws[row]["kind"]
    return kind != NONE and kind != CONSTANT
