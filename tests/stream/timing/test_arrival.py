"""Stamps that cannot be true are corrected by arrival, and nothing late becomes live by that."""

from __future__ import annotations

import numpy as np
import pytest

from rym.messages import ClockOffset
from stream.timing.arrival import UNSURE_S, ArrivalClock
from stream.timing.clockmap import ClockMap

RATE = 100.0
EVERY = 500
"""Samples between two measurements of the offset."""
CHUNK = 50


def fed(clock: ArrivalClock, begin: float, end: float, lag: float, offset: float = 0.0) -> float:
    """Let chunks come `lag` seconds after their stamps; return the offset in the end."""
    for now in np.arange(begin, end, 0.1):
        clock.take(float(now) - lag, float(now))
    return clock.corrected(offset, 2e-4, end)[0]


def test_stamps_that_can_be_true_are_believed() -> None:
    """Delays of ms or of half a second change nothing."""
    clock = ArrivalClock(1.0, 0.5)
    for lag in (0.001, 0.4, 0.9):
        assert fed(clock, 100 * lag, 100 * lag + 10, lag) == 0.0
        assert not clock.alone


@pytest.mark.long
@pytest.mark.fault(9)
@pytest.mark.parametrize(("ppm", "hours"), [(50.0, 8), (200.0, 2)])
def test_a_sender_that_counts_too_fast_for_hours_stays_of_now(ppm: float, hours: float) -> None:
    """Its stamps run 1.4 s ahead; time follows arrival within 8 ms, 3 ms later, in one segment."""
    rng = np.random.default_rng(1)
    arrival, clock = ArrivalClock(1.0, 0.5), ClockMap(RATE, 25)
    ends: list[tuple[float, float]] = []
    for first in range(0, round(hours * 3600 * RATE), EVERY):
        true = np.arange(first, first + EVERY) / RATE
        raw = true * (1 + ppm * 1e-6)
        # As liblsl says it: the machine's clock is right.
        offset, uncertainty = arrival.corrected(rng.normal(0, 2e-5), 2e-4, true[0])
        clock.offset(
            ClockOffset(stream="s", offset=offset, uncertainty=uncertainty, from_sample=first)
        )
        for last in range(CHUNK - 1, EVERY, CHUNK):
            arrival.take(raw[last], true[last] + 3e-4 + rng.exponential(2e-3))
        ends += [(run.t_end, true[run.stop - 1]) for run in clock.push(raw) if run.t_end]
    found, wanted = np.array(ends).T
    assert (clock.gaps, clock.lost, clock.dropped) == (0, 0, 0)
    assert np.abs(found - wanted).max() < 8e-3
    assert np.abs(found - wanted)[len(found) // 10 :].max() < 3e-3
    assert clock.drift == pytest.approx(ppm, abs=5)
    assert clock.effective_rate == pytest.approx(RATE, rel=1e-6)
    assert not arrival.alone


def test_a_sender_that_counts_too_slowly_is_believed() -> None:
    """A queue that grows looks alike, and what lay in it must not be shown as live."""
    arrival = ArrivalClock(1.0, 0.5)
    for now in np.arange(0.0, 8 * 3600, 5.0):
        arrival.take(now * (1 - 50e-6), now)
        assert arrival.corrected(0.0, 2e-4, now) == (0.0, 2e-4)


@pytest.mark.fault(8)
@pytest.mark.parametrize("jump", [1.0, 3600.0])
def test_a_clock_that_was_set_ahead_is_that_of_arrival_at_once(jump: float) -> None:
    """No sample was taken after it arrived; once LSL has measured the jump, its offset holds."""
    clock = ArrivalClock(1.0, 0.5)
    assert fed(clock, 0.0, 10.0, 0.02) == 0.0
    found = fed(clock, 10.0, 10.5, 0.02 - jump)
    assert found == pytest.approx(-jump + 0.02, abs=2e-3)
    assert clock.alone
    assert clock.corrected(0.0, 2e-4, 10.5)[1] == UNSURE_S
    assert fed(clock, 10.5, 16.0, 0.02 - jump, -jump) == -jump
    assert not clock.alone


@pytest.mark.fault(8)
@pytest.mark.parametrize("jump", [1.5, 3600.0, 653156.0])
def test_a_clock_that_was_set_back_is_that_of_arrival_after_some_seconds(jump: float) -> None:
    """Not before LSL could have measured it; less the delay that was usual; until LSL has."""
    clock = ArrivalClock(1.0, 0.5)
    assert fed(clock, 0.0, 10.0, 0.02) == 0.0
    assert fed(clock, 10.0, 14.0, 0.02 + jump) == 0.0
    assert fed(clock, 14.0, 15.0, 0.02 + jump) == pytest.approx(jump, abs=1e-6)
    assert clock.alone
    assert fed(clock, 15.0, 60.0, 0.02 + jump) == pytest.approx(jump, abs=1e-6)
    assert fed(clock, 60.0, 70.0, 0.02 + jump, jump) == jump
    assert not clock.alone


@pytest.mark.fault(4)
def test_what_comes_late_never_becomes_live() -> None:
    """A queue on the way delays for minutes, before and after the clock was set: still late."""
    clock = ArrivalClock(1.0, 0.5)
    fed(clock, 0.0, 10.0, 0.02)
    assert fed(clock, 12.0, 200.0, 2.02) == 0.0
    assert not clock.alone
    again = ArrivalClock(1.0, 0.5)
    fed(again, 0.0, 10.0, 0.02)
    fed(again, 10.0, 20.0, 3600.02)
    assert fed(again, 23.0, 200.0, 3603.02) == pytest.approx(3600.0, abs=1e-6)


def test_before_anything_fitted_nothing_is_corrected() -> None:
    """A clock that is wrong from the start is refused elsewhere, in one sentence."""
    for lag in (-3600.0, 3600.0):
        assert fed(ArrivalClock(1.0, 0.5), 0.0, 20.0, lag) == 0.0


def test_what_is_sent_faster_than_true_time_keeps_its_stamps() -> None:
    """There stamps lie ahead of arrival by intention."""
    clock = ArrivalClock(1.0, 1e6)
    fed(clock, 0.0, 10.0, 0.02)
    assert fed(clock, 10.0, 20.0, -500.0) == 0.0
    clock.take(float("nan"), 21.0)
    assert clock.corrected(0.0, 1e-4, 21.0) == (0.0, 1e-4)
