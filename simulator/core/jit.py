"""``kernel``: compile with numba once, cached under a hash of the sources that kernels stand in.

numba's own cache looks only at the file of the function called, so an edit to a rule in another module would go
unnoticed. Here the cache directory's name is a hash of all modules with kernels: any edit starts a new one.
"""

import hashlib
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from llvmlite.binding import get_host_cpu_name
from numba.core import config, ir
from numba.core.caching import FunctionCache
from numba.core.codegen import CPUCodegen
from numba.core.options import DefaultOptions
from numba.core.registry import CPUDispatcher

F = TypeVar("F", bound=Callable[..., Any])


def source_hash() -> str:
    """Hash of the modules that define kernels, and of what compiles them, and for which processor."""
    digest = hashlib.sha256(f"{numba.__version__} {get_host_cpu_name()} {sys.implementation.cache_tag}".encode())
    package = Path(__file__).parent.parent
    digest.update(str(package).encode())  # numba itself goes by the path: another checkout compiles for itself
    for folder in ("core", "engines", "workload"):
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_choices() -> list[Path]:
    """Where compiled kernels may be kept, best first: ``$SHARDSIM_CACHE``, the user's cache, a temporary directory."""
    home = os.environ.get("XDG_CACHE_HOME") or Path("~").expanduser() / ".cache"
    temporary = Path(tempfile.gettempdir()) / f"shardsim-{_user()}"
    choices = [os.environ.get("SHARDSIM_CACHE"), Path(home) / "shardsim", temporary]
    return [Path(choice) for choice in choices if choice is not None]


def cache_directory() -> Path | None:
    """Where compiled kernels are kept: in the first of the choices that can be written, and by nobody else.

    What is read from there is run. So the directory is this user's own and others cannot write it; all above it are
    this user's or the system's, and others cannot put another in the place of any.

    None where there is no such directory; then each process compiles for itself.
    """
    for choice in cache_choices():
        folder = choice / f"kernels-{source_hash()}"
        try:
            choice.parent.mkdir(parents=True, exist_ok=True)
            choice = choice.resolve()  # a link of somebody else's could lead elsewhere once it was looked at
            folder = choice / folder.name
            choice.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            above = (choice, *choice.parents)
            is_safe = all(_is_safe(one.stat(), (_user(), 0), stat.S_ISVTX) for one in above)
            is_safe = is_safe and _is_safe(folder.lstat(), (_user(),))
        except OSError:
            continue
        if is_safe and os.access(folder, os.W_OK):
            return folder
    return None


def _user() -> int:
    """Number of the user; 0 where users have none, and files neither."""
    return os.geteuid() if hasattr(os, "geteuid") else 0


def _is_safe(found: os.stat_result, owners: tuple[int, ...], unless: int = 0) -> bool:
    """Whether a directory is of one of these owners, and others cannot write it, unless it has this mode."""
    others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and os.name == "posix"
    return stat.S_ISDIR(found.st_mode) and found.st_uid in owners and (not others or bool(found.st_mode & unless))


_CACHE = cache_directory()


#: Kernels allocate nothing. Told so, numba leaves out the counting of references to array arguments, atomic
#: operations that cost 100 ns a call; the option is numba's own, for internal use, so it is used where there is one.
_OPTIONS = {"_nrt": False, "no_cfunc_wrapper": True} if hasattr(DefaultOptions, "_nrt") else {}


def kernel(function: F) -> F:
    """Compile ``function`` in nopython mode, without fastmath: a float is rounded alike wherever it is computed."""
    return _compiled(function)


def formula(function: F) -> F:
    """A kernel of a few lines, put into its callers: only then is a loop around it vectorised."""
    return _compiled(function, forceinline=True)


def passage(function: F) -> F:
    """A passage of one kernel that has a name: put into it before types are inferred, it is compiled with it."""
    return _compiled(function, inline="always")


class Question(CPUDispatcher):
    """A kernel that says yes or no of a few numbers.

    Kernels have it put into them; who asks from Python is answered by the function itself. To read what was compiled
    takes milliseconds, of each, before the first answer, and a call that goes through it as long as the function.
    """

    def __call__(self, *given: Any) -> bool:
        """What the function says."""
        return bool(self.py_func(*given))


class OnDemand:
    """The cache of a kernel, which is looked for when it is asked: of most kernels nothing is read but by others."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._made: Any = None

    def __getattr__(self, name: str) -> Any:
        """As of numba's own."""
        if self._made is None:
            settings: Any = config
            previous, settings.CACHE_DIR = settings.CACHE_DIR, str(_CACHE)
            try:
                self._made = FunctionCache(self._function)  # type: ignore[no-untyped-call]
            finally:
                settings.CACHE_DIR = previous
            forgiving(self._made)
        return getattr(self._made, name)


def _compiled(function: F, **more: Any) -> F:
    options: Any = {"nogil": True, "error_model": "numpy", **_OPTIONS, **more}
    compiled: Any = numba.njit(function, **options)
    if isinstance(compiled, CPUDispatcher):  # pragma: no cover (only with the compiler on)
        if _CACHE is not None:
            compiled._cache = OnDemand(function)  # type: ignore[attr-defined]
        if function.__annotations__.get("return") in ("bool", bool):
            compiled.__class__ = Question
    return cast(F, compiled)


def forgiving(cache: Any) -> None:
    """Make a kernel's cache one that cannot fail: what cannot be read is compiled anew, what cannot be kept is not.

    Before it reads a kernel, numba's own fetches all that a compiler needs, for a second. What is read needs none of
    it, as long as it allocates nothing; and whatever is compiled after all fetches it itself.
    """
    load, save = cache.load_overload, cache.save_overload
    load = getattr(cache, "_load_overload", load) if _OPTIONS else load

    def loaded(*asked: Any) -> Any:
        try:
            return load(*asked)
        except Exception as error:  # noqa: BLE001 - a damaged file makes its reader say anything
            _say_once(f"a file of the cache of compiled kernels is damaged, and is made anew ({type(error).__name__})")
            with suppress(OSError):
                cache.flush()
            return None

    def saved(*given: Any) -> None:
        try:
            save(*given)
        except Exception as error:  # noqa: BLE001 - also one that read a damaged index
            _say_once(f"compiled kernels cannot be kept, so they are compiled again next time: {error}")
            with suppress(OSError):
                cache.flush()

    cache.load_overload, cache.save_overload = loaded, saved


#: Whether something was said about the cache in this process.
_SAID: list[str] = []


def _say_once(what: str) -> None:
    """Say on standard error what is wrong with the cache, the first time."""
    if not _SAID:
        _SAID.append(what)
        sys.stderr.write(f"{what}: {_CACHE}\n")


#: A file of the cache: all kernels of a part have been compiled.
COMPLETE = "complete"

#: The parts that are compiled when they are needed: their words for whoever waits, and the seconds that it took cold
#: when this was written.
AHEAD, EVENTS, CLIENTS = "ahead", "events", "clients"
PARTS = {
    AHEAD: ("the engine", 15),
    EVENTS: ("the loop that goes event by event", 60),
    CLIENTS: ("the loop that finds who comes, and who is shed", 15),
}


def is_compiled(cache: Path, part: str = AHEAD) -> bool:
    """Whether a cache directory holds all kernels of a part."""
    return (cache / f"{COMPLETE}-{part}").exists()


def is_there(part: str) -> bool:
    """Whether a part need not be compiled any more; without a cache it is compiled by whoever calls it."""
    return _CACHE is None or is_compiled(_CACHE, part)


def compiled_once(compile_all: Callable[[], None], say: Callable[[str], None] | None = None, part: str = AHEAD) -> None:
    """Call ``compile_all`` unless the cache says that it has been done; one process at a time does it.

    ``say`` is told what the waiting is for. Without a cache nothing is remembered: what is called compiles itself.
    """
    if _CACHE is None or is_compiled(_CACHE, part):
        return
    if say is not None:
        what, cold_s = PARTS[part]
        say(f"compiling {what}, once for this version and machine: about {cold_s} s")
    with _alone(_CACHE / f"lock-{part}"):
        if not is_compiled(_CACHE, part):
            with _one_scope(), _lighter_at_first():
                compile_all()
            with suppress(OSError):  # a full disk: the next process looks again
                (_CACHE / f"{COMPLETE}-{part}").touch()


@contextmanager
def _one_scope() -> Iterator[None]:
    """Passages are put into kernels with one scope each: a fifth of compiling is saved.

    numba copies a passage block by block, and with every block the scope, the names of the whole passage, though it
    asserts afterwards that all these scopes are one. Here it is one. (Only where numba has no way of its own.)
    """
    scope: Any = ir.Scope
    if "__deepcopy__" in vars(scope):
        yield
        return
    scope.__deepcopy__ = lambda self, _: self
    try:
        yield
    finally:
        del scope.__deepcopy__


@contextmanager
def _lighter_at_first() -> Iterator[None]:
    """What is done to each function before its module is optimised is done lightly: a sixth of compiling is saved.

    Everything is done to the module again, at the full level, when a function's callees are in it.
    (Only where numba has such passes.)
    """
    whole: Any = getattr(CPUCodegen, "_function_pass_manager", None)
    if whole is None:
        yield
        return
    cast(Any, CPUCodegen)._function_pass_manager = lambda *given, **options: whole(*given, **{"opt": 1, **options})
    try:
        yield
    finally:
        cast(Any, CPUCodegen)._function_pass_manager = whole


#: Seconds that are waited for another process that compiles; then it is done here.
LONGEST_S = 600


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock that goes with the process; where there are no such locks, others may do the same work twice.

    So they do where somebody holds it for very long: a process that was stopped.
    """
    try:
        import fcntl

        file = path.open("w")
    except (ImportError, OSError):
        yield
        return
    with file:
        until_s = time.monotonic() + LONGEST_S
        while time.monotonic() < until_s:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.05)
        yield
