"""Windows are the sliding windows of each segment, whatever the chunks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from rym.errors import UsageError
from stream.windows import Cut, Windower, samples_of


def noise(n: int, channels: int = 3) -> np.ndarray:
    """Return some signal."""
    return np.random.default_rng(n).normal(size=(n, channels)).astype(np.float32)


def assert_same(found: list[Cut], expected: list[Cut]) -> None:
    """Compare places and bytes."""
    assert [cut[:2] for cut in found] == [cut[:2] for cut in expected]
    for a, b in zip(found, expected, strict=True):
        assert a.samples.tobytes() == b.samples.tobytes()


@given(
    sizes=st.lists(st.sampled_from([1, 7, 125, 500, 501]), max_size=30),
    shape=st.sampled_from([(500, 125), (250, 62), (7, 7), (9, 2), (5, 1)]),
)
def test_chunks_do_not_matter(sizes: list[int], shape: tuple[int, int]) -> None:
    """Any split gives the same windows, to the bit."""
    signal = noise(2600)
    expected = Windower(*shape, 3).push(signal)
    split = Windower(*shape, 3)
    found: list[Cut] = []
    at = 0
    for size in [*sizes, len(signal)]:
        found += split.push(signal[at : at + size])
        at += size
    assert_same(found, expected)


@pytest.mark.parametrize(("window", "hop"), [(500, 125), (250, 62), (300, 75), (8, 8), (5, 1)])
def test_windows_are_numpy_s_sliding_windows(window: int, hop: int) -> None:
    """The same windows as numpy's sliding view, one every hop."""
    signal = noise(2003)
    found = Windower(window, hop, 3).push(signal)
    expected = sliding_window_view(signal, window, axis=0)[::hop].transpose(0, 2, 1)
    assert len(found) == len(expected)
    for k, (cut, samples) in enumerate(zip(found, expected, strict=True)):
        assert cut.first == k * hop
        assert np.array_equal(cut.samples, samples)


def test_every_sample_is_new_once() -> None:
    """The first window is new as a whole, each later one by its hop."""
    found = Windower(500, 125, 3).push(noise(1000))
    assert [cut.n_new for cut in found] == [500, 125, 125, 125, 125]


def test_no_window_spans_two_segments() -> None:
    """After a restart a whole window must come in first, and the counter goes on."""
    windower = Windower(500, 125, 3)
    signal = noise(1700)
    before = windower.push(signal[:700])
    windower.restart()
    after = windower.push(signal[700:])
    assert [cut.first for cut in before] == [0, 125]
    assert [cut.first for cut in after] == [700, 825, 950, 1075, 1200]
    assert [cut.n_new for cut in after[:2]] == [500, 125]
    assert np.array_equal(after[0].samples, signal[700:1200])


def test_skipped_samples_are_counted() -> None:
    """Samples that no window may hold move the counter and nothing else."""
    windower = Windower(500, 125, 3)
    signal = noise(1300)
    windower.push(signal[:600])
    windower.skip(150)
    (cut,) = windower.push(signal[750:1300])
    assert cut.first == 750
    assert np.array_equal(cut.samples, signal[750:1250])


def test_a_window_cannot_be_changed() -> None:
    """Its samples are a copy and read-only."""
    windower = Windower(4, 2, 1)
    signal = noise(4, 1)
    (cut,) = windower.push(signal)
    with pytest.raises(ValueError, match="read-only"):
        cut.samples[0] = 0
    kept = cut.samples.copy()
    windower.push(noise(40, 1))
    signal[:] = 0
    assert np.array_equal(cut.samples, kept)


@pytest.mark.parametrize(("rate", "n"), [(500, 125), (250, 62), (256, 64), (300, 75), (125, 31)])
def test_durations_are_rounded_to_samples(rate: float, n: int) -> None:
    """A quarter of a second is the nearest number of samples."""
    assert samples_of(0.25, rate, "hop") == n


def test_a_duration_far_from_a_number_of_samples_is_refused() -> None:
    """More than 1 % off: both values are named."""
    with pytest.raises(UsageError, match=r"0\.25 s.*0\.2667 s") as error:
        samples_of(0.25, 30, "[stream] hop")
    assert error.value.facts == {"wanted": 0.25, "possible": 8 / 30}
