"""Alpha with eyes open and closed: windows put together again, and an answer that can be no."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import welch

from rym.messages import Window
from stream.signal.alpha import alpha_rise

RATE = 300.0
NAMES = ("O1", "O2", "Pz", "Fz", "EXT")


def noise(seed: int, alpha: float = 0.0, seconds: float = 20.0, broad: float = 1.0):
    """Return a 1/f signal of shape (n_times, 5) with a 10 Hz rhythm of that amplitude in µV."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    spectrum = np.fft.rfft(rng.normal(size=(n, len(NAMES))), axis=0)
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(n, 1 / RATE), 0.5))[:, None]
    pink = np.fft.irfft(spectrum, n, axis=0)
    rhythm = np.sin(2 * np.pi * 10.25 * np.arange(n) / RATE + rng.uniform(0, 6))[:, None]
    return broad * 10 * pink / pink.std(axis=0) + alpha * rhythm


def windows(
    signal, *, hop: float = 0.25, bad: Sequence[str] = (), invalid: Sequence[int] = (), segment=0
) -> list[Window]:
    """Cut a signal as the windower does: 1 s every `hop` seconds."""
    n, step = round(RATE), round(hop * RATE)
    return [
        Window(
            segment=segment,
            first_sample=first,
            n_new=n if first == 0 else step,
            t_first=first / RATE,
            rate=RATE,
            channels=NAMES,
            samples=signal[first : first + n].astype(np.float32),
            bad=tuple(bad),
            valid=k not in invalid,
            reason="blink" if k in invalid else "",
        )
        for k, first in enumerate(range(0, len(signal) - n + 1, step))
    ]


def oracle(before, after):
    """Return the rise in dB by scipy's own Welch on the whole signals."""
    found = []
    for signal in (before, after):
        f, power = welch(signal, RATE, nperseg=600, detrend="linear", axis=0)
        found.append(10 * np.log10(power[(f >= 8) & (f <= 12)].sum(axis=0)))
    return found[1] - found[0]


@pytest.mark.parametrize("hop", [0.1, 0.25, 1.0])
def test_overlapping_windows_give_what_the_signal_gives(hop):
    """The rise is scipy's on the uncut signal, however the windows overlap."""
    before, after = noise(1).astype(np.float32), noise(2, alpha=15.0).astype(np.float32)
    found = alpha_rise(windows(before, hop=hop), windows(after, hop=hop))
    assert list(found.rise) == ["O1", "O2", "Pz", "Fz"]
    np.testing.assert_allclose(list(found.rise.values()), oracle(before, after)[:4], atol=1e-6)
    assert found.seen
    assert found.peak == pytest.approx(10.25, abs=0.5)
    assert set(found.decided_by) == {"O1", "O2", "Pz"}
    rises = [found.rise[name] for name in found.decided_by]
    assert all(a >= b for a, b in pairwise(rises))


def test_the_same_state_twice_is_not_seen():
    """Two stretches of noise differ, but not by so much; neither does the order closed, open."""
    seen = [alpha_rise(windows(noise(s)), windows(noise(s + 100))).seen for s in range(40)]
    assert sum(seen) == 0
    assert not alpha_rise(windows(noise(1, alpha=15.0)), windows(noise(2))).seen


def test_what_rises_in_every_band_is_no_alpha():
    """Three times the amplitude everywhere is 9.5 dB, none of it beyond the flanks."""
    found = alpha_rise(windows(noise(1)), windows(noise(2, broad=3.0)))
    assert found.median == pytest.approx(9.5, abs=1.5)
    assert found.excess == pytest.approx(0.0, abs=1.5)
    assert not found.seen


def test_bad_channels_and_invalid_windows_are_left_out_and_named():
    """What is spoilt there does not count; a channel that is always bad has no answer."""
    before, after = noise(1), noise(2, alpha=15.0)
    clean = alpha_rise(windows(before), windows(after))
    spoilt = after.copy()
    spoilt[: round(4 * RATE)] += 500 * np.random.default_rng(0).normal(size=(round(4 * RATE), 5))
    spoilt[:, 1] = 1e5 * np.random.default_rng(1).normal(size=len(spoilt))
    n_first = sum(w.t_first < 4.0 for w in windows(after))
    cut = windows(spoilt, bad=("O2",), invalid=range(n_first))
    found = alpha_rise(windows(before), cut)
    assert set(found.left_out) == {"O2"}
    assert "O2" not in found.rise
    assert found.invalid == (0, n_first)
    assert found.rise["O1"] == pytest.approx(clean.rise["O1"], abs=1.5)
    assert found.seen


def test_windows_of_two_segments_are_not_glued():
    """A step between two segments does not become a part of either."""
    first, second = noise(1, seconds=10), noise(2, seconds=10) + 5000.0
    both = windows(first) + windows(second, segment=1)
    found = alpha_rise(both, both)
    assert found.rise["O1"] == pytest.approx(0.0, abs=1e-9)
    alone = alpha_rise(windows(first), both)
    assert abs(alone.rise["O1"]) < 6.0


def test_without_a_usable_window_nothing_is_said():
    """No windows, or invalid ones only: not seen, no numbers, no exception."""
    good = windows(noise(1))
    for empty in ([], windows(noise(2), invalid=range(100))):
        for pair in ((empty, good), (good, empty), (empty, empty)):
            found = alpha_rise(*pair)
            assert (found.seen, found.rise, found.peak, found.median) == (False, {}, None, None)
