"""Line 10: a machine that sleeps, a wall clock that is set, the end of summer time.

Here a sleep stops the processes while the monotonic clock goes on, as QueryPerformanceCounter does
on Windows. Linux's own stops with the machine: there everything goes on as if nothing had been.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from rym.messages import Message
from rym.topics import NOW, SAFETY, VALENCE
from stream.files.xdf import read_stream
from stream.items import Chunk
from tests.faults.laptop import PRELOADED, SLEEP_S, SUMMER_ENDS, ZONE, Laptop, of, windows
from tests.faults.live import GRACE

pytestmark = [
    pytest.mark.real,
    pytest.mark.alone,
    pytest.mark.quiet,
    pytest.mark.fault(10),
    pytest.mark.timeout(240),
]

OLDEST = 1.0
"""Seconds of `[stream] max_age`."""
STALE = 2.0
"""Seconds from which the player takes an answer as none."""
LENGTH, HOP, ROWS = 1.0, 0.25, 10
"""Seconds of a window and from one to the next; rows that a decoder needs for an answer."""

sleeps = pytest.mark.parametrize("name", ["all", "receiver"])
steps = pytest.mark.parametrize("name", ["+1 h", "-1 h", "summer"])


@pytest.fixture
def step(laptop: Laptop, name: str) -> tuple[float, float]:
    """Return the stretch in which every process has another wall clock, in rig time."""
    if not PRELOADED:
        pytest.skip("needs libfaketime (apt-get install faketime)")
    return laptop.seen[name], laptop.steps[name].end


def ahead(messages: list[Message]) -> float:
    """Return by how much wall time is ahead of rig time, in seconds."""
    return float(np.median([m.meta.wall - m.meta.mono for m in messages]))


@sleeps
def test_10_nothing_from_before_a_sleep_is_shown(laptop: Laptop, name: str) -> None:
    """No window or answer of before it, nor one that spans it; at most a second of its end.

    One that was on its way when the sleep came still arrives: it says how old it is, and nobody who
    plays takes it.
    """
    lines, (slept, woke) = laptop.lines(), laptop.sleeps[name]
    behind = [m for m in windows(lines) if woke < m.meta.mono < woke + 2.5]
    on_its_way = [m for m in behind if m.content.t_first < woke - OLDEST - GRACE]
    assert len(on_its_way) <= 1
    assert all(m.meta.age > STALE for m in on_its_way)
    behind = [m for m in behind if m not in on_its_way]
    before = [m for m in windows(lines) if m.meta.mono < slept][-1].content
    assert len(behind) >= 5
    for message in behind:
        assert message.content.t_first >= woke - OLDEST - GRACE
        assert message.content.segment > before.segment
    told = of(lines, VALENCE, woke, woke + 6.0)
    answers = [m for m in told if m.content.t >= woke - OLDEST]
    assert len(told) - len(answers) <= 2
    assert all(m.meta.age > STALE for m in told if m not in answers)
    assert {m.content.state for m in answers[: ROWS - 1]} == {"unknown"}
    first = next(m.meta.mono for m in answers if m.content.state != "unknown")
    # The player holds what it had until it has the first answer, for 2 s of its own at most.
    decided = [m.content.decided for m in of(lines, NOW, woke, first)]
    assert decided.count("unknown") >= 3
    assert set(decided[decided.index("unknown") :]) == {"unknown"}


@sleeps
def test_10_it_goes_on_within_seconds_of_waking(laptop: Laptop, name: str) -> None:
    """One window, ten rows and the player follows; every process is the one that it was."""
    lines, (_, woke) = laptop.lines(), laptop.sleeps[name]
    fresh = LENGTH + HOP * (ROWS - 1)
    answers = of(lines, VALENCE, woke, woke + fresh + 2.0)
    answers = [m for m in answers if m.content.t >= woke - OLDEST]
    assert answers[0].meta.mono <= woke + LENGTH + GRACE
    assert any(m.content.state != "unknown" for m in answers)
    said = [m.content.state for m in of(lines, SAFETY, 0.0, answers[-1].meta.mono)]
    assert said[-1] != "SAFE"
    assert len({m.id.epoch for m in lines if m.id.service not in ("broker", "session")}) <= 5
    assert "Traceback" not in laptop.said


def test_10_what_the_amplifier_sent_meanwhile_is_recorded(laptop: Laptop) -> None:
    """The receiving machine alone slept: every sample is there, and those of its sleep are late."""
    items = list(read_stream(laptop.recording).items())
    chunks = [item for item in items if isinstance(item, Chunk)]
    slept, woke = laptop.sleeps["receiver"]
    stamps = np.concatenate([chunk.stamps for chunk in chunks])
    late = np.concatenate([np.full(len(chunk.stamps), chunk.late) for chunk in chunks])
    asleep = (slept < stamps) & (stamps < woke)
    assert np.diff(stamps[asleep]) == pytest.approx(1 / 500, abs=1e-5)
    assert np.count_nonzero(asleep) == pytest.approx(500 * (woke - slept), abs=50)
    assert np.count_nonzero(late & asleep) >= 500 * (SLEEP_S - OLDEST - GRACE)


@pytest.mark.parametrize("topic", ["stream/window", "decoder/valence", "player/now"])
def test_10_the_journal_stays_in_order(laptop: Laptop, topic: str) -> None:
    """Asleep, an hour ahead or an hour back: no number is missing, and rig time never goes back."""
    found = [m for m in laptop.lines() if m.id.topic == topic]
    assert [m.id.seq for m in found] == list(range(len(found)))
    assert len({m.id.epoch for m in found}) == 1
    assert all(a.meta.mono <= b.meta.mono for a, b in pairwise(found))


@steps
def test_10_a_wall_clock_that_is_set_changes_nothing(
    laptop: Laptop, step: tuple[float, float], name: str
) -> None:
    """Windows, answers and sound go on in step with the monotonic clock."""
    lines, moment = laptop.lines(), laptop.steps[name]
    by = ahead(of(lines, NOW, *step)) - ahead(of(lines, NOW, 0.0, laptop.steps["+1 h"].begin))
    wanted = {"+1 h": 3600.0, "-1 h": -3600.0}
    assert by == pytest.approx(wanted.get(name, by), abs=0.1)
    assert abs(by) > 3000
    told = [m for m in windows(lines) if moment.begin < m.meta.mono < moment.end]
    assert len(told) == pytest.approx((moment.end - moment.begin) / HOP, abs=3)
    firsts = [m.content.first_sample for m in told]
    assert {b - a for a, b in pairwise(firsts)} == {125}
    assert len({m.content.segment for m in told}) == 1
    assert all(-0.01 < m.meta.age < OLDEST for m in told)
    answers = of(lines, VALENCE, *moment)
    assert len(answers) == pytest.approx(len(told), abs=2)
    assert "unknown" not in {m.content.state for m in answers}
    # A machine that is busy may hold for a moment.
    assert {m.content.state for m in of(lines, SAFETY, *moment)} <= {"DEGRADED", "RUN"}
    played = of(lines, NOW, *moment)
    frames = [m.content.frame for m in played]
    assert all(a <= b for a, b in pairwise(frames))
    span = played[-1].meta.mono - played[0].meta.mono
    assert 0 < frames[-1] - frames[0] <= 48_000 * (span + GRACE)


@pytest.mark.parametrize("name", ["summer"])
def test_10_the_end_of_summer_time_is_none_for_us(
    laptop: Laptop, step: tuple[float, float], name: str
) -> None:
    """Local time goes back by an hour while the session runs; our stamps are UTC and go on."""
    lines = of(laptop.lines(), NOW, step[0], float("inf"))
    before = [m for m in lines if m.meta.wall < SUMMER_ENDS]
    behind = [m for m in lines if m.meta.wall >= SUMMER_ENDS]
    assert len(before) >= 2
    assert len(behind) >= 3
    assert ahead(behind) == pytest.approx(ahead(before), abs=0.01)
    asked = "import sys, time; print([time.localtime(float(t)).tm_hour for t in sys.argv[1:]])"
    local = subprocess.run(
        [sys.executable, "-c", asked, str(before[0].meta.wall), str(behind[-1].meta.wall + 3590)],
        env={**os.environ, "TZ": ZONE}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert local.stdout.strip() == "[2, 2]"
