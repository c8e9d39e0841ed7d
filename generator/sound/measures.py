"""What the manifest says about a clip's sound."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from .mastering import Stereo, decibel

FRAME = 4096
"""Samples per frame of the spectrum."""
SEAM_S = 0.1
"""Seconds on either side of the seam over which looping is judged."""


def spectral_centroid(sound: Stereo, rate: int) -> float:
    """Return the centre of the mean magnitude spectrum, in Hz.

    Parameters
    ----------
    sound : array of shape (n_times, 2)
    rate : int
        Frames per second.
    """
    n_frames = len(sound) // FRAME
    frames = sound[: n_frames * FRAME].mean(axis=1).reshape(n_frames, FRAME)
    magnitude = np.abs(fft.rfft(frames * signal.windows.hann(FRAME, sym=False), axis=1)).mean(
        axis=0
    )
    hz = fft.rfftfreq(FRAME, 1 / rate)
    return float(np.sum(hz * magnitude) / max(float(np.sum(magnitude)), 1e-30))


def rms_db(sound: Stereo) -> float:
    """Return the root mean square over both channels, in dB of full scale."""
    return decibel(float(np.sqrt(np.mean(sound**2))))


def loop_residual_db(
    looped: Stereo,
    performed: npt.NDArray[np.floating],
    offset: npt.NDArray[np.float64],
    gain: Stereo,
    rate: int,
) -> float:
    """Compare the loop at its seam with the same music rendered through.

    Parameters
    ----------
    looped : array of shape (n_samples, 2)
        One turn of the finished clip.
    performed : array of shape (n_times, 2)
        One turn from silence to the last of its ringing, before mastering.
    offset : array of shape (2,)
        DC that was taken out.
    gain : array of shape (n_samples, 1)
        Gain of the mastering.
    rate : int
        Frames per second.

    Returns
    -------
    float
        Level of the difference over ± 100 ms around the seam, against the music there, in dB.
    """
    n_samples, half = len(looped), min(round(SEAM_S * rate), len(looped) // 2)
    around = np.arange(-half, half)  # samples from the seam
    through = np.zeros((2 * half, 2))
    # Turns that began 0, 1, 2, … sections before the seam still ring there; one begins at it.
    for turn in range(-(-len(performed) // n_samples) + 1):
        at = around + turn * n_samples
        inside = (at >= 0) & (at < len(performed))
        through[inside] += performed[at[inside]]
    through = (through - offset) * gain[around % n_samples]
    difference = looped[around % n_samples] - through
    return decibel(float(np.sqrt(np.sum(difference**2) / max(float(np.sum(through**2)), 1e-30))))


def correlations(
    siblings: list[Stereo], downbeats: tuple[int, ...]
) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Return how alike sibling clips are, bar by bar.

    Parameters
    ----------
    siblings : list of array of shape (n_samples, 2)
        One clip per affect.
    downbeats : tuple of int
        Sample index of every bar's first beat.

    Returns
    -------
    tuple of shape (n_bars, n_affects, n_affects)
        Correlation of the waveforms over both channels, −1…1; 0 with a silent bar.
    """
    edges = [*downbeats, len(siblings[0])]
    rho = []
    for begin, end in itertools.pairwise(edges):
        rows = np.stack([sound[begin:end].ravel() for sound in siblings])
        rho.append(_correlation(rows))
    return tuple(rho)


def _correlation(rows: npt.NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    rows = rows - rows.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.divide(rows, norm, out=np.zeros_like(rows), where=norm > 0)
    matrix = np.clip(unit @ unit.T, -1, 1)
    np.fill_diagonal(matrix, 1.0)
    return tuple(tuple(round(float(value), 6) for value in row) for row in matrix)


MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""How well each tone fits a key on C (Krumhansl & Kessler 1982, Psychological Review 89, 334)."""


def chroma(sound: Stereo, rate: int) -> npt.NDArray[np.float64]:
    """Return how much of each pitch class there is from A1 to A6, summing to 1.

    Parameters
    ----------
    sound : array of shape (n_times, 2)
    rate : int
        Frames per second.

    Returns
    -------
    array of shape (12,)
        From C on.
    """
    n = 16_384
    rows = _chroma_rows(sound, rate, n, n // 2)
    found = rows.sum(axis=0)
    return np.asarray(found / max(float(found.sum()), 1e-30))


def _chroma_rows(sound: Stereo, rate: int, n: int, hop: int) -> npt.NDArray[np.float64]:
    """Return every frame's chroma, array of shape (n_frames, 12), its largest value 1.

    Each moment counts alike, however loud: a listener's ear gets used to a level within a second.
    """
    frames = np.lib.stride_tricks.sliding_window_view(sound.mean(axis=1), n)[::hop]
    power = np.abs(fft.rfft(frames * signal.windows.hann(n, sym=False), axis=1)) ** 2
    hz = fft.rfftfreq(n, 1 / rate)
    inside = (hz >= 55.0) & (hz <= 1760.0)
    pitch = 69 + 12 * np.log2(hz[inside] / 440.0)
    nearest = np.round(pitch)
    # Between two tones lies nobody's energy: what is off by a third of a semitone counts half.
    weight = np.exp(-(((pitch - nearest) / 0.4) ** 2))
    shares = np.zeros((len(weight), 12))
    shares[np.arange(len(weight)), nearest.astype(int) % 12] = weight
    rows = np.sqrt(power[:, inside] @ shares)
    return np.asarray(rows / np.maximum(rows.max(axis=1, keepdims=True), 1e-9))


def mode_score(sound: Stereo, rate: int) -> float:
    """Return how much better the best major key fits than the best minor key, −1…1.

    Correlation of the mean chroma with the profiles of Krumhansl & Kessler over all twelve centres
    each: the key is not given. It says which kind of key a listener would rather hear, not which
    scale was played: an open chord without a third lies between, and so does a scale whose relative
    major and minor are equally strong.
    """
    tones = chroma(sound, rate)

    def best(profile: tuple[float, ...]) -> float:
        return max(float(np.corrcoef(tones, np.roll(profile, k))[0, 1]) for k in range(12))

    return (best(MAJOR) - best(MINOR)) / 2


HOP_S = 0.0025
"""Seconds between two values of an onset envelope."""


def onsets(sound: Stereo, rate: int) -> npt.NDArray[np.float64]:
    """Return how much louder the sound gets, every 2.5 ms: spectral flux in decibels.

    Parameters
    ----------
    sound : array of shape (n_times, 2)
    rate : int
        Frames per second.

    Returns
    -------
    array of shape (n_hops,)
        Rise summed over bands, frame k around the time k · 2.5 ms.
    """
    hop, n = round(HOP_S * rate), 1024
    mono = np.pad(sound.mean(axis=1), n // 2)
    frames = np.lib.stride_tricks.sliding_window_view(mono, n)[::hop]
    magnitude = np.abs(fft.rfft(frames * signal.windows.hann(n, sym=False), axis=1))
    edges = np.unique(np.round(np.geomspace(1, n // 2, 25)).astype(int))
    bands = np.add.reduceat(magnitude, edges[:-1], axis=1)
    level = np.log10(1e-4 * bands.max() + bands + 1e-30)
    return np.asarray(np.maximum(np.diff(level, axis=0, prepend=level[:1]), 0.0).sum(axis=1))


def alike(one: Stereo, other: Stereo, rate: int, beats: int) -> float:
    """Return how alike two stretches of music are: their tones beat by beat, and when tones begin.

    Parameters
    ----------
    one, other : array of shape (n_times, 2)
        Equally many beats each.
    rate : int
        Frames per second.
    beats : int
        How many.

    Returns
    -------
    float
        Mean of two cosines, 0…1: of the chroma of every beat, and of the onsets to 10 ms.
    """
    tones = [_by_beat(sound, rate, beats) for sound in (one, other)]
    rises = [_rises(sound, rate) for sound in (one, other)]
    n = min(len(row) for row in rises)
    return (_cosine(*tones) + _cosine(rises[0][:n], rises[1][:n])) / 2


def _by_beat(sound: Stereo, rate: int, beats: int) -> npt.NDArray[np.float64]:
    """Return each beat's chroma, array of shape (12 · beats,)."""
    edges = np.round(np.linspace(0, len(sound), beats + 1)).astype(int)
    n = min(8192, int(np.diff(edges).min()))
    rows = [
        _chroma_rows(sound[begin:end], rate, n, n // 2).mean(axis=0)
        for begin, end in itertools.pairwise(edges)
    ]
    return np.concatenate(rows)


def _rises(sound: Stereo, rate: int) -> npt.NDArray[np.float64]:
    per = round(0.01 / HOP_S)
    envelope = onsets(sound, rate)
    return np.asarray(envelope[: len(envelope) // per * per].reshape(-1, per).max(axis=1))


def _cosine(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norm if norm > 0 else 0.0
