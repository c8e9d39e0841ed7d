"""The stream beside its peers: age of a filtered sample, a window on the bus, cost of a window.

Every reader is a process of its own that reads the same sender over loopback for some seconds; the
readers take turns, ours twice per round (A/A). Peers: `make bench-peers`.

`--soak` instead runs eight hours of signal through the line on a fast clock and prints the memory's
slope; `--soak-process` sends as much over LSL, as fast as it is taken, to a `python -m stream`
with recording and broker (10 minutes and more).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

# A script's own folder comes first on the path, where this file would hide the package `stream`.
ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

import numpy as np
import psutil

from benchmarks.interleave import row, show
from benchmarks.peers.ours_window import broker, part
from rym.bus import LATEST
from rym.clock import SystemClock
from rym.mqtt import MqttBus
from rym.topics import QUALITY
from stream.line import StreamLine
from stream.settings import StreamSettings

PEERS = ROOT / "benchmarks" / "peers"
RATE, CHANNELS = 500.0, 32
ROUNDS, SECONDS, WARM = 5, 7.0, 2.0
HOURS = 8
NAMES = [
    *("P7", "P4", "Cz", "Pz", "P3", "P8", "O1", "O2", "T8", "F8", "C4", "F4", "Fp2", "Fz", "C3"),
    *("F3", "Fp1", "T7", "F7", "Oz", "AF3", "AF4", "AF7", "AF8", "FC1", "FC2", "FC5", "FC6"),
    *("CP1", "CP2", "CP5", "CP6"),
]


def python(environment: str) -> str:
    """Return the interpreter of one of the peers' environments."""
    return str(ROOT / ".bench" / environment / "bin" / "python")


@contextmanager
def sender(chunk: int, *words: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Send until the body ends; give the source id, and where the sender listens."""
    name = f"bench-{os.getpid()}-{chunk}"
    command = [sys.executable, str(PEERS / "sender.py"), name, str(chunk), *words]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin is not None
    time.sleep(1.5)
    try:
        yield name, process.stdin
    finally:
        process.stdin.close()
        process.wait(5)


def run(command: Sequence[str], **more: str) -> list[list[float]]:
    """Return the pairs (time, stamp) that a reader prints."""
    told = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=PEERS, env={**os.environ, **more}
    ).stdout
    # Timeflux writes what it logs around it.
    pairs: list[list[float]] = json.JSONDecoder().raw_decode(told, told.index("[["))[0]
    return pairs


def ages(pairs: list[list[float]], chunk: int) -> Any:
    """Return the ages in ms of the samples that end a chunk, without the first seconds.

    A reader that hands on half a chunk is not charged for the half that had to wait for nothing.
    """
    at, stamp = np.array(pairs).T
    ends = np.round(stamp * RATE).astype(np.int64) % chunk == 0
    return 1e3 * (at - stamp)[ends & (at > at[0] + WARM)]


def age_rows() -> list[dict[str, Any]]:
    """Compare the age of the newest sample behind the same band-pass."""
    readers = {
        "ours": [sys.executable, "ours.py"],
        "bare pylsl 1.18.6 + scipy (the floor)": [sys.executable, "bare.py"],
        "ezmsg-lsl 1.17.1 + ezmsg-sigproc 3.11.1": [python("ezmsg"), "with_ezmsg.py"],
        "mne-lsl 1.14.0 StreamLSL": [python("mne-lsl"), "with_mne_lsl.py"],
        "again": [sys.executable, "ours.py"],
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in readers}
    chunk = 10
    with sender(chunk) as (source_id, _):
        for _ in range(ROUNDS):
            for name, command in readers.items():
                age = ages(run([*command, source_id, str(SECONDS)]), chunk)
                found[name].append((float(np.median(age)), float(np.quantile(age, 0.99))))
    rows = []
    for k, what in enumerate(("p50", "p99")):
        ours, again = ([pair[k] for pair in found[name]] for name in ("ours", "again"))
        for name in list(readers)[1:-1]:
            peer = [pair[k] for pair in found[name]]
            rows.append(row(f"age behind the filters, {what}", ours, again, peer, name))
    return rows


def window_rows() -> list[dict[str, Any]]:
    """Compare the time from a window's last sample to the window."""
    found: dict[str, list[float]] = {"ours": [], "timeflux": [], "again": []}
    library = next((ROOT / ".bench" / "ezmsg").rglob("liblsl.so"))
    timeflux = [str(ROOT / ".bench" / "timeflux" / "bin" / "timeflux"), "with_timeflux.yaml"]
    chunk = 5  # a window of 125 new samples then ends where a chunk ends
    with sender(chunk) as (source_id, _):
        for _ in range(ROUNDS):
            for name, medians in found.items():
                if name == "timeflux":
                    more = {"SOURCE_ID": source_id, "PYLSL_LIB": str(library)}
                    pairs = run(timeflux, **more)
                else:
                    pairs = run([sys.executable, "ours_window.py", source_id, str(SECONDS)])
                at, stamp = np.array(pairs).T
                medians.append(float(np.median(1e3 * (at - stamp)[at > at[0] + WARM])))
    name = "last sample to window, ours behind MQTT, p50"
    who = "Timeflux 0.17.2 at 25 Hz, end of graph"
    return [row(name, found["ours"], found["again"], found["timeflux"], who)]


def cost_rows() -> list[dict[str, Any]]:
    """Measure what a chunk costs, conditioning and quality included, against the limits."""

    def once() -> tuple[float, float]:
        line = StreamLine(StreamSettings(), NAMES, RATE)
        n = int(60 * RATE)
        samples = 10 * np.random.default_rng(0).standard_normal((n, CHANNELS), np.float32)
        stamps = 1000 + np.arange(n) / RATE
        windows, start = [], time.perf_counter()
        for i in range(0, n, 10):
            before = time.perf_counter()
            if line.push(samples[i : i + 10], stamps[i : i + 10]):
                windows.append(time.perf_counter() - before)
        share = (time.perf_counter() - start) / 60
        return 1e3 * float(np.median(windows)), 100 * share

    once()
    ours, again = [once() for _ in range(ROUNDS)], [once() for _ in range(ROUNDS)]
    limits = (("chunk in → window out, p50", 1.0), ("line's share of one core, %", 10.0))
    rows = []
    for k, (name, limit) in enumerate(limits):
        a, b = [x[k] for x in ours], [x[k] for x in again]
        rows.append(row(name, a, b, [limit] * ROUNDS, "the limit set"))
    rows[1]["unit"] = "%"
    return rows


def soak() -> None:
    """Run eight hours of signal through the line; print the resident memory every half hour."""
    line = StreamLine(StreamSettings(), NAMES, RATE)
    rng = np.random.default_rng(0)
    samples = 10 * rng.standard_normal((int(60 * RATE), CHANNELS), np.float32)
    here = psutil.Process()
    used: list[float] = []
    for minute in range(8 * 60 + 1):
        if minute % 30 == 0:
            used.append(here.memory_info().rss / 2**20)
            print(f"{minute / 60:4.1f} h  {used[-1]:7.2f} MB", flush=True)
        stamps = 1000 + 60 * minute + np.arange(len(samples)) / RATE
        for i in range(0, len(samples), 50):
            line.push(samples[i : i + 50], stamps[i : i + 50])
    hours = np.arange(len(used)) / 2
    print(f"slope from the first half hour on: {np.polyfit(hours[1:], used[1:], 1)[0]:+.3f} MB/h")


def soak_process() -> None:
    """Run eight hours of signal through a whole process; print its memory every half hour.

    The process keeps 60 s of what it has sent, 64 MB at most: at this speed that is what it comes
    to, live it is 15 MB.
    """
    with ExitStack() as stack:
        stack.enter_context(alone())
        source_id, told = stack.enter_context(sender(10, "follow"))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url = stack.enter_context(broker())
        settings = f"source_id = '{source_id}'\nmax_ahead = {3600 * (HOURS + 1)}\nmax_age = 3600\n"
        (Path(folder) / "stream.toml").write_text(f"[stream]\n{settings}")
        words = ("--config", f"{folder}/stream.toml", "--broker", url, "--out", f"{folder}/out")
        process = stack.enter_context(
            part([sys.executable, "-m", "stream", "--rig", "bench", *words])
        )
        used = asyncio.run(_followed(url, told, psutil.Process(process.pid)))
    hours = np.arange(1, len(used) + 1) / 2
    settled = hours >= 1
    slope = np.polyfit(hours[settled], np.array(used)[settled], 1)[0]
    print(f"slope from the first hour on: {slope:+.3f} MB per hour of signal")


async def _followed(url: str, sender: IO[bytes], process: psutil.Process) -> list[float]:
    """Return the resident memory in MB after every half hour of signal that was published."""
    bus = MqttBus(url, service="decoder", epoch=1, clock=SystemClock(), rig="bench")
    await bus.connect()
    used: list[float] = []
    start = bus.clock.now()
    async for message in bus.subscribe(QUALITY, overload=LATEST):
        sender.write(f"{message.content.t}\n".encode())
        sender.flush()
        if message.id.seq < (len(used) + 1) * 7200:
            continue
        used.append(process.memory_info().rss / 2**20)
        passed = bus.clock.now() - start
        print(f"{len(used) / 2:4.1f} h  {used[-1]:7.2f} MB  ({passed:.0f} s)", flush=True)
        if len(used) == 2 * HOURS:
            break
    await bus.close()
    return used


@contextmanager
def alone() -> Iterator[None]:
    """Keep this run's LSL streams apart from any other's."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "lsl_api.cfg"
        config.write_text(f"[lab]\nSessionID = bench-{os.getpid()}\n[log]\nlevel = -2\n")
        os.environ["LSLAPICFG"] = str(config)
        yield


def main() -> None:
    """Compare and print, or soak."""
    if "--soak-process" in sys.argv:
        soak_process()
        return
    if "--soak" in sys.argv:
        soak()
        return
    parts: list[Callable[[], list[dict[str, Any]]]] = [cost_rows, age_rows, window_rows]
    with alone():
        show([line for part in parts for line in part()])


if __name__ == "__main__":
    main()
