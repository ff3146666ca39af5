"""Files of a run: all of them, or none."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any


def to_json(document: dict[str, Any]) -> str:
    """A document as JSON: two blanks of indent, no NaN, a newline at the end."""
    return json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def write_run(folder: Path, files: dict[str, str]) -> None:
    """Write a run directory; an interruption leaves either nothing or everything.

    Parameters
    ----------
    folder
        Must not exist, or be empty; its parents are created.
    files
        Text by name.

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
        for name, text in files.items():
            (prepared / name).write_text(text, encoding="utf-8")
        prepared.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        prepared.rename(folder)
    except BaseException:
        shutil.rmtree(prepared, ignore_errors=True)
        raise
