"""Laws of probability held against the laws L1 .. L11."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulator.core.laws import Law, LawTable, mixture
from simulator.core.plan import F8
from simulator.models.plugged_law import law_of
from simulator.plugins.marks import mark_of
from simulator.testing.checks.fields import cases_of, in_other_units, name_of
from simulator.testing.checks.moments import Moments, moments_of
from simulator.testing.law_check import Breach, Check, Report

#: Uniforms end here: the least and the greatest that are drawn.
LEAST, GREATEST = 2.0**-53, 1 - 2.0**-53
#: Relative difference that rounding explains; also that of a logarithm taken alone and of many at once.
ROUNDING = 1e-9
#: Difference in probability between a built-in table and the law that it stands for (``core/laws/gamma.py``).
TABLED = 2e-3
#: What is stated of the table of a plug-in (``models/plugged_law.py``): its error, relative to the value, or to so much
#: of the mean where the value is less.
OF_TABLE, LEAST_OF_TABLE = 0.01, 1e-3
#: Uniforms at which the distribution of values is compared, and the difference that a grid of so many explains.
GRID, OF_GRID = 20_000, 1e-3


@dataclass(frozen=True)
class Stated:
    """A law as its user sees it: the values, and what is said of them; None where nothing is said."""

    law: Any
    quantiles: Callable[[F8], F8]
    mean: float | None
    cv: float | None
    cdf: Callable[[F8], F8] | None
    is_mixture: bool = False  #: the uniform chooses a part first
    accuracy: float = 1e-6  #: of the distribution function, in probability

    @property
    def shown(self) -> str:
        """The law, in short."""
        text = repr(self.law)
        return text if len(text) < 200 else text[:200] + " ..."


def stated(law: Any) -> Stated:
    """What a law says: a built-in one (``Law``), or any object that has ``quantile``."""
    if isinstance(law, Law):
        families = [law.family, *(part.family for _, part in law.parts)]
        return Stated(
            law,
            law.quantiles,
            law.mean(),
            math.sqrt(law.cv2()),
            law.cdf,
            is_mixture=law.family.ends is not None,
            accuracy=TABLED if any(family.is_tabled for family in families) else 1e-6,
        )
    return Stated(
        law,
        lambda u: np.asarray(law.quantile(u), dtype=np.float64),
        _said(law, "mean"),
        _said(law, "cv"),
        None if getattr(law, "cdf", None) is None else lambda x: np.asarray(law.cdf(x), dtype=np.float64),
    )


def _said(law: Any, name: str) -> float | None:
    value = getattr(law, name, None)
    return None if value is None else float(value() if callable(value) else value)


def check_law(
    law: Any, *, factor: bool | None = None, profile: str | None = None, only: Sequence[str] | None = None
) -> Report:
    """Hold a law of probability against the laws L1 .. L11 of ``docs/laws.md``.

    Parameters
    ----------
    law
        A plug-in's class (its fields are drawn by their annotations), an instance, a built-in ``Law``, or a strategy of
        these.
    factor
        Whether it is a law of factors, whose mean must be 1; None: as the plug-in is marked, else no.
    profile
        ``quick``, ``default`` or ``deep``; unless said that of ``--shardsim-profile``.
    only
        Numbers of the laws that are asked; unless said, all.

    Returns
    -------
    Report
        What became of each law: held, and against what, or not asked, and why.

    Raises
    ------
    LawBroken
        Of the first law that is broken, with the smallest case.
    """
    check = Check(name_of(law), profile, only)
    is_factor = (
        bool(getattr(mark_of(law if isinstance(law, type) else type(law)), "is_factor", False))
        if factor is None
        else factor
    )
    cases = cases_of(law)
    check.hold("L1", st.tuples(cases, uniforms()), _is_finite, "uniforms of (0, 1), both ends included")
    check.hold("L2", st.tuples(cases, uniforms(), uniforms()), _grows, "pairs of uniforms")
    moments = "bounds on the integral over all uniforms"
    check.hold("L3", cases, _has_its_mean, moments, share=0.5)
    check.hold("L4", cases, _has_its_cv, moments, share=0.5)
    check.hold("L5", st.tuples(cases, uniforms()), _has_its_cdf, "the distribution function at the value of a uniform")
    several = st.tuples(cases, st.lists(uniforms(), min_size=1, max_size=5))
    check.hold("L6", several, _is_a_function, "uniforms alone and among others")
    check.hold("L7", st.tuples(cases, uniforms()), _has_its_unit, "every duration doubled")
    if is_factor:
        check.hold("L8", cases, _has_mean_one, moments, share=0.5)
    else:
        check.skip("L8", "it is not a law of factors")
    check.hold("L9", st.tuples(cases, uniforms()), _table_agrees, "the plan's table", share=0.2)
    check.hold("L10", st.tuples(cases, uniforms(), uniforms()), _cdf_grows, "pairs of values")
    check.hold("L11", st.tuples(cases, uniforms()), _mixes_with_itself, "a mixture of itself, 1 : 2")
    return check.report()


def uniforms() -> st.SearchStrategy[float]:
    """Uniforms of (0, 1) as they are drawn: plain ones, and close to the ends."""
    near = st.integers(1, 53).map(lambda power: 2.0**-power)
    plain = st.integers(1, 999).map(lambda n: n / 1000)
    return st.one_of(plain, near, near.map(lambda u: 1 - u))


def _at(law: Stated, u: float) -> float:
    return float(law.quantiles(np.array([u]))[0])


def _is_finite(case: tuple[Any, float]) -> None:
    law = stated(case[0])
    for u in (case[1], LEAST, GREATEST):
        value = _at(law, u)
        if not (math.isfinite(value) and value >= 0):
            raise Breach(law=law.shown, u=repr(u), value=f"{value:g}")


def _grows(case: tuple[Any, float, float]) -> str | None:
    law, low, high = stated(case[0]), min(case[1:]), max(case[1:])
    if law.is_mixture:
        return "its uniform chooses a part first"
    one, two = _at(law, low), _at(law, high)
    if two < one - 1e-12 * abs(one):
        raise Breach(law=law.shown, **{f"at u = {low!r}": f"{one:g}", f"at u = {high!r}": f"{two:g}: less"})
    return None


def _moments(law: Stated) -> Moments:
    return moments_of(law.quantiles, has_parts=law.is_mixture)


def _has_its_mean(case: Any) -> str | None:
    law = stated(case)
    if law.mean is None or not math.isfinite(law.mean):
        return "no mean is stated, or an infinite one"
    moments = _moments(law)
    if not moments.has_mean(law.mean):
        raise Breach(law=law.shown, **{"mean as stated": f"{law.mean:.6g}", "mean of its values": moments.mean_shown})
    return None


def _has_mean_one(case: Any) -> None:
    law = stated(case)
    moments = _moments(law)
    if not moments.has_mean(1.0):
        raise Breach(law=law.shown, **{"mean of its values": moments.mean_shown, "a factor has": "mean 1"})


def _has_its_cv(case: Any) -> str | None:
    law = stated(case)
    if law.cv is None or not math.isfinite(law.cv):
        return "no coefficient of variation is stated, or an infinite one"
    moments = _moments(law)
    if not moments.has_cv(law.cv):
        raise Breach(law=law.shown, **{"cv as stated": f"{law.cv:.6g}", "cv of its values": moments.cv_shown})
    return None


def _has_its_cdf(case: tuple[Any, float]) -> str | None:
    law, u = stated(case[0]), case[1]
    if law.cdf is None:
        return "no distribution function is stated"
    value = _at(law, u)
    if law.is_mixture:
        _has_as_many_below(law, value)
        return None
    # at the value the distribution function reaches u, and just below it does not exceed it
    just_below, just_above = value * (1 - ROUNDING) - 1e-300, value * (1 + ROUNDING) + 1e-300
    below, reached = law.cdf(np.array([just_below, just_above])).tolist()
    if reached < u - law.accuracy or below > u + law.accuracy:
        said = f"{below:.6g} just below, {reached:.6g} there"
        raise Breach(law=law.shown, u=repr(u), value=f"{value:.6g}", **{"its distribution function": said})
    return None


def _has_as_many_below(law: Stated, value: float) -> None:
    assert law.cdf is not None
    values = law.quantiles((np.arange(GRID) + 0.5) / GRID)
    ends = value * (1 - ROUNDING), value * (1 + ROUNDING)
    below, reached = law.cdf(np.array(ends)).tolist()
    shares = [float(np.mean(values <= end)) for end in ends]
    slack = OF_GRID + law.accuracy
    if shares[1] < below - slack or shares[0] > reached + slack:
        facts = {"uniforms with a value up to there": f"{shares[1]:.4f}", "its distribution function": f"{reached:.4f}"}
        raise Breach(law=law.shown, value=f"{value:.6g}", **facts)


def _is_a_function(case: tuple[Any, list[float]]) -> None:
    law, given = stated(case[0]), np.array(case[1])
    kept = given.copy()
    together = law.quantiles(given)
    if not np.array_equal(given, kept):
        raise Breach(law=law.shown, uniforms=kept.tolist(), **{"are afterwards": given.tolist()})
    if together.shape != given.shape:
        raise Breach(law=law.shown, uniforms=f"{len(given)}", values=f"an array of shape {together.shape}")
    again, alone = law.quantiles(given), np.array([_at(law, float(u)) for u in given])
    for what, other, slack in (("asked again", again, 0.0), ("asked alone", alone, 1e-12)):
        if np.any(np.abs(together - other) > slack * np.abs(together)):
            facts = {"values together": together.tolist(), what: other.tolist()}
            raise Breach(law=law.shown, uniforms=given.tolist(), **facts)


def _has_its_unit(case: tuple[Any, float]) -> str | None:
    law, u = case
    doubled = law.scaled(2.0) if isinstance(law, Law) else in_other_units(law, 2.0)
    if doubled is None:
        return "it has no durations"
    one, two = _at(stated(law), u), _at(stated(doubled), u)
    if abs(two - 2 * one) > ROUNDING * abs(one):
        raise Breach(law=stated(law).shown, u=repr(u), value=f"{one:g}", doubled=doubled, **{"value then": f"{two:g}"})
    return None


def _table_agrees(case: tuple[Any, float]) -> str | None:
    law, u = case
    mark = mark_of(type(law))
    if mark is not None:
        laid_out, error = law_of(type(law).__name__, law, mark.is_factor), OF_TABLE
        least = LEAST_OF_TABLE * laid_out.mean()
    elif isinstance(law, Law):
        laid_out, error, least = LawTable.of([Law.constant(1.0), law]).law(1), 1e-12, 0.0
    else:
        return "it is not marked as a law, so in no plan"
    one, two = _at(stated(law), u), laid_out.quantile(u)
    if abs(two - one) > error * max(abs(one), least):
        raise Breach(law=stated(law).shown, u=repr(u), value=repr(one), **{"value in the plan": repr(two)})
    return None


def _cdf_grows(case: tuple[Any, float, float]) -> str | None:
    law = stated(case[0])
    if law.cdf is None:
        return "no distribution function is stated"
    low, high = sorted(_at(law, u) for u in case[1:])
    far = max(2 * high, 1.0)
    while far < 1e300 and float(law.cdf(np.array([far]))[0]) < 1 - 1e-9:
        far *= 1e3
    places = np.array([-1.0, low, high, far])
    reached = law.cdf(places)
    facts = dict(zip((f"at {x:g}" for x in places), (f"{p:g}" for p in reached), strict=True))
    if reached[0] != 0 or np.any(np.diff(reached) < -1e-12) or not 1 - 1e-6 < reached[-1] <= 1 + 1e-12:
        raise Breach(law=law.shown, **facts)
    return None


def _mixes_with_itself(case: tuple[Any, float]) -> str | None:
    law, u = case
    if not isinstance(law, Law) or law.kind == mixture.CODE:
        return "it is no part of a mixture"
    mixed = Law.mixture([(1, law), (2, law)])
    one, two = law.mean(), mixed.mean()
    value = np.array([law.quantile(u) * (1 + ROUNDING)])
    shares = float(law.cdf(value)[0]), float(mixed.cdf(value)[0])
    same = one == two or abs(two - one) <= ROUNDING * abs(one)
    if not same or abs(shares[1] - shares[0]) > ROUNDING:
        facts = {"mean": f"{one:g}, mixed {two:g}", f"share up to {value[0]:g}": f"{shares[0]:g}, mixed {shares[1]:g}"}
        raise Breach(law=stated(law).shown, **facts)
    return None
