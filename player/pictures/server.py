"""The page's server: this machine only, for who has the address (adapter of http.server).

It gives away the page, the pictures that were checked, the rig's time and, as server-sent events,
what is to be seen. It takes nothing in.
"""

from __future__ import annotations

import hmac
import queue
import secrets
import sys
import threading
from collections import deque
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from rym.clock import Clock
from rym.errors import DeviceError

from .files import Hall
from .page import render

POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; "
    "connect-src 'self'; img-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
ICON = "/favicon.ico"
MOST_LISTENERS = 8
"""Pages open at the same time."""
WAITING = 256
"""Events that wait for one page; one farther behind is let go, and comes back by itself."""
BEFORE = 16
"""Places that a page is told which opens later: those still to be heard, and what lies before."""
PULSE = 2.0
"""Seconds of silence after which a connection is tried, so that one that is gone is noticed."""


class PageServer(ThreadingHTTPServer):
    """Shows the pictures of one bank.

    Parameters
    ----------
    hall : Hall
        What may be seen.
    clock : Clock
        The rig's.
    port : int
        On this machine; 0 takes a free one.
    token : str
        Secret part of the address; empty makes one up.
    mark : str
        What stands in the page's corner.

    Raises
    ------
    DeviceError
        If the port cannot be had.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self, hall: Hall, clock: Clock, *, port: int = 0, token: str = "", mark: str = ""
    ) -> None:
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise DeviceError(
                f"The page cannot be given at port {port}: {error.strerror}.",
                "Set another one in [page] port, or 0 for a free one.",
                port=port,
            ) from None
        self.hall = hall
        self.clock = clock
        self.token = token or secrets.token_urlsafe(24)
        self.facts = hall.gallery.facts(mark)
        self.hosts = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}
        self._lock = threading.Lock()
        self._listeners: set[queue.Queue[bytes | None]] = set()
        self._places: deque[bytes] = deque(maxlen=BEFORE)
        self._said = _event("said", "")
        self._open = True

    @property
    def url(self) -> str:
        """Address of the page; who has it sees the pictures."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"

    def show(self, place: dict[str, Any]) -> None:
        """Tell every page what is to be seen, and when; from any thread."""
        event = _event("shown", place)
        with self._lock:
            self._places.append(event)
            self._tell(event)

    def say(self, text: str) -> None:
        """Tell every page what stands below the picture; empty for nothing."""
        event = _event("said", text)
        with self._lock:
            self._said = event
            self._tell(event)

    def _tell(self, event: bytes) -> None:
        for listener in list(self._listeners):
            try:
                listener.put_nowait(event)
            except queue.Full:
                self._listeners.discard(listener)
                _end(listener)

    def join(self) -> queue.Queue[bytes | None] | None:
        """Return the events of one more page, None where there are too many; None ends them."""
        with self._lock:
            if not self._open or len(self._listeners) >= MOST_LISTENERS:
                return None
            listener: queue.Queue[bytes | None] = queue.Queue(WAITING)
            for event in (self._said, *self._places):
                listener.put_nowait(event)
            self._listeners.add(listener)
            return listener

    def leave(self, listener: queue.Queue[bytes | None]) -> None:
        """Forget a page that is gone."""
        with self._lock:
            self._listeners.discard(listener)

    def hang_up(self) -> None:
        """End every connection and take no more."""
        with self._lock:
            self._open = False
            for listener in self._listeners:
                _end(listener)
            self._listeners.clear()

    def handle_error(self, *_: Any) -> None:
        """Say in one line that an answer failed; the address is not told, it holds the token."""
        sys.stderr.write(f"One request failed ({type(sys.exception()).__name__}).\n")


def _event(kind: str, content: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode(content))


def _end(listener: queue.Queue[bytes | None]) -> None:
    """Let its connection end, whatever waits."""
    while True:
        try:
            listener.put_nowait(None)
        except queue.Full:
            _next(listener)
        else:
            return


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer until the other side has enough; that it went away is no fault of anybody."""
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do_GET(self) -> None:
        """Answer with the page, the time, a picture, or what is to be seen from now on."""
        came = self.server.clock.now()
        if self.path == ICON and self.headers.get("Host") in self.server.hosts:
            self._send(HTTPStatus.NO_CONTENT, "image/x-icon", b"")  # every browser asks for it
            return
        path = self._path()
        if path is None:
            self._refuse(HTTPStatus.FORBIDDEN, "This address is not the page's own.")
        elif path == "":
            self._page()
        elif path == "time":
            times = msgspec.json.encode([came, self.server.clock.now()])
            self._send(HTTPStatus.OK, "application/json", times)
        elif path == "events":
            self._events()
        elif (data := self.server.hall.files.get(path.removeprefix("file/"))) is not None:
            self._send(HTTPStatus.OK, "image/webp", data)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "There is nothing of that name.")

    def _path(self) -> str | None:
        """Return what is asked for by somebody who may, else None.

        A page of elsewhere may send requests here; it does not know the token, its `Origin` is
        another one, and a name of its own for this machine shows in `Host`.
        """
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        first, _, rest = self.path.partition("?")[0].removeprefix("/").partition("/")
        allowed = (
            host in self.server.hosts
            and hmac.compare_digest(first.encode(), self.server.token.encode())
            and (origin is None or origin in {f"http://{name}" for name in self.server.hosts})
        )
        return rest if allowed else None

    def _page(self) -> None:
        nonce = secrets.token_urlsafe(18)
        data = render(self.server.facts, nonce).encode()
        policy = {"Content-Security-Policy": POLICY.format(nonce=nonce)}
        self._send(HTTPStatus.OK, "text/html; charset=utf-8", data, policy)

    def _events(self) -> None:
        listener = self.server.join()
        if listener is None:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too many pages are open.")
            return
        self.close_connection = True
        try:
            self._head(HTTPStatus.OK, "text/event-stream", {"Connection": "close"})
            self.wfile.write(b"retry: 500\n\n")
            while (event := _next(listener)) is not None:
                self.wfile.write(event)
        finally:
            self.server.leave(listener)

    def _refuse(self, status: HTTPStatus, error: str) -> None:
        self.close_connection = True
        self._send(status, "application/json", msgspec.json.encode({"error": error}))

    def _send(
        self, status: HTTPStatus, kind: str, data: bytes, more: dict[str, str] | None = None
    ) -> None:
        self._head(status, kind, {"Content-Length": str(len(data))} | (more or {}))
        self.wfile.write(data)

    def _head(self, status: HTTPStatus, kind: str, more: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (HEADERS | {"Content-Type": kind} | more).items():
            self.send_header(name, value)
        self.end_headers()

    def version_string(self) -> str:
        """Say nothing of which Python answers."""
        return "RYM"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write nothing: a request's line holds the token."""


def _next(listener: queue.Queue[bytes | None]) -> bytes | None:
    """Return the next event, an empty one after `PULSE`; None is the end."""
    try:
        return listener.get(timeout=PULSE)
    except queue.Empty:
        return b":\n\n"
