"""What each picture of a video shows, from what the player said of its pictures; pure.

The player says where the picture is whenever something moves; between two such words everything
moves in a line. No part of the picture changes faster than the participant's page lets it
(`player/pictures/page.js`): the rules here are the page's own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from player.pictures.gallery import FASTEST, PLAIN, PLAIN_STEEPNESS, Gallery, apart
from rym.messages import Shown

NEUTRAL = 0.0
CATCHING_UP = 0.5
"""Share of a dissolve per second where what is seen is behind it."""
ENOUGH = 1e-6
"""What is missing of a dissolve that counts as whole."""


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
    if one.share >= 1.0 and two.before == one.scene:  # a dissolve begins here
        return Look(two.scene, two.before, way * two.share, valence)
    if two.share >= 1.0 and two.scene == one.scene:  # one comes to its end
        return Look(one.scene, one.before, one.share + way * (1.0 - one.share), valence)
    return Look(one.scene, one.before, one.share, valence)


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
            most = min(CATCHING_UP * seconds, left / cost if cost > 0.0 else 1.0)
            by = max(0.0, min(wanted, most))
            left -= by * cost
            seen = seen._replace(share=seen.share + by)
            if seen.share > 1.0 - ENOUGH:
                seen = seen._replace(share=1.0, before=seen.scene)
        before = self._steepness(seen.before, seen.valence) if seen.share < 1.0 else 0.0
        cost = max(self._steepness(seen.scene, seen.valence), before)
        most = left / cost if cost > 0.0 else 2.0
        far = goal.valence - seen.valence
        return seen._replace(valence=seen.valence + max(-most, min(most, far)))

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
