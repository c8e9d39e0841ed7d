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
PYTHON = "Scripts/python.exe" if os.name == "nt" else "bin/python"


def consume(commands: dict[str, list[str]], settings: SourceSettings) -> None:
    """Let peers' scripts run to their ends, all at once, while our source serves."""
    paths = {peer: BENCH / peer / PYTHON for peer in commands}
    missing = [peer for peer, path in paths.items() if not path.is_file()]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} in .bench/ (make bench-peers)")

    async def run(peer: str, words: list[str]) -> None:
        script = HERE / "peers" / f"with_{peer.replace('-', '_')}.py"
        command = [str(paths[peer]), str(script), *words, str(SECONDS)]
        done = await asyncio.to_thread(
            subprocess.run, command, check=False, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{peer}: {done.stderr[-2000:]}"

    async def body() -> None:
        clock = SystemClock()
        shell = Shell(MemoryHub().bus("simulator", clock, 1), clock, Lifeline())
        serving = asyncio.create_task(serve(shell, settings))
        try:
            await asyncio.gather(*(run(peer, words) for peer, words in commands.items()))
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

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


CASES: list[tuple[DeviceName, Dialect, tuple[str, ...]]] = [
    ("enobio20", "nic1", ("labrecorder",)),  # NIC 1 names all its streams alike
    ("enobio20", "standard", ("mne-lsl", "ezmsg", "labrecorder")),
    ("enobio32", "nic2", ("mne-lsl", "ezmsg", "labrecorder")),
    ("muse", "muse", ("mne-lsl", "ezmsg")),
]


@pytest.mark.parametrize(("device", "dialect", "peers"), CASES)
def test_peers_read_our_simulator(
    device: DeviceName, dialect: Dialect, peers: tuple[str, ...], tmp_path: Path
) -> None:
    """Every sample, its stamps, the rate, and the names where the header is LSL's own."""
    name = f"peers-{device}-{dialect}"
    stream = name if dialect == "muse" else f"{name}-EEG"
    wanted = {"mne-lsl": f"{name}-id", "ezmsg": stream, "labrecorder": f"{name}-id"}
    files = {p: tmp_path / f"{p}.{'xdf' if p == 'labrecorder' else 'npz'}" for p in peers}
    commands = {peer: [str(file), wanted[peer]] for peer, file in files.items()}
    consume(commands, settings_of(device, dialect, name))
    for peer, file in files.items():
        if peer == "labrecorder":
            assert_recorded(file, device, dialect)
            continue
        got = np.load(file)
        assert_ours(got["samples"], got["stamps"], device)
        assert float(got["rate"]) == pytest.approx(DEVICES[device].rate)
        if dialect != "nic2":
            assert tuple(got["names"]) == DEVICES[device].channels


def assert_recorded(file: Path, device: DeviceName, dialect: Dialect) -> None:
    """Assert that LabRecorder's file has all four streams, the EEG to the bit."""
    streams, _ = pyxdf.load_xdf(
        file, synchronize_clocks=False, dejitter_timestamps=False, handle_clock_resets=False
    )
    found = {stream["info"]["type"][0]: stream for stream in streams}
    assert set(found) == {"EEG", "Quality", "Accelerometer", "Markers"}
    assert_ours(found["EEG"]["time_series"], found["EEG"]["time_stamps"], device)
    assert len(found["Accelerometer"]["time_series"]) > 150
    assert found["Accelerometer"]["time_series"][:, 2].mean() == pytest.approx(9280, abs=20)
    desc = found["EEG"]["info"]["desc"][0]
    parent = desc["channels"][0] if dialect == "standard" else desc
    names = [c["label" if dialect == "standard" else "name"][0] for c in parent["channel"]]
    assert tuple(names) == DEVICES[device].channels
