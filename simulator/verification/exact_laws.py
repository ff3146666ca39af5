"""Whole distributions of latency, where a system's is known: from the closed forms that the program itself prints.

Tests hold them against the table's percentiles, which come from elsewhere.
"""

import math
from collections.abc import Callable

from simulator.theory.queues import MD1, BulkService, bisect, gamma_m1_sojourn_s, mm1_quantile, mmc_quantile
from simulator.verification.families import EMPTY_UNIT_S, numbers, parsed
from simulator.verification.table import System

#: The ``p``-quantile of latency in seconds, 0 < p < 1.
QuantileLaw = Callable[[float], float]


def exact_law(system: System) -> QuantileLaw | None:
    """The law of a system's latency, None where it is not known in closed form."""
    family, given = system.family, parsed(system.parameters)
    if family in ("fanout0", "fanout0_het", "sources0"):
        return _empty(family, given)
    if family == "kofn0":
        return _first_of(given)
    if family in ("mm1", "mm1_timeout", "mmc", "gm1", "rr"):
        return _exponential(family, given)
    if family in ("tandem", "seed_contrast"):
        return _erlang(family, given)
    if family == "mmbulk":
        return BulkService(float(given["lam"]), 1.0, int(given["b"])).sojourn_quantile
    lockstep = _lockstep(family, given)
    return None if lockstep is None else _md1(*lockstep)


def _md1(rate_per_s: float, fixed_s: float, service_s: float) -> QuantileLaw:
    """A constant and the wait in M/D/1."""
    queue = MD1(rate_per_s * service_s)
    return lambda p: fixed_s + service_s * queue.wait_quantile(p)


def _lockstep(family: str, given: dict[str, str]) -> tuple[float, float, float] | None:
    """Rate, all service times, and the longest, where nothing but arrivals is random."""
    if family == "mxg1":
        batch_s = float(given["m"])
        return float(given["lam_batch"]), batch_s, batch_s
    if family not in ("md1", "fj_det", "tandem_dd", "skew", "seed_load", "paper"):
        return None
    rate_per_s = float(given["lam"])
    if family == "tandem_dd":
        each_s = numbers(given["D"])
        return rate_per_s, sum(each_s), max(each_s)
    if family == "skew":
        longest_s = float(given["D_max"])
        return rate_per_s, longest_s, longest_s
    if family == "paper":
        return rate_per_s, 0.2, 0.1
    service_s = float(given["D"])
    stages = 2 if "funnel" in given.get("system", "") else 1
    return rate_per_s, stages * service_s, service_s


def _exponential(family: str, given: dict[str, str]) -> QuantileLaw | None:
    """Single queues with exponential service of mean 1 s."""
    rate_per_s = float(given.get("lam", given.get("lam_total", 0)))
    if family in ("mm1", "mm1_timeout"):
        return lambda p: mm1_quantile(rate_per_s, 1.0, p)
    if family == "mmc":
        return lambda p: mmc_quantile(rate_per_s, 1.0, int(given["c"]), p)
    if family == "gm1":
        if given["arrivals"] == "deterministic":
            mean_s = 1 / (1 - _sigma_of_constant_gaps(rate_per_s))
        else:
            mean_s = gamma_m1_sojourn_s(rate_per_s, 1.0, 0.5**0.5)
        return lambda p: -mean_s * math.log(1 - p)
    count, policy = int(given["c"]), given["policy"]
    if policy == "central_queue":
        return lambda p: mmc_quantile(rate_per_s, 1.0, count, p)
    if policy.endswith("const_service"):
        return None
    own_s = gamma_m1_sojourn_s(rate_per_s / count, 1.0, 1.0 if policy == "random" else count**-0.5)
    return lambda p: -own_s * math.log(1 - p)


def _sigma_of_constant_gaps(rate_per_s: float) -> float:
    """The root below 1 of sigma = exp(-(1 - sigma) / rate): D/M/1 with services of mean 1 s (Kendall, 1953)."""
    return bisect(lambda sigma: float(sigma >= math.exp(-(1 - sigma) / rate_per_s)), 1.0, 0.5)


def _erlang(family: str, given: dict[str, str]) -> QuantileLaw | None:
    """Equal single servers in a row: each adds an independent exponential (Reich, 1957)."""
    from scipy.special import gammaincinv

    rate_per_s = float(given["lam"])
    stages, spare_per_s = 2, 10 - rate_per_s
    if family == "tandem":
        rates = numbers(given["mu"])
        if len(set(rates)) > 1 or max(numbers(given["c"])) > 1:
            return None
        stages, spare_per_s = len(rates), rates[0] - rate_per_s
    return lambda p: float(gammaincinv(stages, p)) / spare_per_s


def _first_of(given: dict[str, str]) -> QuantileLaw:
    """The k-th of n independent answers: a uniform order statistic is a beta variable (David and Nagaraja, 2003)."""
    from scipy.special import betaincinv, ndtri

    count, wanted = int(given["n"]), int(given["k"])

    def quantile(p: float) -> float:
        u = float(betaincinv(wanted, count - wanted + 1, p))
        unit = -math.log1p(-u) if given["dist"] == "exponential" else math.exp(float(given["sigma"]) * float(ndtri(u)))
        return unit * EMPTY_UNIT_S

    return quantile


def _empty(family: str, given: dict[str, str]) -> QuantileLaw:
    """The latest of independent shards."""
    from scipy.special import ndtri

    count = int(given["N"])
    if family == "sources0":
        first, second, others = float(given["a"]), float(given["b"]), int(given["M"])

        def of_both(t: float) -> float:
            return (1 - math.exp(-t / first)) ** count * (1 - math.exp(-t / second)) ** others

        return lambda p: EMPTY_UNIT_S * bisect(of_both, p, 1.0)
    if family == "fanout0_het":
        slow = float(given["mu_slow"])

        def cdf(t: float) -> float:
            return (1 - math.exp(-t)) ** (count - 1) * (1 - math.exp(-slow * t))

        return lambda p: EMPTY_UNIT_S * bisect(cdf, p, 1.0)
    if given["dist"] == "lognormal":
        sigma = float(given["sigma"])
        return lambda p: EMPTY_UNIT_S * math.exp(sigma * float(ndtri(p ** (1 / count))))
    shape, least = float(given["alpha"]), float(given["xm"])
    return lambda p: EMPTY_UNIT_S * least * (1 - p ** (1 / count)) ** (-1 / shape)
