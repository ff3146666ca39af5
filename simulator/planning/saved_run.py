"""Reading the directory of a run (``shardsim run -o DIR``) back: what was said of it, and its traces."""

import json
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from simulator.base.errors import Problem, ScenarioError
from simulator.base.groups import KINDS
from simulator.base.places import is_file
from simulator.core.trace import COUNTERS, QUERY_COLUMNS, WINDOW, Trace
from simulator.documents import parts, run
from simulator.planning import hours
from simulator.planning.sides import Side
from simulator.running.doctor import memory
from simulator.scenario.classes import MOST_CLASSES, MOST_SHARE
from simulator.scenario.files import Unreadable, opened, unreadable
from simulator.stats.attempts import as_queries
from simulator.stats.figures import S_PER_NS
from simulator.stats.groups import NOWHERE

#: The files that are read.
SUMMARY, QUERIES = "summary.json", "queries.npz"
#: Columns that have one row, not one a stage.
OF_WHOLE_QUERIES = ("arrival_ns", "outcome")

#: Columns of attempts, where clients give up; others have none.
OF_ATTEMPTS, NONE = ("query_of", "gives_up_ns"), np.zeros(0, dtype=np.int64)
#: How many replicas served, where an autoscaler said so.
PROVIDED = "provided"

#: Bytes of a summary, at most; and how many times smaller deflate makes anything, at most.
MOST_SUMMARY, MOST_PACKED = 100_000_000, 1032

#: Of the candidates, but for rounding.
MOST_COVERED = 1 + 1e-9

#: Units of objectives, and a count that nothing reaches.
UNITS, MOST = get_args(parts.Unit), 2**40

Columns = dict[str, NDArray[Any]]


def read_run(folder: str | Path) -> Side:
    """Read a run.

    Raises
    ------
    ScenarioError
        If it is not the directory of a run, or is broken.
    """
    path = Path(folder)
    if not is_file(path / SUMMARY):
        message = f"is not the directory of a run: it has no {SUMMARY}; write one with shardsim run -o DIR"
        raise _wrong(path, message)
    document = _document(path / SUMMARY)
    columns = _columns(path / QUERIES, document)
    side = Side(str(folder), document, _traces(path / QUERIES, columns, document))
    for kind in KINDS:
        said = side.said_of(kind)
        if said and _by_group(side, kind) != [one["queries"] for one in said]:
            raise _wrong(path / QUERIES, _FOREIGN)
    return side


def _by_group(side: Side, kind: str) -> list[int]:
    """Measured queries of each group of a kind."""
    measured = [
        side.group_of(kind, number)[as_queries(trace).first_measured :] for number, trace in side.traces.items()
    ]
    of = np.concatenate(measured)
    counts: list[int] = np.bincount(of[of != NOWHERE], minlength=len(side.said_of(kind))).tolist()
    return counts


def _document(file: Path) -> run.Run:
    try:
        with opened(str(file)) as source:
            raw = source.read(MOST_SUMMARY + 1)
        if len(raw) > MOST_SUMMARY:
            raise _wrong(file, f"has more than {MOST_SUMMARY // 10**6} MB: no summary of a run is so long")
        document = json.loads(raw, parse_constant=_finite, parse_float=_finite)
    except ScenarioError:
        raise
    except (OSError, Unreadable) as error:
        raise _wrong(file, f"cannot be read: {unreadable(error)}") from None
    except (ValueError, RecursionError):
        raise _wrong(file, "is not JSON") from None
    schema = document.get("schema", 1) if isinstance(document, dict) else 1
    if schema != 1:
        raise _wrong(file, f"has schema {schema!r}, not 1: it is of another version of shardsim")
    if not _is_of(SHAPE, document) or not _is_readable(document):
        raise _wrong(file, "is not the summary of a run by this version of shardsim; run it again")
    return cast(run.Run, document)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


#: What a comparison needs of a summary: kinds of values by key; a list: of such; a tuple: one of them.
SHAPE: dict[str, Any] = {
    **dict.fromkeys(("scenario", "description", "engine", "verdict"), str),
    **dict.fromkeys(("seed", "queries", "replications"), int),
    "notes": [str],
    "latency_s": {"max": (float, None), "mean": {"value": (float, None)}},
    "stages": [
        {
            "name": str,
            "shards": int,
            "replicas": int,
            "replicas_left": int,
            "workers": int,
            "utilisation": {"mean": {"value": (float, None)}},
        }
    ],
    "unsupported": [{"stage": (str, None), "percentile": str, "exceedances": float}],
    "slos": [{"slo": str, "met": (bool, None), "unit": str, "value": (int, float, None)}],
    "fleet": {"machines": (int, float), "usd_per_h": (int, float, None)},
    "provenance": {
        "scenario_sha256": str,
        "versions": {},
        "replications": [int],
        "resolved": {"stages": [{"name": str}], "slos": [str], "run": {}},
    },
}
#: And of the machines of a stage that is scaled.
PAID: dict[str, Any] = {"provided_ratio": (int, float), "usd_per_h": (int, float, None)}
#: And of the mergers of a stage, where it has any.
MERGERS: dict[str, Any] = {"count": int, "service_s": (int, float)}
#: And of the classes of queries, where there are any: what is said of each, and what the scenario says.
CLASSES: list[Any] = [{"name": str, "queries": int, "latency_s": ({"mean": {"value": (float, None)}}, None)}]
SHARES: list[Any] = [{"name": str, "share": (int, float)}]
#: And of the phases of its load, where any has a name.
PHASES: list[Any] = [{"duration": str}]


def _is_of(shape: Any, value: Any) -> bool:
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(key in value and _is_of(shape[key], value[key]) for key in shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(_is_of(shape[0], item) for item in value)
    if isinstance(shape, tuple):
        return any(_is_of(one, value) for one in shape)
    return value is None if shape is None else type(value) is shape


def _is_readable(document: run.Run) -> bool:
    """Whether its numbers of things are such, and its objectives are objectives."""
    counts = [stage[key] for stage in document["stages"] for key in ("shards", "replicas", "replicas_left", "workers")]
    merging = [stage["mergers"] for stage in document["stages"] if "mergers" in stage]
    if not all(_is_of(MERGERS, mergers) for mergers in merging):
        return False
    counts += [mergers["count"] for mergers in merging]
    if "classes" in document and not _are_classes(document["classes"], document["provenance"]["resolved"].get("load")):
        return False
    if "phases" in document and not _are_phases(document):
        return False
    counts += [document["queries"], document["replications"]]
    names = [stage["name"] for stage in document["stages"]]
    try:
        _ = Side("", document, {}).good, Side("", document, {}).drain_ns
    except ValueError:
        return False
    if not all(map(_is_paid_for, document["stages"], document["fleet"].get("stages", document["stages"]))):
        return False
    known = all(slo["unit"] in UNITS for slo in document["slos"])
    return known and bool(names) and len(set(names)) == len(names) and all(0 < count < MOST for count in counts)


def _is_paid_for(stage: Any, machines: Any) -> bool:
    """Whether of a stage that is scaled it is said which part of its machines served."""
    return not hours.is_scaled(stage) or (_is_of(PAID, machines) and 0 < machines["provided_ratio"] <= 1)


def _are_classes(said: Any, load: Any) -> bool:
    """Whether what is said of classes is of those of the scenario, by name, and their shares can be drawn by."""
    stated: Any = load.get("classes") if isinstance(load, dict) else None
    if not (_is_of(CLASSES, said) and _is_of(SHARES, stated)):
        return False
    names, shares = [one["name"] for one in said], [one["share"] for one in stated]
    drawable = all(1 / MOST_SHARE <= share <= MOST_SHARE for share in shares)
    return 1 <= len(set(names)) == len(names) <= MOST_CLASSES and names == [one["name"] for one in stated] and drawable


def _are_phases(document: run.Run) -> bool:
    """Whether what is said of phases is of those of the scenario, by name."""
    stated: Any = document["provenance"]["resolved"].get("load")
    if not (isinstance(stated, dict) and _is_of(PHASES, stated.get("phases")) and _is_of(CLASSES, document["phases"])):
        return False
    try:
        phases = Side("", document, {}).phases
    except ValueError:
        return False
    names = [one["name"] for one in document["phases"]]
    return all(isinstance(name, str) for name in phases.names) and names == list(phases.names)


def _columns(file: Path, document: run.Run) -> Columns:
    """The arrays, of the shapes that the summary implies."""
    columns: Columns = {}
    try:
        with opened(str(file)) as source, zipfile.ZipFile(source) as archive:
            _refuse_large(file, archive)
            for name in ("replication", "measured", *QUERY_COLUMNS, *COUNTERS, *WINDOW):
                columns[name] = _array(archive, name)
            for name in (*OF_ATTEMPTS, PROVIDED):
                if f"{name}.npy" in archive.namelist():
                    columns[name] = _array(archive, name)
    except FileNotFoundError:
        raise _wrong(file, "is missing; run it again") from None
    except KeyError:
        raise _wrong(file, f"has no {name}: it was written by an earlier version of shardsim; run it again") from None
    except ScenarioError:
        raise
    except Unreadable as error:
        raise _wrong(file, f"cannot be read: {error}") from None
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, NotImplementedError):
        raise _wrong(file, "is broken; run it again") from None
    queries, stages = columns["replication"].size, len(document["stages"])
    differs = any({"gather", "taken_ratio", "hit_ratio"} & stage.keys() for stage in document["stages"])
    partial = stages if differs or columns["coverage"].shape[:1] == (stages,) else 0  # or shards are visited by some
    replicas = sum(stage["shards"] * stage["replicas"] for stage in document["stages"])
    steps = columns.pop(PROVIDED, np.zeros((4, 0), dtype=np.int64))
    if not hours.are_steps(steps, document):
        raise _wrong(file, _FOREIGN)
    for name, column in columns.items():
        shape: tuple[int, ...] = (queries,)
        if name in COUNTERS:
            shape = (len(document["provenance"]["replications"]), replicas)
        elif name in WINDOW:
            shape = (len(document["provenance"]["replications"]),)
        elif name in QUERY_COLUMNS and name not in OF_WHOLE_QUERIES:
            shape = (partial if name == "coverage" else stages, queries)
        kind = "b" if name == "measured" else "f" if name in ("candidates", "coverage") else "i"
        if not queries or column.shape != shape or column.dtype.kind != kind:
            raise _wrong(file, _FOREIGN)
    if np.any((columns.get("query_of", NONE) < 0) | (columns.get("query_of", NONE) >= queries)):
        raise _wrong(file, _FOREIGN)
    if np.any(columns["window_begin_ns"] < 0) or np.any(columns["window_end_ns"] < columns["window_begin_ns"]):
        raise _wrong(file, _FOREIGN)
    if not ((columns["coverage"] >= -1) & (columns["coverage"] <= MOST_COVERED)).all():  # nor is it no number
        raise _wrong(file, _FOREIGN)
    return {**columns, PROVIDED: steps}


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """A member, if it is as long as its header says: no claim takes memory. Raises ValueError where it is not."""
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as part:
        if np.lib.format.read_magic(part) != (1, 0):
            raise ValueError("its header is of another version")
        shape, _, dtype = np.lib.format.read_array_header_1_0(part)
        if dtype.hasobject or math.prod(shape) * dtype.itemsize != info.file_size - part.tell():
            raise ValueError("its header claims another length")
        if info.file_size > MOST_PACKED * info.compress_size + 1000:
            raise ValueError("nothing is packed so well")
    with archive.open(info) as part:
        return np.asarray(np.lib.format.read_array(part, allow_pickle=False))


def _refuse_large(file: Path, archive: zipfile.ZipFile) -> None:
    """Refuse arrays that are more than all memory."""
    claimed, there = sum(info.file_size for info in archive.infolist()), memory()["memory_bytes"]
    if there is not None and claimed > there:
        raise _wrong(file, f"its arrays would take {claimed / 1e9:,.3g} GB; there are {there / 1e9:.3g} GB of memory")


def _traces(file: Path, columns: Columns, document: run.Run) -> dict[int, Trace]:
    number = columns["replication"]
    starts = [0, *(np.flatnonzero(number[1:] != number[:-1]) + 1).tolist()]
    traces: dict[int, Trace] = {}
    if number[starts].tolist() != document["provenance"]["replications"]:
        raise _wrong(file, _FOREIGN)
    for row, (first, end) in enumerate(zip(starts, [*starts[1:], len(number)], strict=True)):
        here = slice(first, end)
        measured = columns["measured"][here]
        warmup = int(np.count_nonzero(~measured))
        if warmup == len(measured) or not measured[warmup:].all():
            raise _wrong(file, _FOREIGN)
        traces[int(number[first])] = Trace(
            first_measured=warmup,
            window_begin_ns=int(columns["window_begin_ns"][row]),
            window_end_ns=int(columns["window_end_ns"][row]),
            measured=len(measured) - warmup,
            client_of=np.zeros(0, dtype=np.int64),  # nor who sent each
            shed_by=np.zeros(0, dtype=np.int8),  # nor by whom it was shed
            query_of=columns.get("query_of", NONE)[here],
            gives_up_ns=columns.get("gives_up_ns", NONE)[here],
            provided=columns[PROVIDED][1:, columns[PROVIDED][0] == number[first]],
            stage_outcome=np.zeros((0, len(measured)), dtype=np.int8),  # nor does it keep what came of each stage
            answers=np.zeros((0, len(measured)), dtype=np.int64),
            source_answer_ns=np.zeros((0, len(measured)), dtype=np.int64),
            batches=np.zeros(0, dtype=np.int64),  # counts by size stand in the document alone
            task_table=None,
            background_table=None,
            events=0,
            **{name: columns[name][..., here] for name in QUERY_COLUMNS},
            **{name: columns[name][row] for name in COUNTERS},
        )
    if _seen(traces) != (document["queries"], document["latency_s"]["max"]):
        raise _wrong(file, _FOREIGN)
    return traces


def _seen(traces: dict[int, Trace]) -> tuple[int, float | None]:
    """Number of measured queries, and their largest latency."""
    largest = -1
    traces = {number: as_queries(trace) for number, trace in traces.items()}
    for trace in traces.values():
        here = slice(trace.first_measured, None)
        spent = (trace.completion_ns[here] - trace.arrival_ns[here])[trace.is_answered(here)]
        largest = max(largest, int(spent.max(initial=-1)))
    queries = sum(trace.measured for trace in traces.values())
    return queries, None if largest < 0 else float(largest) * S_PER_NS


_FOREIGN = f"does not belong to the {SUMMARY} beside it; run it again"


def _wrong(file: Path, message: str) -> ScenarioError:
    return ScenarioError([Problem(str(file), 0, 0, "", message)])
