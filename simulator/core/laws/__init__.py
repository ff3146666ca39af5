"""Laws of probability, each a function of one uniform: one file a family, the table of families in ``sampling``."""

from simulator.core.laws.law import Law, LawTable

__all__ = ["Law", "LawTable"]
