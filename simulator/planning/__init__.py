"""Questions over many runs: what a scenario would do with other values, loads and fleets."""
