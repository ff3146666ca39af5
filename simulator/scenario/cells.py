"""Cells of a table as numbers and instants, exactly; what is wrong with others, quoted only where it is a number."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from math import isfinite

from simulator.scenario.rows import Row

# Each digit can be read in one way only: two ways would take time in the square of the digits.
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]*,[0-9]+(?:[eE][-+]?[0-9]+)?")
_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}(?:([,.'_ \u00a0\u202f])[0-9]{3})(?:\1[0-9]{3})*(?:[.,][0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?(?:inf|infinity|nan)", re.IGNORECASE)
_DATE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,12}))?)?"
    r"\s?(Z|UTC|[-+][0-9]{2}(?::?[0-9]{2})?)?"
)
#: What may be quoted of a file: digits, the signs of numbers and dates, and a short unit.
_NUMBER_GONE_WRONG = re.compile(r"[-+$]?[.0-9][0-9.,eE+\-_'%:/ T]{0,40}[a-zA-Zµ%/]{0,3}")

#: Digits of a number, at most.
MOST_DIGITS = 300


def is_value(cell: str | None) -> bool:
    """Whether a cell is that of a row and not of a header: a number, right or wrong, or a date."""
    return bool(cell) and any(form.fullmatch(cell or "") for form in (_NUMBER, _DECIMAL_COMMA, _DATE, _NO_NUMBER))


def is_date(cell: str | None) -> bool:
    """Whether a cell is a date of ISO 8601."""
    return bool(cell) and _DATE.fullmatch(cell or "") is not None


class Numbers:
    """The numbers of one column: finite, at least 0, all written in one way."""

    def __init__(self, what: str, place: int, most: float = 1e308) -> None:
        self.what = what
        self.place = place
        self.most = most
        self.doubtful: Row | None = None  #: the first whose comma may be one of thousands
        self.has_commas = self.has_points = False

    def of(self, row: Row) -> float:
        """That of a row. Raises TraceError."""
        number = float(self.text(row))
        if not isfinite(number) or number > self.most:
            row.fail(f"the {self.what} is more than {self.most:g}", self.place)
        return number

    def text(self, row: Row) -> str:
        """A number as Python reads it, not negative. Raises TraceError."""
        cell: str | None = row.cells[self.place]
        if cell is None or _NUMBER.fullmatch(cell) is None:
            cell = self._with_point(row, cell or "")
        elif "." in cell and row.table.may_have_commas:
            self.has_points = True
            self._refuse_mixture(row)
        if len(cell) > MOST_DIGITS:
            row.fail(f"a number of {len(cell)} digits", self.place)
        if cell[0] == "-" and float(cell) < 0:
            row.fail(f"the {self.what} {cell} is negative", self.place)
        return cell

    def end(self) -> None:
        """No row is left. Raises TraceError where it cannot be said what its commas are."""
        if self.doubtful is not None:
            cure = "write 1234, or 1.234"
            self.doubtful.fail(f"commas of decimals or of thousands: no {self.what} shows which; {cure}", self.place)

    def _with_point(self, row: Row, cell: str) -> str:
        """A number with a decimal comma, where it can only be one."""
        if not row.table.may_have_commas or _DECIMAL_COMMA.fullmatch(cell) is None:
            row.fail(self._wrong(cell), self.place)
        self.has_commas = self.has_commas or _THOUSANDS.fullmatch(cell) is None
        if self.has_commas:
            self.doubtful = None
        elif self.doubtful is None:
            self.doubtful = row
        self._refuse_mixture(row)
        return cell.replace(",", ".")

    def _refuse_mixture(self, row: Row) -> None:
        if self.has_points and (self.has_commas or self.doubtful is not None):
            row.fail(f"a {self.what} with a point where others have a comma; write all with a point", self.place)

    def _wrong(self, cell: str) -> str:
        if not cell:
            return f"the {self.what} is not there: an empty cell is not a number"
        if _NO_NUMBER.fullmatch(cell):
            return f"{cell} is not a finite number"
        if _THOUSANDS.fullmatch(cell):
            return f"{cell!r} is not a number: a separator of thousands, or decimals? Write 1234, or 1.234"
        if _DECIMAL_COMMA.fullmatch(cell):
            return f"{cell!r} is not a number: write 0.5, or separate columns by semicolons"
        if _DATE.fullmatch(cell):
            return f"a date, where the {self.what} is wanted as a number"
        if len(cell) <= MOST_DIGITS and _NUMBER_GONE_WRONG.fullmatch(cell):
            return f"{cell!r} is not a number"
        return f"text, where the {self.what} is wanted as a number"


class Instants(Numbers):
    """The instants of one column since its first: numbers, or dates of ISO 8601, subtracted before they are rounded."""

    def __init__(self, what: str, place: int, unit_s: float) -> None:
        super().__init__(what, place)
        self.unit_s = unit_s
        self.are_dates: bool | None = None  #: None: there is no row yet
        self.has_zone = False
        self.first: int | Decimal = 0
        self.last: int | Decimal = 0
        self.above = ""  #: the last as it is written

    def of(self, row: Row) -> float:
        """That of a row in seconds since the first. Raises TraceError."""
        instant = self._exact(row)
        if self.are_dates is None:
            self.are_dates = _DATE.fullmatch(row.cells[self.place]) is not None
            self.first = self.last = instant
        if instant < self.last:
            above = f"the {self.what} {row.cells[self.place]} is before {self.above} in the row above"
            row.fail(f"{above}; sort the rows by time", self.place)
        self.last, self.above = instant, row.cells[self.place]
        return float(instant - self.first) * (1.0 if self.are_dates else self.unit_s)

    def _exact(self, row: Row) -> int | Decimal:
        match = _DATE.fullmatch(row.cells[self.place] or "")
        if self.are_dates is not None and self.are_dates != (match is not None):
            row.fail(f"the {self.what} is {'no date' if self.are_dates else 'a date'}, unlike those above", self.place)
        if match is not None:
            return self._of_date(row, match)
        text = self.text(row)
        if text.isdigit():
            return int(text)
        number = float(text)
        if not isfinite(number):
            row.fail(f"the {self.what} is more than {self.most:g}", self.place)
        return Decimal(text)

    def _of_date(self, row: Row, match: re.Match[str]) -> Decimal:
        """Seconds since the year 1, in the zone's own time."""
        if self.unit_s != 1.0:
            row.fail("dates need no unit; leave it out", self.place)
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
        zone = match[8] or ""
        if self.are_dates is not None and bool(zone) != self.has_zone:
            row.fail("dates with a zone and without; give all of them one, like Z", self.place)
        self.has_zone = bool(zone)
        east_min = 0
        if zone[:1] in ("+", "-"):
            digits = zone[1:].replace(":", "").ljust(4, "0")
            east_min = (int(digits[:2]) * 60 + int(digits[2:])) * (1 if zone[0] == "+" else -1)
        try:
            days = date(year, month, day).toordinal()
        except ValueError:
            row.fail("there is no such day", self.place)
        if hour > 23 or minute > 59 or second > 59:
            row.fail("there is no such time of day", self.place)
        return ((days * 24 + hour) * 60 + minute - east_min) * 60 + second + Decimal(f"0.{match[7] or 0}")
