"""Whether a change is asked for: dwell, changes per minute, unknown, steering."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.deciding.policy import Policy
from player.music.timeline import Timeline
from player.settings import BLOCK, RATE, PlayerSettings
from rym.messages import AFFECTS, Identity, Label, Valence

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


def valence(state, confidence=0.9, value=None):
    """Return a decoded state."""
    return Valence(
        t=0.0, state=state, valence=value, probabilities=None, confidence=confidence,
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


ORDER = Identity("session", 1, "session/command", 0)


def test_a_pin_goes_before_lead_and_course_until_it_is_taken_off():
    """Both go on saying what they say; behind the pin they are followed again."""
    p, heard = policy(dwell=0.0, course="positive"), Heard()
    p.take(valence("positive"), NAME)
    p.pin("negative", ORDER)
    assert p.step(0, heard) == "pin"
    assert (p.requested, p.cause) == ("negative", (ORDER,))
    heard = Heard(goal="negative", heading="negative", fade_end=0)
    assert p.step(BLOCK, heard) == ""
    p.pin(None, ORDER)
    assert p.step(2 * BLOCK, heard) == "course"
    assert p.requested == "neutral"
    p.go("follow", ORDER)
    assert p.step(3 * BLOCK, Heard(fade_end=0)) == "valence"
    assert (p.requested, p.cause) == ("positive", (NAME,))


def test_a_pin_outlives_a_forced_end_and_a_reset_but_not_a_stop():
    """Asked for again as soon as it may be heard; a STOP takes it back."""
    p, heard = policy(dwell=0.0), Heard(fade_end=0)
    p.pin("positive", ORDER)
    p.step(0, heard)
    p.end()
    assert p.step(BLOCK, heard, ("negative", "positive")) == ""
    assert p.requested == "neutral"
    assert p.step(2 * BLOCK, heard) == "pin"
    p.reset()
    assert p.requested == "neutral"
    assert p.step(3 * BLOCK, heard) == "pin"
    p.stop()
    p.reset()
    assert p.step(4 * BLOCK, heard) == ""
    assert p.requested == "neutral"


def test_keys_lead_in_their_arm_alone_and_a_stop_lets_go():
    """What is held is requested; what the decoder says is known as `decided` all the same."""
    label = Label(state="negative", t=0.0, source="test")
    for arm, asked in (("keys", "negative"), ("none", "neutral"), ("real", "positive")):
        p = policy(arm=arm)
        p.take(valence("positive"), NAME)
        p.held(label, ORDER)
        p.step(0, Heard())
        assert (p.requested, p.decided) == (asked, "positive")
    p = policy(arm="keys")
    p.held(label, ORDER)
    p.stop()
    assert p.step(0, Heard()) == ""


def test_a_held_course_drops_what_has_not_begun_and_begins_nothing():
    """A way through neutral ends in neutral; an affect that has to end is not held up."""
    p = policy()
    p.take(valence("positive"), NAME)
    p.step(0, Heard())
    p.go("hold", ORDER)
    assert p.step(BLOCK, Heard(heading="neutral", waiting=True)) == "withdrawn"
    assert (p.requested, p.cause) == ("neutral", (ORDER,))
    p.steer("negative")
    ending = Heard(goal="neutral", heading="negative", waiting=True)
    p.step(2 * BLOCK, Heard(heading="negative"))
    p.end()
    assert p.step(3 * BLOCK, ending, ("negative", "positive")) == ""
    assert p.requested == "neutral"


def test_the_last_fade_of_a_minute_goes_to_neutral_where_the_way_takes_two():
    """`gentle` leads from one pole to the other through neutral: two fades."""
    p = policy(dwell=0.0, max_changes=3, preset="gentle")
    p.take(valence("positive"), NAME)
    p.step(0, Heard())
    heard = Heard(goal="positive", heading="positive", fade_end=0, starts=[1, 2])
    p.take(valence("negative"), NAME)
    assert p.step(RATE, heard) == "valence"
    assert p.requested == "neutral"
    heard = Heard(fade_end=RATE, starts=[1, 2, RATE])
    assert p.step(2 * RATE, heard) == ""
    assert p.step(61 * RATE, heard) == "valence"
    assert p.requested == "negative"


def test_a_cut_is_asked_for_at_the_frame_at_which_its_fade_begins():
    """Half a fade before it; one that had to wait begins at once."""
    steps = (("negative", 1.001), ("unknown", 1.0), ("positive", 5.0))
    p = policy(arm="yoked", sequence=steps, preset="paper", dwell=0.5)
    assert p.step(0, Heard()) == "sequence"
    assert (p.requested, p.start, p.cause) == ("negative", None, ())
    heard = Heard(goal="negative", heading="negative", fade_end=1920)
    border = 47_088 // BLOCK * BLOCK
    assert p.step(border - BLOCK, heard) == ""
    assert p.step(border, heard) == "sequence"
    assert (p.requested, p.start) == ("neutral", round(1.001 * RATE) - 960)
    late = Heard(fade_end=2 * RATE)
    assert p.step(2 * RATE, late) == ""
    assert p.step(5 * RATE // 2, late) == "dwell"
    assert (p.requested, p.start) == ("positive", None)


@pytest.mark.parametrize(("value", "target"), [(0.14, 0.0), (-0.5, -0.5), (0.0, 0.0), (1.0, 1.0)])
def test_the_continuous_mix_asks_for_a_valence_outside_the_dead_zone(value, target):
    """Smoothed; exactly 0 within it, for what is barred, and for what the bank lacks."""
    p = policy(mix="continuous")
    for _ in range(60):
        p.take(valence("neutral", value=value), NAME)
    p.step(0, Heard())
    assert p.valence == pytest.approx(target, abs=1e-6)
    assert p.requested == {-1: "negative", 0: "neutral", 1: "positive"}[(target > 0) - (target < 0)]
    p.step(BLOCK, Heard(), ("negative", "positive"))
    assert (p.valence, p.requested) == (0.0, "neutral")
    lacking = policy(affects=("neutral",), mix="continuous")
    lacking.take(valence("neutral", value=value), NAME)
    assert lacking.step(0, Heard()) == ""
    assert lacking.valence == 0.0


def test_the_continuous_mix_stays_neutral_where_answers_jump_from_end_to_end():
    """A dozen of them later, what is left lies within the dead zone."""
    p = policy(mix="continuous")
    for k in range(400):
        p.take(valence(AFFECTS[2 * (k % 2)]), NAME)
        p.step(k * BLOCK, Heard())
        assert p.valence == 0.0 or k < 12


def test_in_the_continuous_mix_a_steer_is_kept_and_a_held_course_keeps_what_is():
    """A pole as a whole, for a glide and the dwell; then the lead again."""
    p = policy(mix="continuous")
    p.go("hold", ORDER)
    p.steer("negative")
    assert (p.requested, p.valence) == ("negative", -1.0)
    assert p.step(0, Heard()) == ""
    heard = Heard(heading="negative")
    p.step(20 * RATE, heard)
    assert p.valence == -1.0
    p.go("follow", ORDER)
    assert p.step(21 * RATE, heard) == "valence"
    assert p.valence == 0.0


def arms(draw):
    """Return settings of any arm, with little room."""
    arm = draw(st.sampled_from(["real", "permuted", "keys"]))
    steps = st.tuples(st.sampled_from([*AFFECTS, "unknown"]), st.floats(0.2, 6.0))
    written = tuple(draw(st.lists(steps, min_size=30, max_size=30))) if arm == "permuted" else ()
    return PlayerSettings(
        arm=arm, sequence=written, preset=draw(st.sampled_from(["close", "gentle", "paper"])),
        max_changes=draw(st.integers(1, 4)), dwell=draw(st.sampled_from([0.0, 0.3, 2.0])),
        course=draw(st.sampled_from(["follow", "positive", "neutral", "hold"])),
        course_step=draw(st.sampled_from([1.0, 5.0])),
    )  # fmt: skip


def heard_of(limits, affects, story, material):
    """Play a story of (block, what); return what was asked for when, and when fades began."""
    p, timeline = Policy(affects, limits), Timeline(material, limits)
    block, begun, said = np.zeros((BLOCK, 2), dtype=np.float32), [], []
    for k in range(7000):
        frame = k * BLOCK
        act, barred = story.get(k, (None, story.get("barred", {}).get(k // 500, ())))
        if act == "pin off":
            p.pin(None, ORDER)
        elif act and act.startswith("pin"):
            p.pin(p.possible(act[4:]), ORDER)
        elif act and act.startswith("course"):
            p.go(act[7:], ORDER)
        elif act:
            p.take(valence(act), NAME)
            p.held(Label(state="none" if act == "unknown" else act, t=0.0, source="test"), NAME)
        why = p.step(frame, timeline, barred)
        assert p.requested in affects
        if why:
            assert p.requested not in barred
            timeline.request(p.requested)
            said.append((frame, p.requested, why))
        timeline.render_block(block)
        begun += [mark.frame for mark in timeline.marks if mark.why == "fade"]
        timeline.marks.clear()
    return said, begun


words = ["pin off", *(f"pin {a}" for a in AFFECTS), *AFFECTS, *AFFECTS, "unknown"]
words += [f"course {c}" for c in ("follow", "hold", "neutral", "positive")]


@settings(max_examples=6, deadline=None)
@given(st.data())
def test_whatever_comes_requests_are_possible_allowed_and_few(flat_of, data):
    """Never an affect that is barred or lacking, never too many fades; the same again each time."""
    limits = arms(data.draw)
    affects = data.draw(st.sampled_from([AFFECTS, ("neutral", "positive")]))
    at = st.integers(0, 6999)
    acts = data.draw(st.dictionaries(at, st.sampled_from(words), max_size=60))
    bars = st.sampled_from([(), (), ("negative",), ("positive",), ("negative", "positive")])
    barred = data.draw(st.dictionaries(st.integers(0, 13), bars))
    story = {k: (act, barred.get(k // 500, ())) for k, act in acts.items()} | {"barred": barred}
    said, begun = heard_of(limits, affects, story, flat_of())
    for last in begun:
        assert sum(last - 60 * RATE < x <= last for x in begun) <= limits.max_changes
    assert (said, begun) == heard_of(limits, affects, story, flat_of())
