"""The samples behind a row: cut to the sample, nothing newer, on the person's own scale."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import firwin

from decoder.embedding import FIELD
from decoder.methods.candidates import stopping_units
from decoder.methods.samples import PASS, TAPS, Pieces, cut, length, slower, stride_of

from .sampled import halves, sampled, spoilt


def test_a_piece_is_the_ten_windows_of_the_row():
    """Against sliding windows: the row's newest sample last, no sample missing or double."""
    table = sampled(n_people=2, n_units=3)
    rows = table.newest[::5]
    n = length(table)
    assert n == table.n_times + 9 * table.hop <= table.reach
    expected = [
        sliding_window_view(table.samples[table.recording[row]], n, axis=0)[
            table.first[row] + table.n_times - n
        ].T
        for row in rows
    ]
    np.testing.assert_array_equal(cut(table, rows), expected)


def test_what_only_stood_in_windows_hold_is_left_out():
    """A sample counts if one of the ten windows that hold it is a row of its own."""
    table = sampled(n_people=1, n_units=2)
    rng = np.random.default_rng(3)
    table = replace(table, stood_in=(rng.random(len(table)) < 0.7) & ~table.baseline)
    rows = table.newest
    pieces = cut(table, rows)
    for piece, row in zip(pieces, rows, strict=True):
        held = np.zeros(length(table), dtype=bool)
        start = table.first[row] + table.n_times - length(table)
        for one in range(row - FIELD + 1, row + 1):
            if not table.stood_in[one]:
                at = table.first[one] - start
                held[at : at + table.n_times] = True
        np.testing.assert_array_equal(np.isnan(piece).all(axis=1), ~held)
        np.testing.assert_array_equal(np.isnan(piece).any(axis=1), ~held)
    assert np.isfinite(Pieces(table, rows)(rows)).all()


@pytest.mark.parametrize(("rate", "stride"), [(100, 1), (128, 1), (250, 2), (256, 2), (500, 4)])
def test_the_rate_is_brought_to_128_at_most(rate, stride):
    """Whole strides, so that samples are taken and none is made up."""
    assert stride_of(rate) == stride


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(60, 300), st.integers(0, 2**31))
def test_slower_is_the_plain_filter_at_every_stride(stride, n, seed):
    """Against numpy's full overlap, counted back from the newest sample."""
    x = np.random.default_rng(seed).standard_normal((2, n, 3)).astype(np.float32)
    taps = firwin(TAPS * stride + 1, PASS / stride)
    full = [
        [np.convolve(x[i, :, c], taps, mode="valid")[::-1][::stride][::-1] for c in range(3)]
        for i in range(2)
    ]
    np.testing.assert_allclose(slower(x, stride), np.transpose(full, (0, 2, 1)), atol=1e-4)


def test_what_the_new_rate_cannot_hold_is_filtered_out():
    """At 500 Hz: 10 Hz stay as they are, 110 Hz do not come back as 15 Hz."""
    t = np.arange(2000) / 500
    tones = np.sin(2 * np.pi * np.array([10.0, 110.0]) * t[:, None])
    out = slower(tones[None].astype(np.float32), 4)[0]
    assert out[:, 0].std() == pytest.approx(np.sqrt(0.5), rel=0.02)
    assert out[:, 1].std() < 0.01


@pytest.mark.parametrize("rate", [128.0, 500.0])
def test_pieces_are_on_the_scale_of_the_own_rest(rate):
    """Another amplifier's offset and gain per person change nothing."""
    table = sampled(n_people=2, n_units=2, rate=rate)
    train, test = halves(table)
    gain = {0: (3.0, -500.0), 1: (0.2, 40.0)}
    person = [table.person[table.recording == i][0] for i in range(len(table.recordings))]
    other = replace(
        table,
        samples=tuple(
            gain[p][0] * one + np.float32(gain[p][1])
            for p, one in zip(person, table.samples, strict=True)
        ),
    )
    pieces = Pieces(table, train)(test)
    assert pieces.shape[:2] == (len(test), len(table.channels))
    np.testing.assert_allclose(Pieces(other, train)(test), pieces, atol=0.02)
    assert np.median(np.abs(Pieces(sampled(strength=0.0), halves(sampled())[0])(test))) < 1.0


def test_no_unit_that_is_scored_shapes_another_piece():
    """Without a rest the scale comes from what is learned from, never from what is scored."""
    table = sampled(n_people=2, n_units=4)
    table = replace(table, baseline=np.zeros(len(table), dtype=bool))
    train, test = halves(table)
    others = test[table.unit[test] != table.unit[test[0]]]
    again = Pieces(spoilt(table, table.unit[test[0]]), train)
    np.testing.assert_array_equal(again(others), Pieces(table, train)(others))


def test_nothing_newer_than_the_row_is_looked_at():
    """Samples behind a row's newest one may be anything."""
    table = sampled(n_people=1, n_units=2, rate=500.0)
    row = table.newest[3:4]
    own, end = table.recording[row[0]], table.first[row[0]] + table.n_times

    def with_wild(place):
        changed = [one.copy() for one in table.samples]
        changed[own][place] = 1e9
        return Pieces(replace(table, samples=tuple(changed)), table.newest)(row)

    plain = Pieces(table, table.newest)(row)
    np.testing.assert_array_equal(with_wild(slice(end, None)), plain)
    assert not np.array_equal(with_wild(slice(end - 1, end)), plain)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=20), st.integers(0, 2**31))
def test_what_tells_when_to_stop_is_whole_units_of_every_class(dealt, seed):
    """Each class has units on either side, or nothing is held out."""
    classes_of = np.unique(dealt, return_inverse=True)[1]
    unit = np.repeat(np.arange(len(dealt)), 4)
    classes = classes_of[unit]
    held = stopping_units(unit, classes, np.random.default_rng(seed))
    counts = np.bincount(classes_of)
    assert held.any() == (counts.min() >= 3)
    for one in range(len(dealt)):
        assert len(np.unique(held[unit == one])) == 1
    if held.any():
        assert set(classes[held]) == set(classes[~held]) == set(classes)
        assert held.mean() < 0.5
