"""The last stage: level, ducking, limiter, meter and cap together, and in the engine."""

from __future__ import annotations

import numpy as np
import pytest

from player.engine import Engine
from player.level.limiter import DELAY
from player.level.master import DUCKED, Master
from player.settings import BLOCK, RATE, PlayerSettings
from rym.messages import Command, Identity, Loudness, Played, Stop, Valence

USABLE = Valence(
    t=0.0, state="neutral", valence=None, probabilities=None, confidence=0.9, reason="", model="",
    usable=True,
)  # fmt: skip


def name(seq):
    """Return an identity."""
    return Identity("test", 1, "session/command", seq)


class Ear:
    """Renders an engine and keeps what was given out and said."""

    def __init__(self, material, **kwargs):
        rise, level = kwargs.pop("rise", 0.5), kwargs.pop("level_db", 0.0)
        settings = PlayerSettings(rise=rise, level_db=level)
        self.engine = Engine(material, settings, session="s1", **kwargs)
        self.parts, self.events, self.n = [], [], 0

    def order(self, action, value):
        """Give an order; return its frame."""
        self.n += 1
        order = Command(to="player", action=action, value=value)
        return self.engine.apply(name(self.n), order)

    def until(self, seconds):
        """Render up to a time."""
        out = np.empty((BLOCK, 2), dtype=np.float32)
        while self.engine.frame < seconds * RATE:
            self.engine.render(out)
            self.parts.append(out.copy())
            self.events += [content for content, _ in self.engine.events()]
        return self

    def of(self, kind):
        """Return the contents of one type."""
        return [content for content in self.events if isinstance(content, kind)]

    def level(self, begin, end):
        """Return the level in dB between two times, against that of the third second."""
        sound = np.concatenate(self.parts)

        def power(a, b):
            return np.mean(np.square(sound[round(a * RATE) : round(b * RATE)], dtype=float))

        return 10 * np.log10(power(begin, end) / power(2, 3))


def test_speaking_steps_the_music_back_and_lets_it_come_again(material):
    """−20 dB within 0.3 s, back within 2 s, both said; no jump, never louder than before."""
    ear = Ear(material).until(3)
    ear.order("duck", "on")
    ear.until(5)
    ear.order("duck", "off")
    ear.until(9)
    assert ear.level(3.3, 5.0) == pytest.approx(-20.0, abs=0.3)
    assert ear.level(7.0, 8.0) == pytest.approx(0.0, abs=0.3)
    sound = np.concatenate(ear.parts)
    before = np.abs(np.diff(sound[2 * RATE : 3 * RATE], axis=0)).max()
    assert np.abs(np.diff(sound[3 * RATE :], axis=0)).max() <= 1.1 * before
    levels = {p.frame: p.level_db for p in ear.of(Played)}
    assert levels[4 * RATE] == -20.0
    assert levels[8 * RATE] == 0.0
    whys = {p.frame: p.why for p in ear.of(Played)}
    assert "duck" in whys[3 * RATE].split(", ")
    assert "unduck" in whys[5 * RATE].split(", ")


def test_ducked_music_goes_on_with_the_level_that_was_set_meanwhile(material):
    """−6 dB set while ducked is −26 dB, then −6 dB; a repeated `on` changes nothing."""
    ear = Ear(material).until(3)
    for action, value in (("duck", "on"), ("set-level", "-6"), ("duck", "on"), ("duck", "loud")):
        ear.order(action, value)
    ear.until(5)
    assert ear.of(Played)[-1].level_db == pytest.approx(-26.0, abs=0.001)
    ear.order("duck", "off")
    ear.until(8)
    assert ear.of(Played)[-1].level_db == pytest.approx(-6.0, abs=0.001)
    assert "refused: duck" in next(p.why for p in ear.of(Played) if p.frame == 3 * RATE)


def test_a_stop_is_silence_while_ducked_and_unducking_does_not_end_it(material):
    """The gains are multiplied; what a STOP holds, nothing else lets go."""
    ear = Ear(material).until(3)
    ear.order("duck", "on")
    ear.until(4)
    ear.engine.apply(name(99), Stop(by="operator", t=0.0))
    ear.until(5)
    ear.order("duck", "off")
    ear.until(8)
    assert not np.concatenate(ear.parts)[round(4.5 * RATE) :].any()
    assert ear.of(Played)[-1].level_db == -120.0


def test_ducked_music_still_counts_as_heard(material):
    """The limits of exposure end what was ducked all along."""
    settings = PlayerSettings(
        preset="close", rise=0.5, negative_longest=20.0, negative_share=0.2, exposure_reason="test"
    )
    engine = Engine(material, settings, session="s1")
    orders = (("course", "hold"), ("steer", "negative"), ("duck", "on"))
    for number, (action, value) in enumerate(orders):
        engine.apply(name(number), Command(to="player", action=action, value=value))
    engine.advance(30 * RATE)
    assert any("exposure" in c.why for c, _ in engine.events() if isinstance(c, Played))


def test_loudness_is_said_every_second_of_what_is_given_out(material):
    """Where the recording has it: the same numbers from the same frames; ducked is 20 dB less."""
    ear = Ear(material).until(4)
    ear.order("duck", "on")
    ear.until(7)
    said = ear.of(Loudness)
    assert [s.frame for s in said] == [0, *(k * RATE - DELAY for k in range(1, 7))]
    assert said[5].lufs - said[2].lufs == pytest.approx(-20.0, abs=0.2)
    sound = np.concatenate(ear.parts)[said[2].frame :][:RATE]
    assert 10 * np.log10(np.mean(np.square(sound, dtype=float))) < 0.0
    assert said[2].peak_dbtp >= 20 * np.log10(np.abs(sound).max()) - 0.01


@pytest.mark.fault(52)
def test_what_is_too_loud_is_turned_down_for_good_and_said(material):
    """A calibration under which the music is 95 dB(A): at most 85 after seconds; no order up."""
    plain = Ear(material).until(4).of(Loudness)[-1]
    full = 95.0 - plain.level_dba
    ear = Ear(material, full_scale_dba=full).until(6)
    loud = [p for p in ear.of(Played) if "loud" in p.why.split(", ")]
    assert 1 <= len(loud) <= 3
    for value in ("0", "-3", "-8"):
        ear.order("set-level", value)
    ear.until(40)
    assert max(s.level_dba for s in ear.of(Loudness)[8:]) + full <= 85.1
    assert any("refused: set-level" in p.why for p in ear.of(Played))
    assert ear.of(Played)[-1].level_db == pytest.approx(-10.0, abs=0.6)


@pytest.mark.fault(52)
def test_what_comes_up_too_loud_is_turned_down_on_the_way(material):
    """A rise of a minute towards 105 dB(A): 85 within two seconds, and no second louder after."""
    full = 105.0 - Ear(material).until(4).of(Loudness)[-1].level_dba
    ear = Ear(material, rise=60.0, full_scale_dba=full).until(90)
    loud = [p.frame for p in ear.of(Played) if "loud" in p.why.split(", ")]
    here = [full + s.level_dba for s in ear.of(Loudness) if s.frame >= loud[0] + 2 * RATE]
    assert 12 * RATE < loud[0] < 25 * RATE
    assert len(here) > 60
    assert 84.0 <= min(here) <= max(here) <= 85.1
    assert len(loud) == 1


def test_a_lower_level_during_a_rise_is_reached_in_a_second(material):
    """Half-way through a minute to −30 dB within 1 s; to −1 dB as slowly as it was."""
    ear = Ear(material, rise=60.0).until(30)
    ear.order("set-level", "-1")
    ear.until(32)
    levels = {p.frame: p.level_db for p in ear.of(Played)}
    assert -7.0 < levels[30 * RATE] < levels[round(31.75 * RATE)] < -5.0
    ear.order("set-level", "-30")
    ear.until(33.5)
    levels = {p.frame: p.level_db for p in ear.of(Played)}
    assert levels[33 * RATE] == -30.0
    parts = np.abs(np.concatenate(ear.parts)[32 * RATE : 33 * RATE, 0]).reshape(-1, 4800).max(1)
    assert (np.diff(parts) <= 0.0).all()


@pytest.mark.parametrize("end", ["stop", "pause", "gone"])
def test_silence_listens_to_nobody_until_asked_anew(material, end):
    """STOP, a pause, the supervisor's loss: the voice is off, and is not on again by itself."""
    ear = Ear(material).until(1)
    ear.order("duck", "on")
    assert ear.engine.voice == 1.0
    if end == "stop":
        ear.engine.apply(name(99), Stop(by="distress", t=0.0))
    elif end == "gone":
        ear.engine.supervisor_gone()
    else:
        ear.engine.apply(name(99), USABLE)
    ear.engine.advance(75 * RATE)
    assert ear.engine.voice == 0.0
    if end != "gone":
        ear.order("resume" if end == "pause" else "release-stop", "s1")
        ear.engine.advance(80 * RATE)
        assert ear.engine.voice == 0.0
    ear.order("duck", "on")
    assert ear.engine.voice == 1.0
    ear.order("duck", "off")
    assert ear.engine.voice == 0.0


@pytest.mark.fault(52)
@pytest.mark.parametrize("value", ["-19.9", "0", "6", "inf", "nan", "-inf", "1e9", "", "louder"])
def test_no_order_makes_it_louder(material, value):
    """From −20 dB, nothing above it and nothing that is no level; the refusal is said."""
    ear = Ear(material, level_db=-20.0).until(1)
    at = ear.order("set-level", value)
    ear.until(3)
    assert next(p.why for p in ear.of(Played) if p.frame == at) == "refused: set-level"
    assert ear.of(Played)[-1].level_db == -20.0


@pytest.mark.fault(51)
def test_each_gain_moves_slowly_enough(material):
    """Start, duck, unduck, lower, stop: from sample to sample at most 0.2 % of full scale."""
    master, gains = Master(0.0), []
    acts = {
        0: lambda f: master.rise(f, 0.5), 100: lambda f: master.duck("on", f),
        120: lambda f: master.duck("off", f), 300: lambda f: master.lower("-30", f),
        320: lambda f: master.duck("on", f), 500: lambda f: master.duck("off", f),
        505: lambda f: master.fall(f, 0.2),
    }  # fmt: skip
    out = np.empty((BLOCK, 2), dtype=np.float32)
    for k in range(600):
        if k in acts:
            acts[k](k * BLOCK)
        block = np.full((BLOCK, 2), 0.5, dtype=np.float32)
        master.give(block, out, k * BLOCK)
        gains.append(out[:, 0].copy())
    gain = np.concatenate(gains) * 2
    assert gain[: DELAY + 1].max() == 0.0
    assert np.abs(np.diff(gain)).max() < 0.002
    assert gain[110 * BLOCK] == pytest.approx(DUCKED, abs=1e-4)
    assert not gain[530 * BLOCK :].any()
