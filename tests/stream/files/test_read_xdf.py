"""The EEG of any XDF file, as pyxdf reads it, and of a broken one what is whole."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import pyxdf

from rym.errors import FormatError, RymError, UsageError
from stream.files.reading import read
from stream.files.recording import Event, Recording

EEG = Path(__file__).parents[4] / "shared" / "eeg"
needs_eeg = pytest.mark.skipif(not EEG.exists(), reason=f"no recordings in {EEG}")


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


@pytest.mark.fault(8)
@pytest.mark.fault(20)
@needs_eeg
def test_a_clock_that_was_set_is_told_and_the_gap_is_what_it_lasted() -> None:
    """The stamps fall from 653289 s to 101 s, but only 274 s are missing."""
    found = read(EEG / "xdf" / "clock_resets.xdf")
    assert [gap.sample for gap in found.gaps] == [12876]
    assert found.gaps[0].seconds == pytest.approx(274, abs=1)
    assert "set anew before sample 12876: from 653288.5 s to 100.6 s" in found.warnings[0]
    assert "is said to be 100 Hz, the stamps show 92.88 Hz" in found.warnings[-1]
    assert len(found.events) == 175


@pytest.mark.fault(20)
@needs_eeg
def test_streams_without_samples_are_refused_as_such() -> None:
    """The sentence names every stream with the number of its samples."""
    with pytest.raises(FormatError, match=r"no stream of type EEG with samples.*\(0 samples\)"):
        read(EEG / "xdf" / "empty_streams.xdf")
    with pytest.raises(FormatError, match=r"stream Muse of sub-P003.xdf has no samples"):
        read(EEG / "xdf" / "sub-P003.xdf", stream="PPG")


@needs_eeg
def test_channels_without_names_are_numbered() -> None:
    """And it is said that they are."""
    found = read(EEG / "xdf" / "minimal.xdf")
    assert found.channels == ("Ch1", "Ch2", "Ch3")
    assert "Names for 0 of 3 channels; they are numbered." in found.warnings


def length(n: int) -> bytes:
    """Return XDF's form of a number."""
    return b"\x01" + bytes([n]) if n < 256 else b"\x04" + n.to_bytes(4, "little")


def chunk(tag: int, body: bytes) -> bytes:
    """Return one chunk."""
    return length(len(body) + 2) + tag.to_bytes(2, "little") + body


def header(number: int, **said: object) -> bytes:
    """Return the header of a stream; `desc` is XML."""
    known = {"name": "A", "type": "EEG", "channel_count": 2, "nominal_srate": 100, **said}
    known = {"channel_format": "float32", **known}
    text = "".join(f"<{key}>{value}</{key}>" for key, value in known.items())
    return chunk(2, struct.pack("<I", number) + f"<info>{text}</info>".encode())


def numbers(number: int, values: np.ndarray, stamps: list[float | None]) -> bytes:
    """Return a chunk of samples, some perhaps without a stamp."""
    body = struct.pack("<I", number) + length(len(values))
    for row, stamp in zip(values, stamps, strict=True):
        body += b"\0" if stamp is None else b"\x08" + struct.pack("<d", stamp)
        body += row.tobytes()
    return chunk(3, body)


def words(number: int, texts: list[str], stamps: list[float]) -> bytes:
    """Return a chunk of markers."""
    body = struct.pack("<I", number) + length(len(texts))
    for text, stamp in zip(texts, stamps, strict=True):
        body += b"\x08" + struct.pack("<d", stamp) + length(len(text)) + text.encode()
    return chunk(3, body)


def offset(number: int, t: float, value: float) -> bytes:
    """Return a chunk with a clock offset."""
    return chunk(4, struct.pack("<Idd", number, t, value))


BOUNDARY = chunk(5, bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4"))
FOOTER = "<info><sample_count>{}</sample_count></info>"


def write(path: Path, *chunks: bytes) -> Path:
    """Write a file of chunks."""
    path.write_bytes(b"XDF:" + chunk(1, b"<info><version>1.0</version></info>") + b"".join(chunks))
    return path


def by_pyxdf(path: Path) -> dict[int, dict]:
    """Return the streams of a file as pyxdf reads them, by number."""
    streams, _ = pyxdf.load_xdf(path, synchronize_clocks=False, dejitter_timestamps=False)
    return {stream["info"]["stream_id"]: stream for stream in streams}


def ramp(n: int, dtype: str = "<f4") -> np.ndarray:
    """Return two channels that never repeat."""
    return (np.arange(2 * n).reshape(n, 2) % 100).astype(dtype)


FORMS = {"float32": "<f4", "double64": "<f8", "int8": "<i1", "int16": "<i2", "int32": "<i4"}


@pytest.mark.parametrize("form", [*FORMS, "int64"])
@pytest.mark.parametrize("kept", ["all", "first", "some"])
def test_every_form_as_pyxdf_reads_it(tmp_path: Path, form: str, kept: str) -> None:
    """Every kind of number, every sample with its stamp, or the first one only, or some."""
    dtype = {**FORMS, "int64": "<i8"}[form]
    stamps: list[float | None] = [5 + k / 100 for k in range(10)]
    keep = {"all": range(10), "first": (0,), "some": (0, 4, 7)}[kept]
    stamps = [stamp if k in keep else None for k, stamp in enumerate(stamps)]
    path = write(
        tmp_path / "a.xdf",
        header(7, channel_format=form),
        numbers(7, ramp(10, dtype), stamps),
        numbers(7, ramp(10, dtype), [None] * 10),
    )
    found = read(path)
    expected = by_pyxdf(path)[7]
    assert np.array_equal(found.samples, expected["time_series"].astype("f4"))
    assert found.stamps is not None
    assert np.array_equal(found.stamps, expected["time_stamps"])


@pytest.mark.parametrize(
    ("wanted", "n"),
    [("", 30), ("A", 20), ("accelerometer", 4), ("NIC/EEG", 30), ("nic-2", 30), ("3", 10)],
)
def test_a_stream_is_chosen(tmp_path: Path, wanted: str, n: int) -> None:
    """By name, type, both, source id or number; without a choice the longest EEG."""
    path = write(
        tmp_path / "a.xdf",
        header(1, name="A"),
        header(2, name="NIC", source_id="nic-2"),
        header(3, name="NIC", type="Quality"),
        header(4, name="NIC", type="Accelerometer"),
        header(5, name="A", type="EEG"),
        *(
            numbers(i, ramp(n), [k / 100 for k in range(n)])
            for i, n in [(1, 20), (2, 30), (3, 10), (4, 4)]
        ),
    )
    found = read(path, stream=wanted)
    assert len(found.samples) == n
    assert any("Several EEG streams" in text for text in found.warnings) == (not wanted)


@pytest.mark.parametrize("wanted", ["NIC", "B", "9"])
def test_a_choice_that_fits_none_or_two_is_refused(tmp_path: Path, wanted: str) -> None:
    """The sentence lists what there is."""
    path = write(
        tmp_path / "a.xdf",
        *(header(i, name="NIC", type=what) for i, what in [(1, "EEG"), (2, "Quality")]),
        *(numbers(i, ramp(5), [k / 100 for k in range(5)]) for i in (1, 2)),
    )
    with pytest.raises(UsageError, match=r"there are 1 NIC/EEG \(5 samples\), 2 NIC/Quality"):
        read(path, stream=wanted)


def test_no_other_format_has_streams_to_choose(tmp_path: Path) -> None:
    """An option that would do nothing is refused."""
    (tmp_path / "a.csv").write_text("t,Cz\n0,1\n")
    with pytest.raises(UsageError, match="'NIC' was asked for"):
        read(tmp_path / "a.csv", stream="NIC")


def test_no_nominal_rate_and_bursts(tmp_path: Path) -> None:
    """The rate is measured over the file, breaks left out, and said; a break is a gap."""
    stamps = np.floor(np.arange(1200) / 12) * 12 / 255.9
    stamps[720:] += 4.0
    path = write(
        tmp_path / "a.xdf", header(1, nominal_srate=0), numbers(1, ramp(1200), stamps.tolist())
    )
    found = read(path)
    assert found.rate == 256.0
    assert found.measured == pytest.approx(255.9, rel=0.01)
    assert "No rate is declared" in " ".join(found.warnings)
    assert [gap.sample for gap in found.gaps] == [720]


def test_stamps_that_stand_still_show_no_rate(tmp_path: Path) -> None:
    """Without any rate nothing can be done."""
    path = write(tmp_path / "a.xdf", header(1, nominal_srate=0), numbers(1, ramp(9), [1.0] * 9))
    with pytest.raises(FormatError, match="declares no rate"):
        read(path)


@pytest.mark.parametrize(
    ("unit", "scale"), [("nV", 1e-3), ("V", 1e6), ("microvolts", 1.0), ("mV", 1e3), ("", 1.0)]
)
def test_units_and_both_descriptions(tmp_path: Path, unit: str, scale: float) -> None:
    """The standard's layout and NIC's say names and units; an unknown unit is told."""
    for layout in ("<channels>{}</channels>", "{}"):
        key = "label" if "channels" in layout else "name"
        rows = "".join(
            f"<channel><{key}>{name}</{key}><unit>{unit}</unit></channel>" for name in ("T3", "Cz")
        )
        stamps = [k / 100 for k in range(20)]
        path = write(
            tmp_path / "a.xdf", header(1, desc=layout.format(rows)), numbers(1, ramp(20), stamps)
        )
        found = read(path)
        assert found.channels == ("T7", "Cz")
        assert np.allclose(found.samples, ramp(20) * scale, rtol=1e-6)
        assert any("µV is assumed" in text for text in found.warnings) == (not unit)


def test_the_unit_is_that_of_the_electrodes(tmp_path: Path) -> None:
    """What an auxiliary channel beside them declares says nothing of theirs."""
    rows = "".join(
        f"<channel><label>{name}</label><unit>{unit}</unit></channel>"
        for name, unit in (("Cz", "nanovolts"), ("X", "mm/s^2"))
    )
    stamps = [k / 100 for k in range(20)]
    described = header(1, desc=f"<channels>{rows}</channels>")
    found = read(write(tmp_path / "a.xdf", described, numbers(1, ramp(20), stamps)))
    assert np.allclose(found.samples, ramp(20) / 1000)
    assert not any("Unit" in text for text in found.warnings)


def test_markers_lie_at_their_samples(tmp_path: Path) -> None:
    """Words and codes of other streams, each on its own clock, become events of the EEG."""
    path = write(
        tmp_path / "a.xdf",
        header(1),
        header(2, type="Markers", channel_format="string", channel_count=1),
        header(3, type="Markers", channel_format="int32", channel_count=1),
        offset(1, 10.0, 100.0),
        offset(2, 60.0, 50.0),
        numbers(1, ramp(100), [10 + k / 100 for k in range(100)]),
        words(2, ["rest", "later"], [60.25, 99.0]),
        numbers(3, np.array([[7]], "<i4"), [110.5]),
    )
    assert read(path).events == (Event(25, 0, "rest"), Event(50, 7))


def test_markers_outside_the_eeg_are_counted_and_left_out(tmp_path: Path) -> None:
    """Some come before it was opened and some after its end: none of them is at a sample."""
    path = write(
        tmp_path / "a.xdf",
        header(1),
        header(2, type="Markers", channel_format="string", channel_count=1),
        numbers(1, ramp(100), [10 + k / 100 for k in range(100)]),
        words(2, ["early", "first", "last", "late"], [3.0, 9.995, 10.99, 12.0]),
    )
    found = read(path)
    assert found.events == (Event(0, 0, "first"), Event(99, 0, "last"))
    assert "2 events were left out: 1 before the first sample of the EEG" in found.warnings[-1]


def test_markers_of_a_clock_that_drifts_lie_at_their_samples(tmp_path: Path) -> None:
    """After an hour at 50 ppm the first offset alone would be 180 ms wrong; pyxdf agrees."""
    hour = np.arange(0.0, 3600.0, 5.0)
    stamps = [k / 10 for k in range(36_000)]
    measured = [offset(1, t, 5e-5 * t) for t in hour]
    measured[100] = offset(1, hour[100], 0.4)  # a busy network
    path = write(
        tmp_path / "a.xdf",
        header(1, nominal_srate=10),
        header(2, type="Markers", channel_format="string", channel_count=1),
        *measured,
        *(offset(2, t, 0.0) for t in hour),
        numbers(1, ramp(36_000), stamps),
        words(2, ["early", "late"], [10.0, 3590.0 * (1 + 5e-5) + 0.01]),
    )
    streams, _ = pyxdf.load_xdf(path, dejitter_timestamps=False)
    eeg, marks = sorted(streams, key=lambda stream: stream["info"]["stream_id"])
    at = np.searchsorted(eeg["time_stamps"], marks["time_stamps"])
    assert list(at) == [100, 35_901]
    assert [event.sample for event in read(path).events] == list(at)


@pytest.mark.fault(20)
def test_what_is_whole_of_a_damaged_file_is_read(tmp_path: Path) -> None:
    """Behind a damaged chunk reading goes on at the next boundary, and the loss is told."""
    blocks = [numbers(1, ramp(10), [i + k / 100 for k in range(10)]) for i in range(4)]
    spoiled = bytearray(blocks[1])
    spoiled[1:2] = b"\xff"
    path = write(
        tmp_path / "a.xdf", header(1), blocks[0], bytes(spoiled), blocks[2], BOUNDARY, blocks[3]
    )
    found = read(path)
    assert len(found.samples) == 20
    assert "damaged or cut off in 2 places" in found.warnings[0]
    assert "not closed" in found.warnings[1]


def test_samples_that_a_footer_counts_and_the_file_lacks_are_told(tmp_path: Path) -> None:
    """One more than counted is some recorders' way of counting."""
    for count, told in ((20, True), (10, False), (9, False)):
        foot = chunk(6, struct.pack("<I", 1) + FOOTER.format(count).encode())
        stamps = [k / 100 for k in range(10)]
        found = read(write(tmp_path / "a.xdf", header(1), numbers(1, ramp(10), stamps), foot))
        assert ("A has 10 samples, its footer counts 20." in found.warnings) == told


@pytest.mark.fault(20)
@pytest.mark.parametrize("claim", [b"\x04\xff\xff\xff\x7f", b"\x08" + b"\xff" * 7 + b"\x7f"])
@pytest.mark.parametrize("form", ["float32", "string"])
def test_a_claim_of_many_samples_asks_for_no_memory(
    tmp_path: Path, claim: bytes, form: str
) -> None:
    """A chunk cannot hold more samples than bytes, whatever it says."""
    path = write(
        tmp_path / "a.xdf",
        header(1),
        header(2, channel_format=form, type="Markers"),
        chunk(3, struct.pack("<I", 2) + claim + bytes(50)),
        numbers(1, ramp(10), [k / 100 for k in range(10)]),
    )
    found = read(path)
    assert len(found.samples) == 10
    assert "more samples than bytes" in found.warnings[0]


@pytest.mark.fault(20)
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
