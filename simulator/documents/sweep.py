"""A scenario at many values: ``shardsim sweep``, the files of its directory, and its journal."""

from typing import Annotated, Literal, NotRequired, TypedDict

from simulator.documents import parts
from simulator.documents.marks import Keys

#: A cell of a row: figures, words, and null where there is none.
Cell = float | int | str | None

#: Before the name of a class of queries, or of a phase, in the columns of its figures.
CLASS, PHASE = "class.", "phase."
#: And before that of a stage.
STAGE = "stage."

#: A point: its number, its values by path, figures with units in their names, words; null where the sample does not
#: support one. Columns are the same in all rows of a sweep: ``point``, the parameters, ``rate_per_s``, ...
Row = Annotated[dict[str, Cell], Keys(r"^(slo: .+|[^\s=]+)$")]


class Aim(TypedDict):
    """The percentile that matters, and its bound."""

    percentile: str  #: by name
    bound_s: float | None  #: null: there is none
    slo: str | None  #: the objective that says so


class Questions(parts.Plugged):
    """All that decides what comes out of a sweep: ``sweep.yaml``, and its provenance."""

    schema: Literal[1]  #: of the document
    scenario_sha256: str  #: of the scenario
    points_sha256: str  #: of the scenarios of all points
    points: int  #: how many
    parameters: dict[str, list[parts.Value]]  #: values by path, as they were given
    percentiles: list[float]  #: that are shown
    seed: int  #: of all random numbers
    versions: parts.Versions  #: of the packages that computed it
    resolved: parts.Resolved  #: the scenario, with everything resolved


class Sweep(parts.Head):
    """A sweep: ``shardsim sweep --format json``."""

    seed: int  #: of all random numbers
    aim: Aim  #: the percentile that matters
    interrupted: bool  #: ended before all was done
    points: list[Row]  #: in order of their number
    notes: NotRequired[list[str]]  #: what a reader should know besides; left out: nothing
    provenance: Questions  #: all that decides what comes out


class Answered(TypedDict):
    """A point of a sweep that has its answer."""

    point: int  #: from 0
    values: parts.Values  #: what was varied, by path
    row: Row  #: of the table


class Journaled(Answered):
    """A line of ``journal.jsonl``."""

    crc32: str  #: of the line without it
