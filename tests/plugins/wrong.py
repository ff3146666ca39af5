"""Plug-ins that break the promise of their kind, each in its own way."""

import random

import numpy as np

from simulator.plugins import Count, Piece, arrivals, cost_model, law, routing


@cost_model
class Cost:
    """A cost of the parameter's doing."""

    how: str

    def service_s(self, items):
        """Wrong in the way that ``how`` says."""
        answers = {"negative": 1 - items, "nan": np.nan, "falls": 1 / (1 + items), "text": "long", "endless": np.inf}
        return 1 / 0 if self.how == "raises" else answers[self.how]


@cost_model
class Pieces:
    """Pieces of the parameter's doing."""

    how: str

    def pieces(self):
        """Wrong in the way that ``how`` says."""
        first = Piece(0.0, 1.0, 0.1)
        answers = {
            "none": (),
            "late": (Piece(1.0, 1.0, 0.1),),
            "falls": (first, Piece(10.0, 1.5, 0.1)),
            "negative": (Piece(0.0, 1.0, -0.1),),
        }
        return answers[self.how]


@cost_model
class Refuses:
    """Refuses its parameter itself."""

    trees: Count

    def __post_init__(self):
        if self.trees > 10:
            raise ValueError(f"at most 10 trees, got {self.trees:g}")

    def service_s(self, items):
        """Nothing."""
        return 0.0


def _quantile(how, u):
    answers = {"negative": u - 0.5, "nan": u * np.nan, "falls": 1 - u, "short": u[:-1], "twice": 4 * u}
    return [][0] if how == "raises" else answers[how]


@law
class Time:
    """A law of the parameter's doing."""

    how: str

    def quantile(self, u):
        """Wrong in the way that ``how`` says."""
        return _quantile(self.how, u)


@law(factor=True)
class Factor:
    """A factor of the parameter's doing."""

    how: str

    def quantile(self, u):
        """Wrong in the way that ``how`` says."""
        return _quantile(self.how, u)


@arrivals
class Gaps:
    """Gaps of the parameter's doing."""

    how: str

    def gaps(self, u, v, first):
        """Wrong in the way that ``how`` says."""
        answers = {
            "negative": -np.log(u) - 0.1,
            "nan": np.where(u < 0.5, np.nan, 1),
            "twice": -2 * np.log(u),
            "short": -np.log(u[1:]),
            "chunks": -np.log(u) * np.where(np.arange(len(u)) % 2, 0.5, 1.5),
            "later": np.where(first + np.arange(len(u)) == 70_000, -1.0, -np.log(u)),
        }
        return [][0] if self.how == "raises" else answers[self.how]


@routing(looks_at="outstanding")
def beyond(replicas, outstanding, turn, u, v):
    """One too many."""
    return replicas


@routing
def negative(replicas, outstanding, turn, u, v):
    """One too few."""
    return -1


@routing
def reads_beyond(replicas, outstanding, turn, u, v):
    """Reads what is not there: must raise, not read."""
    return 0 if outstanding[replicas + 1000] > -1 else 1


@routing
def divides(replicas, outstanding, turn, u, v):
    """Raises."""
    return turn // (turn - turn)


@routing
def real(replicas, outstanding, turn, u, v):
    """Not an integer."""
    return u * replicas


@routing
def forgets(replicas, outstanding, turn, u, v):
    """Not always an answer."""
    return 0 if turn < 3 else None


@routing(looks_at="work")
def writes(replicas, outstanding, turn, u, v):
    """Writes to what it may only read."""
    outstanding[0] = 1
    return 0


@routing
def in_python(replicas, outstanding, turn, u, v):
    """Right, but not for numba."""
    return random.Random(turn).randrange(replicas)
