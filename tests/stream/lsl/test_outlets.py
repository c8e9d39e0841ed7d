"""The sending side over real LSL: what consumers see of an amplifier, its faults and its header."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pylsl
import pytest

from rym.clock import SystemClock
from stream.lsl.outlets import Amplifier, NicOutlets
from stream.simulated.devices import DEVICES
from stream.simulated.faultscript import Act

pytestmark = pytest.mark.real
Samples = npt.NDArray[np.float32]
Make = Callable[..., NicOutlets]


@pytest.fixture
def make() -> Iterator[Make]:
    """Return a function that puts an amplifier's streams on the network; all go at the end."""
    made: list[NicOutlets] = []

    def put(source_id: str, **how: Any) -> NicOutlets:
        said = {"name": "NIC", "channels": ("Cz", "O1"), "rate": 500.0, **how}
        made.append(NicOutlets(source_id=source_id, **said))
        return made[-1]

    yield put
    for outlets in made:
        if hasattr(outlets, "_eeg"):
            outlets.close()


def seen(prefix: str) -> list[tuple[str, str, str]]:
    """Return name, type and source id of the streams on the network, sorted."""
    found = [(s.name(), s.type(), s.source_id()) for s in pylsl.resolve_streams(0.5)]
    return sorted(row for row in found if row[2].startswith(prefix) or not row[2])


def find(source_id: str, kind: str = "EEG") -> pylsl.StreamInfo:
    """Return one stream, with its description."""
    asked = f"source_id='{source_id}' and type='{kind}'"
    return pylsl.resolve_bypred(asked, 1, 5.0)[0]


def opened(source_id: str, kind: str = "EEG") -> pylsl.StreamInlet:
    """Return an inlet that gets everything from now on."""
    inlet = pylsl.StreamInlet(find(source_id, kind), max_buflen=30, recover=False)
    inlet.open_stream(5.0)
    return inlet


def pulled(inlet: pylsl.StreamInlet, n: int) -> tuple[list[list[Any]], list[float]]:
    """Return the next n samples and their stamps."""
    rows: list[list[Any]] = []
    stamps: list[float] = []
    end = time.monotonic() + 5.0
    while len(rows) < n and time.monotonic() < end:
        chunk, times = inlet.pull_chunk(timeout=0.1)
        rows.extend(chunk)
        stamps.extend(times)
    return rows, stamps


def test_every_stamp_arrives_as_it_was_sent(make: Make) -> None:
    """Holes, repeats, steps back and a clock at 0 reach the consumer; one stamp means a grid."""
    outlets = make("rym-stamps")
    inlet = opened("rym-stamps")
    samples = np.arange(12, dtype=np.float32).reshape(6, 2)
    odd = np.array([50.0, 50.002, 50.002, 49.0, 0.0, 3600.5])
    outlets.push_eeg(samples, odd)
    outlets.push_eeg(samples, 99.0)
    rows, stamps = pulled(inlet, 12)
    assert np.array_equal(rows, np.concatenate([samples, samples]))
    assert stamps[:6] == pytest.approx(odd, abs=1e-8)
    assert stamps[6:] == pytest.approx(99.0 - 0.002 * np.arange(5, -1, -1), abs=1e-8)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("double64", [1.5, -40_000.0]),
        ("int16", [1, -32_768]),
        ("int32", [1, -40_000]),
        ("string", ["1.5", "-40000"]),
    ],
)
def test_formats(make: Make, form: str, expected: list[Any]) -> None:
    """Samples arrive in the declared format, whole numbers clipped to its range."""
    outlets = make(f"rym-{form}", form=form)
    inlet = opened(f"rym-{form}")
    outlets.push_eeg(np.array([[1.5, -40_000.0]], np.float32), np.array([7.0]))
    rows, stamps = pulled(inlet, 1)
    assert rows == [expected]
    assert stamps == [7.0]


def test_a_stream_without_channels_or_rate(make: Make) -> None:
    """It can be declared and sent to, and says nothing."""
    make("rym-none", channels=()).push_eeg(np.empty((5, 0), np.float32), 1.0)
    make("rym-irregular", rate=0.0)
    assert find("rym-none").channel_count() == 0
    assert find("rym-irregular").nominal_srate() == 0.0


def test_streams_vanish_come_back_and_are_there_twice(make: Make) -> None:
    """With the same, another or no source id, with a new uid; what is sent meanwhile is lost."""
    amplifier = Amplifier("rym-act", lambda source_id: make(source_id, dialect="nic1"))
    first = find("rym-act").uid()
    samples = np.zeros((3, 2), np.float32)
    amplifier.act(Act("vanish"))
    assert seen("rym-act") == []
    assert not amplifier.has_consumer()
    amplifier.push_eeg(samples, 5.0)
    amplifier.push_quality(samples[0])
    amplifier.push_accelerometer(np.zeros((1, 3), np.float32), 5.0)
    amplifier.push_marker(3, 5.0)
    amplifier.act(Act("back", "same"))
    assert find("rym-act").uid() != first
    amplifier.act(Act("second", "other"))
    eeg = [row for row in seen("rym-act") if row[1] == "EEG"]
    assert eeg == [("NIC", "EEG", "rym-act"), ("NIC", "EEG", "rym-act-other")]
    both = [opened(source_id) for source_id in ("rym-act", "rym-act-other")]
    amplifier.push_eeg(samples, 6.0)
    assert [len(pulled(inlet, 3)[0]) for inlet in both] == [3, 3]
    amplifier.act(Act("second gone"))
    amplifier.act(Act("vanish"))
    amplifier.act(Act("back", "empty"))
    assert [row for row in seen("rym-act") if row[1] == "EEG"] == [("NIC", "EEG", "")]
    amplifier.close()
    assert seen("rym-act") == []


def test_a_muse_looks_like_one(make: Make) -> None:
    """Names, types, rates and units as the common programs for it send them; no quality stream."""
    device = DEVICES["muse"]
    outlets = make(
        "Muse-1",
        name=device.name,
        channels=device.channels,
        rate=device.rate,
        dialect=device.dialect,
        motion_rate=device.motion_rate,
    )
    assert seen("Muse-1") == [
        ("Muse", "ACC", "Muse-1-acc"),
        ("Muse", "EEG", "Muse-1"),
        ("Muse", "Markers", "Muse-1-markers"),
    ]
    eeg, motion = opened("Muse-1"), opened("Muse-1-acc", "ACC")
    assert (eeg.info().nominal_srate(), motion.info().nominal_srate()) == (256.0, 52.0)
    assert eeg.info().get_channel_labels() == list(device.channels)
    assert motion.info().get_channel_units() == ["g", "g", "g"]
    outlets.push_quality(np.zeros(4, np.float32))
    outlets.push_accelerometer(np.array([[0.0, 0.0, 9806.65]], np.float32), SystemClock().now())
    [row], _ = pulled(motion, 1)
    assert row == pytest.approx([0, 0, 1])
