"""Cost laws: how long a model takes over so many items, and how many operations it does."""

from simulator.base.hardware import Hardware
from simulator.base.pieces import Piece
from simulator.models.base import CostModel, Demand, Operations, call_s, seconds_of
from simulator.models.deep import DeepModel, weights_of
from simulator.models.embedding import EmbeddingModel
from simulator.models.linear import LinearModel
from simulator.models.measured import MeasuredModel
from simulator.models.timed import TimeModel
from simulator.models.total import SumModel
from simulator.models.tree import TreeModel, depth_of

__all__ = [
    "CostModel",
    "DeepModel",
    "Demand",
    "EmbeddingModel",
    "Hardware",
    "LinearModel",
    "MeasuredModel",
    "Operations",
    "Piece",
    "SumModel",
    "TimeModel",
    "TreeModel",
    "call_s",
    "depth_of",
    "seconds_of",
    "weights_of",
]
