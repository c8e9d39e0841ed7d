"""`rym bank show`: the audition in a browser, or as one page without sound."""

from __future__ import annotations

import os
import sys
import tempfile
import webbrowser
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from rym import bank
from rym.bank import ROLES, Bank

from ..folder import write_atomically
from .approvals import wished
from .cards import Shown
from .page import render
from .previews import Previews
from .server import Audition


def say(words: str) -> None:
    """Write to where people look while standard output is a program's."""
    sys.stderr.write(words)
    sys.stderr.flush()


def show(
    folder: Path,
    *,
    browser: bool = True,
    out: Path | None = None,
    tell: Callable[[str], None] = say,
) -> dict[str, Any]:
    """Let a bank be heard, seen, approved and rejected, until Ctrl-C.

    Parameters
    ----------
    folder : Path
        The bank's.
    browser : bool
        Whether to open the page; its address is told in either case.
    out : Path, optional
        Write the page there instead, without sound and buttons, and return at once.
    tell : callable
        Given the page's address, and what to do.

    Returns
    -------
    dict
        `bank`, `page` (the file, or nothing), `n` clips and scenes, and how many of them
        `operator` and `person` have approved in the end.

    Raises
    ------
    FormatError
        If there is no manifest that can be shown. Single damaged files are named on the page.
    """
    now = bank.read(folder)
    bank.check_form(now, folder)
    if out is None:
        _serve(folder, browser=browser, tell=tell)
    else:
        write_atomically(out, page(folder, now).encode())
    return _summary(folder, out)


def page(folder: Path, now: Bank) -> str:
    """Return the page without a server: small pictures, no sound."""
    previews = Previews(folder)
    wishes = frozenset(wished(folder, now))
    shown = Shown(now, live=False, damage=previews.damages(now), wished=wishes)
    return render(now, previews, shown)


def _serve(folder: Path, *, browser: bool, tell: Callable[[str], None]) -> None:
    with Audition(folder) as server:
        tell("Looking through the bank …\n")
        server.page("")  # its previews are kept: the page that is asked for opens at once
        tell(f"The audition is at {server.url}\nCtrl-C ends it; what was said is kept.\n")
        door = _open(server.url) if browser else None
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            tell("\n")
        finally:
            if door is not None:
                door.unlink(missing_ok=True)


def _open(url: str) -> Path:
    """Open the page by a file that leads there, which only its owner can read.

    As an argument of the browser the address, and with it the token, would stand in the list of
    processes for everybody on this machine.
    """
    handle, name = tempfile.mkstemp(suffix=".html", prefix="rym-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(
            '<!DOCTYPE html><meta charset="utf-8"><title>RYM audition</title>'
            f'<meta http-equiv="refresh" content="0; url={escape(url)}">'
        )
    webbrowser.open(Path(name).as_uri())
    return Path(name)


def _summary(folder: Path, out: Path | None) -> dict[str, Any]:
    now = bank.read(folder)
    names = list(now.judged)
    told: dict[str, Any] = {"bank": str(folder), "page": str(out or ""), "n": len(names)}
    for by in ROLES:
        told[by] = sum(now.verdict(name, by) is True for name in names)
    return told
