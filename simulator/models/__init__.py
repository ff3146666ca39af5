"""Cost laws: how long a model takes over so many items, and how many operations it does."""

from simulator.models.base import CostModel, Hardware, Operations, Piece
from simulator.models.deep import DeepModel, weights_of
from simulator.models.linear import LinearModel
from simulator.models.timed import TimeModel
from simulator.models.tree import TreeModel, depth_of

__all__ = [
    "CostModel",
    "DeepModel",
    "Hardware",
    "LinearModel",
    "Operations",
    "Piece",
    "TimeModel",
    "TreeModel",
    "depth_of",
    "weights_of",
]
