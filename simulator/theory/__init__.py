"""Closed forms and bounds, worked out from a Plan and printed beside what was simulated."""

from simulator.theory.check import Finding, check, little
from simulator.theory.estimate import Estimate, Prediction, estimate

__all__ = ["Estimate", "Finding", "Prediction", "check", "estimate", "little"]
