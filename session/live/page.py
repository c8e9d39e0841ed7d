"""Where the participant's page is found: an address that outlives the part that serves it."""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

import msgspec

from rym.broker import free_port
from rym.errors import UsageError

from ..settings import SessionSettings, Tables


class Address(NamedTuple):
    """Of one session's page."""

    port: int
    token: str
    """Secret: it goes down the life line and onto the operator's screen, and nowhere else."""

    @property
    def url(self) -> str:
        """What is opened in a browser on this machine."""
        return f"http://127.0.0.1:{self.port}/{self.token}/"


def address(tables: Tables) -> Address | None:
    """Return a new address; None where the session has no page."""
    if not tables.page.on:
        return None
    return Address(tables.page.port or free_port(), secrets.token_urlsafe(24))


def mark(session: SessionSettings) -> str:
    """Return what stands beside every title: `SIMULATED`, `RECORDED`, or nothing."""
    return "" if session.attended else session.kind.upper()


def settings(tables: Tables, at: Address) -> dict[str, Any]:
    """Return table `[page]` as the part is given it: the player's bank, its mark, its address."""
    given: dict[str, Any] = msgspec.to_builtins(tables.page)
    return given | {
        "bank": tables.player.bank,
        "bank_sha256": tables.player.bank_sha256,
        "mark": mark(tables.session),
        "port": at.port,
        "token": at.token,
    }


def check(tables: Tables) -> None:
    """Refuse pictures to a participant who was not asked whether they may be shown.

    Raises
    ------
    UsageError
        If nobody says that the person was asked.
    """
    if tables.session.kind == "participant" and tables.page.on and not tables.page.asked:
        raise UsageError(
            "The page is on, and [page] asked is false: nobody has said that the person was asked "
            "about seizures and photosensitive epilepsy, and agreed to see pictures.",
            "Ask, and set [page] asked = true; or leave the page off.",
        )
