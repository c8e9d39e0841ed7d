"""The system volume, as the sound server tells it (adapter of `pactl`).

Only PulseAudio and PipeWire are asked, and only about their default output. Elsewhere, and of a
knob on a device, nothing is known: the answer is then empty.
"""

from __future__ import annotations

import os
import re
import subprocess

WITHIN = 2.0
"""Seconds that the sound server may take to answer."""


def read() -> str:
    """Return the default output with the volume of each channel, `name 43300 43300`; or nothing.

    A muted one ends in `muted`. The numbers are the server's own, 65536 is full.
    """
    name, volume, mute = (
        _ask(what) for what in ("get-default-sink", "get-sink-volume", "get-sink-mute")
    )
    channels = re.findall(r":\s*(\d+)\s*/", volume)
    if not name.strip() or not channels:
        return ""
    muted = ["muted"] if mute.strip().endswith("yes") else []
    return " ".join([name.strip(), *channels, *muted])


def _ask(what: str) -> str:
    of = [] if what == "get-default-sink" else ["@DEFAULT_SINK@"]
    try:
        return subprocess.run(
            ["pactl", what, *of],
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=True,
            env={**os.environ, "LC_ALL": "C"},
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
