"""The shell around a stage: command line, settings, bus, life line, status, and a clean end.

A stage is `serve(shell, settings)` and a `__main__.py` of a few lines; everything that is the same
for all stages is here. How a process ends: 0 when `serve` returned or it was told to end, the
error's own code (1 or 2) after one sentence, 1 after an unknown exception, which is never caught
to go on.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from rym import __version__
from rym.address import parse_url
from rym.bus import Bus
from rym.clock import Clock, SystemClock
from rym.errors import RymError, UsageError
from rym.heap import keep_loaded, keep_small
from rym.lifeline import Lifeline
from rym.logs import catch_signals, run_async, show_logs
from rym.messages import Life, Status
from rym.mqtt import MqttBus
from rym.settings import Layer, Resolved, RigSettings, load, read, secret
from rym.topics import STATUS

__all__ = ["Lifeline", "Shell", "run", "run_async"]

S = TypeVar("S", bound=msgspec.Struct)
Serve = Callable[["Shell", S], Awaitable[None]]

OTHER_TABLES = (
    "session", "source", "stream", "decoder", "player", "journal", "generator", "outward", "page",
)  # fmt: skip
"""Tables that a settings file may hold for other parts."""

LOG = logging.getLogger(__name__)


class Shell:
    """What a stage's `serve` is given.

    Parameters
    ----------
    bus : Bus
        The service's own.
    clock : Clock
        The rig's.
    lifeline : Lifeline
        The pipe to the supervisor; one that never ends where there is none.
    folder : Path or None
        Where files go.
    session : str
        Name of the session; empty outside one.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        lifeline: Lifeline,
        folder: Path | None = None,
        session: str = "",
    ) -> None:
        self.bus = bus
        self.clock = clock
        self.epoch = bus.epoch
        self.lifeline = lifeline
        self.folder = folder
        self.session = session
        self._life: Life = "starting"
        self._detail = ""
        self._facts: dict[str, str | int | float | bool] = {}
        self._drops: dict[str, int] = {}

    def ready(self, detail: str = "", **facts: str | int | float | bool) -> None:
        """Say that the service does its work.

        Parameters
        ----------
        detail : str
            One sentence for people, or nothing.
        **facts : str, int, float or bool
            What replay must know of this start; added to what was given before.
        """
        self.note(**facts)
        self.say("ready", detail)

    def note(self, **facts: str | int | float | bool) -> None:
        """Keep facts for the next status, whatever that says."""
        self._facts.update(facts)

    def fail(self, error: BaseException) -> None:
        """Say why the service ends; what a person can act on comes in its parts, for a caller."""
        cause = _first_cause(error)
        if isinstance(cause, RymError):
            self._facts.update(error=cause.error, remedy=cause.remedy, exit_code=cause.exit_code)
        self.say("failed", _sentence(error))

    def say(self, life: Life, detail: str = "") -> None:
        """Publish the service's status."""
        self._life, self._detail = life, detail
        self._drops = self.bus.drops()
        status = Status(
            service=self.bus.service,
            epoch=self.epoch,
            life=life,
            detail=detail,
            version=__version__,
            facts=dict(self._facts),
            drops=self._drops,
        )
        self.bus.publish(STATUS[self.bus.service], status)

    async def keep_saying(self) -> None:
        """Publish the status again, once a second at most, whenever the drops have grown."""
        while True:
            # This also lets a signal be seen within a second on Windows, where a waiting event
            # loop is not interrupted by one.
            await self.clock.sleep_until(self.clock.now() + 1.0)
            if self.bus.drops() != self._drops:
                self.say(self._life, self._detail)


class _Start(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """First line on the life line."""

    settings: dict[str, Any] = {}
    rig: str | None = None
    broker: str | None = None
    password: str = ""
    session: str = ""
    out: str | None = None
    allow_remote_eeg: bool = False


def run(
    name: str,
    settings_type: type[S],
    serve: Serve[S],
    argv: Sequence[str] | None = None,
    *,
    outlives_supervisor: bool = False,
    module: str = "",
    table: str = "",
) -> int:
    """Run a stage as a process.

    Parameters
    ----------
    name : str
        The service, one of `rym.topics.SERVICES`.
    settings_type : type
        Its settings: a frozen struct with defaults.
    serve : callable
        The stage's work, `await serve(shell, settings)`; it is cancelled when the process is told
        to end.
    argv : sequence of str, optional
        Arguments in place of the process's own.
    outlives_supervisor : bool
        If True, the life line (its end and the orders on it) is left to `serve`.
    module : str
        What `python -m` runs, where that is not the service's name.
    table : str
        Table of the settings, where that is not the service's name.

    Returns
    -------
    int
        Exit code.
    """
    table = table or name
    options = _parser(name, module or name, table).parse_args(argv)
    show_logs(name, debug=options.debug)
    keep_loaded()
    lifeline = Lifeline()
    try:
        start = _start(lifeline) if options.lifeline else _Start()
        resolved = _settings(table, settings_type, options, start)
        rig = resolved.table("rig", RigSettings)
        bus = _bus(name, rig, start, allow_remote_eeg=options.allow_remote_eeg)
        shell = Shell(bus, bus.clock, lifeline, _folder(options.out or start.out), start.session)
        return run_async(
            _live(
                shell,
                bus,
                lambda: serve(shell, resolved.table(table, settings_type)),
                outlives_supervisor=outlives_supervisor,
            )
        )
    except KeyboardInterrupt:
        return 0  # told to end while it was still connecting
    except Exception as error:  # the process's end, not a loop
        return _explain(error, debug=options.debug)


def _folder(out: str | None) -> Path | None:
    """Return the folder for files, made where it is missing; None where none is named."""
    if not out:
        return None
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(
            f"The folder {out} cannot be made: {error.strerror}.", "Give another one with --out."
        ) from None
    return folder


def _parser(name: str, module: str, table: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=f"Run the {name} by itself, against a broker that is already there. "
        "The broker's password comes from RYM_BROKER_PASSWORD.",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help=f"TOML; table [{table}] holds the settings"
    )
    parser.add_argument("--broker", metavar="URL", help="mqtt://host:port, without a password")
    parser.add_argument("--rig", metavar="ID", help="id of the rig: a-z, 0-9 and '-'")
    parser.add_argument("--out", metavar="FOLDER", help="where files go")
    parser.add_argument(
        "--allow-remote-eeg",
        action="store_true",
        help="let EEG leave this machine, towards a broker elsewhere",
    )
    parser.add_argument(
        "--lifeline",
        action="store_true",
        help="for supervisors: settings come as one JSON line on standard input, whose end ends "
        "this part",
    )
    parser.add_argument("--debug", action="store_true", help="show debug records and tracebacks")
    return parser


def _start(lifeline: Lifeline) -> _Start:
    try:
        return msgspec.convert(lifeline.open(), _Start)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"The first line on the life line cannot be read: {error}.",
            "Run the same version of RYM everywhere.",
        ) from None


def _settings(
    table: str, settings_type: type[S], options: argparse.Namespace, start: _Start
) -> Resolved:
    layers = [read(options.config)] if options.config else []
    layers.append(Layer("the life line", {table: start.settings}))
    for origin, key, value in (
        ("the life line", "id", start.rig),
        ("the life line", "broker", start.broker),
        ("--rig", "id", options.rig),
        ("--broker", "broker", options.broker),
    ):
        if value is not None:
            layers.append(Layer(origin, {"rig": {key: value}}))
    return load({table: settings_type, "rig": RigSettings}, layers, OTHER_TABLES)


def _bus(name: str, rig: RigSettings, start: _Start, *, allow_remote_eeg: bool) -> MqttBus:
    if not rig.broker:
        raise UsageError(
            "No broker is named.",
            "Start one (`python -m rym.broker`, or mosquitto) and give "
            "--broker mqtt://127.0.0.1:1883.",
        )
    address = parse_url(rig.broker)
    allowed = allow_remote_eeg or start.allow_remote_eeg
    if name == "stream" and not address.is_loopback and not allowed:
        raise UsageError(
            f"The broker is {address.host}, so that EEG would leave this machine.",
            "Give --allow-remote-eeg if that is meant, or use a broker on this machine.",
            host=address.host,
        )
    clock = SystemClock()
    return MqttBus(
        rig.broker,
        service=name,
        epoch=round(clock.wall() * 1000),
        clock=clock,
        rig=rig.id,
        password=start.password or secret("BROKER_PASSWORD") or "",
    )


async def _live(
    shell: Shell,
    bus: MqttBus,
    serve: Callable[[], Awaitable[None]],
    *,
    outlives_supervisor: bool,
) -> int:
    """Run `serve` between the first and the last status."""
    told = catch_signals()
    await bus.connect()
    try:
        shell.say("starting")
        await _until_end(shell, bus, serve, told, outlives_supervisor=outlives_supervisor)
    except Exception as error:
        shell.fail(error)
        raise
    else:
        shell.say("ended")
        return 0
    finally:
        await bus.close()


async def _until_end(
    shell: Shell,
    bus: MqttBus,
    serve: Callable[[], Awaitable[None]],
    told: asyncio.Event,
    *,
    outlives_supervisor: bool,
) -> None:
    """Return when `serve` has, or when it was told to end; raise what went wrong."""
    shell.lifeline.watch()
    work = asyncio.ensure_future(serve())
    tasks: set[asyncio.Future[Any]] = {
        work,
        asyncio.create_task(told.wait(), name="signals"),
        asyncio.create_task(bus.ended(), name="bus"),
        asyncio.create_task(shell.keep_saying(), name="status"),
        asyncio.create_task(keep_small(shell.clock), name="memory"),
    }
    if not outlives_supervisor:
        tasks.add(asyncio.create_task(shell.lifeline.told_to_end(), name="life line"))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    # What `serve` raised while it ended counts as much as what it raised before.
    for task in {work, *done}:
        if not task.cancelled():
            task.result()


def _first_cause(error: BaseException) -> BaseException:
    """Return the error that a group of tasks ended with; one with a remedy before all others."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    causes = [_first_cause(inner) for inner in error.exceptions]
    return next((cause for cause in causes if isinstance(cause, RymError)), causes[0])


def _sentence(error: BaseException) -> str:
    cause = _first_cause(error)
    if isinstance(cause, RymError):
        return str(cause)
    frames = traceback.extract_tb(cause.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"Unexpected {type(cause).__name__}: {cause}{place}. Run it again with --debug."


def _explain(error: Exception, *, debug: bool) -> int:
    cause = _first_cause(error)
    LOG.error("%s", _sentence(error), exc_info=error if debug else None)
    return cause.exit_code if isinstance(cause, RymError) else 1
