"""What both engines share: the Plan, draws, laws, rules and the Trace. numpy, numba and math only."""
