"""One memory becomes a folder: file by file, atomic, resumable, spread over processes.

The procedural bank is always made first: it takes a minute, it is the guide of every other backend,
and from then on the folder holds a whole bank. Another backend's clips take the place of their
siblings group by group; the manifest changes from one whole bank to the next.

A build that was stopped anywhere is taken up where it was; a file that does not match its row any
more is made again. A folder of another memory is never touched.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from rym import bank
from rym.bank import Bank, Clip, Frame
from rym.clock import Clock, SystemClock
from rym.errors import FormatError, UsageError
from rym.lock import locked

from ..drafts import Slow
from ..memory import Memory
from ..settings import GeneratorSettings
from ..song.understanding import with_song
from . import rows
from .estimate import Estimate
from .manifest import assemble
from .names import PLAIN
from .plan import clip_jobs, frame_jobs, groups
from .processes import spread
from .studio import ClipJob, Job, Made, Work, do, open_studio

SILENT = "none"
"""The tag of settings without pictures."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """One more file is there; before the first one, how long all will take."""

    done: int
    total: int
    file: str
    """Empty where nothing was made, but it was found out how long the rest takes."""
    kept: bool
    """True where the file was there already."""
    left: float
    """Seconds that the rest will take here, as far as one can tell."""


class Built(NamedTuple):
    """What a build leaves."""

    bank: Bank
    remarks: tuple[str, ...]
    """What is to be known of the song, and what could not be had and what is there instead."""


def build(
    memory: Memory,
    out: Path,
    settings: GeneratorSettings | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    *,
    kept: Path | None = None,
    subject: str = "",
    jobs: int = 1,
    ready_by: float | None = None,
    clock: Clock | None = None,
) -> Built:
    """Make the bank of a memory, or complete the one that was begun.

    Parameters
    ----------
    memory : Memory
        Checked (`generator.memory.load`).
    out : Path
        The bank's folder: new, empty, or of this very memory and these settings.
    settings : GeneratorSettings, optional
        How large, how loud, by which backends.
    progress : callable
        Called with a `Progress` after every file.
    kept : Path, optional
        Folder in which the memory is kept, with what was understood of its song and the answers of
        a language model. Without it a song in a file is not used.
    subject : str
        Label of the person; written into the manifest.
    jobs : int
        Processes for the procedural bank; 0: as many as there are cores. Does not change a byte.
    ready_by : float, optional
        Seconds since the Unix epoch at which the build stops adding to a bank that is whole.
    clock : Clock, optional
        By which the time left is told.

    Returns
    -------
    Built
        The manifest, as written to `out`; the same hashes for the same memory and settings.

    Raises
    ------
    UsageError
        If the folder holds anything else, or the avoid-list leaves nothing to play the tune.
    FormatError
        If a procedural clip cannot meet the bank's rules.
    DeviceError
        If a backend's library or weights are missing; nothing was begun then.
    """
    settings = settings or GeneratorSettings()
    sung, remarks = with_song(memory, kept) if kept else (memory, _unsung(memory))
    begun = out / rows.BUILD / "begun"
    work = Work(sung, memory.fingerprint, settings, kept, begun)
    open_studio(work).complete()
    rows.prepare(out)
    # Whoever builds here at the same time waits, and finds everything made.
    with locked(out / rows.BUILD):
        rows.claim(out, sung, settings)
        _refuse_other_person(out, subject)
        make = _Build(
            work, out, progress, max(0, jobs) or os.cpu_count() or 1, clock or SystemClock()
        )
        make.procedural()
        make.save(subject)
        make.probe()
        for group in make.groups():
            if not make.has_time(group, ready_by):
                break
            if make.tried(group):
                make.save(subject)
        manifest = make.save(subject)
        rows.forget(out, make.worth_keeping(manifest))
        if make.complete:
            shutil.rmtree(begun, ignore_errors=True)
    return Built(manifest, (*remarks, *make.problems))


def _refuse_other_person(out: Path, subject: str) -> None:
    """Refuse to write another label over the one whose approvals are there."""
    try:
        found = bank.read(out).subject
    except FormatError:
        return  # none yet, or none that can be read: it is written anew
    if found and found != subject:
        raise UsageError(
            f"{out} holds the bank of {found}, this build is for {subject or 'nobody named'}.",
            "Give --subject as before, or choose another --out.",
        )


def _unsung(memory: Memory) -> tuple[str, ...]:
    if memory.song is None or memory.melody:
        return ()
    return ("The song is not used: what is understood of it is kept with the memory; give --kept.",)


class _Build:
    """A build that goes on: what is missing, what was made, what could not be."""

    def __init__(
        self,
        work: Work,
        out: Path,
        progress: Callable[[Progress], None],
        n_processes: int,
        clock: Clock,
    ) -> None:
        self.problems: list[str] = []
        self._work = work
        self._out = out
        self._progress = progress
        self._n_processes = n_processes
        self._clock = clock
        self._estimate = Estimate(n_processes)
        self._wishes = rows.remakes(out)
        self._sound = _tag(work.settings.music)
        self._sight = _tag(work.settings.pictures)
        self._plain: list[Job] = [*self._clips(PLAIN), *self._frames(PLAIN)]
        self._groups = self._other_groups()
        everything = [*self._plain, *(job for group in self._groups for job in group)]
        self._total = len(everything)
        self._missing = {job.file: job for job in everything if not self._there(job)}
        for number, job in enumerate(x for x in everything if x.file not in self._missing):
            self._tell(job.file, kept=True, done=number + 1)

    def _clips(self, backend: str) -> list[ClipJob]:
        return clip_jobs(self._work.settings, self._wishes, backend)

    def _frames(self, backend: str) -> Sequence[Job]:
        return frame_jobs(self._work.settings, self._wishes, backend)

    def _other_groups(self) -> list[list[Job]]:
        """Return what other backends are to make, in the manifest's portions."""
        found: list[list[Job]] = []
        if self._sound != PLAIN:
            jobs = {job.place: job for job in self._clips(self._sound)}
            found += [[jobs[x] for x in group.places] for group in groups(self._work.settings)]
        if self._sight not in (PLAIN, SILENT):
            n = self._work.settings.frames
            frames = self._frames(self._sight)
            found += [list(frames[i : i + n]) for i in range(0, len(frames), n)]
        return found

    def _there(self, job: Job) -> bool:
        if isinstance(job, ClipJob):
            return rows.finished(self._out, job.file, Clip) is not None
        return rows.finished(self._out, job.file, Frame) is not None

    def _tell(self, file: str, *, kept: bool, done: int | None = None) -> None:
        done = self._total - len(self._missing) if done is None else done
        left = self._estimate.left(self._missing.values())
        self._progress(Progress(done=done, total=self._total, file=file, kept=kept, left=left))

    # -- making ----------------------------------------------------------------------------------

    def procedural(self) -> None:
        """See to it that every procedural file is there, in several processes where that pays.

        Raises
        ------
        FormatError
            If one cannot be made.
        """
        todo = [job for job in self._plain if job.file in self._missing]
        # The first of each kind is made here: it tells how long the others will take.
        first = {type(job): job for job in reversed(todo)}
        for job in first.values():
            self._keep(job, do(self._work, job))
        rest = [job for job in todo if job.file in self._missing]
        calls = [partial(do, self._work, job) for job in rest]
        for made in spread(calls, self._n_processes):
            self._keep(self._missing[made.row.file], made)

    def _keep(self, job: Job, made: Made) -> None:
        rows.keep(self._out, made.data, made.row)
        self._estimate.learn(job, made.seconds)
        del self._missing[job.file]
        self._tell(job.file, kept=False)

    def groups(self) -> Iterator[list[Job]]:
        """Yield what other backends have to make, portion by portion."""
        for group in self._groups:
            missing = [job for job in group if job.file in self._missing]
            if missing:
                yield missing

    def tried(self, group: Sequence[Job]) -> bool:
        """Make what belongs together; what fails is a problem, ends the group and is left out."""
        for job in group:
            began = self._clock.now()
            try:
                made = do(self._work, job)
            except FormatError as error:
                self._estimate.learn(job, self._clock.now() - began)
                self.problems.append(f"{error.error} The procedural one stays in its place.")
                return False
            self._keep(job, made)
        return True

    def probe(self) -> None:
        """Find out how long other backends will take, and tell it."""
        studio = open_studio(self._work)
        for group in self.groups():
            job = group[0]
            if not self._estimate.knows(job):
                sounds = isinstance(job, ClipJob)
                backend = studio.musician if sounds else studio.painter_of(job.backend)
                try:
                    if isinstance(backend, Slow):
                        self._estimate.learn(job, backend.seconds(self._clock))
                except FormatError as error:
                    self.problems.append(error.error)
                    return  # every clip will say so again, and the procedural ones stay
        if self._groups and self._missing:
            self._tell("", kept=False)

    def has_time(self, group: Sequence[Job], ready_by: float | None) -> bool:
        """Tell whether a portion can be made before the bank has to be ready."""
        if ready_by is None:
            return True
        needed, there = self._estimate.left(group), ready_by - self._clock.wall()
        if needed <= there:
            return True
        self.problems.append(
            f"{group[0].file} and what follows were not begun: {max(there, 0.0):.0f} s were left, "
            f"about {needed:.0f} s are needed; the procedural bank is ready."
        )
        return False

    # -- the manifest ----------------------------------------------------------------------------

    def save(self, subject: str) -> Bank:
        """Write the manifest of the best that is there."""
        manifest, said = assemble(self._work, self._out, self._wishes, subject, self._n_processes)
        self.problems += [problem for problem in said if problem not in self.problems]
        bank.save(manifest, self._out)
        return manifest

    @property
    def complete(self) -> bool:
        """True where nothing is missing any more."""
        return not self._missing

    def worth_keeping(self, manifest: Bank) -> set[str]:
        """Return the manifest's files, and those that stand behind them."""
        behind = [*self._plain, *(job for group in self._groups for job in group)]
        return {job.file for job in behind} | manifest.files.keys()


def _tag(settings: msgspec.Struct) -> str:
    return str(settings.__struct_config__.tag)
