"""Cost laws: how long a model takes over so many items, and how many operations it does."""

from simulator.base.hardware import Hardware
from simulator.models.base import CostModel, call_s, seconds_of
from simulator.models.deep import DeepModel, weights_of
from simulator.models.embedding import EmbeddingModel
from simulator.models.linear import LinearModel
from simulator.models.measured import MeasuredModel, TimeModel
from simulator.models.total import SumModel
from simulator.models.tree import TreeModel, depth_of

__all__ = [
    "CostModel",
    "DeepModel",
    "EmbeddingModel",
    "Hardware",
    "LinearModel",
    "MeasuredModel",
    "SumModel",
    "TimeModel",
    "TreeModel",
    "call_s",
    "depth_of",
    "seconds_of",
    "weights_of",
]
