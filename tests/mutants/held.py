"""A law that is held: what fails says its number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, Phase, settings

#: Examples are drawn, not shrunk: a bug is to be seen, not explained.
GENERATE = settings(
    max_examples=100,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def drawn(examples: int) -> settings:
    """Of a check that asks for so many examples."""
    return settings(GENERATE, max_examples=examples)


class Broken(AssertionError):
    """A law does not hold; like ``LawBroken`` of the kit, by number."""

    def __init__(self, number: str, message: str) -> None:
        self.number = number
        super().__init__(message)


@contextmanager
def law(number: str) -> Iterator[None]:
    """Assertions below are about this law; so is what reaches beyond the end of a table."""
    try:
        yield
    except Broken:
        raise
    except (AssertionError, IndexError) as error:
        raise Broken(number, str(error).split("\n")[0]) from None
