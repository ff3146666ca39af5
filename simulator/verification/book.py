"""Drawn scenarios held against the laws of the book, on both engines."""

from simulator.verification.lines import AGREES, BROKEN, Line
from simulator.verification.oracle import Examined

FAMILY = "laws"
PROFILE, PROFILE_DEEP = "default", "deep"


def drawn_scenarios(profile: str) -> Examined:
    """``check_scenario`` of what ``scenarios`` draws: a line a law; of one that is broken, the smallest case."""
    from simulator.testing import LawBroken, check_scenario, scenarios

    try:
        report = check_scenario(scenarios(), profile=profile)
    except LawBroken as error:
        case = "; ".join(f"{key}: {value}" for key, value in error.case.items())
        note = " ".join(f"{error.statement} {case}".split())
        return Examined((Line(FAMILY, "drawn scenarios", error.number, None, None, None, None, BROKEN, note=note),))
    return Examined(
        tuple(
            Line(FAMILY, "drawn scenarios", row.number, None, None, None, None, AGREES, note=row.tried)
            for row in report.rows
            if row.verdict == "held"
        )
    )
