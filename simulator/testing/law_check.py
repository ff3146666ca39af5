"""How a law is held: the smallest case that breaks it is looked for, and told on one screen."""

import random
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from simulator.base.errors import ArgumentError, BeyondTimeError
from simulator.base.foreign import escaped
from simulator.base.formats import counted
from simulator.documents import check
from simulator.testing.book import BOOK

#: A law of a case: returns nothing where it holds, why where it does not apply; raises ``Breach`` where it is broken.
Law = Callable[[Any], str | None]

#: Examples that each law is held against, by profile.
PROFILES = {"quick": 20, "default": 60, "deep": 2_000}

#: The profile of checks that are not told one; the pytest plugin sets it by ``--shardsim-profile``.
ACTIVE: ContextVar[str] = ContextVar("shardsim_profile", default="default")

#: Columns of what is told.
WIDTH = 100
#: Lines of a case, and characters of one of them, that are told at most: the whole fits a screen.
MOST_LINES, MOST_LETTERS = 12, 300


class LawBroken(AssertionError):
    """A law does not hold: its number and statement, and the smallest case found. The message fits a screen."""

    def __init__(self, number: str, subject: str, case: Mapping[str, str], others: Mapping[str, str]) -> None:
        self.number = number  #: of the law, ``M3``
        self.statement = BOOK[number].says
        self.subject = subject  #: what was checked, by name
        self.case = dict(case)  #: the smallest case: what was given and what came out, in words
        self.others = dict(others)  #: number and verdict of each other law of the group
        super().__init__(number, subject, case, others)

    def to_dict(self) -> check.Breach:
        """The broken law with its case, and what became of the others."""
        broken: check.Broken = {"law": self.number, "says": self.statement, "case": self.case}
        return {"broken": broken, "others": self.others}

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int = WIDTH) -> str:
        """The law, and the smallest case that breaks it, in lines of at most so many letters, and of at most 100."""
        law, width = BOOK[self.number], min(width, WIDTH)
        lines = [*textwrap.wrap(f"{escaped(self.subject)} breaks law {self.number}.", width), ""]
        lines += _paragraph("Law", law.says, width) + _paragraph("Why", law.why, width)
        if law.unless:
            lines += _paragraph("Unless", law.unless, width)
        lines += ["", "Smallest case found:"]
        widest = max((len(key) for key in self.case), default=0)
        case_lines: list[str] = []
        for key, value in self.case.items():
            case_lines += _indented(f"  {key:{widest}}  ", escaped(value, keep="\n"), width)
        lines += [*case_lines[:MOST_LINES], *(["  ..."] if len(case_lines) > MOST_LINES else [])]
        lines.append("")
        for verdict, what in (("broken", "Broken, too"), ("held", "Held"), ("not asked", "Not asked")):
            numbers = [number for number, became in self.others.items() if became == verdict]
            if numbers:
                lines += _paragraph(what, " ".join(numbers), width)
        return "\n".join(lines)


def _paragraph(title: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(f"{title}: {text}", width, subsequent_indent="  ")


def _indented(key: str, value: str, width: int) -> list[str]:
    lines: list[str] = []
    for line in value.splitlines() or [""]:
        short = line if len(line) <= MOST_LETTERS else line[:MOST_LETTERS] + " ..."
        lead = key if not lines else " " * len(key)
        if len(lead) + len(short) <= width:
            lines.append(lead + short)
        else:
            below = " " * min(len(key), width // 2)
            lines += textwrap.wrap(short, width, initial_indent=lead, subsequent_indent=below, drop_whitespace=True)
    return lines


class Breach(Exception):
    """Raised where a law is seen broken; carries what was given and what came out, in words."""

    def __init__(self, **case: Any) -> None:
        self.case = {key: str(value) for key, value in case.items()}
        super().__init__(self.case)


@dataclass(frozen=True)
class Row:
    """What became of one law: ``held``, ``broken`` or ``not asked``; what was tried, or why it was not."""

    number: str
    verdict: str
    tried: str

    def to_dict(self) -> check.Law:
        """With the statement."""
        return {"law": self.number, "verdict": self.verdict, "tried": self.tried, "says": BOOK[self.number].says}


@dataclass(frozen=True)
class Report:
    """All laws of a check, in order."""

    subject: str
    rows: tuple[Row, ...]

    def to_dict(self) -> check.Laws:
        """The laws in order."""
        return {"laws": [row.to_dict() for row in self.rows]}

    def text(self, width: int = WIDTH) -> str:
        """The laws in order, what became of each, and what was tried."""
        held = sum(row.verdict == "held" for row in self.rows)
        how_many = "its law holds" if held == 1 else f"all {held} laws hold"
        if held < len(self.rows):
            hold = "holds" if held == 1 else "hold"
            how_many = f"{held} of {counted(len(self.rows), 'law')} {hold}, the others are not asked"
        lines = [*textwrap.wrap(f"{escaped(self.subject)}: {how_many}", width), ""]
        for row in self.rows:
            said = f"{row.number:4} {row.verdict:10} {BOOK[row.number].says}"
            lines += textwrap.wrap(said, width, subsequent_indent=" " * 16)
            tried = f"({escaped(row.tried)})"
            lines += textwrap.wrap(tried, width, initial_indent=" " * 16, subsequent_indent=" " * 16)
        return "\n".join(lines) + "\n"


@dataclass
class Check:
    """Laws held one after another; all are, before the first one that is broken is told.

    >>> check = Check("a model", "quick")
    >>> check.skip("M10", "it does not ask for hardware")
    >>> check.report().rows
    (Row(number='M10', verdict='not asked', tried='it does not ask for hardware'),)
    """

    subject: str
    profile: str | None = None
    only: Sequence[str] | None = None  #: numbers of the laws that are asked; None: all
    rows: list[Row] = field(default_factory=list)
    breaches: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name = ACTIVE.get() if self.profile is None else self.profile
        if name not in PROFILES:
            raise ArgumentError(f"no profile is called {name!r}; there are {', '.join(PROFILES)}")
        self.examples = PROFILES[name]
        unknown = [number for number in self.only or () if number not in BOOK]
        if unknown:
            raise ArgumentError(f"no law has the number {unknown[0]!r}; docs/laws.md lists them")

    def asks(self, number: str) -> bool:
        """Whether a law is asked at all."""
        return self.only is None or number in self.only

    def skip(self, number: str, because: str) -> None:
        """Note that a law is not asked for, and why."""
        if not self.asks(number):
            return
        self.rows.append(Row(number, "not asked", because))

    def hold(
        self,
        number: str | Callable[[Breach], str],
        cases: Any,
        law: Law,
        tried: str,
        share: float = 1.0,
        numbers: tuple[str, ...] = (),
    ) -> None:
        """Hold a law against drawn cases.

        Parameters
        ----------
        number
            Of the law; or, where several are held at once, a function that says which of ``numbers`` a breach is of.
        cases
            Strategy of cases, or a value: the only case.
        law
            Returns if the law holds of a case, else raises ``Breach``. Any other exception is a breach, too. Where it
            does not apply to a case it returns why; a law that applied to none is not asked.
        tried
            What the cases are, in words.
        share
            Of the profile's examples; less than 1 where a case takes long.
        numbers
            Laws that are held at once.
        """
        held = tuple(each for each in numbers or (str(number),) if self.asks(each))
        if not held:
            return
        examples = max(2, int(self.examples * share))
        breach, seen = smallest(cases, law, examples, shrinks=not self.breaches)  # only the first breach is told whole
        broken = "" if breach is None else (number(breach) if callable(number) else number)
        if broken and broken not in held:
            held = (*held, broken)
        for each in held:
            if breach is not None and each == broken:
                self.rows.append(Row(each, "broken", tried))
                self.breaches[each] = breach.case
            elif breach is None and seen.held == 0:
                self.rows.append(Row(each, "not asked", seen.because))
            else:
                self.rows.append(Row(each, "held", f"{tried}: {seen.held} cases" if seen.held > 1 else tried))

    def report(self) -> Report:
        """What became of each law.

        Raises
        ------
        LawBroken
            Of the first law that is broken.
        """
        self.rows.sort(key=lambda row: list(BOOK).index(row.number))
        if self.breaches:
            first = next(iter(self.breaches))
            others = {row.number: row.verdict for row in self.rows if row.number != first}
            raise LawBroken(first, self.subject, self.breaches[first], others)
        return Report(self.subject, tuple(self.rows))


@dataclass
class Seen:
    """Cases of which a law held, and why it did not apply to the last of the others."""

    held: int = 0
    because: str = ""


def smallest(cases: Any, law: Law, examples: int, shrinks: bool = True) -> tuple[Breach | None, Seen]:
    """The breach of the smallest case that Hypothesis finds, the same one each time, and what was seen.

    ``shrinks``: else that of the first case that is found.
    """
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis.errors import Flaky, NoSuchExample
    from hypothesis.strategies import SearchStrategy

    seen, breaches = Seen(), []

    def is_broken(case: Any) -> bool:
        breach = breach_of(law, case, seen)
        if breach is not None:
            breaches.append(breach)
        return breach is not None

    if not isinstance(cases, SearchStrategy):
        return breach_of(law, cases, seen), seen
    chosen = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate, *([Phase.shrink] if shrinks else [])],
        suppress_health_check=list(HealthCheck),
    )
    with _quiet():
        try:
            case = find(cases, is_broken, settings=chosen, random=random.Random(0))
        except NoSuchExample:
            return None, seen
        except Flaky:  # broken by one call and not by the next: what has no memory breaks no law so
            return breaches[-1], seen
    return breach_of(law, case, seen) or breaches[-1], seen


def breach_of(law: Law, case: Any, seen: Seen) -> Breach | None:
    """How a law is broken by a case; None if it is not."""
    from hypothesis.errors import HypothesisException

    try:
        because = law(case)
    except Breach as breach:
        return breach
    except HypothesisException:
        raise
    except BeyondTimeError as error:  # no fault of the scenario's, nor of the engine's
        seen.because = str(error)
        return None
    except Exception as error:  # noqa: BLE001 (whatever a stranger's model raises breaks the law that asked it)
        facts = getattr(case, "facts", None)
        shown = facts if isinstance(facts, dict) else {"case": _shown(case)}
        return Breach(**shown, raises=f"{type(error).__name__}: {error}")
    if because:
        seen.because = because
    else:
        seen.held += 1
    return None


def _shown(case: Any) -> str:
    return case if isinstance(case, str) else repr(case)


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing is said of a search but what is found."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
