"""Who leads the music: one answer to one question, whatever the arm.

    arm               who leads                        what it says while nothing is known
    ----------------  -------------------------------  -----------------------------------
    real              the decoder                      neutral
    permuted, yoked   a sequence written beforehand    neutral, after its last state as well
    keys              what the person holds            neutral, as without a key
    none              nobody                           neutral

The policy asks at the border of every control block and treats all of them alike, so that arms
differ in where the state comes from and in nothing else.

A sequence is counted from the music's origin: a player that is started again goes on where the
sequence would be, as the music does. What is known beforehand can be met to the sample. Where every
fade of the preset begins at once (`paper`), it is begun by half its length before the cut, so that
old and new are equal on the cut itself. Where fades wait for a beat or a bar, the music's grid has
the last word, and nothing is looked up beforehand.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple, Protocol

import msgspec

from rym.messages import Identity, Label, State, Valence

from ..settings import BLOCK, RATE, PlayerSettings
from .presets import PRESETS


class Wish(NamedTuple):
    """What is to be heard, and why."""

    state: State
    """`unknown` means neutral."""
    why: str
    """Word for `Played.why`."""
    cause: tuple[Identity, ...] = ()
    at: int | None = None
    """Frame of this control block at which its fade begins; None: as the preset says."""
    valence: float | None = None
    """For the continuous mix, −1…1; None: the state's own end."""


class Lead(Protocol):
    """Who may lead."""

    def wish(self, frame: int, /) -> Wish:
        """Return what is wished for in the control block that begins with `frame`."""
        ...


class Decoder:
    """The decoder's answers, smoothed and gated by itself.

    Parameters
    ----------
    least : float
        An answer of less confidence (0…1) counts as unknown.
    """

    SHARE = 0.25
    """Weight of the newest answer in the smoothed valence: about a second at four answers per
    second. Answers that jump from end to end and back leave ±0.14, which is within the dead zone
    of the continuous mix."""

    def __init__(self, least: float) -> None:
        self.state: State = "unknown"
        """What the newest usable answer said."""
        self._least = least
        self._wish = Wish("neutral", "valence")
        self._smooth = 0.0

    def take(self, valence: Valence, identity: Identity) -> bool:
        """Take in a usable answer; return True where its state differs from the one before."""
        before, self.state = self.state, valence.state
        sure = valence.state != "unknown" and valence.confidence >= self._least
        state: State = valence.state if sure else "unknown"
        value = 0.0
        if sure:
            value = ENDS[state] if valence.valence is None else valence.valence
        self._smooth += self.SHARE * (value - self._smooth)
        self._wish = Wish(state, "valence", (identity,), valence=self._smooth)
        return self.state != before

    def forget(self) -> None:
        """Wish for neutral until the next answer."""
        self._smooth = 0.0
        self._wish = self._wish._replace(state="neutral", valence=0.0)

    def wish(self, _frame: int, /) -> Wish:
        """Return what the newest answer asks for."""
        return self._wish


class Sequence:
    """States and seconds that were written down beforehand.

    Parameters
    ----------
    steps : tuple of (str, float)
        State and seconds, one after the other from the music's origin on.
    place : int
        Frames since the music's origin at which the player's frame 0 lies.
    ahead : int or None
        Frames from a fade's beginning to its half-way point, where that is to lie on the cut; None:
        a cut is followed once it is there.
    """

    def __init__(
        self, steps: tuple[tuple[State, float], ...], place: int, ahead: int | None
    ) -> None:
        self._states: list[State] = [*(state for state, _ in steps), "neutral"]
        sums = accumulate((seconds for _, seconds in steps), initial=0.0)
        self._cuts = [round(t * RATE) for t in sums]
        self._place = place
        self._ahead = ahead

    def wish(self, frame: int, /) -> Wish:
        """Return the state of this block, and where its fade begins if that is within it."""
        if self._ahead is None:
            return Wish(self._state_at(self._place + frame)[0], "sequence")
        return self.upcoming(frame, self._ahead)

    def upcoming(self, frame: int, ahead: int) -> Wish:
        """Return the state towards which a fade begins within the block, or had begun before it.

        Parameters
        ----------
        frame : int
            First of the control block.
        ahead : int
            Frames by which the fade begins before the cut.
        """
        state, cut = self._state_at(self._place + frame + BLOCK - 1 + ahead)
        start = cut - ahead - self._place
        return Wish(state, "sequence", at=start if start >= max(frame, 0) else None)

    def _state_at(self, place: int) -> tuple[State, int]:
        """Return the state at a place in the music, and where it began."""
        i = bisect_right(self._cuts, place) - 1
        return self._states[i], self._cuts[i]


class Keys:
    """What the person holds."""

    def __init__(self) -> None:
        self._wish = Wish("neutral", "key")

    def take(self, label: Label, identity: Identity) -> bool:
        """Take in a key; return True where something else is held than before."""
        before = self._wish.state
        state: State = "neutral" if label.state == "none" else label.state
        self._wish = Wish(state, "key", (identity,))
        return state != before

    def forget(self) -> None:
        """Take nothing for held until a key says so."""
        self._wish = self._wish._replace(state="neutral")

    def wish(self, _frame: int, /) -> Wish:
        """Return what is held."""
        return self._wish


class Nobody:
    """Neutral, for the arm without a lead."""

    def wish(self, _frame: int, /) -> Wish:
        """Return neutral."""
        return Wish("neutral", "none")


def released(label: Label) -> Label:
    """Return what a key counts for whose time is not that of now: nothing is held any more."""
    return msgspec.structs.replace(label, state="none")


ENDS: dict[State, float] = {"negative": -1.0, "neutral": 0.0, "positive": 1.0, "unknown": 0.0}
"""Valence of a state where nothing finer is known."""


def half_fade(settings: PlayerSettings) -> int | None:
    """Return the frames from a fade's beginning to its half-way point, if that is always the same.

    None where a fade of the preset waits for the music's grid, or where the mix knows no fades.
    """
    lengths = {
        round(rule.fade * RATE) if rule.when == "at once" and rule.unit == "seconds" else None
        for rule in PRESETS[settings.preset].rules.values()
    }
    length = lengths.pop()
    if lengths or length is None or settings.mix == "continuous":
        return None
    return (max(1, length) + 1) // 2


def lead_of(settings: PlayerSettings, place: int, decoder: Decoder, keys: Keys) -> Lead:
    """Return who leads in the arm of these settings.

    Parameters
    ----------
    settings : PlayerSettings
        Arm and sequence are used, preset and mix for a sequence's cuts.
    place : int
        Frames since the music's origin at which the player begins.
    decoder, keys : Decoder, Keys
        They take in what comes in every arm.
    """
    match settings.arm:
        case "real":
            return decoder
        case "keys":
            return keys
        case "none":
            return Nobody()
    return Sequence(settings.sequence, place, half_fade(settings))
