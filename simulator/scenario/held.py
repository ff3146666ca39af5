"""A file of numbers that a scenario names, and what was read of it: the scenario keeps it, and its hash is of that.

Nothing is kept beyond the scenario: whoever loads one reads its files anew.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import PlainSerializer, PlainValidator, SerializationInfo, WithJsonSchema

from simulator.scenario.fields import shown
from simulator.scenario.files import located
from simulator.scenario.rows import TraceError
from simulator.scenario.tables import MOST_PIPE, Table, open_table, read_table

Read = TypeVar("Read")

#: Of the context in which a scenario is written: files by the hash of what was read, marked so.
HASHED, SHA256 = "hashed", "sha256:"


class File(str):
    """The absolute name of a file, with what was read of it."""

    may_be_pipe: bool = False  #: the command line names it
    sha256: str = ""  #: of its bytes, once they were read
    pipe: bytes | None = None  #: the bytes of a pipe, which can be read once
    answers: dict[tuple[Any, ...], Any]

    @classmethod
    def named(cls, name: str, named_in: str, may_be_pipe: bool = False) -> File:
        """A file as it is named somewhere."""
        file = cls(located(name, named_in))
        file.may_be_pipe, file.answers = may_be_pipe, {}
        return file

    def read(self, how: Callable[..., Read], *what: Any) -> Read:
        """What ``how(table, *what)`` makes of it, once. Raises TraceError."""
        key = (how.__name__, *what)
        if key not in self.answers:
            answer, sha256 = self._read(lambda table: how(table, *what))
            if self.sha256 not in ("", sha256):
                raise TraceError(self, 0, "has changed since the scenario was loaded; load that again")
            self.sha256, self.answers[key] = sha256, answer
        return self.answers[key]  # type: ignore[no-any-return]

    def _read(self, read: Callable[[Table], Read]) -> tuple[Read, str]:
        if self.pipe is not None:
            return read_table(self, io.BytesIO(self.pipe), read)
        with open_table(self, self.may_be_pipe) as source:
            if isinstance(source, io.BufferedReader) and not isinstance(source.raw, io.FileIO):
                self.pipe = _all(self, source)
                return read_table(self, io.BytesIO(self.pipe), read)
            return read_table(self, source, read)


def _all(file: str, source: io.BufferedReader) -> bytes:
    try:
        raw = source.read(MOST_PIPE + 1)
    except (OSError, ValueError) as error:
        raise TraceError(file, 0, f"cannot be read: {error}") from None
    if len(raw) > MOST_PIPE:
        raise TraceError(file, 0, f"a pipe of more than {MOST_PIPE // 10**9} GB; write it to a file")
    return raw


def _file(value: Any) -> File:
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {shown(value)}")
    return value if isinstance(value, File) else File.named(value, "<dict>")


def is_hashed(said: SerializationInfo) -> bool:
    """Whether files are written by the hash of what was read."""
    return isinstance(said.context, dict) and bool(said.context.get(HASHED, False))


def spelled(file: File, hashed: bool) -> str:
    """A file by its name, or by the hash of what was read of it, where something was."""
    return f"{SHA256}{file.sha256}" if hashed and file.sha256 else str(file)


def _spelled(file: File, said: SerializationInfo) -> str:
    return spelled(file, is_hashed(said))


#: The type of a field that names a file of numbers.
FileOfNumbers = Annotated[
    File, PlainValidator(_file), PlainSerializer(_spelled, return_type=str), WithJsonSchema({"type": "string"})
]


def with_contents(said: Any) -> Any:
    """Plain values, each ``file`` by the hash of what it holds."""
    if isinstance(said, dict):
        return {key: _hash_of(value) if key == "file" else with_contents(value) for key, value in said.items()}
    return [with_contents(item) for item in said] if isinstance(said, list) else said


def _hash_of(file: str) -> str:
    """Of what was read of a file; what a plug-in calls so and is none is what it says."""
    return file.removeprefix(SHA256)
