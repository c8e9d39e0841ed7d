"""`rym listen` as its user meets it: keys in a terminal, and what is heard."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from rym import bank as bank_format
from rym.messages import AFFECTS
from rym.terminal import split

ROOT = Path(__file__).resolve().parents[3]
STEP = 4800
"""Frames over which gains are recovered: 0.1 s."""
RIGHT, LEFT, DOWN = "\x1b[C", "\x1b[D", "\x1b[B"


def test_one_read_may_hold_several_keys() -> None:
    """Held arrows, both forms of arrows, characters; keys without a name are left out."""
    assert split(RIGHT + RIGHT + LEFT) == ["right", "right", "left"]
    assert split("q\x1bOA r") == ["q", "up", " ", "r"]
    assert split("\x1b[15~1\x1b[1;5D") == ["1", "left"]
    assert split("\x1b") == []


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, words: list[str], out: Path) -> None:
        pty = pytest.importorskip("pty", reason="needs a POSIX terminal")
        self._master, slave = pty.openpty()
        os.set_inheritable(slave, True)
        self.shown = b""
        with out.open("wb") as stdout:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "session", *words],
                cwd=ROOT, stdin=slave, stdout=stdout, stderr=slave,
                env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
            )  # fmt: skip
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                block = os.read(self._master, 4096)
            except OSError:  # the program has ended
                return
            self.shown += block

    def until(self, words: str, seconds: float = 30.0) -> None:
        """Wait until something is shown."""
        end = time.monotonic() + seconds
        while words.encode() not in self.shown:
            assert self.process.poll() is None, self.shown
            assert time.monotonic() < end, self.shown
            time.sleep(0.05)

    def press(self, key: str, seconds: float) -> None:
        """Press a key and let time pass."""
        os.write(self._master, key.encode())
        time.sleep(seconds)

    def close(self) -> None:
        """End the program, if it is still there."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        self._reader.join(10)
        os.close(self._master)


def told(sound: Any, layers: list[Any]) -> str:
    """Return which layer alone is heard in a stretch, `silence`, or `between`."""
    if np.abs(sound).max() < 1e-4:
        return "silence"
    columns = np.stack([layer.ravel() for layer in layers], axis=1)
    gains = np.linalg.lstsq(columns, sound.ravel(), rcond=None)[0]
    loudest = int(gains.argmax())
    # Relative, since the level rises from silence.
    alone = np.abs(np.delete(gains, loudest)).max() < 0.03 * gains[loudest]
    return AFFECTS[loudest] if alone else "between"


def heard(path: Path, bank: Path) -> list[str]:
    """Return what was heard one after the other for at least 0.5 s, from the sound itself."""
    sound = soundfile.read(path, dtype="float64")[0]
    clips = {
        clip.affect: soundfile.read(bank / clip.file, dtype="float64")[0]
        for clip in bank_format.load(bank).loops
        if (clip.section, clip.variant) == (0, 0)
    }
    found = []
    # The first section, which lasts longer than the keys are pressed.
    for first in range(0, min(len(sound), len(clips["neutral"])) - STEP, STEP):
        layers = [clips[affect][first : first + STEP] for affect in AFFECTS]
        found.append(told(sound[first : first + STEP], layers))
    runs = [(state, len(list(run))) for state, run in groupby(found)]
    return [state for state, length in runs if state != "between" and length >= 5]


@pytest.mark.real
def test_what_the_keys_ask_for_is_heard(made: Path, tmp_path: Path) -> None:
    """Right, left, silence and back, read from heard-01.flac; `q` ends it in good order."""
    bank = made / "bank"
    words = ["listen", "--bank", str(bank), "--out", str(tmp_path), "--sink", "null"]
    terminal = Terminal(words, tmp_path / "said.txt")
    try:
        terminal.until("so far")
        time.sleep(2.0)
        terminal.press(RIGHT, 3.0)
        terminal.press(LEFT, 3.0)
        terminal.press(" ", 1.5)
        terminal.press(RIGHT, 0.5)  # nothing is asked for while it is silenced
        terminal.press("r", 3.0)
        terminal.press(LEFT, 3.0)
        terminal.press("q", 0.0)
        assert terminal.process.wait(30) == 0
    finally:
        terminal.close()
    (path,) = tmp_path.glob("people/sim/ses-01/listen_run-1/heard-01.flac")
    assert heard(path, bank) == [
        *("neutral", "positive", "negative", "silence", "neutral", "negative"),
    ]
    said = (tmp_path / "said.txt").read_text()
    assert str(path) in said
    assert said.count("stopped by the operator") == 1
    for words_shown in ("asked", "pleasant", "unpleasant", "silence"):
        assert words_shown.encode() in terminal.shown
