"""The reference engine: a funnel of sharded stages as SimPy processes, to be read.

``clock`` is time and knows no model; ``model`` is the story of a query, a stage and a replica; ``recorder`` writes down
what happens.
"""

from simulator.engines.reference.model import simulate

__all__ = ["simulate"]
