"""Scenario files: what is valid, what is said of what is not, and that nothing else ever comes out."""

from __future__ import annotations

import json
import time
from functools import cache
from pathlib import Path

import jsonschema
import pytest
from conftest import ROOT, drawn
from hypothesis import given
from hypothesis import strategies as st

from simulator import ScenarioError, load_scenario, scenario_from_dict, scenario_from_text
from simulator.planner.plans import make_plan
from simulator.scenario import json_schema, to_yaml
from simulator.testing import scenarios

HERE = Path(__file__).parent / "scenarios"
INVALID = sorted((HERE / "invalid").glob("*.yaml"))
VALID = sorted((HERE / "valid").glob("*.yaml"))
GALLERY = sorted((ROOT / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_a_broken_file_gives_a_clear_message(path, monkeypatch, request):
    monkeypatch.chdir(path.parent)
    with pytest.raises(ScenarioError) as caught:
        make_plan(load_scenario(path.name))
    said = str(caught.value) + "\n"
    expected = path.with_suffix(".txt")
    if request.config.getoption("--regenerate"):
        expected.write_text(said)
    assert said == expected.read_text()
    assert all(problem.message for problem in caught.value.problems)


def test_there_are_many_broken_files():
    assert len(INVALID) >= 30


@pytest.mark.parametrize("path", VALID + GALLERY, ids=lambda path: path.stem)
def test_a_valid_file_resolves_to_a_scenario_of_the_same_meaning(path):
    scenario = load_scenario(path)
    written = to_yaml(scenario.resolved())
    again = scenario_from_text(written)
    assert again.resolved() == scenario.resolved()
    assert again.sha256() == scenario.sha256()
    assert make_plan(again).arrival_ns.tolist() == make_plan(scenario).arrival_ns.tolist()


@cache
def _of_scenarios():
    jsonschema.Draft202012Validator.check_schema(json_schema())
    return jsonschema.Draft202012Validator(json_schema())


@pytest.mark.parametrize("path", VALID + GALLERY, ids=lambda path: path.stem)
def test_the_json_schema_accepts_what_we_accept(path):
    from simulator.scenario.nodes import compose

    plain = compose(path.read_text(), path.name).plain()
    if "extends" not in plain:
        _of_scenarios().validate(plain)


def test_the_gallery_names_the_schema_and_says_what_it_asks():
    for path in GALLERY:
        first, second, *_ = path.read_text().splitlines()
        assert first == "# yaml-language-server: $schema=schema.json", path
        assert second.startswith("# "), path
        assert load_scenario(path).name == path.stem


def test_the_schema_in_the_gallery_is_ours():
    assert json.loads((ROOT / "scenarios" / "schema.json").read_text()) == json_schema(), "run: shardsim schema"


@drawn(150)
@given(scenarios())
def test_drawn_scenarios_are_valid_and_make_plans(values):
    scenario = scenario_from_dict(values)
    again = scenario_from_text(to_yaml(scenario.resolved()))
    assert again.resolved() == scenario.resolved()
    plan = make_plan(scenario, 1)
    assert plan.measured >= 1
    if scenario.queries is not None:
        assert plan.measured == scenario.queries


KEYS = st.sampled_from(
    [
        "name",
        "load",
        "stages",
        "rate",
        "model",
        "kind",
        "per_item",
        "shards",
        "shares",
        "run",
        "queries",
        "slos",
        "hardware",
        "extends",
        "arrivals",
        "trace",
        "file",
        "work",
        "cv",
        "mean",
        "keep",
        "routing",
        "policy",
        "network",
        "response",
        "merge",
        "phases",
        "duration",
        "candidates",
        "law",
        "from",
        "catalogue",
        "parts",
        "memory",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        [
            "8/s",
            "1ms",
            "tree",
            "deep",
            "time",
            "1M",
            "p99 < 1s",
            "exponential",
            "poisson",
            "",
            ".",
            "/",
            "nvidia_l4",
            "lightgbm",
        ]
    ),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=25,
)


def only_scenario_errors(text: str) -> None:
    try:
        make_plan(scenario_from_text(text))
    except ScenarioError as error:
        assert str(error)


@drawn(400)
@given(st.dictionaries(KEYS, TREES, max_size=6))
def test_random_trees_never_show_a_traceback(tree):
    import yaml

    only_scenario_errors(yaml.safe_dump(tree))


@drawn(400)
@given(st.text(alphabet="abn:-[]{}&*!|>'\"%#,? \n\t0123/ms.~", max_size=60))
def test_random_text_never_shows_a_traceback(text):
    only_scenario_errors(text)


@drawn(300)
@given(st.data())
def test_a_small_slip_in_a_good_file_never_shows_a_traceback(data):
    text = data.draw(st.sampled_from([path.read_text() for path in GALLERY if "file:" not in path.read_text()]))
    start = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 5))
    inserted = data.draw(st.text(alphabet=" :-{}[]0a\t\n,./%<>", max_size=3))
    mangled = text[:start] + inserted + text[start + length :]
    try:
        scenario_from_text(mangled)
    except ScenarioError as error:
        assert all(problem.line for problem in error.problems)


@drawn(300)
@given(st.text(alphabet="abcdefs._=[]0123 {}:,-", max_size=40))
def test_random_overrides_never_show_a_traceback(text):
    try:
        scenario_from_text((ROOT / "scenarios" / "paper_funnel.yaml").read_text(), sets=[text])
    except ScenarioError as error:
        assert str(error)


def laughs(levels: int, width: int) -> str:
    lines = ["a0: &a0 [lol, lol]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]" for level in range(1, levels)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (laughs(30, 9), "expands to more than 100k nodes"),
        ("a: &a " + "x" * 100_000 + "\nb: [" + ", ".join(["*a"] * 200) + "]\n", "expands to more than 10 MB"),
        ("a: " + "[" * 150 + "]" * 150, "nested more than 100 levels deep"),
        ("a: " + "[" * 100_000, "nested more than 100 levels deep"),
        ("a: [" + "1," * 200_000 + "]", "expands to more than 100k nodes"),
        ("# " + "x" * 11_000_000, "the file has more than 10 MB"),
    ],
    ids=["laughs", "long text", "deep", "very deep", "wide", "long"],
)
def test_a_file_that_expands_too_far_is_refused_quickly(text, message):
    began = time.process_time()
    with pytest.raises(ScenarioError, match=message):
        scenario_from_text(text)
    assert time.process_time() - began < 20, "refused, not expanded"


BASE = (ROOT / "scenarios" / "paper_funnel.yaml").read_text() + "run: {queries: 400, seed: 11}\n"


def test_overrides_and_overlays(tmp_path):
    overlay = tmp_path / "more.yaml"
    overlay.write_text(
        "load: {rate: 9/s}\nstages:\n"
        "  - {name: ranking, replicas: 3}\n  - {name: third, model: {kind: time, law: 1ms}}\n"
    )
    scenario = load_scenario(
        ROOT / "scenarios" / "paper_funnel.yaml",
        [overlay],
        [
            "stages.ranking.shards=7",
            "stages[0].keep=400",
            "slos=[p50 < 1s]",
            "stages.ranking.routing.policy=round_robin",
        ],
    )
    assert scenario.load.rate_per_s == 9
    assert [stage.name for stage in scenario.stages] == ["retrieval", "ranking", "third"]
    assert (scenario.stages[1].replicas, scenario.stages[1].shards, scenario.stages[0].keep) == (3, 7, 400)
    assert scenario.stages[1].routing.policy == "round_robin"
    assert [objective.text for objective in scenario.slos] == ["p50 < 1s"]


@pytest.mark.parametrize(
    ("bare", "path", "value"),
    [
        ("interference: 4%", "interference.spread", "2%"),
        ("queue: lifo", "queue.limit", "9"),
        ("hedge: 40ms", "hedge.budget", "5%"),
        ("gather: {wait_for: 2}, cancel: running", "cancel.delay", "2ms"),
        ("fan_out: 2", "fan_out.by", "{kind: zipf, s: 1, keys: 10}"),
        ("routing: random", "routing.balancers", "2"),
    ],
)
def test_a_path_leads_on_from_a_bare_value(bare, path, value):
    """The bare value stays, as the entry that it is short for; as a whole it is replaced."""
    text = (
        "load: {rate: 10/s}\nrun: {queries: 100}\nstages:\n"
        f"  - {{name: s, model: {{kind: time, law: 1ms}}, shards: 4, replicas: 2, per_machine: 2, {bare}}}\n"
    )
    key, entry = path.split(".")
    alone, both = (
        scenario_from_text(text, more).resolved()["stages"][0][key] for more in ([], [f"stages.s.{path}={value}"])
    )
    assert entry in both and both != alone
    entries = alone if isinstance(alone, dict) else {"shards": alone}
    assert {name: of for name, of in both.items() if name != entry} == {
        name: of for name, of in entries.items() if name != entry
    }


def test_one_of_two_exclusive_keys_takes_the_place_of_the_other():
    scenario = scenario_from_text(
        BASE, ["run.queries=400", "run.duration=10s", "stages.ranking.shares=[1, 2, 3, 4, 5]"]
    )
    assert (scenario.queries, scenario.duration_s) == (None, 10.0)
    assert scenario.stages[1].shards == 5
    with pytest.raises(ScenarioError, match=r"run\.queries: the phases say how long the run is"):
        scenario_from_text(BASE, ["run.queries=400", "load.phases=[{duration: 1m, rate: 8/s}]"])


def test_a_map_of_another_kind_replaces():
    scenario = scenario_from_text(BASE, ["stages.ranking.model={kind: time, law: 3ms}"])
    assert scenario.stages[1].model.kind == "time"
    assert scenario_from_text(BASE, ["stages.ranking.model.per_item=2ms"]).stages[1].model.per_item_s == 0.002


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("stages.rankin.replicas=4", "no 'rankin' here; did you mean 'ranking'?"),
        ("stages.ranking.replica=4", "unknown key; did you mean 'replicas'?"),
        ("stages[7].replicas=4", "there are only 2 of them"),
        ("lod.rate=4/s", "unknown key; did you mean 'load'?"),
        ("load.rate.x=4", "cannot be set"),
        ("load.rate", "is not PATH=VALUE"),
        ("load..rate=4", "is not a path"),
        ("load.rate=[", "not readable as YAML"),
        ("load.rate=", "a rate"),
        ("slos.p99=1", "a list without names"),
    ],
)
def test_a_wrong_override_says_so(assignment, message):
    with pytest.raises(ScenarioError) as caught:
        scenario_from_text(BASE, [assignment])
    assert "--set" in str(caught.value)
    assert message in str(caught.value)


def test_files_are_found_from_the_file_that_names_them(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "trace.csv").write_text("0\n1\n2\n3\n4\n5\n")
    (tmp_path / "here.csv").write_text("0\n1\n2\n")
    text = BASE.replace("{arrivals: poisson, rate: 7/s}", "{arrivals: {kind: trace, file: trace.csv}}")
    (tmp_path / "data" / "scenario.yaml").write_text(text.replace("run: {queries: 400, seed: 11}", "run: {seed: 11}"))
    monkeypatch.chdir(tmp_path)
    scenario = load_scenario("data/scenario.yaml")
    assert len(make_plan(scenario).arrival_ns) == 6
    moved = load_scenario("data/scenario.yaml", sets=["load.arrivals.file=here.csv"])
    assert len(make_plan(moved).arrival_ns) == 3


def test_a_trace_has_its_own_warmup_and_refuses_more_than_it_has():
    scenario = load_scenario(HERE / "valid" / "trace_with_speed.yaml")
    plan = make_plan(scenario)
    assert (plan.first_measured, plan.measured) == (1, 4)
    with pytest.raises(ScenarioError, match="need 7 rows; the trace has 5"):
        make_plan(load_scenario(HERE / "valid" / "trace_with_speed.yaml", sets=["run.queries=6"]))


def test_phases_are_measured_whole_and_warm_up_at_their_first_rate():
    scenario = load_scenario(ROOT / "scenarios" / "ramp.yaml")
    plan = make_plan(scenario)
    warm = plan.arrival_ns[plan.first_measured] / 1e9
    assert warm == pytest.approx(270 / 4, abs=1.0)
    assert plan.arrival_ns[-1] / 1e9 < 270 * 1.25
    assert plan.first_measured == pytest.approx(20 * 270 / 4, rel=0.2)


def test_warmups():
    counts = {
        warmup: make_plan(scenario_from_text(BASE, ["run.queries=400", f"run.warmup={warmup}"])).first_measured
        for warmup in ("auto", 0, 7)
    }
    assert counts == {"auto": 100, 0: 0, 7: 7}
    timed = make_plan(scenario_from_text(BASE, ["run.queries=400", "run.warmup=100s"]))
    assert timed.measured == 400
    assert timed.arrival_ns[timed.first_measured - 1] < 100e9 <= timed.arrival_ns[timed.first_measured]


@drawn(60)
@given(scenarios(), st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_nothing(values, random):
    def shuffled(tree):
        if isinstance(tree, dict):
            keys = list(tree)
            random.shuffle(keys)
            return {key: shuffled(tree[key]) for key in keys}
        return [shuffled(item) for item in tree] if isinstance(tree, list) else tree

    one, two = scenario_from_dict(values), scenario_from_dict(shuffled(values))
    assert one.resolved() == two.resolved()
    assert one.sha256() == two.sha256()


def test_a_run_of_centuries_is_refused():
    with pytest.raises(ScenarioError, match=r"a replication would last \d+\.?\d* years; int64 nan"):
        make_plan(scenario_from_text(BASE, ["load.rate=0.0001/h", "run.queries=55"]))


def test_a_duration_beyond_the_trace_is_refused():
    with pytest.raises(ScenarioError, match=r"warm-up and duration take .* the trace lasts"):
        make_plan(load_scenario(HERE / "valid" / "trace_with_speed.yaml", sets=["run.duration=1h"]))


def test_an_overlay_may_replay_a_trace_instead(tmp_path):
    trace = {
        "load": {
            "arrivals": {"kind": "trace", "file": str(HERE / "valid" / "trace.csv"), "column": "t_ms", "unit": "ms"}
        }
    }
    (tmp_path / "trace.yaml").write_text(to_yaml(trace))
    base = ROOT / "scenarios" / "ramp.yaml"
    assert load_scenario(base, [tmp_path / "trace.yaml"]).load.arrivals.kind == "trace"
    inline = "load.arrivals={kind: trace, file: " + str(HERE / "valid" / "trace.csv") + ", column: first}"
    assert load_scenario(ROOT / "scenarios" / "mm1.yaml", sets=[inline]).load.rate_per_s is None


def test_a_name_from_the_file_is_always_a_name(tmp_path):
    path = tmp_path / "\u00fcn\u00ef code.yaml"
    path.write_text(BASE.replace("name: paper_funnel\n", "").replace("  - candidates", "  - candidates"))
    assert load_scenario(path).name == "_n__code"
