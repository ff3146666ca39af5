"""Closed forms and bounds, worked out from a Plan and printed beside what was simulated."""

from simulator.theory.check import Finding, check, little
from simulator.theory.estimate import FULL, Estimate, Prediction, busiest, estimate, has_drawn_machines

__all__ = ["FULL", "Estimate", "Finding", "Prediction", "busiest", "check", "estimate", "has_drawn_machines", "little"]
