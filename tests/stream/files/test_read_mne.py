"""EDF, BDF, FIF, BrainVision and EEGLAB become µV with cleaned names."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import mne
import numpy as np
import pytest
from scipy.io import savemat

from rym.errors import FormatError
from stream.files.reading import read
from stream.files.recording import Event

EEG = Path(__file__).parents[4] / "shared" / "eeg"
needs_eeg = pytest.mark.skipif(not EEG.exists(), reason=f"no recordings in {EEG}")


@needs_eeg
def test_edf_against_mne() -> None:
    """Volts become µV, also where the file holds mV; names are cleaned, auxiliaries told apart."""
    path = EEG / "rest_arithmetic" / "Subject00_1.edf"
    found = read(path)
    raw = mne.io.read_raw_edf(path, verbose="error")
    assert np.array_equal(found.samples, (1e6 * raw.get_data().T).astype(np.float32))
    assert found.samples.shape == (91_000, 21)
    assert {"T7", "T8", "P7", "P8", "Fp1"} < set(found.channels)
    kinds = dict(zip(found.channels, found.kinds, strict=True))
    assert [kinds["A2-A1"], kinds["ECG ECG"]] == ["reference", "ecg"]
    assert list(kinds.values()).count("scalp") == 19


@needs_eeg
def test_filters_are_told_where_the_header_declares_them() -> None:
    """Two files of one set differ: one declares a band, the other nothing."""
    folder = EEG / "rest_arithmetic"
    assert read(folder / "Subject00_2.edf").facts == {"high-pass": "0.5 Hz", "low-pass": "45 Hz"}
    assert read(folder / "Subject01_2.edf").facts == {}


@needs_eeg
def test_a_trigger_channel_is_not_eeg() -> None:
    """A DSI-24's trigger channel becomes events, not a column."""
    found = read(EEG / "dsi24_eyes" / "eyes_open.edf")
    assert "Trigger" not in found.channels
    assert found.rate == 300.0


@pytest.mark.fault(20)
@needs_eeg
def test_a_truncated_edf_says_so(tmp_path: Path) -> None:
    """What is there is read and the loss is told, or it is refused; never silently whole."""
    path = tmp_path / "cut.edf"
    whole = (EEG / "rest_arithmetic" / "Subject00_2.edf").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    try:
        found = read(path)
    except FormatError:
        return
    assert found.warnings
    assert len(found.samples) < 20_000


@needs_eeg
def test_nothing_of_the_patient_is_taken_over(tmp_path: Path) -> None:
    """Name, birthday and notes of an EDF+ header; what mne quotes of them in a warning, too."""
    path = tmp_path / "a.edf"
    whole = bytearray((EEG / "dsi24_eyes" / "eyes_open.edf").read_bytes())
    whole[8:88] = b"P-77 F 02-MAY-1951 Erika_Muster Diagnosis_of_hers=F32".ljust(80)
    path.write_bytes(whole)
    found = read(path)
    assert "The patient field is not as EDF+ asks for." in found.warnings
    for word in ("P-77", "1951", "Muster", "hers", "F32"):
        assert word not in repr(found)


def make_raw() -> mne.io.RawArray:
    """Return 2 s of three channels in volts, with an annotation."""
    rng = np.random.default_rng(5)
    info = mne.create_info(
        ["EEG Fp1", "T4", "ECG", "STI 014"], 500.0, ["eeg", "eeg", "ecg", "stim"]
    )
    data = rng.normal(0, 20e-6, (4, 1000))
    data[3] = 0
    data[3, 200:205] = 4
    raw = mne.io.RawArray(data, info, verbose="error")
    raw.set_annotations(mne.Annotations([1.0], [0.1], ["rest begins"]))
    return raw


def test_fif_and_its_cropped_form(tmp_path: Path) -> None:
    """Volts become µV, triggers and annotations events, also where the file begins later."""
    raw = make_raw()
    for start, name in ((0.0, "whole_raw.fif"), (0.2, "later_raw.fif.gz")):
        raw.copy().crop(start).save(tmp_path / name, verbose="error")
        found = read(tmp_path / name)
        first = round(start * 500)
        expected = 1e6 * raw.get_data(picks=[0, 1, 2]).T[first:]
        assert np.allclose(found.samples, expected, rtol=1e-5, atol=1e-4)
        assert found.channels == ("Fp1", "T8", "ECG")
        assert found.events == (
            Event(200 - first, 4),
            Event(500 - first, 0, "rest begins"),
        )
        assert found.format == "fif"


def write_brainvision(folder: Path) -> np.ndarray:
    """Write a BrainVision recording by hand; return its values in µV."""
    values = np.random.default_rng(6).integers(-3000, 3000, (500, 2)).astype("<i2")
    (folder / "a.eeg").write_bytes(values.tobytes())
    (folder / "a.vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n\n[Common Infos]\nCodepage=UTF-8\n"
        "DataFile=a.eeg\n\n[Marker Infos]\nMk1=Stimulus,S  3,101,1,0\n"
    )
    (folder / "a.vhdr").write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n\n[Common Infos]\nCodepage=UTF-8\n"
        "DataFile=a.eeg\nMarkerFile=a.vmrk\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\n"
        "NumberOfChannels=2\nSamplingInterval=2000\n\n[Binary Infos]\nBinaryFormat=INT_16\n\n"
        "[Channel Infos]\nCh1=C3,,0.1,µV\nCh2=C4,,0.1,µV\n",
        encoding="utf-8",
    )
    return values * 0.1


def test_brainvision(tmp_path: Path) -> None:
    """The header's resolution is kept; a missing data file is one sentence."""
    expected = write_brainvision(tmp_path)
    found = read(tmp_path / "a.vhdr")
    assert np.allclose(found.samples, expected, rtol=1e-5)
    assert found.channels == ("C3", "C4")
    assert [event.sample for event in found.events] == [100]
    (tmp_path / "a.eeg").unlink()
    with pytest.raises(FormatError, match=r"a\.vhdr cannot be read"):
        read(tmp_path / "a.vhdr")


def write_set(path: Path, *, beside: bool) -> np.ndarray:
    """Write an EEGLAB file, its data within or beside it; return its values in µV."""
    values = np.random.default_rng(7).normal(0, 20, (2, 500)).astype(np.float32)
    event = [(key, "O") for key in ("type", "latency", "duration")]
    fields = {
        "setname": "a", "nbchan": 2, "pnts": 500, "trials": 1, "srate": 250.0, "xmin": 0.0,
        "xmax": 499 / 250, "ref": "common", "icawinv": [], "icaweights": [], "icasphere": [],
        "data": "a.fdt" if beside else values,
        "chanlocs": np.array([("Fp1",), ("T4",)], dtype=[("labels", "O")]),
        "event": np.array([("rest", 101.0, 0.0)], dtype=event),
    }  # fmt: skip
    savemat(path, {"EEG": fields}, appendmat=False)
    if beside:
        path.with_suffix(".fdt").write_bytes(values.T.tobytes())
    return values.T


@pytest.mark.parametrize("beside", [False, True], ids=[".set", ".set and .fdt"])
def test_eeglab(tmp_path: Path, beside: bool) -> None:
    """Values in µV, names and events; a missing .fdt is one sentence."""
    expected = write_set(tmp_path / "a.set", beside=beside)
    found = read(tmp_path / "a.set")
    assert np.allclose(found.samples, expected, rtol=1e-6)
    assert found.channels == ("Fp1", "T8")
    assert found.rate == 250.0
    assert found.events == (Event(100, 0, "rest"),)
    assert found.format == "set"
    if beside:
        (tmp_path / "a.fdt").unlink()
        with pytest.raises(FormatError, match=r"a\.set cannot be read"):
            read(tmp_path / "a.set")


def test_an_eeglab_file_that_is_hdf5_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would read it is no part of RYM, so how to save it otherwise is said."""
    monkeypatch.setattr("stream.files.read_mne.find_spec", lambda name: None)
    (tmp_path / "a.set").write_bytes(b"MATLAB 7.3 MAT-file" + bytes(500))
    with pytest.raises(FormatError, match=r"without the v7\.3 option"):
        read(tmp_path / "a.set")


def test_a_header_s_claim_asks_for_no_memory(tmp_path: Path) -> None:
    """The size is refused before anything is read."""
    make_raw().save(tmp_path / "a_raw.fif", verbose="error")
    path = tmp_path / "a_raw.fif"
    limit = "stream.files.recording.MOST_VALUES"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limit, 3999)
        with pytest.raises(FormatError, match="claims 1000 samples of 4 channels, 3999"):
            read(path)
    assert len(read(path).samples) == 1000


def test_blocks_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is read at a time."""
    make_raw().save(tmp_path / "a_raw.fif", verbose="error")
    whole = read(tmp_path / "a_raw.fif")
    for block in (1, 700, 3000):
        monkeypatch.setattr("stream.files.read_mne.BLOCK", block)
        assert np.array_equal(read(tmp_path / "a_raw.fif").samples, whole.samples)


@pytest.mark.parametrize("name", ["a_raw.fif", "a_raw.fif.gz"])
@pytest.mark.parametrize(("what", "value"), [("next", 5), ("next", 36), ("size", -(2**31))])
def test_a_fif_file_that_leads_in_a_circle_is_refused(
    tmp_path: Path, name: str, what: str, value: int
) -> None:
    """A wrong byte where the next tag lies, or in a tag's size, would be followed for ever."""
    path = tmp_path / name
    make_raw().save(path, verbose="error")
    opened = gzip.open if name.endswith("gz") else open
    with opened(path, "rb") as file:
        data = bytearray(file.read())
    # Kind, type, size and next of the second tag, behind the first one's 16 bytes and content.
    second = 16 + struct.unpack_from(">i", data, 8)[0]
    struct.pack_into(">i", data, second + {"size": 8, "next": 12}[what], value)
    with opened(path, "wb") as file:
        file.write(data)
    with pytest.raises(FormatError, match="leads back"):
        read(path)
