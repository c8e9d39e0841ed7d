"""Shared fixtures of the stream's tests."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from rym.clock import SystemClock
from stream.lsl.outlets import NicOutlets
from stream.montage import ENOBIO20

PEERS = Path(__file__).parents[2] / ".bench" / "mne-lsl"

Cap = Callable[..., npt.NDArray[np.float32]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the peers out of CI, which allows no skipped test and does not install them."""
    if os.environ.get("CI") and not PEERS.is_dir():
        left_out = [item for item in items if item.path.name == "test_peers.py"]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


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


class Sender(threading.Thread):
    """Sends a signal as NIC would, in true time, from the moment that somebody opens the stream."""

    def __init__(self, outlets: NicOutlets, signal: npt.NDArray[np.float32], rate: float) -> None:
        super().__init__(name="sender", daemon=True)
        self.outlets = outlets
        self.stop = threading.Event()
        self._signal = signal
        self._rate = rate

    def run(self) -> None:
        """Push chunks of 25 samples, stamped by the sample counter."""
        while not self.outlets.has_consumer():
            if self.stop.wait(0.005):
                return
        clock = SystemClock()
        start = clock.now()
        for first in range(0, len(self._signal), 25):
            part = self._signal[first : first + 25]
            due = start + (first + len(part)) / self._rate
            if self.stop.wait(max(0.0, due - clock.now())):
                return
            self.outlets.push_eeg(part, start + (first + len(part) - 1) / self._rate)


@pytest.fixture
def send(cap: Cap, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sender]]:
    """Return a function that puts a sender on the network; all are taken off at the end.

    On the test's own host every stream answers at once.
    """
    monkeypatch.setattr("stream.lsl.taps.RESOLVE_S", 0.4)
    senders: list[Sender] = []

    def start(
        source_id: str = "nic-1",
        signal: npt.NDArray[np.float32] | None = None,
        rate: float = 500.0,
        **other: Any,
    ) -> Sender:
        said = {"name": "NIC", "channels": ENOBIO20, "dialect": "nic1", **other}
        outlets = NicOutlets(source_id=source_id, rate=rate, **said)
        signal = cap(20_000, len(said["channels"])) if signal is None else signal
        senders.append(Sender(outlets, signal, rate))
        senders[-1].start()
        return senders[-1]

    yield start
    for sender in senders:
        sender.stop.set()
        sender.join()
        if hasattr(sender.outlets, "_eeg"):
            sender.outlets.close()
