"""How far something long is, on standard error: one line that changes on a terminal, a few lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from simulator.base.foreign import escaped
from simulator.base.formats import counted, format_count, format_duration, format_size
from simulator.base.room import MUCH_BYTES

if TYPE_CHECKING:
    from simulator.planning.search import Readings
    from simulator.running.execute import Standing
    from simulator.running.forecast import Forecast

#: What takes longer is announced, and shown off a terminal too.
LONG_S = 10.0
#: Lines off a terminal, at most.
LINES = 20


class Line:
    """A line that changes."""

    def __init__(self, enabled: bool, is_terminal: bool) -> None:
        self.enabled = enabled
        self.is_terminal = is_terminal
        self.shown = 0  #: columns of the line on a terminal, lines so far elsewhere

    def show(self, line: str, done: int, planned: int) -> None:
        """Show a line, of so many things done of all."""
        if not self.enabled:
            return
        if not self.is_terminal:
            part = LINES * done // max(1, planned)
            if part > self.shown:
                click.echo(line, err=True)
                self.shown = part
            return
        click.echo("\r" + line.ljust(self.shown), nl=False, err=True)
        self.shown = len(line)

    def say(self, line: str) -> None:
        """Say what a wait is for, on a line of its own."""
        self.clear()
        click.echo(escaped(line, keep="\n"), err=True)

    def clear(self) -> None:
        """Take the line away."""
        if self.shown and self.is_terminal:
            click.echo("\r" + " " * self.shown + "\r", nl=False, err=True)
        self.shown = 0


class Replications(Line):
    """How far a run is, or two that are compared: on a terminal, and elsewhere once it was said to take long."""

    def __init__(self) -> None:
        is_terminal = sys.stderr.isatty()
        super().__init__(enabled=is_terminal, is_terminal=is_terminal)

    def update(self, done: int, planned: int, events: int) -> None:
        """Replications done, planned, and events so far."""
        self.show(f"{done} of {counted(planned, 'replication')}, {counted(events, 'event')}", done, planned)

    def announce(self, forecast: Forecast, jobs: int) -> None:
        """Say what a long run will take, and what would be enough."""
        if forecast.seconds < LONG_S:
            return
        self.enabled = True
        tasks, takes = counted(forecast.tasks, "task", format_count), format_duration(forecast.seconds)
        if forecast.memory_bytes >= MUCH_BYTES:
            takes += f" and {format_size(forecast.memory_bytes)} of memory"
        self.say(f"{tasks}, about {takes}, {counted(jobs, 'replication')} at a time")
        if forecast.enough_queries is not None:
            enough = counted(forecast.enough_queries, "query", format_count)
            self.say(f"an honest p{forecast.percentile:g} at this load takes about {enough} in all")


class Pieces(Line):
    """How far many pieces of work are; off a terminal only once it takes long. ``name``: what a piece is called."""

    def __init__(self, name: str, quiet: bool = False) -> None:
        super().__init__(enabled=not quiet, is_terminal=sys.stderr.isatty())
        self.name = name

    def update(self, what: str, standing: Standing) -> None:
        """So many pieces are done, or checked."""
        if not self.is_terminal and standing.elapsed_s < LONG_S:
            return
        done, total = standing.before + standing.done, standing.before + standing.total
        lost = f", {counted(standing.lost, 'worker')} lost" if standing.lost else ""
        left = f", about {format_duration(standing.left_s)} left" if standing.left_s else ""
        self.show(f"{done} of {counted(total, self.name)} {what}{left}{lost}", done, total)

    def standing(self, standing: Standing) -> None:
        """So many pieces are done."""
        self.update("done", standing)


class Steps(Line):
    """How far a search of unknown length is; off a terminal once it takes long, and each time it took twice as long."""

    def __init__(self) -> None:
        super().__init__(enabled=True, is_terminal=sys.stderr.isatty())
        self.began, self.following_s = time.monotonic(), LONG_S
        self.steps = 0

    def step(self, line: str) -> None:
        """One step more is done."""
        self.steps += 1
        if self.is_terminal:
            self.show(line, self.steps, self.steps)
        elif time.monotonic() - self.began >= self.following_s:
            self.following_s *= 2
            self.say(line)


class Fleets(Steps):
    """How far a search for fleets is. ``wanted``: how many are to be found; ``there``: how many there are."""

    def __init__(self, wanted: int, there: int) -> None:
        super().__init__()
        self.wanted, self.there = wanted, there

    def fleet(self, simulated: int, cost: float, answers: int) -> None:
        """One fleet more is simulated, at its turn."""
        found = f"{answers} of {self.wanted} found"
        each_s = (time.monotonic() - self.began) / simulated
        all_s = each_s * (self.there - simulated)
        takes = f"; a fleet takes about {format_duration(each_s)}" if each_s >= 1 else ""
        left = f"; at most {counted(self.there - simulated, 'fleet')} more, about {format_duration(all_s)}"
        ends = left if self.there > simulated and answers < self.wanted and all_s >= 1 else ""
        self.step(f"{counted(simulated, 'fleet')} simulated, up to a cost of {cost:,.4g}; {found}{takes}{ends}")


class Probes(Steps):
    """How far a search for a capacity is."""

    def probe(self, factor: float, queries: int, readings: Readings) -> None:
        """One probe is done."""
        worst = max(reading.value for reading in readings)
        place = f"{factor:.4g} x the load, {counted(queries, 'query')}"
        self.step(f"probe {self.steps + 1}: {place}: {worst:.3g} x the bound of the objective nearest to it")
