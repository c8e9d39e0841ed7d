"""Which device is meant by a name, and whether it can be had alone (pure).

A name is a part of the device's own. Once a device was opened it is wanted back as it was, by its
whole name: a part that only one device had may fit another one that was plugged in meanwhile, and
loudspeakers are not to take over from headphones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from rym.errors import DeviceError

Kind = Literal["output", "input"]

CHANNELS = {"output": 2, "input": 1}
"""Channels that a device needs for what it is used for."""
PREFERRED = ("WASAPI", "Core Audio", "ALSA")
"""Where one device stands under several host APIs, as on Windows, the first of these is taken: it
alone can be had exclusively, or adds the least delay."""
ALONE = ("WASAPI", "WDM-KS")
"""Host APIs that can keep other programs away from a device. Core Audio's hog mode is not among
them: PortAudio does not ask for it."""


class Found(NamedTuple):
    """A device as PortAudio lists it."""

    number: int
    name: str
    host: str
    """Name of the host API."""
    rate: float
    """Frames per second that it has by itself."""
    n_in: int
    n_out: int
    default: bool = False
    """Whether it is the system's default for what is asked."""


def fitting(devices: Sequence[Found], kind: Kind) -> list[Found]:
    """Return the devices that have the channels."""
    least = CHANNELS[kind]
    return [one for one in devices if (one.n_out if kind == "output" else one.n_in) >= least]


def choose(devices: Sequence[Found], wanted: str, kind: Kind) -> Found:
    """Return the device that is meant.

    Parameters
    ----------
    devices : sequence of Found
        All that there are.
    wanted : str
        Its name, or a part that only one name has; empty for the default.
    kind : {"output", "input"}
        What it is for.

    Raises
    ------
    DeviceError
        If there is none, or more than one.
    """
    usable = fitting(devices, kind)
    low = wanted.casefold()
    if not wanted:
        found = [one for one in usable if one.default]
    else:
        found = [one for one in usable if one.name.casefold() == low]
        found = found or [one for one in usable if low in one.name.casefold()]
    names = {one.name for one in found}
    if len(names) == 1:
        return min(found, key=_preference)
    what = f"{wanted!r}" if wanted else f"the default {kind}"
    there = ", ".join(dict.fromkeys(one.name for one in usable)) or "none"
    if not found:
        raise DeviceError(
            f"{what} is not an audio device with {CHANNELS[kind]} {kind} channel"
            f"{'s' if CHANNELS[kind] > 1 else ''} here; there are: {there}.",
            "Name one of these, or connect it.",
            device=wanted,
            devices=there,
        )
    raise DeviceError(
        f"{what} fits more than one audio device: {', '.join(sorted(names))}.",
        "Give more of the name.",
        device=wanted,
        devices=there,
    )


def again(devices: Sequence[Found], before: Found, kind: Kind) -> Found:
    """Return the device that was open before, by its whole name and host API.

    Raises
    ------
    DeviceError
        If it is not there.
    """
    for one in fitting(devices, kind):
        if (one.name, one.host) == (before.name, before.host):
            return one
    there = ", ".join(dict.fromkeys(one.name for one in fitting(devices, kind))) or "none"
    raise DeviceError(
        f"{before.name!r} is not there; there are: {there}.",
        "Connect it again.",
        device=before.name,
        devices=there,
    )


def alone(found: Found) -> Literal["wasapi", "by itself"]:
    """Return how a device is had by this program alone.

    Returns
    -------
    str
        `wasapi`: it must be asked for when the stream is opened; `by itself`: whoever opens such a
        device has it alone.

    Raises
    ------
    DeviceError
        If other programs can sound through it all the same.
    """
    if "WASAPI" in found.host:
        return "wasapi"
    if "WDM-KS" in found.host or ("ALSA" in found.host and "(hw:" in found.name):
        return "by itself"
    remedy = "Name one of ALSA's hw devices," if "ALSA" in found.host else "Take another device,"
    raise DeviceError(
        f"{found.name!r} cannot be had by one program alone: through {found.host} others can sound "
        "beside it.",
        f"{remedy} or set [player] exclusive = false and close every program that sounds.",
        device=found.name,
        host=found.host,
    )


def _preference(found: Found) -> tuple[bool, int]:
    ranks = [n for n, name in enumerate(PREFERRED) if name in found.host]
    return not found.default, min(ranks, default=len(PREFERRED))
