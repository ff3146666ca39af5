"""The compiled engine walks the reference engine's sample path: equal in every column, for every plan there is."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.core.trace import same_trace
from simulator.engines import compiled, reference
from simulator.testing import plans

#: `make verify` asks for 50,000.
EXAMPLES = int(os.environ.get("SHARDSIM_PLANS", "2000"))


@settings(max_examples=EXAMPLES)
@given(plans(), st.data())
def test_the_engines_agree_whatever_looks_ahead(plan, data):
    expected = reference.simulate(plan, tasks=True)
    stages = list(range(len(plan.stages)))
    assert same_trace(compiled.simulate(plan, tasks=True), expected) == "", "looking ahead"
    assert same_trace(compiled.simulate(plan, tasks=True, event_by_event=stages), expected) == "", "event by event"
    some = data.draw(st.sets(st.sampled_from(stages)), label="event by event")
    mixed = compiled.simulate(plan, event_by_event=some)
    assert same_trace(mixed, expected, without_tasks=True) == "", "both kinds in one run, shards in lockstep"
