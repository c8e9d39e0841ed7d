"""`rym replay SESSION --bounce`: a session's sound and pictures as files, from its journal.

The player's own engine renders again what it rendered live, as in `--verify`; what it gives out
becomes a FLAC of 24 bits, and with the bank's pictures an MP4. Both lie beside `heard-NN.flac`,
which was written live with 16 bits and with which every sample is compared. That a device lost
sound on the way to the ear is told, not imitated.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from player.engine import TICK
from player.service import load
from player.settings import RATE, PlayerSettings
from rym.clock import Clock
from rym.errors import DeviceError, UsageError
from rym.topics import NOW, STATUS

from ...folder import Folder
from ...live.lines import Journal, read
from .. import rerun
from ..replay import bank_of
from .making import folder_of, paint, render
from .sound import Live

UNSAID = TICK
"""Frames that a player may have given out after its last word: it speaks once in so many."""
Progress = Callable[[float, str], None]


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What was made of one start of the player."""

    sound: str
    """File; empty where none could be made."""
    video: str
    """File; empty where none could be made."""
    seconds: float
    compared_with: str = ""
    """Name of what was recorded live; empty where there is nothing to compare with."""
    n_compared: int = 0
    """Samples that both have."""
    differs_at: int | None = None
    """First sample that differs."""
    n_beyond: int = 0
    """Samples that were recorded behind the last one that could be made again."""
    xruns: int = 0
    """How often the device lost sound live."""
    xrun_ms: float | None = None
    """How much in all; null where nobody has said."""
    whole: bool
    """Whether everything is there that was asked for, and equal to what was recorded."""
    remarks: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was made, for people."""
        if not self.sound:
            return " ".join(self.remarks)
        names = " and ".join(Path(name).name for name in (self.sound, self.video) if name)
        told = [f"{names}: {self.seconds:.1f} s."]
        if self.differs_at is not None:
            told.append(f"Sample {self.differs_at} is the first that {self.compared_with} has not.")
        elif self.n_compared:
            told.append(f"{self.n_compared} samples are those of {self.compared_with}, every one.")
        if self.n_beyond:
            more = f"{self.compared_with} goes on for {self.n_beyond / RATE:.2f} s"
            told.append(f"{more}, of which the player's last word says nothing.")
        if self.xruns:
            length = f", {self.xrun_ms:.0f} ms in all" if self.xrun_ms is not None else ""
            times = "once" if self.xruns == 1 else f"{self.xruns} times"
            told.append(f"The device lost sound {times}{length}; here nothing is missing.")
        return " ".join((*told, *self.remarks))


class Bounced(msgspec.Struct, frozen=True, kw_only=True):
    """What was made of all starts of the player."""

    starts: tuple[Start, ...]
    speed: float
    """Seconds of sound and pictures per second that they took."""
    sound_speed: float
    """Seconds of sound per second that the sound alone took."""

    @property
    def whole(self) -> bool:
        """Whether nothing is missing or different."""
        return all(start.whole for start in self.starts)

    @property
    def sentence(self) -> str:
        """What was made, for people, a line for each start."""
        rows = [start.sentence for start in self.starts]
        rows.append(f"{self.sound_speed:.0f}× live the sound, {self.speed:.1f}× with pictures.")
        return "\n".join(rows)


def bounce(
    folder: Folder,
    clock: Clock,
    out: Path | None = None,
    *,
    progress: Progress = lambda share, what: None,  # noqa: ARG005
) -> Bounced:
    """Render every start of a session's player.

    Parameters
    ----------
    folder : Folder
        The session's.
    clock : Clock
        Measures the speed.
    out : Path or None
        Where the files go, made if need be; None: beside what was heard.
    progress : callable
        Called with the share done (0…1) and what is being done.

    Raises
    ------
    FormatError
        If the folder lacks its record, journal or bank, or the bank is another one.
    UsageError
        If nothing was played, or `out` cannot be made.
    """
    record, journal = folder.read(), read(folder)
    epochs = journal.epochs(NOW, "player")
    if not epochs:
        raise UsageError(
            f"The player said nothing in {folder.path}: there is nothing to render.",
            "Give a session in which something was played.",
        )
    settings = msgspec.convert(record.settings.get("player", {}), PlayerSettings)
    place = bank_of(folder, record, settings)
    work = _Work(folder, journal, settings, place, folder_of(out or folder.sound), clock, progress)
    began = clock.now()
    found = [_start(work, epoch, k, len(epochs)) for k, epoch in enumerate(epochs)]
    seconds = sum(start.seconds for start, _ in found)
    alone = sum(spent for _, spent in found)
    return Bounced(
        starts=tuple(start for start, _ in found),
        speed=seconds / max(clock.now() - began, 1e-9),
        sound_speed=seconds / max(alone, 1e-9),
    )


class _Work(NamedTuple):
    """What is the same for every start."""

    folder: Folder
    journal: Journal
    settings: PlayerSettings
    bank: Path
    out: Path
    clock: Clock
    progress: Progress


def _start(work: _Work, epoch: int, k: int, n: int) -> tuple[Start, float]:
    """Render one start; return what was made and the seconds that its sound took."""
    facts = _facts(work.journal, epoch)
    name = f"{_label(work.folder)}_bounce-{k + 1:02d}"
    path = work.out / f"{name}.flac"
    remarks = [f"It replaces the {path.name} of before."] if path.exists() else []
    heard = work.folder.sound / str(facts.get("heard") or f"heard-{k + 1:02d}.flac")
    live = Live(heard) if heard.exists() else None
    last = max((x.content.frame for x in work.journal.of(NOW, "player", epoch)), default=0)

    def progress(frame: int, what: str, share: float) -> None:
        work.progress((k + share * min(1.0, frame / max(1, last))) / n, what)

    began = work.clock.now()
    try:
        material = load(work.bank, left_out=rerun.left_out(work.journal, epoch))
        pieces = rerun.player(work.journal, epoch, material, work.settings, {})
        rendered = render(pieces, path, live, lambda frame: progress(frame, "sound", 0.3))
        beyond = live.rest() if live is not None else 0
    except DeviceError as error:
        return Start(sound="", video="", seconds=0.0, whole=False, remarks=(str(error),)), 0.0
    finally:
        if live is not None:
            live.close()
    spent = work.clock.now() - began
    film = work.out / f"{name}.mp4"
    told = paint(rendered, path, film, work.bank, lambda frame: progress(frame, "pictures", 1.0))
    remarks += [*rendered.remarks, *told]
    if live is not None and live.unreadable:
        remarks.append(f"{heard.name} cannot be read to its end: {live.unreadable.rstrip('.')}.")
    start = Start(
        sound=str(path),
        video=str(film) if film.exists() else "",
        seconds=rendered.n_frames / RATE,
        compared_with=heard.name if live else "",
        n_compared=live.n_compared if live else 0,
        differs_at=live.differs_at if live else None,
        n_beyond=beyond,
        xruns=int(facts.get("xruns", 0)),
        xrun_ms=facts.get("xrun_ms"),
        whole=film.exists()
        and not rendered.remarks
        and not (live and live.differs_at is not None)
        and beyond <= UNSAID,
        remarks=tuple(remarks),
    )
    return start, spent


def _label(folder: Folder) -> str:
    """Return a name that no other session's files have, wherever they are put."""
    return f"sub-{folder.subject}_ses-{folder.session}_{folder.path.name}"


def _facts(journal: Journal, epoch: int) -> dict[str, Any]:
    """Return the newest of every fact that one start of the player told of itself."""
    found: dict[str, Any] = {}
    for message in journal.of(STATUS["player"], "player", epoch):
        found |= message.content.facts
    return found
