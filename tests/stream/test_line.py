"""The whole line gives the same windows whatever the chunks, and its parts fit together."""

from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rym.errors import UsageError
from rym.messages import ClockOffset, Quality, Window
from stream.items import Chunk, Side, split_late
from stream.line import StreamLine
from stream.montage import ENOBIO20
from stream.settings import ConditioningSettings, StreamSettings
from stream.signal.filters import Conditioner

SETTINGS = StreamSettings()
AS_RECORDED = StreamSettings(conditioning=ConditioningSettings(high_pass=0.0, line=0))
EVERYTHING = StreamSettings(
    conditioning=ConditioningSettings(
        low_pass=45.0, reference="average", interpolate=0.2, asr=10.0, asr_seconds=20.0
    )
)


def content(pair: tuple[Window, Quality]) -> bytes:
    """Return everything that a window and its quality say."""
    fields = [part.samples.tobytes() if isinstance(part, Window) else b"" for part in pair]
    head = msgspec.json.encode(pair, enc_hook=lambda array: array.shape)
    return head + b"".join(fields)


@pytest.mark.fault(18)
@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([1, 7, 125, 500, 501]), max_size=40),
    gaps=st.lists(st.integers(1, 2999), max_size=2),
    rate=st.sampled_from([250.0, 500.0]),
    jitter=st.sampled_from([0.0, 0.003]),
)
def test_chunks_do_not_matter(
    cap, sizes: list[int], gaps: list[int], rate: float, jitter: float
) -> None:
    """Any split gives the same windows and the same quality, to the bit."""
    signal = cap(3000, 20)
    signal[:, 3] = signal[:, 4]
    rng = np.random.default_rng(1)
    stamps = 100 + np.arange(3000) / rate + np.repeat(rng.normal(0, jitter, 375), 8)
    for loss in (745, 1503, 2000):
        stamps[loss:] += 4 / rate
    for gap in gaps:
        stamps[gap:] += 1.5
    offsets = [
        ClockOffset(stream="s", offset=0.1, uncertainty=1e-4, from_sample=0),
        ClockOffset(stream="s", offset=0.1004, uncertainty=1e-4, from_sample=1234),
    ]
    whole = StreamLine(SETTINGS, ENOBIO20, rate)
    split = StreamLine(SETTINGS, ENOBIO20, rate)
    for offset in offsets:
        whole.offset(offset)
    expected = list(map(content, whole.push(signal, stamps)))
    found: list[bytes] = []
    at = 0
    for size in [*sizes, len(signal)]:
        for offset in offsets:
            if at <= offset.from_sample < at + size:
                assert list(split.feed(offset)) == []
        chunk = Chunk(signal[at : at + size], stamps[at : at + size])
        found += map(content, split.feed(chunk))
        at += size
    assert found == expected


@pytest.mark.fault(18)
@settings(max_examples=6, deadline=None)
@given(sizes=st.lists(st.sampled_from([1, 13, 125, 700]), max_size=60), gap=st.integers(1, 12999))
def test_chunks_do_not_matter_with_everything_on(cap, sizes: list[int], gap: int) -> None:
    """Average reference, splines, reconstruction that learns midway, acceleration: any split."""
    signal = cap(13000, 20)
    signal[6000:6200] *= 30
    signal[:, 3] = 0
    stamps = 100 + np.arange(13000) / 500
    stamps[gap:] += 1.5
    motion = Side("accelerometer", np.full((40, 3), 9.0, np.float32), np.arange(40) / 100)
    found: list[list[bytes]] = []
    for cuts in ([], sizes):
        line, said, at = StreamLine(EVERYTHING, ENOBIO20, 500.0), [], 0
        for size in [*cuts, len(signal)]:
            for part in (slice(at, min(at + size, 5000)), slice(max(at, 5000), at + size)):
                if part.start == 5000:
                    assert list(line.feed(motion)) == []
                said += map(content, line.feed(Chunk(signal[part], stamps[part])))
            at += size
        found.append(said)
    assert found[0] == found[1]
    assert len(found[0]) > 80


@pytest.mark.fault(8)
@pytest.mark.parametrize("size", [1, 40, 125, 3000])
def test_a_time_that_is_rough_is_told(cap, size: int) -> None:
    """With the first window that ends behind such an offset, until another offset holds."""
    line, signal, stamps = StreamLine(SETTINGS, ENOBIO20, 500.0), cap(3000, 20), np.arange(3000)
    rough = ((0, 1e-4), (1130, 0.2), (2260, 1e-4))
    offsets = [ClockOffset(stream="s", offset=0.0, uncertainty=u, from_sample=n) for n, u in rough]
    found: list[int] = []
    for at in range(0, 3000, size):
        for offset in offsets:
            if at <= offset.from_sample < at + size:
                line.offset(offset)
        pairs = line.push(signal[at : at + size], stamps[at : at + size] / 500)
        found += [w.first_sample + 500 for w, q in pairs if "time uncertain" in q.hints]
    assert found == list(range(1250, 2251, 125))


def test_windows_carry_the_signal_behind_the_filters(cap) -> None:
    """What windows hold is the conditioned signal of their segment, and they name the filters."""
    signal = cap(3000, 20)
    stamps = np.arange(3000) / 500
    stamps[1700:] += 2
    line = StreamLine(SETTINGS, ENOBIO20, 500.0)
    parts = [
        Conditioner(SETTINGS.conditioning, 500.0, 20).push(part)
        for part in (signal[:1700], signal[1700:])
    ]
    whole = np.concatenate(parts).astype(np.float32)
    pairs = line.push(signal, stamps)
    assert {window.segment for window, _ in pairs} == {0, 1}
    for window, _ in pairs:
        first = window.first_sample
        assert np.array_equal(window.samples, whole[first : first + 500])
        assert window.conditioning == "hp 0.5 Hz/2, notch 50 Hz/2, ref recorded"


def test_bad_channels_are_filled_and_left_out_of_the_average(cap) -> None:
    """Two flat channels are named, filled from their neighbours, and not part of the reference."""
    signal = cap(1500, 20)
    signal[:, [2, 9]] = 0
    on = ConditioningSettings(reference="average", interpolate=0.2, high_pass=0.0, line=0)
    ((window, _), *_) = StreamLine(StreamSettings(conditioning=on), ENOBIO20, 500.0).push(
        signal, np.arange(1500) / 500
    )
    assert window.bad == window.interpolated == ("Cz", "F8")
    assert window.untrusted == ()
    scalp = window.samples[:, :19].astype(np.float64)
    assert np.abs(scalp.mean(axis=1)).max() < 1e-2  # float32 of some 20 mV
    masked = StreamSettings(conditioning=ConditioningSettings(reference="average"))
    ((window, _), *_) = StreamLine(masked, ENOBIO20, 500.0).push(signal, np.arange(1500) / 500)
    assert (window.bad, window.interpolated) == (("Cz", "F8"), ())
    good = [i for i in range(19) if i not in (2, 9)]
    assert np.abs(window.samples[:, good].mean(axis=1)).max() < 1e-3


def test_without_a_good_reference_no_window_is_valid(cap) -> None:
    """A named reference that is flat says so; with another it is valid."""
    signal = cap(1500, 20)
    signal[:, 2] = 0
    for name, valid in (("Cz", False), ("Pz", True)):
        on = StreamSettings(conditioning=ConditioningSettings(reference=name))
        pairs = StreamLine(on, ENOBIO20, 500.0).push(signal, np.arange(1500) / 500)
        assert {window.valid for window, _ in pairs} == {valid}
        assert all(("no good reference" in w.reason) is not valid for w, _ in pairs)


def test_reconstruction_delays_samples_and_says_so(cap) -> None:
    """With it on, counters and times are still those of the samples that a window holds."""
    signal = cap(14000, 20)
    signal[12000:12100, 2:] *= 40  # two are left: where all are bad, a segment would begin
    stamps = 50 + np.arange(14000) / 500
    plain = msgspec.structs.replace(
        EVERYTHING, conditioning=msgspec.structs.replace(EVERYTHING.conditioning, asr=0.0)
    )
    with_, without = (
        StreamLine(chosen, ENOBIO20, 500.0).push(signal, stamps) for chosen in (EVERYTHING, plain)
    )
    assert 0 < len(without) - len(with_) <= 2  # the last ones have not come out yet
    late = {w.first_sample: (w, q) for w, q in without}
    for window, quality in with_:
        other, _ = late[window.first_sample]
        assert window.t_first == pytest.approx(other.t_first, abs=1e-6)
        assert quality.t == window.t_last
        if window.first_sample < 4000:
            assert np.array_equal(window.samples, other.samples)
            assert quality.removed is None
    touched = [q.removed for w, q in with_ if w.first_sample in range(11600, 12000)]
    assert all(share is not None and share > 0.1 for share in touched)
    assert all(q.removed is None for _, q in without)


@pytest.mark.parametrize("asr", [0.0, 20.0])
@pytest.mark.parametrize("what", ["another unit", "no numbers", "rail"])
def test_filters_begin_anew_when_no_channel_could_be_used(cap, what: str, asr: float) -> None:
    """Behind three bad seconds the first good window ends within 1.5 s, whatever the chunks."""
    signal = cap(6000, 20)
    bad = slice(2007, 3507)
    signal[bad] = {
        "another unit": signal[bad] * 1e6,
        "no numbers": np.full((1500, 20), np.nan, np.float32),
        "rail": 400_000 + 0.0 * signal[bad],
    }[what]
    stamps = np.arange(6000) / 500
    on = StreamSettings(conditioning=ConditioningSettings(asr=asr))
    whole = StreamLine(on, ENOBIO20, 500.0)
    pairs = whole.push(signal, stamps)
    split = StreamLine(on, ENOBIO20, 500.0)
    found = [
        content(pair)
        for at in range(0, 6000, 37)
        for pair in split.push(signal[at : at + 37], stamps[at : at + 37])
    ]
    assert found == list(map(content, pairs))
    good = [w for w, _ in pairs if w.valid and w.first_sample > 2007]
    delay = whole.conditioning.n_delay
    assert good[0].first_sample + 500 <= 3507 + 750 + delay
    assert good[0].bad == ()
    assert good[0].n_new == 500
    assert [b.first_sample - a.first_sample for a, b in pairwise(good)] == [125] * (len(good) - 1)
    for window in good:
        assert window.t_last == pytest.approx((window.first_sample + 499) / 500, abs=1e-6)
    assert (whole.clock.gaps, whole.clock.dropped) == (0, 0)
    assert len({window.segment for window, _ in pairs}) <= 3


def test_what_the_device_says_of_itself_is_heard(cap) -> None:
    """NIC's quality index makes a channel bad, and its accelerometer a window with motion."""
    signal, stamps = cap(2000, 20), np.arange(2000) / 500
    index = np.zeros((1, 20), np.float32)
    index[0, [1, 4]] = 1.0
    rng = np.random.default_rng(3)
    shaken = rng.normal(0, 5000, (100, 3)).astype(np.float32)
    line = StreamLine(SETTINGS, ENOBIO20, 500.0)
    before = list(line.feed(Chunk(signal[:1000], stamps[:1000])))
    for side in (Side("quality", index, np.zeros(1)), Side("accelerometer", shaken, np.zeros(100))):
        assert list(line.feed(side)) == []
    after = list(line.feed(Chunk(signal[1000:], stamps[1000:])))
    assert all(w.bad == () and q.artifacts == () for w, q in before)
    assert all({"P4", "P3"} <= set(w.bad) for w, _ in after)
    assert "motion" in after[0][1].artifacts


@pytest.mark.parametrize("size", [8000, 77])
def test_an_index_that_comes_no_more_is_forgotten(cap, size: int) -> None:
    """Five seconds after the last one no window rests on it: the channel can be good again."""
    signal, stamps = cap(8000, 20), np.arange(8000) / 500
    index = np.zeros((1, 20), np.float32)
    index[0, 4] = 1.0
    line = StreamLine(SETTINGS, ENOBIO20, 500.0)
    pairs = list(line.feed(Chunk(signal[:2000], stamps[:2000])))
    assert list(line.feed(Side("quality", index, np.zeros(1)))) == []
    for at in range(2000, 8000, size):
        pairs += line.feed(Chunk(signal[at : at + size], stamps[at : at + size]))
    bad = [w.first_sample + 500 for w, _ in pairs if w.bad]
    # Bad from the first window behind the index; then 5 s, and the second that healing takes.
    assert (bad[0], bad[-1]) == (2125, 4500 + 375)
    assert bad == list(range(2125, 4500 + 376, 125))


def test_a_window_says_where_and_when_it_is(cap) -> None:
    """Counter, times, names and samples are those of the signal; its quality has its time."""
    signal = cap(1000, 20)
    line = StreamLine(AS_RECORDED, ENOBIO20, 500.0)
    line.offset(ClockOffset(stream="s", offset=-40.0, uncertainty=0.0, from_sample=0))
    pairs = line.push(signal, 100 + np.arange(1000) / 500)
    assert len(pairs) == 5
    for k, (window, quality) in enumerate(pairs):
        assert (window.segment, window.first_sample) == (0, 125 * k)
        assert window.n_new == (125 if k else 500)
        assert window.t_first == pytest.approx(60 + 125 * k / 500, abs=1e-9)
        assert quality.t == window.t_last == pytest.approx(60 + (125 * k + 499) / 500, abs=1e-9)
        assert window.channels == ENOBIO20
        assert np.array_equal(window.samples, signal[125 * k : 125 * k + 500])
        assert not window.samples.flags.writeable
        assert (window.valid, window.bad, quality.level) == (True, (), "good")


@pytest.mark.fault(14)
def test_a_window_names_what_touches_it(cap) -> None:
    """A blink stands in the windows that may be used, as in their quality, and in no other."""
    signal = cap(2000, 20).astype(np.float64)
    course = 200 * np.exp(-(((np.arange(2000) - 1200) / 35) ** 2))
    signal[:, [ENOBIO20.index(name) for name in ("Fp1", "Fp2")]] += course[:, None]
    pairs = StreamLine(SETTINGS, ENOBIO20, 500.0).push(signal, np.arange(2000) / 500)
    assert {window.touched for window, _ in pairs} == {(), ("blink",)}
    assert all(window.touched == quality.artifacts for window, quality in pairs)
    signal[1700:, 2] += 2000
    pairs = StreamLine(SETTINGS, ENOBIO20, 500.0).push(signal, np.arange(2000) / 500)
    refused = [(window, quality) for window, quality in pairs if not window.valid]
    assert any(quality.artifacts for _, quality in refused)
    assert not any(window.touched for window, _ in refused)


def test_a_window_names_its_bad_channels(cap) -> None:
    """What the quality finds stands in the window, too."""
    signal = cap(500, 20)
    signal[:, :9] = 0
    ((window, quality),) = StreamLine(SETTINGS, ENOBIO20, 500.0).push(signal, np.arange(500) / 500)
    assert window.bad == ENOBIO20[:9]
    assert (window.valid, window.reason) == (False, "10 of 19 channels ok, 60% needed")
    assert [c.name for c in quality.channels if not c.ok] == list(ENOBIO20[:9])


@pytest.mark.fault(1)
def test_no_window_spans_a_gap(cap) -> None:
    """Behind a gap the first window is new as a whole and belongs to the next segment."""
    signal = cap(1500, 20)
    stamps = np.arange(1500) / 500
    stamps[800:] += 0.3
    pairs = StreamLine(SETTINGS, ENOBIO20, 500.0).push(signal, stamps)
    places = [(w.segment, w.first_sample, w.n_new) for w, _ in pairs]
    assert places == [(0, 0, 500), (0, 125, 125), (0, 250, 125), (1, 800, 500), (1, 925, 125)]


@pytest.mark.fault(5)
def test_a_window_says_how_much_was_filled(cap) -> None:
    """A small loss keeps the segment and counts in every window that holds it, in two lengths."""
    signal = cap(1500, 20)
    rows = np.delete(np.arange(1500), [*range(880, 883), *range(1200, 1207)])
    pairs = StreamLine(SETTINGS, ENOBIO20, 500.0).push(signal[rows], rows / 500)
    places = [(w.segment, w.first_sample, q.lost) for w, q in pairs]
    lost = [0, 0, 0, 0, 3, 3, 10, 10, 7]
    assert places == [(0, 125 * k, n) for k, n in enumerate(lost)]
    for window, _ in pairs:
        assert window.t_first == pytest.approx(window.first_sample / 500, abs=1e-9)


@pytest.mark.fault(6)
def test_a_repeated_chunk_changes_nothing(cap) -> None:
    """Dropped samples do not count: the windows are those of the signal without them."""
    signal, stamps = cap(1500, 20), 7 + np.arange(1500) / 500
    rows = np.insert(np.arange(1500), 1000, np.arange(960, 1000))
    clean, damaged = (StreamLine(SETTINGS, ENOBIO20, 500.0) for _ in range(2))
    expected = list(map(content, clean.push(signal, stamps)))
    assert list(map(content, damaged.push(signal[rows], stamps[rows]))) == expected


@pytest.mark.fault(4)
def test_backlog_gives_no_window(cap) -> None:
    """Late samples are counted, never shown, and what follows is a new segment."""
    signal = cap(2000, 20)
    stamps = np.arange(2000) / 500
    line = StreamLine(SETTINGS, ENOBIO20, 500.0)
    first = list(line.feed(Chunk(signal[:600], stamps[:600])))
    assert list(line.feed(Chunk(signal[600:1300], stamps[600:1300], late=True))) == []
    then = list(line.feed(Chunk(signal[1300:], stamps[1300:])))
    places = [(w.segment, w.first_sample) for w, _ in first + then]
    assert places == [(0, 0), (1, 1300), (1, 1425)]


def test_a_chunk_is_cut_where_its_backlog_ends() -> None:
    """Old samples are late, fresh ones are live, and nothing is empty or lost."""
    samples = np.arange(10, dtype=np.float32)[:, None]
    chunk = Chunk(samples, np.arange(10.0))
    late, live = split_late(chunk, 4.0)
    assert (late.late, live.late) == (True, False)
    assert late.stamps.tolist() == [0, 1, 2, 3]
    assert np.concatenate([late.samples, live.samples]).tolist() == samples.tolist()
    assert [part.late for part in split_late(chunk, -1.0)] == [False]
    assert [part.late for part in split_late(chunk, 99.0)] == [True]
    assert split_late(Chunk(samples[:0], np.empty(0)), 0.0) == []


def test_what_lies_in_the_future_is_not_live() -> None:
    """A chunk in which the sender's clock is set ahead is not of now up to the last such sample."""
    samples = np.arange(10, dtype=np.float32)[:, None]
    stamps = np.arange(10.0)
    stamps[3:6] += 3600
    late, live = split_late(Chunk(samples, stamps), -1.0, 9.5)
    assert (late.late, late.samples.ravel().tolist()) == (True, [0, 1, 2, 3, 4, 5])
    assert (live.late, live.samples.ravel().tolist()) == (False, [6, 7, 8, 9])
    assert [part.late for part in split_late(Chunk(samples, stamps + 20), -1.0, 9.5)] == [True]


def test_a_hop_longer_than_the_window_is_refused() -> None:
    """Samples that no window holds would be lost without a word."""
    with pytest.raises(UsageError, match=r"hop is 2\.0 s, longer than the window of 1\.0 s"):
        StreamLine(StreamSettings(hop=2.0), ENOBIO20, 500.0)
