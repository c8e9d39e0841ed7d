"""What the messages of a session say."""

from __future__ import annotations

from typing import Any

import pytest

from rym import messages as m
from rym import topics
from session.after.analysis import Facts, analyse
from session.after.latency import TOTAL
from session.after.summary import summary


def test_an_empty_journal_is_analysed_to_nothing() -> None:
    """Nothing was said: nothing is claimed, nothing raised."""
    a = analyse({}, Facts())
    assert (a.n_messages, a.phases, a.scores, a.hops, a.changes) == (0, (), (), (), ())
    assert a.coverage is None
    found = summary(a, {})
    assert found["decoding"] == {
        "balanced_accuracy": None,
        "without_delay": None,
        "chance_low": None,
        "chance_high": None,
        "n_states": 0,
        "verdict": None,
    }
    assert found["felt_to_heard_s"] == {"p50": None, "p90": None, "by": {}}


def test_the_summary_has_the_promised_form(story: Any) -> None:
    """Exactly the promised names, in their order; numbers where there was a session."""
    a = analyse(story(), Facts(delay=1.6, verdict="follows", warnings=("one",)))
    found = summary(a, {"session": "/s", "report": "/s/r", "journal": "/s/j", "heard": "/h"})
    assert list(found) == [
        "session", "report", "journal", "heard", "model", "bank",
        "kind", "decoding", "signal", "learning", "latency_ms", "felt_to_heard_s",
        "hearing", "warnings",
    ]  # fmt: skip
    assert found["session"] == "/s"
    assert found["model"] is None
    assert found["decoding"]["verdict"] == "follows"
    assert found["decoding"]["balanced_accuracy"] > found["decoding"]["chance_high"]
    assert 20.0 < found["latency_ms"]["software_p50"] < found["latency_ms"]["software_p99"] < 100.0
    assert 2.0 < found["felt_to_heard_s"]["p50"] <= found["felt_to_heard_s"]["p90"]
    assert found["decoding"]["without_delay"] < found["decoding"]["balanced_accuracy"]
    assert found["warnings"] == ["one", "Not usable in most of the windows: T7."]


def test_truth_is_scored_before_keys_and_the_delay_before_none(story: Any) -> None:
    """Four scores; a key comes its reaction lag later than the feeling."""
    a = analyse(story(), Facts(delay=1.6, reaction_lag=0.6))
    assert [(s.reference, s.declared, pytest.approx(s.delay)) for s in a.scores] == [
        ("truth", True, 1.6),
        ("truth", False, 0.0),
        ("keys", True, 1.0),
        ("keys", False, 0.0),
    ]
    assert a.scores[0].balanced_accuracy is not None
    assert a.scores[1].balanced_accuracy is not None
    assert a.scores[0].balanced_accuracy > a.scores[1].balanced_accuracy


def test_an_estimate_that_guesses_is_scored_and_has_no_coverage(story: Any) -> None:
    """The gate answers unknown; the score behind it is still given, within the band."""
    a = analyse(story(follows=False), Facts(delay=1.6, verdict="guessing"))
    assert a.coverage == 0.0
    assert dict(a.unknown)["verdict: guessing"] > 200
    main = a.scores[0]
    assert main.balanced_accuracy is not None
    assert main.chance_high is not None
    assert main.balanced_accuracy <= main.chance_high


def test_without_feedback_there_is_no_score(talk: Any) -> None:
    """A session cut short in calibration counts its states there and claims nothing."""
    talk.phase("calibration", 0, 0.0, 75.0)
    for t, state in ((0.0, "negative"), (15.0, "positive"), (30.0, "none"), (40.0, "positive")):
        talk.label(t, state)
    talk.valence(50.0, None, reason="no model")
    a = analyse(talk.log, Facts(delay=1.6))
    assert a.scores == ()
    assert a.n_calibration == 3
    assert a.n_feedback == 0
    assert a.phases[0].cut


def test_coverage_counts_feedback_only(talk: Any) -> None:
    """Three windows of feedback, one of them unknown; what came before does not count."""
    talk.phase("calibration", 0, 0.0)
    talk.phase("feedback", 1, 10.0)
    talk.valence(5.0, None, reason="no model")
    for t, reason in ((11.0, ""), (12.0, "warming up 3/10"), (13.0, "")):
        talk.valence(t, (0.1, 0.1, 0.8), reason=reason)
    talk.phase("ended", 2, 20.0)
    a = analyse(talk.log, Facts())
    assert a.coverage == pytest.approx(2 / 3)
    assert a.unknown == (("warming up", 1),)


def test_bad_channels_are_named_with_their_share(talk: Any) -> None:
    """Two channels, one bad in half of the windows, the other in a quarter."""
    for k in range(4):
        rows = (
            m.ChannelQuality(name="Fz", ok=k % 2 == 0, reason="" if k % 2 == 0 else "flat"),
            m.ChannelQuality(name="Cz", ok=k != 3, reason="" if k != 3 else "rail"),
        )
        overall = sum(r.ok for r in rows) / 2
        level: Any = "good" if overall == 1 else "low"
        talk.say(topics.QUALITY, m.Quality(t=k, overall=overall, level=level, channels=rows), k)
    talk.window(9.0, valid=False, reason="gap")
    q = analyse(talk.log, Facts()).quality
    assert [(b.name, b.share, b.reason) for b in q.bad] == [
        ("Fz", 0.5, "flat"),
        ("Cz", 0.25, "rail"),
    ]
    assert dict(q.levels) == {"good": 0.5, "fair": 0.0, "low": 0.5}
    assert q.overall == pytest.approx(0.625)
    assert q.n_invalid == 1


def test_restarts_and_drops_are_told_per_start(talk: Any) -> None:
    """A second epoch is a second life; the largest count of drops stands."""
    talk.status("decoder", "ready", 1.0)
    talk.status("decoder", "ready", 5.0, stream_window=3)
    talk.status("decoder", "gone", 6.0)
    talk.epochs["decoder"] = 2
    talk.status("decoder", "ready", 7.0)
    talk.status("stream", "ready", 0.5)
    found = analyse(talk.log, Facts()).lives
    assert [(x.service, x.epoch, x.life, x.drops) for x in found] == [
        ("stream", 1, "ready", ()),
        ("decoder", 1, "gone", (("stream/window", 3),)),
        ("decoder", 2, "ready", ()),
    ]


def test_holes_are_ranges_of_numbers(talk: Any) -> None:
    """Lost at the beginning, twice in the middle, in one of two starts."""
    for k in range(8):
        talk.label(float(k), "positive")
    talk.epochs["session"] = 2
    talk.label(9.0, "negative")
    talk.label(9.5, "positive")
    kept = [x for i, x in enumerate(talk.log["session/label"]) if i not in (0, 3, 4, 6, 8)]
    found = analyse({"session/label": kept}, Facts()).holes
    assert [(h.epoch, h.first, h.last) for h in found] == [
        (1, 0, 0),
        (1, 3, 4),
        (1, 6, 6),
        (2, 0, 0),
    ]


def test_safety_states_are_merged_and_ordered(talk: Any) -> None:
    """Repeats of one state for one reason are one moment."""
    for t, state, reason in ((1, "RUN", ""), (2, "SAFE", "stale"), (3, "SAFE", "stale")):
        talk.say(topics.SAFETY, m.Safety(state=state, frame=0, reason=reason, text=""), t)
    found = analyse(talk.log, Facts()).safety
    assert [(s.state, s.t) for s in found] == [("RUN", 1), ("SAFE", 2)]


def test_the_whole_story_is_complete(story: Any) -> None:
    """Every part of the analysis has something to say of a whole session."""
    a = analyse(story(), Facts(delay=1.6))
    assert [p.name for p in a.phases] == ["rest", "calibration", "training", "feedback"]
    assert {h.name for h in a.hops} >= {TOTAL}
    assert len(a.hops) == 8
    assert a.holes == ()
    assert a.n_calibration >= 4
    assert a.coverage is not None
    assert 0.3 < a.coverage < 1.0
    assert sum(f.outcome == "heard" for f in a.felt) >= 2
