"""Where the music leaves: a device that may go and come back, a monitor, the operator's voice.

The music does not depend on the device. While it is lost a clock stands in for it: frames,
messages, recording and dead-man switch go on at true pace, unheard. It is looked for again by the
name that it had, and comes up from silence at the music's place then. PortAudio is asked in a
thread of its own, since opening may take long, and a dead device's stream may never end.

What goes to the devices is not quite what is recorded: the voice, and the ramps after an
interruption, are only there.
"""

from __future__ import annotations

import logging

from rym.clock import Clock
from rym.errors import DeviceError

from ..settings import RATE, STOP_WITHIN, PlayerSettings
from .aside import Aside
from .devices import unheard
from .monitor import Monitor
from .opening import Opener, Target
from .paced import PacedSink
from .priority import favour
from .ringed import BACK, RingedSink
from .sink import Frames, Sink
from .talkback import Microphone, Talkback

Stream = Sink | Microphone

RETRY = 0.4
"""Seconds between two attempts."""
WAKES = 5.0
"""Seconds in which a device that was opened again must begin to take frames, or is tried anew."""
HANGS = 10.0
"""Seconds after which an attempt that has not ended counts as hanging: the process must end."""

LOG = logging.getLogger(__name__)


class Outlet:
    """The player's sink.

    Parameters
    ----------
    settings : PlayerSettings
        Everything about sink and devices.
    clock : Clock
        The rig's.
    again : bool
        Whether the music has begun before this start: a device that is away is waited for then
        instead of refused.

    Raises
    ------
    DeviceError
        If a device was asked for and cannot be had.
    """

    def __init__(self, settings: PlayerSettings, clock: Clock, *, again: bool = False) -> None:
        self._settings = settings
        self._clock = clock
        self._aside = Aside()
        self._opener: Opener | None = None
        self._target: Target | None = None
        self._sink: Sink = PacedSink(clock, settings.depth)
        self._away: DeviceError | None = None
        self._wanted = settings.device
        self._coming: tuple[RingedSink, Target] | None = None
        self._opened = 0.0
        self._dead: list[Stream] = []
        self._since = self._next = 0.0
        self._first = self._written = 0
        self._xruns, self._missing = 0, 0.0
        self._said = ""
        self._seen, self._seen_missing = 0, 0.0
        self._favoured = False
        if settings.sink not in ("null", "wav"):
            self._favoured = favour()  # before any stream begins its threads
            self._open(again=again)
        self._monitor = (
            Monitor(settings.monitor, self._access, lambda: self._target)
            if settings.monitor
            else None
        )
        self._talkback = Talkback(settings.talkback, self._access) if settings.talkback else None

    # -- what the player's loop sees -------------------------------------------------------------

    @property
    def name(self) -> str:
        """Name of the device, also of one that is waited for; `null` where nothing sounds."""
        if self._target is None and self._away is not None:
            return self._wanted
        return self._target.name if self._target else self._sink.name

    @property
    def note(self) -> str:
        """What a person should know now: one sentence, or nothing."""
        if self._away is not None:
            return f"{self._away.error} The music goes on unheard until it is back."
        others = [one.note for one in self._others() if one.note]
        if self._hangs():
            others.append(f"PortAudio has hung for {HANGS:g} s over monitor or microphone.")
        return " ".join(filter(None, [self._said or self._sink.note, self._slow(), *others]))

    @property
    def xruns(self) -> int:
        """How often the sound was interrupted; a clock that stands in interrupts nothing."""
        return self._xruns + (0 if self._away else self._sink.xruns)

    @property
    def missing(self) -> float:
        """Seconds that these interruptions made, without those in which the device was lost."""
        return self._missing + (0.0 if self._away else self._sink.missing)

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return what is so now, for the status."""
        facts: dict[str, str | int | float | bool] = {
            "device": "lost" if self._away else "there" if self._target else "none",
            "device_rate": getattr(self._sink, "rate", RATE),
            "favoured": self._favoured,
            "xruns": self.xruns,
            "xrun_ms": round(1000 * self.missing),
        }
        if self._monitor is not None:
            facts["monitor"] = self._monitor.state
            facts["monitor_dropped_ms"] = round(1000 * self._monitor.dropped / RATE)
        if self._talkback is not None:
            facts["talkback"] = self._talkback.state
        return facts

    def room(self) -> int:
        """Return the number of frames that may be written now, and see to the devices."""
        self._tend()
        room = self._sink.room()
        if self.xruns > self._seen:
            self._tell_interruption()
        return room

    def write(self, block: Frames) -> None:
        """Take frames, shape (n_times, 2)."""
        spoken = self._talkback.over(block) if self._talkback is not None else block
        self._sink.write(spoken)
        if self._monitor is not None:
            self._monitor.write(spoken)
        self._written += len(block)

    def talk(self, *, on: bool, level: float) -> None:
        """Let the operator be heard, or not.

        Parameters
        ----------
        on : bool
            Whether the music is down for it.
        level : float
            Linear gain that the participant's music has when it is not: a voice is no louder.
        """
        if self._talkback is not None:
            self._talkback.open(on=on, level=level)

    def audible_at(self, frame: int) -> float:
        """Return the rig time in seconds at which a frame is heard, or would be."""
        return self._sink.audible_at(frame - self._first)

    def ahead(self) -> int:
        """Return the frames that were written and not yet taken."""
        return self._sink.ahead()

    def lost(self) -> str:
        """Say why the device counts as lost; empty while it does not."""
        return self._away.error if self._away else ""

    def check(self) -> None:
        """Raise DeviceError if looking for a device hangs: only a new process helps then."""
        # Over monitor or microphone it may hang: the participant's music does not wait for them.
        if self._away is not None and self._hangs():
            raise DeviceError(
                f"The audio device {self.name!r} was lost, and PortAudio has hung for "
                f"{HANGS:g} s looking for it.",
                "The player is started again.",
                device=self.name,
            )

    def _slow(self) -> str:
        """Say so where the device adds more than was asked of it, and a stop comes too late."""
        adds = getattr(self._sink, "latency", 0.0)
        silent = self._settings.silent_after(adds)
        if silent <= STOP_WITHIN + 0.005:
            return ""
        return (
            f"With {self.name!r} a stop is silence after {silent:.2f} s, not {STOP_WITHIN:g} s: "
            f"the device alone adds {adds:.2f} s. A smaller [player] depth makes up for it."
        )

    def _hangs(self) -> bool:
        return self._aside.busy_for(self._clock.now()) > HANGS

    def drained(self) -> bool:
        """Return True once everything that was written has been heard; nothing more is written."""
        return self._sink.drained()

    def close(self) -> None:
        """Give everything back; what hangs is left behind."""
        if not self._aside.wait(1.0):
            return
        coming = [] if self._coming is None else [self._coming[0]]
        for one in (self._sink, *self._leaving(), *self._dead, *coming):
            one.close()
        if self._opener is not None:
            self._opener.close()

    # -- devices that go and come ----------------------------------------------------------------

    def _access(self) -> Opener:
        """Return the access to devices, made when it is wanted first."""
        if self._opener is None:
            self._opener = Opener(self._settings, self._clock)
        return self._opener

    def _open(self, *, again: bool) -> None:
        settings = self._settings
        try:
            self._sink, self._target = self._access().output(
                settings.device, depth=settings.depth, exclusive=settings.exclusive
            )
        except DeviceError as error:
            if not (again and settings.device):
                self._sink = unheard(settings, self._clock, error)
                return
            self._away, self._since = error, self._clock.now()
            # The one that was calibrated, and no other that the name fits.
            calibrated = settings.calibrated_device
            if settings.device.casefold() in calibrated.casefold():
                self._wanted = calibrated
            LOG.warning("%s", self.note)

    def _tend(self) -> None:
        self._aside.tend()
        why = "" if self._away else self._sink.lost()
        if why:
            self._lose(why)
        now = self._clock.now()
        if self._away is None:
            for one in self._others():
                one.tend(now, self._aside)
        elif self._coming is not None:
            self._wait_for(*self._coming)
        elif not self._aside.busy and now >= self._next:
            self._next = now + RETRY
            # A new list of devices ends every stream: monitor and microphone are opened later.
            dead, self._dead = [*self._dead, *self._leaving()], []
            self._aside.start(now, lambda: self._look(dead), self._take)

    def _lose(self, why: str) -> None:
        """Go on by the clock from the frame at which the device stood still."""
        old, ahead = self._sink, self._sink.ahead()
        self._xruns, self._missing = self.xruns, self.missing
        self._away = DeviceError(
            f"The audio device {self.name!r} is lost: {why}.", "Connect it again."
        )
        self._since = self._next = self._clock.now()
        self._dead.append(old)
        self._first = self._written - ahead
        self._sink = PacedSink(self._clock, self._settings.depth, ahead=ahead)
        LOG.warning("frame %d: %s", self._first, self.note)

    def _look(self, dead: list[Stream]) -> tuple[RingedSink, Target] | None:
        """Open the device that was open before (in the other thread)."""
        for one in dead:
            one.close()
        settings = self._settings
        try:
            self._access().list_again()
            return self._access().output(
                self._wanted, self._target, depth=settings.depth, exclusive=settings.exclusive
            )
        except DeviceError as error:
            LOG.debug("%s", error)
            return None

    def _take(self, found: tuple[RingedSink, Target] | None) -> None:
        """Keep the device that was found, if one was."""
        self._coming, self._opened = found, self._clock.now()

    def _wait_for(self, sink: RingedSink, target: Target) -> None:
        """Go over to a device that was opened once it runs."""
        if sink.lost() or self._clock.now() > self._opened + WAKES:
            self._coming = None
            self._dead.append(sink)
        elif sink.awake():
            self._return(sink, target)

    def _return(self, sink: RingedSink, target: Target) -> None:
        """Go over to a device that runs, at the frame that comes next."""
        sink.rise.begin(BACK)
        self._sink, self._target = sink, target
        self._coming = self._away = None
        self._first = self._written
        gone = self._clock.now() - self._since
        self._said = f"The audio device {self.name!r} is back; {gone:.1f} s were not heard."
        LOG.warning("frame %d: %s", self._first, self._said)

    def _others(self) -> list[Monitor | Talkback]:
        return [one for one in (self._monitor, self._talkback) if one is not None]

    def _leaving(self) -> list[Stream]:
        return [stream for one in self._others() for stream in one.leave()]

    def _tell_interruption(self) -> None:
        seconds = self.missing - self._seen_missing
        LOG.warning(
            "frame %d: the sound was interrupted %s, %d times so far",
            self._written - self._sink.ahead(),
            f"for {1000 * seconds:.0f} ms" if seconds else "by the device itself",
            self.xruns,
        )
        self._seen, self._seen_missing = self.xruns, self.missing
