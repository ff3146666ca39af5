"""Figures by name: what they show is what the answers say, nothing is cut, and who asks wrongly is told."""

from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import ROOT

from simulator import ScenarioError, load_scenario, plot, scenario_from_dict, simulate, sweep
from simulator.base.errors import ArgumentError
from simulator.cli import group
from simulator.cli.plot import KINDS
from simulator.cli.plot import command as plot_command
from simulator.report import plots, run_curves
from simulator.report.page import of_sweep, of_traces

SHORT = {"queries": 400, "replications": 4, "seed": 5}
SEARCH = {"name": "search", "candidates": 1000, "model": {"kind": "tree", "per_item": "8us"}, "shards": 4, "skew": 1}
RANK = {"name": "rank", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "4ms"}}, "replicas": 3}
BATCHED = {
    "name": "gpu",
    "model": {"kind": "linear", "per_item": "1us", "overhead": "2ms"},
    "batching": {"max_size": 4, "max_wait": "2ms"},
}


def funnel(**more):
    """Two stages, of which the first is skewed."""
    values = {"name": "funnel", "load": {"rate": "120/s"}, "run": SHORT, "slos": ["p99 < 60ms"]}
    return scenario_from_dict({**values, "stages": [SEARCH, RANK], **more})


def batched(description=""):
    return funnel(description=description, stages=[{**BATCHED, "candidates": 10}], load={"rate": "800/s"})


ASKED = {
    "spectrum": {"stage": "rank"},
    "quantiles": {},
    "hockey": {"parameters": {"load.rate": ["40/s", "80/s"]}},
    "map": {"parameters": {"load.rate": ["40/s", "80/s", "90/s"], "stages.rank.replicas": [1, 2]}},
    "pareto": {"parameters": {"stages.rank.replicas": [1, 2, 3]}},
    "recovery": {"trigger": "load x2 for 1s"},
}


def drawn(kind, tmp_path, description=""):
    """A figure of each kind."""
    asked = dict(ASKED.get(kind, {}))
    if kind == "quantiles":
        (tmp_path / "measured.csv").write_text("latency_ms\n" + "\n".join(f"{8 + k / 10}" for k in range(200)) + "\n")
        asked |= {"against": tmp_path / "measured.csv", "unit": "ms"}
    long = funnel(run={**SHORT, "queries": 3000}, description=description)
    return plot(batched(description) if kind == "batches" else long, kind, jobs=1, **asked)


@pytest.mark.parametrize("kind", plots.KINDS)
def test_no_words_of_a_figure_are_cut_off(kind, tmp_path):
    figure = drawn(kind, tmp_path)
    figure.draw_without_rendering()
    canvas = figure.bbox.padded(1)
    words = [figure._suptitle, *(axes.title for axes in figure.axes), *(axes.xaxis.label for axes in figure.axes)]
    words += [axes._left_title for axes in figure.axes] + [axes.yaxis.label for axes in figure.axes]
    words += [text for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()]
    shown = [text for text in words if text is not None and text.get_text()]
    assert len(shown) >= 2
    for text in shown:
        box = text.get_window_extent()
        assert canvas.contains(box.x0, box.y0) and canvas.contains(box.x1, box.y1), text.get_text()


WORDS = "costs $5 and $6 x_1, $\\frac{ more of " + "a long story " * 30 + "to its end"


@pytest.mark.parametrize("kind", plots.KINDS)
def test_what_a_scenario_says_is_drawn_whole_and_is_no_formula(kind, tmp_path):
    figure = drawn(kind, tmp_path, description=WORDS)
    figure.draw_without_rendering()
    title = figure._suptitle
    assert " ".join(title.get_text().split()).startswith(f"funnel: {' '.join(WORDS.split())}")
    box, canvas = title.get_window_extent(), figure.bbox.padded(1)
    assert canvas.contains(box.x0, box.y0) and canvas.contains(box.x1, box.y1)
    below = max(axes.get_tightbbox().y1 for axes in figure.axes)
    assert below <= box.y0 + 1, "the title stands on nothing"


def test_a_file_is_the_same_for_the_same_figure():
    one = plot(funnel(), "timeline", format="svg", jobs=1)
    assert one == plot(funnel(), "timeline", format="svg", jobs=1) and b"<svg" in one
    assert plot(funnel(), "spectrum", format="png", jobs=1).startswith(b"\x89PNG")


def test_a_run_that_was_written_is_drawn_as_its_scenario(tmp_path):
    runner = CliRunner()
    scenario = ROOT / "scenarios" / "recommendation.yaml"
    few = ["--queries", "300", "--replications", "2", "--jobs", "1"]
    assert runner.invoke(group, ["run", str(scenario), *few, "-q", "-o", str(tmp_path / "run")]).exit_code in (0, 98)
    of_run = plot(tmp_path / "run", "timeline", format="svg", jobs=1)
    loaded = load_scenario(scenario, (), ["run.queries=300", "run.replications=2"])
    assert of_run == plot(loaded, "timeline", format="svg", jobs=1)


def series_of(chart, name):
    return next(one for one in chart["series"] if one["name"] == name)["columns"]


def test_queries_under_way_are_those_that_have_come_and_are_not_over():
    result = simulate(funnel(), jobs=1)
    trace = result.traces[0]
    chart = list(of_traces.timeline(result))[1]
    of, begin = series_of(chart, "in the system"), trace.arrival_ns[0]
    for at_s, seen in zip(of["x"], of["y"], strict=True):
        at = begin + round(at_s * 1e9)
        assert seen == np.count_nonzero((trace.arrival_ns <= at) & (trace.completion_ns > at))
    both = sum(np.array(series_of(chart, f"in {name}")["y"]) for name in ("search", "rank"))
    assert both.tolist() == of["y"], "a query is in one stage or in the other"


def test_who_was_dropped_is_not_under_way_and_has_no_latency():
    load = {"rate": "600/s", "classes": [{"name": "all", "share": 1, "deadline": "20ms"}]}
    result = simulate(funnel(load=load), jobs=1)
    charts = list(of_traces.timeline(result))
    assert max(series_of(charts[1], "in the system")["y"]) <= 600 * 0.02 * 3, "nobody stays longer than 20 ms"
    values = [value for value in series_of(charts[2], "p95")["y"] if value is not None]
    assert values and max(values) <= 0.02
    assert np.nanmax(run_curves.over_time(result.traces[0]).tail_s) <= 0.02


def test_attempts_are_beside_the_queries_that_they_are_of():
    client = {"timeout": "12ms", "retries": 2, "backoff": {"base": "1ms"}}
    charts = list(of_traces.timeline(simulate(funnel(client=client), jobs=1)))
    attempts, queries = series_of(charts[0], "attempts")["y"], series_of(charts[0], "queries")["top"]
    assert sum(attempts[:-1]) > sum(queries)
    assert {one["name"] for one in charts[1]["series"]} >= {"in the system", "attempts in search", "attempts in rank"}


def test_marks_stand_where_the_scenario_has_them():
    stage = {**RANK, "candidates": 1, "outages": [{"replica": 0, "from": "1s", "until": "2s"}]}
    phases = [{"duration": "1.5s", "rate": "100/s"}, {"duration": "2s", "rate": "200/s"}]
    result = simulate(funnel(stages=[stage], load={"phases": phases}, run={"replications": 4}), jobs=1)
    trace = result.traces[0]
    zero_s = (trace.window_begin_ns - trace.arrival_ns[0]) * 1e-9
    series = {one["name"]: one["columns"] for one in next(of_traces.timeline(result))["series"]}
    assert series["next phase of the load"]["at"] == [pytest.approx(zero_s + 1.5)]
    assert series["outage in rank"] == {"low": [pytest.approx(zero_s + 1)], "high": [pytest.approx(zero_s + 2)]}
    assert series["warm-up"]["high"][0] > 0


def test_bars_are_the_utilisation_that_the_document_has():
    result = simulate(funnel(), jobs=1)
    for chart, stage in zip(of_traces.busy(result), result.to_dict()["stages"], strict=True):
        bars = chart["series"][0]["columns"]["top"]
        assert max(bars) == pytest.approx(stage["utilisation"]["max"])
        assert np.mean(bars) == pytest.approx(stage["utilisation"]["mean"]["value"])
    assert np.argmax(next(of_traces.busy(result))["series"][0]["columns"]["top"]) == 0, "the first shard is the largest"


def test_batches_are_those_of_the_document():
    document = simulate(batched(), jobs=1).to_dict()
    [chart] = of_traces.batches(document)
    sizes = document["stages"][0]["batches"]["sizes"]
    assert chart["series"][0]["columns"]["top"] == [one["share"] for one in sizes]


def test_quantiles_of_a_run_against_its_own_lie_on_the_line():
    from simulator.core.laws import Law

    result = simulate(funnel(), jobs=1)
    own_s = result.summary.pool.latency(None).values * 1e-9
    of = {
        one["name"]: one["columns"] for one in of_traces.quantiles(result, Law.empirical(own_s), "own", None)["series"]
    }
    assert of["quantiles"]["y"] == pytest.approx(of["quantiles"]["x"], rel=0.02)
    band = of["95 % interval"]
    assert all(
        low <= value <= high for low, value, high in zip(band["low"], of["quantiles"]["y"], band["high"], strict=False)
    )


def test_a_front_is_of_points_that_no_other_beats():
    scenario = funnel(run={**SHORT, "queries": 3000})
    found = sweep(scenario, {"stages.rank.replicas": [1, 2, 3, 4], "stages.search.replicas": [1, 2]}, jobs=1).to_dict()
    chart = of_sweep.front(found)
    assert chart is not None
    front = next(one for one in chart["series"] if one["shape"] == "line")["columns"]
    name = f"latency_{found['aim']['percentile']}_s"
    points = [(row["machines"], row[name]) for row in found["points"] if row[name] is not None]
    best = {
        one for one in points if not any(other != one and other[0] <= one[0] and other[1] <= one[1] for other in points)
    }
    assert set(zip(front["x"], front["y"], strict=True)) == best and chart["x"]["label"] == "machines"


def test_what_varies_in_the_scenario_is_no_part_of_its_hockey_stick():
    scenario = funnel(sweep={"stages.rank.replicas": [1, 2]})
    asked = plots.Asked(parameters={"load.rate": ["40/s", "80/s"]})
    answer = plots.answer(scenario, plots.KINDS["hockey"], asked, {"jobs": 1})
    assert [row["load.rate"] for row in answer.to_dict()["points"]] == ["40/s", "80/s"]


WRONG = {
    "no kind": ("nothing", {}, "no figure 'nothing': give one of spectrum, stages"),
    "no file": ("quantiles", {}, "quantiles needs against, a CSV"),
    "no trigger": ("recovery", {}, "recovery needs trigger, like 'stall for 2s'"),
    "foreign": ("timeline", {"stage": "rank"}, "timeline knows no stage; spectrum, quantiles do"),
    "no stage": ("spectrum", {"stage": "rnk"}, "no stage is called 'rnk': there are search, rank"),
    "no unit": ("quantiles", {"against": "x", "unit": "min"}, "no unit 'min': give one of s, ms, us, ns"),
    "one": ("map", {"parameters": {"stages.rank.replicas": [1, 2]}}, "map is of two parameters, got 1"),
    "no file's unit": ("timeline", {"unit": "ms"}, "timeline knows no unit; quantiles does"),
    "an engine": ("hockey", {"engine": "reference"}, "hockey takes the engine that suits each point"),
}


@pytest.mark.parametrize(("kind", "asked", "message"), WRONG.values(), ids=WRONG)
def test_who_asks_wrongly_is_told(kind, asked, message, monkeypatch):
    nothing = SimpleNamespace(side_effect=AssertionError("something was simulated"))
    with monkeypatch.context() as before:
        if kind != "spectrum":
            before.setattr(plots, "answer", nothing.side_effect)
        with pytest.raises(ArgumentError, match=message):
            plot(funnel(), kind, jobs=1, **asked)


@pytest.mark.parametrize("kind", ["blame", "hockey", "map", "pareto", "recovery"])
def test_what_takes_more_than_one_run_is_of_a_scenario(kind, tmp_path):
    with pytest.raises(ArgumentError, match=f"is a run directory, and {kind} takes more than one run: give its scen"):
        plot(tmp_path, kind, **ASKED.get(kind, {}))


def test_no_figure_is_of_a_part(monkeypatch):
    """A run that is interrupted keeps what had finished, and says so; a figure does not say it."""

    def once(done, planned, events):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plot(funnel(), "timeline", jobs=1, progress=once)


def test_what_cannot_be_drawn_is_said(tmp_path):
    with pytest.raises(ScenarioError, match="nothing to be drawn: no stage has batches"):
        plot(funnel(), "batches", jobs=1)
    with pytest.raises(ScenarioError, match="is not the directory of a run"):
        plot(tmp_path, "timeline")
    (tmp_path / "words.csv").write_text("latency\n1\nx\n")
    with pytest.raises(ScenarioError, match=r"words\.csv:3:1: text, where the value is wanted as a number"):
        plot(funnel(), "quantiles", against=tmp_path / "words.csv")


def test_the_command_has_every_kind_with_its_words():
    assert tuple(plots.KINDS) == KINDS
    said = " ".join(plot_command.help.split())
    for name, kind in plots.KINDS.items():
        assert f"{name} {kind.said}" in said


def test_the_command_draws_and_refuses(tmp_path):
    runner, scenario = CliRunner(), str(ROOT / "scenarios" / "mm1.yaml")
    few = ["--queries", "200", "--replications", "2", "--jobs", "1"]
    done = runner.invoke(group, ["plot", scenario, "timeline", *few, "-o", str(tmp_path / "f.svg")])
    assert (done.exit_code, done.output) == (0, f"figure in {tmp_path / 'f.svg'}\n")
    assert (tmp_path / "f.svg").read_bytes().startswith(b"<?xml")
    for args, message in (
        (["timeline", "-o", "f.gif"], "a figure is a .png, .svg or .pdf file"),
        (["recovery", "-o", "f.png"], "recovery needs trigger"),
    ):
        refused = runner.invoke(group, ["plot", scenario, *args])
        assert refused.exit_code == 2 and message in refused.output
