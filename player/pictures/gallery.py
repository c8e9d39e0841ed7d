"""Which pictures may be seen, and how fast each may turn into the next; pure.

A scene that may not be seen has its place taken by the next one that may, and by a calm plain
picture where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any, NamedTuple

from rym.bank import Scene
from rym.errors import FormatError
from rym.flashes import MAX_FLASHES, Cells, Picture, cells, flashes_swept, steepness

FASTEST = 5.0
"""Changes that any part of the picture may undergo in a second, a change being 0.1 of relative
luminance or 0.2 in the CIE 1976 UCS diagram (`rym.flashes.steepness`). A flash is two opposing
changes, and no more than three may come in any second (WCAG 2.3.1): five changes a second, with one
that had begun before, are three flashes, whatever is asked of the page."""
DISSOLVE = 0.25
"""Share of a dissolve per second that whoever shows the pictures makes without the player."""
CATCHING_UP = 0.5
"""The same, where what is seen is behind the dissolve that the player makes."""
ENOUGH = 1e-6
"""What is missing of a dissolve that counts as whole."""
CALM = 0.15
"""Valence per second on the way to neutral where the player says nothing."""
QUIET = 3.0
"""Seconds without a word after which the player says nothing."""
PLAIN = -1
"""Place of the calm plain picture."""
PLAIN_STEEPNESS = 24.0
"""Changes from a plain picture to any other: at most those from black to white."""
MOST_FRAMES = 256
SMALL = 160
"""Columns to which pictures are thinned out before their steepness is measured."""
AGAIN = "Build the bank again with `rym bank build`."


class Shade(NamedTuple):
    """One frame of a strip that may be seen."""

    valence: float
    sha256: str


class Strip(NamedTuple):
    """One scene that may be seen."""

    name: str
    shades: tuple[Shade, ...]
    steep: tuple[float, ...]
    """Changes per unit of valence, from each frame to the next."""
    small: tuple[Picture, ...]
    """Its pictures, thinned out."""


class Gallery(NamedTuple):
    """All that the page may show."""

    strips: tuple[Strip, ...]
    places: tuple[int, ...]
    """Per scene of the bank the strip that stands for it, or `PLAIN`."""
    refused: Mapping[str, str]
    """Scenes that may not be seen, and why: a sentence each."""
    size: tuple[int, int]
    """Width and height in pixels."""

    @property
    def told(self) -> str:
        """Say what is not shown; empty where all is."""
        if not self.places:
            return "The bank has no pictures: the page stays plain."
        if not self.refused:
            return ""
        names = ", ".join(self.refused)
        instead = "another scene is" if self.strips else "a plain picture is"
        why = next(iter(self.refused.values()))
        return f"Not shown on the page: {names}; {instead} seen in its place. {why}"

    def facts(self, mark: str) -> dict[str, Any]:
        """Return what the page has to know, for JSON."""
        return {
            "mark": mark,
            "size": self.size,
            "strips": [[[x.sha256, x.valence] for x in strip.shades] for strip in self.strips],
            "steep": [strip.steep for strip in self.strips],
            "places": self.places,
            "apart": self._apart(),
            "plain": PLAIN_STEEPNESS,
            "fastest": FASTEST,
            "dissolve": DISSOLVE,
            "catchingUp": CATCHING_UP,
            "enough": ENOUGH,
            "calm": CALM,
            "quiet": QUIET,
        }

    def _apart(self) -> list[list[float]]:
        table = [[0.0] * len(self.strips) for _ in self.strips]
        for (i, one), (k, other) in combinations(enumerate(self.strips), 2):
            table[i][k] = table[k][i] = apart(one, other)
        return table


class Thin(NamedTuple):
    """All of a picture that counts: whole ones of a long strip would take gigabytes."""

    light: Cells
    """For flashes."""
    small: Picture
    """For its steepness."""


def thin(picture: Picture) -> Thin:
    """Return what of a picture, shape (height, width, 3), sRGB, is to be kept."""
    step = max(1, picture.shape[1] // SMALL)
    return Thin(cells(picture), picture[::step, ::step].copy())


def strip_of(scene: Scene, pictures: Sequence[Thin]) -> Strip:
    """Return a scene as it may be seen.

    Parameters
    ----------
    scene : Scene
        The manifest's.
    pictures : sequence of Thin
        Of its frames.

    Raises
    ------
    FormatError
        If it would flash when it is swept through.
    """
    count = flashes_swept([picture.light for picture in pictures])
    if count > MAX_FLASHES:
        raise FormatError(
            f"{scene.name} flashes {count} times in a second when it is swept through, at most "
            f"{MAX_FLASHES} are allowed.",
            AGAIN,
        )
    small = tuple(picture.small for picture in pictures)
    steep = tuple(
        steepness(one, other) / (b.valence - a.valence)
        for (a, b), (one, other) in zip(pairwise(scene.frames), pairwise(small), strict=True)
    )
    shades = tuple(Shade(frame.valence, frame.sha256) for frame in scene.frames)
    return Strip(scene.name, shades, steep, small)


def check_frames(scene: Scene) -> None:
    """Check what of a strip can be told from the manifest.

    Raises
    ------
    FormatError
        If it has no frames, too many, or one that does not rise in valence.
    """
    if not 1 <= len(scene.frames) <= MOST_FRAMES:
        raise FormatError(
            f"{scene.name} has {len(scene.frames)} pictures, 1 to {MOST_FRAMES} can be shown.",
            AGAIN,
        )
    for a, b in pairwise(scene.frames):
        if not a.valence < b.valence:
            raise FormatError(
                f"{b.file} has valence {b.valence:g}, the picture before it {a.valence:g}; they "
                "must rise.",
                AGAIN,
            )


def hang(
    names: Sequence[str],
    strips: Mapping[str, Strip],
    refused: Mapping[str, str],
    size: tuple[int, int],
) -> Gallery:
    """Give every scene of the bank a strip that may be seen.

    Parameters
    ----------
    names : sequence of str
        Of all scenes, in the bank's order.
    strips : mapping of str to Strip
        Those that may be seen, by name.
    refused : mapping of str to str
        The others, and why.
    size : tuple of int
        Width and height in pixels.
    """
    good = [name for name in names if name in strips]
    places = []
    for k in range(len(names)):
        after = (names[(k + step) % len(names)] for step in range(len(names)))
        name = next((name for name in after if name in strips), None)
        places.append(PLAIN if name is None else good.index(name))
    return Gallery(tuple(strips[name] for name in good), tuple(places), dict(refused), size)


def apart(one: Strip, other: Strip) -> float:
    """Return the changes in a dissolve between two scenes, at the valence where they are most.

    At the valences of both: where one has few pictures, the other goes on changing between them.
    """
    return max(
        steepness(a.small[k], b.small[_nearest(b, shade.valence)])
        for a, b in ((one, other), (other, one))
        for k, shade in enumerate(a.shades)
    )


def _nearest(strip: Strip, valence: float) -> int:
    return min(range(len(strip.shades)), key=lambda k: abs(strip.shades[k].valence - valence))
