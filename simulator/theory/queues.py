"""Closed forms of single queues, first come first served unless said. Rates per second, durations in seconds."""

import math
from collections.abc import Callable

import numpy as np

from simulator.base.sums import dot, meant
from simulator.core.plan import F8

#: Beyond so much work offered to one server the idle time of M/D/1/K has no digits left.
MOST_EXACT = 100.0


def bisect(cdf: Callable[[float], float], p: float, start: float) -> float:
    """The least x >= 0 with cdf(x) >= p, to a relative 1e-12; ``start`` > 0 is where the search begins."""
    high = start
    while cdf(high) < p:
        high *= 2.0
    low = 0.0
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if cdf(middle) >= p:
            high = middle
        else:
            low = middle
    return high


def mg1_mean_wait(rate_per_s: float, mean_s: float, second_moment_s2: float) -> float:
    """Mean waiting time in M/G/1 (Pollaczek, 1930; Khinchine, 1932); infinite at utilisation >= 1.

    >>> mg1_mean_wait(0.5, 1.0, 2.0)
    1.0
    """
    utilisation = rate_per_s * mean_s
    return rate_per_s * second_moment_s2 / (2 * (1 - utilisation)) if utilisation < 1 else math.inf


def stopped_mg1_mean_sojourn(
    rate_per_s: float, moments: tuple[float, float], stops_per_s: float, stop: tuple[float, float]
) -> float:
    """Mean sojourn time in M/G/1 whose server stops, also when idle, and goes on with what it had begun.

    ``moments``, ``stop``: mean and second moment of a service and of a stop; between stops it is up for exponential
    times of rate ``stops_per_s``. Infinite where it is saturated. (White and Christie, 1958; Avi-Itzhak and Naor, 1963)

    >>> round(stopped_mg1_mean_sojourn(0.5, (1.0, 2.0), 0.1, (2.0, 8.0)), 9)
    3.833333333
    """
    longer = 1 + stops_per_s * stop[0]
    mean_s = moments[0] * longer
    second = moments[1] * longer**2 + moments[0] * stops_per_s * stop[1]
    return mean_s + mg1_mean_wait(rate_per_s, mean_s, second) + stops_per_s * stop[1] / (2 * longer)


def shortest_mm1_mean_wait(rate_per_s: float, mean_s: float) -> float:
    """Mean waiting time in M/M/1 that serves the shortest first (Phipps, 1956); infinite at utilisation >= 1.

    Over the part w of tasks that are longer: those that are shorter keep the server busy for 1 - w + w ln w of the
    utilisation.

    >>> round(shortest_mm1_mean_wait(0.8, 1.0), 9)
    1.882218616
    """
    from scipy.integrate import quad

    utilisation = rate_per_s * mean_s
    if utilisation >= 1:
        return math.inf

    def passed(w: float) -> float:
        """How many times as long as an interruption a task of that rank waits."""
        return (1 - utilisation * (1 - w + (w * math.log(w) if w > 0 else 0.0))) ** -2

    return float(rate_per_s * mean_s**2 * quad(passed, 0, 1, epsabs=0, epsrel=1e-12, limit=200)[0])


def mm1_quantile(rate_per_s: float, mean_s: float, p: float) -> float:
    """Quantile of the sojourn time in M/M/1, exponential of rate 1 / mean - rate (Kleinrock, 1975, section 5.7).

    >>> round(mm1_quantile(0.5, 1.0, 0.99), 6)
    9.21034
    """
    return -math.log(1 - p) / (1 / mean_s - rate_per_s)


def erlang_c(workers: int, offered: float) -> float:
    """Probability of waiting in M/M/c at an offered load (Erlang, 1917), by the stable recursion for Erlang B.

    >>> round(erlang_c(2, 1.0), 12)
    0.333333333333
    """
    blocked = 1.0
    for k in range(1, workers + 1):
        blocked = offered * blocked / (k + offered * blocked)
    return blocked / (1 - offered / workers * (1 - blocked))


def mmc_mean_wait(rate_per_s: float, mean_s: float, workers: int) -> float:
    """Mean waiting time in M/M/c."""
    return erlang_c(workers, rate_per_s * mean_s) / (workers / mean_s - rate_per_s)


def finite_mmc(rate_per_s: float, mean_s: float, workers: int, places: int) -> tuple[float, float]:
    """Share that is lost in M/M/c/K of so many places, and mean time there of the others; of c places Erlang's B.

    >>> finite_mmc(1.0, 1.0, 1, 1), finite_mmc(1.0, 1.0, 2, 2)
    ((0.5, 1.0), (0.2, 1.0))
    """
    offered, chance, chances = rate_per_s * mean_s, 1.0, [1.0]
    for there in range(1, places + 1):
        chance *= offered / min(there, workers)
        chances.append(chance)
        if chance > 1e200:
            chances, chance = [one / chance for one in chances], 1.0
    whole = math.fsum(chances)
    lost = chances[-1] / whole
    mean = math.fsum(number * one for number, one in enumerate(chances)) / whole
    return lost, mean / (rate_per_s * (1 - lost))


def crommelin_loss(utilisation: float, places: int) -> float:
    """Share that is lost in M/D/1/K: by who is left behind when somebody goes, without subtractions (GTH, 1985).

    >>> round(crommelin_loss(0.8, 5), 12), round(crommelin_loss(0.5, 1), 12)
    (0.035290396436, 0.333333333333)
    """
    if utilisation > MOST_EXACT and places > 1:
        return 1 - 1 / utilisation  # to the last digit: somebody always waits
    come = [math.exp(-utilisation)]
    for number in range(1, places):
        come.append(come[-1] * utilisation / number)
    step = np.zeros((places, places))  # to how many it leaves behind, from how many the one before left
    for behind in range(places):
        first = max(0, behind - 1)
        step[behind, first : places - 1] = come[: places - 1 - first]
        step[behind, places - 1] = max(0.0, 1 - math.fsum(come[: places - 1 - first]))
    for last in range(places - 1, 0, -1):
        step[:last, last] /= step[last, :last].sum()
        step[:last, :last] += np.outer(step[:last, last], step[last, :last])
    chances = [1.0]
    for number in range(1, places):
        chances.append(math.fsum(one * float(step[behind, number]) for behind, one in enumerate(chances)))
    return 1 - 1 / (chances[0] / math.fsum(chances) + utilisation)


def shared_mean_wait(rate_per_s: float, mean_s: float, workers: int = 1) -> float:
    """Mean time that others take of a task's stay in M/G/c whose tasks share the workers; infinite where saturated.

    How many are there has the law of M/M/c, whatever the law of services (Cohen, 1979); of one worker it is
    utilisation / (1 - utilisation) services (Kleinrock, 1976).

    >>> shared_mean_wait(0.5, 1.0), round(shared_mean_wait(1.0, 1.0, 2), 12), shared_mean_wait(2.0, 1.0, 2)
    (1.0, 0.333333333333, inf)
    """
    return mmc_mean_wait(rate_per_s, mean_s, workers) if rate_per_s * mean_s < workers else math.inf


def mmc_quantile(rate_per_s: float, mean_s: float, workers: int, p: float) -> float:
    """Quantile of the sojourn time in M/M/c (Gross and Harris, 1998, section 2.3)."""
    mu, spare = 1 / mean_s, workers / mean_s - rate_per_s
    waits = erlang_c(workers, rate_per_s * mean_s)

    def cdf(t: float) -> float:
        if abs(spare - mu) < 1e-9 * mu:
            return 1 - math.exp(-mu * t) * (1 + waits * mu * t)
        both = (spare * math.exp(-mu * t) - mu * math.exp(-spare * t)) / (spare - mu)
        return 1 - (1 - waits) * math.exp(-mu * t) - waits * both

    return bisect(cdf, p, mean_s)


#: Beyond it the sums below have thousands of terms; up to it they agree with exact values to nine digits.
MD1_MOST = 0.995


def _exp(x: F8) -> F8:
    """Exponentials one by one: numpy's own differ in the last digit with the instructions that a processor has."""
    return np.array([math.exp(value) for value in x.tolist()])


class MD1:
    """Waiting time in M/D/1 by sums of positive terms (Franx, 2001); times in units of the service time."""

    def __init__(self, utilisation: float) -> None:
        assert 0 < utilisation <= MD1_MOST
        self.utilisation = utilisation
        self._queue: F8 = np.empty(0)

    def _at_most(self, count: int) -> F8:
        """P(at most j wait) for j = 0 .. count - 1.

        The number in the system by Ramaswami's recursion, whose terms are all positive.
        """
        if len(self._queue) < count:
            size = count + 2
            rho = self.utilisation
            k = np.arange(size)
            log_factorial = np.array([math.lgamma(i + 1) for i in k])
            arrive = _exp(k * math.log(rho) - rho - log_factorial)
            more = np.maximum(1 - np.cumsum(arrive), 0.0)  # P(more than k arrive)
            state = np.zeros(size)
            state[0] = 1 - rho
            for j in range(1, size):
                state[j] = (state[0] * more[j - 1] + dot(state[1:j], more[j - 1 : 0 : -1])) / arrive[0]
            self._queue = np.cumsum(state)[1:]
        return self._queue[:count]

    def wait_cdf(self, x: float) -> float:
        """P(waiting <= x) for x >= 0."""
        services = math.floor(x) + 1
        u = self.utilisation * (services - x)
        j = np.arange(services)
        log_terms = j * math.log(u) - u - np.array([math.lgamma(i + 1) for i in j])
        return dot(_exp(log_terms), self._at_most(services)[::-1])

    def wait_quantile(self, p: float) -> float:
        """The least x with P(waiting <= x) >= p."""
        return 0.0 if self.wait_cdf(0.0) >= p else meant(bisect(self.wait_cdf, p, 1.0))


def harmonic(count: int) -> float:
    """1 + 1/2 + ... + 1/count."""
    return math.fsum(1 / k for k in range(1, count + 1))


def gamma_m1_sojourn_s(rate_per_s: float, mean_s: float, cv: float) -> float:
    """Mean of the exponential sojourn time of a GI/M/1 queue with gamma gaps of this cv (Kendall, 1953).

    mean / (1 - sigma), where sigma, the chance to wait, is the root below 1 of sigma = E exp(-(1 - sigma) gap / mean):
    Newton's steps from 0, all on one side of it since the right side is convex.

    >>> round(gamma_m1_sojourn_s(0.8, 1.0, 1.0), 9), round(gamma_m1_sojourn_s(0.8, 1.0, 0.5**0.5), 9)
    (5.0, 3.843979767)
    """
    spread, utilisation = cv * cv, rate_per_s * mean_s
    sigma = 0.0
    for _ in range(200):
        base = 1 + spread * (1 - sigma) / utilisation
        transform = base ** (-1 / spread)
        step = (transform - sigma) / (1 - transform / (utilisation * base))
        sigma += step
        if step < 1e-15:
            break
    return mean_s / (1 - sigma)


class BulkService:
    """M/M[1,b]/1: a server takes all that wait, b at most, for an exponential time that does not depend on how many.

    While it serves, n wait with a chance in proportion to r**n, r the root in (0, 1) of
    mu r**(b + 1) - (lambda + mu) r + lambda = 0 (Bailey, 1954; Chaudhry and Templeton, A First Course in Bulk Queues,
    1983, chapter 4). So the batches ahead of an arrival are geometric, and its wait is exponential if there is one.

    >>> queue = BulkService(3.2, 1.0, 4)
    >>> round(queue.mean_wait_s, 6), round(queue.sojourn_quantile(0.99), 6)
    (3.180619, 16.152688)
    """

    def __init__(self, rate_per_s: float, mean_s: float, most: int) -> None:
        offered = rate_per_s * mean_s

        def excess(r: float) -> float:
            """Above 0 below the root: the polynomial without its root at 1, which is offered less r + ... + r**b."""
            return offered - r * (1 - r**most) / (1 - r) if r < 1 else offered - most

        root = 1.0 - bisect(lambda left: float(excess(1 - left) > 0), 1.0, 0.5)
        busy = 1 / (1 - root)
        self.waits = busy / (1 / offered + busy)  #: chance that an arrival waits
        self.mean_s = mean_s
        self.wait_s = mean_s / (1 - root**most)  #: mean of a wait that is one

    @property
    def mean_wait_s(self) -> float:
        """Mean wait of a task."""
        return self.waits * self.wait_s

    def sojourn_later(self, time_s: float) -> float:
        """Chance that a task takes longer, wait and service together."""
        service = math.exp(-time_s / self.mean_s)
        both = (self.wait_s * math.exp(-time_s / self.wait_s) - self.mean_s * service) / (self.wait_s - self.mean_s)
        return (1 - self.waits) * service + self.waits * both

    def sojourn_quantile(self, p: float) -> float:
        """Quantile of wait and service together."""
        return bisect(lambda time_s: 1 - self.sojourn_later(time_s), p, self.wait_s)
