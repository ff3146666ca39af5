"""What a disturbance does to a system: ``Stress``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from simulator.core.plan import F8
from simulator.documents import parts
from simulator.documents import stress as documents
from simulator.documents.shown import Shown, frame, html
from simulator.planning.triggers import Trigger
from simulator.running.provenance import provenance
from simulator.scenario import Scenario
from simulator.scenario.slo import Objective
from simulator.stats import means, recovery

#: What is said of a disturbance: objectives hold all the time, hold again soon, hold again late, do not hold again; or
#: do not hold without it either.
UNHARMED, RECOVERS, SLOWLY, DOWN, MISSED = "unharmed", "recovers", "recovers slowly", "stays down", "missed without it"
#: Who needs more than so many times as long as the disturbance lasts recovers slowly.
SLOW = 10.0
#: Of the replications, at least so many are to recover in time.
MOST_OF = 0.95


@dataclass(frozen=True)
class Cell:
    """One disturbance, and what came of it."""

    trigger: Trigger
    windows: recovery.Windows
    recoveries_s: tuple[float, ...]  #: (replications,) 0: with the trigger; +inf: not within what was simulated
    harmed: int  #: replications in which some window is bad
    recovered: means.Interval  #: share of the replications
    recovery_s: means.Interval  #: median over replications; +inf: more than was simulated
    disturbed: tuple[recovery.Counted, ...]  #: (replications,)
    undisturbed: tuple[recovery.Counted, ...]  #: (replications,)
    most: F8  #: (objectives,) the share of a window above which it is bad
    is_held: tuple[bool, ...]  #: (objectives,) without the disturbance

    @property
    def count(self) -> int:
        """Replications that recovered."""
        return sum(math.isfinite(one) for one in self.recoveries_s)

    @property
    def horizon_s(self) -> float:
        """How long after the disturbance was simulated."""
        return float(self.windows.edges_s[-1]) - self.windows.end_s

    @property
    def verdict(self) -> str:
        """What is said of it."""
        if not all(self.is_held):
            return MISSED
        if self.count < len(self.recoveries_s):
            return DOWN
        if not self.harmed:
            return UNHARMED
        latest = self.recovery_s.value if self.recovery_s.high is None else self.recovery_s.high
        assert latest is not None
        return SLOWLY if latest > SLOW * self.trigger.lasts_s > 0 else RECOVERS

    def is_in_time(self, most_s: float) -> bool:
        """Whether nearly all replications recover within so long."""
        in_time = sum(one <= most_s for one in self.recoveries_s)
        return self.verdict != MISSED and in_time >= MOST_OF * len(self.recoveries_s)

    def to_dict(self, slos: Sequence[Objective]) -> documents.Cell:
        """As the reference of documents lays out."""
        return {
            "trigger": self.trigger.text,
            "kind": self.trigger.kind,
            "size": self.trigger.size,
            "lasts_s": self.trigger.lasts_s,
            "verdict": self.verdict,
            "harmed": self.harmed,
            "recovered": self.count,
            "replications": len(self.recoveries_s),
            "recovered_ratio": _shown(self.recovered),
            "recovery_s": _shown(self.recovery_s),
            "slowest_s": _finite(max(self.recoveries_s)),
            "horizon_s": self.horizon_s,
            "timeline": self.timeline(slos),
        }

    def timeline(self, slos: Sequence[Objective]) -> list[documents.Window]:
        """A row a window and objective, all replications together."""
        rows: list[documents.Window] = []
        for place, slo in enumerate(slos):
            for window in range(len(self.windows.edges_s) - 1):
                begin_s, end_s = map(float, self.windows.edges_s[window : window + 2])
                queries, missed = _pooled(self.disturbed, place, window)
                usual, usually = _pooled(self.undisturbed, place, window)
                rows.append(
                    {
                        "slo": slo.text,
                        "from_s": begin_s - self.windows.begin_s,
                        "until_s": end_s - self.windows.begin_s,
                        "queries": queries,
                        "missed_ratio": missed / queries if queries else None,
                        "usual_ratio": usually / usual if usual else None,
                        "bad_above_ratio": float(self.most[place]),
                    }
                )
        return rows


def _pooled(of: Sequence[recovery.Counted], place: int, window: int) -> tuple[int, int]:
    """Queries of a window over all replications, and those that miss an objective."""
    return sum(int(one.queries[window]) for one in of), sum(int(one.bad[place, window]) for one in of)


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else value


def _shown(interval: means.Interval) -> parts.Interval:
    return {"value": _finite(interval.value), "low": _finite(interval.low), "high": _finite(interval.high)}


@dataclass(frozen=True, repr=False)
class Stress(Shown):
    """Disturbances of a system, each with what came of it."""

    kind: ClassVar[str] = "stress"

    scenario: Scenario
    slos: tuple[Objective, ...]  #: that are looked at
    cells: tuple[Cell, ...]  #: by size and duration
    window_s: float
    max_recovery_s: float | None  #: None: nothing was asked
    notes: tuple[str, ...]
    engine: str
    wall_s: float = 0.0

    @property
    def smallest(self) -> tuple[Trigger, ...]:
        """Of each size the shortest trigger from which the system does not recover, of those that were looked at."""
        down = [cell.trigger for cell in self.cells if cell.verdict == DOWN]
        by_size: dict[float | None, Trigger] = {}
        for trigger in down:
            by_size.setdefault(trigger.size, trigger)
        return tuple(by_size.values())

    @property
    def exit_code(self) -> int:
        """0: the system recovers from all, in time if that was asked; 99: it does not."""
        if self.max_recovery_s is not None:
            return 0 if all(cell.is_in_time(self.max_recovery_s) for cell in self.cells) else 99
        return 99 if any(cell.verdict in (DOWN, MISSED) for cell in self.cells) else 0

    @property
    def verdict(self) -> str:
        """The worst of all."""
        order = (UNHARMED, RECOVERS, SLOWLY, DOWN, MISSED)
        return max((cell.verdict for cell in self.cells), key=order.index)

    def to_dict(self) -> documents.Stress:
        """As written by ``--format json``: the same bytes for the same input, whatever ``jobs`` was."""
        return {
            "schema": 1,
            "scenario": self.scenario.name,
            "description": self.scenario.description,
            "engine": self.engine,
            "seed": self.scenario.run.seed,
            "slos": [slo.text for slo in self.slos],
            "window_s": self.window_s,
            "verdict": self.verdict,
            "max_recovery_s": self.max_recovery_s,
            "in_time": None
            if self.max_recovery_s is None
            else all(cell.is_in_time(self.max_recovery_s) for cell in self.cells),
            "smallest": [trigger.text for trigger in self.smallest],
            "triggers": [cell.to_dict(self.slos) for cell in self.cells],
            "notes": list(self.notes),
            "provenance": provenance(self.scenario),
        }

    def to_frame(self) -> Any:
        """A row a trigger, as a pandas DataFrame."""
        return frame(self._flat())

    def _repr_html_(self) -> str:
        return html(self.scenario.name, self._flat())

    def _flat(self) -> list[dict[str, Any]]:
        rows = []
        for cell in self.cells:
            median = _shown(cell.recovery_s)
            rows.append(
                {
                    "trigger": cell.trigger.text,
                    "verdict": cell.verdict,
                    "recovered": cell.count,
                    "replications": len(cell.recoveries_s),
                    "recovery_s": median["value"],
                    "recovery_s_low": median["low"],
                    "recovery_s_high": median["high"],
                }
            )
        return rows
