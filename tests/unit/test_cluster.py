"""A cluster that does not answer, cannot be spoken to, or lacks the package: told in time, with a cure."""

import socket
from contextlib import nullcontext
from threading import Thread
from unittest import mock

import pytest

from simulator.base.errors import UnavailableError
from simulator.running import cluster


class Client:
    """A scheduler with one worker, of which nobody answers for long."""

    def __init__(self, fails=None):
        self.fails = fails or {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def wait_for_workers(self, count, timeout):
        self.answered("wait_for_workers", timeout)

    def submit(self, *_, pure):
        return self

    def result(self, timeout):
        self.answered("result", timeout)

    def nthreads(self, callback_timeout):
        self.answered("nthreads", callback_timeout)
        return {"tcp://10.0.0.6:1": 2}

    def get_executor(self, **_):
        return nullcontext()

    def answered(self, what, timeout_s):
        """Whoever waits says for how long."""
        assert 0 < timeout_s <= 60
        if what in self.fails:
            raise self.fails[what]


def greeting():
    """The package, and a scheduler that greets as it should."""
    distributed = mock.Mock()
    distributed.Security().get_connection_args.return_value = {}
    distributed.comm.connect = mock.AsyncMock(return_value=mock.Mock())
    return distributed


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        ({"connect": OSError("timed out")}, "no Dask scheduler answers there; give the address"),
        ({"wait_for_workers": TimeoutError()}, "the cluster has no workers; start some with"),
        ({"result": TimeoutError()}, r"need shardsim .* installed \(none of them answered in 60 s"),
        (
            {"result": ModuleNotFoundError("simulator")},
            r"need shardsim .* installed \(ModuleNotFoundError: simulator\)",
        ),
        ({"nthreads": TimeoutError()}, "the cluster went away; what was finished before is kept"),
    ],
)
def test_every_wait_for_a_cluster_has_an_end(fails, said):
    distributed = greeting()
    distributed.KilledWorker = RuntimeError
    distributed.Client = (
        mock.Mock(side_effect=fails["connect"]) if "connect" in fails else lambda *_, **__: Client(fails)
    )
    with (
        mock.patch.object(cluster, "_distributed", return_value=distributed),
        pytest.raises(UnavailableError, match=f"tcp://10.0.0.5:8786: .*{said}"),
        cluster.cluster_pool("tcp://10.0.0.5:8786"),
    ):
        raise AssertionError("it is there")


def test_a_cluster_that_answers_is_a_pool():
    distributed = greeting()
    distributed.Client = lambda *_, **__: Client()
    known = mock.patch.object(cluster, "_distributed", return_value=distributed)
    with known, cluster.cluster_pool("tcp://10.0.0.5:8786") as pool:
        assert (pool.width(), pool.lost()) == (2, 0)


def test_a_protocol_that_is_not_installed_is_refused():
    """The client would fail, and then wait to be closed."""
    known = mock.patch.object(cluster, "_distributed")
    lacking = mock.patch("importlib.util.find_spec", return_value=None)
    with known, lacking, pytest.raises(UnavailableError, match="ucx takes the package distributed-ucxx; install it"):
        cluster.cluster_pool("ucx://10.0.0.5:8786").__enter__()


@pytest.mark.parametrize(
    ("says", "heard"),
    [
        (b"", "TimeoutError"),  # it takes the connection, and is silent
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", r"\w+Error.*"),  # sizes of 3 EiB, to Dask
    ],
)
def test_who_is_no_scheduler_is_not_waited_for(monkeypatch, says, heard):
    """The client would wait for its greeting without an end, and take what it hears for sizes of memory."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            peer, _ = server.accept()
            with peer:
                peer.sendall(says)
                peer.settimeout(5)
                while peer.recv(4096):
                    pass

        stranger = Thread(target=answer)
        stranger.start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(UnavailableError, match=rf"no Dask scheduler answers there; give the .* \({heard}\)"):
            cluster.cluster_pool(address).__enter__()
        stranger.join(5)


def test_tls_without_certificates_says_so():
    pytest.importorskip("distributed")
    with pytest.raises(UnavailableError, match=r"no Dask scheduler answers there.*TLS expects"):
        cluster.cluster_pool("tls://127.0.0.1:9").__enter__()
