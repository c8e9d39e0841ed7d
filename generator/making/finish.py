"""A draft becomes a clip: brought to its level, stored, measured; pure."""

from __future__ import annotations

import hashlib
import io
from typing import NamedTuple

import numpy as np
import soundfile

from rym.bank import Clip, Maker
from rym.errors import FormatError
from rym.messages import AFFECTS, Affect

from ..drafts import Draft, Place
from ..music.composition import BEATS
from ..settings import GeneratorSettings
from ..sound import mastering, measures
from ..sound.faults import faults
from ..sound.mastering import Stereo
from ..sound.timing import tempo_ratio

LOUDNESS_WITHIN = 0.2
"""LU by which a clip may miss its level; what `bank check` allows is more."""
SEAM = -50.0
"""Largest residual at the seam of a loop that was rendered through, in dB."""


class Finished(NamedTuple):
    """A clip's file and its row."""

    data: bytes
    clip: Clip


def target(settings: GeneratorSettings, affect: Affect) -> float:
    """Return the loudness of an affect's clips, in LUFS."""
    return settings.target_lufs + (AFFECTS.index(affect) - 1) * settings.affect_level


def finish(
    draft: Draft,
    place: Place,
    settings: GeneratorSettings,
    *,
    file: str,
    take: int,
    maker: Maker,
    prompt_sha256: str,
) -> Finished:
    """Master, encode and measure one clip.

    Parameters
    ----------
    draft : Draft
        As a backend made it.
    place : Place
        Where it belongs.
    settings : GeneratorSettings
        Level and rate.
    file : str
        Its path in the bank's folder.
    take : int
        How often it was made again.
    maker : Maker
        What made it.
    prompt_sha256 : str
        Hash of what it was made from.

    Raises
    ------
    FormatError
        If it cannot be brought to its level, or does not keep what every bank promises.
    """
    if not np.isfinite(draft.sound).all():
        raise FormatError(f"{file} holds values that are not numbers.", "Make it again.")
    # An ending begins and ends in silence: taking a mean out would put a step at both.
    offset = draft.sound.mean(axis=0) if place.kind == "loop" else np.zeros(2)
    sound = draft.sound - offset
    wanted = target(settings, place.affect)
    gain = mastering.master(sound, settings.rate, wanted, settings.max_true_peak)
    data, sound = encode(sound * gain, settings.rate)
    residual = None
    if draft.performed is not None and place.kind == "loop":
        found = measures.loop_residual_db(sound, draft.performed, offset, gain, settings.rate)
        residual = round(found, 2)
    clip = Clip(
        file=file,
        sha256=hashlib.sha256(data).hexdigest(),
        affect=place.affect,
        section=place.section,
        variant=place.variant,
        kind=place.kind,
        take=take,
        maker=maker,
        prompt_sha256=prompt_sha256,
        seed=draft.seed,
        bpm=draft.grid.bpm,
        bars=draft.grid.bars,
        beats_per_bar=BEATS,
        n_samples=len(sound),
        downbeats=draft.grid.downbeats,
        key=draft.key,
        mode=draft.mode,
        lufs=round(mastering.loudness(sound, settings.rate), 3),
        true_peak_dbtp=round(mastering.true_peak(sound), 3),
        spectral_centroid_hz=round(measures.spectral_centroid(sound, settings.rate), 2),
        rms_db=round(measures.rms_db(sound), 3),
        mode_score=round(measures.mode_score(sound, settings.rate), 4),
        beat_error=_off(tempo_ratio(sound, settings.rate, draft.grid.bpm)),
        loop_residual_db=residual,
        slow_attack=draft.slow_attack,
        refrains=draft.refrains,
        notes=draft.notes,
    )
    _refuse_faulty(clip, settings, wanted)
    if draft.performed is None:  # nobody knows how its sound came about
        _refuse_heard(sound, clip, settings.rate)
    return Finished(data, clip)


def _off(ratio: float | None) -> float | None:
    return None if ratio is None else round(abs(ratio - 1.0), 5)


def _refuse_faulty(clip: Clip, settings: GeneratorSettings, wanted: float) -> None:
    """Check a finished clip against what every bank promises."""
    rules = [
        ("loudness off by", abs(clip.lufs - wanted), LOUDNESS_WITHIN, "LU"),
        ("true peak", clip.true_peak_dbtp, settings.max_true_peak, "dBTP"),
    ]
    if clip.loop_residual_db is not None:
        rules.append(("loop residual", clip.loop_residual_db, SEAM, "dB"))
    for name, found, limit, unit in rules:
        if not found <= limit:
            raise FormatError(
                f"{clip.file}: {name} {found:.2f} {unit}, allowed are {limit:g} {unit}.",
                "Choose another seed, or lower target_lufs.",
            )


def _refuse_heard(sound: Stereo, clip: Clip, rate: int) -> None:
    """Judge a clip that was not rendered by us, by its sound."""
    found = list(faults(sound, rate, loop=clip.kind == "loop", bpm=clip.bpm))
    if found:
        raise FormatError(f"{clip.file}: {'; '.join(found)}.", "Take another clip.")


def encode(sound: Stereo, rate: int) -> tuple[bytes, Stereo]:
    """Return a FLAC's bytes and the very samples that a reader gets from it.

    Parameters
    ----------
    sound : array of shape (n_times, 2)
        Within ±1.
    rate : int
        Frames per second.
    """
    # Rounded here, not by libsndfile, so that what is measured is what is stored.
    steps = np.round(sound * 2**23)
    buffer = io.BytesIO()
    # 32-bit integers carry 24 bits in their upper three bytes.
    soundfile.write(buffer, (steps * 256).astype(np.int32), rate, format="FLAC", subtype="PCM_24")
    return buffer.getvalue(), steps / 2**23


def decode(data: bytes) -> tuple[Stereo, int]:
    """Return a FLAC's samples, shape (n_times, n_channels), and its rate.

    Raises
    ------
    FormatError
        If it cannot be read.
    """
    try:
        sound, rate = soundfile.read(io.BytesIO(data), dtype="float64", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise FormatError(f"A clip cannot be read: {error}.", "Build it again.") from None
    return sound, rate
