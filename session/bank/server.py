"""The audition's server: this machine only, for who has the address (adapter of http.server).

What is heard is asked for by its hash, so that a page can never show one clip and approve another.
Every answer looks at the folder as it is now; nothing is kept but previews.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from rym import bank
from rym.bank import ROLES, Bank, Role
from rym.errors import RymError, UsageError

from .approvals import Judgement, ask_again, judge, wished, withdraw
from .cards import Shown
from .page import render
from .previews import Previews

LONGEST = 1 << 20
"""Bytes of an order: approving a thousand clips takes a fifth of it."""
TYPES = {".flac": "audio/flac", ".webp": "image/webp", ".wav": "audio/wav"}
RANGE = re.compile(r"bytes=(?=-?[0-9])([0-9]*)-([0-9]*)")
LENGTH = re.compile(r"[0-9]{1,9}")
DIGITS = 19
"""Of a number in a range; no file is as long as one with more."""
ICON = "/favicon.ico"
RELOAD = "Load the page again."
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; "
    "img-src 'self' data:; media-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Order `judge`."""

    by: Role
    said: tuple[Judgement, ...]


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Order `again`."""

    name: str
    sha256: str
    wish: bool
    """False takes it back."""


class Audition(ThreadingHTTPServer):
    """Shows one bank and takes in what is said of it.

    Parameters
    ----------
    folder : Path
        The bank's.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.token = secrets.token_urlsafe(24)
        self.previews = Previews(folder)
        self.hosts = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}

    def handle_error(self, *_: Any) -> None:
        """Say in one line that an answer failed; the others go on.

        The address is not told: it holds the token.
        """
        sys.stderr.write(f"One request failed ({type(sys.exception()).__name__}).\n")

    @property
    def url(self) -> str:
        """Address of the page; who has it may approve."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"

    def page(self, nonce: str) -> str:
        """Return the page of the bank as it is now."""
        now = bank.read(self.folder)
        bank.check_form(now, self.folder)
        wishes = frozenset(wished(self.folder, now))
        shown = Shown(now, live=True, damage=self.previews.damages(now), wished=wishes)
        return render(now, self.previews, shown, nonce)

    def state(self, now: Bank) -> dict[str, Any]:
        """Return what was said of everything, as it is now."""
        wishes = wished(self.folder, now)
        things = {
            name: {"sha256": sha, "wished": name in wishes}
            | {by: now.verdict(name, by) for by in ROLES}
            for name, sha in now.judged.items()
        }
        return {"content": now.content_sha256, "things": things}

    def judge(self, order: Said) -> dict[str, Any]:
        """Write down what was said; damaged files are approved by nobody."""
        damage = self.previews.damages(bank.read(self.folder))
        whole = [x for x in order.said if not (x.approved and x.name in damage)]
        broken = [damage[x.name] for x in order.said if x.approved and x.name in damage]
        now, refused = judge(self.folder, whole, order.by)
        return {**self.state(now), "refused": [*refused, *broken]}

    def again(self, order: Wish) -> dict[str, Any]:
        """Put something on the builder's list, or take it off.

        Raises
        ------
        UsageError
            If it was made again meanwhile.
        """
        found = bank.read(self.folder).judged.get(order.name)
        if found != order.sha256:
            raise UsageError(f"{order.name} was made again meanwhile.", RELOAD)
        if order.wish:
            ask_again(self.folder, order.name)
        else:
            withdraw(self.folder, order.name)
        return self.state(bank.read(self.folder))


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Audition
    protocol_version = "HTTP/1.1"
    timeout = 60

    def handle(self) -> None:
        """Answer until the other side has enough; that it went away is no fault of anybody."""
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do_GET(self) -> None:
        """Answer with the page, what was said, or a file."""
        if self.path == ICON and self.headers.get("Host") in self.server.hosts:
            self._send(HTTPStatus.NO_CONTENT, "image/x-icon", b"")  # every browser asks for it
            return
        path = self._path(order=False)
        if path is None:
            return
        try:
            if path == "":
                self._page()
            elif path == "state":
                self._json(self.server.state(bank.read(self.server.folder)))
            elif path.startswith("file/"):
                self._file(path.removeprefix("file/"))
            else:
                self._refuse(HTTPStatus.NOT_FOUND, "There is nothing of that name.", RELOAD)
        except RymError as error:
            self._refuse(HTTPStatus.CONFLICT, error.error, error.remedy)
        except (ConnectionError, TimeoutError):
            raise  # a player that has enough closes while it is sent
        except OSError as error:
            said = f"The bank cannot be read: {error.strerror}."
            self._refuse(HTTPStatus.CONFLICT, said, "Check the folder's rights, and load again.")

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        """Take in an order."""
        path = self._path(order=True)
        if path is None:
            return
        data = self._body()
        if data is None:
            return
        try:
            if path == "judge":
                self._json(self.server.judge(msgspec.json.decode(data, type=Said)))
            elif path == "again":
                self._json(self.server.again(msgspec.json.decode(data, type=Wish)))
            else:
                self._refuse(HTTPStatus.NOT_FOUND, "There is nothing of that name.", RELOAD)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"That cannot be understood: {error}.", RELOAD)
        except RymError as error:
            self._refuse(HTTPStatus.CONFLICT, error.error, error.remedy)
        except (ConnectionError, TimeoutError):
            raise
        except OSError as error:
            said = f"It could not be written down: {error.strerror}."
            remedy = "Check the folder's rights and the free space."
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, said, remedy)

    # -- who may ask ------------------------------------------------------------------------------

    def _path(self, *, order: bool) -> str | None:
        """Return what is asked for by somebody who may; else refuse and return None.

        A page of elsewhere may send requests here; it does not know the token, its `Origin` is
        another one, and a name of its own for this machine shows in `Host`.
        """
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        own = {f"http://{name}" for name in self.server.hosts}
        first, _, rest = self.path.partition("?")[0].removeprefix("/").partition("/")
        allowed = (
            host in self.server.hosts
            and hmac.compare_digest(first.encode(), self.server.token.encode())
            and (origin in own if order or origin is not None else True)
        )
        if not allowed:
            self.close_connection = True  # a body that was not taken in must not count as a request
            said = "This address is not the page's own."
            self._refuse(HTTPStatus.FORBIDDEN, said, "Use the one that `rym bank show` gave.")
            return None
        return rest

    def _body(self) -> bytes | None:
        kind = self.headers.get_content_type()
        length = self.headers.get("Content-Length", "")
        if kind != "application/json" or not LENGTH.fullmatch(length) or int(length) > LONGEST:
            self.close_connection = True
            said = f"An order is JSON of {LONGEST} bytes at most."
            self._refuse(HTTPStatus.BAD_REQUEST, said, RELOAD)
            return None
        return self.rfile.read(int(length))

    # -- answers ----------------------------------------------------------------------------------

    def _page(self) -> None:
        nonce = secrets.token_urlsafe(18)
        data = self.server.page(nonce).encode()
        policy = {"Content-Security-Policy": POLICY.format(nonce=nonce)}
        self._send(HTTPStatus.OK, "text/html; charset=utf-8", data, policy)

    def _json(self, told: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(status, "application/json", msgspec.json.encode(told))

    def _refuse(self, status: HTTPStatus, error: str, remedy: str) -> None:
        self._json({"error": error, "remedy": remedy}, status)

    def _file(self, sha256: str) -> None:
        """Send a clip or picture of the manifest, or the part of it that was asked for."""
        files = bank.read(self.server.folder).files
        name = next((name for name, digest in files.items() if digest == sha256), None)
        why = "It is not in the bank any more." if name is None else ""
        if name is not None:
            why = self.server.previews.damage(name, sha256)
        if name is None or why:
            self._refuse(HTTPStatus.NOT_FOUND, why, RELOAD)
            return
        kind = TYPES.get(Path(name).suffix, "application/octet-stream")
        try:
            file = (self.server.folder / name).open("rb")
        except FileNotFoundError:
            self._refuse(HTTPStatus.NOT_FOUND, f"{name} is missing.", RELOAD)
            return
        with file:
            self._part_of(file, kind)

    def _part_of(self, file: BinaryIO, kind: str) -> None:
        whole = os.fstat(file.fileno()).st_size
        asked = RANGE.fullmatch(self.headers.get("Range", ""))
        begin, end = _part(asked, whole)
        if asked and begin >= end:
            nothing = {"Content-Range": f"bytes */{whole}"}
            self._send(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, kind, b"", nothing)
            return
        file.seek(begin)
        data = file.read(end - begin)
        if asked:
            which = {"Content-Range": f"bytes {begin}-{end - 1}/{whole}"}
            self._send(HTTPStatus.PARTIAL_CONTENT, kind, data, which)
        else:
            self._send(HTTPStatus.OK, kind, data, {"Accept-Ranges": "bytes"})

    def _send(
        self, status: HTTPStatus, kind: str, data: bytes, more: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        length = {"Content-Type": kind, "Content-Length": str(len(data))}
        for name, value in (HEADERS | length | (more or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def version_string(self) -> str:
        """Say nothing of which Python answers."""
        return "RYM"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write nothing: a request's line holds the token."""


def _part(asked: re.Match[str] | None, whole: int) -> tuple[int, int]:
    """Return first byte and end of what was asked for; all where nothing that is understood was."""
    if asked is None:
        return 0, whole
    first, last = (_number(digits) for digits in asked.groups())
    if first is None:
        return max(0, whole - (last or 0)), whole
    return first, whole if last is None else min(last + 1, whole)


def _number(digits: str) -> int | None:
    """Return a number, one that is too long cut short; `int` refuses thousands of digits."""
    return int(digits.lstrip("0")[:DIGITS] or "0") if digits else None
