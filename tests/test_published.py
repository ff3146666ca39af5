"""A published table of two autoscalers, held against the model: the page of autoscaling prints every error."""

import csv
from functools import cache

import numpy as np
import pytest
from conftest import ROOT, SHARED, long_run

from simulator import load_scenario, simulate
from simulator.base import formats, units
from simulator.core.columns import COMPLETE
from simulator.planning.grid import varied

PAGE = ROOT / "docs" / "how-to" / "autoscaling.md"
TABLE = SHARED / "data" / "published" / "kserve_open_loop.csv"
HEAD = "| model, path | 1/s | workers | mean | p50 | p95 | p99 | answered |"
FIGURES = {"mean": None, "p50": 50, "p95": 95, "p99": 99}
#: Clients give up then: what their tool counts as the latency of a query without an answer.
TIMEOUT_S = 30.0
#: Assumed of both: until a pod serves. And between two measurements of Kubernetes' metrics server, as it comes.
DELAY, RESOLUTION = "10s", "1m"
#: Fitted on the lowest rate of each model, path and limit; the table comes without the others' figures.
WORKERS = {"tf-flowers": (1,), "sklearn-iris": (8, 1)}
LASTS = {"tf-flowers": "3m", "sklearn-iris": "10m"}

needs_shared = pytest.mark.skipif(not TABLE.exists(), reason="needs ../shared")


@cache
def published():
    with TABLE.open() as file:
        return tuple(csv.DictReader(file))


def kind(row):
    return row["model"], row["path"], row["container_concurrency"]


def scaled_as(row):
    """KServe's target is the limit of its container, and 1 without one; its HPA aims at 80 % of the CPU."""
    if row["path"] != "knative":
        return {"rule": "hpa", "target": "80%", "delay": DELAY, "metric_delay": RESOLUTION, "max": 15}
    limit = int(row["container_concurrency"])
    return {"rule": "concurrency", "target": limit or 1, "delay": DELAY, "max": 15}


@cache
def predicted(place, workers):
    """Mean and percentiles in seconds, time-outs counted as such, and the share of queries with an answer."""
    row = published()[place]
    fit = next(one for one in published() if kind(one) == kind(row))
    law = {"kind": "percentiles", **{name: fit[name] for name in ("p50", "p95", "p99")}}
    sets = {
        "load.rate": f"{row['rate_per_s']}/s",
        "run.duration": LASTS[row["model"]],
        "run.replications": 4 if row["model"] == "tf-flowers" else 1,
        "stages.flowers.model": {"kind": "time", "law": law},
        "stages.flowers.workers": workers,
        "stages.flowers.routing": "least_outstanding" if row["container_concurrency"] in ("1", "8") else "round_robin",
        "stages.flowers.autoscale": scaled_as(row),
    }
    traces = simulate(varied(load_scenario(ROOT / "scenarios" / "autoscaled_benchmark.yaml"), sets, "test")).traces
    latency_s = np.concatenate(
        [
            np.where(trace.outcome == COMPLETE, (trace.leave_ns[-1] - trace.arrival_ns) * 1e-9, TIMEOUT_S)
            for trace in traces.values()
        ]
    )
    found = {
        "mean": latency_s.mean(),
        **dict(zip(list(FIGURES)[1:], np.percentile(latency_s, [50, 95, 99]), strict=True)),
    }
    return {**found, "answered": np.mean(latency_s < TIMEOUT_S)}


def cells():
    """Of each line of the table: its row, workers, and whether it was fitted."""
    for place, row in enumerate(published()):
        is_fitted = [kind(one) for one in published()].index(kind(row)) == place
        for workers in WORKERS[row["model"]]:
            if workers == max(WORKERS[row["model"]]) or float(row["rate_per_s"]) >= 500:
                yield place, row, workers, is_fitted


def line(place, row, workers, is_fitted):
    found, limit = predicted(place, workers), row["container_concurrency"]
    shown = []
    for name in FIGURES:
        there, here = units.parse_duration(row[name]), found[name]
        ratio = here / there
        error = f"{100 * (ratio - 1):+.0f} %" if 0.1 < ratio < 10 else f"x {formats.significant(ratio, 2)}"
        said = f"{formats.format_duration(there)} -> {formats.format_duration(here)}"
        shown.append(said if is_fitted else f"{said} ({error})")
    shown.append(f"{float(row['success_percent']):g} -> {100 * found['answered']:.4g} %")
    path = f"{row['model']}, {'HPA' if not limit else f'Knative, limit {limit}'}"
    rate = f"*{row['rate_per_s']}*" if is_fitted else row["rate_per_s"]
    return f"| {path} | {rate} | {workers} | {' | '.join(shown)} |"


@needs_shared
@long_run
def test_the_page_prints_every_error(request):
    """Good or bad: the table of the page is what the model predicts now."""
    made = "\n".join(line(*cell) for cell in cells())
    text = PAGE.read_text()
    before, head, rest = text.partition(f"{HEAD}\n|---|---|---|---|---|---|---|---|\n")
    assert head, "the page has the table"
    rows = rest[: rest.index("\n\n")]
    if request.config.getoption("--regenerate"):
        PAGE.write_text(before + head + made + rest[len(rows) :])
    else:
        assert rows == made


@needs_shared
@long_run
def test_overload_of_a_slow_model_has_the_shape_that_was_published():
    """Knative in seconds, Kubernetes in tens of them; most are answered at once, or hardly any."""
    slow = {
        (*kind(row)[1:], int(row["rate_per_s"])): place for place, row, *_ in cells() if row["model"] == "tf-flowers"
    }
    found = {key: predicted(place, 1) for key, place in slow.items()}
    for key, place in slow.items():
        row, here = published()[place], found[key]
        assert units.parse_duration(row["mean"]) / here["mean"] == pytest.approx(1, abs=0.6), key
        assert float(row["success_percent"]) / 100 == pytest.approx(here["answered"], abs=0.12), key
        if row["path"] == "knative":
            assert here["p50"] == pytest.approx(units.parse_duration(row["p50"]), rel=0.1), key
    for rate in (3, 5):
        limited, free, by_cpu = (
            found[key] for key in (("knative", "1", rate), ("knative", "0", rate), ("raw HPA", "", rate))
        )
        for name in FIGURES:
            assert limited[name] <= free[name] < by_cpu[name], "as published"
    assert found["raw HPA", "", 5]["p50"] == TIMEOUT_S
