"""The system volume, as the sound server tells it (adapter of `pactl`).

Only PulseAudio and PipeWire are asked. Elsewhere, and of a knob on a device, nothing is known: the
answer is then empty.
"""

from __future__ import annotations

import os
import re
import subprocess

WITHIN = 2.0
"""Seconds that the sound server may take to answer."""
PER_CHANNEL = re.compile(r":\s*(\d+)\s*/")


def read(device: str = "") -> str:
    """Return an output with the volume of each channel, `name 43300 43300`; or nothing.

    Parameters
    ----------
    device : str
        The server's name or description of an output, or a part of it; any other means its
        default.

    Returns
    -------
    str
        A muted one ends in `muted`. The numbers are the server's own, 65536 is full.
    """
    return find(_ask("list", "sinks"), device, _ask("get-default-sink").strip())


def find(listed: str, device: str, default: str) -> str:
    """Return what `read` does, from what `pactl list sinks` says (pure)."""
    found: dict[str, str] = {}
    meant: set[str] = set()
    for part in listed.split("\n\n"):
        # The first of each: a sink's ports have names and descriptions as well.
        rows = [row.strip().partition(": ") for row in part.splitlines()]
        said = {key: value for key, _, value in reversed(rows)}
        name = said.get("Name", "")
        channels = PER_CHANNEL.findall(said.get("Volume", ""))
        if name and channels:
            muted = ["muted"] if said.get("Mute") == "yes" else []
            words = " ".join([name, *channels, *muted])
            found[name] = words
            if device.lower() in f"{name}\n{said.get('Description', '')}".lower():
                meant.add(words)
    return next(iter(meant)) if device and len(meant) == 1 else found.get(default, "")


def _ask(*what: str) -> str:
    try:
        return subprocess.run(
            ["pactl", *what],
            capture_output=True,
            text=True,
            errors="replace",  # a device's description is whatever its maker wrote
            timeout=WITHIN,
            check=True,
            env={**os.environ, "LC_ALL": "C"},
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
