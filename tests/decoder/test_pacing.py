"""How much answers are smoothed and held, chosen by playing them as live does."""

import math

import msgspec
import numpy as np
import pytest
from scipy.stats import binom

from decoder.gate import Gate, Smoother, fit_threshold, smooth
from decoder.pacing import UNKNOWN, Line, needless, pace_for, pace_of, played, seconds_to_right
from decoder.settings import HYSTERESES, SMOOTHINGS, DecoderSettings
from rym.messages import AFFECTS

HOP, LAG = 0.25, 8


def line_of(seed, n_episodes=18, right=0.8, lag=LAG, run=1):
    """Return answers that follow the state so many rows late, each `run` rows by another chance."""
    rng = np.random.default_rng(seed)
    states, lengths = [], rng.integers(48, 81, n_episodes)
    for _ in lengths:
        states.append(rng.choice([s for s in range(3) if not states or s != states[-1]]))
    label, episode = np.repeat(states, lengths), np.repeat(np.arange(n_episodes), lengths)
    n, begin = len(label), np.concatenate([[0], np.cumsum(lengths)])[episode]
    t = HOP * np.arange(n)
    told = label[np.maximum(np.arange(n) - lag, 0)]
    wrong = np.repeat(rng.random(-(-n // run)) > right, run)[:n]
    told = np.where(wrong, np.repeat(rng.integers(0, 3, -(-n // run)), run)[:n], told)
    follows = np.arange(n) > 0
    start = np.where(episode > 0, t[begin], np.nan)
    p = np.full((n, 3), 0.15) + 0.55 * np.eye(3)[told]
    return Line(p, label, episode, t, start, follows, np.arange(n) - begin >= 15, HOP)


def guesses(seed):
    """Return confident answers of which each holds for 2.5 s and knows nothing of the state."""
    rng = np.random.default_rng(seed)
    line = line_of(seed, right=0.0, run=10)
    return line._replace(
        p=np.repeat(rng.dirichlet([0.5] * 3, len(line.p)), 10, axis=0)[: len(line.p)]
    )


def test_lines_are_played_as_live_plays_them():
    """One row at a time through the smoother and the gate, which forget at a break."""
    line = line_of(0)
    line.follows[200] = False
    smoother, gate, expected = Smoother(HOP, 0.75), Gate(0.5, 0.1), []
    for i, p in enumerate(line.p):
        if i == 200:
            smoother, gate = Smoother(HOP, 0.75), Gate(0.5, 0.1)
        state = gate.step(smoother.step(p)).state
        expected.append(UNKNOWN if state == "unknown" else AFFECTS.index(state))
    said = played(line, smooth(line.p, line.follows, HOP, 0.75), 0.5, 0.1)
    assert UNKNOWN in expected
    np.testing.assert_array_equal(said, expected)


def test_changes_with_the_state_are_not_needless():
    """Late or not, one change for every change of the state is needed; two within it are not."""
    line = line_of(1)
    late = line.label[np.maximum(np.arange(len(line.label)) - LAG, 0)]
    minutes = len(late) * HOP / 60
    assert needless(line, line.label) == needless(line, late) == 0.0
    turned, silent = late.copy(), late.copy()
    middle = np.flatnonzero(line.episode == 4)[30]
    turned[middle : middle + 3] = (late[middle] + 1) % 3
    silent[middle : middle + 3] = UNKNOWN
    assert needless(line, turned) == pytest.approx(2 / minutes)
    assert needless(line, silent) == 0.0


@pytest.mark.parametrize("lag", [0, 8, 20])
def test_the_time_to_the_right_state_is_the_lag(lag):
    """From every change but the first; what is right for a moment only does not count."""
    line = line_of(2)
    late = line.label[np.maximum(np.arange(len(line.label)) - lag, 0)]
    waits = seconds_to_right(line, late)
    np.testing.assert_allclose(waits, np.full(17, lag * HOP))
    late[np.flatnonzero(line.episode == 3)[::5]] = UNKNOWN
    assert seconds_to_right(line, late)[2] == math.inf


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("limit", [1.5, 3.0])
def test_the_soonest_of_the_steady_ones_is_chosen(seed, limit):
    """Whatever is sooner turns too often or is less right; a tighter limit is never sooner."""
    line = line_of(seed, right=0.75, run=3)
    chosen = pace_for(line, DecoderSettings(needless=limit))
    clear = line.clear
    for tau in SMOOTHINGS:
        smoothed = smooth(line.p, line.follows, HOP, tau)[clear]
        threshold = fit_threshold(smoothed, line.label[clear], line.episode[clear], 0.6)
        for hysteresis in HYSTERESES:
            other = pace_of(line, tau, hysteresis, threshold)
            if other.seconds < chosen.seconds:
                assert other.needless > limit or other.right.mean() < chosen.right.mean()
    assert chosen.needless <= limit
    free = pace_for(line, DecoderSettings(needless=math.inf))
    assert free.seconds <= chosen.seconds
    assert free.needless >= chosen.needless


def test_where_nothing_is_steady_the_steadiest_is_chosen():
    """A limit of none at all: fewer changes than with the smoothing that is soonest."""
    line = line_of(3, right=0.7, run=4)
    steadiest = pace_for(line, DecoderSettings(needless=0.0))
    assert 0.0 < steadiest.needless < pace_for(line, DecoderSettings(needless=99.0)).needless


def test_a_number_forces_smoothing_and_hysteresis():
    """The threshold is then that of the forced smoothing; zero is a number, too."""
    line = line_of(4)
    for tau, hysteresis in ((0.0, 0.0), (0.6, 0.3)):
        pace = pace_for(line, DecoderSettings(smoothing=tau, hysteresis=hysteresis))
        assert (pace.smoothing, pace.hysteresis) == (tau, hysteresis)
        clear = line.clear
        smoothed = smooth(line.p, line.follows, HOP, tau)[clear]
        expected = fit_threshold(smoothed, line.label[clear], line.episode[clear], 0.6)
        assert pace.threshold == expected


def lucky(p, label, target):
    """Return whether some confidence lets through ten answers that are right often enough."""
    right, weight = p.argmax(axis=1) == label, 1.0 / np.bincount(label, minlength=3)[label]
    for threshold in np.arange(0.34, 0.96, 0.02):
        through = p.max(axis=1) >= threshold
        if (
            through.sum() >= 10
            and (weight * right)[through].sum() >= target * weight[through].sum()
        ):
            return True
    return False


def test_guesses_open_no_gate():
    """Of 40 lines of confident guesses, no more open it than 5 % do by chance; by share alone many.

    A score at chance, out of fold, is a gate that answers unknown, however lucky a threshold.
    """
    ours, naive = 0, 0
    for line in map(guesses, range(40)):
        ours += pace_for(line, DecoderSettings()) is not None
        smoothed = [smooth(line.p, line.follows, HOP, tau)[line.clear] for tau in SMOOTHINGS]
        naive += any(lucky(p, line.label[line.clear], 0.6) for p in smoothed)
    assert ours <= binom.ppf(0.99, 40, 0.05)
    assert naive >= 10


def test_settings_know_the_longest_smoothing():
    """Held-out parts are kept apart by the longest that may be chosen, or by what is forced."""
    assert DecoderSettings().longest_smoothing == max(SMOOTHINGS)
    forced = msgspec.structs.replace(DecoderSettings(), smoothing=0.0)
    assert forced.longest_smoothing == 0.0
