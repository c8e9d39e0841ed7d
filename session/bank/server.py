"""The audition's server: this machine only, for who has the address (adapter of http.server).

What is heard is asked for by its hash, so that a page can never show one clip and approve another.
Every answer looks at the folder as it is now; nothing is kept but previews.
"""

from __future__ import annotations

import os
import re
import secrets
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from rym import bank
from rym.bank import ROLES, Bank, Role
from rym.errors import RymError, UsageError
from rym.web import PrivateHandler, PrivateServer

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
RELOAD = "Load the page again."
POLICY = "img-src 'self' data:; media-src 'self'"


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


class Audition(PrivateServer):
    """Shows one bank and takes in what is said of it.

    Parameters
    ----------
    folder : Path
        The bank's.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(_Handler)
        self.folder = folder
        self.previews = Previews(folder)

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


class _Handler(PrivateHandler):
    """One connection."""

    server: Audition

    def do_GET(self) -> None:  # noqa: N802 - so http.server calls it
        """Answer with the page, what was said, or a file."""
        if self.icon():
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

    def do_POST(self) -> None:  # noqa: N802 - so http.server calls it
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
        """Return what is asked for by somebody who may; else refuse and return None."""
        path = self.asked(order=order)
        if path is None:
            self.close_connection = True  # a body that was not taken in must not count as a request
            said = "This address is not the page's own."
            self._refuse(HTTPStatus.FORBIDDEN, said, "Use the one that `rym bank show` gave.")
        return path

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
        self.send_page(self.server.page(nonce).encode(), nonce, POLICY)

    def _json(self, told: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send(status, "application/json", msgspec.json.encode(told))

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
            self.send(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, kind, b"", nothing)
            return
        file.seek(begin)
        data = file.read(end - begin)
        if asked:
            which = {"Content-Range": f"bytes {begin}-{end - 1}/{whole}"}
            self.send(HTTPStatus.PARTIAL_CONTENT, kind, data, which)
        else:
            self.send(HTTPStatus.OK, kind, data, {"Accept-Ranges": "bytes"})


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
