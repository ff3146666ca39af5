"""A Dask cluster as a pool of workers; imported only when one is asked for."""

import asyncio
import importlib.util
import logging
import re
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any, TypeVar

from simulator.base.errors import UnavailableError
from simulator.running.pools import LOOK_S, Pool
from simulator.running.provenance import versions

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://([^\s:/]+|\[[^\s/]+\]):\d+")
#: Seconds to wait for the scheduler; for a worker, at first or when all are gone; until one has loaded us.
CONNECT_S, WORKERS_S, LOAD_S = 10.0, 60.0, 60.0


@lru_cache(maxsize=1)
def fingerprint() -> tuple[tuple[str, str], ...]:
    """Versions of what figures depend on, to the last bit."""
    return tuple((name, number) for name, number in versions().items() if name != "python")


def on_cluster(function: Callable[[Item], Answer]) -> Callable[[Item], Answer]:
    """``function`` for workers elsewhere, which refuse if they are of another version."""
    return partial(_checked, function, fingerprint())


def _checked(function: Callable[[Item], Answer], wanted: tuple[tuple[str, str], ...], item: Item) -> Answer:
    for (name, there), (_, here) in zip(fingerprint(), wanted, strict=True):
        if there != here:
            raise UnavailableError(f"a worker of the cluster has {name} {there}, here it is {here}: install the same")
    return function(item)


def _nothing(item: None) -> None:
    return item


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise UnavailableError("a cluster takes the package distributed: pip install 'shardsim[dist]'") from None


class _Cluster:
    """Workers of a Dask scheduler: it does again, elsewhere, what a lost worker was doing."""

    most_losses = 1  # the scheduler has tried several times
    breaks = False

    def __init__(self, client: Any, address: str) -> None:
        self.client = client
        self.address = address
        self.losses: tuple[type[BaseException], ...] = (_distributed().KilledWorker,)
        # no retries of what raised an exception: it would raise it again. What a lost worker did is done again anyway
        self.executor = client.get_executor(pure=False, retries=0)
        self.workers: dict[str, int] = {}  #: threads by address, as last seen
        self.gone = 0
        self.look_s = self.seen_s = time.monotonic()
        self.look()

    def look(self) -> None:
        """See who is there, if it is time."""
        now = time.monotonic()
        if now < self.look_s:
            return
        try:
            workers = self.client.nthreads(callback_timeout=CONNECT_S)
        except OSError:  # a time-out is one, too
            raise UnavailableError(f"{self.address}: the cluster went away; what was finished before is kept") from None
        self.gone += len(self.workers.keys() - workers.keys())
        self.workers, self.look_s = workers, now + LOOK_S
        if workers:
            self.seen_s = now
        elif now - self.seen_s > WORKERS_S:
            raise UnavailableError(f"{self.address}: the cluster has had no worker for {WORKERS_S:.0f} s")

    def width(self) -> int:
        """Threads of all workers."""
        self.look()
        return sum(self.workers.values())

    def lost(self) -> int:
        """Workers that were there and are not."""
        self.look()
        return self.gone


@contextmanager
def cluster_pool(address: str) -> Iterator[Pool]:
    """The workers of a Dask scheduler.

    Raises
    ------
    UnavailableError
        If it cannot be reached, has no workers, or not ours.
    """
    cure = "give the address that `dask scheduler` prints, like tcp://10.0.0.5:8786"
    distributed = _distributed()
    if _ADDRESS.fullmatch(address) is None:
        raise UnavailableError(f"{address!r} is not the address of a Dask scheduler; {cure}")
    if address.startswith("ucx://") and importlib.util.find_spec("distributed_ucxx") is None:
        raise UnavailableError(f"{address}: ucx takes the package distributed-ucxx; install it, or use tcp")
    _answers(distributed, address, cure)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other versions are refused by name, where they matter: _checked
            client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ImportError) as error:
        raise UnavailableError(f"{address}: no Dask scheduler answers there; {cure} ({_line(error)})") from None
    with _quiet("distributed.client"), _quiet("distributed.utils"), client:
        _check(client, address)
        yield _Cluster(client, address)


def _answers(distributed: Any, address: str, cure: str) -> None:
    """Refuse an address where nobody greets as Dask does: the client would wait for ever, or believe what it hears."""

    async def greeted() -> None:
        ours = distributed.Security().get_connection_args("client")
        connection = distributed.comm.connect(address, timeout=CONNECT_S, **ours)
        (await asyncio.wait_for(connection, CONNECT_S + 1)).abort()  # its own time-out does not see the greeting

    try:
        with ThreadPoolExecutor(1) as apart:  # a notebook has a loop of its own in this thread
            apart.submit(asyncio.run, greeted()).result()
    except Exception as error:  # whatever a stranger says, as a message of Dask
        raise UnavailableError(f"{address}: no Dask scheduler answers there; {cure} ({_line(error)})") from error


def _line(error: BaseException) -> str:
    """An error in a line: its own words, or its name."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:200]}" if words else type(error).__name__


@contextmanager
def _quiet(logger: str) -> Iterator[None]:
    """What it would log is said by our own errors."""
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)


def _check(client: Any, address: str) -> None:
    """Refuse a cluster without workers, and one that does not have this package."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError:
        message = f"{address}: the cluster has no workers; start some with `dask worker {address}`"
        raise UnavailableError(message) from None
    probe = client.submit(on_cluster(_nothing), None, pure=False)
    try:
        probe.result(timeout=LOAD_S)
    except UnavailableError:
        raise
    except Exception as error:
        message = f"{address}: its scheduler and workers need shardsim {versions()['shardsim']} installed"
        why = _line(error)
        if isinstance(error, TimeoutError):
            why = f"none of them answered in {LOAD_S:.0f} s, which is how long a lack of it may look"
        raise UnavailableError(f"{message} ({why})") from error
