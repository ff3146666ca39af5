"""Pages of the reference that are made from the program itself; ``make docs-pages`` writes them.

A test makes them anew and compares: they cannot go stale.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

import simulator
from simulator import testing
from simulator.base.exit_codes import EXIT_CODES
from simulator.cli import COMMANDS, group
from simulator.core.columns import Columns
from simulator.documents import schemas
from simulator.scenario.described import catalogue
from simulator.scenario.keys.explained import Key, Part, all_parts

REFERENCE = Path(__file__).parent / "reference"
#: What stands before the functions of the kit.
KIT = "Strategies of [Hypothesis](https://hypothesis.readthedocs.io), and checks; pytest finds its plugin by itself."
MADE = "<!-- made by docs/generated.py: make docs-pages -->\n"

#: Pages of keys: name, title, and how the places begin that are on it.
KEY_PAGES = {
    "file": ("The file", ("",)),
    "load": ("load: when queries arrive", ("load",)),
    "run": ("run: how much is simulated", ("run",)),
    "hardware": ("hardware: machines", ("hardware",)),
    "stages": ("stages: the funnel", ("stages[]", "stages[].variability", "stages[].network")),
    "models": ("stages[].model: what scoring costs", ("stages[].model",)),
    "laws": ("Laws: spread and chance", ("a law", "a factor law")),
}


def pages() -> dict[str, str]:
    """Text of all pages by name, relative to ``docs/reference``."""
    made = {"exit_codes.md": exit_codes(), "catalogue.md": catalogue_page(), "commands/index.md": commands()}
    made |= {f"commands/{name}.md": command(name) for name in COMMANDS}
    made |= dict(keys())
    made |= {"python.md": python(), "documents/index.md": documents()}
    made |= {f"documents/{name}.md": document(name) for name in schemas.DOCUMENTS}
    return made


def exit_codes() -> str:
    """How a command ends."""
    rows = [f"| `{code}` | {means} | {then} |" for code, (means, then) in EXIT_CODES.items()]
    return "\n".join([MADE, "# Exit codes", "", "| code | meaning | what to do |", "|---|---|---|", *rows, ""])


def commands() -> str:
    """All commands."""
    rows = [f"| [`shardsim {name}`]({name}.md) | {said} |" for name, said in COMMANDS.items()]
    toc = ["```{toctree}", ":hidden:", *COMMANDS, "```"]
    return "\n".join([MADE, "# Commands", "", "| command | what it does |", "|---|---|", *rows, "", *toc, ""])


def command(name: str) -> str:
    """A command's own help."""
    above = click.Context(group, info_name="shardsim", **group.context_settings)
    found = group.get_command(above, name)
    assert found is not None
    with click.Context(found, info_name=name, parent=above, terminal_width=92, max_content_width=92) as context:
        said = found.get_help(context)
    return "\n".join([MADE, f"# shardsim {name}", "", COMMANDS[name], "", "```text", said, "```", ""])


def keys() -> Iterator[tuple[str, str]]:
    """The pages of keys, and the one that lists them."""
    placed: dict[str, list[Part]] = {name: [] for name in KEY_PAGES}
    for part in all_parts():
        placed[_page_of(part)].append(part)
    on_page = {part.name: name for name, parts in placed.items() for part in parts}
    for name, parts in placed.items():
        lines = [MADE, f"# {KEY_PAGES[name][0]}", ""]
        for part in parts:
            lines += _part(part, on_page)
        yield f"scenario/{name}.md", "\n".join(lines)
    rows = [f"| [{KEY_PAGES[name][0]}]({name}.md) | {_names(parts)} |" for name, parts in placed.items()]
    said = "Every key, with what it takes, its default, an example that loads, and what is said of a wrong value."
    toc = ["```{toctree}", ":hidden:", *KEY_PAGES, "```"]
    lines = [MADE, "# Scenario files", "", f"{said}\n`shardsim help KEY` prints the same.", ""]
    yield "scenario/index.md", "\n".join([*lines, "| page | keys |", "|---|---|", *rows, "", *toc, ""])


def _page_of(part: Part) -> str:
    fitting = [
        (len(start), name)
        for name, (_, starts) in KEY_PAGES.items()
        for start in starts
        if part.where.startswith(start)
    ]
    return max(fitting)[1] if part.where else "file"


def _names(parts: list[Part]) -> str:
    return ", ".join(dict.fromkeys(f"`{key.name}`" for part in parts for key in part.keys))


def _part(part: Part, on_page: Mapping[str, str]) -> Iterator[str]:
    yield f"({anchor(part.name)})="
    yield f"## {part.where or 'The whole'}"
    yield ""
    yield _as_markdown(part.says)
    yield ""
    for key in part.keys:
        yield from _key(key, on_page)


def _key(key: Key, on_page: Mapping[str, str]) -> Iterator[str]:
    yield f"### `{key.asked}`"
    yield ""
    yield from textwrap.wrap(key.says, 118, break_on_hyphens=False)
    yield ""
    yield from textwrap.wrap(f"- takes: {_escaped(key.takes)}", 118, subsequent_indent="  ", break_on_hyphens=False)
    links = [f"{{ref}}`{_title(name)} <{anchor(name)}>`" for name in key.inner if name in on_page]
    if links:
        yield "- its keys: " + ",\n  ".join(links)
    if key.is_needed:
        yield "- must be given"
    elif key.default:
        yield f"- default: `{key.default}`"
    yield ""
    if key.example is not None:
        yield from ("```yaml", key.example_yaml(), "```", "")
    if key.wrong is not None:
        yield from (
            "Refused:",
            "",
            "```text",
            key.wrong_yaml(),
            *(f"  {message}" for message in key.errors()),
            "```",
            "",
        )


def _title(part: str) -> str:
    where = next(one.where for one in all_parts() if one.name == part)
    kind = re.search(r"\{kind: (\w+)\}$", where)
    return kind[1] if kind else where


def documents() -> str:
    """All documents that commands write."""
    rows = [f"| [{name}]({name}.md) | {_document(name).get('description', '')} |" for name in schemas.DOCUMENTS]
    said = "What `--format json` prints and what files hold. `shardsim schema NAME` prints the JSON Schema."
    toc = ["```{toctree}", ":hidden:", *schemas.DOCUMENTS, "```"]
    head = [MADE, "# Documents", "", said, "", "| document | what it is |", "|---|---|"]
    return "\n".join([*head, *map(_as_markdown, rows), "", *toc, ""])


def document(name: str) -> str:
    """Every field of a document."""
    schema = _document(name)
    lines = [MADE, f"# The document {name}", "", _as_markdown(schema.get("description", "")), ""]
    lines += _fields(schema, name)
    for part, body in schema.get("$defs", {}).items():
        said = _as_markdown(body.get("description", ""))
        lines += [f"({anchor(f'{name}-{part}')})=", f"## {part.rpartition('.')[2]}", "", *([said, ""] if said else [])]
        lines += _fields(body, name)
    return "\n".join(lines)


def _document(name: str) -> dict[str, Any]:
    return schemas.document_schema(name)


def _fields(body: Mapping[str, Any], document_name: str) -> list[str]:
    needed = set(body.get("required", ()))
    rows = []
    both = {**body.get("properties", {}), **{f"/{key}/": one for key, one in body.get("patternProperties", {}).items()}}
    for key, field in both.items():
        absent = "" if key in needed or key.startswith("/") else "may be absent"
        said = "; ".join(part for part in (field.get("description", ""), absent) if part)
        shown = key.replace("|", "\\|")
        rows.append(f"| `{shown}` | {_kind(field, document_name)} | {_escaped(_as_markdown(said))} |")
    return ["| field | holds | what it is |", "|---|---|---|", *rows, ""] if rows else []


def _kind(field: Mapping[str, Any], document_name: str) -> str:
    if "$ref" in field:
        part = field["$ref"].removeprefix("#/$defs/")
        return f"{{ref}}`{part.rpartition('.')[2]} <{anchor(f'{document_name}-{part}')}>`" if part else "itself"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_kind(one, document_name) for one in field["anyOf"]))
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return " or ".join(f"`{one}`" for one in field["enum"])
    kind = field.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {_kind(field['items'], document_name)}"
    if kind == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"map of {_kind(field['additionalProperties'], document_name)}"
    return str(kind)


def catalogue_page() -> str:
    """Hardware and models, each figure with its source."""
    lines = [MADE, "# Catalogue", ""]
    lines += ["Machines and models that a scenario takes by `from`. Every figure is measured for this project,"]
    lines += ["published by others as quoted, or assumed.", ""]
    listed = catalogue().to_dict()
    for entry in listed["entries"]:
        kind = f" ({entry['kind']})" if "kind" in entry else ""
        what = f"{entry['section'].removesuffix('s')}{kind}: {entry['description']}"
        [whole] = catalogue(entry["name"]).to_dict()["entries"]
        lines += [f"## `{entry['name']}`", "", what, "", "| figure | value | known | source |", "|---|---|---|---|"]
        for one in whole["figures"]:
            lines.append(f"| `{one['key']}` | {one['value']} | {one['confidence']} | {_escaped(one['source'])} |")
        lines.append("")
    return "\n".join(lines)


def python() -> str:
    """The public functions and classes, from their docstrings when the site is built."""
    lines = [MADE, "# Python", "", "What commands do can be had from Python, by functions of the same names:", ""]
    lines += [
        "```python",
        "import simulator",
        "",
        'result = simulator.simulate(simulator.load_scenario("scenario.yaml"))',
    ]
    lines += ["```", "", "```{eval-rst}", ".. currentmodule:: simulator", ""]
    names = sorted(simulator.__all__, key=lambda name: (name[0].isupper(), name))
    for name in names:
        thing = getattr(simulator, name)
        kind = "autofunction" if inspect.isfunction(thing) else "autoclass"
        lines += [f".. {kind}:: simulator.{name}", *(["   :members:"] if kind == "autoclass" else []), ""]
    lines += ["```", "", "## What happened to every query", ""]
    lines += ["`Result.traces` has a trace a replication, by number:", "", "```{eval-rst}"]
    lines += [".. autoclass:: simulator.core.trace.Trace", "   :members:", ""]
    lines += ["```", "", "Its columns:", "", "| column | shape and meaning |", "|---|---|"]
    lines += [f"| `{name}` | {_escaped(said)} |" for name, said in commented(Columns).items()]
    lines += [
        "",
        "## The kit: `simulator.testing`",
        "",
        "Strategies of [Hypothesis](https://hypothesis.readthedocs.io), and checks; pytest finds its plugin by itself.",
        "",
    ]
    lines += ["```{eval-rst}"]
    for name in testing.__all__:
        kind = "autofunction" if inspect.isfunction(getattr(testing, name)) else "autoclass"
        if name != "BOOK":
            lines += [f".. {kind}:: simulator.testing.{name}", ""]
    return "\n".join([*lines, "```", ""])


def commented(columns: type) -> dict[str, str]:
    """The fields of a class by name, with the comment beside each."""
    rows = (line.partition("#:") for line in inspect.getsource(columns).splitlines())
    return {row.partition(":")[0].strip(): re.sub("; likewise.*", "", said.strip()) for row, mark, said in rows if mark}


def anchor(name: str) -> str:
    """The anchor of a part."""
    return "part-" + re.sub(r"[^a-z0-9]+", "-", name.casefold())


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")


def _as_markdown(text: str) -> str:
    return text.replace("``", "`")


def main() -> int:
    """Write the pages; those that are no longer made go."""
    made = pages()
    for old in REFERENCE.rglob("*.md"):
        if old.read_text(encoding="utf-8").startswith(MADE) and str(old.relative_to(REFERENCE)) not in made:
            old.unlink()
    for name, text in made.items():
        path = REFERENCE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
