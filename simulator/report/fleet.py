"""The line of a fleet: machines, price, power, and what a query costs of both."""

from collections.abc import Sequence

from simulator.base.formats import counted, format_count, significant
from simulator.documents import parts

#: Of more stages than these, the sum alone is said.
MOST_STAGES = 5


def fleet_line(fleet: parts.Fleet) -> str:
    """As in ``fleet: 12 machines; 8.57 USD/h, 1.19 USD per million queries; 1,800 W, 1.11 queries per joule``."""
    count = counted(fleet["machines"], "machine") + by_stage(fleet["stages"])
    if any("provided_ratio" in stage for stage in fleet["stages"]):
        count += " at most"
    return "fleet: " + "; ".join([count, _money(fleet), _power(fleet)])


def by_stage(stages: Sequence[parts.StageMachines]) -> str:
    """Of several stages, how many machines each has, in their order; empty of one, or of many.

    >>> by_stage([{"name": "one", "machines": 1000}, {"name": "two", "machines": 200}])
    ' (1,000 + 200)'
    """
    each = [f"{stage['machines']:,}" for stage in stages]
    return f" ({' + '.join(each)})" if 1 < len(each) <= MOST_STAGES else ""


def _money(fleet: parts.Fleet) -> str:
    if fleet["usd_per_h"] is None:
        return "not priced" + _lacking([row["name"] for row in fleet["stages"] if row["usd_per_h"] is None], fleet)
    said = f"{_figure(fleet['usd_per_h'])} USD/h"
    if any("provided_ratio" in stage for stage in fleet["stages"]):
        said = f"by the hours served {said}"
    each = fleet["usd_per_million_queries"]
    return said if each is None else f"{said}, {_figure(each)} USD per million queries"


def _power(fleet: parts.Fleet) -> str:
    if fleet["power_w"] is None:
        return "power not given" + _lacking([row["name"] for row in fleet["stages"] if row["power_w"] is None], fleet)
    said = f"{format_count(fleet['power_w'])} W"
    each = fleet["queries_per_joule"]
    return said if each is None else f"{said}, {counted(each, 'query', _figure)} per joule"


def _lacking(stages: list[str], fleet: parts.Fleet) -> str:
    """The stages at fault, where others are not."""
    return "" if len(stages) == len(fleet["stages"]) else f" (lacking for {', '.join(stages)})"


def _figure(value: float) -> str:
    return significant(value, 4 if value < 0.01 else 3)
