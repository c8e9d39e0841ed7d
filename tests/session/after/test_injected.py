"""What came of every fault that was put into the signal."""

from __future__ import annotations

from typing import Any

import pytest

from rym import messages as m
from rym import topics
from session.after import page
from session.after.analysis import analyse
from session.after.facts import Facts
from session.after.injected import HEAD, Aftermath, aftermaths, cells

from .conftest import Talk

HOP = 0.25


class Told(Talk):
    """A stretch of windows with what disturbed it."""

    def fault(self, t: float, kind: str, seconds: float, what: str = "", end: bool = True) -> None:
        """Put a fault in, and tell its end."""
        begun = m.Injected(t=t, kind=kind, seconds=seconds, what=what)
        self.say(topics.FAULT, begun, t)
        if end:
            over = m.Injected(t=t + seconds, kind=kind, seconds=seconds, what=what, over=True)
            self.say(topics.FAULT, over, t + seconds)

    def windows(self, start: float, stop: float, **more: Any) -> None:
        """Send windows with their quality, four times a second."""
        for i in range(round((stop - start) / HOP)):
            sent = self.window(start + i * HOP, valid=not more.get("reason"), **more)
            faults = {**dict.fromkeys(("Cz", "Pz"), ""), **more.get("faults", {})}
            content = m.Quality(
                t=start + i * HOP,
                overall=1.0,
                level="good",
                channels=tuple(
                    m.ChannelQuality(name=name, ok=not why, reason=why)
                    for name, why in faults.items()
                ),
                lost=more.get("lost", 0),
                artifacts=more.get("artifacts", ()),
            )
            self.say(topics.QUALITY, content, sent.meta.mono, (sent,))

    def state(self, t: float, state: m.SafetyState) -> None:
        """Change the player's state."""
        self.say(topics.SAFETY, m.Safety(state=state, frame=0, reason="", text=""), t)

    def stream(self, t: float, detail: str = "", life: m.Life = "ready", **facts: Any) -> None:
        """Tell how the stream does."""
        content = m.Status(
            service="stream",
            epoch=self.epochs.get("stream", 1),
            life=life,
            detail=detail,
            version="0.1.0",
            facts=facts,
            drops={},
        )
        self.say(topics.STATUS["stream"], content, t, service="stream")

    def one(self, end: float = 30.0) -> Aftermath:
        """Return what came of the only fault."""
        (found,) = aftermaths(self.log, end)
        return found


def test_an_outage_is_told_with_its_times() -> None:
    """How long nothing came, when windows and player were back, what the stream said."""
    talk = Told()
    talk.stream(5.0, gaps=1, lost=3)
    talk.windows(8.0, 10.0)
    talk.fault(10.0, "vanish", 4.0, "back same")
    talk.state(10.5, "DEGRADED")
    talk.state(12.0, "SAFE")
    talk.stream(11.2, "Nothing comes from NIC; it is waited for.", gaps=1, lost=3)
    talk.windows(15.0, 30.0)
    talk.state(15.1, "RUN")
    talk.stream(16.0, "NIC is there again.", gaps=2, lost=3)
    found = talk.one()
    assert (found.over, found.counted["gaps"], found.counted["lost"]) == (14.0, 1, 0)
    assert found.silence == pytest.approx(5.02)
    assert (found.back, found.lasting) == (pytest.approx(1.02), False)
    assert [state for state, _ in found.safety] == ["DEGRADED", "SAFE", "RUN"]
    assert found.running_again == pytest.approx(1.1)
    assert found.said == (
        "stream: Nothing comes from NIC; it is waited for.",
        "stream: NIC is there again.",
    )
    row = dict(zip(HEAD, cells(found), strict=True))
    assert row["fault"] == "vanish (back same)"
    assert row["said of the signal"] == "1 segment begun anew, no window for 5.02 s"
    assert row["usable again"] == "1.0 s after the end"
    assert row["player"] == "DEGRADED 0.5 s, SAFE 2.0 s, RUN 5.1 s"
    talk.state(16.0, "DEGRADED")
    talk.state(16.5, "RUN")
    often = dict(zip(HEAD, cells(talk.one()), strict=True))["player"]
    assert often == "DEGRADED 2×, RUN 2×, SAFE 1×, from DEGRADED 0.5 s to RUN 6.5 s"


def test_channels_and_windows_are_told_until_the_next_fault() -> None:
    """Each fault has its own channels and reasons; what was bad before is not its own."""
    talk = Told()
    talk.windows(8.0, 10.0, faults={"T7": "flat"})
    talk.fault(10.0, "nan", 2.0)
    talk.windows(10.0, 12.0, faults={"T7": "flat", "Cz": "not finite"})
    talk.windows(12.0, 20.0, faults={"T7": "flat"})
    talk.fault(20.0, "scale", 2.0)
    many = {f"C{i}": f"implausible level {i} µV" for i in range(1, 7)}
    talk.windows(20.0, 22.0, faults=many, reason="0 of 6 ok", artifacts=("pop",), lost=2)
    talk.windows(22.0, 30.0)
    first, second = aftermaths(talk.log, 30.0)
    assert first.bad == (("Cz", "not finite"),)
    assert (first.n_invalid, first.artifacts, first.filled) == (0, (), 0)
    assert cells(first)[3] == "Cz: not finite"
    assert {reason for _, reason in second.bad} == {"implausible level"}
    assert (second.n_invalid, second.reasons, second.filled) == (8, (("0 of 6 ok", 8),), 8)
    assert cells(second)[3] == "6 channels: implausible level; pop 8×; left out: 0 of 6 ok 8×"
    assert cells(second)[5] == "0.0 s after the end"


def test_counts_of_a_part_that_started_again_go_on() -> None:
    """A stream that counts from 0 again has not lost fewer; its end and its return are told."""
    talk = Told()
    talk.stream(5.0, gaps=7)
    talk.fault(10.0, "vanish", 3.0)
    talk.stream(11.0, gaps=8)
    talk.stream(12.0, "x", life="failed", error="Another stream stands there.")
    talk.epochs["stream"] = 2
    talk.stream(14.0, gaps=0)
    talk.stream(15.0, gaps=2)
    found = talk.one()
    assert found.counted["gaps"] == 3
    assert found.started_again == (("stream", 1),)
    assert found.lasting
    assert cells(found)[7] == "stream: Another stream stands there. stream was started again 1×."


def test_what_nobody_noticed_is_said_to_be_so() -> None:
    """A fault without a trace is no fault that was handled; one without an end says so."""
    talk = Told()
    talk.windows(5.0, 10.0)
    talk.fault(10.0, "second", 2.0, end=False)
    talk.windows(10.0, 30.0)
    found = talk.one()
    assert not found.noticed
    assert cells(found)[1] == "2 s planned, its end was not told"
    assert cells(found)[5:7] == ("never broke off", "went on")
    html = page.render(analyse(talk.log, Facts()), talk.log)
    assert "<td>second</td>" in html
    assert "nobody took notice: second" in html
    talk.say(topics.MARKER, m.Marker(t=11.0, code=1, note="late"), 12.0)
    assert talk.one().notes == (("late", 1),)
    assert talk.one().noticed


def test_without_faults_the_report_says_nothing_of_them() -> None:
    """A session with a person has no such section, but the counts of the signal."""
    talk = Told()
    talk.windows(5.0, 10.0)
    talk.stream(8.0, gaps=2, lost=30, dropped=4)
    talk.epochs["stream"] = 2
    talk.stream(9.0, gaps=1, lost=1, dropped=0)
    assert aftermaths(talk.log, 30.0) == ()
    html = page.render(analyse(talk.log, Facts()), talk.log)
    assert "on purpose" not in html
    assert "broke off 3 times" in html
    assert "31 never came and were filled in, 4 came twice" in html
