"""Replicas of a stage that are out for a while, as it is written: planned, so that nobody is sent to them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from pydantic import Field

from simulator.base.formats import format_duration, there_are
from simulator.core.outages import MOST_OUTAGES
from simulator.scenario import fields
from simulator.scenario.gather import MOST_WAIT_S

_PLACES = ("replica", "machine", "zone")


class OutageSpec(fields.Part):
    """Replicas that take no tasks over some time of the measured window."""

    replica: fields.whole_type(0, 2**24) | None = None  # type: ignore[valid-type]
    machine: fields.whole_type(0, 2**24) | None = None  # type: ignore[valid-type]
    zone: fields.whole_type(0, 2**24) | None = None  # type: ignore[valid-type]
    from_s: fields.Duration = Field(alias="from")
    until_s: fields.PositiveDuration = Field(alias="until")

    def contradictions(self) -> Iterable[fields.Contradiction]:
        """One thing is out, for a time."""
        named = [name for name in _PLACES if getattr(self, name) is not None]
        if len(named) != 1:
            said = f"got {' and '.join(named)}" if named else "got none"
            yield (), f"say what is out, one of replica, machine and zone; {said}"
        if not self.from_s < self.until_s <= MOST_WAIT_S:
            ends = f"{format_duration(self.from_s)} until {format_duration(self.until_s)}"
            yield ("until",), f"an outage ends after it begins, a year later at most, got {ends}"


def outage_contradictions(
    outages: Sequence[OutageSpec], zones: int | None, replicas: int, machines: int, missing: Container[int]
) -> Iterable[fields.Contradiction]:
    """What is out is there, and there are few enough of them; ``machines``: their numbers, of which some are none's."""
    if len(outages) > MOST_OUTAGES:
        yield (), f"at most {MOST_OUTAGES:,}, got {len(outages):,}"
    for place, one in enumerate(outages):
        if one.zone is not None and zones is None:
            yield (place, "zone"), "say in zones how many there are: replica i is in zone i mod zones"
        for name, count in {"replica": replicas, "machine": machines, "zone": zones}.items():
            number = getattr(one, name)
            if number is not None and count is not None and number >= count:
                there = there_are(count, name)
                yield (place, name), f"{there}, counted from 0, got {number}"
        if one.machine is not None and one.machine in missing:
            yield (place, "machine"), f"there is no machine {one.machine}: its shards have fewer replicas"
