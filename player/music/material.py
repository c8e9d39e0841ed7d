"""A bank as arrays: what the timeline plays from, checked once before the first frame."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from rym.bank import Bank, Clip, Correlation, Kind
from rym.errors import FormatError
from rym.messages import AFFECTS, Affect

from ..pictures.path import Strip, strips
from ..settings import BLOCK, RATE
from . import tone
from .crossfade import Pairs, clamp

Sound = npt.NDArray[np.float32]
T = TypeVar("T")

_AGAIN = "Build the bank again with `rym bank build`."
_MOST_DC = 0.05


Stretch = tuple[int, int]
"""Section and variant; `ENDING` in the variant's place is the section's ending."""
ENDING = -1


@dataclass(frozen=True)
class Ending:
    """How one section comes home, in every affect: played once, and rings out."""

    n_frames: int
    bars: tuple[int, ...]
    """Frame of every bar's first beat."""
    sounds: tuple[Sound | None, ...]
    """Per affect an array of shape (n_frames, 2); None where the bank has no such affect."""
    rho: tuple[Pairs, ...]
    """Per bar the correlations of the affects."""


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
    where the bank has no such affect, and in a variant that is left out."""
    rho: tuple[tuple[Pairs, ...], ...]
    """Per variant and bar the correlations of the affects; nothing where it is left out."""
    ending: Ending | None = None
    """None where the bank has none, or it is left out."""
    key: str = tone.KEY
    """Tonal centre."""


@dataclass(frozen=True)
class Material:
    """All that can be heard."""

    affects: tuple[Affect, ...]
    sections: tuple[Section, ...]
    left_out: frozenset[Stretch] = frozenset()
    """What is never played; sections and variants keep their numbers."""
    scenes: tuple[Strip, ...] = ()
    """What is seen meanwhile, as far as its path has to know it."""

    @property
    def turns(self) -> tuple[Stretch, ...]:
        """What is played, in order: all sections, then all with their next variant."""
        everything = itertools.product(range(self.n_variants), range(len(self.sections)))
        return tuple((s, v) for v, s in everything if (s, v) not in self.left_out)

    @property
    def n_variants(self) -> int:
        """Number of variants of every section."""
        return len(self.sections[0].sounds)


def named(stretches: Iterable[Stretch]) -> str:
    """Return stretches as the status has them: `0/1 2/0 2/ending`."""
    return " ".join(f"{s}/{'ending' if v == ENDING else v}" for s, v in sorted(stretches))


def stretches(text: str) -> list[Stretch]:
    """Return what `named` wrote."""
    pairs = (name.split("/") for name in text.split())
    return [(int(s), ENDING if v == "ending" else int(v)) for s, v in pairs]


def build(
    bank: Bank,
    read: Callable[[Clip], tuple[Sound, int]],
    *,
    left_out: Collection[Stretch] = (),
    tell: Callable[[Stretch, FormatError], None] | None = None,
) -> Material:
    """Turn a manifest and its clips into arrays; of pictures only their measures are looked at.

    Parameters
    ----------
    bank : Bank
        The manifest.
    read : callable
        Given a clip, returns its samples, shape (n_times, n_channels), and its rate in Hz.
    left_out : collection of (int, int)
        Sections and variants, or sections and `ENDING`, that shall not be played.
    tell : callable
        Called with section, variant and reason where one cannot be played; it is left out then.
        Without it the first reason is raised. An ending costs nothing but itself.

    Returns
    -------
    Material
        Ready to be played; nothing of it is written to afterwards.

    Raises
    ------
    FormatError
        If a clip is not what the manifest says, or cannot be played safely: other rate, not two
        channels, other length, not finite, beyond full scale, a constant offset; or if the clips of
        a section disagree about its bars, or the bank lacks their correlations; with `tell`, if
        that leaves nothing to play. How many bits a sample had makes no difference.
    """
    if bank.rate != RATE:
        raise FormatError(f"The bank has {bank.rate} Hz, the player needs {RATE}.", _AGAIN)
    if not bank.loops:
        raise FormatError("The bank has no clips.", _AGAIN)
    out = set(left_out)

    def attempt(stretch: Stretch, make: Callable[[], T], nothing: T) -> T:
        if stretch in out:
            return nothing
        try:
            return make()
        except FormatError as error:
            if tell is None:
                raise
            tell(stretch, error)
            out.add(stretch)
            return nothing

    def section(number: int) -> Section:
        variants = [
            attempt((number, v), functools.partial(_layers, bank, number, v, read), _NOTHING)
            for v in range(bank.n_variants)
        ]
        ending = None
        if any(sounds[_NEUTRAL] is not None for sounds, _ in variants):
            make = functools.partial(_ending, bank, number, read)
            ending = attempt((number, ENDING), make, None)
        return _section(bank, number, variants, ending)

    sections = tuple(section(number) for number in range(bank.n_sections))
    if sum(v != ENDING for _, v in out) == len(sections) * bank.n_variants:
        raise FormatError(
            f"None of the {len(sections)} sections can be played, one is needed.", _AGAIN
        )
    affects = tuple(affect for affect in AFFECTS if affect in bank.affects)
    return Material(
        affects=affects,
        sections=sections,
        left_out=frozenset(out),
        scenes=strips(bank.scenes),
    )


Layers = tuple[tuple[Sound | None, ...], tuple[Pairs, ...]]
"""One variant's sounds by affect, and its correlations by bar."""
_NOTHING: Layers = ((None,) * len(AFFECTS), ())
_NEUTRAL = AFFECTS.index("neutral")


def _section(bank: Bank, number: int, variants: list[Layers], ending: Ending | None) -> Section:
    first = bank.clip(number, 0, "neutral")
    return Section(
        n_frames=first.n_samples,
        bars=first.downbeats,
        beats=_beats(first),
        sounds=tuple(sounds for sounds, _ in variants),
        rho=tuple(rho for _, rho in variants),
        ending=ending,
        key=first.key,
    )


def _layers(
    bank: Bank, number: int, variant: int, read: Callable[[Clip], tuple[Sound, int]]
) -> Layers:
    first = bank.clip(number, 0, "neutral")
    clips = [bank.clip(number, variant, affect) for affect in bank.affects]
    sounds = _sounds(clips, first, read)
    return sounds, _rho(bank, (number, variant, "loop"), len(first.downbeats))


def _ending(bank: Bank, number: int, read: Callable[[Clip], tuple[Sound, int]]) -> Ending | None:
    if not any(clip.kind == "ending" for clip in bank.clips):
        return None
    clips = [bank.clip(number, 0, affect, "ending") for affect in bank.affects]
    first = bank.clip(number, 0, "neutral", "ending")
    return Ending(
        n_frames=first.n_samples,
        bars=first.downbeats,
        sounds=_sounds(clips, first, read),
        rho=_rho(bank, (number, 0, "ending"), len(first.downbeats)),
    )


def _sounds(
    clips: list[Clip], first: Clip, read: Callable[[Clip], tuple[Sound, int]]
) -> tuple[Sound | None, ...]:
    """Return the clips' samples in the order of `AFFECTS`; `first` has the bars they all have."""
    if first.n_samples < BLOCK or not first.downbeats:
        raise FormatError(
            f"{first.file} has {first.n_samples} samples and {len(first.downbeats)} bars, at least "
            f"{BLOCK} samples and one bar are needed.",
            _AGAIN,
        )
    sounds: dict[Affect, Sound] = {}
    for clip in clips:
        if clip.downbeats != first.downbeats or clip.beats_per_bar != first.beats_per_bar:
            raise FormatError(f"{clip.file} has other bars than {first.file}.", _AGAIN)
        sounds[clip.affect] = _checked(clip, *read(clip))
    return tuple(sounds.get(affect) for affect in AFFECTS)


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


def _rho(bank: Bank, of: tuple[int, int, Kind], n_bars: int) -> tuple[Pairs, ...]:
    """Return the pairs per bar; the section's mean in every bar where a pair varies little.

    A pair that varies by 0.2 or less moves the level by less than 0.7 dB; its mean is the better
    estimate then, being of more sound.
    """
    section, variant, kind = of
    what = f"section {section}, " + (f"variant {variant}" if kind == "loop" else "its ending")
    for found in bank.correlations:
        if (found.section, found.variant, found.kind) == of:
            break
    else:
        raise FormatError(f"The bank has no correlations for {what}.", _AGAIN)
    if len(found.rho) != n_bars:
        raise FormatError(
            f"The correlations of {what} are of {len(found.rho)} bars, its clips have {n_bars}.",
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
