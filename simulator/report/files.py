"""Files of a run: all of them, or none."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from simulator.core.trace import Trace


def to_json(document: dict[str, Any]) -> str:
    """A document as JSON: two blanks of indent, no NaN, a newline at the end."""
    return json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


#: Columns of a Trace that are kept for every query.
QUERY_COLUMNS = (
    *("arrival_ns", "completion_ns", "outcome", "enter_ns", "close_ns", "leave_ns", "candidates"),
    *("critical_shard", "critical_wait_ns", "critical_service_ns", "critical_response_ns", "answer_sum_ns"),
)


def query_arrays(traces: dict[int, Trace]) -> bytes:
    """The queries of all replications as an ``.npz`` file, warm-up included.

    ``replication`` and ``measured`` (queries,); then the columns of the Trace, (queries,) or (stages, queries), in ns;
    -1 where an instant was not reached.
    """
    ordered = sorted(traces)
    columns: dict[str, Any] = {
        "replication": np.concatenate([np.full(len(traces[r].arrival_ns), r) for r in ordered]),
        "measured": np.concatenate([np.arange(len(traces[r].arrival_ns)) >= traces[r].first_measured for r in ordered]),
    }
    for name in QUERY_COLUMNS:
        columns[name] = np.concatenate([getattr(traces[r], name) for r in ordered], axis=-1)
    out = io.BytesIO()
    np.savez_compressed(out, **columns)
    return out.getvalue()


def write_run(folder: Path, files: dict[str, str | bytes]) -> None:
    """Write a run directory; an interruption leaves either nothing or everything.

    Parameters
    ----------
    folder
        Must not exist, or be empty; its parents are created.
    files
        Text, or bytes, by name.

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
            (prepared / name).write_bytes(content.encode() if isinstance(content, str) else content)
        prepared.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        prepared.rename(folder)
    except BaseException:
        shutil.rmtree(prepared, ignore_errors=True)
        raise
