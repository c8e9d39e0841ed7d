"""When the flag goes up, that it changes nothing, and what counts as novel."""

import math

import numpy as np
import pytest

from decoder.memory.drift import LEAST, Usual, Watch, novelty_threshold
from decoder.memory.rings import memory_of, unit
from rym.errors import SignalError


def rows(rng, n, d=7):
    """Return n vectors of noise in which each row shares nine tenths with the one before."""
    x = np.zeros((n, d))
    for i in range(1, n):
        x[i] = 0.9 * x[i - 1] + math.sqrt(1 - 0.81) * rng.standard_normal(d)
    return x


def usual(seed, n=1200):
    """Return distances and levels of a calibration of 5 min."""
    rng = np.random.default_rng(seed)
    return np.abs(rows(rng, n)[:, 0]), rows(rng, n)[:, 1]


def flags(watch, distance, level):
    """Return all drifts of a stream at 4 Hz."""
    return [
        drift
        for i, pair in enumerate(zip(distance.tolist(), level.tolist(), strict=True))
        for drift in watch.push(i / 4, *pair)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_half_an_hour_like_the_calibration_raises_no_flag(seed):
    """The same process goes on."""
    watch = Watch(*usual(seed))
    assert flags(watch, *usual(seed + 100, 7200)) == []
    assert watch.flags == {}


@pytest.mark.parametrize("seed", range(4))
def test_what_drifts_over_twenty_minutes_raises_the_flag_and_no_other(seed):
    """A level that rises by two standard deviations is found before it has arrived."""
    watch = Watch(*usual(seed))
    distance, level = usual(seed + 100, 4800)
    found = flags(watch, distance, level + np.linspace(0, 2, 4800))
    assert {drift.measure for drift in found} == {"level"}
    assert 120 < found[0].t < 1200
    assert found[0].after > found[0].before
    assert "electrodes" in watch.flags["level"].suggestion


def test_a_change_between_calibration_and_the_first_moment_is_seen():
    """All of the stream is alike, and unlike the calibration."""
    watch = Watch(*usual(0))
    distance, level = usual(100, 1200)
    found = flags(watch, distance + 1.5, level)
    assert [drift.measure for drift in found][:1] == ["distance"]
    assert found[0].t < 90
    assert "hold keys" in found[0].suggestion


@pytest.mark.fault(29)
def test_half_an_hour_of_runaway_raises_the_flag():
    """What plays moves the embedding ever further from where the calibration was."""
    rng = np.random.default_rng(3)
    learned = unit(rows(rng, 600))
    memory = memory_of(learned, np.arange(600) // 100 % 3, np.arange(600) // 10)
    calibration = [memory.ask(z).distance for z in unit(rows(rng, 600))]
    watch = Watch(np.array(calibration), rng.standard_normal(600))
    before = memory.arrays()
    away = np.linspace(0, 4, 7200)[:, None] * np.eye(7)[0]
    live = [memory.ask(z).distance for z in unit(rows(rng, 7200) + away)]
    assert flags(watch, np.array(live), rng.standard_normal(7200))
    assert set(watch.flags) == {"distance"}
    for name, array in memory.arrays().items():
        np.testing.assert_array_equal(array, before[name])


def test_moments_without_an_answer_are_left_out():
    """NaN adds nothing to a field: ten answers make one value, however many lie between."""
    one, other = Watch(*usual(0)), Watch(*usual(0))
    distance, level = usual(5, 1200)
    distance = distance + 1.5
    gaps = np.repeat(distance, 2)
    gaps[1::2] = np.nan
    found = flags(one, distance, level), flags(other, gaps, np.repeat(level, 2))
    first = [next(drift for drift in of if drift.measure == "distance") for of in found]
    assert first[0][2:] == first[1][2:]


@pytest.mark.parametrize("n", [0, LEAST - 1])
def test_too_little_that_is_usual_is_refused(n):
    """With both numbers."""
    enough = np.random.default_rng(0).standard_normal(100)
    with pytest.raises(SignalError, match=f"level {n} values"):
        Watch(enough, enough[:n])


def test_ranks_are_shares_below():
    """Ties count half."""
    of = Usual(np.array([3.0, 1.0, 2.0, 2.0]))
    assert [of.rank(value) for value in (0.0, 1.0, 2.0, 4.0)] == [0.0, 0.125, 0.5, 1.0]


def test_a_threshold_from_the_memory_s_own_rows_would_call_what_is_usual_novel():
    """Out of fold, one in a hundred moments of the same kind is novel; in fold, nearly all."""
    rng = np.random.default_rng(4)
    learned, unseen, live = (unit(rng.standard_normal((400, 7))) for _ in range(3))
    memory = memory_of(learned, np.arange(400) % 3, np.arange(400), k=1)
    own, out, now = (
        np.array([memory.ask(z).distance for z in of]) for of in (learned, unseen, live)
    )
    assert (now > novelty_threshold(out)).mean() < 0.04
    assert (now > novelty_threshold(own)).mean() > 0.95


def test_nothing_is_novel_where_nothing_is_known():
    """Too few answers out of fold: no threshold, rather than one by chance."""
    assert novelty_threshold(np.full(100, np.nan)) == math.inf
    assert novelty_threshold(np.arange(LEAST - 1.0)) == math.inf
    assert novelty_threshold(np.arange(100.0)) == 99.0
