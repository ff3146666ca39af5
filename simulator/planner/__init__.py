"""From a Scenario to Plans: the system, its machines, its load, its fleet."""
