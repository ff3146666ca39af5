"""Trust in a version: systems with known answers, the engines, the intervals and the planners, as one program."""

from simulator.verification.program import Verification, families_of, verify

__all__ = ["Verification", "families_of", "verify"]
