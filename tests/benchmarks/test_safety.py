"""The page on safety is true, and what looks at captured sound finds what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from benchmarks.kills.__main__ import faults, table
from benchmarks.kills.heard import allowed_db, returns
from benchmarks.kills.sessions import Kill
from benchmarks.safety import machine, signals
from benchmarks.safety.cases import Case, Situation, every, short
from benchmarks.safety.measure import HOP, RMS, SPAN, gains, measure
from benchmarks.safety.page import NoPlaceError, measured, placed

PAGE = Path(__file__).resolve().parents[2] / "docs" / "safety.md"
RATE = signals.RATE
ACT = 2.0
"""Second of the act in what is made here."""


def mixed(*rows):
    """Return sound whose layers' gains go in straight lines between (second, gains) rows."""
    t = np.arange(round(rows[-1][0] * RATE)) / RATE
    layers = [np.resize(signals.layer(k)[:, 0].astype(float), len(t)) for k in range(3)]
    seconds = [row[0] for row in rows]
    return sum(
        np.interp(t, seconds, [row[1][k] for row in rows]) * layer for k, layer in enumerate(layers)
    )


def looked_at(case, sound, given=None):
    """Measure a case whose act was at `ACT`."""
    times = (np.arange(len(sound) // HOP) + 1) * HOP / RATE
    return measure(case, sound, times, ACT, given=sound if given is None else given)


LOUD, OFF = (0.0, 0.0, 1.0), (0.0, 0.0, 0.0)
STOP = Case("followed", "stop", silent=0.5)


def test_the_page_has_the_switch_as_it_is():
    """Written again by `python -m benchmarks.safety --table`, it would not change."""
    page = PAGE.read_text(encoding="utf-8")
    assert placed(page, "the switch", machine.table()) == page


def test_the_table_has_every_event_in_every_situation_once():
    """And every state that there is."""
    found = machine.rows()
    pairs = [(row.comes, where) for row in found for where in row.where]
    assert len(pairs) == len(set(pairs)) == len(machine.EVENTS) * len(machine.SITUATIONS)
    states = {step.state for row in found for step in row.steps}
    assert states == {"RUN", "DEGRADED", "SAFE", "STOP"}


def test_a_page_without_a_place_is_refused():
    """Rather than losing what was measured."""
    with pytest.raises(NoPlaceError, match="'measured'"):
        placed("nothing here", "measured", "text")


def test_every_act_is_tried_and_the_short_ones_are_of_them():
    """From each situation that sounds, everything that silences."""
    names = [case.name for case in every()]
    assert len(names) == len(set(names)) > 50
    for situation in get_args(Situation):
        acts = {case.act for case in every() if case.situation == situation}
        assert acts & {"distress", "steer", "release"}
    assert 8 <= len(short()) <= 16
    assert {case.name for case in short()} < set(names)


def test_the_layers_are_told_apart_wherever_the_music_is():
    """Any 125 ms say how much of each is in them."""
    sound = 0.3 * signals.layer(0)[:, 0] + 0.7 * signals.layer(2)[:, 0]
    assert gains(sound[1234 : 1234 + SPAN + 5 * HOP].astype(float)) == pytest.approx(
        np.tile([0.3, 0.0, 0.7], (6, 1)), abs=1e-3
    )
    assert np.sqrt(np.mean(signals.layer(1)[:, 0].astype(float) ** 2)) == pytest.approx(RMS)


def test_a_good_stop_is_found_good():
    """Silence 0.4 s behind it, nothing steeper or louder than the music."""
    heard = looked_at(STOP, mixed((0, LOUD), (2.2, LOUD), (2.4, OFF), (4, OFF)))
    assert heard.faults == []
    assert heard.silent == pytest.approx(0.4, abs=0.05)
    assert "holds" in measured([heard])


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (((0, LOUD), (2.9, LOUD), (3.1, OFF), (4, OFF)), "silent 1"),
        (((0, LOUD), (4, LOUD)), "silent never"),
        (((0, LOUD), (2.2, LOUD), (2.2001, OFF), (4, OFF)), "a jump of"),
        (((0, LOUD), (2.0, LOUD), (2.1, (0.0, 0.0, 1.3)), (2.3, OFF), (4, OFF)), "louder by"),
        (((0, OFF), (4, OFF)), "not as it should be before"),
    ],
    ids=["late", "never", "click", "louder", "no sound before"],
)
def test_a_bad_stop_is_found_bad(rows, fault):
    """Each in its own way."""
    sound = mixed(*rows)
    if "jump" in fault:  # cut where the wave is far from zero
        k = int(np.argmax(np.abs(sound[int(2.2 * RATE) : int(2.3 * RATE)]))) + int(2.2 * RATE)
        sound[: k + 1], sound[k + 1 :] = mixed((0, LOUD), (4, LOUD))[: k + 1], 0.0
    assert any(one.startswith(fault) for one in looked_at(STOP, sound).faults)


def test_a_break_behind_the_player_is_told_from_a_jump_of_its_own():
    """What was given out is whole, what was captured is not: no fault, but gone through again."""
    given = mixed((0, LOUD), (2.2, LOUD), (2.4, OFF), (4, OFF))
    broken = given.copy()
    broken[RATE : RATE + 500] = 0.0
    heard = looked_at(STOP, broken, given)
    assert (heard.disturbed, heard.faults) == (True, [])
    assert not looked_at(STOP, given).disturbed


def test_neutral_counts_once_it_is_alone():
    """Until then both are heard; what never gets there is said."""
    case = Case("followed", "nothing more", neutral=1.0)
    turned = mixed((0, LOUD), (2.5, LOUD), (3.0, (0.0, 1.0, 0.0)), (7, (0.0, 1.0, 0.0)))
    assert looked_at(case, turned).neutral == pytest.approx(1.0, abs=0.05)
    share = np.clip((np.arange(len(turned)) / RATE - 2.5) / 3.0, 0.0, 1.0)
    rung_out = turned * (1.0 + np.cos(np.pi * share)) / 2.0
    assert looked_at(case, rung_out).neutral == pytest.approx(1.0, abs=0.05)
    both = mixed((0, LOUD), (2.5, LOUD), (3.0, (0.0, 0.9, 0.4)), (7, (0.0, 0.9, 0.4)))
    assert looked_at(case, both).faults == ["neutral never, not 1"]


def test_a_stop_may_not_be_heard_through():
    """From silence, the first sound behind the act is a fault."""
    case = Case("stopped", "steer", silent=0.0)
    assert looked_at(case, mixed((0, OFF), (5, OFF))).faults == []
    late = mixed((0, OFF), (3.0, OFF), (4.0, LOUD), (5.2, LOUD))
    assert looked_at(case, late).faults[0].startswith("silent never")


def test_ducked_music_is_lower_from_some_time_on_and_comes_back():
    """20 dB less, to the end, or never; and up again once it is let go."""
    ducked = (0.0, 0.0, 0.1)
    down = mixed((0, LOUD), (2.3, LOUD), (2.35, ducked), (5, ducked))
    duck, release = Case("followed", "duck", lower=0.3), Case("ducked", "duck off", back=2.0)
    assert looked_at(duck, down).lower == pytest.approx(0.35, abs=0.03)
    assert looked_at(duck, down).faults == []
    for rows in (((0, LOUD), (5, LOUD)), ((0, LOUD), (2.7, LOUD), (2.8, ducked), (5, ducked))):
        assert any(one.startswith("lower") for one in looked_at(duck, mixed(*rows)).faults)
    up = mixed((0, ducked), (2.3, ducked), (3.8, LOUD), (5.2, LOUD))
    assert looked_at(release, up).back == pytest.approx(1.65, abs=0.15)
    assert looked_at(release, up).faults == []
    assert looked_at(release, mixed((0, ducked), (5.2, ducked))).faults == ["back never, not 2"]


def test_a_blast_is_told_from_a_rise():
    """Silence, then sound at once; and the player's own ramp of two seconds."""
    sound = mixed((0, LOUD), (6, LOUD))[:, None] * np.ones(2)
    t = np.arange(len(sound)) / RATE
    ramp = (1.0 - np.cos(np.pi * np.clip((t - 2.0) / 2.0, 0.0, 1.0))) / 2.0
    rising, blasting = sound.copy(), sound.copy()
    rising[RATE:] *= ramp[RATE:, None]
    blasting[RATE : 2 * RATE] = 0.0
    assert [one.db < allowed_db(2.0) for one in returns(rising)] == [True]
    assert [one.db < allowed_db(2.0) for one in returns(blasting)] == [False]


def test_what_killed_parts_did_is_told():
    """Counted by part, and every broken promise named."""
    good = [Kill(0, "player", back=0.5), Kill(0, "the supervisor", silent=24.0, readable=True)]
    bad = [Kill(1, "stream", back=9.0), Kill(1, "the supervisor", silent=40.0, left=2)]
    assert faults(good) == []
    assert len(faults([*good, *bad])) == 3
    assert "| `player` | 1 | 0.50 | 0.50 | 2 |" in table(good)
