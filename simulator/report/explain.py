"""The table of an explanation."""

from typing import Any

from simulator.base.formats import counted, format_percent
from simulator.documents import explain, parts
from simulator.report import text

#: A share that is less is not shown, unless it is larger in another band.
LEAST = 0.0005


def explain_table(document: explain.Explanation, width: int | None = None, color: bool = False) -> str:
    """An explanation (``Explanation.to_dict``) as text."""
    return text.rendered(explain_parts(document), width, color)


def explain_parts(document: explain.Explanation) -> list[Any]:
    """Its lines and tables, from top to bottom."""
    shown: list[Any] = [parts.title_of(document), *[" ".join(document["words"])]]
    if document["command"] is not None:
        shown.append(f"  {document['command']}")
    shown += ["", *_bands(document["bands"]), *_last(document["last"]), *_effects(document)]
    return [*shown, *text.notes(document["notes"])]


def _bands(bands: list[explain.Band]) -> list[Any]:
    """Shares of the latency by stage and cause, a column a percentile."""
    if not bands:
        return []
    shares = [{(part["stage"], part["cause"]): part["share"] for part in band["parts"]} for band in bands]
    keys = {key: None for of in shares for key, share in of.items() if (share["value"] or 0.0) >= LEAST}
    order = [*explain.BEFORE, *explain.CAUSES]
    stages = list(dict.fromkeys(stage for stage, _ in sorted(keys, key=lambda key: key[0] is not None)))
    columns = ["stage", "cause"]
    for band in bands:
        columns += [band["percentile"], "95 % interval"]
    rows = []
    for stage, cause in sorted(keys, key=lambda key: (stages.index(key[0]), order.index(key[1]))):
        row = [stage or "query", cause]
        for of in shares:
            share = of.get((stage, cause))
            row += [text.DASH, ""] if share is None else [_share(share["value"]), text.interval(share, _share)]
        rows.append(row)
    latency = ["latency", "mean"]
    for band in bands:
        latency += text.duration_interval(band["latency_s"])
    widths = [f"{band['percentile']}: {counted(band['queries'], 'query')}" for band in bands]
    ranks = [f"ranks {format_percent(band['least'])} .. {format_percent(band['most'])}" for band in bands]
    said = "; ".join(f"{one}, {other}" for one, other in zip(widths, ranks, strict=True))
    return [text.table(columns, [*rows, latency], 2), f"around {said}"]


def _share(value: float | None) -> str:
    return text.DASH if value is None else f"{100 * value:.1f} %"


def _last(last: explain.Last) -> list[Any]:
    """Who is last more often than by chance."""
    of = f"of the slowest {format_percent(last['slowest'])} of the queries"
    looked = f"{last['looked_at']:,} shards and replicas looked at"
    if not last["looked_at"]:
        return []
    if not last["named"]:
        return ["", f"last more often than by chance, {of}: nobody ({looked})"]
    rows = [
        [
            one["stage"],
            " ".join([*([one["source"]] if "source" in one else []), f"shard {one['shard']}"])
            + (f", replica {one['replica']}" if "replica" in one else ""),
            _share(one["share"]),
            _share(one["by_chance"]),
            f"{one['share'] / one['by_chance']:.1f} x" if one["by_chance"] > 0 else text.DASH,
        ]
        for one in last["named"][:MOST]
    ]
    more = len(last["named"]) - len(rows)
    title = f"last more often than by chance, {of} ({looked}):"
    table = text.table(["stage", "who", "last in", "by chance", "times"], rows, 2)
    return ["", title, table, *([f"and {more:,} more"] if more else [])]


#: Of those who are named, and of effects, that are shown, at most.
MOST = 10


def _effects(document: explain.Explanation) -> list[Any]:
    """What would shorten the percentile."""
    if not document["effects"] or document["percentile"] is None:
        return []
    rows = [
        [
            one["stage"] or "load",
            one["what"],
            one["by"],
            text.duration(one["latency_s"]),
            *_change(one),
        ]
        for one in document["effects"]
        if one["by"] == "run" or one["change"] is None or one["change"]["value"]
    ]
    columns = ["stage", "if there were", "by", document["percentile"], "change", "95 % interval"]
    return ["", text.table(columns, rows, 3)]


def _change(one: explain.Effect) -> tuple[str, str]:
    change = one["change"]
    if change is None or change["value"] is None:
        return text.DASH, ""
    shown = "~ 0" if one["word"] == "no difference seen" and change["value"] else text.signed(change["value"])
    return ("none" if not change["value"] else shown), text.interval(change, text.signed)
