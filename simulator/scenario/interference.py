"""How busy workers of one machine slow each other down, as it is written."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from simulator.base.formats import shortest
from simulator.scenario import fields
from simulator.scenario.held import FileOfNumbers
from simulator.scenario.recorded import read_slowness
from simulator.scenario.rows import TraceError

#: Workers of a machine whose factors are kept.
MOST_BUSY = 1_000_000


class Interference(fields.Part):
    """How much slower a task is, by how many other workers of its machine are busy when it starts."""

    slope: fields.Ratio | None = None
    busy: tuple[fields.whole_type(0, MOST_BUSY), ...] | None = None  # type: ignore[valid-type]
    factor: tuple[fields.Count, ...] | None = None
    file: FileOfNumbers | None = None
    spread: fields.Ratio = 0.0

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """A slope, or a curve that begins with nobody at 1 and does not fall."""
        if (self.busy is None) != (self.factor is None):
            missing = "factor" if self.factor is None else "busy"
            yield (), f"{missing} is missing: busy workers and the factor beside so many go together"
        elif [self.slope, self.busy, self.file].count(None) != 2:
            yield (), "give one of slope, busy with factor, and file"
        elif self.slope is None:
            yield from self._of_curve()

    def _of_curve(self) -> Iterable[fields.Contradiction]:
        busy, factor = ("busy", "factor") if self.file is None else ("file", "file")
        if self.busy is not None and self.factor is not None and len(self.busy) != len(self.factor):
            yield (factor,), f"one for each of busy, {len(self.busy)}, got {len(self.factor)}"
            return
        points = self.points()
        if not points or points[0] != (0, 1):
            yield (busy,), "a curve begins with 0 busy workers and the factor 1"
        for (one, low), (two, high) in pairwise(points):
            if one >= two:
                yield (busy,), f"busy grows: {two} follows {one}"
            if low > high:
                yield (factor,), f"factor does not fall: {shortest(high)} follows {shortest(low)}"

    def points(self) -> list[tuple[int, float]]:
        """Of a curve: busy workers, and the factor beside so many."""
        if self.file is not None:
            try:
                return self.file.read(read_slowness)
            except TraceError as error:
                raise fields.file_problem(error) from None
        return list(zip(self.busy or (), self.factor or (), strict=True))

    def factors(self, workers: int) -> list[float]:
        """By 0, 1, ... others that are busy, of so many workers of a machine; those beyond are like the last."""
        if self.slope is not None:
            return [1.0 + self.slope * others for others in range(max(1, min(workers, MOST_BUSY)))]
        found = [1.0]
        for (low, before), (high, after) in pairwise(self.points()):
            step = (after - before) / (high - low)
            found += [before + step * (others - low) for others in range(low + 1, min(high, workers - 1) + 1)]
        return found


def of_slope(value: Any) -> Any:
    """A bare ratio is the slope."""
    return {"slope": value} if isinstance(value, (str, int, float)) else value


def beside_notes(interference: Interference | None, workers: int) -> list[str]:
    """What demand leaves out of neighbours that slow each other down, ``workers`` on a machine."""
    slower = 0.0 if interference is None else interference.factors(workers)[-1] - 1
    if slower <= 0:
        return []
    return [f"interference: demand leaves it out; with all workers of a machine busy a task takes {slower:.0%} longer"]
