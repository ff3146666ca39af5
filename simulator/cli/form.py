"""The questions of ``shardsim init --ask``, each asked again until its answer can be taken."""

from typing import Any

import click

from simulator.base import units
from simulator.base.errors import ScenarioError
from simulator.cli import answers
from simulator.scenario import form as forms
from simulator.scenario import scenario_from_text
from simulator.scenario.fields import one_of, positive, whole
from simulator.scenario.replicas import MOST_SHARDS


class Answer(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """An answer as it was written, once its parser accepts it."""

    name = "answer"

    def __init__(self, parse: forms.Parse) -> None:
        self.parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check, or fail with the parser's message, upon which click asks again."""
        try:
            self.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value).strip()


def ask(question: str, default: str, parse: forms.Parse) -> str:
    """The answer to a question, as written; a mistake is asked again."""
    return str(click.prompt(question, default=default, type=Answer(parse)))


def ask_scenario(name: str) -> str:
    """Ask for a scenario of this name, and return its text, which is valid."""
    form = forms.Form(name)
    click.echo("Return takes the answer in brackets.")
    form.rate = ask("queries arrive at a rate of", "7/s", positive(units.parse_rate, "a rate"))
    while ask_stage(form):
        pass
    names = [stage.name for stage in form.stages]
    text = ask("objectives, with commas between them, or none", "p99 < 1s", lambda text: forms.objectives(text, names))
    form.objectives = forms.objectives(text, names)
    return forms.REST + form.text()


def ask_stage(form: forms.Form) -> bool:
    """Ask for the next stage, again until the scenario so far is valid; returns whether another one follows."""
    before, hardware = list(form.stages), form.hardware
    usual = forms.LATER if before else forms.FIRST
    handed = before[-1].keep if before else ""
    click.echo(f"\nstage {len(before) + 1}")
    while True:
        used = [stage.name for stage in before]
        free = usual["name"] if usual["name"] not in used else f"stage_{len(used) + 1}"
        name = ask("  name", free, forms.unused(used))
        count = positive(units.parse_count, "a number of candidates")
        candidates = ask("  candidates scored for a query", handed or usual["candidates"], count)
        model, by_shape = ask_model(usual)
        if by_shape and not form.hardware:
            form.hardware = ask_hardware()
        shards = ask("  shards", usual["shards"], whole(1, MOST_SHARDS))
        scored = "" if candidates == handed else candidates
        form.stages = [*before, forms.StageAnswers(name, scored, model, shards, "", by_shape)]
        try:
            scenario_from_text(form.text(), file="answers")
            break
        except ScenarioError as error:  # what no single answer shows
            answers.tell("\n".join(f"Error: {problem.path}: {problem.message}" for problem in error.problems))
            form.stages, form.hardware = before, hardware
    follows = click.confirm("  does another stage follow", default=not before)
    if follows:
        keep = ask("  candidates kept for it", usual["keep"], positive(units.parse_count, "a number of candidates"))
        form.stages[-1] = forms.StageAnswers(name, scored, model, shards, keep, by_shape)
    return bool(follows)


def ask_model(usual: dict[str, str]) -> tuple[str, bool]:
    """The model of a stage as it is written, and whether its time follows from the hardware."""
    kinds = (*forms.SHAPES, "time")
    kind = ask(f"  model: {', '.join(kinds)}", usual["kind"], one_of(*kinds))
    a_time = positive(units.parse_duration, "a time")
    if kind == "time":
        return f"{{kind: time, law: {ask('  time of a task', '10ms', a_time)}}}", False
    default = usual["cost"] if kind == usual["kind"] else forms.SHAPE
    cost = ask(
        f"  time of an item, or {forms.SHAPE!r} if you know the model's",
        default,
        lambda text: text == forms.SHAPE or a_time(text),
    )
    if cost != forms.SHAPE:
        return f"{{kind: {kind}, per_item: {cost}}}", False
    shape = [(key, ask(f"    {question}", usually, parse)) for key, question, usually, parse in forms.SHAPES[kind]]
    keys = ", ".join(f"{key}: [{value}]" if key == "layers" else f"{key}: {value}" for key, value in shape)
    return f"{{kind: {kind}, {keys}}}", kind != "tree"


def ask_hardware() -> str:
    """What one worker computes with."""
    flops = ask("    computing speed of a worker", forms.FLOPS, positive(units.parse_flop_rate, "a speed"))
    bandwidth = ask("    its memory bandwidth", forms.BANDWIDTH, positive(units.parse_bandwidth, "a bandwidth"))
    return f"{{flops: {flops}, memory_bandwidth: {bandwidth}}}"
