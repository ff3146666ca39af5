"""A scenario at many values: ``shardsim sweep``, the files of its directory, and its journal."""

from typing import Annotated, Literal, TypedDict

from simulator.documents import parts
from simulator.documents.marks import Keys

#: A cell of a row: figures, words, and null where there is none.
Cell = float | int | str | None

#: A point: its number, its values by path, figures with units in their names, words; null where the sample does not
#: support one. Columns are the same in all rows of a sweep: ``point``, the parameters, ``rate_per_s``, ...
Row = Annotated[dict[str, Cell], Keys(r"^(slo: .+|[^\s=]+)$")]


class Aim(TypedDict):
    """The percentile that matters, and its bound."""

    percentile: str
    bound_s: float | None  #: null: there is none
    slo: str | None  #: the objective that says so


class Questions(parts.Plugged):
    """All that decides what comes out of a sweep: ``sweep.yaml``, and its provenance."""

    schema: Literal[1]
    scenario_sha256: str
    points_sha256: str  #: of the scenarios of all points
    points: int
    parameters: dict[str, list[parts.Value]]  #: values by path, as they were given
    percentiles: list[float]
    seed: int
    versions: parts.Versions
    resolved: parts.Resolved


class Sweep(parts.Head):
    """A sweep: ``shardsim sweep --format json``."""

    seed: int
    aim: Aim
    interrupted: bool
    points: list[Row]
    provenance: Questions


class Answered(TypedDict):
    """A point of a sweep that has its answer."""

    point: int
    values: parts.Values
    row: Row


class Journaled(Answered):
    """A line of ``journal.jsonl``."""

    crc32: str  #: of the line without it
