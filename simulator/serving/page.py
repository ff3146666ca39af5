"""The page with the sliders."""

from __future__ import annotations

from importlib.resources import files

from simulator.report.page import library, write
from simulator.report.page.html import data, element, page, program, shown
from simulator.serving.live import OF_BLAME, OF_LOAD, Live
from simulator.serving.server import POLICY_OF_PAGE
from simulator.serving.sliders import Slider

#: What is drawn, in the order in which it is asked for: a name, and what stands above.
SLOTS = {"run": "Latency", "hockey": "Against load", "blame": "What latency is made of"}
#: And of which part of the queries it is, where not of all.
PARTS = {"hockey": OF_LOAD, "blame": OF_BLAME}


def live_page(live: Live) -> str:
    """The page of a scenario. Raises UnavailableError if the drawing library is not installed."""
    scenario, groups = live.scenario, list(dict.fromkeys(one.group for one in live.sliders))
    setup = {
        "sliders": [one.to_dict() for one in live.sliders],
        "of": scenario.sha256()[:16],
        "slots": list(SLOTS),
    }
    about = element("p", shown(scenario.description), class_="about") if scenario.description else ""
    head = element("p", "Live", class_="kind") + element("h1", shown(scenario.name)) + about
    count = scenario.queries
    how = f"{scenario.run.replications} replications" + ("" if count is None else f" of {count:,} queries")
    numbered = list(enumerate(live.sliders))
    body = [
        element("header", head, write.switch()),
        "<main>",
        element(
            "section",
            element("h2", "Settings", id="settings"),
            _buttons(),
            *(_group(group, [(at, one) for at, one in numbered if one.group == group]) for group in groups),
            element("p", f"Each change simulates {how} on the same random numbers.", class_="quiet"),
        ),
        element(
            "section",
            element("h2", "Answer", id="answer"),
            element("p", "", id="state", class_="lines"),
            element("div", element("table", "", id="figures"), class_="table"),
        ),
        *(
            element(
                "section",
                element("h2", shown(title), id=f"of-{name}"),
                element("p", shown(_of_fewer(live, name)), class_="quiet") if name in PARTS else "",
                element("div", "", id=f"slot-{name}"),
            )
            for name, title in SLOTS.items()
        ),
        "</main>",
        element("div", "", id="said", class_="unseen", role="status", aria_live="polite"),
        data("charts", []),
        data("setup", setup),
        *map(program, [*library.programs(), write.own("page.js"), _own("live.js")]),
    ]
    return page(f"{scenario.name}: live", write.own("page.css") + _own("live.css"), body, POLICY_OF_PAGE)


def _of_fewer(live: Live, name: str) -> str:
    """How much less a figure is of."""
    fewer = live.fewer(live.scenario, PARTS[name])
    count = "" if fewer.queries is None else f" of {fewer.queries:,} queries"
    each = ", at each load" if name == "hockey" else ""
    return f"Of {fewer.run.replications} replications{count}{each}, so that it comes while you turn."


def _own(name: str) -> str:
    return files("simulator.serving").joinpath(name).read_text(encoding="utf-8")


def _buttons() -> str:
    names = {
        "undo": "Undo",
        "reset": "As it was",
        "beside": "Keep beside",
        "link": "Copy link",
        "save": "Download scenario",
    }
    made = [element("button", text, type="button", id=name) for name, text in names.items()]
    return element("div", *made, class_="buttons", role="group", aria_label="What to do with the settings")


def _group(name: str, sliders: list[tuple[int, Slider]]) -> str:
    return element("fieldset", element("legend", shown(name)), *(_slider(at, one) for at, one in sliders))


def _slider(number: int, one: Slider) -> str:
    last = str(len(one.stops) - 1)
    shown_at = one.stops[one.at][0]
    key = f"slider-{number}"
    slide = element(
        "input",
        type="range",
        id=key,
        min="0",
        max=last,
        step="1",
        value=str(one.at),
        aria_valuetext=shown_at,
        data_slider=str(number),
    ).removesuffix("</input>")
    told = element("output", shown(shown_at), for_=key)
    return element("div", element("label", shown(one.label), for_=key), slide, told, class_="slider")
