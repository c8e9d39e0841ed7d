"""The verbs of a rig: `rym doctor`, `inspect`, `record`, `check alpha`, `delay` and `level`."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rym.errors import UsageError

Outcome = tuple[dict[str, Any] | None, int]
"""What `--json` prints, and the exit code."""
Verb = Callable[[Any, str, str, Callable[..., Outcome]], Any]
"""Adds a verb of this name, in these words, to a group, and returns its parser."""

# Imports stand inside the verbs: `rym --help` shall not wait for numpy.
# ruff: noqa: PLC0415


def number(least: float = 0.0) -> Callable[[str], float]:
    """Return what reads a finite number of the command line that is not less than some other."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value < math.inf:
            raise argparse.ArgumentTypeError(f"{text!r} is given, {least:g} or more is needed")
        return value

    return read


def add(verbs: Any, verb: Verb) -> None:
    """Add `doctor`, `inspect`, `record` and `check` to the command line's verbs."""
    words = "Could a session start now? Streams, signal, sound, broker, disk, with remedies."
    parser = verb(verbs, "doctor", words, _doctor)
    parser.add_argument("--config", type=Path, help="settings, a TOML file")
    parser.add_argument("--broker", help="mqtt://host:port of a broker that runs already")
    parser.add_argument(
        "--seconds", type=number(0.5), default=5.0, help="of listening (default: 5)"
    )
    parser.add_argument("--model", type=Path, help="a model that the stream must fit")
    _add_inspect(verbs, verb)
    _add_record(verbs, verb)
    check = verbs.add_parser("check", help="Check this rig with a person or a cable.")
    inner = check.add_subparsers(required=True, metavar="VERB")
    _add_alpha(inner, verb)
    _add_delay(inner, verb)
    _add_level(inner, verb)


def _add_inspect(verbs: Any, verb: Verb) -> None:
    words = "What a recording holds: rate, channels, gaps, events, and the quality of its signal."
    parser = verb(verbs, "inspect", words, _inspect)
    parser.add_argument("file", type=Path, nargs="+", metavar="FILE", help="any recording")
    parser.add_argument(
        "--stream", default="", help="which stream of an .xdf: name, type, name/type or number"
    )
    parser.add_argument("--columns", type=Path, help="what a table's columns mean, a TOML file")
    parser.add_argument("--config", type=Path, help="settings, a TOML file")


def _add_record(verbs: Any, verb: Verb) -> None:
    words = "Every LSL stream that is seen, numbers and text, into one XDF file, until Ctrl-C."
    parser = verb(verbs, "record", words, _record)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the file; it must not exist")
    parser.add_argument("--seconds", type=number(), default=0.0, help="of each stream; 0: endless")
    parser.add_argument("--type", action="append", default=[], help="only streams of this type")
    parser.add_argument("--name", action="append", default=[], help="only streams of this name")
    parser.add_argument(
        "--all", action="store_true", help="every stream; so it is without --type and --name"
    )


def _add_alpha(inner: Any, verb: Verb) -> None:
    words = "Eyes open, eyes closed: does the EEG show the alpha rhythm that it must?"
    parser = verb(inner, "alpha", words, _check_alpha)
    parser.add_argument("--config", type=Path, help="settings, a TOML file")
    parser.add_argument("--seconds", type=number(), default=20.0, help="of each part (default: 20)")
    parser.add_argument(
        "--recording",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="instead of the live stream: once with eyes open, once with eyes closed",
    )


def _add_delay(inner: Any, verb: Verb) -> None:
    words = "Soft clicks out of the audio device and back through the amplifier: its delay."
    parser = verb(inner, "delay", words, _check_delay)
    parser.add_argument("--config", type=Path, help="settings, a TOML file")
    parser.add_argument("--device", help="audio device, by name")
    parser.add_argument("--channel", default="", help="where the sound arrives (default: EXT)")
    parser.add_argument("--clicks", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--no-store", action="store_true", help="do not write it to rig.toml")


def _add_level(inner: Any, verb: Verb) -> None:
    words = "The person sets the level, from silence, on a bank's loudest clip or a noise."
    parser = verb(inner, "level", words, _check_level)
    parser.add_argument("--config", type=Path, help="settings, a TOML file")
    parser.add_argument("--device", help="audio device, by name")
    parser.add_argument("--bank", type=Path, help="its loudest clip is played (default: a noise)")
    parser.add_argument(
        "--spl",
        type=number(),
        metavar="DBA",
        help="what a sound level meter at the ear will read: keeps the device's calibration, not "
        "the level",
    )
    parser.add_argument("--no-store", action="store_true", help="do not write it to rig.toml")


def tell(words: str) -> None:
    """Say something to the person at the terminal; stdout is for results."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


def _doctor(arguments: argparse.Namespace) -> Outcome:
    from rym.clock import SystemClock

    from .. import settings
    from ..bar import TimeLeft
    from .doctor import diagnose

    options = [("rig.broker", arguments.broker)] if arguments.broker is not None else []
    tables = settings.tables(settings.load("run", arguments.config, options))
    found = diagnose(
        tables,
        SystemClock(),
        seconds=arguments.seconds,
        model=arguments.model,
        left=TimeLeft(sys.stderr),
    )
    if not arguments.json:
        sys.stdout.writelines(f"{line}\n" for line in found.lines)
    return found.as_json(), 0 if found.could_start else 1


def _inspect(arguments: argparse.Namespace) -> Outcome:
    from rym.clock import SystemClock

    from .. import settings
    from ..bar import Bar
    from .inspect import inspect_all

    stream = settings.tables(settings.load("run", arguments.config, ())).stream
    return inspect_all(
        arguments.file,
        stream,
        Bar(SystemClock(), sys.stderr),
        None if arguments.json else sys.stdout.write,
        stream=arguments.stream,
        columns=arguments.columns,
    )


def _record(arguments: argparse.Namespace) -> Outcome:
    if arguments.all and (arguments.type or arguments.name):
        raise UsageError(
            "--all stands beside --type or --name.", "Leave --all out to record some streams only."
        )
    import msgspec

    from rym.clock import SystemClock

    from .record import free_name, record, told_to_end
    from .roster import Choice

    clock = SystemClock()
    path = arguments.out or free_name(clock, Path())
    choice = Choice(types=tuple(arguments.type), names=tuple(arguments.name))
    with told_to_end() as stop:
        done = record(path, clock, choice=choice, seconds=arguments.seconds, stop=stop, tell=tell)
    if not arguments.json:
        n = sum(stream.n_samples for stream in done.streams)
        sys.stdout.write(
            f"{done.file}: {len(done.streams)} streams, {n} samples in {done.seconds:g} s\n"
        )
    return msgspec.to_builtins(done), 0


def _check_alpha(arguments: argparse.Namespace) -> Outcome:
    import asyncio

    from rym.clock import SystemClock

    from .. import settings
    from ..bar import TimeLeft
    from .check_alpha import check_alpha, check_recordings

    stream = settings.tables(settings.load("run", arguments.config, ())).stream
    if arguments.recording:
        answer = check_recordings(stream, arguments.recording)
    else:
        left = TimeLeft(sys.stderr)
        checking = check_alpha(stream, SystemClock(), tell, seconds=arguments.seconds, left=left)
        answer = asyncio.run(checking)
    if not arguments.json:
        sys.stdout.writelines(f"{line}\n" for line in answer.lines)
    return answer.as_json(), 0 if answer.rise.seen else 1


def _check_delay(arguments: argparse.Namespace) -> Outcome:
    import asyncio

    from rym.clock import SystemClock

    from .. import settings
    from ..bar import TimeLeft
    from .check_delay import check_delay
    from .store import RIG, store

    options = [("player.device", arguments.device)] if arguments.device is not None else []
    tables = settings.tables(settings.load("run", arguments.config, options))
    checking = check_delay(
        tables.stream,
        tables.player,
        SystemClock(),
        tell,
        channel=arguments.channel,
        n_clicks=arguments.clicks,
        left=TimeLeft(sys.stderr),
    )
    answer = asyncio.run(checking)
    stored = None if arguments.no_store else str(RIG.resolve())
    if stored:
        store(RIG, "player", "device_delay", round(answer.delay.seconds, 5), answer.note)
    if not arguments.json:
        kept = f"Kept in {stored}." if stored else "Not kept."
        sys.stdout.write(f"{answer.sentence}\n{kept}\n")
    return {**answer.as_json(), "stored": stored}, 0


def _check_level(arguments: argparse.Namespace) -> Outcome:
    import asyncio
    from datetime import UTC, datetime

    from rym.clock import Clock, SystemClock
    from rym.terminal import pressed

    from .. import settings
    from .check_level import Answer, check_level
    from .store import RIG, store

    options = [("player.device", arguments.device)] if arguments.device is not None else []
    player = settings.tables(settings.load("run", arguments.config, options)).player

    async def check(clock: Clock) -> Answer:
        async with pressed() as keys:
            return await check_level(
                player, clock, keys, tell, bank=arguments.bank, spl=arguments.spl
            )

    clock = SystemClock()
    answer = asyncio.run(check(clock))
    keep = answer.taken and not arguments.no_store
    note = answer.note(datetime.fromtimestamp(clock.wall(), UTC).date().isoformat())
    for key, value in answer.values.items() if keep else ():
        store(RIG, "player", key, value, note)
    stored = str(RIG.resolve()) if keep else None
    if not arguments.json:
        kept = f" Kept in {stored}." if stored else ""
        sys.stdout.write(f"{answer.sentence}{kept}\n")
    return {**answer.as_json(), "stored": stored}, 0
