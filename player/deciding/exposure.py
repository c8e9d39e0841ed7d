"""How long an affect may be heard, whatever asks for it.

The last word before the timeline: decoder, `steer`, and an affect that is held while nothing fresh
comes, all end here. A loop that feeds on itself (music, EEG, the same label, the same music) would
otherwise hold a person in one affect for as long as it likes.

    what is limited     negative  positive  why
    ------------------  --------  --------  -------------------------------------------------------
    in one go             60 s     120 s    negative: the study's own limit; positive: twice that,
                                            so that what is wanted is not cut into pieces, yet no
                                            affect goes on for ever by itself
    share of the run      30 %      60 %    a tenth is left for neutral, even if a loop swings from
                                            one pole to the other
    neutral afterwards    30 s      30 s    neutral alone: no other affect follows a forced end

Neutral has no limit: it is where everything ends.

What counts is what can be heard: every frame in which the layer has a gain, from the first frame of
the fade towards it to the last of the fade away from it. So the way out begins early enough, on the
beat or bar that the preset asks for, and is over in time, to the frame. Where no bar comes in time,
it begins at once.

An affect that comes back sooner than the neutral lasts (30 s) goes on with its count: nobody gets
round the limit by leaving for a moment. What would have to end again within 15 s is not begun.

The share is one of the run so far, but of 200 s at least: a share of the first seconds would forbid
every beginning, and 60 s of 200 s are the 30 % that one whole stretch uses up.

Silence counts for nothing: it is neither heard, nor lends it a share, nor is it the neutral that
has to follow. A player that is started again is given the counts of its share
(`player.kept`), and has lost those of the stretch: it takes that for used up and begins with the
neutral that follows a forced end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from rym.messages import Affect, Fade

from ..kept import FIRST, Kept
from ..settings import BLOCK, RATE, SHORTEST, PlayerSettings
from .presets import Rule

BEGINNING = 200 * RATE
"""Frames that a run is taken to have lasted at least where a share of it is asked for."""
ABRUPT = round(1.5 * RATE)
"""Frames of the fade where no beat or bar comes in time; as long as that of the dead-man switch."""
PARTS = 1_000_000
"""Shares are whole millionths, so that counting is exact for hours."""

POLES: tuple[Affect, ...] = ("negative", "positive")


class Music(Protocol):
    """What exposure looks at in a timeline."""

    frame: int

    @property
    def fade_end(self) -> int | None:
        """Frame at which the last fade that has begun ends."""
        ...

    @property
    def heading(self) -> Affect:
        """Layer that is heard alone once the running fade is over."""
        ...

    @property
    def coming(self) -> Fade | None:
        """The fade that is planned and has not begun."""
        ...

    def over(self, affect: Affect, frame: int) -> int:
        """Return when a fade to another affect would be over, were it asked for at `frame`."""
        ...


class Turn(NamedTuple):
    """The order to go to neutral."""

    rule: Rule | None
    """How; None: as the preset says."""


class _Count:
    """What was heard of one affect, in frames.

    Parameters
    ----------
    longest : float
        Seconds in one go.
    share : float
        Largest share of the run, 0…1.
    """

    def __init__(self, longest: float, share: float) -> None:
        self.longest = round(longest * RATE)
        self.parts = round(share * PARTS)
        self.stretch = self.total = 0
        self.away = BLOCK
        """Frames since it was last heard; 0: in the newest block."""

    def left(self, run: int) -> int:
        """Return the frames for which it may be heard from now on without a break."""
        stretch = self.longest - self.stretch
        if self.parts >= PARTS:
            return stretch
        # Heard for `n` frames more: total + n ≤ share · max(run + n, BEGINNING), solved for n.
        first = self.parts * BEGINNING // PARTS - self.total
        later = (self.parts * run - PARTS * self.total) // (PARTS - self.parts)
        return min(stretch, max(first, later))


class Exposure:
    """Counts what is heard and says when it has to end.

    Parameters
    ----------
    settings : PlayerSettings
        The limits.
    again : bool
        True for a player that was started again in the midst of a run: it begins with neutral.
    kept : Kept
        What was heard before this start.
    """

    def __init__(
        self, settings: PlayerSettings, *, again: bool = False, kept: Kept = FIRST
    ) -> None:
        self.resting = again
        """True from the order to go to neutral until neutral alone was heard for long enough."""
        self._counts = {
            "negative": _Count(settings.negative_longest, settings.negative_share),
            "positive": _Count(settings.positive_longest, settings.positive_share),
        }
        self._rest = round(settings.neutral_after * RATE)
        self._counts["negative"].total = kept.negative
        self._counts["positive"].total = kept.positive
        self._run, self._alone = kept.run, 0
        self._heard = (0, 0, 0)

    @property
    def totals(self) -> tuple[int, int, int]:
        """Frames of the run so far, and those with negative and with positive in them."""
        negative, positive = (self._counts[affect].total for affect in POLES)
        return self._run, negative, positive

    def left(self, affect: Affect) -> int:
        """Return the frames for which an affect other than neutral may go on from now."""
        return self._counts[affect].left(self._run)

    def barred(self, heading: Affect) -> tuple[Affect, ...]:
        """Return the affects that nobody may ask for now.

        Parameters
        ----------
        heading : {"negative", "neutral", "positive"}
            What is heard or on its way: it need not be begun.
        """
        if self.resting:
            return POLES
        least = SHORTEST * RATE
        return tuple(a for a in POLES if a != heading and self.left(a) < least)

    def count(self, heard: Sequence[int], *, sounding: bool) -> None:
        """Take in the control block that was rendered last.

        Parameters
        ----------
        heard : sequence of int
            Frames in which each layer, in the order of `AFFECTS`, had a gain so far.
        sounding : bool
            False where the block was silent.
        """
        negative, _, positive = (
            now - before for now, before in zip(heard, self._heard, strict=True)
        )
        self._heard = (heard[0], heard[1], heard[2])
        if not sounding:
            return
        self._run += BLOCK
        self._alone = 0 if negative or positive else self._alone + BLOCK
        if self._alone >= self._rest:
            self.resting = False
        for affect, n in zip(POLES, (negative, positive), strict=True):
            one = self._counts[affect]
            one.away = 0 if n else one.away + BLOCK
            one.stretch = 0 if one.away >= self._rest else one.stretch + n
            one.total += n

    def step(self, music: Music) -> Turn | None:
        """Look whether an affect has to end, at the border of a control block.

        Parameters
        ----------
        music : Timeline
            What is heard and planned.

        Returns
        -------
        Turn or None
            How to go to neutral, which is then to be asked for; None where nothing has to end.
        """
        for affect in POLES:
            turn = self._turn(affect, music)
            if turn is not None:
                self.resting, self._alone = True, 0
                return turn
        return None

    def _turn(self, affect: Affect, music: Music) -> Turn | None:
        if self._counts[affect].away:
            return None
        now, left = music.frame, self.left(affect)
        end = music.fade_end
        if music.heading == affect:
            end = music.coming.end if music.coming else None
            if not self.resting and music.over("neutral", now) <= now + left:
                # The preset's own way out is still open; taken once the next block would be late.
                late = music.over("neutral", now + BLOCK) > now + left
                return Turn(None) if late else None
        if end is not None and end <= now + left:
            return None
        if left < ABRUPT + BLOCK:
            return Turn(Rule("at once", min(left, ABRUPT) / RATE))
        return None
