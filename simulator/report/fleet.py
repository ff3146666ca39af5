"""The line of a fleet: machines, price, power, and what a query costs of both."""

from __future__ import annotations

from typing import Any

from simulator.base.units import format_count
from simulator.report.text import number


def fleet_line(fleet: dict[str, Any]) -> str:
    """As in ``fleet: 12 machines; 8.57 USD/h, 1.19 USD per million queries; 1,800 W, 1.11 queries per joule``."""
    machines = fleet["machines"]
    parts = [f"{machines:,} machine{'s' if machines > 1 else ''}", _money(fleet), _power(fleet)]
    return "fleet: " + "; ".join(parts)


def _money(fleet: dict[str, Any]) -> str:
    if fleet["usd_per_h"] is None:
        return "not priced" + _lacking(fleet, "usd_per_h")
    said = f"{_figure(fleet['usd_per_h'])} USD/h"
    each = fleet["usd_per_million_queries"]
    return said if each is None else f"{said}, {_figure(each)} USD per million queries"


def _power(fleet: dict[str, Any]) -> str:
    if fleet["power_w"] is None:
        return "power not given" + _lacking(fleet, "power_w")
    said = f"{format_count(fleet['power_w'])} W"
    each = fleet["queries_per_joule"]
    return said if each is None else f"{said}, {_figure(each)} queries per joule"


def _lacking(fleet: dict[str, Any], key: str) -> str:
    """The stages at fault, where others are not."""
    lacking = [stage["name"] for stage in fleet["stages"] if stage[key] is None]
    return "" if len(lacking) == len(fleet["stages"]) else f" (lacking for {', '.join(lacking)})"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else number(value) if value < 0.01 else f"{value:.3g}"
