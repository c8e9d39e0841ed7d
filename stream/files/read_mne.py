"""EDF, BDF, FIF, BrainVision and EEGLAB files, through MNE-Python (adapter: mne)."""

from __future__ import annotations

import gzip
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from rym.errors import FormatError, RymError

from ..montage import clean, kind
from .matlab import BrokenError, check_matlab
from .recording import Event, Recording, Samples, check_size, damaged, triggers

VOLTS = 107
"""mne's FIFF_UNIT_V."""
BLOCK = 2**22
"""Values that are read at a time: mne gives twice the bytes that are kept."""


@contextmanager
def _foreign(name: str, notes: list[str]) -> Iterator[None]:
    """Turn what a foreign reader raises into one sentence, and what it warns of into notes.

    Which exceptions these readers raise on broken files is documented nowhere, and they change, so
    every one counts as "cannot be read" here; ours pass.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except RymError:
            raise
        except Exception as error:
            raise damaged(name, error or type(error).__name__) from error
    texts = [" ".join(str(warning.message).split()) for warning in caught]
    notes += dict.fromkeys(_impersonal(text[:300]) for text in texts)


def _impersonal(text: str) -> str:
    """Return what mne warns of without the words of the patient field that it quotes."""
    return "The patient field is not as EDF+ asks for." if "patient" in text.lower() else text


def _open(path: Path) -> Any:
    """Return mne's object for a file."""
    import mne  # noqa: PLC0415  (half a second, and only for these formats)

    readers = {
        ".edf": mne.io.read_raw_edf,
        ".bdf": mne.io.read_raw_bdf,
        ".vhdr": mne.io.read_raw_brainvision,
        ".set": mne.io.read_raw_eeglab,
    }
    reader = readers.get(path.suffix.lower(), mne.io.read_raw_fif)
    return reader(path, preload=False, verbose="warning")


def read_with_mne(path: Path) -> Recording:
    """Read a format that MNE-Python knows; channels that are not in volts stay out.

    Raises
    ------
    FormatError
        If mne cannot read it.
    """
    notes: list[str] = []
    name = path.name.lower()
    if name.endswith(".set"):
        _check_matlab(path)
    elif name.endswith((".fif", ".fif.gz")):
        _check_chain(path)
    with _foreign(path.name, notes):
        raw = _open(path)
        check_size(path.name, raw.n_times, len(raw.ch_names))
        types = raw.get_channel_types()
        stim = [name for name, what in zip(raw.ch_names, types, strict=True) if what == "stim"]
        picks = [
            c["ch_name"]
            for c in raw.info["chs"]
            if c["unit"] == VOLTS and c["ch_name"] not in stim and kind(c["ch_name"]) != "trigger"
        ]
        left_out = [name for name in raw.ch_names if name not in picks and name not in stim]
        samples = _microvolts(raw, picks)
        events = [event for name in stim for event in triggers(raw.get_data(picks=[name])[0])]
        events += _annotations(raw)
        rate = float(raw.info["sfreq"])
        filters = _filters(raw)
    if left_out:
        notes.append(f"Left out, as they are not in volts: {', '.join(left_out)}.")
    channels = tuple(clean(name) for name in picks)
    return Recording(
        file=path.name,
        format=path.name.lower().removesuffix(".gz").rpartition(".")[2],
        rate=rate,
        channels=channels,
        kinds=tuple(kind(name) for name in channels),
        samples=samples,
        stamps=None,
        events=tuple(sorted(events, key=lambda event: event.sample)),
        facts=filters,
        warnings=tuple(notes),
    )


def _filters(raw: Any) -> dict[str, str]:
    """Return what the header declares of filters; what lets everything pass is none."""
    high, low = float(raw.info["highpass"]), float(raw.info["lowpass"])
    found = {"high-pass": f"{high:g} Hz"} if high > 0 else {}
    if low < float(raw.info["sfreq"]) / 2:
        found["low-pass"] = f"{low:g} Hz"
    return found


def _check_matlab(path: Path) -> None:
    """Refuse a .set file that is damaged, or that is HDF5 where nothing can read it.

    EEGLAB writes that form only above 2 GB or when asked to; reading it would bring in h5py.
    """
    data = path.read_bytes()
    if not data.startswith(b"MATLAB 7.3"):
        try:
            check_matlab(data)
        except BrokenError as error:
            raise damaged(path.name, error) from error
    elif find_spec("pymatreader") is None:
        raise FormatError(
            f"{path.name} is saved as MATLAB 7.3, readable are versions up to 7.",
            "Save it again in EEGLAB without the v7.3 option, or `pip install pymatreader`.",
        )


def _check_chain(path: Path) -> None:
    """Refuse a FIF file whose tags lead back: mne would follow them for ever.

    Each tag has 16 bytes before its content: kind, type, size, and where the next one lies (0:
    right behind it, −1: nowhere).
    """
    packed = path.name.lower().endswith(".gz")
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            at = 0
            while len(head := file.read(16)) == 16:
                _, _, size, following = struct.unpack(">iIii", head)
                if following < 0:
                    return
                at, before = following or at + 16 + size, at
                if at <= before:
                    raise damaged(path.name, f"its tag at byte {before} leads back to byte {at}")
                file.seek(at)
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path.name, error) from error


def _microvolts(raw: Any, picks: list[str]) -> Samples:
    if not picks:
        return np.empty((0, 0), np.float32)
    step = max(1, BLOCK // len(picks))
    blocks = [np.empty((0, len(picks)), np.float32)]
    for at in range(0, raw.n_times, step):
        volts = raw.get_data(picks=picks, start=at, stop=min(at + step, raw.n_times))
        blocks.append((1e6 * volts.T).astype(np.float32, order="C"))
    return np.concatenate(blocks)


def _annotations(raw: Any) -> list[Event]:
    """Return a file's annotations as events, counted from its first sample."""
    import mne  # noqa: PLC0415

    found, numbers = mne.events_from_annotations(raw, verbose="error")
    texts = {number: text for text, number in numbers.items()}
    return [Event(int(row[0] - raw.first_samp), 0, texts[row[2]]) for row in found]
