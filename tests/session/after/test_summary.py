"""The warnings that stand above a session's numbers."""

from __future__ import annotations

from typing import Any

import pytest

from rym import messages as m
from rym import topics
from session.after.analysis import analyse
from session.after.facts import Facts, gather
from session.after.summary import cautions, summary
from session.folder import Record


def record(eeg: str, *files: tuple[str, str | None]) -> Record:
    """Return the record of a session that replays these (path, label)."""
    sender = {"type": "recorded", "files": [{"path": p, "label": label} for p, label in files]}
    settings = {"session": {"eeg": eeg, "kind": "recorded"}, "source": {"sender": sender}}
    return Record(subject="sim", session="01", task="recordings", run=1, started=1.7e9,
                  simulated=False, settings=settings)  # fmt: skip


@pytest.mark.parametrize(
    ("eeg", "files", "words"),
    [
        ("source", [("a", "neutral"), ("b", "negative")], "two files, two labels"),
        ("source", [("a", "neutral"), ("b", "neutral")], "two files, one label"),
        ("source", [(c, "neutral") for c in "abcdefghijkl"], "12 files, one label"),
        ("source", [("a", None), ("b", None)], None),
        ("outside", [("a", "neutral"), ("b", "negative")], None),
    ],
)
def test_labels_of_whole_files_are_warned_of(
    eeg: str, files: list[tuple[str, str | None]], words: str | None
) -> None:
    """Each file counts once, however many stretches are played; a live session has no files."""
    facts = gather({}, record(eeg, *files, *files))
    told = cautions(analyse({}, facts))
    assert told == (() if words is None else (f"{words}: this score cannot tell state from file.",))


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ("neutral positive", "never says unpleasant"),
        ("neutral", "never says unpleasant or pleasant"),
        ("negative neutral positive", ""),
        ("", ""),
    ],
)
def test_a_model_that_lacks_a_state_is_told(talk: Any, states: str, words: str) -> None:
    """In plain words, from what the decoder said of its model; not of one that learned nothing."""
    content = m.Status(service="decoder", epoch=1, life="ready", detail="", version="",
                       facts={"verdict": "follows", "states": states}, drops={})  # fmt: skip
    talk.say(topics.STATUS["decoder"], content, 1.0, service="decoder")
    told = cautions(analyse(talk.log, gather(talk.log, None)))
    said = f"The model {words}: there was none of it in what it was trained on."
    assert told == ((said,) if words else ())


def say_quality(talk: Any, n: int, level: str, bad: tuple[str, ...]) -> None:
    """Publish `n` windows with these channels out of three not ok."""
    rows = tuple(
        m.ChannelQuality(name=c, ok=c not in bad, reason="rail" if c in bad else "")
        for c in ("Cz", "Pz", "Fz")
    )
    for _ in range(n):
        talk.say(topics.QUALITY, m.Quality(t=1.0, overall=0.5, level=level, channels=rows), 1.0)


def test_low_quality_names_its_channels(talk: Any) -> None:
    """Channels that were not usable in most windows are named, others are not."""
    say_quality(talk, 6, "low", ("Pz", "Cz"))
    say_quality(talk, 4, "good", ("Fz",))
    assert cautions(analyse(talk.log, Facts())) == (
        "Signal quality was low in 60 % of the windows. Not usable in most of the windows: Cz, Pz.",
    )


def test_good_signal_is_no_warning(talk: Any) -> None:
    """One bad channel now and then is no news."""
    say_quality(talk, 4, "good", ("Fz",))
    say_quality(talk, 6, "good", ())
    assert cautions(analyse(talk.log, Facts())) == ()


def test_feedback_without_a_model_is_said_once(talk: Any) -> None:
    """The summary holds it behind what the supervisor said; a session without feedback does not."""
    talk.phase("calibration", 0, 0.0, 10.0)
    assert cautions(analyse(talk.log, Facts())) == ()
    talk.phase("feedback", 1, 10.0, 20.0)
    talk.played(0, "neutral", 30.0)
    told = summary(analyse(talk.log, Facts(warnings=("first",))), {})["warnings"]
    assert told[0] == "first"
    assert ["no model" in words for words in told] == [False, True]
    assert cautions(analyse(talk.log, Facts(verdict="guessing"))) == ()


@pytest.mark.parametrize("verdict", ["follows", "unclear", "guessing"])
@pytest.mark.parametrize("drive", ["verdict", "always"])
def test_an_estimate_that_steers_against_its_verdict_is_told(verdict: str, drive: str) -> None:
    """Said where the settings overrule the verdict, and nowhere else."""
    told = cautions(analyse({}, Facts(verdict=verdict, drive=drive)))
    assert bool(told) == (drive == "always" and verdict != "follows")


def moved(talk: Any, every: float, after: float) -> None:
    """Feel something else every so many seconds of a feedback, and hear it half-way so much later.

    The player renders 0.05 s ahead, and its fades last a second.
    """
    talk.phase("feedback", 0, 0.0, 6 * every)
    talk.played(0, "neutral", 0.0)
    for k in range(6):
        t, state = k * every, ("neutral", "positive")[k % 2]
        talk.truth(t, state)
        if k:
            half = round((t + after - 0.05) * 48_000)
            fade = m.Fade(to=state, start=half - 24_000, half=half, end=half + 24_000)
            talk.played(half - 24_000, "neutral", (half - 24_000) / 48_000, fade)
            talk.played(half + 24_000, state, (half + 24_000) / 48_000)


@pytest.mark.parametrize(("after", "warned"), [(4.9, False), (5.1, True)])
def test_music_that_answers_the_state_before_is_warned_of(
    talk: Any, after: float, warned: bool
) -> None:
    """States of 10 s: half of that is the limit, and both values stand in one sentence."""
    moved(talk, 10.0, after)
    told = [words for words in cautions(analyse(talk.log, Facts())) if "half-way heard" in words]
    expected = (
        "What was felt was half-way heard after 5.1 s (median), and a state lasted 10.0 s "
        "(median): for more than half of it the state before was heard."
    )
    assert told == ([expected] if warned else [])


def test_felt_to_heard_stands_by_cause_in_the_summary(talk: Any) -> None:
    """One object per cause, with its number, median and nine of ten."""
    moved(talk, 10.0, 3.0)
    found = summary(analyse(talk.log, Facts()), {})["felt_to_heard_s"]
    assert found == {"p50": 3.0, "p90": 3.0, "by": {"no message": {"n": 5, "p50": 3.0, "p90": 3.0}}}
