"""Built-in arrivals, drawn."""

from typing import Any

from hypothesis import strategies as st

from simulator.core.laws import Law
from simulator.workload.modulation import Modulation

#: The kinds of arrivals that ``arrivals`` draws.
KINDS = ("poisson", "constant", "gamma", "mmpp")


def arrivals(kinds: tuple[str, ...] = KINDS) -> st.SearchStrategy[Any]:
    """Built-in arrivals as ``check_arrivals`` takes them: laws of gaps of mean 1, and modulations.

    ``kinds``: of KINDS.
    """
    ways: dict[str, st.SearchStrategy[Any]] = {
        "poisson": st.just(Law.exponential(1.0)),
        "constant": st.just(Law.constant(1.0)),
        "gamma": st.sampled_from([0.5, 1.0, 2.0]).map(lambda cv: Law.gamma(1.0, cv)),
        "mmpp": st.sampled_from([([1, 5], [1.0]), ([1, 4], [3.0, 1.0]), ([0, 1, 3], [2.0])]).map(
            lambda states: Modulation.of(*states)
        ),
    }
    unknown = set(kinds) - set(KINDS)
    if unknown:
        raise ValueError(f"no kind of arrivals is called {min(unknown)!r}; there are {', '.join(KINDS)}")
    return st.one_of([ways[kind] for kind in kinds])
