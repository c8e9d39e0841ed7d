"""Plays a simulated person or recordings out as NIC's LSL streams: `python -m stream.source`.

To the rest of RYM this is an amplifier like any other. The EEG leaves only over LSL; what a real
amplifier would not know (truth, keys, labels of files) goes over the bus, stamped with the rig time
of the sample that it belongs to. Sample n is due at the beginning plus n / rate: time is counted in
samples, so that no delay adds up. Nothing is sent before a consumer has opened the EEG stream.

Codes on the Markers stream: keys 1 positive, 2 neutral, 3 negative, 9 none; phases 11 rest,
12 calibration, 13 training, 14 feedback, 10 any other; files 21, 22, … at their first sample; a
recording's own triggers as they are in the file.

A script of faults (`stream/simulated/faults.py`) acts between the source and the network. Each is
told on the bus when it begins and when it ends, as `Injected`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from rym.bus import LATEST, Bus
from rym.clock import Clock
from rym.messages import Affect, Injected, Label, Phase, Played, Truth
from rym.service import Shell, run
from rym.topics import FAULT, LABEL, NOW, PHASE, TRUTH

from .simulated.devices import DEVICES, Device, Dialect
from .simulated.faults import ScriptedFault
from .simulated.faultscript import Act, FaultScript, Send
from .simulated.headers import Dress, Header
from .simulated.pace import Speed, pace_of
from .simulated.senders import (
    POLL,
    Heard,
    Mark,
    Piece,
    RecordedFile,
    RecordedSource,
    Samples,
    Source,
    build,
)
from .simulated.simulator import SimulatedSource

__all__ = ["RecordedFile", "RecordedSource", "SimulatedSource", "SourceSettings", "play", "serve"]

Stamps = npt.NDArray[np.float64]

PHASE_CODES = {"rest": 11, "calibration": 12, "training": 13, "feedback": 14}
OTHER_PHASE = 10
DEAF_AFTER = 2.0
"""Seconds without news from the player after which nothing counts as audible."""


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sent, and under which names."""

    sender: SimulatedSource | RecordedSource = SimulatedSource()
    """`type = "simulated"` or `type = "recorded"`."""
    name: str = ""
    """Name of the LSL streams, or what it begins with; empty: the device's own (`NIC`, `Muse`)."""
    source_id: str = ""
    """LSL source id of the EEG stream; empty: made from the session's name."""
    dialect: Dialect | Literal["auto"] = "auto"
    """Which software's streams are imitated, see `stream.lsl.outlets.NicOutlets`; `auto`: the
    device's own, `nic2` for recordings."""
    speed: Annotated[float, msgspec.Meta(gt=0)] | Literal["max"] = 1.0
    """How many times faster than true time; `max`: as fast as `stream` takes it, so that nothing is
    lost (`stream.simulated.pace`). Faster than 1, stamps run ahead of the clock,
    and `[stream] max_ahead` must be as long as what is sent."""
    faults: tuple[ScriptedFault, ...] = ()
    """What goes wrong, and when; see `stream.simulated.faults`."""
    header: Header = Header()
    """What is wrong with the EEG stream's header, from the start."""


class Outlets(Protocol):
    """Where samples go."""

    def push_eeg(self, samples: Samples, stamp: float | Stamps) -> None:
        """Send a chunk of EEG in µV; `stamp` is the time of its last sample, or of every one."""
        ...

    def push_quality(self, values: Samples) -> None:
        """Send NIC's quality index of every channel."""
        ...

    def push_accelerometer(self, samples: Samples, stamp: float | Stamps) -> None:
        """Send a chunk of acceleration in mm/s²; `stamp` as for the EEG."""
        ...

    def push_marker(self, code: int, stamp: float) -> None:
        """Send a trigger code that holds at rig time `stamp`."""
        ...

    def has_consumer(self) -> bool:
        """Say whether somebody has opened the EEG stream."""
        ...

    def act(self, act: Act) -> None:
        """Let the streams vanish, come back, or be there a second time."""
        ...


class _Ears:
    """What the bus says about phase and sound; with a silent bus nothing is heard."""

    def __init__(self, bus: Bus) -> None:
        self._clock = bus.clock
        self._inbox = bus.subscribe(NOW, PHASE, overload=LATEST)
        self._audible: Affect | None = None
        self._phase = "idle"
        self._told = -np.inf

    def listen(self) -> Heard:
        """Take in what has arrived and return what holds now."""
        for message in self._inbox.drain():
            match message.content:
                case Played() as played:
                    loud = played.level_db > -60.0
                    self._audible = played.audible if loud else None
                    self._told = self._clock.now()
                case Phase() as phase:
                    self._phase = phase.name
        fresh = self._clock.now() - self._told <= DEAF_AFTER
        return Heard(self._audible if fresh else None, self._phase)

    def close(self) -> None:
        """Take nothing more in."""
        self._inbox.close()


class _Timeline:
    """Rig time of every sample."""

    def __init__(self, start: float, rate: float) -> None:
        self._start = start
        self._rate = rate
        self._pauses = 0.0
        self.n_sent = 0

    def stamp(self, ahead: int = 0) -> float:
        """Return the rig time of the sample that comes `ahead` after the next one, in seconds."""
        return self._start + self._pauses + (self.n_sent + ahead) / self._rate

    def stamps(self, n: int) -> Stamps:
        """Return the rig times of the next `n` samples, in seconds."""
        return self._start + self._pauses + (self.n_sent + np.arange(n)) / self._rate

    def pause(self, seconds: float) -> None:
        """Let time pass without samples."""
        self._pauses += seconds


class _Player:
    """Sends pieces and tells the bus what a real amplifier would not know."""

    def __init__(
        self,
        source: Source,
        outlets: Outlets,
        bus: Bus,
        timeline: _Timeline,
        *,
        script: FaultScript,
        dress: Dress,
    ) -> None:
        self._source = source
        self._outlets = outlets
        self._bus = bus
        self._timeline = timeline
        self._script = script
        self._dress = dress
        self._phase = ""
        self._labelled = False

    def send(self, piece: Piece) -> None:
        """Send one piece, whose pause has been made already."""
        n = len(piece.samples)
        for step in self._script.feed(piece, self._timeline.stamps(max(n, 1))):
            match step:
                case Act():
                    self._outlets.act(step)
                case Injected():
                    self._bus.publish(FAULT, step)
                case Send():
                    self._push(step)
        before, self._timeline.n_sent = self._timeline.n_sent, self._timeline.n_sent + n
        seconds = [int(count / self._source.rate) for count in (before, before + n)]
        if self._source.quality is not None and seconds[0] != seconds[1]:
            self._outlets.push_quality(self._dress.quality(self._source.quality))

    def _push(self, step: Send) -> None:
        """Send what leaves now; without faults LSL derives the stamps from the chunk's last."""
        whole = self._script.empty
        if len(step.samples):
            stamps = float(step.stamps[-1]) if whole else step.stamps
            self._outlets.push_eeg(self._dress.samples(step.samples), stamps)
        if len(step.motion):
            stamps = float(step.motion_stamps[-1]) if whole else step.motion_stamps
            self._outlets.push_accelerometer(step.motion, stamps)
        for code, t in step.codes:
            self._outlets.push_marker(code, t)
        for mark, t in step.marks:
            self._tell(mark, t)

    def with_phase(self, piece: Piece, name: str) -> Piece:
        """Return the piece with a mark at its beginning where the phase has changed."""
        if name == self._phase:
            return piece
        self._phase = name
        mark = Mark(offset=0, code=PHASE_CODES.get(name, OTHER_PHASE))
        return msgspec.structs.replace(piece, marks=(mark, *piece.marks))

    def end(self) -> None:
        """Send what was held back, and say that the last label holds no longer."""
        self._push(self._script.finish())
        if self._labelled:
            self._tell(Mark(offset=0, label="none"), self._timeline.stamp())

    def _tell(self, mark: Mark, t: float) -> None:
        if mark.felt is not None:
            truth = Truth(t=t, state=mark.felt, strength=self._source.strength)
            self._bus.publish(TRUTH, truth)
        if mark.label is not None:
            self._labelled = True
            label = Label(state=mark.label, t=t, source=self._source.label_source)
            self._bus.publish(LABEL, label)


async def play(
    source: Source,
    outlets: Outlets,
    bus: Bus,
    *,
    speed: Speed = 1.0,
    seed: int = 1,
    faults: Sequence[ScriptedFault] = (),
    header: Header | None = None,
) -> None:
    """Send a source from its first sample to its last, at the pace of the bus's clock.

    Parameters
    ----------
    source : Source
        What is sent.
    outlets : Outlets
        Where it goes; sending begins when they have a consumer.
    bus : Bus
        Where truth and labels go, and phase and sound come from.
    speed : float or 'max'
        How many times faster than true time; `max`: as fast as the consumer takes it.
    seed : int
        Decides the sizes of the chunks, and what is drawn for faults.
    faults : sequence of ScriptedFault
        What goes wrong, and when.
    header : Header, optional
        What is wrong with the EEG's header; names and format are the outlets' business.

    Raises
    ------
    UsageError
        If a fault or the header names a channel that the source lacks.
    """
    script = FaultScript(
        faults,
        channels=source.channels,
        rate=source.rate,
        seed=seed,
        silent=source.habits,
    )
    dress = Dress(header or Header(), source.channels, seed)
    clock: Clock = bus.clock
    ears = _Ears(bus)
    while not outlets.has_consumer():
        ears.listen()
        await clock.sleep_until(clock.now() + POLL)
    timeline = _Timeline(clock.now(), source.rate)
    pace = pace_of(bus, speed, source.rate)
    player = _Player(source, outlets, bus, timeline, script=script, dress=dress)
    sizes = np.random.default_rng([seed, 2])
    smallest, largest = source.chunk
    while True:
        heard = ears.listen()
        piece = source.take(script.limit(int(sizes.integers(smallest, largest + 1))), heard)
        if piece is None:
            break
        timeline.pause(piece.pause)
        n = len(piece.samples)
        await pace.wait(timeline.stamp(n - 1), n)
        player.send(player.with_phase(piece, heard.phase))
    player.end()
    pace.close()
    ears.close()


async def serve(shell: Shell, settings: SourceSettings) -> None:
    """Open the outlets, play, then stay there in silence until told to end."""
    from .lsl.outlets import Amplifier, NicOutlets  # noqa: PLC0415  (settings need no liblsl)

    source = build(settings.sender)
    seed, header = settings.sender.seed, settings.header
    source_id = settings.source_id or f"rym-{shell.session or 'source'}"
    channels = Dress(header, source.channels, seed).channels

    device = _imitated(settings.sender)

    def make(source_id: str) -> NicOutlets:
        return NicOutlets(
            name=settings.name or device.name,
            source_id=source_id,
            channels=channels,
            rate=source.rate if header.rate is None else header.rate,
            unit=header.unit or "microvolts",
            dialect=device.dialect if settings.dialect == "auto" else settings.dialect,
            form=header.form,
            motion_rate=source.motion_rate,
        )

    outlets = Amplifier(source_id, make)
    try:
        shell.ready(_described(settings.sender), source_id=source_id, seed=seed)
        await play(
            source,
            outlets,
            shell.bus,
            speed=settings.speed,
            seed=seed,
            faults=settings.faults,
            header=header,
        )
        shell.ready("recording ended")
        await asyncio.Event().wait()
    finally:
        outlets.close()


def _imitated(settings: SimulatedSource | RecordedSource) -> Device:
    """Return the amplifier whose names are used; recordings come as if from an Enobio."""
    return DEVICES[settings.device if isinstance(settings, SimulatedSource) else "enobio20"]


def _described(settings: SimulatedSource | RecordedSource) -> str:
    match settings:
        case SimulatedSource():
            return "simulated person"
        case RecordedSource():
            return "recording"


if __name__ == "__main__":
    raise SystemExit(
        run("simulator", SourceSettings, serve, module="stream.source", table="source")
    )
