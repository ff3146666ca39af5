"""What is said of a run: quantiles, shares, means and verdicts, each with its interval."""

from simulator.stats.precision import next_step
from simulator.stats.quantiles import queries_needed
from simulator.stats.summary import Summary, summarise

__all__ = ["Summary", "next_step", "queries_needed", "summarise"]
