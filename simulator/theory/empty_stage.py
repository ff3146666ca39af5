"""A stage as a query finds it empty: its different tasks, how many of each, and at which machines."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.core.laws import Law
from simulator.theory.stages import PaperStage

#: Different tasks of a stage that are told apart, at most.
MOST_DIFFERENT = 200
#: Machines of different speeds of a shard, at most: of more, all but the slowest are taken with their likes.
MOST_SPEEDS = 256


@dataclass(frozen=True)
class Curve:
    """Tasks of equal shards: how many, their offset, their time alone, the factors of their machines.

    A task takes (shift + alone x spread) x the factor of its machine.
    """

    spread: Law
    count: int
    offset_s: float
    shift_s: float
    alone_s: float
    factors: tuple[float, ...]  #: ascending

    @cached_property
    def speeds(self) -> list[tuple[float, float]]:
        """The different factors, each with the part of the machines that have it."""
        factors, counts = np.unique(self.factors, return_counts=True)
        if len(factors) > MOST_SPEEDS:
            like = factors[: -MOST_SPEEDS // 2], counts[: -MOST_SPEEDS // 2]
            places = np.array_split(np.arange(len(like[0])), MOST_SPEEDS // 2)
            means = [np.average(like[0][place], weights=like[1][place]) for place in places]
            factors = np.concatenate([means, factors[-MOST_SPEEDS // 2 :]])
            counts = np.concatenate([[like[1][place].sum() for place in places], counts[-MOST_SPEEDS // 2 :]])
        return list(zip(factors.tolist(), (counts / len(self.factors)).tolist(), strict=True))

    def served_s(self, spread: float) -> float:
        """When it has been served at the slowest of its machines."""
        return self.offset_s + (self.shift_s + self.alone_s * spread) * max(self.factors)


class EmptyStage:
    """A stage as a query finds it empty."""

    def __init__(self, view: PaperStage) -> None:
        self.view = view
        self.shards = view.least_visits
        self.spreads = [fleet.spread() for fleet in view.fleets or (view,)]
        self.response = view.response()
        self.merge_s = view.merge_s()
        self.offsets_s = view.offsets_s().tolist()
        left = zip(view.machine_factor.tolist(), view.replicas_left.tolist(), strict=True)
        self.factors = [tuple(sorted(row[:count])) for row, count in left]
        self.known: dict[float, list[Curve]] = {}

    def curves(self, work: float) -> list[Curve]:
        """The different tasks; where they are very many, all but the slowest are lumped with their likes."""
        if work not in self.known:
            self.known[work] = self._curves(work)
        return self.known[work]

    def _curves(self, work: float) -> list[Curve]:
        shards = list(range(self.view.shards)[: self.shards])
        if not self.view.fleets:
            return self._of_shards(shards, self.spreads[0], work)
        own = [[shard for shard in shards if self.view.at(shard)[0] is fleet] for fleet in self.view.fleets]
        each = zip(own, self.spreads, strict=True)
        return [curve for some, spread in each for curve in self._of_shards(some, spread, work)]

    def _of_shards(self, shards: Sequence[int], spread: Law, work: float) -> list[Curve]:
        """Those of some shards, of one source."""
        counts: dict[tuple[float, float, float, tuple[float, ...]], int] = {}
        alone: dict[float, tuple[float, float]] = {}
        shares = self.view.share.tolist()
        for shard in shards:
            share = shares[shard]
            if share not in alone:
                alone[share] = self.view.shift_s(shard, work), self.view.spread_out_s(shard, work)
            key = (self.offsets_s[shard], *alone[share], self.factors[shard])
            counts[key] = counts.get(key, 0) + 1
        curves = [Curve(spread, count, *key) for key, count in counts.items()]
        if len(curves) <= MOST_DIFFERENT:
            return curves
        curves.sort(key=lambda curve: (curve.shift_s + curve.alone_s) * max(curve.factors))
        like, slowest = curves[: -MOST_DIFFERENT // 2], curves[-MOST_DIFFERENT // 2 :]
        groups = np.array_split(np.arange(len(like)), MOST_DIFFERENT // 2)
        return [*(_lumped([like[place] for place in group]) for group in groups), *slowest]


def _lumped(curves: list[Curve]) -> Curve:
    """Tasks that differ little, as so many of their mean."""
    count = sum(curve.count for curve in curves)
    offset_s = sum(curve.count * curve.offset_s for curve in curves) / count
    shift_s = sum(curve.count * curve.shift_s * float(np.mean(curve.factors)) for curve in curves) / count
    alone_s = sum(curve.count * curve.alone_s * float(np.mean(curve.factors)) for curve in curves) / count
    return Curve(curves[0].spread, count, offset_s, shift_s, alone_s, (1.0,))
