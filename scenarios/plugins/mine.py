"""Cost models, laws, arrivals and routing rule of our own, for the scenarios beside this file."""

from __future__ import annotations

import math

import numpy as np

from simulator.plugins import Count, Duration, Hardware, PositiveCount, Ratio, arrivals, cost_model, law, routing


@cost_model
class Boosted:
    """Boosted trees whose last levels are rarely walked: cost grows with the square root of depth."""

    trees: Count
    depth: Count
    visit: Duration = 10e-9  # seconds inside, "10ns" in a file
    cache: Count = 4096  # items whose features fit the cache; beyond, a visit takes twice as long

    order = "O(trees x sqrt(depth))"
    batch_economy = False  # a large batch is dearer than its parts

    def service_s(self, items: float) -> float:
        """Mean time of a call over ``items`` items, in seconds."""
        item_s = self.trees * math.sqrt(self.depth) * self.visit
        return item_s * (items + max(0.0, items - self.cache))

    def operations(self, items: float) -> float:
        """Node visits of a call."""
        return items * self.trees * math.sqrt(self.depth)


@cost_model
class CrossEncoder:
    """A transformer that reads query and document together; its weights are read once a call."""

    parameters: PositiveCount
    tokens: Count  # of query and document
    launch: Duration = 50e-6
    hardware: Hardware  # the stage's: not a key of the map

    order = "O(parameters x tokens)"

    @property
    def parameter_bytes(self) -> float:
        """Two bytes a weight."""
        return 2 * self.parameters

    def service_s(self, items: float) -> float:
        """Mean time of a call over ``items`` documents, in seconds: computing, or moving weights if that is longer."""
        compute_s = self.hardware.compute_s(self.operations(items))
        return self.launch + max(compute_s, self.hardware.move_s(self.parameter_bytes))

    def operations(self, items: float) -> float:
        """FLOP of a call: a multiplication and an addition a weight and token."""
        return 2 * self.parameters * self.tokens * items


@law
class Shifted:
    """Never below ``least``, exponential beyond it."""

    least: Duration
    mean_beyond: Duration

    def quantile(self, u):
        """Values at uniforms of (0, 1)."""
        return self.least - self.mean_beyond * np.log1p(-u)

    def mean(self) -> float:
        """Mean, in seconds."""
        return self.least + self.mean_beyond


@law(factor=True)
class Hiccup:
    """A factor of mean 1: now and then a task takes ``times`` as long as the others."""

    chance: Ratio
    times: PositiveCount

    def quantile(self, u):
        """Values at uniforms of (0, 1)."""
        usual = 1 / (1 + self.chance * (self.times - 1))
        is_other = u >= 1 - self.chance if self.times >= 1 else u < self.chance  # so that it grows with the uniform
        return np.where(is_other, usual * self.times, usual)


@arrivals
class Paired:
    """Queries in pairs: the second follows after a hundredth of the mean gap."""

    dispersion = 1.98  # of counts over long times: pairs are nearly Poisson

    def gaps(self, u, v, first):
        """Gaps of mean 1 before arrivals first, first + 1, ..."""
        is_second = (first + np.arange(len(u))) % 2 == 1
        return np.where(is_second, 0.01, -1.99 * np.log1p(-u))


@routing(looks_at="outstanding")
def least_of_three(replicas, outstanding, turn, u, v) -> int:
    """Of three replicas drawn at random, the one with the fewest tasks outstanding; of equals the first drawn."""
    first = int(u * replicas)
    if replicas == 1:
        return first
    place = v * (replicas - 1)
    second = (first + 1 + int(place)) % replicas
    best = second if outstanding[second] < outstanding[first] else first
    if replicas == 2:
        return best
    third = int((place - int(place)) * (replicas - 2))  # among those that are neither the first nor the second
    if third >= min(first, second):
        third += 1
    if third >= max(first, second):
        third += 1
    return third if outstanding[third] < outstanding[best] else best
