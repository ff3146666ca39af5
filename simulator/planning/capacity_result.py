"""The answer of a search for the capacity: ``Capacity``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from simulator.documents import capacity
from simulator.documents.shown import Shown, frame, html
from simulator.planner.fleet import fleet
from simulator.planning.search import Readings
from simulator.planning.second_answer import SecondAnswer
from simulator.planning.spare import ZONE
from simulator.running.provenance import provenance
from simulator.scenario import Scenario
from simulator.stats.means import Interval
from simulator.stats.readings import is_read
from simulator.stats.verdicts import Verdict

FOUND, RANGE, INCONCLUSIVE, UNREACHABLE = "found", "range", "inconclusive", "unreachable"


@dataclass(frozen=True)
class Point:
    """One probe."""

    factor: float  #: on the scenario's own load
    rate_per_s: float  #: mean
    replications: int
    queries: int  #: measured in all
    readings: Readings = field(repr=False)  #: of the objectives that more load can break, in order


@dataclass(frozen=True)
class Theory:
    """The same by a closed form."""

    per_s: float
    law: str
    slo: str
    verdict: str  #: agrees, outside 95 %, or decides: in place of a sample that does not say it

    def to_dict(self) -> capacity.Theory:
        """By name."""
        return {"per_s": self.per_s, "law": self.law, "slo": self.slo, "verdict": self.verdict}


@dataclass(frozen=True, repr=False)
class Capacity(Shown):
    """The highest load within all objectives, and what it rests on. Rates are means of queries per second."""

    kind: ClassVar[str] = "capacity"

    scenario: Scenario
    tolerance: float
    verdict: str  #: found, range (it also fails below), inconclusive or unreachable
    reason: str  #: why it is not found; else empty
    per_s: Interval  #: of a range, the ends alone
    own_per_s: float  #: the scenario's own load
    bottleneck: capacity.Bottleneck
    verdicts: tuple[Verdict, ...]  #: of all objectives, at the value
    binding: str  #: the objective that sets it, or is farthest from being met
    theory: Theory | None
    points: tuple[Point, ...]  #: by number of queries and load
    queries: int  #: simulated over all probes, warm-up included
    notes: tuple[str, ...]
    engine: str
    interrupted: bool = False
    wall_s: float = 0.0
    second: SecondAnswer | None = None  #: what a stall would make of it; None: nothing is known, or it makes nothing
    spared: Scenario | None = None  #: with all of its machines, where a zone of it is gone; None: nothing is
    provided: Mapping[int, float] = field(
        default_factory=dict
    )  #: as of ``stats.scaled.Provided.mean``, at the value; none: not known

    @property
    def half_width(self) -> float | None:
        """Half the interval over the value."""
        value, low, high = self.per_s.value, self.per_s.low, self.per_s.high
        return None if not value or low is None or high is None else (high - low) / 2 / value

    @property
    def headroom(self) -> Interval:
        """How much more than the scenario's own load it is, as a part of that."""
        ends = (self.per_s.value, self.per_s.low, self.per_s.high)
        value, low, high = (None if end is None else end / self.own_per_s - 1 for end in ends)
        return Interval(value, low, high)

    @property
    def exit_code(self) -> int:
        """0: found; 98: inconclusive, or a range; 99: no load meets the objectives; 130: interrupted."""
        if self.interrupted:
            return 130
        return {FOUND: 0, UNREACHABLE: 99}.get(self.verdict, 98)

    def to_dict(self) -> capacity.Capacity:
        """As written by ``--format json``: the same bytes for the same input, whatever ``jobs`` was."""
        rate, arrivals = self.scenario.load.rate, self.scenario.load.arrivals.kind
        phases = "phases" if self.scenario.load.phases else "trace"
        whole = self.spared or self.scenario
        document: capacity.Capacity = {
            "schema": 1,
            "scenario": self.scenario.name,
            "description": self.scenario.description,
            "engine": self.engine,
            "seed": self.scenario.run.seed,
            "arrivals": arrivals,
            "rate": phases if rate is None else rate.kind,
            "capacity_per_s": self.per_s.to_dict(),
            "verdict": self.verdict,
            "reason": self.reason,
            "tolerance": self.tolerance,
            "half_width": self.half_width,
            "own_per_s": self.own_per_s,
            "headroom": self.headroom.to_dict(),
            "binding_slo": self.binding,
            "bottleneck": self.bottleneck,
            "slos": [verdict.to_dict() for verdict in self.verdicts],
            "theory": None if self.theory is None else self.theory.to_dict(),
            "fleet": fleet(whole).served(self.provided).to_dict(self.per_s.value),
            "probes": len(self.points),
            "queries": self.queries,
            "curve": self.curve(),
            "notes": list(self.notes),
            "provenance": provenance(whole),
        }
        if self.spared is not None:
            document["survive"] = ZONE
        if self.second is not None:
            document["after_a_stall"] = self.second.to_dict()
        return document

    def curve(self) -> list[capacity.Probe]:
        """A row a probe and objective: figure over bound, with its interval; null beyond saturation."""
        slos = [slo for slo in self.scenario.slos if is_read(slo)]
        return [
            {
                "slo": slo.text,
                "rate_per_s": point.rate_per_s,
                "replications": point.replications,
                "queries": point.queries,
                "figure": reading.figure,
                "bound": slo.bound if slo.allowed is None or slo.p else slo.allowed,
                "value_over_bound": _finite(reading.line("value")),
                "low_over_bound": _finite(reading.line("low")),
                "high_over_bound": _finite(reading.line("high")),
            }
            for point in self.points
            for slo, reading in zip(slos, point.readings, strict=True)
        ]

    def to_frame(self) -> Any:
        """The probes as a pandas DataFrame: the rows of ``curve``."""
        return frame(self.curve())

    def _repr_html_(self) -> str:
        per_s = self.per_s.to_dict()
        rows = {"capacity_per_s": per_s["value"], "low": per_s["low"], "high": per_s["high"], "verdict": self.verdict}
        return html(self.scenario.name, [{"figure": key, "value": value} for key, value in rows.items()])


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None
