"""What a fleet does without a zone: ``--survive zone`` of ``size`` and ``capacity``."""

import numpy as np
import pytest

from simulator import ScenarioError, capacity, scenario_from_text, simulate, size
from simulator.planner.plans import Plans
from simulator.planning.spare import without_zone
from simulator.running.engine_check import check_engines
from simulator.scenario.machines import kept_without_a_zone

ZONED = """
name: zoned
load: {rate: 100/s}
run: {queries: 2000, replications: 4}
stages:
  - {name: rank, shards: 2, replicas: 3, zones: 3, model: {kind: time, law: {kind: exponential, mean: 10ms}}}
  - {name: post, replicas: 2, model: {kind: time, law: {kind: exponential, mean: 8ms}}}
slos: [p90 < 100ms]
"""


def small(*sets):
    return scenario_from_text(ZONED, sets)


def counts(scenario):
    return [stage.replica_counts for stage in without_zone(scenario).stages]


def test_no_zone_holds_more_than_the_one_that_is_gone():
    """Replica i is in zone i mod zones, as outages say."""
    for replicas in range(1, 12):
        for zones in range(1, 7):
            held = [int(np.sum(np.arange(replicas) % zones == zone)) for zone in range(zones)]
            assert replicas - kept_without_a_zone(replicas, zones) == held[0] == max(held)


def test_stages_that_have_zones_lose_one_together():
    """Hot shards by their own number; stages on the same machines or replicas alike; others nothing."""
    assert counts(small()) == [[2, 2], [2]]
    hot = small("stages.rank.replicas={default: 4, hot: {shards: [1], replicas: 7}}")
    assert counts(hot) == [[2, 4], [2]]
    assert counts(small("stages.post.zones=2")) == [[2, 2], [1]]
    fetch = "  - {name: fetch, runs_on: rank, model: {kind: time, law: {kind: exponential, mean: 1ms}}}\nslos"
    assert counts(scenario_from_text(ZONED.replace("slos", fetch))) == [[2, 2], [2], [2, 2]]
    beside = fetch.replace("runs_on: rank", "colocate: rank")
    assert counts(scenario_from_text(ZONED.replace("slos", beside))) == [[2, 2], [2], [2, 2]]
    more = beside.replace("colocate: rank", "colocate: rank, shards: 2, replicas: 3")
    assert counts(scenario_from_text(ZONED.replace("slos", more))) == [[2, 2], [2], [2, 2]]


def test_capacity_without_a_zone_is_that_of_the_fewer_replicas():
    """On the same luck, to the bit; the fleet that is paid for has them all."""
    spared = capacity(small(), tolerance=0.2, survive="zone")
    fewer = capacity(small("stages.rank.replicas=2"), tolerance=0.2)
    assert spared.per_s == fewer.per_s
    document = spared.to_dict()
    assert document["survive"] == "zone"
    assert "survive" not in fewer.to_dict()
    assert document["fleet"]["machines"] == 2 * 3 + 2
    assert document["provenance"]["resolved"]["stages"][0]["replicas"] == 3
    assert "post has no zones: without a zone, all is there" in document["notes"]


def test_the_cheapest_fleet_holds_without_a_zone_too():
    """What it is judged by is a run of what is left; one with no replica to spare falls on paper."""
    found = size(small(), search={"stages.rank.replicas": "1..6"}, survive="zone", top=1)
    document = found.to_dict()
    best = document["answers"][0]
    assert document["survive"] == "zone"
    assert [one["name"] for one in best["conditions"]] == ["", "without a zone"]
    replicas = best["values"]["stages.rank.replicas"]
    left = simulate(small(f"stages.rank.replicas={kept_without_a_zone(replicas, 3)}")).to_dict()["slos"][0]
    seen = best["conditions"][1]["slos"][0]
    assert (seen["value"], seen["met"]) == (left["value"], True)
    assert (
        replicas
        > size(small(), search={"stages.rank.replicas": "1..6"}, top=1).to_dict()["answers"][0]["values"][
            "stages.rank.replicas"
        ]
    )
    assert document["cheaper"][0]["reason"] == "no replica to spare"


def test_copies_go_to_who_is_left():
    """As many as there are others; none where one replica is left. Both engines simulate it."""
    tied = small("stages.rank.tied=3", "stages.rank.cancel=queued")
    assert without_zone(tied).stages[0].tied == 2
    assert without_zone(small("stages.rank.hedge={after: 15ms, copies: 2}")).stages[0].hedge.copies == 1
    hedge, model = "hedge: {after: 5ms, copies: 2}", "model: {kind: time, law: 1ms}"
    fetch = f"  - {{name: fetch, runs_on: rank, routing: random, {hedge}, {model}}}\nslos"
    assert without_zone(scenario_from_text(ZONED.replace("slos", fetch))).stages[2].hedge.copies == 1
    left = without_zone(small("stages.rank.replicas=2", "stages.rank.zones=2", "stages.rank.hedge=15ms"))
    assert left.stages[0].replica_counts == [1, 1]
    plans = Plans.of(left)
    assert check_engines(plans.make(0, plans.load().head(400))).queries == 400
    assert "hedge" not in simulate(left).to_dict()["stages"][0]
    assert "hedge" not in left.resolved()["stages"][0]


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (["stages.rank.zones=1"], "rank: without a zone, some shard has no replica left"),
        (["stages.rank.lost_machine=0"], "rank lost a machine already"),
        (["stages.rank.outages=[{zone: 1, from: 1s, until: 2s}]"], "rank has outages"),
    ],
)
def test_what_cannot_lose_a_zone_is_refused(sets, words):
    """With what to do."""
    with pytest.raises(ScenarioError) as told:
        capacity(small(*sets), survive="zone")
    assert words in str(told.value)


def test_without_zones_nothing_is_asked():
    """The mistake names the key; another word is another mistake."""
    with pytest.raises(ScenarioError, match=r"no stage says how many zones it has: give stages\.NAME\.zones"):
        size(scenario_from_text(ZONED.replace("zones: 3, ", "")), search={"stages.rank.replicas": [2]}, survive="zone")
    with pytest.raises(ValueError, match="survive the loss of a zone, got 'rack'"):
        capacity(small(), survive="rack")
    with pytest.raises(ValueError, match="survive the loss of 0 or 1 machine, or of a zone, got 'rack'"):
        size(small(), search={"stages.rank.replicas": [2]}, survive="rack")
