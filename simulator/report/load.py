"""The table of a load."""

from simulator.base.formats import counted, format_duration, format_rate, significant
from simulator.documents import load, parts
from simulator.report.text import DASH, notes, number, rendered, table


def load_table(document: load.Load, width: int | None = None, color: bool = False) -> str:
    """A load (the document of ``shardsim load --format json``) as text."""
    each = f"{counted(document['queries'] / document['replications'], 'query')} measured"
    lasts = f"the first takes {_long(document['duration_s'])} after a warm-up of {_long(document['warmup_s'])}"
    columns = ["", "mean", "peak", "CV of gaps", "dispersion 1 s", "10 s", "60 s", "long run"]
    rows = [_row("asked", document["asked"]), _row("drawn", document["drawn"])]
    shown = [
        parts.title_of(document),
        f"{document['arrivals']} arrivals, {document['replications']} x {each}, seed {document['seed']}; {lasts}",
        "",
        table(columns, rows),
        "",
        "peak: of the rate asked for, its highest; of what was drawn, the most in any second",
        "dispersion: variance over mean of the queries in windows of this length; Poisson has 1",
        *notes(document["notes"]),
    ]
    return rendered(shown, width, color)


def _row(name: str, figures: load.Figures) -> list[str]:
    rates = [DASH if each is None else format_rate(each) for each in (figures["rate_per_s"], figures["peak_per_s"])]
    spread = [figures["gap_cv"], *(figures["dispersion"].get(window) for window in ("1s", "10s", "60s", "limit"))]
    return [name, *rates, *(DASH if value is None else number(value) for value in spread)]


def _long(seconds: float) -> str:
    """A duration that may be hours or days."""
    for unit, factor in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * factor:
            return f"{significant(seconds / factor)} {unit}"
    return format_duration(seconds)
