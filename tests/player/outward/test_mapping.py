"""What is told of which message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.outward.mapping import Mapping, Midi
from player.outward.settings import OutwardSettings
from rym.messages import Played, Quality, Safety, Valence

PROBABILITIES = (0.8, 0.15, 0.05)
GAINS = {"negative": (1.0, 0.0, 0.0), "neutral": (0.0, 1.0, 0.0), "positive": (0.0, 0.0, 1.0)}


def answer(probabilities=PROBABILITIES):
    """Return an answer of the decoder, which is sure of negative."""
    return Valence(
        t=1.0, state="negative", valence=-0.75, probabilities=probabilities, confidence=0.5,
        reason="", model="",
    )  # fmt: skip


def played(audible, *, gains=None, level_db=0.0, why="tick"):
    """Return what is heard."""
    return Played(
        frame=0, decided="negative", requested=audible, audible=audible,
        gains=gains or GAINS[audible], section=0, variant=0, position=0, fade=None,
        level_db=level_db, safety="RUN", why=why,
    )  # fmt: skip


def safety(state):
    """Return a state of the player's dead-man switch."""
    return Safety(state=state, frame=0, reason="", text="")


def test_what_is_told_is_one_float_per_address():
    """Every address of the table, each with its number."""
    mapping = Mapping(OutwardSettings())
    assert mapping.take(played("positive"))[0] == [("/rym/valence", 1.0), ("/rym/state", 1.0)]
    assert mapping.take(answer()) == (
        [("/rym/prob/negative", 0.8), ("/rym/prob/neutral", 0.15), ("/rym/prob/positive", 0.05)],
        [],
    )


def test_what_is_not_known_is_not_sent():
    """Silence has no valence, no state and no note; probabilities only where there are some."""
    mapping = Mapping(OutwardSettings())
    assert mapping.take(answer(None)) == ([], [])
    mapping.take(played("neutral"))
    assert mapping.take(played("neutral", level_db=-120.0)) == ([], [Midi("note_off", 60, 64)])


@pytest.mark.parametrize("why", ["exposure", "steer, tick", "key", "sequence"])
def test_valence_and_state_are_those_of_the_music(why):
    """Whatever it follows: the decoder's affect goes to nobody while another one is heard."""
    mapping = Mapping(OutwardSettings())
    told, midi = mapping.take(played("positive", why=why))
    assert told == [("/rym/valence", 1.0), ("/rym/state", 1.0)]
    assert Midi("note_on", 72, 64) in midi
    assert {where.rpartition("/")[0] for where, _ in mapping.take(answer())[0]} == {"/rym/prob"}
    assert mapping.take(answer())[1] == []


def test_while_the_music_rests_at_neutral_so_does_what_is_steered_from_here():
    """The limits hold for a light as well: neutral is told, and no probability meanwhile."""
    mapping = Mapping(OutwardSettings())
    mapping.take(played("positive"))
    told, midi = mapping.take(played("neutral", why="tick, resting"))
    assert told == [("/rym/valence", 0.0), ("/rym/state", 0.0)]
    assert Midi("control_change", 16, 64) in midi
    assert mapping.take(answer()) == ([], [])
    mapping.take(played("neutral"))
    assert len(mapping.take(answer())[0]) == 3


def test_probabilities_are_kept_back_where_the_music_does_not_follow_them():
    """As a session asks for in every arm but `real`; what is heard is told all the same."""
    mapping = Mapping(OutwardSettings(probabilities=False))
    assert mapping.take(answer()) == ([], [])
    assert len(mapping.take(played("positive"))[0]) == 2


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
    mapping.take(played("neutral", gains=(0.0, 1.0, 0.0)))
    assert mapping.take(played("neutral"))[1] == []
    assert mapping.take(played("positive", gains=GAINS["neutral"]))[1] == [
        Midi("note_off", 60, 64),
        Midi("note_on", 70, 64),
    ]
    assert mapping.silence() == [Midi("note_off", 70, 64)]
    assert mapping.silence() == []


@pytest.mark.parametrize(
    ("gains", "value"),
    [((1.0, 0.0, 0.0), 1), ((0.0, 1.0, 0.0), 64), ((0.0, 0.0, 1.0), 127), ((0.0, 1.0, 0.5), 83)],
)
def test_the_mixture_moves_the_controller(gains, value):
    """64 is neutral, a mixture lies between; the same value is not sent twice."""
    mapping = Mapping(OutwardSettings(midi_control=20))
    moved = Midi("control_change", 20, value)
    assert moved in mapping.take(played("neutral", gains=gains))[1]
    assert moved not in mapping.take(played("neutral", gains=gains))[1]


@pytest.mark.parametrize("state", ["SAFE", "STOP"])
def test_where_the_music_is_safe_nothing_is_steered_from_here(state):
    """The note ends, and nothing is told until the music follows again."""
    mapping = Mapping(OutwardSettings())
    mapping.take(played("positive"))
    assert mapping.take(safety(state))[1] == [Midi("note_off", 72, 64)]
    assert mapping.take(played("positive")) == ([], [])
    assert mapping.take(answer()) == ([], [])
    mapping.take(safety("RUN"))
    told, midi = mapping.take(played("positive"))
    assert ("/rym/state", 1.0) in told
    assert Midi("note_on", 72, 64) in midi


share = st.floats(0, 1)
contents = st.one_of(
    st.builds(
        lambda affect, gains, level_db: played(affect, gains=gains, level_db=level_db),
        st.sampled_from(["negative", "neutral", "positive"]),
        st.tuples(share, share, share),
        st.sampled_from([0.0, -120.0]),
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
