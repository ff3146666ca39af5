"""The exceptions that callers may catch: the user's mistakes, what is not there, a run that contradicts theory."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.base.foreign import escaped


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a user's input: where, what was given, what is allowed, how to cure it."""

    file: str  #: as the user named it; "-" for standard input, "--set" for an override
    line: int  #: 1-based; 0 where the input has no lines
    column: int  #: 1-based; 0 where the input has no columns
    path: str  #: dotted path of the field, e.g. ``stages[1].shards``; may be empty
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return escaped(f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}")


class ScenarioError(ValueError):
    """The user's scenario, overlay, override or trace is wrong. Carries all problems found, in file order."""

    def __init__(self, problems: list[Problem]) -> None:
        assert problems, "a ScenarioError needs at least one problem"
        self.problems = tuple(sorted(problems))
        super().__init__(str(self))

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[list[Problem]]]:
        return type(self), (list(self.problems),)  # as it was, when another process raised it

    def __str__(self) -> str:
        count = len(self.problems)
        lines = [str(problem) for problem in self.problems]
        return "\n".join([*lines, f"{count} error{'s' if count > 1 else ''}"])


class ArgumentError(ScenarioError):
    """An argument of a public function is none that it takes: its message alone, without a place in a file."""

    def __init__(self, message: str, argument: str = "") -> None:
        self.message = message
        super().__init__([Problem(argument, 0, 0, "", message)])

    def __reduce__(self) -> tuple[type[ArgumentError], tuple[str, str]]:  # type: ignore[override]
        return type(self), (self.message, self.problems[0].file)

    def __str__(self) -> str:
        return self.message


class UnavailableError(RuntimeError):
    """What a command was told to use is not there, or not of this version: a package, a cluster."""


class PluginError(UnavailableError):
    """A plug-in cannot be loaded, or does not keep to what its kind promises."""


class UncoveredError(ValueError):
    """An engine was asked for that does not cover the scenario."""


class LostWorkerError(RuntimeError):
    """A piece of work ended the process that did it, again and again: most likely for want of memory."""

    def __init__(self, index: int, message: str) -> None:
        self.index = index  #: of the piece of work
        super().__init__(index, message)

    def __str__(self) -> str:
        return str(self.args[1])


class BeyondTimeError(OverflowError):
    """A run came to an instant beyond all that int64 nanoseconds hold."""

    def __init__(self) -> None:
        super().__init__("an instant beyond the 146 years that int64 nanoseconds hold")


class ContradictionError(RuntimeError):
    """A run contradicts a law that holds exactly: the answer must not be trusted, and the fault is ours."""
