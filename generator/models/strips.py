"""A strip of pictures along valence: what all its frames share, and how far they lie apart.

Pure but for `Kept`, which puts pictures into a folder.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from rym.errors import FormatError

from ..drafts import Picture

Lines = npt.NDArray[np.floating]
"""Line drawing of shape (height, width): 0 is paper, 1 is ink."""
Make = Callable[[int, int], Picture | None]
"""From the number of the draws and of the frame to its picture; None where it came out black."""

BLACK = 12
"""A picture whose brightest hundredth is darker than this (of 255) counts as black."""
INKED = 0.05
"""Part of a picture that is drawn as lines where nobody has sketched any."""
SPECK = 0.0006
"""Part of a picture below which a line is left out: grass and glitter are no layout."""


def valence(frame: int, n_frames: int) -> float:
    """Return where between the prompts a frame is made: −1 negative, 0 neutral, 1 positive."""
    return 2.0 * frame / (n_frames - 1) - 1.0


def draw_seed(seed: int, scene: int, take: int, draws: int) -> int:
    """Return the seed of a whole strip: all its frames begin from the same noise.

    Parameters
    ----------
    seed : int
        The memory's.
    scene, take : int
        Which strip.
    draws : int
        How many other draws came out black.
    """
    return int(np.random.SeedSequence([seed, scene, take, draws]).generate_state(1)[0])


def is_black(picture: Picture) -> bool:
    """Tell whether nothing can be seen on a picture."""
    return bool(np.quantile(picture.max(axis=2), 0.99) < BLACK)


def clean_strip(make: Make, n_frames: int, tries: int, first: int) -> list[Picture]:
    """Make a strip of which no frame is black, all from the same draws.

    Which draws are taken follows from the whole strip: the first ones of which every frame is
    clean. So one frame is the same whatever was asked before; to draw anew for a single frame would
    be cheaper, but it would show another place than its neighbours.

    Parameters
    ----------
    make : callable
        Makes one frame; what it has made before should cost it nothing.
    n_frames : int
        Length of the strip.
    tries : int
        How many draws there are.
    first : int
        The frame to begin with, so that processes which begin elsewhere share the work.

    Raises
    ------
    FormatError
        If each of the draws leaves a black frame.
    """
    black: set[int] = set()
    for draws in range(tries):
        strip: dict[int, Picture] = {}
        for frame in ((first + step) % n_frames for step in range(n_frames)):
            picture = make(draws, frame)
            if picture is None:
                black.add(frame)
                break
            strip[frame] = picture
        else:
            return [strip[frame] for frame in range(n_frames)]
    raise FormatError(
        f"With each of {tries} draws a picture came out black (frame {min(black)} of {n_frames}).",
        "The safety checker blackens what it suspects: choose another seed, other words, "
        "more tries, or procedural pictures.",
    )


def places(strip: list[Picture]) -> tuple[float, ...]:
    """Return the valence of every frame by how far the pictures lie apart.

    Equal steps between two prompts are uneven steps for the eye: much changes at once, then little.
    A frame's place is therefore the distance walked along the strip. The middle of the strip stays
    at 0, where the person's own words are seen, so each half is spread by itself.

    Parameters
    ----------
    strip : list of array of shape (height, width, 3)
        In order, at least two.

    Returns
    -------
    tuple of float
        From −1 to 1, strictly rising.
    """
    small = [ndimage.zoom(_light(x), _shrunk(x), order=1) for x in strip]
    steps = np.array([float(np.sqrt(np.mean((b - a) ** 2))) for a, b in itertools.pairwise(small)])
    # Two frames that look the same still need two places.
    steps += max(float(steps.mean()) * 0.02, 1e-9)
    walked = np.concatenate([[0.0], np.cumsum(steps)])
    middle = float(np.interp((len(strip) - 1) / 2, np.arange(len(strip)), walked))
    half = np.where(walked < middle, middle, walked[-1] - middle)
    return tuple(round(float(x), 6) for x in (walked - middle) / half)


def _light(picture: Picture) -> npt.NDArray[np.float64]:
    return picture.astype(np.float64) / 255.0


def _shrunk(picture: Picture) -> tuple[float, float, float]:
    """Return by how much to zoom: differences of grain are no differences of mood."""
    factor = min(1.0, 96.0 / max(picture.shape[:2]))
    return factor, factor, 1.0


def outlines(picture: Picture) -> Lines:
    """Return the strongest edges of a picture as lines.

    Parameters
    ----------
    picture : array of shape (height, width, 3)

    Returns
    -------
    array of shape (height, width)
        1 on the strongest edges, 0 elsewhere.
    """
    blur = max(picture.shape) / 400
    blurred = ndimage.gaussian_filter(_light(picture), (blur, blur, 0.0))
    squares = [ndimage.sobel(blurred, axis=axis) ** 2 for axis in (0, 1)]
    edges = (squares[0] + squares[1]).sum(axis=2)
    found = edges >= max(float(np.quantile(edges, 1.0 - INKED)), 1e-6)
    label, _ = ndimage.label(found, structure=np.ones((3, 3)))
    large = np.bincount(label.ravel()) >= SPECK * label.size
    large[0] = False
    return np.asarray(large[label], np.float64)


def inked(picture: Picture, lines: Lines) -> Picture:
    """Return a picture with lines drawn over it, both of one size."""
    return np.asarray(np.round(picture * (1.0 - 0.8 * lines[..., None])), np.uint8)


class Kept:
    """Frames that were made before, in a folder that may be deleted at any time.

    A strip is good only when all its frames are, so a build that is stopped in between would lose
    the hours of a whole strip without it.

    Parameters
    ----------
    folder : Path or None
        Where they are; None keeps nothing.
    origin : str
        Hash of everything that the frames follow from.
    """

    def __init__(self, folder: Path | None, origin: str) -> None:
        self._folder = folder
        self._origin = origin

    def through(self, make: Make) -> Make:
        """Return a function that makes only what is not there yet."""
        folder = self._folder
        if folder is None:
            return make

        def kept(draws: int, frame: int) -> Picture | None:
            path = folder / f"{self._origin[:32]}-{draws}-{frame}.npy"
            known, picture = _read(path)
            if not known:
                picture = make(draws, frame)
                _write(path, picture)
            return picture

        return kept


NONE = np.zeros((0, 0, 3), np.uint8)
"""What is kept of a frame that came out black."""


def _read(path: Path) -> tuple[bool, Picture | None]:
    try:
        picture = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        # Not there, or cut off when the machine went down: it is made again.
        return False, None
    return True, picture if picture.size else None


def _write(path: Path, picture: Picture | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, NONE if picture is None else picture, allow_pickle=False)
    part.replace(path)
