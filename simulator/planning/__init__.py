"""Questions of planners: capacity, sweeps, sizes, comparisons, sensitivity; each many runs on one luck."""
