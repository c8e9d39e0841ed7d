"""What each picture of a video shows, from what the player said of its pictures; pure.

The player says where the picture is whenever something moves; between two such words everything
moves in a line. No part of the picture changes faster than the participant's page lets it: how what
is seen gets to where it should be is the page's own rule (`player/pictures/page.js`), with the same
constants.

Three things of the page are not here, for a video has neither a network nor a viewer: it begins
with the first look and does not come out of a plain picture, it knows no silence of the player
after which the page goes to neutral, and nobody asks it for less motion.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from player.pictures.gallery import (
    CATCHING_UP,
    DISSOLVE,
    ENOUGH,
    FASTEST,
    PLAIN,
    PLAIN_STEEPNESS,
    Gallery,
    apart,
)
from rym.messages import Shown

NEUTRAL = 0.0


class Look(NamedTuple):
    """What is seen at one moment."""

    scene: int
    """Number of the bank's scene; behind `Eye`, of the gallery's strip."""
    before: int
    """What it takes over from; the same where no dissolve runs."""
    share: float
    """How far the dissolve has come, 0…1."""
    valence: float
    """Place in the strips, −1…1."""


CALM = Look(scene=0, before=0, share=1.0, valence=NEUTRAL)
"""What is seen where the player says nothing of pictures."""


def looks(said: Sequence[Shown], n_frames: int, every: int) -> Iterator[Look]:
    """Yield what is seen at the player's frames 0, `every`, 2 `every`, … below `n_frames`.

    Parameters
    ----------
    said : sequence of Shown
        In order of their frames.
    n_frames : int
        Frames of sound that the video lasts.
    every : int
        Frames of sound to one picture.

    Yields
    ------
    Look
        Before the first word the look of that word; behind the last one that of the last.
    """
    k = -1
    for frame in range(0, n_frames, every):
        while k + 1 < len(said) and said[k + 1].frame <= frame:
            k += 1
        if not said:
            yield CALM
        elif k < 0:
            yield _at(said[0])
        elif k + 1 == len(said):
            yield _at(said[k])
        else:
            yield _between(said[k], said[k + 1], frame)


def _at(one: Shown) -> Look:
    return Look(one.scene, one.before, one.share, one.valence)


def _between(one: Shown, two: Shown, frame: int) -> Look:
    way = (frame - one.frame) / (two.frame - one.frame)
    valence = one.valence + way * (two.valence - one.valence)
    if (one.scene, one.before) == (two.scene, two.before):
        return Look(two.scene, two.before, one.share + way * (two.share - one.share), valence)
    if two.before == one.scene and two.scene != two.before:  # a dissolve begins here
        return Look(two.scene, two.before, way * two.share, valence)
    # One comes to its end.
    return Look(one.scene, one.before, one.share + way * (1.0 - one.share), valence)


class Eye:
    """What is seen on the way to where the picture should be.

    Parameters
    ----------
    gallery : Gallery
        What may be seen, and how fast each may turn into the next.
    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._seen: Look | None = None
        self._apart: dict[tuple[int, int], float] = {}

    def follow(self, wish: Look, seconds: float) -> Look:
        """Go on for so long towards a look, and return what is seen then, by strips.

        Parameters
        ----------
        wish : Look
            By the bank's scenes.
        seconds : float
            Since the look before; the first one is seen as it is.
        """
        goal = wish._replace(scene=self._strip(wish.scene), before=self._strip(wish.before))
        if self._seen is None:
            self._seen = goal if goal.scene != goal.before else goal._replace(share=1.0)
        else:
            self._seen = self._moved(self._seen, goal, seconds)
        return self._seen

    def _strip(self, scene: int) -> int:
        places = self._gallery.places
        return places[scene % len(places)] if places else PLAIN

    def _moved(self, seen: Look, goal: Look, seconds: float) -> Look:
        left = FASTEST * seconds
        if seen.share >= 1.0 and goal.scene != seen.scene:
            # Of a plain picture it cannot be seen where it stands.
            valence = goal.valence if seen.scene == PLAIN else seen.valence
            seen = Look(goal.scene, seen.scene, 0.0, valence)
        if seen.share < 1.0:
            same = (goal.scene, goal.before) == (seen.scene, seen.before)
            cost = self._between(seen.before, seen.scene)
            wanted = (goal.share if same else 1.0) - seen.share
            pace = CATCHING_UP if same else DISSOLVE
            most = min(pace * seconds, left / cost if cost > 0.0 else 1.0)
            by = max(0.0, min(wanted, most))
            left -= by * cost
            seen = seen._replace(share=seen.share + by)
            if seen.share > 1.0 - ENOUGH:
                seen = seen._replace(share=1.0, before=seen.scene)
        before = self._steepness(seen.before, seen.valence) if seen.share < 1.0 else 0.0
        cost = max(self._steepness(seen.scene, seen.valence), before)
        most = left / cost if cost > 0.0 else 2.0
        # What lies beyond the stretches that were looked at may be steeper than all of them.
        low, high = self._reach(seen.scene, seen.valence)
        if seen.share < 1.0:
            lower, higher = self._reach(seen.before, seen.valence)
            low, high = max(low, lower), min(high, higher)
        down, up = max(seen.valence - most, low), min(seen.valence + most, high)
        return seen._replace(valence=max(down, min(up, goal.valence)))

    def _between(self, one: int, other: int) -> float:
        if one == other:
            return 0.0
        if PLAIN in (one, other):
            return PLAIN_STEEPNESS
        pair = (min(one, other), max(one, other))
        if pair not in self._apart:
            first, second = (self._gallery.strips[k] for k in pair)
            self._apart[pair] = apart(first, second)
        return self._apart[pair]

    def _reach(self, strip: int, valence: float) -> tuple[float, float]:
        """Return where the stretches end of which the steepest counts.

        Beyond a strip's ends nothing changes.
        """
        if strip == PLAIN:
            return -math.inf, math.inf
        places = [x.valence for x in self._gallery.strips[strip].shades]
        k = stretch(places, valence)[0]
        return (
            places[k - 1] if k > 1 else -math.inf,
            places[k + 2] if k + 2 < len(places) - 1 else math.inf,
        )

    def _steepness(self, strip: int, valence: float) -> float:
        """Return the steepest of the stretch that a place lies in and of those beside it."""
        if strip == PLAIN or not self._gallery.strips[strip].steep:
            return 0.0
        steep = self._gallery.strips[strip].steep
        k = stretch([x.valence for x in self._gallery.strips[strip].shades], valence)[0]
        return max(steep[max(0, k - 1) : k + 2])


def stretch(valences: Sequence[float], valence: float) -> tuple[int, float]:
    """Return the frame before a place in a strip, and how far it is on the way to the next one."""
    if len(valences) == 1 or valence <= valences[0]:
        return 0, 0.0
    if valence >= valences[-1]:
        return len(valences) - 2, 1.0
    k = bisect_right(valences, valence) - 1
    return k, (valence - valences[k]) / (valences[k + 1] - valences[k])
