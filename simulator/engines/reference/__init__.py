"""The reference engine: a funnel of sharded stages as SimPy processes, to be read.

``clock`` is time and knows no model; ``model`` is the story of a query, a stage and a replica; ``recorder`` writes down
what happens.
"""

from simulator.core.outages import route_of_query
from simulator.core.plan import Plan
from simulator.engines.reference.model import Model, simulate

__all__ = ["compile_routing", "simulate"]


def compile_routing(plan: Plan) -> None:
    """Ask once whom a query's tasks go to, so that this is compiled before all else."""
    model = Model(plan, tasks=False)
    stage, calls = model.stages[0], model.calls
    given = calls.stages, model.run_row, plan.left, plan.outages, model.down, model.outstanding, calls.fault
    route_of_query(*given, stage.index, model.clock.now, stage.reals, stage.wholes)
