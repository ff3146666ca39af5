"""A model whose items are divided evenly over several workers, which serve a task together."""

from dataclasses import dataclass

from simulator.base.demand import Demand
from simulator.base.pieces import Piece
from simulator.core.laws import Law
from simulator.models.base import CostModel, Operations
from simulator.models.spread import Spread
from simulator.models.total import SumModel


@dataclass(frozen=True)
class OnThreads:
    """A model on so many workers at once: a call over n items takes as long as one over n / threads, overhead whole."""

    model: CostModel
    threads: int

    @property
    def law(self) -> Law | None:
        """That of the model: a scenario refuses one, for nobody knows how long a part of such a task takes."""
        return self.model.law

    @property
    def spread(self) -> Spread | None:
        """That of the model."""
        return self.model.spread

    @property
    def parameter_bytes(self) -> float:
        """Those of the model: workers of a replica share them."""
        return self.model.parameter_bytes

    def pieces(self) -> tuple[Piece, ...]:
        """Those of the model, stretched along the items.

        >>> from simulator.models.tree import TreeModel
        >>> OnThreads(TreeModel(per_item_s=4e-6, overhead_s=1e-3), 4).pieces()
        (Piece(items=0.0, seconds=0.001, seconds_per_item=1e-06),)
        """
        return tuple(
            Piece(piece.items * self.threads, piece.seconds, piece.seconds_per_item / self.threads)
            for piece in self.model.pieces()
        )

    def demand(self) -> Demand | None:
        """What all of a call asks of the hardware."""
        return self.model.demand()

    def operations(self, items: float, rows: float, epochs: float) -> Operations:
        """Those of all of a call, and of training."""
        return self.model.operations(items, rows, epochs)

    def bound_by(self, items: float) -> str:
        """Side of the roofline that each worker's part is on."""
        return self.model.bound_by(items / self.threads)


def on_threads(model: CostModel, threads: int) -> CostModel:
    """The model on so many workers at once; of a sum, each of its parts."""
    if threads == 1:
        return model
    if isinstance(model, SumModel):
        return SumModel(tuple(on_threads(part, threads) for part in model.parts))
    return OnThreads(model, threads)
