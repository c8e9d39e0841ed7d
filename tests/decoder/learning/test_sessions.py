"""Which moments may be drawn, and which sessions are refused."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder.embedding import FIELD, fields_of
from decoder.learning.sessions import (
    Session,
    alike,
    hold_out,
    pooled,
    published,
    usable,
)
from rym.errors import SignalError


def windows(session):
    """Return the ten rows of every moment."""
    return session.rows[session.place[:, None] + np.arange(FIELD)]


def numbered(n, start=0.0):
    """Return rows that say which they are."""
    return start + np.arange(float(2 * n)).reshape(n, 2)


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(9, 59), min_size=1))
def test_every_moment_keeps_its_ten_rows(newest):
    """Whatever is drawn, its window is that of its own row; rows of no window are left out."""
    newest = np.array(sorted(newest))
    session = usable(numbered(60), newest, np.zeros(len(newest), dtype=np.int64))
    np.testing.assert_array_equal(windows(session), fields_of(numbered(60), newest))
    assert set(session.rows[:, 0]) == set(fields_of(numbered(60), newest)[:, :, 0].ravel())


def test_published_windows_are_cebras():
    """Every index gives the window that cebra's data set gives, clamped at both ends."""
    data = pytest.importorskip("cebra.data", reason="cebra is the oracle")
    sklearn = pytest.importorskip("cebra.integrations.sklearn.dataset")

    rows, labels = numbered(30), np.arange(30) % 2
    theirs = sklearn.SklearnDataset(rows, (labels,))
    theirs.offset = data.Offset(5, 5)
    expected = theirs[torch.arange(30)].numpy().transpose(0, 2, 1)
    session = published(rows, labels)
    np.testing.assert_array_equal(windows(session), expected)
    assert len(np.unique(session.place)) == 21  # nine labels stand for another row's window


def test_no_window_straddles_two_people():
    """Pooled, every window is one of one person's own."""
    people = [usable(numbered(30, at), np.arange(9, 30), np.arange(21) % 2) for at in (0.0, 1e3)]
    both = pooled(people)
    np.testing.assert_array_equal(windows(both), np.concatenate([windows(p) for p in people]))
    wide = usable(np.zeros((20, 3)), np.array([9, 15]), np.array([0, 1]))
    with pytest.raises(SignalError, match="2 and 3 features"):
        pooled([people[0], wide])


def session_of(labels):
    """Return a session of one moment per label."""
    n = len(labels)
    return usable(np.zeros((n + 9, 2)), np.arange(9, n + 9), np.asarray(labels))


def test_a_session_that_lacks_a_class_is_refused():
    """One sentence names the session and the class."""
    with pytest.raises(SignalError, match=r"Session 2 of 2 has no row of class 1; .* 3 classes"):
        alike([session_of([0, 1, 2]), session_of([0, 2, 2])])


def test_why_it_is_refused():
    """The library pairs the class that a session lacks with another one, without a word."""
    distributions = pytest.importorskip("cebra.distributions", reason="cebra is the oracle")

    lacking = np.array([0, 2, 2, 0, 2])
    drawn = distributions.DiscreteUniform(torch.from_numpy(lacking)).sample_conditional(
        np.ones(20, dtype=np.int64)
    )
    assert set(lacking[drawn]) == {2}


def test_classes_are_numbered_anew():
    """Labels 0 and 2 are classes 0 and 1 in every session."""
    one, two = alike([session_of([0, 2, 2]), session_of([2, 0])])
    assert one.labels.tolist() == [0, 1, 1]
    assert two.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: alike([session_of([2, 2])]), "1 class"),
        (lambda: usable(np.zeros((20, 2)), np.array([8]), np.array([0])), "Row 8"),
        (lambda: usable(np.zeros((20, 2)), np.array([20]), np.array([0])), "of 20 rows"),
        (lambda: usable(np.full((20, 2), np.nan), np.array([9]), np.array([0])), "10 of the 10"),
        (lambda: published(np.zeros((9, 2)), np.zeros(9, dtype=np.int64)), "9 rows"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(make, says):
    """One class, windows beyond the rows, rows without numbers, too few rows."""
    with pytest.raises(SignalError, match=says):
        make()


@pytest.mark.parametrize("gap", [0, 4])
def test_what_is_held_out_shares_no_row(gap):
    """The newest fifth of each class; the rows learned from are farther than the gap."""
    labels = np.repeat([0, 1, 0, 1], 50)
    learned, held = hold_out(session_of_numbers(labels), 0.2, gap)
    assert np.bincount(held.labels).tolist() == [20, 20]
    rows = [np.unique(windows(part)[:, :, 0]) / 2 for part in (learned, held)]
    assert np.abs(rows[0][:, None] - rows[1][None, :]).min() == gap + 1
    assert set(windows(held)[:, -1, 0] / 2) == {*range(139, 159), *range(189, 209)}


def session_of_numbers(labels):
    """Return a session whose rows say which they are."""
    n = len(labels)
    return usable(numbered(n + 9), np.arange(9, n + 9), labels)


@pytest.mark.parametrize(("share", "says"), [(0.01, "held out"), (0.95, "to learn from")])
def test_a_share_that_leaves_a_class_empty_is_refused(share, says):
    """On either side."""
    with pytest.raises(SignalError, match=says):
        hold_out(session_of_numbers(np.repeat([0, 1], 30)), share, 0)


def test_holding_out_keeps_what_was_published_together():
    """Moments that share a clamped window are held out with it."""
    session = published(numbered(60), np.repeat([0, 1], 30))
    learned, held = hold_out(session, 0.2, 0)
    assert isinstance(learned, Session)
    assert not np.intersect1d(windows(learned)[:, :, 0], windows(held)[:, :, 0]).size
