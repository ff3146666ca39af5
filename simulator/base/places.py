"""What stands at a place that somebody named: a name that can stand nowhere (too long) is no file, and no error."""

import os.path
from pathlib import Path


def is_folder(place: str | Path) -> bool:
    """Whether a directory stands there.

    >>> is_folder("."), is_folder("a" * 5000)
    (True, False)
    """
    return os.path.isdir(place)  # noqa: PTH112 (that of Path raises what the system says of a name)


def is_file(place: str | Path) -> bool:
    """Whether a regular file stands there.

    >>> is_file("."), is_file("a" * 5000)
    (False, False)
    """
    return os.path.isfile(place)  # noqa: PTH113


def exists(place: str | Path) -> bool:
    """Whether anything stands there.

    >>> exists("."), exists("a" * 5000)
    (True, False)
    """
    return os.path.exists(place)  # noqa: PTH110
