"""Whether to change: from what leads to what is asked of the timeline.

One policy decides in every arm (`player.deciding.leads` says who leads) and knows four who ask:

    who      asks for          and is held back by
    -------  ----------------  ---------------------------------------------------------------------
    lead     what the arm has  dwell, changes per minute, exposure limits
    course   a step at a time  the same; it takes the lead's place, see `player.deciding.course`
    pin      one affect for    nothing where it may be heard at once, else the same as the lead; it
             good              goes before lead and course, and is asked for again after a rest
    steer    one affect once   exposure limits alone; the others leave it alone until it is heard
                               and its dwell is over

Hysteresis and the confidence gate proper are the decoder's. Here a change is held back while the
last fade is younger than the dwell, and while the minute has seen enough fades; a fade that has not
begun may always be withdrawn or turned. A way through neutral takes two fades: where the minute has
room for one only, neutral is asked for. What the exposure limits bar (`player.deciding.exposure`)
is answered with neutral; a barred `steer` is refused, a barred `pin` waits.

What becomes of them:

    what happened          lead                    course               steer    pin
    ---------------------  ----------------------  -------------------  -------  -----------------
    DEGRADED, RUN again    goes on                 goes on              dropped  asked for again
    SAFE, RUN again        the decoder has to      goes on from         dropped  asked for again
                           answer first            neutral
    pause, resume          as after SAFE           as after SAFE        dropped  asked for again
    an affect had to end   what it says stands     goes on from         dropped  asked for again
                           and waits               neutral              after the rest
    STOP, release-stop     decoder and keys have   goes on from         dropped  dropped
                           to say something first  neutral
    the player starts      as after STOP; a        as in the settings   dropped  dropped
    again                  sequence goes on

A pin is a standing order, which an outage of seconds does not take back; a STOP takes back whatever
was wanted until then. A course stays even so: `hold` is there to keep the lead out.

Freshness is that of the decoder's answers in every arm, although some arms do not follow them: what
it watches is whether somebody wears the device and the signal comes. An arm that went on where
another one falls silent would differ from it in more than its lead, and whoever listens could tell
them apart. Where no decoder ever answers, as with keys and no device, the switch is never armed.

In the continuous mix the same four ask for a valence. It knows no fades, hence neither dwell nor
changes per minute: the smoothing of the answers, the dead zone and the glide's own pace stand in
for them. Only `steer` has a time: it is kept for the dwell and the seconds of a whole glide.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from rym.messages import Affect, Identity, Label, State, Valence

from ..settings import RATE, PlayerSettings
from .course import Course, Goal
from .exposure import POLES
from .leads import ENDS, Decoder, Keys, Wish, lead_of
from .presets import PRESETS

DEAD_ZONE = 0.15
"""A valence nearer to 0 than this is 0: neutral alone is heard, not a trace of something else."""
GLIDE = 4.0
"""Seconds of a whole glide from neutral to a pole, which a steered affect is given."""


class Heard(Protocol):
    """What the policy looks at in a timeline."""

    @property
    def goal(self) -> Affect:
        """What was asked for last."""
        ...

    @property
    def fade_end(self) -> int | None:
        """Frame at which the last fade that has begun ends."""
        ...

    @property
    def heading(self) -> Affect:
        """Layer that is heard alone once the running fade is over."""
        ...

    @property
    def waiting(self) -> bool:
        """True where a fade is planned that has not begun."""
        ...

    def begun_since(self, frame: int) -> int:
        """Return how many fades have begun after `frame`."""
        ...


class Policy:
    """Keeps what was decided and what is requested apart.

    Parameters
    ----------
    affects : tuple of str
        What the bank can give; anything else is answered with neutral.
    settings : PlayerSettings
        Arm, sequence, course, mix, dwell, changes per minute and least confidence are used.
    place : int
        Frames since the music's origin at which the player begins.
    """

    def __init__(
        self, affects: tuple[Affect, ...], settings: PlayerSettings, *, place: int = 0
    ) -> None:
        self.requested: Affect = "neutral"
        self.start: int | None = None
        """Frame at which the fade to what was requested last is to begin; None: as the preset
        says."""
        self.valence = 0.0
        """For the continuous mix: −1…1, exactly 0 for neutral alone."""
        self.cause: tuple[Identity, ...] = ()
        """Inputs that the newest request rests on."""
        self.affects = affects
        """What may be asked for."""
        self._decoder = Decoder(settings.min_confidence)
        self._keys = Keys()
        self._lead = lead_of(settings, place, self._decoder, self._keys)
        self._course = Course(settings.course, settings.course_step)
        self._continuous = settings.mix == "continuous"
        self._through_neutral = PRESETS[settings.preset].through_neutral
        self._dwell = round(settings.dwell * RATE)
        self._most = settings.max_changes
        self._pin: Wish | None = None
        self._steered = False
        self._steered_until: int | None = None
        self._kept_back = False

    @property
    def decided(self) -> State:
        """What the newest usable answer of the decoder said, whoever leads."""
        return self._decoder.state

    # -- inputs ----------------------------------------------------------------------------------

    def take(self, valence: Valence, identity: Identity) -> bool:
        """Take in a usable answer; return True where it differs from the one before."""
        return self._decoder.take(valence, identity)

    def held(self, label: Label, identity: Identity) -> bool:
        """Take in what the person holds; return True where it differs from before."""
        return self._keys.take(label, identity)

    def go(self, goal: Goal, identity: Identity) -> None:
        """Set the course."""
        self._course.set(goal, identity)

    def pin(self, affect: Affect | None, identity: Identity) -> None:
        """Ask for one affect for good, or for none any more."""
        self._pin = None if affect is None else Wish(affect, "pin", (identity,))

    def possible(self, affect: Affect) -> Affect:
        """Return the affect itself where the bank has it, else neutral."""
        return affect if affect in self.affects else "neutral"

    def steer(self, affect: Affect) -> None:
        """Request what a person asks for, whatever the dwell says."""
        self.requested = self.possible(affect)
        self.valence = ENDS[self.requested]
        self.start = None
        self._steered, self._steered_until = True, None
        self._course.forget()

    def reset(self) -> None:
        """Request neutral; the decoder has to earn every change anew."""
        self.end()
        self._decoder.forget()

    def stop(self) -> None:
        """Take back what was wanted until a STOP, but for the course."""
        self._pin = None
        self._keys.forget()

    def hold(self, heading: Affect) -> None:
        """Request what is heard, or about to be."""
        self.requested, self.start = heading, None
        self._steered, self._kept_back = False, False
        self._course.forget()

    def end(self) -> None:
        """Request neutral where an affect has to end; what the lead last said still stands."""
        self.requested, self.valence, self.start = "neutral", 0.0, None
        self._steered, self._kept_back = False, False
        self._course.forget()

    # -- deciding --------------------------------------------------------------------------------

    def step(self, frame: int, heard: Heard, barred: Collection[Affect] = ()) -> str:
        """Look whether a change is due.

        Parameters
        ----------
        frame : int
            First of the next control block.
        heard : Timeline
            What is heard and planned.
        barred : collection of str
            Affects that must not be asked for now.

        Returns
        -------
        str
            Why `requested` changed: `valence`, `sequence`, `key`, `none` (nobody leads), `course`,
            `hold`, `pin`; `dwell` where it had to wait for that, `withdrawn` where a fade that has
            not begun is dropped; empty where it did not.
        """
        if self._steering(frame, heard):
            return ""
        wish = self._pin or self._wish(frame, heard)
        if self._continuous:
            why = self._mix(wish, barred)
        else:
            why = self._change(wish, self._allowed(wish.state, barred), frame, heard)
            if why:
                self.cause = wish.cause
        if why and wish.why == "course":
            self._course.asked(self.requested, frame)
        return why

    def _steering(self, frame: int, heard: Heard) -> bool:
        """Return True while nobody else has a say."""
        if not self._steered:
            return False
        if self._continuous:
            if self._steered_until is None:
                self._steered_until = frame + self._dwell + round(GLIDE * RATE)
            self._steered = frame < self._steered_until
        else:
            self._steered = heard.heading != self.requested
        return self._steered

    def _wish(self, frame: int, heard: Heard) -> Wish:
        if self._course.goal == "follow":
            return self._lead.wish(frame)
        return self._course.wish(frame, heard.heading)

    def _allowed(self, state: State, barred: Collection[Affect]) -> Affect:
        if state == "unknown" or state in barred:
            return "neutral"
        return self.possible(state)

    def _change(self, wish: Wish, wanted: Affect, frame: int, heard: Heard) -> str:
        """Request what is wanted if it may be; return why, empty where it has to wait."""
        if wanted == self.requested:
            self._kept_back = False
            return ""
        if wanted == heard.heading and heard.waiting:
            self._ask(wanted, None)
            return "withdrawn"
        at = wish.at if wanted == self._allowed(wish.state, ()) else None
        start = frame if at is None else at
        if heard.fade_end is not None and start < heard.fade_end + self._dwell:
            self._kept_back = True
            if not heard.waiting:
                return ""
        room = self._most - heard.begun_since(start - 60 * RATE)
        if room == 1 and self._through_neutral and {wanted, heard.heading} == set(POLES):
            wanted, at = "neutral", None
        if room < 1 or wanted == self.requested:
            return ""
        waited = self._kept_back and not heard.waiting
        self._ask(wanted, at)
        return "dwell" if waited else wish.why

    def _ask(self, affect: Affect, at: int | None) -> None:
        self.requested, self.start = affect, at
        self._kept_back = False

    def _mix(self, wish: Wish, barred: Collection[Affect]) -> str:
        """Set the valence of the continuous mix; return why, where its side changed."""
        value = ENDS[wish.state] if wish.valence is None else wish.valence
        if wish.why == "hold":
            value = self.valence
        side: Affect = "negative" if value < 0.0 else "positive"
        if abs(value) < DEAD_ZONE or self._allowed(side, barred) != side:
            side, value = "neutral", 0.0
        changed = side != self.requested
        if value != self.valence or changed:
            self.cause = wish.cause
        self.valence = max(-1.0, min(1.0, value))
        if not changed:
            return ""
        self._ask(side, None)
        return wish.why
