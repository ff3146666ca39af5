"""Inputs to read: good and bad ones with a few edits, drawn by Hypothesis so that what fails is made small."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulator.cli import COMMANDS

from .commands import LONG, options_of
from .targets import TARGETS, packed, seeds

#: Values at the edges of what formats, floats, integers, calendars and file systems hold.
NASTY = (
    *("0", "-0", "-1", "1", "2", "1e6", "1e-320", "1e308", "1.8e308", "1e309", "-1e309", "nan", "NaN", "inf", "-inf"),
    *(".inf", ".nan", "Infinity", "1_000", "_1", "1__0", "0x10", "0x" + "f" * 400, "0o17", "0b1", "1" * 301),
    *("9" * 5000, "1." + "0" * 400, "1e" + "9" * 30, "1E+400", "9223372036854775808", "18446744073709551616", "1e18"),
    *("1/s", "0/s", "1e300/s", "1e-300/s", "1/min .. 9/s", "1/s ..", "1ns", "1e9s", "1e10s", "1h30m", "0s", "-1s"),
    *("1k", "1P", "1e300 PFLOP", "1e308 TiB", "$1/h", "$/h", "1 USD/h", "50%", "101%", "1e-9%", "p99 < 1s", "p0 < 1s"),
    *("p99. < 1s", "p9.9.9 < 1s", "100% within 1s", "goodput > 1/s", "stage.a.p50 < 1s", "true", "no", "null", "~", ""),
    *("[]", "{}", "[[]]", "{a: 1}", "[1, [2]]", "- ", "?", ": ", "&a", "*a", "!!int 1", "<<", "|", ">", "'", '"'),
    *('"\\0"', '"\\u2028"', '"\\ud800"', "\ufeff", "\u2028", "\x85", "\t", "\r", "\0", "é", "١", "½", "²", "𝟙"),
    *("/", ".", "..", "~nobody/x", "/dev/null", "/dev/zero", "input", "small.yaml", "a" * 300, "data", "*", "a" * 5000),
    *("auto", "auto*3", "1..9", "1..9*3", "9..1", "1..1e9", "1e999999999..2*3", "1/s..2/s*2", "..", "1,2", "1,,2"),
    *("a=b", "1e-999999999%", "p99 < 1e-999999999s", "99e-99999999% within 1s"),
    *("kind", "from", "extends", "file", "catalogue", "name", "parts", "sweep", "law", "mixture", "measured", "trace"),
    *(
        "percentiles",
        "p50",
        "p99.9",
        "p100",
        "2024-02-30T00:00Z",
        "1,5",
        "1,234",
        '{"t": 1}',
        "empirical",
        "gamma",
        "profile",
        "mmpp",
        "diurnal",
        "time",
        "sum",
        "tree",
        "deep",
        "poisson",
        "hashed",
    ),
    *("stages", "stages[0]", "stages[9]", "stages[-1]", "stages.a", "load", "load.rate", "a[" + "9" * 5000 + "]"),
)
_TOKEN = re.compile(rb"[A-Za-z0-9_.%/+-]+|[^\sA-Za-z0-9]")


def inputs(name: str) -> st.SearchStrategy[bytes]:
    """Inputs of a target."""
    edited = _edited(name)
    plain = st.one_of(st.binary(max_size=60), _texts.map(lambda text: text.encode("utf-8", "surrogatepass")))
    if name == "queries":
        return st.one_of(_arrays(), _arrays(), edited)
    if name == "command":
        return st.one_of(_commands(), _commands(), edited)
    if name in ("set", "param"):
        return st.one_of(edited, _assignments(name), _assignments(name), plain)
    return st.one_of(edited, edited, edited, plain)


_texts = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from([*NASTY, "\n", "\n  ", " ", ",", ": ", "- "]), max_size=12).map("".join),
)
_PATHS = (
    *("load.rate", "load", "load.arrivals", "load.arrivals.kind", "run.queries", "run.warmup", "run.seed", "name"),
    *("stages.a.shards", "stages[0].shards", "stages[0]", "stages[0].model", "stages[0].model.kind", "stages.a.keep"),
    *("stages[0].candidates", "stages[0].network.response", "stages[0].routing", "stages[0].merge.workers", "slos"),
    *("stages[0].skew", "stages[0].shares", "hardware.leaf.flops", "hardware.leaf.from", "catalogue", "extends"),
    *("sweep", "sweep.load.rate", "load.work", "load.phases", "stages.a.lost_machine", "stages[0].per_machine"),
)

#: What options take.
_VALUES = (
    *("1", "2", "50", "500", "20%", "1s", "json", "csv", "yaml", "table", "reference", "compiled", "small.yaml"),
    *("there", "all.csv", "all.csv.gz", "load.rate=30/s", "load.rate=20/s,40/s", "stages.a.replicas=1,2", "p99 < 1s"),
    *(
        "p99=5%",
        "p90 < 50ms",
        "50,99",
        "money",
        "machines",
        "30/s",
        "x.svg",
        "x.png",
        "stages.a.queue.limit=2",
        "there/x",
    ),
    *(
        "1k",
        "stages.a.hedge=10ms",
        "stages.a.batching={max_size: 4, max_wait: 1ms}",
        "load.rate=1/s..9/s*3",
        "tcp://x:1",
    ),
)


def _assignments(name: str) -> st.SearchStrategy[bytes]:
    value = st.lists(st.sampled_from(NASTY), min_size=1, max_size=3).flatmap(
        lambda parts: st.sampled_from(["", ",", "..", "*", ": ", ", "]).map(lambda glue: glue.join(parts))
    )
    bracketed = st.tuples(st.sampled_from(["{}", "[{}]", "{{kind: {}}}", "{{from: {}}}"]), value)
    values = st.one_of(value, bracketed.map(lambda pair: pair[0].format(pair[1])))
    line = st.tuples(st.sampled_from(_PATHS), values).map("=".join)
    return st.lists(line, min_size=1, max_size=3).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass"))


@st.composite
def _commands(draw: st.DrawFn) -> bytes:
    """A command with options of its own, each with a value that may be meant for it, or for none."""
    name = draw(st.sampled_from([command for command in COMMANDS if command not in LONG]))
    words = [name, draw(st.sampled_from(["small.yaml", "small.yaml", "small.yaml", "own.yaml", "none", "-"]))]
    value = st.one_of(st.sampled_from(_VALUES), st.sampled_from(NASTY), _assignments("set").map(bytes.decode))
    for option in draw(st.lists(st.sampled_from(options_of(name)), max_size=4)):
        words.append(option)
        if draw(st.integers(0, 5)):
            words.append(draw(value))
    return "\n".join(words).encode("utf-8", "surrogatepass")


@st.composite
def _edited(draw: st.DrawFn, name: str) -> bytes:
    """A seed with up to six edits."""
    known = seeds(name)
    if not known:
        return draw(st.sampled_from(NASTY)).encode("utf-8", "surrogatepass")
    raw = draw(st.sampled_from(known))
    for _ in range(draw(st.integers(0, 6))):
        raw = draw(st.sampled_from(EDITS))(draw, raw, known)
    return raw


def _nasty(draw: st.DrawFn) -> bytes:
    return draw(st.sampled_from(NASTY)).encode("utf-8", "surrogatepass")


def _another_token(draw: st.DrawFn, raw: bytes, known: tuple[bytes, ...]) -> bytes:
    found = list(_TOKEN.finditer(raw))
    if not found:
        return raw
    token = draw(st.sampled_from(found))
    others = list(_TOKEN.finditer(draw(st.sampled_from(known))))
    is_nasty = draw(st.booleans()) or not others
    put = _nasty(draw) if is_nasty else draw(st.sampled_from(others))[0]
    return raw[: token.start()] + put + raw[token.end() :]


def _lines_elsewhere(draw: st.DrawFn, raw: bytes, known: tuple[bytes, ...]) -> bytes:
    lines, other = raw.split(b"\n"), draw(st.sampled_from((raw, *known))).split(b"\n")
    first = draw(st.integers(0, len(other) - 1))
    count = draw(st.integers(1, 4))
    at = draw(st.integers(0, len(lines)))
    gone = draw(st.integers(0, 3))
    return b"\n".join([*lines[:at], *other[first : first + count], *lines[at + gone :]])


def _lines_gone(draw: st.DrawFn, raw: bytes, known: tuple[bytes, ...]) -> bytes:
    lines = raw.split(b"\n")
    at = draw(st.integers(0, len(lines) - 1))
    return b"\n".join(lines[:at] + lines[at + draw(st.integers(1, 3)) :])


def _bytes_changed(draw: st.DrawFn, raw: bytes, known: tuple[bytes, ...]) -> bytes:
    at, gone = draw(st.integers(0, len(raw))), draw(st.integers(0, 4))
    return (
        raw[:at] + draw(st.one_of(st.binary(max_size=4), st.sampled_from([b" ", b"\t", b"-", b":"]))) + raw[at + gone :]
    )


def _something_inserted(draw: st.DrawFn, raw: bytes, known: tuple[bytes, ...]) -> bytes:
    at = draw(st.integers(0, len(raw)))
    return raw[:at] + _nasty(draw) + raw[at:]


def _torn(draw: st.DrawFn, raw: bytes, known: tuple[bytes, ...]) -> bytes:
    return raw[: draw(st.integers(0, len(raw)))]


def _indented(draw: st.DrawFn, raw: bytes, known: tuple[bytes, ...]) -> bytes:
    lines = raw.split(b"\n")
    at = draw(st.integers(0, len(lines) - 1))
    change = draw(st.integers(-2, 2))
    lines[at] = b" " * change + lines[at] if change >= 0 else lines[at][-change:]
    return b"\n".join(lines)


EDITS = (
    _another_token,
    _another_token,
    _another_token,
    _lines_elsewhere,
    _lines_gone,
    _bytes_changed,
    _something_inserted,
    _torn,
    _indented,
)


@st.composite
def _arrays(draw: st.DrawFn) -> bytes:
    """A saved run's arrays with one or two of another kind, shape or value."""
    with np.load(io.BytesIO(seeds("queries")[-1])) as archive:
        columns: dict[str, Any] = {name: archive[name] for name in archive.files}
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(sorted(columns)))
        column = columns[name]
        change = draw(st.sampled_from(["kind", "shape", "value", "gone", "object", "scalar"]))
        if change == "kind" and column.dtype.kind in "biufc":  # text is no number of another kind
            columns[name] = column.astype(draw(st.sampled_from(["f8", "i1", "u8", "?", "c16", "S4", ">i8", "i4"])))
        elif change == "shape" and column.ndim:
            columns[name] = draw(st.sampled_from([column[..., :-1], column[np.newaxis], column.ravel(), column[:0]]))
        elif change == "value" and column.size and column.dtype.kind != "O":
            column = columns[name] = column.copy()
            value = draw(st.sampled_from([0, -1, 1, 2**31 - 1, 2**62, 2**63 - 1, -(2**63), 5]))
            with np.errstate(all="ignore"):
                column.ravel()[draw(st.integers(0, column.size - 1))] = np.array(value).astype(column.dtype)
        elif change == "gone":
            del columns[name]
        elif change == "object":
            columns[name] = np.array([{}, None], dtype=object)
        else:
            columns[name] = np.array(draw(st.sampled_from([0, -1, 2.5, True])))
        if not columns:
            break
    return packed(columns)


assert all(name in TARGETS for name in ("queries", "set", "param"))
