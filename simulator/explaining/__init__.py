"""Where latency comes from: blame of stages and causes, who is last, and what other scenarios would do."""
