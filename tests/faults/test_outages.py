"""Lines 1, 4, 8 and 10 on a live stream: one that breaks off, comes late, or has its clock set."""

from __future__ import annotations

import numpy as np
import pytest

from rym.messages import Message
from rym.topics import NOW, SAFETY, VALENCE, WINDOW
from stream.files.xdf import read_stream
from stream.items import Chunk
from tests.faults.live import GRACE, Run, Stretch

pytestmark = pytest.mark.real

HOLD, SAFE, LENGTH = 0.5, 2.0, 1.0
"""Seconds without valence until DEGRADED and SAFE (the table of `player/safety.py`), and of a
window. Valence comes every 0.25 s, so that HOLD is 0.25 s after the first that is missing."""

WHOLE = 500
"""Samples of a window."""


def outages_of(run: Run) -> list[Stretch]:
    """Return every fault behind which a whole window has to come in."""
    found = [*run.faults("stall"), *run.faults("jump"), *run.faults("vanish")]
    return sorted(found, key=lambda fault: fault.begin)


def around(run: Run, fault: Stretch) -> tuple[Message, Message]:
    """Return the last valence before a fault's silence, and the first behind it."""
    answers = run.of(VALENCE)
    behind = next(m for m in answers if m.meta.mono > fault.begin + HOLD)
    return answers[answers.index(behind) - 1], behind


def state_at(run: Run, t: float) -> str:
    """Return the player's state at a rig time."""
    said = [m.content.state for m in run.of(SAFETY) if m.meta.mono <= t]
    return str(said[-1])


@pytest.mark.fault(1)
@pytest.mark.parametrize("number", [0, 1, 6, 7], ids=["0.3 s", "3 s", "2 s", "20 s"])
def test_01_the_player_holds_then_plays_neutral_then_goes_on(outages: Run, number: int) -> None:
    """DEGRADED 0.25 s after the first missing window, SAFE at 2 s, RUN with the first valence."""
    before, behind = around(outages, outages_of(outages)[number])
    last, first = before.meta.mono, behind.meta.mono
    said = [(m.content.state, m.meta.mono) for m in outages.of(SAFETY) if last < m.meta.mono]
    assert said[0][0] == "DEGRADED"
    assert HOLD - 0.05 <= said[0][1] - last <= HOLD + GRACE
    if first - last > SAFE + GRACE:
        assert said[1][0] == "SAFE"
        assert SAFE - 0.05 <= said[1][1] - last <= SAFE + GRACE
    run = next(t for state, t in said if state == "RUN")
    assert first <= run <= first + GRACE


@pytest.mark.fault(1)
def test_01_neutral_is_heard_once_it_is_safe(outages: Run) -> None:
    """Within 2 s of SAFE, and there is no silence in the long outage."""
    long = outages_of(outages)[-1]
    heard = [m.content for m in outages.of(NOW) if long.begin + 4.5 < m.meta.mono < long.end]
    assert len(heard) > 30
    assert {(played.audible, played.safety) for played in heard} == {("neutral", "SAFE")}
    assert min(played.level_db for played in heard) > -60


@pytest.mark.fault(1)
def test_01_it_goes_on_after_one_whole_window(outages: Run) -> None:
    """The first window is new as a whole and sent at its end; every break raises the segment."""
    segments = []
    for fault in outages_of(outages):
        later = [m for m in outages.of(WINDOW) if m.meta.mono >= fault.end]
        message = next(m for m in later if m.content.n_new == WHOLE)
        first = message.content
        segments.append(first.segment)
        assert message.meta.mono - first.t_first <= LENGTH + GRACE
        came = 5.0 if fault.kind == "vanish" else GRACE
        assert message.meta.mono <= fault.end + LENGTH + came
    assert segments == sorted(set(segments))


@pytest.mark.fault(1)
def test_01_the_gap_stands_in_the_recording(outages: Run) -> None:
    """As long as each outage, in the raw stamps."""
    items = list(read_stream(outages.folder / "stream" / "eeg.xdf").items())
    stamps = np.concatenate([item.stamps for item in items if isinstance(item, Chunk)])
    steps = np.diff(stamps)
    lost = outages.faults("stall")[0]
    assert np.abs(steps - (lost.end - lost.begin)).min() < 0.01
    for fault in outages.faults("vanish"):
        assert any(fault.end - fault.begin <= step <= fault.end - fault.begin + 5 for step in steps)


@pytest.mark.fault(1)
@pytest.mark.fault(2)
def test_01_the_status_says_that_it_waits_and_that_it_goes_on(outages: Run) -> None:
    """A sender that comes back with a new uid is counted, and both are said in words."""
    away = [facts["away"] for facts in outages.facts() if "away" in facts]
    assert away.count(True) >= 3
    assert away[-1] is False
    assert outages.facts()[-1]["returns"] == 2
    said = [m.content.detail for m in outages.messages if m.id.topic == "stream/status"]
    assert sum("is there again, started anew" in words for words in said) == 2
    assert sum("it is waited for" in words for words in said) >= 3


@pytest.mark.fault(4)
def test_04_what_was_held_back_is_never_live(outages: Run) -> None:
    """3 s come at once: none of it is shown but its last second, and all of it is recorded."""
    stall = outages.faults("stall")[1]
    shown = [m for m in outages.of(WINDOW) if stall.begin + 0.1 < m.content.t_first < stall.end]
    assert all(m.content.t_first >= stall.end - LENGTH - GRACE for m in shown)
    assert all(m.meta.age <= LENGTH + GRACE for m in shown)
    items = read_stream(outages.folder / "stream" / "eeg.xdf").items()
    late = sum(len(item.stamps) for item in items if isinstance(item, Chunk) and item.late)
    assert late >= 500 * (stall.end - stall.begin - LENGTH - GRACE)


@pytest.mark.fault(18)
def test_18_bursts_lose_nothing(outages: Run) -> None:
    """Chunks of up to 0.7 s: every window is there, none older than it may be."""
    burst = outages.faults("burst")[0]
    windows = outages.windows(burst.begin, burst.end)
    assert np.diff([w.first_sample for w in windows]).tolist() == [125] * (len(windows) - 1)
    assert len({window.segment for window in windows}) == 1
    assert len(windows) == pytest.approx(4 * (burst.end - burst.begin), abs=1)


@pytest.mark.fault(8)
@pytest.mark.fault(10)
@pytest.mark.parametrize("number", range(4), ids=["+1 s", "-1 s", "+1 h", "to 0"])
def test_08_a_clock_that_is_set_starts_a_segment(outages: Run, number: int) -> None:
    """Nothing of another time is shown, no window spans the jump, RUN comes back by itself."""
    jump = outages.faults("jump")[number]
    sent = [m for m in outages.of(WINDOW) if jump.begin < m.meta.mono <= jump.end + 2.5]
    for message in sent:
        assert abs(message.meta.age) <= LENGTH + GRACE
    before = [m.content.segment for m in outages.of(WINDOW) if m.meta.mono <= jump.begin][-1]
    assert all(m.content.segment > before for m in sent if m.meta.mono > jump.begin + GRACE)
    assert sent[-1].content.segment > before
    assert 0 <= sent[-1].meta.age <= GRACE
    assert state_at(outages, jump.end + LENGTH + 2 * GRACE) == "RUN"
