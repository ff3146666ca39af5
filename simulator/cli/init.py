"""``shardsim init``: a first scenario, from the gallery or by questions and answers."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simulator.cli import answers, grouped

if TYPE_CHECKING:
    from simulator import Template

DEFAULT = "paper_funnel"
#: What a scenario is called that is made of answers.
DEFAULT_NAME = "my_funnel"
OTHER = "choose another file with -o"


@grouped.command("init")
@click.argument("name", metavar="[NAME]", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Default: NAME.yaml.")
@click.option("--list", "is_list", is_flag=True, help="Show the templates with the questions that they answer.")
@click.option("--ask", is_flag=True, help="Ask for load, stages and objectives, and write a scenario called NAME.")
def command(name: str | None, output: Path | None, is_list: bool, ask: bool) -> None:
    """Write a first scenario: the template NAME of the gallery (default: paper_funnel).

    Data files that it needs are written beside it, under data/. Nothing is overwritten. With --ask the scenario is
    made of your answers instead, and NAME is what it is called.
    """
    import simulator

    if is_list:
        if name is not None or output is not None or ask:
            raise click.UsageError("--list goes alone")
        click.echo(listed(simulator.templates(), answers.text_width()), nl=False)
        return
    if ask:
        scenario = _name_checked(name or DEFAULT_NAME)
        path = output or Path(f"{scenario}.yaml")
        answers.refuse_existing(path, OTHER)
        from simulator.cli.form import ask_scenario
        from simulator.scenario.gallery import with_schema

        files = {path: with_schema(ask_scenario(scenario), path.parent)}
    else:
        template = _template(simulator.templates(), name or DEFAULT)
        path = output or Path(template.path.name)
        answers.refuse_existing(path, OTHER)
        files = copies(template, path)
    _write(files)
    for file in files:
        answers.tell(f"written to {file}")
    named = shlex.quote(str(path))
    answers.tell(f"next: shardsim validate {named}, then shardsim run {named}")


def listed(templates: list[Template], width: int) -> str:
    """Names and questions of the templates, for people."""
    formatter = click.HelpFormatter(width=width)
    formatter.write_dl([(template.name, template.question) for template in templates])
    return formatter.getvalue()


def copies(template: Template, path: Path) -> dict[Path, str]:
    """A template as it is written to ``path``, after the files of the gallery that it names, which go beside it.

    A file that is there already with the same content is left alone.

    Raises
    ------
    click.UsageError
        If there is another file in the place of one of these.
    """
    files: dict[Path, str] = {}
    for place, text in template.files(path).items():
        if place != path:
            if place.is_file() and place.read_bytes() == text.encode():
                continue
            cure = f"{template.name} needs another file of this name: {OTHER}, in another folder"
            answers.refuse_existing(place, cure)
        files[place] = text
    return files


def _write(files: dict[Path, str]) -> None:
    from simulator.report.files import write_new

    try:
        write_new(files)
    except FileExistsError as error:
        raise click.UsageError(f"{error.filename2 or error.filename} exists already; {OTHER}") from None
    except OSError as error:
        place = error.filename or ", ".join(str(path) for path in files)  # a disk that is full names none
        raise click.UsageError(f"{place}: cannot be written: {error.strerror}") from None


def _template(templates: list[Template], name: str) -> Template:
    known = {template.name: template for template in templates}
    if name in known:
        return known[name]
    from simulator.base.nearest import nearest, quoted

    near = nearest(name, known)
    hint = f"Did you mean {quoted(near)}?" if near else "shardsim init --list shows them."
    raise click.UsageError(f"no template is called {name!r}. {hint}")


def _name_checked(name: str) -> str:
    from simulator.scenario.fields import parse_name

    try:
        return str(parse_name(name))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
