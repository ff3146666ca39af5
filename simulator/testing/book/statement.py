"""A law as it is cited."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Statement:
    """A law: what it says, why it must hold, and where it need not."""

    number: str  #: letter of the group and a number, ``M1``
    says: str
    why: str
    unless: str = ""  #: where the law does not hold, or how a model declares that it does not; empty: always holds

    @property
    def group(self) -> str:
        """Letter of the group, a key of ``GROUPS``."""
        return self.number[0]
