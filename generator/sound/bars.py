"""A clip made by a model is put on the grid: its tempo, its bars, a loop without a seam.

A model keeps to a tempo only roughly and begins where it likes. The guide (the same bars, played
from notes) says where every beat belongs: the clip's tempo is found from its own onsets, the place
of its bars by laying onsets and tones of both side by side, and what wanders or does not fit is
refused. A bank's clips run in step, so one that is almost in time is worse than none.

One ratio stretches the whole clip. Bending each bar by itself would also bring in clips that
wander, but a beat that is pulled about can be heard, and another draw costs only time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage, signal, stats

from rym.errors import FormatError

from ..music.composition import BEATS
from ..music.render import Grid
from .chroma import chromagram
from .mastering import Stereo, decibel
from .measures import HOP_S, onsets
from .stretch import crossfade, stretched

RATIOS = np.arange(0.8, 1.2, 0.0005)
"""Tempi over the guide's at which a clip is looked for."""
NEAR = 0.01
"""By how much the tempo first found may be wrong."""
PULSES = ((0.5, 0.5), (1.0, 1.0), (2.0, 1.0), (4.0, 0.5))
"""Onsets per beat that speak for a tempo, and their weight."""
TONE_HOP_S = 0.1
SILENT_DB = -60.0
"""A bar below this level, in dB of full scale, is silent."""
IN_STEP = 0.7
"""Share of the bars whose onsets must lie on the guide's."""
SEAM_S, BEFORE_S = 0.08, 0.03
"""The loop is closed by a fade this long, which ends this long before a bar line: an onset that
comes early is then whole, too."""
REMEDY = "Make it again with another take, or allow more in the settings."

Curve = npt.NDArray[np.float64]


class Limits(NamedTuple):
    """How far a clip may be off before it is refused."""

    stretch: float = 0.06
    """Relative difference of tempo."""
    drift: float = 0.02
    """Seconds by which bars may wander from an even tempo."""
    lag: float = 0.025
    """Seconds between its onsets and the guide's."""
    fit: float = 0.2
    """Correlation of its onsets with the guide's, at least; noise has 0.1, the same music in other
    notes 0.3 and more."""


class Laid(NamedTuple):
    """A clip on the grid."""

    sound: Stereo
    tempo: float
    """Its own beats per minute."""
    drift: float
    """How far its bars wandered, in seconds."""


class _Match(NamedTuple):
    begin: float
    """Hop of the clip at which the guide's first bar begins; may lie before the clip."""
    lags: Curve
    """Of each bar, in seconds; later is positive."""
    alike: float
    """Median over the bars of the correlation of onsets at these lags."""


def to_grid(clip: Stereo, guide: Stereo, grid: Grid, limits: Limits, *, lead: int = 0) -> Laid:
    """Turn a clip into a loop of exactly the grid's bars.

    Parameters
    ----------
    clip : array of shape (n_times, 2)
        Longer than the grid by two bars and the stretch, for choice; anything shorter than the
        loop and its seam is refused.
    guide : array of shape (n_samples, 2)
        The same bars as they should be, one turn.
    grid : Grid
        Of the guide.
    limits : Limits
        Beyond them, the clip is refused.
    lead : int
        Samples that come before the first bar where the clip was made as wished. The first half of
        it is left out where it can be, since models need a moment to begin.

    Raises
    ------
    FormatError
        If it is silent, too short, at another tempo, or its bars wander or do not fit the guide's.
    """
    _refuse_silent(clip, "The clip", grid)
    reference = _reference(guide, grid.rate, grid.n_samples)
    ratio = _ratio(onsets(clip, grid.rate), reference, grid, limits)
    even = stretched(clip, ratio, grid.rate)
    match = _match(even, guide[: grid.n_samples], reference, grid)
    drift = _judged(match, limits)
    begin = round(match.begin * HOP_S * grid.rate)
    sound = _closed(even, begin, grid, lead)
    for bar, edge in enumerate(grid.downbeats):
        end = grid.at((bar + 1) * BEATS)
        _refuse_silent(sound[edge:end], f"Bar {bar + 1} of the clip", grid)
    return Laid(sound, ratio * grid.bpm, drift)


def to_ending(clip: Stereo, guide: Stereo, grid: Grid, limits: Limits, *, lead: int = 0) -> Laid:
    """Turn a clip into an ending of exactly the guide's length, which dies away with the guide.

    Parameters are those of `to_grid`, but the clip begins at most a bar from `lead`: the same bars
    do not come round again.
    """
    _refuse_silent(clip, "The clip", grid)
    reference = _reference(guide, grid.rate, len(guide))
    ratio = _ratio(onsets(clip, grid.rate), reference, grid, limits)
    even = stretched(clip, ratio, grid.rate)
    match = _match(even, guide, reference, grid, near=lead)
    drift = _judged(match, limits)
    begin = max(0, round(match.begin * HOP_S * grid.rate))
    sound = np.zeros_like(guide, dtype=np.float64)
    part = even[begin : begin + len(guide)]
    sound[: len(part)] = part
    dying = _dying(guide, sound, grid.rate)
    return Laid(sound * dying[:, None], ratio * grid.bpm, drift)


def _refuse_silent(sound: Stereo, name: str, grid: Grid) -> None:
    """Refuse what is silent, not a number, or too short for a beat."""
    if len(sound) < grid.at(1) or not np.all(np.isfinite(sound)):
        raise FormatError(
            f"{name} has {len(sound)} samples, not all of them numbers; "
            f"at least {grid.at(1)} are needed.",
            REMEDY,
        )
    level = decibel(float(np.sqrt(np.mean(sound**2))))
    if level < SILENT_DB:
        raise FormatError(f"{name} is silent: {level:.0f} dB, at least {SILENT_DB:g} dB.", REMEDY)


def _ratio(envelope: Curve, reference: Curve, grid: Grid, limits: Limits) -> float:
    """Return the clip's tempo over the guide's."""
    swing, fit = _swing(envelope, grid.bpm), _fit(envelope, reference)
    ratio = float(RATIOS[np.argmax(swing / swing.max() + fit / fit.max())])
    _refuse_tempo(ratio, grid.bpm, limits)
    bar = BEATS * 60 / grid.bpm
    for _ in range(2):
        even = _slowed(envelope, ratio)
        lags, _ = _bar_lags(even, reference, _best_turn(even, reference), grid)
        # What was made too long falls behind by the same part of each bar.
        slope = stats.theilslopes(lags, np.arange(len(lags)) * bar).slope if len(lags) > 2 else 0.0
        # Lags that ask for more are not of one tempo; they are judged later.
        ratio *= 1 - slope if abs(slope) <= NEAR else 1.0
    return ratio


def _refuse_tempo(ratio: float, bpm: float, limits: Limits) -> None:
    if abs(ratio - 1) > limits.stretch:
        raise FormatError(
            f"The clip's tempo is {ratio * bpm:.1f} bpm, the grid's {bpm:g}: "
            f"{abs(ratio - 1):.1%} apart, at most {limits.stretch:.1%}.",
            REMEDY,
        )


def _swing(envelope: Curve, bpm: float) -> Curve:
    """Return how much the onsets swing at each tempo.

    Fourier tempogram of the whole clip (Grosche & Müller 2011, IEEE Trans. ASLP 19, 1688), summed
    over half beats, beats and their parts: over 30 s it tells tempi apart that differ by 0.2 %,
    where periods counted in hops of the envelope do not.
    """
    shaped = (envelope - envelope.mean()) * signal.windows.hann(len(envelope))
    size = fft.next_fast_len(16 * len(shaped), real=True)
    swing = np.abs(fft.rfft(shaped, size))
    score = np.full(len(RATIOS), 1e-12)
    for pulses, weight in PULSES:
        at = RATIOS * pulses * bpm / 60 * HOP_S * size
        score += weight * np.interp(at, np.arange(len(swing)), swing)
    return score


def _fit(envelope: Curve, reference: Curve) -> Curve:
    """Return how well the onsets fit the guide's at each tempo, in the turn that fits best.

    Where a sparse clip swings in three as much as in four, this tells.
    """
    # Blurred over 20 ms, every fourth value tells all.
    smooth, coarse = ndimage.gaussian_filter1d(envelope, 8.0)[::4], reference[::4]
    alike = [_circular(_slowed(smooth, ratio), coarse).max() for ratio in RATIOS]
    return np.maximum(alike, 1e-12)


def _slowed(envelope: Curve, ratio: float) -> Curve:
    """Return the onsets of the clip `ratio` times slower."""
    at = np.arange(int(len(envelope) * ratio)) / ratio
    return np.interp(at, np.arange(len(envelope)), envelope)


def _reference(guide: Stereo, rate: int, period: int) -> Curve:
    """Return the guide's onsets as they come round, one turn."""
    hops = round(period / rate / HOP_S)
    around = np.concatenate([guide, guide[: round(rate * 0.1)]])
    return np.asarray(ndimage.gaussian_filter1d(onsets(around, rate)[:hops], 4.0, mode="wrap"))


def _best_turn(
    envelope: Curve, reference: Curve, tones: Curve | None = None, near: Curve | None = None
) -> int:
    """Return the hop of the clip, modulo the guide's turn, at which the guide begins."""
    alike = _circular(envelope, reference)
    if tones is not None:
        alike = alike + tones
    if near is not None:
        alike = alike + near
    return int(np.argmax(alike))


def _circular(envelope: Curve, reference: Curve) -> Curve:
    """Return the correlation with the guide at every turn of it."""
    n = len(reference)
    turns = -(-len(envelope) // n)
    padded = np.zeros(turns * n)
    padded[: len(envelope)] = envelope - envelope.mean()
    folded = padded.reshape(turns, n).sum(axis=0)
    spectrum = fft.rfft(folded) * np.conj(fft.rfft(reference - reference.mean()))
    scale = np.linalg.norm(folded) * np.linalg.norm(reference - reference.mean())
    return np.asarray(fft.irfft(spectrum, n) / max(float(scale), 1e-30))


def _tones_alike(even: Stereo, guide: Stereo, rate: int, n_hops: int) -> Curve:
    """Return how well the tones fit at every turn, sampled like the onsets."""
    hop, n_fft = round(TONE_HOP_S * rate), 8192
    ours = np.sqrt(chromagram(even.mean(axis=1), rate, n_fft, hop))
    theirs = np.sqrt(chromagram(guide.mean(axis=1), rate, n_fft, hop))[: len(guide) // hop]
    ours /= np.maximum(np.linalg.norm(ours, axis=1, keepdims=True), 1e-12)
    theirs /= np.maximum(np.linalg.norm(theirs, axis=1, keepdims=True), 1e-12)
    alike = np.sum([_circular(a, b) for a, b in zip(ours.T, theirs.T, strict=True)], axis=0) / 12
    at = np.arange(n_hops) * (len(alike) / n_hops)
    return np.asarray(np.interp(at, np.arange(len(alike) + 1), np.append(alike, alike[0])))


def _bar_lags(envelope: Curve, reference: Curve, begin: float, grid: Grid) -> tuple[Curve, Curve]:
    """Return by how many seconds the onsets of each bar are later than the guide's, and how alike.

    Each bar is laid on the guide with half of its neighbours, within half a beat either way.
    """
    beat = 60 / grid.bpm / HOP_S
    half = int(beat / 2)
    smooth = ndimage.gaussian_filter1d(envelope, 4.0)
    first = begin % (BEATS * beat)
    lags, best = [], []
    for bar in range(int((len(envelope) - first) // (BEATS * beat))):
        left = max(half, round(first + (bar - 0.5) * BEATS * beat))
        right = min(len(envelope) - half, round(first + (bar + 1.5) * BEATS * beat))
        theirs = reference[(np.arange(left, right) - round(begin)) % len(reference)]
        ours = smooth[left - half : right + half]
        alike = signal.correlate(ours - ours.mean(), theirs - theirs.mean(), "valid")
        late = int(np.argmax(alike))
        norm = np.std(ours[late : late + len(theirs)]) * np.std(theirs) * len(theirs)
        lags.append((late - half) * HOP_S)
        best.append(float(alike[late] / max(float(norm), 1e-12)))
    return np.asarray(lags), np.asarray(best)


def _match(
    even: Stereo, guide: Stereo, reference: Curve, grid: Grid, near: int | None = None
) -> _Match:
    """Lay the clip, already at the guide's tempo, on the guide."""
    envelope = onsets(even, grid.rate)
    tones = _tones_alike(even, guide, grid.rate, len(reference))
    wish = None
    if near is not None:
        away = np.abs(np.arange(len(reference)) - near / grid.rate / HOP_S)
        wish = np.where(away <= BEATS * 60 / grid.bpm / HOP_S, 0.0, -np.inf)
    begin = float(_best_turn(envelope, reference, tones, wish))
    lags, alike = _bar_lags(envelope, reference, begin, grid)
    if len(lags) < 2:
        raise FormatError(f"The clip has {len(lags)} bars, at least 2 are needed.", REMEDY)
    middle = float(np.median(lags))
    return _Match(begin + middle / HOP_S, lags - middle, float(np.median(alike)))


def _judged(match: _Match, limits: Limits) -> float:
    """Return how far the bars wander, in seconds, if that is within the limits."""
    near = np.abs(match.lags) <= limits.lag
    if near.mean() < IN_STEP:
        raise FormatError(
            f"The onsets of {near.mean():.0%} of the clip's bars lie within "
            f"{limits.lag * 1000:.0f} ms of the guide's, at least {IN_STEP:.0%} must.",
            REMEDY,
        )
    if match.alike < limits.fit:
        raise FormatError(
            f"The clip's onsets are like the guide's to {match.alike:.2f}, "
            f"at least {limits.fit:.2f} must be.",
            REMEDY,
        )
    drift = float(np.max(np.abs(ndimage.median_filter(match.lags, 3, mode="nearest"))))
    if drift > limits.drift:
        raise FormatError(
            f"The clip's bars wander by {drift * 1000:.0f} ms, "
            f"at most {limits.drift * 1000:.0f} ms.",
            REMEDY,
        )
    return drift


def _closed(even: Stereo, begin: int, grid: Grid, lead: int) -> Stereo:
    """Cut one turn at a bar line, close it before that line, and turn it to the first bar."""
    n, bar = grid.n_samples, grid.at(BEATS)
    fade, before = round(SEAM_S * grid.rate), round(BEFORE_S * grid.rate)
    lines = [begin + turn * n + edge for turn in (-1, 0, 1) for edge in grid.downbeats]
    usable = sorted(x for x in lines if fade + before <= x <= len(even) - n)
    if not usable:
        raise FormatError(
            f"The clip has {len(even)} samples, of which no whole {n} begin at a bar line.", REMEDY
        )
    late = [x for x in usable if x >= min(lead, bar) // 2]
    start = (late or usable)[0]
    loop = even[start : start + n].copy()
    head = even[start - before - fade : start - before]
    seam = slice(n - before - fade, n - before)
    loop[seam] = crossfade(loop[seam], head)
    loop[n - before :] = even[start - before : start]
    return np.roll(loop, (start - begin) % n, axis=0)


def _dying(guide: Stereo, sound: Stereo, rate: int) -> Curve:
    """Return the gain by which the clip's last part falls as the guide's does.

    A model does not know when to end; the guide's level, once it has begun to fall for good, does.
    """
    window = round(0.4 * rate)

    def level(x: Stereo) -> Curve:
        power = ndimage.uniform_filter1d(np.mean(np.asarray(x, np.float64) ** 2, axis=1), window)
        return np.asarray(np.sqrt(np.maximum(power, 1e-14)))

    wished, found = level(guide), level(sound)
    falls = np.maximum.accumulate(wished[::-1])[::-1] / wished.max()
    gain = np.minimum(
        1.0, falls * wished.max() / np.maximum(found, 1e-7) * _loudness(found, wished)
    )
    smooth = ndimage.uniform_filter1d(np.minimum.accumulate(gain), window)
    end = round(0.05 * rate)
    smooth[-end:] *= np.linspace(1, 0, end)
    return np.asarray(smooth)


def _loudness(found: Curve, wished: Curve) -> float:
    """Return the clip's level over the guide's, by their medians where the guide is loud."""
    loud = wished > 0.3 * wished.max()
    return float(np.median(found[loud]) / np.median(wished[loud]))
