"""What a page shows of an answer, as HTML: its words and tables, those of the text output; scenario, provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulator.base.formats import counted
from simulator.documents import parts
from simulator.report.layout import Grid
from simulator.report.page.html import element, shown
from simulator.scenario import to_yaml

#: Rows of a table, at most: the rest is where ``--format`` says.
MOST_ROWS = 1_000
#: How cells look that say what came of something.
_VERDICTS = {
    "met": "good",
    "FAILED": "bad",
    "failed": "bad",
    "inconclusive": "unsure",
    "better": "good",
    "worse": "bad",
}


def lead_of(blocks: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The lines above the first table, with the tables of verdicts; and the rest."""
    verdicts = [block for block in blocks if isinstance(block, Grid) and block.columns[0] in ("objective", "limit")]
    lead, rest = _parted([block for block in blocks if block not in verdicts])
    if len(lead) == 1:  # all that is said stands below a table
        lead += [block for block in rest if isinstance(block, str) and not block.startswith("note: ")]
        rest = [block for block in rest if block not in lead]
    return [*lead, *verdicts], rest


def _parted(blocks: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The lines above the first table or note, and the rest."""
    place = next((place for place, block in enumerate(blocks) if isinstance(block, Grid)), len(blocks))
    while place and blocks[place - 1] == "":
        place -= 1
    first_note = next((at for at, block in enumerate(blocks) if str(block).startswith("note: ")), len(blocks))
    return list(blocks[: min(place, first_note)]), list(blocks[min(place, first_note) :])


def panels(blocks: Sequence[Any]) -> Iterator[str]:
    """Lines and tables as HTML: lines in one paragraph, notes in a list, tables with a button that copies them."""
    lines: list[str] = []
    notes: list[str] = []
    for block in [*blocks, ""]:
        if isinstance(block, str) and block.startswith("note: "):
            notes.append(block.removeprefix("note: "))
            continue
        if isinstance(block, str) and block:
            lines.append(block)
            continue
        if lines:
            yield paragraph(lines)
            lines = []
        if isinstance(block, Grid):
            yield table(block)
    if notes:
        items = "".join(element("li", shown(note)) for note in notes)
        yield element("h3", "Notes") + element("ul", items, class_="notes")


def paragraph(lines: Sequence[str]) -> str:
    """Lines below each other; what is set in stays so, and a command can be copied."""
    said = [line for line in lines if not line.startswith("  shardsim ")]
    commands = [command(line.strip()) for line in lines if line.startswith("  shardsim ")]
    each = [element("span", shown(line.strip()), class_="in" if line.startswith(" ") else "line") for line in said]
    return element("p", *each, class_="lines") + "".join(commands)


def command(line: str) -> str:
    """What a reader may type."""
    button = element("button", "Copy", type="button", class_="copy", aria_label="Copy the command")
    text = element("pre", shown(line), class_="command", tabindex="0", role="group", aria_label="Command")
    return element("div", text, button, class_="table")


def table(grid: Grid) -> str:
    """A table; numbers flush right; its first columns are its name."""
    name = ", ".join([column for column in grid.columns if column][:2])
    head = "".join(
        element("th", shown(column), scope="col", class_="left" if place < grid.left else "right")
        if column
        else f'<td class="{"left" if place < grid.left else "right"}"></td>'
        for place, column in enumerate(grid.columns)
    )
    rows = "".join(f"<tr>{''.join(_cells(grid, row))}</tr>\n" for row in grid.rows[:MOST_ROWS])
    more = len(grid.rows) - MOST_ROWS
    left_out = element("p", f"and {counted(more, 'row')} more, which --format json has") if more > 0 else ""
    button = element("button", "Copy table", type="button", class_="copy", aria_label=f"Copy the table: {name}")
    inside = f"<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody>"
    scrolled = element("table", element("caption", shown(name), class_="unseen"), inside)
    frame = element("div", scrolled, class_="wide", tabindex="0", role="group", aria_label=f"table: {name}")
    return element("div", frame, left_out, button, class_="table")


def _cells(grid: Grid, row: Sequence[str]) -> Iterator[str]:
    for place, cell in enumerate(row):
        look = "left" if place < grid.left else "right"
        look += f" {_VERDICTS[cell]}" if cell in _VERDICTS else ""
        if place == 0 and cell:
            yield element("th", shown(cell), scope="row", class_=look)
        else:
            yield element("td", shown(cell), class_=look)


def facts(rows: Mapping[str, str]) -> str:
    """Names and what they are, one below the other."""
    return element("dl", *(element("dt", shown(name)) + element("dd", shown(value)) for name, value in rows.items()))


def provenance_of(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Where an answer comes from, by the side that it is of; one side, without a name, where there are not two."""
    if "capacities" in document:
        return {"": document["capacities"][0]["provenance"]}
    provenance = document["provenance"]
    return {name.upper(): provenance[name] for name in "ab"} if "b" in provenance else {"": provenance}


def origins(document: Mapping[str, Any]) -> Iterator[str]:
    """Provenance of each side, and its resolved scenario, which is itself a scenario."""
    versions = document.get("provenance", {}).get("versions", {})
    if len(document.get("capacities", [])) > 1:
        yield element("p", "Of the first of the values; the others differ in these alone.", class_="quiet")
    for side, provenance in provenance_of(document).items():
        rows = {
            "scenario, SHA-256": str(provenance["scenario_sha256"]),
            "seed": str(provenance["seed"]),
            "versions": ", ".join(f"{name} {one}" for name, one in (provenance.get("versions") or versions).items()),
        }
        plugins: Mapping[str, parts.PluginSource] = provenance.get("plugins", {})
        rows |= {f"plug-in {kind}": f"{one['from']}, SHA-256 {one['sha256']}" for kind, one in plugins.items()}
        of = f" of {side}" if side else ""
        yield element("h3", f"Provenance{of}") + facts(rows)
        yield source(
            f"Resolved scenario{of}", to_yaml(provenance["resolved"]), "is itself a scenario, with the same meaning"
        )


def source(name: str, text: str, said: str = "") -> str:
    """A longer text that is opened by its name, with a button that copies it."""
    summary = element("summary", shown(name), element("span", f": {said}" if said else "", class_="quiet"))
    button = element("button", "Copy", type="button", class_="copy", aria_label=f"Copy: {name}")
    shape = element("pre", shown(text, keep="\n"), tabindex="0", role="group", aria_label=name)
    return element("details", summary, element("div", shape, button, class_="table"))
