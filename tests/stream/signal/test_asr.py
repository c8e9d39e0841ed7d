"""Blinks go, rest stays; chunks do not matter to the bit; the delay is the declared one."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import signal

from stream.files.reading import read
from stream.montage import SCALP
from stream.settings import ConditioningSettings
from stream.signal.asr import (
    Calibration,
    Delay,
    Rest,
    SubspaceCleaner,
    calibrate,
    geometric_median,
    reconstruction,
    shaping,
)
from stream.signal.filters import Conditioner
from stream.signal.positions import position

REST = Path(__file__).parents[4] / "shared" / "eeg" / "rest_arithmetic" / "Subject01_1.edf"
RATE = 250
WINDOW, HOP = 250, 125
NAMES = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2", "EXT")
SETTINGS = ConditioningSettings(asr=20.0, asr_seconds=20.0)


def rest(n: int, seed: int = 0) -> np.ndarray:
    """Return 5 pink sources of some µV seen by 10 electrodes with noise, and an auxiliary one."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(size=(n, 5)), axis=0)
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(n, 1 / RATE), 1.0))[:, None]
    sources = np.fft.irfft(spectrum, n, axis=0)
    # The mixing is that of one head, whatever the seed of the signal.
    mixing = np.random.default_rng(9).normal(size=(5, 10))
    seen = 10 * sources / sources.std(axis=0) @ mixing + rng.normal(0, 1, (n, 10))
    return np.column_stack([seen, rng.normal(0, 500, n)])


def run(
    cleaner: SubspaceCleaner, x: np.ndarray, bad=(), sizes=(), learn=True
) -> tuple[np.ndarray, list[float | None]]:
    """Feed a signal as the line does: a window is learned where it ends, whatever the chunks."""
    out, n_in, told = np.empty((0, x.shape[1])), 0, []
    ends = range(WINDOW + cleaner.n_delay, len(x) + 1, HOP)
    for end in sorted({*ends, *np.minimum(np.cumsum(sizes, dtype=int), len(x)), len(x)}):
        out = np.concatenate([out, cleaner.push(x[n_in:end])])
        n_in = end
        if end in ends:
            told.append(cleaner.removed)
            if learn:
                cleaner.learn(out[-WINDOW:].astype(np.float32), HOP, bad)
    return out, told


def calibrated(**other) -> SubspaceCleaner:
    """Return a cleaner that has learned 30 s of rest, at the beginning of a segment."""
    cleaner = SubspaceCleaner(SETTINGS, RATE, NAMES, WINDOW)
    run(cleaner, rest(30 * RATE), **other)
    assert cleaner.calibrated
    cleaner.restart()
    return cleaner


def blinks(n: int) -> np.ndarray:
    """Return a blink of 400 µV every 2 s, one pattern over the scalp, nothing on EXT."""
    t = np.arange(n) / RATE
    pattern = np.array([1, 1, 0.4, 0.4, 0.15, 0.15, 0.05, 0.05, 0.02, 0.02, 0])
    return 400 * np.exp(-(((t % 2 - 1) / 0.08) ** 2))[:, None] * pattern


@hypothesis_settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 2000), max_size=40), st.integers(1, 7))
def test_chunks_do_not_matter(sizes, step) -> None:
    """Any split gives the same samples and shares to the bit, through calibration and blinks."""
    x = rest(26 * RATE)
    x[22 * RATE :] += blinks(4 * RATE)
    sizes = [*sizes, *([step] * 100)]
    whole = SubspaceCleaner(SETTINGS, RATE, NAMES, WINDOW)
    split = SubspaceCleaner(SETTINGS, RATE, NAMES, WINDOW)
    expected, told = run(whole, x)
    out, told_split = run(split, x, sizes=sizes)
    assert out.tobytes() == expected.tobytes()
    assert told_split == told
    assert told[0] is None
    assert max(share for share in told if share is not None) > 0.5


def test_the_signal_comes_out_later_by_the_declared_delay() -> None:
    """Before the calibration it is the same to the bit, without the newest 0.3 s."""
    x = rest(5 * RATE)
    cleaner = SubspaceCleaner(SETTINGS, RATE, NAMES, WINDOW)
    assert cleaner.delay == cleaner.n_delay / RATE == pytest.approx(0.3, abs=0.03)
    out, told = run(cleaner, x, learn=False)
    assert np.array_equal(out, x[: -cleaner.n_delay])
    assert told == [None] * len(told)
    assert cleaner.pending == cleaner.n_delay
    assert not cleaner.calibrated


def test_a_restart_forgets_the_signal_and_keeps_the_calibration() -> None:
    """A second segment comes out as the first did; nothing of the one reaches the other."""
    x = rest(6 * RATE, seed=1) + blinks(6 * RATE)
    cleaner = calibrated()
    first, _ = run(cleaner, x)
    cleaner.restart()
    assert cleaner.pending == 0
    assert cleaner.removed is None
    second, _ = run(cleaner, x)
    assert np.array_equal(first, second)
    cleaner.restart()
    assert cleaner.push(x[: cleaner.n_delay]).shape == (0, len(NAMES))
    assert cleaner.push(x[cleaner.n_delay : cleaner.n_delay + 2]).shape == (2, len(NAMES))


def test_the_raw_signal_keeps_in_step() -> None:
    """`Delay` gives out the same number of samples at the same time, as they were."""
    x = rest(4 * RATE).astype(np.float32)
    cleaner = calibrated()
    delay = Delay(cleaner.n_delay, len(NAMES), np.float32)
    out = []
    for part in np.array_split(x, 37):
        out.append(delay.push(part))
        assert len(cleaner.push(part.astype(np.float64))) == len(out[-1])
    assert np.array_equal(np.concatenate(out), x[: -cleaner.n_delay])
    assert out[-1].dtype == np.float32
    delay.restart()
    assert len(delay.push(x[: cleaner.n_delay])) == 0


def test_rest_is_left_alone() -> None:
    """Of a minute that was not learned, less than a thousandth of the power goes."""
    x = rest(60 * RATE, seed=2)
    out, told = run(calibrated(), x)
    assert np.sum((out - x[: len(out)]) ** 2) < 1e-3 * np.sum(x[: len(out), :10] ** 2)
    assert max(share for share in told if share is not None) < 0.01


def test_blinks_go() -> None:
    """More than nine tenths of a blink's amplitude goes, from its onset on; the share is told."""
    x, n = rest(20 * RATE, seed=3), 20 * RATE
    out, told = run(calibrated(), x + blinks(n))
    there = (blinks(n)[: len(out), 0] > 20)[:, None] & (np.arange(len(NAMES)) < 2)
    left = (out - x[: len(out)])[there]
    assert np.sqrt(np.mean(left**2)) < 0.1 * np.sqrt(np.mean(blinks(n)[: len(out)][there] ** 2))
    shares = [share for share in told if share is not None]
    assert 0.5 < np.median(shares) < 1
    assert np.array_equal(out[:, 10], x[: len(out), 10])


def test_what_is_put_in_again_is_what_the_neighbours_say() -> None:
    """An electrode that pops by 1 mV keeps its EEG, known from the sources that others see too."""
    x = rest(10 * RATE, seed=4)
    popped = x.copy()
    popped[5 * RATE : 5 * RATE + 50, 4] += 1000
    out, _ = run(calibrated(), popped)
    rows = slice(5 * RATE, 5 * RATE + 50)
    assert np.corrcoef(out[rows, 4], x[rows, 4])[0, 1] > 0.8
    assert np.std(out[rows, 4] - x[rows, 4]) < 0.7 * np.std(x[rows, 4])


def test_noise_in_every_direction_is_not_blown_up() -> None:
    """Where muscle leaves little to rely on, less than 0.4 of its power stays.

    The authors' formula without our term for what is left over leaves 0.56 of it.
    """
    rng = np.random.default_rng(5)
    x = rest(20 * RATE, seed=5)
    sos = signal.butter(2, [25, 90], "bandpass", fs=RATE, output="sos")
    muscle = 200 * signal.sosfilt(sos, rng.normal(size=(len(x), 10)), axis=0)
    muscle[:, 2:] *= np.geomspace(1, 0.05, 8)
    dirty = x.copy()
    dirty[:, :10] += muscle
    out, told = run(calibrated(), dirty)
    left = (out - x[: len(out)])[:, :10]
    assert np.mean(left**2) < 0.4 * np.mean(muscle[: len(out)] ** 2)
    assert max(share for share in told if share is not None) > 0.5


def test_often_bad_channels_are_left_out() -> None:
    """A channel that is bad at rest is neither learned nor changed; the others are cleaned."""
    n = 10 * RATE
    cleaner = calibrated(bad=("C3",))
    x = rest(n, seed=6) + blinks(n)
    x[:, 4] = 1e4 * np.random.default_rng(0).normal(size=n)
    out, told = run(cleaner, x)
    assert np.array_equal(out[:, 4], x[: len(out), 4])
    assert np.std(out[:, 0]) < 0.5 * np.std(x[:, 0])
    assert max(share for share in told if share is not None) > 0.5


def test_a_window_with_a_bad_channel_is_not_learned() -> None:
    """Seldom bad channels stay in, their windows do not count, and it takes that much longer."""
    collected = Rest(NAMES[:3], shaping(RATE), 125, 20 * RATE)
    rng = np.random.default_rng(0)
    done = None
    for k in range(60):
        strange = k % 10 == 0
        window = rng.normal(0, 1e4 if strange else 5, (WINDOW, 3))
        collected.add(window, HOP, ("F3",) if strange else ())
        done = collected.calibration(20.0)
        if done is not None:
            break
    assert k == 44  # 40 good windows of half a second and 5 others
    assert done is not None
    assert list(done.columns) == [0, 1, 2]
    assert done.covariance.max() < 1e3


def test_it_waits_for_enough_and_forgets_what_is_old() -> None:
    """With another channel bad in every window there is never a calibration, nor more memory."""
    collected = Rest(NAMES[:10], shaping(RATE), 125, 20 * RATE)
    window = np.random.default_rng(0).normal(size=(WINDOW, 10))
    for k in range(300):
        collected.add(window, HOP, (NAMES[k % 10],))
        assert collected.calibration(20.0) is None
    assert len(collected._kept) == 80


def test_the_reconstruction_is_that_of_the_papers() -> None:
    """With nothing left over in the kept directions it is M·(VᵀM)⁺·Vᵀ."""
    rng = np.random.default_rng(0)
    square = rng.normal(size=(8, 8))
    clean = square @ square.T
    values, vectors = np.linalg.eigh(clean)
    mixing = (vectors * np.sqrt(values)) @ vectors.T
    learned = Calibration(np.arange(8), clean, 3 * np.sqrt(values)[:, None] * vectors.T)
    dirty = 0.5 * clean + 1e5 * np.outer(square[0], square[0])
    _, directions = np.linalg.eigh(dirty)
    keep = np.arange(8)[:, None] < 7
    expected = mixing @ np.linalg.pinv(keep * (directions.T @ mixing)) @ directions.T
    ours = reconstruction(dirty, learned)
    assert ours is not None
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-3)
    assert reconstruction(clean, learned) is None


def test_limits_are_those_of_the_amplitudes() -> None:
    """Along each direction the limit is the median amplitude and `cutoff` robust SD more."""
    amplitude = np.random.default_rng(0).normal([10, 3], [1, 0.2], (2000, 2))
    covariances = np.einsum("ni,ij->nij", amplitude**2, np.eye(2))
    found = calibrate(covariances, np.arange(2), 5.0)
    np.testing.assert_allclose(
        np.sort(np.linalg.norm(found.threshold, axis=1)), [3 + 5 * 0.2, 10 + 5 * 1], rtol=0.03
    )


def test_the_geometric_median_withstands_outliers() -> None:
    """A third of wild matrices moves it little; its sum of distances is the smallest around."""
    rng = np.random.default_rng(0)
    matrices = np.eye(3) + 0.1 * rng.normal(size=(90, 3, 3))
    matrices[:30] += 100
    middle = geometric_median(matrices)
    np.testing.assert_allclose(middle, np.eye(3), atol=0.15)

    def cost(point: np.ndarray) -> float:
        return float(np.sqrt(np.sum((matrices - point) ** 2, axis=(1, 2))).sum())

    for _ in range(50):
        assert cost(middle) <= cost(middle + 1e-3 * rng.normal(size=(3, 3)))


@pytest.mark.parametrize("rate", [250, 256, 500, 1000])
def test_the_shaping_is_what_it_says(rate) -> None:
    """At every rate: 3 at 0 Hz, about half at 10 Hz, and more for muscle."""
    _, h = signal.freqz_sos(shaping(rate), worN=[0, 10, 40], fs=rate)
    np.testing.assert_allclose(np.abs(h), [3, 0.47, 0.78], rtol=0.15)


@pytest.mark.skipif(not REST.exists(), reason=f"no recording {REST}")
def test_real_rest_with_blinks_put_in() -> None:
    """Of a real rest, blinks of 300 µV lose nine tenths; what is free of them changes by 5 %."""
    recording = read(REST)
    columns = [i for i, name in enumerate(recording.channels) if name in SCALP]
    names = [recording.channels[i] for i in columns]
    rate = recording.rate
    conditioner = Conditioner(ConditioningSettings(), rate, len(names))
    x = conditioner.push(recording.samples[: 100 * 500, columns])
    t = np.arange(len(x)) / rate
    front = np.exp(3 * (np.array([position(name) for name in names]) @ [0, 0.95, -0.3] - 1))
    bump = np.where(t > 70, np.exp(-(((t % 4 - 2) / 0.08) ** 2)), 0)
    blink = 300 * bump[:, None] * front / front.max()
    cleaner = SubspaceCleaner(ConditioningSettings(asr=20.0), rate, names, 500)
    out = np.empty((0, len(names)))
    for end in range(250, len(x) + 1, 250):
        out = np.concatenate([out, cleaner.push((x + blink)[end - 250 : end])])
        if len(out) >= 500:
            cleaner.learn(out[-500:], 250, ())
    left = (out - x[: len(out)]) ** 2
    late = t[: len(out)] > 70
    during, free = late & (bump[: len(out)] > 0.05), late & (bump[: len(out)] < 1e-9)
    frontal = np.argsort(-front)[:4]
    put_in = blink[: len(out)][during][:, frontal] ** 2
    assert left[during][:, frontal].mean() < 0.01 * put_in.mean()
    assert left[free].mean() < 0.05 * (x[: len(out)][free] ** 2).mean()
