"""Instruments: what one tone sounds like.

A tone is a sum of partials that swing and die away (modal synthesis), each doubled by a few
strings a hair out of tune and spread over the two channels. Struck ones have felt on the hammer:
the softer the blow, the fewer high partials. Inharmonicity, striking place and two rates of decay
follow Fletcher & Rossing, *The Physics of Musical Instruments*, 2nd ed., ch. 12.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float32]
Complex = npt.NDArray[np.complex128]
Modes = tuple[Complex, Complex]

BLOCK = 512
"""Samples per row when a tone is computed; only speed depends on it."""
GOLDEN = 0.618033988749895
TOUCHES = 16
"""Steps of velocity for which a tone is computed."""


class Timbre(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of one instrument."""

    ratios: tuple[float, ...] = ()
    """Partials as multiples of the fundamental; empty: a string's own, 1, 2, 3, …"""
    slope: float = 1.0
    """Partial n starts at n^−slope."""
    strike: float = 0.0
    """Where the string is struck or plucked, as a share of its length; 0: anywhere."""
    stiffness: float = 0.0
    """Inharmonicity coefficient at 220 Hz."""
    soft_hz: float
    """Corner of the felt at velocity 0, in Hz."""
    hard_hz: float
    """Added to it at velocity 1, in Hz."""
    t60: float
    """Time in which the fundamental at 220 Hz falls by 60 dB, in seconds; 0: it is held."""
    damping: float = 0.0
    """By how much of its own rate each further partial dies faster."""
    attack: float
    """Seconds from silence to full."""
    release: float
    """Seconds from the note's end to silence."""
    detune: float
    """Distance of the outermost strings, in cents."""
    strings: int
    width: float
    """How far the strings are spread, 0 (middle) to 1 (left and right)."""
    thump: float = 0.0
    """Level of the hammer's knock on the wood, against the tone."""
    gain: float = 1.0


TIMBRES: dict[str, Timbre] = {
    "piano": Timbre(
        slope=0.55,
        strike=0.12,
        stiffness=2.5e-4,
        soft_hz=420.0,
        hard_hz=1500.0,
        t60=6.5,
        damping=0.22,
        attack=0.011,
        release=0.35,
        detune=1.6,
        strings=3,
        width=0.35,
        thump=0.05,
        gain=1.0,
    ),
    "harp": Timbre(
        slope=1.0,
        strike=0.31,
        stiffness=4e-5,
        soft_hz=700.0,
        hard_hz=1600.0,
        t60=4.0,
        damping=0.3,
        attack=0.006,
        release=0.5,
        detune=1.0,
        strings=3,
        width=0.5,
        gain=0.8,
    ),
    "guitar": Timbre(
        slope=0.85,
        strike=0.21,
        stiffness=6e-5,
        soft_hz=650.0,
        hard_hz=1500.0,
        t60=3.6,
        damping=0.4,
        attack=0.005,
        release=0.4,
        detune=0.8,
        strings=2,
        width=0.3,
        thump=0.03,
        gain=0.85,
    ),
    "flute": Timbre(
        slope=1.7,
        soft_hz=900.0,
        hard_hz=1800.0,
        t60=0.0,
        attack=0.07,
        release=0.25,
        detune=3.5,
        strings=3,
        width=0.25,
        gain=0.32,
    ),
    "bell": Timbre(
        ratios=(1.0, 2.0, 3.01, 4.1, 5.4),
        slope=1.4,
        soft_hz=1800.0,
        hard_hz=2500.0,
        t60=3.6,
        damping=0.8,
        attack=0.005,
        release=0.8,
        detune=3.0,
        strings=3,
        width=0.7,
        gain=0.6,
    ),
    "bass": Timbre(
        slope=1.2,
        soft_hz=260.0,
        hard_hz=420.0,
        t60=9.0,
        damping=0.25,
        attack=0.04,
        release=0.4,
        detune=0.6,
        strings=3,
        width=0.1,
        gain=1.3,
    ),
    "pad": Timbre(
        slope=1.15,
        soft_hz=450.0,
        hard_hz=900.0,
        t60=0.0,
        attack=1.1,
        release=1.8,
        detune=11.0,
        strings=5,
        width=0.6,
        gain=0.34,
    ),
}


class Blow(NamedTuple):
    """One way to strike one tone."""

    instrument: str
    """Name in `TIMBRES`."""
    pitch: int
    """MIDI number."""
    touch: int
    """Velocity in steps of 1 / `TOUCHES`; it decides the brightness, the level is the mixer's."""
    n_held: int
    """How long the key is held, in samples."""


def frequency(pitch: int) -> float:
    """Return the frequency of a MIDI number, in Hz (A4 = 440 Hz, equal temperament)."""
    return float(440.0 * 2.0 ** ((pitch - 69) / 12))


@functools.lru_cache(maxsize=64)
def tone(blow: Blow, light: float, rate: int) -> Sound:
    """Compute one tone, at the level of a full blow.

    Parameters
    ----------
    blow : Blow
        What is struck, and how.
    light : float
        Factor on the felt's corner frequency: darker below 1, brighter above.
    rate : int
        Frames per second.

    Returns
    -------
    array of shape (n_times, 2)
        From the first sample of the attack to the last of the release; not writeable.
    """
    timbre, n_held = TIMBRES[blow.instrument], blow.n_held
    if timbre.t60:
        n_held = min(n_held, round(1.2 * _t60(timbre, frequency(blow.pitch)) * rate))
    n_times = n_held + round(timbre.release * rate)
    sound = _swung(*_modes(timbre, blow, light, rate), n_times)
    sound *= _envelope(round(timbre.attack * rate), n_held, n_times)[:, None]
    sound.setflags(write=False)
    return sound


def _t60(timbre: Timbre, f0: float) -> float:
    """High strings are short of breath."""
    return timbre.t60 * float(np.clip((220.0 / f0) ** 0.6, 0.25, 1.6))


def _swung(amplitude: Complex, swing: Complex, n_times: int) -> Sound:
    """Sum all swinging partials, as one matrix product per channel.

    A damped swing at sample b·BLOCK + a is the real part of A_b·Z_a, so all samples of all partials
    are one product of (rows, partials) with (partials, BLOCK): a hundred times faster than a sine
    for every sample and partial.
    """
    n_rows = -(-n_times // BLOCK)
    within = np.exp(swing[:, None] * np.arange(BLOCK))
    across = np.exp(swing * (np.arange(n_rows) * BLOCK)[:, None])
    basis = np.concatenate([within.real, -within.imag]).astype(np.float32)
    sound = np.empty((n_rows * BLOCK, 2), np.float32)
    for channel in range(2):
        rows = across * amplitude[channel]
        weights = np.concatenate([rows.real, rows.imag], axis=1).astype(np.float32)
        sound[:, channel] = (weights @ basis).ravel()
    return sound[:n_times]


def _modes(timbre: Timbre, blow: Blow, light: float, rate: int) -> Modes:
    """Return complex amplitudes (2, n_modes) and swings per sample (n_modes,)."""
    f0, velocity = frequency(blow.pitch), blow.touch / TOUCHES
    corner = (timbre.soft_hz + timbre.hard_hz * velocity) * light + 0.4 * f0
    n = np.asarray(timbre.ratios or np.arange(1.0, 1 + np.clip(9000 // f0, 1, 28)))
    stiff = timbre.stiffness * (f0 / 220.0) ** 1.3
    hz = f0 * n * np.sqrt((1 + stiff * n**2) / (1 + stiff))
    level = n**-timbre.slope * np.exp(-((hz / corner) ** 1.2) / 2)
    if timbre.strike:
        level *= 0.08 + np.abs(np.sin(np.pi * n * timbre.strike))
    # High strings carry less: without this the top of a tune would stand out from it.
    level *= min(1.0, (500.0 / f0) ** 0.4) / np.sqrt(np.sum(level**2))
    first = np.log(1000) / _t60(timbre, f0) if timbre.t60 else 0.0
    decay = first * (1 + timbre.damping * (n - 1))
    swing = -decay + 2j * np.pi * hz  # per second
    columns = [_string(timbre, string, level, swing) for string in range(timbre.strings)]
    if timbre.thump:
        columns.append(_thump(timbre.thump * (0.3 + velocity)))
    amplitudes, swings = zip(*columns, strict=True)
    return np.concatenate(amplitudes, axis=1), np.asarray(np.concatenate(swings) / rate)


def _string(timbre: Timbre, string: int, level: npt.NDArray[np.float64], swing: Complex) -> Modes:
    """Return one string's modes: its own tuning, place, phases and share of the decay."""
    side = 2 * string / (timbre.strings - 1) - 1
    tuning = 2.0 ** (side * timbre.detune / 2 / 1200)
    # Struck strings give their energy away together at first, then the rest lingers: the outer ones
    # die twice as fast, the middle one half as fast, so that a tone stays where it is.
    speed = 1.9 if string % 2 == 0 else 0.6
    phase = 2 * np.pi * GOLDEN * (np.arange(len(swing)) * timbre.strings + string)
    if timbre.t60:
        phase = np.full(len(swing), -np.pi / 2)
    pan = np.pi / 4 * (1 + timbre.width * side)
    gains = np.array([np.cos(pan), np.sin(pan)]) / np.sqrt(timbre.strings)
    amplitude = gains[:, None] * level * np.exp(1j * phase)
    return amplitude, swing.real * speed + 1j * swing.imag * tuning


def _thump(strength: float) -> Modes:
    """Return the wood's modes under the hammer: low, and gone in a tenth of a second."""
    hz = np.array([74.0, 118.0, 183.0, 262.0, 391.0])
    level = strength * np.array([0.7, 1.0, 0.8, 0.5, 0.25])
    amplitude = np.vstack([level, level[::-1]]).astype(complex)
    return amplitude, -np.array([38.0, 45.0, 55.0, 70.0, 90.0]) + 2j * np.pi * hz


def _envelope(n_attack: int, n_held: int, n_times: int) -> npt.NDArray[np.float32]:
    """Return the attack from silence and the release back to it, both as raised cosines."""
    envelope = np.ones(n_times, np.float32)
    n_attack, n_release = min(n_attack, n_times), n_times - n_held
    ramp = np.arange(n_attack) / max(1, n_attack)
    envelope[:n_attack] *= 0.5 - 0.5 * np.cos(np.pi * ramp)
    fall = np.arange(1, n_release + 1) / n_release
    envelope[n_times - n_release :] *= 0.5 + 0.5 * np.cos(np.pi * fall)
    return envelope
