"""Every audible change leads back to its samples."""

from __future__ import annotations

from typing import Any

from rym import messages as m
from rym import topics
from session.after.latency import PlayerClock, index
from session.after.provenance import changes, follow, recording_names, trace

RATE = 48_000
FADE = m.Fade(to="positive", start=96_000, half=144_000, end=192_000)


def test_a_fade_leads_to_its_window_in_its_own_recording(talk: Any) -> None:
    """The second start of the stream wrote the second file; the range is the window's."""
    talk.window(5.0, 0)
    talk.epochs["stream"] = 7
    window = talk.window(9.0, 1250, segment=3)
    valence = talk.valence(9.0, (0.1, 0.1, 0.8), 9.03, (window,))
    talk.played(0, "neutral", 8.0)
    talk.played(48_000, "neutral", 9.05, FADE, (valence,), why="valence")
    talk.played(200_000, "positive", 13.0)
    found = changes(talk.log, PlayerClock.of(talk.log["player/now"], RATE))
    assert [(c.kind, c.what) for c in found] == [("start", ""), ("fade", "positive")]
    samples = found[1].samples
    assert samples is not None
    assert (samples.file, samples.segment, samples.first, samples.n) == ("eeg-02.xdf", 3, 1250, 500)
    assert found[1].chain == (valence.id, window.id)
    assert found[1].missing == ()


def test_a_hole_in_the_chain_is_named(talk: Any) -> None:
    """A valence that the journal lacks ends the chain, and is said to be missing."""
    valence = talk.valence(9.0, (0.1, 0.1, 0.8))
    talk.log["decoder/valence"].clear()
    talk.played(48_000, "neutral", 9.05, FADE, (valence,), why="valence")
    talk.played(200_000, "positive", 13.0)
    (_, fade) = changes(talk.log, PlayerClock.of(talk.log["player/now"], RATE))
    assert fade.samples is None
    assert fade.missing == (valence.id,)


def test_safety_and_orders_are_changes_ramps_are_not(talk: Any) -> None:
    """A stop and two orders count once each; the steps of their ramps do not."""
    order = talk.say(topics.COMMAND, m.Command(to="player", action="set-level", value="-6"), 9.0)
    stop = talk.say(topics.STOP, m.Stop(by="operator", t=20.0), 20.0)
    talk.played(0, "neutral", 8.0)
    talk.played(48_000, "neutral", 9.0, cause=(order,), level_db=-3.0, why="level")
    talk.played(60_000, "neutral", 9.25, cause=(order,), level_db=-6.0)
    end = talk.say(topics.COMMAND, m.Command(to="player", action="end", value=""), 10.0)
    talk.played(70_000, "neutral", 10.0, cause=(end,), level_db=-6.0, why="end")
    talk.played(96_000, "neutral", 20.0, cause=(stop,), safety="STOP", why="stop")
    talk.played(97_000, "neutral", 20.1, cause=(stop,), safety="STOP", level_db=-40.0)
    found = changes(talk.log, PlayerClock.of(talk.log["player/now"], RATE))
    assert [(c.kind, c.what) for c in found] == [
        ("start", ""),
        ("order", "set-level -6"),
        ("order", "end"),
        ("safety", "STOP"),
    ]
    assert found[3].chain == (stop.id,)


def test_an_order_rests_on_itself_not_on_what_was_decoded_before(talk: Any) -> None:
    """A Played names the valence behind its request too; an end and a stop come from no sample."""
    valence = talk.valence(5.0, None, cause=(talk.window(5.0, 0),))
    end = talk.say(topics.COMMAND, m.Command(to="player", action="end", value=""), 10.0)
    stop = talk.say(topics.STOP, m.Stop(by="operator", t=20.0), 20.0)
    talk.played(0, "neutral", 8.0, cause=(valence,))
    talk.played(96_000, "neutral", 10.0, cause=(valence, end), why="end")
    talk.played(480_000, "neutral", 20.0, cause=(valence, stop), safety="STOP", why="stop")
    talk.played(960_000, "neutral", 30.0, cause=(valence,), safety="RUN", why="fresh")
    found = changes(talk.log, PlayerClock.of(talk.log["player/now"], RATE))
    assert [c.chain[0] for c in found] == [valence.id, end.id, stop.id, valence.id]
    assert [c.samples is None for c in found] == [False, True, True, False]


def test_of_two_windows_the_newest_is_traced(talk: Any) -> None:
    """A message that rests on two windows is traced to the newer one."""
    old, new = talk.window(5.0, 0), talk.window(5.25, 125)
    valence = talk.valence(5.25, None, cause=(old, new))
    found = trace(valence, index(talk.log), recording_names(talk.log))
    assert found is not None
    assert found.first == 125


def test_a_circle_of_causes_ends(talk: Any) -> None:
    """Damaged causes that name one another are followed once each."""
    names = [m.Identity("player", 1, "player/now", i) for i in (0, 1)]
    meta = m.Meta(wall=0.0, mono=0.0, host="", pid=0)
    known = {
        a: m.Message(id=a, cause=(b,), content=None, meta=meta) for a, b in (names, reversed(names))
    }
    chain, missing = follow(known[names[0]], known)
    assert sorted(chain) == names
    assert missing == ()


def test_every_fade_of_a_whole_session_leads_to_samples(story: Any) -> None:
    """Nothing audible in a simulated session has an unknown origin."""
    log = story()
    found = changes(log, PlayerClock.of(log["player/now"], RATE))
    fades = [c for c in found if c.kind == "fade"]
    assert len(fades) >= 3
    assert all(c.samples is not None and not c.missing for c in fades)
    assert {c.samples.file for c in fades if c.samples} == {"eeg.xdf", "eeg-02.xdf"}
