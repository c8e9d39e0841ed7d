"""How the files of a bank are called; the name says place, take and backend, nothing else.

    audio/s0-v1-neutral.flac                loop of section 0, variant 1
    audio/s0-end-neutral.flac               its ending
    audio/s0-v1-neutral-t2.musicgen.flac    the loop again, third take, by another backend
    images/scene-0-f07.webp                 eighth frame of scene 0

What is made again gets a name of its own, so that the manifest changes from the old clip to the new
one at once, and a bank that is being played is never half of either.
"""

from __future__ import annotations

import re

from rym.bank import Kind
from rym.messages import AFFECTS

from ..drafts import Place

PLAIN = "procedural"
"""The backend that needs no naming."""

_CLIP = re.compile(
    rf"audio/s(\d+)-(?:v(\d+)|end)-({'|'.join(AFFECTS)})(?:-t(\d+))?(?:\.([a-z]+))?\.flac"
)


def clip_file(place: Place, take: int = 0, backend: str = PLAIN) -> str:
    """Return a clip's path in the bank's folder."""
    which = "end" if place.kind == "ending" else f"v{place.variant}"
    return f"audio/s{place.section}-{which}-{place.affect}{_version(take, backend)}.flac"


def scene_name(scene: int) -> str:
    """Return a scene's name, whatever take and backend."""
    return f"scene-{scene}"


def frame_file(scene: int, frame: int, take: int = 0, backend: str = PLAIN) -> str:
    """Return a frame's path in the bank's folder."""
    return f"images/{scene_name(scene)}-f{frame:02d}{_version(take, backend)}.webp"


def _version(take: int, backend: str) -> str:
    return (f"-t{take}" if take else "") + (f".{backend}" if backend != PLAIN else "")


def parse_clip(file: str) -> tuple[Place, int, str] | None:
    """Return place, take and backend of a clip's path; None if it is no such path."""
    found = _CLIP.fullmatch(file)
    if found is None:
        return None
    section, variant, affect, take, backend = found.groups()
    kind: Kind = "loop" if variant is not None else "ending"
    named = AFFECTS[AFFECTS.index(affect)]
    place = Place(int(section), int(variant or 0), named, kind)
    return place, int(take or 0), backend or PLAIN
