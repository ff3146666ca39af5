"""How far a figure of a run may be held against theory: whether rounding matters, and whether means are normal."""

import math

from simulator.theory import claims
from simulator.theory.beside import beside_of
from simulator.theory.stages import PaperStage, mean_services_s

#: Fourth moment over the square of the second: beyond it, means of a run are far from normal.
MOST_KURTOSIS = 100.0


def may_be_tested(stage: PaperStage) -> bool:
    """Whether service times are so long that rounding to whole ns does not matter."""
    return bool(mean_services_s(stage).min() >= claims.LEAST_SERVICE_S)


def is_nearly_normal(stage: PaperStage) -> bool:
    """Whether the interval of a mean waiting time can be trusted at a level of one in a million.

    The kurtosis of a sum, of a service and what follows it, is no greater than the larger of its parts.
    """
    if stage.fleets:
        return all(is_nearly_normal(one) for one in stage.fleets)
    spread, work = stage.spread(), stage.work
    of_query = stage.items_moment if stage.depends_on_items else work.moment
    fourth, second = spread.moment(4) * of_query(4), spread.moment(2) * of_query(2)
    after, beside = stage.after(), beside_of(stage)
    pairs = [(fourth, second), (after.moment(4), after.moment(2))]
    if beside is not None:
        pairs.append((beside.time.moment(4), beside.time.moment(2)))
    return all(math.isfinite(fourth) and fourth <= MOST_KURTOSIS * second**2 for fourth, second in pairs)
