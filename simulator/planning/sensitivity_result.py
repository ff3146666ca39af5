"""What turning the knobs of a scenario does: ``Sensitivity``."""

from dataclasses import dataclass
from typing import Any, ClassVar, cast

from simulator.documents import parts
from simulator.documents import sensitivity as documents
from simulator.documents.shown import Shown, frame, html
from simulator.planning.turning import CHANGE, Knob
from simulator.running.provenance import provenance
from simulator.scenario import Scenario
from simulator.stats.figures import key_of
from simulator.stats.means import Interval

#: Changes are told from none if their interval leaves this out.
BETTER, WORSE, NONE, UNKNOWN = "better", "worse", "no difference seen", "not known"


@dataclass(frozen=True)
class Effect:
    """What one knob does; changes are parts of what was before, with intervals."""

    knob: Knob
    tail: Interval | None  #: of the percentile at the scenario's own load; None: not supported
    tail_s: float | None
    capacity: Interval | None
    capacity_per_s: float | None
    machines: int  #: more of them
    usd_per_h: float | None  #: more; None: not priced

    def rank(self) -> tuple[float, float, str]:
        """Most capacity first, then most off the tail, then by name; what is not told from none counts as none."""
        return (-_seen(self.capacity, better=1), _seen(self.tail, better=-1), self.knob.name)

    def to_dict(self, percentile: str) -> documents.Knob:
        """A row; changes are ratios."""
        change = None if self.tail is None else self.tail.to_dict()
        return {
            "knob": self.knob.name,
            "change": self.knob.change,
            "sets": dict(self.knob.sets),
            **documents.tail(percentile, self.tail_s),
            **documents.tail_effect(percentile, change, word(self.tail, better=-1)),
            "capacity_per_s": self.capacity_per_s,
            "capacity_change": None if self.capacity is None else self.capacity.to_dict(),
            "capacity_word": word(self.capacity, better=1),
            "machines_more": self.machines,
            "usd_per_h_more": self.usd_per_h,
        }


def word(change: Interval | None, better: int) -> str:
    """Better, worse, or no difference seen; ``better``: the sign of a change for the better."""
    if change is None or change.low is None or change.high is None:
        return UNKNOWN
    if change.low <= 0 <= change.high:
        return NONE
    return BETTER if (change.low > 0) == (better > 0) else WORSE


def _seen(change: Interval | None, better: int) -> float:
    """A change, or 0 where none was seen."""
    is_seen = word(change, better) in (BETTER, WORSE)
    return change.value if is_seen and change is not None and change.value is not None else 0.0


@dataclass(frozen=True, repr=False)
class Sensitivity(Shown):
    """Every knob a tenth to the better: most capacity first."""

    kind: ClassVar[str] = "sensitivity"

    scenario: Scenario
    percentile: float
    tail_s: float | None  #: of the scenario itself; None: not supported
    capacity_per_s: float | None  #: of the scenario itself
    effects: tuple[Effect, ...]
    notes: tuple[str, ...]
    engine: str
    interrupted: bool = False
    unturned: int = 0  #: knobs for which there was no time

    @property
    def percentile_key(self) -> str:
        """Such as ``p99``."""
        return key_of(round(100 * self.percentile, 9))

    @property
    def exit_code(self) -> int:
        """0: all knobs are turned, and judged by nothing; 98: there was no time for some; 130: interrupted."""
        return 130 if self.interrupted else 98 if self.unturned else 0

    def rows(self) -> list[documents.Knob]:
        """A row a knob."""
        return [effect.to_dict(self.percentile_key) for effect in self.effects]

    def to_dict(self) -> documents.Sensitivity:
        """As written by ``--format json``: the same bytes for the same input, whatever ``jobs`` was."""
        ended: documents.Ended = {"unturned": self.unturned, "interrupted": self.interrupted}
        return {
            "schema": 1,
            "scenario": self.scenario.name,
            "description": self.scenario.description,
            "engine": self.engine,
            "seed": self.scenario.run.seed,
            "change": CHANGE,
            "percentile": self.percentile_key,
            **documents.tail(self.percentile_key, self.tail_s),
            "capacity_per_s": self.capacity_per_s,
            "slos": [slo.text for slo in self.scenario.slos],
            "knobs": self.rows(),
            **(ended if self.interrupted or self.unturned else documents.Ended()),
            "notes": list(self.notes),
            "provenance": provenance(self.scenario),
        }

    def to_frame(self) -> Any:
        """A row a knob, as a pandas DataFrame; intervals in three columns."""
        return frame(self._flat())

    def _repr_html_(self) -> str:
        return html(f"{self.scenario.name}: every knob {CHANGE:.0%} to the better", self._flat())

    def _flat(self) -> list[dict[str, Any]]:
        flat = []
        for row in self.rows():
            cells: dict[str, Any] = {}
            for key, value in row.items():
                if key == "sets":
                    continue
                if key.endswith("_change"):
                    change = cast(parts.Interval | None, value) or {"value": None, "low": None, "high": None}
                    cells |= {key: change["value"], f"{key}_low": change["low"], f"{key}_high": change["high"]}
                else:
                    cells[key] = value
            flat.append(cells)
        return flat
