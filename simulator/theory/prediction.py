"""One figure that theory knows, and of what kind it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from simulator.documents import paper

EXACT: Final = "exact"
UPPER: Final = "upper bound"
LOWER: Final = "lower bound"


@dataclass(frozen=True)
class Prediction:
    """One figure that theory knows."""

    statistic: str  #: mean, p95, ...: of latency; wait: mean waiting time over the tasks of a stage
    stage: int | None  #: None: of the whole query
    value_s: float
    kind: paper.Kind
    law: str  #: its name and source
    testable: bool = True  #: False where a sample may fall on either side by chance: at an atom
    alarms: bool = True  #: False where a mean is far from normal, so that its interval holds at 95 % at best
    stops_a_query: float = math.inf  #: or tasks of replicas' own: the same of a run that sees few of them

    def to_dict(self, names: Sequence[str]) -> paper.Prediction:
        """With the stage's name."""
        return {
            "statistic": self.statistic,
            "stage": None if self.stage is None else names[self.stage],
            "value_s": self.value_s if math.isfinite(self.value_s) else None,
            "kind": self.kind,
            "law": self.law,
        }
