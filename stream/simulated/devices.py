"""What the simulated person can wear: channels, rates and habits of amplifiers (pure)."""

from __future__ import annotations

from typing import Literal

import msgspec

from ..montage import ENOBIO20
from .faults import Fault, Jitter

DeviceName = Literal["enobio8", "enobio20", "enobio32", "muse"]
Dialect = Literal["nic1", "nic2", "standard", "muse"]


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One amplifier, as its own software sends it."""

    channels: tuple[str, ...]
    """Names as they are sent."""
    electrodes: tuple[str, ...]
    """Where on the scalp they sit, in the same order; channels that sit elsewhere come last and
    have none."""
    rate: int = 500
    """Samples per second."""
    motion_rate: int = 100
    """Samples of the accelerometer per second."""
    chunk: tuple[int, int] = (10, 25)
    """Fewest and most samples that are sent together; NIC's chunks are as irregular."""
    offset: tuple[float, float] = (-19_000.0, -4_000.0)
    """Range of the electrodes' offsets in µV."""
    quality: bool = True
    """Whether the software rates the channels once a second."""
    habits: tuple[Fault, ...] = ()
    """What always happens to its samples."""
    name: str = "NIC"
    """Name of the LSL streams, or what it begins with."""
    dialect: Dialect = "nic2"
    """How its software describes them."""


ENOBIO32: tuple[str, ...] = (
    *ENOBIO20[:-1],
    *("Oz", "PO4", "FC6", "FC2", "AF4", "CP6", "CP2", "CP1", "CP5", "FC1", "FC5", "AF3", "PO3"),
)
"""The Enobio 32's channels in the order in which NIC sends and writes them."""

ENOBIO8_PLACES: tuple[str, ...] = ("F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2")
"""Where the simulated Enobio 8 is worn. NIC knows nothing of it: its channels are `Ch1` to `Ch8`
unless the operator names them (`[source.header] rename`, or `[stream] montage`)."""

MUSE: tuple[str, ...] = ("TP9", "AF7", "AF8", "TP10")

DEVICES: dict[DeviceName, Device] = {
    "enobio8": Device(
        channels=tuple(f"Ch{i}" for i in range(1, 9)),
        electrodes=ENOBIO8_PLACES,
        dialect="nic1",
    ),
    "enobio20": Device(channels=ENOBIO20, electrodes=ENOBIO20[:-1]),
    "enobio32": Device(channels=ENOBIO32, electrodes=ENOBIO32),
    "muse": Device(
        channels=MUSE,
        electrodes=MUSE,
        rate=256,
        motion_rate=52,
        chunk=(12, 12),
        offset=(-50.0, 50.0),
        quality=False,
        habits=(Jitter(at=0.0, size=12, late=0.006),),
        name="Muse",
        dialect="muse",
    ),
}
