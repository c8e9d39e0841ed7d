"""One memory becomes a folder: clip by clip, atomic, resumable.

    bank/
      build.json             for which memory, settings and version of the sound this folder is
      audio/s0-v0-neutral.flac
      audio/s0-v0-neutral.json   its row of the manifest, written once the clip is complete
      bank.json              the manifest, written last: a folder that has it is whole

A build that was stopped anywhere is taken up where it was; a clip whose file does not match its row
any more is made again. A folder of another memory is never touched.
"""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import soundfile
from threadpoolctl import threadpool_limits

from rym import bank
from rym.bank import Bank, Clip, Correlation, Maker
from rym.errors import FormatError, UsageError
from rym.messages import AFFECTS, Affect

from ..memory import Memory
from ..music import render
from ..music.arrangement import arrange, avoided
from ..music.composition import BEATS, Piece, compose
from ..settings import GeneratorSettings, ProceduralMusic
from ..sound import mastering, measures
from ..sound.mastering import Stereo

SOUND = 1
"""Raised by one whenever the same memory comes to sound otherwise."""
MAKER = Maker(backend="procedural")
BUILD = "build.json"
AUDIO = "audio"


class Origin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a folder is being built from; equal origins give equal bytes."""

    backend: str
    sound: int
    memory_sha256: str
    settings: GeneratorSettings


Place = tuple[int, int, Affect]
"""Section, variant, affect."""


class Work(NamedTuple):
    """What one build goes by."""

    memory: Memory
    settings: GeneratorSettings
    piece: Piece
    avoid: frozenset[str]
    out: Path


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """One more clip is complete."""

    done: int
    total: int
    file: str
    kept: bool
    """True where the clip was there already."""


def build(
    memory: Memory,
    out: Path,
    settings: GeneratorSettings | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Bank:
    """Make the bank of a memory, or complete the one that was begun.

    Parameters
    ----------
    memory : Memory
        Checked (`generator.memory.load`).
    out : Path
        The bank's folder: new, empty, or of this very memory and these settings.
    settings : GeneratorSettings, optional
        How large and how loud.
    progress : callable
        Called with a `Progress` after every clip.

    Returns
    -------
    Bank
        The manifest, as written to `out`; the same hashes for the same memory and settings.

    Raises
    ------
    UsageError
        If the folder holds anything else, or the avoid-list leaves nothing to play the tune.
    FormatError
        If a clip cannot meet the bank's rules.
    """
    settings = settings or GeneratorSettings()
    work = Work(memory, settings, compose(memory, settings), avoided(memory.avoid), out)
    _claim(out, memory, settings)
    (out / AUDIO).mkdir(exist_ok=True)
    # By affect first: neighbours then share most of their tones, which are kept for a while.
    order = [
        (section, variant, affect)
        for affect in AFFECTS
        for section, variant in itertools.product(
            range(settings.sections), range(settings.variants)
        )
    ]
    clips: dict[Place, Clip] = {}
    for done, place in enumerate(order, 1):
        file = _file(*place)
        kept = _complete(out, file)
        # One core: small products gain nothing from more, and beside a running session threads
        # that wait for one another made a build five times slower.
        with threadpool_limits(limits=1):
            clips[place] = kept or _make(work, place)
        progress(Progress(done=done, total=len(order), file=file, kept=kept is not None))
    manifest = Bank(
        schema=bank.SCHEMA,
        memory_sha256=work.memory.fingerprint,
        rate=settings.rate,
        affects=AFFECTS,
        target_lufs=settings.target_lufs,
        clips=tuple(clips[place] for place in sorted(clips, key=_manifest_order)),
        correlations=_correlations(out, clips, settings),
    )
    bank.save(manifest, out)
    return manifest


def _manifest_order(place: Place) -> tuple[int, int, int]:
    return place[0], place[1], AFFECTS.index(place[2])


def _file(section: int, variant: int, affect: Affect) -> str:
    return f"{AUDIO}/s{section}-v{variant}-{affect}.flac"


def _claim(out: Path, memory: Memory, settings: GeneratorSettings) -> None:
    """Mark the folder as this memory's, or refuse it."""
    origin = Origin(
        backend=MAKER.backend, sound=SOUND, memory_sha256=memory.fingerprint, settings=settings
    )
    marker = out / BUILD
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file, a bank is a folder.", "Choose another --out.")
    if not out.exists() or not any(out.iterdir()) or _only_begun(out):
        out.mkdir(parents=True, exist_ok=True)
        _write(marker, msgspec.json.encode(origin))
        return
    if not marker.is_file():
        raise UsageError(
            f"{out} exists and is not a bank that was begun here (it has no {BUILD}).",
            "Choose another --out; nothing was changed.",
        )
    try:
        found = msgspec.json.decode(marker.read_bytes(), type=Origin)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{marker} cannot be read: {error}.", "Choose another --out.") from None
    if found != origin:
        raise UsageError(_difference(out, found, origin), "Choose another --out.")


def _only_begun(out: Path) -> bool:
    """Tell whether a build was stopped before it had marked the folder."""
    return [path.name for path in out.iterdir()] == [BUILD + ".part"]


def _difference(out: Path, found: Origin, wanted: Origin) -> str:
    if found.memory_sha256 != wanted.memory_sha256:
        return (
            f"{out} holds the bank of memory {found.memory_sha256[:16]}…, "
            f"this memory is {wanted.memory_sha256[:16]}…."
        )
    for field in GeneratorSettings.__struct_fields__:
        before, now = getattr(found.settings, field), getattr(wanted.settings, field)
        if before != now:
            return f"{out} was begun with {field} = {before}, now it is {now}."
    return (
        f"{out} was made by {found.backend} sound {found.sound}, "
        f"this version makes {wanted.backend} sound {wanted.sound}."
    )


def _complete(out: Path, file: str) -> Clip | None:
    """Return the row of a clip that is there and unaltered."""
    path, row = out / file, _row(out, file)
    if not (path.is_file() and row.is_file()):
        return None
    try:
        clip = msgspec.json.decode(row.read_bytes(), type=Clip)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # A row that cannot be read says nothing about its clip, so the clip is made again.
        return None
    return clip if clip.file == file and bank.sha256(path) == clip.sha256 else None


def _row(out: Path, file: str) -> Path:
    return (out / file).with_suffix(".json")


def _make(work: Work, place: Place) -> Clip:
    """Render, master, measure and write one clip."""
    section, variant, affect = place
    piece, settings = work.piece, work.settings
    file = _file(*place)
    notes = arrange(piece, section, variant, affect, work.avoid)
    assert isinstance(settings.music, ProceduralMusic)
    reverb = settings.music.reverb
    grid = render.Grid(bars=piece.bars, bpm=piece.bpm, rate=settings.rate)
    performed = render.perform(notes, render.COLOURS[affect], grid, reverb)
    looped = render.fold(performed, grid.n_samples)
    offset = looped.mean(axis=0)
    looped -= offset
    gain = mastering.master(looped, settings.rate, settings.target_lufs, settings.max_true_peak)
    data, sound = _flac(looped * gain, settings.rate)
    residual = measures.loop_residual_db(sound, performed, offset, gain, settings.rate)
    clip = Clip(
        file=file,
        sha256=hashlib.sha256(data).hexdigest(),
        affect=affect,
        section=section,
        variant=variant,
        maker=MAKER,
        prompt_sha256=work.memory.prompt_sha256,
        seed=piece.seed,
        bpm=piece.bpm,
        bars=piece.bars,
        beats_per_bar=BEATS,
        n_samples=len(sound),
        downbeats=grid.downbeats,
        key=piece.key,
        mode=piece.modes[affect],
        lufs=round(mastering.loudness(sound, settings.rate), 3),
        true_peak_dbtp=round(mastering.true_peak(sound), 3),
        spectral_centroid_hz=round(measures.spectral_centroid(sound, settings.rate), 2),
        mode_score=round(measures.mode_score(sound, settings.rate), 4),
        beat_error=measures.beat_error(sound, settings.rate, piece.bpm),
        rms_db=round(measures.rms_db(sound), 3),
        loop_residual_db=round(residual, 2),
        notes=notes,
    )
    _refuse_faulty(clip, settings)
    _write(work.out / file, data)
    _write(_row(work.out, file), msgspec.json.encode(clip))
    return clip


def _refuse_faulty(clip: Clip, settings: GeneratorSettings) -> None:
    """Check a finished clip against what every bank promises."""
    rules = (
        ("loudness off by", abs(clip.lufs - settings.target_lufs), 0.2, "LU"),
        ("true peak", clip.true_peak_dbtp, settings.max_true_peak, "dBTP"),
        ("loop residual", clip.loop_residual_db or -150.0, -50.0, "dB"),
    )
    for name, found, limit, unit in rules:
        if not found <= limit:
            raise FormatError(
                f"{clip.file}: {name} {found:.2f} {unit}, allowed are {limit:g} {unit}.",
                "Choose another seed, or lower target_lufs.",
            )


def _flac(sound: Stereo, rate: int) -> tuple[bytes, Stereo]:
    """Return the file's bytes and the very samples that a reader gets from it."""
    # Rounded here, not by libsndfile, so that what is measured is what is stored.
    steps = np.round(sound * 2**23)
    buffer = io.BytesIO()
    # 32-bit integers carry 24 bits in their upper three bytes.
    soundfile.write(buffer, (steps * 256).astype(np.int32), rate, format="FLAC", subtype="PCM_24")
    return buffer.getvalue(), steps / 2**23


def _correlations(
    out: Path, clips: dict[Place, Clip], settings: GeneratorSettings
) -> tuple[Correlation, ...]:
    """Measure how alike the affects are, from the files themselves."""
    rows = []
    for section, variant in itertools.product(range(settings.sections), range(settings.variants)):
        siblings = [clips[section, variant, affect] for affect in AFFECTS]
        sounds = [soundfile.read(out / clip.file)[0] for clip in siblings]
        rho = measures.correlations(sounds, siblings[0].downbeats)
        rows.append(Correlation(section=section, variant=variant, rho=rho))
    return tuple(rows)


def _write(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)
