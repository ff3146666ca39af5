"""Outputs that users see, kept as files: `make golden` writes them anew, for the difference to be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import ROOT, slow

GOLDEN = Path(__file__).parent / "golden"
SHORT = ["--queries", "500", "--replications", "4", "--jobs", "1"]
COMPARED = ["scenarios/recommendation.yaml", "--set-b", "stages.deep_ranking.replicas=3", *SHORT]

#: Name of the file, and the command without ``shardsim``.
COMMANDS = {
    "mm1.txt": ["run", "scenarios/mm1.yaml", *SHORT],
    "mm1.json": ["run", "scenarios/mm1.yaml", *SHORT, "--format", "json"],
    "web_search.txt": ["run", "scenarios/web_search.yaml", "--queries", "60", "--replications", "4", "--jobs", "1"],
    "load_balancing.txt": ["run", "scenarios/load_balancing.yaml", *SHORT],
    "ramp.txt": ["run", "scenarios/ramp.yaml", "--replications", "2", "--jobs", "1"],
    "trace_replay.txt": ["run", "scenarios/trace_replay.yaml", "--replications", "2", "--jobs", "1"],
    "estimate.txt": ["estimate", "scenarios/web_search.yaml"],
    "estimate.json": ["estimate", "scenarios/paper_funnel.yaml", "--format", "json"],
    "show.yaml": ["show", "scenarios/web_search.yaml"],
    "load.txt": ["load", "scenarios/ads_ranker.yaml"],
    "load.json": ["load", "scenarios/trace_replay.yaml", "--format", "json"],
    "capacity.txt": ["capacity", "scenarios/mm1.yaml", "--tolerance", "10%", "--replications", "4"],
    "capacity.json": [
        *("capacity", "scenarios/mm1.yaml", "--tolerance", "30%", "--replications", "4", "--format", "json"),
    ],
    "capacity_over.txt": [
        *("capacity", "scenarios/recommendation.yaml", "--tolerance", "30%", "--replications", "4"),
        *("--over", "stages.deep_ranking.replicas=1,2"),
    ],
    "sensitivity.txt": [
        *("sensitivity", "scenarios/recommendation.yaml", "--tolerance", "20%", "--queries", "500"),
    ],
    "explain.txt": ["explain", "scenarios/hot_shards.yaml", "--queries", "2k", "--replications", "4", "--jobs", "1"],
    "explain.json": [
        *("explain", "scenarios/batched_ranker.yaml", *SHORT, "--percentiles", "50,90", "--blame-only"),
        *("--format", "json"),
    ],
    "size.txt": [
        *("size", "scenarios/which_fleet.yaml", "--queries", "1k", "--jobs", "1"),
        *("--headroom", "20%", "--survive", "1"),
        *("--search", "stages.retrieval.shards=5..20*4", "--search", "stages.retrieval.replicas=2..8"),
        *("--search", "stages.ranking.replicas=2..6", "--search", "stages.ranking.hardware=l4,a10,t4"),
    ],
    "stress.txt": ["stress", "scenarios/mm1.yaml", "--slo", "p90 < 20s", "--trigger", "load x2,4 for 1m,4m"],
    "validate.txt": ["validate", "scenarios/paper_funnel.yaml"],
    "recommendation.txt": ["run", "scenarios/recommendation.yaml", *SHORT],
    "estimate_recommendation.txt": ["estimate", "scenarios/recommendation.yaml"],
    "catalogue.txt": ["catalogue", "nvidia_h100_sxm"],
    "compare.txt": ["compare", *COMPARED, "--max-regression", "p99=5%", "--max-regression", "usd_per_h=0%"],
    "compare.md": ["compare", *COMPARED, "--max-regression", "p99=5%", "--md"],
    "compare.json": [
        "compare",
        *COMPARED,
        "--max-regression",
        "p50=1%",
        "--percentiles",
        "50,99.9",
        "--format",
        "json",
    ],
    "help.txt": ["--help"],
    "help_run.txt": ["run", "--help"],
    "sweep.txt": ["sweep", "scenarios/how_many_shards.yaml", *SHORT, "--param", "stages.retrieval.shards=50,100,200"],
    "sweep.csv": ["sweep", "scenarios/mm1.yaml", *SHORT, "--param", "load.rate=auto*3", "--format", "csv"],
    "help_sweep.txt": ["sweep", "--help"],
    "help_compare.txt": ["compare", "--help"],
    "help_init.txt": ["init", "--help"],
    "help_sensitivity.txt": ["sensitivity", "--help"],
    "help_explain.txt": ["explain", "--help"],
    "help_stress.txt": ["stress", "--help"],
    "help_size.txt": ["size", "--help"],
    "help_capacity.txt": ["capacity", "--help"],
}

LONG = ("capacity_over.txt", "sensitivity.txt", "compare.md", "compare.json")


def without_versions(text: str) -> str:
    document = json.loads(text)
    provenance = document.get("provenance", {})
    for part in (provenance, provenance.get("a", {}), provenance.get("b", {})):
        part.pop("versions", None)
    return json.dumps(document, indent=2) + "\n"


@pytest.mark.parametrize("name", [pytest.param(name, marks=[slow] * (name in LONG)) for name in COMMANDS])
def test_output_is_as_kept(name, request, shardsim, monkeypatch):
    monkeypatch.chdir(ROOT)
    code, text, said = shardsim(*COMMANDS[name])
    assert code in (0, 98, 99), said
    if name.endswith(".json"):
        text = without_versions(text)
    kept = GOLDEN / name
    if request.config.getoption("--regenerate"):
        kept.write_text(text)
    assert text == kept.read_text()
