"""Every recording opens as what it is; broken ones become a part of it or one sentence."""

from __future__ import annotations

import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rym.errors import FormatError, RymError, UsageError
from stream.files.reading import read
from stream.files.recording import Recording
from stream.files.xdf_format import Encoder, as_bytes, describe

EEG = Path(__file__).parents[4] / "shared" / "eeg"
needs_eeg = pytest.mark.skipif(not EEG.exists(), reason=f"no recordings in {EEG}")


@pytest.mark.parametrize("name", ["a.txt", "a", "a.eeg"])
def test_an_unknown_extension_is_wrong_use(tmp_path: Path, name: str) -> None:
    """The sentence names what can be read."""
    (tmp_path / name).write_text("1")
    with pytest.raises(UsageError, match=r"\.easy.*\.xdf"):
        read(tmp_path / name)


ENDINGS = (".easy", ".nedf", ".edf", ".bdf", ".fif", ".fif.gz", ".vhdr", ".set", ".xdf", ".csv")


@pytest.mark.fault(20)
@pytest.mark.parametrize("ending", ENDINGS)
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


@pytest.mark.fault(20)
@pytest.mark.parametrize("ending", [".nedf", ".xdf", ".csv"])
def test_a_file_that_may_not_be_read_is_one_sentence(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's own word and the file's name, as for any other fault of a file."""
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"x")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(FormatError, match=rf"a{ending}.*Permission denied"):
        read(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_of_4_gb_is_refused_unread(tmp_path: Path, ending: str) -> None:
    """With its size and the limit; a hole in the file takes no room."""
    path = tmp_path / f"a{ending}"
    with path.open("wb") as file:
        file.truncate(2**32)
    with pytest.raises(FormatError, match=r"has 4\.3 GB, up to 4 GB are read"):
        read(path)


class Known(NamedTuple):
    """What the folder's README says of a file."""

    rate: float
    n_channels: int
    seconds: float
    n_scalp: int


def known(name: str) -> Known:
    """Return what the README says of the files of one folder, or of one file."""
    folder = name.partition("/")[0]
    by_folder = {
        "dsi24_eyes": Known(300, 24, 29.5, 18),  # Pz is the reference
        "starstim32_nedf": Known(500, 32, 65.08, 32),
        "neuroelectrics_formats": Known(500, 8, 10.0, 8),
        "enobio20_nic": Known(500, 20, 24.67, 19),
    }
    if folder == "rest_arithmetic":
        return Known(500, 21, 182 if "_1" in name else 62, 19)
    return by_folder[folder]


def easy_of(folder: Path, n: int) -> Path:
    """Write `n` lines of eight channels."""
    (folder / "a.info").write_text(
        "EEG sampling rate: 500\n" + "".join(f"Channel {i}: Ch{i}\n" for i in range(1, 9))
    )
    row = "\t".join(["-18800123"] * 8)
    path = folder / "a.easy"
    path.write_text("".join(f"{row}\t0\t{1774867019766 + 2 * i}\n" for i in range(n)))
    return path


def nedf_of(folder: Path, n: int) -> Path:
    """Write `n` samples of eight channels."""
    montage = "".join(f"<C{i}>Ch{i}</C{i}>" for i in range(8))
    head = (
        "<a><NEDFversion>1.4</NEDFversion><EEGSettings><TotalNumberOfChannels>8"
        f"</TotalNumberOfChannels><NumberOfRecordsOfEEG>{n}</NumberOfRecordsOfEEG>"
        f"<EEGSamplingRate>500</EEGSamplingRate><EEGMontage>{montage}</EEGMontage></EEGSettings>"
        "<NumberOfChannelsOfAccelerometer>0</NumberOfChannelsOfAccelerometer></a>"
    )
    path = folder / "a.nedf"
    path.write_bytes(head.encode().ljust(10_240, b"\0") + bytes(28 * n))
    return path


def xdf_of(folder: Path, n: int) -> Path:
    """Write `n` samples of eight channels."""
    encoder = Encoder()
    info = as_bytes(describe("A", "EEG", 8, 500.0, "float32"))
    pieces = [encoder.start(), encoder.header(1, info, "float32", 8)]
    for at in range(0, n, 500):
        stamps = np.arange(at, at + 500) / 500
        pieces.append(encoder.samples(1, np.ones((500, 8), np.float32), stamps))
    path = folder / "a.xdf"
    path.write_bytes(b"".join(pieces))
    return path


@pytest.mark.parametrize("write", [easy_of, nedf_of, xdf_of])
def test_a_long_recording_takes_little_more_memory_than_its_samples(tmp_path: Path, write) -> None:
    """Eight hours have 14 million samples: while reading, a value may take 15 bytes."""
    peaks = []
    for n in (25_000, 75_000):
        path = write(tmp_path, n)
        tracemalloc.start()
        assert len(read(path).samples) == n
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / (50_000 * 8) < 15


@needs_eeg
@pytest.mark.parametrize(
    "name",
    [
        *(f"rest_arithmetic/Subject{i:02}_{j}.edf" for i in (0, 1, 2, 3, 5) for j in (1, 2)),
        *(f"dsi24_eyes/eyes_{what}.edf" for what in ("open", "closed")),
        "starstim32_nedf/testdata.nedf",
        "neuroelectrics_formats/demo_recording.easy",
        "enobio20_nic/20260330123659_Patient01.easy",
    ],
)
def test_rate_channels_and_duration_are_those_of_the_readme(name: str) -> None:
    """Every file of the folder that the README describes in numbers."""
    found = read(EEG / name)
    expected = known(name)
    assert found.rate == expected.rate
    assert len(found.channels) == found.samples.shape[1] == expected.n_channels
    assert found.kinds.count("scalp") == expected.n_scalp
    assert found.duration == pytest.approx(expected.seconds, abs=0.01)
    assert found.gaps == ()
    assert found.warnings == ()


@needs_eeg
def test_the_seven_enobio_8_recordings() -> None:
    """500 Hz, eight channels without electrodes, 22 to 42 s."""
    files = sorted((EEG / "enobio8_ssvep").glob("*.easy"))
    assert len(files) == 7
    for path in files:
        found = read(path)
        assert (found.rate, found.samples.shape[1]) == (500.0, 8)
        assert 22 <= found.duration <= 42
        assert found.gaps == ()
        assert "trial" not in repr(found)  # the label stands in the user's notes


@needs_eeg
def test_the_muse_tables() -> None:
    """256 Hz by their own times, four electrodes and one more input, and the gap of 700 s."""
    files = sorted((EEG / "muse_states").glob("*.csv"))
    assert len(files) == 13
    for path in files:
        found = read(path)
        assert found.rate == 256.0
        assert found.channels == ("TP9", "AF7", "AF8", "TP10", "Right AUX")
        assert 40 <= found.duration <= 60
        assert max((gap.seconds for gap in found.gaps), default=0.0) == (
            pytest.approx(700, abs=0.1) if path.stem == "subjectb-relaxed-2" else 0.0
        )


@needs_eeg
def test_the_muse_streams() -> None:
    """Seven XDF files of 256 Hz; none has a gap."""
    files = sorted((EEG / "xdf").glob("sub-*.xdf"))
    assert len(files) == 7
    for path in files:
        found = read(path)
        assert found.rate == 256.0
        assert found.measured == pytest.approx(256, rel=0.002)
        assert found.channels[:4] == ("TP9", "AF7", "AF8", "TP10")
        assert len(found.channels) == 5
        assert found.gaps == ()


@needs_eeg
@pytest.mark.parametrize(
    "name", ["enobio20_nic/all_data_with_types.csv", "rest_arithmetic/subject-info.csv"]
)
def test_tables_that_are_no_eeg_are_refused(name: str) -> None:
    """A print-out and a list of people: one sentence with what is missing."""
    with pytest.raises(FormatError, match="has no column of times"):
        read(EEG / name)


# ---------------------------------------------------------------------------------- damaged files

SMALL = {
    ".easy": "enobio8_ssvep/20180404181025_Patient01.easy",
    ".nedf": "starstim32_nedf/testdata.nedf",
    ".edf": "dsi24_eyes/eyes_open.edf",
    ".xdf": "xdf/sub-P031.xdf",
    ".csv": "muse_states/subjecta-relaxed-1.csv",
}
KEPT = 60_000
"""Bytes of a real file that are damaged; what lies behind them is left out."""


def beginning(folder: Path, ending: str) -> tuple[Path, bytes]:
    """Return a place for a damaged file, and the beginning of a real one of that format."""
    source = EEG / SMALL[ending]
    path = folder / f"a{ending}"
    if ending == ".easy":
        shutil.copy(source.with_suffix(".info"), path.with_suffix(".info"))
    return path, source.read_bytes()[:KEPT]


def part_or_sentence(path: Path, whole: Recording | None) -> Recording | None:
    """Read a damaged file: None where it is refused, in one sentence with a remedy."""
    refused: RymError | None = None
    try:
        found = read(path)
    except RymError as error:
        refused = error
    if refused is not None:
        assert refused.remedy
        assert "\n" not in str(refused)
        return None
    assert len(found.samples) * len(found.channels) <= 2 * KEPT
    assert whole is None or len(found.samples) <= len(whole.samples)
    return found


damaged_files = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.fault(20)
@needs_eeg
@pytest.mark.parametrize("ending", sorted(SMALL))
@damaged_files
@given(share=st.floats(0.0, 1.0))
def test_a_file_cut_anywhere_is_shorter_or_refused(
    tmp_path: Path, ending: str, share: float
) -> None:
    """What is read of it are the whole file's first samples."""
    path, data = beginning(tmp_path, ending)
    path.write_bytes(data)
    whole = part_or_sentence(path, None)
    path.write_bytes(data[: round(share * len(data))])
    found = part_or_sentence(path, whole)
    if found is not None:
        assert whole is not None
        assert np.array_equal(found.samples, whole.samples[: len(found.samples)])


@pytest.mark.fault(20)
@needs_eeg
@pytest.mark.parametrize("ending", sorted(SMALL))
@damaged_files
@given(
    flips=st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(0, 255)), min_size=1, max_size=8),
    head=st.booleans(),
)
def test_a_file_with_wrong_bytes_is_read_or_refused(
    tmp_path: Path, ending: str, flips: list[tuple[float, int]], head: bool
) -> None:
    """Anywhere, or in its first 3000 bytes where formats say how much there is to read."""
    path, data = beginning(tmp_path, ending)
    spoiled = bytearray(data)
    for share, value in flips:
        spoiled[round(share * (2999 if head else len(data) - 1))] = value
    path.write_bytes(spoiled)
    part_or_sentence(path, None)


@pytest.fixture(scope="module", autouse=True)
def _memory() -> Iterator[None]:
    """Hold that nothing in this file asks for much memory: the largest file here is 4 MB."""
    resource = pytest.importorskip("resource", reason="memory is not counted here")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000
