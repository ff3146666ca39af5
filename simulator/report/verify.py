"""The table of ``shardsim verify``, and its report."""

import csv
import io
from itertools import groupby
from typing import Any

from simulator.base.formats import format_duration
from simulator.documents import verify
from simulator.report.spreadsheet import cell
from simulator.report.text import DASH, cut, rendered, table

COLUMNS = ("family", "configuration", "statistic", "exact", "simulated", "99.9 % interval", "verdict")
#: Letters of a configuration in the printed table.
MOST = 44


#: How a report is to be read.
RULES = (
    "A figure is held against its exact value by its interval at 99.9 %. A miss is simulated once more, independently, "
    "and a second miss is a failure. So is, at once, a value outside the interval at level 1 - 1e-6.",
    "",
    "Times are in seconds; the mean service time is 1 s where the configuration does not say otherwise. `wait` is that "
    "of tasks of the first stage, `later_X` the share of queries later than X s.",
)


def verify_table(document: verify.Verification, width: int | None = None, color: bool = False) -> str:
    """A verification (``Verification.to_dict``) as text; what cannot be expressed is listed where all was asked for."""
    rows = [_cells(line, MOST) for line in document["lines"]]
    parts: list[Any] = [table(COLUMNS, rows, 3), ""] if rows else []
    if document["whole"]:
        missing = [[why, " ".join(names)] for why, names in by_reason(document).items()]
        parts += [table(("cannot be expressed yet", "families"), missing, 2), ""]
    return rendered([*parts, *closing(document)], width, color)


def by_reason(document: verify.Verification) -> dict[str, list[str]]:
    """The families that cannot be expressed yet, by what is missing; first the features, then what needs none."""
    kinds: dict[str, list[str]] = {}
    for name, why in document["not_yet"].items():
        kinds.setdefault(why, []).append(name)
    return dict(sorted(kinds.items(), key=lambda kind: kind[0].startswith("no ")))


def closing(document: verify.Verification) -> list[str]:
    """What it comes to: a line each on failures, verdicts, false alarms, families, time."""
    verdicts = ", ".join(f"{count:,} {verdict}" for verdict, count in document["verdicts"].items())
    held = f"{len(document['lines']):,} lines of {len(document['families'])} families"
    depth = "--deep" if document["deep"] else "default depth"
    lines = [_named(line) for line in document["lines"] if line["verdict"] in document["failures"]]
    lines += [
        f"{depth}, seed {document['seed']}: {held}: {verdicts or 'nothing was held'}",
        _false_alarms(document["false_alarms"]),
        f"{len(document['not_yet'])} families of the collection cannot be expressed yet",
    ]
    took = format_duration(round(document["wall_s"], 1))
    if document["interrupted"]:
        done = f"{document['done']} of {document['total']} pieces were done"
        return [*lines, f"interrupted after {took}: {done}; the rest is not known"]
    count = document["failed"]
    if count:
        return [
            *lines,
            f"FAILED in {took}: {count} line{'s' if count > 1 else ''}; do not trust this version, and report this",
        ]
    return [*lines, f"verified in {took}"]


def _false_alarms(document: verify.FalseAlarms) -> str:
    miss, alarm = document["miss"], document["contradiction"]
    own = document["lines"] * document["of_a_line"]
    each = f"({miss:g} x {miss:g}, two misses, + {alarm:g}, a contradiction)"
    count = f"{document['lines']:,} line{'s' if document['lines'] != 1 else ''}"
    said = f"chance of a false alarm: {count} x {each}"
    more = (
        ""
        if document["in_all"] <= own * (1 + 1e-9)
        else f"; with coverages, if they are nominal, {document['in_all']:.1e}"
    )
    return f"{said} = {own:.1e}{more}"


def _named(line: verify.Line) -> str:
    note = f": {line['note']}" if line["note"] else ""
    return f"{line['verdict']}: {line['family']} {line['configuration']}, {line['statistic']}{note}"


def _cells(line: verify.Line, most: int | None = None) -> list[str]:
    name = line["configuration"] if most is None else cut(line["configuration"], most)
    ends = line["low"], line["high"]
    interval = "" if ends == (None, None) else f"{_number(ends[0])} .. {_number(ends[1])}"
    return [
        line["family"],
        name,
        line["statistic"],
        _number(line["exact"]),
        _number(line["simulated"]),
        interval,
        line["verdict"],
    ]


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.5g}"


def verify_csv(document: verify.Verification) -> str:
    """All lines, a row each, all digits; empty where there is nothing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(list(document["lines"][0]) if document["lines"] else [])
    writer.writerows(map(cell, line.values()) for line in document["lines"])
    return out.getvalue()


def verify_markdown(document: verify.Verification, figures: dict[str, str]) -> str:
    """The report of a verification; ``figures``: what each shows, by name of file."""
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    text = ["# Verification of shardsim", "", versions, "", *(f"- {line}" for line in closing(document)), ""]
    text += [*RULES, ""]
    for name, what in figures.items():
        text += [f"![{what}]({name})", "", what, ""]
    for family, lines in groupby(document["lines"], key=lambda line: line["family"]):
        known = document["verified"].get(family)
        text += [f"## {family}", ""]
        if known is not None:
            text += [f"{known['system']}. *{known['source']}*", ""]
        text += _markdown([COLUMNS[1:], *(_cells(line)[1:] for line in lines)])
    text += ["## What cannot be expressed yet", ""]
    text += _markdown(
        [("missing", "families"), *((why, ", ".join(names)) for why, names in by_reason(document).items())]
    )
    return "\n".join(text)


def _markdown(rows: list[Any]) -> list[str]:
    head, *others = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [head, "|" + "---|" * len(rows[0]), *others, ""]
