"""Cost laws: what they cost, that they never fall, and both sides of the roofline."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.laws import Law
from simulator.models import DeepModel, Hardware, LinearModel, TimeModel, TreeModel, depth_of, weights_of

LEAF = Hardware(225e9, 22e9)
positive = st.floats(1, 1e6)


def seconds(model, items):
    """Time of a call, from the pieces as the engine reads them."""
    piece = [piece for piece in model.pieces() if piece.items <= items][-1]
    return piece.seconds + (items - piece.items) * piece.seconds_per_item


models = st.one_of(
    st.builds(lambda f, o: LinearModel(features=f, overhead_s=o, hardware=LEAF), positive, st.floats(0, 1e-3)),
    st.builds(lambda t, d: TreeModel(trees=t, depth=d), positive, st.floats(1, 12)),
    st.builds(lambda f, p: DeepModel(flop_per_item=f, parameters=p, hardware=LEAF), st.floats(1, 1e9), positive),
)


@given(models, st.floats(0, 1e6), st.floats(0, 1e6))
def test_time_does_not_decrease_with_items(model, one, two):
    low, high = sorted((one, two))
    assert seconds(model, low) <= seconds(model, high) * (1 + 1e-12)


@given(models, st.floats(0, 1e5), st.floats(0, 1e5))
def test_one_call_is_no_dearer_than_its_parts(model, one, two):
    assert seconds(model, one + two) <= (seconds(model, one) + seconds(model, two)) * (1 + 1e-9) + 1e-15


@given(st.floats(1, 1e9), positive, st.floats(0, 1e4))
def test_the_roofline_is_the_slower_of_computing_and_moving(flop, parameters, items):
    model = DeepModel(flop_per_item=flop, parameters=parameters, hardware=LEAF)
    expected = max(flop * items / 225e9, parameters * 4 / 22e9)
    assert seconds(model, items) == pytest.approx(expected, rel=1e-9)
    computing = flop * items / 225e9 >= parameters * 4 / 22e9
    assert model.bound_by(items) == ("computing" if computing else "memory")


def test_costs_by_shape_and_by_item():
    assert seconds(TreeModel(trees=500, depth=6, visit_s=2e-9, overhead_s=20e-6), 100) == pytest.approx(620e-6)
    assert seconds(LinearModel(per_item_s=2e-6, overhead_s=1e-3), 10) == pytest.approx(1.02e-3)
    assert LinearModel(features=100, hardware=LEAF).bound_by(5) == "memory"
    assert LinearModel(per_item_s=1e-6).bound_by(5) == TreeModel(per_item_s=1e-6).bound_by(5) == ""
    assert DeepModel(per_item_s=1e-6).bound_by(5) == TimeModel(Law.constant(1.0)).bound_by(5) == ""


def test_operations_follow_the_asymptotic_laws():
    linear = LinearModel(features=100).operations(10, 1000, 3)
    assert (linear.inference, linear.training) == (2000, 600_000)
    tree = TreeModel(trees=10, depth=4, features=7).operations(5, 1000, 3)
    assert (tree.inference, tree.training) == (200, 280_000)
    deep = DeepModel(flop_per_item=2 * weights_of([10, 5, 1])).operations(4, 1000, 3)
    assert (deep.inference, deep.training) == (440, 3 * 110 * 3000)
    assert TimeModel(Law.constant(1.0)).operations(4, 1000, 3).inference is None
    assert DeepModel(per_item_s=1e-3).operations(4, 1000, 3).training is None


def test_efficiency_slows_down():
    half = Hardware(225e9, 22e9, 0.5, 0.5)
    fast, slow = (DeepModel(flop_per_item=1e6, parameters=1e6, hardware=leaf) for leaf in (LEAF, half))
    assert seconds(slow, 1000) == pytest.approx(2 * seconds(fast, 1000))


def test_leaf_wise_trees_are_a_third_deeper_than_balanced_ones():
    assert depth_of(2**10) == pytest.approx(13.0)
