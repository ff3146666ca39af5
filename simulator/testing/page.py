"""The page of laws, ``docs/laws.md``: made from the book, and from what the tests know of each law."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.core.violations import INVARIANTS
from simulator.testing.book import GROUPS, UNORDERED, group

HEAD = """# Laws that a serving model obeys
<!-- made by tests/test_laws_page.py --regenerate from simulator/testing/book and the seeded bugs of the tests -->

`shardsim check FILE.py::thing` and `simulator.testing` hold a model, a law, arrivals, a routing rule or a scenario
against all laws of its group (S and E for a scenario) and tell the first one that is broken, by the smallest case. Laws
of groups F and T are about the program itself and are held by its tests, as are E5 and those after it. A law that is
bent on purpose is named where it says *unless*: a declaration such as `batch_economy = False` on the class, or on the
function of a rule. A number is never given twice.

*Seen to fail on*: bugs put in on purpose, each of which the law catches in the tests named beside it. A law that never
failed on one is not trusted.
"""

TRACE = """## Invariants of a trace
`Trace.verify(plan)` works a trace out anew, the slow way, and yields every place that breaks one of these: its number,
its words and the case. `shardsim check` holds the laws S1 to S6 by them. Each is seen to fail on a trace that was
tampered with (`test_invariants.py`), under `python -O`, too.

| | invariant | part of |
|---|---|---|
"""

ORDER = """## Where more is not worse, and less not better
The laws of order (S16, S17) hold pathwise for first come, first served, at the first stage, with routing that does not
look at load. Elsewhere a query may gain by what makes the system worse. These are not laws, and the tests keep an
example of each:
"""


@dataclass(frozen=True)
class Evidence:
    """What the tests know of a law."""

    tests: Sequence[str]  #: files
    bugs: Sequence[str]  #: seeded bugs that it catches, by name


def laws_page(evidence: Mapping[str, Evidence]) -> str:
    """The page, as Markdown. ``evidence``: by number; a law may have none."""
    lines = [HEAD]
    for letter, about in GROUPS.items():
        lines += [f"## {about}", "", "| | law | why | test | seen to fail on |", "|---|---|---|---|---|"]
        for law in group(letter):
            known = evidence.get(law.number, Evidence((), ()))
            unless = f" *Unless* {law.unless}." if law.unless else ""
            tests = ", ".join(f"`{test}`" for test in known.tests)
            cells = [law.number, law.says + unless, law.why, tests, "; ".join(known.bugs)]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    rows = (f"| {row.number} | {row.words[0].upper()}{row.words[1:]}. | {row.law} |\n" for row in INVARIANTS.values())
    lines.append(TRACE + "".join(rows))
    lines.append(ORDER)
    lines += [f"- **{place.claim}** {place.because}" for place in UNORDERED]
    return "\n".join(lines) + "\n"
