"""The page with sliders: what it answers is what the command says of its scenario, and only its own page may ask."""

from __future__ import annotations

import http.client
import json
import math
import re
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import browser
import pytest
from click.testing import CliRunner
from conftest import ROOT, long_run
from test_report_page import HOSTILE, axe

from simulator import ScenarioError, load_scenario, scenario_from_dict, scenario_from_text, serve, simulate
from simulator.base.errors import ArgumentError, Problem
from simulator.cli import group
from simulator.report.page import of_run
from simulator.report.text import duration_interval
from simulator.scenario import to_yaml
from simulator.serving.live import ASKED, live, refused
from simulator.serving.server import Server
from simulator.serving.sliders import sliders_of

FUNNEL = {
    "name": "funnel",
    "description": HOSTILE,
    "load": {"rate": "100/s"},
    "run": {"queries": 5000, "replications": 20, "seed": 4},
    "slos": ["p90 < 60ms"],
    "stages": [
        {
            "name": "search",
            "candidates": 1000,
            "model": {"kind": "tree", "per_item": "8us", "overhead": "1ms"},
            "shards": 4,
            "replicas": 2,
            "keep": 50,
            "hedge": {"after": "20ms"},
            "variability": {"task": {"kind": "gamma", "cv": 0.4}},
        },
        {
            "name": "rank",
            "model": {"kind": "linear", "per_item": "40us", "overhead": "2ms"},
            "batching": {"max_size": 4, "max_wait": "1ms"},
        },
    ],
    "sweep": {"load.rate": ["50/s", "80/s"]},
}


def scenario(**more):
    return scenario_from_dict({**FUNNEL, **more})


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve(scenario(), queries=300, replications=4, jobs=1) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join(30)


def names(turned):
    return [(one.group, one.label) for one in turned]


# --- sliders ----------------------------------------------------------------------------------------------------------


def test_every_knob_of_the_issue_is_a_slider():
    assert names(sliders_of(scenario())) == [
        ("load", "load"),
        ("search", "shards"),
        ("search", "replicas of a shard"),
        ("search", "what a task costs"),
        ("search", "variability of tasks"),
        ("search", "a copy is sent after"),
        ("rank", "shards"),
        ("rank", "replicas of a shard"),
        ("rank", "what a task costs"),
        ("rank", "variability of tasks"),
        ("rank", "tasks in a batch, at most"),
    ]


def test_a_slider_begins_where_the_scenario_is_and_sets_nothing_there():
    turned = live(scenario())
    here = [one.at for one in turned.sliders]
    assert all(one.stops[one.at][1] == () for one in turned.sliders)
    assert turned.at(here) == turned.scenario and turned.scenario.sweep is None
    assert (turned.scenario.queries, turned.scenario.run.replications) == (1000, 8)


def test_every_stop_of_every_slider_is_a_scenario():
    turned = live(scenario())
    here = [one.at for one in turned.sliders]
    for place, one in enumerate(turned.sliders):
        for stop, (shown, sets) in enumerate(one.stops):
            changed = turned.at([*here[:place], stop, *here[place + 1 :]])
            assert shown and (changed.sha256() != turned.scenario.sha256()) == bool(sets), (one.label, shown)
    assert len(set(map(len, (one.stops for one in turned.sliders)))) > 1


GALLERY = sorted(path.stem for path in (ROOT / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("name", GALLERY)
def test_what_the_gallery_has_can_be_turned(name):
    turned = live(load_scenario(ROOT / "scenarios" / f"{name}.yaml"))
    here = [one.at for one in turned.sliders]
    assert here and all(len(one.stops) > 1 and one.stops[one.at][1] == () for one in turned.sliders)
    assert all(turned.at([*here[:place], one.at, *here[place + 1 :]]) for place, one in enumerate(turned.sliders))


@pytest.mark.parametrize(
    ("law", "at", "stop"),
    [
        ("4ms", "cv 0", {"kind": "lognormal", "mean": "4ms", "cv": 0.5}),
        ({"kind": "exponential", "mean": "4ms"}, "cv 1", {"kind": "gamma", "mean": "4ms", "cv": 0.5}),
        ({"kind": "gamma", "mean": "4ms", "cv": 0.8}, "cv 0.8", {"kind": "gamma", "mean": "4ms", "cv": 0.5}),
        ({"kind": "pareto", "minimum": "1ms", "maximum": "1s", "shape": 3}, None, None),
    ],
)
def test_times_have_their_spread_in_their_law(law, at, stop):
    stage = {"name": "one", "model": {"kind": "time", "law": law}}
    turned = live(scenario(stages=[stage]))
    found = [one for one in turned.sliders if one.label == "variability of tasks"]
    if at is None:
        assert not found
        return
    words = [shown for shown, _ in found[0].stops]
    stops = [one.at for one in turned.sliders]
    stops[turned.sliders.index(found[0])] = words.index("cv 0.5")
    assert words[found[0].at] == at and turned.at(stops).resolved()["stages"][0]["model"]["law"] == stop


def test_stops_mean_what_they_show():
    turned = live(scenario())
    at = [one.at for one in turned.sliders]
    by = {(one.group, one.label): place for place, one in enumerate(turned.sliders)}

    def set_to(group_, label, shown):
        at[by[group_, label]] = [word for word, _ in turned.sliders[by[group_, label]].stops].index(shown)

    set_to("load", "load", "150/s")
    set_to("search", "shards", "8")
    set_to("search", "what a task costs", "x 0.5")
    set_to("search", "variability of tasks", "cv 1")
    set_to("search", "a copy is sent after", "40ms")
    set_to("rank", "replicas of a shard", "3")
    set_to("rank", "tasks in a batch, at most", "16")
    said = turned.at(at).resolved()
    search, rank = said["stages"]
    assert said["load"]["scale"] == 1.5 and search["shards"] == 8 and rank["replicas"] == 3
    assert (search["model"]["per_item"], search["model"]["overhead"]) == ("4us", "0.5ms")
    assert search["variability"]["task"] == {"kind": "gamma", "cv": 1.0} and search["hedge"]["after"] == "40ms"
    assert rank["batching"]["max_size"] == 16


def test_who_waits_has_a_slider_of_clients():
    closed = {"arrivals": {"kind": "closed", "clients": 8, "think": {"kind": "exponential", "mean": "10ms"}}}
    stages = [{key: said for key, said in stage.items() if key != "hedge"} for stage in FUNNEL["stages"]]
    turned = live(scenario(load=closed, stages=stages, sweep=None))
    assert names(turned.sliders)[0] == ("load", "clients")
    assert turned.at([0, *(one.at for one in turned.sliders[1:])]).load.arrivals.clients == 2
    assert turned.hockey([one.at for one in turned.sliders])["said"] == ["A hockey stick is of a load of one rate."]


@pytest.mark.parametrize("stops", [[0], [99] + [0] * 10, [-1] + [0] * 10, ["0"] + [0] * 10, [True] + [0] * 10])
def test_there_are_no_other_stops(stops):
    with pytest.raises(ArgumentError):
        live(scenario()).at(stops)


WHISKERS = "percentiles, 95 % interval"
# --- answers ----------------------------------------------------------------------------------------------------------


def asked(server: Server, path: str, body: object = None, method: str | None = None, **headers: str | None):
    """Status, headers and text of an answer; ``headers``: others than a browser would send, None: none."""
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    sent = {"Host": f"127.0.0.1:{place.port}", "Content-Type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    content = None if body is None else json.dumps(body).encode()
    connection.putrequest(method or ("GET" if body is None else "POST"), path, skip_host=True)
    for name, value in sent.items():
        if value is not None:
            connection.putheader(name, value)
    if content is not None and "Content-Length" not in sent:
        connection.putheader("Content-Length", str(len(content)))
    connection.endheaders(content)
    answer = connection.getresponse()
    said = answer.status, dict(answer.getheaders()), answer.read().decode()
    connection.close()
    return said


def at_first(server: Server, **more: object) -> dict[str, object]:
    return {"at": [one.at for one in server.live.sliders], "page": "test", "turn": 1, **more}


def path_of(server: Server, what: str = "") -> str:
    return f"/{server.secret}/{what}"


def test_numbers_are_those_of_the_command_for_the_scenario_that_is_downloaded(server, tmp_path):
    stops = [one.at for one in server.live.sliders]
    stops[0] += 2
    status, headers, text = asked(server, path_of(server, f"scenario.yaml?at={','.join(map(str, stops))}"))
    assert status == 200 and headers["Content-Disposition"] == 'attachment; filename="funnel.yaml"'
    (tmp_path / "funnel.yaml").write_text(text)
    printed = (
        CliRunner().invoke(group, ["run", str(tmp_path / "funnel.yaml"), "--jobs", "1", "--format", "json"]).stdout
    )
    document = json.loads(printed)
    status, _, said = asked(server, path_of(server, "run"), at_first(server, at=stops, page="numbers"))
    answer = json.loads(said)
    assert status == 200
    shown = next(one for one in answer["charts"] if one["title"] == "Latency by percentile")
    points = next(
        one for one in shown["series"] if one["name"] == "percentiles, 95 % interval" and one["shape"] == "points"
    )
    seen = [figure["value"] for name, figure in document["latency_s"].items() if name[0] == "p" and figure]
    assert points["columns"]["y"] == seen
    result = simulate(scenario_from_text(text), jobs=1)
    assert answer["charts"][0] == json.loads(json.dumps(next(of_run.spectrum(result, result.to_dict()))))
    assert answer["rows"][0][1:] == list(duration_interval(document["latency_s"]["mean"]))


def test_the_other_figures_are_of_fewer_queries(server):
    for what, title in (("hockey", "Latency against load"), ("blame", "What latency is made of")):
        status, _, said = asked(server, path_of(server, what), at_first(server, page=what))
        answer = json.loads(said)
        assert status == 200 and [one["title"] for one in answer["charts"]] == [title] and not answer["said"]


def test_what_does_not_go_together_is_said(server):
    stops = [one.at for one in server.live.sliders]
    stops[0] = 99
    status, _, said = asked(server, path_of(server, "run"), at_first(server, at=stops, page="refused"))
    assert status == 422 and json.loads(said)["error"] == "load, load: there is no stop 99"
    status, _, said = asked(server, path_of(server, f"scenario.yaml?at={','.join(map(str, stops))}"))
    assert status == 422 and "there is no stop 99" in said
    error = ScenarioError(
        [Problem("the page", 0, 0, "stages[0]", "does not fit"), Problem("the page", 0, 0, "", "nor")]
    )
    assert refused(error) == "nor; stages[0]: does not fit", "in the order of the file"


def test_a_page_that_has_gone_on_gets_no_old_answer(server):
    assert asked(server, path_of(server, "run"), at_first(server, page="old", turn=7))[0] == 200
    status, _, said = asked(server, path_of(server, "run"), at_first(server, page="old", turn=6))
    assert status == 409 and "meanwhile" in said
    assert asked(server, path_of(server, "run"), at_first(server, page="other", turn=1))[0] == 200


# --- who may ask ------------------------------------------------------------------------------------------------------

FOREIGN = {
    "another host": {"Host": "evil.example"},
    "a name that was bound anew": {"Host": "evil.example:80"},
    "no host": {"Host": None},
    "another site": {"Origin": "http://evil.example"},
    "a file": {"Origin": "null"},
    "another program of this machine": {"Origin": "http://127.0.0.1:1"},
    "a page of another site": {"Sec_Fetch_Site": "cross-site"},
    "a page of another program": {"Sec_Fetch_Site": "same-site"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_others_are_refused(server, headers):
    for path, body in ((path_of(server, "run"), at_first(server, page="foreign")), (path_of(server), None)):
        status, _, said = asked(server, path, body, **headers)
        assert (status, said) == (403, "")


def test_who_does_not_know_the_address_learns_nothing(server):
    for path in ("/", "/run", "/x/", f"/{server.secret[:-1]}x/", "/../etc/passwd"):
        assert asked(server, path)[0] == 404
    assert asked(server, path_of(server, "../../etc/passwd"))[0] == 404
    assert asked(server, path_of(server, "else"), at_first(server))[0] == 404
    with serve(scenario(), jobs=1) as other:
        assert len(server.secret) >= 20 and other.secret != server.secret


def test_it_listens_on_this_machine_alone(server):
    assert server.server_address[0] == "127.0.0.1"


def test_questions_are_small_and_are_json(server):
    run = path_of(server, "run")
    assert asked(server, run, at_first(server), Content_Type="text/plain")[0] == 415
    assert asked(server, run, {"at": [0] * 10_000})[0] == 413
    for body in (
        [],
        {"at": 3, "page": "x", "turn": 1},
        {"at": [0]},
        "x",
        {"at": [0], "page": "x", "turn": "y"},
        {"at": [0], "page": "x", "turn": math.inf},
    ):
        assert asked(server, run, body)[0] == 400
    assert asked(server, run, at_first(server, at=["x"]))[0] == 422
    assert asked(server, run, at_first(server), method="PUT")[0] == 501


def test_the_page_may_ask_its_program_and_nobody_else(server):
    status, headers, text = asked(server, path_of(server))
    assert status == 200 and headers["Cache-Control"] == "no-store" and headers["X-Frame-Options"] == "DENY"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "connect-src 'self'" in policy and "unsafe-eval" not in policy
    assert "<img" not in text and HOSTILE not in text
    assert "Of 4 replications of 100 queries, at each load" in text and text.count("Of 4 replications of 100") == 2
    assert server.secret not in text


def test_a_port_that_is_taken_is_said(server):
    with pytest.raises(ScenarioError, match=f"port {server.server_address[1]} cannot be had"):
        serve(scenario(), port=server.server_address[1], jobs=1)


def test_the_command_prints_the_address(monkeypatch, tmp_path):
    (tmp_path / "s.yaml").write_text(to_yaml(scenario().resolved()))

    def stopped(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "serve_forever", stopped)
    done = CliRunner().invoke(group, ["serve", str(tmp_path / "s.yaml"), "--queries", "100", "--jobs", "1"])
    assert done.exit_code == 0 and re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/\n", done.stdout)
    refused = CliRunner().invoke(group, ["serve", str(tmp_path)])
    assert refused.exit_code == 2 and "is a run directory" in refused.output


# --- in a browser -----------------------------------------------------------------------------------------------------


opened = pytest.fixture(scope="module")(browser.one_page)
in_browser = pytest.mark.skipif(browser.chromium() is None, reason="no Chromium here: apt-get install chromium")
ANSWERED = "(document.documentElement.dataset.answered || '').startsWith('all')"
TURN = """(() => {{ const input = document.querySelector('input[data-slider="{}"]'); input.value = '{}';
for (const kind of ['input', 'change']) input.dispatchEvent(new Event(kind, {{bubbles: true}})); }})(); 0"""


def turned(opened: browser.Browser, slider: int, stop: int) -> None:
    """Turn a slider, and wait for all that is answered."""
    before = opened.run("document.documentElement.dataset.answered")
    opened.run(TURN.format(slider, stop))
    opened.until(f"document.documentElement.dataset.answered !== {json.dumps(before)} && {ANSWERED}")


def rows(opened: browser.Browser) -> list[list[str]]:
    return opened.run(
        "[...document.querySelectorAll('#figures tr')].map(row => [...row.cells].map(one => one.textContent))"
    )


@in_browser
@long_run
def test_a_slider_is_answered_undone_kept_and_linked(server, opened):
    opened.visit(server.url)
    opened.until(ANSWERED)
    first, at = rows(opened), [one.at for one in server.live.sliders]
    assert [row[0] for row in first[:3]] == ["figure", "mean", "p50"] and first[0] == ["figure", "now", "95 % interval"]
    turned(opened, 0, at[0] + 4)
    second = rows(opened)
    assert second != first and opened.run("location.hash").endswith(f"at={','.join(map(str, [at[0] + 4, *at[1:]]))}")
    opened.run("document.getElementById('beside').click(); 0")
    opened.run("document.getElementById('undo').click(); 0")
    opened.until(f"document.querySelector('#figures tr:nth-child(1) td').textContent === {json.dumps(first[1][1])}")
    kept = rows(opened)
    assert [row[:3] for row in kept[1:]] == first[1:] and [row[3:] for row in kept[1:]] == [
        row[1:] for row in second[1:]
    ]
    assert opened.run("window.shardsim.some(one => one.chart.series.some(each => each.name.endsWith(', kept')))")
    assert opened.run("document.getElementById('undo').disabled")
    link = f"{server.url}#of={server.live.scenario.sha256()[:16]}&at={','.join(map(str, [at[0] + 4, *at[1:]]))}"
    opened.visit(link)
    opened.until(ANSWERED)
    assert rows(opened) == second, "a link holds the settings"
    opened.visit(link.replace("of=", "of=x"))
    opened.until("document.getElementById('state').textContent !== ''")
    opened.until(ANSWERED)
    assert rows(opened) == first, "of another scenario it is left out"
    assert opened.said == [] and {urlsplit(one).netloc for one in opened.fetched} == {urlsplit(server.url).netloc}


@in_browser
@long_run
def test_names_of_others_are_text_and_refusals_are_words(server, opened, monkeypatch):
    def refusing(self, stops):
        raise ArgumentError("<b>no</b>")

    opened.visit(server.url)
    opened.until(ANSWERED)
    assert opened.run("document.querySelectorAll('img').length") == 0
    assert HOSTILE[:9] in opened.run("document.querySelector('.about').textContent")
    monkeypatch.setattr(type(server.live), "at", refusing)
    opened.run(TURN.format(0, 3))
    opened.until("document.documentElement.dataset.answered === 'refused'")
    assert "<b>no</b>" in opened.run("document.getElementById('state').textContent")
    assert [one for one in opened.said if "422" not in one] == []


@in_browser
@long_run
@pytest.mark.skipif(axe() is None, reason="no axe-core here: pip install axe-core-python")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_keeps_a_reader_out(server, opened, dark):
    opened.visit(server.url, 420 if dark else 1300, dark=dark)
    opened.until(ANSWERED)
    opened.run(f"{axe()}; 0")
    found = opened.run("axe.run().then(result => result.violations.map(v => [v.impact, v.id, v.nodes[0].html]))")
    assert [one for one in found if one[0] in ("serious", "critical")] == []
    wide = opened.run("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1] + 1


@in_browser
@long_run
def test_a_figure_that_there_is_not_leaves_the_others(server, opened, monkeypatch):
    def refusing(self, stops):
        raise ArgumentError("of a load of one rate")

    monkeypatch.setitem(ASKED, "hockey", refusing)
    opened.visit(server.url)
    opened.until(ANSWERED)
    assert opened.run("document.getElementById('slot-hockey').textContent") == "of a load of one rate"
    assert opened.run("document.querySelectorAll('#slot-run figure, #slot-blame figure').length") == 4
    assert len(rows(opened)) > 5
