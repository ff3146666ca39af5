"""How a plug-in's file or module is read, hashed and run."""

import hashlib
import importlib
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from simulator.base.errors import PluginError
from simulator.base.places import exists, is_file

#: What may be named.
CURE = "a plug-in is FILE.py or an installed module"


def module_name(path: Path, sha256: str) -> str:
    """A name of its own: a file called numpy.py takes nobody's place, and one that was edited is loaded anew."""
    return f"_shardsim_plugin_{path.stem}_{hashlib.sha256(f'{path} {sha256}'.encode()).hexdigest()[:16]}"


def module_of_file(given: str) -> tuple[ModuleType, str]:
    """A Python file, run as a module of its own, and its hash. Raises PluginError."""
    path = Path(given).absolute()
    if path.suffix != ".py":
        raise PluginError(f"{given}: is no Python file; {CURE}")
    try:
        if exists(path) and not is_file(path):  # a pipe would be waited for, and a device read without an end
            raise PluginError(f"{given}: cannot be read: not a regular file")
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise PluginError(f"{given}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    sha256 = hashlib.sha256(content).hexdigest()
    name = module_name(path, sha256)
    if name in sys.modules:
        return sys.modules[name], sha256
    spec = spec_from_file_location(name, path)
    assert isinstance(spec, ModuleSpec) and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        exec(compile(content, str(path), "exec"), vars(module))  # what was hashed, not what stands there a moment later
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise PluginError(f"{given}{_line_of(error, str(path))}: cannot be loaded: {said(error)}") from error
    return module, sha256


def module_named(given: str) -> tuple[ModuleType, str]:
    """A module that can be imported, and its hash. Raises PluginError."""
    try:
        module = importlib.import_module(given)
    except (Exception, SystemExit) as error:
        cure = "" if not isinstance(error, ModuleNotFoundError) else f"; {CURE}"
        raise PluginError(f"{given}: cannot be loaded: {said(error)}{cure}") from error
    return module, sha256_of(module)


@cache
def sha256_of(module: ModuleType) -> str:
    """Hash of a module's file; in a package, of all Python files of its folder and below.

    As they were when it was first asked for: Python goes on with the module that it imported.
    """
    file = getattr(module, "__file__", None)
    if file is None:
        return ""
    path = Path(file)
    return _sha256_of_folder(path.parent) if module.__package__ else hashlib.sha256(path.read_bytes()).hexdigest()


def sha256_of_what_it_reads(thing: Any) -> str:
    """Hash of what the file holds that an instance of a plug-in names as its ``file``, now; empty where there is none.

    What is worked out of an instance is kept: of two that are equal, this tells whether they read the same.
    """
    file = getattr(thing, "file", None)
    return sha256_of_file(file) if isinstance(file, str) else ""


def sha256_of_file(file: str) -> str:
    """Hash of what a file holds now; empty where there is none that can be read."""
    if not is_file(Path(file)):
        return ""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:  # it tells so itself, or does not read it
        return ""


@cache
def _sha256_of_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def said(error: BaseException) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line_of(error: BaseException, path: str) -> str:
    """``:line`` of the file where it went wrong, where that is known."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return f":{error.lineno}"
    frames: Sequence[Any] = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == path]
    return f":{lines[-1]}" if lines else ""
