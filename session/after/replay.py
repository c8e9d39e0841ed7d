"""`rym replay SESSION --verify`: whether the recorded messages are what the recorded input gives.

Window and Quality are made again from `eeg*.xdf`; Valence, what was learned, drift and the latent
points from the windows, the model, and the keys and clips as the decoder took them in; Played
and Safety from the Valences, the bank, and the frame at which each input was applied. Each is
compared with the journal, to the bit (`compare.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from player.music.material import Material
from player.service import load
from player.settings import PlayerSettings
from rym import messages as m
from rym.clock import Clock
from rym.errors import FormatError, UsageError
from rym.topics import (
    DRIFT,
    LATENT,
    LEARNED,
    LEVEL,
    NOW,
    PHASE,
    PICTURE,
    QUALITY,
    SAFETY,
    STATUS,
    VALENCE,
    WINDOW,
    Topic,
)

from ..folder import Folder, Record, environment, hash_bank, settings_hashes
from ..live.lines import Journal, read
from . import rerun
from .compare import Difference, difference, missing, named

VERIFIED: tuple[Topic, ...] = (
    WINDOW,
    QUALITY,
    VALENCE,
    LEARNED,
    LATENT,
    DRIFT,
    SAFETY,
    NOW,
    PICTURE,
    LEVEL,
)
"""What is made again, in the order in which one rests on the other."""
DECISIVE = ("machine", "cpu", "python", "numpy", "scipy")
"""Where these differ, numbers may differ in their last bits."""

Progress = Callable[[float, str], None]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What verification found."""

    identical: bool
    n_messages: int
    """Messages compared."""
    first_difference: Difference | None
    """Of the earliest stage that differs."""
    speed: float
    """Seconds of session per second of verification."""
    topics: dict[str, int]
    """Messages compared, by topic."""
    missing: tuple[m.Missing, ...] = ()
    """Messages that the journal never got; no differences."""
    damaged: tuple[int, ...] = ()
    """Lines of the journal that cannot be read."""
    other_machine: dict[str, tuple[str, str]] = {}
    """What differs from the machine of the session: (there, here). Empty: compared to the bit."""

    @property
    def sentence(self) -> str:
        """The verdict for people."""
        how = "to the bit"
        if self.other_machine:
            names = ", ".join(f"{k} {a!r} → {b!r}" for k, (a, b) in self.other_machine.items())
            how = f"within 1e-9, because this is another machine ({names})"
        if self.first_difference is not None:
            return f"Not identical ({how}): {self.first_difference}."
        lost = sum(hole.last - hole.first + 1 for hole in self.missing)
        rest = f"; {lost} messages never reached the journal" if lost else ""
        return f"{self.n_messages} messages are identical ({how}){rest}. {self.speed:.0f}× live."


class Checker:
    """Compares messages made again with those of the journal.

    Parameters
    ----------
    journal : Journal
        What is expected.
    exact : bool
        To the bit, or within 1e-9.
    """

    def __init__(self, journal: Journal, *, exact: bool) -> None:
        self.compared: Counter[str] = Counter()
        self.differences: list[Difference] = []
        self._exact = exact
        self._kept = {message.id: message for topic in VERIFIED for message in journal.of(topic)}

    def see(self, again: m.Message) -> None:
        """Compare one message with the journal's; one that the journal lacks is no difference."""
        kept = self._kept.pop(again.id, None)
        if kept is None:
            return
        self.compared[again.id.topic] += 1
        found = difference(kept, again, exact=self._exact)
        if found is not None:
            self.differences.append(found)

    def finish(self, why: str, *, service: str = "", epoch: int | None = None) -> None:
        """Note the messages, of one start of one service where named, that were not made again."""
        for name in list(self._kept):
            if service in ("", name.service) and epoch in (None, name.epoch):
                self.differences.append(missing(name, in_replay=True, why=why))
                del self._kept[name]

    def note(self, found: Difference) -> None:
        """Add a difference that was found elsewhere."""
        self.differences.append(found)

    @property
    def first(self) -> Difference | None:
        """The first difference of the earliest stage."""
        order = [topic.short for topic in VERIFIED]

        def rank(found: Difference) -> tuple[int, int, int]:
            # A setting that changed nothing else is the last thing to be told.
            stage = order.index(found.topic) if found.topic in order else len(order)
            return stage, found.epoch, found.seq

        return min(self.differences, key=rank, default=None)


def verify(
    folder: Folder,
    clock: Clock,
    *,
    progress: Progress = lambda share, what: None,  # noqa: ARG005
) -> Verdict:
    """Run a session's stages again and compare what they say with the journal.

    Parameters
    ----------
    folder : Folder
        The session's.
    clock : Clock
        Measures the speed.
    progress : callable
        Called with the share done (0…1) and what is being done.

    Raises
    ------
    FormatError
        If the folder lacks its record, journal or bank, or the bank is another one.
    """
    started = clock.now()
    record, journal = folder.read(), read(folder)
    here = environment()
    other = {
        key: (record.versions[key], here[key])
        for key in DECISIVE
        if key in record.versions and record.versions[key] != here[key]
    }
    checker = Checker(journal, exact=not other)
    work = _Work(folder, record, journal, checker, progress)
    _verify_settings(work)
    try:
        _verify_sound(work, _verify_signal(work))
    except (UsageError, msgspec.ValidationError) as error:
        # Settings of this session that no stage accepts were not those that it ran with.
        checker.finish(f"settings that are refused: {error}")
    checker.finish("nothing")
    return Verdict(
        identical=not checker.differences,
        n_messages=checker.compared.total(),
        first_difference=checker.first,
        speed=_duration(journal) / max(clock.now() - started, 1e-9),
        topics=dict(checker.compared),
        missing=tuple(hole for hole in journal.holes if hole.topic in {t.short for t in VERIFIED}),
        damaged=tuple(journal.damaged),
        other_machine=other,
    )


class _Work(NamedTuple):
    """What every step of the verification looks at."""

    folder: Folder
    record: Record
    journal: Journal
    checker: Checker
    progress: Progress


def _verify_settings(work: _Work) -> None:
    """Compare the settings with the hashes that the journal published at its start."""
    hashes = settings_hashes(work.record.settings)
    for message in work.journal.of(STATUS["journal"], "journal"):
        for key, value in message.content.facts.items():
            table = key.removeprefix("settings.")
            if table != key and hashes.get(table, "") != value:
                work.checker.note(named(message.id, f"facts.{key}", value, hashes.get(table, "")))


def _verify_signal(work: _Work) -> dict[m.Identity, m.Content]:
    """Make windows, qualities and valences again; return the valences."""
    valences: dict[m.Identity, m.Content] = {}
    decoders = rerun.Decoders(work.folder, work.record, work.journal)
    total = max(1, len(work.journal.of(WINDOW)))
    made_again = rerun.stream(work.folder, work.record, work.journal)
    for n, (window, quality) in enumerate(made_again):
        work.checker.see(window)
        work.checker.see(quality)
        for said in decoders.feed(window):
            work.checker.see(said)
            if said.id.topic == VALENCE.short:
                valences[said.id] = said.content
        if n % 100 == 0:
            work.progress(min(1.0, n / total), "signal")
    return valences


def _verify_sound(work: _Work, valences: Mapping[m.Identity, m.Content]) -> None:
    """Make what the player said again, start by start."""
    epochs = work.journal.epochs(NOW, "player")
    if not epochs:
        return
    settings = msgspec.convert(work.record.settings.get("player", {}), PlayerSettings)
    bank = bank_of(work.folder, work.record, settings)
    materials: dict[str, Material] = {}
    for i, epoch in enumerate(epochs):
        work.progress(i / len(epochs), "sound")
        left_out = rerun.left_out(work.journal, epoch)
        if left_out not in materials:
            materials = {left_out: load(bank, left_out=left_out)}
        material = materials[left_out]
        try:
            for piece in rerun.player(work.journal, epoch, material, settings, valences):
                for message in piece.said:
                    work.checker.see(message)
        except FormatError as error:
            work.checker.finish(str(error), service="player", epoch=epoch)


def bank_of(folder: Folder, record: Record, settings: PlayerSettings) -> Path:
    """Return the bank that a session was played from.

    Raises
    ------
    FormatError
        If what lies there now is another one.
    """
    path = folder.bank_of(record) if record.bank or not settings.bank else Path(settings.bank)
    expected = record.hashes.get("bank", "")
    found = hash_bank(path)
    if expected and found != expected:
        raise FormatError(
            f"The bank {path} has SHA-256 {found[:16]}…, the session was played from "
            f"{expected[:16]}….",
            "Put the session's own bank back.",
            path=str(path),
        )
    return path


def _duration(journal: Journal) -> float:
    """Return the seconds from the first to the last message that is verified."""
    times = [message.meta.mono for topic in (*VERIFIED, PHASE) for message in journal.of(topic)]
    return max(times) - min(times) if times else 0.0


__all__ = ["Checker", "Verdict", "bank_of", "verify"]
