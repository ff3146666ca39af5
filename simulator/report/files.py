"""Files of a run: all of them, or none."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from simulator.core.trace import COUNTERS, QUERY_COLUMNS, Trace


def to_json(document: dict[str, Any]) -> str:
    """A document as JSON: two blanks of indent, no NaN, a newline at the end."""
    return json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


#: What follows from other columns, for whoever reads the file with other programs.
DERIVED = ("completion_ns", "enter_ns", "critical_response_ns")


def write_queries(traces: dict[int, Trace], file: Path) -> None:
    """Write the queries of all replications as an ``.npz`` file, warm-up included; a column at a time.

    ``replication`` and ``measured`` (queries,); the columns of the Trace, (queries,) or (stages, queries), in ns;
    -1 where an instant was not reached; then the counters of replicas, (replications, replicas).
    """
    ordered = [traces[replication] for replication in sorted(traces)]

    def column(name: str) -> Any:
        if name == "replication":
            return np.concatenate([np.full(len(traces[r].arrival_ns), r) for r in sorted(traces)])
        if name == "measured":
            return np.concatenate([np.arange(len(trace.arrival_ns)) >= trace.first_measured for trace in ordered])
        columns = [getattr(trace, name) for trace in ordered]
        if name in COUNTERS:
            return np.stack(columns)
        if len(columns) == 1:
            return columns[0]  # no second copy of a long one
        return np.concatenate(columns, axis=-1)

    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in ("replication", "measured", *QUERY_COLUMNS, *DERIVED, *COUNTERS):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as part:
                np.lib.format.write_array(part, column(name), allow_pickle=False)


#: What a file holds: text, or a function that writes it.
Content = str | Callable[[Path], None]


def write_run(folder: Path, files: dict[str, Content]) -> None:
    """Write a run directory; an interruption leaves either nothing or everything.

    Parameters
    ----------
    folder
        Must not exist, or be empty; its parents are created.
    files
        By name.

    Raises
    ------
    FileExistsError
        If the folder holds something already.
    OSError
        If it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(17, "exists and is not an empty directory", str(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    prepared = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, content in files.items():
            if isinstance(content, str):
                (prepared / name).write_text(content, encoding="utf-8")
            else:
                content(prepared / name)
        prepared.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        prepared.rename(folder)
    except BaseException:
        shutil.rmtree(prepared, ignore_errors=True)
        raise


#: What a file system says that has no second names for a file.
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)


def write_new(files: dict[Path, Content]) -> None:
    """Write files that are not there yet; an interruption leaves either none of them or all.

    Each is written in a folder of its own beside its place, and put there when all are complete.

    Parameters
    ----------
    files
        By path; parents are created.

    Raises
    ------
    FileExistsError
        If one is there already: it stays as it is.
    OSError
        If one cannot be written.
    """
    prepared: dict[Path, Path] = {}
    placed: list[Path] = []
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            prepared[path] = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent)) / path.name
            if isinstance(content, str):
                prepared[path].write_text(content, encoding="utf-8")
            else:
                content(prepared[path])
        for path, complete in prepared.items():
            _place(complete, path)
            placed.append(path)
    except BaseException:
        for path in placed:
            path.unlink(missing_ok=True)
        raise
    finally:
        for complete in prepared.values():
            shutil.rmtree(complete.parent, ignore_errors=True)


def write_over(files: dict[Path, Content]) -> None:
    """Write files, each complete or not at all, in place of what had their names.

    Raises
    ------
    OSError
        If one cannot be written.
    """
    for path, content in files.items():
        part = path.with_name(f".{path.name}.part")
        if isinstance(content, str):
            part.write_bytes(content.encode())
        else:
            content(part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)


def _place(complete: Path, path: Path) -> None:
    """Give a file its name, unless another has it: a second name does that in one step, a renaming would not."""
    try:
        os.link(complete, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, "exists already", str(path)) from None
        complete.rename(path)
