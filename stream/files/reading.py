"""Which reader opens a recording, and what no reader would be asked to.

Each reader is imported where its format is met: mne alone takes half a second.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import numpy as np

from rym.errors import FormatError, UsageError

from .recording import RATE_OFF, Recording

NEUROELECTRICS = (".easy", ".easy.gz", ".nedf")
THROUGH_MNE = (".edf", ".bdf", ".fif", ".fif.gz", ".vhdr", ".set")
TABLES = (".csv", ".tsv")
READABLE = (*NEUROELECTRICS, *THROUGH_MNE, ".xdf", *TABLES)

LARGEST_FILE = 4_000_000_000
"""Bytes from which a file is refused: it is read as a whole."""


def read(path: Path, *, stream: str = "", columns: Path | None = None) -> Recording:
    """Read a recording, choosing the reader by the file's extension.

    Parameters
    ----------
    path : Path
        One of `READABLE`.
    stream : str
        Which stream of an `.xdf`: its name, type, `name/type`, source id or number; empty: the
        longest of type EEG.
    columns : Path or None
        The map of a table's columns, see `stream.files.table`; None: the TOML file beside it, if
        any.

    Returns
    -------
    Recording
        In µV, with cleaned names.

    Raises
    ------
    UsageError
        If there is no such file, no reader for its extension, or an option that it does not take.
    FormatError
        If the file is empty, broken, too large, or lacks what its format promises.
    """
    ending = _ending(path)
    _check_file(path)
    _check_options(path, ending, stream, columns)
    try:
        recording = _opened(path, ending, stream, columns)
    except MemoryError as error:
        raise FormatError(
            f"{path.name} needs more memory than there is.", "Cut it into parts."
        ) from error
    except OSError as error:
        raise FormatError(
            f"{error.filename or path} cannot be read: {error.strerror or error}.",
            "Check its rights and the disk that it lies on.",
        ) from error
    return _checked(recording)


def _ending(path: Path) -> str:
    both = "".join(path.suffixes[-2:]).lower()
    found = next((end for end in (both, path.suffix.lower()) if end in READABLE), None)
    if found is None:
        raise UsageError(
            f"{path.name} ends in {path.suffix or 'no extension'!r}, "
            f"readable are {', '.join(READABLE)}.",
            "Give one of these; for BrainVision name the .vhdr file, for NIC the .easy or .nedf.",
            path=str(path),
        )
    return found


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", "Check the path.", path=str(path))
    size = path.stat().st_size
    if size == 0:
        raise FormatError(f"{path.name} is empty (0 bytes).", "Copy it again from its source.")
    if size >= LARGEST_FILE:
        raise FormatError(
            f"{path.name} has {size / 1e9:.1f} GB, up to {LARGEST_FILE / 1e9:.0f} GB are read.",
            "Cut it into parts.",
            size=size,
        )


def _check_options(path: Path, ending: str, stream: str, columns: Path | None) -> None:
    """Refuse an option that would be left out silently."""
    if stream and ending != ".xdf":
        raise UsageError(
            f"{path.name} holds one recording, but the stream {stream!r} was asked for.",
            "Choose a stream with .xdf files only.",
        )
    if columns is not None and ending not in TABLES:
        raise UsageError(
            f"{path.name} is no table, but its columns were named by {columns.name}.",
            "Name columns with .csv and .tsv files only.",
        )


def _opened(path: Path, ending: str, stream: str, columns: Path | None) -> Recording:
    if ending in (".easy", ".easy.gz"):
        from .easy import read_easy

        return read_easy(path)
    if ending == ".nedf":
        from .nedf import read_nedf

        return read_nedf(path)
    if ending == ".xdf":
        from .read_xdf import read_xdf

        return read_xdf(path, stream)
    if ending in TABLES:
        from .table import read_table

        return read_table(path, columns)
    from .read_mne import read_with_mne

    return read_with_mne(path)


def _checked(recording: Recording) -> Recording:
    """Refuse what no part could work with."""
    name = recording.file
    if not recording.channels:
        raise FormatError(f"{name} has no channel in volts.", "Give a recording of EEG.")
    if not len(recording.samples):
        raise FormatError(f"{name} has no samples.", "Give a recording that holds data.")
    if not 0 < recording.rate < np.inf:
        raise FormatError(
            f"{name} has a rate of {recording.rate:g} samples per second, more than 0 is needed.",
            "Give a recording with a regular rate.",
        )
    twice = [channel for channel, n in Counter(recording.channels).items() if n > 1]
    if twice:
        raise FormatError(
            f"{name} has {len(recording.channels)} channels, {', '.join(twice)} more than once.",
            "Name each channel differently in the file.",
        )
    return _with_rate_told(recording)


def _with_rate_told(recording: Recording) -> Recording:
    """Warn where the file's own stamps show another rate than it declares."""
    rate, measured = recording.rate, recording.measured
    if measured is None or abs(measured - rate) <= RATE_OFF * rate:
        return recording
    note = f"The rate is said to be {rate:g} Hz, the stamps show {measured:.2f} Hz."
    return msgspec.structs.replace(recording, warnings=(*recording.warnings, note))
