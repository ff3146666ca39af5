"""Every example in a docstring gives what it says."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import simulator

MODULES = [
    module.name for module in pkgutil.walk_packages(simulator.__path__, "simulator.") if "__main__" not in module.name
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, extraglobs={"np": np})
    assert failed == 0
