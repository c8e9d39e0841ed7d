"""The player without its surroundings: inputs at frames in, sound and messages out.

What it renders and says is a function of the bank's arrays, the settings, what it starts with
(place, stop, session, calibration, what was kept), and the inputs with the frame at which each was
applied. Nothing else gets in, so replay makes the same `Played` and `Safety` again: it applies
every input at the frame that its `Applied` names, and `supervisor_gone` at the frame of the
`Safety` with that reason.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rym.messages import (
    Command,
    Content,
    Identity,
    Label,
    Played,
    Safety,
    Stop,
    Valence,
)

from .deciding.asking import Asking
from .deciding.presets import Rule
from .kept import FIRST, Kept
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
    """Who asks, timeline, dead-man switch and the last stage as one.

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
    kept : Kept
        What the start before left behind.
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
        kept: Kept = FIRST,
    ) -> None:
        self._timeline = Timeline(material, settings, place=place)
        self._asking = Asking(material.affects, settings, self._timeline, kept)
        self._keyed = settings.arm == "keys"
        self._safety = DeadMan(stopped=stopped, paused=kept.paused, armed=kept.armed)
        self._master = Master(min(settings.level_db, kept.level_db), full_scale_dba)
        section = self._timeline.view(0).spot.section
        self._path = Path(material.scenes, section) if material.scenes else None
        self._session = session
        self._rise = settings.rise
        self._said = ("", "")
        self._why: list[str] = []
        self._now: list[Identity] = []
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
    def kept(self) -> Kept:
        """What a start after this one is given."""
        run, negative, positive = self._asking.totals
        return Kept(
            level_db=self._master.level_db,
            armed=self._safety.armed,
            paused=self._safety.paused,
            run=run,
            negative=negative,
            positive=positive,
        )

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
                if self._asking.held(content, identity):
                    self._note(identity, "held")
            case Stop():
                self._safety.stop(self.frame, content.by)
                self._asking.stop(identity)
                self._note(identity, "stop")
            case Command():
                done = self._command(identity, content)
                self._note(identity, self._word(content) if done else f"refused: {content.action}")
            case _:
                raise TypeError(f"The player has no use for {type(content).__name__}.")
        return self.frame

    def supervisor_gone(self) -> int:
        """Go to neutral, to silence and to the end; return the frame from which on.

        It has no identity. So it is always said at once in a `Safety` of its own, whatever else
        happens at the same frame: that is where replay finds it.
        """
        if self.stopped:
            self._say_news(self.frame)  # a STOP of this very frame has a reason of its own
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
        if self._asking.take(valence, identity):
            self._why.append("decided")
        self._safety.fresh(self.frame)

    @staticmethod
    def _word(command: Command) -> str:
        """Return what is said of a command that was carried out."""
        if command.action == "duck":
            return "duck" if command.value == "on" else "unduck"
        return command.action

    def _note(self, identity: Identity, why: str) -> None:
        self._why.append(why)
        self._now.append(identity)

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
            case "steer" | "pin" | "course" if not self._safety.leaving:
                follows, stopped = self._safety.follows, self.stopped
                done = self._asking.order(command, identity, follows=follows, stopped=stopped)
            case "end":
                over = self._timeline.come_back() if self._safety.sounding else None
                self._safety.end(self.frame, over)
                done = True
        return done

    # -- rendering -------------------------------------------------------------------------------

    def _render_block(self, out: npt.NDArray[np.float32]) -> None:
        frame = self.frame
        for order in self._safety.step(frame):
            self._obey(order, frame)
        if self._safety.follows:
            self._why += filter(None, [self._asking.follow(frame)])
        if self._asking.limit():
            self._why.append("exposure")
        self._timeline.settle()
        self._report(frame)
        self._show(frame)
        self._timeline.render_block(self._mixed)
        for mark in self._timeline.marks:
            self._played(mark.frame, mark.view, mark.why, ())
        self._timeline.marks.clear()
        self._asking.count(sounding=self._master.sounding(frame))
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
                self._asking.hold(self._answer)
            case "neutral":
                rests = self._asking.rests if self.stopped else self._answer
                self._asking.neutral(Rule("at once", order.seconds), rests)
            case "silence":
                self._master.fall(frame, order.seconds)
            case "sound":
                self._master.rise(frame, self._rise)

    def _report(self, frame: int) -> None:
        """Say what is so from the border `frame` on, where it is new or a tick is due."""
        self._say_news(frame)
        why = [*self._why, *(mark.why for mark in self._timeline.marks)]
        self._timeline.marks.clear()
        if not why and frame % TICK == 0:
            why = ["tick"]
        if why and self._asking.resting:
            why.append("resting")
        if why:
            view = self._timeline.view(frame)
            self._played(frame, view, ", ".join(dict.fromkeys(why)), tuple(self._now))
        self._why.clear()
        self._now.clear()

    def _say_news(self, frame: int) -> None:
        if self._said != (self._safety.state, self._safety.reason):
            if self._safety.reason not in self._why:
                self._why.insert(0, self._safety.reason)
            self._say_safety(frame, tuple(self._now) or self._answer)

    def _say_safety(self, frame: int, cause: tuple[Identity, ...]) -> None:
        state, reason = self._safety.state, self._safety.reason
        self._said = (state, reason)
        safety = Safety(state=state, frame=frame, reason=reason, text=self._safety.text)
        self._events.append((safety, cause))

    def _played(self, frame: int, view: View, why: str, now: tuple[Identity, ...]) -> None:
        gains = tuple(round(gain, 6) + 0.0 for gain in view.gains)
        played = Played(
            frame=frame,
            decided=self._asking.decided,
            requested=self._asking.requested,
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
        self._events.append((played, tuple(dict.fromkeys((*now, *self._asking.rests)))))
