"""Quantities and rules as others spell them: what is to be written stands in the error, and is then taken."""

import re

import pytest

from simulator.base import units
from simulator.base.errors import ScenarioError
from simulator.core.routing import POLICIES
from simulator.scenario import scenario_from_text

#: What others write, and what is written here.
SPELLINGS = {
    units.parse_rate: {
        "120/s": "120 qps; 120qps; 120 QPS; 120 rps; 120 tps; 120 q/s; 120 req/s; 120 requests/s; 120 queries/sec; "
        "120/sec; 120 /second; 120 per second; 120 queries per second; 120 Hz",
        "7200/min": "7200 rpm; 7200 qpm; 7200/minute; 7200 requests per minute",
        "3600/h": "3600/hour; 3600 qph; 3600 per hr",
        "1.2k/s": "1.2kqps; 1.2K rps",
    },
    units.parse_duration: {
        "5ms": "5 msec; 5 millis; 5 milliseconds; 5MS; 5 ms.",
        "100us": "100 usec; 100 micros; 100 microseconds; 100 μs",
        "10ns": "10 nsec; 10 nanoseconds",
        "2s": "2 sec; 2 secs; 2 seconds; 2 S",
        "3m": "3 min; 3 mins; 3 minutes",
        "1h30m": "1 hour 30 minutes; 1 hr, 30 min; 1 hour and 30 minutes",
        "48h": "2 days; 2d",
    },
    units.parse_size: {
        "16 GB": "16G; 16 gb; 16 gigabytes; 16 Gbytes",
        "16 GiB": "16 Gi; 16 gib; 16 gibibytes",
        "2 GB": "16 Gb; 16 Gbit; 16 Gbits",
        "64 B": "64 bytes; 64 b",
    },
    units.parse_bandwidth: {
        "10 GB/s": "10 GBps; 10 GB/sec; 10 gb/s; 10 GB per second; 10 gigabytes/s",
        "1.25 GB/s": "10 Gbps; 10 gbps; 10 Gbit/s; 10 Gb/s",
    },
    units.parse_flop_rate: {"1 TFLOP/s": "1 TFLOPS; 1 tflops; 1 TFlops; 1 Tflop/s; 1 TFLOP/sec; 1 teraflops"},
    units.parse_flop: {"1 GFLOP": "1 gflop; 1 GFLOPs"},
    units.parse_power: {"150 W": "150 watts; 150w", "1 kW": "1 kilowatt; 1 KW"},
    units.parse_money_rate: {"3 USD/h": "3 USD/hour; 3 $/h; 3 dollars per hour; 3 USD/hr"},
}
EACH = [
    (parse, given, ours)
    for parse, table in SPELLINGS.items()
    for ours, others in table.items()
    for given in others.split("; ")
]


@pytest.mark.parametrize(("parse", "given", "ours"), EACH)
def test_what_is_to_be_written_is_said_and_taken(parse, given, ours):
    with pytest.raises(ValueError, match=re.escape("is not a")) as error:
        parse(given)
    assert f"write {ours!r} (" in str(error.value)
    assert parse(ours) >= 0


@pytest.mark.parametrize("given", ["-8/s", "1,5 qps", "often", "8 parsecs", "1 s 2 x", "/s", "5 5 ms"])
@pytest.mark.parametrize("parse", SPELLINGS)
def test_what_may_mean_several_things_is_not_guessed(parse, given):
    with pytest.raises(ValueError, match=r"is not a|needs a unit") as error:
        parse(given)
    assert "write it like" in str(error.value)


TEXT = """
name: s
load: {rate: 1/s}
stages: [{name: a, model: {kind: time, law: 1ms}, replicas: 2, routing: ROUTING}]
"""
ROUTING = {
    "round_robin": "round-robin roundrobin rr Round_Robin weighted_round_robin",
    "least_outstanding": "least_loaded least_connections least_conn least_request jsq join-shortest-queue lor",
    "power_of_two": "p2c po2 power_of_two_choices two_choices",
    "least_work": "lwl least_work_left",
    "peak_ewma": "ewma latency-aware least_latency least_time least_response_time",
    "adaptive": "inverse_latency weighted_response_time",
    "c3": "cubic replica-ranking",
    "random": "uniform",
}


@pytest.mark.parametrize("form", ["{}", "{{policy: {}, by: query}}"])
def test_a_routing_rule_is_found_by_the_names_that_others_give_it(form):
    assert set(ROUTING) == {policy.name for policy in POLICIES}
    for ours, others in ROUTING.items():
        for given in others.split():
            with pytest.raises(ScenarioError, match=f"got '{given}'; did you mean '{ours}'\\?"):
                scenario_from_text(TEXT.replace("ROUTING", form.format(given)))
    for given in ("maglev", "ip_hash", "consistent_hash", "sticky"):
        with pytest.raises(ScenarioError, match="sticky routing is not modelled in this version"):
            scenario_from_text(TEXT.replace("ROUTING", form.format(given)))
