"""Until when a query is of use."""

from simulator.core.classes import patience_ns
from simulator.core.jit import formula
from simulator.engines.compiled.records import Given


@formula
def useful_until_ns(given: Given, query: int) -> int:
    """Until when a query is of use: its client gives up then, or it is late."""
    return given.arrival_ns[query] + patience_ns(given.run, given.classes, given.class_of, query)  # type: ignore[no-any-return]
