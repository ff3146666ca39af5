"""Boosted trees and forests."""

import math
from dataclasses import dataclass

from simulator.base.demand import Demand
from simulator.base.pieces import Piece
from simulator.models.base import ItemModel, Operations

#: Time to visit one node: measured with LightGBM on one core of a 2-core x86-64 virtual machine (R2 .965, 48 models).
VISIT_S = 10e-9


def depth_of(leaves: float) -> float:
    """Mean depth of a leaf-wise grown tree of so many leaves, about 1.3 log2(leaves).

    >>> round(depth_of(31), 2)
    6.44
    """
    return 1.3 * math.log2(leaves)


@dataclass(frozen=True, kw_only=True)
class TreeModel(ItemModel):
    """An ensemble of trees: an item walks ``trees`` paths of ``depth`` nodes. O(trees x depth) an item.

    Tree scoring has no batch economy beyond a fixed overhead of a call.

    >>> TreeModel(trees=500, depth=6, visit_s=2e-9, overhead_s=20e-6).pieces()
    (Piece(items=0.0, seconds=2e-05, seconds_per_item=6e-06),)
    """

    trees: float | None = None
    depth: float | None = None
    visit_s: float = VISIT_S
    features: float | None = None  #: for the cost of training only

    def pieces(self) -> tuple[Piece, ...]:
        """Time of a call over items."""
        per_item_s = self.per_item_s
        if per_item_s is None:
            assert self.trees is not None and self.depth is not None, "the schema asks for both"
            per_item_s = self.trees * self.depth * self.visit_s
        return (Piece(0.0, self.overhead_s, per_item_s),)

    def demand(self) -> Demand | None:
        """None: visits are given in time, so it is on no roofline."""
        return None

    def operations(self, items: float, rows: float, epochs: float) -> Operations:
        """Node visits; training visits every feature of every row at each level of each tree, whatever the epochs."""
        visits = None if self.trees is None or self.depth is None else float(self.trees * self.depth)
        return Operations(
            "O(trees x depth)",
            None if visits is None else visits * items,
            "O(n f d t)",
            None if visits is None or self.features is None else visits * self.features * rows,
            "visits",
        )
