"""How a table is laid out: whatever it holds, no line is too long, and no cell is lost."""

from __future__ import annotations

import pytest
from conftest import drawn
from hypothesis import given
from hypothesis import strategies as st

from simulator.report.layout import Grid, laid_out
from simulator.report.text import rendered

WORD = st.text("abcde日", min_size=1, max_size=9)
CELL = st.lists(WORD, max_size=9).map(" ".join)


@st.composite
def grids(draw) -> Grid:
    columns = draw(st.lists(CELL, min_size=2, max_size=7))
    rows = draw(st.lists(st.tuples(WORD, *([CELL] * (len(columns) - 1))), min_size=1, max_size=3))
    return Grid(["name", *columns[1:]], rows, draw(st.integers(1, len(columns))))


@drawn(100)
@given(grids(), st.sampled_from([40, 60, 80, 200]))
def test_a_table_keeps_to_the_width_and_loses_nothing(grid, width):
    from rich.cells import cell_len

    lines = rendered([grid], width, False).splitlines()
    assert max(map(cell_len, lines)) <= width
    text = " ".join(lines)
    letters = sorted("".join(text.replace(":", "").replace(",", "").split()))
    for row in grid.rows:
        assert row[0] in text, "a name is whole"
        for cell in row:
            assert all(word in text for word in cell.split())
    everything = sorted("".join("".join(row) for row in grid.rows).replace(" ", ""))
    assert len(letters) >= len(everything)


ROWS = [["ranking", "1", "2 .. 3", "a sentence that says what it is and goes on", "4", "5 .. 6"]]
COLUMNS = ["stage", "p50", "95 % interval", "what it is", "p99", "95 % interval"]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (200, 2),
        (90, 3),  # the sentence is wrapped
        (61, 8),  # three tables of two lines
        (30, 5),  # the row, and a line or two a figure
    ],
)
def test_what_is_too_wide_is_wrapped_then_cut_into_tables_then_told_row_by_row(width, lines):
    assert len(rendered([Grid(COLUMNS, ROWS)], width, False).splitlines()) == lines


def test_an_interval_stays_beside_its_figure():
    figures = Grid(["stage", *["p50", "95 % interval"] * 4], [["ranking", *["1 ms", "0.9 ms .. 1.1 ms"] * 4]])
    pages = [part for part in laid_out(figures, 60) if part != ""]
    headings = [[column.header for column in page.columns] for page in pages]
    assert headings == [["stage", *["p50", "95 % interval"] * 2]] * 2


def test_rows_that_share_their_first_name_have_all_of_it_on_every_page():
    """A grid of two parameters is no table of its first: on each page, and in each record, both stand."""
    rows = [[str(shards), f"{rate}/s", *["1.5 ms"] * 4] for shards in (5, 10) for rate in (20, 40)]
    points = Grid(["stages.retrieval.shards", "load.rate", "mean", "p50", "p90", "p99"], rows, 2)
    pages = [part for part in laid_out(points, 60) if part != ""]
    assert len(pages) == 2
    assert all(
        [column.header for column in page.columns[:2]] == ["stages.retrieval.shards", "load.rate"] for page in pages
    )
    assert rendered([points], 44, False).splitlines()[:3] == [
        "stages.retrieval.shards: 5, load.rate: 20/s",
        "  mean: 1.5 ms; p50: 1.5 ms; p90: 1.5 ms",
        "  p99: 1.5 ms",
    ]
    alone = Grid(points.columns, [[row[1], row[0], *row[2:]] for row in rows[:2]], 2)
    assert (points.keys, alone.keys) == (2, 1), "where the first tells them apart it is enough"


def test_a_record_fills_its_lines():
    figure = Grid(
        ["figure", "A", "B", "change", "95 % interval"], [["a" * 30, "1 ms", "2 ms", "+100 %", "98 % .. 102 %"]]
    )
    assert rendered([figure], 55, False).splitlines() == [
        f"figure: {'a' * 30}",
        "  A: 1 ms; B: 2 ms",
        "  change: +100 %, 95 % interval 98 % .. 102 %",
    ]
