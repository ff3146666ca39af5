"""Cells of tables that a spreadsheet may open: text that it would run is text there, too."""

import re

from simulator.base.foreign import escaped

#: How a formula begins, in one spreadsheet or another; what begins so and is a number is one.
_FORMULA = re.compile(r"[=+\-@]")
_NUMBER = re.compile(r"[+-]?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?inf")


def cell(value: object) -> str:
    """A value as text: empty where there is none, a number to its last digit, a formula behind an apostrophe.

    >>> cell(None), cell(0.1), cell("-1e3"), cell("4/s"), cell("=1+2")
    ('', '0.1', '-1e3', '4/s', "'=1+2")
    """
    if value is None:
        return ""
    text = repr(value) if isinstance(value, float) else escaped(str(value))
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
