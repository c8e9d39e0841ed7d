"""An .nedf file is what MNE-Python reads of it, and its motion and device besides."""

from __future__ import annotations

from pathlib import Path

import mne
import numpy as np
import pytest

from rym.errors import FormatError
from stream.files.reading import read
from stream.files.recording import Event

EEG = Path(__file__).parents[4] / "shared" / "eeg"
needs_eeg = pytest.mark.skipif(not EEG.exists(), reason=f"no recordings in {EEG}")


TESTDATA = EEG / "starstim32_nedf" / "testdata.nedf"


def write_nedf(
    path: Path, n: int, *, motion: bool = True, version: str = "1.4", stim: bool = False
) -> np.ndarray:
    """Write a small .nedf byte by byte; return its counts."""
    rng = np.random.default_rng(n)
    counts = rng.integers(-(2**23), 2**23, (n, 2))
    counts[0] = [-(2**23), 2**23 - 1]
    settings = (
        "<TotalNumberOfChannels>2</TotalNumberOfChannels>"
        f"<NumberOfRecordsOfEEG>{n}</NumberOfRecordsOfEEG><EEGSamplingRate>500</EEGSamplingRate>"
        "<EEGMontage><Channel1>T3</Channel1><Channel2>Cz</Channel2></EEGMontage>"
    )
    head = "<Name_of_a_person>" + (f"<NEDFversion>{version}</NEDFversion>" if version else "")
    head += f"<StepDetails><DeviceClass>ENOBIO</DeviceClass></StepDetails><EEGSettings>{settings}"
    head += "</EEGSettings>" + ("<STIMSettings/>" if stim else "")
    head += f"<NumberOfChannelsOfAccelerometer>{3 * motion}</NumberOfChannelsOfAccelerometer>"
    body = bytearray()
    for k in range(n):
        if motion and k % 5 == 0:
            for value in (k, -k, 9810):
                body += value.to_bytes(2, "big", signed=True)
        for value in counts[k].tolist():
            body += value.to_bytes(3, "big", signed=True)
        body += bytes(2 * 2 * 3) if stim else b""
        body += (3 if k in (4, 5) else 0).to_bytes(4 if version else 1, "big")
    head += "<UserNotes>Nothing to tell</UserNotes></Name_of_a_person>"
    path.write_bytes(head.encode().ljust(10_240, b"\0") + body)
    return counts


@pytest.mark.parametrize("n", [1, 5, 12])
@pytest.mark.parametrize("form", [{}, {"motion": False}, {"version": ""}, {"stim": True}], ids=str)
def test_every_layout(tmp_path: Path, n: int, form: dict) -> None:
    """Counts of 24 bits, with or without motion, version and stimulation, to the last sample."""
    counts = write_nedf(tmp_path / "a.nedf", n, **form)
    found = read(tmp_path / "a.nedf")
    assert np.array_equal(found.samples, (1e6 * (counts * (2.4 / (6 * 8388607)))).astype("f4"))
    assert found.channels == ("T7", "Cz")
    assert found.facts["device"] == "ENOBIO"
    assert found.events == (() if n < 5 else (Event(4, 3),))
    assert any("stimulation" in text for text in found.warnings) == ("stim" in form)
    if form.get("motion", True):
        rows = [[k - k % 5, -(k - k % 5), 9810] for k in range(n)]
        assert np.array_equal(found.motion, rows)
    else:
        assert found.motion is None
    assert "person" not in repr(found)
    assert "Nothing" not in repr(found)


@pytest.mark.parametrize("missing", [1, 6, 16, 17, 40])
def test_a_cut_nedf_gives_its_whole_samples(tmp_path: Path, missing: int) -> None:
    """What is there is the same, and the loss is told with both numbers."""
    path = tmp_path / "a.nedf"
    write_nedf(path, 12)
    whole = read(path)
    path.write_bytes(path.read_bytes()[:-missing])
    found = read(path)
    n = len(found.samples)
    # 10 bytes a sample, and 6 of motion before the eleventh.
    assert n == {1: 11, 6: 11, 16: 10, 17: 10, 40: 8}[missing]
    assert np.array_equal(found.samples, whole.samples[:n])
    assert found.warnings == (f"a.nedf is cut off: {n} of 12 samples are there.",)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("EEGSamplingRate>500", "EEGSamplingRate>-00", "EEGSamplingRate"),
        ("Channels>2<", "Channels>3<", "names 2 channels and counts 3"),
        ("</Channel1>", "</Channel9>", "no XML"),
        ("Accelerometer>3<", "Accelerometer>4<", "axes of acceleration"),
        ("OfEEG>12<", "OfEEG>99999999999<", "claims 99999999999 samples"),
        (
            "<StepDetails>",
            "<AdditionalChannelStatus>ON</AdditionalChannelStatus><StepDetails>",
            "ON",
        ),
        ("<NEDFversion>", '<!DOCTYPE a [<!ENTITY b "c">]><NEDFversion>', "no XML"),
    ],
)
def test_a_header_that_cannot_be_is_one_sentence(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    """What the header says is named; nothing is guessed."""
    path = tmp_path / "a.nedf"
    write_nedf(path, 12)
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode(), 1))
    with pytest.raises(FormatError, match=words):
        read(path)


@needs_eeg
def test_starstim_against_mne() -> None:
    """Every value is mne's in µV, to the last bit; triggers lie where they are known to be."""
    found = read(TESTDATA)
    raw = mne.io.read_raw_nedf(TESTDATA, verbose="error")
    assert np.array_equal(found.samples, (1e6 * raw.get_data(picks="eeg").T).astype(np.float32))
    assert found.events == tuple(Event(at, 1) for at in (11192, 19119, 24748, 31575))
    assert found.channels == tuple(raw.ch_names[:-1])
    assert found.rate == 500.0
    assert found.facts["software"] == "NIC v2.0.10.3"


@needs_eeg
def test_starstim_s_motion_is_gravity() -> None:
    """Acceleration is signed and in mm/s²: at rest its length is that of gravity."""
    found = read(TESTDATA)
    assert found.motion is not None
    length = np.linalg.norm(np.median(found.motion[5000:], axis=0))
    assert length == pytest.approx(9810, rel=0.05)
