"""Speed of the engines: beside other simulators, beside the random numbers alone, and as runs grow.

One command, one run, one machine. Goals stand beside the figures.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import platform
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import TextIO

from benchmarks import commands, growth
from benchmarks.measure import BOUND, Goal, Measurement, figure, measure
from benchmarks.ours import (
    COMPILED,
    DRAWING,
    EVENT_BY_EVENT,
    EVENTS,
    OURS,
    REFERENCE,
    WITH_ITS_PLAN,
    event_by_event,
    plan_of,
)
from benchmarks.peers import PEERS, SIMPY
from benchmarks.policies import policies
from benchmarks.systems import FUNNEL, MANY, ONE, SEED, SYSTEMS
from simulator.core.trace import same_trace
from simulator.engines import compile_ahead, compiled, reference

ROUNDS = 5


def compare(rounds: int, scale: float) -> tuple[list[Goal], bool]:
    """Print a table a system; returns the goals, and whether every latency is right."""
    print("\nSYSTEMS: shards FIFO and exponential, utilisation 1/2, from an empty start; a peer draws its own arrivals")
    print("latency in mean services; expected: of as many queries, by Lindley's recursion, +- a standard error;")
    print(f"right: within {BOUND:g} of these. drawing alone: the run's random service times and nothing else.")
    print("compiled/it, reference/it: how many times as fast ours is as the model of the line.")
    print("SimPy Resource is a process a task and a Resource a shard; on M/M/1 the plain documented model.")
    goals, right = [], True
    for system, stages in SYSTEMS.items():
        there = {name: peer.models[system] for name, peer in PEERS.items() if peer.version and system in peer.models}
        measured = measure(stages, OURS[system] | there, rounds, scale)
        print(
            f"\n{system:22} {'version':>7} {'queries':>9} {'CPU s':>6} {'tasks/s':>7} {'queries/s':>9}"
            f" {'compiled/it':>11} {'reference/it':>12} {'latency':>7} {'expected':>16}"
        )
        for name in OURS[system] | PEERS:
            line = f"{name:22} {(PEERS[name].version or '-') if name in PEERS else '':>7}"
            if name in measured:
                print(line + row(measured, name))
                right &= measured[name].right
            else:
                print(f"{line} {'cannot express it' if PEERS[name].version else 'not installed'}")
        for goal in goals_of(system, measured):
            print(goal)
            goals.append(goal)
    return goals, right


def row(measured: dict[str, Measurement], name: str) -> str:
    """Columns of a table of systems."""
    seen = measured[name]
    slower = "" if name in (COMPILED, WITH_ITS_PLAN, DRAWING) else figure(measured[REFERENCE].over(seen))
    line = (
        f" {seen.queries:>9,} {seen.median_s:>6.3f}"
        f" {figure(seen.tasks_per_s):>7} {figure(seen.queries_per_s):>9}"
        f" {figure(measured[COMPILED].over(seen)):>11} {slower:>12}"
    )
    if seen.latency_s is None:
        return f"{line} {'the same draws':>24}"
    expected_s, error_s = seen.expected
    return f"{line} {seen.latency_s:>7.3f} {expected_s:>6.3f} +- {error_s:.3f} {'right' if seen.right else 'WRONG'}"


def goals_of(system: str, measured: dict[str, Measurement]) -> list[Goal]:
    """What is asked of the engines on a system."""
    fast, slow = measured[COMPILED], measured[REFERENCE]
    of_drawing = fast.over(measured[DRAWING])
    if system == ONE:
        return [
            Goal("compiled, queries/s of M/M/1", fast.queries_per_s, 10e6),
            Goal("compiled / drawing alone, M/M/1", of_drawing, 0.4),
        ]
    if system == FUNNEL:
        return [
            Goal("compiled, queries/s of 5 + 5 shards", fast.queries_per_s, 2e6),
            Goal("compiled / drawing alone, 5 + 5 shards", of_drawing, 0.35),
        ]
    assert system == MANY
    return [
        Goal("compiled, tasks/s of 1000 shards", fast.tasks_per_s, 100e6),
        Goal("compiled / drawing alone, 1000 shards", of_drawing, 0.5),
        Goal("reference, tasks/s of 1000 shards", slow.tasks_per_s, 50e3),
        *(
            [Goal("reference / SimPy Resource, 1000 shards", slow.over(measured[SIMPY]), 1.0)]
            if SIMPY in measured
            else []
        ),
    ]


def events(rounds: int, scale: float) -> tuple[list[Goal], bool]:
    """Print the speed where no stage looks ahead; returns the goals, and whether all ways give the same trace."""
    print(
        "\nEVENT BY EVENT: the compiled engine where no stage looks ahead: an enqueue, start, finish and answer a task"
    )
    goals, right = [], True
    for system, models in EVENTS.items():
        plan = plan_of(SYSTEMS[system], 200, SEED)
        traces = compiled.simulate(plan), event_by_event(plan), reference.simulate(plan)
        same = not any(same_trace(traces[0], trace) for trace in traces[1:])
        right &= same
        measured = measure(SYSTEMS[system], models, rounds, scale)
        print(
            f"\n{system:23} {'queries':>9} {'CPU s':>6} {'events/s':>9} {'events/task':>11} {'tasks/s':>8}"
            f" {'it/reference':>12}   {'the same traces' if same else 'DIFFERENT TRACES'}"
        )
        for name, seen in measured.items():
            run = seen.runs[0]
            print(
                f"{name:23} {seen.queries:>9,} {seen.median_s:>6.3f}"
                f" {figure(seen.events_per_s):>9} {run.events / run.tasks:>11.3f} {figure(seen.tasks_per_s):>8}"
                f" {figure(seen.over(measured[REFERENCE])):>12}"
            )
        goals.append(Goal(f"event by event, events/s of the {system}", measured[EVENT_BY_EVENT].events_per_s, 5e6))
        print(goals[-1])
    return goals, right


def grow(rounds: int, scale: float) -> tuple[list[Goal], bool]:
    """Print how time and memory grow; returns the goals."""
    print("\nGROWTH of the compiled engine's time: least of the rounds, plan made before")
    print(f"\n{'shards of one stage':23} {'queries':>10} {'ns/query':>10} {'ns/task':>8}")
    points = growth.over_shards(rounds, scale)
    for seen in points:
        print(f"{seen.shards:<23,} {seen.queries:>10,} {seen.query_ns:>10,.0f} {seen.query_ns / seen.shards:>8.2f}")
    of_shards = Goal(
        "exponent of a query's time over shards, last decade",
        growth.slope([seen.shards for seen in points[-2:]], [seen.query_ns for seen in points[-2:]]),
        most=1.1,
    )
    overall = growth.slope([seen.shards for seen in points], [seen.query_ns for seen in points])
    print(f"exponent over all: {overall:.2f} (a query's own cost weighs less and less)\n{of_shards}")
    print(f"\n{'queries of M/M/1':23} {'CPU s':>8} {'ns/query':>10}")
    points = growth.over_queries(rounds, scale)
    for seen in points:
        print(f"{seen.queries:<23,} {seen.cpu_s:>8.4f} {seen.query_ns:>10.1f}")
    of_queries = Goal(
        "exponent of a run's time over queries, last decade",
        growth.slope([seen.queries for seen in points[-2:]], [seen.cpu_s for seen in points[-2:]]),
        most=1.1,
    )
    overall = growth.slope([seen.queries for seen in points], [seen.cpu_s for seen in points])
    print(f"exponent over all: {overall:.2f}\n{of_queries}")
    return [of_shards, of_queries], True


def memory(rounds: int, scale: float) -> tuple[list[Goal], bool]:
    """Print how memory grows; returns the goals."""
    print("\nMEMORY: growth of the most that a process holds, by a run of the compiled engine and its plan")
    print(f"\n{'shards of one stage':23} {'queries':>10} {'MB':>8} {'bytes/query':>11} {'bytes/task':>10}")
    of_query = {}
    for shards, queries in growth.MEMORY:
        size = growth.memory_bytes(shards, max(1, round(queries * scale)))
        of_query[shards, queries] = each = size / max(1, round(queries * scale))
        print(f"{shards:<23,} {round(queries * scale):>10,} {size / 1e6:>8.1f} {each:>11.1f} {each / shards:>10.3f}")
    goals = [
        Goal(
            "bytes a query, 10 M queries of M/M/1 over 1 M", of_query[1, 10_000_000] / of_query[1, 1_000_000], most=1.1
        ),
        Goal("bytes a query, 1000 shards over 1 shard", of_query[1000, 100_000] / of_query[1, 100_000], most=1.1),
    ]
    for goal in goals:
        print(goal)
    return goals, True


PARTS = {
    "systems": compare,
    "events": events,
    "policies": policies,
    "growth": grow,
    "memory": memory,
    "commands": commands.searches,
}


def main() -> int:
    """Print the tables; returns 1 if something was simulated wrongly."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument(
        "parts", nargs="*", metavar="PART", choices=[*PARTS, []], help=f"of {', '.join(PARTS)}; all if none is named"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="measurements of each, of which the median")
    parser.add_argument("--scale", type=float, default=1.0, help="times the queries of each measurement")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write what is printed to a file, too")
    arguments = parser.parse_args()
    if arguments.output is None:
        return measure_all(arguments)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    with arguments.output.open("w") as file, contextlib.redirect_stdout(Both(sys.stdout, file)):
        return measure_all(arguments)


class Both(io.TextIOBase):
    """Text that goes to two places."""

    def __init__(self, *places: TextIO) -> None:
        self.places = places

    def write(self, text: str) -> int:
        """Write to both."""
        for place in self.places:
            place.write(text)
            place.flush()
        return len(text)


def measure_all(arguments: argparse.Namespace) -> int:
    """Print the tables that were asked for."""
    compile_ahead(print)
    began = time.perf_counter()
    for _ in range(10_000_000):
        pass
    spent_s = time.perf_counter() - began
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("numba", "numpy"))
    print(
        f"Python {platform.python_version()}, {versions}; one core; CPU times, medians of {arguments.rounds} by turns"
    )
    print(f"an empty Python loop of 10 million took {spent_s:.2f} s on this machine just now")
    goals, right = [], True
    for part in arguments.parts or PARTS:
        more, is_right = PARTS[part](arguments.rounds, arguments.scale)
        goals += more
        right &= is_right
    print(
        f"\n{sum(goal.met for goal in goals)} of {len(goals)} goals met, in {time.perf_counter() - began:.0f} s",
        end="; ",
    )
    print("all latencies right, all traces the same" if right else "something was simulated WRONGLY")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
