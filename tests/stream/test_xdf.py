"""What arrives is at rest exactly, readable by others, and safe against a torn end."""

import itertools
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import pyxdf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rym.clock import ManualClock
from rym.errors import DeviceError, FormatError
from rym.messages import ClockOffset
from stream.checks import Declared, Signal
from stream.items import Chunk, Item
from stream.line import StreamLine
from stream.montage import ENOBIO20
from stream.settings import StreamSettings
from stream.xdf import SAMPLES, XdfWriter, read_stream, replay_file

DECLARED = Declared("NIC", "nic-1", "uid-1", "the-host", 500.0, 20, (), ())
SIGNAL = Signal(ENOBIO20, 500.0, "nV", 1e-3)


def offset(value: float, first: int) -> ClockOffset:
    """Return an offset that holds from sample `first` on."""
    return ClockOffset(stream="uid-1", offset=value, uncertainty=1e-4, from_sample=first)


@pytest.fixture
def items(cap) -> list[Item]:
    """Return twelve seconds as they might have arrived: offsets, uneven chunks, a gap, backlog."""
    signal = cap(6000, 20)
    stamps = 50 + np.arange(6000) / 500
    stamps[3000:] += 2.0
    cuts = [0, 1, 8, 300, 557, 558, 1000, 3000, 3400, 5999, 6000]
    parts: list[Item] = [
        Chunk(signal[a:b], stamps[a:b], late=a in (3000, 558)) for a, b in itertools.pairwise(cuts)
    ]
    parts.insert(0, offset(-3.25, 0))
    parts.insert(4, offset(-3.2501, 300))
    return parts


def write(path: Path, items: Sequence[Item], close: bool = True) -> Path:
    """Record items."""
    clock = ManualClock(47.0)
    writer = XdfWriter(path, DECLARED, SIGNAL, clock)
    for item in items:
        writer.write(item)
        clock.advance(0.1)
    if close:
        writer.close()
    return path


def assert_same(found: Sequence[Item], expected: Sequence[Item]) -> None:
    """Compare items to the bit; an offset's uncertainty is not in the file."""
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        if isinstance(b, ClockOffset):
            assert isinstance(a, ClockOffset)
            assert (a.stream, a.offset, a.from_sample) == (b.stream, b.offset, b.from_sample)
        else:
            assert isinstance(a, Chunk)
            assert a.samples.tobytes() == b.samples.tobytes()
            assert a.stamps.tobytes() == b.stamps.tobytes()
            assert a.late == b.late


def by_pyxdf(path: Path) -> list[dict]:
    """Read a file with the reference reader, as it is."""
    streams, _ = pyxdf.load_xdf(
        str(path), dejitter_timestamps=False, synchronize_clocks=False, verbose=False
    )
    return streams


def test_what_was_written_comes_back(tmp_path: Path, items: list[Item]) -> None:
    """Chunks, stamps, marks and offsets, in their order, to the bit."""
    recording = read_stream(write(tmp_path / "eeg.xdf", items))
    assert_same(list(recording.items()), items)
    assert (recording.channels, recording.rate) == (ENOBIO20, 500.0)
    assert (recording.name, recording.source_id, recording.uid) == ("NIC", "nic-1", "uid-1")
    assert (recording.lost, recording.complete) == (0, True)


def test_pyxdf_reads_the_same(tmp_path: Path, items: list[Item]) -> None:
    """The reference reader finds the same arrays, labels, units, offsets and footer."""
    streams = by_pyxdf(write(tmp_path / "eeg.xdf", items))
    eeg, late = sorted(streams, key=lambda stream: stream["info"]["type"])
    chunks = [item for item in items if isinstance(item, Chunk)]
    assert np.array_equal(eeg["time_series"], np.concatenate([c.samples for c in chunks]))
    assert np.array_equal(eeg["time_stamps"], np.concatenate([c.stamps for c in chunks]))
    assert eeg["time_series"].dtype == np.float32
    channels = eeg["info"]["desc"][0]["channels"][0]["channel"]
    assert tuple(channel["label"][0] for channel in channels) == ENOBIO20
    assert {channel["unit"][0] for channel in channels} == {"microvolts"}
    assert [channel["type"][0] for channel in channels] == ["EEG"] * 19 + ["AUX"]
    footer = eeg["footer"]["info"]
    assert footer["sample_count"] == ["6000"]
    # Both breaks of 0 and 2 s included: what the stamps of the file themselves say.
    span = chunks[-1].stamps[-1] - chunks[0].stamps[0]
    assert float(footer["measured_srate"][0]) == pytest.approx(5999 / span)
    offsets = footer["clock_offsets"][0]["offset"]
    assert [float(o["value"][0]) for o in offsets] == [-3.25, -3.2501]
    assert [float(o["time"][0]) for o in offsets] == pytest.approx([50.25, 50.6501])
    assert [row[0] for row in late["time_series"]] == ["late 442", "late 400"]


def test_pyxdf_applies_the_offsets(tmp_path: Path, cap) -> None:
    """With its own clock synchronisation the reference reader gets rig time from our offsets."""
    stamps = 50 + np.arange(500) / 500
    path = write(tmp_path / "eeg.xdf", [offset(2.5, 0), Chunk(cap(500, 20), stamps)])
    (stream,), _ = pyxdf.load_xdf(str(path), dejitter_timestamps=False, verbose=False)
    assert stream["time_stamps"] == pytest.approx(stamps + 2.5)


def test_no_second_stream_without_need(tmp_path: Path, cap) -> None:
    """A file without backlog holds the EEG and nothing else, and no name of a host."""
    path = write(tmp_path / "eeg.xdf", [Chunk(cap(500, 20), np.arange(500) / 500)])
    assert [stream["info"]["type"] for stream in by_pyxdf(path)] == [["EEG"]]
    assert b"the-host" not in path.read_bytes()


def test_replay_finds_the_same_windows(tmp_path: Path, items: list[Item]) -> None:
    """The file alone gives the windows that were made while it was written."""
    settings = StreamSettings()
    line = StreamLine(settings, ENOBIO20, 500.0)
    expected = [pair for item in items for pair in line.feed(item)]
    found = list(replay_file(write(tmp_path / "eeg.xdf", items), settings))
    assert len(expected) == len(found) > 10
    assert {window.segment for window, _ in found} == {0, 1, 2}
    for (a, qa), (b, qb) in zip(found, expected, strict=True):
        assert (a.segment, a.first_sample, a.n_new, a.t_first) == (
            *(b.segment, b.first_sample, b.n_new),
            b.t_first,
        )
        assert a.samples.tobytes() == b.samples.tobytes()
        assert (a.bad, a.valid, qa) == (b.bad, b.valid, qb)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> tuple[Path, bytes, list[Item]]:
    """Return a small recording, its bytes, and its items."""
    rng = np.random.default_rng(0)
    parts: list[Item] = [offset(0.5, 0)]
    for k in range(12):
        samples = rng.normal(size=(3 + 40 * (k % 3), 20)).astype(np.float32)
        parts.append(Chunk(samples, k + np.arange(len(samples)) / 500, late=k == 4))
    folder = tmp_path_factory.mktemp("torn")
    path = write(folder / "eeg.xdf", parts)
    return folder, path.read_bytes(), parts


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_torn_end_costs_the_last_chunk_only(small, data) -> None:
    """Cut at any byte behind the header, every chunk that is whole is found."""
    folder, whole, items = small
    header = whole.index(b"</info>", whole.index(b"<desc>")) + len(b"</info>")
    cut = data.draw(st.integers(header, len(whole)))
    path = folder / "torn.xdf"
    path.write_bytes(whole[:cut])
    recording = read_stream(path)
    found = list(recording.items())
    assert_same(found, items[: len(found)])
    assert recording.lost < 83 * 89 + 30
    missing = sum(len(i.samples) for i in items[len(found) :] if isinstance(i, Chunk))
    assert missing * 89 <= len(whole) - cut + recording.lost
    # The reference reader gives up on any torn chunk but one of samples; of that one it may return
    # a part, filled up with zeros.
    border = cut - recording.lost
    tag = whole[border + 1 + whole[border]] if recording.lost > 6 else SAMPLES
    if tag == SAMPLES and (recording.lost == 0 or recording.lost > 6):
        stamps = [np.empty(0), *(item.stamps for item in found if isinstance(item, Chunk))]
        expected = np.concatenate(stamps)
        (eeg,) = [stream for stream in by_pyxdf(path) if stream["info"]["type"] == ["EEG"]]
        assert np.array_equal(eeg["time_stamps"][: len(expected)], expected)


def test_a_boundary_stands_every_ten_seconds(tmp_path: Path, cap) -> None:
    """A damaged file can be entered again: 35 s hold three boundaries."""
    signal = cap(500, 20)
    chunks = [Chunk(signal, k + np.arange(500) / 500) for k in range(35)]
    data = write(tmp_path / "eeg.xdf", chunks).read_bytes()
    boundary = bytes.fromhex("43A546DCCBF5410FB30ED5467383CBE4")
    assert data.count(struct.pack("<BBH", 1, 18, 5) + boundary) == 3


def test_nothing_waits_in_memory(tmp_path: Path, items: list[Item]) -> None:
    """What was handed over is in the file at once, without closing."""
    recording = read_stream(write(tmp_path / "eeg.xdf", items, close=False))
    assert_same(list(recording.items()), items)
    assert (recording.lost, recording.complete) == (0, False)


def test_an_existing_file_is_not_touched(tmp_path: Path) -> None:
    """A second recording of the same name is refused."""
    path = tmp_path / "eeg.xdf"
    path.write_bytes(b"precious")
    with pytest.raises(DeviceError, match=r"eeg\.xdf cannot be written: File exists"):
        XdfWriter(path, DECLARED, SIGNAL, ManualClock())
    assert path.read_bytes() == b"precious"


def test_a_full_disk_is_said(cap) -> None:
    """What the system refuses to write ends with a sentence that names file and remedy."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    writer = XdfWriter.__new__(XdfWriter)
    writer.path = full
    with full.open("r+b", buffering=0) as file:
        writer._file = file
        with pytest.raises(DeviceError, match="No space left on device"):
            writer._put(b"some bytes")


@pytest.mark.parametrize("data", [b"", b"XDF", b"XDF:", b"<xml/>", b"XDF:\x01\x05\x01\x00abc"])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    """An empty file, another format, and a file without a stream: one sentence each."""
    path = tmp_path / "other.xdf"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"other\.xdf"):
        read_stream(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """There is no such file: said so."""
    with pytest.raises(FormatError, match="There is no"):
        read_stream(tmp_path / "none.xdf")


def test_the_public_example_is_read_as_no_recording_of_ours(eeg: Path) -> None:
    """Files of other recorders are left to the reader of recordings."""
    with pytest.raises(FormatError, match="no EEG stream that RYM recorded"):
        read_stream(eeg / "xdf" / "minimal.xdf")
