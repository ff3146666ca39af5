"""The states of a copy of a task, and what moves it from one to another: one table for everybody.

Both engines ask the table at every step; ``Trace.verify``, the strategies of plans and the picture in the
documentation are made from it. A pair that is not in it is a bug of an engine.
"""

import numpy as np

from simulator.core.jit import formula

#: States: on its way to its replica; in the queue there; being served; its answer on its way; counted or ignored at
#: the aggregator, or served for nobody but its replica. The other three end a copy before that: nobody needs it any
#: more, its replica went down, it was turned away.
SENT, QUEUED, RUNNING, ANSWERING, DONE, WITHDRAWN, LOST, REFUSED = range(8)
STATES = ("sent", "queued", "running", "answering", "done", "withdrawn", "lost", "refused")

#: What happens to a copy.
ENQUEUED, STARTED, FINISHED, ANSWERED, WITHDRAWAL, CRASH, REFUSAL, ENDED = range(8)
STEPS = ("enqueue", "start", "finish", "answer", "withdrawal", "crash", "refusal", "end")

#: (state, what happens) -> the next state.
TRANSITIONS = {
    (SENT, ENQUEUED): QUEUED,
    (QUEUED, STARTED): RUNNING,
    (RUNNING, FINISHED): ANSWERING,
    (ANSWERING, ANSWERED): DONE,
    (RUNNING, ENDED): DONE,
    (SENT, WITHDRAWAL): WITHDRAWN,
    (QUEUED, WITHDRAWAL): WITHDRAWN,
    (RUNNING, WITHDRAWAL): WITHDRAWN,
    (QUEUED, CRASH): LOST,
    (RUNNING, CRASH): LOST,
    (SENT, CRASH): LOST,  # it comes to a replica that is down
    (SENT, REFUSAL): REFUSED,
    (QUEUED, REFUSAL): REFUSED,  # its deadline has passed
}

#: No copy may do this.
FORBIDDEN = -1

#: The table for kernels, (states, steps) int64.
NEXT = np.full((len(STATES), len(STEPS)), FORBIDDEN, dtype=np.int64)
for (_state, _step), _next in TRANSITIONS.items():
    NEXT[_state, _step] = _next
NEXT.flags.writeable = False

#: States that nothing leaves.
FINAL = tuple(state for state in range(len(STATES)) if (NEXT[state] == FORBIDDEN).all())


@formula
def next_state(state: int, step: int) -> int:
    """State of a copy after a step; FORBIDDEN where the table has none."""
    return NEXT[state, step]  # type: ignore[no-any-return]
