"""Hypothesis profiles, paths, and the options of our own make targets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"

# a first call compiles kernels, so a deadline would fail on nothing
settings.register_profile(
    "ci", deadline=None, max_examples=200, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("deep", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("SHARDSIM_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="write golden outputs anew")


@pytest.fixture
def shared() -> Path:
    """Reference values and data beside the project; tests that need them are skipped without."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared here")
    return SHARED
