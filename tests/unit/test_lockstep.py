"""Classes of equal shards, against numpy's unique rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simulator.engines.compiled.lockstep import equal_rows

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 4))


@given(arrays(np.float64, SHAPES, elements=st.sampled_from([-0.0, 0.0, 0.5, 1.0])))
def test_rows_are_classed_as_by_unique(columns):
    _, first, inverse = np.unique(columns, axis=0, return_index=True, return_inverse=True)
    representative, class_of = equal_rows(columns)
    assert representative.tolist() == first.tolist()
    assert class_of.tolist() == inverse.ravel().tolist()
