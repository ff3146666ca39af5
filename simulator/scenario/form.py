"""A first scenario of a user's answers: what is asked of a stage, how answers are checked, and the text of the file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulator.base import units
from simulator.base.groups import CLASS
from simulator.scenario.fields import parse_name, positive, whole
from simulator.scenario.load import to_yaml
from simulator.scenario.replicas import MOST_SHARDS
from simulator.scenario.slo import parse_objective

Parse = Callable[[str], Any]

#: What a first and a later stage are unless said otherwise: those of the paper funnel.
FIRST = {"name": "retrieval", "candidates": "100M", "kind": "tree", "cost": "1us", "shards": "1000", "keep": "500"}
LATER = {"name": "ranking", "candidates": "500", "kind": "deep", "cost": "1ms", "shards": "5", "keep": "50"}
#: Figures of the gallery's worker.
FLOPS, BANDWIDTH = "225 GFLOP/s", "22 GB/s"
SHAPE, NONE = "shape", "none"


def widths(text: str) -> list[float]:
    """Widths of layers, with commas between them.

    >>> widths("1000, 2k, 1")
    [1000.0, 2000.0, 1.0]
    """
    layers = [positive(units.parse_count, "a width")(part) for part in text.split(",")]
    if len(layers) < 2:
        raise ValueError("needs at least an input and an output width, like 1000, 256, 1")
    return layers


#: By kind of model: the questions on its shape, with default and parser.
SHAPES: dict[str, list[tuple[str, str, str, Parse]]] = {
    "linear": [("features", "features", "1000", positive(units.parse_count, "a number of features"))],
    "tree": [
        ("trees", "trees", "500", positive(units.parse_count, "a number of trees")),
        ("leaves", "leaves of a tree", "31", whole(2, MOST_SHARDS)),
    ],
    "deep": [("layers", "widths of the layers, input to output", "1000, 2048, 1024, 256, 1", widths)],
}

REST = """\
# What paper leaves out goes below a stage: replicas, workers, routing, variability, network, merge, skew. With it:
#   shardsim validate FILE      is it carried at all, and how long must a run be?
#   shardsim run FILE           latency with intervals, and a verdict on each objective
"""


@dataclass(frozen=True)
class StageAnswers:
    """One stage in the words of a scenario."""

    name: str
    candidates: str  #: empty: what the stage before hands on
    model: str
    shards: str
    keep: str = ""  #: empty: nothing is handed on
    needs_hardware: bool = False

    def lines(self, hardware: str) -> list[str]:
        """As they stand in the scenario."""
        keys = [
            (to_yaml({"name": self.name}).strip(), ""),
            (f"candidates: {self.candidates}" if self.candidates else "", "scored for a query, over all shards"),
            (f"model: {self.model}", ""),
            ("hardware: worker" if self.needs_hardware and hardware else "", ""),
            (f"shards: {self.shards}", "each scores its part, and the slowest one counts"),
            (f"keep: {self.keep}" if self.keep else "", "handed on to the next stage"),
        ]
        first, *others = [f"{text:34}# {comment}" if comment else text for text, comment in keys if text]
        return ["  - " + first, *("    " + line for line in others)]


@dataclass
class Form:
    """What has been answered so far."""

    name: str
    rate: str = ""
    hardware: str = ""  #: of all stages whose models are given by shape; empty: none is
    stages: list[StageAnswers] = field(default_factory=list)
    objectives: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The scenario, with comments."""
        load = f"load: {{arrivals: poisson, rate: {self.rate}}}"
        lines = [to_yaml({"name": self.name}).strip(), f"{load:38}# or phases and ramps, or a recorded trace"]
        if self.hardware:
            lines += ["hardware:", f"  worker: {self.hardware}   # one worker's peaks; add the efficiency that you see"]
        lines.append("stages:")
        for stage in self.stages:
            lines += stage.lines(self.hardware)
        if self.objectives:
            lines.append(to_yaml({"slos": self.objectives}).strip())
        return "\n".join(lines) + "\n"


def unused(names: list[str]) -> Parse:
    """Accept a name that is none of these."""

    def parse(value: str) -> str:
        if parse_name(value) in names:
            raise ValueError(f"two stages are called {value!r}")
        return value

    return parse


def objectives(text: str, names: list[str]) -> list[str]:
    """Objectives with commas between them, of the whole query or of these stages; ``none`` is none.

    >>> objectives("p99 < 1s, 99%  within 2s", [])
    ['p99 < 1s', '99% within 2s']
    """
    if text.strip() == NONE:
        return []
    known = [parse_objective(part) for part in text.split(",")]
    for objective in known:
        if objective.stage is not None and objective.stage not in names:
            raise ValueError(f"no stage is called {objective.stage!r}; there are {', '.join(names)}")
        if objective.group is not None:
            kind, name = objective.group
            cure = "add classes to the file that is written" if kind == CLASS else "give the load phases in the file"
            raise ValueError(f"no {kind} is called {name!r}: {cure}")
    return [objective.text for objective in known]
