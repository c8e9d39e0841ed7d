"""The live decoder: one Valence for every Window, whatever comes. Pure; numpy only.

Where a kNN memory answers, it learns from held keys, behind its own answers; what it learned comes
out as `events`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rym import messages as m
from rym.errors import UsageError
from rym.messages import AFFECTS, Affect, LabelState, Learned, Valence, Window

from .embedding import FIELD
from .field import Field
from .gate import CLOSED, Answer, Gate, Smoother
from .latent import View, view_of
from .manifest import Delay
from .memory.drift import Measure, Watch
from .memory.learner import Learner, for_learning
from .memory.lessons import NO_LABEL, SILENCE, Lesson, Moment
from .model import Answered, Model
from .presets import check_preset
from .settings import DecoderSettings

Array = npt.NDArray[np.float64]


class _Taken(NamedTuple):
    """What became of a window on its way into the field."""

    why_not: str
    """Why nothing is answered; empty where ten rows are ready."""
    usable: bool
    """See `Valence.usable`."""
    touched: bool
    """Whether its row is a stand-in."""


class Decoder:
    """Windows in, valence out; held keys in, where a kNN memory answers.

    Parameters
    ----------
    settings : DecoderSettings
        Smoothing, hysteresis, whether the verdict decides over the states, what is learned live.
    """

    def __init__(self, settings: DecoderSettings) -> None:
        self.settings = settings
        self.model: Model | None = None
        self.learner: Learner | None = None
        """What learns from held keys; None where no kNN memory answers."""
        self._field = Field(0, 1)
        self._smoother = Smoother(1.0, 0.0)
        self._gate = Gate(CLOSED, 0.0)
        self._distance = Smoother(1.0, 0.0)
        self._view: View | None = None
        self._watch = Watch({})
        self._events: list[m.Content] = []
        self.frozen = settings.learning.frozen
        """Whether nothing is learned, by this model or one that is loaded later."""
        # The newest of each, for a model that is loaded while a key is held or a clip is heard.
        self._key: tuple[float, int] | None = None
        self._clip: tuple[float, int] | None = None

    def load(self, model: Model) -> None:
        """Answer by this model from the next window on; ten new rows are needed first.

        Parameters
        ----------
        model : Model
            See `model.load`. Where it is the one that answers already, what its memory has learned
            since is kept.

        Raises
        ------
        UsageError
            If its rows are of another preset than that of the settings. The model before stays.
        """
        facts = model.manifest
        check_preset(facts.preset, self.settings.features.preset)
        known = self.model is not None and self.model.id == model.id
        self.model = model
        self._field = Field(model.n_columns, facts.hop)
        smoothing = facts.delay(self.settings.smoothing).smoothing
        hop = facts.hop / facts.rate
        self._smoother, self._distance = Smoother(hop, smoothing), Smoother(hop, smoothing)
        threshold, hysteresis = facts.threshold, self.settings.hysteresis
        if hysteresis is None:
            hysteresis = facts.hysteresis
        if self.settings.drive == "always" and threshold >= CLOSED:
            # Both are measured in confidence, of which this model has none.
            threshold, hysteresis = 0.0, 0.0
        self._gate = Gate(threshold, hysteresis)
        if not known:
            self._watch = Watch(model.usual)
            self._view = None if model.memory is None else view_of(model.memory)
            self.learner = self._taught_by(model)

    def _taught_by(self, model: Model) -> Learner | None:
        """Return what learns for a model that answers from a memory."""
        if model.memory is None:
            return None
        facts, learning = model.manifest, self.settings.learning
        learner = Learner(
            for_learning(model.memory, learning),
            learning,
            reaction_lag=facts.reaction_lag,
            margin=self.settings.training.margin,
            span=FIELD * facts.hop / facts.rate,
        )
        if self.frozen:
            learner.freeze()
        if self._key is not None:
            learner.label(*self._key)
        if self._clip is not None:
            learner.audible(*self._clip)
        return learner

    @property
    def declared_delay(self) -> Delay | None:
        """By how much answers lag behind the feeling, part by part; None without a model."""
        if self.model is None:
            return None
        return self.model.manifest.delay(self.settings.smoothing)

    @property
    def learning(self) -> str:
        """`on`, `frozen`, or `none` where no memory answers that could learn."""
        if self.learner is None:
            return "none"
        return "frozen" if self.frozen else "on"

    def label(self, t: float, state: LabelState) -> bool:
        """Take in what the person says with the keys from `t` on.

        Parameters
        ----------
        t : float
            Rig time of the key event itself, in seconds.
        state : {'negative', 'neutral', 'positive', 'none'}
            What is held.

        Returns
        -------
        bool
            False if it came too late, or in a flood, to be learned from.
        """
        key = t, NO_LABEL if state == "none" else AFFECTS.index(state)
        if self._key is None or t >= self._key[0]:
            self._key = key
        return self.learner is None or self.learner.label(*key)

    def audible(self, t: float, clip: Affect | None) -> bool:
        """Take in what is heard from `t` on.

        Parameters
        ----------
        t : float
            Rig time in seconds.
        clip : {'negative', 'neutral', 'positive'} or None
            None is silence.

        Returns
        -------
        bool
            False if it came too late, or in a flood.
        """
        heard = t, SILENCE if clip is None else AFFECTS.index(clip)
        if self._clip is None or t >= self._clip[0]:
            self._clip = heard
        return self.learner is None or self.learner.audible(*heard)

    def order(self, action: str, value: str = "") -> None:
        """Carry out what a person asks of the memory.

        Parameters
        ----------
        action : {'freeze', 'thaw', 'undo', 'mark', 'roll-back'}
            As in `rym.messages.Command`. The first two hold for models that are loaded later, too.
        value : str
            Seconds to `undo`, the name of a `mark`, name or number of a state to `roll-back` to.

        Raises
        ------
        UsageError
            If there is no memory, no such state, or no such number of seconds.
        """
        learner = self.learner
        if action in ("freeze", "thaw"):
            self.frozen = action == "freeze"
            if learner is None:
                return
        if learner is None:
            raise UsageError(
                f"{action} was asked for, but no memory answers that could learn.",
                "Load a model of the kind cebra-knn.",
            )
        match action:
            case "freeze":
                learner.freeze()
            case "thaw":
                learner.thaw()
            case "undo":
                self._tell(learner.undo(_seconds(value)), taken_back=True)
            case "mark":
                learner.mark(value)
            case "roll-back":
                numbered = value.isascii() and value.isdigit() and len(value) < 10
                state = int(value) if numbered else value
                self._tell(learner.roll_back(state), taken_back=True)
            case _:
                raise UsageError(f"There is no order {action!r}.", "Give freeze, thaw, undo, …")

    def relearn(self, lessons: Sequence[Learned]) -> None:
        """Know again what a decoder before this one had learned; before the first window.

        Parameters
        ----------
        lessons : sequence of Learned
            In order; of another model they are left out, and so are those taken back.

        Raises
        ------
        FormatError
            If they are out of order.
        """
        model, learner = self.model, self.learner
        if model is None or learner is None:
            return
        own = [one for one in lessons if one.model == model.id]
        last = max((one.number for one in own), default=0)
        learner.relearn([_lesson(one) for one in own if not one.taken_back], last)

    def events(self) -> list[m.Content]:
        """Return, once, what was learned or taken back since it was asked before."""
        events, self._events = self._events, []
        return events

    def step(self, window: Window) -> Valence:
        """Return what the model makes of the ten newest windows, or why it says nothing.

        Parameters
        ----------
        window : Window
            The next one; valid or not.

        Returns
        -------
        Valence
            Its state is `unknown` unless the model's verdict is `follows` (or `drive` is `always`),
            ten rows follow one another, enough of them are clean, and the confidence passes the
            gate.
        """
        model = self.model
        if model is None:
            return self._silent(window, "no model")
        taken = self._take(window, model)
        if taken.why_not:
            self._learn(window, None, taken.why_not)
            return self._silent(window, taken.why_not, usable=taken.usable)
        memory = None if self.learner is None else self.learner.memory
        found = model.answer(self._field.rows, memory)
        # Behind the answer, so that what is answered never rests on a key of its own moment.
        invented = "" if self._field.whole else "hole"
        self._learn(window, found, "artifact" if taken.touched else invented)
        return self._answer(window, model, found, told=not taken.touched)

    def _take(self, window: Window, model: Model) -> _Taken:
        """Take a window into the field."""
        why_not = unusable(window, model)
        if why_not:
            return _Taken(why_not, usable=False, touched=False)
        touched = any(name in model.manifest.stand_in for name in window.touched)
        row = None if touched else _row(window, model)
        if not self._field.push(window.segment, window.first_sample, row):
            self._smoother.reset()
            self._distance.reset()
            self._gate.reset()
        if self._field.n < FIELD:
            why_not = f"warming up {self._field.n}/{FIELD}"
            return _Taken(why_not, usable=not touched, touched=touched)
        if self._field.n_clean < model.manifest.clean_rows:
            why_not = f"artifacts in {FIELD - self._field.n_clean} of {FIELD} rows"
            return _Taken(why_not, usable=False, touched=touched)
        return _Taken("", usable=True, touched=touched)

    def _answer(self, window: Window, model: Model, found: Answered, *, told: bool) -> Valence:
        if found.p is None:
            return self._silent(window, model.mute)
        p = self._smoother.step(found.p)
        novel = self._novel(found.distance, model)
        self._notice(window, model, found, p, novel=novel, told=told)
        answer = self._gate.step(p)
        if self.settings.drive == "verdict" and model.manifest.verdict != "follows":
            answer = Answer("unknown", f"verdict: {model.manifest.verdict}")
        elif novel:
            answer = Answer("unknown", "unlike all that was learned")
        return Valence(
            t=window.t_last,
            state=answer.state,
            valence=None if answer.state == "unknown" else float(p[2] - p[0]),
            probabilities=(float(p[0]), float(p[1]), float(p[2])),
            confidence=float(p.max()),
            reason=answer.reason,
            model=model.id,
            filled=self._field.n_clean < FIELD,
        )

    def _novel(self, distance: float, model: Model) -> bool:
        """Return whether the moments lie too far from all that is remembered.

        Smoothed as the answers are: of single moments that were learned from nothing, one in a
        hundred lies beyond the threshold as well, which would be two interruptions a minute.
        """
        threshold = model.manifest.novelty
        if threshold is None:
            return False
        return bool(self._distance.step(np.array([distance]))[0] > threshold)

    def _notice(
        self, window: Window, model: Model, found: Answered, p: Array, *, novel: bool, told: bool
    ) -> None:
        """Tell where the moment lies in the latent space, and what has drifted."""
        t, distance = window.t_last, found.distance
        if self._view is not None and found.z is not None:
            near = None if math.isnan(distance) else distance
            point = self._view.point(found.z)
            said = m.Latent(t=t, point=point, distance=near, novel=novel, model=model.id)
            self._events.append(said)
        if not told:
            return  # a stand-in says nothing new
        level = model.level(self._field.rows[-1])
        balance = float(p[2] - p[0])
        values: dict[Measure, float] = {"distance": distance, "level": level, "balance": balance}
        self._events += [m.Drift(**drift._asdict()) for drift in self._watch.push(t, values)]

    def _learn(self, window: Window, found: Answered | None, unfit: str) -> None:
        """Let the memory learn from moments on which all keys must have come by now."""
        learner, model = self.learner, self.model
        if learner is None or model is None:
            return
        z = None if found is None else found.z
        if z is None:
            z = np.zeros(learner.memory.n_dimensions)
        hop = model.manifest.hop / model.manifest.rate
        begin = window.t_first - (FIELD - 1) * hop
        self._tell(learner.step(Moment(window.t_last, begin, z, unfit)), taken_back=False)

    def _tell(self, lessons: Sequence[Lesson], *, taken_back: bool) -> None:
        model = "" if self.model is None else self.model.id
        self._events += [_learned(one, model, taken_back=taken_back) for one in lessons]

    def _silent(self, window: Window, reason: str, *, usable: bool = True) -> Valence:
        return Valence(
            t=window.t_last,
            state="unknown",
            valence=None,
            probabilities=None,
            confidence=0.0,
            reason=reason,
            model=self.model.id if self.model is not None else "",
            usable=usable,
        )


def _seconds(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"{value!r} is no number of seconds.", "Give one, such as 30.") from None


def _learned(lesson: Lesson, model: str, *, taken_back: bool) -> Learned:
    return Learned(
        number=lesson.number,
        t=lesson.t,
        state=AFFECTS[lesson.label],
        audible="silence" if lesson.audible == SILENCE else AFFECTS[lesson.audible],
        stretch=lesson.stretch,
        since=lesson.since,
        embedding=tuple(lesson.z.tolist()),
        taken_back=taken_back,
        model=model,
    )


def _lesson(said: Learned) -> Lesson:
    heard = said.audible
    return Lesson(
        number=said.number,
        t=said.t,
        label=AFFECTS.index(said.state),
        audible=SILENCE if heard == "silence" else AFFECTS.index(heard),
        stretch=said.stretch,
        since=said.since,
        z=np.array(said.embedding),
    )


def unusable(window: Window, model: Model) -> str:  # noqa: PLR0911
    """Return why a model can make nothing of this window; empty if it can."""
    facts = model.manifest
    if not window.valid:
        return f"invalid window: {window.reason}"
    missing = []
    if window.channels != facts.channels:
        missing = [name for name in facts.channels if name not in window.channels]
    if missing:
        return f"missing channels: {', '.join(missing)}"
    if abs(window.rate - facts.rate) > 0.01 * facts.rate:
        return f"rate {window.rate:g} Hz, the model needs {facts.rate:g} Hz"
    if len(window.samples) != facts.n_times:
        return f"window of {len(window.samples)} samples, the model needs {facts.n_times}"
    if window.n_new not in (facts.hop, facts.n_times):  # a segment's first window is all new
        return f"a window every {window.n_new} samples, the model needs one every {facts.hop}"
    if facts.conditioning and window.conditioning != facts.conditioning:
        return f"conditioned by {window.conditioning!r}, the model needs {facts.conditioning!r}"
    untrusted = window.untrusted
    bad = [name for name in facts.channels if name in untrusted] if untrusted else []
    if len(bad) > facts.max_bad * len(facts.channels):
        return f"invalid window: bad channels {', '.join(bad)}"
    return ""


@lru_cache(maxsize=8)
def _places(names: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[int, ...]:
    """Return where each wanted name stands; windows name their channels alike for hours."""
    return tuple(names.index(name) for name in wanted)


def _row(window: Window, model: Model) -> Array:
    samples, wanted = window.samples, model.manifest.channels
    if window.channels != wanted:
        samples = samples[:, _places(window.channels, wanted)]
    return model.row(samples, window.untrusted)
