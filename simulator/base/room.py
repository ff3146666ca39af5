"""Memory that this process may still take: what the machine has, its control groups and its own limits allow."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from simulator.base.formats import apart, format_size

#: From so many on it is said what something will take.
MUCH_BYTES = 1e9

Item = TypeVar("Item")
Answer = TypeVar("Answer")
#: Processes that take from the same memory, this one among them, as far as it was told.
_sharing = 1


@dataclass(frozen=True)
class Room:
    """Bytes that are there, and what ends them, in words."""

    there_bytes: float
    limit: str

    def refusal(self, needed_bytes: float) -> str | None:
        """Why so much cannot be taken, with both figures; None: it can."""
        if needed_bytes <= self.there_bytes:
            return None
        needed, there = apart(format_size, needed_bytes, self.there_bytes)
        return f"about {needed} of memory; there are {there} ({self.limit})"


def as_one_of(processes: int, function: Callable[[Item], Answer], item: Item) -> Answer:
    """Call a function in one of so many processes that work on things alike: each may have an equal part."""
    global _sharing
    before, _sharing = _sharing, processes
    try:
        return function(item)
    finally:
        _sharing = before


def room(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> Room | None:
    """What is left, of the limits that are known; None where the system says nothing (``proc`` is Linux')."""
    known = [_part(one) for one in (*_free(proc), *_in_groups(proc, groups))]
    known += _own_limits(proc)
    return min(known, key=lambda one: one.there_bytes, default=None)


def _part(one: Room) -> Room:
    """Of room that is shared, the part of this process."""
    if _sharing == 1:
        return one
    return Room(one.there_bytes / _sharing, f"{one.limit}, for each of {_sharing} jobs")


def _free(proc: Path) -> Iterator[Room]:
    for line in _text(proc / "meminfo").splitlines():
        name, _, amount = line.partition(":")
        if name == "MemAvailable":
            yield Room(1024.0 * int(amount.split()[0]), "available on this machine")


def _in_groups(proc: Path, groups: Path) -> Iterator[Room]:
    """The control group of this process and those above it; files in memory that nobody uses are free."""
    for line in _text(proc / "self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = groups / "memory" if controllers else groups
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
        place = Path(path.lstrip("/"))
        for one in (place, *place.parents):
            most, used = (_text(root / one / name).strip() for name in names)
            if most.isdigit() and used.isdigit():
                yield Room(max(0.0, float(most) - float(used) + _unused(root / one)), "limit of the control group")


def _unused(group: Path) -> float:
    rows = (line.split() for line in _text(group / "memory.stat").splitlines())
    return next((float(row[1]) for row in rows if row[0] == "inactive_file"), 0.0)


def _own_limits(proc: Path) -> Iterator[Room]:
    """``ulimit -v`` and ``ulimit -d``, where a system has them."""
    try:
        import resource
    except ImportError:
        return
    pages = _text(proc / "self/statm").split()
    for kind, column, name in ((resource.RLIMIT_AS, 0, "ulimit -v"), (resource.RLIMIT_DATA, 5, "ulimit -d")):
        most = resource.getrlimit(kind)[0]
        if most != resource.RLIM_INFINITY and pages:
            yield Room(max(0.0, float(most) - float(pages[column]) * os.sysconf("SC_PAGE_SIZE")), name)


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, ValueError):
        return ""
