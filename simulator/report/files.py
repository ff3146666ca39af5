"""Files that are written: all of them, or none; nothing is overwritten but what is to be."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from simulator.base.foreign import spelled


def to_json(document: Mapping[str, object]) -> str:
    """A document as JSON: two blanks of indent, no NaN, a newline at the end."""
    return spelled(json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False)) + "\n"


#: What a file holds: text, bytes, or a function that writes it.
Content = str | bytes | Callable[[Path], None]


def write_folder(folder: Path, files: Mapping[str, Content]) -> None:
    """Write a directory; an interruption leaves either nothing or everything.

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
    if folder.is_dir() and folder.is_symlink():
        folder = folder.resolve()
    if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(17, "exists and is not an empty directory", str(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _beside(folder) as private:
        prepared = private / "whole"
        prepared.mkdir()
        for name, content in files.items():
            _put(content, prepared / name)
        if folder.exists():
            folder.rmdir()
        prepared.rename(folder)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A directory beside a place, of a name nobody knows, which nobody else can enter; it goes with all in it.

    What is made in it has the mode that the user's ``umask`` says.
    """
    private = Path(tempfile.mkdtemp(prefix=".shardsim-", dir=path.parent))
    try:
        yield private
    finally:
        shutil.rmtree(private, ignore_errors=True)


#: What a file system says that has no second names for a file.
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)


def write_new(files: Mapping[Path, Content]) -> None:
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
    placed: list[Path] = []
    with ExitStack() as stack:
        prepared: dict[Path, Path] = {}
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            prepared[path] = stack.enter_context(_beside(path)) / "whole"
            _put(content, prepared[path])
        try:
            for path, complete in prepared.items():
                _place(complete, path)
                placed.append(path)
        except BaseException:
            for path in placed:
                path.unlink(missing_ok=True)
            raise


def write_over(files: Mapping[Path, Content]) -> None:
    """Write files, each complete or not at all, in place of what had their names.

    Raises
    ------
    OSError
        If one cannot be written.
    """
    for path, content in files.items():
        with _beside(path) as private:
            whole = private / "whole"
            _put(content, whole)
            with whole.open("rb+") as file:
                os.fsync(file.fileno())
            whole.replace(path)


def _put(content: Content, path: Path) -> None:
    """Write what a file holds; text as UTF-8, with the ends of lines as they are."""
    if isinstance(content, str):
        path.write_bytes(content.encode())
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path)


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
