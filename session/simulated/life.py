"""One simulated person from rest to the end of feedback, on a fast clock in one process.

The same objects as in a live session, joined without LSL, MQTT or sound: the person, the stream's
line, training, the decoder, the player's engine. What is decided is heard where the music gets to
it, and what is heard acts back on the person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import NamedTuple

import numpy as np

from decoder.decoder import Decoder
from decoder.model import Model
from decoder.rows import rows_from
from decoder.settings import DecoderSettings
from decoder.training import Scores, fit
from player.settings import PlayerSettings
from rym.messages import Affect, Drift, LabelState, Learned, Played, Valence, Window
from stream.line import StreamLine
from stream.montage import ENOBIO20
from stream.settings import StreamSettings
from stream.simulated.simulator import SimulatedPerson, SimulatedSource

from ..after.episodes import Steps
from .music import Music

RATE = 500
HOP = 125
"""Samples from one window to the next: so often an answer can alter what is heard."""
REST = 20.0
"""Seconds of rest before the calibration."""


class Plan(NamedTuple):
    """What a life is like; everything else follows from it."""

    seed: int
    strength: float = 1.0
    """How strongly a state shows, 0 not at all."""
    coupling: float = 0.0
    """How far what is heard acts back in feedback: 0 deaf, 1 runaway."""
    drift: float = 0.0
    """Degrees by which the signature turns in 20 minutes of feedback."""
    drift_new: float = 0.0
    """Share of what it turns to that lies where no state has shown before, 0…1."""
    calibration: float = 300.0
    """Seconds."""
    feedback: float = 300.0
    """Seconds."""

    @property
    def turn(self) -> float:
        """Rig time at which the calibration ends and feedback begins, in seconds."""
        return REST + self.calibration

    @property
    def end(self) -> float:
        """Rig time at which feedback ends, in seconds."""
        return self.turn + self.feedback


class Body:
    """A person under a cap: samples become windows, and what happens is noted.

    Parameters
    ----------
    plan : Plan
        Seed, strength, coupling, drift.
    """

    def __init__(self, plan: Plan) -> None:
        self._person = SimulatedPerson(
            SimulatedSource(
                seed=plan.seed,
                strength=plan.strength,
                coupling=plan.coupling,
                drift=plan.drift,
                drift_new=plan.drift_new,
            )
        )
        self._line = StreamLine(StreamSettings(), ENOBIO20, RATE)
        self.keys: list[tuple[float, LabelState]] = []
        self.felt: list[tuple[float, Affect]] = []

    def live(self, n_samples: int, phase: str, audible: Affect | None) -> list[Window]:
        """Live on for some samples and return the windows that they complete."""
        chunk = self._person.advance(n_samples, audible=audible, phase=phase)
        stamps = (chunk.first + np.arange(len(chunk.samples))) / RATE
        self.keys += [(key.sample / RATE, key.state) for key in chunk.keys]
        self.felt += [(felt.sample / RATE, felt.state) for felt in chunk.felt]
        return [window for window, _ in self._line.push(chunk.samples, stamps)]


class Calibrated(NamedTuple):
    """A person at the end of the calibration."""

    plan: Plan
    body: Body
    """Stays as it is: every life goes on with a copy."""
    windows: list[Window]
    """From 0 s on."""


def calibrated(plan: Plan) -> Calibrated:
    """Return a person at the end of the calibration.

    The neutral piece plays meanwhile, as long as nothing is decoded. Nothing of it depends on the
    coupling, nor on the drift, which begin with feedback.

    Parameters
    ----------
    plan : Plan
        What the life is like.
    """
    body, windows = through(plan, {"rest": REST, "calibration": plan.calibration})
    return Calibrated(plan, body, windows)


def through(plan: Plan, phases: dict[str, float]) -> tuple[Body, list[Window]]:
    """Return a person who has lived through some phases to the neutral piece, and its windows.

    Parameters
    ----------
    plan : Plan
        What the person is like.
    phases : dict of str to float
        Seconds of each, in order.
    """
    body = Body(plan)
    windows: list[Window] = []
    for phase, seconds in phases.items():
        for n in _hops(seconds):
            windows += body.live(n, phase, "neutral")
    return body, windows


def _hops(seconds: float) -> Iterator[int]:
    left = round(seconds * RATE)
    while left > 0:
        yield min(HOP, left)
        left -= HOP


def learn(person: Calibrated, settings: DecoderSettings) -> tuple[Model, Scores]:
    """Return the model that this person's calibration gives."""
    span = (REST, person.plan.turn)
    keys = person.body.keys
    rows = rows_from(person.windows, keys, settings, baseline=[(0.0, REST)], learn=[span])
    return fit(rows, settings, person.plan.seed)


class Told(NamedTuple):
    """What one decoder said in feedback."""

    answers: list[Valence]
    """One per window."""
    lessons: int
    """Rows learned from keys and not taken back."""
    drifts: list[Drift]
    delay: float
    """Declared, in seconds."""


class Life(NamedTuple):
    """What happened in feedback."""

    plan: Plan
    felt: Steps
    """From the beginning of feedback on."""
    keys: Steps
    told: tuple[Told, ...]
    """By every decoder, in their order."""
    played: list[tuple[float, Played]]
    """What the player said, with the rig time from which it can be heard."""


def live(
    person: Calibrated,
    model: Model,
    settings: Sequence[DecoderSettings],
    player: PlayerSettings | None = None,
) -> Life:
    """Let a person live through feedback, led by the first of some decoders.

    The others see the same windows, keys and music. To the deaf it does not matter who leads.

    Parameters
    ----------
    person : Calibrated
        Goes on from there.
    model : Model
        From `learn`, of this person or of one who is calibrated alike.
    settings : sequence of DecoderSettings
        Of every decoder, one or more.
    player : PlayerSettings or None
        None: the defaults.
    """
    plan, body = person.plan, deepcopy(person.body)
    listeners = [Listener(model, one, plan.turn) for one in settings]
    music = Music(PlayerSettings() if player is None else player, plan.turn)
    heard: Affect | None = "neutral"
    coming: list[tuple[float, Affect | None]] = []
    n_keys = len(body.keys)
    for i, n in enumerate(_hops(plan.feedback)):
        now = plan.turn + i * HOP / RATE
        while coming and coming[0][0] <= now:
            heard = coming.pop(0)[1]
        windows = body.live(n, "feedback", heard)
        for listener in listeners:
            listener.keys(body.keys[n_keys:])
        n_keys = len(body.keys)
        for window in windows:
            first, *_ = [listener.step(window) for listener in listeners]
            new = _changes(music.take(first), (coming or [(now, heard)])[-1][1])
            coming += new
            for listener in listeners:
                listener.hears(new)
    return Life(
        plan=plan,
        felt=Steps.of((t, state) for t, state in body.felt if t >= plan.turn),
        keys=Steps.of((t, state) for t, state in body.keys if t >= plan.turn),
        told=tuple(listener.told() for listener in listeners),
        played=music.played,
    )


def _changes(
    said: list[tuple[float, Affect | None]], before: Affect | None
) -> list[tuple[float, Affect | None]]:
    """Return what differs from what was heard before it."""
    found = []
    for t, audible in said:
        if audible != before:
            found.append((t, audible))
            before = audible
    return found


class Listener:
    """A decoder with its model, and what it said.

    Parameters
    ----------
    model : Model
        What it answers by.
    settings : DecoderSettings
        How.
    start : float
        Rig time at which feedback begins, in seconds; the neutral piece plays.
    """

    def __init__(self, model: Model, settings: DecoderSettings, start: float) -> None:
        self._decoder = Decoder(settings)
        self._decoder.load(model)
        self._decoder.audible(start - REST, "neutral")
        self._answers: list[Valence] = []
        self._drifts: list[Drift] = []
        self._lessons = 0

    def keys(self, keys: Sequence[tuple[float, LabelState]]) -> None:
        """Take in what the person holds from when on."""
        for t, state in keys:
            self._decoder.label(t, state)

    def hears(self, heard: Sequence[tuple[float, Affect | None]]) -> None:
        """Take in what is heard from when on."""
        for t, clip in heard:
            self._decoder.audible(t, clip)

    def step(self, window: Window) -> Valence:
        """Return the answer to a window."""
        answer = self._decoder.step(window)
        self._answers.append(answer)
        for content in self._decoder.events():
            if isinstance(content, Learned):
                self._lessons += -1 if content.taken_back else 1
            elif isinstance(content, Drift):
                self._drifts.append(content)
        return answer

    def told(self) -> Told:
        """Return all that was said."""
        delay = self._decoder.declared_delay
        return Told(
            self._answers, self._lessons, self._drifts, 0.0 if delay is None else delay.total
        )
