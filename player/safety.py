"""The player's dead-man switch: who may be heard, decided in the player's own frames.

It knows no clock and no network. Its seconds are frames rendered, so that nothing outside can hold
it up: while sound is made, it counts; while none is made, there is nothing to protect from.

    what happened                    state      what is heard
    -------------------------------  ---------  ------------------------------------------------
    start, nothing answered yet      RUN        neutral, up from silence: nothing is followed, so
                                                nothing can be stale; the switch is armed by the
                                                first answer, usable or not, of this start or of
                                                one before it
    fresh usable answer              RUN        what the policy asks for
    none for 0.5 s                   DEGRADED   what is heard is held; a change that has
                                                not begun is dropped
    none for 2 s                     SAFE       neutral within 2 s more
    usable answer again, paused not  RUN        the policy goes on from neutral
    SAFE for 60 s, nothing comes     SAFE       fades out over 10 s; then silence until `resume`,
                                                a restart of the player in between or not
    SAFE, answers come that cannot   SAFE       neutral for as long as they come
    be used
    resume naming the session        RUN, SAFE  up from silence; SAFE where nothing fresh has come,
                                                whose 60 s then begin again
    stop by operator, participant    STOP       silence within 0.5 s
    stop by distress                 STOP       silence within 2 s
    release-stop naming the session  RUN, SAFE  up from silence; nothing else ends a STOP, nor does
                                                a restart
    supervisor gone                  SAFE       neutral at once, silence within 30 s, end; neither
                                                resume nor release-stop is heard any more
    end                              as it was  the music comes to its end, fades over 15 s, a soft
                                                tone, end: 30 s at most (`player.music.homecoming`);
                                                where silence is on its way, that silence, end

An answer whose window could not be used says nothing of the person: it is not fresh, and only the
reason tells it from an answer that never came. The newest answer gives the reason while it is
younger than 2 s; from then on nothing comes, and the 60 s begin. So bursts do not make the reason
flicker.

Electrodes that are dry from the very start lead to SAFE, although neutral is heard in RUN as well:
whoever leads the session has to learn that the music does not follow, and why. And a person who
moves for minutes keeps the music: the device is there, somebody wears it, and silence in return for
moving would frighten or feel like a reproach. A pause is for a device that is gone.

A resume or release that comes while a fade-out runs waits for its silence: sound never turns
upwards half-way.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from rym.messages import SafetyState

from .settings import RATE, STOP_FADE

HOLD = 0.5
"""Seconds without a usable answer after which nothing new begins."""
STALE = 2.0
"""Seconds without a usable answer after which neutral is played, and without any after which
nothing comes."""
TO_NEUTRAL = 1.5
"""Seconds of the fade to neutral; media.md allows 2."""
PAUSE_AFTER = 60.0
"""Seconds of SAFE in which nothing comes before the music pauses."""
PAUSE_FADE = 10.0
GONE_NEUTRAL = 1.0
GONE_AFTER = 4.0
GONE_FADE = 20.0
"""Seconds of neutral, then of fading out, once the supervisor is gone: 24 of the 30 allowed."""
END_FADE = 15.0

TEXTS: dict[str, str] = {
    "stale": "The signal has paused; the music stays neutral meanwhile.",
    "hold": "The signal has paused for a moment; the music goes on as it is.",
    "unusable": "The signal cannot be used just now; the music stays neutral meanwhile.",
    "hold unusable": "The signal cannot be used for a moment; the music goes on as it is.",
    "pause": "A short pause, nothing is wrong.",
    "operator": "The music has been stopped.",
    "participant": "The music has been stopped.",
    "distress": "The music has been stopped.",
    "kept": "The music stays stopped, as it was before the player started again.",
    "supervisor gone": "The session has come to an end; the music fades out.",
}
"""What people are told, by reason."""
GONE_SILENT = "The session has come to an end; the music stays silent."
"""Where there is no music to fade out."""


class Order(NamedTuple):
    """What the engine has to do at once."""

    kind: Literal["hold", "neutral", "silence", "sound"]
    """`hold`: drop what has not begun; `sound`: up from silence."""
    seconds: float = 0.0
    """Length of the fade to neutral or silence."""


class DeadMan:
    """The states of the table above.

    Parameters
    ----------
    stopped : bool
        True where a STOP was latched before this start.
    paused : bool
        True where the music was paused before this start.
    armed : bool
        True where an answer had come before this start: it is taken for one at frame 0.
    """

    def __init__(self, *, stopped: bool = False, paused: bool = False, armed: bool = False) -> None:
        silent = stopped or paused
        self.state: SafetyState = "STOP" if stopped else "SAFE" if paused else "RUN"
        self.reason = "kept" if stopped else "pause" if paused else "start"
        self._fresh: int | None = 0 if armed or paused else None
        self._useless: int | None = None
        self._safe_since = 0
        self._quiet: int | None = 0 if silent else None
        self._asked = False
        self._gone: int | None = None
        self._gone_silent = False
        self._ending = False
        self._over: int | None = None
        self._orders: list[Order] = [] if silent else [Order("sound")]

    @property
    def text(self) -> str:
        """One sentence for people; empty where nothing is to be said."""
        if self.reason == "supervisor gone" and self._gone_silent:
            return GONE_SILENT
        return TEXTS.get(self.reason, "")

    @property
    def follows(self) -> bool:
        """True where the policy may ask for changes."""
        return self.state == "RUN" and self.sounding and not self._ending

    @property
    def armed(self) -> bool:
        """True once an answer has come, usable or not."""
        return self._fresh is not None

    @property
    def paused(self) -> bool:
        """True where a pause is on its way or there, and nobody has asked for its end."""
        return self.reason == "pause" and not (self._asked or self._ending)

    @property
    def leaving(self) -> bool:
        """True once the end is on its way, after which nothing can be asked of the music."""
        return self._ending or self._gone is not None

    @property
    def sounding(self) -> bool:
        """True where music is heard and no silence is on its way."""
        return self._gone is None and self._quiet is None

    def fresh(self, frame: int) -> None:
        """Note that a fresh, usable answer was taken in."""
        self._fresh, self._useless = frame, None

    def useless(self, frame: int) -> None:
        """Note that an answer came whose window could not be used."""
        self._useless = frame
        if self._fresh is None:
            self._fresh = frame

    def stop(self, frame: int, by: Literal["operator", "participant", "distress"]) -> None:
        """Latch STOP."""
        self.state, self.reason = "STOP", by
        self._asked = False
        self._hush(frame, STOP_FADE[by])
        self._orders.append(Order("neutral", STOP_FADE[by]))

    def release(self) -> bool:
        """Ask for the end of a STOP; return False where there is none or nobody may."""
        return self._ask() if self.state == "STOP" else False

    def resume(self) -> bool:
        """Ask for the end of a pause; return False where there is none or nobody may."""
        return self._ask() if self.state != "STOP" and self._quiet is not None else False

    def supervisor_gone(self, frame: int) -> bool:
        """Nobody is left to start or stop anything: neutral at once, then silence and the end.

        Returns False where that is known already.
        """
        if self._gone is not None:
            return False
        self._gone, self._asked = frame, False
        self._gone_silent = self.state == "STOP" or (
            self._quiet is not None and frame >= self._quiet
        )
        self.reason = "supervisor gone"
        if self.state != "STOP":
            self.state = "SAFE"
        self._orders.append(Order("neutral", GONE_NEUTRAL))
        return True

    def end(self, frame: int, over: int | None = None) -> None:
        """Come back from the music.

        What is heard stays as it was from now on: only a person, or the loss of the supervisor, is
        answered any more.

        Parameters
        ----------
        frame : int
            From which on.
        over : int or None
            Frame at which the music will have ended by itself; it must be `sounding`. None: it
            fades out.
        """
        self._ending, self._asked = True, False
        if over is not None:
            self._over = over
        elif self._over is None:
            self._hush(frame, END_FADE)

    def finished(self, frame: int) -> bool:
        """Return True once there is nothing to be heard any more, for good."""
        if self._over is not None and frame >= self._over:
            return True
        return self.leaving and self._quiet is not None and frame >= self._quiet

    def step(self, frame: int) -> list[Order]:
        """Look at the control block that begins with `frame`; return what is to be done there."""
        if self._gone is not None:
            if frame >= self._gone + round(GONE_AFTER * RATE):
                self._hush(frame, GONE_FADE)
        elif self._quiet is not None:
            if self._asked and frame >= self._quiet:
                self._rise(frame)
        elif not self._ending:
            self._watch(frame)
        orders, self._orders = self._orders, []
        return orders

    def _ask(self) -> bool:
        if not self.leaving:
            self._asked = True
        return self._asked

    def _hush(self, frame: int, seconds: float) -> None:
        """Be silent in some seconds; a silence that comes sooner is left as it is."""
        quiet = frame + round(seconds * RATE)
        if self._quiet is None or quiet < self._quiet:
            self._quiet = quiet
            self._orders.append(Order("silence", seconds))

    def _rise(self, frame: int) -> None:
        self._asked, self._quiet = False, None
        self.state, self.reason = "RUN", "resumed"
        self._orders.append(Order("sound"))
        self._watch(frame)

    def _watch(self, frame: int) -> None:
        age = 0 if self._fresh is None else frame - self._fresh
        comes = self._useless is not None and frame - self._useless < round(STALE * RATE)
        if age >= round(STALE * RATE):
            self._neutral(frame, "unusable" if comes else "stale")
        elif age >= round(HOLD * RATE):
            if self.state == "RUN":
                self.state = "DEGRADED"
                self._orders.append(Order("hold"))
            self.reason = "hold unusable" if comes else "hold"
        elif self.state != "RUN":
            self.state, self.reason = "RUN", "fresh"

    def _neutral(self, frame: int, reason: str) -> None:
        """Be or stay SAFE; the seconds until a pause begin anew with every other reason."""
        if self.state != "SAFE":
            self.state = "SAFE"
            self._orders.append(Order("neutral", TO_NEUTRAL))
        if self.reason != reason:
            self.reason, self._safe_since = reason, frame
        elif reason == "stale" and frame >= self._safe_since + round(PAUSE_AFTER * RATE):
            self.reason = "pause"
            self._hush(frame, PAUSE_FADE)
