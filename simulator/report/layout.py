"""How a table is laid out in the columns that there are: as it is, else wrapped, else below itself, else row by row.

The first column names its row, or the first few do where rows share it: they are never left out and never cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from simulator.base.foreign import escaped

if TYPE_CHECKING:
    from rich.table import Table

#: Letters between columns.
GAP = 2
#: A column that is wider holds sentences, which may be wrapped, to no less than this.
LEAST_OF_SENTENCES = 28
#: Headings of what belongs to the column before: an interval to its figure.
BELONGING = ("", "95 % interval", "99.9 % interval")


@dataclass(frozen=True)
class Grid:
    """A table; its first columns, ``left`` of them, are flush left, the others right.

    What a terminal would obey is spelled out in every cell: some say what others have written.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", [escaped(name) for name in self.columns])
        object.__setattr__(self, "rows", [[escaped(cell) for cell in row] for row in self.rows])

    @cached_property
    def widths(self) -> list[int]:
        """Letters of each column."""
        from rich.cells import cell_len

        return [max(map(cell_len, column)) for column in zip(self.columns, *self.rows, strict=True)]

    @cached_property
    def keys(self) -> int:
        """How many of the first columns tell the rows apart: one, unless rows share what stands there."""
        for keys in range(1, self.left):
            if len({tuple(row[:keys]) for row in self.rows}) == len(self.rows):
                return keys
        return max(1, self.left)

    @property
    def width(self) -> int:
        """Letters of a line."""
        return sum(self.widths) + GAP * (len(self.columns) - 1)

    def only(self, places: Sequence[int]) -> Grid:
        """The table of some of its columns, in order."""
        columns, *rows = ([row[place] for place in places] for row in (self.columns, *self.rows))
        return Grid(columns, rows, sum(place < self.left for place in places))

    def without(self, places: Sequence[int]) -> Grid:
        """The table without some of its columns."""
        return self.only([place for place in range(len(self.columns)) if place not in places])

    def groups(self, keys: int) -> list[list[int]]:
        """The columns behind the first ``keys``, each with those that belong to it."""
        groups: list[list[int]] = []
        for place in range(keys, len(self.columns)):
            if groups and self.columns[place] in BELONGING:
                groups[-1].append(place)
            else:
                groups.append([place])
        return groups


def laid_out(grid: Grid, width: int | None) -> list[Any]:
    """A table as what rich prints in so many letters a line; None: as many as it takes."""
    if width is None or grid.width <= width:
        return [drawn(grid, grid.widths)]
    wrapped = _wrapped(grid, width)
    if wrapped is not None:
        return [drawn(grid, wrapped)]
    for keys in dict.fromkeys((grid.left, grid.keys)):
        pages = _pages(grid, keys, width)
        if pages:
            return [part for page in pages for part in ("", drawn(page, page.widths))][1:]
    return list(_records(grid, width))


def drawn(grid: Grid, widths: Sequence[int]) -> Table:
    """The table with columns of so many letters."""
    from rich.table import Table

    shown = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for place, (column, width) in enumerate(zip(grid.columns, widths, strict=True)):
        shown.add_column(column, justify="left" if place < grid.left else "right", width=width, overflow="fold")
    for row in grid.rows:
        shown.add_row(*row)
    return shown


def _wrapped(grid: Grid, width: int) -> list[int] | None:
    """Widths of columns once sentences are wrapped; None if that is not enough."""
    widths = list(grid.widths)
    wide = [place for place in range(1, len(widths)) if widths[place] > LEAST_OF_SENTENCES]
    free = width - grid.width + sum(widths[place] for place in wide)
    while wide:  # those that need less than their part give the rest to the others
        part = free // len(wide)
        if part < LEAST_OF_SENTENCES:
            return None
        small = [place for place in wide if widths[place] <= part]
        if not small:
            for place in wide:
                widths[place] = part
            return widths
        free -= sum(widths[place] for place in small)
        wide = [place for place in wide if place not in small]
    return None


def _pages(grid: Grid, keys: int, width: int) -> list[Grid]:
    """Tables below each other, each with the first ``keys`` columns; none if some column does not fit beside them."""
    first = list(range(keys))
    if grid.only(first).width > (width // 2 if keys == 1 else 3 * width // 5):
        return []
    pages: list[list[int]] = []
    for group in grid.groups(keys):
        if grid.only([*first, *group]).width > width:
            return []
        if pages and grid.only([*first, *pages[-1], *group]).width <= width:
            pages[-1] += group
        else:
            pages.append(group)
    return [grid.only([*first, *page]) for page in pages]


def _records(grid: Grid, width: int) -> Iterator[str]:
    """A row as lines: what it is of, and below it each figure by its heading, as many in a line as it holds."""
    from rich.cells import cell_len

    for number, row in enumerate(grid.rows):
        if number:
            yield ""
        yield ", ".join(_told(grid, row, [place]) for place in range(grid.keys))
        told = [_told(grid, row, group) for group in grid.groups(grid.keys)]
        line = ""
        for cells in filter(None, told):  # a line that does not fit even alone is wrapped where it is printed
            longer = f"{line}; {cells}" if line else f"  {cells}"
            if line and cell_len(longer) > width:
                yield line
                longer = f"  {cells}"
            line = longer
        if line:
            yield line


def _told(grid: Grid, row: Sequence[str], group: Sequence[int]) -> str:
    """Figures of a row that belong together, by their headings; nothing where there are none."""
    first, *others = [(grid.columns[place], row[place]) for place in group]
    cells = [f"{first[0]}: {first[1]}" if first[0] else first[1]] if first[1] else []
    cells += [f"{heading} {cell}".lstrip() for heading, cell in others if cell]
    return ", ".join(cells)
