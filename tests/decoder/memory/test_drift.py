"""When the flag goes up, that it changes nothing, and what counts as novel."""

import math

import numpy as np
import pytest

from decoder.memory.drift import LEAST, Usual, Watch, novelty_threshold
from decoder.memory.rings import memory_of, unit


def rows(rng, n, d=7):
    """Return n vectors of noise in which each row shares nine tenths with the one before."""
    x = np.zeros((n, d))
    for i in range(1, n):
        x[i] = 0.9 * x[i - 1] + math.sqrt(1 - 0.81) * rng.standard_normal(d)
    return x


def balance(rng, n, stuck_at=None):
    """Return answers of states that last 12 to 20 s; from `stuck_at` on they stay on one side."""
    states = []
    while len(states) < n:
        state = rng.choice([s for s in (-1, 0, 1) if not states or s != states[-1]])
        states += [state] * int(rng.integers(48, 81))
    states = np.array(states[:n], dtype=float)
    if stuck_at is not None:
        states[stuck_at:] = rng.choice([-1, 1])
    return 0.6 * states + 0.35 * rows(rng, n)[:, 0]


def usual(seed, n=1200, **more):
    """Return what a calibration of 5 min is like, or so many rows more of the same."""
    rng = np.random.default_rng(seed)
    return {
        "distance": np.abs(rows(rng, n)[:, 0]),
        "level": rows(rng, n)[:, 1],
        "balance": balance(rng, n, **more),
    }


def flags(watch, values):
    """Return all drifts of a stream at 4 Hz."""
    return [
        drift
        for i, row in enumerate(zip(*values.values(), strict=True))
        for drift in watch.push(i / 4, dict(zip(values, map(float, row), strict=True)))
    ]


@pytest.mark.parametrize("seed", range(4))
def test_half_an_hour_like_the_calibration_raises_no_flag(seed):
    """The same process goes on."""
    watch = Watch(usual(seed))
    assert watch.measures == ("distance", "level", "balance")
    assert flags(watch, usual(seed + 100, 7200)) == []
    assert watch.flags == {}


@pytest.mark.parametrize("seed", range(4))
def test_answers_that_stay_on_one_side_raise_the_flag(seed):
    """Ten minutes of states that change, then five of one: found, and nothing before."""
    watch = Watch(usual(seed))
    found = flags(watch, {"balance": usual(seed + 100, 3600, stuck_at=2400)["balance"]})
    assert {drift.measure for drift in found} == {"balance"}
    assert 600 < found[0].t <= 900
    assert "the music may be holding them" in watch.flags["balance"].suggestion


@pytest.mark.parametrize("seed", range(4))
def test_answers_that_stay_in_the_middle_raise_the_flag(seed):
    """Music that holds a person in the neutral piece leaves the balance where it was."""
    watch = Watch(usual(seed))
    values = usual(seed + 100, 6000)["balance"]
    values[2400:] = 0.35 * rows(np.random.default_rng(seed), 3600)[:, 0]
    found = flags(watch, {"balance": values})
    assert {drift.measure for drift in found} == {"balance"}
    assert found[0].t > 600
    assert "in the middle" in found[0].suggestion or "to the middle" in found[0].suggestion


@pytest.mark.parametrize("seed", range(4))
def test_what_drifts_over_twenty_minutes_raises_the_flag_and_no_other(seed):
    """A level that rises by two standard deviations is found before it has arrived."""
    watch = Watch(usual(seed))
    now = usual(seed + 100, 4800)
    found = flags(watch, {**now, "level": now["level"] + np.linspace(0, 2, 4800)})
    assert {drift.measure for drift in found} == {"level"}
    assert 120 < found[0].t < 1200
    assert found[0].after > found[0].before
    assert "electrodes" in watch.flags["level"].suggestion


def test_a_change_between_calibration_and_the_first_moment_is_seen():
    """All of the stream is alike, and its level unlike the calibration's."""
    watch = Watch(usual(0))
    now = usual(100, 1200)
    found = flags(watch, {**now, "level": now["level"] + 1.5})
    assert [drift.measure for drift in found][:1] == ["level"]
    assert found[0].t < 150


def test_only_a_distance_that_grows_while_it_is_watched_is_a_drift():
    """Neither if it is another from the start on, nor if the memory comes nearer as it learns."""
    now = usual(100, 4800)
    farther = {**now, "distance": now["distance"] + 0.5}
    assert flags(Watch(usual(0)), farther) == []
    nearer = np.concatenate([np.ones(2400), np.full(2400, 0.3)])
    assert flags(Watch(usual(0)), {**now, "distance": now["distance"] * nearer}) == []
    found = flags(Watch(usual(0)), {**now, "distance": now["distance"] / nearer})
    assert [drift.measure for drift in found][:1] == ["distance"]
    assert 600 < found[0].t < 720
    assert "hold keys" in found[0].suggestion


@pytest.mark.fault(29)
def test_half_an_hour_of_runaway_raises_the_flag():
    """What plays moves the embedding ever further from where the calibration was."""
    rng = np.random.default_rng(3)
    here, there = 3.0 * np.eye(7)[1], np.eye(7)[0]
    learned = unit(rows(rng, 600) + here)
    memory = memory_of(learned, np.arange(600) // 100 % 3, np.arange(600) // 10)
    calibration = [memory.ask(z).distance for z in unit(rows(rng, 600) + here)]
    watch = Watch({"distance": np.array(calibration), "level": rng.standard_normal(600)})
    before = memory.arrays()
    away = np.linspace(0, 4, 7200)[:, None] * there
    live = [memory.ask(z).distance for z in unit(rows(rng, 7200) + here + away)]
    assert flags(watch, {"distance": np.array(live), "level": rng.standard_normal(7200)})
    assert set(watch.flags) == {"distance"}
    for name, array in memory.arrays().items():
        np.testing.assert_array_equal(array, before[name])


def test_moments_without_an_answer_are_left_out():
    """NaN adds nothing to a field: ten answers make one value, however many lie between."""
    one, other = Watch(usual(0)), Watch(usual(0))
    level = usual(5, 1200)["level"] + 1.5
    gaps = np.repeat(level, 2)
    gaps[1::2] = np.nan
    first = [flags(one, {"level": level})[0], flags(other, {"level": gaps})[0]]
    assert first[0][1:] == first[1][1:]


def test_what_is_not_usual_enough_is_not_watched():
    """A model without a memory is watched by the rest; one without anything says nothing."""
    known = usual(0)
    few = {**known, "distance": np.full(1200, np.nan), "level": known["level"][: LEAST - 1]}
    watch, silent = Watch(few), Watch({})
    assert watch.measures == ("balance",)
    now = {"distance": np.full(2400, 9.0), "level": np.full(2400, 9.0)}
    assert flags(watch, now) == flags(silent, {**now, "balance": np.ones(2400)}) == []
    assert {drift.measure for drift in flags(watch, {**now, "balance": np.ones(2400)})} == {
        "balance"
    }


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
