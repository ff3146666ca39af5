"""Calling what a user wrote: what it raises, and what it answers that it must not, in words."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.base.errors import PluginError

F8 = NDArray[np.float64]


def called(name: str, call: str | Callable[[], str], function: Callable[[], Any]) -> Any:
    """What a plug-in answers.

    Parameters
    ----------
    name
        Its kind, like ``mine:Boosted``.
    call
        What is called, like ``service_s(20)``, or what tells once it has gone wrong.
    function
        Calls it.

    Raises
    ------
    PluginError
        If it raises anything, with its words.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a user's numpy warns of what is refused below, in better words
            return function()
    except (Exception, SystemExit) as error:
        text = " ".join(str(error).split())
        line = line_of(error)
        said = f"{type(error).__name__}{f' ({text})' if text else ''}{line}"
        question = call if isinstance(call, str) else call()
        raise PluginError(f"{name}: {question} raised {said}; correct it, or the parameters that lead there") from error


def line_of(error: BaseException) -> str:
    """`` in line 12`` of the innermost call, if that is of a file."""
    at, number = error.__traceback__, 0
    while at is not None:
        number, at = at.tb_lineno, at.tb_next
    return f" in line {number}" if number else ""


def non_decreasing(name: str, method: str, x: F8, y: F8, what: str) -> None:
    """Refuse values that are not finite, below 0, or fall as ``x`` grows.

    ``x``: (n,) where ``method`` was asked, increasing. ``y``: (n,) what it answered. ``what``: what a value is.
    """
    good = np.isfinite(y) & (y >= 0)
    if not good.all():
        at = int(np.argmin(good))
        allowed = f"{what} is a finite number of at least 0"
        raise PluginError(f"{name}: {method}({_text(x[at])}) gives {_text(y[at])}; {allowed}: correct it")
    falls = np.diff(y) < -ROUNDING * y[1:]
    if falls.any():
        at = int(np.argmax(falls))
        before, after = _text(y[at]), _text(y[at + 1])
        if before == after:
            before, after = repr(float(y[at])), repr(float(y[at + 1]))
        pair = f"{method}({_text(x[at])}) gives {before}, {method}({_text(x[at + 1])}) only {after}"
        raise PluginError(f"{name}: {pair}; it must not decrease: correct it")


#: A fall by so little, relative to the value, is rounding.
ROUNDING = 1e-12


def numbers(name: str, call: str, answer: Any, count: int) -> F8:
    """What was answered as ``count`` floats. Raises PluginError if it is not so many numbers."""
    try:
        values = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty((0, 0))
    if values.shape == () and count == 1:
        values = values.reshape(1)
    if values.shape != (count,):
        given = type(answer).__name__ if not isinstance(answer, np.ndarray) else f"an array of shape {answer.shape}"
        wanted = "a number" if count == 1 else f"an array of {count} numbers"
        raise PluginError(f"{name}: {call} gives {given}; it must give {wanted}: correct it")
    return values


def _text(value: float) -> str:
    return f"{value:.6g}"
