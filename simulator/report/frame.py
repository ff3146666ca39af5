"""The frame of all figures: size, title, fonts, colours, what lies around the axes, and the bytes of a file."""

from __future__ import annotations

import io
import os
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from matplotlib.figure import Figure

#: Kinds of files, by their ending.
FORMATS = ("png", "svg", "pdf")
#: In place of a format: the figure itself, for whoever shows it.
ITSELF = "figure"
#: Dots per inch of a figure in dots.
DPI = 140
#: Letters of a title, and sizes of what is written.
MOST_LETTERS, TITLE, TEXT, SMALL = 95, 11, 9, 8
#: Inches of a line of the title: those beyond two make a figure higher, so none is cut.
LINE = 0.19
#: Colours: of what is good or simulated, of what is bad or a limit, of what is between.
BLUE, ORANGE, PALE = "#2171b5", "#d94801", "#9ecae1"


def figure_format(path: Path) -> str | None:
    """The format that a file's name calls for; None if there is no such."""
    ending = path.suffix.lower().removeprefix(".")
    return ending if ending in FORMATS else None


@contextmanager
def own_style() -> Iterator[None]:
    """Draw as the drawing library is delivered: no backend, style or file of settings of the user's counts."""
    chosen = os.environ.get("MPLBACKEND")
    if chosen is not None and "matplotlib" not in sys.modules:
        os.environ["MPLBACKEND"] = "agg"  # a name that it does not know would end its import
    try:
        import matplotlib
    finally:
        if chosen is not None:
            os.environ["MPLBACKEND"] = chosen
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["text.parse_math"] = False  # what scenarios say between two dollars is no formula
        yield


def new(width: float, height: float, title: str = "", most: int = MOST_LETTERS, said: str = "") -> Figure:
    """An empty figure, in inches, with its title above the left edge, and below that what is said of it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        lines = [*textwrap.wrap(title, most), *([said] if said else [])]
        figure.suptitle("\n".join(lines), fontsize=TITLE, x=0.01, ha="left")
        figure.set_figheight(height + LINE * max(0, len(lines) - 2))
    return figure


def around(axes: Any, *, size: int = TEXT, without: Sequence[str] = ("top", "right")) -> None:
    """What all axes have: small numbers, and no lines where there is nothing to read."""
    axes.tick_params(labelsize=size)
    axes.spines[list(without)].set_visible(False)


def logarithmic(axis: Any, show: Callable[[float], str], digits: Sequence[float] = (1, 2, 5)) -> None:
    """Ticks of a logarithmic axis at these digits, as they are to be shown."""
    from matplotlib import ticker

    axis.set_major_locator(ticker.LogLocator(subs=digits))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: show(value)))
    axis.set_minor_formatter(ticker.NullFormatter())


def beside(axes: Any, **more: Any) -> None:
    """The legend to the right of the axes."""
    axes.legend(frameon=False, fontsize=TEXT, loc="upper left", **more)


def saved(figure: Figure, format_: str = "png") -> Any:
    """The bytes of a figure, the same for the same figure; or (``ITSELF``) the figure."""
    if format_ == ITSELF:
        return figure
    from matplotlib import rc_context

    out = io.BytesIO()
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with rc_context({"svg.hashsalt": "shardsim"}):
        figure.savefig(out, format=format_, dpi=DPI, metadata=dates.get(format_))
    return out.getvalue()
