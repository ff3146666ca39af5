"""The pytest plugin: ``--shardsim-profile`` and the fixture ``shardsim_case``. Every suite loads it: it is cheap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from simulator.testing.cases import Case


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("shardsim").addoption(
        "--shardsim-profile",
        choices=("quick", "default", "deep"),
        help="How many examples the checks of simulator.testing hold each law against: 20, 60 or 2000.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Take the profile over; without the option nothing is touched."""
    profile = config.getoption("shardsim_profile")
    if profile is not None:
        from simulator.testing.law_check import ACTIVE

        ACTIVE.set(profile)


@pytest.fixture
def shardsim_case() -> Case:
    """A valid small scenario of two stages, to put a model, law, arrivals or rule of one's own into.

    ``shardsim_case.with_stage(model=...).with_plugins("mine.py")`` gives another one; ``.scenario()`` and ``.plan()``
    what checks and engines take.
    """
    from simulator.testing.cases import Case

    return Case()
