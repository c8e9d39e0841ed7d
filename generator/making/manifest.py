"""The manifest of a folder: the best of what is there, how alike siblings are, the scenes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from rym import bank
from rym.bank import Bank, Clip, Correlation, Frame, Kind, Scene
from rym.flashes import MAX_FLASHES, flashes
from rym.messages import AFFECTS

from ..drafts import Picture
from ..pictures.files import decode as decode_picture
from ..settings import NoPictures
from ..sound import measures
from . import rows
from .finish import decode
from .names import PLAIN, scene_name
from .plan import chosen, frame_jobs
from .processes import spread
from .studio import FrameJob, Work, open_studio


def assemble(
    work: Work, out: Path, wishes: Mapping[str, int], subject: str, n_processes: int
) -> tuple[Bank, list[str]]:
    """Put the manifest together.

    Parameters
    ----------
    work : Work
        What the build goes by.
    out : Path
        The bank's folder; all procedural files are there.
    wishes : mapping of str to int
        What was made again.
    subject : str
        Label of the person.
    n_processes : int
        Over which the measures are spread.

    Returns
    -------
    tuple of (Bank, list of str)
        And a sentence for every scene of which the chosen pictures cannot be shown.
    """
    clips = sorted(_clips(work, out, wishes), key=_order)
    siblings = itertools.groupby(clips, key=lambda clip: (clip.section, clip.variant, clip.kind))
    calls: list[Callable[[], Correlation | Scene]] = []
    calls += [partial(correlation, out, place, tuple(group)) for place, group in siblings]
    calls += [partial(_scene, work, out, strips) for strips in _strips(work, out, wishes)]
    found = list(spread(calls, n_processes))
    rho = [x for x in found if isinstance(x, Correlation)]
    scenes = [x for x in found if isinstance(x, Scene)]
    manifest = Bank(
        schema=bank.SCHEMA,
        subject=subject,
        memory_sha256=work.memory_sha256,
        rate=work.settings.rate,
        affects=AFFECTS,
        target_lufs=work.settings.target_lufs,
        affect_level=work.settings.affect_level,
        clips=tuple(clips),
        correlations=tuple(sorted(rho, key=lambda x: (x.section, x.kind, x.variant))),
        scenes=tuple(sorted(scenes, key=lambda x: x.name)),
    )
    return manifest, [
        f"The chosen pictures of {scene.name} flash more than {MAX_FLASHES} times in a second; "
        f"others are shown."
        for scene, strips in zip(manifest.scenes, _strips(work, out, wishes), strict=True)
        if (strips[0][0].backend, strips[0][0].take) != (scene.maker.backend, scene.take)
    ]


def _order(clip: Clip) -> tuple[int, bool, int, int]:
    return clip.section, clip.kind == "ending", clip.variant, AFFECTS.index(clip.affect)


def _clips(work: Work, out: Path, wishes: Mapping[str, int]) -> tuple[Clip, ...]:
    """Return the best of all finished clips that lie there, earlier takes among them."""
    settings = work.settings
    files = sorted(f"audio/{path.name}" for path in (out / "audio").glob("*.flac"))
    there = (rows.finished(out, file, Clip) for file in files)
    return chosen(settings, [clip for clip in there if clip], wishes, _tag(settings.music))


def _tag(settings: msgspec.Struct) -> str:
    return str(settings.__struct_config__.tag)


def _strips(work: Work, out: Path, wishes: Mapping[str, int]) -> list[list[list[FrameJob]]]:
    """Return every scene's pictures, the best first: of the chosen backend, then procedural ones.

    Of a take that is asked for and not there, the one before stays.
    """
    settings = work.settings
    if isinstance(settings.pictures, NoPictures):
        return []
    n = settings.frames
    found = []
    for scene in range(settings.scenes):
        wished = wishes.get(scene_name(scene), 0)
        strips = [
            frame_jobs(settings, {scene_name(scene): take}, backend)[scene * n : (scene + 1) * n]
            for backend in dict.fromkeys((_tag(settings.pictures), PLAIN))
            for take in range(wished, -1, -1)
        ]
        found.append([x for x in strips if all(rows.finished(out, y.file, Frame) for y in x)])
    return found


def correlation(out: Path, place: tuple[int, int, Kind], siblings: Sequence[Clip]) -> Correlation:
    """Measure how alike siblings are.

    Parameters
    ----------
    out : Path
        The bank's folder.
    place : tuple of (int, int, str)
        Section, variant, loop or ending.
    siblings : sequence of Clip
        One per affect, in the order of the bank's affects.
    """
    sounds = [decode((out / clip.file).read_bytes())[0] for clip in siblings]
    section, variant, kind = place
    return Correlation(
        section=section,
        variant=variant,
        kind=kind,
        rho=measures.correlations(sounds, siblings[0].downbeats),
    )


def _scene(work: Work, out: Path, strips: Sequence[Sequence[FrameJob]]) -> Scene:
    """Measure the best strip that does not flash."""
    for strip in strips:
        scene = _measured(work, out, strip)
        if scene.flashes <= MAX_FLASHES:
            return scene
    return scene  # `bank check` and the audition say so


def _measured(work: Work, out: Path, jobs: Sequence[FrameJob]) -> Scene:
    """Measure a strip as a whole: where its frames lie along valence, and whether it flashes."""
    first = jobs[0]
    painter = open_studio(work).painter_of(first.backend)
    pictures: list[Picture] = [decode_picture((out / job.file).read_bytes()) for job in jobs]
    frames = [rows.finished(out, job.file, Frame) for job in jobs]
    places = painter.places(pictures)
    height, width, _ = pictures[0].shape
    prompt = open_studio(work).prompt_sha256(first.backend, "neutral", "sight", first.scene)
    return Scene(
        name=scene_name(first.scene),
        take=first.take,
        maker=painter.maker,
        prompt_sha256=prompt,
        seed=work.memory.drawn_seed,
        width=width,
        height=height,
        flashes=flashes(pictures),
        frames=tuple(
            msgspec.structs.replace(frame, valence=round(valence, 6))
            for frame, valence in zip(frames, places, strict=True)
            if frame is not None
        ),
    )
