"""Where in the pictures the music is; pure, and a function of what is heard alone.

The path goes from control block to control block towards what is heard: the mixture's place between
negative and positive, and the section's scene. It never gets there faster than `FASTEST`, and the
mean luminance of what is seen never changes faster than `LIGHT`: 0.1 a second, so that two opposing
changes that WCAG 2.3.1 would count (0.1 each) take two seconds, whatever the music does. That is
the picture as a whole; of each part of it the page keeps an account of its own (`page.js`), since
only it has the pictures.

What is said is a straight line between two `Shown`: a tenth of a second apart while something
moves, a second apart otherwise, and one more where a movement or a dissolve begins.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from rym.bank import Scene
from rym.messages import Shown

from ..settings import BLOCK, RATE

FASTEST = 0.35
"""Valence per second. The steepest part of a painted strip changes by 0.14 of luminance per 0.1 of
valence, so that the page's own limit (0.5 a second) does not hold such a strip back."""
MEANWHILE = 0.5
"""Share of that pace while a dissolve runs, which takes as much of the page's limit for itself."""
CALM = 0.15
"""Valence per second on the way to neutral once nothing is to be followed."""
LIGHT = 0.1
"""Mean relative luminance (WCAG 2) per second."""
DISSOLVE = 4 * RATE
"""Frames from one scene to the next, where `LIGHT` does not make it longer."""
MOVING = RATE // 10
"""Frames between two `Shown` while something moves."""
RESTING = RATE
"""Frames between two `Shown` otherwise."""
_TRIES = 4
"""Steps that are shortened before nothing is done in this block."""


class Strip(NamedTuple):
    """Mean luminance of one scene along valence."""

    valences: tuple[float, ...]
    """−1…1, each larger than the one before."""
    luminances: tuple[float, ...]
    """0…1."""

    def luminance(self, valence: float) -> float:
        """Return the mean luminance at a place, 0…1."""
        if not self.valences:
            return 0.0
        k = bisect_right(self.valences, valence)
        if k in (0, len(self.valences)):
            return self.luminances[max(0, k - 1)]
        low, high = self.valences[k - 1], self.valences[k]
        share = (valence - low) / (high - low)
        return (1.0 - share) * self.luminances[k - 1] + share * self.luminances[k]


def strips(scenes: Iterable[Scene]) -> tuple[Strip, ...]:
    """Return the strips of a bank's scenes; a frame that does not rise in valence is passed over.

    The page refuses such a scene; here it must only not stop the path.
    """
    found = []
    for scene in scenes:
        rising = [
            frame
            for k, frame in enumerate(scene.frames)
            if all(before.valence < frame.valence for before in scene.frames[:k])
        ]
        valences = tuple(frame.valence for frame in rising)
        light = tuple(min(1.0, max(0.0, frame.luminance)) for frame in rising)
        found.append(Strip(valences, light))
    return tuple(found)


class Place(NamedTuple):
    """What is seen at one frame; the fields are those of `Shown`."""

    scene: int
    before: int
    share: float
    valence: float


def place_of(gains: tuple[float, float, float]) -> float:
    """Return where a mixture lies between negative (−1), neutral (0) and positive (1).

    It is the mixture's direction as an angle, as which a fade and a continuous mix move it evenly:
    half-way in sound is half-way in sight.

    Parameters
    ----------
    gains : tuple of float
        Of (negative, neutral, positive), linear, each ≥ 0.
    """
    length = math.sqrt(sum(gain * gain for gain in gains))
    if length <= 0.0:
        return 0.0
    negative, _, positive = (min(1.0, gain / length) for gain in gains)
    return (math.asin(positive) - math.asin(negative)) * 2.0 / math.pi


class Path:
    """The path through the pictures, from one control block to the next.

    Parameters
    ----------
    scenes : tuple of Strip
        The bank's, at least one.
    section : int
        With which the music begins.
    """

    def __init__(self, scenes: tuple[Strip, ...], section: int) -> None:
        self._scenes = scenes
        scene = section % len(scenes)
        self.place = Place(scene, scene, 1.0, 0.0)
        """What is seen at the frame that comes next."""
        self._said_at: int | None = None
        self._said_pair = (scene, scene)
        self._moved_at = -RESTING

    def step(
        self, frame: int, gains: tuple[float, float, float], section: int, *, calm: bool
    ) -> Shown | None:
        """Go on by one control block.

        Parameters
        ----------
        frame : int
            Border of the control block that is about to be rendered.
        gains : tuple of float
            Of (negative, neutral, positive) at that frame.
        section : int
            That is heard at that frame.
        calm : bool
            True where nothing is to be followed, or nothing is heard: the picture goes to neutral
            slowly then, and stays.

        Returns
        -------
        Shown or None
            What is seen at `frame`, where it is to be said.
        """
        now = self.place
        wish = 0.0 if calm else place_of(gains)
        self.place = self._towards(wish, section % len(self._scenes), CALM if calm else FASTEST)
        begins = False
        if self.place != now:
            begins = frame - self._moved_at > MOVING
            self._moved_at = frame
        pause = MOVING if frame - self._moved_at <= MOVING else RESTING
        due = self._said_at is None or begins or frame - self._said_at >= pause
        if not due and (now.scene, now.before) == self._said_pair:
            return None
        self._said_at, self._said_pair = frame, (now.scene, now.before)
        return Shown(
            frame=frame,
            scene=now.scene,
            before=now.before,
            share=round(now.share, 4),
            valence=round(now.valence, 4) + 0.0,
        )

    def _towards(self, valence: float, scene: int, fastest: float) -> Place:
        """Return the place one control block on.

        A dissolve that runs goes to its end first; of the sections that came meanwhile the newest
        counts.
        """
        place = self.place
        if place.share >= 1.0 and scene != place.scene:
            place = Place(scene, place.scene, 0.0, place.valence)
        most = fastest * (MEANWHILE if place.share < 1.0 else 1.0) * BLOCK / RATE
        far = valence - place.valence
        turn = min(most, max(-most, far))
        more = min(1.0 - place.share, BLOCK / DISSOLVE)
        light = self._luminance(place)
        allowed = LIGHT * BLOCK / RATE
        for _ in range(_TRIES):
            there = _moved(place, more, turn, valence if turn == far else None)
            change = abs(self._luminance(there) - light)
            if change <= allowed:
                return there
            shorter = 0.999 * allowed / change
            more, turn, far = more * shorter, turn * shorter, math.inf
        return self.place

    def _luminance(self, place: Place) -> float:
        there = self._scenes[place.scene].luminance(place.valence)
        if place.share >= 1.0:
            return there
        before = self._scenes[place.before].luminance(place.valence)
        return (1.0 - place.share) * before + place.share * there


def _moved(place: Place, more: float, turn: float, end: float | None) -> Place:
    valence = place.valence + turn if end is None else end
    share = place.share + more
    if share >= 1.0 - 1e-9:
        return Place(place.scene, place.scene, 1.0, valence)
    return Place(place.scene, place.before, share, valence)
