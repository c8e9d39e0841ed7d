"""Every arm in the engine: the same limits, and what is heard when something else leads."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from player.engine import Engine
from player.settings import BLOCK, RATE, PlayerSettings
from rym.messages import Command, Identity, Label, Played, Safety, Stop, Valence
from tests.player.deciding.test_exposure import told

PRESETS = ("close", "gentle", "paper")


def name(topic, seq=0):
    """Return an identity."""
    return Identity("test", 1, topic, seq)


def valence(state, value=None):
    """Return a decoded state."""
    return Valence(
        t=0.0, state=state, valence=value, probabilities=None, confidence=0.9, reason="", model=""
    )


def key(state):
    """Return what is held."""
    return Label(state=state, t=0.0, source="test")


def command(action, value=""):
    """Return an order to the player."""
    return Command(to="player", action=action, value=value)


class Run:
    """An engine that is answered four times a second; keeps what it says and, if asked, sound."""

    def __init__(self, material, *, keep=False, **changes):
        settings = PlayerSettings(**({"preset": "paper", "rise": 0.5} | changes))
        self.engine = Engine(material, settings, session="s1")
        self.keep = keep
        self.sound = []
        self.events = []
        self.n = 0

    def until(self, seconds, state="neutral"):
        """Render up to a second; None: no answer comes."""
        out = np.empty((BLOCK, 2), dtype=np.float32)
        while self.engine.frame < round(seconds * RATE):
            if state and self.engine.frame % (RATE // 4) == 0:
                self.do(state if isinstance(state, Valence) else valence(state))
            self.engine.render(out)
            if self.keep:
                self.sound.append(out.copy())
            self.events += self.engine.events()
        return self

    def do(self, content):
        """Apply an input now; return its name."""
        identity = name(type(content).__name__, self.n)
        self.n += 1
        self.engine.apply(identity, content)
        return identity

    @property
    def played(self):
        """Return what was said of the music, with its causes."""
        return [(c, cause) for c, cause in self.events if isinstance(c, Played)]

    @property
    def asked(self):
        """Return (second, affect) of every change of what was asked for."""
        said = [(p.frame / RATE, p.requested) for p, _ in self.played]
        return [said[0], *(b for a, b in pairwise(said) if a[1] != b[1])]

    def why(self, seconds):
        """Return the words and causes of the newest saying at a second."""
        return next((p.why, c) for p, c in reversed(self.played) if p.frame == seconds * RATE)


def test_each_lead_says_why_and_names_its_cause(flat_of):
    """`valence`, `key` and `sequence`; the last rests on no input."""
    real = Run(flat_of()).until(3).until(5, "positive")
    assert real.why(3)[0] == "decided, valence, fade"
    assert [c.topic for c in real.why(3)[1]] == ["Valence"]
    keys = Run(flat_of(), arm="keys").until(3, "negative")
    held = keys.do(key("positive"))
    keys.until(4, "negative")
    assert keys.why(3) == ("held, key, fade", (held,))
    assert keys.asked == [(0.0, "neutral"), (3.0, "positive")]
    assert {p.decided for p, _ in keys.played if p.frame} == {"negative"}
    yoked = Run(flat_of(), arm="yoked", sequence=(("neutral", 2.0), ("negative", 9.0)))
    yoked.until(3, "positive")
    assert yoked.asked == [(0.0, "neutral"), (1.98, "negative")]
    assert yoked.why(1.98) == ("sequence, fade", ())
    assert Run(flat_of(), arm="none").until(3, "positive").asked == [(0.0, "neutral")]


@pytest.mark.parametrize("arm", ["permuted", "keys", "none"])
def test_freshness_is_the_decoders_in_every_arm(flat_of, arm):
    """Without an answer the switch is never armed; once one came, their end leads to SAFE."""
    steps = (("positive", 600.0),) if arm == "permuted" else ()
    run = Run(flat_of(), arm=arm, sequence=steps)
    run.do(key("positive")) if arm == "keys" else None
    run.until(5, None)
    assert [c.state for c, _ in run.events if isinstance(c, Safety)] == ["RUN"]
    assert run.asked[-1][1] == ("neutral" if arm == "none" else "positive")
    run.until(6).until(12, None)
    states = [(c.frame / RATE, c.state) for c, _ in run.events if isinstance(c, Safety)]
    assert states[1:] == [(6.25, "DEGRADED"), (7.75, "SAFE")]
    assert run.asked[-1][1] == "neutral"
    run.until(18, "neutral")
    assert run.asked[-1][1] == ("neutral" if arm == "none" else "positive")


def test_a_cut_of_a_sequence_is_heard_to_the_sample(flat_of):
    """`paper`: 40 ms, whose halves meet on the cut itself; elsewhere one layer alone."""
    steps = (("negative", 2.00007), ("positive", 1.23456), ("neutral", 0.5001), ("positive", 9.0))
    run = Run(flat_of(), keep=True, arm="permuted", sequence=steps, dwell=0.0, max_changes=60)
    sound = run.until(5).sound
    left, right = np.concatenate(sound).T
    cuts = [round(t * RATE) for t in np.cumsum([seconds for _, seconds in steps])]
    # Negative is (0.5, 0), positive (0, 0.5), neutral (0.25, 0.25): equal gains of the two that
    # meet, 1/√2 each, are as much left as right, or a third as much on neutral's other side.
    assert left[cuts[0]] == pytest.approx(right[cuts[0]], rel=1e-4)
    assert left[cuts[1]] == pytest.approx(right[cuts[1]] / 3.0, rel=1e-4)
    assert left[cuts[2]] == pytest.approx(right[cuts[2]] / 3.0, rel=1e-4)
    for cut, before, after in zip(cuts, (0.5, 0.0, 0.25), (0.0, 0.25, 0.0), strict=False):
        assert left[cut - 961] == pytest.approx(before, abs=1e-6)
        assert left[cut + 960] == pytest.approx(after, abs=1e-6)
    halves = [p.fade.half for p, _ in run.played if "half-way" in p.why.split(", ")]
    assert halves[1:] == cuts[:3]


def test_a_course_leads_to_its_goal_a_step_at_a_time_and_follows_nobody(flat_of):
    """From negative to neutral at once, to positive a step later, whatever is decoded."""
    run = Run(flat_of(), dwell=1.0, course_step=5.0).until(3, "negative")
    order = run.do(command("course", "positive"))
    run.until(20, "negative")
    assert run.asked == [(0.0, "negative"), (3.0, "neutral"), (8.0, "positive")]
    assert run.why(3) == ("course, fade", (order,))
    assert run.why(8)[1] == (order,)
    run.do(command("course", "neutral"))
    assert run.until(30, "negative").asked[-1] == (20.0, "neutral")
    run.do(command("course", "follow"))
    assert run.until(31, "negative").asked[-1] == (30.0, "negative")
    run.do(command("course", "upwards"))
    assert "refused: course" in run.until(32).why(31)[0]


def test_a_course_begins_again_after_the_neutral_that_the_limits_force(flat_of):
    """120 s of positive, 30 s of neutral, then a step again: not before, and not much after."""
    run = Run(flat_of(), course="positive", positive_share=1.0, exposure_reason="a test")
    asked = run.until(170, "negative").asked
    assert [affect for _, affect in asked] == ["neutral", "positive", "neutral", "positive"][1:]
    assert 119.0 < asked[1][0] < 120.0
    assert 30.0 <= asked[2][0] - asked[1][0] < 30.2


def test_a_pin_comes_back_after_a_rest_an_outage_and_not_after_a_stop(flat_of):
    """And a steer is heard for once and its dwell in between."""
    run = Run(flat_of(), dwell=2.0, max_changes=60).until(1, "positive")
    order = run.do(command("pin", "negative"))
    run.until(3, "positive")
    assert run.why(1) == ("pin, fade", (order,))
    assert run.asked[-1] == (1.0, "negative")
    run.do(command("steer", "positive"))
    run.until(10, "positive")
    assert [a for _, a in run.asked[-2:]] == ["positive", "negative"]
    assert run.asked[-1][0] == pytest.approx(5.04, abs=0.011)
    run.until(14, None)
    assert run.asked[-1] == (11.75, "neutral")
    run.until(17, "positive")
    assert run.asked[-1][1] == "negative"
    run.do(Stop(by="operator", t=0.0))
    run.until(18, "positive")
    run.do(command("pin", "negative"))
    run.do(command("release-stop", "s1"))
    run.until(30, "positive")
    assert "refused: pin" in run.why(18)[0]
    assert run.asked[-1][1] == "positive"


def test_a_pin_of_what_is_barred_waits_and_is_asked_for_in_time(flat_of):
    """An hour of it pinned: ended after a minute, and there again after the rest."""
    run = Run(flat_of(), negative_share=0.5, exposure_reason="a test")
    run.do(command("pin", "negative"))
    asked = run.until(200).asked
    assert [affect for _, affect in asked[-4:]] == ["negative", "neutral", "negative", "neutral"]
    rest = asked[-2][0] - asked[-3][0]
    assert 30.0 <= rest < 30.2
    run.do(command("pin", "furious"))
    run.do(command("pin", "off"))
    assert run.until(201).why(200)[0].startswith("refused: pin, pin")
    assert run.until(260).asked[-1][1] == "neutral"


def test_the_continuous_mix_follows_pauses_and_goes_on(flat_of):
    """As much of a pole as is decoded; held in an outage, and asked for anew behind it."""
    run = Run(flat_of(), mix="continuous").until(12, valence("positive", 0.5))
    gains = run.played[-1][0].gains
    assert gains == pytest.approx((0.0, 0.5**0.5, 0.5**0.5), abs=0.02)
    run.until(13, None)
    assert run.played[-1][0].safety == "DEGRADED"
    assert run.played[-1][0].gains == pytest.approx(gains, abs=1e-6)
    run.until(20, valence("negative", -0.5))
    assert run.played[-1][0].gains == pytest.approx((0.5**0.5, 0.5**0.5, 0.0), abs=0.02)
    order = run.do(command("pin", "positive"))
    run.until(30, valence("negative", -0.5))
    assert run.played[-1][0].gains == pytest.approx((0.0, 0.0, 1.0), abs=1e-6)
    assert run.played[-1][1] == (order,)
    run.do(command("pin", "off"))
    run.until(40, valence("neutral", 0.1))
    assert run.played[-1][0].gains == (0.0, 1.0, 0.0)


class Unheard:
    """A last stage that gives out what was mixed: half an hour of level and limiter is long."""

    said = None

    def give(self, mixed, out, _frame):
        """Pass on."""
        np.copyto(out, mixed)

    def sounding(self, _frame):
        """Return True."""
        return True

    def db(self, _frame):
        """Return the full level."""
        return 0.0

    def rise(self, *_):
        """Be there already."""


def counts(run, minutes, answer):
    """Render some minutes; return the frames of each block in which either pole has a gain."""
    run.engine._master = Unheard()
    out = np.empty((BLOCK, 2), dtype=np.float32)
    found = np.empty((minutes * 6000, 2), dtype=np.int64)
    for k in range(len(found)):
        if k % 25 == 0:
            run.do(valence(answer))
        run.engine.render(out)
        run.engine.events()
        found[k] = np.count_nonzero(out, axis=0)
    return found


def hold(found):
    """Hold the default limits against what sounded, per control block."""
    run = np.maximum(BLOCK * np.arange(1, len(found) + 1), 200 * RATE)
    for heard, longest, share in zip(found.T, (60, 120), (0.3, 0.6), strict=True):
        at = np.flatnonzero(heard)
        parts = np.split(heard[at], np.flatnonzero(np.diff(at) > 3000) + 1)
        assert max(part.sum() for part in parts) <= longest * RATE
        assert (np.cumsum(heard) <= share * run).all()


STUCK = {
    "real": {"arm": "real"},
    "permuted": {"arm": "permuted", "sequence": (("negative", 3600.0),)},
    "yoked": {"arm": "yoked", "sequence": (("negative", 59.0), ("neutral", 1.0)) * 60},
    "keys": {"arm": "keys"},
    "course": {"course": "positive", "course_step": 1.0},
    "pin": {"arm": "none"},
    "continuous": {"mix": "continuous"},
}


LONG = [pytest.param("real", preset, 30, marks=pytest.mark.long) for preset in PRESETS]
SHORT = [(lead, PRESETS[i % 3], 6) for i, lead in enumerate(STUCK) if lead != "real"]


@pytest.mark.fault(29)
@pytest.mark.parametrize(("lead", "preset", "minutes"), LONG + SHORT)
def test_what_is_stuck_is_heard_within_its_limits(lead, preset, minutes):
    """Half an hour of negative from the decoder, six minutes from any other: by the samples."""
    run = Run(told(), preset=preset, **STUCK[lead])
    if lead == "keys":
        run.do(key("negative"))
    if lead == "pin":
        run.do(command("pin", "negative"))
    found = counts(run, minutes, "negative")
    hold(found)
    asked = found[:, 1 if lead == "course" else 0]
    assert asked.sum() > 0.2 * BLOCK * len(found)
    assert asked[-len(asked) // 2 :].any()
