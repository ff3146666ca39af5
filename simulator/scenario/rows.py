"""Lines of a table as cells: separated by commas, semicolons or tabs, or objects of JSON, one a line.

A row is a line. A quote that does not close in its line is refused where it opens: what it would swallow are rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

#: Separators besides the comma, which a cell then may hold.
SEMICOLON, TAB, COMMA = ";", "\t", ","

_TOO_DEEP = "nested too deep"


class TraceError(ValueError):
    """A file of numbers is wrong; with line and column, counted from 1, or 0 for the whole file."""

    def __init__(self, file: str, line: int, message: str, column: int = 1) -> None:
        super().__init__(message)
        self.file = file
        self.line = line
        self.column = column if line else 0
        self.message = message

    def __reduce__(self) -> tuple[type[TraceError], tuple[str, int, str, int]]:
        return type(self), (self.file, self.line, self.message, self.column)


@dataclass(frozen=True, slots=True)
class Row:
    """A line that is not blank."""

    table: Format
    line: int
    text: str
    cells: list[Any]  #: text; None: of JSON, not there

    def fail(self, message: str, cell: int = 0) -> NoReturn:
        """Refuse it at one of its cells."""
        raise TraceError(self.table.file, self.line, message, self.table.column(self.text, cell))


@dataclass(frozen=True)
class Format:
    """How the lines of a file are read."""

    file: str
    separator: str  #: SEMICOLON, TAB or COMMA; "": objects of JSON

    @staticmethod
    def of(file: str, line: int, text: str) -> Format:
        """As its first line shows."""
        start = text.lstrip()
        if start.startswith("{"):
            return Format(file, "")
        if start.startswith("["):
            cure = "write an object a line, like jq -c '.[]' does"
            raise TraceError(file, line, f"a document of JSON, and not rows: {cure}", len(text) - len(start) + 1)
        bare = re.sub(r'"[^"]*"', "", text)
        return Format(file, next((one for one in (SEMICOLON, TAB) if one in bare), COMMA))

    @property
    def may_have_commas(self) -> bool:
        """Whether a comma in a number can only be that of its decimals."""
        return self.separator in (SEMICOLON, TAB)

    def row(self, line: int, text: str, names: list[str] | None = None) -> Row:
        """A row; ``names``: keys of JSON, which are those of this one if not given. Raises TraceError."""
        if not self.separator:
            pairs = self._pairs(line, text)
            return Row(self, line, text, list(pairs) if names is None else [pairs.get(name) for name in names])
        if '"' not in text:
            return Row(self, line, text, [cell.strip() for cell in text.split(self.separator)])
        return Row(self, line, text, [cell for _, cell in self._quoted(line, text)])

    def column(self, text: str, cell: int) -> int:
        """Where a cell stands, from 1."""
        if not self.separator:
            return 1
        starts = [start for start, _ in self._quoted(0, text, is_strict=False)]
        start = starts[cell] if cell < len(starts) else 0
        return start + 1 + len(text[start:]) - len(text[start:].lstrip(" "))

    def _pairs(self, line: int, text: str) -> dict[str, Any]:
        def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            values = dict(pairs)
            if len(values) < len(pairs):
                raise TraceError(self.file, line, "a key is given twice; leave one out")
            return values

        as_text: Callable[[str], Any] = str
        try:
            value = json.loads(
                text, object_pairs_hook=once, parse_float=as_text, parse_int=as_text, parse_constant=as_text
            )
        except TraceError:
            raise
        except json.JSONDecodeError as error:
            cure = 'a row is an object in one line, like {"t": 1.5}'
            raise TraceError(self.file, line, f"is not JSON: {error.msg.lower()}; {cure}", error.colno) from None
        except (ValueError, RecursionError):
            raise TraceError(self.file, line, f"is not JSON: {_TOO_DEEP}") from None
        if not isinstance(value, dict):
            raise TraceError(self.file, line, 'not an object of JSON, like {"t": 1.5}, as in the first line')
        return {key: one if isinstance(one, str) else _plain(one) for key, one in value.items()}

    def _quoted(self, line: int, text: str, is_strict: bool = True) -> list[tuple[int, str]]:
        """Cells and where they start, from 0; a quoted one may hold separators, and quotes doubled."""

        def refuse(at: int, message: str) -> None:
            if is_strict:
                raise TraceError(self.file, line, message, at + 1)

        cells: list[tuple[int, str]] = []
        start = 0
        while True:
            match = _QUOTED.match(text, start)
            opens = text.find('"', start) if match is None else -1
            end = text.find(self.separator, start if match is None else match.end())
            end = len(text) if end < 0 else end
            if match is not None:
                if text[match.end() : end].strip():
                    refuse(match.end(), "text behind a closing quote; a quote inside a cell is written twice")
                cells.append((start, match[1].replace('""', '"').strip()))
            else:
                if start <= opens < end or (opens >= 0 and not text[start:opens].strip()):
                    is_first = not text[start:opens].strip()
                    said = "a quote opens here and does not close in this line" if is_first else "a quote in a cell"
                    refuse(opens, f"{said}; take it away, or quote the cell and write the quote twice")
                cells.append((start, text[start:end].strip()))
            if end >= len(text):
                return cells
            start = end + 1


_QUOTED = re.compile(r'\s*"((?:[^"]|"")*)"')


def _plain(value: Any) -> str | None:
    """What is no text in JSON, as a cell: null is none; lists and maps are not looked into."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else "{}" if isinstance(value, dict) else "[]"
