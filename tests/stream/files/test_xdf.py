"""What arrives is at rest exactly, readable by others, and safe against a torn end."""

import itertools
import math
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import pyxdf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rym.clock import ManualClock
from rym.errors import FormatError
from rym.messages import ClockOffset
from stream.checks import Declared, Signal
from stream.files.recorder import count_samples
from stream.files.xdf import ItemEncoder, read_stream, replay_file
from stream.files.xdf_format import SAMPLES, Encoder, chunk, describe
from stream.files.xdf_format import as_bytes as described
from stream.items import Chunk, Item, Side
from stream.line import StreamLine
from stream.montage import ENOBIO20
from stream.settings import StreamSettings

DECLARED = Declared("NIC", "nic-1", "uid-1", "the-host", 500.0, 20, (), ())
SIGNAL = Signal(ENOBIO20, 500.0, "nV", 1e-3)


OLD = Path(__file__).parent / "eeg-without-sides.xdf"


def offset(value: float, first: int) -> ClockOffset:
    """Return an offset that holds from sample `first` on, as sure as it is far."""
    return ClockOffset(stream="uid-1", offset=value, uncertainty=1e-4 + value**2, from_sample=first)


def sides(t: float) -> list[Item]:
    """Return what the device's other streams said around time `t`."""
    rng = np.random.default_rng(round(t * 1000))
    motion, index = rng.normal(size=(7, 3)), rng.uniform(size=(1, 20))
    return [
        Side("accelerometer", motion.astype(np.float32), t + np.arange(7) / 100),
        Side("quality", index.astype(np.float32), np.array([t + 0.01])),
        Side("markers", np.float32([[3], [7]]), np.array([t, t + 0.001])),
    ]


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
    parts[6:6] = sides(51.5)
    parts[2:2] = sides(50.1)
    return parts


def write(path: Path, items: Sequence[Item], close: bool = True) -> Path:
    """Record items."""
    clock = ManualClock(47.0)
    encoder = ItemEncoder(DECLARED, SIGNAL, clock)
    pieces = [encoder.start()]
    for item in items:
        pieces.append(encoder.encode(item))
        clock.advance(0.1)
    path.write_bytes(b"".join(pieces) + (encoder.end() if close else b""))
    return path


def assert_same(found: Sequence[Item], expected: Sequence[Item]) -> None:
    """Compare items to the bit."""
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert type(a) is type(b)
        if isinstance(b, ClockOffset):
            assert a == b
        else:
            assert a.samples.shape == b.samples.shape
            assert a.samples.tobytes() == b.samples.tobytes()
            assert a.stamps.tobytes() == b.stamps.tobytes()
            key = "kind" if isinstance(b, Side) else "late"
            assert getattr(a, key) == getattr(b, key)


def by_pyxdf(path: Path, synchronize: bool = False) -> dict[str, dict]:
    """Read a file with the reference reader, as it is; return its streams by their types."""
    streams, _ = pyxdf.load_xdf(
        str(path), dejitter_timestamps=False, synchronize_clocks=synchronize, verbose=False
    )
    found = {stream["info"]["type"][0]: stream for stream in streams}
    names = [stream["info"]["name"][0] for stream in streams]
    if "rym-late" in names and "markers" in names:
        found["late"] = streams[names.index("rym-late")]
        found["Markers"] = streams[names.index("markers")]
    return found


def test_what_was_written_comes_back(tmp_path: Path, items: list[Item]) -> None:
    """Chunks, sides, marks and offsets with their uncertainty, in their order, to the bit."""
    recording = read_stream(write(tmp_path / "eeg.xdf", items))
    assert_same(list(recording.items()), items)
    assert (recording.channels, recording.rate) == (ENOBIO20, 500.0)
    assert (recording.name, recording.source_id, recording.uid) == ("NIC", "nic-1", "uid-1")
    assert (recording.lost, recording.complete) == (0, True)


def test_pyxdf_reads_the_same(tmp_path: Path, items: list[Item]) -> None:
    """The reference reader finds the same arrays, labels, units, offsets and footer."""
    streams = by_pyxdf(write(tmp_path / "eeg.xdf", items))
    eeg, late = streams["EEG"], streams["late"]
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
    assert [float(o["time"][0]) for o in offsets] == pytest.approx([50.25, 50.9501])
    assert [row[0] for row in late["time_series"]] == ["late 442", "late 400"]
    assert streams["Clock"]["time_series"][:, 0].tolist() == [1e-4 + v**2 for v in (-3.25, -3.2501)]


def test_pyxdf_reads_the_other_streams(tmp_path: Path, items: list[Item]) -> None:
    """Acceleration, NIC's quality and triggers are streams of their own, with labels and units."""
    streams = by_pyxdf(write(tmp_path / "eeg.xdf", items))
    for kind in ("accelerometer", "quality", "markers"):
        said = [item for item in items if isinstance(item, Side) and item.kind == kind]
        found = streams[kind.capitalize()]
        assert np.array_equal(found["time_series"], np.concatenate([s.samples for s in said]))
        assert np.array_equal(found["time_stamps"], np.concatenate([s.stamps for s in said]))
        assert found["info"]["name"] == [kind]
        assert found["footer"]["info"]["sample_count"] == [str(len(found["time_stamps"]))]
    channels = streams["Accelerometer"]["info"]["desc"][0]["channels"][0]["channel"]
    assert [(c["label"], c["unit"]) for c in channels] == [([a], ["mm/s^2"]) for a in "XYZ"]
    channels = streams["Quality"]["info"]["desc"][0]["channels"][0]["channel"]
    assert [c["label"][0] for c in channels] == list(ENOBIO20)


def test_pyxdf_lays_all_streams_on_one_clock(tmp_path: Path, cap) -> None:
    """A trigger and the sample that it belongs to still agree once clocks are synchronised.

    Also where the trigger's stream came only after the offset was measured, or before it.
    """
    stamps = 50 + np.arange(500) / 500
    trigger = Side("markers", np.float32([[1]]), stamps[250:251])
    motion = Side("accelerometer", np.float32([[1, 2, 3]]), stamps[:1])
    first = [motion, offset(2.5, 0), Chunk(cap(500, 20), stamps), trigger]
    streams = by_pyxdf(write(tmp_path / "eeg.xdf", first), synchronize=True)
    assert streams["EEG"]["time_stamps"] == pytest.approx(stamps + 2.5)
    assert streams["Markers"]["time_stamps"] == pytest.approx(stamps[250:251] + 2.5)
    assert streams["Accelerometer"]["time_stamps"] == pytest.approx(stamps[:1] + 2.5)


def test_a_recording_made_before_sides_were_kept(tmp_path: Path) -> None:
    """It comes back as it always did; what it does not hold is said to be unknown."""
    stamps = 50 + np.arange(12) / 500
    values = np.arange(24, dtype=np.float32).reshape(12, 2)

    def unsure(value: float, first: int) -> ClockOffset:
        return ClockOffset(stream="uid-1", offset=value, uncertainty=math.inf, from_sample=first)

    expected = [
        unsure(-3.25, 0),
        Chunk(values[:5], stamps[:5]),
        unsure(-3.2501, 5),
        Chunk(values[5:9], stamps[5:9], late=True),
        Chunk(values[9:], stamps[9:]),
    ]
    recording = read_stream(OLD)
    assert_same(list(recording.items()), expected)
    assert (recording.channels, recording.complete) == (("Fz", "Pz"), True)


def test_samples_that_are_missing_leave_their_place(tmp_path: Path, cap) -> None:
    """Offsets and sample numbers behind a hole in the file are what they were."""
    encoder = ItemEncoder(DECLARED, SIGNAL, ManualClock(47.0))
    signal, stamps = cap(30, 20), 50 + np.arange(30) / 500
    before, after = Chunk(signal[:10], stamps[:10]), Chunk(signal[25:], stamps[25:])
    pieces = [encoder.start(), encoder.encode(before), encoder.skip(15)]
    pieces += [encoder.encode(offset(1.0, 25)), encoder.encode(after), encoder.end()]
    path = tmp_path / "eeg.xdf"
    path.write_bytes(b"".join(pieces))
    a, hole, o, b = read_stream(path).items()
    assert isinstance(hole, Chunk)
    assert (hole.samples.shape, hole.late) == ((15, 20), True)
    assert np.isnan(hole.samples).all()
    assert np.isnan(hole.stamps).all()
    assert_same([a, o, b], [before, offset(1.0, 25), after])
    assert np.array_equal(by_pyxdf(path)["EEG"]["time_series"], np.delete(signal, range(10, 25), 0))


FORMS = {
    "float32": np.float32([[1.5, -2], [3e38, 4]]),
    "double64": np.array([[1e300, -1.0], [math.pi, 0]]),
    "int8": np.int8([[-128, 127], [0, 1]]),
    "int16": np.int16([[-32768, 32767], [0, 1]]),
    "int32": np.int32([[-(2**31), 2**31 - 1], [0, 1]]),
    "int64": np.int64([[-(2**63), 2**63 - 1], [0, 1]]),
    "string": [["a", "ü→x"], ["", "long " * 100]],
}


def test_every_form_of_samples(tmp_path: Path) -> None:
    """Numbers of every width and text come back from the reference reader as they were."""
    encoder = Encoder()
    stamps = np.array([1.25, 7.5])
    pieces = [encoder.start()]
    for stream, (form, values) in enumerate(FORMS.items(), 1):
        info = described(describe(form, form, 2, 0.0, form))
        pieces += [encoder.header(stream, info, form, 2), encoder.samples(stream, values, stamps)]
        pieces += [encoder.offset(stream, 1.0, 0.5), encoder.boundary()]
    path = tmp_path / "all.xdf"
    path.write_bytes(b"".join([*pieces, encoder.end()]))
    found = by_pyxdf(path)
    for form, values in FORMS.items():
        stream = found[form]
        assert np.array_equal(stream["time_stamps"], stamps)
        assert stream["footer"]["info"]["sample_count"] == ["2"]
        if form == "string":
            assert stream["time_series"] == values
        else:
            assert np.array_equal(stream["time_series"], values)
            assert stream["time_series"].dtype == values.dtype


def test_a_form_that_xdf_does_not_know_is_refused() -> None:
    """The sentence names what there is."""
    with pytest.raises(FormatError, match=r"form 'float16'.*float32"):
        Encoder().header(1, b"<info/>", "float16", 1)


def test_no_second_stream_without_need(tmp_path: Path, cap) -> None:
    """A file without backlog holds the EEG and nothing else, and no name of a host."""
    path = write(tmp_path / "eeg.xdf", [Chunk(cap(500, 20), np.arange(500) / 500)])
    assert list(by_pyxdf(path)) == ["EEG"]
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
        parts += sides(k)[k % 3 : k % 3 + 1]
    folder = tmp_path_factory.mktemp("torn")
    path = write(folder / "eeg.xdf", parts)
    return folder, path.read_bytes(), parts


@pytest.mark.fault(20)
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
        eeg = by_pyxdf(path)["EEG"]
        assert np.array_equal(eeg["time_stamps"][: len(expected)], expected)


@pytest.mark.parametrize("content", [b"", b"\x07abcdefg", b"\x01\x05" + bytes(20)])
def test_a_damaged_chunk_ends_a_replay_with_one_sentence(
    tmp_path: Path, items: list[Item], content: bytes
) -> None:
    """A chunk that is whole by its length and senseless within: the file is named."""
    path = write(tmp_path / "eeg.xdf", items, close=False)
    with path.open("ab") as file:
        file.write(chunk(SAMPLES, struct.pack("<I", 1), content))
    with pytest.raises(FormatError, match=r"eeg\.xdf cannot be read"):
        list(read_stream(path).items())
    if content[:1] != b"\x01":
        with pytest.raises(FormatError, match=r"eeg\.xdf cannot be read"):
            count_samples(path)


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        (b"<nominal_srate>5", b"<nominal_srate>x"),
        (b"<nominal_srate>500.0", b"<nominal_srate>000.0"),
        (b"<name>", b"<nome>"),
        (b"<label>", b"<labil>"),
        (b"<name>", b"<na\xffe>"),
    ],
)
def test_a_damaged_header_is_refused_with_one_sentence(
    tmp_path: Path, items: list[Item], there: bytes, instead: bytes
) -> None:
    """No number, no rate, broken XML: the file is named."""
    path = write(tmp_path / "eeg.xdf", items)
    path.write_bytes(path.read_bytes().replace(there, instead, 1))
    with pytest.raises(FormatError, match=r"eeg\.xdf cannot be read"):
        list(read_stream(path).items())


def test_a_boundary_stands_every_ten_seconds(tmp_path: Path, cap) -> None:
    """A damaged file can be entered again: 35 s hold three boundaries."""
    signal = cap(500, 20)
    chunks = [Chunk(signal, k + np.arange(500) / 500) for k in range(35)]
    data = write(tmp_path / "eeg.xdf", chunks).read_bytes()
    boundary = bytes.fromhex("43A546DCCBF5410FB30ED5467383CBE4")
    assert data.count(struct.pack("<BBH", 1, 18, 5) + boundary) == 3


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
