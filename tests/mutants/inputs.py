"""Checks of what is read, and of the planner: laws of group F, and what a plan says of its scenario."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

import numpy as np
from held import law

from simulator import ScenarioError, load_scenario, scenario_from_dict, scenario_from_text, simulate
from simulator.base import units
from simulator.base.errors import UnavailableError
from simulator.core.laws import Law
from simulator.planner.extents import peak_of
from simulator.planner.fleet import fleet
from simulator.planner.load import rate_pieces
from simulator.planner.machines import machine_factors
from simulator.planner.plans import Plans, make_plan
from simulator.planner.system import stage_parts
from simulator.scenario import to_yaml
from simulator.workload.rates import Rate

ROOT = Path(__file__).parents[2]

BASE = """
name: base
load: {rate: 40/s}
run: {queries: 40, replications: 2, seed: 11}
stages:
  - {name: a, candidates: 1e6, keep: 500, model: {kind: tree, per_item: 1us}, shards: 4, replicas: 2}
  - {name: b, model: {kind: time, law: {kind: exponential, mean: 0.1ms}}}
slos: [p90 < 60ms]
"""


SERVER = {"name": "one", "model": {"kind": "time", "law": "10ms"}}


def resolved_is_resolved() -> None:
    """test_scenarios.py: what `show` prints is the same scenario; numbers with many digits, too."""
    for more in ([], ["stages.b.model.law.mean=0.123456789012345ms", "load.rate=1234.56789/s"]):
        scenario = scenario_from_text(BASE, sets=more)
        with law("F1"):
            try:
                again = scenario_from_text(to_yaml(scenario.resolved()))
            except ScenarioError as error:
                raise AssertionError(f"is refused: {error}") from None
            assert again.resolved() == scenario.resolved(), "read again it says something else"
            assert (again.load, again.stages, again.run) == (scenario.load, scenario.stages, scenario.run), "in figures"
            assert again.sha256() == scenario.sha256(), "read again it has another hash"


def hours_above_saturation_are_those_of_the_rate() -> None:
    """unit/test_peaks.py: counted where more queries are expected in a thousandth of the load than can be served."""
    wave = {"kind": "diurnal", "mean": "10/s", "peak_to_mean": 1.8, "period": "1m"}
    ramp = [{"duration": "1m", "rate": "2/s .. 20/s"}, {"duration": "2m", "rate": "20/s"}]
    for load, lasts_s in (({"rate": wave}, 200.0), ({"phases": ramp}, 180.0)):
        run = {"duration": "200s"} if "rate" in load else {}
        scenario = scenario_from_dict({"name": "s", "load": load, "run": run, "stages": [SERVER]})
        reached = Rate(rate_pieces(scenario)).cumulated(np.linspace(0.0, lasts_s, 1001))
        per_s = np.diff(reached) / (lasts_s / 1000)
        peak = peak_of(scenario, 14.0)
        assert peak is not None
        with law("A9"):
            assert math.isclose(peak.rate_per_s, per_s.max(), rel_tol=0.01), f"peak {peak.rate_per_s:.3g}/s"
            above_s = float((per_s > 14).mean()) * lasts_s
            assert abs(peak.above_s - above_s) < 0.01 * lasts_s, f"{peak.above_s:.3g} of {above_s:.3g} s above 14/s"


def what_was_found_once_is_refused() -> None:
    """test_fuzz.py: the corpus of what once crashed or hung a reader; and bytes that are no text."""
    from fuzz.targets import CORPUS, TARGETS, held, prepare

    with tempfile.TemporaryDirectory() as folder:
        room = prepare(Path(folder))
        cases = [(path.parent.name, path.read_bytes()) for path in sorted(CORPUS.rglob("*")) if path.is_file()]
        cases += [(name, b"a,b\n1,\xff\n") for name in ("scenario", "trace", "measured", "law")]
        for name, raw in cases:
            if name in ("summary", "queries", "journal", "asked"):
                continue  # they take a run or a sweep first
            with law("F2"):
                try:
                    held(TARGETS[name], raw, room)
                except AssertionError:
                    raise
                except Exception as error:  # noqa: BLE001 (whatever comes out is a bug)
                    raise AssertionError(f"{name}: {type(error).__name__}: {error}") from None


def overlays_are_laid_in_order() -> None:
    """test_scenarios.py: what is laid over later stands; named things are found by name; a path sets what it names."""
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        (room / "base.yaml").write_text(BASE)
        (room / "one.yaml").write_text("load: {rate: 9/s}\nstages: [{name: b, replicas: 3}]\n")
        (room / "two.yaml").write_text("load: {rate: 8/s}\nstages: [{name: a, replicas: 5}]\n")
        found = load_scenario(room / "base.yaml", [room / "one.yaml", room / "two.yaml"], ["stages[1].workers=2"])
    said = {
        "rate": (found.load.rate_per_s, 8.0),
        "stages": ([stage.name for stage in found.stages], ["a", "b"]),
        "replicas": ([stage.replicas for stage in found.stages], [5, 3]),
        "workers": ([stage.workers for stage in found.stages], [1, 2]),
    }
    for name, (given, expected) in said.items():
        with law("F3"):
            assert given == expected, f"{name}: {given}, not {expected}"


def an_overlay_takes_its_rival_away() -> None:
    """test_scenarios.py: of two keys that exclude each other, the one laid over stands."""
    with law("F3"):
        try:
            found = scenario_from_text(BASE, ["run.duration=10s"])
        except ScenarioError as error:
            raise AssertionError(str(error).split("\n")[0]) from None
        assert (found.queries, found.duration_s) == (None, 10.0)


def quantities_have_units() -> None:
    """unit/test_catalogue.py and doctests: one quantity, spelled in many ways."""
    for parse, spellings in (
        (units.parse_duration, ["1h30m", "90m", "5400s", "5.4e6ms", "5_400s"]),
        (units.parse_rate, ["1.2k/s", "1200/s", "1.2e3/s", "72k/min", "4.32M/h"]),
        (units.parse_count, ["2k", "2000", "2e3", "0.002M", 2000]),
        (units.parse_size, ["2 GiB", "2048 MiB", "2147483648 B", "2.147483648e9 B"]),
        (units.parse_ratio, ["2%", "0.02", 0.02, "2e-2"]),
        (units.parse_money_rate, ["$0.85/h", "0.85 USD/h", "85e-2 USD/h"]),
    ):
        values = [parse(spelling) for spelling in spellings]
        with law("F4"):
            assert all(math.isclose(value, values[0]) for value in values), f"{spellings}: {values}"
    with law("F4"):
        for text in ("1e6", "1000000", "1M", "1_000_000", "1000k"):
            try:
                found = scenario_from_text(BASE.replace("1e6", text)).stages[0].candidates
            except ScenarioError as error:
                raise AssertionError(f"{text} is refused: {error}") from None
            assert found.law == Law.constant(1e6), f"{text} is {found.law}"
    for scalar, expected in (("1e6", 1e6), ("0x10", 16), ("no", "no"), ("1_0", "1_0"), ("0o17", 15), ("-1.5", -1.5)):
        from simulator.scenario.nodes import compose

        with law("F4"):
            found = compose(f"a: {scalar}", "text").plain()["a"]
            assert found == expected and type(found) is type(expected), f"{scalar} is read as {found!r}"


def files_are_read_as_written() -> None:
    """test_loads.py, unit/test_laws.py, unit/test_models.py: columns by name and place, rows all, in their unit."""
    from simulator.scenario.held import File
    from simulator.scenario.recorded import read_law, read_measured, read_trace

    with tempfile.TemporaryDirectory() as folder:
        names = [str(Path(folder) / name) for name in ("trace.csv", "law.csv", "measured.csv")]
        trace, law_csv, measured = (File.named(name, "--") for name in names)
        Path(trace).write_text("id,t_ms,work\n7,1,2\n8,3,4\n\n9,6,6\n")
        Path(law_csv).write_text("value,share\n0,0\n2,0.5\n6,1\n")
        Path(measured).write_text("what,items,us\nx,1,10\nx,2,15\n")
        with law("F7"):
            found = trace.read(read_trace, "t_ms", 1e-3, "timestamps", "work")
            assert np.allclose(found.timestamp_s, [0.0, 0.002, 0.005]), f"instants {found.timestamp_s}"
            assert np.allclose(found.work, [0.5, 1.0, 1.5]), f"work {found.work}"
            gaps = trace.read(read_trace, "t_ms", 1e-3, "gaps")
            assert np.allclose(gaps.timestamp_s, [0.001, 0.004, 0.010]), f"gaps {gaps.timestamp_s}"
            of = law_csv.read(read_law)
            assert math.isclose(of.mean(), 2.5), f"a law of mean {of.mean():g}"
            rows = measured.read(read_measured, "items", "us", 1e-6)
            assert rows.items.tolist() == [1.0, 2.0], "sizes measured"
            assert np.allclose(rows.time_s, [1e-5, 1.5e-5]), "times measured"


def documents_obey_their_schemas() -> None:
    """test_documents.py: a run and an estimate, and the same with a key less, a key more, a word for a number."""
    import jsonschema

    from simulator import estimate
    from simulator.documents.schemas import document_schema

    scenario = scenario_from_text(BASE)
    for kind, answer in (("run", simulate(scenario)), ("estimate", estimate(scenario))):
        schema = jsonschema.Draft202012Validator(document_schema(kind))
        document = json.loads(json.dumps(answer.to_dict()))
        place = document["stages"][0]
        with law("F9"):
            broken = [f"{list(error.absolute_path)}: {error.message[:80]}" for error in schema.iter_errors(document)]
            assert not broken, broken[0]
            for key in ("name", "demand", "candidates"):
                value = place.pop(key)
                assert not schema.is_valid(document), f"{kind}: {key} of a stage may be missing"
                place[key] = ["no", "such"]
                assert not schema.is_valid(document), f"{kind}: {key} of a stage may be anything"
                place[key] = value
            place["more"] = 1
            assert not schema.is_valid(document), f"{kind}: a stage may have any key"


def runs_are_read_as_written() -> None:
    """test_compare.py: a run that was written is read back the same."""
    from simulator.core.trace import same_trace
    from simulator.planning.saved_run import read_run
    from simulator.report.folders import write_run

    result = simulate(scenario_from_text(BASE.replace("shards: 4", "shards: 2")), engine="reference")
    with tempfile.TemporaryDirectory() as folder:
        write_run(result, Path(folder) / "run", jobs=1)
        with law("F7"):
            try:
                again = read_run(Path(folder) / "run")
            except ScenarioError as error:
                raise AssertionError(str(error)) from None
            for number, trace in result.traces.items():
                column = same_trace(trace, again.traces[number])
                assert column == "", f"replication {number} differs in {column}"


def journals_keep_what_is_whole() -> None:
    """test_sweep.py: a torn line is run again, a changed one is refused, the table is that of an undisturbed sweep."""
    from simulator.planning.journal import ASKED, CHECKSUM, JOURNAL, Journal, checksum
    from simulator.planning.questions import questions

    asked = questions(scenario_from_text(BASE), {"stages.a.shards": [1, 2, 3]})
    rows = [{"verdict": "stable", "latency_p99_s": 0.5 + index, "error": None} for index in range(3)]
    lines = []
    for index, row in enumerate(rows):
        entry = {"point": index, "values": asked.values[index], "row": row}
        lines.append(json.dumps({**entry, CHECKSUM: checksum(entry)}).encode() + b"\n")
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        (room / ASKED).write_text(to_yaml(asked.provenance()))
        for torn in (
            lines[2][:-1],
            lines[2][:40],
            b"\0" * 50,
            lines[2].replace(b"0.5", b"0.7").replace(b"2.5", b"2.7"),
        ):
            (room / JOURNAL).write_bytes(lines[0] + lines[1] + torn)
            journal = Journal(room, asked)
            journal.keep(2, rows[2])
            journal.close()
            with law("F6"):
                assert (room / JOURNAL).read_bytes() == b"".join(lines), f"after {torn[-30:]!r} another table"
        (room / JOURNAL).write_bytes(lines[0].replace(b"0.5", b"0.6") + lines[1])
        with law("F6"):
            try:
                Journal(room, asked).close()
            except UnavailableError:
                return
            raise AssertionError("a figure that was changed is taken")


def plans_say_what_scenarios_say() -> None:
    """unit/test_machines.py and others: every duration in ns, every law in ns, every count as given."""
    stage = {
        "name": "one",
        "candidates": "1k",
        "keep": 10,
        "model": {"kind": "tree", "per_item": "2us", "overhead": "30us"},
        "shards": 4,
        "replicas": 2,
        "workers": 3,
        "network": {"request": "0.5ms", "send": "7ns", "response": {"kind": "exponential", "mean": "2ms"}},
        "merge": {"time": "11us", "per_response": "13ns", "workers": 2},
        "routing": {"policy": "round_robin", "balancers": 2, "by": "query"},
        "variability": {"task": {"kind": "lognormal", "cv": 0.5}},
        "split": "hashed",
    }
    values = {"name": "s", "load": {"rate": "1/s"}, "run": {"queries": 10, "drain": "3s"}, "stages": [stage]}
    scenario = scenario_from_dict(values)
    parts = stage_parts(scenario.stages[0], scenario, True, [1.0])
    found = {
        "request": (parts.request_ns, 500_000),
        "send": (parts.send_ns, 7),
        "response": (round(parts.response.mean()), 2_000_000),
        "merge": ((parts.merge_ns, parts.merge_per_response_ns, parts.mergers), (11_000, 13, 2)),
        "knots": (np.round(parts.knots, 6).tolist(), [[0.0, 30_000.0, 2_000.0]]),
        "task": (parts.task, Law.lognormal(1.0, 0.5)),
        "counts": ((len(parts.share), parts.replicas, parts.workers, parts.keep), (4, 2, 3, 10.0)),
        "routing": ((parts.balancers, parts.by_query, parts.hashed), (2, True, True)),
        "candidates": (parts.candidates, Law.constant(1000.0)),
        "drain": (make_plan(scenario).drain_ns, 3_000_000_000),
    }
    for name, (given, expected) in found.items():
        with law("S22"):
            assert given == expected, f"{name}: {given}, not {expected}"


def replications_have_their_own() -> None:
    """test_reached.py: one system, and each replication's own machines and load; twice the rate, half the time."""
    variability = {"machine": {"kind": "lognormal", "cv": 0.2}}
    stage = {"name": "one", "model": {"kind": "time", "law": "1ms"}, "shards": 3, "variability": variability}
    values = {"name": "s", "load": {"rate": "1/s"}, "run": {"queries": 10}, "stages": [stage]}
    plans = Plans.of(scenario_from_dict(values))
    one, two, twice = plans.make(0), plans.make(1), plans.scaled(2.0).make(0)
    with law("S22"):
        assert not np.array_equal(one.machine_factor, two.machine_factor), "two replications on the same machines"
        assert not np.array_equal(one.arrival_ns, two.arrival_ns), "two replications with the same arrivals"
        assert np.abs(2 * twice.arrival_ns - one.arrival_ns).max() <= 2, "twice the rate is not half the time"
        assert plans.extent().queries == one.queries, "a load has other queries than it is known to have"


def luck_is_of_machines() -> None:
    """unit/test_machines.py: replicas of one machine, and no others, share its factor."""
    variability = {"machine": {"kind": "lognormal", "cv": 0.2}}
    model = {"kind": "tree", "per_item": "1us"}
    stage = {"name": "one", "candidates": 1, "model": model, "shards": 4, "replicas": 2, "per_machine": 2}
    values = {"name": "s", "load": {"rate": "1/s"}, "stages": [{**stage, "variability": variability}]}
    factor = machine_factors(scenario_from_dict(values), 0).reshape(4, 2)
    with law("S21"):
        assert np.array_equal(factor[[0, 2]], factor[[1, 3]]), "replicas of one machine differ"
        assert len(set(factor.ravel())) == 4, "replicas of different machines do not"


def machines_are_of_both() -> None:
    """unit/test_colocated.py: speed, slow times, outages and price of a machine are those of all stages on it."""
    model = {"kind": "tree", "per_item": "1us"}
    slow = {"every": {"kind": "exponential", "mean": "1s"}, "length": "9ms"}
    of_machines = {
        "variability": {"machine": {"kind": "lognormal", "cv": 0.2}},
        "slowdowns": [slow, {**slow, "scope": "machine"}],
        "outages": [{"machine": 1, "from": "1s", "until": "2s"}],
    }
    home = {"name": "one", "candidates": 1, "model": model, "replicas": 3, **of_machines}
    beside = {
        "name": "two",
        "model": model,
        "colocate": "one",
        "outages": [{"replica": 0, "from": "3s", "until": "4s"}],
    }
    scenario = scenario_from_dict({"name": "s", "load": {"rate": "1/s"}, "stages": [home, beside]})
    plan = make_plan(scenario)
    with law("S21"):
        assert plan.machine_factor[:3].tolist() == plan.machine_factor[3:].tolist(), "a machine has two speeds"
        assert plan.slowdowns["which"].tolist() == [0, 1, 1], "a machine is slow by two lucks"
        assert plan.stages["outages"].tolist() == [1, 2], "a machine is out for one stage alone"
        assert fleet(scenario).machines == 3, "a machine is paid twice"


def losses_are_of_machines() -> None:
    """test_lost_machine.py: a machine takes one replica of each of its own shards with it, and no other."""
    from simulator.engines import reference

    model = {"kind": "tree", "per_item": "1us"}
    stage = {"name": "one", "candidates": 1, "model": model, "shards": 4, "replicas": 2, "per_machine": 2}
    values = {"name": "s", "load": {"rate": "1/s"}, "run": {"queries": 20}, "stages": [{**stage, "lost_machine": 3}]}
    trace = reference.simulate(make_plan(scenario_from_dict(values)))
    served = (trace.tasks.reshape(4, 2) > 0).tolist()
    with law("S21"):
        assert served == [[True, True], [True, True], [True, False], [True, False]], f"who served: {served}"


def queries_are_as_many_as_asked() -> None:
    """test_scenarios.py: warm-up as given and apart from the queries that are measured; phases at their rates."""
    for more, expected in ((["run.warmup=7"], (7, 40)), ([], (10, 40)), (["run.warmup=0", "run.queries=5"], (0, 5))):
        plan = make_plan(scenario_from_text(BASE, more))
        with law("S22"):
            assert (plan.first_measured, plan.measured) == expected, f"{more}: {plan.first_measured}, {plan.measured}"
