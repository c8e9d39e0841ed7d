"""An .easy file is its numbers in µV, whichever of its layouts and dialects it has."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from rym.errors import FormatError
from stream.files.reading import read
from stream.files.recording import Event
from stream.montage import ENOBIO20

EEG = Path(__file__).parents[4] / "shared" / "eeg"
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
    assert "Gaps or clock jumps: 2" in found.warnings[0]


def test_a_cut_last_line_is_left_out(tmp_path: Path) -> None:
    """A recording that ended with the battery loses its last line, not more."""
    path, _ = write_easy(tmp_path, 2)
    whole = read(path)
    path.write_bytes(path.read_bytes()[:-20])
    cut = read(path)
    assert np.array_equal(cut.samples, whole.samples[:-1])
    assert "cut off" in cut.warnings[0]


def test_a_cut_last_number_is_no_jump_of_the_clock(tmp_path: Path) -> None:
    """A last line that was cut within its time has all its columns, and goes all the same."""
    path, _ = write_easy(tmp_path, 2)
    path.write_bytes(path.read_bytes()[:-5])
    found = read(path)
    assert len(found.samples) == 49
    assert found.gaps == ()
    assert "cut off" in found.warnings[0]


def test_a_cut_packed_file_gives_what_is_there(tmp_path: Path) -> None:
    """The lines before the cut are the same; the cut is told."""
    path, _ = write_easy(tmp_path, 5)
    whole = read(path)
    packed = tmp_path / "a.easy.gz"
    data = gzip.compress(path.read_bytes())
    packed.write_bytes(data[: len(data) * 3 // 4])
    found = read(packed)
    assert 0 < len(found.samples) < 50
    assert np.array_equal(found.samples, whole.samples[: len(found.samples)])
    assert "cut off" in found.warnings[0]


@pytest.mark.parametrize("cut", [0, 4], ids=["whole", "cut off"])
def test_blocks_of_lines_make_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    """However many lines are taken at a time, also where a block ends with the file."""
    path, _ = write_easy(tmp_path, 6)
    path.write_bytes(path.read_bytes()[: -cut or None])
    whole = read(path)
    for block in (1, 7, 10, 49, 50, 51):
        monkeypatch.setattr("stream.files.easy.BLOCK", block)
        found = read(path)
        assert np.array_equal(found.samples, whole.samples)
        assert found.warnings == whole.warnings


def test_fewer_samples_than_nic_wrote_are_told(tmp_path: Path) -> None:
    """A file that was cut between two lines is found out by the .info's count."""
    path, _ = write_easy(tmp_path, 2)
    info = path.with_suffix(".info")
    info.write_text(info.read_text() + "Number of records of EEG: 60\n")
    assert read(path).warnings == ("a.easy has 50 samples, its .info counts 60.",)


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
    """Pack the file and spoil some of its bytes."""
    packed = path.with_name("a.easy.gz")
    data = bytearray(gzip.compress(path.read_bytes()))
    data[100:110] = bytes(10)
    packed.write_bytes(data)
    return packed


def break_time(path: Path) -> Path:
    """Take the time of one sample away."""
    lines = path.read_text().splitlines()
    lines[7] = lines[7].rpartition("\t")[0] + "\tnan"
    path.write_text("\n".join(lines))
    return path


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
        (break_number, "line 1 has 'zero' instead of a number"),
        (break_gzip, "cannot be read"),
        (break_time, "line 8 has no time"),
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


def test_two_channels_of_one_name_are_refused(tmp_path: Path) -> None:
    """T3 and T7 are the same electrode: a file cannot have both."""
    path, _ = write_easy(tmp_path, 2)
    info = path.with_suffix(".info")
    info.write_text(info.read_text().replace("Fp1", "T7"))
    with pytest.raises(FormatError, match="T7 more than once"):
        read(path)
