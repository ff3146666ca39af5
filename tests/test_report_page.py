"""Pages of answers: one file each, the numbers of the JSON, names as text; and what a browser makes of them."""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import browser
import pytest
from conftest import ROOT, long_run

from simulator.base.foreign import escaped
from simulator.cli import group
from simulator.report.layout import Grid
from simulator.report.page import charts, html, panels, write

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&<!--\u2028\u202e javascript:alert(1) $$x$$ \\(y\\) @said{safe}"
SCENARIO = """
name: small
description: SAID
load: {rate: 50/s}
run: {queries: 400, replications: 4, seed: 5, warmup: 0}
hardware:
  leaf: {cores: 4, price: 0.5 USD/h}
stages:
  - name: one
    candidates: 100
    model: {kind: tree, per_item: 100us}
    variability: {task: {kind: exponential}}
    shards: 4
    replicas: 2
    hardware: leaf
    keep: 10
  - {name: two, model: {kind: deep, per_item: 0.5ms}, hardware: leaf}
slos: [p90 < 80ms, p50 < 1ms]
"""

#: What is asked for, by name of the page.
COMMANDS = {
    "run": ["run"],
    "capacity": ["capacity", "--slo", "p50 < 40ms", "--tolerance", "20%"],
    "capacities": ["capacity", "--slo", "p50 < 40ms", "--tolerance", "20%", "--over", "stages.one.replicas=1,2"],
    "sweep": ["sweep", "--param", "load.rate=20/s,60/s,90/s"],
    "sweep_2": ["sweep", "--param", "load.rate=20/s,60/s", "--param", "stages.one.routing=random,round_robin"],
    "size": ["size", "--slo", "p50 < 40ms", "--search", "stages.one.replicas=1..3"],
    "sensitivity": ["sensitivity", "--slo", "p50 < 40ms", "--tail-only"],
    "compare": ["compare", "--set-b", "stages.one.replicas=1", "--max-regression", "p50=5%"],
    "stress": ["stress", "--slo", "p90 < 80ms", "--trigger", "load x3 for 1s"],
    "stress_map": ["stress", "--slo", "p90 < 80ms", "--trigger", "load x2,3 for 500ms,1s"],
    "explain": ["explain", "--percentiles", "50,90", "--blame-only"],
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, tuple[Path, str]]:
    """Each page, and the JSON that was printed for it; of a scenario and a file that say hostile things."""
    folder = tmp_path_factory.mktemp("pages")
    scenario = folder / "<img src=y onerror=alert(2)>.yaml"
    scenario.write_text(SCENARIO.replace("SAID", json.dumps(HOSTILE)))
    made = {}
    for name, (command, *more) in COMMANDS.items():
        page, out = folder / f"{name}.html", io.StringIO()
        args = [command, str(scenario), *more, "--jobs", "1", "--format", "json", "--report", str(page)]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            group(args, prog_name="shardsim", standalone_mode=False)
        made[name] = page, out.getvalue()
    assert "bokeh" not in sys.modules, "its programs are read, nothing of it is imported"
    return made


#: Elements without an end.
VOID = {"meta", "link", "br"}


class Parsed(HTMLParser):
    """A page: its elements balanced, its tables as rows of cells, its texts by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: dict[str, int] = {}
        self.attributes: list[tuple[str, str, str | None]] = []
        self.tables: list[list[list[str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == [], "every element ends"

    def handle_starttag(self, tag, attributes):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.attributes += [(tag, name, value) for name, value in attributes]
        self.ids += [value or "" for name, value in attributes if name == "id"]
        if tag in VOID:
            return
        self.open.append(tag)
        self.texts.setdefault(tag, []).append("")
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        if self.open:
            self.texts[self.open[-1]][-1] += data
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data


def test_text_is_escaped_wherever_it_stands():
    assert html.shown("<b>\"'&\u2028\x1b") == "&lt;b&gt;&quot;&#x27;&amp;\\u2028\\x1b"
    assert html.element("a", html.shown("<"), title='"x"') == '<a title="&quot;x&quot;">&lt;</a>'
    for hostile in (HOSTILE, "</script>", "<!--<script>", "]]>", "\u2028\u2029"):
        text = html.data("it", {"a": [hostile]})
        inside = text.removeprefix('<script type="application/json" id="it">').removesuffix("</script>")
        assert not set("<>&\u2028\u2029") & set(inside)
        assert json.loads(inside) == {"a": [hostile]}
    assert html.program("a = '</ScRiPt><!--'") == "<script>a = '<\\/ScRiPt>\\x3c!--'</script>"


@long_run
@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_is_one_small_valid_file_that_loads_nothing(pages, name):
    text = pages[name][0].read_text()
    assert len(text.encode()) < 2_000_000
    parsed = Parsed(text)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert (parsed.tags["html"], parsed.tags["title"], parsed.tags["h1"], parsed.tags["main"]) == (1, 1, 1, 1)
    assert "img" not in parsed.tags and "iframe" not in parsed.tags
    scripts = parsed.tags["script"]
    assert scripts == 4, "values, two programs of the library, and our own: a name has added none"
    loaded = [(tag, value) for tag, key, value in parsed.attributes if key in ("src", "href", "action", "srcset")]
    assert loaded == [("link", "data:,")]
    assert not any(key.startswith("on") for _, key, _ in parsed.attributes)
    style = parsed.texts["style"][0]
    assert "url(" not in style and "@import" not in style
    policy = next(value for _, key, value in parsed.attributes if key == "content" and "default-src" in (value or ""))
    assert policy.startswith("default-src 'none'; ") and "http" not in policy and "unsafe-eval" not in policy
    assert escaped(HOSTILE) in parsed.texts["p"] or name == "compare"


@long_run
@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_has_the_words_tables_and_numbers_of_the_answer(pages, name):
    page, printed = pages[name]
    parsed = Parsed(page.read_text())
    document = json.loads(printed)
    kind = {"sweep_2": "sweep", "stress_map": "stress"}.get(name, name)
    grids = [block for block in write.blocks(kind, document) if isinstance(block, Grid)]
    expected = [[list(grid.columns), *map(list, grid.rows)] for grid in grids]
    assert sorted(parsed.tables) == sorted(expected)
    *_, answer = parsed.texts["pre"]
    assert answer == printed, "the answer as JSON is what --format json prints"
    command = next(text for text in parsed.texts["pre"] if text.startswith(f"shardsim {COMMANDS[name][0]} "))
    assert "onerror=alert(2)" in command and command.endswith(f"--report {page}")
    resolved = document["capacities"][0]["provenance"] if "capacities" in document else document["provenance"]
    resolved = resolved.get("a", resolved)
    assert resolved["scenario_sha256"] in parsed.texts["dd"]
    assert any(text.startswith("name: ") for text in parsed.texts["pre"])


#: Documents of answers that are kept, but for runs, whose figures need their traces.
KEPT = [
    (path, kind)
    for path in sorted((ROOT / "tests" / "answers").glob("*.json.gz"))
    for kind in ("capacity_over", "capacity", "compare", "explain", "sensitivity", "size", "sweep")
    if path.name.removeprefix("few_").startswith((f"{kind}.", f"{kind}_reranked"))
]


@pytest.mark.parametrize(("path", "kind"), KEPT, ids=lambda value: getattr(value, "name", ""))
def test_kept_answers_are_pages(path, kind):
    document = json.loads(gzip.decompress(path.read_bytes()))["document"]
    kind = {"capacity_over": "capacities"}.get(kind, kind)
    parsed = Parsed(write.report_page(SimpleNamespace(kind=kind, to_dict=lambda: document)))
    grids = [block for block in write.blocks(kind, document) if isinstance(block, Grid)]
    assert len(parsed.tables) == len(grids)
    assert json.loads(parsed.texts["pre"][-1]) == document


def drawn(page: Path) -> list[charts.Chart]:
    """The figures of a page, as it holds them."""
    found = re.search(r'<script type="application/json" id="charts">(.*?)</script>', page.read_text())
    assert found is not None
    return json.loads(found[1])


def series_of(figures: list[charts.Chart], title: str, name: str, shape: str) -> dict[str, list]:
    """The columns of a series."""
    figure = next(figure for figure in figures if figure["title"] == title)
    return next(one for one in figure["series"] if (one["name"], one["shape"]) == (name, shape))["columns"]


@long_run
def test_figures_have_the_numbers_of_the_json(pages):
    page, printed = pages["run"]
    document, figures = json.loads(printed), drawn(page)
    known = {name: one for name, one in document["latency_s"].items() if name[0] == "p" and one is not None}
    shown = series_of(figures, "Latency by percentile", "percentiles, 95 % interval", "points")
    assert shown["y"] == [one["value"] for one in known.values()]
    assert shown["x"] == pytest.approx([1 - float(name[1:]) / 100 for name in known])
    busy = series_of(figures, "How busy the replicas are", "mean over replicas", "blocks")
    assert busy["right"] == [stage["utilisation"]["mean"]["value"] for stage in document["stages"]]
    page, printed = pages["capacity"]
    document, figures = json.loads(printed), drawn(page)
    probes = series_of(figures, "p50 < 40ms, by load", "simulated", "points")
    rows = [row for row in document["curve"] if row["figure"] is not None]
    assert probes["x"] == [row["rate_per_s"] for row in rows] and probes["y"] == [row["figure"] for row in rows]
    page, printed = pages["sweep"]
    document, figures = json.loads(printed), drawn(page)
    median = series_of(figures, "Latency against load", "p50", "points")
    assert median["y"] == [row["latency_p50_s"] for row in document["points"] if row["latency_p50_s"] is not None]
    page, printed = pages["compare"]
    document, figures = json.loads(printed), drawn(page)
    changes = {row["relative"]["value"] for row in document["figures"]}
    bars = [one for one in figures[0]["series"] if one["shape"] == "blocks"]
    assert bars and all({*one["columns"]["left"], *one["columns"]["right"]} <= {*changes, 0.0} for one in bars)
    page, printed = pages["explain"]
    document, figures = json.loads(printed), drawn(page)
    widths = [
        right - left
        for one in figures[0]["series"]
        if one["shape"] == "blocks"
        for left, right in zip(one["columns"]["left"], one["columns"]["right"], strict=True)
    ]
    shares = [part["share"]["value"] for band in document["bands"] for part in band["parts"]]
    assert sorted(widths) == pytest.approx(sorted(share for share in shares if share))


@pytest.mark.parametrize("command", sorted({command for command, *_ in COMMANDS.values()}))
@pytest.mark.parametrize(
    ("file", "said"), [("page.htm", "a report is a .html file"), ("no/../x.html/page.html", "cannot be written")]
)
def test_what_cannot_be_written_is_refused_before_anything_is_simulated(
    shardsim, tmp_path, monkeypatch, command, file, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.html").write_text("kept")
    (tmp_path / "no").mkdir()
    more = {"sweep": ["--param", "load.rate=1/s"], "size": ["--search", "load.rate=1/s"], "stress": ["--trigger", "x"]}
    more["compare"] = ["--set-b", "load.rate=1/s"]
    (tmp_path / "one.yaml").write_text(SCENARIO.replace("SAID", "one"))
    code, out, err = shardsim(command, "one.yaml", *more.get(command, []), "--report", file)
    assert (code, out) == (2, "") and said in err
    assert (tmp_path / "x.html").read_text() == "kept"


def test_without_the_library_the_command_says_what_to_install(shardsim, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr("simulator.report.page.library.find_spec", lambda name: None if name == "bokeh" else find(name))
    (tmp_path / "one.yaml").write_text(SCENARIO.replace("SAID", "one"))
    code, out, err = shardsim("run", str(tmp_path / "one.yaml"), "--report", str(tmp_path / "page.html"))
    assert (code, out) == (2, "")
    assert err == "--report needs the package bokeh: pip install 'shardsim[report]'\n"
    assert not (tmp_path / "page.html").exists()


def test_a_page_takes_the_place_of_another_whole_or_not_at_all(shardsim, tmp_path, monkeypatch):
    page = tmp_path / "page.html"
    page.write_text("before")
    (tmp_path / "one.yaml").write_text(SCENARIO.replace("SAID", "one"))
    few = ("run", str(tmp_path / "one.yaml"), "--queries", "20", "--jobs", "1", "-q", "--report", str(page))

    def fails(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("simulator.report.files._put", fails)
        code, out, err = shardsim(*few)
    assert code == 2 and "cannot be written: No space left" in err and page.read_text() == "before"
    assert json.loads(out)["scenario"] == "small", "what was found is not thrown away"
    shardsim(*few)
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.yaml", "page.html"]


@long_run
def test_an_answer_is_a_page_from_python_too():
    import simulator

    scenario = simulator.scenario_from_text(SCENARIO.replace("SAID", "one").replace("400", "20"))
    page = simulator.simulate(scenario, jobs=1).to_html("shardsim run 'one & two.yaml'")
    assert "shardsim run &#x27;one &amp; two.yaml&#x27;" in page
    assert "Command" not in re.sub(
        "<script>.*?</script>", "", simulator.simulate(scenario, jobs=1).to_html(), flags=re.S
    )
    with pytest.raises(simulator.ScenarioError, match="there is no page of a load; there are pages of run, capacity"):
        simulator.portrait(scenario).to_html()


def test_long_tables_are_cut_and_say_so():
    rows = [[str(place), "x"] for place in range(panels.MOST_ROWS + 7)]
    text = panels.table(Grid(["number", "what"], rows))
    assert "and 7 rows more" in text and text.count("<tr>") == panels.MOST_ROWS + 1


def test_an_answer_that_is_too_long_is_left_out_as_json(shardsim, tmp_path, monkeypatch):
    (tmp_path / "one.yaml").write_text(SCENARIO.replace("SAID", "one"))
    page = tmp_path / "page.html"
    few = ("run", str(tmp_path / "one.yaml"), "--queries", "20", "--jobs", "1", "-q", "--report", str(page))
    shardsim(*few)
    assert "Answer as JSON" in page.read_text()
    monkeypatch.setattr(write, "MOST_BYTES", len(page.read_bytes()) - 1)
    shardsim(*few)
    assert "Answer as JSON" not in page.read_text()
    assert "The answer as JSON is too long for this page" in page.read_text()


no_browser = browser.chromium() is None
in_a_browser = pytest.mark.skipif(no_browser, reason="no Chromium here: apt-get install chromium")


opened = pytest.fixture(scope="module")(browser.one_page)


def quiet(opened: browser.Browser, page: Path) -> bool:
    """Whether nothing was said, and nothing asked for but the page and what stands in it."""
    others = [one for one in opened.fetched if not one.startswith(("data:", page.absolute().as_uri()))]
    assert (opened.said, others) == ([], [])
    return True


@in_a_browser
@long_run
@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_opens_without_a_network_and_runs_nothing_of_others(pages, opened, name):
    page = pages[name][0]
    opened.open(page)
    assert quiet(opened, page)
    figures = len(drawn(page))
    assert figures and opened.run("window.shardsim.every(one => one.view !== undefined)")
    assert opened.run("document.querySelectorAll('figure .box .bk-Figure').length") == figures
    assert opened.run("document.querySelectorAll('img, iframe, object').length") == 0
    assert opened.run("document.title").startswith("small: ")
    said = opened.run("document.querySelector('header').textContent")
    assert (escaped(HOSTILE) if name != "compare" else "onerror=alert(2)") in said


#: Where a point of a figure is on the screen, once it is in view; and all text of a page, within components, too.
WHERE = """((number, name, place) => {
  const one = window.shardsim[number], box = one.figure.querySelector(".box");
  box.scrollIntoView({block: "center"});
  const {x, y} = one.chart.series.find(s => s.name === name && s.shape === "points").columns;
  const at = one.view.canvas_view.el.getBoundingClientRect(), frame = one.view.frame;
  return [at.x + frame.x_scale.compute(x[place]), at.y + frame.y_scale.compute(y[place])];
})"""
ALL_TEXT = """(() => {
  const of = node => node.nodeType === 3 ? node.data
    : ["STYLE", "SCRIPT"].includes(node.nodeName) ? ""
    : [...(node.shadowRoot ? node.shadowRoot.childNodes : []), ...node.childNodes].map(of).join(" ");
  return of(document.body);
})()"""
#: The middle of the widest rectangle of the first figure, and what is said of it, as the library shows it.
BLOCK = """(() => {
  const one = window.shardsim[0], box = one.figure.querySelector(".box");
  box.scrollIntoView({block: "center"});
  const every = one.chart.series.filter(s => s.shape === "blocks").flatMap(s => {
    const {said, left, right, bottom, top} = one.parts.get(s.name)[0].data_source.data;
    return said.map((text, at) => [right[at] - left[at], (left[at] + right[at]) / 2, (bottom[at] + top[at]) / 2, text]);
  });
  const [, x, y, said] = every.sort((a, b) => b[0] - a[0])[0];
  const at = one.view.canvas_view.el.getBoundingClientRect(), frame = one.view.frame;
  return [at.x + frame.x_scale.compute(x), at.y + frame.y_scale.compute(y), said];
})()"""


@in_a_browser
def test_names_in_figures_are_text_too(opened, tmp_path):
    document = json.loads(gzip.decompress((ROOT / "tests/answers/few_compare.json.gz").read_bytes()))["document"]
    for row in document["figures"]:
        row["figure"] = f"{HOSTILE} {row['figure']}"
    for row in document["limits"]:
        row["figure"] = f"{HOSTILE} {row['figure']}"
    page = tmp_path / "page.html"
    page.write_text(write.report_page(SimpleNamespace(kind="compare", to_dict=lambda: document), HOSTILE))
    opened.open(page)
    x, y, said = opened.run(BLOCK)
    assert "onerror" in said
    opened.point(x - 1, y)
    opened.point(x, y)
    opened.until(f"{ALL_TEXT}.includes({json.dumps(said)})")
    opened.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    opened.until(f"document.querySelector('figure li').textContent.includes({json.dumps(HOSTILE)})")
    assert opened.run("document.querySelectorAll('img, iframe, object').length") == 0
    opened.run("window.shardsim[0].chart.x.label = '$$x^2$$ and \\\\(y\\\\)'; document.getElementById('theme').click()")
    opened.until(f"{ALL_TEXT}.replaceAll('\u200b', '').includes('$$x^2$$ and')")
    assert quiet(opened, page)


@in_a_browser
@long_run
def test_axes_say_percentiles_durations_and_names(pages, opened):
    opened.open(pages["run"][0])
    words = opened.run(ALL_TEXT).split()
    assert {"p50", "p90", "p99", "ms", "%", "one", "two"} <= set(words)
    show = "window.shardsim[1].plot.below[0].formatter.doFormat"
    ticks = opened.run(f"{show}.call(window.shardsim[1].plot.below[0].formatter, [1e-9, 2.5e-4, 0.02, 1, 90, 7200])")
    assert ticks == ["1 ns", "250 us", "20 ms", "1 s", "90 s", "2 h"]


@in_a_browser
@long_run
def test_a_point_says_its_value_where_the_pointer_is(pages, opened):
    page = pages["sweep"][0]
    opened.open(page)
    said = series_of(drawn(page), "Latency against load", "p50", "points")["said"][1]
    assert said not in opened.run(ALL_TEXT)
    x, y = opened.run(f"{WHERE}(0, 'p50', 1)")
    opened.point(x - 60, y - 60)
    opened.point(x, y)
    opened.until(f"{ALL_TEXT}.includes({json.dumps(said)})")
    assert quiet(opened, page)


@in_a_browser
@long_run
def test_series_hide_axes_turn_logarithmic_and_zoom_by_keyboard_alone(pages, opened):
    page = pages["sweep"][0]
    opened.open(page)
    reached = []
    for _ in range(12):
        opened.press("Tab", 9)
        reached.append(opened.run("document.activeElement.textContent"))
    assert {"Dark", "+", "Reset", "log x", "p50"} <= set(reached)
    assert "" not in reached, "no place without a name"
    find = "[...document.querySelectorAll('.legend button')].find(one => one.textContent === 'p50')"
    shown = "window.shardsim[0].parts.get('p50').filter(part => part.visible).length"
    assert opened.run(shown) == 3
    opened.run(f"{find}.focus()")
    opened.press("Enter", 13)
    assert opened.run(shown) == 0 and opened.run(f"{find}.getAttribute('aria-pressed')") == "false"
    log = "[...document.querySelectorAll('.controls button')].find(one => one.textContent === 'log x')"
    opened.run(f"{log}.focus()")
    opened.press("Enter", 13)
    opened.until("window.shardsim[0].plot.x_scale.type === 'LogScale'")
    assert opened.run(shown) == 0, "what is hidden stays so"
    opened.run(f"{find}.click()")
    assert opened.run(shown) == 3
    ends = "(r => [r.start, r.end])(window.shardsim[0].plot.y_range)"
    before = opened.run(ends)
    for text, is_within in (("+", True), ("Reset", False)):
        button = f"[...document.querySelectorAll('.controls button')].find(one => one.textContent === '{text}')"
        opened.run(f"{button}.focus()")
        opened.press("Enter", 13)
        low, high = opened.run(ends)
        assert (before[0] < low < high < before[1]) is is_within
    assert opened.run(ends) == pytest.approx(before)
    assert quiet(opened, page)


@in_a_browser
@long_run
def test_a_finger_scrolls_the_page_over_a_figure(pages, opened):
    opened.call("Emulation.setTouchEmulationEnabled", enabled=True)
    try:
        opened.open(pages["run"][0], width=420, height=700)
        opened.run("document.querySelector('.box').scrollIntoView({block: 'center'})")
        before = opened.run("scrollY")
        x, y = opened.run(
            "(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector('.box').getBoundingClientRect())"
        )
        opened.swipe_up(x, y)
        opened.until(f"scrollY > {before + 75}")
    finally:
        opened.call("Emulation.setTouchEmulationEnabled", enabled=False)


@in_a_browser
@long_run
def test_tables_are_copied_as_cells_and_the_command_as_it_is(pages, opened):
    page = pages["run"][0]
    opened.open(page)
    opened.run("navigator.clipboard.writeText = async text => { window.copied = text; }; 0")
    opened.run("document.querySelector('main table').closest('.table').querySelector('button').click()")
    opened.until("window.copied !== undefined")
    parsed = Parsed(page.read_text())
    first = next(rows for rows in parsed.tables if rows[0][0] == "latency")
    assert opened.run("window.copied") == "\n".join("\t".join(row) for row in first) + "\n"
    opened.run("window.copied = undefined; document.querySelector('#again ~ .table button').click()")
    opened.until("window.copied !== undefined")
    assert opened.run("window.copied").startswith("shardsim run ")
    assert "Copied" in opened.run("document.getElementById('said').textContent")
    assert quiet(opened, page)


@in_a_browser
@long_run
def test_light_and_dark_are_as_the_reader_has_it_and_can_be_changed(pages, opened):
    page = pages["run"][0]
    paper = "getComputedStyle(document.body).backgroundColor"
    colors = []
    for dark in (False, True):
        opened.open(page, dark=dark)
        colors.append(opened.run(paper))
        assert opened.run("document.getElementById('theme').getAttribute('aria-pressed')") == str(dark).lower()
    opened.run("document.getElementById('theme').click()")
    assert opened.run(paper) == colors[0] != colors[1]
    axis = "window.shardsim[0].plot.below[0].major_label_text_color"
    opened.until(f"{axis} === getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()")
    assert quiet(opened, page)


#: Packages that bring axe-core, the newest first.
AXE = ("axe_playwright_python", "axe_core_python")


def axe() -> str | None:
    """The program axe-core; None if no package has it."""
    for name in AXE:
        found = importlib.util.find_spec(name)
        for place in found.submodule_search_locations or () if found is not None else ():
            if (Path(place) / "axe.min.js").is_file():
                return (Path(place) / "axe.min.js").read_text()
    return None


@in_a_browser
@long_run
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.skipif(axe() is None, reason="no axe-core here: pip install axe-core-python")
def test_nothing_keeps_a_reader_out(pages, opened, name, dark):
    opened.open(pages[name][0], dark=dark)
    opened.run(f"{axe()}; 0")
    opened.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found = opened.run("axe.run().then(result => result.violations.map(v => [v.impact, v.id, v.nodes[0].html]))")
    assert [one for one in found if one[0] in ("serious", "critical")] == []
