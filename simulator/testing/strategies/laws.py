"""Strategies that draw laws of durations, counts and factors: every family, whole numbers among them."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from hypothesis import strategies as st

from simulator.core.assemble import ONE
from simulator.core.laws import Law
from simulator.core.laws.family import Statement
from simulator.core.laws.sampling import FAMILIES

#: Durations in ns, small so that events coincide.
TIMES = st.integers(0, 5)


def among(known: Mapping[str, Any], names: Sequence[str] | None, what: str) -> list[Any]:
    """What stands under some names, or under all.

    Raises
    ------
    ValueError
        If a name is not known.
    """
    chosen = list(known) if names is None else list(names)
    unknown = [name for name in chosen if name not in known]
    if unknown or not chosen:
        said = f"no {what} is called {unknown[0]!r}" if unknown else f"at least one {what} is needed"
        raise ValueError(f"{said}; there are {', '.join(known)}")
    return [known[name] for name in chosen]


def laws(scale: float = 3.0, *, kinds: Sequence[str] | None = None) -> st.SearchStrategy[Law]:
    """Laws of durations in ns or of counts; whole numbers among them.

    Parameters
    ----------
    scale
        Their mean, about.
    kinds
        Names of families (``core.laws.sampling.FAMILIES``) but none; mixtures are of the others that are given, or of
        all. Unless said, any.
    """
    return _laws(scale, None if kinds is None else tuple(kinds))


@cache
def _laws(scale: float, kinds: tuple[str, ...] | None) -> st.SearchStrategy[Law]:
    plain = _plain_laws(scale)
    everything = {**plain, "mixture": st.nothing()}
    among(everything, kinds, "kind of law")
    if kinds is None:
        each = st.one_of(list(plain.values()))
        return st.one_of(each, each, _mixtures(each))
    parts = [plain[kind] for kind in kinds if kind != "mixture"]
    mixed = _mixtures(st.one_of(parts or list(plain.values())))
    return st.one_of([*parts, mixed] if "mixture" in kinds else parts)


def _mixtures(parts: st.SearchStrategy[Law]) -> st.SearchStrategy[Law]:
    return st.lists(st.tuples(st.integers(1, 5), parts), min_size=2, max_size=3).map(Law.mixture)


def _between_values(values: list[int]) -> Law:
    """Linear between the order statistics of some values, from 0 on."""
    shares = [rank / len(values) for rank in range(len(values) + 1)]
    return Law.empirical_cdf([0.0, *sorted(values)], shares)


def _percentiles(scale: float) -> st.SearchStrategy[Law]:
    """Of two to four percentiles, equal ones among them, about ``scale`` times small whole numbers."""
    percents = st.lists(st.sampled_from([10.0, 50.0, 90.0, 99.0, 99.9]), min_size=2, max_size=4, unique=True)
    values = st.lists(st.integers(1, 5), min_size=4, max_size=4).map(sorted)

    def law(percent: list[float], value: list[int]) -> Law:
        return Law.percentiles({at: scale / 3 * one for at, one in zip(sorted(percent), value, strict=False)})

    return st.builds(law, percents, values)


def stated(statement: Statement, scale: float = 1.0) -> st.SearchStrategy[dict[str, float]]:
    """Arguments of a law, in each way in which it may be stated; those with a unit are about ``scale`` of it."""
    units = {argument.name for argument in statement.arguments if argument.has_unit}

    def values(name: str, ends: float | tuple[float, float]) -> st.SearchStrategy[float]:
        unit = scale if name in units else 1.0
        return st.floats(*(unit * end for end in ends)) if isinstance(ends, tuple) else st.just(unit * ends)

    ways = [{name: values(name, ends) for name, ends in way.items()} for way in statement.ways]
    return st.one_of([st.fixed_dictionaries(way) for way in ways])


def _by_numbers(statement: Statement, scale: float) -> st.SearchStrategy[Law]:
    return stated(statement, scale).map(lambda arguments: Law.of(statement.terms(**arguments)))


@cache
def _plain_laws(scale: float) -> dict[str, st.SearchStrategy[Law]]:
    """By family: of whole numbers, since they coincide, of some values, or by numbers."""
    values = st.lists(TIMES, min_size=1, max_size=4).filter(any)
    whole = {
        "constant": TIMES.map(lambda value: Law.constant(float(value))),
        "uniform": st.tuples(TIMES, TIMES).map(lambda ends: Law.uniform(float(min(ends)), float(max(ends)))),
        "empirical": values.map(Law.empirical),
        "points": values.map(_between_values),
        "percentiles": _percentiles(scale),
    }
    by_numbers = {
        family.name: _by_numbers(family.quantity, scale)
        for family in FAMILIES
        if isinstance(family.quantity, Statement)
    }
    either = {**by_numbers, **whole}
    return {family.name: either[family.name] for family in FAMILIES if family.name in either}


def factor_laws(*, kinds: Sequence[str] | None = None) -> st.SearchStrategy[Law]:
    """Laws of factors, mean 1.

    ``kinds``: names of families that may be stated as factors, see ``laws``; unless said, any.
    """
    return _factor_laws(None if kinds is None else tuple(kinds))


@cache
def _factor_laws(kinds: tuple[str, ...] | None) -> st.SearchStrategy[Law]:
    by_numbers = {
        family.name: _by_numbers(family.factor, 1.0) for family in FAMILIES if isinstance(family.factor, Statement)
    }
    values = st.lists(TIMES, min_size=1, max_size=4).filter(any).map(Law.empirical)
    known = {
        **by_numbers,
        "empirical": values.map(lambda law: law.scaled(1 / law.mean())),
        "percentiles": _percentiles(1.0).map(lambda law: law.scaled(1 / law.mean())),
        "mixture": st.just(Law.mixture([(1, Law.exponential(1.0)), (3, ONE)])),
    }
    return st.one_of(among(known, kinds, "kind of factor law"))
