"""One session from its settings to its report. Makes folders and processes; decides nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from decoder import model as models
from decoder.manifest import Manifest
from decoder.presets import check_hop, check_preset
from generator.memory import load as load_memory
from rym import bank as bank_format
from rym.address import parse_url
from rym.clock import SystemClock
from rym.errors import RymError, UsageError
from rym.logs import run_async
from rym.messages import AFFECTS, Affect
from rym.settings import Resolved, secret
from rym.terminal import pressed
from rym.topics import prefix
from stream.simulated.senders import build as build_source

from .. import settings as tables_of
from ..after import report
from ..bank.admission import admit, check_affects, own_bank, remark
from ..folder import Folder, Record, environment, hash_bank, hash_folder
from ..settings import SessionSettings, Tables
from . import page
from .operator import Operator
from .supervisor import Supervisor
from .view import Board, Screen

if TYPE_CHECKING:
    from generator.making.build import Progress

# Imports of what builds banks and filters signals stand where they are used: they take two seconds,
# which a session with a bank of its own need not wait for.
# ruff: noqa: PLC0415

AHEAD = 1e6
"""Seconds by which a sender that is faster than true time may be ahead: any."""


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
    epoch = round(clock.wall() * 1000)
    tables = tables_of.tables(resolved)
    session = tables.session
    notes = check(tables)
    folder = new_folder(tables)
    bank, remarks = ready_bank(tables, folder, quiet=quiet)
    notes += remarks
    if session.kind != "participant":
        notes += remark(session, bank)
    tables = settled(tables, folder, bank, epoch)
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
        epoch=epoch,
    )
    supervisor.warnings += notes
    if session.model:
        shutil.copytree(session.model, folder.model)
    try:
        run_async(_attended(supervisor, quiet=quiet))
    except RymError as error:
        supervisor.warnings.append(str(error))
        _close_failed(folder, record, supervisor.warnings, error)
        raise
    finally:
        _complete(folder, record, supervisor.warnings)
    done = report.finish(folder)
    week = supervisor.hearing.sentence
    return {**done, "hearing": f"{done['hearing']} {week}"} if week else done


def check(tables: Tables) -> list[str]:
    """Refuse what can be known to be wrong before anything is made or started.

    Returns
    -------
    list of str
        What is to be known of the recordings, for people.

    Raises
    ------
    RymError
        If the broker's address, the rig's id, bank, memory, model or recordings cannot be used.
    """
    session, rig = tables.session, tables.rig
    prefix(rig.id)
    if rig.broker and not (address := parse_url(rig.broker)).is_loopback:
        raise UsageError(
            f"The broker is {address.host}, so that EEG would leave this machine.",
            "Use a broker on this machine, such as mqtt://127.0.0.1:1883.",
            host=address.host,
        )
    page.check(tables)
    tables.player.check_stop()
    affects = _check_bank(session)
    check_hop(tables.decoder.features.preset, tables.stream.hop)
    notes = []
    if session.model:
        model = models.load(Path(session.model)).manifest
        _check_model(model, tables)
        notes = [said] if (said := check_affects(model.states, affects)) else []
    if session.eeg == "source":
        # Made here and thrown away: the sender's process reads the files again.
        notes += build_source(tables.source.sender).notes
    return notes


def _check_bank(session: SessionSettings) -> tuple[Affect, ...]:
    """Refuse a bank that cannot be played, to a participant also one that must not be.

    A single damaged clip is the player's to leave out: it says so, and the others play.

    Returns
    -------
    tuple of str
        The affects that the bank has, or will have.
    """
    if session.kind == "participant":
        admit(session, own_bank(session))
    elif not session.bank:
        load_memory(Path(session.memory))
        return AFFECTS
    folder = own_bank(session)
    found = bank_format.read(folder)
    bank_format.check_form(found, folder)
    return found.affects


def _check_model(model: Manifest, tables: Tables) -> None:
    """Refuse settings under which windows are not what a model was trained on.

    Rate and channels of the stream itself are compared where it is opened.

    Raises
    ------
    UsageError
        If preset, conditioning, window, hop or rate differ.
    """
    from stream.signal.filters import describe

    stream = tables.stream
    check_preset(model.preset, tables.decoder.features.preset)
    pairs = (
        ("conditioning", model.conditioning, describe(stream.conditioning)),
        ("window", f"{model.n_times / model.rate:g} s", f"{stream.window:g} s"),
        ("hop", f"{model.hop / model.rate:g} s", f"{stream.hop:g} s"),
        ("rate", f"{model.rate:g} Hz", f"{stream.rate or model.rate:g} Hz"),
    )
    for name, trained, now in pairs:
        # A model made elsewhere may not say how its windows were conditioned.
        if trained and trained != now:
            raise UsageError(
                f"The model was trained with {name} {trained!r}, the settings say {now!r}.",
                f"Set {name} in [stream] as it was, or train a model under these settings.",
                trained=trained,
                settings=now,
            )


def new_folder(tables: Tables) -> Folder:
    """Make the session's folder.

    Raises
    ------
    UsageError
        If it cannot be made, or the named run exists already.
    """
    of = tables.session
    return Folder.create(Path(of.root), of.subject, of.session, of.task, of.run or None)


def settled(tables: Tables, folder: Folder, bank: Path, epoch: int) -> Tables:
    """Return the tables with what is known only now: bank, model, and the sender's own id.

    The id lets the stream open this session's sender, whoever else sends in the same network.

    Parameters
    ----------
    tables : Tables
        As resolved.
    folder : Folder
        The session's.
    bank : Path
        The bank that is played.
    epoch : int
        Of the supervisor; makes the sender's id unique.
    """
    replace = msgspec.structs.replace
    player = replace(tables.player, bank=str(bank))
    if tables.session.kind == "participant":
        player = replace(player, bank_sha256=hash_bank(bank))
    tables = tables._replace(player=player)
    if tables.session.model:
        needs = models.load(Path(tables.session.model)).manifest
        stream = replace(tables.stream, model_channels=needs.channels, rate=needs.rate)
        decoder = replace(tables.decoder, model=str(folder.model))
        tables = tables._replace(decoder=decoder, stream=stream)
    if tables.session.eeg == "source":
        name = tables.source.source_id or f"rym-{epoch}-{os.getpid()}"
        tables = tables._replace(source=replace(tables.source, source_id=name))
        if not tables.stream.source_id:
            tables = tables._replace(stream=replace(tables.stream, source_id=name))
        if tables.source.speed != 1.0:
            # Faster than true time its stamps run ahead of the clock by design.
            tables = tables._replace(stream=replace(tables.stream, max_ahead=AHEAD))
    return tables


def _complete(folder: Folder, record: Record, warnings: list[str]) -> None:
    """Write down what is known only in the end; nothing where the session left nothing."""
    if not folder.path.is_dir():
        return
    hashes = dict(record.hashes)
    if folder.model.is_dir():
        hashes["model"] = hash_folder(folder.model)
    folder.write(msgspec.structs.replace(record, hashes=hashes, warnings=tuple(warnings)))


def _close_failed(folder: Folder, record: Record, warnings: list[str], error: RymError) -> None:
    """Leave behind what a failed session can still tell, and nothing where that is nothing.

    A session that failed before it had any EEG has said why in one sentence; an empty folder would
    only look like a session. Its logs stay where that sentence sends there.
    """
    if folder.xdf():
        _complete(folder, record, warnings)
        report.write(folder)
    elif "logs" not in error.facts:
        folder.give_up()


def ready_bank(tables: Tables, folder: Folder, *, quiet: bool) -> tuple[Path, tuple[str, ...]]:
    """Return the bank to be played, built first where there is none, and what to note of it.

    A session whose bank cannot be built leaves no folder behind.

    Raises
    ------
    RymError
        If the memory cannot be read, or its bank not be built.
    """
    if tables.session.bank or tables.session.kind == "participant":
        return own_bank(tables.session).resolve(), ()
    from generator.making.build import build

    try:
        built = build(
            load_memory(Path(tables.session.memory)),
            folder.bank,
            tables.generator,
            progress=_teller(quiet=quiet),
            subject=folder.subject,
            jobs=0,
        )
    except BaseException:  # Ctrl-C as well: nothing was recorded yet
        folder.give_up()
        raise
    return folder.bank, built.remarks


def _teller(*, quiet: bool) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        if not quiet and sys.stderr.isatty():
            sys.stderr.write(f"\rbank: {progress.done} of {progress.total} files ")
            sys.stderr.write("\n" if progress.done == progress.total else "")
            sys.stderr.flush()

    return tell


async def _attended(supervisor: Supervisor, *, quiet: bool) -> None:
    """Run the supervisor with the screen, the operator's keys and Ctrl-C."""
    session = supervisor.tables.session
    note = "q ends   space silences at once   r lets the music come back"
    note += "\nt lets you talk: the music steps back, and comes forward again"
    note += "\n- makes the music 3 dB quieter, for good"
    note += "\nd says that the person is distressed: it fades in 2 s, said twice the run ends"
    if session.attended:
        note += "\n1 pleasant   2 neither   3 unpleasant   the same again lets go"
    note += "\nf freezes learning, and lets it go on   u takes back the last 30 s"
    at = supervisor.page.url if supervisor.page else ""
    board = Board(mark=page.mark(session), note=note, page=at, warnings=supervisor.warnings)
    async with interrupts(supervisor.stopping), pressed() as keys:
        screen = Screen(board, quiet=quiet)
        supervisor.beside(_operate(supervisor, keys), "operator")
        with screen:
            await supervisor.run(screen)


async def _operate(supervisor: Supervisor, keys: asyncio.Queue[str] | None) -> None:
    operator = Operator(supervisor)
    while keys is not None:
        await operator.press(await keys.get())


@asynccontextmanager
async def interrupts(stopping: asyncio.Event) -> AsyncIterator[None]:
    """Let Ctrl-C and a termination end the session in good order; Ctrl-Z does nothing.

    The parts are groups of their own: Ctrl-Z would halt the keys, STOP among them, and not the
    music. A handler that does nothing is not inherited by them, as SIG_IGN would be.
    """
    loop = asyncio.get_running_loop()
    before = {}
    if halt := getattr(signal, "SIGTSTP", None):  # not on Windows
        before[halt] = signal.signal(halt, lambda *_: None)
    for name in (signal.SIGINT, signal.SIGTERM):
        before[name] = signal.signal(name, lambda *_: loop.call_soon_threadsafe(stopping.set))
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
