"""The engine: what is heard when, and that replaying its inputs says the same again."""

from __future__ import annotations

import dataclasses
import time

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.engine import Engine
from player.level.limiter import CEILING, DELAY
from player.settings import BLOCK, RATE, PlayerSettings
from rym.messages import AFFECTS, Command, Identity, Label, Played, Safety, Stop, Valence


def name(topic, seq):
    """Return an identity."""
    return Identity("test", 1, topic, seq)


def valence(state, *, usable=True):
    """Return a decoded state."""
    return Valence(
        t=0.0, state=state, valence=None, probabilities=None, confidence=0.9, reason="", model="",
        usable=usable,
    )  # fmt: skip


USELESS = valence("unknown", usable=False)
"""The answer to a window of which nothing could be made."""


def command(action, value=""):
    """Return an order to the player."""
    return Command(to="player", action=action, value=value)


def start(material, **kwargs):
    """Return an engine that rises quickly."""
    return Engine(material, PlayerSettings(preset="close", rise=0.5), session="s1", **kwargs)


class Run:
    """Renders and collects what the engine says."""

    def __init__(self, engine):
        self.engine = engine
        self.sound = []
        self.events = []
        self.n = 0

    def until(self, frame, state=None):
        """Render up to a frame; feed a state or answer four times a second where one is given."""
        out = np.empty((BLOCK, 2), dtype=np.float32)
        while self.engine.frame < frame:
            if state and self.engine.frame % (RATE // 4) == 0:
                answer = state if isinstance(state, Valence) else valence(state)
                self.engine.apply(name("decoder/valence", self.n), answer)
                self.n += 1
            self.engine.render(out)
            self.sound.append(out.copy())
            self.events += self.engine.events()
        return self

    def wave(self):
        """Return all that was given out."""
        return np.concatenate(self.sound)

    def of(self, kind):
        """Return the contents of one type."""
        return [content for content, _ in self.events if isinstance(content, kind)]


def states(run):
    """Return (frame, state) of every Safety."""
    return [(s.frame, s.state) for s in run.of(Safety)]


def test_sample_n_of_the_output_is_frame_n(material):
    """The limiter's delay does not shift what messages say against what is recorded."""
    run = Run(start(material)).until(3 * RATE)
    clip = material.sections[0].sounds[0][1]
    np.testing.assert_array_equal(run.wave()[RATE : 2 * RATE], clip[RATE : 2 * RATE])


def test_the_start_is_silence_and_then_neutral(material):
    """Sound comes up without a jump; `Played` begins at −120 dB."""
    run = Run(start(material)).until(RATE)
    assert not run.wave()[0].any()
    first = run.of(Played)[0]
    assert (first.level_db, first.audible, first.safety) == (-120.0, "neutral", "RUN")
    assert np.abs(np.diff(run.wave()[:4800], axis=0)).max() < 0.01


def test_four_times_a_second_and_at_every_change(material):
    """Ticks at multiples of 12000 frames; the fade's frames besides, with gains and causes."""
    engine = start(material)
    run = Run(engine).until(RATE)
    assert [p.frame for p in run.of(Played)] == [0, 12_000, 24_000, 36_000]
    at = engine.apply(name("decoder/valence", 0), valence("positive"))
    assert at == RATE
    run.until(3 * RATE)
    fade = next(p.fade for p in run.of(Played) if p.fade)
    asked = {p.frame: p for p in run.of(Played)}
    assert (fade.to, fade.start, fade.end) == ("positive", RATE, RATE + 2 * RATE // 5)
    assert asked[fade.half].gains == pytest.approx((0.0, 0.5**0.5, 0.5**0.5), abs=1e-3)
    assert asked[fade.end].gains == (0.0, 0.0, 1.0)
    assert asked[fade.half].audible == "positive"
    causes = {content.frame: cause for content, cause in run.events if isinstance(content, Played)}
    assert causes[fade.half] == (name("decoder/valence", 0),)


def test_without_fresh_valence_neutral_is_reached_within_four_seconds(material):
    """RUN → DEGRADED at 0.5 s → SAFE at 2 s → neutral alone by 4 s, on frames."""
    run = Run(start(material)).until(4 * RATE, "positive")
    last = 4 * RATE - RATE // 4
    run.until(8 * RATE)
    assert states(run)[1:] == [(last + RATE // 2, "DEGRADED"), (last + 2 * RATE, "SAFE")]
    gains = {p.frame: p.gains for p in run.of(Played)}
    assert gains[3 * RATE] == (0.0, 0.0, 1.0)
    assert gains[last + 4 * RATE] == (0.0, 1.0, 0.0)


@pytest.mark.fault(11)
@pytest.mark.fault(12)
def test_answers_without_use_hold_what_is_heard_and_lead_to_neutral(material):
    """As if none came, on the same frames; said with its own reason, sentence and cause."""
    run = Run(start(material)).until(4 * RATE, "positive")
    last = 4 * RATE - RATE // 4
    run.until(100 * RATE, USELESS)
    said = [(s.frame, s.state, s.reason) for s in run.of(Safety)][1:]
    assert said == [
        (last + RATE // 2, "DEGRADED", "hold unusable"),
        (last + 2 * RATE, "SAFE", "unusable"),
    ]
    assert all("cannot be used" in s.text for s in run.of(Safety)[1:])
    cause = next(cause for c, cause in run.events if isinstance(c, Safety) and c.state == "SAFE")
    assert cause == (name("decoder/valence", 23),)  # the newest, of 5.75 s
    played = {c.frame: cause for c, cause in run.events if isinstance(c, Played)}
    assert played[last + 2 * RATE] == cause
    gains = {p.frame: p.gains for p in run.of(Played)}
    assert gains[last + 2 * RATE] == (0.0, 0.0, 1.0)
    assert gains[last + 4 * RATE] == (0.0, 1.0, 0.0)
    assert {p.decided for p in run.of(Played) if p.frame > RATE} == {"positive"}
    assert run.wave()[-BLOCK:].any()
    run.until(102 * RATE, "positive")
    assert states(run)[-1] == (100 * RATE, "RUN")
    assert run.of(Played)[-1].audible == "positive"


def test_a_change_that_waits_does_not_begin_where_nothing_can_be_used(material):
    """Asked for within the dwell, which ends in DEGRADED: what is heard stays until neutral."""
    run = Run(start(material)).until(2 * RATE, "positive")
    end = next(p.fade.end for p in run.of(Played) if p.fade)
    due = end + 8 * RATE
    run.until(due - RATE // 2, "negative").until(due + 4 * RATE, USELESS)
    (held, degraded), (safe, _) = states(run)[1:]
    assert degraded == "DEGRADED"
    assert held < due < safe
    asked = [(p.frame, p.requested) for p in run.of(Played)]
    assert {affect for _, affect in asked} == {"neutral", "positive"}
    assert {affect for frame, affect in asked if RATE <= frame < safe} == {"positive"}


def test_warming_up_behind_a_gap_is_fresh(material):
    """Usable windows whose state is not known yet end SAFE; the policy alone decides then."""
    run = Run(start(material)).until(4 * RATE, "positive")
    run.until(8 * RATE, USELESS)
    run.until(10 * RATE, valence("unknown"))
    assert states(run)[-1] == (8 * RATE, "RUN")
    assert run.of(Played)[-1].decided == "unknown"


def test_a_long_pause_is_silent_until_resumed_by_this_session(material):
    """SAFE for 60 s, 10 s of fade, silence; another session's resume is refused and reported."""
    engine = start(material)
    engine.apply(name("decoder/valence", 0), valence("positive"))
    run = Run(engine).until(73 * RATE)
    assert not run.wave()[72 * RATE :].any()
    assert run.wave()[71 * RATE : 71 * RATE + BLOCK].any()
    engine.apply(name("session/command", 0), command("resume", "other"))
    run.until(75 * RATE)
    assert not run.wave()[72 * RATE :].any()
    assert "refused: resume" in [p.why for p in run.of(Played)]
    engine.apply(name("session/command", 1), command("resume", "s1"))
    run.until(77 * RATE)
    assert np.abs(np.diff(run.wave()[75 * RATE - 480 :][: RATE // 4], axis=0)).max() < 0.01
    assert run.of(Played)[-1].level_db == 0.0


@pytest.mark.parametrize(
    ("by", "within"), [("operator", 0.5), ("participant", 0.5), ("distress", 2)]
)
def test_a_stop_is_silence_in_time_and_stays(material, by, within):
    """Silence on time, through a minute of fresh valence and resumes, until released."""
    engine = start(material)
    run = Run(engine).until(3 * RATE, "positive")
    engine.apply(name("safety/stop", 0), Stop(by=by, t=0.0))
    run.until(10 * RATE, "positive")
    engine.apply(name("session/command", 0), command("resume", "s1"))
    engine.apply(name("session/command", 1), command("release-stop", "s2"))
    run.until(20 * RATE, "positive")
    sound = run.wave()
    assert not sound[round((3 + within) * RATE) :].any()
    assert np.abs(np.diff(sound[2 * RATE :], axis=0)).max() < 0.03
    assert engine.stopped
    assert (3 * RATE, "STOP") in states(run)
    engine.apply(name("session/command", 2), command("release-stop", "s1"))
    run.until(22 * RATE, "positive")
    assert not engine.stopped
    assert run.wave()[-BLOCK:].any()


def test_a_stopped_start_is_silent_and_starts_at_its_place_when_released(material):
    """After a restart STOP holds; the music is then where it would have been."""
    engine = start(material, place=96_000 + 7, stopped=True)
    run = Run(engine).until(5 * RATE, "positive")
    assert not run.wave().any()
    assert states(run) == [(0, "STOP")]
    played = run.of(Played)[0]
    assert (played.section, played.position, played.safety) == (1, 7, "STOP")
    engine.apply(name("session/command", 0), command("release-stop", "s1"))
    assert run.until(7 * RATE).wave()[-BLOCK:].any()


def test_without_a_supervisor_it_goes_silent_and_finishes(material):
    """Neutral at once, silence within 30 s, `finished`; the frame is in a Safety."""
    engine = start(material)
    run = Run(engine).until(3 * RATE, "positive")
    frame = engine.supervisor_gone()
    run.until(frame + 30 * RATE, "positive")
    gone = next(s for s in run.of(Safety) if s.reason == "supervisor gone")
    assert gone.frame == frame
    gains = {p.frame: p.gains for p in run.of(Played)}
    assert gains[frame + 2 * RATE] == (0.0, 1.0, 0.0)
    assert engine.finished
    assert not run.wave()[frame + 29 * RATE :].any()


def test_a_lost_supervisor_is_said_even_beside_a_stop(material):
    """Before, with or after a STOP: one Safety with that reason, which replay needs."""
    for order in ("stop gone", "gone stop", "stop wait gone"):
        engine = start(material)
        run = Run(engine).until(RATE, "positive")
        for act in order.split():
            if act == "stop":
                engine.apply(name("safety/stop", 0), Stop(by="operator", t=0.0))
            elif act == "gone":
                frame = engine.supervisor_gone()
            else:
                run.until(engine.frame + 4800)
        run.until(engine.frame + RATE)
        gone = [s.frame for s in run.of(Safety) if s.reason == "supervisor gone"]
        assert gone == [frame]
        assert engine.stopped
        assert engine.finished


def test_a_stop_beside_a_lost_supervisor_keeps_its_reason(material):
    """In one frame: the STOP with cause and words, then the loss, whose words promise no fade."""
    engine = start(material)
    run = Run(engine).until(RATE, "positive")
    stop = name("safety/stop", 0)
    frame = engine.apply(stop, Stop(by="operator", t=0.0))
    engine.supervisor_gone()
    run.until(2 * RATE)
    said = [(s, cause) for s, cause in run.events if isinstance(s, Safety) and s.frame == frame]
    assert [(s.state, s.reason, cause) for s, cause in said] == [
        ("STOP", "operator", (stop,)),
        ("STOP", "supervisor gone", ()),
    ]
    assert said[0][0].text == "The music has been stopped."
    assert said[1][0].text == "The session has come to an end; the music stays silent."
    why = next(p.why for p in run.of(Played) if p.frame == frame)
    assert why.split(", ")[:3] == ["operator", "stop", "supervisor gone"]


@pytest.mark.parametrize("end", ["end", "gone"])
@pytest.mark.parametrize(
    "order", [("pin", "positive"), ("pin", "off"), ("course", "hold"), ("steer", "positive")]
)
def test_nothing_is_asked_of_music_that_ends(material, end, order):
    """A pin or a course that can do nothing any more is refused, and not said to be carried out."""
    engine = start(material)
    run = Run(engine).until(RATE, "neutral")
    if end == "end":
        engine.apply(name("session/command", 0), command("end"))
    else:
        engine.supervisor_gone()
    run.until(round(1.5 * RATE))
    frame = engine.apply(name("session/command", 1), command(*order))
    run.until(2 * RATE)
    why = next(p.why for p in run.of(Played) if p.frame == frame)
    assert f"refused: {order[0]}" in why.split(", ")


def test_an_affect_that_the_bank_lacks_is_neither_steered_nor_pinned(material):
    """Both are refused; the one that it has is followed."""
    lacking = dataclasses.replace(material, affects=("neutral", "positive"))
    engine = start(lacking)
    for seq, action in enumerate(("steer", "pin")):
        engine.apply(name("session/command", seq), command(action, "negative"))
    run = Run(engine).until(RATE // 2)
    assert run.of(Played)[0].why.split(", ")[-2:] == ["refused: steer", "refused: pin"]
    engine.apply(name("session/command", 2), command("steer", "positive"))
    run.until(RATE)
    assert run.of(Played)[-1].requested == "positive"


def test_end_fades_out_over_15_s_and_gives_a_tone(material):
    """The command `end` comes back: quieter and quieter, silence, a soft tone, then finished."""
    engine = start(material)
    run = Run(engine).until(5 * RATE, "positive")
    engine.apply(name("session/command", 0), command("end"))
    run.until(23.5 * RATE - BLOCK, "positive")
    assert not engine.finished
    run.until(23.5 * RATE, "positive")
    assert engine.finished
    wave = run.wave()
    loud = np.sqrt((wave[: 23 * RATE, 0].reshape(-1, RATE // 2) ** 2).mean(axis=1))
    assert (np.diff(loud[10:40]) < 0.0).all()
    assert not wave[20 * RATE : int(20.5 * RATE)].any()
    assert 0.1 * loud[9] < loud[42] < loud[9]
    levels = [p.level_db for p in run.of(Played) if p.frame >= 5 * RATE]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] == -120.0


def test_whoever_is_coming_back_is_stopped_at_once_and_not_woken(material):
    """STOP and distress win over the ending and the tone; `resume` does nothing any more."""
    for by, seconds in (("operator", 0.2), ("distress", 1.5)):
        for after in (1.0, 16.0):
            engine = start(material)
            run = Run(engine).until(5 * RATE, "positive")
            engine.apply(name("session/command", 0), command("end"))
            run.until(round((5 + after) * RATE), "positive")
            engine.apply(name("session/command", 1), command("resume", "s1"))
            engine.apply(name("session/stop", 0), Stop(by=by, t=0.0))
            silent = round((5 + after + seconds) * RATE)
            run.until(silent + RATE, "positive")
            assert engine.finished
            assert not run.wave()[silent + BLOCK :].any()


def test_nothing_is_followed_on_the_way_back(material):
    """Neither new answers nor their absence change what is heard; a lost supervisor does."""
    engine = start(material)
    run = Run(engine).until(2 * RATE, "positive")
    engine.apply(name("session/command", 0), command("end"))
    run.until(4 * RATE, "negative").until(9 * RATE)
    after = [p for p in run.of(Played) if p.frame >= 2 * RATE]
    assert {(p.audible, p.safety) for p in after} == {("positive", "RUN")}
    assert engine.supervisor_gone() == 9 * RATE
    run.until(11 * RATE)
    assert run.of(Played)[-1].gains == (0.0, 1.0, 0.0)
    run.until(round(20.5 * RATE))
    assert engine.finished


def test_what_is_silent_stays_so_at_the_end(material):
    """Neither cadence nor tone comes out of a STOP."""
    engine = start(material, stopped=True)
    run = Run(engine).until(RATE)
    engine.apply(name("session/command", 0), command("end"))
    run.until(3 * RATE)
    assert engine.finished
    assert not run.wave().any()


def test_the_level_only_goes_down(material):
    """A lower level is reached in a second, a higher one or nonsense is refused."""
    engine = start(material)
    run = Run(engine).until(2 * RATE)
    for k, value in enumerate(("-6", "-3", "nan", "loud")):
        engine.apply(name("session/command", k), command("set-level", value))
    run.until(4 * RATE)
    assert run.of(Played)[-1].level_db == -6.0
    why = next(p.why for p in run.of(Played) if "set-level" in p.why)
    assert why.startswith("set-level, refused: set-level")


def test_steering_is_heard_and_named_as_the_cause(material):
    """`steer` moves the music without a decoder; `course hold` keeps the decoder out."""
    engine = start(material)
    run = Run(engine).until(RATE)
    engine.apply(name("session/command", 0), command("course", "hold"))
    engine.apply(name("session/command", 1), command("steer", "negative"))
    engine.apply(name("session/command", 2), command("steer", "furious"))
    run.until(4 * RATE, "positive")
    last, cause = [event for event in run.events if isinstance(event[0], Played)][-1]
    assert (last.audible, last.requested, last.decided) == ("negative", "negative", "positive")
    assert cause == (name("session/command", 1),)


@pytest.mark.parametrize("preset", ["close", "gentle", "paper"])
def test_the_decoder_leaves_a_steered_affect_alone_for_the_dwell(material, preset):
    """Steered against a decoder that says neutral: heard, kept for 8 s, then the decoder again."""
    engine = Engine(material, PlayerSettings(preset=preset, rise=0.5), session="s1")
    run = Run(engine).until(RATE, "neutral")
    engine.apply(name("session/command", 0), command("steer", "positive"))
    run.until(20 * RATE, "neutral")
    faded = [p.frame for p in run.of(Played) if "faded" in p.why]
    back = next(p.frame for p in run.of(Played) if p.frame > faded[0] and p.requested == "neutral")
    assert next(p for p in run.of(Played) if p.frame == faded[0]).audible == "positive"
    assert faded[0] + 8 * RATE <= back < faded[0] + 8 * RATE + BLOCK


def test_an_input_of_no_use_is_an_error(material):
    """Labels are for the decoder."""
    with pytest.raises(TypeError, match="Label"):
        start(material).apply(name("x", 0), Label(state="none", t=0.0, source="file"))


def stormy(k):
    """Return what a decoder says in block `k`: every millisecond, then in turn every 50 ms."""
    if k < 3000:
        return [valence(AFFECTS[(7 * k + i * i) % 3]) for i in range(10)]
    return [valence(AFFECTS[2 * (k // 5 % 2)])] if k % 5 == 0 else []


@pytest.mark.fault(48)
@pytest.mark.parametrize(
    ("preset", "mix"),
    [("close", "steps"), ("gentle", "steps"), ("paper", "steps"), ("gentle", "continuous")],
)
def test_a_storm_of_decisions_is_heard_as_few_fades(material_of, preset, mix):
    """No dwell to help: six fades in any minute, no click, one level, little work."""
    material = material_of(0.0)
    rules = PlayerSettings(preset=preset, mix=mix, rise=0.5, dwell=0.0, max_changes=6)
    run, began = Run(Engine(material, rules, session="s1")), time.process_time()
    for k in range(7000):
        for i, answer in enumerate(stormy(k)):
            run.engine.apply(name("decoder/valence", 10 * k + i), answer)
        run.until(run.engine.frame + BLOCK)
    worked = time.process_time() - began
    starts = sorted({p.fade.start for p in run.of(Played) if "fade" in p.why.split(", ")})
    assert max(sum(a <= b < a + 60 * RATE for b in starts) for a in starts or [0]) <= 6
    assert len(starts) >= (6 if mix == "steps" else 0)
    sound = run.wave()[RATE:]
    power = np.square(sound[: len(sound) // 24_000 * 24_000, 0]).reshape(-1, 24_000).mean(axis=1)
    neutral = np.square(material.sections[0].sounds[0][1][:, 0]).mean()
    assert np.abs(10.0 * np.log10(power / neutral)).max() < 1.0
    jump = max(np.abs(np.diff(x, axis=0)).max() for x in material.sections[0].sounds[0])
    assert np.abs(np.diff(sound, axis=0)).max() <= 1.1 * jump
    assert worked < 35.0, "half of true time, on a machine that does much else"


acts = st.one_of(
    st.sampled_from(AFFECTS).map(valence),
    st.just(valence("unknown")),
    st.just(USELESS),
    st.sampled_from(["operator", "distress"]).map(lambda by: Stop(by=by, t=0.0)),
    st.sampled_from(AFFECTS).map(lambda a: command("steer", a)),
    st.sampled_from(["resume", "release-stop"]).map(lambda a: command(a, "s1")),
    st.sampled_from(["-1", "-12", "x"]).map(lambda v: command("set-level", v)),
    st.just(None),
)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 200), acts), max_size=8),
    st.sampled_from(["close", "gentle", "paper"]),
    st.integers(0, 10**7),
    st.lists(st.sampled_from([7, 480, 481, 4800]), min_size=1, max_size=4),
)
def test_any_inputs_at_any_time(flat_of, events, preset, place, sizes):
    """Continuous, bounded sound; and the same inputs at the same frames give the same messages."""
    material = flat_of((0.0, 0.9, -0.3, 0.2))

    def play(size, log):
        engine = Engine(
            material, PlayerSettings(preset=preset, rise=0.5, dwell=1.0), place=place, session="s1"
        )
        applied, sound, said, k = [], [], [], 0
        waiting = list(log)
        while waiting or engine.frame < 30 * RATE // 4:
            while waiting and engine.frame >= waiting[0][0]:
                number, (_, content) = len(applied), waiting.pop(0)
                if content is None:
                    applied.append((engine.supervisor_gone(), None))
                else:
                    applied.append((engine.apply(name("x", number), content), content))
            out = np.empty((size(k), 2), dtype=np.float32)
            k += 1
            engine.render(out)
            sound.append(out)
            said += engine.events()
        return applied, np.concatenate(sound), said

    frame, log = 0, []
    for wait, content in events:
        frame += wait * BLOCK
        log.append((frame, content))
    applied, sound, said = play(lambda k: sizes[k % len(sizes)], log)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= CEILING * (1 + 1e-6)
    assert np.abs(np.diff(sound, axis=0)).max() < 0.006
    assert all(0.0 <= g <= 1.414214 for c, _ in said if isinstance(c, Played) for g in c.gains)
    _, sound_again, said_again = play(lambda k: BLOCK if k else BLOCK - DELAY, applied)
    n = min(len(sound), len(sound_again))
    np.testing.assert_array_equal(sound[:n], sound_again[:n])
    # A second's loudness is told once the limiter is through with it, after later frames' changes.
    last = min(said[-1][0].frame, said_again[-1][0].frame) - DELAY - BLOCK
    known = [msgspec.json.encode(e) for e in said if e[0].frame < last]
    assert known == [msgspec.json.encode(e) for e in said_again if e[0].frame < last]


def test_replay_needs_the_inputs_at_their_frames_and_no_sound(material):
    """`advance` to each input's frame says, byte for byte, what rendering in odd sizes said."""
    live = start(material, place=5)
    inputs, said = [], []
    out = np.empty((1023, 2), dtype=np.float32)
    for k in range(600):
        if k % 12 == 0:
            content = USELESS if 150 < k < 400 else valence(AFFECTS[k // 120 % 3])
            inputs.append((live.apply(name("v", k), content), name("v", k), content))
        if k == 500:
            inputs.append((live.supervisor_gone(), None, None))
        live.render(out)
        said += live.events()
    replayed = start(material, place=5)
    for at, identity, content in inputs:
        replayed.advance(at)
        assert replayed.frame == at
        if identity is None:
            replayed.supervisor_gone()
        else:
            replayed.apply(identity, content)
    replayed.advance(live.frame)
    again = replayed.events()
    assert [msgspec.json.encode(e) for e in again] == [msgspec.json.encode(e) for e in said]
