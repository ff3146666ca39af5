"""The answer of a search for the number of clients: ``MostClients``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from simulator.documents import most_clients as documents
from simulator.documents.shown import Shown, frame, html
from simulator.planner.fleet import fleet
from simulator.planning.capacity_result import FOUND, UNREACHABLE
from simulator.planning.search import Readings
from simulator.planning.spare import ZONE
from simulator.running.provenance import provenance
from simulator.scenario import Scenario
from simulator.stats.means import Interval
from simulator.stats.readings import is_read
from simulator.stats.verdicts import Verdict


@dataclass(frozen=True)
class Tried:
    """One number of clients that was looked at."""

    clients: int
    per_s: float  #: queries that were over, about
    replications: int
    queries: int  #: measured in all
    readings: Readings = field(repr=False)  #: of the objectives that more clients can break, in order


@dataclass(frozen=True, repr=False)
class MostClients(Shown):
    """The most clients that wait within all objectives, and what it rests on."""

    kind: ClassVar[str] = "most_clients"

    scenario: Scenario
    tolerance: float
    verdict: str  #: found, inconclusive or unreachable
    reason: str  #: why it is not found; else empty
    clients: Interval  #: whole numbers
    own_clients: int  #: the scenario's own
    per_s: Interval  #: queries a second that so many send
    verdicts: tuple[Verdict, ...]  #: of all objectives, at the value
    binding: str  #: the objective that sets it, or is farthest from being met
    exact: int | None  #: the same by a closed form; None: there is none
    tried: tuple[Tried, ...]  #: by queries and number of clients
    queries: int  #: simulated in all, warm-up included
    notes: tuple[str, ...]
    engine: str
    interrupted: bool = False
    wall_s: float = 0.0
    spared: Scenario | None = None  #: with all of its machines, where a zone of it is gone; None: nothing is
    provided: Mapping[int, float] = field(
        default_factory=dict
    )  #: as of ``stats.scaled.Provided.mean``, at the value; none: not known

    @property
    def half_width(self) -> float | None:
        """Half the interval over the value."""
        value, low, high = self.clients.value, self.clients.low, self.clients.high
        return None if not value or low is None or high is None else (high - low) / 2 / value

    @property
    def exit_code(self) -> int:
        """0: found; 98: inconclusive; 99: not even one client is within the objectives; 130: interrupted."""
        if self.interrupted:
            return 130
        return {FOUND: 0, UNREACHABLE: 99}.get(self.verdict, 98)

    def to_dict(self) -> documents.MostClients:
        """As written by ``--format json``: the same bytes for the same input, whatever ``jobs`` was."""
        whole = self.spared or self.scenario
        document: documents.MostClients = {
            "schema": 1,
            "scenario": self.scenario.name,
            "description": self.scenario.description,
            "engine": self.engine,
            "seed": self.scenario.run.seed,
            "clients": self.clients.to_dict(),
            "own_clients": self.own_clients,
            "over_per_s": self.per_s.to_dict(),
            "verdict": self.verdict,
            "reason": self.reason,
            "tolerance": self.tolerance,
            "half_width": self.half_width,
            "binding_slo": self.binding,
            "slos": [verdict.to_dict() for verdict in self.verdicts],
            "exact": self.exact,
            "fleet": fleet(whole).served(self.provided).to_dict(self.per_s.value),
            "queries": self.queries,
            "curve": self.curve(),
            "notes": list(self.notes),
            "provenance": provenance(whole),
        }
        if self.spared is not None:
            document["survive"] = ZONE
        return document

    def curve(self) -> list[documents.Tried]:
        """A row a number of clients and objective."""
        slos = [slo for slo in self.scenario.slos if is_read(slo)]
        return [
            {
                "slo": slo.text,
                "clients": one.clients,
                "over_per_s": one.per_s,
                "replications": one.replications,
                "queries": one.queries,
                "figure": reading.figure,
                "value_over_bound": documents.known(reading.value),
                "low_over_bound": documents.known(reading.low),
                "high_over_bound": documents.known(reading.high),
            }
            for one in self.tried
            for slo, reading in zip(slos, one.readings, strict=True)
        ]

    def to_frame(self) -> Any:
        """What was tried, as a pandas DataFrame: the rows of ``curve``."""
        return frame(self.curve())

    def _repr_html_(self) -> str:
        clients = self.clients.to_dict()
        rows = {"clients": clients["value"], "low": clients["low"], "high": clients["high"], "verdict": self.verdict}
        return html(self.scenario.name, [{"figure": key, "value": value} for key, value in rows.items()])
