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
from rym.messages import AFFECTS

from ..pictures.files import decode as decode_picture
from ..pictures.measures import flashes, look
from ..sound import mastering, measures
from ..sound.mastering import Stereo
from ..sound.seams import seam_fault
from ..sound.timing import wander_ms
from .finish import decode
from .processes import spread

LOUDNESS_WITHIN = 0.5
"""LU by which a clip may miss its target."""
TRUE_PEAK = -1.0
"""Highest true peak, in dBTP."""
WANDERS = 40.0
"""Milliseconds by which a clip's beat may come to be off within half of its length."""
SILENT_DB = -60.0
"""RMS of a second below which a loop counts as silent there, in dB of full scale."""
OFFSET = 0.005
"""Largest constant offset, of full scale."""
MEASURES_WITHIN = 0.01
"""By how much a picture's measures may differ from the manifest's."""
FLASHES = 3
"""Most flashes within a second (WCAG 2.3.1)."""
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
    target = manifest.target_lufs + (AFFECTS.index(clip.affect) - 1) * manifest.affect_level
    lufs = mastering.loudness(sound, rate)
    if not abs(lufs - target) <= LOUDNESS_WITHIN:
        yield f"{lufs:.2f} LUFS loud, expected are {target:g} ± {LOUDNESS_WITHIN:g}"
    peak = mastering.true_peak(sound)
    if peak > TRUE_PEAK:
        yield f"true peak {peak:.2f} dBTP, allowed are {TRUE_PEAK:g}"
    offset = float(np.abs(sound.mean(axis=0)).max())
    if offset > OFFSET:
        yield f"constant offset {offset:.4f}, allowed are {OFFSET:g}"
    if clip.kind == "ending":
        yield from _rings_out(sound, rate)
        return
    seconds = sound[: len(sound) // rate * rate].reshape(-1, rate * 2)
    softest = min((measures.rms_db(second) for second in seconds), default=0.0)
    if softest < SILENT_DB:
        yield f"a second at {softest:.0f} dB is silence, expected are at least {SILENT_DB:g}"
    if fault := seam_fault(sound, rate):
        yield fault
    wander = wander_ms(sound, rate, clip.bpm)
    if wander > WANDERS:
        yield (
            f"its beat is off by {wander:.0f} ms at {clip.bpm:g} beats per minute, allowed are "
            f"{WANDERS:g}"
        )


def _rings_out(sound: Stereo, rate: int) -> Iterator[str]:
    last = float(np.abs(sound[-rate // 20 :]).max() / max(float(np.abs(sound).max()), 1e-12))
    if last > 1e-2:
        yield f"ends at {mastering.decibel(last):.0f} dB of its peak, expected are at most -40"


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
    measured = np.array(measures.correlations(sounds, clips[0].downbeats))
    stated = np.array(said[0].rho)
    if measured.shape != stated.shape:
        return [f"The correlations of {where} are of {len(stated)} bars, not {len(measured)}."]
    off = float(np.abs(measured - stated).max())
    if off > RHO_WITHIN:
        return [f"The correlations of {where} are off by {off:.2f}, allowed are {RHO_WITHIN:g}."]
    return []


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
    if count > FLASHES:
        found.append(
            f"{scene.name} flashes {count} times in a second when it is swept through, "
            f"at most {FLASHES} are allowed."
        )
    return found


def _rises(places: list[float]) -> bool:
    return all(a < b for a, b in itertools.pairwise(places))
