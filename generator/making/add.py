"""A clip that was made elsewhere takes its place in a bank, through the same mastering."""

from __future__ import annotations

from math import gcd
from pathlib import Path

import msgspec
import numpy as np
from scipy import signal

from rym import bank
from rym.bank import Bank, Clip, Maker
from rym.errors import FormatError, UsageError
from rym.lock import locked

from ..drafts import Draft, Place
from ..music.render import Grid
from ..sound.bars import Limits, to_ending, to_grid
from ..sound.mastering import Stereo
from ..sound.timing import LAG_MS, lag_ms
from . import rows
from .finish import decode, finish
from .manifest import correlation
from .names import clip_file, parse_clip
from .plan import GIVEN

LONGEST_S = 600.0
"""Seconds of a file that are read."""
_OTHER = "Give a WAV, FLAC, OGG or MP3 file."


def add(folder: Path, sound_file: Path, place: Place, licence: str = "") -> Clip:
    """Put a clip in its siblings' place.

    What has exactly their length is taken as it is; anything longer is brought to their tempo and
    bars, and closed to a loop.

    Parameters
    ----------
    folder : Path
        A bank that is whole.
    sound_file : Path
        Any form that libsndfile reads, at any rate, mono or stereo.
    place : Place
        Whose place it takes.
    licence : str
        Under which it may be played; written into the manifest.

    Returns
    -------
    Clip
        Its row. It needs to be approved anew, as any other.

    Raises
    ------
    UsageError
        If the bank has no such place, or the file cannot be opened.
    FormatError
        If it cannot be brought to bars and level; the bank is as it was.
    """
    with locked(folder / rows.BUILD):
        return _added(folder, sound_file, place, licence)


def _added(folder: Path, sound_file: Path, place: Place, licence: str) -> Clip:
    manifest = bank.load(folder)
    try:
        sibling = manifest.clip(place.section, place.variant, place.affect, place.kind)
    except KeyError:
        raise UsageError(
            f"The bank has {manifest.n_sections} sections with {manifest.n_variants} variants, "
            f"none at section {place.section}, variant {place.variant}, {place.kind}.",
            "Numbers begin at 0; `rym bank show` names them all.",
        ) from None
    sound = _read(sound_file, manifest.rate)
    grid = Grid(bars=sibling.bars, bpm=sibling.bpm, rate=manifest.rate)
    guide, _ = decode((folder / sibling.file).read_bytes())
    if len(sound) != sibling.n_samples:
        lay = to_grid if place.kind == "loop" else to_ending
        sound = lay(sound, guide, grid, Limits()).sound
    elif (late := lag_ms(sound, guide, grid.rate, grid.bpm)) > LAG_MS:
        raise FormatError(
            f"Its onsets lie {late:.0f} ms from its siblings', allowed are {LAG_MS:g}.",
            "Give a longer piece, which is then put on the bars.",
        )
    take = _next_take(folder, place)
    finished = finish(
        Draft(sound, None, grid, sibling.key, "", 0),
        place,
        rows.origin(folder).settings,
        file=clip_file(place, take, GIVEN),
        take=take,
        maker=Maker(backend=GIVEN, licence=licence),
        prompt_sha256="",
    )
    rows.keep(folder, *finished)
    with locked(folder):
        rows.wish(folder, finished.clip.file, take)
    bank.save(_with(manifest, folder, sibling, finished.clip), folder)
    return finished.clip


def _read(path: Path, rate: int) -> Stereo:
    try:
        sound, its_rate = decode(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be opened: {error.strerror}.", _OTHER) from None
    except FormatError:
        raise UsageError(f"{path} cannot be read as sound.", _OTHER) from None
    sound = sound[: round(LONGEST_S * its_rate)]
    if not len(sound) or not np.isfinite(sound).all():
        sentence = f"{path} holds {len(sound)} samples, or some that are no numbers."
        raise FormatError(sentence, _OTHER)
    if sound.shape[1] > 2:
        sound = sound.mean(axis=1, keepdims=True)
    both: Stereo = sound[:, [0, -1]]
    if its_rate == rate:
        return both
    common = gcd(its_rate, rate)
    there: Stereo = signal.resample_poly(both, rate // common, its_rate // common, axis=0)
    return there


def _next_take(folder: Path, place: Place) -> int:
    """Return a number that no clip given for this place has had, or was asked for."""
    names = [f"audio/{path.name}" for path in (folder / "audio").glob("*.flac")]
    found = [parse_clip(name) for name in [*names, *rows.remakes(folder)]]
    takes = [take for at, take, made_by in filter(None, found) if (at, made_by) == (place, GIVEN)]
    return max(takes, default=-1) + 1


def _with(manifest: Bank, folder: Path, sibling: Clip, clip: Clip) -> Bank:
    clips = tuple(clip if x == sibling else x for x in manifest.clips)
    place = (clip.section, clip.variant, clip.kind)
    group = [x for x in clips if (x.section, x.variant, x.kind) == place]
    anew = correlation(folder, place, group)
    kept = [x for x in manifest.correlations if (x.section, x.variant, x.kind) != place]
    # What was said meanwhile is kept by `bank.save`; what was read here may be older.
    return msgspec.structs.replace(manifest, clips=clips, correlations=(*kept, anew), approvals=())
