"""Arrivals of sounds in a channel: finer than a sample, whatever carries them, or refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rym.errors import SignalError
from stream.signal.onsets import arrivals, delay

DUE = 100.0 + np.cumsum([0.0, 0.93, 1.12, 0.85, 1.01, 0.97, 1.15, 0.88])


def level(times, begins):
    """Return 60 ms long clicks whose sides rise and fall within 10 ms, at `times`."""
    since = times[:, None] - np.asarray(begins)
    up = np.clip(since / 0.01, 0, 1)
    down = np.clip((0.06 - since) / 0.01, 0, 1)
    return ((0.5 - 0.5 * np.cos(np.pi * up)) * (0.5 - 0.5 * np.cos(np.pi * down))).sum(axis=1)


def channel(form, times, begins, seed=0, noise=0.02):
    """Return what a cable, a microphone's level or a trigger box makes of the clicks."""
    sizes = level(times, begins)
    made = {
        "sound": sizes * np.sin(2 * np.pi * 80 * (times - times[0])),
        "level": -18_800.0 + 300 * sizes,
        "trigger": np.where(sizes > 0.5, -1.0, 0.0),
    }[form]
    return made + noise * np.ptp(made) * np.random.default_rng(seed).normal(size=len(times))


def grid(rate, shift=0.0):
    """Return the times of the samples around all clicks."""
    return np.arange(99.0 + shift, DUE[-1] + 2.0, 1 / rate)


@pytest.mark.parametrize("form", ["sound", "level", "trigger"])
@pytest.mark.parametrize("rate", [250.0, 256.0, 500.0, 1000.0])
@pytest.mark.parametrize("later", [-0.02, 0.0, 0.12, 0.3331])
def test_the_delay_that_was_put_in_is_found(form, rate, later):
    """Within 1 ms, in sound and level; a trigger's step has only whole samples."""
    times = grid(rate)
    begins = DUE + later - 0.005
    found = delay(times, channel(form, times, begins), DUE)
    within = 0.001 + (0.5 / rate if form == "trigger" else 0.0)
    assert found.seconds == pytest.approx(later, abs=within)
    assert (found.found, found.expected) == (8, 8)
    assert found.spread < 0.6 / rate


@settings(max_examples=25, deadline=None)
@given(shift=st.floats(0.0, 0.002), later=st.floats(0.0, 0.45))
def test_an_arrival_is_finer_than_a_sample(shift, later):
    """A clean level's edge is found within a tenth of a sample, wherever the samples lie."""
    times = grid(500.0, shift)
    found = arrivals(times, level(times, DUE + later - 0.005), DUE) - DUE
    assert np.abs(found - later).max() < 0.0002


def test_the_difference_of_two_delays_is_what_lies_between_them():
    """120 ms are 120 ms to 0.3 ms, with noise and mains hum of half the clicks' size."""
    times = grid(500.0)
    hum = 60 * np.sin(2 * np.pi * 50 * times)
    near, far = (
        delay(times, channel("level", times, DUE + later, seed=k) + hum, DUE).seconds
        for k, later in enumerate((0.01, 0.13))
    )
    assert far - near == pytest.approx(0.120, abs=0.0003)


def test_a_click_that_was_not_recorded_is_nan():
    """Too early, too late, in a gap, or not a number: nan, and the others are found."""
    times = grid(500.0)
    signal = channel("level", times, DUE)
    signal[np.abs(times - DUE[2]) < 0.3] = np.nan
    gap = np.abs(times - DUE[4]) > 0.2
    due = np.concatenate([[50.0], DUE, [times[-1] - 0.1]])
    found = arrivals(times[gap], signal[gap], due)
    assert list(np.flatnonzero(np.isnan(found))) == [0, 3, 5, 9]


@pytest.mark.parametrize("kind", ["noise", "silence", "heart"])
def test_without_clicks_there_is_no_delay(kind):
    """Noise, a dead channel, or something else that repeats: refused with both numbers."""
    times = grid(500.0)
    signal = {
        "noise": np.random.default_rng(3).normal(size=len(times)),
        "silence": np.full(len(times), -18_800.0),
        "heart": channel("level", times, np.arange(99.0, 120.0, 0.8)),
    }[kind]
    with pytest.raises(SignalError, match=r"\d of 8 clicks") as refused:
        delay(times, signal, DUE)
    assert refused.value.facts["expected"] == 8


def test_delays_that_differ_are_no_delay():
    """A wireless device whose delay wanders by 8 ms is refused by its spread."""
    times = grid(500.0)
    wander = np.array([-8, 8, -7, 7, -8, 8, -7, 7]) / 1000
    with pytest.raises(SignalError, match="apart") as refused:
        delay(times, channel("level", times, DUE + 0.2 + wander), DUE)
    assert refused.value.facts["spread"] > 0.005


def test_a_few_lost_clicks_do_not_move_the_median():
    """Two of eight that are missing or disturbed are left out and counted."""
    times = grid(500.0)
    begins = np.concatenate([DUE[:3], DUE[4:]]) + 0.05
    begins[5] += 0.03
    found = delay(times, channel("level", times, begins), DUE)
    assert found.found == 6
    assert found.seconds == pytest.approx(0.055, abs=0.001)
