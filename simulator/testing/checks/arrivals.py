"""Arrivals held against the laws A1 .. A9.

Two laws are statistical: the rate (A2) and the index of dispersion (A3). Their seeds are fixed, so a process is found
right or wrong once and for all; over processes, each is told without cause about once in a million (five standard
errors of a mean over independent replications, or a t-interval at level 1 - 1e-6), where gaps have a fourth moment.
What they see: a rate wrong by some tenths of a percent, an index of dispersion by a sixth.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulator.core.plan import F8
from simulator.testing.checks.fields import cases_of, name_of
from simulator.testing.checks.processes import SEED, WINDOW_S, Process, luck, process_of
from simulator.testing.law_check import Breach, Check, Report

#: Replications, and gaps in each, of the two statistical laws; the second ones are those of the index of dispersion.
REPLICATIONS, GAPS = 32, 4096
SUMS, GAPS_OF_A_SUM = 4096, 256
#: Half the width of a t-interval at level 1 - 1e-6, in standard errors: of 31 degrees of freedom, and of many.
FAR_OF_FEW, FAR = 6.1, 5.0
#: What is explained by the gaps of a sum being many but not infinitely many.
FINITE = 0.03


def check_arrivals(process: Any, *, profile: str | None = None, only: Sequence[str] | None = None) -> Report:
    """Hold arrivals against the laws A1 .. A9 of ``docs/laws.md``.

    Parameters
    ----------
    process
        A plug-in's class (its fields are drawn by their annotations) or an instance; the ``Law`` of independent gaps;
        a ``Modulation``, whose mean rate is taken as 1/s; or a strategy of these.
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
    check = Check(name_of(process), profile, only)
    cases = cases_of(process)
    numbered = st.tuples(cases, st.lists(_uniforms(), min_size=1, max_size=6), st.integers(0, 40))
    check.hold("A1", numbered, _gaps_are_times, "gaps of uniforms of (0, 1), both ends included")
    check.hold("A2", cases, _rate_is_as_asked, f"{REPLICATIONS} x {GAPS} gaps", share=0.1)
    check.hold("A3", cases, _dispersion_is_as_stated, f"{SUMS} x {GAPS_OF_A_SUM} gaps", share=0.1)
    cut = st.tuples(cases, st.integers(0, 3), st.integers(1, 40), st.integers(1, 40))
    check.hold("A4", cut, _chunks_do_not_matter, "up to 80 arrivals, cut in two anywhere")
    check.hold("A5", numbered, _only_reads, "every call made twice")
    loads = st.tuples(cases, st.integers(0, 3), st.integers(1, 40))
    check.hold("A6", loads, _rate_presses_together, "up to 40 arrivals, at 1000/s and 2000/s")
    check.hold("A7", loads, _replications_differ, "up to 40 arrivals of two replications")
    check.hold("A8", loads, _clock_goes_on, "up to 40 arrivals")
    check.skip("A9", "its rate is constant: A2 is asked")
    return check.report()


def _uniforms() -> st.SearchStrategy[float]:
    return st.one_of(st.integers(1, 99).map(lambda n: n / 100), st.sampled_from([2.0**-53, 1 - 2.0**-53]))


def _gaps_are_times(case: tuple[Any, list[float], int]) -> str | None:
    process, u, first = process_of(case[0]), np.array(case[1]), case[2]
    if process.gaps is None:
        return "it has no gaps of its own"
    gaps = process.gaps(u, u[::-1].copy(), first)
    if gaps.shape != u.shape or not np.all(np.isfinite(gaps) & (gaps >= 0)):
        raise Breach(arrivals=process.shown, first=first, u=u.tolist(), gaps=gaps.tolist())
    return None


def _spread_uniforms(replication: int, count: int) -> tuple[F8, F8]:
    """Uniforms of which each cell of 1/count holds one, in random order, a Latin hypercube: means are all but exact."""
    luck = np.random.default_rng([SEED, replication])
    u = (luck.permutation(count) + luck.random(count)) / count
    v = (luck.permutation(count) + luck.random(count)) / count
    return np.clip(u, 2.0**-53, 1 - 2.0**-53), np.clip(v, 2.0**-53, 1 - 2.0**-53)


def _rates(process: Process) -> F8:
    """In each of some replications, the rate offered over that asked for."""
    if process.counts is not None:
        return process.counts() / WINDOW_S
    assert process.gaps is not None
    luck = [_spread_uniforms(replication, GAPS) for replication in range(REPLICATIONS)]
    return 1 / np.array([process.gaps(u, v, 0).mean() for u, v in luck])


def _rate_is_as_asked(case: Any) -> None:
    process = process_of(case)
    rates = _rates(process)
    rate, error = float(rates.mean()), float(rates.std(ddof=1)) / math.sqrt(len(rates))
    half = (FAR_OF_FEW if len(rates) == REPLICATIONS else FAR) * error + 1e-4
    if abs(rate - 1) > half:
        seen = f"{rate:.5f} times that ({rate - half:.5f} .. {rate + half:.5f})"
        raise Breach(
            arrivals=process.shown, **{"rate asked for": "1/s", "rate offered": seen, "mean gap": f"{1 / rate:.5f} s"}
        )


def _indices(process: Process) -> tuple[F8, float]:
    """Estimates of the index of dispersion, one a replication, and the index that is stated."""
    if process.counts is not None:
        return (process.counts() - WINDOW_S) ** 2 / WINDOW_S, process.dispersion_of_counts
    assert process.gaps is not None
    uniform = np.random.default_rng(SEED).random((2, SUMS, GAPS_OF_A_SUM)).clip(2.0**-53, 1 - 2.0**-53)
    if process.is_independent:
        mean = process.gaps(uniform[0].ravel(), uniform[1].ravel(), 0).reshape(SUMS, GAPS_OF_A_SUM).mean(axis=1)
    else:
        mean = np.array([process.gaps(u, v, 0).mean() for u, v in zip(uniform[0], uniform[1], strict=True)])
    return GAPS_OF_A_SUM * (mean - 1) ** 2, process.dispersion


def _dispersion_is_as_stated(case: Any) -> str | None:
    process = process_of(case)
    if not math.isfinite(process.dispersion):
        return "the index stated is infinite"
    indices, stated = _indices(process)
    index, error = float(indices.mean()), float(indices.std()) / math.sqrt(len(indices))
    half = FAR * error + FINITE * stated + 2.0 / GAPS_OF_A_SUM
    if abs(index - stated) > half:
        seen = f"{index:.4f} ({max(0.0, index - half):.4f} .. {index + half:.4f})"
        raise Breach(arrivals=process.shown, **{"index of dispersion as stated": f"{stated:g}", "found": seen})
    return None


def _chunks_do_not_matter(case: tuple[Any, int, int, int]) -> None:
    process, (replication, before, after) = process_of(case[0]), case[1:]
    whole, part = process.epochs(replication, before + after), process.epochs(replication, before)
    if not np.array_equal(whole[:before], part):
        at = int(np.flatnonzero(whole[:before] != part)[0])
        facts = {f"epoch {at} of {before}": f"{part[at]:.9g}", f"of {before + after}": f"{whole[at]:.9g}"}
        raise Breach(arrivals=process.shown, **facts)
    if process.gaps is None:
        return
    u, v = luck(replication, before + after)
    together = process.gaps(u.copy(), v.copy(), 0)
    cut = np.concatenate(
        [
            process.gaps(u[:before].copy(), v[:before].copy(), 0),
            process.gaps(u[before:].copy(), v[before:].copy(), before),
        ]
    )
    differ = np.flatnonzero(np.abs(together - cut) > 1e-12 * np.abs(together))
    if len(differ):
        at = int(differ[0])
        facts = {f"gap {at} of {before + after} at once": f"{together[at]:.9g}", f"cut at {before}": f"{cut[at]:.9g}"}
        raise Breach(arrivals=process.shown, **facts)


def _only_reads(case: tuple[Any, list[float], int]) -> str | None:
    process, u, first = process_of(case[0]), np.array(case[1]), case[2]
    if process.gaps is None:
        return "it has no gaps of its own"
    v = u[::-1].copy()
    kept = u.copy(), v.copy()
    one, two = process.gaps(u, v, first), process.gaps(u, v, first)
    if not (np.array_equal(u, kept[0]) and np.array_equal(v, kept[1])):
        raise Breach(
            arrivals=process.shown, u=kept[0].tolist(), **{"u afterwards": u.tolist(), "v afterwards": v.tolist()}
        )
    if not np.array_equal(one, two):
        raise Breach(arrivals=process.shown, u=u.tolist(), gaps=one.tolist(), **{"asked again": two.tolist()})
    return None


def _rate_presses_together(case: tuple[Any, int, int]) -> str | None:
    process, (replication, count) = process_of(case[0]), case[1:]
    if process.at_rate is None:
        return "it has times of its own, or its rate is the scenario's business"
    slow, fast = process.at_rate(replication, count, 1000.0), process.at_rate(replication, count, 2000.0)
    if len(slow) != len(fast) or np.any(np.abs(slow - 2 * fast) > 2):
        raise Breach(arrivals=process.shown, **{"instants at 1000/s": slow.tolist(), "at 2000/s": fast.tolist()})
    return None


def _replications_differ(case: tuple[Any, int, int]) -> str | None:
    process, (replication, count) = process_of(case[0]), case[1:]
    if not process.is_drawn:
        return "nothing is drawn"
    one, two = process.epochs(replication, count + 8), process.epochs(replication + 1, count + 8)
    if np.array_equal(one, two):
        epochs = f"{', '.join(f'{epoch:g}' for epoch in one[:4])} ..."
        raise Breach(
            arrivals=process.shown, replications=f"{replication} and {replication + 1}", **{"both have epochs": epochs}
        )
    return None


def _clock_goes_on(case: tuple[Any, int, int]) -> None:
    process, (replication, count) = process_of(case[0]), case[1:]
    epochs = process.epochs(replication, count)
    if len(epochs) != count or epochs[0] < 0 or np.any(np.diff(epochs) < 0):
        raise Breach(
            arrivals=process.shown, asked=f"{count} arrivals", epochs=[float(f"{epoch:.6g}") for epoch in epochs]
        )
