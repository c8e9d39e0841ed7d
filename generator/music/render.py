"""Notes to sound: instruments, room, loop.

A clip is heard round and round, so it is rendered as what a listener hears in the middle of many
turns: what rings past the last bar line is laid over the beginning ("tail over head"). Looping is
then seamless by construction; `mastering` must not spoil it, and `measures` checks.
"""

from __future__ import annotations

import functools

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from rym.bank import Note
from rym.messages import Affect

from .theory import BEATS
from .voices import TIMBRES, TOUCHES, Blow, Sound, tone


class Colour(msgspec.Struct, frozen=True, kw_only=True):
    """How one affect is mixed."""

    light: float
    """Factor on every instrument's brightness."""
    room: float
    """Level of the room against the dry sound."""
    levels: dict[str, float]
    """Gain per part (`tune`, `shadow`, `answer`, `figure`, `chord`, `bass`, `sparkle`)."""


def _levels(
    *, tune: float, answer: float, figure: float, chord: float, sparkle: float
) -> dict[str, float]:
    """Return the gain of every part; a shadow goes with the tune, the bass is the same for all."""
    return {
        "tune": tune,
        "shadow": tune,
        "answer": answer,
        "figure": figure,
        "chord": chord,
        "bass": 0.5,
        "sparkle": sparkle,
    }


COLOURS: dict[Affect, Colour] = {
    "negative": Colour(
        light=0.7,
        room=0.48,
        levels=_levels(tune=1.2, answer=0.0, figure=1.15, chord=0.7, sparkle=0.0),
    ),
    # Here the tune is to be recognised, so all else stands behind it.
    "neutral": Colour(
        light=0.95,
        room=0.4,
        levels=_levels(tune=1.6, answer=0.6, figure=1.0, chord=0.55, sparkle=0.0),
    ),
    "positive": Colour(
        light=1.4,
        room=0.36,
        levels=_levels(tune=1.1, answer=0.6, figure=1.15, chord=0.5, sparkle=1.4),
    ),
}

BANDS = ((120.0, 0.75), (400.0, 1.1), (1200.0, 1.0), (3000.0, 0.75), (7000.0, 0.4))
"""Upper edges of the room's bands in Hz, and the share of the decay time that each has."""


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """Where bars and beats lie in a section's samples."""

    bars: int
    bpm: float
    """Beats per minute."""
    rate: int
    """Frames per second."""

    def at(self, beat: float) -> int:
        """Return the sample at which a beat falls."""
        return round(beat * 60 / self.bpm * self.rate)

    @property
    def n_samples(self) -> int:
        """Length of the section: whole bars, rounded once."""
        return self.at(self.bars * BEATS)

    @property
    def downbeats(self) -> tuple[int, ...]:
        """Sample index of every bar's first beat."""
        return tuple(self.at(bar * BEATS) for bar in range(self.bars))


def perform(notes: tuple[Note, ...], colour: Colour, grid: Grid, reverb: float) -> Sound:
    """Render the notes once, from silence to the last of the ringing.

    Parameters
    ----------
    notes : tuple of Note
        With beats from the section's beginning.
    colour : Colour
        The affect's mix.
    grid : Grid
        The section's bars.
    reverb : float
        Decay time of the room, in seconds.

    Returns
    -------
    array of shape (n_times, 2)
        Longer than the section by all that rings on.
    """
    dry = _dry(notes, colour, grid)
    response = room(reverb, grid.rate)
    n_times = len(dry) + len(response) - 1
    size = fft.next_fast_len(n_times, real=True)
    spectrum = fft.rfft(dry, size, axis=0)
    # Each side of the room hears a little of the other side's sound.
    spectrum = 0.8 * spectrum + 0.2 * spectrum[:, ::-1]
    wet = fft.irfft(spectrum * fft.rfft(response, size, axis=0), size, axis=0)[:n_times]
    wet *= colour.room
    wet[: len(dry)] += dry
    return wet.astype(np.float32, copy=False)


def _dry(notes: tuple[Note, ...], colour: Colour, grid: Grid) -> Sound:
    release = round(max(timbre.release for timbre in TIMBRES.values()) * grid.rate)
    ends = [grid.at(note.beat + note.length) for note in notes]
    n_times = max([grid.n_samples, *ends]) + release
    dry = np.zeros((n_times, 2), np.float32)
    for note in notes:
        part, instrument = note.voice.split("/")
        level = colour.levels[part] * TIMBRES[instrument].gain * note.velocity**1.5
        if level == 0.0:
            continue
        touch = max(1, round(note.velocity * TOUCHES))
        blow = Blow(instrument, note.pitch, touch, grid.at(note.length))
        sound = tone(blow, colour.light, grid.rate)
        start = grid.at(note.beat)
        length = min(len(sound), n_times - start)
        dry[start : start + length] += np.float32(level) * sound[:length]
    return dry


@functools.lru_cache(maxsize=4)
def room(reverb: float, rate: int) -> npt.NDArray[np.float32]:
    """Return the impulse response of a small hall with soft walls.

    Noise that dies away, treble first; the same hall for every clip, so that siblings share their
    space.

    Parameters
    ----------
    reverb : float
        Decay time by 60 dB, in seconds.
    rate : int
        Frames per second.

    Returns
    -------
    array of shape (n_times, 2)
        Energy 1 per channel; not writeable.
    """
    rng = np.random.default_rng(48)
    n_times = round(1.15 * reverb * rate)
    t = np.arange(n_times) / rate
    noise = fft.rfft(rng.standard_normal((n_times, 2)), axis=0)
    hz = fft.rfftfreq(n_times, 1 / rate)
    response = np.zeros((n_times, 2))
    below = np.zeros(len(hz))
    for edge, share in BANDS:
        upto = 1 / (1 + (hz / edge) ** 4)
        band = fft.irfft(noise * (upto - below)[:, None], n_times, axis=0)
        response += band * np.exp(-np.log(1000) * t / (share * reverb))[:, None]
        below = upto
    # The hall answers after 18 ms and takes 30 ms to fill: an edge there would click on every note.
    fill = np.clip((t - 0.018) / 0.03, 0, 1)
    response *= (fill**2 * (3 - 2 * fill) * _fade_out(n_times, rate))[:, None]
    low_cut = signal.butter(2, 110, "highpass", fs=rate, output="sos")
    response = signal.sosfilt(low_cut, response, axis=0)
    response /= np.sqrt(np.sum(response**2, axis=0))
    quiet = response.astype(np.float32)
    quiet.setflags(write=False)
    return quiet


def _fade_out(n_times: int, rate: int) -> npt.NDArray[np.float64]:
    n_fade = min(n_times, round(0.2 * rate))
    envelope = np.ones(n_times)
    envelope[n_times - n_fade :] = np.linspace(1, 0, n_fade)
    return envelope


def fold(performed: Sound, n_samples: int) -> npt.NDArray[np.float64]:
    """Lay all that rings past the section's end over its beginning.

    Parameters
    ----------
    performed : array of shape (n_times, 2)
        One turn, with its ringing.
    n_samples : int
        Length of the section.

    Returns
    -------
    array of shape (n_samples, 2)
        One turn as heard in the middle of many.
    """
    turns = -(-len(performed) // n_samples)
    padded = np.zeros((turns * n_samples, 2))
    padded[: len(performed)] = performed
    return np.asarray(padded.reshape(turns, n_samples, 2).sum(axis=0))
