"""The drawing library of a page: BokehJS, as the package ``bokeh`` brings it; the package itself is not imported."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from simulator.base.errors import UnavailableError

#: Where its programs are in the package, in the order in which they are loaded.
PROGRAMS = ("bokeh.min.js", "bokeh-api.min.js")
_FOLDER = ("server", "static", "js")


def _folder() -> Path:
    """Where its programs are.

    Raises
    ------
    UnavailableError
        If it is not installed.
    """
    found = find_spec("bokeh")
    places = [] if found is None else [Path(place, *_FOLDER) for place in found.submodule_search_locations or ()]
    for place in places:
        if all((place / name).is_file() for name in PROGRAMS):
            return place
    raise UnavailableError("--report needs the package bokeh: pip install 'shardsim[report]'")


def refuse_missing() -> None:
    """Raise UnavailableError if the library is not installed."""
    _folder()


def programs() -> list[str]:
    """Its programs, to stand in a page."""
    folder = _folder()
    return [(folder / name).read_text(encoding="utf-8") for name in PROGRAMS]


def library_version() -> str:
    """Which one it is."""
    return version("bokeh")
