"""What is told of which message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.outward.mapping import Mapping, Midi
from player.outward.settings import OutwardSettings
from rym.messages import Played, Quality, Safety, Valence


def answer(state, valence=None, probabilities=None):
    """Return an answer of the decoder."""
    return Valence(
        t=1.0, state=state, valence=valence, probabilities=probabilities, confidence=0.5,
        reason="", model="",
    )  # fmt: skip


def safety(state):
    """Return a state of the player's dead-man switch."""
    return Safety(state=state, frame=0, reason="", text="")


def test_an_answer_is_one_float_per_address():
    """Every address of the table, each with its number."""
    told, _ = Mapping(OutwardSettings()).take(answer("negative", -0.75, (0.8, 0.15, 0.05)))
    assert told == [
        ("/rym/valence", -0.75),
        ("/rym/prob/negative", 0.8),
        ("/rym/prob/neutral", 0.15),
        ("/rym/prob/positive", 0.05),
        ("/rym/state", -1.0),
    ]


def test_what_is_not_known_is_not_sent():
    """An unknown state has no valence and no state; probabilities only where there are some."""
    mapping = Mapping(OutwardSettings())
    assert mapping.take(answer("unknown")) == ([], [])
    told, midi = mapping.take(answer("unknown", None, (0.3, 0.4, 0.3)))
    assert [where for where, _ in told] == [
        f"/rym/prob/{affect}" for affect in ("negative", "neutral", "positive")
    ]
    assert midi == []


def test_quality_and_stops_are_told():
    """Quality is its share of good channels; stopped is 1 or 0."""
    mapping = Mapping(OutwardSettings())
    quality = Quality(t=1.0, overall=0.75, level="fair", channels=())
    assert mapping.take(quality) == ([("/rym/quality", 0.75)], [])
    assert mapping.take(safety("STOP"))[0] == [("/rym/stopped", 1.0)]
    assert mapping.take(safety("RUN"))[0] == [("/rym/stopped", 0.0)]


def test_a_note_is_held_per_state():
    """It begins with the state, stays while that stays, and ends before the next one."""
    mapping = Mapping(OutwardSettings(midi_notes=(50, 60, 70)))
    assert mapping.take(answer("neutral"))[1] == [Midi("note_on", 60, 64)]
    assert mapping.take(answer("neutral"))[1] == []
    assert mapping.take(answer("positive"))[1] == [
        Midi("note_off", 60, 64),
        Midi("note_on", 70, 64),
    ]
    assert mapping.take(answer("unknown"))[1] == [Midi("note_off", 70, 64)]
    assert mapping.silence() == []


@pytest.mark.parametrize(("valence", "value"), [(-1.0, 1), (0.0, 64), (1.0, 127), (0.5, 96)])
def test_valence_moves_the_controller(valence, value):
    """64 is neutral; the same value is not sent twice."""
    mapping = Mapping(OutwardSettings(midi_control=20))
    moved = Midi("control_change", 20, value)
    assert moved in mapping.take(answer("neutral", valence))[1]
    assert moved not in mapping.take(answer("neutral", valence))[1]


@pytest.mark.parametrize("state", ["SAFE", "STOP"])
def test_where_the_music_rests_nothing_is_steered_from_here(state):
    """The note ends, and nothing of the answers is told until the music follows again."""
    mapping = Mapping(OutwardSettings())
    mapping.take(answer("positive", 0.9, (0.0, 0.1, 0.9)))
    assert mapping.take(safety(state))[1] == [Midi("note_off", 72, 64)]
    assert mapping.take(answer("positive", 0.9, (0.0, 0.1, 0.9))) == ([], [])
    mapping.take(safety("RUN"))
    told, midi = mapping.take(answer("positive", 0.9))
    assert ("/rym/state", 1.0) in told
    assert Midi("note_on", 72, 64) in midi


contents = st.one_of(
    st.builds(
        answer,
        st.sampled_from(["negative", "neutral", "positive", "unknown"]),
        st.none() | st.floats(-1, 1),
    ),
    st.sampled_from(["RUN", "DEGRADED", "SAFE", "STOP"]).map(safety),
)


@given(st.lists(contents, max_size=30))
def test_never_two_notes_at_once_and_none_is_left(said):
    """Whatever comes, notes go on and off in turn, and numbers stay within MIDI's."""
    mapping = Mapping(OutwardSettings())
    sent = [one for content in said for one in mapping.take(content)[1]] + mapping.silence()
    held = None
    for one in sent:
        assert 0 <= one.number <= 127
        assert 0 <= one.value <= 127
        if one.kind == "note_on":
            assert held is None
            held = one.number
        elif one.kind == "note_off":
            assert held == one.number
            held = None
    assert held is None


def test_other_messages_are_told_to_nobody():
    """Where the player is moves the clock only."""
    played = Played(
        frame=0, decided="unknown", requested="neutral", audible="neutral", gains=(0.0, 1.0, 0.0),
        section=0, variant=0, position=0, fade=None, level_db=0.0, safety="RUN", why="tick",
    )  # fmt: skip
    assert Mapping(OutwardSettings()).take(played) == ([], [])
