"""Closed forms and bounds, worked out from a Plan and printed beside what was simulated."""

from simulator.theory.admission import at_door, shed_finding
from simulator.theory.beside import beside_of
from simulator.theory.capacity import ExactCapacity, exact_capacity
from simulator.theory.causes import service_variances
from simulator.theory.certain import certain_demands, certainly_busiest, may_pile_up
from simulator.theory.check import AGREES, ALARM, DECIDES, OUTSIDE, RELAXATIONS, check, little, stretched, times_wider
from simulator.theory.clients import closed_load, most_per_s
from simulator.theory.closed import ClosedLoad
from simulator.theory.closed_forms import FULL
from simulator.theory.clusters import NOTHING_OF_CLUSTERS, Clusters, clusters_ahead, clusters_of
from simulator.theory.estimate import (
    Estimate,
    busiest,
    estimate,
    has_drawn_machines,
    merger_demands,
    own_demands,
    relaxation,
    shard_services_s,
    source_demands,
    stage_demands,
)
from simulator.theory.funnel import stages_of
from simulator.theory.peak import Peak
from simulator.theory.prediction import Prediction
from simulator.theory.tails import NOTHING_AHEAD, Ahead, MeansAhead, StageAhead, means_ahead
from simulator.theory.visits import mean_visits
from simulator.theory.zero_load import constant_latencies_s, is_fastest_empty, zero_load

__all__ = [
    "AGREES",
    "ALARM",
    "DECIDES",
    "FULL",
    "NOTHING_AHEAD",
    "NOTHING_OF_CLUSTERS",
    "OUTSIDE",
    "RELAXATIONS",
    "Ahead",
    "ClosedLoad",
    "Clusters",
    "Estimate",
    "ExactCapacity",
    "MeansAhead",
    "Peak",
    "Prediction",
    "StageAhead",
    "at_door",
    "beside_of",
    "busiest",
    "certain_demands",
    "certainly_busiest",
    "check",
    "closed_load",
    "clusters_ahead",
    "clusters_of",
    "constant_latencies_s",
    "estimate",
    "exact_capacity",
    "has_drawn_machines",
    "is_fastest_empty",
    "little",
    "may_pile_up",
    "mean_visits",
    "means_ahead",
    "merger_demands",
    "most_per_s",
    "own_demands",
    "relaxation",
    "service_variances",
    "shard_services_s",
    "shed_finding",
    "source_demands",
    "stage_demands",
    "stages_of",
    "stretched",
    "times_wider",
    "zero_load",
]
