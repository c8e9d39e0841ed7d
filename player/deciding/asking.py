"""What is asked of the timeline, in order of who has the last word.

Whoever leads, and the orders of a person, ask through the policy; the dead-man switch interrupts
it; the exposure limits come last.
"""

from __future__ import annotations

from rym.messages import AFFECTS, Affect, Command, Identity, Label, State, Valence

from ..kept import FIRST, Kept
from ..music.timeline import Timeline
from ..settings import PlayerSettings
from .course import GOALS
from .exposure import Exposure
from .policy import Policy
from .presets import Rule


class Asking:
    """Policy and exposure limits over one timeline.

    Parameters
    ----------
    affects : tuple of str
        What the bank can give.
    settings : PlayerSettings
        Those of this start.
    timeline : Timeline
        What it asks.
    kept : Kept
        What was heard before this start.
    """

    def __init__(
        self,
        affects: tuple[Affect, ...],
        settings: PlayerSettings,
        timeline: Timeline,
        kept: Kept = FIRST,
    ) -> None:
        self.rests: tuple[Identity, ...] = ()
        """Inputs that the newest request rests on."""
        self._timeline = timeline
        self._policy = Policy(affects, settings, place=timeline.place)
        self._exposure = Exposure(settings, again=timeline.place > 0, kept=kept)
        self._continuous = settings.mix == "continuous"
        self._glided: float | None = 0.0

    @property
    def decided(self) -> State:
        """What the newest usable answer of the decoder said."""
        return self._policy.decided

    @property
    def requested(self) -> Affect:
        """What the policy asks for."""
        return self._policy.requested

    @property
    def totals(self) -> tuple[int, int, int]:
        """Frames of the run so far, and those with negative and with positive in them."""
        return self._exposure.totals

    @property
    def resting(self) -> bool:
        """True as long as the limits keep it neutral."""
        return self._exposure.resting

    # -- inputs ----------------------------------------------------------------------------------

    def take(self, valence: Valence, identity: Identity) -> bool:
        """Take in a usable answer; return True where it differs from the one before."""
        return self._policy.take(valence, identity)

    def held(self, label: Label, identity: Identity) -> bool:
        """Take in what the person holds; return True where it differs from before."""
        return self._policy.held(label, identity)

    def stop(self, identity: Identity) -> None:
        """Take back what was wanted until a STOP; `neutral` follows."""
        self._policy.stop()
        self.rests = (identity,)

    def order(self, command: Command, identity: Identity, *, follows: bool, stopped: bool) -> bool:
        """Carry out `steer`, `pin` or `course`; return False where it is of no use.

        Parameters
        ----------
        command : Command
            Of one of these actions.
        identity : Identity
            Its name.
        follows : bool
            Whether anything may be asked for now.
        stopped : bool
            True while a STOP is latched: nothing is pinned then.
        """
        value = command.value
        match command.action:
            case "steer" if value in self._policy.affects:
                return follows and self._at_once(AFFECTS[AFFECTS.index(value)], identity)
            case "pin" if value == "off":
                self._policy.pin(None, identity)
                return True
            case "pin" if value in self._policy.affects and not stopped:
                affect = AFFECTS[AFFECTS.index(value)]
                self._policy.pin(affect, identity)
                if follows:
                    self._at_once(affect, identity)
                return True
            case "course" if value in GOALS:
                self._policy.go(GOALS[GOALS.index(value)], identity)
                return True
        return False

    def _at_once(self, affect: Affect, identity: Identity) -> bool:
        """Ask for an affect whatever the dwell says; return False where it must not be heard."""
        if affect in self._exposure.barred(self._timeline.heading):
            return False
        self._policy.steer(affect)
        self._ask((identity,))
        return True

    # -- asking ----------------------------------------------------------------------------------

    def follow(self, frame: int) -> str:
        """Ask for what is due at the border `frame`; return why, empty where nothing is."""
        barred = self._exposure.barred(self._timeline.heading)
        why = self._policy.step(frame, self._timeline, barred)
        if why or (self._continuous and self._policy.valence != self._glided):
            self._ask(self._policy.cause)
        return why

    def _ask(self, rests: tuple[Identity, ...]) -> None:
        """Pass on what is requested; the continuous mix glides towards a valence instead."""
        self.rests = rests
        if self._continuous:
            self._glided = self._policy.valence
            self._timeline.glide(self._glided)
        else:
            self._timeline.request(self._policy.requested, at=self._policy.start)

    def hold(self, rests: tuple[Identity, ...]) -> None:
        """Drop what has not begun; what is asked for later is asked for anew."""
        self.rests, self._glided = rests, None
        self._policy.hold(self._timeline.heading)
        self._timeline.request(self._timeline.heading)

    def neutral(self, rule: Rule, rests: tuple[Identity, ...]) -> None:
        """Go to neutral by this rule; the decoder has to earn every change anew."""
        self.rests, self._glided = rests, 0.0
        self._policy.reset()
        self._timeline.request("neutral", rule)

    def limit(self) -> bool:
        """End what was heard for too long, whoever asked for it; it rests on no input."""
        turn = self._exposure.step(self._timeline)
        if turn is None:
            return False
        self.rests, self._glided = (), 0.0
        self._policy.end()
        self._timeline.request("neutral", turn.rule)
        return True

    def count(self, *, sounding: bool) -> None:
        """Take in the control block that was rendered last; `sounding`: it was no silence."""
        self._exposure.count(self._timeline.heard, sounding=sounding)
