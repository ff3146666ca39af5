"""What can be turned in who sends queries, and in who admits them."""

from collections.abc import Iterator, Mapping
from typing import Any

from simulator.base.units import parse_ratio
from simulator.planning.turning import CHANGE, Knob, scaled, scaled_law, text


def of_clients(
    arrivals: Mapping[str, Any], count: str = "load.arrivals.clients", path: str = "load.arrivals"
) -> Iterator[Knob]:
    """Fewer clients that wait, and longer times to think."""
    now = int(arrivals["clients"])
    fewer = min(now - 1, round(now * (1 - CHANGE)))
    if fewer > 0:
        yield Knob("load: clients", f"{now:,} -> {fewer:,}", ((count, fewer),), is_load=True)
    longer = scaled_law(arrivals["think"], 1 + CHANGE)
    if longer is not None:
        yield Knob("load: thinking", f"x {1 + CHANGE:g}", ((f"{path}.think", text(longer)),), is_load=True)


def of_door(door: Mapping[str, Any]) -> Iterator[Knob]:
    """A door that admits more: in flight, a second, at once."""
    for key, what in (("max_in_flight", "in flight"), ("burst", "burst")):
        if key in door:
            now = int(door[key])
            more = max(now + 1, round(now * (1 + CHANGE)))
            yield Knob(f"admission: {what}", f"{now:,} -> {more:,}", ((f"admission.{key}", more),))
    rate = scaled(door["rate"], 1 + CHANGE) if "rate" in door else None
    if rate is not None:
        yield Knob("admission: rate", f"{door['rate']} -> {rate}", (("admission.rate", rate),))


def of_client(client: Mapping[str, Any]) -> Iterator[Knob]:
    """Clients that wait longer, try again less often, after longer pauses, and for fewer of their queries."""
    longer = scaled(client["timeout"], 1 + CHANGE) if "timeout" in client else None
    if longer is not None:
        yield Knob("client: timeout", f"{client['timeout']} -> {longer}", (("client.timeout", longer),))
    now = int(client.get("retries", 0))
    if now > 1 or (now == 1 and not {*client} & {"backoff", "retry_budget"}):  # without any, nothing goes with them
        yield Knob("client: retries", f"{now:,} -> {now - 1:,}", (("client.retries", now - 1),))
    pause = scaled(client["backoff"]["base"], 1 + CHANGE) if "backoff" in client else None
    if pause is not None:
        yield Knob("client: backoff", f"{client['backoff']['base']} -> {pause}", (("client.backoff.base", pause),))
    yield from _of_processes(client)
    ratio = scaled(client["retry_budget"]["ratio"], 1 - CHANGE) if "retry_budget" in client else None
    if ratio is not None:
        sets = (("client.retry_budget.ratio", ratio),)
        yield Knob("client: retry budget", f"{client['retry_budget']['ratio']} -> {ratio}", sets)


def _of_processes(client: Mapping[str, Any]) -> Iterator[Knob]:
    """Processes that send more at once, and breakers that open later, and for a shorter time."""
    if "limit" in client:
        now = int(client["limit"])
        more = max(now + 1, round(now * (1 + CHANGE)))
        yield Knob("client: limit", f"{now:,} -> {more:,}", (("client.limit", more),))
    breaker = client.get("breaker", {})
    for key, what, factor in (("errors", "errors", 1 + CHANGE), ("open", "open", 1 - CHANGE)):
        other = scaled(breaker[key], factor) if key in breaker else None
        if other is not None and (key != "errors" or parse_ratio(breaker[key]) * factor <= 1):
            yield Knob(f"client: breaker {what}", f"{breaker[key]} -> {other}", ((f"client.breaker.{key}", other),))
