"""Which files a bank consists of, and which of those that are there the manifest takes; pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rym.bank import Clip, Kind
from rym.messages import AFFECTS

from ..drafts import Place
from ..settings import GeneratorSettings, NoPictures
from .names import PLAIN, parse_clip, scene_name
from .studio import ClipJob, FrameJob

GIVEN = "given"
"""The backend of clips that were made elsewhere."""


class Group(NamedTuple):
    """Clips that are heard in one another's place, and so come from one backend where they can."""

    section: int
    variant: int
    ending: bool

    @property
    def places(self) -> tuple[Place, ...]:
        """One place per affect."""
        kind: Kind = "ending" if self.ending else "loop"
        return tuple(Place(self.section, self.variant, affect, kind) for affect in AFFECTS)


def groups(settings: GeneratorSettings) -> tuple[Group, ...]:
    """Return all groups of siblings, in the order of the piece."""
    loops = itertools.product(range(settings.sections), range(settings.variants))
    return (
        *(Group(section, variant, ending=False) for section, variant in loops),
        *(Group(section, 0, ending=True) for section in range(settings.sections)),
    )


def clip_jobs(
    settings: GeneratorSettings, wishes: Mapping[str, int], backend: str = PLAIN
) -> list[ClipJob]:
    """Return the clips of one backend.

    By affect first: neighbours then share most of their tones, which are kept for a while.

    Parameters
    ----------
    settings : GeneratorSettings
        How large the bank is.
    wishes : mapping of str to int
        What is to be made again: the take by name.
    backend : str
        Whose clips.
    """
    takes = _takes(wishes)
    places = [place for group in groups(settings) for place in group.places]
    places.sort(key=lambda place: AFFECTS.index(place.affect))
    return [ClipJob(place, takes.get((place, backend), 0), backend) for place in places]


def _takes(wishes: Mapping[str, int]) -> dict[tuple[Place, str], int]:
    takes: dict[tuple[Place, str], int] = {}
    for name, take in wishes.items():
        found = parse_clip(name)
        if found is not None:
            place, _, backend = found
            takes[place, backend] = max(take, takes.get((place, backend), 0))
    return takes


def frame_jobs(
    settings: GeneratorSettings, wishes: Mapping[str, int], backend: str = PLAIN
) -> list[FrameJob]:
    """Return the pictures of one backend, scene by scene."""
    if isinstance(settings.pictures, NoPictures):
        return []
    return [
        FrameJob(scene, frame, wishes.get(scene_name(scene), 0), backend)
        for scene in range(settings.scenes)
        for frame in range(settings.frames)
    ]


def chosen(
    settings: GeneratorSettings, rows: Iterable[Clip], wishes: Mapping[str, int], backend: str
) -> tuple[Clip, ...]:
    """Return the clips that the manifest takes of those that are there.

    A clip made elsewhere comes first, unless it was asked to be made again; then the chosen
    backend's, where it has all of a group; then the procedural one, which fits every other.

    Parameters
    ----------
    settings : GeneratorSettings
        How large the bank is.
    rows : iterable of Clip
        What is there.
    wishes : mapping of str to int
        What is to be made again.
    backend : str
        The chosen backend.
    """
    takes = _takes(wishes)
    there: dict[tuple[Place, str], Clip] = {}
    for clip in rows:
        found = parse_clip(clip.file)
        if found is None:
            continue
        place, take, made_by = found
        before = there.get((place, made_by))
        # Of a take that is asked for and not there, the newest before it stays.
        if take <= takes.get((place, made_by), 0) and (before is None or take > before.take):
            there[place, made_by] = clip
    taken: list[Clip] = []
    for group in groups(settings):
        whole = all((place, backend) in there for place in group.places)
        for place in group.places:
            best = (GIVEN, backend, PLAIN) if whole else (GIVEN, PLAIN)
            taken += [there[place, x] for x in best if (place, x) in there][:1]
    return tuple(taken)
