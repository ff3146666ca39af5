"""How far something long is, on standard error: one line that changes on a terminal, a few lines elsewhere."""

from __future__ import annotations

import click

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

    def clear(self) -> None:
        """Take the line away."""
        if self.shown and self.is_terminal:
            click.echo("\r" + " " * self.shown + "\r", nl=False, err=True)
        self.shown = 0
