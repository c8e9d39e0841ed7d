"""Lines 5 to 7 and 11 to 14 on a live stream: samples that are missing, repeated or no signal."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from msgspec.json import encode

from player.engine import Engine
from player.service import load
from player.settings import BLOCK, PlayerSettings
from rym.messages import Message, Played, Safety, Window
from rym.topics import APPLIED, NOW, QUALITY, SAFETY, STATUS, VALENCE, WINDOW
from stream.files.xdf import replay_file
from stream.settings import StreamSettings
from tests.faults.live import GRACE, Run, Stretch, numbers_of

pytestmark = pytest.mark.real

LENGTH = 1.0
"""Seconds of a window."""
HOP = 0.25
"""Seconds between two windows."""
HOLD, SAFE, TO_NEUTRAL = 0.5, 2.0, 2.0
"""Seconds without a usable answer until DEGRADED and SAFE, and from then until neutral is heard
(the table of `player/safety.py`)."""


def touched(run: Run, kind: str, number: int = 0, after: float = 0.0) -> list[Window]:
    """Return the windows that end while a fault lasts, or up to some seconds behind it."""
    fault = run.faults(kind)[number]
    return run.windows(fault.begin, fault.end + after)


def bad_in(run: Run, kind: str, name: str) -> list[tuple[float, str]]:
    """Return when, in seconds from the fault's beginning, and why a channel was bad."""
    fault = run.faults(kind)[0]
    return [
        (quality.t - fault.begin, channel.reason)
        for quality in run.qualities(fault.begin, fault.end + 2.9)
        for channel in quality.channels
        if channel.name == name and not channel.ok
    ]


@pytest.mark.fault(5)
def test_05_single_losses_are_filled_and_flagged(values: Run) -> None:
    """1 %: one segment, valid windows that say how much was lost. 10 %: invalid ones."""
    few, many, _ = values.faults("drop")
    windows = touched(values, "drop", 0, LENGTH)
    assert len({window.segment for window in windows}) == 1
    assert all(window.valid for window in windows)
    lost = [quality.lost for quality in values.qualities(few.begin, few.end + LENGTH)]
    assert 1 <= max(lost) <= 25
    worst = values.qualities(many.begin + LENGTH, many.end)
    assert worst
    assert all("lost samples" in quality.artifacts for quality in worst)
    reasons = {w.reason for w in values.windows(many.begin + LENGTH, many.end) if not w.valid}
    assert reasons == {"lost samples"}


@pytest.mark.fault(5)
def test_05_long_losses_give_no_window(values: Run) -> None:
    """Bursts of 50 samples start segments; no window is made of what lies between two of them."""
    bursts = values.faults("drop")[2]
    before = values.windows(until=bursts.begin)[-1].segment
    after = values.windows(bursts.end + LENGTH / 2)[0]
    assert after.segment >= before + 2
    assert (after.n_new, after.valid) == (500, True)
    windows = values.windows(bursts.begin, bursts.end)
    assert all(np.isclose(w.t_last - w.t_first, 499 / 500, atol=1e-3) for w in windows)
    assert len(windows) < 4 * (bursts.end - bursts.begin)


@pytest.mark.fault(6)
def test_06_repeated_chunks_are_dropped_and_counted(values: Run) -> None:
    """The windows go on, one every 0.25 s in one segment, and the status counts what came twice."""
    fault = values.faults("duplicate")[0]
    windows = values.windows(fault.begin - 1.0, fault.end + 0.25)
    assert {window.segment for window in windows} == {0}
    assert all(window.valid for window in windows)
    assert np.diff([window.first_sample for window in windows]) == pytest.approx(125)
    dropped = [facts.get("dropped", 0) for facts in values.facts()]
    assert dropped == sorted(dropped)
    assert dropped[-1] >= 100


@pytest.mark.fault(7)
def test_07_chunks_in_the_wrong_order_end_nothing(values: Run) -> None:
    """Time never runs back within a segment, no window holds a mixture, and it goes on after."""
    fault = values.faults("reorder")[0]
    windows = values.windows()
    for one, other in pairwise(windows):
        assert other.segment >= one.segment
        assert other.t_last > one.t_last
        assert other.first_sample > one.first_sample
    assert not [w for w in values.windows(fault.begin + LENGTH, fault.end) if w.valid]
    assert values.windows(fault.end, fault.end + LENGTH + 0.3)[0].valid
    assert values.codes["stream"] == 0


@pytest.mark.fault(11)
@pytest.mark.parametrize(("kind", "channel"), [("nan", "Cz"), ("inf", "O1")])
def test_11_a_channel_without_numbers_is_masked(values: Run, kind: str, channel: str) -> None:
    """From the first window on that holds one, until a second after the last."""
    bad = bad_in(values, kind, channel)
    assert bad[0][0] <= 0.25
    assert {reason for _, reason in bad} == {"not finite"}
    fault = values.faults(kind)[0]
    held = [w for w in values.windows(fault.begin, fault.end) if w.valid]
    assert held
    assert all(channel in window.bad for window in held)
    assert bad[-1][0] <= fault.end - fault.begin + 2 * LENGTH + 0.25


@pytest.mark.fault(11)
def test_11_where_no_channel_has_numbers_nothing_is_decoded(values: Run) -> None:
    """Every window that holds such a sample is invalid, the decoder says unknown; then it goes on.

    Filters begin anew behind it, so that the next window is good as a whole.
    """
    fault = values.faults("nan")[1]
    windows = values.windows(fault.begin, fault.end + LENGTH - 0.01)
    assert len(windows) >= 6
    assert all("0 of 19 channels ok" in window.reason for window in windows)
    anew = values.windows(fault.end + LENGTH - 0.01, fault.end + LENGTH + 2 * HOP + 0.01)
    assert anew[0].valid
    assert (anew[0].n_new, anew[0].bad) == (500, ())
    answers = [m.content for m in values.of(VALENCE)]
    held = [v for v in answers if fault.begin <= v.t < fault.end + LENGTH - 0.01]
    assert {(v.state, v.valence) for v in held} == {("unknown", None)}
    assert all(v.reason.startswith("invalid window") for v in held)
    later = [v for v in answers if fault.end + 2 * LENGTH <= v.t]
    assert any(v.state != "unknown" for v in later)


@pytest.mark.fault(11)
@pytest.mark.fault(13)
def test_11_no_message_holds_a_number_that_is_none(
    values: Run, outages: Run, unusable: Run
) -> None:
    """Neither samples nor anything else, through every fault of all runs."""
    for run in (values, outages, unusable):
        for message in run.messages:
            assert np.isfinite(numbers_of(message.content)).all(), message.id


@pytest.mark.fault(12)
@pytest.mark.parametrize(("kind", "channel"), [("flat", "T7"), ("constant", "F3")])
def test_12_a_flat_channel_is_masked_within_a_second(values: Run, kind: str, channel: str) -> None:
    """Before one second of it is over, it is flat and bad in every window; the others stay."""
    fault = values.faults(kind)[0]
    flat = [t for t, reason in bad_in(values, kind, channel) if reason == "flat"]
    assert flat[0] <= LENGTH
    held = values.windows(fault.begin + LENGTH, fault.end)
    assert held
    assert all(channel in window.bad for window in held)
    assert all(len(window.bad) <= 4 for window in held)


@pytest.mark.parametrize(
    ("kind", "number", "masked"),
    [
        pytest.param("nan", 1, 0.0, marks=pytest.mark.fault(11), id="no numbers"),
        pytest.param("flat", 0, LENGTH, marks=pytest.mark.fault(12), id="all flat"),
        pytest.param("flat", 1, LENGTH, marks=pytest.mark.fault(12), id="8 of 19 flat"),
    ],
)
def test_12_where_nothing_is_usable_the_player_is_safe(
    unusable: Run, kind: str, number: int, masked: float
) -> None:
    """Once masked: DEGRADED after 0.5 s, SAFE after 2 s; RUN with the first usable answer."""
    fault = unusable.faults(kind)[number]
    last, first = usable_around(unusable, fault)
    assert last.content.t <= fault.begin + masked
    assert first.content.t <= fault.end + 2 * LENGTH + HOP
    states, whys, times = zip(*said_by_the_player(unusable, fault), strict=True)
    assert states == ("DEGRADED", "SAFE", "RUN")
    assert whys == ("hold unusable", "unusable", "fresh")
    assert HOLD - 0.05 <= times[0] - last.meta.mono <= HOLD + GRACE
    assert SAFE - 0.05 <= times[1] - last.meta.mono <= SAFE + GRACE
    assert times[1] <= fault.begin + masked + HOP + SAFE + GRACE
    assert first.meta.mono <= times[2] <= first.meta.mono + GRACE
    neutral = times[1] + TO_NEUTRAL
    heard = [m.content for m in unusable.of(NOW) if neutral < m.meta.mono < first.meta.mono]
    assert len(heard) > 4
    assert {(played.audible, played.safety) for played in heard} == {("neutral", "SAFE")}
    assert min(played.level_db for played in heard) > -60


@pytest.mark.fault(11)
def test_11_one_channel_without_numbers_keeps_nobody_from_going_on(unusable: Run) -> None:
    """It is masked, every answer stays usable, and the player leaves RUN for nothing of it."""
    fault = unusable.faults("nan")[0]
    windows = unusable.windows(fault.begin, fault.end)
    assert len(windows) >= 10
    assert all("Cz" in window.bad for window in windows)
    answers = [m.content for m in unusable.of(VALENCE)]
    assert all(v.usable for v in answers if fault.begin <= v.t < fault.end + 2 * LENGTH)
    assert not [why for _, why, _ in said_by_the_player(unusable, fault) if "unusable" in why]


@pytest.mark.fault(12)
def test_12_what_the_player_said_follows_from_what_it_took_in(unusable: Run) -> None:
    """An engine that takes the same answers at the same frames says the same, to the byte."""
    said = [m.content.facts for m in unusable.of(STATUS["player"])]
    facts = next(facts for facts in said if "place" in facts)
    material = load(unusable.folder.parent / "bank")
    engine = Engine(material, PlayerSettings(), place=facts["place"], session=facts["session"])
    answers = {message.id: message.content for message in unusable.of(VALENCE)}
    for message in unusable.of(APPLIED["player"]):
        engine.advance(message.content.at)
        engine.apply(message.content.input, answers[message.content.input])
    heard = [m for m in unusable.messages if isinstance(m.content, Played | Safety)]
    engine.advance(max(m.content.frame for m in heard) + BLOCK)
    again = engine.events()
    for kind in (Played, Safety):
        sent = [(m.content, m.cause) for m in heard if isinstance(m.content, kind)]
        made = [event for event in again if isinstance(event[0], kind)]
        assert len(sent) > 7
        assert list(map(encode, made[: len(sent)])) == list(map(encode, sent))


def usable_around(run: Run, fault: Stretch) -> tuple[Message, Message]:
    """Return the last usable answer before those that are not, and the first behind them."""
    answers = [m for m in run.of(VALENCE) if m.content.t >= fault.begin - LENGTH]
    begin = next(i for i, m in enumerate(answers) if not m.content.usable)
    end = next(i for i, m in enumerate(answers) if i > begin and m.content.usable)
    return answers[begin - 1], answers[end]


def said_by_the_player(run: Run, fault: Stretch) -> list[tuple[str, str, float]]:
    """Return (state, reason, rig time) from a fault's beginning until some seconds behind it."""
    said = [m for m in run.of(SAFETY) if fault.begin <= m.meta.mono < fault.end + 3 * LENGTH]
    return [(m.content.state, m.content.reason, m.meta.mono) for m in said]


@pytest.mark.fault(13)
@pytest.mark.parametrize(
    ("kind", "channel", "word", "within"),
    [
        ("rail", "P7", "rail", 1.25),
        ("wrap", "C3", "wrap", 0.25),
        ("pop", "Fz", "pop", 0.25),
        ("slide", "Pz", "drift", 1.25),
    ],
)
def test_13_rails_wraps_pops_and_drifts_reject_the_window(
    values: Run, kind: str, channel: str, word: str, within: float
) -> None:
    """The channel is named, the window invalid with that reason, and nothing is decoded from it."""
    fault = values.faults(kind)[0]
    found = [(w, w.t_last - fault.begin) for w in values.windows(fault.begin, fault.end + LENGTH)]
    named = [(w, t) for w, t in found if word in w.reason.split(", ")]
    assert named[0][1] <= within
    assert all(channel in window.bad for window, _ in named)
    rejected = {window.t_last for window, _ in named}
    answers = [m.content for m in values.of(VALENCE) if m.content.t in rejected]
    assert len(answers) == len(named)
    assert {(v.state, v.probabilities) for v in answers} == {("unknown", None)}


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    ("kind", "artifact", "below"),
    [
        ("line", "line", 0.6),
        ("blink", "blink", 0.99),
        ("clench", "muscle burst", 0.95),
        ("walk", "motion", 0.6),
    ],
)
def test_14_what_disturbs_the_whole_head_lowers_the_index(
    values: Run, kind: str, artifact: str, below: float
) -> None:
    """It is named, while it lasts and not before, and the overall index falls."""
    fault = values.faults(kind)[0]
    before = values.qualities(fault.begin - 0.6, fault.begin)
    during = values.qualities(fault.begin, fault.end + LENGTH)
    assert before
    assert not any(artifact in quality.artifacts for quality in before)
    assert any(artifact in quality.artifacts for quality in during)
    assert min(quality.overall for quality in during) < below
    assert min(q.overall for q in during) < min(q.overall for q in before)


@pytest.mark.fault(4)
@pytest.mark.fault(18)
def test_18_every_window_is_fresh_and_memory_is_bounded(values: Run, outages: Run) -> None:
    """No window is older than `max_age` when it is sent; the process does not grow."""
    limit = StreamSettings().max_age + GRACE
    for run in (values, outages):
        ages = [message.meta.age for message in run.of(WINDOW)]
        assert max(ages) <= limit
        early, late = np.median(run.sizes[:25]), np.median(run.sizes[-25:])
        assert late - early < 25


@pytest.mark.fault(1)
@pytest.mark.fault(7)
@pytest.mark.fault(8)
@pytest.mark.parametrize("name", ["values", "outages"])
def test_01_the_recording_holds_every_fault(name: str, runs: dict[str, Run]) -> None:
    """Its file alone, whole and closed, gives every window and quality again, gaps included."""
    run = runs[name].done()
    path = run.folder / "stream" / "eeg.xdf"
    again = list(replay_file(path, StreamSettings()))
    sent = [message.content for message in run.of(WINDOW)]
    told = [message.content for message in run.of(QUALITY)]
    assert len(again) >= len(sent) > 80
    for (window, quality), other, said in zip(again, sent, told, strict=False):
        assert (window.segment, window.first_sample) == (other.segment, other.first_sample)
        assert window.t_first == other.t_first
        assert window.samples.tobytes() == other.samples.tobytes()
        assert quality == said
