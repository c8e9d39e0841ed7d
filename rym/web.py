"""Pages on this machine, for who has their address (adapter of http.server).

A page of elsewhere may send requests to a server here. It does not know the token, which is part of
the address; its `Origin` is another one; and a name of its own for this machine shows in `Host`.
So the address is written nowhere but where it is meant to be read: no log, no error, no referrer.
"""

from __future__ import annotations

import hmac
import secrets
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; "
    "connect-src 'self'; {more}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
ICON = "/favicon.ico"


class PrivateServer(ThreadingHTTPServer):
    """A server on 127.0.0.1 whose address holds a token.

    Parameters
    ----------
    handler : type
        Answers one connection.
    port : int
        0 takes a free one.
    token : str
        Secret part of the address; empty makes one up.

    Raises
    ------
    OSError
        If the port cannot be had.
    """

    daemon_threads = True

    def __init__(self, handler: type[PrivateHandler], *, port: int = 0, token: str = "") -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.token = token or secrets.token_urlsafe(24)
        self.hosts = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}

    @property
    def url(self) -> str:
        """Address of the page; who has it may do what the page can do."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"

    def handle_error(self, *_: Any) -> None:
        """Say in one line that an answer failed; the others go on.

        The address is not told: it holds the token.
        """
        sys.stderr.write(f"One request failed ({type(sys.exception()).__name__}).\n")


class PrivateHandler(BaseHTTPRequestHandler):
    """One connection to a `PrivateServer`."""

    server: PrivateServer
    protocol_version = "HTTP/1.1"
    timeout = 60

    def handle(self) -> None:
        """Answer until the other side has enough; that it went away is no fault of anybody."""
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def icon(self) -> bool:
        """Answer the question for an icon, which every browser asks; return whether it was that."""
        asked = self.path == ICON and self.headers.get("Host") in self.server.hosts
        if asked:
            self.send(HTTPStatus.NO_CONTENT, "image/x-icon", b"")
        return asked

    def asked(self, *, order: bool = False) -> str | None:
        """Return what is asked for behind the token by somebody who may, else None.

        Parameters
        ----------
        order : bool
            True for what changes something: it must come from the page itself.
        """
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        own = {f"http://{name}" for name in self.server.hosts}
        first, _, rest = self.path.partition("?")[0].removeprefix("/").partition("/")
        allowed = (
            host in self.server.hosts
            and hmac.compare_digest(first.encode(), self.server.token.encode())
            and (origin in own if order or origin is not None else True)
        )
        return rest if allowed else None

    def head(self, status: HTTPStatus, kind: str, more: dict[str, str]) -> None:
        """Send an answer's head."""
        self.send_response(status)
        for name, value in (HEADERS | {"Content-Type": kind} | more).items():
            self.send_header(name, value)
        self.end_headers()

    def send(
        self, status: HTTPStatus, kind: str, data: bytes, more: dict[str, str] | None = None
    ) -> None:
        """Send a whole answer."""
        self.head(status, kind, {"Content-Length": str(len(data))} | (more or {}))
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_page(self, page: bytes, nonce: str, more: str) -> None:
        """Send a page that may do nothing but what is named.

        Parameters
        ----------
        page : bytes
            HTML.
        nonce : str
            Of its scripts.
        more : str
            Further directives of its content security policy.
        """
        policy = {"Content-Security-Policy": POLICY.format(nonce=nonce, more=more)}
        self.send(HTTPStatus.OK, "text/html; charset=utf-8", page, policy)

    def version_string(self) -> str:
        """Say nothing of which Python answers."""
        return "RYM"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write nothing: a request's line holds the token."""
