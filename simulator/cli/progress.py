"""How far something long is, on standard error: one line that changes on a terminal, a few lines elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

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
        click.echo(line, err=True)

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
        self.show(f"{done} of {planned} replications, {events:,} events", done, planned)

    def announce(self, forecast: Forecast, jobs: int) -> None:
        """Say what a long run will take, and what would be enough."""
        from simulator.base.formats import format_count, format_duration

        if forecast.seconds < LONG_S:
            return
        self.enabled = True
        tasks, takes = format_count(forecast.tasks), format_duration(forecast.seconds)
        self.say(f"{tasks} tasks, about {takes}, {jobs} replications at a time")
        if forecast.enough_queries is not None:
            enough = format_count(forecast.enough_queries)
            self.say(f"an honest p{forecast.percentile:g} at this load takes about {enough} queries in all")


class Pieces(Line):
    """How far many pieces of work are; off a terminal only once it takes long. ``name``: what the pieces are called."""

    def __init__(self, name: str, quiet: bool = False) -> None:
        super().__init__(enabled=not quiet, is_terminal=sys.stderr.isatty())
        self.name = name

    def update(self, what: str, standing: Standing) -> None:
        """So many pieces are done, or checked."""
        from simulator.base.formats import format_duration

        if not self.is_terminal and standing.elapsed_s < LONG_S:
            return
        done, total = standing.before + standing.done, standing.before + standing.total
        lost = f", {standing.lost} worker{'s' if standing.lost > 1 else ''} lost" if standing.lost else ""
        left = f", about {format_duration(standing.left_s)} left" if standing.left_s else ""
        self.show(f"{done} of {total} {self.name} {what}{left}{lost}", done, total)

    def standing(self, standing: Standing) -> None:
        """So many pieces are done."""
        self.update("done", standing)


class Fleets(Line):
    """How far a search for fleets is, on a terminal."""

    def __init__(self) -> None:
        is_terminal = sys.stderr.isatty()
        super().__init__(enabled=is_terminal, is_terminal=is_terminal)

    def fleet(self, simulated: int, cost: float, answers: int) -> None:
        """One fleet more is simulated, at its turn."""
        self.show(f"{simulated:,} fleets simulated, up to a cost of {cost:,.4g}; {answers} found", simulated, simulated)


class Probes(Line):
    """How far a search is, on a terminal."""

    def __init__(self) -> None:
        is_terminal = sys.stderr.isatty()
        super().__init__(enabled=is_terminal, is_terminal=is_terminal)
        self.probes = 0

    def probe(self, factor: float, queries: int, readings: Readings) -> None:
        """One probe is done."""
        self.probes += 1
        worst = max(reading.value for reading in readings)
        line = f"probe {self.probes}: {factor:.4g} x the load, {queries:,} queries: {worst:.3g} of the bound"
        self.show(line, self.probes, self.probes)
