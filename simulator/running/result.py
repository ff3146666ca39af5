"""What a run says: ``Result``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from simulator.base.formats import counted
from simulator.core.trace import Trace
from simulator.documents import run
from simulator.documents.paper import Theory
from simulator.documents.shown import Shown, frame, html
from simulator.planner.fleet import fleet
from simulator.running.figure_rows import rows_of
from simulator.running.provenance import computed, origin
from simulator.scenario import Scenario
from simulator.stats import Summary
from simulator.stats.causes import StageCauses

if TYPE_CHECKING:
    from simulator.running.engine_check import EngineCheck


@dataclass(frozen=True, repr=False)
class Result(Shown):
    """What a run says, and all that is needed to run it again."""

    kind: ClassVar[str] = "run"

    scenario: Scenario
    summary: Summary
    theory: Theory
    traces: dict[int, Trace] = field(repr=False)  #: by replication
    interrupted: bool  #: finished replications were kept, others lost
    wall_s: float
    engine: str  #: compiled or reference
    engine_check: EngineCheck | None = None  #: if the engines were to be compared
    notes: tuple[str, ...] = ()
    causes: tuple[StageCauses, ...] | None = None  #: what makes tasks differ, if that was asked for

    def to_dict(self) -> run.Run:
        """The result as written by ``--format json``: the same bytes for the same input, whatever ``jobs`` was."""
        figures = self.summary.figures()
        checked: run.Checked = {} if self.engine_check is None else {"engine_check": self.engine_check.to_dict()}
        if self.causes is not None:
            checked["causes"] = [stage.to_dict() for stage in self.causes]
        return {
            "schema": 1,
            "scenario": self.scenario.name,
            "description": self.scenario.description,
            "engine": self.engine,
            "seed": self.scenario.run.seed,
            **figures,
            "fleet": fleet(self.scenario).served(self.summary.provided).to_dict(figures["completed_per_s"]["value"]),
            "theory": self.theory,
            "notes": [*self.notes, *self.summary.notes],
            **checked,
            "provenance": {
                **origin(self.scenario),
                "replications": sorted(self.traces),
                **computed(self.scenario),
            },
        }

    def to_frame(self) -> Any:
        """A row a figure of the queries and of each stage, as a ``pandas.DataFrame``, with the ends of its interval.

        Raises ImportError if pandas is not installed.
        """
        return frame(rows_of(self.summary.figures()))

    def _repr_html_(self) -> str:
        return html(f"{self.scenario.name}: {self._summed_up()}", rows_of(self.summary.figures()))

    def _summed_up(self) -> str:
        each = self.summary.queries / self.summary.replications
        words = f"{self.summary.verdict}, {self.summary.replications} x {counted(each, 'query')}"
        verdicts = [objective.met for objective in self.summary.objectives]
        return words + (f", {verdicts.count(True)} of {len(verdicts)} objectives met" if verdicts else "")

    @property
    def exit_code(self) -> int:
        """0: every objective met; 99: one failed; 98: one inconclusive and none failed; 130: interrupted."""
        if self.interrupted:
            return 130
        verdicts = [objective.met for objective in self.summary.objectives]
        if False in verdicts:
            return 99
        return 98 if None in verdicts else 0
