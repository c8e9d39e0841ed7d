"""What an outsider's tools hear in a clip: librosa, and key profiles from the literature.

Nothing here knows how the music was made, and nothing of the generator's own measures is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import librosa
import numpy as np
import numpy.typing as npt

RATE = 22_050
HOP = 512
FINE = 55
"""Samples between two values of the fine onset envelope: 2.494 ms."""
Array = npt.NDArray[np.float64]

PROFILES = {
    # Krumhansl & Kessler 1982.
    "krumhansl": (
        (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
        (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
    ),
    # Temperley 2001, The Cognition of Basic Musical Structures, ch. 7.
    "temperley": (
        (5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0),
        (5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 1.5, 4.0),
    ),
}


class Heard(NamedTuple):
    """One clip as an outsider's tools hear it."""

    sound: Array
    """Mono at 22.05 kHz."""
    chroma: Array
    """Shape (12, n_frames), each frame's largest value 1."""
    onsets: Array
    """Onset strength every 2.5 ms."""


def hear(sound: Array, rate: int) -> Heard:
    """Take a clip in.

    Parameters
    ----------
    sound : array of shape (n_times, 2)
    rate : int
        Frames per second.
    """
    mono = librosa.resample(sound.mean(axis=1), orig_sr=rate, target_sr=RATE)
    chroma = librosa.feature.chroma_cqt(y=mono, sr=RATE, hop_length=HOP, tuning=0.0)
    onsets = librosa.onset.onset_strength(y=mono, sr=RATE, hop_length=FINE, n_fft=1024)
    return Heard(mono, chroma, onsets)


def mode(heard: Heard, profile: str = "krumhansl") -> float:
    """Return how much better the best major key fits than the best minor key, of all 24."""
    tones = heard.chroma.mean(axis=1)

    def best(weights: Sequence[float]) -> float:
        return max(float(np.corrcoef(tones, np.roll(weights, k))[0, 1]) for k in range(12))

    major, minor = PROFILES[profile]
    return best(major) - best(minor)


def centroid(heard: Heard) -> float:
    """Return the mean of the frames' spectral centroids, in Hz."""
    return float(librosa.feature.spectral_centroid(y=heard.sound, sr=RATE).mean())


def beat_error(heard: Heard, bpm: float, beats: tuple[float, float] = (0.24, 4.1)) -> float:
    """Return how far the onsets' strongest period is from the beat or a simple multiple of it.

    Parameters
    ----------
    heard : Heard
    bpm : float
        What the beat should be.
    beats : tuple of float
        Shortest and longest period that is looked at, in beats.
    """
    envelope = heard.onsets - heard.onsets.mean()
    beat = 60 / bpm * RATE / FINE
    alike = librosa.autocorrelate(envelope, max_size=int(beats[1] * beat))
    # Fewer products at longer lags.
    alike = alike / np.arange(len(envelope), len(envelope) - len(alike), -1)
    low = int(beats[0] * beat)
    inner = alike[low:]
    peaks = low + 1 + np.flatnonzero((inner[1:-1] > inner[:-2]) & (inner[1:-1] >= inner[2:]))
    if not len(peaks):
        return 1.0
    lag = peaks[np.argmax(alike[peaks])] / beat
    return float(min(abs(lag / k - 1) for k in (0.25, 0.5, 1, 2, 3, 4)))


def lag_ms(one: Heard, other: Heard, bpm: float) -> float:
    """Return where within ± half a beat two clips' onsets line up best, in ms."""
    a, b = one.onsets - one.onsets.mean(), other.onsets - other.onsets.mean()
    reach = int(30 / bpm * RATE / FINE)
    # Both are loops: one is turned against the other.
    lags = np.arange(-reach, reach + 1)
    spectrum = np.fft.rfft(a) * np.conj(np.fft.rfft(b))
    alike = np.fft.irfft(spectrum, len(a))[lags]
    return float(abs(lags[np.argmax(alike)]) * FINE / RATE * 1000)


def alike(
    one: tuple[Heard, float], other: tuple[Heard, float], bpm: float, bars: int = 4
) -> tuple[float, float]:
    """Return how alike two stretches of equally many bars are: chroma by beats, onsets by time.

    Parameters
    ----------
    one, other : tuple of Heard and float
        A clip, and the second in it at which its stretch begins.
    bpm : float
        Both clips' tempo.
    bars : int
        Length of the stretches.

    Returns
    -------
    chroma, onsets : float
        Cosines.
    """
    return (
        _cosine(_beatwise(*one, bpm, bars), _beatwise(*other, bpm, bars)),
        _cosine(_rises(*one, bpm, bars), _rises(*other, bpm, bars)),
    )


def _beatwise(heard: Heard, start: float, bpm: float, bars: int) -> Array:
    edges = (start + np.arange(4 * bars + 1) * 60 / bpm) * RATE / HOP
    frames = np.round(edges).astype(int)
    return librosa.util.sync(heard.chroma[:, frames[0] : frames[-1]], frames[1:-1] - frames[0])


def _rises(heard: Heard, start: float, bpm: float, bars: int) -> Array:
    first = round(start * RATE / FINE)
    rises = heard.onsets[first : first + round(bars * 240 / bpm * RATE / FINE)]
    # A hundredth of a second is as well as anybody hears where a tone begins.
    return rises[: len(rises) // 4 * 4].reshape(-1, 4).max(axis=1)


def _cosine(a: Array, b: Array) -> float:
    a, b = a.ravel(), b.ravel()
    n = min(len(a), len(b))
    return float(a[:n] @ b[:n] / (np.linalg.norm(a[:n]) * np.linalg.norm(b[:n])))


def followed(heard: Heard, share: float = 0.3) -> list[int]:
    """Return the pitch classes of the tones that stand out, in the order in which they begin.

    Every tone from G3 to C7 has a harmonic sum over a constant-Q spectrum; where it rises by more
    than its neighbours and by enough against the strongest rises of the clip, a tone begins.
    Of tones that begin together only the strongest is taken.

    Parameters
    ----------
    heard : Heard
    share : float
        Least rise, against the 95th percentile of all beginnings.
    """
    low, n = int(librosa.note_to_midi("G3")), 42
    spectrum = np.abs(
        librosa.cqt(
            heard.sound,
            sr=RATE,
            hop_length=HOP,
            fmin=librosa.midi_to_hz(low),
            n_bins=66,
            tuning=0.0,
        )
    )
    sums = spectrum[:n] * (
        1
        + sum(
            weight * spectrum[k : n + k] / (spectrum[:n] + spectrum[k : n + k] + 1e-9)
            for k, weight in ((12, 0.8), (19, 0.6), (24, 0.4))
        )
    )
    lag = 4
    rise = np.maximum(sums[:, lag:] - sums[:, :-lag], 0.0)
    # A tone is louder than the semitones beside it; a blow's noise is not.
    beside = np.pad(sums[:, lag:], ((1, 1), (0, 0)))
    rise[(sums[:, lag:] < beside[:-2]) | (sums[:, lag:] < beside[2:])] = 0.0
    top = rise.max(axis=0)
    around = np.stack([np.roll(top, k) for k in range(-6, 7)]).max(axis=0)
    at = np.flatnonzero((top == around) & (top > 0))
    enough = share * np.quantile(top[at], 0.95)
    return [int(low + np.argmax(rise[:, frame])) % 12 for frame in at if top[frame] >= enough]


def kept(tune: Sequence[int], found: Sequence[int]) -> float:
    """Return the share of a tune's pitch classes that are found in order.

    The longest common subsequence, against the tune's length.
    """
    longest = np.zeros(len(found) + 1, int)
    for tone in tune:
        row = longest.copy()
        for j, other in enumerate(found):
            row[j + 1] = max(row[j], longest[j] + 1 if tone == other else longest[j + 1])
        longest = row
    return float(longest[-1]) / max(1, len(tune))
