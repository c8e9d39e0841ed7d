"""Exposure limits, judged by the samples that were given out, whatever asks for more."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.deciding.course import GOALS
from player.deciding.exposure import BEGINNING, Exposure
from player.deciding.policy import Policy
from player.engine import Engine
from player.level.limiter import DELAY
from player.music.material import Material, Section
from player.music.timeline import Timeline
from player.settings import BLOCK, RATE, PlayerSettings
from rym.errors import UsageError
from rym.messages import AFFECTS, Command, Identity, Label, Played, Stop, Valence

POLES = ("negative", "positive")


def name(seq):
    """Return an identity."""
    return Identity("test", 1, "decoder/valence", seq)


def valence(state, *, usable=True):
    """Return a decoded state."""
    return Valence(
        t=0.0, state=state, valence=None, probabilities=None, confidence=0.9, reason="", model="",
        usable=usable,
    )  # fmt: skip


USELESS = valence("unknown", usable=False)


def steer(affect):
    """Return an order by a person."""
    return Command(to="player", action="steer", value=affect)


def told(*, bar=24_000, bars=4):
    """Make layers that tell themselves apart: negative left, positive right, neutral silent."""
    n = bar * bars
    sounds = []
    for value in ((0.5, 0.0), (0.0, 0.0), (0.0, 0.5)):
        sound = np.empty((n, 2), dtype=np.float32)
        sound[:] = value
        sounds.append(sound)
    starts = tuple(range(0, n, bar))
    beats = tuple(range(0, n, bar // 4))
    pairs = ((0.0, 0.0, 0.0),) * bars
    return Material(AFFECTS, (Section(n, starts, beats, (tuple(sounds),), (pairs,)),))


def strict(**changes):
    """Return limits that are reached within seconds."""
    short = {
        "negative_longest": 15.3, "negative_share": 0.1, "positive_longest": 18.7,
        "positive_share": 0.15, "neutral_after": 4.0, "dwell": 1.0, "max_changes": 60,
        "rise": 0.5, "exposure_reason": "a test",
    }  # fmt: skip
    return PlayerSettings(**(short | changes))


class Listener:
    """Renders, keeps which poles sounded at every frame, and where the limits moved the music."""

    def __init__(self, engine, sizes=(BLOCK,)):
        self.engine = engine
        self.sizes = sizes
        self.parts = []
        self.said = []
        self.applied = []
        self.n = 0
        self.answered = -1

    def apply(self, content):
        """Apply an input and remember where."""
        self.applied.append((self.engine.apply(name(self.n), content), content))
        self.n += 1

    def alone(self):
        """Let no decoder have a say."""
        self.apply(Command(to="player", action="course", value="hold"))
        return self

    def play(self, blocks, state=None):
        """Render some blocks; where a state is given, answer with it four times a second."""
        end = self.engine.frame + blocks * BLOCK
        while self.engine.frame < end:
            quarter = 4 * self.engine.frame // RATE
            if state is not None and quarter != self.answered:
                self.answered = quarter
                self.apply(state)
            out = np.empty((self.sizes[len(self.parts) % len(self.sizes)], 2), dtype=np.float32)
            self.engine.render(out)
            self.parts.append(out)
            self.said += self.engine.events()
        return self

    @property
    def sound(self):
        """Return all that was given out."""
        return np.concatenate(self.parts)

    @property
    def heard(self):
        """Return for each pole at which frames it sounded."""
        return dict(zip(POLES, (self.sound != 0.0).T, strict=True))

    @property
    def played(self):
        """Return what was said of the music."""
        return [c for c, _ in self.said if isinstance(c, Played)]

    @property
    def forced(self):
        """Return the frames at which the limits ended an affect."""
        return [c.frame for c in self.played if "exposure" in c.why]


def stretches(heard, apart):
    """Return the frames heard in each stretch; what comes again sooner than `apart` is the same."""
    at = np.flatnonzero(heard)
    if not len(at):
        return np.zeros(1, dtype=int)
    return np.array([len(x) for x in np.split(at, np.flatnonzero(np.diff(at) > apart) + 1)])


def check(listener, limits):
    """Hold every limit against the samples."""
    apart = round(limits.neutral_after * RATE)
    for affect, heard in listener.heard.items():
        longest = getattr(limits, f"{affect}_longest")
        share = getattr(limits, f"{affect}_share")
        assert stretches(heard, apart).max() <= longest * RATE
        run = np.maximum(np.arange(1, len(heard) + 1), BEGINNING)
        assert (np.cumsum(heard) <= share * run + 1e-3).all()
    either = np.flatnonzero(listener.heard["negative"] | listener.heard["positive"])
    for frame in listener.forced:
        until = either[(either >= frame) & (np.diff(either, append=either[-1:] + apart * 9) > 1)]
        after = either[either > until[0]] if len(until) else either[either > frame]
        assert not len(after) or after[0] - until[0] > apart


waits = st.one_of(st.integers(1, 60), st.integers(1, 600))
acts = st.one_of(
    st.sampled_from(AFFECTS).map(valence),
    st.sampled_from(POLES).map(steer),
    st.sampled_from(POLES).map(steer),
    st.just(USELESS),
    st.sampled_from(GOALS).map(lambda goal: Command(to="player", action="course", value=goal)),
    st.sampled_from([*AFFECTS, "off"]).map(
        lambda value: Command(to="player", action="pin", value=value)
    ),
    st.just(Stop(by="distress", t=0.0)),
    st.just(Command(to="player", action="release-stop", value="s")),
)


LEADS = [
    {"arm": "real"},
    {"arm": "real", "mix": "continuous"},
    {"arm": "keys"},
    {"arm": "yoked", "sequence": (("negative", 16.0), ("positive", 5.003), ("negative", 60.0))},
    {"arm": "none", "course": "positive", "course_step": 1.0},
]


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(LEADS),
    st.integers(1200, 1500),
    st.lists(st.tuples(waits, acts, st.sampled_from([*POLES, None])), max_size=6),
    st.tuples(
        st.sampled_from(["close", "gentle", "paper"]), st.sampled_from([24_000, 31_000, 150_000])
    ),
    st.sampled_from(POLES),
)
def test_no_sequence_of_answers_orders_and_outages_gets_round_a_limit(
    arm, lead, events, grid, first
):
    """Stretch, share and the neutral that follows a forced end hold in every sample of every arm.

    What comes begins when the limit is near, and in the end the first answer is stuck again; a key
    is held all along where keys lead.
    """
    preset, bar = grid
    limits = strict(preset=preset, **arm)
    listener = Listener(Engine(told(bar=bar), limits, session="s"))
    if arm["arm"] == "keys":
        listener.apply(Label(state=first, t=0.0, source="test"))
    listener.play(lead, valence(first))
    for wait, act, answer in events:
        listener.apply(act)
        listener.play(wait, None if answer is None else valence(answer))
    check(listener.play(1200, valence(first)), limits)


def test_an_order_in_mid_fade_does_not_keep_what_has_to_go():
    """A fade that is turned takes what is left of negative along: then neutral comes at once."""
    limits = strict(preset="close")
    listener = Listener(Engine(told(), limits, session="s")).alone()
    listener.apply(steer("negative"))
    listener.play(1470)
    listener.apply(steer("neutral"))
    listener.play(30)
    assert not listener.forced, "it would have gone in time by itself"
    listener.apply(steer("positive"))
    listener.play(100)
    check(listener, limits)
    assert 15.2 * RATE <= stretches(listener.heard["negative"], RATE)[0] <= 15.3 * RATE
    assert len(listener.forced) == 1
    assert np.abs(np.diff(listener.sound, axis=0)).max() < 0.001


@pytest.mark.parametrize("preset", ["close", "gentle", "paper"])
@pytest.mark.parametrize("affect", POLES)
def test_a_stuck_answer_ends_on_the_presets_own_beat_or_bar(preset, affect):
    """Not sooner than a bar before the limit, never at once where a bar comes in time."""
    limits = strict(preset=preset)
    listener = Listener(Engine(told(), limits, session="s")).play(2500, valence(affect))
    check(listener, limits)
    first = stretches(listener.heard[affect], RATE)[0]
    longest = getattr(limits, f"{affect}_longest") * RATE
    assert longest - 24_000 <= first <= longest
    grid = {"close": 3000, "gentle": 24_000, "paper": BLOCK}[preset]
    turned = next(c.fade for c in listener.played if c.frame > listener.forced[0])
    assert turned.start % grid == 0
    assert turned.start - listener.forced[0] < BLOCK


def test_where_no_bar_comes_in_time_it_goes_at_once():
    """A fade of a bar of 20 s would end too late: 1.5 s at once instead, over in time."""
    limits = strict(preset="gentle")
    listener = Listener(Engine(told(bar=20 * RATE), limits, session="s"))
    listener.play(2500, valence("negative"))
    check(listener, limits)
    assert stretches(listener.heard["negative"], RATE)[0] == 15.3 * RATE - 1  # gain 0 at its start
    fade = next(c.fade for c in listener.played if "exposure" in c.why)
    assert fade.end - fade.start == 1.5 * RATE


def test_a_held_affect_ends_in_time_though_nothing_answers_and_nobody_follows():
    """One answer in 1.5 s: held for most of the time, and ended while it is held.

    A steered affect with following off has no answer to rest on at all.
    """
    limits = strict(preset="close")
    held = Listener(Engine(told(), limits, session="s"))
    for _ in range(20):
        held.apply(valence("negative"))
        held.play(150)
    now = next(c for c in held.played if "exposure" in c.why)
    assert now.safety == "DEGRADED"
    alone = Listener(Engine(told(), limits, session="s")).alone()
    alone.apply(steer("negative"))
    alone.play(2500)
    for listener in (held, alone):
        check(listener, limits)
        assert listener.forced
    (frame,) = alone.forced
    cause = next(cause for c, cause in alone.said if c.frame == frame)
    assert cause == ()


def test_an_order_is_refused_while_neutral_lasts_and_followed_afterwards():
    """The person's own word is limited, too, and the refusal is said."""
    limits = strict(preset="close")
    listener = Listener(Engine(told(), limits, session="s")).alone()
    listener.apply(steer("positive"))
    listener.play(1870)
    listener.apply(steer("negative"))
    listener.play(1)
    assert listener.played[-1].why.startswith("refused: steer")
    listener.play(450)
    assert not listener.heard["negative"].any()
    listener.apply(steer("negative"))
    listener.play(100)
    assert listener.heard["negative"].any()
    check(listener, limits)


def test_who_leaves_for_a_moment_goes_on_with_the_count():
    """Away for less than the neutral: what is left is too little to begin with."""
    limits = strict(preset="paper", neutral_after=6.0, dwell=0.0, negative_share=0.5)
    listener = Listener(Engine(told(), limits, session="s"))
    listener.play(800, valence("negative")).play(200, valence("neutral"))
    listener.play(200, valence("negative"))
    assert not listener.heard["negative"][10 * RATE :].any()
    assert not listener.forced
    listener.play(700, valence("negative"))
    begun = np.flatnonzero(listener.heard["negative"][10 * RATE :])[0] / RATE
    assert 4.0 <= begun <= 4.2  # 8.04 s, where it was last heard, and 6 s
    check(listener, limits)


def test_a_start_in_the_midst_of_a_run_begins_with_neutral():
    """What sounded before it is not known, so nothing follows until neutral was heard."""
    for place, first in ((0, 0.0), (7, 4.0)):
        listener = Listener(Engine(told(), strict(preset="paper"), place=place, session="s"))
        listener.play(600, valence("negative"))
        begun = np.flatnonzero(listener.heard["negative"])[0] / RATE
        assert first <= begun < first + 0.3


def test_silence_is_no_neutral_and_lends_no_share():
    """A minute of silence leaves every count as it was."""
    exposure = Exposure(PlayerSettings(), again=True)
    heard = [0, 0, 0]
    for _ in range(6000):
        heard[1] += BLOCK
        exposure.count(heard, sounding=False)
    assert exposure.resting
    for k in range(3000):
        assert exposure.resting, k
        heard[1] += BLOCK
        exposure.count(heard, sounding=True)
    assert not exposure.resting
    assert exposure.left("negative") == 60 * RATE


def test_what_is_left_is_exact():
    """60 s at first; after 60 s in 60 s nothing before 200 s; then 3 of every 7 s of neutral."""
    exposure = Exposure(PlayerSettings())
    heard = [0, 0, 0]

    def hear(layer, seconds):
        for _ in range(round(seconds * RATE) // BLOCK):
            heard[layer] += BLOCK
            exposure.count(heard, sounding=True)
        return exposure.left("negative") / RATE

    assert hear(0, 0) == 60.0
    assert hear(0, 25) == 35.0
    assert hear(1, 29.9) == 35.0
    assert hear(0, 35) == 0.0
    assert hear(1, 110) == pytest.approx(0.0, abs=0.1)
    assert hear(1, 35.1) == pytest.approx(15.0, abs=1e-4)
    assert hear(1, 200) == 60.0


def test_sizes_of_blocks_change_no_bit():
    """Odd sizes live, control blocks again: the same samples and messages."""
    material, limits = told(bar=30_000), strict(preset="gentle", negative_share=0.5)
    live = Listener(Engine(material, limits, session="s"), sizes=(7, 1023, 480, 4801))
    for _ in range(3):
        live.play(1700, valence("negative")).play(300, valence("positive")).play(70)
    live.play(100)
    assert len(live.forced) >= 2
    again = Listener(Engine(material, limits, session="s"), sizes=(BLOCK - DELAY,))
    for at, content in live.applied:
        again.play((at - again.engine.frame) // BLOCK)
        assert again.engine.frame == at
        again.apply(content)
        again.sizes = again.sizes if not again.parts else (BLOCK,)
    again.play((live.engine.frame - again.engine.frame) // BLOCK)
    n = min(len(live.sound), len(again.sound))
    assert n > 60 * RATE
    np.testing.assert_array_equal(live.sound[:n], again.sound[:n])
    assert msgspec.json.encode(live.said) == msgspec.json.encode(again.said)


def test_the_decoder_keeps_its_word_behind_a_forced_end():
    """What it says all along is followed again as soon as neutral was heard for long enough."""
    limits = strict(preset="paper")
    policy, timeline = Policy(AFFECTS, limits), Timeline(told(), limits)
    policy.take(valence("positive"), name(0))
    policy.step(0, timeline)
    policy.end()
    assert policy.requested == "neutral"
    assert policy.step(BLOCK, timeline, ("positive",)) == ""
    assert policy.step(2 * BLOCK, timeline) == "valence"
    assert policy.requested == "positive"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"negative_longest": 3.0}, ["negative_longest is 3 s", "15 s", "negative_share = 0"]),
        ({"positive_longest": 14.0}, ["positive_longest is 14 s", "15 s", "at least 15"]),
        ({"negative_longest": 90.0}, ["negative_longest is 90", "60", "exposure_reason"]),
        ({"negative_share": 0.5}, ["negative_share is 0.5", "0.3", "exposure_reason"]),
        ({"positive_longest": 300.0}, ["positive_longest is 300", "120", "exposure_reason"]),
        ({"positive_share": 1.0, "exposure_reason": " "}, ["positive_share is 1", "0.6"]),
        ({"neutral_after": 5.0}, ["neutral_after is 5 s", "30 s", "exposure_reason"]),
    ],
)
def test_looser_limits_need_a_reason_and_nonsense_is_refused(changes, said):
    """One sentence with both values and the remedy; a reason opens what is only looser."""
    with pytest.raises(UsageError) as error:
        PlayerSettings(**changes)
    for part in said:
        assert part in str(error.value)
    if "at least" not in said[-1] and "= 0" not in said[-1]:
        reason = "pilot 3, agreed with the ethics board"
        assert PlayerSettings(**(changes | {"exposure_reason": reason}))


def test_stricter_limits_need_no_reason_and_a_share_of_nothing_means_never():
    """An affect can be kept away altogether; the others go on."""
    limits = PlayerSettings(negative_share=0.0, preset="paper", dwell=0.0, rise=0.5)
    listener = Listener(Engine(told(), limits, session="s"))
    listener.play(300, valence("negative")).play(300, valence("positive"))
    assert not listener.heard["negative"].any()
    assert listener.heard["positive"].any()
