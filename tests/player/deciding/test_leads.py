"""Who leads: what each says while something is known, and while nothing is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.deciding.leads import Decoder, Keys, Nobody, Sequence, half_fade, lead_of, released
from player.settings import BLOCK, RATE, PlayerSettings
from rym.errors import UsageError
from rym.messages import AFFECTS, Identity, Label, Valence

NAME = Identity("x", 1, "x", 0)
STEPS = (("positive", 0.5), ("unknown", 0.25), ("negative", 1.0))


def valence(state, value=None, confidence=0.9):
    """Return a decoded state."""
    return Valence(
        t=0.0, state=state, valence=value, probabilities=None, confidence=confidence, reason="",
        model="",
    )  # fmt: skip


def test_every_arm_has_its_lead():
    """By name, and nobody else has a say."""
    decoder, keys = Decoder(0.0), Keys()
    for arm, kind in (("real", Decoder), ("keys", Keys), ("none", Nobody)):
        assert isinstance(lead_of(PlayerSettings(arm=arm), 0, decoder, keys), kind)
    for arm in ("permuted", "yoked"):
        settings = PlayerSettings(arm=arm, sequence=STEPS)
        assert isinstance(lead_of(settings, 0, decoder, keys), Sequence)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"arm": "permuted"}, "The arm 'permuted' has no sequence. Give the states"),
        ({"arm": "yoked"}, "The arm 'yoked' has no sequence. Give the states"),
        ({"arm": "keys", "sequence": STEPS}, "The arm 'keys' has a sequence of 3 states"),
        ({"sequence": STEPS[:1]}, "The arm 'real' has a sequence of 1 states, which only permuted"),
    ],
)
def test_an_arm_and_its_sequence_come_together(changes, said):
    """One without the other is refused with both named."""
    with pytest.raises(UsageError) as error:
        PlayerSettings(**changes)
    assert said in str(error.value)


def test_a_sequence_is_followed_from_the_first_frame_and_ends_in_neutral():
    """A cut counts from the block that begins with or after it."""
    lead = Sequence(STEPS, 0, None)
    said = [lead.wish(frame).state for frame in range(0, 2 * RATE, BLOCK)]
    changes = [(k / 100, state) for k, state in enumerate(said) if k == 0 or said[k - 1] != state]
    assert changes == [(0.0, "positive"), (0.5, "unknown"), (0.75, "negative"), (1.75, "neutral")]
    assert lead.wish(10**9).state == "neutral"
    assert lead.wish(0).cause == ()


@given(
    st.lists(st.tuples(st.sampled_from(AFFECTS), st.floats(0.001, 3.0)), min_size=1, max_size=8),
    st.integers(0, 10 * RATE),
    st.sampled_from([None, 960, 7]),
)
def test_a_player_started_again_goes_on_where_the_sequence_would_be(steps, place, ahead):
    """What it says at its frame 0 is what the first one would say at that place in the music."""
    first, again = Sequence(tuple(steps), 0, ahead), Sequence(tuple(steps), place, ahead)
    for frame in range(0, 5 * RATE, 10 * BLOCK):
        a, b = first.wish(place + frame), again.wish(frame)
        assert a.state == b.state
        assert a.at is None or a.at == b.at + place


@given(
    st.lists(st.tuples(st.sampled_from(AFFECTS), st.floats(0.05, 2.0)), min_size=2, max_size=8),
    st.integers(0, RATE),
)
def test_a_cut_is_known_in_the_block_in_which_its_fade_has_to_begin(steps, place):
    """Once, for every cut that lies ahead: to the frame, and never for a block before or after."""
    ahead = half_fade(PlayerSettings(preset="paper"))
    assert ahead == 960
    lead = Sequence(tuple(steps), place, ahead)
    t, cuts = 0.0, []
    for _, seconds in steps:
        t += seconds
        cuts.append(round(t * RATE) - ahead - place)
    known = [lead.wish(frame).at for frame in range(0, 17 * RATE, BLOCK)]
    for k, at in enumerate(known):
        assert at is None or k * BLOCK <= at < (k + 1) * BLOCK
    assert [at for at in known if at is not None] == [cut for cut in cuts if cut >= 0]


def test_fades_that_wait_for_the_grid_are_not_looked_up_beforehand():
    """Nor is anything in the mix that knows no fades."""
    assert half_fade(PlayerSettings(preset="close")) is None
    assert half_fade(PlayerSettings(preset="gentle")) is None
    assert half_fade(PlayerSettings(preset="paper", mix="continuous")) is None


def test_a_key_that_is_let_go_or_not_known_is_neutral():
    """Held, let go, held in the past: only what is held now counts."""
    keys = Keys()
    assert keys.wish(0).state == "neutral"
    held = Label(state="negative", t=1.0, source="test")
    assert keys.take(held, NAME)
    assert keys.wish(0)[:3] == ("negative", "key", (NAME,))
    assert not keys.take(held, NAME)
    assert keys.take(Label(state="none", t=2.0, source="test"), NAME)
    assert keys.wish(0).state == "neutral"
    keys.take(held, NAME)
    assert keys.take(released(held), NAME)
    assert keys.wish(0).state == "neutral"
    keys.take(held, NAME)
    keys.forget()
    assert keys.wish(0).state == "neutral"


def test_the_decoders_valence_is_smoothed_and_unsure_answers_draw_it_to_neutral():
    """A quarter of the way per answer; forgotten with a reset, at once."""
    decoder = Decoder(0.5)
    for _ in range(20):
        decoder.take(valence("positive", 0.8), NAME)
    assert decoder.wish(0).valence == pytest.approx(0.8, abs=0.01)
    decoder.take(valence("positive", 0.8, confidence=0.4), NAME)
    assert decoder.wish(0).valence == pytest.approx(0.6, abs=0.01)
    decoder.take(valence("unknown"), NAME)
    assert decoder.wish(0).valence == pytest.approx(0.45, abs=0.01)
    decoder.take(valence("negative"), NAME)
    assert decoder.wish(0).valence == pytest.approx(0.0875, abs=0.01)
    decoder.forget()
    assert decoder.wish(0).valence == 0.0
    assert decoder.state == "negative"
