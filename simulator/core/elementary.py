"""Logarithm, exponential, sine, cosine from additions, multiplications and a division: the same bits on every machine.

The C library's differ from one system to the next in the last bit, and a loop that calls them is not vectorised. These
are FDLIBM's (Sun Microsystems, 1993; error below one unit in the last place), for arguments that a sample path meets.
"""

from __future__ import annotations

import math

import numpy as np

from simulator.core.jit import formula

_LN2_HIGH = 6.93147180369123816490e-01  # 33 bits: times a small integer without rounding
_LN2_LOW = 1.90821492927058770002e-10
_LOG2_E = 1.44269504088896338700
_SQRT_HALF = 0x3FE6A09E667F3BCD  # bits of sqrt(1/2), rounded up


@formula
def log(x):  # type: ignore[no-untyped-def]
    """Natural logarithm of a normal float64 x > 0: x = 2^k m with sqrt(1/2) <= m < sqrt(2), log m by a polynomial."""
    bits = np.float64(x).view(np.int64)
    k = (bits - _SQRT_HALF) >> 52
    f = np.int64(bits - (k << 52)).view(np.float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    odd = 2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)
    rest = even + z * (6.666666666666735130e-01 + w * odd)
    half = 0.5 * f * f
    return k * _LN2_HIGH - ((half - (s * (half + rest) + k * _LN2_LOW)) - f)


@formula
def exp(x):  # type: ignore[no-untyped-def]
    """Return e^x: x = k log 2 + r, e^r by a rational function; 0 below -708 and infinite above 709."""
    inside = min(max(x, -708.0), 709.0)
    k = math.floor(inside * _LOG2_E + 0.5)
    high = inside - k * _LN2_HIGH
    low = k * _LN2_LOW
    r = high - low
    t = r * r
    tail = 6.61375632143793436117e-05 + t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08)
    c = r - t * (1.66666666666666019037e-01 + t * (-2.77777777770155933842e-03 + t * tail))
    power = np.int64((int(k) + 1023) << 52).view(np.float64)
    value = power * (1.0 - ((low - (r * c) / (2.0 - c)) - high))
    if x < -708.0:
        return 0.0
    return math.inf if x > 709.0 else value


@formula
def power(x, exponent):  # type: ignore[no-untyped-def]
    """Return x^exponent for x > 0, within about exponent x log x units in the last place."""
    return exp(exponent * log(x))


_PI = 3.14159265358979311600


@formula
def _sine(x):  # type: ignore[no-untyped-def]
    """Sine of 0 <= x <= pi/4."""
    z = x * x
    tail = 8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + z * 2.75573137070700676789e-06)
    tail = tail + z * z * z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)
    return x + x * z * (-1.66666666666666324348e-01 + z * tail)


@formula
def _cosine(x):  # type: ignore[no-untyped-def]
    """Cosine of 0 <= x <= pi/4."""
    z = x * x
    tail = 4.16666666666666019037e-02 + z * (-1.38888888888741095749e-03 + z * 2.48015872894767294178e-05)
    far = -2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 - z * 1.13596475577881948265e-11)
    tail = tail + z * z * z * far
    return 1.0 - (0.5 * z - z * z * tail)


@formula
def sin_pi(x):  # type: ignore[no-untyped-def]
    """Return sin(pi x) for 0 <= x <= 1, symmetric about 1/2."""
    y = min(x, 1.0 - x)
    if y <= 0.25:
        return _sine(_PI * y)
    return _cosine(_PI * (0.5 - y))


@formula
def cos_pi(x):  # type: ignore[no-untyped-def]
    """Return cos(pi x) for 0 <= x <= 1, antisymmetric about 1/2."""
    y = min(x, 1.0 - x)
    value = _cosine(_PI * y) if y <= 0.25 else _sine(_PI * (0.5 - y))
    return value if x <= 0.5 else -value
