"""Neuroelectrics `.nedf` (adapter).

An XML header of 10240 bytes, padded with zeros, then blocks of 10 ms: one sample of acceleration
(three numbers of 16 bits) and five samples of EEG, each with its trigger. EEG is kept in counts of
24 bits, the highest bits first. Layout and scale: Neuroelectrics' NEDF plug-in for EEGLAB, and
MNE-Python's reader, with which this one agrees to the last bit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import numpy as np
import numpy.typing as npt
from defusedxml import ElementTree as SafeXml

from rym.errors import FormatError

from ..montage import clean, kind
from .recording import Recording, Samples, check_size, damaged, triggers

HEADER = 10_240
"""Bytes before the first block."""
PER_BLOCK = 5
"""EEG samples of a block."""
AT_A_TIME = 2000
"""Blocks that are turned into numbers together: meanwhile they take ten times their room."""
VOLTS_PER_COUNT = 2.4 / (6.0 * 8388607)
"""A reference of 2.4 V, a gain of 6, 23 bits and a sign."""

_KEPT = {
    "StepDetails/DeviceClass": "device",
    "StepDetails/SoftwareVersion": "software",
    "StepDetails/FirmwareVersion": "firmware",
    "EEGSettings/LineFilterStatus": "line filter",
    "EEGSettings/FIRFilterStatus": "FIR filter",
    "EEGSettings/NumberOfPacketsLost": "packets lost",
    "NEDFversion": "format's version",
}
"""Lines of the header that are taken over; names, notes and addresses stay behind."""


def read_nedf(path: Path) -> Recording:
    """Read an .nedf file; one that is cut off gives its whole blocks.

    Raises
    ------
    FormatError
        If the header is damaged, or describes a layout that is not known.
    """
    with path.open("rb") as file:
        header = _header(path.name, file.read(HEADER))
        names = _names(path.name, header)
        rate = _number(path.name, header, "EEGSettings/EEGSamplingRate")
        n_stated = int(_number(path.name, header, "EEGSettings/NumberOfRecordsOfEEG"))
        layout = _layout(path.name, header, len(names))
        check_size(path.name, n_stated, len(names))
        # Never more than the header counts or the file holds, whatever either claims.
        body = file.read(-(-n_stated // PER_BLOCK) * layout.itemsize)
    notes = []
    if header.find("STIMSettings") is not None:
        notes.append("The file holds stimulation, too; it was left out.")
    blocks, n = _blocks(body, layout, n_stated)
    if n < n_stated:
        notes.append(f"{path.name} is cut off: {n} of {n_stated} samples are there.")
    channels = tuple(clean(name) for name in names)
    codes = blocks["data"]["trigger"].reshape(-1)[:n].astype(np.float64)
    motion = None
    if layout.names is not None and "motion" in layout.names:
        motion = np.repeat(blocks["motion"].astype(np.float32), PER_BLOCK, axis=0)[:n]
    return Recording(
        file=path.name,
        format="nedf",
        rate=rate,
        channels=channels,
        kinds=tuple(kind(name) for name in channels),
        samples=_microvolts(blocks["data"]["eeg"], len(names))[:n],
        stamps=None,
        events=triggers(codes),
        motion=motion,
        facts={
            key: text.strip()
            for place, key in _KEPT.items()
            if (text := header.findtext(place, "")).strip()
        },
        warnings=tuple(notes),
    )


def _header(name: str, head: bytes) -> Element:
    text, zero, _ = head.partition(b"\0")
    if not zero:
        raise damaged(name, f"its header does not end within {HEADER} bytes")
    try:
        header: Element = SafeXml.fromstring(text)
    # Entities that defusedxml forbids are a ValueError, like text in an unknown encoding.
    except (ParseError, ValueError, LookupError) as error:
        raise damaged(name, f"its header is no XML ({error})") from error
    additional = header.findtext("AdditionalChannelStatus", "OFF")
    if additional != "OFF":
        raise FormatError(
            f"{name} holds an additional channel ({additional}); how it is stored is not known.",
            "Give the .easy file that NIC wrote beside it.",
        )
    return header


def _number(name: str, header: Element, place: str) -> float:
    text = header.findtext(place, "").strip()
    if not text.isdecimal() or not 0 < int(text) < 2**53:
        raise damaged(name, f"its header says {text[:40]!r} for {place}")
    return float(int(text))


def _names(name: str, header: Element) -> list[str]:
    names = [(node.text or "").strip() for node in header.findall("EEGSettings/EEGMontage/*")]
    stated = int(_number(name, header, "EEGSettings/TotalNumberOfChannels"))
    if not names or stated != len(names):
        raise damaged(name, f"its header names {len(names)} channels and counts {stated}")
    return [text or f"Ch{i}" for i, text in enumerate(names, 1)]


def _layout(name: str, header: Element, n_channels: int) -> np.dtype[np.void]:
    """Return the layout of a block."""
    sample: list[Any] = [("eeg", "u1", (n_channels, 3))]
    if header.find("STIMSettings") is not None:
        sample.append(("stimulation", "u1", (2, n_channels, 3)))
    # Before NEDF 1.3 the header had no version, and a trigger one byte.
    sample.append(("trigger", ">i4" if header.findtext("NEDFversion") else "u1"))
    block: list[Any] = []
    n_axes = header.findtext("NumberOfChannelsOfAccelerometer", "0").strip()
    if n_axes not in ("0", "3"):
        raise damaged(name, f"its header counts {n_axes[:20]!r} axes of acceleration, not 0 or 3")
    if n_axes == "3":
        block.append(("motion", ">i2", (3,)))
    return np.dtype([*block, ("data", np.dtype(sample), (PER_BLOCK,))])


def _blocks(
    body: bytes, layout: np.dtype[np.void], n_stated: int
) -> tuple[npt.NDArray[np.void], int]:
    """Return the blocks, the last one filled up with zeros, and the number of their samples."""
    n_whole, rest = divmod(len(body), layout.itemsize)
    in_block = layout["data"].itemsize // PER_BLOCK
    before = layout.itemsize - layout["data"].itemsize
    n = min(n_stated, n_whole * PER_BLOCK + max(0, rest - before) // in_block)
    filled = body + bytes(-len(body) % layout.itemsize)
    return np.frombuffer(filled, layout), n


def _microvolts(eeg: npt.NDArray[np.uint8], n_channels: int) -> Samples:
    """Return whole blocks in µV, array of shape (n_times, n_channels).

    Parameters
    ----------
    eeg : array of shape (n_blocks, PER_BLOCK, n_channels, 3)
        Bytes, the highest first.
    n_channels : int
        Columns.
    """
    samples = np.empty((len(eeg) * PER_BLOCK, n_channels), np.float32)
    for at in range(0, len(eeg), AT_A_TIME):
        counts = _counts(eeg[at : at + AT_A_TIME]).reshape(-1, n_channels)
        first = at * PER_BLOCK
        samples[first : first + len(counts)] = 1e6 * (counts * VOLTS_PER_COUNT)
    return samples


def _counts(eeg: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return signed numbers of 24 bits.

    Parameters
    ----------
    eeg : array of shape (..., 3)
        Bytes, the highest first.
    """
    wide = eeg.astype(np.int64)
    counts: npt.NDArray[np.int64] = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    counts[counts >= 1 << 23] -= 1 << 24
    return counts
