"""Files that went through different filters are grouped, and states and muscles make no group."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from decoder.leaks.filters import Spectrum, filters, groups_of, shape_of
from tests.decoder.leaks.made import eeg_like

RATE = 250.0


def spectrum(
    name, person="p", state="", seed=0, *, alpha=0.0, muscle=0.0, hum=0.0, filtered=(), declared=""
):
    """Return the spectrum of noise with alpha, muscle and hum that went through filters."""
    x = eeg_like(40, seed, rate=RATE)
    rng = np.random.default_rng(seed + 1000)
    t = np.arange(len(x)) / RATE
    x += alpha * np.sin(2 * np.pi * 10.3 * t)[:, None]
    x += muscle * rng.standard_normal(x.shape) + hum * np.sin(2 * np.pi * 50.0 * t)[:, None]
    for sos in filtered:
        x = signal.sosfiltfilt(sos, x, axis=0)
    f, p = signal.welch(x, RATE, nperseg=500, axis=0)
    return Spectrum(name, person, state, f[2:], p[2:], declared)


def low_pass(hz):
    """Return a low-pass of fourth order."""
    return signal.butter(4, hz, fs=RATE, output="sos")


def notch(hz=50.0, q=15.0):
    """Return a notch."""
    return signal.tf2sos(*signal.iirnotch(hz, q, fs=RATE))


def high_pass(hz):
    """Return a high-pass of fourth order."""
    return signal.butter(4, hz, "highpass", fs=RATE, output="sos")


@pytest.mark.parametrize(
    "sos",
    [low_pass(30.0), low_pass(45.0), notch(50.0), notch(60.0), high_pass(2.0), high_pass(3.0)],
    ids=["low-pass 30", "low-pass 45", "notch 50", "notch 60", "high-pass 2", "high-pass 3"],
)
def test_a_filter_in_some_files_is_found(sos):
    """Whatever filter some files went through, they are a group."""
    raw = [spectrum(f"raw{i}", seed=i) for i in range(3)]
    other = [spectrum(f"other{i}", seed=10 + i, filtered=[sos]) for i in range(3)]
    found = filters(raw + other)
    assert found.found
    assert found.score == 2.0
    assert any(d.startswith("other0, other1 and other2:") for d in found.details)


@pytest.mark.parametrize(("one", "other"), [(30.0, 45.0), (45.0, 70.0)])
def test_two_low_passes_are_two_groups(one, other):
    """Two settings of one filter differ."""
    files = [spectrum(f"a{i}", seed=i, filtered=[low_pass(one)]) for i in range(2)]
    files += [spectrum(f"b{i}", seed=5 + i, filtered=[low_pass(other)]) for i in range(2)]
    assert groups_of([shape_of(file) for file in files]) == [0, 0, 1, 1]


@pytest.mark.parametrize("filtered", [(), (low_pass(45.0), notch()), (high_pass(0.5),)])
def test_people_states_and_hum_make_no_group(filtered):
    """Alpha, a clenched jaw and the mains differ between files; their filters do not."""
    files = [
        spectrum(f"f{i}", seed=i, alpha=5.0 * (i % 3), muscle=3.0 * (i % 2), hum=2.0 * (i % 4),
                 filtered=filtered)
        for i in range(8)
    ]  # fmt: skip
    found = filters(files)
    assert found.found is False
    assert found.score == 1.0


@pytest.mark.parametrize("n_people", [1, 3])
def test_filters_that_go_with_the_state_are_said(n_people):
    """Where one state's files are filtered otherwise, the people are counted and named."""
    files = []
    for i in range(4):
        other = [low_pass(30.0)] if i < n_people else []
        files += [
            spectrum(f"{i}r", f"P{i}", "rest", seed=2 * i),
            spectrum(f"{i}t", f"P{i}", "task", seed=2 * i + 1, filtered=other),
        ]
    found = filters(files)
    assert f"in {n_people} of 4 people" in found.what
    assert "told apart by the filter alone" in found.meaning
    assert "P0" in found.meaning
    assert "P3" not in found.meaning


def test_filters_that_go_with_the_person_are_said():
    """Where people differ but not their states, states cannot be told by it."""
    files = [
        spectrum(f"{i}{s}", f"P{i}", s, seed=i, filtered=[low_pass(30.0)] if i % 2 else [])
        for i in range(4)
        for s in ("rest", "task")
    ]
    found = filters(files)
    assert found.found
    assert "in 0 of 4 people" in found.what
    assert "but not states" in found.meaning


def test_what_files_declare_is_repeated():
    """What a file says of its filters stands beside what is seen; silence is counted."""
    sos = [low_pass(45.0)]
    files = [spectrum("a", filtered=sos, declared="low-pass 45 Hz"), spectrum("b", filtered=sos)]
    found = filters(files)
    assert "declared: low-pass 45 Hz, nothing in 1" in found.details[0]


def test_roll_off_and_notch_are_measured():
    """The numbers grow with the filter."""
    shapes = [shape_of(spectrum("a", filtered=[low_pass(hz)])) for hz in (30.0, 45.0, 70.0)]
    assert np.all(np.diff([shape.roll_off for shape in shapes]) > 5.0)
    assert shape_of(spectrum("a")).roll_off == RATE / 2
    assert shape_of(spectrum("a", filtered=[notch()])).notch_50 > 12.0
    assert shape_of(spectrum("a", hum=20.0)).notch_50 < 12.0


def test_files_without_a_spectrum_are_left_out():
    """NaN is no filter; with one file nothing is claimed."""
    good = spectrum("a")
    empty = good._replace(name="b", power=np.full_like(good.power, np.nan))
    dead = good._replace(name="c", power=np.zeros_like(good.power))
    found = filters([good, empty, dead])
    assert found.found is None
    assert "1 of 3 files" in found.what
    assert filters([]).found is None
