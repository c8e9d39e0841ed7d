"""The journal: every message of a session, one a line, on the disk within half a second.

A process of its own (`python -m session.live.journal`): no part's death takes it along, and it
outlives the supervisor to write the report. What a line looks like is `lines.py`'s affair.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from rym import messages as m
from rym.bus import ALL, Mailbox
from rym.errors import UsageError
from rym.service import Shell, run
from rym.topics import MISSING, STATUS, TOPICS

from ..folder import RECORD, Folder, settings_hashes
from .lines import Holes, Journal, WindowRef, read, to_line

__all__ = ["Journal", "JournalSettings", "Keeper", "WindowRef", "Writer", "read", "serve"]

log = logging.getLogger("journal")

NAME = "journal.jsonl"


class JournalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the journal keeps what it hears."""

    flush_every: float = 0.25
    """Seconds between writes to the file."""
    sync_every: float = 1.0
    """Seconds between requests that the disk itself holds what was written."""
    tail_mb: float = 64.0
    """Lines kept in memory while the disk takes none, in MB; then the oldest are given up."""
    ask_after: float = 0.5
    """Seconds before a hole in a topic's numbers is asked for; each next time twice as many."""
    ask_times: int = 5
    """How often one hole is asked for."""
    quiet: float = 0.3
    """Seconds without a message after which an ended session's journal is closed."""
    quiet_within: float = 3.0
    """Seconds for which that is waited, at most."""
    outlive: float = 40.0
    """Seconds for which the journal goes on without its supervisor while the player still plays."""
    over_for: float = 1.0
    """Seconds for which the player must be over: a broker's late will is contradicted before."""


class Writer:
    """Appends lines to a file; a disk that takes none costs the oldest lines only, and no earlier.

    `add` may be called while another thread is in `flush`.

    Parameters
    ----------
    path : Path
        The file; appended to where it exists, after closing a torn last line.
    tail : int
        Bytes kept in memory while the file takes none.
    """

    def __init__(self, path: Path, tail: int) -> None:
        self._path = path
        self._tail = tail
        self._lock = threading.Lock()  # of the waiting lines
        self._writing = threading.Lock()  # of the file
        self._lines: deque[bytes] = deque()
        self._n_bytes = 0
        self._carry = b""  # handed to the file, of which it may have taken a part
        self._handle: int | None = None
        self._mended = False
        self.lost = 0
        self.problem = ""

    def add(self, line: bytes) -> None:
        """Keep a line for the next flush; never waits."""
        with self._lock:
            self._lines.append(line)
            self._n_bytes += len(line)
            while self._n_bytes > self._tail:
                self._n_bytes -= len(self._lines.popleft())
                self.lost += 1

    def flush(self, *, sync: bool = False) -> None:
        """Write what waits; on failure keep it, say so in `problem`, and try again next time.

        Parameters
        ----------
        sync : bool
            Return only once the disk holds it.
        """
        with self._writing:
            try:
                self._write_all()
                if sync and self._handle is not None:
                    os.fsync(self._handle)
            except OSError as error:
                self.problem = f"{self._path} takes no more: {error.strerror}"
                self._release()
            else:
                self.problem = ""

    def close(self) -> None:
        """Write and sync what is left, and release the file."""
        self.flush(sync=True)
        with self._writing:
            self._release()

    def _write_all(self) -> None:
        handle = self._open()
        while self._carry or self._lines:
            if not self._carry:
                self._take()
            # Unbuffered: what a kill leaves behind is what the system call has taken.
            self._carry = self._carry[os.write(handle, self._carry) :]

    def _take(self) -> None:
        with self._lock:
            self._carry = b"".join(self._lines)
            self._lines.clear()
            self._n_bytes = 0

    def _open(self) -> int:
        if self._handle is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            self._handle = os.open(self._path, flags, 0o600)
        if not self._mended:
            size = os.lseek(self._handle, 0, os.SEEK_END)
            if size:
                os.lseek(self._handle, -1, os.SEEK_END)
                if os.read(self._handle, 1) != b"\n":
                    os.write(self._handle, b"\n")
            self._mended = True
        return self._handle

    def _release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


class Keeper:
    """Takes messages in: each once into the file, with an eye on holes and on the player.

    Parameters
    ----------
    writer : Writer
        Where lines go.
    holes : Holes
        Already knows what the file held before.
    """

    def __init__(self, writer: Writer, holes: Holes) -> None:
        self.writer = writer
        self.holes = holes
        self.taken = 0
        self._player: m.Status | None = None

    def take(self, message: m.Message, now: float) -> None:
        """Write a message, unless it was written already."""
        if not self.holes.fresh(message.id, now):
            return
        for cause in message.cause:
            self.holes.named(cause, now)
        self.taken += 1
        self.writer.add(to_line(message))
        status = message.content
        newest = self._player.epoch if self._player else 0
        if message.id.topic == STATUS["player"].short and status.epoch >= newest:
            self._player = status

    @property
    def player_over(self) -> bool:
        """Whether the newest player has ended, or died without one to follow."""
        return self._player is not None and self._player.life in ("ended", "failed", "gone")


async def serve(shell: Shell, settings: JournalSettings) -> None:
    """Keep the journal until the supervisor says `{"end": true}`, or is gone and the player too.

    Parameters
    ----------
    shell : Shell
        Its folder is the session's.
    settings : JournalSettings
        How.

    Raises
    ------
    UsageError
        If there is no folder to write to.
    """
    if shell.folder is None:
        raise UsageError("The journal has no folder.", "Give the session's folder with --out.")
    path = shell.folder / NAME
    writer = Writer(path, round(settings.tail_mb * 1e6))
    mailbox = shell.bus.subscribe(*TOPICS.values(), overload=ALL)
    keeper = Keeper(writer, await asyncio.to_thread(_known, path, settings))
    shell.ready(**_settings(shell.folder))
    end = asyncio.create_task(_wait_for_end(shell, settings, keeper), name="end")
    tasks = [
        end,
        asyncio.create_task(_take_all(shell, mailbox, keeper), name="take"),
        asyncio.create_task(_keep_flushing(shell, settings, writer), name="flush"),
        asyncio.create_task(_keep_asking(shell, keeper.holes), name="ask"),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for message in mailbox.drain():
            keeper.take(message, shell.clock.now())
        writer.close()
        if writer.problem:
            log.error("%s; %d lines were never written.", writer.problem, writer.lost)
    for task in done:
        task.result()
    if end in done and not end.result():
        await asyncio.to_thread(_write_report, shell.folder)


def _settings(folder: Path) -> dict[str, str]:
    """Return the hashes of the settings as run, by which replay sees whether they were changed."""
    if not (folder / RECORD).exists():
        return {}
    record = Folder(folder).read()
    return {f"settings.{name}": h for name, h in settings_hashes(record.settings).items()}


def _known(path: Path, settings: JournalSettings) -> Holes:
    holes = Holes(settings.ask_after, settings.ask_times)
    if path.exists():
        for messages in read(path).by_topic.values():
            for message in messages:
                holes.fresh(message.id)
                for cause in message.cause:
                    holes.named(cause)
    return holes


async def _take_all(shell: Shell, mailbox: Mailbox, keeper: Keeper) -> None:
    async for message in mailbox:
        keeper.take(message, shell.clock.now())


async def _keep_flushing(shell: Shell, settings: JournalSettings, writer: Writer) -> None:
    synced = shell.clock.now()
    told = ""
    while True:
        await shell.clock.sleep_until(shell.clock.now() + settings.flush_every)
        sync = shell.clock.now() - synced >= settings.sync_every
        # A thread, because a slow disk must not hold up what arrives.
        await asyncio.to_thread(writer.flush, sync=sync)
        if sync:
            synced = shell.clock.now()
        if writer.problem != told:
            told = writer.problem
            if told:
                log.error("%s. The session goes on; the newest lines wait in memory.", told)
            else:
                log.error("The journal is written again; %d lines were lost.", writer.lost)
            shell.ready(told, lost=writer.lost)


async def _keep_asking(shell: Shell, holes: Holes) -> None:
    while True:
        await shell.clock.sleep_until(shell.clock.now() + 0.25)
        for missing in holes.due(shell.clock.now()):
            shell.bus.publish(MISSING, missing)


async def _wait_for_end(shell: Shell, settings: JournalSettings, keeper: Keeper) -> bool:
    """Return when nothing more is to be expected; False where the supervisor died before."""
    ordered = asyncio.create_task(_ordered_to_end(shell), name="orders")
    gone = asyncio.create_task(shell.lifeline.gone.wait(), name="life line")
    try:
        await asyncio.wait((ordered, gone), return_when=asyncio.FIRST_COMPLETED)
        told = ordered.done()
        if not told:
            log.warning("The supervisor is gone; the journal goes on until the player ends.")
            await _until_player_over(shell, settings, keeper)
    finally:
        ordered.cancel()
        gone.cancel()
    taken, give_up = -1, shell.clock.now() + settings.quiet_within
    while keeper.taken != taken and shell.clock.now() < give_up:
        taken = keeper.taken
        await shell.clock.sleep_until(shell.clock.now() + settings.quiet)
    return told


async def _until_player_over(shell: Shell, settings: JournalSettings, keeper: Keeper) -> None:
    give_up = shell.clock.now() + settings.outlive
    since = shell.clock.now()
    while shell.clock.now() < give_up:
        if not keeper.player_over:
            since = shell.clock.now()
        elif shell.clock.now() >= since + settings.over_for:
            return
        await shell.clock.sleep_until(shell.clock.now() + 0.1)


async def _ordered_to_end(shell: Shell) -> None:
    while True:
        order: dict[str, Any] = await shell.lifeline.orders.get()
        if order.get("end"):
            return
        log.warning("The journal knows no order %s.", sorted(order))


def _write_report(folder: Path) -> None:
    # Imported here: drawing needs libraries that a running journal does without.
    from ..after import report  # noqa: PLC0415

    report.write(Folder(folder))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the journal as a process; return its exit code."""
    return run(
        "journal",
        JournalSettings,
        serve,
        argv,
        outlives_supervisor=True,
        module="session.live.journal",
    )


if __name__ == "__main__":
    raise SystemExit(main())
