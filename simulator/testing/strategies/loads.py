"""Strategies that draw loads as written in a file: every kind of rates and arrivals; small and short."""

from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

#: Recorded queries: instants, gaps, work, and counts.
RECORDED = str(Path(__file__).parents[1] / "recorded.csv")
_RATES = st.sampled_from(["1/s", "30/s", "1.2k/s", "50k/min"])
_SCALES = st.sampled_from([1, 0.5, 2])


@cache
@st.composite
def loads(draw: st.DrawFn) -> tuple[dict[str, Any], bool]:
    """A load, all but the law of its work, and whether its run may count queries: else it says how long it is."""
    load: dict[str, Any] = dict(draw(_rates()))
    is_counted = "rate" in load and "file" not in load["rate"]
    if "arrivals" not in load:
        load["arrivals"] = draw(arrival_kinds(is_short=not is_counted))
    load["scale"] = draw(_SCALES)
    return load, is_counted


@cache
def _rates() -> st.SearchStrategy[dict[str, Any]]:
    """Rates, phases, or what was recorded."""
    phases = [{"duration": "100ms", "rate": "20/s .. 200/s"}, {"name": "flat", "duration": "50ms", "rate": "200/s"}]
    waves = st.fixed_dictionaries(
        {
            "kind": st.just("diurnal"),
            "mean": _RATES,
            "peak_to_mean": st.sampled_from([1, 1.5, 2]),
            "period": st.sampled_from(["10ms", "1s", "24h"]),
        }
    )
    endless = st.one_of(_RATES, waves).map(lambda rate: {"rate": rate})
    return st.one_of(endless, st.just({"phases": phases}), recorded_loads())


@cache
def recorded_loads() -> st.SearchStrategy[dict[str, Any]]:
    """Loads from a file: profiles of counts, traces of instants and of gaps, with work or without."""
    profiles = st.sampled_from(["step", "linear"]).map(
        lambda shape: {
            "rate": {
                "kind": "profile",
                "file": RECORDED,
                "column": "count",
                "interval": "3ms",
                "shape": shape,
            }
        }
    )
    columns = st.sampled_from([{"column": "t"}, {"column": "gap", "values": "gaps"}])
    traces = st.tuples(
        columns, st.sampled_from([{}, {"columns": {"work": "weight"}}]), st.sampled_from(["ms", "us"])
    ).map(lambda parts: {"arrivals": {"kind": "trace", "file": RECORDED, "unit": parts[2], **parts[0], **parts[1]}})
    return st.one_of(profiles, traces)


@cache
def arrival_kinds(is_short: bool = False) -> st.SearchStrategy[Any]:
    """Every kind of arrivals that needs no file, as written; ``is_short``: none that may stay away for long."""
    dwells = st.just("1ms") if is_short else st.sampled_from(["1ms", "1s", "1h"])
    return st.one_of(
        st.just("poisson"),
        st.sampled_from(["constant", {"kind": "poisson"}]),
        st.sampled_from([0.25, 1] if is_short else [0.25, 1, 4]).map(lambda cv: {"kind": "gamma", "cv": cv}),
        st.tuples(st.sampled_from([[1, 5], [0, 1, 3]]), dwells).map(
            lambda states: {"kind": "mmpp", "rates": states[0], "dwell": states[1]}
        ),
        st.just({"kind": "mmpp", "rates": [4, 1], "dwell": ["2ms", "30ms"]}),
    )
