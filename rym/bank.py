"""The bank's form at rest: one folder, one manifest, one hash per file.

`generator` writes it, `player` reads it; neither knows the other, so the form lives here.

    bank/
      bank.json          the manifest: a `Bank`
      audio/*.flac       loops: one per (section, variant, affect), all of a section equally long;
                         endings: one per (section, affect), all of a section equally long
      images/*.webp      one strip of frames per scene, ordered along valence

What holds for every bank: `neutral` is among its affects; all clips have the bank's rate and two
channels; the loops of one section have the same number of samples, whatever variant or affect, and
so have its endings; bars follow one another from the first sample on; all frames have one size. A
bank may be without pictures.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from rym.errors import FormatError
from rym.lock import locked
from rym.messages import Affect

SCHEMA = 2
MANIFEST = "bank.json"
AGAIN = "Build the bank again with `rym bank build`."

Kind = Literal["loop", "ending"]
Role = Literal["operator", "person"]
ROLES: tuple[Role, ...] = ("operator", "person")


class Note(msgspec.Struct, frozen=True, array_like=True):
    """One note of a clip."""

    beat: float
    """Onset in beats from the section's beginning."""
    length: float
    """Duration in beats."""
    pitch: int
    """MIDI number."""
    velocity: float
    """0…1."""
    voice: str


class Maker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a clip or a scene was made by."""

    backend: str
    """Such as `procedural`, `musicgen`, `diffusion`, or `given` for a clip made elsewhere."""
    model: str = ""
    """Model id or the name of its folder, never a path."""
    revision: str = ""
    licence: str = ""


class Clip(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of one section's bars, or of its ending."""

    file: str
    """Path relative to the bank's folder, with `/`."""
    sha256: str
    affect: Affect
    section: int
    variant: int
    """0 for an ending, which all variants share."""
    kind: Kind = "loop"
    """A loop goes round; an ending is played once, from any bar line, and rings out."""
    take: int = 0
    """How often it was made again with other draws."""
    maker: Maker
    prompt_sha256: str
    """Hash of the prompt; the text itself stays with the memory."""
    seed: int
    bpm: float
    bars: int
    beats_per_bar: int
    n_samples: int
    downbeats: tuple[int, ...]
    """Sample index of every bar's first beat."""
    key: str
    """Tonal centre, such as `D`."""
    mode: str
    """`minor`, `dorian`, `major`, …; empty where nobody has said so."""
    lufs: float
    """Integrated loudness (ITU-R BS.1770-4), in LUFS."""
    true_peak_dbtp: float
    """4× oversampled peak, in dBTP."""
    spectral_centroid_hz: float
    rms_db: float
    mode_score: float
    """How much better a major than a minor key fits its tones, −1…1."""
    beat_error: float | None
    """Relative distance of the onsets' own tempo from `bpm`; null where none stands out."""
    loop_residual_db: float | None
    """Level of the difference between looped and rendered-through sound at the seam, in dB; null
    for an ending, and where the music could not be rendered through."""
    slow_attack: bool = False
    """Whether its onsets may be heard up to 60 ms from its siblings' (else 25 ms)."""
    refrains: tuple[tuple[int, int], ...] = ()
    """First bar and number of bars of what comes again elsewhere on purpose."""
    notes: tuple[Note, ...]
    """Empty where they are not known."""


class Correlation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How alike the affects of one (section, variant) are, bar by bar."""

    section: int
    variant: int
    kind: Kind = "loop"
    rho: tuple[tuple[tuple[float, ...], ...], ...]
    """Shape (n_bars, n_affects, n_affects), correlation of the waveforms, −1…1."""


class Frame(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One picture of a scene, for one valence."""

    file: str
    sha256: str
    valence: float
    """−1…1; rises from frame to frame."""
    hue: float
    """Mean hue, weighted by saturation, in degrees; meaningless at saturation 0."""
    saturation: float
    """Mean, 0…1."""
    value: float
    """Mean, 0…1."""
    luminance: float
    """Mean relative luminance (WCAG 2), 0…1."""
    drift: tuple[float, float] = (0.0, 0.0)
    """How fast the picture may wander, in widths and heights per minute."""


class Scene(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One place in all its lights: a strip of frames from negative to positive."""

    name: str
    """Such as `scene-0`."""
    take: int = 0
    maker: Maker
    prompt_sha256: str
    seed: int
    width: int
    height: int
    flashes: int
    """Most flashes within a second while the whole strip is swept through once each way in that
    second (WCAG 2.3.1, general and red); more than 3 are refused."""
    frames: tuple[Frame, ...]

    @property
    def sha256(self) -> str:
        """SHA-256 over the hashes of its frames, as hex digits."""
        return hashlib.sha256("".join(frame.sha256 for frame in self.frames).encode()).hexdigest()


class Approval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one of those who must agree said of one clip or scene."""

    name: str
    """The clip's file, or the scene's name."""
    sha256: str
    """Of what was heard or seen; an approval of anything else counts for nothing."""
    by: Role
    approved: bool


class Bank(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Manifest of one memory's clips and pictures."""

    schema: int
    subject: str = ""
    """Label of the person whose memory it is, never a name; empty where nobody has said so."""
    memory_sha256: str
    """Hash of the memory with its song and sketch."""
    rate: int
    """Frames per second of every clip."""
    affects: tuple[Affect, ...]
    target_lufs: float
    """Loudness of neutral clips, in LUFS."""
    affect_level: float = 0.0
    """By how much positive clips are louder and negative ones softer, in LU."""
    clips: tuple[Clip, ...]
    correlations: tuple[Correlation, ...]
    scenes: tuple[Scene, ...] = ()
    """Section s is seen in scene s modulo their number."""
    approvals: tuple[Approval, ...] = ()

    def clip(self, section: int, variant: int, affect: Affect, kind: Kind = "loop") -> Clip:
        """Return the clip of these bars in this affect.

        Raises
        ------
        KeyError
            If the bank has none.
        """
        place = (section, 0 if kind == "ending" else variant, affect, kind)
        for clip in self.clips:
            if (clip.section, clip.variant, clip.affect, clip.kind) == place:
                return clip
        raise KeyError(place)

    @property
    def loops(self) -> tuple[Clip, ...]:
        """The clips that go round."""
        return tuple(clip for clip in self.clips if clip.kind == "loop")

    @property
    def n_sections(self) -> int:
        """Number of sections."""
        return 1 + max(clip.section for clip in self.loops)

    @property
    def n_variants(self) -> int:
        """Number of variants of every section."""
        return 1 + max(clip.variant for clip in self.loops)

    @property
    def files(self) -> dict[str, str]:
        """Name and SHA-256 of every file."""
        return {clip.file: clip.sha256 for clip in self.clips} | {
            frame.file: frame.sha256 for scene in self.scenes for frame in scene.frames
        }

    @property
    def judged(self) -> dict[str, str]:
        """Name and SHA-256 of everything that is to be approved."""
        return {clip.file: clip.sha256 for clip in self.clips} | {
            scene.name: scene.sha256 for scene in self.scenes
        }

    def verdict(self, name: str, by: Role) -> bool | None:
        """Return what was said of a clip or scene as it is now, null where nothing was."""
        said = (name, self.judged[name], by)
        return next((x.approved for x in self.approvals if (x.name, x.sha256, x.by) == said), None)

    @property
    def content_sha256(self) -> str:
        """SHA-256 of everything but the approvals: what is heard and seen, as hex digits."""
        return hashlib.sha256(
            msgspec.json.encode(msgspec.structs.replace(self, approvals=()))
        ).hexdigest()


def sha256(path: Path) -> str:
    """Return a file's SHA-256 as hex digits, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save(bank: Bank, folder: Path) -> None:
    """Write the manifest so that a reader sees the old one or the new one, never half of one.

    What was said of the clips and scenes of the manifest that is replaced is kept beside what the
    new one brings: an approval counts for one hash only, so that it never counts too much.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        try:
            before = read(folder).approvals
        except FormatError:
            before = ()  # there was none, or none that anything was said of in this form
        _write(msgspec.structs.replace(bank, approvals=(*before, *bank.approvals)), folder)


def amend(folder: Path, change: Callable[[Bank], tuple[Approval, ...]]) -> Bank:
    """Add approvals to a manifest; of several who do so at once nobody's are lost.

    Parameters
    ----------
    folder : Path
        The bank's.
    change : callable
        Given the manifest as it is now, returns what is said of it.

    Returns
    -------
    Bank
        As written.

    Raises
    ------
    FormatError
        If there is no manifest that can be read.
    """
    with locked(folder):
        bank = read(folder)
        bank = msgspec.structs.replace(bank, approvals=(*bank.approvals, *change(bank)))
        return _write(bank, folder)


def _write(bank: Bank, folder: Path) -> Bank:
    # One of what was made again is kept: a clip that comes back is the one that was approved.
    newest = {(x.name, x.by, x.sha256): x for x in bank.approvals}
    bank = msgspec.structs.replace(bank, approvals=tuple(newest[key] for key in sorted(newest)))
    part = folder / (MANIFEST + ".part")
    data = msgspec.json.format(msgspec.json.encode(bank), indent=1)
    try:
        # For its owner alone: it holds the notes of the person's song, and who agreed to what.
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / MANIFEST)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(folder / MANIFEST)) from None
    return bank


def load(folder: Path) -> Bank:
    """Read a manifest and check what holds for every bank, each file's hash included.

    Raises
    ------
    FormatError
        If the manifest or a file is missing, of a newer schema, altered, or breaks a rule of the
        bank; the first fault is named with both values.
    """
    bank = read(folder)
    check_form(bank, folder)
    for name, expected in bank.files.items():
        check_file(folder, name, expected)
    return bank


def check_file(folder: Path, name: str, expected: str) -> None:
    """Check that a file of the bank is there and unaltered.

    Raises
    ------
    FormatError
        If it is not; both hashes are named.
    """
    try:
        found = sha256(folder / name)
    except FileNotFoundError:
        raise FormatError(f"{name} is named in {folder / MANIFEST}, but missing.", AGAIN) from None
    except OSError as error:
        raise FormatError(f"{name} cannot be read: {error.strerror}.", AGAIN) from None
    if found != expected:
        raise FormatError(
            f"{name} has SHA-256 {found[:16]}…, the manifest says {expected[:16]}….", AGAIN
        )


def read(folder: Path) -> Bank:
    """Read a manifest; its files are not looked at.

    Raises
    ------
    FormatError
        If it is missing, cannot be read, or is of another schema.
    """
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
        schema = msgspec.json.decode(data, type=_Versioned).schema
        if schema != SCHEMA:
            raise FormatError(
                f"{path} has schema {schema}, this version knows {SCHEMA}.", AGAIN, schema=schema
            )
        return msgspec.json.decode(data, type=Bank)
    except FileNotFoundError:
        raise FormatError(f"There is no {MANIFEST} in {folder}.", AGAIN, path=str(path)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{path} cannot be read: {error}.", AGAIN, path=str(path)) from None


class _Versioned(msgspec.Struct):
    schema: int


def check_form(bank: Bank, folder: Path) -> None:
    """Check what holds for every bank and can be told from its manifest alone.

    Raises
    ------
    FormatError
        With the first fault; both values are named.
    """
    path = folder / MANIFEST
    if "neutral" not in bank.affects:
        raise FormatError(
            f"{path} has the affects {', '.join(bank.affects)}, but neutral must be among them.",
            AGAIN,
        )
    for name in bank.files:
        if "\\" in name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise FormatError(f"{path} names {name[:80]!r}, which lies outside its folder.", AGAIN)
    if not bank.loops:
        raise FormatError(f"{path} names no clip.", AGAIN)
    lengths: dict[tuple[int, Kind], int] = {}
    for clip in bank.clips:
        expected = lengths.setdefault((clip.section, clip.kind), clip.n_samples)
        if clip.n_samples != expected:
            raise FormatError(
                f"{clip.file} has {clip.n_samples} samples, its siblings have {expected}.", AGAIN
            )
        _check_grid(clip)
    for found in bank.correlations:
        _check_size(found, len(bank.affects))
    have = {(x.section, x.variant, x.affect, x.kind) for x in bank.clips}
    for section, affect in itertools.product(range(bank.n_sections), bank.affects):
        for variant in range(bank.n_variants):
            if (section, variant, affect, "loop") not in have:
                raise FormatError(
                    f"{path} has no clip for section {section}, variant {variant}, {affect}.", AGAIN
                )
        if (
            any(x.kind == "ending" for x in bank.clips)
            and (section, 0, affect, "ending") not in have
        ):
            raise FormatError(f"{path} has no ending for section {section}, {affect}.", AGAIN)


def _check_grid(clip: Clip) -> None:
    """Check that bars follow one another from the first sample on; a clip may have none."""
    if clip.beats_per_bar < 1:
        raise FormatError(
            f"{clip.file} has {clip.beats_per_bar} beats in a bar, at least 1 is needed.", AGAIN
        )
    expected = 0
    for bar, begin in enumerate(clip.downbeats):
        if begin < expected or (bar == 0 and begin > 0) or begin >= clip.n_samples:
            where = "at 0" if bar == 0 else f"from {expected} on"
            raise FormatError(
                f"{clip.file} has bar {bar + 1} at {begin}, it must begin {where} and before the "
                f"end at {clip.n_samples}.",
                AGAIN,
            )
        expected = begin + 1


def _check_size(found: Correlation, n_affects: int) -> None:
    """Check that every bar has one correlation for each two affects."""
    for bar, rows in enumerate(found.rho):
        widths = [len(row) for row in rows]
        if widths != [n_affects] * n_affects:
            raise FormatError(
                f"The correlations of section {found.section}, variant {found.variant}, bar "
                f"{bar + 1} have rows of {widths}, {n_affects} of {n_affects} are needed.",
                AGAIN,
            )
