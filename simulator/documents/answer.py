"""What every answer has: ``Answer``."""

from collections.abc import Mapping
from typing import ClassVar, Protocol


class Answer(Protocol):
    """What a question was answered with.

    Its document is of the type that ``schemas.DOCUMENTS`` has under its kind; ``report.answers`` shows it.
    """

    kind: ClassVar[str]  #: of document: run, capacity, ...

    @property
    def exit_code(self) -> int:
        """0: all is well; 98: something is inconclusive; 99: something failed; 130: interrupted."""
        ...

    def to_dict(self) -> Mapping[str, object]:
        """The document."""
        ...
