"""Sums that are the same on every processor: those of BLAS, in which order it likes, are not."""

import math

import numpy as np
from numpy.typing import NDArray

#: Digits of a figure that mean something where it comes from rounded sums: the rest is the processor's own.
MEANT = 10


def meant(value: float) -> float:
    """A figure in the digits that mean something.

    >>> meant(0.1 + 0.2)
    0.3
    """
    return float(f"{value:.{MEANT}g}")


def dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Sum of the products of two arrays of one length, rounded once."""
    return math.fsum((a * b).tolist())
