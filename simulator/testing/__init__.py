"""Hypothesis strategies of plans and scenarios, for our tests and for users' own."""

from simulator.testing.strategies import plans, scenarios

__all__ = ["plans", "scenarios"]
