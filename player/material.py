"""A bank as arrays: what the timeline plays from, checked once before the first frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from rym.bank import Bank, Clip, Correlation
from rym.errors import FormatError
from rym.messages import AFFECTS, Affect

from .crossfade import Pairs, clamp
from .settings import BLOCK, RATE

Sound = npt.NDArray[np.float32]

_AGAIN = "Build the bank again with `rym bank build`."
_MOST_DC = 0.05


@dataclass(frozen=True)
class Section:
    """One section's bars in every variant and affect."""

    n_frames: int
    bars: tuple[int, ...]
    """Frame of every bar's first beat."""
    beats: tuple[int, ...]
    """Frame of every beat."""
    sounds: tuple[tuple[Sound | None, ...], ...]
    """Per variant and affect (in the order of `AFFECTS`) an array of shape (n_frames, 2); None
    where the bank has no such affect."""
    rho: tuple[tuple[Pairs, ...], ...]
    """Per variant and bar the correlations of the affects."""


@dataclass(frozen=True)
class Material:
    """All that can be heard."""

    affects: tuple[Affect, ...]
    sections: tuple[Section, ...]

    @property
    def n_variants(self) -> int:
        """Number of variants of every section."""
        return len(self.sections[0].sounds)


def build(bank: Bank, read: Callable[[str], tuple[Sound, int]]) -> Material:
    """Turn a manifest and its files into arrays.

    Parameters
    ----------
    bank : Bank
        The manifest.
    read : callable
        Given a clip's file name, returns its samples, shape (n_times, n_channels), and its rate in
        Hz.

    Returns
    -------
    Material
        Ready to be played; nothing of it is written to afterwards.

    Raises
    ------
    FormatError
        If a clip is not what the manifest says, or cannot be played safely: other rate, not two
        channels, other length, not finite, beyond full scale, a constant offset; or if the clips of
        a section disagree about its bars, or the bank lacks their correlations.
    """
    if bank.rate != RATE:
        raise FormatError(f"The bank has {bank.rate} Hz, the player needs {RATE}.", _AGAIN)
    if not bank.clips:
        raise FormatError("The bank has no clips.", _AGAIN)
    return Material(
        affects=tuple(affect for affect in AFFECTS if affect in bank.affects),
        sections=tuple(_section(bank, number, read) for number in range(bank.n_sections)),
    )


def _section(bank: Bank, number: int, read: Callable[[str], tuple[Sound, int]]) -> Section:
    first = bank.clip(number, 0, "neutral")
    if first.n_samples < BLOCK or not first.downbeats:
        raise FormatError(
            f"{first.file} has {first.n_samples} samples and {len(first.downbeats)} bars, at least "
            f"{BLOCK} samples and one bar are needed.",
            _AGAIN,
        )
    sounds: list[tuple[Sound | None, ...]] = []
    for variant in range(bank.n_variants):
        layers: list[Sound | None] = []
        for affect in AFFECTS:
            if affect not in bank.affects:
                layers.append(None)
                continue
            clip = bank.clip(number, variant, affect)
            if clip.downbeats != first.downbeats or clip.beats_per_bar != first.beats_per_bar:
                raise FormatError(f"{clip.file} has other bars than {first.file}.", _AGAIN)
            layers.append(_checked(clip, *read(clip.file)))
        sounds.append(tuple(layers))
    return Section(
        n_frames=first.n_samples,
        bars=first.downbeats,
        beats=_beats(first),
        sounds=tuple(sounds),
        rho=tuple(_rho(bank, number, v, len(first.downbeats)) for v in range(bank.n_variants)),
    )


def _checked(clip: Clip, samples: Sound, rate: int) -> Sound:
    if rate != RATE:
        raise FormatError(f"{clip.file} has {rate} Hz, the player needs {RATE}.", _AGAIN)
    if samples.shape != (clip.n_samples, 2):
        raise FormatError(
            f"{clip.file} has the shape {samples.shape}, the manifest says ({clip.n_samples}, 2).",
            _AGAIN,
        )
    if not np.isfinite(samples).all():
        raise FormatError(f"{clip.file} holds values that are not numbers.", _AGAIN)
    peak = float(np.abs(samples).max())
    if peak > 1.0:
        raise FormatError(f"{clip.file} peaks at {peak:.3f}, full scale is 1.", _AGAIN)
    offset = float(np.abs(samples.mean(axis=0, dtype=np.float64)).max())
    if offset > _MOST_DC:
        raise FormatError(
            f"{clip.file} has a constant offset of {offset:.3f}, at most {_MOST_DC} is played.",
            _AGAIN,
        )
    sound = np.ascontiguousarray(samples, dtype=np.float32)
    sound.setflags(write=False)
    return sound


def _beats(clip: Clip) -> tuple[int, ...]:
    edges = (*clip.downbeats, clip.n_samples)
    return tuple(
        round(begin + (end - begin) * beat / clip.beats_per_bar)
        for begin, end in pairwise(edges)
        for beat in range(clip.beats_per_bar)
    )


def _rho(bank: Bank, section: int, variant: int, n_bars: int) -> tuple[Pairs, ...]:
    """Return the pairs per bar; the section's mean in every bar where a pair varies little.

    A pair that varies by 0.2 or less moves the level by less than 0.7 dB; its mean is the better
    estimate then, being of more sound.
    """
    for found in bank.correlations:
        if (found.section, found.variant) == (section, variant):
            break
    else:
        raise FormatError(
            f"The bank has no correlations for section {section}, variant {variant}.", _AGAIN
        )
    if len(found.rho) != n_bars:
        raise FormatError(
            f"Section {section}, variant {variant} has correlations of {len(found.rho)} bars, its "
            f"clips have {n_bars}.",
            _AGAIN,
        )
    columns = [_column(bank, found, a, b) for a, b in ((0, 1), (0, 2), (1, 2))]
    return tuple((x, y, z) for x, y, z in zip(*columns, strict=True))


def _column(bank: Bank, found: Correlation, a: int, b: int) -> list[float]:
    if AFFECTS[a] not in bank.affects or AFFECTS[b] not in bank.affects:
        return [0.0] * len(found.rho)
    i, j = bank.affects.index(AFFECTS[a]), bank.affects.index(AFFECTS[b])
    values = [clamp(bar[i][j]) for bar in found.rho]
    if max(values) - min(values) <= 0.2:
        values = [sum(values) / len(values)] * len(values)
    return values
