"""The table of a copy's states: its picture in docs/copy_states.md, and what must be true of any such table."""

from __future__ import annotations

from conftest import ROOT

from simulator.core import copy_states
from simulator.core.copy_states import FINAL, NEXT, SENT, STATES, STEPS, TRANSITIONS

PAGE = ROOT / "docs" / "copy_states.md"

TEXT = """# What may happen to a copy of a task
<!-- made by tests/test_copy_states.py --regenerate from simulator/core/copy_states.py -->

A task is one query's work at one shard; a copy is one sending of it to one replica.
Every task has one copy today, which is never withdrawn, lost or refused.
Both engines ask this table at every step and stop at a pair that is not in it; `Trace.verify` goes by it, too.

```mermaid
stateDiagram-v2
{picture}
```

| state | {heads} |
|---|{rules}|
{rows}
"""


def page() -> str:
    lines = [f"    [*] --> {STATES[SENT]}"]
    lines += [f"    {STATES[state]} --> {STATES[after]}: {STEPS[step]}" for (state, step), after in TRANSITIONS.items()]
    lines += [f"    {STATES[state]} --> [*]" for state in FINAL]
    rows = []
    for state, name in enumerate(STATES):
        cells = [STATES[TRANSITIONS[state, step]] if (state, step) in TRANSITIONS else "" for step in range(len(STEPS))]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    heads, rules = " | ".join(STEPS), "|".join(["---"] * len(STEPS))
    return TEXT.format(picture="\n".join(lines), heads=heads, rules=rules, rows="\n".join(rows))


def test_the_page_is_what_the_table_says(request):
    if request.config.getoption("--regenerate"):
        PAGE.write_text(page())
    assert PAGE.read_text() == page()


def test_every_state_is_reached_and_every_way_ends():
    reached, new = {SENT}, {SENT}
    while new:
        new = {after for (state, _), after in TRANSITIONS.items() if state in new} - reached
        reached |= new
    assert reached == set(range(len(STATES)))
    ends = set(FINAL)
    for _ in STATES:
        ends |= {state for (state, _), after in TRANSITIONS.items() if after in ends}
    assert ends == set(range(len(STATES)))


def test_kernels_have_the_same_table():
    for state in range(len(STATES)):
        for step in range(len(STEPS)):
            assert NEXT[state, step] == TRANSITIONS.get((state, step), copy_states.FORBIDDEN)
            assert copy_states.next_state(state, step) == NEXT[state, step]
