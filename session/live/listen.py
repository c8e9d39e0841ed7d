"""`rym listen`: a bank and the arrow keys; no EEG and no estimate."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from rym.clock import SystemClock
from rym.errors import RymError
from rym.logs import run_async
from rym.messages import Affect, Command
from rym.settings import Resolved, secret
from rym.terminal import pressed

from .. import settings as tables_of
from .operator import Operator
from .run import check, interrupts, new_folder, ready_bank
from .supervisor import Supervisor
from .view import Board, Screen

KEYS: dict[str, Affect] = {
    "left": "negative",
    "down": "neutral",
    "up": "neutral",
    "right": "positive",
}
TOUR: tuple[Affect, ...] = ("neutral", "positive", "neutral", "negative")
"""What is played in turn where there is no terminal to press keys in."""
TOUR_STEP = 8.0
"""Seconds per affect of the tour."""


def listen(resolved: Resolved, *, quiet: bool) -> dict[str, Any]:
    """Play a bank until `q` is pressed or the phase is over.

    Parameters
    ----------
    resolved : Resolved
        Every table, with origins.
    quiet : bool
        True writes nothing to the terminal.

    Returns
    -------
    dict
        `heard`: the sound files; `bank`; `hearing`: what is used up of a week's allowance, null
        where the sound pressure is not known; `warnings`.

    Raises
    ------
    RymError
        If the bank cannot be built or the player cannot begin.
    """
    clock = SystemClock()
    tables = tables_of.tables(resolved)
    check(tables)
    folder = new_folder(tables)
    bank, remarks = ready_bank(tables, folder, quiet=quiet)
    tables = tables._replace(player=msgspec.structs.replace(tables.player, bank=str(bank)))
    supervisor = Supervisor(
        tables,
        folder,
        clock,
        password=secret("BROKER_PASSWORD") or "",
        epoch=round(clock.wall() * 1000),
        only=("player", "page"),
    )
    supervisor.warnings += remarks
    try:
        run_async(_play(supervisor, quiet=quiet))
    except RymError as error:
        if "logs" not in error.facts:
            folder.give_up()
        raise
    return {
        "heard": [str(path) for path in folder.heard()],
        "bank": str(bank),
        "hearing": supervisor.hearing.sentence or None,
        "warnings": supervisor.warnings,
    }


async def _play(supervisor: Supervisor, *, quiet: bool) -> None:
    note = "← unpleasant   ↓ neither   → pleasant"
    note += "\nspace silences   r lets the music come back   q ends"
    at = supervisor.page.url if supervisor.page else ""
    board = Board(eeg=False, note=note, page=at, warnings=supervisor.warnings)
    async with interrupts(supervisor.stopping), pressed() as keys:
        with Screen(board, quiet=quiet) as screen:
            supervisor.beside(_steer(supervisor, keys), "steer")
            await supervisor.run(screen)


async def _steer(supervisor: Supervisor, keys: asyncio.Queue[str] | None) -> None:
    operator = Operator(supervisor)
    if keys is None:
        for step in range(10_000):
            await _ask(supervisor, TOUR[step % len(TOUR)])
            await supervisor.clock.sleep_until(supervisor.clock.now() + TOUR_STEP)
        return
    asking: asyncio.Task[object] | None = None
    while True:
        key = await keys.get()
        if key in KEYS:
            # Not waited for, the newest wins: a stop must not wait behind a player that is away.
            if asking is not None:
                asking.cancel()
            asking = supervisor.beside(_ask(supervisor, KEYS[key]), "ask")
        else:
            await operator.press(key)


async def _ask(supervisor: Supervisor, affect: Affect) -> None:
    # This alone waits: the player sounds before everything is ready, and a stop must work then.
    await supervisor.started.wait()
    # Each time, not once: a player that was started again follows an estimate, of which there is
    # none here, and would turn back to neutral.
    await supervisor.command(Command(to="player", action="course", value="hold"))
    await supervisor.command(Command(to="player", action="steer", value=affect))
