"""A small simulated person for the decoder's tests: four channels, 128 Hz, states by band power."""

from __future__ import annotations

import numpy as np
import pytest

from decoder import training
from decoder.features import BANDS
from decoder.rows import Rows, rows_from
from decoder.settings import DecoderSettings, TrainingSettings
from rym.messages import AFFECTS, Window

RATE, N_TIMES, HOP = 128, 128, 32
CHANNELS = ("Fz", "C3", "Pz", "O1")


def windows_of(samples, *, t0=100.0, segment=0, first=0, channels=CHANNELS, bad=()):
    """Return the valid windows of a signal of shape (n_times, n_channels)."""
    samples = np.asarray(samples, dtype=np.float32)
    return [
        Window(
            conditioning="as it is",
            segment=segment,
            first_sample=first + start,
            n_new=N_TIMES if start == 0 else HOP,
            t_first=t0 + start / RATE,
            rate=float(RATE),
            channels=channels,
            samples=samples[start : start + N_TIMES],
            bad=bad,
            valid=True,
            reason="",
        )
        for start in range(0, len(samples) - N_TIMES + 1, HOP)
    ]


def states_of(seed, seconds, n_states=3, shortest=12.0, longest=20.0):
    """Return (t, state) of a person whose state changes, never to the same one."""
    rng = np.random.default_rng(seed)
    events, t, before = [], 0.0, -1
    while t < seconds:
        state = int(rng.choice([s for s in range(n_states) if s != before]))
        events.append((t, state))
        before, t = state, t + rng.uniform(shortest, longest)
    return events


def signal_of(seed, seconds, events, strength):
    """Return noise of shape (n_times, 4) in µV whose 10 and 20 Hz follow the states."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    state = np.array([s for _, s in events])[
        np.searchsorted([at for at, _ in events], t, side="right") - 1
    ]
    gain = np.exp(strength * np.array([[1.0, -1.0], [0.0, 0.0], [-1.0, 1.0]]))[state]
    tones = np.stack([np.sin(2 * np.pi * f * t) for f in (10.0, 20.0)], axis=1)
    noise = rng.standard_normal((len(t), len(CHANNELS))) * 10.0
    return noise - 18000.0 + 6.0 * (gain * tones).sum(axis=1, keepdims=True)


@pytest.fixture(scope="session")
def make_windows():
    """Return `windows_of`."""
    return windows_of


@pytest.fixture(scope="session")
def make_person():
    """Return a function that gives windows and key labels of one person."""

    def person(seed, seconds, strength, n_states=3, t0=100.0):
        events = states_of(seed, seconds, n_states)
        windows = windows_of(signal_of(seed, seconds, events, strength), t0=t0)
        labels = [(t0 + at + 0.5, AFFECTS[state]) for at, state in events]
        return windows, labels

    return person


@pytest.fixture(scope="session")
def make_noise_rows():
    """Return a function that gives rows of autocorrelated noise under episodes of labels."""

    def rows(seed, seconds=300.0, n_states=3, strength=0.0, n_channels=4):
        rng = np.random.default_rng(seed)
        n, d = int(seconds * 4), n_channels * 5
        x = rng.standard_normal((n, d))
        for i in range(1, n):
            x[i] = 0.75 * x[i - 1] + 0.66 * x[i]
        t_last = 1.0 + 0.25 * np.arange(n)
        events = states_of(seed, t_last[-1] + 1.0, n_states)
        episode = np.searchsorted([at for at, _ in events], t_last, side="right") - 1
        label = np.array([s for _, s in events])[episode]
        x += strength * rng.standard_normal((3, d))[label]
        steady = np.zeros(n, dtype=bool)
        steady[13:] = episode[13:] == episode[:-13]
        signal = rng.standard_normal((n, 40, n_channels)) @ rng.standard_normal((n_channels,) * 2)
        signal *= np.exp(strength * 0.3 * rng.standard_normal((3, n_channels)))[label][:, None]
        return Rows(
            features=x,
            t_first=t_last - 0.99,
            t_last=t_last,
            run=np.zeros(n, dtype=np.int64),
            label=label,
            episode=episode,
            usable=steady,
            baseline=np.zeros(n, dtype=bool),
            touched=np.zeros(n, dtype=bool),
            channels=tuple(f"C{i}" for i in range(n_channels)),
            rate=float(RATE),
            n_times=N_TIMES,
            hop=HOP,
            bands=BANDS["default"],
            covariance=(signal.transpose(0, 2, 1) @ signal / 39).astype(np.float32),
        )

    return rows


@pytest.fixture(scope="session")
def settings():
    """Return a function that gives settings with a quick fit."""

    def make(candidate="lda", drive="verdict", **more):
        quick = TrainingSettings(
            candidate=candidate, steps=60, learning_rate=3e-3, hidden_units=16, batch=256
        )
        return DecoderSettings(training=quick, drive=drive, **more)

    return make


@pytest.fixture(scope="session")
def trained(make_person, settings):
    """Return a function that gives a person's model, by candidate; each is fitted once."""
    kept = {}

    def model(candidate="lda", strength=0.8, n_states=3):
        key = (candidate, strength, n_states)
        if key not in kept:
            windows, labels = make_person(1, 240.0, strength, n_states)
            rows = rows_from(windows, labels, settings(candidate))
            kept[key] = training.fit(rows, settings(candidate), 0)
        return kept[key]

    return model
