"""The search for the loads at which a figure and the two ends of its interval meet their bounds.

Everything is on one luck, so that a figure at another load is a function of the load and nothing else, and nearly
smooth. A *probe* at a load (the logarithm of a factor on it) gives a reading of each objective; a line is within the
bounds where that line of every reading is below 1.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from simulator.stats.readings import HIGH, LOW, VALUE, Reading

Readings = tuple[Reading, ...]

#: How much longer the arms are taken of a reading that is to hold by itself.
WIDENED = 1.5
#: Logarithms of figure over bound are cut here: what is farther from the bound says nothing about the crossing.
FARTHEST = 3.0
#: Part of the resolution by which a probe is put beside the place where the crossing is expected.
BESIDE = 0.4
#: The step towards an end that has not been seen, where no slope is known.
STEP = 0.4
#: How much a logarithm rises with that of the load, at least, where it is used to aim.
LEAST_SLOPE = 0.5


@dataclass(frozen=True)
class Crossing:
    """Where one line leaves the bounds: between two loads, logarithms both, and about where."""

    within: float
    beyond: float
    at: float


@dataclass
class Probes:
    """Readings by load, on one luck and one number of queries."""

    probe: Callable[[float], Readings]
    lowest: float  #: loads below it are not looked at
    highest: float  #: there the system is saturated by arithmetic
    steepness: float = 1 / STEP  #: how fast the logarithm rises, as long as probes do not say
    seen: dict[float, Readings] = field(default_factory=dict)

    def at(self, load: float) -> Readings:
        """The readings at a load."""
        if load not in self.seen:
            self.seen[load] = self.probe(load)
        return self.seen[load]

    def worst(self, load: float, line: str) -> float:
        """Logarithm of the largest figure over bound, cut at FARTHEST on both sides."""
        return _cut(max(reading.line(line) for reading in self.seen[load]))

    def is_within(self, load: float, line: str) -> bool:
        """Whether this line of every objective is below its bound."""
        return all(reading.line(line) < 1 for reading in self.seen[load])

    def is_well_within(self, load: float) -> bool:
        """Whether every objective would be, were its interval so much wider as one of little support."""
        return all(_widened(reading) < 1 for reading in self.seen[load])

    def bracket(self, line: str) -> tuple[float, float]:
        """The highest load that is within, and the next one seen; infinite where there is none."""
        within = [load for load in self.seen if self.is_within(load, line)]
        highest = max(within, default=-math.inf)
        return highest, min((load for load in self.seen if load > highest), default=math.inf)

    def slope(self, line: str, at: float) -> float:
        """How fast the logarithm rises about a load: through the nearest probes on both sides of it that say so."""
        loads = sorted(load for load in self.seen if abs(self.worst(load, line)) < FARTHEST)
        loads = sorted(sorted(loads, key=lambda load: abs(load - at))[:3])
        if len(loads) < 2:
            return self.steepness
        rise = self.worst(loads[-1], line) - self.worst(loads[0], line)
        return max(LEAST_SLOPE, rise / (loads[-1] - loads[0]))


def _widened(reading: Reading) -> float:
    if reading.value <= 0:
        return WIDENED * reading.high
    return reading.value * (reading.high / reading.value) ** WIDENED if reading.high < math.inf else math.inf


def _cut(ratio: float) -> float:
    return FARTHEST if ratio == math.inf else max(-FARTHEST, min(FARTHEST, math.log(max(ratio, 1e-9))))


def first_look(probes: Probes, loads: Iterable[float]) -> bool:
    """See some loads, and lower ones until one is within; False if none is."""
    for load in loads:
        probes.at(load)
    while probes.bracket(VALUE)[0] == -math.inf:
        lowest = min(probes.seen)
        if lowest <= probes.lowest:
            return False
        probes.at(max(lowest - math.log(10), probes.lowest))
    return True


def cross(probes: Probes, line: str, resolution: float) -> Crossing:
    """Probe until the crossing of a line lies between two loads that are as near, and find it between them.

    Probes are put a little to both sides of where it is expected; after a miss, twice as far. Where not even the
    lowest load is within, it lies at -inf.
    """
    beside = BESIDE * resolution
    while True:
        within, beyond = probes.bracket(line)
        if beyond - within <= resolution:
            return Crossing(within, beyond, _meeting(probes, line, within, beyond))
        target, should_be_within = _aim(probes, line, within, beyond, beside)
        if target < probes.lowest:
            return Crossing(-math.inf, beyond, -math.inf)
        probes.at(target)
        beside = BESIDE * resolution if probes.is_within(target, line) == should_be_within else 2 * beside


def _aim(probes: Probes, line: str, within: float, beyond: float, beside: float) -> tuple[float, bool]:
    """The next load to probe, and whether it should be within."""
    if math.isinf(within) or math.isinf(beyond):
        known = beyond if math.isinf(within) else within
        expected = known - probes.worst(known, line) / probes.slope(line, known)
        if math.isinf(within):
            return min(expected, known) - beside, True
        target = max(expected, known) + beside
        if target >= probes.highest:  # half of what is left, then the end itself
            near = probes.highest - known <= 2 * beside
            return (probes.highest if near else (known + probes.highest) / 2), False
        return target, False
    expected = _meeting(probes, line, within, beyond)
    least = min(beside, (beyond - within) / 4)
    if expected - within <= beside and beyond - expected > beside:
        return min(expected + beside, beyond - least), False
    return max(expected - beside, within + least), True


def _meeting(probes: Probes, line: str, within: float, beyond: float) -> float:
    """Where the first objective meets its bound between two loads, each linear in logarithms.

    Beyond saturation nothing is linear: then the middle for the value, and the far ends for those of the interval.
    """
    below, above = probes.seen[within], probes.seen[beyond]
    if all(math.isinf(reading.value) for reading in above):
        return {VALUE: (within + beyond) / 2, LOW: beyond, HIGH: within}[line]
    meeting = beyond
    for one, other in zip(below, above, strict=True):
        start, end = _cut(one.line(line)), _cut(other.line(line))
        if end >= 0:
            meeting = min(meeting, within + (beyond - within) * max(0.0, -start) / (end - start))
    return meeting


def fails_below(probes: Probes, load: float) -> float | None:
    """The highest load within below the first one that certainly is not, of those seen below ``load``; or None.

    None: it is within up to there, as far as was seen. -inf: not even the lowest one was.
    """
    below = sorted(seen for seen in probes.seen if seen < load)
    bad = [seen for seen in below if any(reading.low >= 1 for reading in probes.seen[seen])]
    if not bad:
        return None
    return max((seen for seen in below if seen < bad[0] and probes.is_within(seen, VALUE)), default=-math.inf)


def binding(readings: Sequence[Reading]) -> int:
    """The objective nearest to its bound, or farthest beyond it."""
    return max(range(len(readings)), key=lambda place: readings[place].value)
