"""One session from its settings to its report. Makes folders and processes; decides nothing."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from generator.build import Progress, build
from generator.memory import load as load_memory
from rym import bank as bank_format
from rym.clock import SystemClock
from rym.logs import run_async
from rym.settings import Resolved, secret

from .. import settings as tables_of
from ..after import report
from ..folder import Folder, Record, environment, hash_bank, hash_folder
from ..settings import Tables
from .keys import pressed
from .supervisor import Supervisor
from .view import Board, Screen


def run_session(resolved: Resolved, *, quiet: bool) -> dict[str, Any]:
    """Run one session and write its report.

    Parameters
    ----------
    resolved : Resolved
        Every table, with origins.
    quiet : bool
        True writes no progress to the terminal.

    Returns
    -------
    dict
        The summary, as `rym run --json` prints it.

    Raises
    ------
    RymError
        If it cannot begin; nothing is overwritten.
    """
    clock = SystemClock()
    tables = tables_of.tables(resolved)
    session = tables.session
    folder = Folder.create(Path(session.root), session.subject, session.session, session.task)
    bank = ready_bank(tables, folder, quiet=quiet)
    tables = tables._replace(
        player=msgspec.structs.replace(tables.player, bank=str(bank)),
    )
    record = Record(
        subject=folder.subject,
        session=folder.session,
        task=folder.task,
        run=folder.run,
        started=clock.wall(),
        simulated=session.kind == "simulated",
        settings=tables.builtins(),
        rig=tables.rig.id,
        origins=resolved.origins,
        versions=environment(),
        seeds={"session": session.seed},
        bank=folder.relative(bank),
        hashes={"bank": hash_bank(bank)},
    )
    folder.write(record)
    supervisor = Supervisor(
        tables,
        folder,
        clock,
        password=secret("BROKER_PASSWORD") or "",
        epoch=round(clock.wall() * 1000),
    )
    if session.model:
        shutil.copytree(session.model, folder.model)
    try:
        run_async(_attended(supervisor, quiet=quiet))
    finally:
        if folder.model.is_dir():
            hashes = {**record.hashes, "model": hash_folder(folder.model)}
            folder.write(msgspec.structs.replace(record, hashes=hashes))
    return report.finish(folder, supervisor.warnings)


def ready_bank(tables: Tables, folder: Folder, *, quiet: bool) -> Path:
    """Return the bank that is to be played, built first where there is none.

    Raises
    ------
    RymError
        If the named bank is incomplete, or the memory cannot be read.
    """
    if tables.session.bank:
        bank = Path(tables.session.bank).resolve()
        bank_format.load(bank)
        return bank
    memory = load_memory(Path(tables.session.memory))
    build(memory, folder.bank, tables.generator, progress=_teller(quiet=quiet))
    return folder.bank


def _teller(*, quiet: bool) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        if not quiet and sys.stderr.isatty():
            sys.stderr.write(f"\rmusic: {progress.done} of {progress.total} clips ")
            sys.stderr.write("\n" if progress.done == progress.total else "")
            sys.stderr.flush()

    return tell


async def _attended(supervisor: Supervisor, *, quiet: bool) -> None:
    """Run the supervisor with the screen, the operator's keys and Ctrl-C."""
    board = Board(simulated=supervisor.tables.session.kind == "simulated")
    board.note = "q ends   space silences at once   r lets the music come back"
    if supervisor.tables.session.kind == "pilot":
        board.note += "   1 pleasant   2 neither   3 unpleasant (again: let go)"
    async with interrupts(supervisor.stopping), pressed() as keys:
        screen = Screen(board, quiet=quiet)
        operator = asyncio.create_task(_operate(supervisor, keys), name="operator")
        try:
            with screen:
                await supervisor.run(screen)
        finally:
            operator.cancel()


async def _operate(supervisor: Supervisor, keys: asyncio.Queue[str] | None) -> None:
    while keys is not None:
        await supervisor.operate(await keys.get())


@asynccontextmanager
async def interrupts(stopping: asyncio.Event) -> AsyncIterator[None]:
    """Let Ctrl-C and a termination end the session in good order."""
    loop = asyncio.get_running_loop()
    before = {}
    for name in (signal.SIGINT, signal.SIGTERM):
        before[name] = signal.signal(name, lambda *_: loop.call_soon_threadsafe(stopping.set))
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
