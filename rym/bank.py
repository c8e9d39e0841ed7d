"""The bank's form at rest: one folder, one manifest, one hash per file.

`generator` writes it, `player` reads it; neither knows the other, so the form lives here.

    bank/
      bank.json          the manifest: a `Bank`
      audio/*.flac       one clip per (section, variant, affect), all of a section equally long

What holds for every bank: `neutral` is among its affects; all clips have the bank's rate and two
channels; the clips of one section have the same number of samples, whatever variant or affect.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from rym.errors import FormatError
from rym.messages import Affect

SCHEMA = 1
MANIFEST = "bank.json"


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


class Clip(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of one section's bars."""

    file: str
    """Path relative to the bank's folder, with `/`."""
    sha256: str
    affect: Affect
    section: int
    variant: int
    backend: str
    """`procedural`, or backend, model id, revision and licence."""
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
    """`minor`, `dorian`, `major`, …"""
    lufs: float
    """Integrated loudness (ITU-R BS.1770-4), in LUFS."""
    true_peak_dbtp: float
    """4× oversampled peak, in dBTP."""
    spectral_centroid_hz: float
    rms_db: float
    loop_residual_db: float
    """Level of the difference between looped and rendered-through sound at the seam, in dB."""
    notes: tuple[Note, ...]


class Correlation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How alike the affects of one (section, variant) are, bar by bar."""

    section: int
    variant: int
    rho: tuple[tuple[tuple[float, ...], ...], ...]
    """Shape (n_bars, n_affects, n_affects), correlation of the waveforms, −1…1."""


class Bank(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Manifest of one memory's clips."""

    schema: int
    rate: int
    """Frames per second of every clip."""
    affects: tuple[Affect, ...]
    target_lufs: float
    clips: tuple[Clip, ...]
    correlations: tuple[Correlation, ...]

    def clip(self, section: int, variant: int, affect: Affect) -> Clip:
        """Return the clip of these bars in this affect.

        Raises
        ------
        KeyError
            If the bank has none.
        """
        for clip in self.clips:
            if (clip.section, clip.variant, clip.affect) == (section, variant, affect):
                return clip
        raise KeyError((section, variant, affect))

    @property
    def n_sections(self) -> int:
        """Number of sections."""
        return 1 + max(clip.section for clip in self.clips)

    @property
    def n_variants(self) -> int:
        """Number of variants of every section."""
        return 1 + max(clip.variant for clip in self.clips)


def sha256(path: Path) -> str:
    """Return a file's SHA-256 as hex digits, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save(bank: Bank, folder: Path) -> None:
    """Write the manifest so that a reader sees the old one or the new one, never half of one."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / (MANIFEST + ".part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(bank), indent=1))
    part.replace(folder / MANIFEST)


def load(folder: Path) -> Bank:
    """Read a manifest and check what holds for every bank, each clip's hash included.

    Raises
    ------
    FormatError
        If the manifest or a clip is missing, of a newer schema, altered, or breaks a rule of the
        bank; the first fault is named with both values.
    """
    path = folder / MANIFEST
    again = "Build the bank again with `rym bank build`."
    try:
        bank = msgspec.json.decode(path.read_bytes(), type=Bank)
    except FileNotFoundError:
        raise FormatError(f"There is no {MANIFEST} in {folder}.", again, path=str(path)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{path} cannot be read: {error}.", again, path=str(path)) from None
    if bank.schema != SCHEMA:
        raise FormatError(
            f"{path} has schema {bank.schema}, this version knows {SCHEMA}.",
            again,
            schema=bank.schema,
        )
    if "neutral" not in bank.affects:
        raise FormatError(
            f"{path} has the affects {', '.join(bank.affects)}, but neutral must be among them.",
            again,
        )
    lengths: dict[int, int] = {}
    for clip in bank.clips:
        expected = lengths.setdefault(clip.section, clip.n_samples)
        if clip.n_samples != expected:
            raise FormatError(
                f"{clip.file} has {clip.n_samples} samples, its siblings have {expected}.", again
            )
        file = folder / clip.file
        if not file.is_file():
            raise FormatError(f"{clip.file} is named in {path}, but missing.", again)
        found = sha256(file)
        if found != clip.sha256:
            raise FormatError(
                f"{clip.file} has SHA-256 {found[:16]}…, the manifest says {clip.sha256[:16]}….",
                again,
            )
    for section in range(bank.n_sections):
        for variant in range(bank.n_variants):
            for affect in bank.affects:
                try:
                    bank.clip(section, variant, affect)
                except KeyError:
                    raise FormatError(
                        f"{path} has no clip for section {section}, variant {variant}, {affect}.",
                        again,
                    ) from None
    return bank
