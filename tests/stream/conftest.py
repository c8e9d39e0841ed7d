"""Shared fixtures of the stream's tests."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

Cap = Callable[..., npt.NDArray[np.float32]]


@pytest.fixture(scope="session")
def cap() -> Cap:
    """Return a function that makes the signal of a well attached cap, in µV.

    Every channel has its own 1/f noise of 10 µV, a share of one alpha rhythm that all have in
    common, white noise of 1 µV from its amplifier, and a DC offset of some mV.
    """

    def make(
        n: int, n_channels: int, seed: int = 0, rate: float = 500.0
    ) -> npt.NDArray[np.float32]:
        rng = np.random.default_rng(seed)
        spectrum = np.fft.rfft(rng.normal(size=(n, n_channels)), axis=0)
        frequency = np.maximum(np.fft.rfftfreq(n, 1 / rate), 0.5)[:, None]
        pink = np.fft.irfft(spectrum / np.sqrt(frequency), n, axis=0)
        alpha = np.sin(2 * np.pi * 10 * np.arange(n) / rate)[:, None]
        signal = 10 * pink / pink.std(axis=0) + rng.uniform(2, 10, n_channels) * alpha
        signal += rng.normal(0, 1, (n, n_channels)) + rng.uniform(-20_000, 22_000, n_channels)
        return signal.astype(np.float32)

    return make
