"""What the report says of the signal, from windows, quality and the stream's own words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rym import messages as m
from rym import topics
from session.after import page
from session.after.analysis import analyse
from session.after.facts import Facts
from session.after.signal import FEW, Signal, gaps, signal
from session.after.signal_page import MANY, in_short, lines
from session.after.summary import summary

RATE, N, HOP = 500.0, 500, 125


class Windows:
    """Windows of a stream that counts its samples, with quality, as they would be sent."""

    def __init__(self, talk: Any) -> None:
        self.talk = talk
        self.first, self.segment = 0, 0
        self.t = self.arrived = 100.0
        """Rig time of the next window's first sample, and when that sample arrived."""

    def send(
        self, n: int, *, invalid: str = "", interpolated: tuple[str, ...] = (), **q: Any
    ) -> None:
        """Send `n` windows, a hop apart."""
        for _ in range(n):
            window = m.Window(
                segment=self.segment, first_sample=self.first, n_new=HOP, t_first=self.t,
                rate=RATE, channels=("Fz", "Cz"), samples=np.zeros((N, 2), np.float32),
                bad=interpolated, interpolated=interpolated, valid=not invalid, reason=invalid,
            )  # fmt: skip
            sent = self.arrived + (N - 1) / RATE + 0.02
            self.talk.say(topics.WINDOW, window, sent)
            rows = tuple(m.ChannelQuality(name=c, ok=True, reason="") for c in window.channels)
            content = m.Quality(t=window.t_last, overall=1.0, level="good", channels=rows, **q)
            self.talk.say(topics.QUALITY, content, sent)
            self._on(HOP)

    def breaks(self, missing: float, *, clock: float = 0.0, late: int = 0) -> None:
        """Begin a segment: after silence, after a clock that was set, after late samples."""
        # Behind the last window less than a hop came, of which no window tells.
        self._on(N - HOP + 60 + late)
        self.t += missing + clock
        self.arrived += missing
        self.segment += 1

    def _on(self, n: int) -> None:
        self.first += n
        self.t += n / RATE
        self.arrived += n / RATE


def facts(talk: Any, mono: float, **more: Any) -> None:
    """Let the stream say how it does."""
    content = m.Status(service="stream", epoch=talk.epochs.get("stream", 1), life="ready",
                       detail="", version="", facts=more, drops={})  # fmt: skip
    talk.say(topics.STATUS["stream"], content, mono, service="stream")


@pytest.fixture
def windows(talk: Any) -> Windows:
    """Return a stream that has sent ten windows."""
    sent = Windows(talk)
    sent.send(10)
    return sent


@pytest.mark.parametrize(
    ("kind", "seconds", "reason"),
    [
        ({"missing": 3.0}, 3.0, "nothing came"),
        ({"missing": 0.05}, 0.05, "nothing came"),
        ({"missing": 0.0, "late": 1500}, 3.12, "up to 1560 samples came too late or without"),
        ({"missing": 3.0, "late": 1500}, 3.0, "nothing came; up to 1560 samples came too late"),
        ({"missing": 0.0, "clock": -2.5}, 0.0, "the sender's clock went back by 2.50 s"),
        ({"missing": 0.0, "clock": 3600.0}, 0.0, "the sender's clock went ahead by 3600.00 s"),
    ],
)
def test_a_gap_is_told_with_its_length_and_why(
    windows: Windows, kind: dict[str, Any], seconds: float, reason: str
) -> None:
    """To the sample, from stamps, sample counter and arrival; a second one beside it."""
    begin = windows.t + (N - HOP) / RATE
    windows.breaks(**kind)
    windows.send(3)
    windows.breaks(missing=1.0)
    windows.send(3)
    first, second = gaps(windows.talk.log[topics.WINDOW.short])
    assert first.seconds == pytest.approx(seconds, abs=1e-9)
    assert first.reason.startswith(reason)
    assert begin - 1 / RATE <= first.t + 1e-9 <= begin + (60 + kind.get("late", 0)) / RATE + 1e-9
    assert (second.seconds, second.reason) == (pytest.approx(1.0), "nothing came")


def test_filters_that_began_anew_are_no_loss(windows: Windows) -> None:
    """The next segment follows to the sample: nothing is missing, and why is told."""
    windows.segment += 1
    windows._on(N - HOP)  # the last one counted a hop
    windows.send(3)
    (gap,) = gaps(windows.talk.log[topics.WINDOW.short])
    assert gap.seconds == 0.0
    assert gap.reason.startswith("nothing is missing: filters began anew")


def test_no_gap_is_made_up(windows: Windows) -> None:
    """Within a segment there is none, whatever the windows are worth."""
    windows.send(4, invalid="pop", lost=9)
    found = signal(windows.talk.log, 200.0)
    assert (found.gaps, found.n_windows) == ((), 14)


def test_a_stream_started_again_is_a_gap(windows: Windows) -> None:
    """From its last window to the first of the next start, which counts from 0 again."""
    end = windows.t + (N - HOP - 1) / RATE
    windows.talk.epochs["stream"] = 2
    windows.first, windows.t, windows.arrived = 0, windows.t + 5.0, windows.arrived + 5.0
    windows.send(2)
    (gap,) = signal(windows.talk.log, 200.0).gaps
    assert (gap.t, gap.reason) == (pytest.approx(end), "the stream was started again")
    assert gap.seconds == pytest.approx(5.0 - (N - HOP - 1) / RATE)


def test_an_outage_to_the_end_is_told(windows: Windows) -> None:
    """Only where the stream itself said that nothing came."""
    assert signal(windows.talk.log, 200.0).gaps == ()
    facts(windows.talk, 110.0, away=True)
    (gap,) = signal(windows.talk.log, 200.0).gaps
    assert gap.t + gap.seconds == pytest.approx(200.0)
    assert gap.reason == "nothing came until the end"


def test_windows_are_counted_by_what_was_said_of_them(windows: Windows) -> None:
    """Reasons without their numbers, artifacts, hints, what was replaced and what was taken out."""
    windows.send(2, invalid="10 of 19 channels ok, 60% needed", artifacts=("rail", "muscle"))
    windows.send(3, invalid="11 of 19 channels ok, 60% needed", artifacts=("muscle",), removed=0.1)
    windows.send(4, invalid="pop", hints=("alpha gone",), interpolated=("Cz",), removed=0.3)
    found = signal(windows.talk.log, 200.0)
    assert found.invalid == ((FEW, 5), ("pop", 4))
    assert found.artifacts == (("muscle", 5), ("rail", 2))
    assert found.hints == (("alpha gone", 4),)
    assert found.interpolated == (("Cz", 4),)
    assert found.removed == pytest.approx((0.3, 0.3))


def test_counts_of_two_starts_are_added_and_the_newest_words_hold(talk: Any) -> None:
    """Each start counts from 0; a will of the broker, without facts, takes nothing away."""
    kept = {"recording": "eeg.xdf", "conditioning": "hp 0.5 Hz/2", "rate": 500.0, "returns": 1}
    then = {**kept, "recording": "eeg-02.xdf", "recorded": 1000, "missing": 0, "returns": 0}
    facts(talk, 1.0, lost=5, gaps=1, group_delay=0.0116, **kept)
    facts(talk, 2.0, lost=9, gaps=2, dropped=1, rate_measured=499.9, host_changed=True)
    talk.status("stream", "gone", 3.0)
    talk.epochs["stream"] = 2
    facts(talk, 4.0, lost=3, gaps=1, rate_measured=500.1, sides="accelerometer markers", **then)
    for k, uncertainty in enumerate((1e-4, 2e-4, 9e-4)):
        offset = m.ClockOffset(stream="u", offset=0.0, uncertainty=uncertainty, from_sample=k)
        talk.say(topics.CLOCK, offset, 5.0, service="stream")
    for code, note in ((1, ""), (1, "late"), (9, "")):
        talk.say(topics.MARKER, m.Marker(t=5.0, code=code, note=note), 5.0)
    found = signal(talk.log, 10.0)
    assert (found.lost, found.dropped, found.broke_off, found.returns) == (12, 1, 3, 1)
    said = dict(lines(found))
    assert said["samples"].startswith("12 never came and were filled in, 1 came twice")
    assert said["gaps"] == "none; the signal broke off 3 times"
    assert said["filters and reference"] == "hp 0.5 Hz/2; they delay a rhythm of 10 Hz by 12 ms"
    assert said["rate"] == "500 Hz declared, 500.1 Hz measured"
    assert said["sender's clock"] == "offset known within 0.20 ms (median of 3), 0.90 ms at worst"
    assert said["sender"] == (
        "came back once, started anew, from another machine, with its streams accelerometer, "
        "markers"
    )
    assert said["triggers"] == "3 (code 1 2×, code 9 1×); not to be trusted: late 1×"
    assert said["recording"] == (
        "eeg.xdf was not closed in good order; it can be read up to its last second; "
        "eeg-02.xdf holds 1000 samples, none missing"
    )


@pytest.mark.parametrize(
    ("removed", "words"),
    [
        ((0.1, 0.1, 0.1, 0.5), "took out 10.0 % of the power in a typical window, 44.0 % or more"),
        ((), "never calibrated; delays everything by 300 ms"),
    ],
)
def test_what_reconstruction_did_and_cost_is_told(
    windows: Windows, removed: tuple[float, ...], words: str
) -> None:
    """Only where it was on; what it took from a typical window and from the worst ones."""
    facts(windows.talk, 105.0, asr_delay=0.0)
    assert "reconstruction" not in dict(lines(signal(windows.talk.log, 200.0)))
    facts(windows.talk, 105.0, asr_delay=0.3)
    for share in removed:
        windows.send(1, removed=share)
    said = dict(lines(signal(windows.talk.log, 200.0)))["reconstruction"]
    assert said.startswith(words)
    assert said.endswith("; delays everything by 300 ms")


def test_what_is_not_known_is_left_out() -> None:
    """Nothing is claimed of nothing, and the last screen then has no such line."""
    assert [name for name, _ in lines(Signal())] == [
        "gaps", "samples", "disturbed by", "windows left out", "sender", "triggers",
    ]  # fmt: skip
    assert in_short(Signal()) == ""
    assert summary(analyse({}, Facts()), {})["signal"] == ""


def test_the_last_screen_has_it_in_one_sentence(windows: Windows) -> None:
    """Usable windows, gaps, what was filled in, what disturbed most; rare is not nothing."""
    windows.breaks(missing=2.0)
    windows.send(10, invalid="pop", artifacts=("pop",))
    windows.send(1, artifacts=("blink",))
    windows.send(179)
    facts(windows.talk, 150.0, lost=4, gaps=1)
    assert in_short(signal(windows.talk.log, 200.0)) == (
        "95 % of 200 windows usable; 1 gap of 2.00 s; 4 samples filled in; "
        "disturbed by pop 5 %, blink < 1 %"
    )


@pytest.mark.parametrize("n", [1, MANY, MANY + 1])
def test_long_lists_are_folded(windows: Windows, n: int) -> None:
    """A few gaps stand in sight, many behind a line that counts them; none is left out."""
    for _ in range(n):
        windows.breaks(missing=1.0)
        windows.send(2)
    html = page.render(analyse(windows.talk.log, Facts()), windows.talk.log)
    assert html.count("<td>1.00 s</td>") == n
    assert (f"<summary>every gap ({n})</summary>" in html) == (n > MANY)
