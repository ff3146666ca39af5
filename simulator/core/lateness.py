"""For how long queries of a plan are of use: until their clients give up, or the deadlines of their classes."""

import numpy as np

from simulator.core.plan import I8, NEVER_NS, Plan


def patiences_ns(plan: Plan) -> I8 | int:
    """(queries,) for how long each is of use; NEVER_NS: for ever. One number where it is that of all."""
    if not plan.drops:
        return plan.patience_ns
    own = np.where(plan.classes["drops"] == 1, plan.classes["deadline_ns"], NEVER_NS)
    each = own[plan.class_of] if len(plan.class_of) else np.full(plan.queries, own[0])
    return np.minimum(each, plan.patience_ns)


def gives_up(plan: Plan) -> bool:
    """Whether some query is over before it is answered: its client gives up, or it is late."""
    return plan.drops or plan.patience_ns < NEVER_NS
