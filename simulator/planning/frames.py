"""Rows as a pandas DataFrame, where pandas is installed, and as a small HTML table for notebooks."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

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
