"""The form of ``shardsim init --ask``: questions, answers checked as a scenario's values are, and what is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click

from simulator.base import units
from simulator.base.errors import ScenarioError
from simulator.scenario import parse_objective, scenario_from_text, to_yaml
from simulator.scenario.fields import one_of, parse_name, positive, whole
from simulator.scenario.stage import MOST_SHARDS

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
    found = [positive(units.parse_count, "a width")(part) for part in text.split(",")]
    if len(found) < 2:
        raise ValueError("needs at least an input and an output width, like 1000, 256, 1")
    return found


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


class Answer(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """An answer as it was written, once its parser accepts it."""

    name = "answer"

    def __init__(self, parse: Parse) -> None:
        self.parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check, or fail with the parser's message, upon which click asks again."""
        try:
            self.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value).strip()


def asked(question: str, default: str, parse: Parse) -> str:
    """The answer to a question, as written; a mistake is asked again."""
    return str(click.prompt(question, default=default, type=Answer(parse)))


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
        said = [
            (to_yaml({"name": self.name}).strip(), ""),
            (f"candidates: {self.candidates}" if self.candidates else "", "scored for a query, over all shards"),
            (f"model: {self.model}", ""),
            ("hardware: worker" if self.needs_hardware and hardware else "", ""),
            (f"shards: {self.shards}", "each scores its part, and the slowest one counts"),
            (f"keep: {self.keep}" if self.keep else "", "handed on to the next stage"),
        ]
        written = [f"{text:34}# {comment}" if comment else text for text, comment in said if text]
        return ["  - " + written[0], *("    " + line for line in written[1:])]


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


def ask_scenario(name: str) -> str:
    """Ask for a scenario of this name, and return its text, which is valid."""
    form = Form(name)
    click.echo("Return takes the answer in brackets.")
    form.rate = asked("queries arrive at a rate of", "7/s", positive(units.parse_rate, "a rate"))
    while ask_stage(form):
        pass
    names = [stage.name for stage in form.stages]
    text = asked("objectives, with commas between them, or none", "p99 < 1s", lambda text: objectives(text, names))
    form.objectives = objectives(text, names)
    return REST + form.text()


def ask_stage(form: Form) -> bool:
    """Ask for the next stage, again until the scenario so far is valid; returns whether another one follows."""
    before, hardware = list(form.stages), form.hardware
    usual = LATER if before else FIRST
    handed = before[-1].keep if before else ""
    click.echo(f"\nstage {len(before) + 1}")
    while True:
        used = [stage.name for stage in before]
        name = asked("  name", usual["name"] if usual["name"] not in used else f"stage_{len(used) + 1}", unused(used))
        count = positive(units.parse_count, "a number of candidates")
        candidates = asked("  candidates scored for a query", handed or usual["candidates"], count)
        model, by_shape = ask_model(usual)
        if by_shape and not form.hardware:
            form.hardware = ask_hardware()
        shards = asked("  shards", usual["shards"], whole(1, MOST_SHARDS))
        said = "" if candidates == handed else candidates
        form.stages = [*before, StageAnswers(name, said, model, shards, "", by_shape)]
        try:
            scenario_from_text(form.text(), file="answers")
            break
        except ScenarioError as error:  # what no single answer shows
            click.echo("\n".join(f"Error: {problem.path}: {problem.message}" for problem in error.problems))
            form.stages, form.hardware = before, hardware
    follows = click.confirm("  does another stage follow", default=not before)
    if follows:
        keep = asked("  candidates kept for it", usual["keep"], positive(units.parse_count, "a number of candidates"))
        form.stages[-1] = StageAnswers(name, said, model, shards, keep, by_shape)
    return bool(follows)


def ask_model(usual: dict[str, str]) -> tuple[str, bool]:
    """The model of a stage as it is written, and whether its time follows from the hardware."""
    kinds = (*SHAPES, "time")
    kind = asked(f"  model: {', '.join(kinds)}", usual["kind"], one_of(*kinds))
    a_time = positive(units.parse_duration, "a time")
    if kind == "time":
        return f"{{kind: time, law: {asked('  time of a task', '10ms', a_time)}}}", False
    default = usual["cost"] if kind == usual["kind"] else SHAPE
    cost = asked(
        f"  time of an item, or {SHAPE!r} if you know the model's", default, lambda text: text == SHAPE or a_time(text)
    )
    if cost != SHAPE:
        return f"{{kind: {kind}, per_item: {cost}}}", False
    shape = [(key, asked(f"    {question}", usually, parse)) for key, question, usually, parse in SHAPES[kind]]
    said = ", ".join(f"{key}: [{value}]" if key == "layers" else f"{key}: {value}" for key, value in shape)
    return f"{{kind: {kind}, {said}}}", kind != "tree"


def ask_hardware() -> str:
    """What one worker computes with."""
    flops = asked("    computing speed of a worker", FLOPS, positive(units.parse_flop_rate, "a speed"))
    bandwidth = asked("    its memory bandwidth", BANDWIDTH, positive(units.parse_bandwidth, "a bandwidth"))
    return f"{{flops: {flops}, memory_bandwidth: {bandwidth}}}"


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
    found = [parse_objective(part) for part in text.split(",")]
    for objective in found:
        if objective.stage is not None and objective.stage not in names:
            raise ValueError(f"no stage is called {objective.stage!r}; there are {', '.join(names)}")
    return [objective.text for objective in found]
