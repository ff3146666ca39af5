"""Arrivals that a user wrote: gaps at unit rate from the uniforms of each arrival."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.base.errors import PluginError
from simulator.core import draws
from simulator.core.plan import F8
from simulator.plugins.calls import called, numbers

#: Gaps whose mean is looked at; how far from 1 it may be, in standard errors (at the stated dispersion) and besides.
TRIED, ERRORS, MARGIN = 65_536, 6, 0.005


@dataclass(frozen=True)
class PluggedGaps:
    """A user's arrivals."""

    name: str  #: their kind
    thing: Any  #: the user's own object
    dispersion: float  #: of counts over long times, as stated

    @staticmethod
    def of(name: str, thing: Any) -> PluggedGaps:
        """Look at an instance of a class marked with ``arrivals``.

        Raises
        ------
        PluginError
            If its gaps are none, or not of mean 1, or depend on how they are cut into chunks.
        """
        stated = called(name, "dispersion", lambda: getattr(thing, "dispersion", 1.0))
        dispersion = float(numbers(name, "dispersion", stated, 1)[0])
        if not (math.isfinite(dispersion) and dispersion >= 0):
            raise PluginError(f"{name}: dispersion is {dispersion:g}; it is a finite number of at least 0")
        plugged = PluggedGaps(name, thing, dispersion)
        gaps = plugged.gaps(0, 0, TRIED, 0)
        mean, margin = float(gaps.mean()), MARGIN + ERRORS * math.sqrt(dispersion / TRIED)
        if abs(mean - 1) > margin:
            cure = "divide them by their mean (the scenario's rate presses them together)"
            raise PluginError(f"{name}: {TRIED} gaps have mean {mean:.6g}, and must have mean 1; {cure}")
        part = plugged.gaps(0, 0, 7, 101)  # odd: what counts from its own beginning is found out
        if not np.array_equal(part, gaps[101:108]):
            cure = "they must follow from u, v and the number of the arrival alone"
            raise PluginError(f"{name}: the gaps before arrivals 101 .. 107 depend on those asked for before; {cure}")
        return plugged

    def gaps(self, seed: int, replication: int, count: int, first: int) -> F8:
        """The gaps before arrivals first .. first + count - 1 of a replication, (count,) float64.

        Raises
        ------
        PluginError
            If they are not ``count`` finite numbers of at least 0.
        """
        u, v = np.empty(count), np.empty(count)
        draws.uniform_pairs(seed, replication, draws.GAP, first, u, v)
        for luck in (u, v):
            luck.flags.writeable = False
        call = f"gaps(u, v, first={first}) of {count} arrivals"
        answer = called(self.name, call, lambda: self.thing.gaps(u, v, first))
        gaps = np.array(numbers(self.name, call, answer, count))  # ours: it is cumulated in place
        good = np.isfinite(gaps) & (gaps >= 0)
        if not good.all():
            at = int(np.argmin(good))
            said = f"{call} gives {gaps[at]:g} before arrival {first + at}"
            raise PluginError(f"{self.name}: {said}; a gap is a finite number of at least 0: correct it")
        return gaps
