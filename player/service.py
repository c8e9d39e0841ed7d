"""The service `player`: valence in, sound out (thin shell).

Its loop is the feeder: while the sink has room, take in what has come, render a control block, hand
it to the sink and to the recording, say what changed. It sleeps for 5 ms otherwise.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rym import bank
from rym.bank import Clip
from rym.bus import ALL, LATEST, Newest
from rym.errors import FormatError
from rym.messages import (
    Applied,
    Command,
    Content,
    Identity,
    Loudness,
    Message,
    Played,
    Safety,
    Shown,
    Stop,
)
from rym.service import Shell
from rym.topics import APPLIED, COMMAND, LABEL, LEVEL, NOW, PICTURE, SAFETY, STOP, VALENCE, Topic

from .deciding.leads import released
from .engine import Engine
from .latch import Latch
from .level import volume as system_volume
from .level.calibration import calibration
from .level.limiter import DELAY
from .level.watch import Watch
from .music.material import ENDING, Material, Sound, Stretch, build, named, stretches
from .output import flac
from .output.heard import Heard
from .output.outlet import Outlet
from .settings import BLOCK, RATE, PlayerSettings

STALE = 2.0
"""Seconds after which a decoded state is too old to be taken in, and by which the time of a key may
be off: what is held now is not known by it then."""
NOT_NOW = "not of now"
REMEMBERED = 4096
"""Answers kept for inputs that are sent again; a sender repeats for ten seconds."""
PAUSE = 0.005
"""Seconds between two looks at the sink: half a control block."""
AWAKENING = ("release-stop", "resume")
"""Orders that bring sound back."""
TOPIC_OF: dict[type[Content], Topic] = {
    Played: NOW,
    Shown: PICTURE,
    Loudness: LEVEL,
    Safety: SAFETY,
}
"""Where what the engine says is published."""
TIMED = (Played, Shown)
"""What is said together with the time at which its frame is heard."""
AT_ONCE = 40
"""Control blocks that are rendered before others have their turn again: more than the ring holds,
so that no device that takes too much can keep a stop out."""
FAREWELL = 10
"""Control blocks over which sound fades where the process is told to end."""

LOG = logging.getLogger(__name__)


async def serve(shell: Shell, settings: PlayerSettings) -> None:
    """Play until the music has ended: by command, or because the supervisor is gone.

    Parameters
    ----------
    shell : Shell
        Bus, clock, life line, and the folder for `heard-NN.flac` and `stop.json`; without a folder
        neither is kept.
    settings : PlayerSettings
        Table `[player]`.

    Raises
    ------
    FormatError
        If the bank cannot be played.
    UsageError
        If a stop would take too long with these settings.
    DeviceError
        If an audio device that was asked for cannot be had, or is lost.
    """
    settings.check_stop()
    faults: dict[Stretch, FormatError] = {}
    material = await asyncio.to_thread(
        load, Path(settings.bank), tell=faults.__setitem__, expected=settings.bank_sha256
    )
    # What was loaded stays: the collector need not walk through it while music plays.
    gc.freeze()
    volume = ""
    if settings.full_scale_dba is not None:
        volume = await asyncio.to_thread(system_volume.read, settings.device)
    player = Player(shell, settings, material, note=told(faults), volume=volume)
    try:
        await player.play()
    finally:
        await player.close()


def load(
    folder: Path,
    *,
    left_out: str = "",
    tell: Callable[[Stretch, FormatError], None] | None = None,
    expected: str = "",
) -> Material:
    """Read a bank and check what of it is played.

    Parameters
    ----------
    folder : Path
        The bank's.
    left_out : str
        What shall not be played, as `named` writes it.
    tell : callable
        Called with section, variant and reason where one cannot be played; it is left out then.
    expected : str
        Hash of what must be in it; empty takes whatever is there.

    Raises
    ------
    FormatError
        With the first fault found; with `tell`, if the manifest has one or nothing can be played.
    """
    manifest = bank.read(folder)
    bank.check_form(manifest, folder)
    if expected and manifest.content_sha256 != expected:
        raise FormatError(
            f"The bank {folder} is {manifest.content_sha256[:16]}… now, {expected[:16]}… was "
            "approved for this session.",
            "Begin a session with the bank as it is, once it is approved.",
        )

    def read(clip: Clip) -> tuple[Sound, int]:
        bank.check_file(folder, clip.file, clip.sha256)
        return flac.read(folder / clip.file)

    return build(manifest, read, left_out=stretches(left_out), tell=tell)


def told(faults: Mapping[Stretch, FormatError]) -> str:
    """Say what is left out and why, and write each reason to the log.

    People count from 1, as on the page of the audition; the status counts from 0.
    """
    names = [
        f"section {section + 1}, " + ("ending" if v == ENDING else f"variant {v + 1}")
        for section, v in faults
    ]
    for name, error in zip(names, faults.values(), strict=True):
        LOG.warning("%s is left out: %s", name, error)
    if not faults:
        return ""
    return f"Left out of the music: {'; '.join(names)}. {next(iter(faults.values())).error}"


class Player:
    """The engine among bus, life line, sink and files.

    Parameters
    ----------
    shell : Shell
        Bus, clock, life line and folder.
    settings : PlayerSettings
        Table `[player]`.
    material : Material
        The bank's arrays.
    note : str
        What is to be known of them, one sentence for people.
    volume : str
        The system volume as it can be read; empty where it cannot.
    """

    def __init__(
        self,
        shell: Shell,
        settings: PlayerSettings,
        material: Material,
        note: str = "",
        volume: str = "",
    ) -> None:
        self._shell = shell
        self._clock = shell.clock
        bus = shell.bus
        self._valence = bus.subscribe(VALENCE, overload=LATEST)
        self._orders = bus.subscribe(STOP, COMMAND, overload=ALL)
        self._keys = bus.subscribe(LABEL, overload=ALL) if settings.arm == "keys" else None
        self._newest = Newest()
        self._answers: dict[Identity, Message] = {}
        self._latch = Latch(shell.folder)
        self._sink = Outlet(settings, self._clock, again=settings.origin > 0.0)
        self._heard = (
            None if shell.folder is None else Heard(shell.folder, wav=settings.sink == "wav")
        )
        self._began = self._clock.now()
        origin = settings.origin or self._began
        place = max(0, round((self._began - origin) * RATE))
        if self._sink.lost():
            # Of a device that is away it cannot be read: what was calibrated stands until it can.
            volume = settings.calibrated_volume
        loudness = calibration(settings, self._sink.name, volume)
        self._engine = Engine(
            material,
            settings,
            place=place,
            stopped=self._latch.set,
            session=shell.session,
            full_scale_dba=loudness.full_scale_dba,
            kept=settings.kept,
        )
        self._left = self._engine.kept
        self._block = np.zeros((BLOCK, 2), dtype=np.float32)
        self._gone = self._told = False
        self._news: tuple[object, ...] = ()
        self._news_from = self._latch_from = 0.0
        self._facts: dict[str, Any] = {
            "rate": RATE,
            "place": place,
            "origin": origin,
            "session": shell.session,
            "stopped": self._latch.set,
            "kept": settings.kept.line(),
            "sink": self._sink.name,
            "depth_ms": round(1000 * settings.depth, 1),
            "limiter_ms": 1000 * DELAY / RATE,
            "heard": self._heard.path.name if self._heard else "",
            "left_out": named(material.left_out),
            "loudness": loudness.sentence,
        }
        if loudness.full_scale_dba is not None:
            self._facts["full_scale_dba"] = loudness.full_scale_dba
        void = loudness.sentence if loudness.void else ""
        self._note = " ".join(filter(None, (note, void)))
        # Nothing is looked after where nothing is known.
        known = "" if loudness.full_scale_dba is None else volume
        self._volume = Watch(known, partial(system_volume.read, settings.device), self._clock)

    async def play(self) -> None:
        """Feed the sink until the music has ended."""
        LOG.info(
            "sound goes to %s, %g ms are rendered ahead", self._sink.name, self._facts["depth_ms"]
        )
        self._say()
        watching = self._volume.start()
        try:
            await self._feed()
        finally:
            watching.cancel()

    async def _feed(self) -> None:
        while not (self._told or self._engine.finished):
            self._take()  # also where a device stands still: a stop is latched all the same
            for _ in range(AT_ONCE):
                if self._sink.room() < BLOCK or self._told:
                    break
                self._take()
                self._render()
            self._sink.check()
            self._look_around()
            await self._clock.sleep_until(self._clock.now() + PAUSE)

    async def close(self) -> None:
        """Fade what still sounds within 0.1 s, then give everything back."""
        fall = np.linspace(1.0, 0.0, FAREWELL * BLOCK, dtype=np.float32)[:, None]
        for k in range(FAREWELL):
            self._engine.render(self._block)
            self._engine.events()
            self._block *= fall[k * BLOCK : (k + 1) * BLOCK]
            self._give()
        end = self._clock.now() + 2.0
        while not self._sink.drained() and self._clock.now() < end:
            await self._clock.sleep_until(self._clock.now() + PAUSE)
        self._sink.close()
        if self._heard:
            await asyncio.to_thread(self._heard.close)

    # -- in --------------------------------------------------------------------------------------

    def _take(self) -> None:
        """Apply what has come: the life line, stops and commands, keys, valence."""
        if self._shell.lifeline.gone.is_set() and not self._gone:
            self._gone = True
            self._engine.supervisor_gone()
            # Said before anything else is answered: so replay has both in their order.
            self._tell()
        while not self._shell.lifeline.orders.empty():
            self._obey(self._shell.lifeline.orders.get_nowait())
        for message in self._orders.drain():
            self._take_order(message)
        for message in self._keys.drain() if self._keys else ():
            self._take_label(message)
        for message in self._valence.drain():
            age = self._clock.now() - message.content.t
            if self._newest.fresh(message) and age <= STALE:
                self._apply(message)

    def _obey(self, order: dict[str, Any]) -> None:
        """Follow an order from the pipe; a stop becomes a message, so that replay has it too."""
        by = order.get("stop")
        if by in ("operator", "participant", "distress"):
            stop = Stop(by=by, t=self._clock.now())
            self._take_order(self._shell.bus.publish(STOP, stop))
        elif order.get("end"):
            self._told = True
        else:
            LOG.warning("an order with %s is not known here", sorted(order))

    def _take_order(self, message: Message) -> None:
        """Apply an order once; answer a repeated one again, since its sender missed the answer."""
        content = message.content
        if not isinstance(content, Stop) and content.to != self._shell.bus.service:
            return
        if message.id in self._answers:
            self._shell.bus.resend(self._answers[message.id])
            return
        awakens = isinstance(content, Command) and content.action in AWAKENING
        if awakens and message.meta.mono < self._began:
            # The journal has lost messages sent again: what was meant for an earlier start must
            # not bring sound back into this one.
            LOG.warning("%s came late and is not followed", content.action)
            return
        self._remember(message, self._apply(message))

    def _take_label(self, message: Message) -> None:
        """Apply a key once, and none that a later one has overtaken.

        One that comes late, or whose time lies ahead, ends what was held and begins nothing: it
        says that the keys have moved, and what they are now is not known.
        """
        if message.id in self._answers:
            self._shell.bus.resend(self._answers[message.id])
        elif self._newest.fresh(message):
            off = abs(self._clock.now() - message.content.t)
            self._remember(message, self._apply(message, "" if off <= STALE else NOT_NOW))

    def _remember(self, message: Message, answer: Message) -> None:
        self._answers[message.id] = answer
        if len(self._answers) > REMEMBERED:
            del self._answers[next(iter(self._answers))]

    def _apply(self, message: Message, refused: str = "") -> Message:
        content = released(message.content) if refused else message.content
        frame = self._engine.apply(message.id, content)
        if self._engine.stopped:
            self._latch.put(True)
        applied = Applied(input=message.id, at=frame, refused=refused)
        return self._shell.bus.publish(APPLIED["player"], applied, cause=(message.id,))

    # -- out -------------------------------------------------------------------------------------

    def _render(self) -> None:
        self._engine.render(self._block)
        self._give()
        self._tell()

    def _tell(self) -> None:
        """Publish what the engine has to say."""
        for content, cause in self._engine.events():
            if isinstance(content, Safety):
                self._latch.put(content.state == "STOP")
            heard = self._sink.audible_at(content.frame) if isinstance(content, TIMED) else None
            topic = TOPIC_OF[type(content)]
            self._shell.bus.publish(topic, content, cause=cause, audible_at=heard)

    def _give(self) -> None:
        voice = self._engine.voice
        self._sink.talk(on=voice > 0.0, level=voice)
        self._sink.write(self._block)
        if self._heard:
            self._heard.write(self._block)

    def _look_around(self) -> None:
        """Say in the status what went wrong beside the music; what only counts, once a second.

        A STOP that could not be written is tried again as often.
        """
        now = self._clock.now()
        if now >= self._latch_from:
            self._latch_from = now + 1.0
            self._latch.put(self._engine.stopped)
        seen = self._seen()
        new = seen[:2] != self._news[:2] or self._engine.kept.news(self._left)
        if new or (seen != self._news and now >= self._news_from):
            self._news_from = now + 1.0
            self._say()

    def _say(self) -> None:
        """Say how it is; interruptions one by one are in the log, here they are counted."""
        self._news = unheard, note, facts = self._seen()
        detail = " ".join(filter(None, (unheard, note, self._note)))
        self._left = self._engine.kept
        self._shell.ready(detail, **self._facts, left=self._left.line(), **facts)

    def _seen(self) -> tuple[str, str, dict[str, str | int | float | bool]]:
        unheard = self._heard.failed if self._heard else ""
        note = " ".join(filter(None, (self._latch.failed, self._sink.note, self._volume.void)))
        return unheard, note, {**self._sink.facts(), **self._volume.facts}
