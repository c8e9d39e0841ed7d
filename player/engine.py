"""The player without its surroundings: inputs at frames in, sound and messages out.

What it renders and says is a function of the bank's arrays, the settings, place, stop and session
that it starts with, and of the inputs with the frame at which each was applied. Nothing else gets
in, so replay makes the same `Played` and `Safety` again: it applies every input at the frame that
its `Applied` names, and `supervisor_gone` at the frame of the `Safety` with that reason.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rym.messages import (
    AFFECTS,
    Affect,
    Command,
    Content,
    Identity,
    Label,
    Played,
    Safety,
    Stop,
    Valence,
)

from .deciding.course import GOALS
from .deciding.exposure import Exposure
from .deciding.policy import Policy
from .deciding.presets import Rule
from .level.gain import SILENCE_DB
from .level.limiter import DELAY
from .level.master import Master
from .music.blocks import Blocks
from .music.material import Material
from .music.timeline import Timeline, View
from .pictures.path import Path
from .safety import DeadMan, Order
from .settings import BLOCK, RATE, PlayerSettings

TICK = RATE // 4
"""Frames between two `Played` when nothing changes."""

Event = tuple[Content, tuple[Identity, ...]]


class Engine:
    """Policy, exposure limits, timeline, dead-man switch and the last stage as one.

    Parameters
    ----------
    material : Material
        The bank's arrays.
    settings : PlayerSettings
        Those of this start.
    place : int
        Frames since the music's origin at which this start begins.
    stopped : bool
        True where a STOP was latched before this start.
    session : str
        Session that `resume` and `release-stop` have to name.
    full_scale_dba : float or None
        Level in dB(A) at the ear of a sine of full scale, where a calibration holds for this start.
    """

    def __init__(
        self,
        material: Material,
        settings: PlayerSettings,
        *,
        place: int = 0,
        stopped: bool = False,
        session: str = "",
        full_scale_dba: float | None = None,
    ) -> None:
        self._timeline = Timeline(material, settings, place=place)
        self._policy = Policy(material.affects, settings, place=place)
        self._keyed = settings.arm == "keys"
        self._continuous = settings.mix == "continuous"
        self._glided = 0.0
        self._exposure = Exposure(settings, again=place > 0)
        self._safety = DeadMan(stopped=stopped)
        self._master = Master(settings.level_db, full_scale_dba)
        section = self._timeline.view(0).spot.section
        self._path = Path(material.scenes, section) if material.scenes else None
        self._session = session
        self._rise = settings.rise
        self._said = ("", "")
        self._why: list[str] = []
        self._now: list[Identity] = []
        self._rests: tuple[Identity, ...] = ()
        self._answer: tuple[Identity, ...] = ()
        self._events: list[Event] = []
        self._mixed = np.zeros((BLOCK, 2), dtype=np.float32)
        self._unheard = np.zeros((BLOCK, 2), dtype=np.float32)
        # The limiter's delay is skipped once, so that the n-th frame given out is the timeline's
        # frame n: what a message says of a frame is found at that sample of the recording.
        self._blocks = Blocks(self._render_block, skip=DELAY)

    @property
    def frame(self) -> int:
        """Frame at which an input that is applied now takes effect."""
        return self._timeline.frame

    @property
    def stopped(self) -> bool:
        """True while a STOP is latched."""
        return self._safety.state == "STOP"

    @property
    def voice(self) -> float:
        """Linear gain for the operator's voice, 0 while the music is not ducked for it."""
        return self._master.voice

    @property
    def finished(self) -> bool:
        """True once nothing will be heard any more: after `end`, or without a supervisor."""
        return self._safety.finished(self.frame)

    def apply(self, identity: Identity, content: Content) -> int:
        """Take in one input.

        Parameters
        ----------
        identity : Identity
            Names the input; it becomes the cause of what follows.
        content : Valence, Label, Command or Stop
            Checked for age and order by the caller; a Label in the arm `keys` only. A command of no
            use here (an unknown affect, another session, a level that is not lower) changes nothing
            but is reported.

        Returns
        -------
        int
            The frame from which on it counts.

        Raises
        ------
        TypeError
            If the player has no use for such a content.
        """
        match content:
            case Valence():
                self._take(identity, content)
            case Label() if self._keyed:
                if self._policy.held(content, identity):
                    self._note(identity, "held", rests=False)
            case Stop():
                self._safety.stop(self.frame, content.by)
                self._policy.stop()
                self._note(identity, "stop", rests=True)
            case Command():
                done = self._command(identity, content)
                self._note(
                    identity,
                    self._word(content) if done else f"refused: {content.action}",
                    rests=done and self._asked(content),
                )
            case _:
                raise TypeError(f"The player has no use for {type(content).__name__}.")
        return self.frame

    def supervisor_gone(self) -> int:
        """Go to neutral, to silence and to the end; return the frame from which on.

        It has no identity. So it is always said at once in a `Safety` of its own, whatever else
        happens at the same frame: that is where replay finds it.
        """
        if self._safety.supervisor_gone(self.frame):
            self._say_safety(self.frame, ())
            self._why.append("supervisor gone")
        return self.frame

    def render(self, out: npt.NDArray[np.float32]) -> None:
        """Fill `out` with the next frames.

        Parameters
        ----------
        out : array of shape (n_times, 2)
            Linear, never beyond the limiter's ceiling; written in place.
        """
        self._blocks.render(out)

    def advance(self, frame: int) -> None:
        """Render control blocks for nobody until `frame` is the next one.

        For replay, which wants the messages only: every input can then be applied at its very
        frame, whatever sizes the device asked for. Not to be mixed with `render`.
        """
        while self.frame < frame:
            self._render_block(self._unheard)

    def events(self) -> list[Event]:
        """Return what has to be published since the last call: content and causes, in order."""
        events, self._events = self._events, []
        return events

    # -- inputs ----------------------------------------------------------------------------------

    def _take(self, identity: Identity, valence: Valence) -> None:
        """Follow a usable answer; of another one only the dead-man switch hears."""
        self._answer = (identity,)
        if not valence.usable:
            self._safety.useless(self.frame)
            return
        if self._policy.take(valence, identity):
            self._why.append("decided")
        self._safety.fresh(self.frame)

    @staticmethod
    def _word(command: Command) -> str:
        """Return what is said of a command that was carried out."""
        if command.action == "duck":
            return "duck" if command.value == "on" else "unduck"
        return command.action

    def _note(self, identity: Identity, why: str, *, rests: bool) -> None:
        self._why.append(why)
        self._now.append(identity)
        if rests:
            self._rests = (identity,)

    def _command(self, identity: Identity, command: Command) -> bool:
        """Carry a command out; return False where it is of no use."""
        value, done = command.value, False
        match command.action:
            case "resume":
                done = value == self._session and self._safety.resume()
            case "release-stop":
                done = value == self._session and self._safety.release()
            case "set-level":
                done = self._master.lower(value, self.frame)
            case "duck":
                done = self._master.duck(value, self.frame)
            case "steer":
                done = self._steer(value)
            case "pin":
                done = self._pin(identity, value)
            case "course" if value in GOALS:
                self._policy.go(GOALS[GOALS.index(value)], identity)
                done = True
            case "end":
                over = self._timeline.come_back() if self._safety.sounding else None
                self._safety.end(self.frame, over)
                done = True
        return done

    def _asked(self, command: Command) -> bool:
        """Return True where what is requested now rests on this command."""
        pinned = command.action == "pin" and self._policy.requested == command.value
        return command.action == "steer" or pinned

    def _steer(self, value: str) -> bool:
        if value not in AFFECTS:
            return False
        return self._at_once(AFFECTS[AFFECTS.index(value)])

    def _pin(self, identity: Identity, value: str) -> bool:
        """Pin an affect or none; what must not be heard now is asked for once it may be."""
        if value == "off":
            self._policy.pin(None, identity)
            return True
        if value not in self._policy.affects or self.stopped:
            return False
        affect: Affect = AFFECTS[AFFECTS.index(value)]
        self._policy.pin(affect, identity)
        self._at_once(affect)
        return True

    def _at_once(self, affect: Affect) -> bool:
        """Ask for an affect whatever the dwell says; return False where it must not be heard."""
        if not self._safety.follows or affect in self._exposure.barred(self._timeline.heading):
            return False
        self._policy.steer(affect)
        self._ask()
        return True

    def _ask(self) -> None:
        """Pass on what is requested; the continuous mix glides towards a valence instead."""
        if not self._continuous:
            self._timeline.request(self._policy.requested, at=self._policy.start)
        elif self._policy.valence != self._glided:
            self._glided = self._policy.valence
            self._timeline.glide(self._glided)

    # -- rendering -------------------------------------------------------------------------------

    def _render_block(self, out: npt.NDArray[np.float32]) -> None:
        frame = self.frame
        for order in self._safety.step(frame):
            self._obey(order, frame)
        if self._safety.follows:
            self._follow(frame)
        self._limit()
        self._timeline.settle()
        self._report(frame)
        self._show(frame)
        self._timeline.render_block(self._mixed)
        for mark in self._timeline.marks:
            self._played(mark.frame, mark.view, mark.why, ())
        self._timeline.marks.clear()
        self._exposure.count(self._timeline.heard, sounding=self._master.sounding(frame))
        if self._master.give(self._mixed, out, frame):
            self._why.append("loud")
        if self._master.said is not None:
            self._events.append((self._master.said, ()))

    def _show(self, frame: int) -> None:
        """Lead the pictures after what is heard; to neutral where nothing is followed or heard."""
        if self._path is not None:
            view = self._timeline.view(frame)
            led = self._safety.follows or self._safety.state == "DEGRADED"
            calm = not led or view.level < 0.1
            shown = self._path.step(frame, view.gains, view.spot.section, calm=calm)
            if shown is not None:
                self._events.append((shown, ()))

    def _obey(self, order: Order, frame: int) -> None:
        match order.kind:
            case "hold":
                self._rests = self._answer
                self._policy.hold(self._timeline.heading)
                self._timeline.request(self._timeline.heading)
            case "neutral":
                if not self.stopped:
                    self._rests = self._answer
                self._policy.reset()
                self._glided = 0.0
                self._timeline.request("neutral", Rule("at once", order.seconds))
            case "silence":
                self._master.fall(frame, order.seconds)
            case "sound":
                self._master.rise(frame, self._rise)

    def _limit(self) -> None:
        """End what was heard for too long, whoever asked for it; it rests on no input."""
        turn = self._exposure.step(self._timeline)
        if turn is not None:
            self._policy.end()
            self._glided = 0.0
            self._timeline.request("neutral", turn.rule)
            self._rests = ()
            self._why.append("exposure")

    def _follow(self, frame: int) -> None:
        barred = self._exposure.barred(self._timeline.heading)
        why = self._policy.step(frame, self._timeline, barred)
        if why or self._continuous:
            self._ask()
            self._rests = self._policy.cause
        if why:
            self._why.append(why)

    def _report(self, frame: int) -> None:
        """Say what is so from the border `frame` on, where it is new or a tick is due."""
        why = [*self._why, *(mark.why for mark in self._timeline.marks)]
        if self._said != (self._safety.state, self._safety.reason):
            if self._safety.reason not in why:
                why.insert(0, self._safety.reason)
            self._say_safety(frame, tuple(self._now) or self._answer)
        self._timeline.marks.clear()
        if not why and frame % TICK == 0:
            why = ["tick"]
        if why and self._exposure.resting:
            why.append("resting")
        if why:
            view = self._timeline.view(frame)
            self._played(frame, view, ", ".join(dict.fromkeys(why)), tuple(self._now))
        self._why.clear()
        self._now.clear()

    def _say_safety(self, frame: int, cause: tuple[Identity, ...]) -> None:
        state, reason = self._safety.state, self._safety.reason
        self._said = (state, reason)
        safety = Safety(state=state, frame=frame, reason=reason, text=self._safety.text)
        self._events.append((safety, cause))

    def _played(self, frame: int, view: View, why: str, now: tuple[Identity, ...]) -> None:
        gains = tuple(round(gain, 6) + 0.0 for gain in view.gains)
        played = Played(
            frame=frame,
            decided=self._policy.decided,
            requested=self._policy.requested,
            audible=view.audible,
            gains=(gains[0], gains[1], gains[2]),
            section=view.spot.section,
            variant=view.spot.variant,
            position=view.spot.position,
            fade=view.fade,
            level_db=round(max(SILENCE_DB, self._master.db(frame) + view.level_db), 3),
            safety=self._safety.state,
            why=why,
        )
        self._events.append((played, tuple(dict.fromkeys((*now, *self._rests)))))
