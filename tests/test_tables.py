"""One reader of tables for traces, profiles, laws and calibrations: each file has its right values, or its refusal.

A refusal has line, column and cure, and quotes nothing but a number gone wrong. A scenario keeps what it read: its hash
is of what is simulated, and who loads it again reads anew.
"""

from __future__ import annotations

import gzip
import os
import pickle
import threading

import numpy as np
import pytest

from simulator import ScenarioError, load_scenario, scenario_from_dict, simulate
from simulator.planner.plans import make_plan
from simulator.scenario import files, scenario_with, tables

STAGE = {"name": "a", "candidates": 5, "model": {"kind": "time", "law": "1ms"}}


def trace(file, **more):
    load = {"arrivals": {"kind": "trace", "file": str(file), **more}}
    return scenario_from_dict({"name": "t", "load": load, "run": {"warmup": 0, "replications": 1}, "stages": [STAGE]})


def instants(file, **more):
    return trace(file, **more).load.arrivals.timestamps().tolist()


def works(file, **more):
    return trace(file, columns={"work": "w"}, **more).load.arrivals.trace().work.tolist()


def counts(file, **more):
    rate = {"kind": "profile", "file": str(file), "interval": "1m", **more}
    return scenario_from_dict({"name": "t", "load": {"rate": rate}, "stages": [STAGE]}).load.rate.counts().tolist()


def measured(file, **more):
    model = {"kind": "measured", "file": str(file), "unit": "ms", **more}
    stage = {**STAGE, "model": model}
    rows = scenario_from_dict({"name": "t", "load": {"rate": "1/s"}, "stages": [stage]}).stages[0].model.rows()
    return [(items, round(time * 1e3, 9)) for items, time in zip(rows.items, rows.time_s, strict=True)]


def law(file):
    model = {"kind": "time", "law": {"kind": "empirical", "file": str(file), "unit": "s"}}
    return scenario_from_dict({"name": "t", "load": {"rate": "1/s"}, "stages": [{**STAGE, "model": model}]})


def values(file):
    return list(law(file).stages[0].model.law.law.points)


TICKS = "t\n" + "".join(f"{1_700_000_000_000_000_000 + 1000 * i}\n" for i in range(3))
IDS = "request_id,arrival_s\n1,0.0\n2,0.05\n3,0.1\n"
INDEX = ",arrival_s,tokens\n0,0.0,5\n1,0.111,7\n2,0.573,9\n"
GERMAN = "t;w\n0,0;1\n0,5;2\n1,0;3\n"
STRAY = 't,query\n0.0,red shoes\n0.1,"exact phrase\n0.2,hat\n0.3,5" nails\n0.4,coat\n'
DATES = "2024-02-29T23:59:59.9999995Z\n2024-03-01 00:00:00.25+00:00\n2024-03-01T01:00:01+01:00\n"
COMMAS = "arrival_s\n0,000\n0,111\n0,573\n"

#: What it is, the reader, its arguments, the file, and the values or a part of the refusal.
FILES = [
    (
        "another unit in the name",
        instants,
        {"column": "t_ms"},
        "id,t_ms\n1,0\n2,5\n",
        "says ms, and its unit is s; write unit: ms, or call",
    ),
    (
        "another unit of times",
        measured,
        {},
        "n,latency (us)\n10,5\n",
        ":1:3: the column's name says us, and its unit is ms",
    ),
    ("the unit in the name", instants, {"unit": "ms"}, "Milliseconds\n0\n5\n", [0.0, 0.005]),
    ("dates under a unit", instants, {}, "time_ms\n2024-01-01T00:00:00\n2024-01-01T00:00:01\n", [0.0, 1.0]),
    ("no unit at all", instants, {}, "arms\n0\n5\n", [0.0, 5.0]),
    (
        "ids beside instants",
        instants,
        {},
        IDS,
        ":1:1: 2 columns (request_id, arrival_s); say which is the instant, as column: NAME",
    ),
    ("ids and a named column", instants, {"column": "arrival_s"}, IDS, [0.0, 0.05, 0.1]),
    (
        "an index of pandas",
        instants,
        {},
        INDEX,
        ":1:1: 3 columns ('', arrival_s, tokens); say which is the instant, as column: NAME",
    ),
    ("an index and a named column", instants, {"column": "arrival_s"}, INDEX, [0.0, 0.111, 0.573]),
    ("two columns of one name", instants, {"column": "t"}, "t,t,work\n0,100,1\n1,200,2\n", ":1:3: two columns are ca"),
    ("decimal commas", instants, {}, COMMAS, ":2:3: 2 cells where the header names 1; a decimal comma or"),
    ("decimal commas of a law", values, {}, "0,573\n0,111\n", ":1:3: the share 573 must not fall from row to row"),
    ("thousands of counts", counts, {}, "queries\n1,234\n2,345\n", ":2:3: 2 cells where the header names 1; a dec"),
    ("thousands in quotes", counts, {}, 'queries\n"1,234"\n', ":2:1: '1,234' is not a number: a separator of thous"),
    ("thousands by apostrophes", counts, {}, "n\n1'234\n", ':2:1: "1\'234" is not a number: a separator of thousands'),
    ("thousands by underscores", counts, {}, "n\n1_234\n", ":2:1: '1_234' is not a number: a separator of thousands"),
    ("decimal commas of times", measured, {}, "items,time\n10,1,5\n20,2,9\n", ":2:6: 3 cells where the header names"),
    ("semicolons", instants, {"column": "t"}, GERMAN, [0.0, 0.5, 1.0]),
    ("works and semicolons", works, {"column": "t"}, GERMAN, [0.5, 1.0, 1.5]),
    ("tabs", measured, {}, "items\ttime\n10\t1,5\n20\t2,25\n", [(10, 1.5), (20, 2.25)]),
    (
        "which comma is not clear",
        counts,
        {"column": "n"},
        "d;n\nmo;1,234\ntu;2,345\n",
        ":2:4: commas of decimals or of",
    ),
    ("a comma that is clear", counts, {"column": "n"}, "d;n\nmo;1,234\ntu;0,345\n", [1.234, 0.345]),
    (
        "points and commas",
        counts,
        {"column": "n"},
        "d;n\nmo;1.5\ntu;0,345\n",
        ":3:4: a count with a point where others",
    ),
    ("a stray quote", instants, {"column": "t"}, STRAY, ":3:5: a quote opens here and does not close in this line"),
    ("a quote to the end", instants, {"column": "t"}, 't,name\n0,a\n1,"b\n2,c\n', ":3:3: a quote opens here"),
    ("a quote in a cell", instants, {"column": "t"}, 't,name\n0,a\n1,5" nails\n', ":3:4: a quote in a cell; take it"),
    ("text behind a quote", instants, {"column": "t"}, 't,n\n0,"a"b\n', ":2:6: text behind a closing quote"),
    ("cells in quotes", instants, {"column": "t"}, 't,n\n"0","a, ""b"""\n"1.5", "c"\n', [0.0, 1.5]),
    ("a calibration without header", measured, {}, "10,1.5\n20,2.9\n30,3.9\n", [(10, 1.5), (20, 2.9), (30, 3.9)]),
    ("a calibration of a single size", measured, {}, "items,time\n10,1.5\n10,2.5\n", [(10, 1.5), (10, 2.5)]),
    (
        "a calibration of three columns",
        measured,
        {},
        "run,items,time\n0,10,1\n",
        ":1:1: 3 columns (run, items, time); say",
    ),
    ("two of three columns", measured, {"items": "items", "time": "time"}, "run,items,time\n0,10,1\n", [(10, 1)]),
    ("nanoseconds of an epoch", instants, {"unit": "ns"}, TICKS, [0.0, 1000 * 1e-9, 2000 * 1e-9]),
    (
        "nanoseconds of an epoch as numpy.savetxt writes them",
        instants,
        {"unit": "ns"},
        "1.700000000000000000e+18\n1.700000000000001000e+18\n",
        [0.0, 1000 * 1e-9],
    ),
    ("microseconds of an epoch", instants, {}, "1700000000.000001\n1700000000.000004\n", [0.0, 3e-6]),
    ("dates", instants, {}, DATES, [0.0, 0.2500005, 1.0000005]),
    ("dates with a unit", instants, {"unit": "ms"}, DATES, ":1:1: dates need no unit"),
    (
        "dates of no zone among others",
        instants,
        {},
        DATES + "2024-03-01T03:00\n",
        ":4:1: dates with a zone and without",
    ),
    ("no such day", instants, {}, "2023-02-29T00:00\n", ":1:1: there is no such day"),
    ("dates as counts", counts, {}, "2024-03-01T03:00\n", ":1:1: a date, where the count is wanted as a number"),
    ("objects of JSON", instants, {"column": "t"}, '{"id": 7, "t": 1.5}\n{"t": 1.75, "id": null}\n', [0.0, 0.25]),
    ("JSON without the key", instants, {"column": "t"}, '{"t": 1}\n{"s": 2}\n', ":2:1: the instant is not there"),
    ("JSON with a key twice", instants, {"column": "t"}, '{"t": 1, "t": 2}\n', ":1:1: a key is given twice"),
    ("JSON torn", instants, {"column": "t"}, '{"t": 1}\n{"t": 2\n', ":2:8: is not JSON"),
    (
        "a document of JSON",
        instants,
        {},
        '[{"t": 1}]',
        ":1:1: a document of JSON, and not rows: write an object a line",
    ),
    ("JSON of NaN", instants, {"column": "t"}, '{"t": NaN}\n', ":1:1: NaN is not a finite number"),
    ("works of 1e308", works, {"column": "t"}, "t,w\n0,1e308\n1,1e308\n2,1e308\n", [1.0, 1.0, 1.0]),
    ("a law of 1e308", values, {}, "1e308\n1e308\n", ":1:1: the value is more than 1e+100"),
    ("a row that is short", instants, {"column": "t"}, "t,w\n0,1\n1\n", ":3:1: 1 cell where the header names 2"),
    ("infinite numbers", values, {}, "inf\n1\n", ":1:1: inf is not a finite number"),
    ("a name where none is", instants, {"column": "t"}, "0,1\n1,2\n", ":1:1: no column 't': the file has no header"),
    ("UTF-16", instants, {}, "t\n1\n".encode("utf-16"), "is a file of UTF-16, and not UTF-8 text; export it as CSV"),
    ("a spreadsheet", instants, {}, b"PK\x03\x04....", "is a file of xlsx or zip, and not UTF-8 text"),
    ("latin-1", instants, {"column": "t"}, "t,name\n0,caf\xe9\n".encode("latin-1"), ":2:6: is not UTF-8 text"),
    ("gzip", instants, {}, gzip.compress(b"t\n1\n3\n"), [0.0, 2.0]),
    ("gzip torn", instants, {}, gzip.compress(b"t\n" + b"1\n" * 99)[:-9], "is broken: it begins as gzip does"),
    ("a carriage return", instants, {}, b"0\r1\r2\r", ":1:2: a control character; lines end with a line feed"),
    ("Windows, a mark and blank lines", instants, {}, b"\xef\xbb\xbft\r\n1\r\n\r\n3\r\n", [0.0, 2.0]),
    (
        "a secret in words",
        instants,
        {},
        "root:x:0:0:root:/root:/bin/sh\nbin:x:1:\n",
        ":2:1: text, where the instant is",
    ),
    ("a secret in a header", instants, {"column": "t"}, "AKIAIOSFODNN7EXAMPLE\nhunter2\n", ":1:1: no column 't'\n"),
]


@pytest.mark.parametrize(("read", "more", "content", "expected"), [row[1:] for row in FILES], ids=[r[0] for r in FILES])
def test_a_file_has_its_right_values_or_its_refusal(tmp_path, read, more, content, expected):
    file = tmp_path / "f.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    if not isinstance(expected, str):
        found = read(file, **more)
        assert found == pytest.approx(expected, abs=1e-15) if read is not measured else found == expected
        return
    with pytest.raises(ScenarioError) as refused:
        read(file, **more)
    said = str(refused.value).replace(str(tmp_path), "")
    assert expected in said
    for secret in ("root", "AKIA", "hunter2", "exact phrase", "nails"):
        assert secret not in said


def test_instants_a_microsecond_apart_in_epoch_nanoseconds_queue_as_they_should(tmp_path):
    (tmp_path / "f.csv").write_text("t\n" + "".join(f"{1_700_000_000_000_000_000 + 1000 * i}\n" for i in range(400)))
    scenario = trace(tmp_path / "f.csv", unit="ns")
    scenario = scenario_with(scenario, [("stages.a.model.law=950ns", "--set")])
    result = simulate(scenario)
    assert set(result.traces[0].leave_ns[0] - result.traces[0].arrival_ns) == {950}


def _empirical(file, **more):
    return {"kind": "empirical", "file": file, **more}


IN_MS, LINEAR = {"unit": "ms"}, {"kind": "linear", "per_item": "1ms"}
HUNDRED = range(100)
#: Every place of a scenario that names a file of numbers: what the load is, what the stage is, what stands in the file
#: before and after; of one length, since neither length nor time tells that it was rewritten.
NAMED_IN = {
    "law": ({}, lambda f: {"model": {"kind": "time", "law": _empirical(f, **IN_MS)}}, "1\n2\n", "3\n4\n"),
    "distribution": (
        {},
        lambda f: {"model": {"kind": "time", "law": _empirical(f, **IN_MS)}},
        "1,0\n2,1\n",
        "3,0\n4,1\n",
    ),
    "variability": (
        {},
        lambda f: {"model": LINEAR, "candidates": 10, "variability": {"task": _empirical(f)}},
        "1\n1\n",
        "1\n9\n",
    ),
    "response": ({}, lambda f: {"network": {"response": _empirical(f, **IN_MS)}}, "1\n1\n", "1\n9\n"),
    "candidates": ({}, lambda f: {"model": LINEAR, "candidates": _empirical(f)}, "1\n1\n", "1\n9\n"),
    "measured": (
        {},
        lambda f: {"model": {"kind": "measured", "file": f, **IN_MS}, "candidates": 10},
        "8,2\n8,2.2\n",
        "8,3\n8,3.3\n",
    ),
    "part of a sum": (
        {},
        lambda f: {
            "candidates": 10,
            "model": {"kind": "sum", "parts": [LINEAR, {"kind": "measured", "file": f, **IN_MS}]},
        },
        "8,2\n8,2.2\n",
        "8,3\n8,3.3\n",
    ),
    "interference": (
        {},
        lambda f: {
            "workers": 4,
            "interference": {"file": f},
            "model": {"kind": "time", "law": {"kind": "exponential", "mean": "100ms"}},
        },
        "0,1\n3,1.1\n",
        "0,1\n3,2.1\n",
    ),
    "slowdown": (
        {},
        lambda f: {"slowdowns": [{"every": _empirical(f, unit="s"), "length": "100ms"}]},
        "1\n2\n",
        "3\n4\n",
    ),
    "after answer": ({}, lambda f: {"after_answer": _empirical(f, **IN_MS)}, "10\n20\n", "30\n40\n"),
    "work": (lambda f: {"rate": "20/s", "work": _empirical(f)}, {}, "1\n1\n", "1\n9\n"),
    "work of a class": (
        lambda f: {"rate": "20/s", "classes": [{"name": "c", "share": 1, "work": _empirical(f)}]},
        {},
        "1\n1\n",
        "1\n9\n",
    ),
    "profile": (lambda f: {"rate": {"kind": "profile", "file": f, "interval": "10s"}}, {}, "10\n20\n", "30\n40\n"),
    "trace": (
        lambda f: {"arrivals": {"kind": "trace", "file": f}},
        {},
        "".join(f"{i / 2:.1f}\n" for i in HUNDRED),
        "".join(f"{i / 4:.1f}\n" for i in HUNDRED),
    ),
    "work of a trace": (
        lambda f: {"arrivals": {"kind": "trace", "file": f, "column": "t", "columns": {"work": "w"}}},
        {},
        "t,w\n" + "".join(f"{i},1\n" for i in HUNDRED),
        "t,w\n" + "".join(f"{i},{1 + i % 3}\n" for i in HUNDRED),
    ),
}


@pytest.mark.parametrize("place", NAMED_IN)
def test_a_file_is_read_anew_wherever_it_is_named(tmp_path, place):
    """Other numbers have another hash, the first scenario keeps both, and the first numbers give the first answer."""
    load, stage, before, after = NAMED_IN[place]
    file = tmp_path / "f.csv"

    def loaded():
        a_load = load(str(file)) if callable(load) else {"rate": "20/s"}
        own = (
            {"replications": 2}
            if place in ("profile", "trace", "work of a trace")
            else {"queries": 200, "replications": 2}
        )
        model = {"name": "a", "model": {"kind": "time", "law": "1ms"}}
        stages = [model | (stage(str(file)) if callable(stage) else {})]
        return scenario_from_dict({"name": "s", "load": a_load, "run": own, "stages": stages})

    def answer(scenario):
        document = simulate(scenario).to_dict()
        return scenario.sha256(), document["latency_s"], document["load"], document["stages"]

    file.write_text(before)
    stamp = file.stat()
    first = loaded()
    at_first = answer(first)
    file.write_text(after)
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    second = answer(loaded())
    assert second[0] != at_first[0]
    assert second[1:] != at_first[1:]
    assert answer(first) == at_first
    file.write_text(before)
    assert answer(loaded()) == at_first
    file = tmp_path / "elsewhere.csv"
    file.write_text(before)
    assert loaded().sha256() == at_first[0], "the hash is of what it holds, wherever it stands"


def test_a_file_that_is_rewritten_is_read_anew_and_the_hash_is_of_what_is_simulated(tmp_path):
    file = tmp_path / "f.csv"
    for read, more, one, two in (
        (trace, {}, "t\n0\n1\n2\n", "t\n0\n5\n9\n"),
        (law, {}, "1\n2\n", "3\n4\n"),
    ):
        file.write_text(one)
        first = read(file, **more)
        before, drawn = first.sha256(), make_plan(first).arrival_ns.tolist()
        file.write_text(two)
        second = read(file, **more)
        assert second.sha256() != before
        assert first.sha256() == before, "it has not changed since it was loaded"
        varied = scenario_with(first, [("run.seed=5", "--set")])
        assert make_plan(varied).arrival_ns.shape == np.shape(drawn)
        assert simulate(scenario_with(first, [])).to_dict()["provenance"]["scenario_sha256"] == before
        elsewhere = pickle.loads(pickle.dumps(first))
        file.unlink()
        assert make_plan(elsewhere).arrival_ns.tolist() == drawn
        assert elsewhere.sha256() == before
    file.write_text("t,u\n0,0\n1,2\n")
    first = trace(file, column="t")
    file.write_text("t,u\n0,0\n1,9\n")
    with pytest.raises(ScenarioError, match="has changed since the scenario was loaded; load that again"):
        scenario_with(first, [("load.arrivals.column=u", "--set")])


def test_a_pipe_is_read_where_the_command_line_names_it(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PATIENCE_S", 0.05)
    pipe, base = tmp_path / "pipe", tmp_path / "base.yaml"
    os.mkfifo(pipe)

    def poured(text):
        threading.Thread(target=pipe.write_text, args=(text,), daemon=True).start()

    base.write_text(
        "name: t\nload: {arrivals: {kind: trace, file: pipe}}\nstages: [{name: a, model: {kind: time, law: 1ms}}]\n"
    )
    sets = [f"load.arrivals.file={pipe}", "load.arrivals.column=t"]
    with pytest.raises(
        ScenarioError, match=r"base.yaml:2:32: load.arrivals.file: .*pipe: cannot be read: a pipe, and not"
    ):
        load_scenario(base)
    with pytest.raises(ScenarioError, match=r"given up: no byte came for 0\.05 s"):
        load_scenario(base, sets=sets)
    monkeypatch.setattr(files, "PATIENCE_S", 10.0)
    poured("t,u\n0,0\n1,5\n")
    scenario = load_scenario(base, sets=sets)
    again = scenario_with(scenario, [("load.arrivals.column=u", "--set")])  # its bytes are held
    assert [one.load.arrivals.timestamps()[-1] for one in (scenario, again)] == [1.0, 5.0]
    with (tmp_path / "f").open("w+") as through:
        through.write("t\n0\n2\n")
        through.flush()
        reader, writer = os.pipe()
        os.write(writer, b"t\n0\n3\n")
        os.close(writer)
        named = load_scenario(base, sets=[f"load.arrivals.file=/dev/fd/{reader}"])
        os.close(reader)
    assert named.load.arrivals.timestamps()[-1] == 3.0
    poured(base.read_text().replace("kind: trace, file: pipe", "kind: poisson").replace("}}\n", "}, rate: 5/s}\n", 1))
    assert load_scenario(pipe).load.rate_per_s == 5.0


@pytest.mark.parametrize("named", ["pipe", "/dev/zero", "/dev/null", "."])
@pytest.mark.parametrize(
    "line",
    [
        "extends: {}",
        "catalogue: {}",
        "load: {{arrivals: {{kind: trace, file: {}}}}}",
        "load: {{rate: {{kind: profile, file: {}, interval: 1m}}}}",
        "load: {{rate: 1/s, work: {{kind: empirical, file: {}}}}}",
        "load: {{rate: 1/s, classes: [{{name: a, share: 1, work: {{kind: empirical, file: {}}}}}]}}",
    ],
)
def test_what_a_file_names_is_a_regular_file(tmp_path, named, line):
    os.mkfifo(tmp_path / "pipe")
    base = tmp_path / "base.yaml"
    base.write_text(line.format(named) + "\nname: t\nstages: [{name: a, model: {kind: time, law: 1ms}}]\n")
    with pytest.raises(ScenarioError, match=r"cannot be read: (a pipe|a device|Is a directory)") as refused:
        load_scenario(base)
    assert all(problem.line == 1 for problem in refused.value.problems if "cannot be read" in problem.message)


def test_memory_is_bounded_while_a_table_is_read(tmp_path, monkeypatch):
    with (tmp_path / "one_line").open("wb") as file:
        file.truncate(10**9)  # a line of zero bytes, of which the disk holds none
    with pytest.raises(ScenarioError, match="one_line:1:1: a line of more than 1,000,000 bytes"):
        instants(tmp_path / "one_line")
    monkeypatch.setattr(tables, "MOST_ROWS", 5)
    (tmp_path / "long").write_text("1\n" * 6)
    with pytest.raises(ScenarioError, match="long:6:1: more than 5 rows"):
        instants(tmp_path / "long")
    monkeypatch.setattr(tables, "MOST_FILE", 10)
    with pytest.raises(ScenarioError, match="long:6:1: more than 0 GB"):
        instants(tmp_path / "long")


def test_configurations_that_seem_mixed_are_said(tmp_path):
    rows = [
        (gpu, run, size, size * (1 + 0.5 * gpu) * (1 + 0.01 * run))
        for gpu in (0, 1)
        for run in range(3)
        for size in (8, 16)
    ]
    file = tmp_path / "calls.csv"
    file.write_text("gpu,run,items,ms\n" + "".join(f"g{g},{r},{s},{ms}\n" for g, r, s, ms in rows))
    model = {"kind": "measured", "file": str(file), "unit": "ms", "items": "items", "time": "ms"}
    made = {"name": "t", "load": {"rate": "1/s"}, "stages": [{**STAGE, "model": model}]}
    [note] = scenario_from_dict(made).notes()
    assert note.startswith("a: measured times at one number of items differ by gpu: several configurations seem mixed")
    file.write_text("items,ms\n8,2\n8,2.2\n8,1.8\n8,46\n")
    model["time"] = "ms"
    one_size, hiccup = scenario_from_dict(made).notes()
    assert one_size == "a: times were measured at 8 items only; they are taken for any number"
    assert hiccup.startswith("a: 1 of 4 measured times is a hiccup, above 5 times the median of their size")
    assert hiccup.endswith("each adds what it took beyond others, up to 44 ms, at whatever size")
    file.write_text("items,ms\n8,2\n8,46\n9,2\n9,2.1\n")
    assert scenario_from_dict(made).notes()[-1] == (
        "a: the two times at 8 items are more than 5 times apart: a hiccup, or how times vary? the latter is taken; "
        "measure there more often"
    )


def test_the_noise_of_a_small_calibration_is_in_the_intervals_if_that_is_asked_for(tmp_path):
    rng = np.random.default_rng(3)
    file = tmp_path / "calls.csv"
    times_ms = 10 * rng.lognormal(-0.125, 0.5, 40)
    file.write_text("items,ms\n" + "".join(f"5,{ms:.4f}\n" for ms in times_ms))
    model = {"kind": "measured", "file": str(file), "unit": "ms", "sample": True}
    made = {
        "name": "t",
        "load": {"rate": "20/s"},
        "run": {"queries": 4000, "replications": 8},
        "stages": [{**STAGE, "model": {"kind": "sum", "parts": [model, {"kind": "linear", "per_item": "1ns"}]}}],
    }
    drawn = scenario_from_dict(made)
    plans = [make_plan(drawn, replication) for replication in range(200)]
    means_ms = [float(plan.knot_ns[0]) / 1e6 for plan in plans]
    assert len(set(means_ms)) > 190
    assert np.std(means_ms) == pytest.approx(times_ms.std() / np.sqrt(40), rel=0.2), "8 sd / sqrt(400) is .2"
    assert make_plan(drawn, 3).knot_ns.tolist() == plans[3].knot_ns.tolist()
    runs = [simulate(scenario) for scenario in (drawn, scenario_with(drawn, OFF))]
    means = [run.summary.latency.mean for run in runs]
    width = [mean.high - mean.low for mean in means]
    assert width[0] > 2 * width[1]
    assert [mean.ahead.exact is None for mean in means] == [True, False], "closed forms are of a calibration that stays"


OFF = [("stages.a.model.parts[0].sample=false", "--set")]


def test_ticks_of_a_trace_are_spread_otherwise_in_each_replication(tmp_path):
    (tmp_path / "f.csv").write_text("t\n" + "0\n" * 4 + "3\n" * 4 + "9\n" * 2)
    spread = trace(tmp_path / "f.csv", spread="uniform")
    one, two = (make_plan(spread, replication).arrival_ns for replication in (0, 1))
    assert one.tolist() != two.tolist()
    assert len(set(one.tolist())) == 10 and one[-1] - one[0] < 12e9
    assert len(set(make_plan(trace(tmp_path / "f.csv")).arrival_ns.tolist())) == 3


def test_standard_input_that_is_no_text_or_says_nothing_is_refused(tmp_path, monkeypatch):
    def given(raw):
        reader, writer = os.pipe()
        os.write(writer, raw)
        return reader, writer

    monkeypatch.setattr(files, "PATIENCE_S", 0.05)
    for raw, is_ended, said in (
        (b"name: caf\xe9\n", True, "-:1:10: is not UTF-8 text"),
        (b"", True, "the file is empty"),
        (b"name: t\n", False, "-: cannot be read: given up: no byte came for 0.05 s"),
    ):
        reader, writer = given(raw)
        if is_ended:
            os.close(writer)
        with os.fdopen(reader) as stream:
            monkeypatch.setattr("sys.stdin", stream)
            with pytest.raises(ScenarioError) as refused:
                load_scenario("-")
            assert said in str(refused.value)
        if not is_ended:
            os.close(writer)
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ScenarioError, match="-: cannot be read: closed"):
        load_scenario("-")


@pytest.mark.parametrize(
    "line", ["extends: secret", "catalogue: secret", "load: {arrivals: {kind: trace, file: secret}}"]
)
def test_a_file_that_is_named_by_mistake_is_not_quoted(tmp_path, line):
    (tmp_path / "secret").write_text("root:x:0:0:root:/bin/sh\nhunter2\n")
    (tmp_path / "base.yaml").write_text(line + "\nname: t\nstages: [{name: a, model: {kind: time, law: 1ms}}]\n")
    with pytest.raises(ScenarioError) as refused:
        load_scenario(tmp_path / "base.yaml")
    assert "hunter2" not in str(refused.value)
    assert "root:x" not in str(refused.value)
