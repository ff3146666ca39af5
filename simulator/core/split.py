"""How candidates fall on shards by hash: the binomial quantile, by inversion of one uniform."""

import math

from simulator.core.elementary import normal_quantile
from simulator.core.jit import kernel

#: Above this variance the binomial is taken as normal, rounded and clipped.
NORMAL_FROM = 1000.0


@kernel
def stirling_error(n: float) -> float:
    """log(n!) less Stirling's formula, for an integer n >= 1 as float64 (Loader, 2000)."""
    if n < 16.0:
        log_factorial = 0.0
        for k in range(2, int(n) + 1):
            log_factorial += math.log(float(k))
        return log_factorial - (n + 0.5) * math.log(n) + n - 0.9189385332046728
    square = n * n
    return (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / 1680.0 / square) / square) / square) / n


@kernel
def deviance(x: float, mean: float) -> float:
    """Return x log(x / mean) + mean - x without cancellation, for x, mean > 0 (Loader, 2000)."""
    if abs(x - mean) < 0.1 * (x + mean):
        v = (x - mean) / (x + mean)
        total = (x - mean) * v
        power = 2.0 * x * v
        j = 1
        while True:
            power *= v * v
            following = total + power / (2 * j + 1)
            if following == total:
                return following
            total = following
            j += 1
    return x * math.log(x / mean) + mean - x


@kernel
def binomial_probability(k: float, n: float, p: float) -> float:
    """P(k of n) for 0 < p < 1, by Loader's saddle-point form; k and n are integers as float64."""
    if k == 0.0:
        return math.exp(n * math.log1p(-p))
    if k == n:
        return math.exp(n * math.log(p))
    exponent = stirling_error(n) - stirling_error(k) - stirling_error(n - k)
    exponent -= deviance(k, n * p) + deviance(n - k, n * (1.0 - p))
    return math.exp(exponent) * math.sqrt(n / (2.0 * math.pi * k * (n - k)))


@kernel
def part(n: int, p: float, u: float) -> int:
    """Number of ``n`` candidates that fall on a shard which each does with probability ``p``: quantile at ``u``.

    Exact inversion from the mode while n p (1 - p) < NORMAL_FROM, else the nearest integer to the normal quantile,
    clipped to 0 .. n.
    """
    if n == 0 or not p > 0.0:  # also where nothing is left of the shares: 0 / 0
        return 0
    if p >= 1.0:
        return n
    variance = n * p * (1.0 - p)
    if variance >= NORMAL_FROM:
        near = math.floor(n * p + normal_quantile(u) * math.sqrt(variance) + 0.5)
        return int(min(max(near, 0.0), float(n)))
    odds = p / (1.0 - p)
    mode = min(n, int((n + 1) * p))
    at_mode = binomial_probability(float(mode), float(n), p)
    below = 0.0  # P(fewer than mode), summed downward until nothing more is added
    k = mode
    probability = at_mode
    while k > 0:
        probability *= k / ((n - k + 1) * odds)
        if below + probability == below:
            break
        below += probability
        k -= 1
    k = mode
    probability = at_mode
    if u <= below:
        while k > 0 and u <= below:  # here P(fewer than k) = below
            probability *= k / ((n - k + 1) * odds)
            k -= 1
            below -= probability
        return k
    reached = below + at_mode
    while k < n and reached < u and probability > 0.0:
        probability *= (n - k) * odds / (k + 1)
        k += 1
        reached += probability
    return k
