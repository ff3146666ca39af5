"""The table of ``run --causes``: what makes a stage's tasks differ, and what the slowest queries meet."""

from typing import Any

from simulator.documents import parts, run
from simulator.report import text

#: A share of a variance that is less is rounding.
ROUNDING = 1e-5


def causes_table(result: run.Run) -> list[Any]:
    """A table of all stages, after an empty line; nothing where it was not asked for."""
    if "causes" not in result:
        return []
    rows: list[list[str]] = []
    for one in result["causes"]:
        slowest = one["slowest"]
        rows.append([one["stage"], "mean task", *[""] * 5, *_more(slowest["mean_task_s"], "")])
        rows += [[one["stage"], by["cause"], *_row(by)] for by in one["by_cause"] if not _is_absent(by)]
        rows.append([one["stage"], "network and merge", *[""] * 5, *_more(slowest["besides_s"])])
        rows.append([one["stage"], "latency", *[""] * 5, *_more(slowest["latency_s"], "")])
    ends = "95 % interval"
    columns = ["stage", "cause", "of service", ends, "theory", "of response", ends, "slowest 1 %", ends]
    return ["", text.table(columns, rows, 2)] if rows else ["", "no stage whose tasks can be told apart by cause"]


def _is_absent(by: run.OfCause) -> bool:
    """Whether nothing of the kind happens, nor on paper: no row."""
    shares = by["of_service"]["value"], by["of_response"]["value"], by["of_service_in_theory"]
    return by["slowest_s"]["value"] in (None, 0.0) and all(abs(share or 0.0) < ROUNDING for share in shares)


def _row(by: run.OfCause) -> list[str]:
    expected = by["of_service_in_theory"]
    return [
        *_share(by["of_service"], by["cause"] == "waiting"),
        "" if expected is None else _percent(expected),
        *_share(by["of_response"], False),
        *(_more(by["slowest_s"]) if by["cause"] != "together" else ("", "")),
    ]


def _share(share: parts.Interval, is_blank: bool) -> tuple[str, str]:
    value = share["value"]
    if value is None:
        return ("" if is_blank else text.DASH), ""
    return _percent(value), text.interval(share, _percent)


def _percent(value: float) -> str:
    """A share of a variance."""
    return text.ratio(next((whole for whole in (0.0, 1.0) if abs(value - whole) < ROUNDING), value))


def _more(seconds: parts.Interval, plus: str = "+") -> tuple[str, str]:
    """What is added, with its sign."""

    def signed(value: float) -> str:
        shown = text.duration(abs(value))
        return f"-{shown}" if value < 0 else f"{plus if value > 0 else ''}{shown}"

    return (text.DASH, "") if seconds["value"] is None else (signed(seconds["value"]), text.interval(seconds, signed))
