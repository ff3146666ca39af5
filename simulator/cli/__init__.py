"""The command ``shardsim``: one module a command, loaded when it is called; the only place that prints."""

import errno
import gc
import importlib
import io
import os
import signal
import sys

import click

#: Command, and what ``--help`` says of it: the modules themselves are slow to load.
COMMANDS = {
    "init": "Write a first scenario: a template of the gallery, or by questions and answers.",
    "run": "Simulate a scenario: latency with intervals, objectives, theory.",
    "explain": "Where the tail comes from, who is last, and what would shorten it.",
    "capacity": "The highest load within all objectives, with its interval.",
    "size": "The cheapest fleet that meets every objective at a load.",
    "sensitivity": "Every knob a tenth to the better: what it does to the tail and to capacity.",
    "stress": "Disturb a running system: does it recover, and when?",
    "sweep": "Simulate a scenario at all combinations of some values; a kill loses nothing.",
    "serve": "A page on this machine with sliders: what does each knob do?",
    "compare": "Two scenarios or runs beside each other, on the same luck.",
    "plot": "A figure by name: percentiles, timeline, blame, hockey stick, what is measured, ...",
    "export": "Queries one by one, or all of them, in the formats of other programs.",
    "estimate": "Paper and pencil: utilisation, saturation, zero-load latency, cost of the models.",
    "load": "Show what a load is: rate, bursts, a figure.",
    "validate": "Check a scenario and say what it would take.",
    "check": "Hold a model, law, arrivals, rule or scenario of your own against the laws.",
    "show": "Print the resolved scenario.",
    "catalogue": "Figures of hardware and models, each with its source.",
    "schema": "Print the JSON Schema of scenario files, or of what is written.",
    "help": "Explain a key of a scenario: what it says, takes and defaults to.",
    "docs": "Open the documentation of this version.",
    "doctor": "Examine the installation, and check both engines and one law.",
    "verify": "Hold this version against known answers: is it to be trusted?",
}

#: Where a context keeps what was typed.
TYPED = "simulator.typed"

#: Two lines to copy, as one.
EXAMPLE = "shardsim init && shardsim run paper_funnel.yaml"


class LazyGroup(click.Group):
    """Commands by name, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of a user's way."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"simulator.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, or say which was meant; what was typed is kept."""
        ctx.meta[TYPED] = tuple(args)
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from simulator.base.nearest import nearest, quoted

            near = nearest(name, COMMANDS)
            hint = f"Did you mean {quoted(near)}?" if near else f"Commands: {', '.join(COMMANDS)}."
            raise click.UsageError(f"no command is called {name!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """An example, which works anywhere."""
        with formatter.section("Example"):
            formatter.write(f"{'':{formatter.current_indent}}{EXAMPLE}\n")


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"shardsim {version('shardsim')}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def group() -> None:
    """Tail latency of sharded machine-learning serving, by simulation with intervals.

    Exit codes: 0 every objective met; 2 wrong usage or scenario; 98 an objective inconclusive; 99 an objective
    failed; 130 interrupted.
    """


def main() -> None:
    """Entry point of the command: every way out has its code."""
    from simulator.base import errors
    from simulator.base.foreign import escaped
    from simulator.base.interrupts import Interrupts

    gc.set_threshold(100_000)  # little is garbage: looking for it as often as usual takes a tenth of a short run
    _complete_streams()
    interrupts = Interrupts()
    signal.signal(signal.SIGINT, interrupts)
    sys.unraisablehook = interrupts.swallowed
    code = 1
    try:
        code = group(prog_name="shardsim", standalone_mode=False) or 0
        sys.stdout.flush()
    except (errors.ScenarioError, errors.UnavailableError, errors.UncoveredError) as error:
        click.echo(escaped(str(error), keep="\n"), err=True)
        code = 2
    except errors.LostWorkerError as error:
        click.echo(escaped(str(error), keep="\n"), err=True)
    except errors.ContradictionError as error:
        click.echo(escaped(str(error), keep="\n"), err=True)
        code = 99
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        click.echo(escaped(shown.getvalue(), keep="\n"), err=True, nl=False)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        is_short = isinstance(error.__cause__, EOFError)  # which click takes for an interrupt
        said = escaped(f"a file ends too soon: {error.__cause__}")
        click.echo(said if is_short else "interrupted", err=True)
        code = 2 if is_short else 130
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0
        if code == 1:  # how click ends when whoever read the output has gone; we never say 1 ourselves
            code = _without_output(141)
    except BrokenPipeError:
        code = _without_output(141)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO, errno.EFBIG):
            raise
        click.echo(f"cannot write the output: {error.strerror}", err=True)
        code = _without_output(2)
    if interrupts.first_s is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the interpreter ends undisturbed, too
    gc.freeze()  # what is left goes with the process: looking for garbage in it takes another tenth
    sys.exit(code)


def _complete_streams() -> None:
    """Have all three standard streams: one that is closed is empty, a letter that one does not know is written out.

    With PYTHONUNBUFFERED, what is written has no buffer below it, and a write that the disk cuts short is told to
    nobody: it is given one, which is flushed after each line and each echo.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        stream = getattr(sys, name)
        if stream is None:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: the one that was closed
            setattr(sys, name, os.fdopen(opened if opened == number else os.dup2(opened, number), mode))
        elif mode == "w" and isinstance(getattr(stream, "buffer", None), io.FileIO):
            buffered = io.BufferedWriter(io.FileIO(number, mode, closefd=False))
            how = {"encoding": stream.encoding, "errors": "backslashreplace", "line_buffering": True}
            setattr(sys, name, io.TextIOWrapper(buffered, **how))
        elif mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _without_output(code: int) -> int:
    """Let the interpreter flush what is left into nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
