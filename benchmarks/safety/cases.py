"""What is tried: every situation of the sound, and everything that may come in it."""

from __future__ import annotations

from typing import Literal

import msgspec

Situation = Literal[
    "rising",
    "followed",
    "mid-fade",
    "held",
    "neutral",
    "cannot be used",
    "ducked",
    "stopped",
    "pausing",
    "paused",
    "coming back",
    "supervisor gone",
]
Act = Literal[
    "stop",
    "distress",
    "nothing more",
    "supervisor gone",
    "end",
    "end without a cadence",
    "answer",
    "resume",
    "release",
    "steer",
    "stop twice",
    "stop, then distress",
    "duck",
    "duck off",
]

LASTS: dict[str, float] = {
    "stop": 1.5,
    "distress": 3.0,
    "nothing more": 5.0,
    "supervisor gone": 27.0,
    "end": 18.0,
    "end without a cadence": 24.0,
    "stop twice": 2.0,
    "stop, then distress": 2.5,
}
"""Seconds for which is listened behind an act; behind any other, 3."""


PROMISES = ("silent", "neutral", "sounds", "lower", "back")
"""Fields of a case that are seconds from the act, at most; what was heard has the same."""


class Case(msgspec.Struct, frozen=True):
    """One thing that happens in one situation."""

    situation: Situation
    act: Act
    silent: float | None = None
    """Seconds from the act to the last sound, at most; null where it goes on."""
    neutral: float | None = None
    """Seconds from the act until neutral alone is heard, at most; null where it need not be."""
    sounds: float | None = None
    """Seconds from the act to the first sound, at most, where there was silence."""
    lower: float | None = None
    """Seconds from the act until it is 20 dB lower, at most; null where it need not be."""
    back: float | None = None
    """Seconds from the act until it is as loud as the music is, at most; null where it need not."""

    @property
    def name(self) -> str:
        """Return the case in words."""
        return f"{self.situation}: {self.act}"

    @property
    def lasts(self) -> float:
        """Return the seconds for which is listened behind the act."""
        return LASTS.get(self.act, 3.0)


SOUNDING: tuple[Situation, ...] = (
    "rising",
    "followed",
    "mid-fade",
    "held",
    "neutral",
    "cannot be used",
    "ducked",
)
QUIET: tuple[Situation, ...] = ("stopped", "paused")


def every() -> list[Case]:
    """Return all cases; those with a pause take more than a minute each."""
    cases = []
    for situation in (*SOUNDING, "pausing"):
        cases += [
            Case(situation, "stop", silent=0.5),
            Case(situation, "distress", silent=2.0),
            Case(situation, "supervisor gone", silent=30.0, neutral=2.0),
            Case(situation, "end", silent=31.0),
        ]
    for situation in ("rising", "followed", "mid-fade", "ducked"):
        cases.append(Case(situation, "nothing more", neutral=4.0))
    cases += [
        Case("followed", "stop twice", silent=0.5),
        Case("mid-fade", "stop, then distress", silent=0.5),
        Case("followed", "end without a cadence", silent=31.0),
        Case("mid-fade", "end without a cadence", silent=31.0),
        Case("cannot be used", "nothing more", neutral=4.0),
        Case("cannot be used", "answer"),
        Case("coming back", "stop", silent=0.5),
        Case("coming back", "distress", silent=2.0),
        Case("coming back", "supervisor gone", silent=30.0, neutral=2.0),
        Case("supervisor gone", "stop", silent=0.5),
        Case("supervisor gone", "distress", silent=2.0),
        Case("supervisor gone", "end", silent=31.0),
        Case("followed", "duck", lower=0.3),
        Case("mid-fade", "duck", lower=0.3),
        Case("held", "duck", lower=0.3),
        Case("ducked", "duck off", back=2.0),
        Case("held", "answer"),
        Case("neutral", "answer"),
        Case("stopped", "release", sounds=1.5),
        Case("stopped", "resume", silent=0.0),
        Case("stopped", "steer", silent=0.0),
        Case("stopped", "answer", silent=0.0),
        Case("stopped", "supervisor gone", silent=0.0),
        Case("paused", "resume", sounds=1.5),
        Case("paused", "answer", silent=0.0),
        Case("paused", "distress", silent=0.0),
    ]
    return cases


def short() -> list[Case]:
    """Return those for the tests; the longest takes the 24 s of a lost supervisor."""
    wanted = {
        ("rising", "stop"),
        ("rising", "distress"),
        ("followed", "distress"),
        ("followed", "stop twice"),
        ("followed", "duck"),
        ("mid-fade", "stop, then distress"),
        ("mid-fade", "nothing more"),
        ("mid-fade", "supervisor gone"),
        ("held", "stop"),
        ("neutral", "distress"),
        ("neutral", "answer"),
        ("ducked", "stop"),
        ("coming back", "stop"),
        ("supervisor gone", "distress"),
        ("stopped", "steer"),
        ("stopped", "release"),
    }
    return [case for case in every() if (case.situation, case.act) in wanted]
