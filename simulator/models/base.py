"""What every cost law offers: its time as a piecewise-linear function of items, and what it asks of the hardware."""

from dataclasses import dataclass, field
from typing import Protocol

from simulator.base.demand import Demand
from simulator.base.hardware import Hardware
from simulator.base.pieces import Piece
from simulator.core.laws import Law
from simulator.models.spread import Spread


@dataclass(frozen=True)
class Operations:
    """Operation counts of a model by its asymptotic law; None where the shape is not given."""

    order: str  #: of an item, e.g. ``O(trees x depth)``
    inference: float | None  #: operations for the items asked about
    training_order: str
    training: float | None  #: operations for the rows and epochs asked about
    unit: str  #: FLOP, or node visits


#: Nothing is known of the operations behind a measured or assumed time.
UNKNOWN = Operations("-", None, "-", None, "")


class CostModel(Protocol):
    """A model as the planner and ``estimate`` see it."""

    @property
    def law(self) -> Law | None:
        """The law of a time besides what ``pieces`` say of items, in seconds; None if there is none."""
        ...

    @property
    def spread(self) -> Spread | None:
        """How its times vary, where the model says it; else None."""
        ...

    @property
    def parameter_bytes(self) -> float:
        """Memory that its parameters take; 0 where they are not given."""
        ...

    def pieces(self) -> tuple[Piece, ...]:
        """Time of a call over items, non-decreasing, the first piece at 0 items; empty where there is only a law."""
        ...

    def demand(self) -> Demand | None:
        """What a call asks of the hardware; None where the shape is not given."""
        ...

    def operations(self, items: float, rows: float, epochs: float) -> Operations:
        """Operation counts for scoring ``items`` items, and for training on ``rows`` rows ``epochs`` times."""
        ...

    def bound_by(self, items: float) -> str:
        """Side of the roofline that a call over ``items`` items is on: computing or memory; empty if not by shape."""
        ...


@dataclass(frozen=True, kw_only=True)
class ItemModel:
    """What models that cost by item have in common: a time per item, or a shape on hardware (``demand``)."""

    per_item_s: float | None = None
    overhead_s: float = 0.0  #: fixed cost of a call, whatever its size
    hardware: Hardware | None = field(default=None)

    @property
    def law(self) -> Law | None:
        """None: the time depends on items."""
        return None

    @property
    def spread(self) -> Spread | None:
        """None: its times are exact but for what the scenario says."""
        return None

    @property
    def parameter_bytes(self) -> float:
        """None that are known."""
        return 0.0

    def demand(self) -> Demand | None:
        """What a call asks of the hardware; None where the shape is not given."""
        raise NotImplementedError

    def pieces(self) -> tuple[Piece, ...]:
        """Time of a call over items: by item if that is given, else by the roofline."""
        if self.per_item_s is not None:
            return (Piece(0.0, self.overhead_s, self.per_item_s),)
        demand = self.demand()
        assert demand is not None and self.hardware is not None, "the schema asks for both"
        return roofline(self.overhead_s, self.hardware, demand)

    def bound_by(self, items: float) -> str:
        """Side of the roofline of a call."""
        demand = self.demand()
        if self.per_item_s is not None or demand is None or self.hardware is None:
            return ""
        return side_of_roofline(self.hardware, demand, items)


def seconds_of(pieces: tuple[Piece, ...], items: float) -> tuple[float, float]:
    """Time of a call over ``items`` items, and of one item more, both in seconds.

    >>> seconds_of((Piece(0.0, 1.0, 0.0), Piece(10.0, 1.0, 0.5)), items=12)
    (2.0, 0.5)
    """
    piece = [piece for piece in pieces if piece.items <= items][-1]
    return piece.seconds + (items - piece.items) * piece.seconds_per_item, piece.seconds_per_item


def call_s(model: CostModel, items: float) -> tuple[float, float | None]:
    """Mean time of a call over ``items`` items, and of one item more; None where it does not depend on items."""
    pieces, law = model.pieces(), model.law
    seconds, more_s = seconds_of(pieces, items) if pieces else (0.0, None)
    return seconds + (0.0 if law is None else law.mean()), more_s


def side_of_roofline(hardware: Hardware, demand: Demand, items: float) -> str:
    """What takes longer over ``items`` items: ``computing`` or ``memory``."""
    move_s = hardware.move_s(demand.bytes_per_item * items + demand.bytes_per_call)
    move_s += hardware.gather_s(demand.gathered_bytes_per_item * items)
    return "computing" if hardware.compute_s(demand.flop(items)) >= move_s else "memory"


def roofline(overhead_s: float, hardware: Hardware, demand: Demand) -> tuple[Piece, ...]:
    """Time of a call by the roofline (Williams, Waterman and Patterson, 2009): the slower of computing and moving.

    One or two pieces: moving dominates few items when parameters are read once a call, computing dominates many.

    >>> slow_memory = Hardware(flops_per_s=1e9, memory_bandwidth_bytes_per_s=1e6)
    >>> for piece in roofline(0.0, slow_memory, Demand(flop_per_item=1e6, bytes_per_call=1e4)):
    ...     print(piece)
    Piece(items=0.0, seconds=0.01, seconds_per_item=0.0)
    Piece(items=10.0, seconds=0.01, seconds_per_item=0.001)
    """
    compute_s = hardware.compute_s(demand.flop_per_item)
    move_s = hardware.move_s(demand.bytes_per_item) + hardware.gather_s(demand.gathered_bytes_per_item)
    read_s = hardware.move_s(demand.bytes_per_call)
    if compute_s <= move_s:
        return (Piece(0.0, overhead_s + read_s, move_s),)
    if read_s == 0.0:
        return (Piece(0.0, overhead_s, compute_s),)
    crossing = read_s / (compute_s - move_s)
    return (
        Piece(0.0, overhead_s + read_s, move_s),
        Piece(crossing, overhead_s + crossing * compute_s, compute_s),
    )
