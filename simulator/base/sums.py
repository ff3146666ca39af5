"""Sums that are the same on every processor: those of BLAS, in which order it likes, are not."""

import math

import numpy as np
from numpy.typing import NDArray


def dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Sum of the products of two arrays of one length, rounded once."""
    return math.fsum((a * b).tolist())
