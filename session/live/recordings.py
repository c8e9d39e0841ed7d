"""Sessions from recordings: which stretch of which file belongs to which phase."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rym.errors import UsageError
from stream.files.reading import read

LONGEST = 60.0
"""Seconds of one file in one phase, at most."""
SHORTEST = 10.0
"""Seconds of one file in one phase below which there is nothing to learn or to show."""
PAUSE = 0.5
"""Seconds without samples between two files, so that a change of file is a new segment. With the
second that the first window takes it stays below the 2 s after which the player goes to SAFE."""
TAIL = 1.5
"""Seconds that a phase goes on behind its last sample, which is heard of a little later."""
TRAINING = 45.0
"""Seconds that training is waited for. No samples come meanwhile, and after 60 s of SAFE the player
would fade the music out for somebody to resume."""

Options = list[tuple[str, Any]]


def calibrate_then_play(labelled: Sequence[tuple[Path, str]]) -> Options:
    """Let the first part of each file calibrate and the part after it be played back.

    Parameters
    ----------
    labelled : sequence of (file, label)
        At least two files; the label stands for the whole file.

    Returns
    -------
    list of (str, value)
        Settings, by `table.key`.

    Raises
    ------
    UsageError
        If there are fewer than two files or one is too short.
    RymError
        If a file cannot be read.
    """
    if len(labelled) < 2:
        raise UsageError(
            f"There is {len(labelled)} recording; a decoder needs two states.",
            "Give at least two, each with its --label.",
        )
    learn: list[dict[str, Any]] = []
    play: list[dict[str, Any]] = []
    for path, label in labelled:
        recording = read(path)
        duration = len(recording.samples) / recording.rate
        seconds = min(duration / 2.0, LONGEST)
        if seconds < SHORTEST:
            raise UsageError(
                f"{path} lasts {duration:.1f} s, at least {2 * SHORTEST:.0f} s are needed.",
                "Choose a longer recording.",
                path=str(path),
            )
        stretch = {"path": str(path.resolve()), "label": label, "seconds": seconds}
        learn.append({**stretch, "start": 0.0, "phase": "calibration"})
        play.append({**stretch, "start": seconds, "phase": "feedback"})
    calibration = sum(stretch["seconds"] + PAUSE for stretch in learn) + TAIL
    phases = [
        {"name": "calibration", "seconds": calibration},
        {"name": "training", "seconds": TRAINING},
        {"name": "feedback", "seconds": 0.0},
    ]
    sender = {"type": "recorded", "files": [*learn, *play], "pause": PAUSE}
    return [("session.phases", phases), ("source.sender", sender)]


def play_through(paths: Sequence[Path]) -> Options:
    """Let files be replayed from beginning to end, as if an amplifier sent them."""
    files = [{"path": str(path.resolve()), "phase": "feedback"} for path in paths]
    sender = {"type": "recorded", "files": files, "pause": PAUSE}
    return [
        ("source.sender", sender),
        ("session.eeg", "source"),
        ("session.kind", "recorded"),
    ]
