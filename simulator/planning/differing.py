"""What differs between two scenarios: paths and both values, from their resolved forms."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from simulator.documents import compare

#: What a scenario is called and says of itself changes nothing.
LABELS = ("name", "description")


@dataclass(frozen=True)
class Differing:
    """A path at which two scenarios differ, and their values there; None: it says nothing."""

    path: str
    a: Any
    b: Any

    def to_dict(self) -> compare.Differing:
        """``{"path", "a", "b"}``."""
        return {"path": self.path, "a": self.a, "b": self.b}


def differing(a: dict[str, Any], b: dict[str, Any]) -> tuple[Differing, ...]:
    """The paths at which two resolved forms differ, in the order of the first; things of a list go by name.

    >>> [one.path for one in differing({"run": {"seed": 1}}, {"run": {"seed": 2, "drain": "1s"}})]
    ['run.seed', 'run.drain']
    """
    one, two = ({key: value for key, value in form.items() if key not in LABELS} for form in (a, b))
    return tuple(_between(one, two, ""))


def _between(a: Any, b: Any, path: str) -> Iterator[Differing]:
    one, two = _by_name(a), _by_name(b)
    if one is not None and two is not None:
        if [name for name in one if name in two] != [name for name in two if name in one]:
            yield Differing(path, list(one), list(two))  # their order
        a, b = one, two
    if not (isinstance(a, dict) and isinstance(b, dict)):
        if a != b:
            yield Differing(path, a, b)
        return
    for key in dict.fromkeys([*a, *b]):
        yield from _between(a.get(key), b.get(key), f"{path}.{key}" if path else key)


def _by_name(value: Any) -> dict[str, Any] | None:
    """A list of things with names, as a map without them; None if it is not one."""
    if not isinstance(value, list) or not value:
        return None
    if not all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in value):
        return None
    return {item["name"]: {key: part for key, part in item.items() if key != "name"} for item in value}
