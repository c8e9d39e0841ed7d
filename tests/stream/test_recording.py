"""Recordings of every format become µV with cleaned names; broken ones become one sentence."""

from __future__ import annotations

import gzip
from pathlib import Path

import mne
import numpy as np
import pytest
import pyxdf

from rym.errors import FormatError, RymError, UsageError
from stream.montage import ENOBIO20
from stream.recording import Event, Recording, read

EEG = Path(__file__).parents[3] / "shared" / "eeg"
needs_eeg = pytest.mark.skipif(not EEG.exists(), reason=f"no recordings in {EEG}")

INFO_1 = """StartDate (first EEG timestamp): {start}
Device class: Enobio8
Device MAC: 00:07:80:AA:BB:CC
NIC version: v1.4.10
Line filter status: 50 Hz
Number of EEG channels: {n}
EEG sampling rate: 500 Samples/second
EEG units: nV
EEG montage:
{montage}
User notes:
Nothing to tell
"""
INFO_2 = """Step Details
Info Version: 1.2
Step name: Secret name
Device ID: NE-Wifi(00:07:80:AA:BB:CC)
Software's version: NIC v2.0.5c
EEG Settings
Number of EEG channels: {n}
EEG sampling rate: 500 Samples/second
EEG units: nV
EEG montage:\x20
{montage}
Accelerometer data: ON
"""
START = 1_774_867_019_766
NAMES = ("Fp1", "T3", "Cz")


def write_easy(
    folder: Path, extra: int, *, info: str = INFO_1, ms: list[int] | None = None
) -> tuple[Path, list[list[int]]]:
    """Write a small .easy with its .info; return the path and the numbers in it."""
    rng = np.random.default_rng(extra)
    ms = ms if ms is not None else [START + 2 * i for i in range(50)]
    table = rng.integers(-400_000_047, 400_000_000, (len(ms), len(NAMES) + extra)).tolist()
    for i, row in enumerate(table):
        row[-2] = 7 if i in (10, 11, 30) else 0
        row[-1] = ms[i]
    path = folder / "a.easy"
    path.write_text("".join("\t".join(map(str, row)) + "\r\n" for row in table), "ascii")
    montage = "\n".join(f"\tChannel {i}: {name}" for i, name in enumerate(NAMES, 1))
    text = info.format(start=START, n=len(NAMES), montage=montage)
    path.with_suffix(".info").write_text(text, "utf-8")
    return path, table


@pytest.mark.parametrize("info", [INFO_1, INFO_2], ids=["NIC 1", "NIC 2"])
@pytest.mark.parametrize("extra", [2, 3, 5, 6])
def test_easy_columns_follow_from_the_info(tmp_path: Path, extra: int, info: str) -> None:
    """EEG is nV ÷ 1000, with or without accelerometer and one more input."""
    path, table = write_easy(tmp_path, extra, info=info)
    found = read(path)
    expected = np.array([[value / 1000 for value in row[:3]] for row in table], dtype=np.float32)
    assert np.array_equal(found.samples, expected)
    assert found.channels == ("Fp1", "T7", "Cz")
    assert found.rate == 500.0
    assert found.events == (Event(10, 7), Event(30, 7))
    assert found.stamps is not None
    assert np.array_equal(np.rint(found.stamps * 1000).astype(np.int64), [row[-1] for row in table])
    if extra < 5:
        assert found.motion is None
    else:
        assert found.motion is not None
        assert np.array_equal(found.motion, np.array([row[3:6] for row in table], np.float32))


def test_nothing_personal_is_taken_over(tmp_path: Path) -> None:
    """Notes, device address and name of the step stay in the .info."""
    for info in (INFO_1, INFO_2):
        found = read(write_easy(tmp_path, 2, info=info)[0])
        assert found.facts["software"].endswith(("v1.4.10", "v2.0.5c"))
        for word in ("Nothing to tell", "AA:BB:CC", "Secret"):
            assert word not in repr(found)


def test_packed_easy_is_the_same(tmp_path: Path) -> None:
    """.easy.gz is .easy."""
    path, _ = write_easy(tmp_path, 5)
    packed = tmp_path / "a.easy.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert np.array_equal(read(packed).samples, read(path).samples)


def test_lost_packets_are_gaps(tmp_path: Path) -> None:
    """A step of the ms column other than the period is a gap; a step back too."""
    ms = [START + 2 * i for i in range(50)]
    ms[20:] = [t + 300 for t in ms[20:]]
    ms[40:] = [t - 5000 for t in ms[40:]]
    found = read(write_easy(tmp_path, 2, ms=ms)[0])
    assert [gap.sample for gap in found.gaps] == [20, 40]
    assert [gap.seconds for gap in found.gaps] == pytest.approx([0.3, -5.0], abs=1e-6)
    assert "2 gaps" in found.warnings[0]


def test_a_cut_last_line_is_left_out(tmp_path: Path) -> None:
    """A recording that ended with the battery loses its last line, not more."""
    path, _ = write_easy(tmp_path, 2)
    whole = read(path)
    path.write_bytes(path.read_bytes()[:-20])
    cut = read(path)
    assert np.array_equal(cut.samples, whole.samples[:-1])
    assert "cut off" in cut.warnings[0]


def break_info_missing(path: Path) -> Path:
    """Take the .info away."""
    path.with_suffix(".info").unlink()
    return path


def break_columns(path: Path) -> Path:
    """Give the table a column too many."""
    lines = path.read_text().splitlines()
    path.write_text("\n".join("0\t0\t" + line for line in lines))
    return path


def break_one_line(path: Path) -> Path:
    """Spoil a line in the middle."""
    lines = path.read_text().splitlines()
    lines[7] = "1\t2"
    path.write_text("\n".join(lines))
    return path


def break_number(path: Path) -> Path:
    """Put a word where a number should be."""
    path.write_text(path.read_text().replace("\t0\t", "\tzero\t", 1))
    return path


def break_gzip(path: Path) -> Path:
    """Pack the file and cut it."""
    packed = path.with_name("a.easy.gz")
    packed.write_bytes(gzip.compress(path.read_bytes())[:200])
    return packed


def break_to_blank(path: Path) -> Path:
    """Leave nothing but line ends."""
    path.write_text("\r\n\r\n")
    return path


@pytest.mark.parametrize(
    ("breaking", "words"),
    [
        (break_info_missing, "a.info is missing"),
        (break_columns, "7 columns, its .info names 3 channels: 5, 6, 8 or 9"),
        (break_one_line, "line 8 has 2 columns, line 1 has 5"),
        (break_number, "cannot be read"),
        (break_gzip, "cannot be read"),
        (break_to_blank, "has no samples"),
    ],
)
def test_a_broken_easy_is_one_sentence(tmp_path: Path, breaking: object, words: str) -> None:
    """What is wrong is named with its values, and what to do."""
    assert callable(breaking)
    path = breaking(write_easy(tmp_path, 2)[0])
    with pytest.raises(FormatError) as caught:
        read(path)
    assert words in caught.value.error
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["a.csv", "a", "a.eeg"])
def test_an_unknown_extension_is_wrong_use(tmp_path: Path, name: str) -> None:
    """The sentence names what can be read."""
    (tmp_path / name).write_text("1")
    with pytest.raises(UsageError, match=r"\.easy.*\.xdf"):
        read(tmp_path / name)


@pytest.mark.parametrize("ending", [".easy", ".nedf", ".edf", ".bdf", ".fif", ".vhdr", ".xdf"])
def test_missing_empty_and_nonsense_files(tmp_path: Path, ending: str) -> None:
    """No format answers these with a traceback of its own."""
    path = tmp_path / f"a{ending}"
    with pytest.raises(UsageError, match="no file"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(FormatError, match="is empty"):
        read(path)
    path.write_bytes(np.random.default_rng(0).bytes(3000))
    with pytest.raises(FormatError):
        read(path)


@needs_eeg
def test_enobio_20_of_nic() -> None:
    """A real recording, against a reading of our own in whole numbers."""
    path = EEG / "enobio20_nic" / "20260330123659_Patient01.easy"
    found = read(path)
    rows = [line.split() for line in path.read_text().splitlines()]
    expected = np.array([[int(word) / 1000 for word in row[:20]] for row in rows], np.float32)
    assert found.channels == ENOBIO20
    assert np.array_equal(found.samples, expected)
    assert found.kinds.count("scalp") == 19
    assert found.gaps == ()


@needs_eeg
def test_enobio_8_and_both_dialects() -> None:
    """Channels without electrodes keep their names; seven files and the synthetic one."""
    files = sorted((EEG / "enobio8_ssvep").glob("*.easy"))
    assert len(files) == 7
    for path in files[:2]:
        found = read(path)
        assert found.channels == tuple(f"Ch{i}" for i in range(1, 9))
        assert found.rate == 500.0
        assert len(found.samples) > 10_000
    synthetic = read(EEG / "neuroelectrics_formats" / "demo_recording.easy")
    assert synthetic.samples.shape == (5000, 8)
    assert [event.code for event in synthetic.events] == [1, 2, 1]
    assert synthetic.motion is not None


@needs_eeg
def test_starstim_nedf_against_mne() -> None:
    """Values are mne's in µV; the four triggers lie where they are known to be."""
    path = EEG / "starstim32_nedf" / "testdata.nedf"
    found = read(path)
    raw = mne.io.read_raw_nedf(path, verbose="error")
    assert np.array_equal(found.samples, (1e6 * raw.get_data(picks="eeg").T).astype(np.float32))
    assert [event.sample for event in found.events] == [11192, 19119, 24748, 31575]
    assert len(found.channels) == 32


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
def test_a_trigger_channel_is_not_eeg() -> None:
    """A DSI-24's trigger channel becomes events, not a column."""
    found = read(EEG / "dsi24_eyes" / "eyes_open.edf")
    assert "Trigger" not in found.channels
    assert found.rate == 300.0


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
@pytest.mark.parametrize("name", ["sub-P001", "sub-P003", "sub-P050"])
def test_xdf_takes_the_eeg_stream(name: str) -> None:
    """Of several streams, some empty, the EEG with its raw stamps, as pyxdf reads it."""
    path = EEG / "xdf" / f"{name}.xdf"
    found = read(path)
    streams, _ = pyxdf.load_xdf(path, synchronize_clocks=False, dejitter_timestamps=False)
    eeg = next(s for s in streams if s["info"]["type"] == ["EEG"])
    assert np.array_equal(found.samples, eeg["time_series"])
    assert found.stamps is not None
    assert np.array_equal(found.stamps, eeg["time_stamps"])
    assert found.channels[:4] == ("TP9", "AF7", "AF8", "TP10")
    assert found.rate == 256.0


@needs_eeg
def test_odd_xdf_files() -> None:
    """A clock that jumps back is a gap; no EEG is refused with what there is."""
    jumped = read(EEG / "xdf" / "clock_resets.xdf")
    assert [gap for gap in jumped.gaps if gap.seconds < -600_000]
    with pytest.raises(FormatError, match="types control, data, none of type EEG"):
        read(EEG / "xdf" / "empty_streams.xdf")
    assert read(EEG / "xdf" / "minimal.xdf").channels == ("Ch1", "Ch2", "Ch3")


@needs_eeg
def test_a_cut_xdf_is_shorter_or_refused(tmp_path: Path) -> None:
    """A recording whose writer was killed gives what was written."""
    path = tmp_path / "cut.xdf"
    whole = (EEG / "xdf" / "sub-P001.xdf").read_bytes()
    for share in (0.02, 0.5, 0.9):
        path.write_bytes(whole[: round(share * len(whole))])
        try:
            found: Recording | None = read(path)
        except RymError:
            found = None
        assert found is None or 0 < len(found.samples) < 2820


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


def test_two_channels_of_one_name_are_refused(tmp_path: Path) -> None:
    """T3 and T7 are the same electrode: a file cannot have both."""
    path, _ = write_easy(tmp_path, 2)
    info = path.with_suffix(".info")
    info.write_text(info.read_text().replace("Fp1", "T7"))
    with pytest.raises(FormatError, match="T7 more than once"):
        read(path)
