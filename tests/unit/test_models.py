"""Cost laws: what they cost, that they never fall, and both sides of the roofline."""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.laws import Law
from simulator.models import (
    DeepModel,
    EmbeddingModel,
    Hardware,
    LinearModel,
    MeasuredModel,
    SumModel,
    TimeModel,
    TreeModel,
    depth_of,
    seconds_of,
    weights_of,
)

LEAF = Hardware(225e9, 22e9)
positive = st.floats(1, 1e6)


def seconds(model, items):
    """Time of a call, from the pieces as the engine reads them."""
    return seconds_of(model.pieces(), items)[0]


single = st.one_of(
    st.builds(lambda f, o: LinearModel(features=f, overhead_s=o, hardware=LEAF), positive, st.floats(0, 1e-3)),
    st.builds(lambda t, d: TreeModel(trees=t, depth=d), positive, st.floats(1, 12)),
    st.builds(lambda f, p: DeepModel(flop_per_item=f, parameters=p, hardware=LEAF), st.floats(1, 1e9), positive),
    st.builds(lambda t, d: EmbeddingModel(tables=t, lookups=2, dimension=d, hardware=LEAF), positive, positive),
)
models = st.one_of(single, st.lists(single, min_size=1, max_size=3).map(lambda parts: SumModel(tuple(parts))))


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


@given(st.lists(single, min_size=1, max_size=4), st.floats(0, 1e6))
def test_a_sum_takes_as_long_as_its_parts(parts, items):
    total = SumModel(tuple(parts))
    assert seconds(total, items) == pytest.approx(sum(seconds(part, items) for part in parts), rel=1e-9, abs=1e-15)
    assert {piece.items for piece in total.pieces()} == {piece.items for part in parts for piece in part.pieces()}


def test_a_sum_asks_for_what_its_parts_ask_for_and_is_bound_by_the_slowest():
    embedding = EmbeddingModel(tables=26, lookups=1, dimension=64, rows=1000, hardware=LEAF)
    deep = DeepModel(flop_per_item=1e9, parameters=1e6, hardware=LEAF)
    total = SumModel((embedding, deep))
    assert total.parameter_bytes == 26 * 1000 * 64 * 4 + 4e6
    demand = total.demand()
    assert demand.flop(10) == 10 * (1e9 + 26 * 64)
    assert demand.moved_bytes(10) == 4e6 + 10 * 26 * 64 * 4
    assert (total.bound_by(10), embedding.bound_by(10), deep.bound_by(10)) == ("computing", "memory", "computing")
    assert (total.law, total.spread) == (None, None)
    operations = total.operations(10, 1000, 2)
    assert operations.inference == demand.flop(10)
    assert operations.training == 3 * 2000 * demand.flop_per_item
    mixed = SumModel((deep, TreeModel(trees=10, depth=4)))
    assert (mixed.demand(), mixed.operations(1, 1, 1).inference, mixed.operations(1, 1, 1).unit) == (None, None, "")
    fetched = SumModel((TimeModel(Law.constant(1.0)), deep))
    assert (fetched.operations(2, 1, 1).inference, fetched.law) == (2e9, Law.constant(1.0))
    assert SumModel((TimeModel(Law.constant(1.0)),)).operations(1, 1, 1).inference is None
    assert fetched.bound_by(10) == "", "its fixed time takes longest"
    unknown = SumModel((deep, DeepModel(per_item_s=1e-6)))
    assert unknown.operations(1, 1, 1).inference is None


def test_rows_of_embeddings_come_at_the_random_access_bandwidth():
    shape = {"tables": 26, "lookups": 2, "dimension": 32}
    anywhere = EmbeddingModel(**shape, hardware=Hardware(225e9, 22e9, random_access_bytes_per_s=2e9))
    assert seconds(anywhere, 10) == pytest.approx(10 * 26 * 2 * 32 * 4 / 2e9)
    assert seconds(EmbeddingModel(**shape, hardware=LEAF), 10) == pytest.approx(10 * 26 * 2 * 32 * 4 / 22e9)
    assert anywhere.bound_by(10) == "memory"
    assert EmbeddingModel(per_item_s=1e-6).demand() is None
    assert EmbeddingModel(per_item_s=1e-6).operations(1, 1, 1).training is None


def doubled(model, key):
    return dataclasses.replace(model, **{key: 2 * getattr(model, key)})


@given(st.floats(1, 1e5), st.floats(1, 1e4), positive)
def test_costs_are_linear_in_each_dimension(items, one, two):
    """O(f), O(trees x depth), O(t l d): twice a dimension is twice the cost beyond the overhead."""
    shapes = [
        (LinearModel(features=one, hardware=LEAF), ["features"]),
        (TreeModel(trees=one, depth=two), ["trees", "depth", "visit_s"]),
        (EmbeddingModel(tables=one, lookups=2, dimension=two, hardware=LEAF), ["tables", "lookups", "dimension"]),
        (DeepModel(flop_per_item=one, hardware=LEAF), ["flop_per_item"]),
    ]
    for model, keys in shapes:
        for key in keys:
            assert seconds(doubled(model, key), items) == pytest.approx(2 * seconds(model, items), rel=1e-9)


@given(st.lists(st.integers(1, 4000), min_size=2, max_size=5), st.integers(0, 3))
def test_a_layer_twice_as_wide_adds_its_weights_once_more(layers, place):
    """O(f n1 + n1 n2 + ...): a width counts in the two products that it is part of."""
    place = place % len(layers)
    wider = [2 * width if index == place else width for index, width in enumerate(layers)]
    neighbours = [layers[at] for at in (place - 1, place + 1) if 0 <= at < len(layers)]
    assert weights_of(wider) - weights_of(layers) == layers[place] * sum(neighbours)


rows = st.lists(st.tuples(st.integers(0, 8), st.floats(0.2, 1.0)), min_size=2, max_size=20).filter(
    lambda rows: len({size for size, _ in rows}) > 1
)


@given(rows, st.floats(0, 20), st.floats(0, 20))
def test_measured_times_do_not_decrease_and_are_the_means_where_those_do_not(rows, one, two):
    model = MeasuredModel.of([float(size) for size, _ in rows], [time for _, time in rows])
    low, high = sorted((one, two))
    assert seconds(model, low) <= seconds(model, high) * (1 + 1e-9)
    by_size = {size: [time for at, time in rows if at == size] for size, _ in rows}
    means = [sum(by_size[size]) / len(by_size[size]) for size in sorted(by_size)]
    rising = all(a <= b for a, b in itertools.pairwise(means))
    assert rising == (not model.changed) or means == pytest.approx(model.means_s)
    if rising:
        assert [seconds(model, size) for size in sorted(by_size)] == pytest.approx(means)
    assert seconds(model, 0) == pytest.approx(model.means_s[0]), "constant below the smallest"
    repeated = any(len(times) > 1 for times in by_size.values())
    assert (model.spread is not None) == repeated
    if repeated:
        assert model.spread.law(0.3).mean() == pytest.approx(1.0)
        assert not model.spread.extras_s
    total = sum(
        len(times) * mean for times, mean in zip((by_size[s] for s in sorted(by_size)), model.means_s, strict=True)
    )
    assert total == pytest.approx(sum(time for _, time in rows)), "pooling keeps the total"


def test_a_measured_table_goes_on_at_its_last_slope():
    model = MeasuredModel.of([40, 10, 20], [5.0, 1.0, 3.0], overhead_s=0.5)
    found = [seconds(model, items) for items in (0, 10, 15, 20, 40, 60)]
    assert found == pytest.approx([1.5, 1.5, 2.5, 3.5, 5.5, 7.5])
    assert (model.spread, model.law, model.demand(), model.bound_by(3)) == (None, None, None, "")
    assert model.operations(1, 1, 1).inference is None
    assert MeasuredModel.of([0, 10], [1.0, 2.0]).pieces()[0].seconds_per_item == pytest.approx(0.1)


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


def test_a_hiccup_adds_what_it_took_at_whatever_size():
    """46 ms once on a call of 2 ms: 50 ms on one of 6 ms, and not 138 ms; the mean of its size is not moved by it."""
    rows = [(10, 2e-3)] * 99 + [(10, 46e-3)] + [(30, 6e-3)] * 100
    model = MeasuredModel.of(*zip(*rows, strict=True))
    assert model.means_s == pytest.approx((2e-3, 6e-3))
    assert model.spread.extras_s == pytest.approx((44e-3,))
    for items, usual_s in ((10, 2e-3), (30, 6e-3)):
        mean_s = seconds(model, items)
        assert mean_s == pytest.approx(usual_s + 44e-3 / 200), "what it costs on average"
        law = model.spread.law(mean_s).scaled(mean_s)
        assert law.mean() == pytest.approx(mean_s)
        assert law.percentile(0.99) == pytest.approx(usual_s)
        assert law.percentile(0.996) == pytest.approx(usual_s + 44e-3)


def test_one_size_is_that_of_any_number_of_items():
    model = MeasuredModel.of([10, 10], [1.0, 3.0])
    assert [seconds(model, items) for items in (0, 10, 50)] == [2.0, 2.0, 2.0]
    assert sorted(model.spread.factors) == [0.5, 1.5]
