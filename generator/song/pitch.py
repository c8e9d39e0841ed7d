"""Sound to pitch, frame by frame (adapter of librosa).

Two ways: one voice alone has a period, which pYIN finds; in a mixture the tune is the voice whose
harmonics together stand out most.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import salience
from .sound_file import RATE, Mono
from .understood import missing

Array = npt.NDArray[np.float64]

HUM_RATE = RATE // 2
"""One voice has its fundamental far below: half the rate halves the time that pYIN takes."""
HUM_WINDOW, HUM_HOP = 1024, 128
LOWEST_HZ, HIGHEST_HZ = 65.4, 2093.0
"""From a low voice (C2) to whistling (C7)."""
RESOLUTION = 0.2
"""Semitones between the pitches that pYIN tells apart; a note is told to 1."""
CLEAR = 0.6
"""pYIN's probability of a voice from which a frame counts as sure."""
HOP = 512
"""Samples from frame to frame of a recording."""
PER_SEMITONE = 3
BINS = 12 * PER_SEMITONE * 7
"""Constant-Q bins from C2 up: seven octaves, so that high notes still have overtones."""
C2_HZ = 65.406


class Track(NamedTuple):
    """A voice, frame by frame."""

    seconds: float
    """From frame to frame."""
    pitch: Array
    """Array of shape (n_frames,): MIDI number with fractions, NaN where there is none."""
    sure: Array
    """Array of shape (n_frames,): 0 to 1."""
    level: Array
    """Array of shape (n_frames,): in dB, 0 being the loudest."""


def one_voice(samples: Mono) -> Track:
    """Return the pitch of a single voice by pYIN (Mauch & Dixon 2014).

    Parameters
    ----------
    samples : array of shape (n_times,)
        At `RATE`.

    Raises
    ------
    UsageError
        If librosa is not installed.
    """
    librosa = _librosa()
    low = librosa.resample(samples, orig_sr=RATE, target_sr=HUM_RATE, res_type="soxr_hq")
    hz, voiced, sure = librosa.pyin(
        low,
        fmin=LOWEST_HZ,
        fmax=HIGHEST_HZ,
        sr=HUM_RATE,
        frame_length=HUM_WINDOW,
        hop_length=HUM_HOP,
        resolution=RESOLUTION,
    )
    pitch = np.where(voiced, 69 + 12 * np.log2(np.where(voiced, hz, 440.0) / 440), np.nan)
    sure = np.clip(sure / CLEAR, 0.0, 1.0)
    return Track(HUM_HOP / HUM_RATE, pitch, sure, _level(librosa, low, HUM_HOP))


def loudest_voice(samples: Mono) -> tuple[Track, float]:
    """Return the voice that stands out of a mixture, and how surely its octave is known.

    Parameters
    ----------
    samples : array of shape (n_times,)
        At `RATE`.

    Raises
    ------
    UsageError
        If librosa is not installed.
    """
    librosa = _librosa()
    offset = float(librosa.estimate_tuning(y=samples, sr=RATE))
    spectrum = np.abs(
        librosa.cqt(
            samples,
            sr=RATE,
            hop_length=HOP,
            fmin=C2_HZ,
            n_bins=BINS,
            bins_per_octave=12 * PER_SEMITONE,
            tuning=offset * PER_SEMITONE,
        )
    )
    pitch, sure, level, octave = salience.tracked(spectrum, PER_SEMITONE)
    return Track(HOP / RATE, pitch, sure, level), octave


def solo_share(samples: Mono) -> float:
    """Return the share of a sound's energy that one voice explains.

    Parameters
    ----------
    samples : array of shape (n_times,)
        At `RATE`.

    Returns
    -------
    float
        0 to 1: near 1 where nearly all energy lies at multiples of one pitch.
    """
    librosa, track = _librosa(), one_voice(samples)
    low = librosa.resample(samples, orig_sr=RATE, target_sr=HUM_RATE, res_type="soxr_hq")
    power = np.abs(librosa.stft(low, n_fft=4 * HUM_WINDOW, hop_length=HUM_HOP)) ** 2
    hz = HUM_RATE / (4 * HUM_WINDOW) * np.arange(len(power))
    own = 440 * 2 ** ((track.pitch - 69) / 12)
    multiple = hz[:, None] / np.where(np.isnan(own), 1e9, own)
    away = np.abs(multiple - np.round(multiple)) * np.where(np.isnan(own), 1e9, own)
    near = (away < 12 + 0.02 * hz[:, None]) & (multiple > 0.5)
    return float(np.sum(power * near) / max(float(np.sum(power)), 1e-12))


def onsets(samples: Mono) -> Array:
    """Return how much begins at each frame of a recording, array of shape (n_frames,)."""
    return np.asarray(_librosa().onset.onset_strength(y=samples, sr=RATE, hop_length=HOP))


def beats(strength: Array, near: float) -> Array:
    """Return the seconds of a recording's beats (Ellis 2007).

    Parameters
    ----------
    strength : array of shape (n_frames,)
        Of `onsets`.
    near : float
        The tempo that is expected, in beats per minute.
    """
    _, found = _librosa().beat.beat_track(
        onset_envelope=strength, sr=RATE, hop_length=HOP, start_bpm=near, units="time", trim=False
    )
    return np.asarray(found)


def _librosa() -> Any:
    try:
        import librosa  # noqa: PLC0415 - of the extra, and slow to import
        import librosa.beat  # noqa: PLC0415
        import librosa.onset  # noqa: PLC0415
    except ImportError:
        raise missing("librosa") from None
    return librosa


def _level(librosa: Any, samples: Mono, hop: int) -> Array:
    rms = librosa.feature.rms(y=samples, frame_length=3 * hop, hop_length=hop)[0]
    return np.asarray(20 * np.log10(np.maximum(rms, 1e-6) / max(float(rms.max()), 1e-6)))
