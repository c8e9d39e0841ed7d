"""Others' programs as consumers of our simulator; `make bench-peers` installs them."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import pyxdf

from rym.bus import MemoryHub
from rym.clock import SystemClock
from rym.lifeline import Lifeline
from rym.service import Shell
from stream.simulated.devices import DEVICES, DeviceName, Dialect
from stream.simulated.simulator import SimulatedPerson, SimulatedSource
from stream.source import SourceSettings, serve

pytestmark = pytest.mark.real
HERE = Path(__file__).parent
BENCH = HERE.parents[2] / ".bench"
SECONDS = 3.0


def consume(peer: str, script: str, arguments: list[str], settings: SourceSettings) -> None:
    """Let a peer's script run to its end while our source serves."""
    python = BENCH / peer / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.is_file():
        pytest.skip(f"needs {peer} in .bench/ (make bench-peers)")

    async def body() -> None:
        clock = SystemClock()
        shell = Shell(MemoryHub().bus("simulator", clock, 1), clock, Lifeline())
        serving = asyncio.create_task(serve(shell, settings))
        command = [str(python), str(HERE / "peers" / script), *arguments, str(SECONDS)]
        try:
            done = await asyncio.to_thread(
                subprocess.run, command, check=False, capture_output=True, text=True, timeout=60
            )
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        assert done.returncode == 0, done.stderr[-2000:]

    asyncio.run(body())


def assert_ours(samples: npt.NDArray[Any], stamps: npt.NDArray[Any], device: DeviceName) -> None:
    """Assert that what came is, to the bit, what the person gave, on a steady clock."""
    person = SimulatedPerson(SimulatedSource(device=device))
    true = person.advance(20 * person.device.rate, audible=None, phase="idle").samples
    first = int(np.flatnonzero((true == samples[0]).all(axis=1))[0])
    assert np.array_equal(samples, true[first : first + len(samples)])
    assert len(samples) > 1.5 * person.device.rate
    steps = np.diff(stamps)
    assert steps.mean() == pytest.approx(1 / person.device.rate, rel=0.02)
    if device != "muse":
        assert steps == pytest.approx(1 / person.device.rate, abs=1e-5)


def settings_of(device: DeviceName, dialect: Dialect, name: str) -> SourceSettings:
    """Return a simulated person with an amplifier."""
    sender = SimulatedSource(device=device)
    return SourceSettings(sender=sender, source_id=f"{name}-id", name=name, dialect=dialect)


CASES = [("enobio20", "standard"), ("enobio32", "nic2"), ("muse", "muse")]


@pytest.mark.parametrize(("device", "dialect"), CASES)
@pytest.mark.parametrize("peer", ["mne-lsl", "ezmsg"])
def test_a_peer_reads_our_simulator(
    peer: str, device: DeviceName, dialect: Dialect, tmp_path: Path
) -> None:
    """Every sample, its stamps, the rate, and the names where the header is LSL's own."""
    name = f"{peer}-{device}"
    file, stream = tmp_path / "got.npz", name if dialect == "muse" else f"{name}-EEG"
    script = f"with_{peer.replace('-', '_')}.py"
    wanted = f"{name}-id" if peer == "mne-lsl" else stream
    consume(peer, script, [str(file), wanted], settings_of(device, dialect, name))
    got = np.load(file)
    assert_ours(got["samples"], got["stamps"], device)
    assert float(got["rate"]) == pytest.approx(DEVICES[device].rate)
    if dialect != "nic2":
        assert tuple(got["names"]) == DEVICES[device].channels


@pytest.mark.parametrize("dialect", ["nic1", "nic2", "standard"])
def test_labrecorder_records_our_simulator(dialect: Dialect, tmp_path: Path) -> None:
    """All four streams, the EEG to the bit; pyxdf reads the file."""
    file = tmp_path / "got.xdf"
    settings = settings_of("enobio20", dialect, "lab")
    consume("labrecorder", "with_labrecorder.py", [str(file), "lab-id"], settings)
    streams, _ = pyxdf.load_xdf(
        file, synchronize_clocks=False, dejitter_timestamps=False, handle_clock_resets=False
    )
    found = {stream["info"]["type"][0]: stream for stream in streams}
    assert set(found) == {"EEG", "Quality", "Accelerometer", "Markers"}
    assert_ours(found["EEG"]["time_series"], found["EEG"]["time_stamps"], "enobio20")
    assert len(found["Accelerometer"]["time_series"]) > 150
    assert found["Accelerometer"]["time_series"][:, 2].mean() == pytest.approx(9280, abs=20)
    desc = found["EEG"]["info"]["desc"][0]
    parent = desc["channels"][0] if dialect == "standard" else desc
    names = [c["label" if dialect == "standard" else "name"][0] for c in parent["channel"]]
    assert tuple(names) == DEVICES["enobio20"].channels
