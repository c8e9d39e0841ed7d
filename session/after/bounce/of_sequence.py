"""`rym bank bounce BANK --sequence FILE`: a bank heard and seen along states written beforehand.

Sound and pictures of an arm `permuted` without a person: the player's own engine, its limits of
exposure included, so that what is shown is what would have been played.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import msgspec
import numpy as np

from player.engine import Engine
from player.music.material import Material
from player.service import load
from player.settings import RATE, PlayerSettings
from rym import settings as layers
from rym.clock import Clock
from rym.errors import UsageError
from rym.messages import AFFECTS, Affect, Identity, Message, Meta, Played, State
from rym.settings import Layer

from ..rerun import Piece
from .making import folder_of, paint, render

FALL = RATE // 10
"""Frames over which the end fades, so that it does not click."""
AT_ONCE = RATE // 10
"""Frames of one piece."""

Progress = Callable[[float, str], None]


class Along(msgspec.Struct, frozen=True, kw_only=True):
    """What was made of a bank and a sequence."""

    sound: str
    video: str
    """File; empty where none could be made."""
    seconds: float
    n_states: int
    otherwise: int
    """States in whose middle another affect was heard."""
    speed: float
    """Seconds of it per second that it took."""
    remarks: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether everything was made and heard as it was written."""
        return bool(self.video) and not self.otherwise

    @property
    def sentence(self) -> str:
        """What was made, for people."""
        names = " and ".join(name for name in (self.sound, self.video) if name)
        told = [f"{names}: {self.seconds:.1f} s, {self.speed:.1f}× live."]
        if self.otherwise:
            told.append(
                f"{self.otherwise} of {self.n_states} states were not heard as written: dwell, "
                "changes per minute and limits of exposure hold here as in a session."
            )
        return " ".join((*told, *self.remarks))


def settings_of(file: Path, folder: Path, preset: str | None) -> PlayerSettings:
    """Return the player's settings for a sequence: those of the file, led by its sequence.

    Parameters
    ----------
    file : Path
        TOML with a table `[player]`, in it `sequence`: rows of state and seconds. The rig's own
        settings, above all its level, do not count.
    folder : Path
        The bank's.
    preset : str or None
        Overrides the file's.

    Raises
    ------
    UsageError
        If the file has no sequence, or a setting is unknown or wrong.
    """
    read = layers.read(file)
    own = read.tables.get("player", {})
    if not (isinstance(own, dict) and own.get("sequence")):
        raise UsageError(
            f"{file} has no sequence.",
            'Write [player] and below it sequence = [["neutral", 20.0], ["positive", 20.0], …].',
        )
    said = {"bank": str(folder), **({"preset": preset} if preset else {})}
    said |= {} if "arm" in own else {"arm": "permuted"}
    chosen = [read, Layer("command line", {"player": said})]
    return layers.load({"player": PlayerSettings}, chosen).table("player", PlayerSettings)


def along(
    file: Path,
    folder: Path,
    out: Path,
    clock: Clock,
    *,
    preset: str | None = None,
    progress: Progress = lambda share, what: None,  # noqa: ARG005
) -> Along:
    """Render a bank along a sequence.

    Parameters
    ----------
    file : Path
        Holds the sequence.
    folder : Path
        The bank's.
    out : Path
        Where the files go, made if need be.
    clock : Clock
        Measures the speed.
    preset : str or None
        Overrides the file's.
    progress : callable
        Called with the share done (0…1) and what is being done.

    Raises
    ------
    UsageError
        If the file cannot be followed or `out` cannot be made.
    FormatError
        If the bank cannot be played.
    DeviceError
        If the sound cannot be written.
    """
    began = clock.now()
    settings = settings_of(file, folder, preset)
    total = round(sum(seconds for _, seconds in settings.sequence) * RATE)
    path = folder_of(out) / f"{file.stem}_{settings.preset}.flac"
    remarks = [f"It replaces the {path.name} of before."] if path.exists() else []
    heard: list[Played] = []

    def listened() -> Iterator[Piece]:
        for piece in pieces(load(folder), settings, total):
            heard.extend(x.content for x in piece.said if isinstance(x.content, Played))
            yield piece

    rendered = render(listened(), path, None, lambda n: progress(0.3 * n / total, "sound"))
    film = path.with_suffix(".mp4")
    told = paint(rendered, path, film, folder, lambda n: progress(n / total, "pictures"))
    seconds = rendered.n_frames / RATE
    return Along(
        sound=str(path),
        video=str(film) if film.exists() else "",
        seconds=seconds,
        n_states=len(settings.sequence),
        otherwise=_otherwise(settings.sequence, heard),
        speed=seconds / max(clock.now() - began, 1e-9),
        remarks=(*remarks, *rendered.remarks, *told),
    )


def pieces(material: Material, settings: PlayerSettings, n_frames: int) -> Iterator[Piece]:
    """Yield what the engine gives out without any input, fading at the end.

    Parameters
    ----------
    material : Material
        The bank's arrays.
    settings : PlayerSettings
        With a sequence.
    n_frames : int
        How long.
    """
    engine = Engine(material, settings)
    block = np.zeros((AT_ONCE, 2), dtype=np.float32)
    for begin in range(0, n_frames, AT_ONCE):
        out = block[: n_frames - begin]
        engine.render(out)
        left = n_frames - begin - np.arange(len(out))
        if left[-1] <= FALL:
            out *= np.minimum(left / FALL, 1.0).astype(np.float32)[:, None]
        said = [
            Message(
                id=Identity("player", 0, type(content).__name__, begin + n),
                cause=cause,
                content=content,
                meta=Meta(wall=0.0, mono=begin / RATE, host="", pid=0),
            )
            for n, (content, cause) in enumerate(engine.events())
        ]
        yield Piece(out, said)


def _otherwise(sequence: Sequence[tuple[State, float]], heard: Sequence[Played]) -> int:
    """Count the states in whose middle something else was heard."""
    ends = accumulate(seconds for _, seconds in sequence)
    count = 0
    for (state, seconds), end in zip(sequence, ends, strict=True):
        wanted: Affect = AFFECTS[AFFECTS.index(state)] if state in AFFECTS else "neutral"
        middle = (end - seconds / 2) * RATE
        before = [played for played in heard if played.frame <= middle]
        count += not before or before[-1].audible != wanted
    return count
