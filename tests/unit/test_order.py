"""The order of a series by windows, against the whole of it sorted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.stats import order
from simulator.stats.order import Order
from simulator.stats.share import Layout

VALUES = st.lists(st.one_of(st.integers(0, 9), st.integers(0, 10**6)), min_size=20, max_size=300)


@given(VALUES, st.randoms(use_true_random=False))
def test_a_value_is_that_of_its_rank_wherever_the_cuts_fall(values, random):
    """With windows of a few values and a thin sample, which misplaces cuts to both sides."""
    with pytest.MonkeyPatch.context() as small:
        for name, value in (("WHOLE", 10), ("LEAST", 2), ("MOST", 20), ("SPARSE", 16), ("WINDOWS_KEPT", 2)):
            small.setattr(order, name, value)
        series = np.array(values, dtype=np.float64)
        made, ascending = Order(series, Layout.of([len(values)])), np.sort(series)
        for rank in random.sample(range(1, len(values) + 1), 20):
            assert made.value(rank) == ascending[rank - 1]
            assert made.at_or_below(ascending[rank - 1]) == np.searchsorted(ascending, ascending[rank - 1], "right")
            assert made.below(ascending[rank - 1]) == np.searchsorted(ascending, ascending[rank - 1])
