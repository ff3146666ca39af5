"""Logarithm, exponential, sine, cosine from additions, multiplications and a division: the same bits on every machine.

The C library's differ from one system to the next in the last bit, and a loop that calls them is not vectorised. These
are FDLIBM's (Sun Microsystems, 1993; error below one unit in the last place), for arguments that a sample path meets.
From them follows the quantile of the normal law.
"""

import math

import numpy as np

from simulator.core.jit import formula, kernel

_LN2_HIGH = 6.93147180369123816490e-01  # 33 bits: times a small integer without rounding
_LN2_LOW = 1.90821492927058770002e-10
_LOG2_E = 1.44269504088896338700
_SQRT_HALF = 0x3FE6A09E667F3BCD  # bits of sqrt(1/2), rounded up


@formula
def log(x: float) -> float:
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
def exp(x: float) -> float:
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
def power(x: float, exponent: float) -> float:
    """Return x^exponent for x > 0, within about exponent x log x units in the last place."""
    return exp(exponent * log(x))


_PI = 3.14159265358979311600


@formula
def _sine(x: float) -> float:
    """Sine of 0 <= x <= pi/4."""
    z = x * x
    tail = 8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + z * 2.75573137070700676789e-06)
    tail = tail + z * z * z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)
    return x + x * z * (-1.66666666666666324348e-01 + z * tail)


@formula
def _cosine(x: float) -> float:
    """Cosine of 0 <= x <= pi/4."""
    z = x * x
    tail = 4.16666666666666019037e-02 + z * (-1.38888888888741095749e-03 + z * 2.48015872894767294178e-05)
    far = -2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 - z * 1.13596475577881948265e-11)
    tail = tail + z * z * z * far
    return 1.0 - (0.5 * z - z * z * tail)


@formula
def sin_pi(x: float) -> float:
    """Return sin(pi x) for 0 <= x <= 1, symmetric about 1/2."""
    y = min(x, 1.0 - x)
    if y <= 0.25:
        return _sine(_PI * y)
    return _cosine(_PI * (0.5 - y))


@formula
def cos_pi(x: float) -> float:
    """Return cos(pi x) for 0 <= x <= 1, antisymmetric about 1/2."""
    y = min(x, 1.0 - x)
    value = _cosine(_PI * y) if y <= 0.25 else _sine(_PI * (0.5 - y))
    return value if x <= 0.5 else -value


@formula
def normal_central(u: float) -> float:
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
def normal_tail(u: float) -> float:
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
def normal_quantile(u: float) -> float:
    """Inverse of the standard normal distribution function at 0 < u < 1, to about 1e-16 (Wichura, 1988, AS 241)."""
    if abs(u - 0.5) <= 0.425:
        return normal_central(u)
    return normal_tail(u)
