"""An answer in a format: as a table, as Markdown, CSV or a figure where there is one of its kind, or as JSON.

Where these are goes by the kind of the answer: the table of a ``size`` is ``size_table`` in ``report.size``, its figure
``size_figure`` in ``report.size_figure``.
"""

import importlib
from collections.abc import Callable
from typing import Any

from simulator.base.errors import Problem, ScenarioError
from simulator.documents.answer import Answer
from simulator.report import frame
from simulator.report.files import to_json

#: What shows an answer as text in another format than a table, by kind and format.
TEXTS = {("sweep", "csv"): "sweep.sweep_csv", ("compare", "markdown"): "compare.compare_markdown"}
#: Kinds that have a figure.
FIGURES = ("capacity", "explain", "load", "run", "sensitivity", "size", "stress", "sweep")
#: What shows more of an answer than its document holds: the arrivals of a load, the cases of a check.
FROM_ANSWERS = ("catalogue.catalogue_table", "check.check_table", "load_figure.load_figure", "run_figure.run_figure")


def table_of(answer: Answer, width: int | None = None, color: bool = False) -> str:
    """An answer as a table; ``width``: letters that no line exceeds, None: as many as it takes."""
    return str(_shown(answer, f"{answer.kind}.{answer.kind}_table", width, color))


def text_of(answer: Answer, format_: str, width: int | None = None, color: bool = False) -> str:
    """An answer as text: ``json``, ``csv`` or ``markdown`` where there is one, else as a table."""
    if format_ == "json":
        return to_json(answer.to_dict())
    if (answer.kind, format_) in TEXTS:
        return str(_shown(answer, TEXTS[answer.kind, format_]))
    return table_of(answer, width, color)


def figure_of(answer: Answer, format_: str = "png") -> bytes:
    """An answer as a figure, of those that have one; ``format_``: png, svg or pdf."""
    assert answer.kind in FIGURES, answer.kind
    return bytes(_shown(answer, f"{answer.kind}_figure.{answer.kind}_figure", format_))


def plotted(answer: Answer) -> Any:
    """An answer as a ``matplotlib.figure.Figure``.

    Raises
    ------
    ScenarioError
        If there is no figure of its kind, or nothing to be drawn.
    """
    if answer.kind not in FIGURES:
        message = f"there is no figure of a {answer.kind}; there are figures of {', '.join(FIGURES)}"
        raise ScenarioError([Problem("plot", 0, 0, "", message)])
    return _shown(answer, f"{answer.kind}_figure.{answer.kind}_figure", frame.ITSELF)


def page_of(answer: Answer, command: str = "") -> str:
    """An answer as one HTML file; ``command``: what was typed for it.

    Raises
    ------
    ScenarioError
        If there is no page of its kind.
    UnavailableError
        If the library that draws its figures is not installed.
    """
    from simulator.report.page import write

    if answer.kind not in write.TITLES:
        message = f"there is no page of a {answer.kind}; there are pages of {', '.join(write.TITLES)}"
        raise ScenarioError([Problem("to_html", 0, 0, "", message)])
    return write.report_page(answer, command)


def _shown(answer: Answer, name: str, *more: Any) -> Any:
    """What a function of this room makes of an answer; its module is loaded when it is needed."""
    module, _, function = name.partition(".")
    show: Callable[..., Any] = getattr(importlib.import_module(f"simulator.report.{module}"), function)
    return show(answer if name in FROM_ANSWERS else answer.to_dict(), *more)
