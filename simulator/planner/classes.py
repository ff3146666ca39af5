"""Of which class queries are, and how much work each is."""

import math
from collections.abc import Sequence

import numpy as np

from simulator import scenario as scenarios
from simulator.core import draws
from simulator.core.classes import QueryClass
from simulator.core.laws import Law
from simulator.core.plan import F8, I8
from simulator.scenario import Scenario

#: Values that the law of a trace's work is made of, for the theory line, at most.
MOST_WORK_VALUES = 4096


def classes_of(scenario: Scenario) -> list[QueryClass]:
    """Classes of its queries, each with the law of its work; one where it says nothing of them."""
    base = _recorded_work(scenario) or scenario.load.work.law
    return [one.of_plan(base) for one in scenario.load.of_classes] or [QueryClass(work=base)]


def drawn_classes(scenario: Scenario, replication: int, queries: int) -> I8:
    """(queries,) the class of each, by its place; none where the scenario has no classes."""
    shares = [one.share for one in scenario.load.of_classes]
    return class_places(shares, scenario.run.seed, replication, queries) if shares else np.zeros(0, dtype=np.int64)


def class_places(shares: Sequence[float], seed: int, replication: int, queries: int) -> I8:
    """(queries,) the class of each, by its place; ``shares``: one or more, beside each other."""
    bounds = np.cumsum(shares) / math.fsum(shares)
    luck = draws.series(seed, replication, draws.CLASS, queries)
    return np.minimum(np.searchsorted(bounds, luck, side="right"), len(shares) - 1).astype(np.int64)


def drawn_work(scenario: Scenario, replication: int, class_of: I8, queries: int) -> F8:
    """(queries,) work factors: by the law of the load, or of each one's class."""
    laws = [one.work for one in classes_of(scenario)]
    if all(law.is_constant() for law in laws):
        values = np.array([law.quantile(0.5) for law in laws])
        return values[class_of] if len(class_of) else np.full(queries, values[0])
    luck = draws.series(scenario.run.seed, replication, draws.WORK, queries)
    if not len(class_of):
        return np.asarray(laws[0].quantiles(luck))
    work = np.empty(queries)
    for place, law in enumerate(laws):
        work[class_of == place] = law.quantiles(luck[class_of == place])
    return work


def work_law(scenario: Scenario) -> Law:
    """The law of a query's work factor: of one of any class."""
    classes = classes_of(scenario)
    laws = list(dict.fromkeys(one.work for one in classes))
    if len(laws) == 1:
        return laws[0]
    return Law.mixture([(math.fsum(one.share for one in classes if one.work == law), law) for law in laws])


def _recorded_work(scenario: Scenario) -> Law | None:
    """Work that a trace says: its values themselves, or every so many-th of them; None: it says none."""
    arrivals = scenario.load.arrivals
    recorded = arrivals.trace().work if isinstance(arrivals, scenarios.TraceArrivals) else None
    if recorded is None:
        return None
    if len(recorded) > MOST_WORK_VALUES:
        middles = (np.arange(MOST_WORK_VALUES) + 0.5) / MOST_WORK_VALUES
        recorded = np.quantile(recorded, middles, method="inverted_cdf")
        recorded = recorded / recorded.mean()
    return Law.empirical(recorded.tolist())
