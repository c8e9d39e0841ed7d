"""Stamps become regular rig time, whatever the chunks, and a broken signal is found."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rym.messages import ClockOffset
from stream.clockmap import ClockMap

RATE = 500.0
BLOCK = 125


def offset(value: float, first: int) -> ClockOffset:
    """Return an offset that holds from sample `first` on."""
    return ClockOffset(stream="s", offset=value, uncertainty=1e-4, from_sample=first)


def runs(clock: ClockMap, stamps: npt.NDArray[np.float64]) -> list[tuple[int, int, float]]:
    """Return (segment, sample counter, rig time) of every block's last sample."""
    before = clock.count
    return [
        (run.segment, before + run.stop - 1, run.t_end)
        for run in clock.push(stamps)
        if run.t_end is not None
    ]


def jittered(n: int, seed: int, chunk: int = 8, ms: float = 4.0) -> npt.NDArray[np.float64]:
    """Stamps as a sender makes them: regular within a chunk, whole chunks early or late."""
    rng = np.random.default_rng(seed)
    late = np.repeat(rng.normal(0, ms / 1000, n // chunk + 1), chunk)[:n]
    return 1000 + np.arange(n) / RATE + late


@given(
    seed=st.integers(0, 2**16),
    sizes=st.lists(st.sampled_from([1, 7, 125, 500, 501]), min_size=1, max_size=40),
    breaks=st.lists(st.tuples(st.integers(1, 2900), st.floats(-5, 5)), max_size=3),
)
def test_chunks_do_not_matter(seed: int, sizes: list[int], breaks: list[tuple[int, float]]) -> None:
    """Any split gives the same times, to the bit, with gaps, jumps and changing offsets."""
    stamps = jittered(3000, seed)
    for at, by in breaks:
        stamps[at:] += by
    offsets = [offset(0.25, 0), offset(0.2503, 700), offset(0.2497, 1801)]
    whole, split = ClockMap(RATE, BLOCK, 2), ClockMap(RATE, BLOCK, 2)
    for content in offsets:
        whole.offset(content)
    expected = runs(whole, stamps)
    found: list[tuple[int, int, float]] = []
    at = 0
    for size in [*sizes, len(stamps)]:
        for content in offsets:
            # As in life: an offset becomes known just before the first sample it holds for.
            if at <= content.from_sample < at + size:
                split.offset(content)
        found += runs(split, stamps[at : at + size])
        at += size
    assert found == expected
    assert split.count == whole.count == len(stamps)
    assert split.gaps == whole.gaps


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


def test_a_drifting_clock_is_followed() -> None:
    """A sender 200 ppm too slow for eight hours stays within 2 ms of its own stamps."""
    clock = ClockMap(RATE, BLOCK)
    n = int(8 * 3600 * RATE)
    worst = 0.0
    for first in range(0, n, 100_000):
        counter = np.arange(first, min(n, first + 100_000))
        stamps = counter / RATE * (1 + 200e-6)
        for segment, sample, t in runs(clock, stamps):
            assert segment == 0
            worst = max(worst, abs(t - sample / RATE * (1 + 200e-6)))
    assert worst < 2e-3


@pytest.mark.parametrize("jump", [0.06, 1.0, 3600.0, -0.06, -1.0, -653156.0])
def test_a_jump_starts_a_segment(jump: float) -> None:
    """A gap, a step back and a clock that was set each start one new segment, at that sample."""
    clock = ClockMap(RATE, BLOCK)
    stamps = 653156 + np.arange(2000) / RATE
    stamps[1040:] += jump
    found = list(clock.push(stamps))
    assert clock.gaps == 1
    assert next(run.start for run in found if run.segment == 1) == 1040
    assert next(run.t_end for run in found if run.segment == 1 and run.t_end) == pytest.approx(
        653156 + jump + (1040 + BLOCK - 1) / RATE, abs=1e-6
    )


def test_a_short_loss_is_no_gap() -> None:
    """Ten lost samples keep the segment, and the line comes back to the stamps."""
    stamps = np.arange(20_000) / RATE
    stamps[5000:] += 0.02
    clock = ClockMap(RATE, BLOCK)
    *_, (segment, sample, t) = runs(clock, stamps)
    assert segment == 0
    assert t == pytest.approx(stamps[sample], abs=1e-3)


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
    found = list(clock.push(stamps[500:]))
    assert (found[0].segment, clock.count) == (1, 1000)


def test_a_stamp_that_is_no_number_raises_nothing() -> None:
    """NaN and infinity break the segment; the signal goes on behind them."""
    stamps = np.arange(1000) / RATE
    stamps[[0, 300, 301, 500]] = [np.inf, np.nan, np.nan, -np.inf]
    clock = ClockMap(RATE, BLOCK)
    found = list(clock.push(stamps))
    assert sum(run.stop - run.start for run in found) == 1000
    assert found[-1].segment > 1
    assert all(np.isfinite(run.t_end) for run in found if run.t_end is not None)


def test_an_offset_for_the_past_is_refused() -> None:
    """An offset cannot hold for samples that have gone through."""
    clock = ClockMap(RATE, BLOCK)
    runs(clock, np.arange(300) / RATE)
    with pytest.raises(ValueError, match="sample 299"):
        clock.offset(offset(0.1, 299))
