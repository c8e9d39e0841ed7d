"""Copies are found whatever was done to them, and different files are not accused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from decoder.leaks.duplicates import LIKE, Trace, duplicates, pairs_of
from tests.decoder.leaks.made import eeg_like

RATE = 64.0
NAMES = ("TP9", "AF7", "AF8", "TP10")


def trace(samples, name="f", person="p", *, sha256="", channels=NAMES, rate=RATE):
    """Return a file."""
    return Trace(name, person, sha256, channels, np.asarray(samples, dtype=np.float32), rate)


def pair_with(copy, seconds=60, **more):
    """Return what is found of a file and what `copy` makes of it."""
    samples = eeg_like(seconds, 1)
    return pairs_of([trace(samples), trace(copy(samples), **more)])[0]


def cut(samples, share=0.3):
    """Leave out the beginning."""
    return samples[round(share * len(samples)) :]


def with_losses(samples, n=6):
    """Lose a piece of 0.2 s in some places."""
    lost = [at + np.arange(13) for at in np.linspace(200, len(samples) - 200, n).astype(int)]
    return np.delete(samples, np.concatenate(lost), axis=0)


def stretched(samples, share=0.001):
    """Read by a clock that goes wrong by a share."""
    at = np.arange(0, len(samples) - 1, 1.0 + share)
    return np.stack([np.interp(at, np.arange(len(samples)), c) for c in samples.T], axis=1)


def noisy(samples, share=0.4):
    """Add noise of a share of the signal's size."""
    more = eeg_like(len(samples) / RATE, 99)[: len(samples)]
    return samples + share * more


CHANGES = {
    "cut at the start": cut,
    "cut by half": lambda x: cut(x, 0.5),
    "scaled": lambda x: 1e-3 * x,
    "turned over": lambda x: -x,
    "samples lost": with_losses,
    "many samples lost": lambda x: with_losses(x, 12),
    "clock off by 0.1 %": stretched,
    "clock off by -0.2 %": lambda x: stretched(x, -0.002),
    "a little noise": noisy,
    "more noise": lambda x: noisy(x, 0.6),
    "each channel scaled": lambda x: x * [1.0, 0.2, 5.0, 30.0],
    "filtered": lambda x: signal.sosfilt(signal.butter(2, 20, fs=RATE, output="sos"), x, axis=0),
    "an artifact": lambda x: x + 500.0 * (np.arange(len(x)) % 1500 < 20)[:, None],
    "all of it": lambda x: 7.0 * noisy(with_losses(cut(x)), 0.3),
}


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found(change):
    """Whatever was done to a copy, it is one."""
    found = pair_with(CHANGES[change])
    assert len(found) == 1
    assert found[0].likeness >= LIKE
    assert not found[0].exact


@settings(max_examples=15, deadline=None)
@given(late=st.floats(0.0, 25.0), scale=st.floats(1e-4, 1e4), turn=st.booleans())
def test_the_delay_is_found(late, scale, turn):
    """Where the copy begins is told to a sample, at any scale."""
    n = round(late * RATE)
    found = pair_with(lambda x: (-scale if turn else scale) * x[n:])
    assert len(found) == 1
    assert found[0].seconds == pytest.approx(-n / RATE, abs=1.5 / RATE)


@pytest.mark.parametrize("rate", [50.0, 60.0])
def test_copies_at_another_rate_are_found(rate):
    """An export at another rate is a copy."""

    def resampled(samples):
        at = np.arange(0.0, len(samples) - 1, RATE / rate)
        return np.stack([np.interp(at, np.arange(len(samples)), c) for c in samples.T], axis=1)

    assert len(pair_with(resampled, rate=rate)) == 1


def test_copies_with_other_channel_names_are_found():
    """Renamed channels are compared by their place, reordered ones by their names."""
    assert len(pair_with(lambda x: x, channels=("1", "2", "3", "4"))) == 1
    assert len(pair_with(lambda x: x[:, ::-1], channels=NAMES[::-1])) == 1
    assert len(pair_with(lambda x: x[:, 1:3], channels=NAMES[1:3])) == 1


def test_half_a_minute_in_common_suffices():
    """Two recordings that share their end and beginning are found."""
    whole = eeg_like(150, 4)
    one, two = whole[: round(90 * RATE)], whole[round(45 * RATE) :]
    found, _ = pairs_of([trace(one), trace(two)])
    assert len(found) == 1
    assert found[0].seconds == pytest.approx(-45.0, abs=0.05)


def test_different_files_are_not_accused():
    """None of 45 pairs of independent files is a copy."""
    files = [trace(eeg_like(50 + 5 * i, 10 + i), f"f{i}") for i in range(10)]
    found, skipped = pairs_of(files)
    assert not found
    assert skipped == 0
    assert duplicates(files, found).found is False


@pytest.mark.parametrize("size", [1.0, 10.0])
def test_a_common_rhythm_is_no_copy(size):
    """The same sine in two files resembles itself at every period, and proves nothing."""
    t = np.arange(round(60 * RATE)) / RATE
    hum = size * 10.0 * np.sin(2 * np.pi * 12.0 * t)[:, None]
    found, _ = pairs_of([trace(eeg_like(60, 1) + hum), trace(eeg_like(60, 2) + hum)])
    assert not found


def test_one_artifact_of_a_shape_is_no_copy():
    """A single identical jump in two files proves nothing."""
    jump = np.zeros((round(60 * RATE), 4))
    jump[1000:1100] = 400.0
    found, _ = pairs_of([trace(eeg_like(60, 1) + jump), trace(eeg_like(60, 2) + jump)])
    assert not found


def test_files_equal_to_the_byte_need_no_signal():
    """Two hashes alike: an exact copy, however short."""
    files = [trace(eeg_like(2, 1), "a", sha256="x"), trace(eeg_like(2, 2), "b", sha256="x")]
    found, skipped = pairs_of(files)
    assert found[0].exact
    assert skipped == 0
    assert "a and b are equal to the byte" in duplicates(files, found).details


def test_one_person_under_two_names_is_said():
    """Copies of two people name both; copies of one person do not."""
    x, y = eeg_like(40, 1), eeg_like(40, 2)
    files = [
        trace(x, "a1", "anna"),
        trace(x, "b1", "ben"),
        trace(y, "c1", "c"),
        trace(y, "d1", "d"),
    ]
    found = duplicates(files, pairs_of(files)[0])
    assert "one person's (anna = ben and c = d)" in found.meaning
    assert "2 of 6 pairs" in found.what
    own = [trace(x, "a1", "anna"), trace(x, "a2", "anna")]
    assert "one person" not in duplicates(own, pairs_of(own)[0]).meaning


def test_what_cannot_be_compared_is_counted():
    """Short files, and files without a common channel, are skipped and said."""
    long, short = eeg_like(30, 1), eeg_like(5, 2)
    files = [trace(long), trace(short), trace(long[:, :3], channels=("A", "B", "C"))]
    found, skipped = pairs_of(files)
    assert not found
    assert skipped == 3
    assert duplicates(files, found, skipped).found is None
    assert pairs_of([]) == ([], 0)


def test_flat_files_are_no_copies():
    """A file without any signal resembles nothing, and raises nothing."""
    flat = np.zeros((round(30 * RATE), 4))
    assert pairs_of([trace(flat), trace(flat + 1.0), trace(eeg_like(30, 1))])[0] == []
