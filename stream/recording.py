"""Readers of EEG recordings (adapter; only this file imports mne and pyxdf).

Whatever the file's unit, a `Recording` is in µV. Names and notes of people that formats carry (user
notes, device addresses, patient fields) are not taken over.
"""

from __future__ import annotations

import gzip
import logging
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from rym.errors import FormatError, RymError, UsageError

from .montage import Kind, clean, kind

Array = npt.NDArray[np.float64]


class Gap(msgspec.Struct, frozen=True):
    """Time without samples."""

    sample: int
    """Index of the first sample after it."""
    seconds: float
    """How much later that sample is than the rate asks for; negative where the clock jumps back."""


class Event(msgspec.Struct, frozen=True):
    """A trigger or an annotation."""

    sample: int
    code: int
    """0 where there is only a text."""
    text: str = ""


class Recording(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What a file holds."""

    file: str
    format: str
    rate: float
    """Samples per second."""
    channels: tuple[str, ...]
    """Cleaned names, one per column of `samples`."""
    kinds: tuple[Kind, ...]
    samples: npt.NDArray[np.float32]
    """Array of shape (n_times, n_channels), µV."""
    stamps: Array | None
    """Array of shape (n_times,), the file's own time of each sample in seconds."""
    gaps: tuple[Gap, ...] = ()
    events: tuple[Event, ...] = ()
    motion: npt.NDArray[np.float32] | None = None
    """Array of shape (n_times, 3), acceleration in mm/s² at the rate of the EEG."""
    facts: dict[str, str] = {}
    """Device, software and filters, as the file says."""
    warnings: tuple[str, ...] = ()


def read(path: Path) -> Recording:
    """Read a recording, choosing the reader by the file's extension.

    Parameters
    ----------
    path : Path
        `.easy`, `.easy.gz`, `.nedf`, `.edf`, `.bdf`, `.fif`, `.fif.gz`, `.vhdr` or `.xdf`.

    Returns
    -------
    Recording
        In µV, with cleaned names.

    Raises
    ------
    UsageError
        If there is no such file or no reader for its extension.
    FormatError
        If the file is empty, broken, or lacks what its format promises.
    """
    readers: dict[str, Callable[[Path], Recording]] = {
        **dict.fromkeys((".easy", ".easy.gz"), _read_easy),
        **dict.fromkeys((".nedf", ".edf", ".bdf", ".fif", ".fif.gz", ".vhdr"), _read_with_mne),
        ".xdf": _read_xdf,
    }
    suffixes = "".join(path.suffixes[-2:]).lower()
    reader = readers.get(suffixes) or readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            f"{path.name} ends in {path.suffix or 'no extension'!r}, "
            f"readable are {', '.join(readers)}.",
            "Give one of these; for BrainVision name the .vhdr file.",
            path=str(path),
        )
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", "Check the path.", path=str(path))
    if path.stat().st_size == 0:
        raise FormatError(f"{path.name} is empty (0 bytes).", "Copy it again from its source.")
    return _checked(reader(path))


def _checked(recording: Recording) -> Recording:
    """Refuse what no part could work with."""
    name = recording.file
    if not recording.channels:
        raise FormatError(f"{name} has no channel in volts.", "Give a recording of EEG.")
    if not len(recording.samples):
        raise FormatError(f"{name} has no samples.", "Give a recording that holds data.")
    if not recording.rate > 0:
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
    return recording


def _cut(name: str, why: object) -> FormatError:
    return FormatError(
        f"{name} cannot be read: {' '.join(str(why).split())[:200].rstrip('.')}.",
        "The file is damaged or not what its extension says; copy it again from its source.",
    )


# ----------------------------------------------------------------------------- Neuroelectrics .easy


class _Info(msgspec.Struct, frozen=True):
    """What an .info file says about its .easy file."""

    rate: float
    channels: tuple[str, ...]
    per_microvolt: float
    facts: dict[str, str]


_KEPT = {
    "device class": "device",
    "nic version": "software",
    "software's version": "software",
    "firmware version": "firmware",
    "firmware's version": "firmware",
    "line filter status": "line filter",
    "fir filter status": "FIR filter",
    "number of packets lost": "packets lost",
}
"""Lines of either dialect that are taken over; anything else may be personal and stays behind."""

_PER_MICROVOLT = {"nV": 1000.0, "uV": 1.0, "µV": 1.0, "mV": 1e-3, "V": 1e-6}


def _read_info(path: Path) -> _Info:
    """Read an .info file of NIC 1 or NIC 2."""
    if not path.is_file():
        raise FormatError(
            f"{path.name} is missing: an .easy file does not name its channels.",
            "Put the .info file that NIC wrote beside it, under the same name.",
            path=str(path),
        )
    text = path.read_text("utf-8", errors="replace")
    lines = [line.partition(":") for line in text.splitlines()]
    said = {key.strip().lower(): value.strip() for key, _, value in lines}
    names = re.findall(r"^\s*Channel\s+\d+\s*:[ \t]*(\S*)[ \t]*$", text, re.MULTILINE)
    found = re.match(r"[\d.]+", said.get("eeg sampling rate", ""))
    unit = said.get("eeg units", "nV")
    stated = said.get("number of eeg channels", str(len(names)))
    if not names or found is None or unit not in _PER_MICROVOLT or stated != str(len(names)):
        raise FormatError(
            f"{path.name} gives {len(names)} channel names for {stated} EEG channels, "
            f"rate {said.get('eeg sampling rate', 'none')!r} and unit {unit!r}.",
            "Restore the .info file as NIC wrote it.",
        )
    return _Info(
        rate=float(found[0]),
        channels=tuple(clean(name) or f"Ch{i}" for i, name in enumerate(names, 1)),
        per_microvolt=_PER_MICROVOLT[unit],
        facts={_KEPT[key]: value for key, value in said.items() if key in _KEPT and value},
    )


def _easy_lines(path: Path) -> list[bytes]:
    """Return the lines of an .easy file, unpacked where need be."""
    try:
        packed = path.read_bytes()
        data = gzip.decompress(packed) if path.suffix.lower() == ".gz" else packed
    except (OSError, EOFError, zlib.error) as error:
        raise _cut(path.name, error) from error
    return data.strip(b"\r\n").splitlines()


def _easy_table(path: Path, lines: list[bytes], notes: list[str]) -> Array:
    """Return the numbers of an .easy file; a last line that was cut off is left out."""
    n_columns = len(lines[0].split())
    if len(lines) > 1 and len(lines[-1].split()) < n_columns:
        notes.append(f"The last line of {path.name} is cut off and was left out.")
        lines = lines[:-1]
    for number, line in enumerate(lines, 1):
        found = len(line.split())
        if found != n_columns:
            raise _cut(path.name, f"line {number} has {found} columns, line 1 has {n_columns}")
    try:
        return np.loadtxt(lines, dtype=np.float64, ndmin=2, comments=None, encoding="latin-1")
    except ValueError as error:
        raise _cut(path.name, error) from error


def _read_easy(path: Path) -> Recording:
    """Read an .easy file: EEG, perhaps accelerometer, perhaps one more input, trigger, unix ms."""
    info = _read_info(path.with_name(re.sub(r"\.easy(\.gz)?$", ".info", path.name, flags=re.I)))
    notes: list[str] = []
    lines = _easy_lines(path)
    if not lines:
        raise FormatError(f"{path.name} has no samples.", "Give a recording that holds data.")
    table = _easy_table(path, lines, notes)
    n = len(info.channels)
    extra = table.shape[1] - n
    if extra not in (2, 3, 5, 6):
        raise FormatError(
            f"{path.name} has {table.shape[1]} columns, its .info names {n} channels: "
            f"{n + 2}, {n + 3}, {n + 5} or {n + 6} are possible.",
            "Restore the .info file that belongs to this recording.",
            columns=table.shape[1],
            channels=n,
        )
    # Whole milliseconds since 1970 fit a float64 exactly; a float32 would lose minutes.
    milliseconds = table[:, -1].astype(np.int64)
    stamps = milliseconds / 1000.0
    gaps = _gaps(stamps, info.rate, longer_than=0.5 / info.rate)
    return Recording(
        file=path.name,
        format="easy",
        rate=info.rate,
        channels=info.channels,
        kinds=tuple(kind(name) for name in info.channels),
        samples=(table[:, :n] / info.per_microvolt).astype(np.float32),
        stamps=stamps,
        gaps=gaps,
        events=_triggers(table[:, -2]),
        motion=table[:, n : n + 3].astype(np.float32) if extra >= 5 else None,
        facts=info.facts,
        warnings=(*notes, *_gap_note(gaps)),
    )


def _gaps(stamps: Array, rate: float, longer_than: float) -> tuple[Gap, ...]:
    """Return where stamps are later than the rate asks for by more than some seconds, or go back.

    Whole milliseconds cannot hold every rate's period, hence at least 1 ms of grace.
    """
    late = np.diff(stamps) - 1.0 / rate
    grace = max(longer_than, 0.0011)
    found = np.flatnonzero((late > grace) | (late < -max(grace, 1.5 / rate)))
    return tuple(Gap(int(i) + 1, float(late[i])) for i in found)


def _gap_note(gaps: tuple[Gap, ...]) -> list[str]:
    if not gaps:
        return []
    longest = max(gaps, key=lambda gap: abs(gap.seconds))
    size, sample = longest.seconds, longest.sample
    return [f"{len(gaps)} gaps or clock jumps, the largest of {size:.3f} s before sample {sample}."]


def _triggers(codes: Array) -> tuple[Event, ...]:
    """Return where a trigger line takes a new value other than 0."""
    whole = np.nan_to_num(codes).astype(np.int64)
    starts = np.flatnonzero((whole != 0) & (np.diff(whole, prepend=0) != 0))
    return tuple(Event(int(i), int(whole[i])) for i in starts)


# ----------------------------------------------------------------------------------- through mne


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
        except (RymError, MemoryError):
            raise
        except Exception as error:
            raise _cut(name, error or type(error).__name__) from error
    texts = [" ".join(str(warning.message).split()) for warning in caught]
    notes += dict.fromkeys(text[:300] for text in texts)


def _open_with_mne(path: Path) -> Any:
    """Return mne's object for a file."""
    import mne  # noqa: PLC0415  (half a second, and only for these formats)

    readers = {
        ".nedf": mne.io.read_raw_nedf,
        ".edf": mne.io.read_raw_edf,
        ".bdf": mne.io.read_raw_bdf,
        ".vhdr": mne.io.read_raw_brainvision,
    }
    reader = readers.get(path.suffix.lower(), mne.io.read_raw_fif)
    return reader(path, preload=False, verbose="warning")


def _read_with_mne(path: Path) -> Recording:
    """Read a format that MNE-Python knows; channels that are not in volts stay out."""
    volts = 107  # FIFF_UNIT_V
    notes: list[str] = []
    with _foreign(path.name, notes):
        raw = _open_with_mne(path)
        types = raw.get_channel_types()
        stim = [name for name, what in zip(raw.ch_names, types, strict=True) if what == "stim"]
        picks = [
            c["ch_name"]
            for c in raw.info["chs"]
            if c["unit"] == volts and c["ch_name"] not in stim and kind(c["ch_name"]) != "trigger"
        ]
        left_out = [name for name in raw.ch_names if name not in picks and name not in stim]
        samples = 1e6 * raw.get_data(picks=picks).T if picks else np.empty((0, 0))
        events = [event for name in stim for event in _triggers(raw.get_data(picks=[name])[0])]
        events += _annotations(raw)
        rate = float(raw.info["sfreq"])
    if left_out:
        notes.append(f"Left out, as they are not in volts: {', '.join(left_out)}.")
    channels = tuple(clean(name) for name in picks)
    return Recording(
        file=path.name,
        format=path.name.removesuffix(".gz").rpartition(".")[2].lower(),
        rate=rate,
        channels=channels,
        kinds=tuple(kind(name) for name in channels),
        samples=np.ascontiguousarray(samples, dtype=np.float32),
        stamps=None,
        events=tuple(sorted(events, key=lambda event: event.sample)),
        warnings=tuple(notes),
    )


def _annotations(raw: Any) -> list[Event]:
    """Return a file's annotations as events, counted from its first sample."""
    import mne  # noqa: PLC0415

    found, numbers = mne.events_from_annotations(raw, verbose="error")
    texts = {number: text for text, number in numbers.items()}
    return [Event(int(row[0] - raw.first_samp), 0, texts[row[2]]) for row in found]


# ---------------------------------------------------------------------------------------- XDF


def _first(node: Any, *keys: str) -> Any:
    """Return what lies under a path of XML elements as pyxdf gives them, or None."""
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
        node = node[0] if isinstance(node, list) and node else node
    return node


def _described(info: dict[str, Any], *keys: str) -> list[str]:
    """Return a property of every channel, in the standard's or in NIC's form of description."""
    desc = _first(info, "desc") or {}
    parent = _first(desc, "channels") or desc
    channels = (parent.get("channel") if isinstance(parent, dict) else None) or []
    found = [next((v for key in keys if (v := _first(c, key))), "") for c in channels]
    return [str(value) for value in found]


def _eeg_stream(name: str, streams: list[dict[str, Any]], notes: list[str]) -> dict[str, Any]:
    """Return the longest EEG stream that holds samples."""
    eeg = [s for s in streams if str(_first(s["info"], "type")).lower() == "eeg"]
    full = sorted((s for s in eeg if len(s["time_stamps"])), key=lambda s: -len(s["time_stamps"]))
    if not full:
        types = ", ".join(sorted({str(_first(s["info"], "type")) for s in streams})) or "none"
        raise FormatError(
            f"{name} has {len(streams)} streams of types {types}, none of type EEG with samples.",
            "Record the EEG stream too, or give another file.",
        )
    if len(full) > 1:
        others = ", ".join(str(_first(s["info"], "name")) for s in full[1:])
        notes.append(f"Several EEG streams; the longest was taken, left out: {others}.")
    return full[0]


def _read_xdf(path: Path) -> Recording:
    """Read the EEG stream of an XDF file, with its raw stamps."""
    import pyxdf  # noqa: PLC0415  (only for this format)

    notes: list[str] = []
    logging.getLogger("pyxdf").setLevel(logging.ERROR)
    with _foreign(path.name, notes):
        streams, _ = pyxdf.load_xdf(path, synchronize_clocks=False, dejitter_timestamps=False)
    stream = _eeg_stream(path.name, streams, notes)
    info, stamps = stream["info"], np.asarray(stream["time_stamps"], dtype=np.float64)
    values = np.asarray(stream["time_series"])
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise _cut(path.name, f"its EEG stream holds {values.dtype} values, not numbers")
    names = _described(info, "label", "name")
    if len(names) != values.shape[1]:
        notes.append(f"Names for {len(names)} of {values.shape[1]} channels; they are numbered.")
        names = [f"Ch{i}" for i in range(1, values.shape[1] + 1)]
    rate = float(_first(info, "nominal_srate") or 0)
    channels = tuple(clean(name) for name in names)
    # Raw stamps come in bursts, as the sender saw them: only a break longer than a burst is a gap.
    gaps = _gaps(stamps, rate, longer_than=0.5) if rate > 0 else ()
    return Recording(
        file=path.name,
        format="xdf",
        rate=rate,
        channels=channels,
        kinds=tuple(kind(name) for name in channels),
        samples=(values / _xdf_scale(path.name, info, notes)).astype(np.float32),
        stamps=stamps,
        gaps=gaps,
        facts={"stream": str(_first(info, "name"))},
        warnings=(*notes, *_gap_note(gaps)),
    )


def _xdf_scale(name: str, info: dict[str, Any], notes: list[str]) -> float:
    """Return by what the values of an EEG stream are divided to be µV."""
    said = {unit.lower() for unit in _described(info, "unit")} - {"", "none"}
    known = {"microvolts": 1.0, "microvolt": 1.0, "volts": 1e-6, "nanovolts": 1000.0}
    known |= {unit.lower(): per for unit, per in _PER_MICROVOLT.items()}
    known["mv"] = known["millivolts"] = 1e-3
    if len(said) != 1 or said - known.keys():
        notes.append(f"Unit of {name}: {', '.join(sorted(said)) or 'not stated'}; µV is assumed.")
        return 1.0
    return known[said.pop()]
