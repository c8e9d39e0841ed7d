"""Whether a change is asked for: dwell, changes per minute, unknown, steering."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from player.deciding.policy import Policy
from player.settings import RATE, PlayerSettings
from rym.messages import AFFECTS, Identity, Valence

NAME = Identity("decoder", 1, "decoder/valence", 0)


@dataclass
class Heard:
    """A timeline that is only looked at."""

    goal: str = "neutral"
    heading: str = "neutral"
    waiting: bool = False
    fade_end: int | None = None
    starts: list[int] = field(default_factory=list)

    def begun_since(self, frame):
        """Count the fades begun after `frame`."""
        return sum(s > frame for s in self.starts)


def valence(state, confidence=0.9):
    """Return a decoded state."""
    return Valence(
        t=0.0, state=state, valence=None, probabilities=None, confidence=confidence,
        reason="", model="",
    )  # fmt: skip


def policy(affects=AFFECTS, **settings):
    """Return a policy with some settings."""
    return Policy(affects, PlayerSettings(**settings))


def test_the_first_state_is_followed_at_once_and_the_next_waits_for_the_dwell():
    """8 s count from the end of the last fade, to the frame."""
    p, heard = policy(), Heard()
    p.take(valence("positive"), NAME)
    assert p.step(0, heard) == "valence"
    heard = Heard(goal="positive", heading="positive", fade_end=RATE)
    p.take(valence("negative"), NAME)
    assert p.step(9 * RATE - 1, heard) == ""
    assert p.requested == "positive"
    assert p.step(9 * RATE, heard) == "dwell"
    assert p.requested == "negative"


def test_a_change_that_has_not_begun_may_be_withdrawn_or_turned_within_the_dwell():
    """Before its bar, a request costs nothing."""
    p = policy()
    p.take(valence("positive"), NAME)
    p.step(0, Heard())
    waiting = Heard(goal="positive", heading="neutral", waiting=True, fade_end=0)
    p.take(valence("neutral"), NAME)
    assert p.step(480, waiting) == "withdrawn"
    p.take(valence("negative"), NAME)
    assert p.step(960, waiting) == "valence"
    assert p.requested == "negative"


@pytest.mark.fault(11)
@pytest.mark.fault(13)
@pytest.mark.parametrize(("state", "confidence"), [("unknown", 0.9), ("positive", 0.3)])
def test_unknown_and_unsure_mean_neutral(state, confidence):
    """Both are answered with neutral, as soon as the dwell allows it."""
    p = policy(min_confidence=0.5)
    p.take(valence("negative"), NAME)
    p.step(0, Heard())
    p.take(valence(state, confidence), NAME)
    assert p.step(20 * RATE, Heard(goal="negative", heading="negative", fade_end=0)) != ""
    assert p.requested == "neutral"
    assert p.decided == state


def test_a_minute_holds_only_so_many_fades():
    """The sixth fade within 60 s is the last, until the first is a minute old."""
    p = policy(dwell=0.0)
    heard = Heard(goal="neutral", heading="neutral", starts=[k * RATE for k in range(6)])
    p.take(valence("positive"), NAME)
    assert p.step(30 * RATE, heard) == ""
    assert p.step(60 * RATE, heard) == "valence"


def test_an_affect_that_the_bank_lacks_is_answered_with_neutral():
    """What cannot be played is never asked for."""
    p = policy(affects=("neutral", "positive"))
    p.take(valence("negative"), NAME)
    assert p.step(0, Heard()) == ""
    assert p.requested == "neutral"
    assert p.decided == "negative"


def test_steering_waits_for_nothing_and_following_can_be_turned_off():
    """A person's word counts at once; without following, the decoder's counts for nothing."""
    p = policy()
    p.go("hold", NAME)
    p.take(valence("positive"), NAME)
    assert p.step(0, Heard()) == ""
    p.steer("negative")
    assert p.requested == "negative"
    assert p.step(RATE, Heard(goal="negative", heading="negative")) == ""
