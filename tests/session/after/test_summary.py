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
