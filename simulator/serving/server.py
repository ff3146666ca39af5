"""Who may ask the page's program, and how it is answered: this machine alone, by whoever knows the address."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from simulator.base.errors import ArgumentError, ScenarioError
from simulator.report.page.html import POLICY
from simulator.serving.live import ASKED, Live, refused

#: Where it listens: no other machine reaches it.
LOOPBACK = "127.0.0.1"
#: Names under which a browser may have found it. What asks by another name came by somebody else's (rebinding).
NAMES = (LOOPBACK, "localhost")
#: Bytes of a question, at most; seconds that a connection may take for one.
MOST_ASKED, MOST_S = 10_000, 30
#: Pages whose last question is kept.
MOST_PAGES = 100
#: Letters of the address that nobody guesses.
SECRET_BYTES = 16
JSON, HTML, YAML = "application/json", "text/html; charset=utf-8", "application/yaml; charset=utf-8"
#: What the page may do: ask the program that it came from.
POLICY_OF_PAGE = f"{POLICY}; connect-src 'self'"
HEADERS = {
    "Content-Security-Policy": f"{POLICY_OF_PAGE}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Server(ThreadingHTTPServer):
    """Serves the page of a scenario until it is shut down."""

    daemon_threads = True

    def __init__(self, live: Live, page: str, port: int = 0) -> None:
        self.live, self.page, self.secret = live, page.encode(), secrets.token_urlsafe(SECRET_BYTES)
        self.turns: dict[str, int] = {}  #: the last that each page asked
        self.simulating = threading.Lock()
        super().__init__((LOOPBACK, port), Handler)

    @property
    def url(self) -> str:
        """The whole address."""
        return f"http://{LOOPBACK}:{self.server_address[1]}/{self.secret}/"

    def answer(self, name: str, stops: list[int], page: str, turn: int) -> tuple[HTTPStatus, Mapping[str, Any]]:
        """What a setting gives; nothing where the same page has asked for another one meanwhile."""
        self.turns[page] = max(self.turns.pop(page, 0), turn)
        for oldest in list(self.turns)[:-MOST_PAGES]:
            del self.turns[oldest]
        with self.simulating:
            if turn < self.turns.get(page, turn):
                return HTTPStatus.CONFLICT, {"error": "another setting was asked for meanwhile"}
            try:
                return HTTPStatus.OK, ASKED[name](self.live, stops)
            except (ScenarioError, ArgumentError) as error:
                return HTTPStatus.UNPROCESSABLE_ENTITY, {"error": refused(error)}


class Handler(BaseHTTPRequestHandler):
    """A request."""

    server: Server
    server_version, sys_version = "shardsim", ""
    protocol_version = "HTTP/1.1"
    timeout = MOST_S

    def do_GET(self) -> None:
        """The page, or the scenario at some stops."""
        self._guarded(self._get)

    def do_POST(self) -> None:
        """What a setting gives."""
        self._guarded(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: its address would stand in a log."""

    def _guarded(self, serve: Callable[[str], None]) -> None:
        """Serve who may ask; others learn nothing."""
        path = urlsplit(self.path).path
        secret, _, rest = path.removeprefix("/").partition("/")
        is_known = secrets.compare_digest(secret.encode(), self.server.secret.encode())
        if not self._is_from_here():
            self._send(HTTPStatus.FORBIDDEN, b"", HTML)
        elif not is_known or not path.startswith("/"):
            self._send(HTTPStatus.NOT_FOUND, b"", HTML)
        else:
            serve(rest)

    def _is_from_here(self) -> bool:
        """Whether it came by a name of this machine, and from our own page, or from nobody's."""
        port = self.server.server_address[1]
        hosts = [f"{name}:{port}" for name in NAMES]
        origin, site = self.headers.get("Origin"), self.headers.get("Sec-Fetch-Site", "none")
        is_own = origin is None or origin in [f"http://{host}" for host in hosts]
        is_typed = self.command == "GET" and site == "cross-site" and self.headers.get("Sec-Fetch-Mode") == "navigate"
        return self.headers.get("Host") in hosts and is_own and (site in ("none", "same-origin") or is_typed)

    def _get(self, what: str) -> None:
        if what == "":
            self._send(HTTPStatus.OK, self.server.page, HTML)
        elif what == "scenario.yaml":
            said = parse_qs(urlsplit(self.path).query).get("at", [""])[0]
            try:
                written = self.server.live.written([int(stop) for stop in said.split(",")])
            except (ScenarioError, ArgumentError, ValueError) as error:
                self._send(HTTPStatus.UNPROCESSABLE_ENTITY, refused(error).encode(), "text/plain; charset=utf-8")
                return
            name = f'attachment; filename="{self.server.live.scenario.name}.yaml"'
            self._send(HTTPStatus.OK, written.encode(), YAML, {"Content-Disposition": name})
        else:
            self._send(HTTPStatus.NOT_FOUND, b"", HTML)

    def _post(self, what: str) -> None:
        length = self.headers.get("Content-Length", "")
        if what not in ASKED:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing of that name")
        elif self.headers.get_content_type() != JSON:
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"a question is {JSON}")
        elif not length.isdecimal() or int(length) > MOST_ASKED:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a question has at most {MOST_ASKED:,} bytes")
        else:
            try:
                asked = json.loads(self.rfile.read(int(length)))
                stops, page, turn = [*asked["at"]], str(asked["page"]), int(asked["turn"])
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                self._refuse(HTTPStatus.BAD_REQUEST, 'a question is like {"at": [3, 0], "page": "a", "turn": 1}')
                return
            status, answer = self.server.answer(what, stops, page, turn)
            self._send(status, json.dumps(answer, allow_nan=False).encode(), JSON)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        """Refuse a question that was not read: the connection ends."""
        self.close_connection = True
        self._send(status, json.dumps({"error": why}).encode(), JSON)

    def _send(self, status: HTTPStatus, content: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            **HEADERS,
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            **(more or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
