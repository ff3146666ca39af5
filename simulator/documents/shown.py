"""How answers show themselves in Python: in a line, as a pandas DataFrame, as a table for notebooks, as a figure."""

import importlib
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

#: What an exit code says.
_WORDS = {0: "well", 2: "not all could be answered", 98: "inconclusive", 99: "failed", 130: "interrupted"}


class Shown:
    """An answer that shows itself in one line, and draws itself where there is a figure of its kind."""

    def __repr__(self) -> str:
        scenario = getattr(self, "scenario", None)
        of = f" of {scenario.name}" if scenario is not None else ""
        return f"<{type(self).__name__}{of}: {self._summed_up()}>"

    def _summed_up(self) -> str:
        """What it comes to, in a few words."""
        verdict, code = getattr(self, "verdict", None), getattr(self, "exit_code", 0)
        return verdict if isinstance(verdict, str) else _WORDS.get(code, str(code))

    def plot(self) -> Any:
        """A ``matplotlib.figure.Figure``, which a notebook shows and ``savefig`` writes; pyplot has no part in it.

        Raises
        ------
        ScenarioError
            If there is no figure of this kind of answer, or nothing to be drawn.
        """
        answers: Any = importlib.import_module("simulator.report.answers")  # a room above: who draws is found by name
        return answers.plotted(self)

    def to_html(self, command: str = "") -> str:
        """The page that ``--report`` writes: one file, with all of the answer; ``command``: what was typed for it.

        Raises
        ------
        ScenarioError
            If there is no page of this kind of answer.
        UnavailableError
            If the library that draws its figures is not installed.
        """
        answers: Any = importlib.import_module("simulator.report.answers")
        return str(answers.page_of(self, command))


Row = Mapping[str, Any]


def frame(rows: Sequence[Row]) -> Any:
    """The rows as a DataFrame, their keys as columns.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError("a DataFrame needs pandas: pip install 'shardsim[parquet]'") from None
    return pandas.DataFrame(list(rows))


def html(title: str, rows: Sequence[Row]) -> str:
    """The rows as a table with a caption; numbers with five digits, an empty cell for None."""
    columns = list(rows[0]) if rows else []
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{_cell(row[column])}</td>" for column in columns) + "</tr>" for row in rows)
    return f"<table><caption>{escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return escape(f"{value:.5g}" if isinstance(value, float) else str(value))
