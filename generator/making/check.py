"""Whether a bank is as it must be, measured anew from its files: nothing is taken on trust."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from rym import bank
from rym.bank import Bank, Clip, Scene
from rym.errors import FormatError
from rym.flashes import MAX_FLASHES, flashes
from rym.messages import AFFECTS

from ..music.render import Grid
from ..pictures.files import decode as decode_picture
from ..pictures.measures import look
from ..sound import mastering, measures
from ..sound.faults import faults
from ..sound.mastering import Stereo
from ..sound.timing import LAG_MS, SLOW_LAG_MS, lag_ms
from .finish import decode
from .processes import spread

LOUDNESS_WITHIN = 0.5
"""LU by which a clip may miss its target."""
TRUE_PEAK = -1.0
"""Highest true peak, in dBTP."""
LEVEL_AS_SAID = 0.1
"""By how much loudness and peak may differ from the manifest's, in LU and dB."""
MEASURES_WITHIN = 0.01
"""By how much a picture's measures may differ from the manifest's."""
RHO_WITHIN = 0.02
"""By how much a correlation may differ from the manifest's."""


def problems(folder: Path, jobs: int = 1) -> tuple[str, ...]:
    """Return everything that is wrong with a bank, one sentence each; none where it may be played.

    Parameters
    ----------
    folder : Path
        The bank's.
    jobs : int
        Processes; 0: as many as there are cores.

    Raises
    ------
    FormatError
        If there is no manifest that can be read.
    """
    manifest = bank.read(folder)
    found = list(_form(manifest, folder))
    calls = [partial(_clip, folder, manifest, clip) for clip in manifest.clips]
    calls += [partial(_scene, folder, scene) for scene in manifest.scenes]
    calls += [partial(_siblings, folder, manifest, place) for place in _places(manifest)]
    said = [sentence for sentences in spread(calls, jobs) for sentence in sentences]
    return (*found, *sorted(said))


def _form(manifest: Bank, folder: Path) -> Iterator[str]:
    try:
        bank.check_form(manifest, folder)
    except FormatError as error:
        yield error.error
    missing = [affect for affect in AFFECTS if affect not in manifest.affects]
    if missing:
        yield (
            f"The bank has the affects {', '.join(manifest.affects)}; "
            f"{', '.join(missing)} cannot be played."
        )


def _places(manifest: Bank) -> list[tuple[int, int, bank.Kind]]:
    return sorted({(clip.section, clip.variant, clip.kind) for clip in manifest.clips})


def _clip(folder: Path, manifest: Bank, clip: Clip) -> list[str]:
    """Return what is wrong with one clip."""
    try:
        bank.check_file(folder, clip.file, clip.sha256)
        sound, rate = decode((folder / clip.file).read_bytes())
    except FormatError as error:
        return [error.error]
    if sound.shape != (clip.n_samples, 2) or rate != manifest.rate:
        found = f"{sound.shape} at {rate} Hz"
        said = f"({clip.n_samples}, 2) at {manifest.rate} Hz"
        return [f"{clip.file} has the shape {found}, the manifest says {said}."]
    if not np.isfinite(sound).all():
        return [f"{clip.file} holds values that are not numbers."]
    return [f"{clip.file}: {said}." for said in _heard(sound, manifest, clip)]


def _heard(sound: Stereo, manifest: Bank, clip: Clip) -> Iterator[str]:
    rate = manifest.rate
    if len(sound) < rate:
        yield f"{len(sound) / rate:.2f} s long, at least 1 s is needed"
        return
    target = manifest.target_lufs + (AFFECTS.index(clip.affect) - 1) * manifest.affect_level
    lufs, peak = mastering.loudness(sound, rate), mastering.true_peak(sound)
    if not abs(lufs - target) <= LOUDNESS_WITHIN:
        yield f"{lufs:.2f} LUFS loud, expected are {target:g} ± {LOUDNESS_WITHIN:g}"
    if peak > TRUE_PEAK:
        yield f"true peak {peak:.2f} dBTP, allowed are {TRUE_PEAK:g}"
    if max(abs(lufs - clip.lufs), abs(peak - clip.true_peak_dbtp)) > LEVEL_AS_SAID:
        yield (
            f"{lufs:.2f} LUFS and {peak:.2f} dBTP, the manifest says {clip.lufs:.2f} and "
            f"{clip.true_peak_dbtp:.2f}"
        )
    yield from faults(sound, rate, loop=clip.kind == "loop", bpm=clip.bpm)
    grid = Grid(bars=clip.bars, bpm=clip.bpm, rate=rate)
    if clip.downbeats != grid.downbeats or (clip.kind == "loop" and len(sound) != grid.n_samples):
        yield f"its bars are not those of {clip.bars} bars at {clip.bpm:g} beats per minute"


def _siblings(folder: Path, manifest: Bank, place: tuple[int, int, bank.Kind]) -> list[str]:
    """Return what is wrong with what the manifest says of siblings."""
    section, variant, kind = place
    where = f"section {section}, {'ending' if kind == 'ending' else f'variant {variant}'}"
    said = [
        x
        for x in manifest.correlations
        if (x.section, x.variant, x.kind) == (section, variant, kind)
    ]
    if not said:
        return [f"The manifest has no correlations for {where}."]
    try:
        clips = [manifest.clip(section, variant, affect, kind) for affect in manifest.affects]
        sounds = [decode((folder / clip.file).read_bytes())[0] for clip in clips]
    except (KeyError, OSError, FormatError):
        return []  # said already, of the clip itself
    if len({len(sound) for sound in sounds}) > 1 or len({clip.downbeats for clip in clips}) > 1:
        return [f"The clips of {where} differ in length or bars."]
    return [*_in_step(clips, sounds, manifest.rate), *_as_alike(clips, sounds, said[0], where)]


def _in_step(clips: list[Clip], sounds: list[Stereo], rate: int) -> Iterator[str]:
    limit = SLOW_LAG_MS if any(clip.slow_attack for clip in clips) else LAG_MS
    middle = next(k for k, clip in enumerate(clips) if clip.affect == "neutral")
    for clip, sound in zip(clips, sounds, strict=True):
        late = lag_ms(sound, sounds[middle], rate, clip.bpm)
        if late > limit:
            yield (
                f"{clip.file}: its onsets lie {late:.0f} ms from those of {clips[middle].file}, "
                f"allowed are {limit:g}."
            )


def _as_alike(
    clips: list[Clip], sounds: list[Stereo], said: bank.Correlation, where: str
) -> Iterator[str]:
    if not clips[0].downbeats:
        return  # said of the clip itself
    measured = np.array(measures.correlations(sounds, clips[0].downbeats))
    stated = np.array(said.rho)
    if measured.shape != stated.shape:
        yield f"The correlations of {where} are of {len(stated)} bars, not {len(measured)}."
        return
    off = float(np.abs(measured - stated).max())
    if off > RHO_WITHIN:
        yield f"The correlations of {where} are off by {off:.2f}, allowed are {RHO_WITHIN:g}."


def _scene(folder: Path, scene: Scene) -> list[str]:
    """Return what is wrong with one scene."""
    found: list[str] = []
    pictures = []
    for frame in scene.frames:
        try:
            bank.check_file(folder, frame.file, frame.sha256)
            picture = decode_picture((folder / frame.file).read_bytes())
        except FormatError as error:
            return [error.error]
        if picture.shape != (scene.height, scene.width, 3):
            height, width, _ = picture.shape
            return [f"{frame.file} is {width}×{height}, expected is {scene.width}×{scene.height}."]
        seen = look(picture)
        stated = (frame.saturation, frame.value, frame.luminance)
        measured = (seen.saturation, seen.value, seen.luminance)
        if max(abs(a - b) for a, b in zip(stated, measured, strict=True)) > MEASURES_WITHIN:
            found.append(f"{frame.file} looks otherwise than the manifest says.")
        pictures.append(picture)
    places = [frame.valence for frame in scene.frames]
    if len(places) < 3 or places[0] != -1.0 or places[-1] != 1.0 or not _rises(places):
        found.append(f"The frames of {scene.name} do not rise from valence -1 to 1.")
    count = flashes(pictures)
    if count != scene.flashes:
        found.append(f"{scene.name} flashes {count} times, the manifest says {scene.flashes}.")
    if count > MAX_FLASHES:
        found.append(
            f"{scene.name} flashes {count} times in a second when it is swept through, "
            f"at most {MAX_FLASHES} are allowed."
        )
    return found


def _rises(places: list[float]) -> bool:
    return all(a < b for a, b in itertools.pairwise(places))
