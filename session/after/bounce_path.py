"""What each picture of a video shows, from what the player said of its pictures; pure.

The player says where the picture is whenever something moves; between two such words everything
moves in a line, in the participant's page as here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rym.messages import Shown

NEUTRAL = 0.0


class Look(NamedTuple):
    """What is seen at one moment."""

    scene: int
    before: int
    """Scene that it takes over from; the same where no dissolve runs."""
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
