"""What one clip or picture is made with, in whichever process: backends opened once, jobs done.

A job names all that it depends on, so any process of any machine does it alike.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import NamedTuple

import msgspec
from threadpoolctl import threadpool_limits

from rym.bank import Clip, Frame
from rym.clock import SystemClock
from rym.messages import Affect

from ..drafts import Musician, Painter, Place, Prompter, Sense
from ..memory import Memory
from ..models.choosing import musician
from ..models.painting import painter
from ..models.strips import Lines
from ..music.musician import Composer
from ..pictures import sketch
from ..pictures.files import decode, encode
from ..pictures.measures import look
from ..pictures.painter import Landscapes, drift
from ..settings import GeneratorSettings
from ..words.choosing import prompter
from .finish import finish
from .names import PLAIN, clip_file, frame_file


class Work(msgspec.Struct, frozen=True):
    """What one build goes by."""

    memory: Memory
    """With the notes of its song, where one was understood."""
    memory_sha256: str
    """Of the memory as it was given."""
    settings: GeneratorSettings
    kept: Path | None = None
    """Folder in which the memory is kept, with what was understood of it."""
    begun: Path | None = None
    """Folder for strips that a model has begun."""


class ClipJob(NamedTuple):
    """One clip that is to be there."""

    place: Place
    take: int = 0
    backend: str = PLAIN

    @property
    def file(self) -> str:
        """Its path in the bank's folder."""
        return clip_file(self.place, self.take, self.backend)


class FrameJob(NamedTuple):
    """One picture that is to be there."""

    scene: int
    frame: int
    take: int = 0
    backend: str = PLAIN

    @property
    def file(self) -> str:
        """Its path in the bank's folder."""
        return frame_file(self.scene, self.frame, self.take, self.backend)


Job = ClipJob | FrameJob


class Made(NamedTuple):
    """A file and its row."""

    data: bytes
    row: Clip | Frame
    seconds: float
    """How long it took."""


class Studio:
    """The backends of one work."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.composer = Composer(work.memory, work.settings)

    @functools.cached_property
    def prompter(self) -> Prompter:
        """Where prompts come from."""
        return prompter(
            self._work.settings.words, self._work.memory, self._work.kept, SystemClock()
        )

    @functools.cached_property
    def sketch(self) -> Lines | None:
        """The person's line drawing, if there is one."""
        path = self._work.memory.sketch
        return None if path is None else sketch.read(Path(path))

    @functools.cached_property
    def landscapes(self) -> Landscapes:
        """The painted scenes."""
        return Landscapes(self._work.memory, self._work.settings, self.sketch)

    @functools.cached_property
    def musician(self) -> Musician:
        """The chosen backend for sound."""
        return musician(self._work.settings, self.composer, self.prompter)

    @functools.cached_property
    def painter(self) -> Painter | None:
        """The chosen backend for pictures, if any."""
        work = self._work
        return painter(
            work.settings, self.landscapes, self.prompter, work.memory,
            sketch=self.sketch, kept=work.begun,
        )  # fmt: skip

    def complete(self) -> None:
        """Make sure that every backend is there, before an hour is spent on something else.

        Raises
        ------
        RymError
            If a library, model, sketch or consent is missing.
        """
        self.musician, self.painter  # noqa: B018 - opened, not used yet

    def musician_of(self, backend: str) -> Musician:
        """Return the backend of that name."""
        return self.composer if backend == PLAIN else self.musician

    def painter_of(self, backend: str) -> Painter:
        """Return the backend of that name."""
        if backend == PLAIN or self.painter is None:
            return self.landscapes
        return self.painter

    def prompt_sha256(self, backend: str, affect: Affect, sense: Sense, index: int) -> str:
        """Return the hash of what a clip or picture is made from; words themselves stay here."""
        if backend == PLAIN:
            return self._work.memory.prompt_sha256
        return hashlib.sha256(self.prompter.prompt(affect, sense, index).encode()).hexdigest()


@functools.lru_cache(maxsize=1)
def open_studio(work: Work) -> Studio:
    """Return the backends of a work, opened once per process."""
    return Studio(work)


def do(work: Work, job: Job) -> Made:
    """Make one clip or picture.

    Raises
    ------
    FormatError
        If nothing usable comes out.
    """
    # One core for our own: small products gain nothing from more, and beside a running session
    # threads that wait for one another made a build five times slower. Models want all of them.
    clock = SystemClock()
    began = clock.now()
    with threadpool_limits(limits=1 if job.backend == PLAIN else None):
        data, row = _clip(work, job) if isinstance(job, ClipJob) else _frame(work, job)
    return Made(data, row, clock.now() - began)


def _clip(work: Work, job: ClipJob) -> tuple[bytes, Clip]:
    studio, place = open_studio(work), job.place
    player = studio.musician_of(job.backend)
    data, clip = finish(
        player.play(place, job.take),
        place,
        work.settings,
        file=job.file,
        take=job.take,
        maker=player.maker,
        prompt_sha256=studio.prompt_sha256(job.backend, place.affect, "sound", place.section),
    )
    return data, clip


def _frame(work: Work, job: FrameJob) -> tuple[bytes, Frame]:
    picture = open_studio(work).painter_of(job.backend).paint(job.scene, job.take, job.frame)
    data = encode(picture)
    valence = 2.0 * job.frame / (work.settings.frames - 1) - 1.0
    seen = look(decode(data))  # as it will be seen, small pictures lose some colour
    frame = Frame(
        file=job.file,
        sha256=hashlib.sha256(data).hexdigest(),
        valence=round(valence, 6),
        hue=round(seen.hue, 2),
        saturation=round(seen.saturation, 5),
        value=round(seen.value, 5),
        luminance=round(seen.luminance, 5),
        drift=drift(valence),
    )
    return data, frame
