"""Built-in cost models and hardware, drawn."""

from typing import Any

from hypothesis import strategies as st

from simulator.models import DeepModel, EmbeddingModel, Hardware, LinearModel, SumModel, TreeModel

#: Fields in the asymptotic law of a built-in model.
SIZES: dict[type, tuple[str, ...]] = {
    LinearModel: ("features",),
    TreeModel: ("trees", "depth"),
    DeepModel: ("flop_per_item",),
    EmbeddingModel: ("tables", "lookups", "dimension"),
}

#: The kinds of built-in models that ``models`` draws.
KINDS = ("linear", "tree", "deep", "embedding", "sum")


def models(kinds: tuple[str, ...] = KINDS, *, by_shape: bool | None = None) -> st.SearchStrategy[Any]:
    """Built-in cost models, as Python objects.

    Parameters
    ----------
    kinds
        Of KINDS.
    by_shape
        Whether they cost by their shape on hardware (for trees: by visits), not by a time per item; None: either.
    """
    unknown = set(kinds) - set(KINDS)
    if unknown:
        raise ValueError(f"no kind of model is called {min(unknown)!r}; there are {', '.join(KINDS)}")
    plain = [_plain(kind, by_shape) for kind in kinds if kind != "sum"]
    if "sum" in kinds:
        parts = st.one_of(plain or [_plain(kind, by_shape) for kind in KINDS[:-1]])
        plain.append(st.lists(parts, min_size=1, max_size=3).map(lambda several: SumModel(tuple(several))))
    return st.one_of(plain)


def _plain(kind: str, by_shape: bool | None) -> st.SearchStrategy[Any]:
    made = {"linear": LinearModel, "tree": TreeModel, "deep": DeepModel, "embedding": EmbeddingModel}[kind]
    sizes = st.one_of(st.integers(1, 100).map(float), st.sampled_from([0.5, 1e4]))
    overhead = st.sampled_from([0.0, 1e-6, 1e-3])
    shape: dict[str, Any] = dict.fromkeys(SIZES[made], sizes)
    if kind == "deep":
        shape["parameters"] = st.sampled_from([0.0, 100.0, 1e6])
    if kind != "tree":
        shape["hardware"] = hardware()
    ways = []
    if by_shape is not True:
        ways.append(st.builds(made, per_item_s=st.sampled_from([1e-6, 1e-9, 1e-3, 0.0]), overhead_s=overhead))
    if by_shape is not False:
        ways.append(st.builds(made, overhead_s=overhead, **shape))
    return st.one_of(ways)


def hardware() -> st.SearchStrategy[Hardware]:
    """Hardware figures: with all bandwidths, or with that of the memory alone."""
    return st.builds(
        Hardware,
        flops_per_s=st.sampled_from([1e9, 1e12]),
        memory_bandwidth_bytes_per_s=st.sampled_from([1e9, 1e11]),
        flops_efficiency=st.sampled_from([1.0, 0.5]),
        bandwidth_efficiency=st.sampled_from([1.0, 0.5]),
        random_access_bytes_per_s=st.sampled_from([0.0, 1e9]),
    )
