"""The page's server: this machine only, for who has the address (adapter: threads).

It gives away the page, the pictures that were checked, the rig's time and, as server-sent events,
what is to be seen. It takes nothing in.
"""

from __future__ import annotations

import queue
import secrets
import threading
from collections import deque
from http import HTTPStatus
from typing import Any

import msgspec

from rym.clock import Clock
from rym.errors import DeviceError
from rym.web import PrivateHandler, PrivateServer

from .files import Hall
from .page import render

POLICY = "img-src 'self' blob:"
MOST_LISTENERS = 8
"""Pages open at the same time."""
WAITING = 256
"""Events that wait for one page; one farther behind is let go, and comes back by itself."""
BEFORE = 16
"""Places that a page is told which opens later: those still to be heard, and what lies before."""
PULSE = 2.0
"""Seconds of silence after which a connection is tried, so that one that is gone is noticed."""


class PageServer(PrivateServer):
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

    def __init__(
        self, hall: Hall, clock: Clock, *, port: int = 0, token: str = "", mark: str = ""
    ) -> None:
        try:
            super().__init__(_Handler, port=port, token=token)
        except OSError as error:
            raise DeviceError(
                f"The page cannot be given at port {port}: {error.strerror}.",
                "Set another one in [page] port, or 0 for a free one.",
                port=port,
            ) from None
        self.hall = hall
        self.clock = clock
        self.facts = hall.gallery.facts(mark)
        self._lock = threading.Lock()
        self._listeners: set[queue.Queue[bytes | None]] = set()
        self._places: deque[bytes] = deque(maxlen=BEFORE)
        self._said = _event("said", "")
        self._open = True

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


class _Handler(PrivateHandler):
    """One connection."""

    server: PageServer
    disable_nagle_algorithm = True

    def do_GET(self) -> None:  # noqa: N802 - so http.server calls it
        """Answer with the page, the time, a picture, or what is to be seen from now on."""
        came = self.server.clock.now()
        if self.icon():
            return
        path = self.asked()
        if path is None:
            self._refuse(HTTPStatus.FORBIDDEN, "This address is not the page's own.")
        elif path == "":
            self._page()
        elif path == "time":
            times = msgspec.json.encode([came, self.server.clock.now()])
            self.send(HTTPStatus.OK, "application/json", times)
        elif path == "events":
            self._events()
        elif (data := self.server.hall.files.get(path.removeprefix("file/"))) is not None:
            self.send(HTTPStatus.OK, "image/webp", data)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "There is nothing of that name.")

    def _page(self) -> None:
        nonce = secrets.token_urlsafe(18)
        self.send_page(render(self.server.facts, nonce).encode(), nonce, POLICY)

    def _events(self) -> None:
        listener = self.server.join()
        if listener is None:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too many pages are open.")
            return
        self.close_connection = True
        try:
            self.head(HTTPStatus.OK, "text/event-stream", {"Connection": "close"})
            self.wfile.write(b"retry: 500\n\n")
            while (event := _next(listener)) is not None:
                self.wfile.write(event)
        finally:
            self.server.leave(listener)

    def _refuse(self, status: HTTPStatus, error: str) -> None:
        self.close_connection = True
        self.send(status, "application/json", msgspec.json.encode({"error": error}))


def _next(listener: queue.Queue[bytes | None]) -> bytes | None:
    """Return the next event, an empty one after `PULSE`; None is the end."""
    try:
        return listener.get(timeout=PULSE)
    except queue.Empty:
        return b":\n\n"
