"""A page is made: all that an answer says, in one file."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from typing import Any, cast

from simulator.documents.answer import Answer
from simulator.report.files import to_json
from simulator.report.page import charts, library, panels
from simulator.report.page.html import data, element, page, program, shown

#: Bytes of a page, at most, with its answer as JSON: else that is left out.
MOST_BYTES = 1_950_000

#: What draws an answer of a kind, and whether it takes the answer itself, too.
_FIGURES = {
    "run": "of_run.figures",
    "capacity": "of_searches.capacity_figures",
    "capacities": "of_searches.capacities_figures",
    "most_clients": "of_searches.clients_figures",
    "size": "of_searches.size_figures",
    "sweep": "of_sweep.figures",
    "sensitivity": "of_changes.sensitivity_figures",
    "compare": "of_changes.compare_figures",
    "stress": "of_stress.figures",
    "explain": "of_changes.explain_figures",
}
#: Kinds whose figures need more than their documents.
_FROM_ANSWERS = ("run",)
#: What a page is called, by kind.
TITLES = {
    "run": "Run",
    "capacity": "Capacity",
    "capacities": "Capacity at several values",
    "most_clients": "The most clients",
    "size": "The cheapest fleets",
    "sweep": "Sweep",
    "sensitivity": "Sensitivity",
    "compare": "Comparison",
    "stress": "Stress",
    "explain": "Where the tail comes from",
}


def report_page(answer: Answer, command: str = "") -> str:
    """The page of an answer.

    Parameters
    ----------
    answer
        Of a kind that ``TITLES`` has.
    command
        What was typed for it.

    Raises
    ------
    UnavailableError
        If the drawing library is not installed.
    """
    document = answer.to_dict()
    drawn = figures_of(answer, document)
    programs = [*library.programs(), own("page.js")]
    whole = _page(answer.kind, document, drawn, command, programs, has_answer=True)
    if len(whole.encode()) > MOST_BYTES:
        whole = _page(answer.kind, document, drawn, command, programs, has_answer=False)
    return whole


def figures_of(answer: Answer, document: Mapping[str, object]) -> list[charts.Chart]:
    """The figures of an answer, as plain values."""
    module, _, name = _FIGURES[answer.kind].partition(".")
    draw: Callable[..., Iterator[charts.Chart]] = getattr(
        importlib.import_module(f"simulator.report.page.{module}"), name
    )
    given = (answer, document) if answer.kind in _FROM_ANSWERS else (document,)
    return [chart for chart in draw(*given) if chart["series"]]


def own(name: str) -> str:
    """A file of this room."""
    return files("simulator.report.page").joinpath(name).read_text(encoding="utf-8")


def blocks(kind: str, document: Mapping[str, object]) -> list[Any]:
    """The lines and tables of the text output."""
    module = importlib.import_module(f"simulator.report.{kind}")
    return list(getattr(module, f"{kind}_parts")(document))


def _page(
    kind: str,
    document: Mapping[str, object],
    drawn: list[charts.Chart],
    command: str,
    programs: list[str],
    *,
    has_answer: bool,
) -> str:
    """The page, with the answer as JSON in it or without."""
    title = TITLES[kind]
    subject = _subject(document)
    lead, rest = panels.lead_of(blocks(kind, document))
    shown_rest = list(panels.panels(rest))
    body = [
        element("header", _head(title, subject, lead[1:] if subject["description_in_lead"] else lead), switch()),
        "<main>",
        element("section", element("h2", "Figures", id="figures"), _warning(), *map(_frame, range(len(drawn)), drawn))
        if drawn
        else "",
        *(element("section", element("h2", "Tables", id="tables"), *shown_rest) for _ in shown_rest[:1]),
        element(
            "section",
            element("h2", "How to come to it again", id="again"),
            *_again(document, command, has_answer=has_answer),
        ),
        "</main>",
        element(
            "footer",
            shown(
                f"Written by shardsim; figures by BokehJS {library.library_version()}. Nothing is loaded from anywhere."
            ),
        ),
        element("div", "", id="said", class_="unseen", role="status", aria_live="polite"),
        data("charts", drawn),
        *map(program, programs),
    ]
    return page(f"{subject['name']}: {title}", own("page.css"), body)


def _subject(document: Mapping[str, object]) -> dict[str, Any]:
    """The scenario by name, and whether the first line of the text is that."""
    every = cast(Mapping[str, Any], document)
    if "scenario" in every:
        return {"name": every["scenario"], "description": every["description"], "description_in_lead": True}
    if "capacities" in every:
        first = every["capacities"][0]
        return {"name": first["scenario"], "description": first["description"], "description_in_lead": True}
    names = list(dict.fromkeys(every[side]["scenario"] for side in "ab"))
    return {"name": " beside ".join(names), "description": "", "description_in_lead": False}


def _head(title: str, subject: Mapping[str, Any], lead: list[Any]) -> str:
    """What was asked, and the verdict, in the words of the text output."""
    above = element("p", shown(title), class_="kind") + element("h1", shown(subject["name"]))
    about = element("p", shown(subject["description"]), class_="about") if subject["description"] else ""
    return above + about + "".join(panels.panels(lead))


def switch() -> str:
    """What makes the page dark or light."""
    return element("button", "Dark", type="button", id="theme", aria_pressed="false")


def _warning() -> str:
    return "<noscript><p>Figures need JavaScript; the tables below hold what they show.</p></noscript>"


def _frame(number: int, chart: charts.Chart) -> str:
    """Where a figure is drawn."""
    caption = element("figcaption", element("h3", shown(chart["title"]), id=f"chart-{number}"))
    said = element("p", shown(chart["said"]), class_="quiet") if chart["said"] else ""
    box = element("div", class_="box", role="img", aria_labelledby=f"chart-{number}")
    return element("figure", caption, '<div class="controls"></div>', box, said, data_chart=str(number))


def _again(document: Mapping[str, object], command: str, *, has_answer: bool) -> Iterator[str]:
    """The command, provenance, the resolved scenario, and the answer for programs."""
    if command:
        yield element("h3", "Command") + panels.command(command)
    yield from panels.origins(cast(Mapping[str, Any], document))
    if has_answer:
        yield panels.source("Answer as JSON", to_json(document), "what --format json prints")
    else:
        yield element("p", "The answer as JSON is too long for this page: --format json prints it.")
