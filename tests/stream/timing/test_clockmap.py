"""Stamps become regular rig time, whatever the chunks, and a broken signal is found."""

import itertools
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import pyxdf
from hypothesis import given, settings
from hypothesis import strategies as st

from rym.messages import ClockOffset
from stream.timing.clockmap import ClockMap, Run
from stream.timing.offsets import ClockSync

Floats = npt.NDArray[np.float64]

RATE = 500.0
BLOCK = 125
KINDS = ("loss", "bursts", "repeats", "order", "jumps")


def offset(value: float, first: int) -> ClockOffset:
    """Return an offset that holds from sample `first` on."""
    return ClockOffset(stream="s", offset=value, uncertainty=1e-4, from_sample=first)


def runs(clock: ClockMap, stamps: Floats) -> list[tuple[int, int, float]]:
    """Return (segment, sample counter, rig time) of every block's last sample."""
    before = clock.count
    return [
        (run.segment, before + run.stop - 1, run.t_end)
        for run in clock.push(stamps)
        if run.t_end is not None
    ]


def kept(found: list[Run]) -> list[int]:
    """Return the rows that belong to a run."""
    return [row for run in found for row in range(run.start, run.stop)]


def damaged(kind: str, share: float, n: int, seed: int) -> Floats:
    """Stamps of a sender that counts its samples, with losses, repeats or a wrong order."""
    rng = np.random.default_rng(seed)
    counter = np.arange(n)
    match kind:
        case "loss":
            counter = counter[rng.random(n) >= share]
        case "bursts":
            for first in rng.integers(0, n, 4):
                counter = counter[(counter < first) | (counter >= first + rng.integers(50, 500))]
        case "repeats":
            for first in sorted(rng.integers(100, n - 100, 10), reverse=True):
                counter = np.insert(counter, first, counter[first - rng.integers(1, 60) : first])
        case "order":
            for first in range(100, n - 100, 400):
                counter[first : first + 40] = np.roll(counter[first : first + 40], 20)
        case "jumps":
            stamps = counter / RATE
            for first in rng.integers(0, n, 4):
                stamps[first:] += rng.choice([-3600, -1, 1, 3600]) + rng.uniform(-0.4, 0.4)
            return 5000 + stamps
    return 5000 + counter / RATE


def jittered(n: int, seed: int, chunk: int = 8, ms: float = 4.0) -> Floats:
    """Stamps as a sender makes them: regular within a chunk, whole chunks early or late."""
    rng = np.random.default_rng(seed)
    late = np.repeat(rng.normal(0, ms / 1000, n // chunk + 1), chunk)[:n]
    return 1000 + np.arange(n) / RATE + late


def placed(clock: ClockMap, stamps: Floats) -> list[tuple[object, ...]]:
    """Return what the clock map says of every sample, filled ones and ends of blocks included."""
    before = clock.count
    said: list[tuple[object, ...]] = []
    for run in clock.push(stamps):
        said += [("filled", run.segment, run.fill_left - k) for k in range(run.fill)]
        said += [(run.segment, before + row) for row in range(run.start, run.stop)]
        said += [run.t_end] if run.t_end is not None else []
    return said


@pytest.mark.fault(18)
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    sizes=st.lists(st.sampled_from([1, 7, 125, 500, 501]), min_size=1, max_size=40),
    breaks=st.lists(st.tuples(st.integers(1, 2900), st.floats(-5, 5)), max_size=3),
    kind=st.sampled_from([*KINDS, "jitter", "bad"]),
)
def test_chunks_do_not_matter(
    seed: int, sizes: list[int], breaks: list[tuple[int, float]], kind: str
) -> None:
    """Any split gives the same times, to the bit, with every fault and changing offsets."""
    stamps = jittered(3000, seed) if kind in ("jitter", "bad") else damaged(kind, 0.1, 3000, seed)
    for at, by in breaks:
        stamps[at:] += by
    if kind == "bad":
        stamps[[0, 700, 701, 1500]] = [np.nan, np.inf, -1e300, np.nan]
    offsets = [offset(0.25, 0), offset(0.2503, 700), offset(0.2497, 1801)]
    whole, split = ClockMap(RATE, BLOCK, 2), ClockMap(RATE, BLOCK, 2)
    for content in offsets:
        whole.offset(content)
    expected = placed(whole, stamps)
    found: list[tuple[object, ...]] = []
    at = 0
    for size in [*sizes, len(stamps)]:
        for content in offsets:
            # As in life: an offset becomes known just before the first sample it holds for.
            if at <= content.from_sample < at + size:
                split.offset(content)
        found += placed(split, stamps[at : at + size])
        at += size
    assert found == expected
    assert split.count == whole.count == len(stamps)
    for name in ("gaps", "lost", "dropped", "jitter", "drift", "effective_rate", "regular"):
        assert getattr(split, name) == getattr(whole, name), name


def test_regular_stamps_come_back() -> None:
    """Stamps without jitter are their own rig time, plus the offset."""
    clock = ClockMap(RATE, BLOCK)
    clock.offset(offset(12.5, 0))
    found = runs(clock, 1000 + np.arange(5000) / RATE)
    assert len(found) == 40
    for segment, sample, t in found:
        assert segment == 0
        assert t == pytest.approx(1012.5 + sample / RATE, abs=1e-9)


def test_jitter_is_taken_out() -> None:
    """Chunk jitter of 4 ms leaves less than 0.5 ms at a window's border after ten seconds."""
    found = np.array(
        [(sample, t) for _, sample, t in runs(ClockMap(RATE, BLOCK), jittered(30000, 1))]
    )
    error = found[:, 1] - (1000 + found[:, 0] / RATE)
    assert np.abs(error[40:]).max() < 0.5e-3


@pytest.mark.long
@pytest.mark.fault(9)
@pytest.mark.parametrize(
    ("round_trip", "synced", "hours"), [(0.4e-3, 60, 8), (5e-3, 300, 1)], ids=["cable", "radio"]
)
def test_a_drifting_clock_is_followed(round_trip: float, synced: float, hours: float) -> None:
    """A sender's clock 200 ppm too fast for eight hours: within 2 ms, although offsets are rough.

    Round trips spread over a decade, one in twenty takes tens of ms, and an offset is wrong by up
    to half of its own. The amplifier's samples drift by another 50 ppm.
    """
    rng = np.random.default_rng(1)
    rate, every = 100.0, 500
    clock = ClockMap(rate, 25)
    worst = 0.0
    for first in range(0, int(hours * 3600 * rate), every):
        true = np.arange(first, first + every) / rate * (1 + 50e-6)
        raw = true * (1 + 200e-6) + 1234.5
        spread = round_trip * rng.lognormal() if rng.random() < 0.95 else rng.uniform(0.02, 0.05)
        measured = true[0] - raw[0] + rng.uniform(-0.5, 0.5) * spread
        clock.offset(
            ClockOffset(stream="s", offset=measured, uncertainty=spread, from_sample=first)
        )
        for run in clock.push(raw):
            if run.t_end is not None and first >= synced * rate:
                worst = max(worst, abs(run.t_end - true[run.stop - 1]))
    assert (clock.gaps, clock.lost, clock.dropped) == (0, 0, 0)
    assert worst < 2e-3
    assert clock.drift == pytest.approx(200, abs=1)
    assert clock.effective_rate == pytest.approx(rate * (1 - 50e-6), rel=5e-6)


def test_a_rough_offset_moves_little() -> None:
    """After good offsets, one that took 100 ms is not believed, and the time stays."""
    clock = ClockMap(RATE, BLOCK)
    worst = 0.0
    for k in range(20):
        rough = k == 15
        clock.offset(
            ClockOffset(
                stream="s",
                offset=7.04 if rough else 7.0,
                uncertainty=0.1 if rough else 2e-4,
                from_sample=2500 * k,
            )
        )
        for _, sample, t in runs(clock, np.arange(2500 * k, 2500 * (k + 1)) / RATE):
            worst = max(worst, abs(t - 7 - sample / RATE))
    assert worst < 1e-4


def test_the_first_samples_may_be_late() -> None:
    """A segment whose first chunk came 20 ms late is right again after one second."""
    stamps = np.arange(1000) / RATE
    stamps[:20] += 0.02 + np.linspace(0, 0.001, 20)
    found = runs(ClockMap(RATE, BLOCK), stamps)
    assert all(abs(t - sample / RATE) < 1e-3 for _, sample, t in found[4:])


def test_a_rate_that_is_a_little_off_is_followed() -> None:
    """An amplifier at 497.5 Hz that declares 500 Hz: after a minute the line lies on its stamps."""
    found = runs(ClockMap(RATE, BLOCK), np.arange(60_000) / 497.5)
    assert all(abs(t - sample / 497.5) < 1e-3 for _, sample, t in found[240:])


def test_time_goes_on_although_stamps_come_early() -> None:
    """With blocks of 10 ms a chunk that is 45 ms early moves the line, but never back in time."""
    stamps = 5 + np.arange(200) / RATE
    stamps[5:] -= 0.045
    clock = ClockMap(RATE, 5)
    ends = [t for _, _, t in runs(clock, stamps)]
    assert (len(ends), clock.gaps) == (40, 0)
    assert (np.diff(ends) > 0).all()


@pytest.mark.fault(8)
def test_a_clock_that_is_set_and_set_back_loses_nothing() -> None:
    """What comes after the second jump is no chunk in the wrong order."""
    clock = ClockMap(RATE, BLOCK)
    stamps = np.arange(5000) / RATE
    stamps[2000:2600] += 3600
    assert kept(clock.push(stamps)) == list(range(5000))
    assert (clock.gaps, clock.dropped) == (2, 0)


@pytest.mark.fault(10)
def test_a_computer_that_slept_starts_a_segment() -> None:
    """The sender's stamps jump by an hour; the next offset takes it back: rig time goes on."""
    clock = ClockMap(RATE, BLOCK)
    stamps = np.arange(10_000) / RATE
    stamps[5000:] += 3600
    clock.offset(offset(2.0, 0))
    clock.offset(offset(2.0 - 3600, 5001))
    found = runs(clock, stamps)
    assert clock.gaps == 2
    assert {segment for segment, _, _ in found} == {0, 2}
    assert found[-1][2] == pytest.approx(2 + found[-1][1] / RATE, abs=1e-6)


def test_measurements_do_not_pile_up() -> None:
    """Offsets during a long outage replace one another; one that is no number is left out."""
    clock = ClockMap(RATE, BLOCK)
    for k in range(5000):
        clock.offset(offset(1 + k / 10_000, 0))
    clock.offset(offset(float("nan"), 0))
    (segment, sample, t), *_ = runs(clock, np.arange(500) / RATE)
    assert (segment, sample) == (0, BLOCK - 1)
    assert t == pytest.approx(1.4999 + (BLOCK - 1) / RATE, abs=1e-9)


def test_measurements_of_an_hour_that_gets_no_time_do_not_pile_up() -> None:
    """While every sample is late the newest offset replaces the others, and alone holds then."""
    sync = ClockSync()
    for k in range(720):
        sync.add(offset(1.0 + k, 500 * k), 500 * k)
    assert len(sync._pending) == 1
    assert sync.rig(np.arange(5.0), 360_000).tolist() == [720, 721, 722, 723, 724]
    skipped, told_before = ClockSync(), ClockSync()
    for k in range(3):
        told_before.add(offset(1.0 + k / 100, 10 * k), 0)
        skipped.add(offset(1.0 + k / 100, 10 * k), 10 * k)
    stamps = np.where(np.arange(40) < 25, np.nan, np.arange(40.0))
    assert told_before.rig(stamps, 0)[25:].tolist() == skipped.rig(stamps[25:], 25).tolist()


@pytest.mark.fault(8)
def test_a_real_reset_starts_a_segment(eeg: Path) -> None:
    """The sender's clock in a public recording goes from 653156 s to 242 s, once."""
    streams, _ = pyxdf.load_xdf(
        eeg / "xdf" / "clock_resets.xdf",
        synchronize_clocks=False,
        handle_clock_resets=False,
        dejitter_timestamps=False,
    )
    stamps = next(s["time_stamps"] for s in streams if s["info"]["type"] == ["EEG"])
    step_back = int(np.argmin(np.diff(stamps))) + 1
    # Its true rate; the declared one is 9 % off, which is another test's matter.
    clock = ClockMap(1 / float(np.median(np.diff(stamps))), 25)
    found = clock.push(stamps)
    first = next(run for run in found if run.start >= step_back)
    before = max((run for run in found if run.stop <= step_back), key=lambda run: run.stop)
    assert (first.start, first.segment) == (step_back, before.segment + 1)
    assert clock.count == len(stamps)


@pytest.mark.fault(8)
@pytest.mark.parametrize("jump", [0.06, 1.0, 3600.0, -0.0613, -1.0, -3600.0, -653156.0])
def test_a_jump_starts_a_segment(jump: float) -> None:
    """A gap, a step back and a clock that was set each start one new segment, at that sample."""
    clock = ClockMap(RATE, BLOCK)
    stamps = 653156 + np.arange(2000) / RATE
    stamps[1040:] += jump
    found = clock.push(stamps)
    assert clock.gaps == 1
    assert next(run.start for run in found if run.segment == 1) == 1040
    assert next(run.t_end for run in found if run.segment == 1 and run.t_end) == pytest.approx(
        653156 + jump + (1040 + BLOCK - 1) / RATE, abs=1e-6
    )


@pytest.mark.fault(5)
@pytest.mark.parametrize(("first", "lost"), [(1100, 1), (1100, 4), (1100, 10), (1115, 10)])
def test_a_small_loss_is_filled(first: int, lost: int) -> None:
    """Lost samples are found by their number and keep segment, counter and time."""
    counter = np.delete(np.arange(3000), np.arange(first, first + lost))
    clock = ClockMap(RATE, BLOCK)
    found = clock.push(counter / RATE)
    assert (clock.gaps, clock.lost, clock.dropped) == (0, lost, 0)
    assert [run.start for run in found if run.fill] == [first]
    assert sum(run.fill + run.stop - run.start for run in found) == 3000
    ends = [run.t_end for run in found if run.t_end is not None]
    assert ends == pytest.approx([(k * BLOCK + 124) / RATE for k in range(24)], abs=1e-9)


def test_a_loss_across_a_block_is_filled_in_two_pieces() -> None:
    """The block ends within the loss, with its time; the rest belongs to the next one."""
    counter = np.delete(np.arange(3000), np.arange(1120, 1129))
    found = ClockMap(RATE, BLOCK).push(counter / RATE)
    pieces = [(run.start, run.stop, run.fill, run.fill_left) for run in found if run.fill]
    assert pieces == [(1120, 1120, 5, 9), (1120, 1121, 4, 4)]
    (end,) = [run.t_end for run in found if run.start == run.stop]
    assert end == pytest.approx(1124 / RATE, abs=1e-9)


@pytest.mark.fault(5)
@pytest.mark.parametrize("lost", [11, 24, 500])
def test_a_longer_loss_starts_a_segment(lost: int) -> None:
    """More than the setting allows is not invented, even where jitter might have been as large."""
    counter = np.delete(np.arange(3000), np.arange(1100, 1100 + lost))
    clock = ClockMap(RATE, BLOCK)
    found = clock.push(counter / RATE)
    assert (clock.gaps, clock.lost) == (1, 0)
    assert next(run.start for run in found if run.segment == 1) == 1100


def test_without_filling_every_loss_starts_a_segment() -> None:
    """The setting 0 fills nothing."""
    counter = np.delete(np.arange(3000), [1100, 2000])
    clock = ClockMap(RATE, BLOCK, fill=0.0)
    clock.push(counter / RATE)
    assert (clock.gaps, clock.lost) == (2, 0)


def test_chunks_stamped_on_arrival_lose_nothing() -> None:
    """Where stamps jitter by several periods, a step of many periods is no loss."""
    clock = ClockMap(RATE, BLOCK)
    clock.push(jittered(30_000, 2))
    assert (clock.regular, clock.gaps, clock.lost, clock.dropped) == (False, 0, 0, 0)
    assert 0.003 < clock.jitter < 0.005
    counting = ClockMap(RATE, BLOCK)
    counting.push(np.arange(30_000) / RATE)
    assert counting.regular
    assert counting.jitter < 1e-9


def test_one_stamp_for_many_samples_is_no_repetition() -> None:
    """A headband's bursts of 12 samples share a stamp each; all of them are kept."""
    stamps = np.arange(256 * 20) // 12 * 12 / 256
    clock = ClockMap(256.0, 64)
    found = clock.push(stamps)
    assert (clock.regular, clock.gaps, clock.lost, clock.dropped) == (False, 0, 0, 0)
    assert kept(found) == list(range(len(stamps)))
    assert clock.effective_rate == pytest.approx(256, rel=5e-3)


def test_whole_milliseconds_are_regular() -> None:
    """Stamps rounded to 1 ms, as NIC writes them, still show one lost sample at 256 Hz."""
    stamps = np.round(np.delete(np.arange(5000), [3000, 3001, 4000]) / 256, 3)
    clock = ClockMap(256.0, 64)
    clock.push(stamps)
    assert (clock.regular, clock.lost, clock.gaps) == (True, 3, 0)


@pytest.mark.fault(6)
@pytest.mark.parametrize("size", [1, 20, 200])
@pytest.mark.parametrize("off", [0.0, 1e-7, -1e-7])
def test_a_repeated_chunk_is_dropped(size: int, off: float) -> None:
    """Samples that come again are counted, and the signal goes on as if they had not."""
    counter = np.insert(np.arange(3000), 1300, np.arange(1300 - size, 1300))
    stamps = 5000 + counter / RATE
    stamps[1300 : 1300 + size] += off
    clock = ClockMap(RATE, BLOCK)
    found = clock.push(stamps)
    assert (clock.gaps, clock.lost, clock.dropped) == (0, 0, size)
    assert counter[kept(found)].tolist() == list(range(3000))


@pytest.mark.fault(7)
@pytest.mark.parametrize(("size", "gaps"), [(8, 0), (40, 1)])
def test_a_chunk_that_comes_too_late_is_dropped(size: int, gaps: int) -> None:
    """Of two chunks in the wrong order the later one is kept; its place is a loss or a gap."""
    counter = np.arange(3000)
    counter[1000 : 1000 + 2 * size] = np.roll(counter[1000 : 1000 + 2 * size], size)
    clock = ClockMap(RATE, BLOCK)
    found = clock.push(counter / RATE)
    assert (clock.gaps, clock.dropped) == (gaps, size)
    assert clock.lost == (0 if gaps else size)
    assert (np.diff(counter[kept(found)]) > 0).all()


@pytest.mark.fault(7)
@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    share=st.sampled_from([0.001, 0.01, 0.1]),
    seed=st.integers(0, 2**16),
)
def test_faults_keep_time(kind: str, share: float, seed: int) -> None:
    """Within a segment time never runs back, and no sample is further off than jitter may be."""
    stamps = damaged(kind, share, 6000, seed)
    clock = ClockMap(RATE, BLOCK)
    found = clock.push(stamps)
    rows = kept(found)
    assert rows == sorted(set(rows))
    assert len(rows) + clock.dropped == len(stamps)
    assert sum(run.fill for run in found) == clock.lost
    ends = [run for run in found if run.t_end is not None and run.stop > run.start]
    for before, run in itertools.pairwise(ends):
        assert run.segment > before.segment or run.t_end > before.t_end
    assert all(abs(run.t_end - stamps[run.stop - 1]) <= 0.05 for run in ends)
    if kind == "loss":
        # Once half a second has shown how the sender stamps, no loss is overlooked.
        counter = np.rint((stamps - 5000) * RATE).astype(int)
        missing = counter[-1] - counter[250] - (len(stamps) - 1 - 250)
        assert sum(run.fill for run in found if run.start > 250) == missing


def test_two_gaps_are_counted() -> None:
    """Every break counts once."""
    stamps = np.arange(3000) / RATE
    stamps[1000:] += 1
    stamps[2000:] += 1
    clock = ClockMap(RATE, BLOCK)
    runs(clock, stamps)
    assert clock.gaps == 2


def test_skipped_samples_start_a_segment() -> None:
    """What is passed over is counted, and the next sample is a new segment's first."""
    clock = ClockMap(RATE, BLOCK)
    stamps = np.arange(1000) / RATE
    runs(clock, stamps[:300])
    clock.skip(200)
    found = clock.push(stamps[500:])
    assert (found[0].segment, clock.count) == (1, 1000)


@pytest.mark.fault(7)
def test_a_stamp_that_is_no_number_raises_nothing() -> None:
    """NaN, infinity and 1e300 are dropped and break the segment; the signal goes on behind them."""
    stamps = np.arange(1000) / RATE
    bad = [0, 300, 301, 500, 700]
    stamps[bad] = [np.inf, np.nan, np.nan, -np.inf, 1e300]
    clock = ClockMap(RATE, BLOCK)
    found = clock.push(stamps)
    assert kept(found) == [row for row in range(1000) if row not in bad]
    assert (found[-1].segment, clock.dropped) == (3, 5)
    assert all(np.isfinite(run.t_end) for run in found if run.t_end is not None)


def test_an_offset_for_the_past_is_refused() -> None:
    """An offset cannot hold for samples that have gone through."""
    clock = ClockMap(RATE, BLOCK)
    runs(clock, np.arange(300) / RATE)
    with pytest.raises(ValueError, match="sample 299"):
        clock.offset(offset(0.1, 299))
