"""The answer of a comparison: ``Comparison``, figure by figure."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from simulator.documents import compare
from simulator.documents.shown import Shown, frame, html
from simulator.planning.differing import Differing
from simulator.planning.sides import HIGHER, LOWER, Measure, Side
from simulator.running.provenance import versions
from simulator.stats.means import NOTHING, Interval
from simulator.stats.paired import Difference, LeftOut, exactly
from simulator.stats.share import FEWEST_UNITS

BETTER, WORSE, ABOVE, BELOW = "better", "worse", "higher", "lower"
NO_DIFFERENCE, SAME, NOT_KNOWN = "no difference seen", "same", "not known"

#: How much luck two runs share: all of it; the same seed with other numbers of queries; none.
COMMON, PARTLY, INDEPENDENT = "common", "partly common", "independent"


@dataclass(frozen=True)
class Compared:
    """One figure of both sides, and B - A."""

    figure: str
    a: Measure = field(repr=False)
    b: Measure = field(repr=False)
    gap: Difference | None  #: None where nothing can be said of it
    word: str
    reason: str  #: why the word is "not known"; else empty

    @property
    def unit(self) -> str:
        """s, ratio, per_s, machines, usd_per_h, usd or h."""
        return self.a.unit

    @property
    def difference(self) -> Interval:
        """B - A, with its interval."""
        return NOTHING if self.gap is None else self.gap.absolute

    @property
    def relative(self) -> Interval:
        """(B - A) / A, with its interval."""
        return NOTHING if self.gap is None else self.gap.relative

    def to_dict(self) -> compare.Figure:
        """The document. A percentile among queries that never finished has ``a_at_least`` beside it."""
        of_a: compare.AtLeastA = {} if self.a.at_least is None else {"a_at_least": self.a.at_least}
        of_b: compare.AtLeastB = {} if self.b.at_least is None else {"b_at_least": self.b.at_least}
        reason: compare.Reason = {"reason": self.reason} if self.reason else {}
        return {
            "figure": self.figure,
            "unit": self.unit,
            "better": self.a.better,
            "a": self.a.value,
            **of_a,
            "b": self.b.value,
            **of_b,
            "difference": self.difference.to_dict(),
            "relative": self.relative.to_dict(),
            "word": self.word,
            **reason,
        }


@dataclass(frozen=True)
class Limit:
    """How much worse a figure may be, and whether it is within that; None: inconclusive."""

    figure: str
    most: float  #: as a part of A
    met: bool | None
    reason: str  #: why it is inconclusive; else empty

    def to_dict(self) -> compare.Limit:
        """``{"figure", "most", "met"}``, with ``"reason"`` where it is inconclusive."""
        reason: compare.Reason = {"reason": self.reason} if self.reason else {}
        return {"figure": self.figure, "most": self.most, "met": self.met, **reason}


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """B beside A."""

    kind: ClassVar[str] = "compare"

    a: Side
    b: Side
    luck: str  #: COMMON, PARTLY or INDEPENDENT
    replications: tuple[int, int]  #: of A and of B that the figures are over
    differing: tuple[Differing, ...]
    figures: tuple[Compared, ...]
    limits: tuple[Limit, ...]
    notes: tuple[str, ...]

    def __getitem__(self, figure: str) -> Compared:
        """A figure by name."""
        return next(one for one in self.figures if one.figure == figure)

    @property
    def exit_code(self) -> int:
        """0: every limit met, or none given; 99: one exceeded; 98: one inconclusive, none exceeded; 130: cut."""
        if self.a.interrupted or self.b.interrupted:
            return 130
        verdicts = [limit.met for limit in self.limits]
        if False in verdicts:
            return 99
        return 98 if None in verdicts else 0

    def to_dict(self) -> compare.Comparison:
        """The comparison as written by ``--format json``: the same bytes for the same input, whatever ``jobs`` was."""
        sides = zip((self.a, self.b), self.replications, strict=True)
        one, two = (_head(side, replications) for side, replications in sides)
        return {
            "schema": 1,
            "a": one,
            "b": two,
            "luck": self.luck,
            "differs": [one.to_dict() for one in self.differing],
            "figures": [one.to_dict() for one in self.figures],
            "limits": [limit.to_dict() for limit in self.limits],
            "notes": list(self.notes),
            "provenance": {
                "versions": versions(),
                "a": self.a.document["provenance"],
                "b": self.b.document["provenance"],
            },
        }

    def to_frame(self) -> Any:
        """A row a figure. Raises ImportError if pandas is not installed."""
        return frame(self._rows())

    def _repr_html_(self) -> str:
        return html(f"A: {self.a.source}, B: {self.b.source}, luck: {self.luck}", self._rows())

    def _rows(self) -> list[dict[str, Any]]:
        rows = []
        for figure in self.figures:
            row = {"figure": figure.figure, "unit": figure.unit, "a": figure.a.value, "b": figure.b.value}
            for name, interval in (("difference", figure.difference), ("relative", figure.relative)):
                row |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
            rows.append({**row, "word": figure.word})
        return rows


def _head(side: Side, replications: int) -> compare.Side:
    run = side.document
    return {
        "source": side.source,
        "scenario": run["scenario"],
        "description": run["description"],
        "engine": run["engine"],
        "seed": run["seed"],
        "verdict": run["verdict"],
        "replications": run["replications"],
        "queries": run["queries"],
        "slos": run["slos"],
        "fleet": run["fleet"],
        "compared_replications": replications,
    }


def compared(figure: str, a: Measure, b: Measure, between: Callable[[LeftOut, LeftOut], Difference]) -> Compared:
    """A figure with its word; ``between``: ``paired`` or ``independent``."""
    reasons = {name: measure.reason for name, measure in (("A", a), ("B", b)) if measure.reason}
    if reasons:
        same = len(set(reasons.values())) == 1 and len(reasons) == 2
        reason = a.reason if same else "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        return Compared(figure, a, b, None, NOT_KNOWN, reason)
    if math.isinf(a.figure.value) or math.isinf(b.figure.value):
        word = _word_of_infinite(a, b)
        reason = "it falls among queries that have no answer" if word == NOT_KNOWN else ""
        return Compared(figure, a, b, None, word, reason)
    gap = exactly(a.figure.value, b.figure.value) if a.is_exact else between(a.figure, b.figure)
    sign = gap.sign
    if sign is None:
        reason = "one replication decides whether it is finite"
        if min(a.figure.replications, b.figure.replications) < FEWEST_UNITS:
            reason = f"fewer than {FEWEST_UNITS} replications to judge by"
        return Compared(figure, a, b, gap, NOT_KNOWN, reason)
    return Compared(figure, a, b, gap, word_of(sign, a.better, a.is_exact), "")


def word_of(sign: int, better: str, is_exact: bool = False) -> str:
    """The word for a figure that is greater in B (1), less (-1), or of which no difference is seen (0)."""
    if sign == 0:
        return SAME if is_exact else NO_DIFFERENCE
    if better not in (LOWER, HIGHER):
        return ABOVE if sign > 0 else BELOW
    return BETTER if (sign > 0) == (better == HIGHER) else WORSE


def _word_of_infinite(a: Measure, b: Measure) -> str:
    """Of a percentile that is infinite on one side at least: a word where the two intervals of their own lie apart."""
    assert a.own is not None and b.own is not None
    one, two = a.own(), b.own()
    if two.infinite and one.high < two.low and one.supported:
        return WORSE
    return BETTER if one.infinite and two.high < one.low and two.supported else NOT_KNOWN
