"""Plans whose queues hold tasks of two stages, from which batches of one are taken: crowded, with ties everywhere."""

import numpy as np
from hypothesis import strategies as st

from simulator.core.assemble import StageParts, assemble
from simulator.core.hosted import hosted
from simulator.core.laws import Law
from simulator.core.plan import CANCEL_NOTHING, CANCEL_QUEUED, CANCEL_RUNNING, NEVER_NS, Plan


@st.composite
def mixed_plans(draw: st.DrawFn) -> Plan:
    """A server of batches, and a fetch on it; some of whose tasks nobody needs after a while."""
    small = st.integers(1, 5)
    late = {"cancels": draw(st.sampled_from([CANCEL_NOTHING, CANCEL_QUEUED, CANCEL_RUNNING])), "cancel_ns": draw(small)}
    owner = StageParts(
        candidates=Law.constant(1.0),
        knots=[(0.0, float(draw(small)), 0.0)],
        workers=draw(st.integers(1, 2)),
        max_size=draw(st.integers(2, 3)),
        max_wait_ns=draw(st.sampled_from([0, 1, 4, 9, 40])),
        preferred=draw(st.sampled_from([(), (2,)])),
        timeout_ns=draw(st.sampled_from([NEVER_NS, 6, 15])),
        request_ns=draw(st.integers(0, 2)),
        **late,
    )
    fetch = StageParts(
        knots=[(0.0, float(draw(small)), 0.0)],
        follows=draw(st.booleans()),
        timeout_ns=draw(st.sampled_from([NEVER_NS, 9, 20])),
        request_ns=draw(st.integers(0, 2)),
        **late,
    )
    gaps = draw(st.lists(st.integers(0, 4), min_size=8, max_size=16))
    return assemble([owner, hosted(fetch, owner, 0)], np.cumsum(np.array(gaps, dtype=np.int64)), seed=draw(small))
