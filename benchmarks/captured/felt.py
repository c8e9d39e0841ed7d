"""From a feeling to its sound, as a device is given it. SIMULATED.

Deaf simulated persons are calibrated and decoded on a fast clock. Their answers then lead players
in true time, each at the moment at which its window would have ended and the line's own delay
later, and what every device is given is captured. The music is three known signals, 72 beats a
minute, so that gains are read off the capture alone: what is heard is the loudest of the three, and
a fade is half-way where that changes. Nothing that the player says of itself is used.

A capture is placed in time by its soonest piece, and by what a sink renders ahead at most. So what
is heard may count as some 20 ms later than it was, and never as sooner.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
import numpy.typing as npt

from decoder.scoring.intervals import over_people
from player.settings import RATE
from rym.topics import VALENCE
from session.simulated.music import BEAT, RUN_IN

from . import bank, server
from .loudest import Found, follow, loudest
from .persons import PRESETS, Case, case
from .play import begun, playing

ASKED = {"close": 4.0, "gentle": 8.0}
"""Seconds for the median of all changes."""
BAR, BARS = 4 * BEAT, 6
LINE = 0.02
"""Seconds from a window's newest sample to the moment at which the player is told the answer: more
than the window, the decoder and the broker take at the median (docs/performance.md)."""
AHEAD_MS = 20
"""What is asked of `parec`, and hence what a null sink renders ahead at most."""
AT_ONCE = 4
"""Persons whose players sound side by side, one per preset. Twenty players were too many for one
sound server on two cores."""
PACE = 0.02
"""Seconds by which the halves of a capture may differ in pace: more, and some of it was lost."""


class Capture(threading.Thread):
    """Keeps what `parec` writes, and when the soonest piece came.

    Parameters
    ----------
    stream : file
        32-bit floats of one channel.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._pieces: list[bytes] = []
        self._zeros: list[float] = []
        """Rig time of frame 0 as every piece has it: later by what it took to arrive."""

    def run(self) -> None:
        """Read until the stream ends."""
        n = 0
        while raw := os.read(self._stream.fileno(), 1 << 16):
            n += len(raw)
            self._zeros.append(time.monotonic() - n / 4 / RATE)
            self._pieces.append(raw)

    def start_time(self) -> float:
        """Return the rig time of the first frame.

        Raises
        ------
        RuntimeError
            If pieces were lost on the way.
        """
        half = len(self._zeros) // 2
        first, second = min(self._zeros[:half]), min(self._zeros[half:])
        if abs(first - second) > PACE:
            raise RuntimeError(f"A capture lost {1000 * (second - first):.0f} ms on the way.")
        return min(first, second) + AHEAD_MS / 1000

    def sound(self) -> npt.NDArray[np.float64]:
        """Return what was captured, shape (n_frames,)."""
        raw = b"".join(self._pieces)
        return np.frombuffer(raw[: len(raw) // 4 * 4], "<f4").astype(np.float64)


def run(seeds: int) -> None:
    """Print felt → half-way heard on captured sound, per preset, over the persons so far.

    Parameters
    ----------
    seeds : int
        Number of persons.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        cases = list(pool.map(case, range(seeds)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        music = bank.write(folder / "bank", (0.0,), BAR, BARS)
        found: dict[str, list[Found]] = {preset: [] for preset in PRESETS}
        for first in range(0, seeds, AT_ONCE):
            jobs = [(x, preset) for x in cases[first : first + AT_ONCE] for preset in PRESETS]
            heard = captured(music, folder / f"from-{first}", jobs)
            for (_, preset), one in zip(jobs, heard, strict=True):
                found[preset].append(one)
            # After each round: a player that fails later must not cost half an hour of figures.
            for preset, so_far in found.items():
                expected = [one.expected[preset] for one in cases[: len(so_far)]]
                print(told(preset, so_far, expected), flush=True)


def captured(music: Path, folder: Path, jobs: list[tuple[Case, str]]) -> list[Found]:
    """Play the answers to some persons side by side, and follow what is captured of each.

    Parameters
    ----------
    music : Path
        The bank.
    folder : Path
        For this only; it is made.
    jobs : list of (Case, str)
        Persons, and the preset of each one's player.
    """
    folder.mkdir()
    with server.running(folder) as environment, ExitStack() as stack:
        playing_now = []
        for one, preset in jobs:
            name = f"{preset}{one.seed}"
            here = server.add_sink(environment, name, folder)
            script = folder / f"{name}.json"
            script.write_bytes(msgspec.json.encode(one))
            parec = subprocess.Popen(
                ["parec", "-d", f"{name}.monitor", f"--rate={RATE}", "--channels=1",
                 "--format=float32le", "--raw", f"--latency-msec={AHEAD_MS}"],
                stdout=subprocess.PIPE, env=here,
            )  # fmt: skip
            stack.callback(parec.wait)
            stack.callback(parec.terminate)
            assert parec.stdout is not None
            capture = Capture(parec.stdout)
            capture.start()
            player = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.captured.felt", str(music), str(script), preset],
                cwd=server.ROOT, env=here, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            playing_now.append((one, capture, player))
        begins = []
        for one, _, player in playing_now:
            said, _ = player.communicate()
            if player.returncode:
                raise RuntimeError(f"The player of person {one.seed} failed; see above.")
            begins.append(float(said.splitlines()[-1]))
    found = []
    for (one, capture, _), begin in zip(playing_now, begins, strict=True):
        capture.join(10)
        heard = loudest(capture.sound(), capture.start_time() - begin)
        found.append(follow(one.felt, heard, 0.0, one.length))
    return found


async def lead(music: str, one: Case, preset: str) -> float:
    """Play, led by the answers; return the rig time at which feedback began.

    Parameters
    ----------
    music : str
        The bank's folder.
    one : Case
        Whose answers.
    preset : str
        Of the player; all else is as by default.
    """
    async with playing(music, preset=preset) as rig:
        await begun(rig)
        begin = rig.clock.now() + RUN_IN
        for answer in one.answers:
            await rig.clock.sleep_until(begin + answer.t + LINE)
            rig.bus.publish(VALENCE, msgspec.structs.replace(answer, t=begin + answer.t))
            rig.now.drain()
        await asyncio.sleep(1.0)
    return begin


def told(preset: str, found: list[Found], expected: list[tuple[float, ...]]) -> str:
    """Return one preset's figures in words.

    Parameters
    ----------
    preset : str
        Which.
    found : list of Found
        What was captured, per person.
    expected : list of tuple of float
        What the engine's frames said, per person.
    """
    seconds = [s for one in found for s in one.seconds]
    over = over_people(np.array([float(np.median(one.seconds)) for one in found]))
    low, high = over.interval or (np.nan, np.nan)
    p50, p90 = np.percentile(seconds, [50, 90])
    never = sum(one.never for one in found)
    all_of_them = np.median([*seconds, *[np.inf] * never])
    return (
        f"{preset:7} {len(found)} persons: median {p50:.2f} s (asked {ASKED[preset]:g}), 90 % "
        f"within {p90:.1f} s; a person's median {over.mean:.2f} s, 95 % {low:.2f} to {high:.2f} s; "
        f"{len(seconds)} answered, {never} too late (median with these as never: "
        f"{all_of_them:.2f} s), "
        f"{sum(one.already for one in found)} heard already; by the frames "
        f"{np.median([s for one in expected for s in one]):.2f} s"
    )


def main() -> None:
    """Lead one player, as one of several."""
    music, script, preset = sys.argv[1:]
    one: Any = msgspec.json.decode(Path(script).read_bytes(), type=Case)
    print(asyncio.run(lead(music, one, preset)))


if __name__ == "__main__":
    main()
