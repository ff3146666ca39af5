"""Answers on standard output, in the format that was chosen, and as files; refused first is what cannot be written."""

from __future__ import annotations

import codecs
import errno
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simulator.base.foreign import escaped

if TYPE_CHECKING:
    from simulator.cli.progress import Line
    from simulator.documents.answer import Answer

#: Letters of a line of running text where nobody says, and the least that a table is laid out in.
TEXT_WIDTH, LEAST_WIDTH = 120, 20


def say(line: str) -> None:
    """Say something on standard error."""
    click.echo(escaped(line, keep="\n"), err=True)


def tell(line: str) -> None:
    """Say something on standard output."""
    click.echo(escaped(line, keep="\n"))


def show(answer: Answer, format_: str = "table") -> int:
    """Print an answer in a format; returns its exit code."""
    from simulator.report import answers

    text = answers.text_of(answer, format_, table_width(), wants_color())
    if format_ in ("table", "text"):
        click.echo(text, nl=False)
    else:
        hand_on(text)
    return answer.exit_code


def hand_on(document: str) -> None:
    """Print what programs read: UTF-8, which is what its format asks for, whatever letters the terminal knows."""
    knows_all = codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"
    click.echo(document if knows_all else document.encode(), nl=False)


def draw(answer: Answer, figure: Path | None, page: Path | None = None) -> None:
    """Write the figure and the page of an answer, those that are wanted, and say where; or end with 2."""
    is_written = page is None or save(page, partial(write_page, answer))
    if page is not None and is_written:
        say(f"report in {page}")
    if figure is not None:
        from simulator.report import answers, files, frame

        content = answers.figure_of(answer, frame.figure_format(figure) or "png")
        if not save(figure, lambda path: files.write_over({path: content})):
            sys.exit(2)
        say(f"figure in {figure}")
    if not is_written:
        sys.exit(2)


def write_page(answer: Answer, page: Path) -> None:
    """Write the page of an answer, with what was typed for it."""
    from simulator.cli import TYPED
    from simulator.report import answers, files

    typed = click.get_current_context().meta.get(TYPED, ())
    content = answers.page_of(answer, shlex.join(["shardsim", *typed]) if typed else "")
    files.write_over({page: content})


def save(path: Path, write: Callable[[Path], None], cure: str = "") -> bool:
    """Write a file or directory; where that fails say so, with a cure, and return False."""
    try:
        write(path)
    except OSError as error:
        say(f"{path}: cannot be written: {error.strerror}{cure}")
        return False
    return True


@contextmanager
def interruptible(line: Line, message: str) -> Iterator[None]:
    """Work of which nothing is left if it is interrupted: then say so, and end with 130. The line is taken away."""
    try:
        yield
    except KeyboardInterrupt:
        line.clear()
        say(message)
        sys.exit(130)
    finally:
        line.clear()


def refuse_folder(folder: Path | None) -> None:
    """Refuse, before any work, a directory that could not be written after it."""
    if folder is None:
        return
    refuse_unwritable(folder)
    if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise click.UsageError(f"{folder} exists and is not an empty directory; choose another, or remove it")


def is_figure(path: Path) -> bool:
    """Whether a file is meant as a figure, by the ending of its name."""
    from simulator.report import frame

    return frame.figure_format(path) is not None


def refuse_figure(file: Path | None) -> None:
    """Likewise a figure, also by the ending of its name."""
    if file is None:
        return
    from simulator.report import frame

    if frame.figure_format(file) is None:
        raise click.UsageError(f"{file}: a figure is a .png, .svg or .pdf file")
    refuse_unwritable(file)
    if file.is_dir():
        raise click.UsageError(f"{file} is a directory; choose another name")


def refuse_page(file: Path | None) -> None:
    """Likewise a page, also where what draws its figures is not installed."""
    if file is None:
        return
    if not file.name.endswith(".html"):
        raise click.UsageError(f"{file}: a report is a .html file")
    refuse_unwritable(file)
    if file.is_dir():
        raise click.UsageError(f"{file} is a directory; choose another name")
    from simulator.report.page import library

    library.refuse_missing()


def refuse_table(file: Path | None, of: str) -> None:
    """Likewise a table of queries, or of replicas."""
    if file is None:
        return
    if not file.name.endswith((".csv", ".csv.gz")):
        raise click.UsageError(f"{file}: a table of {of} is written as .csv or .csv.gz")
    refuse_existing(file, "choose another, or remove it")


def refuse_existing(path: Path, cure: str) -> None:
    """Refuse a file that is there already, or could not be made."""
    refuse_unwritable(path)
    if os.path.lexists(path):
        what = "is a directory" if path.is_dir() else "exists already"
        raise click.UsageError(f"{path} {what}; {cure}")


def refuse_unwritable(path: Path) -> None:
    """Refuse a file or directory that could not be made."""
    above = next(folder for folder in path.absolute().parents if os.access(folder, os.F_OK))  # a name too long is none
    try:
        for name in path.absolute().parts:
            if len(os.fsencode(name)) > os.pathconf(above, "PC_NAME_MAX"):
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        Path(tempfile.mkdtemp(prefix=".shardsim-", dir=above)).rmdir()
    except OSError as error:
        raise click.UsageError(f"{path}: cannot be written, {error.strerror}: {above}") from None


def table_width() -> int | None:
    """Letters that no line of a table exceeds: those of the terminal, or what COLUMNS says; else there is no limit."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdecimal():
        return None
    return max(LEAST_WIDTH, shutil.get_terminal_size((TEXT_WIDTH, 24)).columns)


def text_width() -> int:
    """Letters of a line of running text."""
    return table_width() or TEXT_WIDTH


def wants_color() -> bool:
    """Whether standard output is a terminal that may be coloured."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ
