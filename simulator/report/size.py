"""The tables of a sizing: the cheapest fleets, why cheaper ones fell, and cost against latency."""

from typing import Any

from simulator.base.formats import counted, exact_rate, format_count, significant
from simulator.documents import parts, size
from simulator.report.fleet import by_stage
from simulator.report.text import DASH, cut, duration, interval, money, of_unit, ratio, rendered, table

#: Of the front, rows at most: of those that fail, some are left out evenly.
MOST_ROWS = 12
#: A message is cut to so many letters in a cell.
MOST_LETTERS = 150


def size_table(document: size.Size, width: int | None = None, color: bool = False) -> str:
    """A sizing (``Sizing.to_dict``) as text."""
    return rendered(size_parts(document), width, color)


def size_parts(document: size.Size) -> list[Any]:
    """Its lines and tables, from top to bottom."""
    paths = list(document["provenance"]["search"])
    shown: list[Any] = [parts.title_of(document), _requested(document), headline(document)]
    if document["answers"]:
        shown += ["", _answers(document, paths)]
        spare = [row for answer in document["answers"][:1] for row in _conditions(answer)]
        shown += ["", table(["the cheapest", "verdict", *document["slos"]], spare)]
    if document["cheaper"]:
        which = "cheaper fleets fell since" if document["answers"] else "fleets fell since"
        columns = [which, "nearest", "fleets", "simulated", "", document["unit"]]
        shown += ["", table(columns, [_fell(one, document["unit"]) for one in document["cheaper"]], 2)]
    if len(document["front"]) > 1:
        shown += ["", _front(document, paths)]
    shown += [
        "",
        f"{counted(document['simulated'], 'fleet')}, {counted(document['queries'], 'query', format_count)} simulated",
    ]
    return [*shown, *(f"note: {note}" for note in document["notes"])]


def short(path: str) -> str:
    """A path without what all have in common.

    >>> short("stages.ranking.replicas")
    'ranking.replicas'
    """
    return path.removeprefix("stages.")


def cost(value: float, unit: str) -> str:
    """What is minimised; machines and watts are whole."""
    return money(value) if unit == "USD/h" else significant(value)


def _requested(document: size.Size) -> str:
    spare = []
    if document["headroom"]:
        spare.append(f"with {100 * document['headroom']:.4g} % headroom")
    if document["survive"]:
        spare.append(f"with any one {'zone' if document['survive'] == 'zone' else 'machine'} gone")
    also = f", also {' and '.join(spare)}" if spare else ""
    return (
        f"{', '.join(document['slos'])} at {exact_rate(document['load_per_s'])}{also}; the least {document['minimise']}"
    )


def headline(document: size.Size) -> str:
    """The verdict: the cheapest fleet, or why there is none."""
    if document["answers"]:
        best = document["answers"][0]
        every = counted(document["fleets"], "fleet")
        is_untold = any(one["reason"] == "inconclusive" for one in document["cheaper"])
        least = "the least that is known" if is_untold else "the least"
        machines = counted(best["machines"], "machine")
        if document["minimise"] == "machines":
            return f"{machines} is {least} of {every}"
        said = f"{cost(best['cost'], document['unit'])} {document['unit']} is {least} of {every}"
        return f"{said}: {machines}{by_stage(best['stages'])}"
    if document["interrupted"]:
        return "interrupted before a fleet was found"
    unsure = "" if document["verdict"] == "unreachable" else ", but some could not be told"
    if document["fleets"] == 1:
        return f"the only fleet does not meet every objective{unsure}"
    return f"none of the {counted(document['fleets'], 'fleet')} meets every objective{unsure}"


def _answers(document: size.Size, paths: list[str]) -> Any:
    columns = [
        *("", *map(short, paths), "machines", "USD/h", "USD/M queries"),
        *(["W"] if document["minimise"] == "energy" else []),
        *("busiest", "", document["percentile"], "95 % interval"),
    ]
    rows = []
    for one in document["answers"]:
        busy, tail = one["bottleneck"], one["latency_s"][document["percentile"]]
        rows.append(
            [
                f"{one['rank']}.",
                *(str(one["values"][path]) for path in paths),
                f"{one['machines']:,}{by_stage(one['stages'])}",
                money(one["usd_per_h"]),
                money(one["usd_per_million_queries"]),
                *([f"{one['power_w']:,.0f}"] if document["minimise"] == "energy" else []),
                ratio(busy["demand"]),
                f"{busy['stage']}{' mergers' * (busy['station'] == 'mergers')}",
                duration(tail["value"]),
                interval(tail, duration),
            ]
        )
    return table(columns, rows)


def _conditions(answer: size.Fleet) -> list[list[str]]:
    """A row a condition: what each objective is there."""
    rows = []
    for one in answer["conditions"]:
        name = f"{one['name'] or 'as it is'}, {exact_rate(one['rate_per_s'])}"
        rows.append([name, one["verdict"], *(_value(slo) for slo in one["slos"])])
    return rows


def _value(slo: parts.Verdict) -> str:
    value, unit = slo["value"], slo["unit"]
    if value is None:
        return "met" if slo["met"] else DASH
    return exact_rate(value) if unit == "per_s" else of_unit(value, unit)


def _fell(one: size.Fell, unit: str) -> list[str]:
    nearest, what = one["nearest"], one["what"]
    names = {
        "does not fit": "they do not fit",
        "no replica to spare": "no replica to spare",
        "saturated": "saturated",
        "late when empty": f"{what} even when empty",
        "objective": what,
        "inconclusive": f"{what} could not be told",
    }
    over = nearest["over_bound"]
    if one["reason"] == "saturated":
        busy = over["value"]
        said = f"{ratio(busy and round(busy, 12))} busy"  # arithmetic leaves a little of 1
    elif over["value"] is None:
        said = ""
    else:
        said = f"{_times(over['value'])} the bound"
        if over["low"] is not None and over["high"] is not None:
            said += f" ({_times(over['low'])} .. {_times(over['high'])})"
    where = nearest["condition"]
    if one["reason"] in ("does not fit", "no replica to spare"):
        where = nearest["what"]
    elif one["reason"] == "saturated":
        where = ", ".join(part for part in (nearest["what"], where) if part)
    elif one["reason"] == "late when empty":
        where = f"takes {nearest['said']}"
    elif one["reason"] == "inconclusive":
        where = ", ".join(part for part in (where, nearest["said"]) if part)
    counts = f"{one['fleets']:,}", f"{one['simulated']:,}"
    return [names[one["reason"]], cut(where, MOST_LETTERS), *counts, said, cost(nearest["cost"], unit)]


def _times(value: float) -> str:
    """How many times a bound something is.

    >>> _times(1.0834), _times(12.3)
    ('1.083 x', '12.3 x')
    """
    return f"{significant(value, 4 if value < 10 else 3)} x"


def _front(document: size.Size, paths: list[str]) -> Any:
    """Cost against latency: of the fleets simulated, those to which none is both as cheap and as early."""
    rows = [document["seen"][at] for at in document["front"]]
    short_of = [row for row in rows if row["verdict"] != "met"]
    if len(short_of) > MOST_ROWS:
        kept = {round(at * (len(short_of) - 1) / (MOST_ROWS - 1)) for at in range(MOST_ROWS)}
        left_out = [row for at, row in enumerate(short_of) if at not in kept]
        rows = [row for row in rows if row not in left_out]
    unit = document["unit"]
    first = f"latency for money: {unit}" if unit == "USD/h" else unit
    cells = []
    for row in rows:
        worst = size.worst_of(row, document["percentile"])
        values = (str(size.value_of(row, path)) for path in paths)
        latency = [duration(worst["value"]), interval(worst, duration)]
        cells.append([cost(row["cost"], unit), *latency, row["verdict"], *values])
    return table([first, tail_name(document), "95 % interval", "objectives", *map(short, paths)], cells)


def tail_name(document: size.Size) -> str:
    """What latency is drawn against cost."""
    has_spare = document["headroom"] or document["survive"]
    return f"{document['percentile']} in the worst case" if has_spare else document["percentile"]
