"""Hints of sleepiness: alpha that goes, eyes that roll; information that changes nothing."""

import numpy as np
import pytest

from stream.quality.drowsiness import rolls
from tests.stream.judging import CAP10, judge_all

RATE = 100.0
N = 9000
T = np.arange(N) / RATE


def cap_with_alpha(amplitude: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return 90 s of 1/f noise with alpha at the back whose amplitude changes, in µV."""
    rng = np.random.default_rng(seed)
    frequency = np.maximum(np.fft.rfftfreq(N, 1 / RATE), 0.5)[:, None]
    pink = np.fft.irfft(np.fft.rfft(rng.normal(size=(N, 10)), axis=0) / np.sqrt(frequency), N, 0)
    signal = 8 * pink / pink.std(axis=0)
    signal[:, -2:] += (amplitude * np.sin(2 * np.pi * 10 * T))[:, None]
    return signal


def hints(signal: np.ndarray) -> list[tuple[str, ...]]:
    """Return what is told with each window."""
    return [one.hints for one in judge_all(signal, rate=RATE, line=0)]


@pytest.mark.parametrize("amplitude", [20.0, 60.0])
def test_alpha_that_drops_out_is_told(amplitude: float) -> None:
    """A minute of alpha and then none: told within 5 s, not before, and not for ever."""
    told = hints(cap_with_alpha(np.where(T < 60, amplitude, 0.0)))
    ends = 1 + 0.25 * np.arange(len(told))
    gone = np.array(["alpha gone" in one for one in told])
    assert not gone[ends <= 60].any()
    assert gone[ends >= 66].all()


def test_nobody_loses_an_alpha_that_was_not_there() -> None:
    """Without an alpha rhythm, nothing is told; neither with one that stays."""
    for amplitude in (0.0, 30.0):
        assert set(hints(cap_with_alpha(np.full(N, amplitude)))) == {()}


def test_rolling_eyes_are_told_and_steps_are_not() -> None:
    """Opposite slow movement at F7 and F8 is told; the same on both, or a saccade, is not."""
    left, right = CAP10.index("F7"), CAP10.index("F8")
    roll = 60 * np.sin(2 * np.pi * 0.35 * T)
    base = cap_with_alpha(np.zeros(N), 3)
    rolling, together, saccade = base.copy(), base.copy(), base.copy()
    rolling[:, left] += roll
    rolling[:, right] -= roll
    together[:, [left, right]] += roll[:, None]
    saccade[T > 45, left] += 80
    told = hints(rolling)
    assert all(one == ("slow eye movements",) for one in told[50:])
    assert set(told[:36]) == {()}
    assert set(hints(together)) == {()}
    assert set(hints(saccade)) == {()}


@pytest.mark.parametrize(("hz", "told"), [(0.05, False), (0.3, True), (0.5, True), (1.2, False)])
def test_only_slow_movement_counts(hz: float, told: bool) -> None:
    """The band is 0.2 to 0.6 Hz, and the movement must have the size that is asked for."""
    course = 60 * np.sin(2 * np.pi * hz * np.arange(40) * 0.25 + 1)
    assert rolls(course, 0.25, 20.0) is told
    assert not rolls(0.2 * course, 0.25, 20.0)
    assert not rolls(course[:4], 0.25, 20.0)
