"""The manifest of a folder: the best of what is there, how alike siblings are, the scenes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from rym import bank
from rym.bank import Bank, Clip, Correlation, Frame, Kind, Scene
from rym.messages import AFFECTS

from ..drafts import Picture
from ..pictures.files import decode as decode_picture
from ..pictures.measures import flashes
from ..settings import NoPictures
from ..sound import measures
from . import rows
from .finish import decode
from .names import PLAIN, scene_name
from .plan import GIVEN, chosen, clip_jobs, frame_jobs
from .processes import spread
from .studio import FrameJob, Work, open_studio


def assemble(
    work: Work, out: Path, wishes: Mapping[str, int], subject: str, n_processes: int
) -> Bank:
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
    """
    clips = sorted(_clips(work, out, wishes), key=_order)
    siblings = itertools.groupby(clips, key=lambda clip: (clip.section, clip.variant, clip.kind))
    calls: list[Callable[[], Correlation | Scene]] = []
    calls += [partial(correlation, out, place, tuple(group)) for place, group in siblings]
    calls += [partial(_scene, work, out, tuple(strip)) for strip in _strips(work, out, wishes)]
    found = list(spread(calls, n_processes))
    rho = [x for x in found if isinstance(x, Correlation)]
    scenes = [x for x in found if isinstance(x, Scene)]
    return Bank(
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


def _order(clip: Clip) -> tuple[int, bool, int, int]:
    return clip.section, clip.kind == "ending", clip.variant, AFFECTS.index(clip.affect)


def _clips(work: Work, out: Path, wishes: Mapping[str, int]) -> tuple[Clip, ...]:
    settings = work.settings
    backend = str(settings.music.__struct_config__.tag)
    jobs = [job for name in (GIVEN, backend, PLAIN) for job in clip_jobs(settings, wishes, name)]
    there = (rows.finished(out, job.file, Clip) for job in jobs)
    return chosen(settings, [clip for clip in there if clip], wishes, backend)


def _strips(work: Work, out: Path, wishes: Mapping[str, int]) -> list[list[FrameJob]]:
    """Return every scene's pictures: the chosen backend's where all are there."""
    settings = work.settings
    if isinstance(settings.pictures, NoPictures):
        return []
    n, backend = settings.frames, str(settings.pictures.__struct_config__.tag)
    best, plain = (frame_jobs(settings, wishes, name) for name in (backend, PLAIN))
    strips = []
    for begin in range(0, len(plain), n):
        strip = best[begin : begin + n]
        whole = all(rows.finished(out, job.file, Frame) for job in strip)
        strips.append(strip if whole else plain[begin : begin + n])
    return strips


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


def _scene(work: Work, out: Path, jobs: Sequence[FrameJob]) -> Scene:
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
