"""``shardsim init``: a first scenario, from the gallery or by questions and answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simulator.cli.options import refuse_existing, table_width

if TYPE_CHECKING:
    from simulator.report.files import Content

#: Templates and their data. In the sources it is a link to ``scenarios/``, which a built package holds as files.
GALLERY = Path(__file__).parent.parent / "gallery"
DEFAULT = "paper_funnel"
DEFAULT_ASKED = "my_funnel"
#: Line by which editors find the JSON Schema.
SCHEMA_LINE = "# yaml-language-server: $schema=schema.json\n"
OTHER = "choose another file with -o"


@click.command("init")
@click.argument("name", metavar="[NAME]", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Default: NAME.yaml.")
@click.option("--list", "is_list", is_flag=True, help="Show the templates with the questions that they answer.")
@click.option("--ask", is_flag=True, help="Ask for load, stages and objectives, and write a scenario called NAME.")
def command(name: str | None, output: Path | None, is_list: bool, ask: bool) -> None:
    """Write a first scenario: the template NAME of the gallery (default: paper_funnel).

    Data files that it needs are written beside it, under data/. Nothing is overwritten. With --ask the scenario is
    made of your answers instead, and NAME is what it is called.
    """
    if is_list:
        if name is not None or output is not None or ask:
            raise click.UsageError("--list goes alone")
        click.echo(listed(table_width()), nl=False)
        return
    if ask:
        called = _name_checked(name or DEFAULT_ASKED)
        path = output or Path(f"{called}.yaml")
        refuse_existing(path, OTHER)
        from simulator.cli.form import ask_scenario

        files: dict[Path, Content] = {path: _with_schema(ask_scenario(called), path.parent)}
    else:
        template = _template(name or DEFAULT)
        path = output or Path(template.name)
        refuse_existing(path, OTHER)
        files = copies(template, path)
    _write(files)
    for written in files:
        click.echo(f"written to {written}")
    click.echo(f"next: shardsim validate {path}, then shardsim run {path}")


def templates() -> list[Path]:
    """The templates of the gallery, by name."""
    return sorted(GALLERY.glob("*.yaml"))


def listed(width: int) -> str:
    """Names and questions of the templates, for people."""
    formatter = click.HelpFormatter(width=width)
    formatter.write_dl([(path.stem, question(path.read_text(encoding="utf-8"))) for path in templates()])
    return formatter.getvalue()


def question(text: str) -> str:
    """What a scenario opens with: its first comment, up to the question mark.

    >>> question("# yaml-language-server: $schema=schema.json\\n# Two queues.\\n# Which is shorter? Try\\nname: two\\n")
    'Two queues. Which is shorter?'
    """
    opening = text.removeprefix(SCHEMA_LINE).partition("\nname:")[0].splitlines()
    comment = " ".join(line.removeprefix("#").strip() for line in opening if line.startswith("#"))
    asked, mark, _ = comment.partition("?")
    return asked + mark


def copies(template: Path, path: Path) -> dict[Path, Content]:
    """A template as it is written to ``path``, after the files of the gallery that it names, which go beside it.

    A file that is there already with the same content is left alone.

    Raises
    ------
    click.UsageError
        If there is another file in the place of one of these.
    """
    text = template.read_text(encoding="utf-8")
    files: dict[Path, Content] = {}
    for source in needed(text):
        place = path.parent / source.relative_to(GALLERY)
        wanted = _with_schema(source.read_text(encoding="utf-8"), path.parent)
        if place.is_file() and place.read_bytes() == wanted.encode():
            continue
        refuse_existing(place, f"{template.stem} needs another file of this name: {OTHER}, in another folder")
        files[place] = wanted
    return {**files, path: _with_schema(text, path.parent)}


def needed(text: str) -> list[Path]:
    """Files of the gallery that a template names: its data, and a scenario that it extends, with what that names."""
    found = [source for source in sorted(GALLERY.glob("data/*")) if source.relative_to(GALLERY).as_posix() in text]
    extended = re.search(r"^extends:\s*([\w.-]+)", text, re.MULTILINE)
    if extended is None:
        return found
    base = GALLERY / extended[1]
    below = needed(base.read_text(encoding="utf-8"))
    return [*(source for source in found if source not in below), *below, base]


def _with_schema(text: str, folder: Path) -> str:
    """The text with the line that names the schema if there is one in the folder, else without."""
    text = text.removeprefix(SCHEMA_LINE)
    return SCHEMA_LINE + text if (folder / "schema.json").is_file() else text


def _write(files: dict[Path, Content]) -> None:
    from simulator.report.files import write_new

    try:
        write_new(files)
    except FileExistsError as error:
        raise click.UsageError(f"{error.filename2 or error.filename} exists already; {OTHER}") from None
    except OSError as error:
        raise click.UsageError(f"{error.filename}: cannot be written: {error.strerror}") from None


def _template(name: str) -> Path:
    known = {path.stem: path for path in templates()}
    if name in known:
        return known[name]
    from difflib import get_close_matches

    near = get_close_matches(name, known, 1)
    hint = f"Did you mean {near[0]!r}?" if near else "shardsim init --list shows them."
    raise click.UsageError(f"no template is called {name!r}. {hint}")


def _name_checked(name: str) -> str:
    from simulator.scenario.fields import parse_name

    try:
        return str(parse_name(name))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
