"""Several models, one after another in the same task."""

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.base.demand import Demand
from simulator.base.pieces import Piece
from simulator.core.laws import Law
from simulator.models.base import UNKNOWN, CostModel, Operations, call_s, seconds_of
from simulator.models.spread import Spread


@dataclass(frozen=True)
class SumModel:
    """The sum of its parts: embeddings, then a network over them. At most one part has a law or a spread of its own.

    A part's law is of a time besides the cost of the others. A part's spread is the factor of the whole task.

    >>> from simulator.models.tree import TreeModel
    >>> SumModel((TreeModel(per_item_s=1e-6, overhead_s=1e-3), TreeModel(per_item_s=3e-6))).pieces()
    (Piece(items=0.0, seconds=0.001, seconds_per_item=4e-06),)
    """

    parts: tuple[CostModel, ...]

    @property
    def law(self) -> Law | None:
        """That of the part that has one."""
        return next((part.law for part in self.parts if part.law is not None), None)

    @property
    def spread(self) -> Spread | None:
        """That of the part that has one."""
        return next((part.spread for part in self.parts if part.spread is not None), None)

    @property
    def parameter_bytes(self) -> float:
        """Those of all parts."""
        return sum(part.parameter_bytes for part in self.parts)

    def pieces(self) -> tuple[Piece, ...]:
        """At the union of the knots of the parts."""
        return added([pieces for pieces in (part.pieces() for part in self.parts) if pieces])

    def demand(self) -> Demand | None:
        """Of all parts together, where every part has one."""
        demands = [demand for demand in (part.demand() for part in self.parts) if demand is not None]
        if len(demands) < len(self.parts):
            return None
        return Demand(
            sum(demand.flop_per_item for demand in demands),
            sum(demand.bytes_per_item for demand in demands),
            sum(demand.bytes_per_call for demand in demands),
            sum(demand.gathered_bytes_per_item for demand in demands),
        )

    def bound_by(self, items: float) -> str:
        """That of the part that takes longest."""
        return max(self.parts, key=lambda part: call_s(part, items)[0]).bound_by(items)

    def operations(self, items: float, rows: float, epochs: float) -> Operations:
        """Those of the parts added up, where all count in the same unit; parts of a given time do not count."""
        each = [part.operations(items, rows, epochs) for part in self.parts]
        each = [one for one in each if one != UNKNOWN]
        if not each:
            return UNKNOWN
        unit = each[0].unit if len({one.unit for one in each}) == 1 else ""
        return Operations(
            " + ".join(one.order for one in each),
            _total([one.inference for one in each]) if unit else None,
            " + ".join(one.training_order for one in each),
            _total([one.training for one in each]) if unit else None,
            unit,
        )


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def added(functions: Sequence[tuple[Piece, ...]]) -> tuple[Piece, ...]:
    """The sum of piecewise-linear functions of items."""
    knots = sorted({piece.items for pieces in functions for piece in pieces})
    pieces = []
    for items in knots:
        values = [seconds_of(pieces, items) for pieces in functions]
        pieces.append(Piece(items, sum(seconds for seconds, _ in values), sum(slope for _, slope in values)))
    return tuple(pieces)
