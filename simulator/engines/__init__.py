"""The engines: each takes a Plan and returns a Trace."""
