"""What a person's ears were given within seven days, kept beside the person's bank.

    people/<label>/hearing.json     hours since 1970 with the seconds heard and their share of a
                                    week's allowance (`player.level.dose`)

It is kept where the sound pressure is known only, and only for what this rig played. Sessions of
one person at the same time would each write their own; the one that writes last stays.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from player.level.dose import ALLOWED, HOURS, share
from player.settings import RATE
from rym.errors import FormatError
from rym.messages import Loudness

from ..folder import write_atomically

SCHEMA = 1
NAME = "hearing.json"
WEEK = 7 * 24
"""Hours that count."""
EVERY = 30
"""Seconds of sound after which it is written."""


class Hour(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What was heard within one hour."""

    number: int
    """Hours since 1970."""
    seconds: float
    share: float
    """Of a week's allowance."""


class Heard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says."""

    schema: int = SCHEMA
    hours: tuple[Hour, ...] = ()

    def add(self, hour: int, seconds: float, part: float) -> Heard:
        """Return it with more heard; hours that count no longer are left out (pure)."""
        kept = {one.number: one for one in self.hours if hour - WEEK < one.number}
        before = kept.get(hour, Hour(hour, 0.0, 0.0))
        kept[hour] = Hour(hour, before.seconds + seconds, before.share + part)
        return Heard(hours=tuple(kept[number] for number in sorted(kept)))

    def week(self, hour: int) -> tuple[float, float]:
        """Return the seconds heard within the seven days up to an hour, and their share (pure)."""
        lately = [one for one in self.hours if hour - WEEK < one.number <= hour]
        return sum(one.seconds for one in lately), sum(one.share for one in lately)


class _Made(msgspec.Struct, frozen=True):
    """What every schema says."""

    schema: int


def read(path: Path) -> Heard | None:
    """Return what a file says; None where it cannot be read as such.

    Raises
    ------
    FormatError
        If a newer version has written it.
    """
    try:
        if not path.exists():
            return Heard()
        found = path.read_bytes()
        newer = msgspec.json.decode(found, type=_Made).schema > SCHEMA
        heard = None if newer else msgspec.json.decode(found, type=Heard)
    except (OSError, msgspec.MsgspecError):
        return None
    if newer:
        raise FormatError(
            f"{path} was written by a newer version: what was heard before is not counted, and "
            "what is heard now is not added.",
            "Use that version here.",
        )
    return heard if heard is not None and heard.schema == SCHEMA else None


def in_words(seconds: float, used: float) -> str:
    """Say how much of a week's allowance is used up."""
    return (
        f"Within seven days {seconds / 60:.0f} min were heard here: {100 * used:.1f} % of what is "
        f"allowed in a week ({ALLOWED:.0f} dB(A) for {HOURS:.0f} h)."
    )


class Hearing:
    """Counts what is played, and keeps it.

    Parameters
    ----------
    folder : Path
        The person's.
    wall : callable
        Returns seconds since 1970.
    warn : callable
        Gets a sentence for people.
    """

    def __init__(
        self, folder: Path, wall: Callable[[], float], warn: Callable[[str], None]
    ) -> None:
        self._path, self._wall, self._warn = folder / NAME, wall, warn
        self._heard: Heard | None = None
        self._waiting = 0
        self._told = False
        self._unwritten = False
        self._keeps = True

    @property
    def sentence(self) -> str:
        """What is used up, for people; empty where nothing was counted."""
        return "" if self._heard is None else in_words(*self._heard.week(self._hour))

    def take(self, said: Loudness, full_scale_dba: float | None) -> None:
        """Take in what a stretch was; without a calibration it counts for nothing."""
        if full_scale_dba is None:
            return
        heard = self._open() if self._heard is None else self._heard
        seconds = said.n_frames / RATE
        part = share(full_scale_dba + said.level_dba, seconds)
        self._heard = heard.add(self._hour, seconds, part)
        used = self._heard.week(self._hour)[1]
        if used >= 1.0 and not self._told:
            self._told = True
            self._warn(f"{self.sentence} More is not good for the ears; lower the level.")
        self._waiting += 1
        if self._waiting >= EVERY:
            self.write()

    def write(self) -> None:
        """Bring it to the disk, where there is something new; a disk that is full loses it."""
        if self._heard is None or not self._waiting or not self._keeps:
            return
        self._waiting = 0
        try:
            write_atomically(self._path, msgspec.json.encode(self._heard) + b"\n")
        except OSError as error:
            self._say_unwritten(error)

    def _say_unwritten(self, error: OSError) -> None:
        """Say once that it is counted in memory alone; it is tried again as long as it may be."""
        if not self._unwritten:
            self._unwritten = True
            self._warn(f"What was heard could not be written to {self._path}: {error.strerror}.")

    @property
    def _hour(self) -> int:
        return int(self._wall() // 3600)

    def _open(self) -> Heard:
        """Return what was kept; a damaged file is put aside, and counting begins anew.

        One that a newer version wrote, or that cannot be put aside, stays as it is.
        """
        try:
            found = read(self._path)
        except FormatError as error:
            self._keeps = False
            self._warn(str(error))
            return Heard()
        if found is not None:
            return found
        aside = self._path.with_name(f"hearing-damaged-{round(self._wall())}.json")
        try:
            self._path.replace(aside)
        except OSError as error:
            self._keeps = False
            self._say_unwritten(error)
            return Heard()
        self._warn(
            f"{self._path} could not be read and was put aside as {aside.name}: what was heard "
            "before is not counted."
        )
        return Heard()
